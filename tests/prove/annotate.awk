# SPDX-License-Identifier: MIT
#
# annotate.awk - writes a copy of a source with the contracts and loop invariants of tests/prove/*.acsl put in as comments.
#
#   awk -f annotate.awk NOTES SOURCE >COPY
#
# NOTES has paragraphs, each begun by a line in column one:
#
#   contract FUNCTION             what follows goes before the line that defines FUNCTION
#   before FUNCTION: LINE         what follows goes before the next LINE (leading blanks aside) in FUNCTION
#
# and continued by lines that are indented. Every note is put on the line that it belongs to, so that the copy's line numbers are
# the source's. A note whose function or line is not there is an error: the proof would silently be of something else.
# The copy differs from the source by comments that begin a line with the two marks below, and by nothing else.

function flush() {
    if (kind == "contract")
        contract[name] = text
    else if (kind == "before") {
        count++
        place[count] = name
        line[count] = wanted
        note[count] = text
    }
    if (kind != "")
        asked[kind == "contract" ? "contract " name : count] = kind " " name ": " wanted
    kind = ""
}

function trimmed(s) {
    sub(/^[ \t]+/, "", s)
    return s
}

FNR == 1 { files++ }

files == 1 && /^(#|$)/ { next }
files == 1 && /^contract / {
    flush()
    kind = "contract"; name = $2; wanted = ""; text = ""
    next
}
files == 1 && /^before / {
    flush()
    kind = "before"; name = $2; sub(/:$/, "", name); wanted = $0; text = ""
    sub(/^before [^:]*: /, "", wanted)
    next
}
files == 1 && /^[ \t]/ {
    # An assertion is a comment of its own; the clauses of a contract or of a loop are one.
    if (text != "" && trimmed($0) ~ /^assert /)
        text = text " @*/ /*@"
    text = text " " trimmed($0)
    next
}
files == 1 { print FILENAME ":" FNR ": neither a note nor the continuation of one" >"/dev/stderr"; failed = 1; exit }

files == 2 && FNR == 1 { flush() }

# A function begins in column one. It may be defined twice, for two kinds of chip.
files == 2 && /^[A-Za-z_].*\(/ {
    current = $0
    sub(/\(.*/, "", current)
    sub(/.*[ *]/, "", current)
    if (current in contract) {
        printf "/*@%s @*/ ", contract[current]
        asked["contract " current] = ""
    }
}
files == 2 {
    for (i = 1; i <= count; i++)
        if (asked[i] != "" && place[i] == current && trimmed($0) == line[i]) {
            printf "/*@%s @*/ ", note[i]
            asked[i] = ""
            break
        }
    print
}

END {
    if (failed)
        exit 1
    for (i in asked)
        if (asked[i] != "") {
            print "no place for: " asked[i] >"/dev/stderr"
            failed = 1
        }
    exit failed
}
