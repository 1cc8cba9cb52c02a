#!/bin/sh
# SPDX-License-Identifier: MIT
#
# compare.sh BUILD ROUNDS OUT CONTENDER ... -- TRACE ... - times each contender on each trace, interleaved.
#
# A contender is NAME=COMMAND, the command being fh-replay with what selects the allocator. Every round runs all contenders on a trace
# one after the other before the next trace, beginning with another one each round, so that what slows the machine slows all.
# Each run is the minimum of several passes in CPU time; what is kept of the rounds is the median. Leaves OUT: lines of trace, contender,
# ns per operation, slowest operation. A contender that fails on a trace is named on stderr and has no line.
set -u
rounds=$1 out=$2
shift 2
contenders=
while [ "$1" != -- ]; do
    contenders="$contenders
$1"
    shift
done
shift
raw=$(mktemp)
trap 'rm -f "$raw"' EXIT
count=$(printf '%s\n' "$contenders" | grep -c .)
total=$((rounds * $# * count))
done=0
round=0
while [ "$round" -lt "$rounds" ]; do
    for trace in "$@"; do
        i=0
        while [ "$i" -lt "$count" ]; do
            line=$(printf '%s\n' "$contenders" | grep . | sed -n "$(((i + round) % count + 1))p")
            name=${line%%=*}
            if result=$(sh -c "${line#*=} --tsv --passes 5 '$trace'"); then
                printf '%s\n' "$result" | awk -F'\t' -v n="$name" '{ print $1 "\t" n "\t" $4 "\t" $5 }' >>"$raw"
            else
                echo "compare.sh: $name failed on $trace" >&2
            fi
            i=$((i + 1))
            done=$((done + 1))
            [ ! -t 2 ] || printf '\r%3d %%  round %d of %d  %-12s %-24s' $((done * 100 / total)) $((round + 1)) "$rounds" "$(basename "$trace" .fht)" "$name" >&2
        done
    done
    round=$((round + 1))
done
[ ! -t 2 ] || printf '\r%60s\r' '' >&2
sort -k1,1 -k2,2 -k3,3g "$raw" | awk -F'\t' '
    function flush() { if (n) print key "\t" v[int((n + 1) / 2)] "\t" worst[int((n + 1) / 2)] }
    { k = $1 "\t" $2; if (k != key) { flush(); key = k; n = 0 } v[++n] = $3; worst[n] = $4 }
    END { flush() }' >"$out"
