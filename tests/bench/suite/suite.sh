#!/bin/sh
# SPDX-License-Identifier: MIT
#
# suite.sh BUILD TALLY TRACE ... - the tests of the recorder, the replayer and the stored traces.
#
# Leaves `pass NAME` and `fail NAME` lines in TALLY. Says nothing when all is well; shows all that a failed test printed.
set -u
B=$(realpath "$1")
tally=$2
shift 2
here=$(dirname "$0")
bench=$(realpath "$here/..")
dir=$B/replay-suite
rm -rf "$dir"
mkdir -p "$dir" "$(dirname "$tally")"
: >"$tally"
replay=$B/fh-replay
log=$dir/log

verdict() {
    if [ "$1" = 0 ]; then
        echo "pass $2" >>"$tally"
    else
        echo "fail $2" >>"$tally"
        echo "--- $2" >&2
        cat "$log" >&2
    fi
}

# says NAME STATUS PATTERN COMMAND... : the command ends with that status and prints something that matches.
says() {
    name=$1 status=$2 pattern=$3
    shift 3
    "$@" >"$log" 2>&1
    got=$?
    grep -Eq -e "$pattern" "$log" && [ "$got" = "$status" ]
    good=$?
    [ $good = 0 ] || echo "wanted status $status and /$pattern/, got status $got from: $*" >>"$log"
    verdict $good "$name"
}

record() {
    mkdir -p "$dir/$1"
    timeout 60 env FH_TRACE_DIR="$dir/$1" LD_PRELOAD="$B/libfreehold-record.so" "$B/fh-tiny" "$1" >"$log" 2>&1
}

# The trace of the process that wrote most, or least.
most() { ls -S "$dir/$1"/*.fht | head -1; }
least() { ls -S "$dir/$1"/*.fht | tail -1; }

# The recorder.
record calls
verdict $? record-calls-runs
calls=$(most calls)
says record-calls 0 'fh-tiny, 64-bit, 15 ops \(malloc 4, free 5, realloc 3, calloc 1, aligned 2\), 1 threads, 7 blocks' "$replay" --info "$calls"

record fork
verdict $? record-fork-runs
says record-fork-parent 0 ' 6 ops \(malloc 4, free 2, ' "$replay" --info "$(least fork)"
says record-fork-child 0 ' 9 ops \(malloc 5, free 4, .* peak payload 15000,' "$replay" --info "$(most fork)"

record vfork
verdict $? record-vfork-runs
says record-vfork-parent 0 ' 3 ops \(malloc 2, free 1, ' "$replay" --info "$(ls "$dir"/vfork/fh-tiny.*)"

record exec
verdict $? record-exec-runs
says record-exec-before 0 ' 2 ops \(malloc 2, free 0' "$replay" --info "$(least exec)"
says record-exec-after 0 ' 15 ops ' "$replay" --info "$(most exec)"

record threads
verdict $? record-threads-runs
threads=$(most threads)
says record-threads 0 ' 3 threads, ' "$replay" --info "$threads"
says record-threads-all 0 '\(malloc 40000, free 40000, ' "$replay" --info "$threads"
says record-threads-check 0 'every block verified' "$replay" --check "$threads"

record many
verdict $? record-many-runs
many=$(most many)
says record-many 0 '\(malloc 30000, free 30000, realloc 0, calloc 0, aligned 0\), 1 threads, 30000 blocks, at most 30000 at once' "$replay" --info "$many"

record kill
says record-kill 2 'truncated: it has no end' "$replay" --info "$(most kill)"
says record-kill-cut 0 '\(malloc [1-9][0-9]*, free 0' "$replay" --cut --info "$(most kill)"

# Whether the signal came amid a record is a matter of odds: several times.
for n in 1 2 3 4 5; do
    record leave || break
done
verdict $? record-leave-runs
says record-leave 0 '\(malloc [1-9][0-9]*, free ' "$replay" --cut --info "$(most leave)"

record closed
verdict $? record-closed-runs
says record-closed 2 'truncated: it has no end' "$replay" --info "$(most closed)"

FH_TRACE_DIR=$dir/nowhere LD_PRELOAD=$B/libfreehold-record.so "$B/fh-tiny" calls >"$log" 2>&1
verdict $? record-nowhere-runs
says record-nowhere 0 'cannot write a trace' env FH_TRACE_DIR="$dir/nowhere" LD_PRELOAD="$B/libfreehold-record.so" "$B/fh-tiny" calls
mkdir "$dir/only"
says record-only 0 '^0$' sh -c "FH_TRACE_ONLY=other FH_TRACE_DIR=$dir/only LD_PRELOAD=$B/libfreehold-record.so $B/fh-tiny calls; ls $dir/only | wc -l"

# The replayer.
says replay-time 0 'fh-tiny .* 15 ops .* ns/op' "$replay" "$calls"
says replay-check 0 'every block verified' "$replay" --check "$calls"
says replay-system 0 'system .*every block verified' "$replay" --check -a system "$calls"
says replay-two 0 '^fh-tiny.freehold.15.[0-9.]+.[0-9]+.[0-9]+$' "$replay" --tsv -a system -a "$B/fh-adapter-freehold.so" "$calls"
says fit 0 'fits in [0-9]+ bytes' "$replay" --fit "$threads"

# What --fit finds is enough, a granule less is not, and its parts add up to it.
"$replay" --fit --tsv "$threads" >"$dir/fit.tsv"
region=$(cut -f3 "$dir/fit.tsv")
says fit-enough 0 'every block verified' "$replay" --check --region "$region" "$threads"
says fit-smallest 1 'refused op|too small' "$replay" --check --region $((region - 16)) "$threads"
says fit-adds-up 0 '^0$' awk -F'\t' '{ print $3 - $9 - $7 - $8 }' "$dir/fit.tsv"
says fit-system 2 'brings its own memory' "$replay" --fit -a system "$calls"

says fit-settings 0 'other settings: none built|with [a-z0-9]+ +[0-9]+ +[-+][0-9.]+ %' "$replay" --fit "$calls"
mkdir "$dir/built"
for f in fh-replay fh-adapter-freehold.so; do cp "$B/$f" "$dir/built/"; done
says fit-no-settings 0 'other settings: none built' "$dir/built/fh-replay" --fit "$calls"
cp "$B/fh-adapter-freehold.so" "$dir/built/fh-adapter-k1.so"
says fit-same-setting 0 'with freehold +[0-9]+ +\+0\.0 %' "$dir/built/fh-replay" --fit "$calls"

says picture 0 'fits in' "$replay" --fit --picture "$dir/heap.svg" "$threads"
says picture-whole 0 '^</svg>$' tail -1 "$dir/heap.svg"
says picture-drawn 0 '^[0-9]{2,}$' grep -c 'm[0-9]*[ -][0-9]*v-' "$dir/heap.svg"
says picture-nowhere 2 'No such file' "$replay" --fit --picture "$dir/no/heap.svg" "$calls"
says picture-alone 2 'goes with --fit' "$replay" --picture "$dir/heap.svg" "$calls"

# Each allocation refused in turn: on freehold, on the system's malloc, and on allocators that lose memory or grant what they have not.
says refuse 0 'each refused before it was met, .* nothing lost' "$replay" --refuse "$threads"
says refuse-system 0 'nothing lost' "$replay" --refuse -a system "$calls"
says refuse-lost 1 'the largest block was [0-9]+ bytes at first' "$replay" --refuse -a "$B/adapter-leaky.so" "$calls"
says refuse-given 1 'more than there is was given' "$replay" --refuse -a "$B/adapter-generous.so" "$calls"

# Bad input.
says bad-no-trace 2 'no trace given' "$replay"
says bad-option 2 'unknown option' "$replay" --frobnicate "$calls"
says bad-value 2 'not a number' "$replay" --passes x "$calls"
says bad-missing 2 'No such file' "$replay" "$dir/none.fht"
says bad-folder 2 'not a file' "$replay" "$dir"
: >"$dir/empty.fht"
says bad-empty 2 'an empty file' "$replay" "$dir/empty.fht"
echo 'something else altogether' >"$dir/text.fht"
says bad-text 2 'not a trace' "$replay" "$dir/text.fht"
xz -c "$calls" >"$dir/packed.fht"
says bad-packed 2 'packed with xz' "$replay" "$dir/packed.fht"
{ head -c 7 "$calls"; printf '\002'; tail -c +9 "$calls"; } >"$dir/version.fht"
says bad-version 2 'version 2; this program reads version 1' "$replay" "$dir/version.fht"
head -c 30 "$calls" >"$dir/cut.fht"
says bad-truncated 2 'truncated' "$replay" "$dir/cut.fht"
{ head -c 40 "$calls"; printf '\377'; tail -c +42 "$calls"; } >"$dir/flipped.fht"
says bad-damaged 2 'the sum of a chunk is wrong' "$replay" "$dir/flipped.fht"
{ cat "$calls"; echo; } >"$dir/longer.fht"
says bad-longer 2 'something follows the end' "$replay" "$dir/longer.fht"
says bad-one-of-two 2 'fh-tiny .* 15 ops' "$replay" "$dir/text.fht" "$calls"
says region-tiny 1 'too small for a heap' "$replay" --region 16 "$calls"
says region-small 1 'refused op [0-9]+ of 15' "$replay" --region 3000 "$calls"
says damage-all 0 'limits [1-9][0-9]* tried, 0 wrong' "$B/fh-damage" "$calls"

# What the seals cost is measured with builds that have none, edited copies of the core, which must follow it.
for f in unsealed cache-unsealed; do
    says "variant-$f" 0 'every block verified' "$replay" --check -a "$B/fh-adapter-$f.so" "$B/traces/packet.fht"
done

# Adapters.
says adapter-missing 2 'cannot open shared object' "$replay" -a "$dir/none.so" "$calls"
says adapter-text 2 'invalid ELF|file too short' "$replay" -a "$dir/text.fht" "$calls"
for f in abi name open close malloc free realloc aligned_alloc; do
    says "adapter-without-$f" 2 "an adapter without fh_adapter_$f" "$replay" -a "$B/adapter-without-$f.so" "$calls"
done
says adapter-version 2 'an adapter of version 99; this program takes version 1' "$replay" -a "$B/adapter-version.so" "$calls"
says adapter-floor 0 'floor .* 15 ops' "$replay" -a "$B/fh-adapter-floor.so" "$calls"
says adapter-overlaps 1 'contents changed while' "$replay" --check --region 4096 -a "$B/fh-adapter-floor.so" "$many"
says adapter-loses 1 'did not survive realloc' "$replay" --check -a "$B/fh-adapter-floor.so" "$calls"
says adapter-skewed 1 'a block that is not aligned' "$replay" --check -a "$B/adapter-skewed.so" "$calls"
says adapter-outside 1 'a block outside the region' "$replay" --check -a "$B/adapter-outside.so" "$calls"
says adapter-filled 1 'a block that is not zeroed' "$replay" --check -a "$B/adapter-filled.so" "$calls"

# The ring buffer of targets without files.
for kind in whole round foreign; do
    "$B/fh-ring" $kind >"$dir/$kind.ring"
    says "ring-$kind-import" 0 ' events' "$replay" --import "$dir/$kind.fht" "$dir/$kind.ring"
    says "ring-$kind-check" 0 'every block verified' "$replay" --check "$dir/$kind.fht"
done
says ring-whole-all 0 '132 ops \(malloc 20, free 52, realloc 20, calloc 20, aligned 20\)' "$replay" --info "$dir/whole.fht"
says ring-foreign-all 0 '32-bit, 132 ops ' "$replay" --info "$dir/foreign.fht"
says ring-round-says 0 '503 events .the ring went round., 9 on' "$replay" --import "$dir/round.fht" "$dir/round.ring"
# Filled by a booted target: what it did there is what the host did.
case $(cat "$B/ring-board.txt") in
absent*) sed 's/^absent [^ ]*/skip ring-board/' "$B/ring-board.txt" >>"$tally" ;;
*)
    printf "$(sed '/^done/d' "$B/ring-board.txt")" >"$dir/board.ring"
    says ring-board-import 0 '132 events' "$replay" --import "$dir/board.fht" "$dir/board.ring"
    says ring-board-all 0 '32-bit, 132 ops \(malloc 20, free 52, realloc 20, calloc 20, aligned 20\)' "$replay" --info "$dir/board.fht"
    says ring-board-check 0 'every block verified' "$replay" --check "$dir/board.fht"
    ;;
esac
head -c 1000 "$dir/whole.ring" >"$dir/cut.ring"
says ring-truncated 2 'truncated ring' "$replay" --import "$dir/x.fht" "$dir/cut.ring"
says ring-other 2 'not a ring buffer' "$replay" --import "$dir/x.fht" "$calls"
{ head -c 40 "$dir/whole.ring"; printf '\0\0\0\0'; tail -c +41 "$dir/whole.ring"; } >"$dir/shifted.ring"
says ring-damaged 2 'an event that does not exist' "$replay" --import "$dir/x.fht" "$dir/shifted.ring"

says ring-freestanding 0 '^$' sh -c "echo '#include \"$bench/ring.h\"' | ${CC:-cc} -x c -std=c99 -ffreestanding -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. -; echo"

# The generators make the same bytes everywhere.
(cd "$B/traces" && cksum queue.fht packet.fht holes.fht random.fht) >"$dir/generated"
cmp "$dir/generated" "$here/generated.cksum" >"$log" 2>&1
verdict $? generators-same

# The stored traces, every block verified on freehold.
for trace in "$@"; do
    says "trace-$(basename "$trace" .fht)" 0 'every block verified' "$replay" --check "$trace"
    says "refuse-$(basename "$trace" .fht)" 0 'nothing lost' "$replay" --refuse "$trace"
done

! grep -q '^fail ' "$tally"
