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
# A line for each call on each machine of the list, where the fact `needed` is there, if one is named; columns are `head=fact;head=fact`.
function table(list, title, columns_are, needed,    c, f, m, at, column, part, fact) {
    print markdown ? "**" title "**\n" : title
    columns = split(columns_are, column, ";")
    for (c = 1; c <= columns; c++) {
        split(column[c], part, "=")
        add(part[1])
        fact[c] = part[2]
    }
    row("")
    if (markdown) rule()
    for (m = 1; m <= list[0]; m++) {
        for (f = 1; f <= 4; f++) {
            at = "wcet/" list[m] "/" fns[f] "/"
            if (needed != "" && !((at needed) in value)) continue
            for (c = 1; c <= columns; c++) add(fact[c] == "p50" ? typical(at) : shown(at fact[c]))
            row(list[m] " " fns[f])
        }
    }
    print ""
}
function whole() {
    table(machines, "Instructions per call", \
        "typical=p50;99 of 100=p99;worst=worst;bound=bound/any;10 free=worst/10;1,000=worst/1000;100,000=worst/100000;" \
        "huge=huge;refused=refused;8 regions=regions/8;64 regions=regions/64")
    print "typical, 99 of 100: calls of recorded programs (* of a made sequence: none of them asks for alignment). worst: these, made"
    print "ones and those built to hurt, in one region, on requests that are met; bound: the longest path through the image, see below;"
    print "then the worst by the number of free blocks, without the sequence that takes blocks of up to some megabytes; huge: that one."
    print "refused: requests that nothing meets. A realloc's worst leaves out the copy, but for three words."
}
# The small core, beside the other one on the same sequences.
function span() {
    table(spanned, "Instructions per call, in one span of 65,535 granules", \
        "typical=p50;99 of 100=p99;worst=worst;bound=bound/any;10 free=worst/10;1,000=worst/1000;most=worst/most;" \
        "huge=huge;refused=refused;little=little;5 last=last/5;500 last=last/500")
    print "small: the small core; same: the other core, the same sequences. typical, 99 of 100: what embedded programs are taken to do (queue,"
    print "packet; * of a made sequence). most: with the most free blocks that leave room for the sequences. worst leaves out what follows: little:"
    print "heaps of up to 2 KiB, whose last list holds several sizes; last: a heap made on 512 bytes and extended to all memory, so many blocks on"
    print "its last list, which is searched whole."
}
function has_bounds(list,    m, f, any) {
    for (m = 1; m <= list[0]; m++) for (f = 1; f <= 4; f++) any = any || ("wcet/" list[m] "/" fns[f] "/bound/any") in value
    return any
}
function span_bounds() {
    if (!has_bounds(spanned)) return
    print ""
    table(spanned, "Longest measured call, and longest path, of the small core", \
        "any=measured/any;path=bound/any;little=measured/little;path=bound/little", "bound/any")
    print "any: a heap made on 2 KiB or more and not extended, requests that are met; little: a smaller one. See tests/wcet/loops-small."
}
function bounds() {
    if (!has_bounds(machines)) return
    print ""
    table(machines, "Longest measured call, and longest path", \
        "any=measured/any;path=bound/any;plain=measured/plain;path=bound/plain;small=measured/small;path=bound/small;" \
        "refused=measured/refused;path=bound/refused;8 regions=measured/regions/8;path=bound/regions/8;" \
        "lookups=lookups;each=lookup;a level=level", "bound/any")
    print "path: instructions of the longest one through the linked image, with each loop as often as tests/wcet/loops says, with its"
    print "reason, for any heap without damage, hooks and caches. any: one region, requests that are met, blocks of any size; plain: a"
    print "realloc of a block that was not aligned; small: free and used blocks below 2^16 granules. The path need not be possible:"
    print "tests on it may exclude each other. A realloc copies three words. lookups: where there are several regions, how often a request"
    print "that is met, or a free, looks for one of them; what each costs more, and each level of the tree of regions below its first."
}
