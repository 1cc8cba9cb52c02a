# SPDX-License-Identifier: MIT
#
# quick.awk - the table of `make bench-quick`: fit.tsv, then the lines of compare.sh.
BEGIN { split(real, names, " "); for (i in names) program[names[i]] = 1 }
NR == FNR { order[++n] = $1; fit[$1] = $3 / $9; next }
{ ns[$1, $2] = $3 }
END {
    printf "%-10s %16s %12s %12s %8s\n", "trace", "region / bound", "freehold ns", "mimalloc ns", "ratio"
    for (i = 1; i <= n; i++) {
        t = order[i]
        ratio = ns[t, "freehold"] / ns[t, "mimalloc"]
        printf "%-10s %16.4f %12.2f %12.2f %8.3f\n", t, fit[t], ns[t, "freehold"], ns[t, "mimalloc"], ratio
        all_fit += log(fit[t])
        if (t in program) { speed += log(ratio); programs++; program_fit += log(fit[t]) }
    }
    printf "%-10s %16.4f %34.3f   (footprint of all, time of programs; footprint of programs %.4f)\n", "geomean", exp(all_fit / n), exp(speed / programs), exp(program_fit / programs)
}
