# SPDX-License-Identifier: MIT
#
# stack.awk - the deepest stack under each public function, from the compiler's own call graph (gcc -fcallgraph-info=su).
#
# Promise: an upper bound, in bytes, return addresses included as the target keeps them: the largest sum of frames on any
# path, whether or not that path can be taken, and a tail call counted as if its caller's frame stayed. Not counted: what the
# port's callbacks use, and what the port's caches use, which are called through pointers. The core's own pointers are in the file through.
# Refuses to answer (writes `unbounded`) where a frame's size is known only at run time, a call leads outside or through a pointer that
# is not named, or a function reaches itself.
#
# In: the file through, then .ci files, with the sources where they were for the compiler; target, public (names). Out: lines  stack TARGET FUNCTION bytes PATH
FNR == 1 { file++ }
file == 1 {
    if (/^#/ || NF == 0) next
    n_parts = split($0, part, /[ \t]*\|[ \t]*/)
    if (part[1] == "through" && n_parts == 4) { text[++n_texts] = part[2]; reached[n_texts] = part[3] }
    else if (part[1] == "never" && n_parts == 3 && split(part[2], pair, ">") == 2) { within[++n_nevers] = pair[1]; not_called[n_nevers] = pair[2] }
    else { print "stack.awk: not understood: " $0 >"/dev/stderr"; exit 1 }
    next
}
/^node:/ {
    title = quoted($0, "title")
    label = quoted($0, "label")
    if (match(label, /[0-9]+ bytes \([a-z,]*\)/)) {
        split(substr(label, RSTART, RLENGTH), part, " ")
        frame[title] = part[1] + 0
        if (part[3] == "(dynamic)") dynamic[title] = 1
    }
}
/^edge:/ {
    from = quoted($0, "sourcename")
    if (!(from in calls)) calls[from] = 0
    to[from, ++calls[from]] = quoted($0, "targetname")
    if (quoted($0, "targetname") == "__indirect_call") to[from, calls[from]] = "through " pointed(quoted($0, "label"))
}
# The function that a pointer on that line, FILE:LINE:COLUMN, leads to; `-`: it is not the core's.
function pointed(place,    part, i, line, n) {
    split(place, part, ":")
    for (n = 0; n < part[2]; n++) if ((getline line <part[1]) <= 0) break
    close(part[1])
    for (i = 1; i <= n_texts; i++) if (n == part[2] && index(line, text[i])) return reached[i]
    return "?"
}
# The function of that name, which may be plain if only one has it.
function named(name,    f, found) {
    if (name in frame) return name
    for (f in frame) if (plain(f) == name) found = f
    return found != "" ? found : name
}
function quoted(line, key,    rest) {
    rest = substr(line, index(line, key ": \"") + length(key) + 3)
    return substr(rest, 1, index(rest, "\"") - 1)
}
function plain(title) {
    sub(/^.*:/, "", title)
    return title
}
# The depth below and with the function; -1 if there is no bound. path[f, limits] is the way to it. limits: the `never` lines that hold here.
function depth(f, limits,    i, k, d, worst, callee, at) {
    for (k = 1; k <= n_nevers; k++) if (plain(f) == within[k] && !index(limits, " " k " ")) limits = limits " " k " "
    at = f SUBSEP limits
    if (at in known) { way = path[at]; return known[at] }
    if (f in open || !(f in frame) || f in dynamic) {
        way = plain(f) " (" (f in open ? "recursion" : f in dynamic ? "frame of unknown size" : "unknown function") ")"
        return -1
    }
    open[f] = 1
    worst = 0
    path[at] = plain(f) ":" frame[f]
    for (i = 1; i <= calls[f]; i++) {
        callee = to[f, i]
        if (callee == "through -") continue
        if (callee ~ /^through /) callee = named(substr(callee, 9))
        for (k = 1; k <= n_nevers; k++) if (plain(callee) == not_called[k] && index(limits, " " k " ")) break
        if (k <= n_nevers) continue
        d = depth(callee, limits)
        if (d < 0) { worst = -1; path[at] = plain(f) ">" way; break }
        if (d > worst) { worst = d; path[at] = plain(f) ":" frame[f] ">" way }
    }
    delete open[f]
    way = path[at]
    return known[at] = worst < 0 ? -1 : worst + frame[f]
}
END {
    n = split(public, names, /[ \n]+/)
    for (i = 1; i <= n; i++) {
        f = names[i]
        if (!(f in frame)) continue
        d = depth(f, "")
        print "stack", target, f, d < 0 ? "unbounded" : d, way
    }
}
