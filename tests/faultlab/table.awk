# SPDX-License-Identifier: MIT
#
# table.awk - the lab's lines as a table a person reads: `-v form=text` or `-v form=markdown`.
#
# One table for each subject and heap. Shares are of the trials in which the damage was not harmless; counts of what must not
# happen are counts, with `-` for none, so that the eye finds them.
BEGIN {
    FS = "\t"
    columns = "class trials harmless detected found silent lost broken crash hang late missed calls kept"
    n = split(columns, column, " ")
    split("18 7 9 9 8 8 7 7 7 6 6 7 7 7", width, " ")
}

function count_or_dash(x) { return x == 0 ? "-" : x }

# A share that is not whole is never shown as 100.
function share(x, of,   text) {
    if (of == 0)
        return "-"
    text = sprintf("%.2f%%", int(10000 * x / of) / 100)
    return x == of ? "100%" : text
}

function row(   i, line) {
    line = form == "markdown" ? "|" : ""
    for (i = 1; i <= n; i++) {
        if (form == "markdown")
            line = line " " cell[i] " |"
        else
            line = line sprintf((i == 1 ? "%-" : "%") width[i] "s", cell[i])
    }
    print line
}

function head(   i, line) {
    print ""
    size = $4 >= 1048576 ? $4 / 1048576 " GiB" : $4 " KiB"
    title = $1 ", " $2 "-bit, granule " $3 ", heap " size
    print form == "markdown" ? "**" title "**\n" : title
    for (i = 1; i <= n; i++)
        cell[i] = column[i]
    row()
    if (form == "markdown") {
        line = "|"
        for (i = 1; i <= n; i++)
            line = line (i == 1 ? " --- |" : " ---: |")
        print line
    }
}

{
    key = $1 FS $2 FS $3 FS $4
    if (key != last)
        head()
    last = key
    trials = $7; hang = $8; crash = $9; broken = $10; detected = $11; silent = $12; found = $13; lost = $14; harmless = $15
    harm = trials - harmless
    cell[1] = $5 ($6 == "past" ? " *" : "")
    cell[2] = count_or_dash(trials)
    cell[3] = trials == 0 ? "-" : share(harmless, trials)
    cell[4] = share(detected, harm)
    cell[5] = share(found, harm)
    cell[6] = count_or_dash(silent)
    cell[7] = count_or_dash(lost)
    cell[8] = count_or_dash(broken)
    cell[9] = count_or_dash(crash)
    cell[10] = count_or_dash(hang)
    cell[11] = count_or_dash($16)
    cell[12] = count_or_dash($17)
    cell[13] = detected == 0 ? "-" : sprintf("%.1f", $18)
    cell[14] = detected == 0 ? "-" : sprintf("%.0f%%", $20 == 100 ? 100 : $20 > 99 ? 99 : $20)
    row()
    if ($6 == "past")
        starred = 1
    if ($22 != "-" && hang + crash + broken + (($6 == "past") ? 0 : silent + lost) > 0)
        notes[++noted] = title ": " $5 ": " $22
}

END {
    print ""
    print "detected: a call reported the fault; found: only the check of the whole heap did (both of the trials with harm)."
    print "broken: reported, but the heap then failed the program. late: reported, but not by the first call at the damage; missed: found, though there was such a call."
    print "calls: mean number of calls from the damage to the report; kept: memory that was left in the end after a report. Trials of 0: no place for this crime here."
    if (starred)
        print "* cannot be known for certain without a memory of the past."
    if (noted > 0 && form != "markdown") {
        print "\nTrials to repeat (--class, --trial):"
        for (i = 1; i <= noted; i++)
            print "  " notes[i]
    }
}
