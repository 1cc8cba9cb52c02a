# SPDX-License-Identifier: MIT
#
# judge.awk - facts against limits.
#
# In: a file of limits, lines `PATTERN <=|>= LIMIT [always]`, the pattern an extended regular expression for the whole name of a fact;
# then files of facts, lines `NAME NUMBER`. A limit that no fact matches is not held, unless partial is 1.
# Out: a verdict for each pair, and how many there are of each; with tally set, lines for tests/tools/tally.sh there instead.
# Status 1 if strict is 1 and a limit does not hold, or one that is marked `always`. Not strict, a figure beyond its limit is shown,
# and skipped in the tally.
FNR == 1 { file++ }
/^#/ || NF == 0 { next }
file == 1 { pattern[++n] = "^" $1 "$"; op[n] = $2; limit[n] = $3; always[n] = $4 == "always"; next }
NF == 2 {
    for (i = 1; i <= n; i++) {
        if ($1 !~ pattern[i]) continue
        met[i]++
        verdict(i, $1 " " $2 " " op[i] " " limit[i], op[i] == "<=" ? $2 <= limit[i] + 0 : $2 >= limit[i] + 0)
    }
}
function verdict(i, what, holds) {
    if (holds) held++; else missed++
    must = strict == 1 || always[i]
    if (!holds && must) bad = 1
    if (tally == "") {
        if (!holds) print "MISSES  " what
        else { good[i]++; last[i] = what }
        return
    }
    sub(/ /, ":", what)
    gsub(/ /, "", what)
    print (holds ? "pass " what : must ? "fail " what : "skip " what " beyond its limit") >>tally
}
END {
    for (i = 1; i <= n; i++) {
        name = substr(pattern[i], 2, length(pattern[i]) - 2)
        if (!met[i] && !partial) verdict(i, name " not measured " op[i] " " limit[i], 0)
        if (good[i] == 1) print "holds   " last[i]
        if (good[i] > 1) print "holds   " name " " op[i] " " limit[i] " (" good[i] " of " met[i] ")"
    }
    if (tally == "") printf "%d limits hold, %d do not\n", held, missed
    exit bad
}
