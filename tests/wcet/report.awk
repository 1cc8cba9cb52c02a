# SPDX-License-Identifier: MIT
#
# report.awk - facts as a table, plain or, with markdown set, as Markdown. In: facts (see facts.awk). Must not know: limits.
NF == 2 {
    value[$1] = $2
    split($1, part, "/")
    if (part[2] ~ /-(small|same)$/) note(spanned, part[2])
    else note(machines, part[2])
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
    split("fh_malloc fh_free fh_realloc fh_aligned_alloc", fns, " ")
    if (machines[0]) { whole(); bounds() }
    if (spanned[0]) { if (machines[0]) print ""; span(); span_bounds() }
}
function whole(    m, f, at) {
    print markdown ? "**Instructions per call**\n" : "Instructions per call"
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
}
# The small core, beside the other one on the same sequences.
function span(    m, f, at) {
    print markdown ? "**Instructions per call, in one span of 65,535 granules**\n" : "Instructions per call, in one span of 65,535 granules"
    add("typical"); add("99 of 100"); add("worst"); add("bound"); add("10 free"); add("1,000"); add("most"); add("huge"); add("refused"); add("little"); add("5 last"); add("500 last")
    columns = n
    row("")
    if (markdown) rule()
    for (m = 1; m <= spanned[0]; m++) {
        for (f = 1; f <= 4; f++) {
            at = "wcet/" spanned[m] "/" fns[f] "/"
            add(typical(at)); add(shown(at "p99")); add(shown(at "worst")); add(shown(at "bound/any"))
            add(shown(at "worst/10")); add(shown(at "worst/1000")); add(shown(at "worst/most"))
            add(shown(at "huge")); add(shown(at "refused")); add(shown(at "little")); add(shown(at "last/5")); add(shown(at "last/500"))
            row(spanned[m] " " fns[f])
        }
    }
    print ""
    print "small: the small core; same: the other core, the same sequences. typical, 99 of 100: what embedded programs are taken to do (queue,"
    print "packet; * of a made sequence). most: with the most free blocks that leave room for the sequences. worst leaves out what follows: little:"
    print "heaps of up to 2 KiB, whose last list holds several sizes; last: a heap made on 512 bytes and extended to all memory, so many blocks on"
    print "its last list, which is searched whole."
}
function pair(at, kind) { add(shown(at "measured/" kind)); add(shown(at "bound/" kind)) }
function has_bounds(list,    m, f, any) {
    for (m = 1; m <= list[0]; m++) for (f = 1; f <= 4; f++) any = any || ("wcet/" list[m] "/" fns[f] "/bound/any") in value
    return any
}
function span_bounds(    m, f, at) {
    if (!has_bounds(spanned)) return
    print markdown ? "\n**Longest measured call, and longest path, of the small core**\n" : "\nLongest measured call, and longest path, of the small core"
    add("any"); add("path"); add("little"); add("path")
    columns = n
    row("")
    if (markdown) rule()
    for (m = 1; m <= spanned[0]; m++) {
        for (f = 1; f <= 4; f++) {
            at = "wcet/" spanned[m] "/" fns[f] "/"
            if (!((at "bound/any") in value)) continue
            pair(at, "any"); pair(at, "little")
            row(spanned[m] " " fns[f])
        }
    }
    print ""
    print "any: a heap made on 2 KiB or more and not extended, requests that are met; little: a smaller one. See tests/wcet/loops-small."
}
function bounds(    m, f, at) {
    if (!has_bounds(machines)) return
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
