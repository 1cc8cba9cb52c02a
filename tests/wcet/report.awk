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
# No recorded program asks for alignment: then it is that of the made sequence `mixed`, marked.
function typical(at) { return (at "p50") in value || !((at "p50/mixed") in value) ? shown(at "p50") : value[at "p50/mixed"] "*" }
function shown(name) { return name in value ? value[name] : "-" }
END {
    print markdown ? "**Instructions per call**\n" : "Instructions per call"
    split("fh_malloc fh_free fh_realloc fh_aligned_alloc", fns, " ")
    add("typical"); add("99 of 100"); add("worst"); add("10 free"); add("1,000"); add("100,000"); add("huge"); add("refused"); add("8 regions"); add("64 regions")
    row("")
    if (markdown) print "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (m = 1; m <= machines[0]; m++) {
        for (f = 1; f <= 4; f++) {
            at = "wcet/" machines[m] "/" fns[f] "/"
            add(typical(at)); add(shown(at "p99")); add(shown(at "worst"))
            add(shown(at "worst/10")); add(shown(at "worst/1000")); add(shown(at "worst/100000"))
            add(shown(at "huge")); add(shown(at "refused")); add(shown(at "regions/8")); add(shown(at "regions/64"))
            row(machines[m] " " fns[f])
        }
    }
    print markdown ? "" : ""
    print "typical, 99 of 100: calls of recorded programs (* of a made sequence: none of them asks for alignment). worst: these, made"
    print "ones and those built to hurt, in one region, on requests that are met; then the same by the number of free blocks, without"
    print "blocks of a megabyte and more; huge: with them. refused: requests that nothing meets. A realloc's worst leaves out the copy,"
    print "but for a few words."
}
