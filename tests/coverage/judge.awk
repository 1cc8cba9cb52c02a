# SPDX-License-Identifier: MIT
#
# judge.awk - reads what `llvm-cov show -show-branches=count -show-mcdc` printed of src/, of one build or of several, and gives the figures: lines, both
# outcomes of each branch, and MC/DC, the conditions that were shown to decide alone. Fails below -v least_lines, least_branches, least_mcdc. What
# is missing goes to -v missing, one place a line.
#
# An inline function counts once, however many files and builds it is compiled into: what one of them reached is reached.
#
# A comment in the source that begins with `unreached:` says why the statement behind it, or the line it stands on, cannot be covered. What is missing
# there is not counted, but the exclusion is; one with nothing missing behind it fails, so that none outlives its reason.

function place(number) {
    return file ":" number
}

function is_zero(count) {
    return count == "0"
}

/^[^ |].*src\/[a-z\/]+\.[ch]:$/ {
    file = $0
    sub(/:$/, "", file)
    sub(/.*src\//, "src/", file)
    pending = 0
    comment = 0
    next
}

/^ *[0-9]+\| *[0-9.kMGE]*\|/ {
    split($0, part, "|")
    number = part[1] + 0
    count = part[2]
    gsub(/ /, "", count)
    text = $0
    sub(/^ *[0-9]+\|[^|]*\|/, "", text)
    if (count != "") {
        lines[place(number)] = 1
        if (!is_zero(count))
            reached[place(number)] = 1
    }
    begins = text ~ /^ *\/\*/
    if (text ~ /\/\* unreached: [^ ]/) {
        if (!(place(number) in argued)) {
            argued[place(number)] = ++exclusions
            at[exclusions] = place(number)
        }
        if (begins)
            pending = argued[place(number)]
        else
            excluded[place(number)] = argued[place(number)]
    }
    if (comment || begins)
        comment = text !~ /\*\//
    else if (pending && text !~ /^ *$/) {
        excluded[place(number)] = pending
        if (text ~ /[;}] *(\/\*.*)?$/)
            pending = 0
    }
    next
}

/\|  Branch \([0-9]+:[0-9]+\): \[True: / {
    match($0, /\([0-9]+:[0-9]+\)/)
    where = file ":" substr($0, RSTART + 1, RLENGTH - 2)
    match($0, /True: [0-9.kMGE]+/)
    t = substr($0, RSTART + 6, RLENGTH - 6)
    match($0, /False: [0-9.kMGE]+/)
    f = substr($0, RSTART + 7, RLENGTH - 7)
    branches[where ":true"] = 1
    branches[where ":false"] = 1
    if (!is_zero(t))
        taken[where ":true"] = 1
    if (!is_zero(f))
        taken[where ":false"] = 1
    next
}

/MC\/DC Decision Region/ {
    match($0, /\([0-9]+:[0-9]+\)/)
    split("", conditions)
    next
}

/Condition C[0-9]+ --> / {
    match($0, /C[0-9]+/)
    name = substr($0, RSTART, RLENGTH)
    match($0, /\([0-9]+:[0-9]+\)/)
    conditions[name] = file ":" substr($0, RSTART + 1, RLENGTH - 2)
    next
}

/C[0-9]+-Pair: / {
    match($0, /C[0-9]+/)
    where = conditions[substr($0, RSTART, RLENGTH)]
    if (/constant folded/)
        next
    decides[where] = 1
    if (/-Pair: covered/)
        decided[where] = 1
    next
}

# What is missing of one kind: counts the rest, says where.
function judge(kind, all, got, least,    key, n, done, line, which) {
    n = 0
    done = 0
    for (key in all) {
        split(key, line, ":")
        which = excluded[line[1] ":" line[2]]
        if (!(key in got) && which) {
            used[which] = 1
            continue
        }
        n++
        if (key in got)
            done++
        else
            print kind, key | sorted
    }
    figure = n != 0 ? 100 * done / n : 0
    printf "%s%.2f %% of %s (at least %s)", separator, figure, kind, least
    separator = ", "
    if (n == 0 || figure < least)
        below = 1
}

END {
    sorted = "sort -t: -k1,1 -k2,2n >" missing
    printf "" | sorted
    printf "coverage of src/: "
    judge("lines", lines, reached, least_lines)
    judge("branches", branches, taken, least_branches)
    judge("MC/DC", decides, decided, least_mcdc)
    close(sorted)
    printf "; %d exclusions argued in place; missing: %s\n", exclusions, missing
    for (i = 1; i <= exclusions; i++) {
        if (!used[i]) {
            print "coverage: nothing is missing behind the exclusion at " at[i]
            below = 1
        }
    }
    exit below
}
