#!/bin/sh
# SPDX-License-Identifier: MIT
#
# header.sh DIR CC CXX CLANG - the public header alone, in every language standard that has what it needs, and a program in C++.
set -u
dir=$1 cc=$2 cxx=$3 clang=$4
mkdir -p "$dir"
strict="-Wall -Wextra -Wpedantic -Wundef -Wstrict-prototypes -Werror"

try() {
    name=$1
    shift
    if "$@" >"$dir/$name.said" 2>&1; then
        echo "pass $name"
        return
    fi
    echo "fail $name"
    echo "$name: $*" >&2
    head -20 "$dir/$name.said" >&2
}

printf '#include <freehold.h>\n#include <freehold.h>\nextern int nothing_else;\n' >"$dir/header.c"
for std in c99 c11 c17 gnu99 gnu17; do
    # shellcheck disable=SC2086
    try "header-$std" "$cc" -std=$std $strict -Iinclude -fsyntax-only "$dir/header.c"
    try "header-clang-$std" "$clang" -std=$std $strict -Iinclude -fsyntax-only "$dir/header.c"
done
for source in src/*.c; do
    # shellcheck disable=SC2086
    "$cc" -O1 $CORE_CFLAGS -c "$source" -o "$dir/$(basename "$source" .c).o" || exit 1
done
for std in c++11 c++17 c++20; do
    rm -f "$dir/uses-$std"
    try "cpp-$std" "$cxx" -std=$std -Wall -Wextra -Wpedantic -Wold-style-cast -Werror -isystem include tests/build/fixtures/uses.cpp "$dir"/*.o -o "$dir/uses-$std"
    try "cpp-$std-runs" "$dir/uses-$std"
done
