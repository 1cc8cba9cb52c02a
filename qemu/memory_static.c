/* SPDX-License-Identifier: MIT
 *
 * memory_static.c - one heap in what the linker script leaves over, for microcontrollers.
 */
#include "memory.h"

#include <static/static.h>

#include "text.h"

struct stress_slot memory_slots[STRESS_SMALL_SLOTS];
const unsigned memory_slot_count = STRESS_SMALL_SLOTS;

extern unsigned char __heap_start[];
extern unsigned char __heap_end[];

static const struct fh_port port = { .lock = heap_enter, .unlock = heap_leave, .fault = heap_fault,
                                     .swap = heap_swap };

void memory_find(void)
{
    text_section("Memory", "as the linker script leaves it");
    text("  from            to                     size   kind\n  ");
    text_hex((uintptr_t)__heap_start, 12);
    text("  ");
    text_hex((uintptr_t)__heap_end - 1, 12);
    text_bytes((uintptr_t)(__heap_end - __heap_start), 12);
    text("   RAM between __heap_start and __heap_end\n");
}

unsigned memory_ways(void)
{
    return 1;
}

const char *memory_way(unsigned way)
{
    (void)way;
    return "linker symbols";
}

struct fh_heap *memory_open(unsigned way)
{
    (void)way;
    return fh_static_linked(&port);
}

/* The heap must be as it was when it was new; the memory then simply is the caller's again. */
bool memory_close(struct fh_heap *heap)
{
    struct fh_stats stats;
    fh_stats(heap, &stats);
    text("  ");
    text_number((uint32_t)stats.blocks_used, 6);
    text(" blocks left,");
    text_number((uint32_t)stats.blocks_free, 3);
    text(" free block, ");
    text_number((uint32_t)stats.bytes_free, 1);
    text(" bytes\n");
    return stats.blocks_used == 0 && stats.blocks_free == 1 && fh_destroy(heap) == 0;
}
