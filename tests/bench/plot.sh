#!/bin/sh
# SPDX-License-Identifier: MIT
#
# plot.sh OUT - draws what bench.sh left in OUT as SVG: speed, footprint, scale, threads.
set -eu
out=$1
cd "$out"

# A matrix for clustered bars: lines of a first column, columns of names, from `row column value` on standard input.
matrix() {
    awk -F'\t' '
        { if (!($1 in seen)) { seen[$1] = 1; row[++rows] = $1 } if (!($2 in known)) { known[$2] = 1; col[++cols] = $2 } v[$1, $2] = $3 }
        END {
            line = "x"
            for (j = 1; j <= cols; j++) line = line "\t" col[j]
            print line
            for (i = 1; i <= rows; i++) {
                line = row[i]
                for (j = 1; j <= cols; j++) line = line "\t" (((row[i], col[j]) in v) ? v[row[i], col[j]] : "NaN")
                print line
            }
        }'
}

# Each allocator has its colour in all plots; freehold's are shades of one.
colour_of='
    BEGIN {
        c["freehold"] = "#12454f"; c["cache"] = "#2f8a86"; c["hosted"] = "#8cc7b5"; c["glibc"] = "#9a9a9a"; c["mimalloc"] = "#d9822b"
        c["jemalloc"] = "#e8b84a"; c["tcmalloc"] = "#b5452f"; c["musl"] = "#7a5c8e"; c["memory"] = "#bbbbbb"; c["floor"] = "#dcdcdc"
    }
    function colour(name) { sub(/ .*/, "", name); return (name in c) ? c[name] : "#000000" }'

colours() {
    head -1 "$1" | awk -F'\t' -v f="$1" "$colour_of"'
        { for (i = 2; i <= NF; i++) printf "%s\"%s\" skip 1 using %d:xtic(1) title \"%s\" lc rgb \"%s\"", (i > 2 ? ", " : ""), f, i, $i, colour($i) }'
}

bars() {
    gnuplot <<END
set terminal svg size 1000,420 font "sans-serif,12" background "white"
set output "$1.svg"
set datafile separator "\t"
set title "$2" noenhanced
set ylabel "$3" noenhanced
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set grid ytics lc rgb "#dddddd"
set key outside right top noenhanced
set xtics noenhanced nomirror rotate by -20
set yrange [$4]
$5
plot $(colours "$1.dat")
END
}

# Time over mimalloc's by trace, programs first, and the geometric mean of the programs.
awk -F'\t' -v real="$REAL" '
    BEGIN { n = split(real, p, " "); for (i = 1; i <= n; i++) program[p[i]] = 1
            m = split("freehold cache hosted glibc jemalloc tcmalloc musl", who, " ") }
    { v[$1, $2] = $3; if (!($1 in seen)) { seen[$1] = 1; trace[++traces] = $1 } }
    function show(t, j) { for (j = 1; j <= m; j++) if (((t, who[j]) in v) && v[t, "mimalloc"] > 0) { r = v[t, who[j]] / v[t, "mimalloc"]; print t "\t" who[j] "\t" r; if (t in program) { sum[j] += log(r); count[j]++ } } }
    END {
        for (i = 1; i <= traces; i++) if (trace[i] in program) show(trace[i])
        for (j = 1; j <= m; j++) if (count[j] > 0) print "GEOMEAN\t" who[j] "\t" exp(sum[j] / count[j])
        for (i = 1; i <= traces; i++) if (!(trace[i] in program)) show(trace[i])
    }' speed.tsv | matrix >speed.dat
bars speed "Time per operation over mimalloc's (less is faster; mimalloc is 1)" "ratio" "0.5:*" 'set logscale y; set arrow from graph 0,first 1 to graph 1,first 1 nohead lc rgb "#d9822b" lw 1.5 front'

# Footprint over the bound. Hosted allocators on traces of megabytes only: they hold whole pages and what they began with.
{
    awk -F'\t' '$2 != "granule8" { print $1 "\t" $2 "\t" $3 / $9 }' fit.tsv
    awk -F'\t' '$4 > 1000000 { print $1 "\t" $2 " (pages)" "\t" $3 / $4 }' memory.tsv
} | matrix >footprint.dat
bars footprint "Smallest region, or pages held, over the trace's own bound (1 is no waste at all)" "ratio" "0.9:2" ''

# Free blocks.
for name in $(cut -f1 scale.tsv | awk '!s[$1]++'); do
    awk -F'\t' -v n="$name" '$1 == n { print $2 "\t" $3 }' scale.tsv >"scale-$name.dat"
done
awk -F'\t' '$1 == "freehold" { print $2 "\t" $4 }' scale.tsv >scale-memory.dat
names=$(cut -f1 scale.tsv | awk '!s[$1]++' | tr '\n' ' ')
gnuplot <<END
set terminal svg size 800,440 font "sans-serif,12" background "white"
set output "scale.svg"
set title "Time per operation with that many free blocks about"
set logscale xy
set xlabel "free blocks"
set ylabel "ns"
set grid lc rgb "#dddddd"
set key outside right top noenhanced
plot $(for n in $names; do awk -v n="$n" "$colour_of"' BEGIN { printf "\"scale-%s.dat\" using 1:2 with linespoints pt 7 ps 0.5 lw 1.5 lc rgb \"%s\" title \"%s\", ", n, colour(n), n }'; done) "scale-memory.dat" using 1:2 with lines lc rgb "#888888" dt 2 title "one read"
END

# Threads: what the second thread brings.
for name in hosted glibc mimalloc jemalloc tcmalloc musl floor; do
    awk -F'\t' -v n=$name '$3 == 2 && $1 == n && $2 != "none" { print $2 "\t" $1 "\t" $4 }' threads.tsv
done | matrix >threads.dat
bars threads "Million operations a second with two threads (more is faster)" "million / s" "0.5:*" 'set logscale y'
