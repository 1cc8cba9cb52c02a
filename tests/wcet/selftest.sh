#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selftest.sh FOLDER - does bound.py find the longest paths of the fixture, and does it refuse what it cannot bound or was told wrong?
# Prints lines `pass NAME` and `fail NAME`. FOLDER is where things are built.
set -u
out=$1/selftest
here=tests/wcet/fixture
rm -rf "$out"
mkdir -p "$out"
echo '#define RUNS 5' >"$out/runs.h"

verdict() {
    if [ "$1" = 0 ]; then
        echo "pass bound-$2"
    else
        echo "fail bound-$2"
        sed "s/^/bound-$2: /" "$out/said" >&2
    fi
}

# bound FACTS ARGUMENT ... - what it says is in $out/said.
bound() {
    facts=$1
    shift
    python3 tests/wcet/bound.py "$@" arm-none-eabi- "$out/paths.elf" "$facts" $here/paths.S "$out/runs.h" >"$out/said" 2>&1
}

# refuses NAME MESSAGE SED-PROGRAM [LINE ...] - with the facts changed so, and these lines more, it must fail and say so.
refuses() {
    name=$1 message=$2 program=$3
    shift 3
    { sed "$program" $here/facts; printf '%s\n' "$@"; } >"$out/facts"
    bound "$out/facts"
    [ $? = 1 ] && grep -q -- "$message" "$out/said"
    verdict $? "$name"
}

arm-none-eabi-gcc -g -c $here/paths.S -o "$out/paths.o" && arm-none-eabi-ld -Ttext=0x1000 -e leaf "$out/paths.o" -o "$out/paths.elf" || exit 1

bound $here/facts
verdict $? every-path-as-counted

# Each length one less than it is; a path that was excluded, and a loop and a call that are not named.
awk -F'|' -v OFS='|' '/^known/ { $3 = " " $3 - 1 " " } { print }' $here/facts >"$out/facts"
bound "$out/facts"
[ $? = 1 ] && awk -F'|' '/^known/ { gsub(/ /, "", $2); print $2 " is " $3 + 1 " instructions long, not " $3 + 0 }' "$out/facts" |
    { while read -r line; do grep -q "$line" "$out/said" || exit 1; done; }
verdict $? every-length-counts
refuses excluded-way-gone 'forked is 57 instructions long' '/damaged/d'
refuses loop-without-bound 'a loop of which nothing is stated, in single' '/^loop .*single/d'
refuses loop-without-text 'a loop of which nothing is stated, in middle' 's/@ the middle/-/'
refuses loop-with-unknown-bound 'RUNS \* 3' 's/RUNS \* 2/RUNS * 3 + RAN/'
refuses loop-in-a-loop 'a loop in a loop, in nested' '/^loop .*the inner one/d'
refuses loop-unheard-of 'nothing is stated, in unnamed_loop' '' 'known | unnamed_loop | 1 | -'
refuses pointer-without-name 'a pointer that is not named: .*blx r1 ' '/^through/d'
refuses pointer-unheard-of 'a pointer that is not named: .*blx r1$' '' 'known | unnamed_hook | 1 | -'
refuses recursion 'recursive calls itself' '' 'known | recursive | 1 | -'
refuses table-of-jumps 'not understood: tbb' '' 'known | table | 1 | -'
refuses computed-jump 'not understood: add pc' '' 'known | computed | 1 | -'
refuses open-end 'open_ended runs into what lies behind it' '' 'known | open_ended | 1 | -'
refuses no-return 'stuck is None instructions long' '' 'known | stuck | 1 | -'
refuses line-not-understood 'not understood: loops' '' 'loops | single'

# A measured call that went where its case says none goes; one that did not, and how long it was.
address() {
    arm-none-eabi-nm "$out/paths.elf" | awk -v name="$1" '$3 == name { print "0x" $1 }'
}
{ cat $here/facts; echo 'case | any | x | forked | -'; } >"$out/facts"
printf 'name 0 forked\nphase 0 some 0 0\nworst 0 0 1 6\nstep 0 0 %s 2\nstep 0 0 %s 2\n' "$(address forked)" "$(address leaf)" >"$out/measured"
bound "$out/facts" --measured "$out/measured"
[ $? = 1 ] && grep -q 'forked went through .*(leaf), which any excludes' "$out/said"
verdict $? measured-where-none-goes
sed -i '$d' "$out/measured"
bound "$out/facts" --measured "$out/measured" && grep -q '^bound forked any 7$' "$out/said" && grep -q '^most forked any 6$' "$out/said"
verdict $? measured-beside-bound
