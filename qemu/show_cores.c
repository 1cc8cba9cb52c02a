/* SPDX-License-Identifier: MIT
 *
 * show_cores.c - all cores use one heap at once, and free each other's blocks.
 *
 * Promise: each core runs the workload with a model of its own and must end in the same digest as alone; before
 * that, it swaps blocks with the others and finds in each what its owner wrote. The
 * timer interrupt takes part on the first core.
 */
#include "arch.h"
#include "kernel.h"
#include "lock.h"
#include "memory.h"
#include "text.h"

#define CORES_MOST 4
#define SWAPS 400
#define BOXES 16
#define AHEAD 8         /* swaps that one core may be ahead of another: else each would swap with itself alone */

/* A block on its way between cores: its size and its contents follow from the seed. */
struct parcel {
    uint32_t seed;
    uint32_t words;
    uint32_t content[];
};

static struct fh_heap *volatile shared_heap;
static struct parcel *boxes[BOXES];
static unsigned round_number;     /* the cores begin a round when it is theirs; the last one says: done */
static unsigned done;
static struct core {
    struct stress_slot slots[STRESS_SMALL_SLOTS];
    struct stress_report report;
    uint32_t faults;
    uint32_t foreign;             /* parcels that another core had packed */
    uint32_t swapped;             /* so many swaps are done */
} cores[CORES_MOST];

static struct parcel *pack(struct fh_heap *heap, uint32_t seed, unsigned core)
{
    uint32_t words = 1 + (seed >> 24 & 63);
    struct parcel *p = fh_malloc(heap, sizeof *p + words * sizeof *p->content);
    if (p == NULL)
        return NULL;
    p->seed = (seed & ~(uint32_t)3) | core;
    p->words = words;
    for (uint32_t i = 0; i < words; i++)
        p->content[i] = p->seed + i * 0x9E3779B9;
    return p;
}

static bool is_intact(const struct parcel *p)
{
    for (uint32_t i = 0; i < p->words; i++) {
        if (p->content[i] != p->seed + i * 0x9E3779B9)
            return false;
    }
    return true;
}

static void unpack(struct fh_heap *heap, struct parcel *p, unsigned number)
{
    struct core *self = &cores[number];
    if (p == NULL)
        return;
    self->faults += !is_intact(p);
    self->foreign += (p->seed & 3) != number;
    fh_free(heap, p);
}

static void wait_for_others(uint32_t swaps)
{
    for (unsigned i = 0; i < arch_cores(); i++) {
        while (__atomic_load_n(&cores[i].swapped, __ATOMIC_ACQUIRE) + AHEAD < swaps)
            fh_spin_wait();
    }
}

static void swap_parcels(struct fh_heap *heap, unsigned number)
{
    uint32_t random = number + 1;
    for (unsigned i = 0; i < SWAPS; i++) {
        wait_for_others(i);
        random = random * 1664525 + 1013904223;
        struct parcel *p = pack(heap, random, number);
        cores[number].faults += p == NULL;
        unpack(heap, __atomic_exchange_n(&boxes[random >> 16 & (BOXES - 1)], p, __ATOMIC_ACQ_REL), number);
        __atomic_store_n(&cores[number].swapped, i + 1, __ATOMIC_RELEASE);
    }
}

static void use_heap(unsigned number)
{
    struct core *self = &cores[number];
    struct fh_heap *heap = shared_heap;
    struct stress_plan plan = stress_brief(STRESS_SEED);
    plan.shared = true;
    plan.check_every = 256;
    swap_parcels(heap, number);
    stress_run(heap, &plan, self->slots, &self->report);
}

void kernel_core(unsigned number)
{
    for (unsigned turn = 1;; turn++) {
        while (__atomic_load_n(&round_number, __ATOMIC_ACQUIRE) != turn)
            fh_spin_wait();
        use_heap(number);
        __atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
    }
}

void show_cores(struct fh_heap *heap, const char *where)
{
    static bool started;
    unsigned count = arch_cores();
    if (!must(count <= CORES_MOST, "there are no more cores than expected"))
        return;
    shared_heap = heap;
    for (unsigned i = 0; i < count; i++)
        cores[i].faults = cores[i].foreign = cores[i].swapped = 0;
    if (!started)
        arch_cores_start();
    started = true;
    done = 0;
    ticks_start(heap);
    __atomic_fetch_add(&round_number, 1, __ATOMIC_RELEASE);
    use_heap(0);
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != count - 1)
        fh_spin_wait();
    ticks_stop();
    for (unsigned i = 0; i < BOXES; i++)
        unpack(heap, __atomic_exchange_n(&boxes[i], NULL, __ATOMIC_ACQUIRE), 0);
    struct stress_plan plan = stress_brief(STRESS_SEED);
    uint32_t foreign = 0;
    for (unsigned i = 0; i < count; i++) {
        stress_line(&plan, &cores[i].report, where);
        must(cores[i].faults == 0, "every parcel arrived as it was packed");
        foreign += cores[i].foreign;
    }
    text("  ");
    text_number(foreign, 26);
    text(" blocks freed by another core than had made them\n");
    must(foreign >= SWAPS, "the cores freed each other's blocks");
}
