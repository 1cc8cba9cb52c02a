#!/bin/sh
# SPDX-License-Identifier: MIT
#
# judge.sh REPORT LINES BRANCHES - prints the two figures of llvm-cov's report, in percent; status 1 if one of them is missing
# or below what it should be.
set -u
awk -v least_lines="$2" -v least_branches="$3" -v report="$1" '
$1 == "TOTAL" && NF == 13 { lines = 0 + $10; branches = 0 + $13; seen = 1 }
END {
    if (!seen) {
        print "coverage: no total in " report
        exit 1
    }
    printf "coverage of src/: %.2f %% of lines (at least %s), %.2f %% of branches (at least %s); see %s and lines.txt beside it\n",
        lines, least_lines, branches, least_branches, report
    exit lines < least_lines || branches < least_branches
}' "$1"
