# SPDX-License-Identifier: MIT
#
# judge.awk - the lab's lines against what freehold promises; prints a tally. -v after=N: the trials went on for N calls after the
# crime, and there are too few of them to miss a class.
#
# The promise of the hardened build, beside that of the always-on one: writes after free 95 %, delayed double frees 99 %.
# The promise of the always-on build, for each class that needs no memory of the past:
#   - no hang, no crash, nothing broken, silent or lost
#   - where there is harm, at least 99.9 %, in whole trials, is reported by a call; what only fh_check finds counts if no call touched it. In the
#     control structure 99 %, and by fh_check is enough
#   - damage to a tag is reported by the first call that touches the block, or a neighbour that can see it. (A cache puts the look at
#     the neighbours off; a link is not looked at by what does not follow it.)
#   - after a report the heap goes on: a refused call with a wrong pointer costs no memory, and of what a damaged list held most is
#     found again
#   - a double free at once is reported every time
# and each class was tried at all, apart from those that need a region or a huge block that a heap may not have.
BEGIN { FS = "\t" }

function verdict(good, what) {
    printf "%s %s-%s-%s-%s/%s/%s%s\n", good ? "pass" : "fail", subject, $2, $3, size, $5, what, after ? "-for-" after "-calls" : ""
    if (!good)
        print name ": " what ": " $22 > "/dev/stderr"
}

NF == 22 {
    subject = $1
    gsub(/[ ,]+/, "-", subject)
    size = $4 >= 1048576 ? $4 / 1048576 "G" : $4 "K"
    name = $1 " " $2 "-bit granule " $3 " heap " size " " $5
    trials = $7; hang = $8; crash = $9; broken = $10; detected = $11; silent = $12; found = $13; lost = $14; harmless = $15
    if ($21 != 0 && !unfit[subject, $2, $3, $4]++)
        verdict(0, "a-heap-was-not-whole-before-any-crime")
    if ($21 != 0 && trials == 0)
        next
    if (trials == 0) {
        # In large heaps a quarantine keeps what was freed from being handed out in a short run.
        held = subject ~ /hardened/ && $5 ~ /^(re-)?twice-reused$/
        if (!after && !held && $5 !~ /^(flip-size|flip-region|free-released|re-released|flip-quick|flip-cache|late-quick)$/)
            verdict(0, "was-never-tried")
        next
    }
    harm = trials - harmless
    if ($5 ~ /^(late-data|(re-)?twice-delayed)$/ && subject ~ /hardened/) {
        verdict(trials - detected - found <= ($5 ~ /^late/ ? 0.05 : 0.01) * trials + (trials < 1000 ? 2 : 0), "is-known")
        next
    }
    if ($6 == "past") {
        verdict(hang == 0, "ends")
        next
    }
    verdict(hang + crash + lost + broken + silent == 0, "harms-nobody")
    if ($5 ~ /^flip-(region|heads|map|counts|port|control|cache)$/)
        verdict(detected + found >= 0.99 * harm, "is-found")
    else
        verdict(harm - (detected + found - $17) <= int(0.001 * harm + 0.5), "is-reported")
    if ($5 ~ /^(flip-tag-used|flip-tag-free|flip-tag-end|overflow-1|overflow-8|underflow-1)$/ && subject !~ /cache/)
        verdict($16 == 0, "is-reported-in-time")
    if ($5 ~ /^(free|re)-|^twice-(now|across|later)$/)
        verdict($20 == 100, "costs-no-memory")
    if ($5 ~ /^(flip|late)-(link|heads|map|quick)$/)
        verdict($20 >= 90, "costs-little-memory")
    if ($5 == "overflow-1" && subject ~ /hardened/)
        verdict(detected + found == trials, "is-known-always")
    if ($5 ~ /^twice-(now|across)$/)
        verdict(detected == trials, "is-reported-always")
}
