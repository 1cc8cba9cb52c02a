#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh -v|-q IMAGE PASSED BUILD QEMU ... - boots BUILD/qemu/IMAGE.elf and judges it.
#
# A pass takes all of: the exit status PASSED, a line PASS, no line FAIL, and at least one digest, each the same as in the
# hosted run (BUILD/stress/digests). The log is BUILD/qemu/IMAGE.log. -v shows it and ends with status 0 for a pass, 1 for a
# failure, 2 for a missing tool; -q leaves one line in BUILD/qemu/IMAGE.result for the tally, shows the log of a failure, and
# always ends with 0.
#
# All cores share one host thread, unless QEMU_THREADS=multi: QEMU then switches between them whenever one waits or a timer
# interrupt comes. With a thread for each, on a busy host or one with fewer cores, those that spin keep the one that could
# go on from running, and a run of two seconds may take minutes.
set -u
mode=$1 image=$2 passed=$3 build=$4
shift 4
elf=$build/qemu/$image.elf log=$build/qemu/$image.log result=$build/qemu/$image.result
echo "fail $image was not judged" >"$result"

# The tool that is missing was named when it was looked for.
if [ ! -s "$elf" ] || [ ! -s "$build/qemu/have-${image%-*}" ]; then
    [ "$mode" = -v ] && { echo "cannot run without the tools named above" >&2; exit 2; }
    echo "skip $image missing tool" >"$result"
    exit 0
fi

boot() {
    timeout -k 5 "${LIMIT:-120}" "$@" -accel "tcg,thread=${QEMU_THREADS:-single}" -kernel "$elf" -display none -serial stdio -monitor none -no-reboot -nic none \
        </dev/null 2>"$log.err"
    echo $? >"$log.status"
}

if [ "$mode" = -v ]; then
    boot "$@" | tr -d '\r' | tee "$log"
else
    boot "$@" | tr -d '\r' >"$log"
fi
status=$(cat "$log.status")

# Every digest of the log must be in the hosted run's list: `NAME-GRANULE ... DIGEST`.
wrong_digest() {
    awk 'FNR == NR { want[$1] = $NF; next }
         $1 in want && $NF ~ /^0x[0-9a-f]+$/ { seen++; if ($NF != want[$1]) { print $1 " should end in " want[$1]; bad = 1 } }
         END { if (!seen) print "no digest was printed"; exit !(bad || !seen) }' "$build/stress/digests" "$log"
}

verdict=
[ "$status" = 124 ] && verdict="did not end in time"
[ -n "$verdict" ] || [ "$status" = "$passed" ] || verdict="exit status $status instead of $passed"
[ -n "$verdict" ] || grep -q '^PASS$' "$log" || verdict="no line PASS"
[ -n "$verdict" ] || ! grep -q '^FAIL' "$log" || verdict="a line FAIL"
[ -n "$verdict" ] || verdict=$(wrong_digest)

if [ -z "$verdict" ]; then
    echo "pass $image" >"$result"
    [ "$mode" = -q ] || echo "$image: the digests are those of the hosted run, exit status $status"
    exit 0
fi
echo "fail $image $verdict" >"$result"
[ "$mode" = -v ] || cat "$log"
cat "$log.err" >&2
echo "FAIL  $image: $verdict" >&2
[ "$mode" = -q ]
