#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh ELF PLUGIN TRACES OUT COMMAND ... - runs an image under QEMU with the counting plugin, the file TRACES in its memory.
#
# Promise: OUT holds lines `phase NUMBER NAME WANTED FREE`, `name FN FUNCTION`, and the plugin's (see count.c); it exists only if
# the image ended by itself, with status 0 or the one in PASS_STATUS, said `done`, and the known function was counted right. In COMMAND, IMAGE stands for the image.
set -u
elf=$1 plugin=$2 traces=$3 out=$4
shift 4
functions="fh_malloc fh_free fh_realloc fh_aligned_alloc board_known"

readelf -sW "$elf" | awk '$4 == "FUNC" || $8 == "__traces_start" { print $8, $2, $3 }' | sort -u >"$out.symbols"
# The lowest bit of an Arm function's symbol says Thumb; it is not part of the address.
if readelf -hW "$elf" | grep -q 'Machine: *ARM'; then
    awk 'BEGIN { odd = "13579bdf"; even = "02468ace" }
        { at = length($2); i = index(odd, substr($2, at)); if (i) $2 = substr($2, 1, at - 1) substr(even, i, 1); print }' \
        "$out.symbols" >"$out.symbols.new" && mv "$out.symbols.new" "$out.symbols"
fi
address() {
    awk -v name="$1" '$1 == name { print $2 }' "$out.symbols"
}
arguments="out=$out.plugin,next=0x$(address wcet_next),count=0x$(address wcet_count),pause=0x$(address wcet_pause)"
for function in $functions; do
    arguments="$arguments,fn=0x$(address "$function")"
done

rm -f "$out" "$out.plugin"
for word in "$@"; do
    shift
    [ "$word" = IMAGE ] && word=$elf
    set -- "$@" "$word"
done
[ -s "$traces" ] && set -- "$@" -device "loader,file=$traces,addr=0x$(address __traces_start),force-raw=on"
timeout "${LIMIT:-120}" "$@" -plugin "$plugin,$arguments" </dev/null >"$out.console" 2>"$out.errors"
status=$?
if { [ $status != 0 ] && [ $status != "${PASS_STATUS:-0}" ]; } || ! grep -q '^done' "$out.console" || [ ! -s "$out.plugin" ]; then
    echo "run.sh: $elf: status $status" >&2
    tail -3 "$out.console" "$out.errors" >&2
    exit 1
fi
# The last function is the known one; see board.h.
if [ "$(awk '$1 == "count" && $3 == 4 { print $4, $5 }' "$out.plugin")" != "22 1" ]; then
    echo "run.sh: $elf: the plugin miscounts" >&2
    exit 1
fi
{
    tr -d '\r' <"$out.console" | awk '$1 == "phase" { print "phase", n++, $2, $3, $4 }'
    n=0
    for function in $functions; do
        echo "name $n $function"
        n=$((n + 1))
    done
    cat "$out.plugin"
} >"$out.new"
mv "$out.new" "$out"
