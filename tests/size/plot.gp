# SPDX-License-Identifier: MIT
#
# plot.gp - the code of each target as bars, of either core. Variables: out; data and small (target, then a column for each set).
set terminal svg size 900,860 font "sans-serif,13" background "white"
set output out
set multiplot layout 2,1
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set yrange [0:*]
set border 3
set tics nomirror out
set xtics rotate by -35 scale 0 font ",12"
set rmargin 9
set grid ytics lc rgb "#dddddd"
set key top left reverse Left
array colour[4] = ["#1f3f66", "#3a6ea5", "#9fbbd9", "#c9b458"]
do for [core = 1:2] {
    set title core == 1 ? "Code, bytes at -Os" : "Code of the small core, bytes at -Os" font ",15"
    name = core == 1 ? data : small
    # A run with targets of one core alone has no bars for the other.
    stats name using 0 every ::1 nooutput
    if ((exists("STATS_records") ? STATS_records : 0) > 0) { plot for [i = 2:5] name using i:xtic(1) lc rgb colour[i - 1] title columnheader(i) }
}
unset multiplot
