# SPDX-License-Identifier: MIT
#
# histogram.awk - the counts of one function on one machine, ready to draw: lines `FROM RECORDED HURT`, shares in percent of the
# calls of the recorded programs, and of all other calls that are met, in steps of `step` instructions.
#
# In: run.sh's file; wanted (the function's name), step.
$1 == "phase" { name[$2] = $3; free[$2] = $4; next }
$1 == "name" { fn[$2] = $3; next }
$1 == "count" && fn[$3] == wanted && name[$2] !~ /^(refused|regions)$/ {
    at = int($4 / step)
    if (at > last) last = at
    if (free[$2] == 0) { recorded[at] += $5; all_recorded += $5 }
    else { made[at] += $5; all_made += $5 }
}
END {
    for (at = 0; at <= last; at++)
        if (recorded[at] + made[at] > 0)
            print at * step, all_recorded ? 100 * recorded[at] / all_recorded : 0, all_made ? 100 * made[at] / all_made : 0
}
