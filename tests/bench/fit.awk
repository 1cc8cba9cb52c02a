# SPDX-License-Identifier: MIT
#
# fit.awk - the table of `make fit`: lines of fh-replay --fit --tsv, the first allocator of each trace being the one compared with.

# Text, right-aligned under a build's name.
function cell(text, j,    width) {
    width = length(name[j])
    if (width < 8) width = 8
    return sprintf("%" (width + 1) "s", text)
}

{
    if (!($1 in seen)) { seen[$1] = 1; trace[++traces] = $1 }
    if (!($2 in known)) { known[$2] = 1; name[++names] = $2 }
    region[$1, $2] = $3
    bound[$1, $2] = $9
}
END {
    print "Smallest region in bytes, over the bound, and what each other build needs relative to it"
    line = sprintf("%-10s %12s %8s", "trace", name[1], "/bound")
    for (j = 2; j <= names; j++) line = line cell(name[j], j)
    print line
    for (i = 1; i <= traces; i++) {
        t = trace[i]
        base = region[t, name[1]]
        line = sprintf("%-10s %12d %8.4f", t, base, base / bound[t, name[1]])
        sum[1] += log(base / bound[t, name[1]])
        for (j = 2; j <= names; j++) {
            ratio = region[t, name[j]] / base
            line = line cell((ratio != 0) ? sprintf("%.4f", ratio) : "-", j)
            if (ratio != 0) { sum[j] += log(ratio); n[j]++ }
        }
        print line
    }
    line = sprintf("%-10s %12s %8.4f", "geomean", "", exp(sum[1] / traces))
    for (j = 2; j <= names; j++) line = line cell((n[j] != 0) ? sprintf("%.4f", exp(sum[j] / n[j])) : "-", j)
    print line
}
