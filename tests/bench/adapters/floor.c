/* SPDX-License-Identifier: MIT
 *
 * floor.c - no allocator at all: hands out the next bytes of its region and begins again at its start when it is through.
 *
 * Two uses: its time in a replay is what the replayer itself costs, and since it hands out memory that is in use, --check must
 * find it out. It is also the shortest example of an adapter.
 */
#include "../adapter.h"

#include <stdint.h>
#include <string.h>

static struct {
    unsigned char *start;
    size_t size;
    size_t at;
} ring;

/* What a test has it claim to be. */
#ifndef ADAPTER_ABI_CLAIMED
#define ADAPTER_ABI_CLAIMED FH_ADAPTER_ABI
#endif

/* Flaws that a test asks for: blocks that many bytes beside their place, and memory that holds that byte. */
#ifndef FLOOR_SKEW
#define FLOOR_SKEW 0
#endif
#ifndef FLOOR_FILL
#define FLOOR_FILL 0
#endif

unsigned fh_adapter_abi(void)
{
    return ADAPTER_ABI_CLAIMED;
}

const char *fh_adapter_name(void)
{
    return "floor";
}

void *fh_adapter_open(void *mem, size_t size)
{
    if (FLOOR_FILL != 0)
        memset(mem, FLOOR_FILL, size);
    ring.start = (unsigned char *)mem + FLOOR_SKEW;
    ring.size = size;
    ring.at = 0;
    return &ring;
}

void fh_adapter_close(void *heap)
{
    (void)heap;
}

void *fh_adapter_malloc(void *heap, size_t size)
{
    (void)heap;
    size = (size + 16) & ~(size_t)15;
    if (size > ring.size)
        return NULL;
    if (size > ring.size - ring.at)
        ring.at = 0;
    void *ptr = ring.start + ring.at;
    ring.at += size;
    return ptr;
}

void fh_adapter_free(void *heap, void *ptr)
{
    (void)heap;
    (void)ptr;
}

void *fh_adapter_realloc(void *heap, void *ptr, size_t size)
{
    (void)ptr;
    return fh_adapter_malloc(heap, size);
}

void *fh_adapter_aligned_alloc(void *heap, size_t align, size_t size)
{
    unsigned char *ptr = fh_adapter_malloc(heap, size + align);
    return ptr != NULL ? ptr + (0 - (uintptr_t)ptr % align) % align : NULL;
}

void *fh_adapter_calloc(void *heap, size_t size)
{
    return fh_adapter_malloc(heap, size);
}
