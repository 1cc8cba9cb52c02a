#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh BUILD TALLY - the hosted malloc's tests: the programs in BUILD with the library preloaded, those linked to it under
# sanitizers, one run a crime, and real programs beside what they give without it.
#
# Promise: every test leaves one line in TALLY. Quiet but for what fails, of which everything is shown.
set -u
build=$1
tally=$2
here=$(dirname "$0")
library=$(cd "$build/.." && pwd)/libfreehold-preload.so
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$(dirname "$tally")"
: >"$tally.new"

count() {
    echo "$1 $2" >>"$tally.new"
}

show() {
    echo "---- preload: $1" >&2
    shift
    cat "$@" >&2
}

# cases NAME MIN COMMAND ...: a program that prints `pass CASE` and `fail CASE`. Silence on standard error and status 0 belong
# to passing, and so does the number of cases, because a program that dies early prints no failure.
cases() {
    name=$1 min=$2
    shift 2
    timeout 200 "$@" >"$dir/out" 2>"$dir/err" </dev/null
    status=$?
    sed -n "s/^\(pass\|fail\) /\1 $name-/p" "$dir/out" >>"$tally.new"
    if [ "$status" -eq 0 ] && [ ! -s "$dir/err" ] && [ "$(grep -c '^pass ' "$dir/out")" -eq "$min" ]; then
        return
    fi
    show "$name: status $status" "$dir/out" "$dir/err"
    grep -q '^fail ' "$dir/out" || count fail "$name"
}

# crime NAME: one line on standard error, as announced on standard output, and the signal of abort.
crime() {
    # The shell between says that it was aborted, and must not say it where the program says why.
    sh -c '(ulimit -c 0; exec 2>"$0"; LD_PRELOAD=$1 exec timeout 20 "$2" "$3"); exit $?' \
        "$dir/err" "$library" "$build/crimes" "$1" \
        >"$dir/out" 2>/dev/null </dev/null
    status=$?
    line=$(head -1 "$dir/out")
    if [ "$status" -eq 134 ] && [ -n "$line" ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -qxE -e "$line" "$dir/err" \
        && { [ "$1" != handler-allocates ] || grep -qx handled "$dir/out"; }; then
        count pass "crime-$1"
    else
        count fail "crime-$1"
        show "crime $1: status $status" "$dir/out" "$dir/err"
    fi
}

cases family 19 env LD_PRELOAD="$library" "$build/family"
cases threads 6 env LD_PRELOAD="$library" "$build/threads"
cases fork 7 env LD_PRELOAD="$library" "$build/fork"
cases signals 1 env LD_PRELOAD="$library" timeout 60 "$build/signals"
cases early 4 env LD_PRELOAD="$library" "$build/early"
cases cxx 4 env LD_PRELOAD="$library" "$build/cxx"
cases plain-parts 12 "$build/parts-plain"
cases plain-family 17 "$build/family-plain"
cases asan-family 17 "$build/family-asan"
cases asan-parts 12 "$build/parts-asan"
# ThreadSanitizer wants its part of the address space free of random places; where neither it nor the kernel can be told so, it
# ends at once. It knows no threads in the child of a process with threads, and what it holds itself would count as hoarded.
if setarch -R true 2>/dev/null; then
    fixed='setarch -R'
else
    fixed=
fi
if $fixed "$build/threads-tsan" none >/dev/null 2>&1; then
    cases tsan-threads 5 env EFFORT=5 $fixed "$build/threads-tsan" alone hand-over churn late-destructors growing-at-once
    cases tsan-fork 4 env FORKS=20 CHILD_THREADS=0 $fixed "$build/fork-tsan" alone among-threads from-threads handlers
else
    count skip "tsan ThreadSanitizer does not start here"
fi

for name in $("$build/crimes"); do
    crime "$name"
done

sh "$here/programs.sh" "$library" "$dir/programs" >>"$tally.new"
mv "$tally.new" "$tally"
