/* SPDX-License-Identifier: MIT
 *
 * hosted.c - runs the stress plans on the machine it is compiled on: stress [SEED [ROUNDS]].
 *
 * Promise: a line for each plan, `NAME-GRANULE STEPS DIGEST`, which is what a kernel's digests are compared with; status 0
 * if every fact held. ROUNDS more seeds follow the first one, for a long run. With STRESS_SMALL_CORE the large plan is left out: no heap of
 * that core is so large.
 */
#include "stress.h"

#include <stdio.h>
#include <stdlib.h>

static _Alignas(FH_GRANULE) unsigned char small_memory[8192];
static _Alignas(FH_GRANULE) unsigned char large_memory[8 << 20];
static struct stress_slot slots[STRESS_LARGE_SLOTS];
static unsigned long faults;

#ifdef STRESS_SMALL_CORE
static const bool with_large = false;
#else
static const bool with_large = true;
#endif

static void hear(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    faults++;
    fprintf(stderr, "fault: %s at %p\n", fh_fault_name(fault->kind), fault->ptr);
}

static const struct fh_port port = { .fault = hear };

static bool fails(const struct stress_plan *plan, const char *broken, const struct stress_report *report)
{
    fprintf(stderr, "%s, seed %lu, step %lu: %s (%s)\n", plan->name, (unsigned long)plan->seed, (unsigned long)report->steps,
            broken, fh_fault_name(report->check));
    return false;
}

static bool run(struct stress_plan plan, void *memory, size_t bytes, bool show)
{
    struct stress_report report = { .broken = "the heap was not made" };
    struct fh_heap *heap = fh_create(memory, bytes, &port);
    if (heap == NULL || !stress_run(heap, &plan, slots, &report))
        return fails(&plan, report.broken, &report);
    const char *broken = stress_exhaust(heap, plan.seed, plan.largest < 65536 ? plan.largest : 65536);
    if (broken == NULL && faults != 0)
        broken = "a correct program was blamed";
    if (broken != NULL)
        return fails(&plan, broken, &report);
    if (show)
        printf("%s-%d %lu 0x%08lx\n", plan.name, FH_GRANULE, (unsigned long)report.steps, (unsigned long)report.digest);
    return true;
}

int main(int argc, char **argv)
{
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : STRESS_SEED;
    uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
    bool good = true;
    for (uint32_t i = 0; i <= rounds && good; i++) {
        good = run(stress_brief(seed + i), small_memory, sizeof small_memory, i == 0)
            && run(stress_small(seed + i), small_memory, sizeof small_memory, i == 0)
            && (!with_large || run(stress_large(seed + i), large_memory, sizeof large_memory, i == 0));
    }
    return good ? 0 : 1;
}
