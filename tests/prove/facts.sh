#!/bin/sh
# SPDX-License-Identifier: MIT
#
# facts.sh DIR - shows each fact of words.facts for all words, with z3. Prints one line; fails unless all of them hold.
set -u
dir=$1
mkdir -p "$dir" || exit 1
awk -v as=smt -f tests/prove/facts.awk tests/prove/words.facts >"$dir/facts.smt2" || exit 1
z3 -T:600 "$dir/facts.smt2" >"$dir/answers" || exit 1
asked=$(grep -c '^(check-sat)' "$dir/facts.smt2")
held=$(grep -c '^unsat$' "$dir/answers")
if [ "$asked" -eq 0 ] || [ "$held" -ne "$asked" ]; then
    echo "facts: $held of $asked hold; not so:" >&2
    grep -B1 -x 'sat\|unknown\|timeout' "$dir/answers" >&2
    exit 1
fi
echo "facts: $held of $asked facts of words hold for all words" | tee "$dir/count"
