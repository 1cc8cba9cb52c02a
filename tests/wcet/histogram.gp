# SPDX-License-Identifier: MIT
#
# histogram.gp - how many instructions the calls on one machine take. Variables: out, machine, step, typical; data, worst, limit for malloc
# (a) and free (b); a limit of 0 is none.
set terminal svg size 900,620 font "sans-serif,13" background "white"
set output out
set multiplot layout 2,1 title sprintf("Instructions per call, %s", machine) font ",15"
set style fill solid 0.75 noborder
set boxwidth step
set logscale y
set yrange [0.0005:200]
set ylabel "% of calls"
set format y "%g"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror out
top = (worst_a > worst_b ? worst_a : worst_b)
top = (limit_a > top ? limit_a : top)
set xrange [0:top * 1.12]
do for [i = 1:2] {
    name = i == 1 ? "fh\\_malloc" : "fh\\_free"
    data = i == 1 ? data_a : data_b
    worst = i == 1 ? worst_a : worst_b
    limit = i == 1 ? limit_a : limit_b
    set xlabel i == 2 ? "instructions, exact" : ""
    set title name offset 0,-0.5
    if (i == 1) { unset key } else { set key outside center bottom horizontal reverse Left }
    unset arrow
    unset label
    set arrow from worst, 0.0005 to worst, 60 nohead lc rgb "#b03030" lw 2
    set label sprintf("worst %d", worst) at worst, 100 center tc rgb "#b03030"
    if (limit > 0) {
        set arrow from limit, 0.0005 to limit, 8 nohead dt 2 lc rgb "#606060" lw 1.5
        set label sprintf("limit %d", limit) at limit, 16 center tc rgb "#606060"
    }
    plot data using ($1 + step / 2.0):($3 > 0 ? $3 : NaN) with boxes lc rgb "#c9b458" title "made to hurt", \
         data using ($1 + step / 2.0):($2 > 0 ? $2 : NaN) with boxes lc rgb "#3a6ea5" title typical
}
unset multiplot
