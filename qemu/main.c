/* SPDX-License-Identifier: MIT
 *
 * main.c - a kernel that does nothing but show freehold at work; the same for every architecture.
 *
 * Promise: the line PASS and the passing exit status come if and only if every fact held. Whatever goes wrong before that ends
 * in a FAIL line and the other status.
 */
#include "arch.h"
#include "kernel.h"
#include "lock.h"
#include "memory.h"
#include "text.h"

struct lock heap_lock;
struct fault_log fault_log;
static unsigned broken;

uintptr_t heap_enter(void *ctx)
{
    (void)ctx;
    return lock_enter(&heap_lock);
}

void heap_leave(void *ctx, uintptr_t state)
{
    (void)ctx;
    inside_lock();
    lock_leave(&heap_lock, state);
}

/* Where the chip has no such instruction, one core without interrupts is as good. */
bool heap_swap(void *ctx, uintptr_t *word, uintptr_t expected, uintptr_t wanted)
{
    (void)ctx;
    uintptr_t state = arch_irq_save();
    bool same = *(volatile uintptr_t *)word == expected;
    if (same)
        *(volatile uintptr_t *)word = wanted;
    arch_irq_restore(state);
    return same;
}

unsigned heap_cpu(void *ctx)
{
    (void)ctx;
    return arch_core();
}

void heap_fault(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    fault_log.count++;
    fault_log.last = *fault;
}

bool must(bool held, const char *fact)
{
    if (!held) {
        broken++;
        text("FAIL  ");
        text(fact);
        text("\n");
    }
    return held;
}

static void title(void)
{
    static const uint16_t one = 1;
    text("\nfreehold on ");
    text(arch_name);
    text(": ");
    text(arch_machine);
    text("\n");
    text_number(sizeof(void *) * 8, 1);
    text(*(const unsigned char *)&one == 1 ? " bits, little-endian" : " bits, big-endian");
    text(", granules of ");
    text_number(FH_GRANULE, 1);
    text(" bytes\n");
}

static void show_heap(void)
{
    struct fh_heap *heap = memory_open(0);
    if (!must(heap != NULL, "there was memory for a heap"))
        return;
    scene_set(heap);
    show_map(heap);
    show_statistics(heap);
    show_misuse(heap);
    scene_clear(heap);
    must(fh_check(heap) == FH_OK, "the heap was whole at the end");
    text_section("The end", "every block freed, the heap destroyed");
    must(memory_close(heap), "all memory came back");
}

void kernel_main(void)
{
    title();
    memory_find();
    show_stress();
    show_heap();
    text(broken == 0 ? "\nPASS\n" : "\nFAIL\n");
    arch_exit(broken == 0);
}
