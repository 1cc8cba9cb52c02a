#!/bin/sh
# SPDX-License-Identifier: MIT
#
# threads.sh BUILD TALLY - the threaded programs on the preload library and on the benchmark's floor, every block verified; linked with
# the hosted malloc and with a heap without caches under the race detector; and on a malloc that is wrong, which they must find out.
set -u
B=$(realpath "$1")
tally=$2
mkdir -p "$(dirname "$tally")"
: >"$tally"
log=$B/threads-suite.log

# passes NAME PATTERN THREADS COMMAND ...: it runs in time, and says that the pattern's work was done.
passes() {
    name=$1 line="^$2	$3	[1-9]"
    shift 3
    if timeout 60 "$@" >"$log" 2>&1 && grep -q "$line" "$log"; then
        echo "pass $name" >>"$tally"
    else
        echo "fail $name" >>"$tally"
        echo "--- $name" >&2
        cat "$log" >&2
    fi
}

for pattern in private wide larson xmalloc sharing churn; do
    for threads in 1 2 3 8; do
        passes $pattern-$threads $pattern $threads env LD_PRELOAD="$B/libfreehold-preload.so" "$B/fh-threads" $pattern $threads 40
        passes $pattern-floor-$threads $pattern $threads "$B/fh-threads-floor" $pattern $threads 40
    done
    for build in tsan bare-tsan; do
        passes $pattern-$build $pattern 3 "$B/fh-threads-$build" $pattern 3 2
    done
done

if LD_PRELOAD=$B/fh-overlap.so timeout 60 "$B/fh-threads" private 1 40 >"$log" 2>&1 || ! grep -q 'contents changed' "$log"; then
    echo "fail finds-overlap" >>"$tally"
    echo "--- finds-overlap" >&2
    cat "$log" >&2
else
    echo "pass finds-overlap" >>"$tally"
fi
