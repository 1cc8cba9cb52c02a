# SPDX-License-Identifier: MIT
#
# worst.awk - where the dearest call of each function spent its instructions, function by function.
#
# In: a list of `NAME ADDRESS SIZE` (hexadecimal, decimal), then run.sh's file.
function hex(s,    i, n) {
    sub(/^0x/, "", s)
    for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
    return n + 0
}
FNR == NR { if ($3 > 0) { from[++n] = hex($2) - hex($2) % 2; size[n] = $3; symbol[n] = $1 } next }
$1 == "phase" { phase[$2] = $3 " with " $4 " free blocks"; next }
$1 == "name" { fn[$2] = $3; next }
$1 == "worst" {
    flush()
    printf "%s: %d instructions (%s, call %d)\n", fn[$2], $5, phase[$3], $4
    next
}
$1 == "step" {
    pc = hex($3)
    where = "?"
    for (i = 1; i <= n; i++) if (pc >= from[i] && pc < from[i] + size[i]) where = symbol[i]
    if (!(where in spent)) order[++n_order] = where
    spent[where] += $4
}
function flush(    i) {
    for (i = 1; i <= n_order; i++) printf "  %6d  %s\n", spent[order[i]], order[i]
    for (i = 1; i <= n_order; i++) delete spent[order[i]]
    n_order = 0
}
END { flush() }
