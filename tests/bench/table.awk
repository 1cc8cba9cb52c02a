# SPDX-License-Identifier: MIT
#
# table.awk - the tables of `make bench` as Markdown, and whether each figure that must hold does. kind says which file is being read.

BEGIN {
    n = split(real, names, " ")
    for (i = 1; i <= n; i++) program[names[i]] = 1
    n = split("freehold cache percpu hosted glibc jemalloc tcmalloc musl floor mimalloc", names, " ")
    for (i = 1; i <= n; i++) remember(allocators, "allocators", names[i])
    n = split("hosted glibc mimalloc jemalloc tcmalloc", names, " ")
    for (i = 1; i <= n; i++) remember(users, "users", names[i])
    n = split("none private wide larson xmalloc sharing churn", names, " ")
    for (i = 1; i <= n; i++) remember(patterns, "patterns", names[i])
}
function remember(list, count, name, key) {
    key = count SUBSEP name
    if (key in known) return
    known[key] = 1
    list[++total[count]] = name
}
kind == "fit" { remember(traces, "traces", $1); fit[$1, $2] = $3 / $9; region[$1, $2] = $3; next }
kind == "speed" { remember(allocators, "allocators", $2); ns[$1, $2] = $3; slowest[$1, $2] = $4; next }
kind == "memory" { memory[$1, $2] = $3 / $4; next }
kind == "threads" { remember(users, "users", $1); remember(patterns, "patterns", $2); mops[$2, $1, $3] = $4; next }
kind == "scale" { remember(sized, "sized", $1); remember(sizes, "sizes", $2); scale[$1, $2] = $3; latency[$1, $2] = $4; next }
kind == "count" && $1 == "call" { malloc[$2, $3, $4] = $5; free[$2, $3, $4] = $6; next }
kind == "count" { remember(counted, "counted", $3); ops[$2, $3] = $4; next }

# The geometric mean over the traces of ratios to mimalloc's time.
function speed_mean(a, programs, i, t, sum, n) {
    for (i = 1; i <= total["traces"]; i++) {
        t = traces[i]
        if ((programs && !(t in program)) || !((t, a) in ns) || !((t, "mimalloc") in ns)) continue
        sum += log(ns[t, a] / ns[t, "mimalloc"])
        n++
    }
    return n != 0 ? exp(sum / n) : 0
}
function fit_mean(a, programs, i, t, sum, n) {
    for (i = 1; i <= total["traces"]; i++) {
        t = traces[i]
        if ((programs && !(t in program)) || !((t, a) in fit)) continue
        sum += log(fit[t, a])
        n++
    }
    return n != 0 ? exp(sum / n) : 0
}
function row(first, cells) { printf "| %-22s |%s\n", first, cells }
function line(count, i, s) { s = "|:--|"; for (i = 1; i <= count; i++) s = s "--:|"; print s }
# A claim, what was measured and what must be.
function must(what, value, most, format) {
    claim(what, value, "at most " most, value == 0 ? "not measured" : value <= most ? "holds" : "FAILS", format)
}
function claim(what, value, limit, verdict, format) {
    printf "| %-66s | " format " | %s | %s |\n", what, value, limit, verdict
    if (verdict == "holds") holding++
    musts++
}

function speed_table(i, j, a, t, cells) {
    print "### Time per operation, over mimalloc's\n"
    cells = " mimalloc ns |"
    for (j = 1; j <= total["allocators"]; j++) if (allocators[j] != "mimalloc") cells = cells sprintf(" %8s |", allocators[j])
    row("trace", cells)
    line(total["allocators"])
    for (i = 1; i <= total["traces"]; i++) {
        t = traces[i]
        cells = sprintf(" %11.2f |", ns[t, "mimalloc"])
        for (j = 1; j <= total["allocators"]; j++) {
            a = allocators[j]
            if (a == "mimalloc") continue
            cells = cells (((t, a) in ns) && ns[t, "mimalloc"] != 0 ? sprintf(" %8.2f |", ns[t, a] / ns[t, "mimalloc"]) : "        - |")
        }
        row(t, cells)
    }
    for (i = 1; i >= 0; i--) {
        cells = "             |"
        for (j = 1; j <= total["allocators"]; j++) if (allocators[j] != "mimalloc") cells = cells sprintf(" %8.2f |", speed_mean(allocators[j], i))
        row(i ? "**geomean, programs**" : "geomean, all", cells)
    }
    print "\nfloor: the replayer with no allocator at all, part of every figure. hosted: libfreehold-preload.so.\n"
}
function slowest_table(i, j, a, t, cells) {
    print "### Slowest operation, ns, the clock included\n"
    cells = ""
    for (j = 1; j <= total["allocators"]; j++) cells = cells sprintf(" %9s |", allocators[j])
    row("trace", cells)
    line(total["allocators"])
    for (i = 1; i <= total["traces"]; i++) {
        cells = ""
        for (j = 1; j <= total["allocators"]; j++) cells = cells sprintf(" %9d |", slowest[traces[i], allocators[j]])
        row(traces[i], cells)
    }
    print ""
}
function fit_table(i, t, cells, k, name, hosts, none) {
    print "### Footprint: smallest region, or pages held by a hosted allocator, over the trace's bound\n"
    hosts = split("hosted glibc mimalloc jemalloc tcmalloc musl", name, " ")
    cells = " region, bytes | freehold |    cache | granule 8 |"
    for (k = 1; k <= hosts; k++) cells = cells sprintf(" %8s |", name[k])
    row("trace", cells)
    line(4 + hosts)
    for (i = 1; i <= total["traces"]; i++) {
        t = traces[i]
        cells = sprintf(" %13d | %8.4f | %8.4f | %9.4f |", region[t, "freehold"], fit[t, "freehold"], fit[t, "cache"], fit[t, "granule8"])
        for (k = 1; k <= hosts; k++) cells = cells (((t, name[k]) in memory) && (t in program) ? sprintf(" %8.3f |", memory[t, name[k]]) : "        - |")
        row(t, cells)
    }
    for (k = 1; k <= hosts; k++) none = none "          |"
    row("**geomean, all**", sprintf("               | %8.4f | %8.4f | %9.4f |" none, fit_mean("freehold", 0), fit_mean("cache", 0), fit_mean("granule8", 0)))
    row("geomean, programs", sprintf("               | %8.4f | %8.4f | %9.4f |" none, fit_mean("freehold", 1), fit_mean("cache", 1), fit_mean("granule8", 1)))
    print "\nHosted allocators hold whole pages and what they began with; the figures of short traces would say nothing.\n"
}
function threads_table(i, j, u, p, cells) {
    print "### Threads: million operations a second with one, two and four threads\n"
    cells = ""
    for (j = 1; j <= total["users"]; j++) cells = cells sprintf(" %22s |", users[j])
    row("pattern", cells)
    line(total["users"])
    for (i = 1; i <= total["patterns"]; i++) {
        cells = ""
        p = patterns[i]
        for (j = 1; j <= total["users"]; j++) {
            u = users[j]
            cells = cells sprintf(" %6.1f %7.1f %7.1f |", mops[p, u, 1], mops[p, u, 2], mops[p, u, 4])
        }
        row(p, cells)
    }
    print "\nnone: no blocks at all. floor: a list for each size and thread, no lock, no check; what two threads of it lack is blocks that travel from\none core to the other.\n"
}
function scale_table(i, j, cells) {
    print "### Time per operation against the number of free blocks, ns\n"
    cells = ""
    for (j = 1; j <= total["sized"]; j++) cells = cells sprintf(" %8s |", sized[j])
    row("free blocks", cells " one read |")
    line(total["sized"] + 1)
    for (i = 1; i <= total["sizes"]; i++) {
        cells = ""
        for (j = 1; j <= total["sized"]; j++) cells = cells sprintf(" %8.1f |", scale[sized[j], sizes[i]])
        row(sizes[i], cells sprintf(" %8.1f |", latency["freehold", sizes[i]]))
    }
    print ""
}
function counted_cell(n) { return n > 0 ? sprintf("%.1f", n) : "-" }
function count_table(i, b, build) {
    print "### Instructions, x86-64, by callgrind\n"
    row("build", " malloc, pair | free, pair | malloc, batch | free, batch | perl, per op | sqlite, per op |")
    line(6)
    split("bounded unsealed percpu cache cache-unsealed", build, " ")
    for (i = 1; i <= 5; i++) {
        b = build[i]
        row(b, sprintf(" %12s | %10s | %13s | %11s | %12s | %14s |", counted_cell(malloc[b, "pair", 24]), counted_cell(free[b, "pair", 24]),
            counted_cell(malloc[b, "batch", 24]), counted_cell(free[b, "batch", 24]), counted_cell(ops[b == "bounded" ? "freehold" : b, "perl"]),
            counted_cell(ops[b == "bounded" ? "freehold" : b, "sqlite"])))
    }
    print "\nBlocks of 24 bytes. unsealed: the same with tags written as they are; the difference is what the seals cost.\n"
}
function musts_table(i, t, worst, worst_cache, slow, p, value, ratio, most, verdict) {
    print "### What must hold\n"
    print "| figure | measured | must be | |"
    print "|:--|--:|:--|:--|"
    must("with cache, time over mimalloc's, geomean of programs", speed_mean("cache", 1), 1.1, "%.3f")
    must("without cache, the same", speed_mean("freehold", 1), 1.6, "%.3f")
    must("footprint without cache over the bound, geomean of all", fit_mean("freehold", 0), 1.052, "%.4f")
    for (i = 1; i <= total["traces"]; i++) {
        t = traces[i]
        if (!(t in program)) continue
        if (fit[t, "freehold"] > worst) { worst = fit[t, "freehold"]; who = t }
        if (fit[t, "cache"] / fit[t, "freehold"] > worst_cache) { worst_cache = fit[t, "cache"] / fit[t, "freehold"]; whose = t }
    }
    must("footprint without cache, worst program (" who ")", worst, 1.10, "%.4f")
    must("footprint with cache over without, worst program (" whose ")", worst_cache, 1.01, "%.4f")
    must("footprint with cache over without, 32 KB heap (queue)", fit["queue", "cache"] / fit["queue", "freehold"], 1.02, "%.4f")
    must("instructions of the cached fast path, malloc", malloc["cache", "pair", 24], 25, "%.1f")
    must("instructions of the cached fast path, free", free["cache", "pair", 24], 25, "%.1f")
    for (i = 1; i <= total["patterns"]; i++) {
        p = patterns[i]
        if (p == "none") continue
        ratio = mops[p, "hosted", 1] != 0 ? mops[p, "hosted", 2] / mops[p, "hosted", 1] : 0
        most = mops[p, "floor", 1] != 0 ? mops[p, "floor", 2] / mops[p, "floor", 1] : 0
        verdict = ratio == 0 || most == 0 ? "not measured" : ratio >= 1.9 ? "holds" : most < 1.9 ? sprintf("cannot be had here: without an allocator it is %.2f", most) : "FAILS"
        claim("two threads' operations a second over one's, " p, ratio, "at least 1.9", verdict, "%.2f")
    }
    t = sizes[total["sizes"]]
    slow = scale["freehold", t] - 2 * latency["freehold", t]
    value = scale["freehold", sizes[1]] != 0 ? slow / scale["freehold", sizes[1]] : 0
    must("time with a million free blocks, two reads of memory less, over ten's", value > 0 ? value : 0.001, 1.5, "%.3f")
    printf "\n%d of %d hold.\n", holding, musts
}
kind == "end" { next }
END {
    print "<!-- SPDX-License-Identifier: MIT -->"
    print "Measured by `make bench`, in one interleaved run.\n"
    speed_table()
    fit_table()
    count_table()
    scale_table()
    threads_table()
    slowest_table()
    musts_table()
}
