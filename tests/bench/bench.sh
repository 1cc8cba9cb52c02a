#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bench.sh BUILD LIB ROUNDS TRACE ... - everything that `make bench` measures.
#
# LIB is the folder of the system's libraries; what is missing there is left out and named. Leaves in BUILD/bench the raw lines
# (*.tsv), the tables (table.txt, table.md) and the plots (*.svg). REAL names the traces of programs, the others are embedded workloads.
set -u
B=$1 lib=$2 rounds=$3
shift 3
here=$(dirname "$0")
out=$B/bench
mkdir -p "$out"

say() {
    if [ -t 2 ]; then printf '%s\n' "$*" >&2; else echo "$*"; fi
}

# One line of progress, on a terminal only.
progress() {
    [ ! -t 2 ] || printf '\r%-70s' "$*" >&2
}

# The allocators: a name and the preloaded library, which is empty for glibc.
hosted="glibc= mimalloc=$lib/libmimalloc.so.2.0 jemalloc=$lib/libjemalloc.so.2 tcmalloc=$lib/libtcmalloc_minimal.so.4"
hosted="hosted=$(realpath "$B/libfreehold-preload.so") $hosted"
present=
for entry in $hosted; do
    if [ -z "${entry#*=}" ] || [ -e "${entry#*=}" ]; then
        present="$present $entry"
    else
        say "left out: ${entry%%=*} (${entry#*=} is missing)"
    fi
done
if [ -x "$B/fh-replay-musl" ]; then present="$present musl="; else say "left out: musl (musl-gcc is missing)"; fi

# run_with ENTRY PROGRAM ... - runs one of our programs on an allocator: preloaded, or linked with it.
run_with() {
    entry=$1 program=$2
    shift 2
    case $entry in
    musl= | floor=) "$B/$program-${entry%=}" "$@" ;;
    *) LD_PRELOAD=${entry#*=} "$B/$program" "$@" ;;
    esac
}

# Command lines of fh-replay, as compare.sh wants them.
contenders() {
    echo "freehold=$B/fh-replay -a $B/fh-adapter-freehold.so"
    echo "cache=$B/fh-replay -a $B/fh-adapter-cache.so"
    echo "percpu=$B/fh-replay -a $B/fh-adapter-percpu.so"
    for entry in $present; do
        case $entry in
        musl=) echo "musl=$B/fh-replay-musl -a system" ;;
        *) echo "${entry%%=*}=LD_PRELOAD=${entry#*=} $B/fh-replay -a system" ;;
        esac
    done
    echo "floor=$B/fh-replay -a $B/fh-adapter-floor.so"
}

measure_speed() {
    say "time per operation: $rounds rounds of $(contenders | wc -l) contenders on $# traces"
    contenders >"$out/contenders"
    set -- -- "$@"
    while IFS= read -r line; do
        set -- "$line" "$@"
    done <"$out/contenders"
    sh "$here/compare.sh" "$rounds" "$out/speed.tsv" "$@"
}

measure_footprint() {
    say "smallest regions"
    "$B/fh-replay" --fit --tsv -a "$B/fh-adapter-freehold.so" -a "$B/fh-adapter-cache.so" -a "$B/fh-adapter-granule8.so" "$@" >"$out/fit.tsv"
    say "pages held by hosted allocators"
    : >"$out/memory.tsv"
    for trace in "$@"; do
        for entry in $present; do
            run_with "$entry" fh-replay --memory --tsv -a system "$trace" | sed "s/	system	/	${entry%%=*}	/" >>"$out/memory.tsv"
        done
    done
}

measure_threads() {
    say "threads: $rounds rounds"
    : >"$out/threads.raw"
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for pattern in none private wide larson xmalloc sharing churn; do
            for entry in $present floor=; do
                for threads in 1 2 4; do
                    progress "round $((round + 1)) of $rounds  $pattern  ${entry%%=*}  $threads threads"
                    for again in 1 2 3; do
                        run_with "$entry" fh-threads $pattern $threads 2000 | sed "s/^/${entry%%=*}	/" >>"$out/threads.raw"
                    done
                done
            done
        done
        round=$((round + 1))
    done
    progress
    # The best of all: whatever else ran on the machine can only slow a thread down, and so can two of its lines that meet by chance.
    sort -t'	' -k1,1 -k2,2 -k3,3n -k6,6gr "$out/threads.raw" |
        awk -F'\t' '{ k = $1 "\t" $2 "\t" $3 } k != last { print k "\t" $6; last = k }' >"$out/threads.tsv"
}

measure_scale() {
    say "time against the number of free blocks"
    : >"$out/scale.tsv"
    for blocks in 10 100 1000 10000 100000 1000000; do
        progress "$blocks free blocks"
        "$B/fh-scale" "$B/fh-adapter-freehold.so" $blocks freehold >>"$out/scale.tsv"
        "$B/fh-scale" "$B/fh-adapter-cache.so" $blocks cache >>"$out/scale.tsv"
        for entry in $present; do
            run_with "$entry" fh-scale system $blocks "${entry%%=*}" >>"$out/scale.tsv"
        done
    done
    progress
}

measure_instructions() {
    say "instructions, by callgrind"
    sh "$here/count.sh" "$B" "$out/count.tsv" "$B/traces/perl.fht" "$B/traces/sqlite.fht"
}

measure_speed "$@"
measure_footprint "$@"
measure_scale
measure_threads
measure_instructions

awk -F'\t' -v real="$REAL" -f "$here/table.awk" kind=fit "$out/fit.tsv" kind=speed "$out/speed.tsv" kind=memory "$out/memory.tsv" \
    kind=threads "$out/threads.tsv" kind=scale "$out/scale.tsv" kind=count "$out/count.tsv" kind=end /dev/null >"$out/table.md"
sed -e '/^<!--/d' -e 's/^|//; s/|$//; s/|/ /g' -e '/^[-: ]*$/{/-/d}' "$out/table.md" >"$out/table.txt"
sh "$here/plot.sh" "$out"
cat "$out/table.txt"
say "tables and plots: $out/table.md $out/*.svg"
if grep -q 'FAILS' "$out/table.md" && [ "${STRICT:-0}" = 1 ]; then exit 1; fi
