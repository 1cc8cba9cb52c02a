#!/bin/sh
# SPDX-License-Identifier: MIT
#
# selftest.sh FOLDER COMPILER - does run.py find the mutants of the fixture, and what becomes of each; does it refuse a list of
# equivalents that is wrong, and a program that fails without any mutant? The core has a second build there, with code of its own, and
# tests that do not apply to it, and there is another core. Prints lines `pass NAME` and `fail NAME`.
set -u
out=$1 cc=$2
here=tests/mutate/fixture
tests=$here/unit/known.c
apart=$here/apart
harness="tests/unit/harness/main.c tests/unit/harness/host_posix.c"
mkdir -p "$out/other"
echo 'TABLE(unit_known)' >"$out/tables.h"
echo 'TABLE(unit_other)' >"$out/other/tables.h"
flags="-std=c11 -I$here/core -Itests/unit/harness -I$(cd "$out" && pwd)"

mutate() {
    list=$1
    shift
    python3 tests/mutate/run.py --build "$out" --sources $here/core/known.h $here/core/known.c $here/core/other.c \
        --core $here/core/known.c --trees $here tests/unit/harness \
        --reader "$cc $flags" --equal "$cc $flags -O2" --equivalent "$list" \
        --program "plain | $cc $flags -O0 | $cc $flags -O1 | $cc | $tests $harness | tables unit" \
        --program "loud | $cc $flags -DKNOWN_LOUD | $cc $flags -DKNOWN_LOUD | $cc | $tests $harness | less $apart tables unit" \
        --program "other | $cc -I$(cd "$out" && pwd)/other $flags | $cc -I$(cd "$out" && pwd)/other $flags | $cc | $here/unit/other.c $harness | tables unit" \
        --also "-DKNOWN_LOUD | loud" --also " | other | $here/core/other.c" --jobs 2 "$@" >"$out/said" 2>&1
}

verdict() {
    if [ "$1" = 0 ]; then
        echo "pass $2"
    else
        echo "fail $2"
        sed "s/^/$2: /" "$out/said" >&2
    fi
}

# Every mutant, its verdict, and the program that killed it; the status is 1, because some survive.
as_expected() {
    mutate $here/equivalent "$@"
    [ $? = 1 ] && awk -F'\t' '{ sub("[/ ].*", "", $6); print $2, $1 ($6 == "" ? "" : " " $6) }' "$out/results" | sort -t: -k1,1 -k2,2n -k3,3 -k4,4n | diff $here/expected - >>"$out/said" 2>&1
}
as_expected
verdict $? every-mutant-as-expected
as_expected --apart
verdict $? the-same-one-by-one

# A run without survivors succeeds, and one of survivors only ends in failure.
mutate $here/equivalent --only known.h
verdict $? none-survives
mutate $here/equivalent --only known.c:29
[ $? = 1 ] && grep -q '^survived: tests/mutate/fixture/core/known.c:29:' "$out/said"
verdict $? survivors-fail-the-run

# $1: what the list is to hold behind its own lines; $2: what is to be said; $3: the test's name.
refuses() {
    { cat $here/equivalent; printf '%b' "$1"; } >"$out/list"
    mutate "$out/list" --only known.c:29:result
    [ $? = 1 ] && grep -q "$2" "$out/said"
    verdict $? "$3"
}
file=$here/core/known.c
refuses "$file known_ones\n- while (x != 0)\n+ while (x == 0)\n= a line that is not there any more\n" 'no such mutant' stale-entry-fails
refuses "$file known_untested\n- return x == 7 || x == 9;\n+ return false;\n" 'without a reason' reason-is-asked-for
refuses "$file known_untested\n- return x == 7 || x == 9;\n+ return true;\n= the same one a second time\n" 'there twice' twice-fails
refuses "nonsense\n" 'not understood' nonsense-fails
{ cat $here/equivalent; printf '%s\n' "$file known_ones" '- return n;' '+ return 0;' '= a test notices this one'; } >"$out/list"
mutate "$out/list" --only known.c:14
[ $? = 1 ] && grep -q 'is no equivalent, plain/known/ones kills it' "$out/said"
verdict $? killed-entry-fails

mkdir -p "$out/unit"
sed 's/EQUAL(known_dead(5), 5)/EQUAL(known_dead(5), 6)/' $here/unit/known.c >"$out/unit/known.c"
tests=$(cd "$out" && pwd)/unit/known.c
mutate $here/equivalent
[ $? = 2 ] && grep -q 'plain/known/dead fails without a mutant' "$out/said"
verdict $? what-fails-by-itself-is-refused
