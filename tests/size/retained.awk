# SPDX-License-Identifier: MIT
#
# retained.awk - what would go if a function were not called: its own bytes, and those of all that is reached only through it.
#
# In: measure.sh's rows; then the compiler's call graphs of the full build. set: the set of functions to look at; roots: its
# public calls. Shows the functions that hold most.
$1 == "func" && $3 == set { bytes[$5] = $4; total += $4; next }
/^edge:/ {
    from = plain($0, "sourcename")
    to[from, ++calls[from]] = plain($0, "targetname")
}
function plain(line, key,    rest) {
    rest = substr(line, index(line, key ": \"") + length(key) + 3)
    rest = substr(rest, 1, index(rest, "\"") - 1)
    sub(/^.*:/, "", rest)
    return rest
}
function reach(f,    i, sum) {
    if (f == without || f in seen || !(f in bytes)) return 0
    seen[f] = 1
    sum = bytes[f]
    for (i = 1; i <= calls[f]; i++) sum += reach(to[f, i])
    return sum
}
function reach_all(    i, sum, f) {
    for (f in seen) delete seen[f]
    for (i = 1; i <= n_roots; i++) sum += reach(root[i])
    return sum
}
END {
    n_roots = split(roots, root, " ")
    all = reach_all()
    for (f in bytes) {
        without = f
        held[f] = all - reach_all()
    }
    printf "%s: %d bytes; what each function holds, with all that is reached only through it\n", set, total
    for (shown = 0; shown < 24; shown++) {
        best = ""
        for (f in held) if (best == "" || held[f] > held[best] || (held[f] == held[best] && f < best)) best = f
        if (best == "") break
        printf "  %6d  %s\n", held[best], best
        delete held[best]
    }
}
