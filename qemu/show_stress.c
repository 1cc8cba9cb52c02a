/* SPDX-License-Identifier: MIT
 *
 * show_stress.c - the stress workload on the machine's heaps.
 *
 * Promise: the digest in the last column is that of a hosted run with the same seed and granule, or something is wrong.
 */
#include "arch.h"
#include "kernel.h"
#include "memory.h"
#include "text.h"

void stress_line(const struct stress_plan *plan, const struct stress_report *report, const char *where)
{
    text("  ");
    text(plan->name);
    text("-");
    text_number(FH_GRANULE, 1);
    text(FH_GRANULE < 10 ? "   " : "  ");
    text_left(where, 18);
    text_number(report->steps, 7);
    text_number(report->takes, 9);
    text_number(report->resizes, 9);
    text_number(report->peak, 12);
    text("   ");
    text_hex(report->digest, 8);
    text("\n");
    if (report->broken != NULL)
        must(false, report->broken);
}

static void run_plan(struct stress_plan plan, unsigned way)
{
    struct fh_heap *heap = memory_open(way);
    if (!must(heap != NULL, "there was memory for a heap"))
        return;
    struct stress_report report;
    stress_run(heap, &plan, memory_slots, &report);
    stress_line(&plan, &report, memory_way(way));
    if (memory_ways() == 1) {
        const char *fact = stress_exhaust(heap, plan.seed, plan.largest);
        if (fact != NULL)
            must(false, fact);
    }
    must(fault_log.count == 0, "nobody was blamed during the workload");
    fh_destroy(heap);
}

static bool count_held(void *arg, const struct fh_block_info *b)
{
    unsigned *held = arg;
    *held += b->used && !b->cached && b->bytes != 0;
    return true;
}

/* A heap for a chapter. After it, only the caches themselves may be left: a table of them, and one for each core that was
 * at work. */
static void on_heap(struct fh_heap *heap, void (*chapter)(struct fh_heap *heap, const char *where), const char *where,
                    unsigned left)
{
    if (!must(heap != NULL, "there was memory for a heap"))
        return;
    chapter(heap, where);
    struct fh_stats stats;
    unsigned held = 0;
    const char *fact = stress_recount(heap, &stats);
    if (fact != NULL)
        must(false, fact);
    fh_walk(heap, count_held, &held);
    must(held == left, "nothing was lost on the way");
    must(fh_check(heap) == FH_OK, "the heap was whole after it");
    must(fault_log.count == 0, "nobody was blamed during the workload");
    fh_destroy(heap);
}

void show_stress(void)
{
    text_section("Workload", "random, against a shadow model; fh_check and a recount of the statistics on the way");
    text("  plan      heap over           steps   blocks  resizes  peak bytes   digest\n");
    for (unsigned way = 0; way < memory_ways(); way++) {
        run_plan(stress_small(STRESS_SEED), way);
        if (memory_slot_count >= STRESS_LARGE_SLOTS)
            run_plan(stress_large(STRESS_SEED), way);
    }
    on_heap(memory_open(0), show_interrupts, "interrupts", 0);
    if (memory_has_caches())
        on_heap(memory_open_cached(), show_interrupts, "interrupts, cached", 2);
    if (arch_cores() == 1)
        return;
    on_heap(memory_open(0), show_cores, "cores", 0);
    if (memory_has_caches())
        on_heap(memory_open_cached(), show_cores, "cores, cached", 1 + arch_cores());
}
