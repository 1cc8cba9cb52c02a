# SPDX-License-Identifier: MIT
#
# facts.awk - the counts of one machine as facts, `NAME NUMBER`, for judge.awk, report.awk and the plots.
#
# In: run.sh's file, and bound.py's where there is one; machine. Names, all beginning with wcet/MACHINE/FUNCTION/:
#
#     p50 p99 most      the recorded programs, all calls together
#     p50/SEQUENCE      each sequence
#     worst             all sequences on one region whose requests are met, but for `little` and `last`
#     worst/FREE        those with so many free blocks, the sequence `huge` apart, for which there is no room beside 100,000
#     worst/most        those with the most free blocks
#     growth            how many percent the sequence `worst` takes more with more than 1,000 free blocks than with 10, 100 and 1,000.
#                       The others meet what is dear by chance, a few percent more or less
#     huge, little      the sequences of that name alone
#     last/N            the sequence `last`, N blocks being on the last list
#     hurt              how many calls the sequence `worst` managed to build
#     refused           requests that nothing meets
#     regions/N         one heap of so many regions
#     bound/CASE        the longest path; for the cases see the file loops
#     measured/CASE     the longest measured call that is possible in that case
#     headroom/CASE     how much longer the path is
#     lookups           how often the longest path looks for a region, where there are several
#     lookup, level     what that costs more than in one region, for each and for each level of the tree below the first
#
# A realloc that moves copies the payload: its worst and growth are those of the sequences `worst` and `huge`, where that is a few
# words, and it has no figure for regions.
$1 == "phase" { name[$2] = $3; free[$2] = $4; next }
$1 == "name" { fn[$2] = $3; next }
$1 == "count" && fn[$3] ~ /^fh_/ {
    sequence = name[$2]
    moves = fn[$3] == "fh_realloc" && sequence !~ /^(worst|huge)$/
    if (sequence == "regions") {
        if (!moves && fn[$3] != "fh_realloc") raise("regions/" free[$2])
    } else if (sequence == "last") {
        raise("last/" free[$2])
    } else if (sequence ~ /^(refused|little)$/) {
        raise(sequence)
    } else {
        count(sequence)
        if (sequence == "huge") raise("huge")
        if (sequence == "worst") built[fn[$3]] += $5
        if (free[$2] == 0) count("recorded")
        if (!moves) raise("worst")
        if (!moves && free[$2] > 0 && sequence != "huge") {
            raise("worst/" free[$2])
            if (free[$2] > most_free + 0) most_free = free[$2]
            if (sequence == "worst") raise(free[$2] > 1000 ? "many" : "few")
        }
    }
}
$1 == "bound" { bound[$2, $3] = $4; bounds[++n_bounds] = $2 SUBSEP $3 }
$1 == "calls" && $3 == "deep/1" && $4 == "fh_space_find" { lookups[$2] = $5 }
$1 == "most" { measured[$2, $3] = $4 }
function raise(key,    at) {
    at = fn[$3] "/" key
    if (!(at in most)) order[++n_order] = at
    if ($4 > most[at] + 0) most[at] = $4
}
function count(group,    at) {
    at = fn[$3] SUBSEP group
    if (!(at in total)) groups[++n_groups] = at
    hist[at, $4] += $5
    total[at] += $5
    if ($4 > largest[at] + 0) largest[at] = $4
}
# The least count that at least that share of the calls does not exceed.
function percentile(at, share,    n, sum) {
    for (n = 0; n <= largest[at]; n++) {
        sum += hist[at, n]
        if (sum >= share * total[at]) return n
    }
}
function fact(key, value) { print "wcet/" machine "/" key, value }
END {
    for (i = 1; i <= n_groups; i++) {
        split(groups[i], part, SUBSEP)
        if (part[2] != "recorded") { fact(part[1] "/p50/" part[2], percentile(groups[i], .5)); continue }
        fact(part[1] "/p50", percentile(groups[i], .5))
        fact(part[1] "/p99", percentile(groups[i], .99))
        fact(part[1] "/most", largest[groups[i]])
    }
    for (f in fn) if ((fn[f] "/worst/" most_free) in most) fact(fn[f] "/worst/most", most[fn[f] "/worst/" most_free])
    for (i = 1; i <= n_order; i++) if (order[i] !~ /\/(many|few)$/) fact(order[i], most[order[i]])
    for (i = 1; i <= n_bounds; i++) {
        split(bounds[i], part, SUBSEP)
        if (part[2] ~ /^deep/) continue
        fact(part[1] "/bound/" part[2], bound[bounds[i]])
        if (!(bounds[i] in measured)) continue
        fact(part[1] "/measured/" part[2], measured[bounds[i]])
        fact(part[1] "/headroom/" part[2], bound[bounds[i]] - measured[bounds[i]])
    }
    for (f in lookups) {
        fact(f "/lookups", lookups[f])
        fact(f "/lookup", sprintf("%.0f", (bound[f, "deep/1"] - bound[f, "any"]) / lookups[f]))
        fact(f "/level", sprintf("%.0f", (bound[f, "deep/2"] - bound[f, "deep/1"]) / lookups[f]))
    }
    for (f in built) fact(f "/hurt", built[f])
    for (i in fn) if ((fn[i] "/many") in most) fact(fn[i] "/growth", sprintf("%.1f", 100 * (most[fn[i] "/many"] / most[fn[i] "/few"] - 1)))
}
