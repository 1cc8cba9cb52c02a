# SPDX-License-Identifier: MIT
#
# compare.awk - the allocators side by side, as a Markdown table: of all trials of a class, in percent, what was detected (by a
# call or by a check) / what crashed or hung / what went wrong in silence or after the report. The rest was harmless.
BEGIN { FS = "\t" }

function percent(x, of,   p) {
    p = 100 * x / of
    if (p == 0 || p == 100)
        return p
    return p < 0.1 ? "<0.1" : p > 99.9 ? ">99.9" : p < 10 ? sprintf("%.1f", p) : sprintf("%.0f", p > 99.5 ? int(p) : p)
}

NF == 22 {
    name = $1
    if (!(name in seen)) {
        seen[name] = ++subjects
        title[subjects] = name
    }
    if (!($5 in row)) {
        row[$5] = ++classes
        class[classes] = $5 ($6 == "past" ? " \\*" : "")
    }
    if ($7 > 0)
        cell[row[$5], seen[name]] = percent($11 + $13, $7) " / " percent($8 + $9, $7) " / " percent($10 + $12 + $14, $7)
}

END {
    line = "| damage or misuse |"
    rule = "| --- |"
    for (s = 1; s <= subjects; s++) {
        line = line " " title[s] " |"
        rule = rule " ---: |"
    }
    print line "\n" rule
    for (c = 1; c <= classes; c++) {
        line = "| " class[c] " |"
        for (s = 1; s <= subjects; s++)
            line = line " " ((c SUBSEP s) in cell ? cell[c, s] : "-") " |"
        print line
    }
    print "\nPercent of all trials: detected / crashed or hung / wrong in silence. The rest was harmless. - : no such place, or unknown."
    print "\\* cannot be known for certain without a memory of the past."
}
