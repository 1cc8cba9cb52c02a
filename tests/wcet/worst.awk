# SPDX-License-Identifier: MIT
#
# worst.awk - where the dearest call of each function spent its instructions, function by function.
#
# The dearest of those that were met, that were refused, and of a heap in many regions, each on its own.
# In: a list of `NAME ADDRESS SIZE` (hexadecimal, decimal), then run.sh's file twice.
function hex(s,    i, n) {
    sub(/^0x/, "", s)
    for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
    return n + 0
}
FNR == 1 { file++ }
file == 1 { if ($3 > 0) { from[++n] = hex($2); size[n] = $3; symbol[n] = $1 } next }
$1 == "phase" { kind[$2] = $3 ~ /^(refused|regions)$/ ? $3 : "met"; label[$2] = $3 " " $4; next }
$1 == "name" { fn[$2] = $3; next }
$1 == "worst" && file == 2 {
    if ($5 > most[$3, kind[$2]] + 0) {
        most[$3, kind[$2]] = $5
        chosen[$3, kind[$2]] = $2
        call[$3, kind[$2]] = $4
    }
}
$1 == "step" && file == 3 && chosen[$3, kind[$2]] == $2 {
    key = $3 SUBSEP kind[$2]
    pc = hex($4)
    where = "?"
    for (i = 1; i <= n; i++) if (pc >= from[i] && pc < from[i] + size[i]) where = symbol[i]
    if (!((key, where) in spent)) order[key, ++n_order[key]] = where
    spent[key, where] += $5
}
END {
    split("met refused regions", kinds, " ")
    for (f = 0; f in fn; f++) {
        for (k = 1; k <= 3; k++) {
            key = f SUBSEP kinds[k]
            if (!(key in most)) continue
            printf "%s, %s: %d instructions (%s, call %d)\n", fn[f], kinds[k], most[key], label[chosen[key]], call[key]
            for (i = 1; i <= n_order[key]; i++) printf "  %6d  %s\n", spent[key, order[key, i]], order[key, i]
        }
    }
}
