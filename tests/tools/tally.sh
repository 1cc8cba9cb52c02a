#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tally.sh DIR SUITE ... - adds up what the suites left and ends in `N passed, N failed`.
#
# A suite leaves a file DIR/SUITE whose lines are `pass NAME`, `fail NAME` or `skip NAME REASON`. A suite that left no file, or
# a file without a pass or fail, counts as one failure: silence is not success.
set -u
dir=$1
shift
passed=0 failed=0 skipped=0
for suite in "$@"; do
    file=$dir/$suite
    if [ ! -s "$file" ]; then
        echo "FAIL  $suite: left no result"
        failed=$((failed + 1))
        continue
    fi
    p=$(grep -c '^pass ' "$file")
    f=$(grep -c '^fail ' "$file")
    s=$(grep -c '^skip ' "$file")
    printf '%-12s %5d passed, %d failed' "$suite" "$p" "$f"
    [ "$s" -eq 0 ] || printf ', %d skipped' "$s"
    echo
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ $((p + f + s)) -eq 0 ]; then
        echo "FAIL  $suite: ran nothing"
        failed=$((failed + 1))
    fi
done
for suite in "$@"; do
    [ -f "$dir/$suite" ] || continue
    sed -n "s/^fail /FAIL  $suite: /p; s/^skip /skipped  $suite: /p" "$dir/$suite"
done
if [ "$skipped" -eq 0 ]; then
    echo "$passed passed, $failed failed"
else
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" -eq 0 ] && { [ "$skipped" -eq 0 ] || [ "${STRICT:-0}" != 1 ]; }
