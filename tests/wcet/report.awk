# SPDX-License-Identifier: MIT
#
# report.awk - facts as a table, plain or, with markdown set, as Markdown. In: facts (see facts.awk). Must not know: limits.
NF == 2 {
    value[$1] = $2
    split($1, part, "/")
    note(machines, part[2])
}
function note(list, item,    i) {
    for (i = 1; i <= list[0] + 0; i++) if (list[i] == item) return
    list[++list[0]] = item
}
function row(first,    i, line) {
    line = markdown ? "| " first " " : sprintf("%-28s", first)
    for (i = 1; i <= n; i++) line = line (markdown ? "| " cell[i] " " : sprintf(" %11s", cell[i]))
    print markdown ? line "|" : line
    n = 0
}
function add(text) { cell[++n] = text }
function rule(    i, line) {
    for (i = 0; i <= 1 + columns; i++) line = line (i == 0 ? "|" : i == 1 ? "---|" : "---:|")
    print line
}
# No recorded program asks for alignment: then it is that of the made sequence `mixed`, marked.
function typical(at) { return (at "p50") in value || !((at "p50/mixed") in value) ? shown(at "p50") : value[at "p50/mixed"] "*" }
function shown(name) { return name in value ? value[name] : "-" }
END {
    print markdown ? "**Instructions per call**\n" : "Instructions per call"
    split("fh_malloc fh_free fh_realloc fh_aligned_alloc", fns, " ")
    add("typical"); add("99 of 100"); add("worst"); add("bound"); add("10 free"); add("1,000"); add("100,000"); add("huge"); add("refused"); add("8 regions"); add("64 regions")
    columns = n
    row("")
    if (markdown) rule()
    for (m = 1; m <= machines[0]; m++) {
        for (f = 1; f <= 4; f++) {
            at = "wcet/" machines[m] "/" fns[f] "/"
            add(typical(at)); add(shown(at "p99")); add(shown(at "worst")); add(shown(at "bound/any"))
            add(shown(at "worst/10")); add(shown(at "worst/1000")); add(shown(at "worst/100000"))
            add(shown(at "huge")); add(shown(at "refused")); add(shown(at "regions/8")); add(shown(at "regions/64"))
            row(machines[m] " " fns[f])
        }
    }
    print ""
    print "typical, 99 of 100: calls of recorded programs (* of a made sequence: none of them asks for alignment). worst: these, made"
    print "ones and those built to hurt, in one region, on requests that are met; bound: the longest path through the image, see below;"
    print "then the worst by the number of free blocks, without the sequence that takes blocks of up to some megabytes; huge: that one."
    print "refused: requests that nothing meets. A realloc's worst leaves out the copy, but for three words."
    bounds()
}
function pair(at, kind) { add(shown(at "measured/" kind)); add(shown(at "bound/" kind)) }
function bounds(    m, f, at) {
    print markdown ? "\n**Longest measured call, and longest path**\n" : "\nLongest measured call, and longest path"
    add("any"); add("path"); add("plain"); add("path"); add("small"); add("path"); add("refused"); add("path"); add("8 regions"); add("path")
    add("lookups"); add("each"); add("a level")
    columns = n
    row("")
    if (markdown) rule()
    for (m = 1; m <= machines[0]; m++) {
        for (f = 1; f <= 4; f++) {
            at = "wcet/" machines[m] "/" fns[f] "/"
            if (!((at "bound/any") in value)) continue
            pair(at, "any"); pair(at, "plain"); pair(at, "small"); pair(at, "refused"); pair(at, "regions/8")
            add(shown(at "lookups")); add(shown(at "lookup")); add(shown(at "level"))
            row(machines[m] " " fns[f])
        }
    }
    print ""
    print "path: instructions of the longest one through the linked image, with each loop as often as tests/wcet/loops says, with its"
    print "reason, for any heap without damage, hooks and caches. any: one region, requests that are met, blocks of any size; plain: a"
    print "realloc of a block that was not aligned; small: free and used blocks below 2^16 granules. The path need not be possible:"
    print "tests on it may exclude each other. A realloc copies three words. lookups: where there are several regions, how often a request"
    print "that is met, or a free, looks for one of them; what each costs more, and each level of the tree of regions below its first."
}
