#!/bin/sh
# SPDX-License-Identifier: MIT
#
# wp.sh MACHDEP DIR - proves the contracts of tests/prove/*.acsl with Frama-C's WP, for one kind of machine.
#
# The sources are taken as a chip sees them for which they know no instructions: without the compiler's names, so that the loops
# of bits.h are proved and not __builtin_clz, and without atomic accesses. Everything goes to DIR; its last line, and the only one
# on the output, is the count. Fails unless each goal is proved and each function has a contract or stands in left-out.
. tests/prove/frama.sh

begin
annotate $here bits block freelist harden pool

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
provers

# fh_space_find is not in these files: its contract is assumed.
functions=$(grep -vx fh_space_find "$dir/proved" && sed -n 's/^[a-z].* \**\([a-z_]*\)(.*)$/\1/p' $here/proof.c | grep -v '^uses$')
prove '' $here/proof.c -wp-fct "$(echo $functions | tr ' ' ',')"
prove -DNO_FACTS $here/lemmas.c
prove '' $here/lemmas.c -wp-prop=inverse

conclude wp $functions
