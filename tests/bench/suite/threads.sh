#!/bin/sh
# SPDX-License-Identifier: MIT
#
# threads.sh BUILD TALLY - the threaded programs on the preload library, every block verified; linked with the hosted malloc and with a
# heap without caches under the race detector; and on a malloc that is wrong, which they must find out.
set -u
B=$(realpath "$1")
tally=$2
mkdir -p "$(dirname "$tally")"
: >"$tally"
log=$B/threads-suite.log

for pattern in private larson xmalloc sharing churn; do
    for threads in 1 2 3 8; do
        name=$pattern-$threads
        if LD_PRELOAD=$B/libfreehold-preload.so timeout 60 "$B/fh-threads" $pattern $threads 40 >"$log" 2>&1 && grep -q "^$pattern	$threads	[1-9]" "$log"; then
            echo "pass $name" >>"$tally"
        else
            echo "fail $name" >>"$tally"
            echo "--- $name" >&2
            cat "$log" >&2
        fi
    done
done

for build in tsan bare-tsan; do
    for pattern in private larson xmalloc sharing churn; do
        name=$pattern-$build
        if timeout 60 "$B/fh-threads-$build" $pattern 3 2 >"$log" 2>&1 && grep -q "^$pattern	3	[1-9]" "$log"; then
            echo "pass $name" >>"$tally"
        else
            echo "fail $name" >>"$tally"
            echo "--- $name" >&2
            cat "$log" >&2
        fi
    done
done

if LD_PRELOAD=$B/fh-overlap.so timeout 60 "$B/fh-threads" private 1 40 >"$log" 2>&1 || ! grep -q 'contents changed' "$log"; then
    echo "fail finds-overlap" >>"$tally"
    echo "--- finds-overlap" >&2
    cat "$log" >&2
else
    echo "pass finds-overlap" >>"$tally"
fi
