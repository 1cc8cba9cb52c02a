#!/bin/sh
# SPDX-License-Identifier: MIT
#
# eva.sh MACHDEP DIR - runs the scripts of eva.c through Frama-C's abstract interpreter. Prints one line; fails on an alarm, on an
# assertion of a script that is not proved, on a path that ends early, and on a script that did not reach its end.
set -u
machdep=$1
dir=$2
mkdir -p "$dir" || exit 1
scripts=$(sed -n 's/^#\(el\)*if SCRIPT == \([0-9]*\)$/\2/p' tests/prove/eva.c)
asserted=0
for script in $scripts; do
    log=$dir/$script.log
    frama-c -machdep "$machdep" \
        -cpp-extra-args="-undef -DSCRIPT=$script -Iinclude -Isrc -include$(pwd)/tests/prove/frontend.h" tests/prove/eva.c \
        src/freelist.c src/region.c src/pool.c src/heap.c src/rescue.c src/create.c src/check.c src/fault.c src/stats.c \
        -absolute-valid-range 0x0FF000-0x1031FF -eva -eva-use-spec fh_trap -eva-precision 5 -eva-slevel 100000 -eva-split-limit 200 -eva-no-print \
        >"$log" 2>&1
    valid=$(sed -n 's/^ *Assertions *\([0-9]*\) valid *0 unknown *0 invalid.*/\1/p' "$log")
    # The script's own, and the three that each ends with: one that is not reached is not counted as valid.
    expected=$(awk -v script="$script" '/^#/ { on = $0 ~ "SCRIPT == " script "$" } on && /@ assert/ { n++ } END { print n + 3 }' tests/prove/eva.c)
    if ! grep -q '^  0 alarms generated' "$log" || [ -z "$valid" ] || grep -q 'assumed to be dead\|NON TERMINATING' "$log" \
        || [ "$valid" -ne "$expected" ]; then
        echo "eva $machdep: script $script:" >&2
        grep -A1 'eva:alarm\|User Error\|assumed to be dead' "$log" | head -20 >&2
        exit 1
    fi
    asserted=$((asserted + valid))
done
echo "eva: no alarm in $(echo $scripts | wc -w) scripts on $machdep, $asserted assertions proved" | tee "$dir/count"
