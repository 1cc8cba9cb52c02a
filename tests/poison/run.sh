#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD SEED DIGESTS - the tests of the library for sanitizers: each crime under each tool, and the good programs.
#
# BUILD holds crimes-TOOL and good-TOOL for the tools gcc-asan, clang-asan and memcheck, and instrumented. A program that is not there was
# not built because its tool is missing. Promise: a line for each test on standard output; quiet on standard error but for what
# fails, of which everything is shown.
set -u
build=$1 seed=$2 digests=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

verdict() {
    if [ "$1" = 0 ]; then
        echo "pass $2"
        return
    fi
    echo "fail $2"
    echo "---- poison: $2" >&2
    cat "$3.out" "$3.err" >&2
}

# run TOOL OUT PROGRAM ARG: status 99 from Valgrind if it reported anything.
run() {
    tool=$1 out=$2
    shift 2
    case $tool in
    memcheck) set -- valgrind --quiet --vgdb=no --leak-check=full --error-exitcode=99 "$@" ;;
    esac
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:color=never timeout 120 "$@" >"$out.out" 2>"$out.err" </dev/null
}

# What it says must hold every pattern that the program announced for the tool, in that order; and no word of a use of memory before
# the program says that it will commit one.
says_all() {
    awk '$0 == "now" { now = 1 } !now && /Invalid (read|write)|uninitialised|AddressSanitizer/ { early = 1 } END { exit early || !now }' "$2.err" || return 1
    sed -n "s/^$1 //p" "$2.out" >"$2.patterns"
    awk 'NR == FNR { pattern[++n] = $0; next }
        at < n && $0 ~ pattern[at + 1] { at++ }
        END { exit !(n > 0 && at == n) }' "$2.patterns" "$2.err"
}

crime() {
    tool=$1 name=$2 out=$dir/$1-$2
    run "$tool" "$out" "$build/crimes-$tool" "$name"
    status=$?
    case $tool in
    memcheck)
        [ $status = 99 ] && says_all memcheck "$out"
        ;;
    *)
        # What it cannot see must end well.
        if grep -q '^asan ' "$out.out"; then
            [ $status = 99 ] && says_all asan "$out" && grep -q 'ERROR: AddressSanitizer: use-after-poison on' "$out.err"
        else
            [ $status = 0 ] && ! grep -q Sanitizer "$out.err"
        fi
        ;;
    esac
    verdict $? "$tool-$name" "$out"
}

good() {
    tool=$1 out=$dir/$1-good
    run "$tool" "$out" "$build/good-$tool" "$seed"
    [ $? = 0 ] && ! [ -s "$out.err" ] && ! grep -q '^fail' "$out.out" && [ "$(grep -c '^pass ' "$out.out")" = 11 ] \
        && sed -n 's/^digest //p' "$out.out" >"$out.digests" && [ -s "$out.digests" ] && ! grep -vxFf "$digests" "$out.digests"
    verdict $? "$tool-good" "$out"
}

# The core compiled with the sanitizer: told so at once, instead of being blamed for its own tags.
instrumented() {
    out=$dir/instrumented
    run gcc-asan "$out" "$build/instrumented" read-after-free
    [ $? != 0 ] && head -1 "$out.err" | grep -q '^freehold: .* compile it without$' && ! grep -q Sanitizer "$out.err"
    verdict $? core-with-asan "$out"
}

# Every call that the header declares has a name in poison.h; the one that does not touch a heap needs none.
names() {
    out=$dir/names
    : >"$out.out"
    grep -v '^typedef' include/freehold.h | sed -n 's/^[a-z].*[ *]\(fh_[a-z_]*\)(.*);$/\1/p' | sort >"$out.declared"
    sed -n 's/^#define \(fh_[a-z_]*\) fh_core_[a-z_]*$/\1/p' port/posix/poison.h | sort >"$out.named"
    echo fh_fault_name | sort - "$out.named" | diff - "$out.declared" >"$out.err" && [ "$(wc -l <"$out.named")" -gt 15 ]
    verdict $? every-call-has-a-name "$out"
}

names
for tool in gcc-asan clang-asan memcheck; do
    if ! [ -x "$build/crimes-$tool" ]; then
        echo "skip $tool not installed"
        continue
    fi
    good "$tool" >"$dir/result-$tool-good"  2>"$dir/said-$tool-good" &
    for name in $("$build/crimes-$tool"); do
        crime "$tool" "$name"
    done
    wait
    cat "$dir/result-$tool-good"
    cat "$dir/said-$tool-good" >&2
done
if [ -x "$build/instrumented" ]; then
    instrumented
else
    echo "skip core-with-asan not installed"
fi
