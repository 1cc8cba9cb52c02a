/* SPDX-License-Identifier: MIT
 *
 * the_heap.c - the heap itself.
 */
#include "crime.h"

static struct crime commit_the_heap(struct scene *s)
{
    void *ptr = (void *)((uintptr_t)s->rig.heap + 2 * FH_GRANULE);
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(the_heap);
