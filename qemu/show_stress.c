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

void stress_line(struct fh_heap *heap, const struct stress_plan *plan, struct stress_slot *slots, const char *where)
{
    struct stress_report report = { .broken = NULL };
    bool held = stress_run(heap, plan, slots, &report);
    text("  ");
    text(plan->name);
    text("-");
    text_number(FH_GRANULE, 1);
    text(FH_GRANULE < 10 ? "   " : "  ");
    text_left(where, 18);
    text_number(report.steps, 7);
    text_number(report.takes, 9);
    text_number(report.resizes, 9);
    text_number(report.peak, 12);
    text("   ");
    text_hex(report.digest, 8);
    text("\n");
    if (!held)
        must(false, report.broken);
}

static void run_plan(struct stress_plan plan, unsigned way)
{
    struct fh_heap *heap = memory_open(way);
    if (!must(heap != NULL, "there was memory for a heap"))
        return;
    stress_line(heap, &plan, memory_slots, memory_way(way));
    if (memory_ways() == 1) {
        const char *fact = stress_exhaust(heap, plan.seed, plan.largest);
        if (fact != NULL)
            must(false, fact);
    }
    must(fault_log.count == 0, "nobody was blamed during the workload");
    fh_destroy(heap);
}

static void concurrent(void)
{
    struct fh_heap *heap = memory_open(0);
    if (!must(heap != NULL, "there was memory for a heap"))
        return;
    show_interrupts(heap);
    show_cores(heap);
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
    concurrent();
}
