# SPDX-License-Identifier: MIT
#
# report.awk - facts as tables, plain or, with markdown set, as Markdown.
#
# In: facts (see facts.awk), and in any order lines with more fields, which are shown as they are under the tables: the broken.
# Must not know: limits.
BEGIN {
    n = split("malloc+free +realloc +aligned+create everything single-list single-list-all", sets, " ")
    sets[0] = n
}
NF > 2 && $1 == "broken" { notes[++n_notes] = $0; next }
NF != 2 { next }
{ value[$1] = $2; split($1, part, "/") }
part[1] == "size" { note(targets, part[2]) }
part[1] == "stack" { note(stacked, part[2]); note(functions, part[3]) }
part[1] == "control" { note(bits, part[2]); note(heaps, part[3]) }
part[1] == "blocks" { note(small, part[2] "/" part[3]) }

# Appends to a list kept in an array, list[0] being its length.
function note(list, item,    i) {
    for (i = 1; i <= list[0] + 0; i++) if (list[i] == item) return
    list[++list[0]] = item
}
function begin(title) { line = ""; cells = 0; print markdown ? "\n**" title "**\n" : "\n" title }
function cell(text) {
    cells++
    line = line (markdown ? "| " text " " : sprintf(cells == 1 ? "%-22s" : " %15s", text))
}
function end_row(is_head,    i, rule) {
    print markdown ? line "|" : line
    if (markdown && is_head) {
        for (i = 1; i <= cells; i++) rule = rule (i == 1 ? "|---" : "|---:")
        print rule "|"
    }
    line = ""
    cells = 0
}
function shown(name) { return name in value ? value[name] : "-" }
END {
    begin("Code, bytes at -Os, unused functions removed at link time")
    cell("target")
    for (s = 1; s <= sets[0]; s++) cell(sets[s])
    end_row(1)
    for (t = 1; t <= targets[0]; t++) {
        cell(targets[t])
        for (s = 1; s <= sets[0]; s++) cell(shown("size/" targets[t] "/" sets[s]))
        end_row()
    }
    for (t = 1; t <= targets[0]; t++) variables += value["variables/" targets[t]]
    print markdown ? "\ndata and bss, all targets: " variables + 0 " bytes" : "data and bss, all targets: " variables + 0 " bytes"

    begin("Control memory, bytes of a fresh heap that are not in blocks")
    cell("heap")
    for (b = 1; b <= bits[0]; b++) {
        cell(bits[b] "-bit, fixed")
        cell(bits[b] "-bit, growing")
        cell(bits[b] "-bit, 1 list")
    }
    end_row(1)
    for (h = 1; h <= heaps[0]; h++) {
        cell(heaps[h] < 1048576 ? heaps[h] / 1024 " KiB" : heaps[h] / 1048576 " MiB")
        for (b = 1; b <= bits[0]; b++) {
            cell(shown("control/" bits[b] "/" heaps[h] "/fixed/full"))
            cell(shown("control/" bits[b] "/" heaps[h] "/growing/full"))
            cell(shown("control/" bits[b] "/" heaps[h] "/fixed/single"))
        }
        end_row()
    }
    for (i = 1; i <= small[0]; i++) {
        split(small[i], part, "/")
        printf "%sa heap of %d bytes holds %s blocks of 8 bytes, %s-bit; with one list %s\n", markdown ? "\n" : "", part[2], \
            shown("blocks/" small[i] "/full"), part[1], shown("blocks/" small[i] "/single")
    }

    begin("Stack, bytes at -Os: the deepest path, callbacks and caches excluded")
    cell("function")
    for (t = 1; t <= stacked[0]; t++) cell(stacked[t])
    end_row(1)
    for (f = 1; f <= functions[0]; f++) {
        cell(functions[f])
        for (t = 1; t <= stacked[0]; t++) cell(shown("stack/" stacked[t] "/" functions[f]))
        end_row()
    }
    for (i = 1; i <= n_notes; i++) print (i == 1 ? "\n" : "") notes[i]
}
