# SPDX-License-Identifier: MIT
#
# breakdown.awk - one target's bytes function by function; a column for each set, empty where a set does not have it.
#
# In: measure.sh's rows.
{ target = $2 }
$1 == "size" || $1 == "broken" { sets[++n_sets] = $3 }
$1 == "size" { text[$3] = $4 + $5 }
$1 == "broken" { reason[$3] = $0; text[$3] = "broken" }
$1 == "func" {
    if (!($5 in largest)) names[++n_names] = $5
    bytes[$3, $5] = $4
    if ($4 > largest[$5] + 0) largest[$5] = $4
}
function row(label,    i) {
    printf "%-22s", label
    for (i = 1; i <= n_sets; i++) printf " %15s", cell[i]
    print ""
}
END {
    for (i = 1; i <= n_sets; i++) cell[i] = sets[i]
    row(target " -Os")
    for (i = 1; i <= n_sets; i++) cell[i] = text[sets[i]]
    row("all")
    for (shown = 0; shown < n_names; shown++) {
        best = ""
        for (k = 1; k <= n_names; k++) if (names[k] in largest && (best == "" || largest[names[k]] > largest[best])) best = names[k]
        for (i = 1; i <= n_sets; i++) cell[i] = bytes[sets[i], best]
        row(best)
        delete largest[best]
    }
    for (set in reason) print reason[set]
}
