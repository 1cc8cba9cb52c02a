# SPDX-License-Identifier: MIT
#
# growth.gp - the worst call against the number of free blocks. Variables: out, data (columns: free blocks, then malloc and free for
# each machine), machines, most (free blocks).
set terminal svg size 900,460 font "sans-serif,13" background "white"
set output out
set title "Worst call by the number of free blocks" font ",15"
set logscale x
set xlabel "free blocks"
set ylabel "instructions"
set yrange [0:*]
set xrange [7:most * 1.5]
set format x "%.0f"
set border 3
set tics nomirror out
set grid ytics lc rgb "#dddddd"
set key outside right vertical
array colour[8] = ["#3a6ea5", "#b03030", "#4f8f4f", "#c9b458", "#7a5aa0", "#606060", "#7fb0d0", "#d08a5a"]
plot for [i = 2:2 * words(machines) + 1] data using 1:(column(i)) with linespoints lw 2 dt 1 + i % 2 pt 7 - i % 2 ps 0.6 lc rgb colour[i / 2] \
    title word(machines, i / 2).(i % 2 == 0 ? " malloc" : " free")
