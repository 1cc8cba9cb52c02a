# SPDX-License-Identifier: MIT
#
# table.awk - what the counts of one target say: typical, 99th percentile and worst, by sequence and by free blocks.
#
# In: run.sh's file; title. Must not know: limits.
$1 == "phase" { name[$2] = $3; holes[$2] = $4; phases = $2 + 1; next }
$1 == "name" { fn[$2] = $3; fns = $2 + 1; next }
$1 == "count" {
    add($3, "all of " name[$2], $4, $5)
    add($3, holes[$2] " free", $4, $5)
    next
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
function show(f, group, label) {
    printf "  %-12s %9d %7d %7d %7d\n", label, total[f, group], percentile(f, group, .5), percentile(f, group, .99), max[f, group]
}
function section(f, pattern, strip,    i, group, label) {
    for (i = 1; i <= n_groups[f]; i++) {
        group = groups[f, i]
        if (group !~ pattern) continue
        label = group
        sub(strip, "", label)
        show(f, group, label)
    }
}
END {
    for (f = 0; f < fns; f++) {
        printf "%s, %s: instructions per call\n  %-12s %9s %7s %7s %7s\n", title, fn[f], "", "calls", "p50", "p99", "max"
        section(f, "^all of ", "^all of ")
        section(f, " free$", "^$")
    }
}
