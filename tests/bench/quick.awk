# SPDX-License-Identifier: MIT
#
# quick.awk - the table of `make bench-quick`: the lines of fh-replay --fit, then those of compare.sh.
BEGIN { n = split(real, names, " "); for (i = 1; i <= n; i++) program[names[i]] = 1; traces = 0 }
NR == FNR { if (!($1 in seen)) { seen[$1] = 1; order[++traces] = $1 } fit[$1, $2] = $3 / $9; next }
{ ns[$1, $2] = $3 }
END {
    printf "%-10s | %10s %10s | %12s | %10s %10s %10s  over mimalloc\n", "trace", "/ bound", "with cache", "mimalloc ns", "freehold", "cache", "glibc"
    for (i = 1; i <= traces; i++) {
        t = order[i]
        base = ns[t, "mimalloc"]
        printf "%-10s | %10.4f %10.4f | %12.2f | %10.3f %10.3f %10.3f\n", t, fit[t, "freehold"], fit[t, "cache"], base, ns[t, "freehold"] / base, ns[t, "cache"] / base, ns[t, "glibc"] / base
        all += log(fit[t, "freehold"])
        all_cache += log(fit[t, "cache"])
        if (!(t in program)) continue
        programs++
        some += log(fit[t, "freehold"])
        some_cache += log(fit[t, "cache"])
        bounded += log(ns[t, "freehold"] / base)
        cache += log(ns[t, "cache"] / base)
        glibc += log(ns[t, "glibc"] / base)
    }
    printf "%-10s | %10.4f %10.4f | %12s | %10.3f %10.3f %10.3f\n", "programs", exp(some / programs), exp(some_cache / programs), "geomean", exp(bounded / programs), exp(cache / programs), exp(glibc / programs)
    printf "%-10s | %10.4f %10.4f |\n", "all", exp(all / traces), exp(all_cache / traces)
}
