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

bars() {
    columns=$(head -1 "$1.dat" | awk -F'\t' '{ print NF }')
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
set xtics noenhanced rotate by -20
set yrange [$4]
$5
plot for [i=2:$columns] "$1.dat" using i:xtic(1) title columnheader(i)
END
}

# Time over mimalloc's by trace.
awk -F'\t' '$2 == "mimalloc" { base[$1] = $3; next } { line[++n] = $0 } END { for (i = 1; i <= n; i++) { split(line[i], f, "\t"); if (base[f[1]] > 0 && f[2] != "floor" && f[2] != "musl") print f[1] "\t" f[2] "\t" f[3] / base[f[1]] } }' speed.tsv |
    matrix >speed.dat
bars speed "Time per operation over mimalloc's (less is faster; mimalloc is 1)" "ratio" "0:*" 'set arrow from graph 0,first 1 to graph 1,first 1 nohead lc rgb "#888888" dt 2'

# Footprint over the bound. Hosted allocators on traces of megabytes only: they hold whole pages and what they began with.
{
    awk -F'\t' '{ print $1 "\t" $2 "\t" $3 / $9 }' fit.tsv
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
plot for [n in "$names"] "scale-".n.".dat" using 1:2 with linespoints title n noenhanced, "scale-memory.dat" using 1:2 with lines lc rgb "#888888" dt 2 title "one read"
END

# Threads: what the second thread brings.
awk -F'\t' '$3 == 1 { one[$2, $1] = $4 } $3 == 2 { print $2 "\t" $1 "\t" $4 }' threads.tsv | sort -s -t'	' -k1,1 | matrix >threads.dat
bars threads "Million operations a second with two threads (more is faster)" "million / s" "0.5:*" 'set logscale y'
