#!/bin/sh
# SPDX-License-Identifier: MIT
#
# wp.sh MACHDEP DIR - proves the contracts of tests/prove/*.acsl with Frama-C's WP, for one kind of machine.
#
# The sources are taken as a chip sees them for which they know no instructions: without the compiler's names, so that the loops
# of bits.h are proved and not __builtin_clz, and without atomic accesses. Everything goes to DIR; its last line, and the only one
# on the output, is the count. Fails unless each goal is proved and each function has a contract or stands in left-out.
set -u
machdep=$1
dir=$2
here=tests/prove
log=$dir/log
headers='bits block freelist harden pool'
rm -rf "$dir"
mkdir -p "$dir/src" "$dir/share"
export WHY3CONFIG="$dir/why3.conf"

fail() {
    echo "wp $machdep: $*" >&2
    exit 1
}

cp src/*.h "$dir/src" || exit 1
for h in $headers; do
    [ -f $here/$h.acsl ] || continue
    awk -f $here/annotate.awk $here/$h.acsl src/$h.h >"$dir/src/$h.h" || fail "$h.acsl does not fit src/$h.h"
    sed ':again
        s,^\(/\*@[^@]*@\*/ \),,
        t again' "$dir/src/$h.h" | cmp -s - src/$h.h || fail "the copy of $h.h is not $h.h with comments"
done

# Every function of the leaf headers is accounted for.
sed -n 's/^contract \([a-z0-9_]*\).*/\1/p' $here/*.acsl | sort -u >"$dir/proved"
{ sed '/^#/d; /^$/d; s/ .*//' $here/left-out; cat "$dir/proved"; } | sort -u >"$dir/accounted"
awk '/^(static inline|FH_HOT) .*\(/ { sub(/\(.*/, ""); sub(/.*[ *]/, ""); print }' src/bits.h src/block.h src/freelist.h | sort -u >"$dir/functions"
missing=$(comm -23 "$dir/functions" "$dir/accounted" | tr '\n' ' ')
[ -z "$missing" ] || fail "neither a contract nor a reason: $missing"
sed '/^#/d; /^$/d; s/ .*//' $here/left-out | sort -u >"$dir/left-out"
gone=$(comm -13 "$dir/functions" "$dir/left-out" | tr '\n' ' ')
[ -z "$gone" ] || fail "left-out names what is not there: $gone"

awk -v as=acsl -f $here/facts.awk $here/words.facts >"$dir/facts.h" || fail "words.facts"
share=$(frama-c -print-share-path)/wp
cp -r "$share/." "$dir/share"
for f in cbits cint; do
    awk -f $here/theory.awk "$share/why3/frama_c_wp/$f.mlw" >"$dir/share/why3/frama_c_wp/$f.mlw"
    cmp -s "$share/why3/frama_c_wp/$f.mlw" "$dir/share/why3/frama_c_wp/$f.mlw" && fail "$f.mlw is not as theory.awk expects it"
done
why3 config detect >"$dir/provers" 2>&1 || fail "why3 finds no prover: $(cat "$dir/provers")"

# prove DEFINES FILE OPTIONS: adds to the log.
prove() {
    defines=$1
    shift
    frama-c -machdep "$machdep" -cpp-extra-args="-undef $defines -Iinclude -I$dir/src -I$dir" "$@" -wp -wp-share "$dir/share" -wp-rte \
        -wp-prover z3,cvc4 -wp-par "${JOBS:-2}" -wp-timeout 60 >>"$log" 2>&1 || fail "frama-c failed: see $log"
}

# fh_space_find is not in these files: its contract is assumed.
functions=$(grep -vx fh_space_find "$dir/proved" && sed -n 's/^[a-z].* \**\([a-z_]*\)(.*)$/\1/p' $here/proof.c | grep -v '^uses$')
prove '' $here/proof.c -wp-fct "$(echo $functions | tr ' ' ',')"
prove -DNO_FACTS $here/lemmas.c
prove '' $here/lemmas.c -wp-prop=inverse

# A function that the front end left out has no goals: silence is no proof.
for f in $functions; do
    grep -q "annotating function $f\$" "$log" || fail "$f was not looked at"
done
awk -v machdep="$machdep" '
    /^\[wp\] Proved goals:/ { proved += $4; of += $6 }
    /^\[wp\] \[(Failed|Timeout|Unknown)\]/ { print "not proved on " machdep ": " $NF; bad++ }
    /(Missing assigns|degenerated|Stronger goal)/ { print; bad++ }
    END {
        printf "wp: %d of %d goals proved on %s\n", proved, of, machdep
        exit proved != of || of == 0 || bad != 0
    }' "$log" >"$dir/count"
status=$?
cat "$dir/count"
exit $status
