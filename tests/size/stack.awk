# SPDX-License-Identifier: MIT
#
# stack.awk - the deepest stack under each public function, from the compiler's own call graph (gcc -fcallgraph-info=su).
#
# Promise: an upper bound, in bytes, return addresses included as the target keeps them: the largest sum of frames on any
# path, whether or not that path can be taken, and a tail call counted as if its caller's frame stayed. Not counted: what the
# port's callbacks use, and what the port's caches use, which are called through pointers (`calls` says where that may be).
# Refuses to answer (writes `unbounded`) where a frame's size is known only at run time, a call leads outside, or a function reaches itself.
#
# In: .ci files; target, public (names). Out: lines  stack TARGET FUNCTION bytes PATH
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
}
function quoted(line, key,    rest) {
    rest = substr(line, index(line, key ": \"") + length(key) + 3)
    return substr(rest, 1, index(rest, "\"") - 1)
}
function plain(title) {
    sub(/^.*:/, "", title)
    return title
}
# The depth below and with the function; -1 if there is no bound. path[f] is the way to it.
function depth(f,    i, d, worst, callee) {
    if (f in known) return known[f]
    if (f in open || !(f in frame) || f in dynamic) {
        why[f] = f in open ? "recursion" : f in dynamic ? "frame of unknown size" : "unknown function"
        path[f] = plain(f) " (" why[f] ")"
        return -1
    }
    open[f] = 1
    worst = 0
    path[f] = plain(f) ":" frame[f]
    for (i = 1; i <= calls[f]; i++) {
        callee = to[f, i]
        if (callee == "__indirect_call") continue
        d = depth(callee)
        if (d < 0) { worst = -1; path[f] = plain(f) ">" path[callee]; break }
        if (d > worst) { worst = d; path[f] = plain(f) ":" frame[f] ">" path[callee] }
    }
    delete open[f]
    return known[f] = worst < 0 ? -1 : worst + frame[f]
}
END {
    n = split(public, names, /[ \n]+/)
    for (i = 1; i <= n; i++) {
        f = names[i]
        if (!(f in frame)) continue
        d = depth(f)
        print "stack", target, f, d < 0 ? "unbounded" : d, path[f]
    }
}
