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
{ value[$1] = $2; n_parts = split($1, part, "/") }
{ is_small = part[2] ~ /-small$/ || part[n_parts] ~ /^small/ }
part[1] == "size" && !is_small { note(targets, part[2]) }
part[1] == "size" && is_small { note(small_targets, part[2]) }
part[1] == "stack" && !is_small { note(stacked, part[2]); note(functions, part[3]) }
part[1] == "stack" && is_small { note(small_stacked, part[2]); note(small_functions, part[3]) }
part[1] == "control" { note(bits, part[2]) }
part[1] == "control" && !is_small { note(heaps, part[3]) }
part[1] == "control" && is_small { note(small_heaps, part[3]) }
part[1] == "blocks" { note(counted, part[2] "/" part[3]) }

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
function plain(target) { sub(/-small$/, "", target); return target }
function code(title, list,    s, t) {
    if (!list[0]) return
    begin(title)
    cell("target")
    for (s = 1; s <= sets[0]; s++) cell(sets[s])
    end_row(1)
    for (t = 1; t <= list[0]; t++) {
        cell(plain(list[t]))
        for (s = 1; s <= sets[0]; s++) cell(shown("size/" list[t] "/" sets[s]))
        end_row()
        variables += value["variables/" list[t]]
    }
}
# columns: names of kinds and builds, KIND/BUILD, with what the table calls them.
function control(title, list, columns, names,    n, column, name, b, h, c) {
    if (!list[0]) return
    n = split(columns, column, " ")
    split(names, name, ",")
    begin(title)
    cell("heap")
    for (b = 1; b <= bits[0]; b++) for (c = 1; c <= n; c++) cell(bits[b] "-bit, " name[c])
    end_row(1)
    for (h = 1; h <= list[0]; h++) {
        cell(list[h] % 1048576 == 0 ? list[h] / 1048576 " MiB" : list[h] % 1024 == 0 ? list[h] / 1024 " KiB" : list[h] " bytes")
        for (b = 1; b <= bits[0]; b++) for (c = 1; c <= n; c++) cell(shown("control/" bits[b] "/" list[h] "/" column[c]))
        end_row()
    }
}
function stack(title, targets, functions,    t, f) {
    if (!targets[0]) return
    begin(title)
    cell("function")
    for (t = 1; t <= targets[0]; t++) cell(plain(targets[t]))
    end_row(1)
    for (f = 1; f <= functions[0]; f++) {
        cell(functions[f])
        for (t = 1; t <= targets[0]; t++) cell(shown("stack/" targets[t] "/" functions[f]))
        end_row()
    }
}
END {
    code("Code, bytes at -Os, unused functions removed at link time", targets)
    code("Code of the small core, the same way", small_targets)
    print markdown ? "\ndata and bss, all targets: " variables + 0 " bytes" : "data and bss, all targets: " variables + 0 " bytes"
    control("Control memory, bytes of a fresh heap that are not in blocks", heaps, "fixed/full growing/full fixed/single", "fixed,growing,1 list")
    control("Control memory of the small core, up to its largest heap", small_heaps, "fixed/small fixed/small-single", "fixed,1 list")
    for (i = 1; i <= counted[0]; i++) {
        split(counted[i], part, "/")
        printf "%sa heap of %d bytes holds %s blocks of 8 bytes, %s-bit; with one list %s; the small core %s and %s\n", markdown ? "\n" : "", part[2], \
            shown("blocks/" counted[i] "/full"), part[1], shown("blocks/" counted[i] "/single"), shown("blocks/" counted[i] "/small"), \
            shown("blocks/" counted[i] "/small-single")
    }
    stack("Stack, bytes at -Os: the deepest path, the port's callbacks and caches excluded", stacked, functions)
    stack("Stack of the small core, the same way", small_stacked, small_functions)
    for (i = 1; i <= n_notes; i++) print (i == 1 ? "\n" : "") notes[i]
}
