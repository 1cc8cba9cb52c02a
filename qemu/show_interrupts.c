/* SPDX-License-Identifier: MIT
 *
 * show_interrupts.c - a timer interrupt allocates and frees while the main program does.
 *
 * Promise: the handler hits the main program anywhere but inside the lock; each of them finds its blocks as it left them. The
 * lock nests: taken with interrupts off, it leaves them off. What cannot take the lock defers, and nothing is lost.
 */
#include "arch.h"
#include "kernel.h"
#include "lock.h"
#include "memory.h"
#include "text.h"

#define TICK_BLOCKS 4
#define TICKS_WANTED 200

static struct fh_heap *tick_heap;
static unsigned char *tick_block[TICK_BLOCKS];
static volatile unsigned ticks;
static volatile unsigned tick_faults;

static size_t tick_size(unsigned i)
{
    return 8 + i * 20;
}

/* One block in turn: freed if it is there and holds what was written, else made anew. */
void kernel_tick(void)
{
    if (tick_heap == NULL)
        return;
    unsigned i = ticks++ % TICK_BLOCKS;
    unsigned char *p = tick_block[i];
    if (p == NULL) {
        p = fh_malloc(tick_heap, tick_size(i));
        for (size_t k = 0; p != NULL && k < tick_size(i); k++)
            p[k] = (unsigned char)(i + k);
        tick_block[i] = p;
        tick_faults += p == NULL;
        return;
    }
    for (size_t k = 0; k < tick_size(i); k++)
        tick_faults += p[k] != (unsigned char)(i + k);
    tick_block[i] = NULL;
    if ((i & 1) == 0)
        fh_free(tick_heap, p);
    else
        tick_faults += !fh_free_deferred(tick_heap, p);
}

/* What the lock is left with next is deferred: as by an interrupt that came while the allocator was at work, and that
 * nothing could hold off. */
static void *volatile to_defer;

void inside_lock(void)
{
    void *p = to_defer;
    if (p == NULL)
        return;
    to_defer = NULL;
    tick_faults += !fh_free_deferred(tick_heap, p);
}

#define DEFERRED 50

/* Blocks deferred inside the lock are freed by the next call, each once, and counted. */
static void defers(struct fh_heap *heap)
{
    struct fh_stats before;
    struct fh_stats after;
    uintptr_t state = arch_irq_save();
    fh_stats(heap, &before);
    for (unsigned i = 0; i < DEFERRED; i++) {
        void *p = fh_malloc(heap, 40);
        must(p != NULL, "there was memory to defer");
        to_defer = p;
        fh_free(heap, fh_malloc(heap, 700));
    }
    fh_stats(heap, &after);
    arch_irq_restore(state);
    must(after.frees_deferred - before.frees_deferred == DEFERRED, "what was deferred inside the lock was freed");
}

/* With interrupts off, calls of the heap leave them off: no tick may come between, and the state stays what it was. */
static void stays_off(struct fh_heap *heap)
{
    uintptr_t outer = arch_irq_save();
    uintptr_t off = arch_irq_save();
    unsigned before = ticks;
    for (unsigned i = 0; i < 2000; i++)
        fh_free(heap, fh_malloc(heap, i & 63));
    uintptr_t still = arch_irq_save();
    must(still == off && ticks == before, "the lock left interrupts off");
    arch_irq_restore(outer);
}

/* A block for the NMI to free, and what the NMI saw. */
static unsigned char *volatile nmi_block;
static volatile unsigned nmis;
static volatile unsigned nmis_inside;

#define NMIS_WANTED 100
#define NMI_BYTES 40

/* Comes at any instruction, the allocator's own and those inside the lock included. */
void kernel_nmi(void)
{
    unsigned char *p = nmi_block;
    if (p == NULL)
        return;
    nmi_block = NULL;
    nmis++;
    nmis_inside += lock_is_taken(&heap_lock);
    for (unsigned k = 0; k < NMI_BYTES; k++)
        tick_faults += p[k] != (unsigned char)k;
    tick_faults += !fh_free_deferred(tick_heap, p);
}

static void under_nmi(struct fh_heap *heap)
{
    struct fh_stats before;
    struct fh_stats after;
    fh_stats(heap, &before);
    nmis = nmis_inside = 0;
    if (!arch_nmi_start())
        return;
    for (unsigned i = 0; i < 20000000 && (nmis < NMIS_WANTED || nmis_inside == 0); i++) {
        /* Every other block is too large for a cache, so that the lock is taken. */
        fh_free(heap, fh_malloc(heap, (i & 1) != 0 ? 6000 : i & 255));
        if (nmi_block != NULL)
            continue;
        unsigned char *p = fh_malloc(heap, NMI_BYTES);
        for (unsigned k = 0; p != NULL && k < NMI_BYTES; k++)
            p[k] = (unsigned char)k;
        nmi_block = p;
    }
    arch_nmi_stop();
    fh_free(heap, nmi_block);
    nmi_block = NULL;
    fh_stats(heap, &after);
    text("  ");
    text_number(nmis, 26);
    text(" NMIs deferred a free, ");
    text_number(nmis_inside, 1);
    text(" of them inside the lock\n");
    must(nmis >= NMIS_WANTED && nmis_inside != 0, "enough NMIs came, also inside the lock");
    must(after.frees_deferred - before.frees_deferred == nmis, "what the NMIs deferred was freed");
}

bool ticks_start(struct fh_heap *heap)
{
    ticks = 0;
    tick_faults = 0;
    tick_heap = heap;
    return arch_timer_start();
}

unsigned ticks_stop(void)
{
    arch_timer_stop();
    for (unsigned i = 0; i < TICK_BLOCKS; i++) {
        fh_free(tick_heap, tick_block[i]);
        tick_block[i] = NULL;
    }
    tick_heap = NULL;
    must(tick_faults == 0, "the handler found its blocks as it left them");
    return ticks;
}

void show_interrupts(struct fh_heap *heap, const char *where)
{
    struct stress_plan plan = stress_small(STRESS_SEED);
    plan.shared = true;
    plan.check_every = 16;
    if (!ticks_start(heap))
        return;
    struct stress_report report;
    stress_run(heap, &plan, memory_slots, &report);
    stress_line(&plan, &report, where);
    stays_off(heap);
    defers(heap);
    for (unsigned i = 0; i < 40 && ticks < TICKS_WANTED && report.broken == NULL; i++)
        stress_run(heap, &plan, memory_slots, &report);
    arch_timer_stop();
    under_nmi(heap);
    unsigned came = ticks_stop();
    text("  ");
    text_number(came, 26);
    text(" timer interrupts allocated or freed meanwhile\n");
    must(came >= TICKS_WANTED, "enough interrupts came");
    must(report.broken == NULL, "the workload held under interrupts");
}
