#!/bin/sh
# SPDX-License-Identifier: MIT
#
# variant.sh SRC OUT FILE FROM TO [FILE FROM TO ...] - copies the core to OUT with lines replaced, for builds that answer `what if'.
#
# FROM is an extended regular expression that must match somewhere in FILE: a variant that silently is the original would be a
# measurement of nothing. Such builds are for measurements only, which is why the core has no switches for them.
set -eu
src=$1 out=$2
shift 2
rm -rf "$out"
mkdir -p "$out"
cp "$src"/*.[ch] "$out"
while [ $# -ge 3 ]; do
    if ! grep -Eq -e "$2" "$out/$1"; then
        echo "variant.sh: $1 has no line /$2/ any more; what edits it must follow the core" >&2
        rm -rf "$out"
        exit 1
    fi
    sed -E -i -e "s/$2/$3/" "$out/$1"
    shift 3
done
