/* SPDX-License-Identifier: MIT
 *
 * heap_in_heap.c - a block of a heap that lives in a block of this one: the address is ours, the seal is not.
 */
#include "crime.h"

static struct crime commit_heap_in_heap(struct scene *s)
{
    static struct rig inner;
    void *mem = fh_malloc(s->rig.heap, 4096);
    REQUIRE(mem != NULL);
    rig_prepare(&inner);
    inner.locks = 1000; /* a secret of its own */
    inner.heap = fh_create(mem, 4096, &inner.port);
    REQUIRE(inner.heap != NULL);
    void *ptr = fh_malloc(inner.heap, BLOCK_BYTES);
    REQUIRE(ptr != NULL);
    return (struct crime){ .kind = FH_NOT_A_BLOCK, .ptr = ptr, .block = ptr };
}

CRIME(heap_in_heap);
