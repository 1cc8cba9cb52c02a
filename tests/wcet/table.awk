# SPDX-License-Identifier: MIT
#
# table.awk - what the counts of one machine say: typical, 99th percentile and worst, by sequence and by free blocks.
#
# In: run.sh's file; title. With brief set, a line for each function: the recorded programs' calls, and the worst of all that are met in one
# region, but for heaps whose last list is long. Must not know: limits.
$1 == "phase" { name[$2] = $3; holes[$2] = $4; next }
$1 == "name" { fn[$2] = $3; fns = $2 + 1; next }
$1 == "count" && name[$2] == "regions" { add($3, holes[$2] " regions", $4, $5); next }
$1 == "count" {
    add($3, name[$2], $4, $5)
    if (holes[$2] == 0) add($3, "recorded", $4, $5)
    if (name[$2] !~ /^(refused|little|last)$/ && (fn[$3] != "fh_realloc" || name[$2] ~ /^(worst|huge)$/)) add($3, "met", $4, $5)
    if (name[$2] != "refused" && holes[$2] > 0) add($3, holes[$2] " free", $4, $5)
}
function add(f, group, n, calls) {
    if (!((f, group) in total)) groups[f, ++n_groups[f]] = group
    hist[f, group, n] += calls
    total[f, group] += calls
    if (n > max[f, group] + 0) max[f, group] = n
}
# The least count that at least that share of the calls does not exceed.
function percentile(f, group, share,    n, sum) {
    for (n = 0; n <= max[f, group]; n++) {
        sum += hist[f, group, n]
        if (sum >= share * total[f, group]) return n
    }
}
function section(f, pattern,    i, g) {
    for (i = 1; i <= n_groups[f]; i++) {
        g = groups[f, i]
        if (g ~ pattern)
            printf "  %-12s %9d %7d %7d %7d\n", g, total[f, g], percentile(f, g, .5), percentile(f, g, .99), max[f, g]
    }
}
# Of a call that no recorded program makes, the sequence `mixed`.
function line(f,    g) {
    g = (f, "recorded") in total ? "recorded" : "mixed"
    printf "  %-18s %7d %7d %7d%s\n", fn[f], percentile(f, g, .5), percentile(f, g, .99), max[f, "met"], g == "mixed" ? "  (typical: mixed)" : ""
}
END {
    if (brief) {
        printf "%s, instructions per call\n  %-18s %7s %7s %7s\n", title, "", "p50", "p99", "worst"
        for (f = 0; f < fns; f++) if (fn[f] ~ /^fh_/) line(f)
        exit
    }
    for (f = 0; f < fns; f++) {
        printf "%s, %s: instructions per call\n  %-12s %9s %7s %7s %7s\n", title, fn[f], "", "calls", "p50", "p99", "max"
        section(f, "^[a-z]")
        section(f, " free$")
        section(f, " regions$")
    }
}
