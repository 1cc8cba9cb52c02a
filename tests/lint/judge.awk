# SPDX-License-Identifier: MIT
#
# judge.awk - holds findings (lines TOOL RULE FILE:LINE) against the table of deviations, which is read first.
#
# A row of the table is | tool | rule | files | reason |; files are names, or * for all. A finding without a row fails, and so
# does a row without a finding: an argument that nothing needs any more is to be deleted.

FNR == NR {
    n = split($0, cell, /[ ]*\|[ ]*/)
    if (n < 6 || cell[2] == "tool" || cell[2] ~ /^-+$/)
        next
    key = cell[2] " " cell[3]
    files[key] = " " cell[4] " "
    if (cell[5] == "") {
        print "lint: no reason is given for " key
        bad++
    }
    next
}

{
    findings++
    tools[$1]++
    key = $1 " " $2
    file = $3
    sub(/:[0-9]+$/, "", file)
    if (key in files && (files[key] == " * " || index(files[key], " " file " "))) {
        used[key] = 1
        used_file[key, file] = 1
        next
    }
    print "lint: " $3 ": " $1 ": " $2
    bad++
}

END {
    for (key in files) {
        rows++
        if (!(key in used)) {
            print "lint: no finding needs the deviation " key
            bad++
        } else if (files[key] != " * ") {
            count = split(files[key], name, " ")
            for (i = 1; i <= count; i++) {
                if (name[i] != "" && !((key, name[i]) in used_file)) {
                    print "lint: no finding needs the deviation " key " for " name[i]
                    bad++
                }
            }
        }
    }
    if (rows == 0) {
        print "lint: the table of deviations was not read"
        bad++
    }
    printf "lint: %d findings, %d of them not argued or arguments not needed, %d deviations\n", findings, bad, rows
    exit bad != 0
}
