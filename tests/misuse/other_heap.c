/* SPDX-License-Identifier: MIT
 *
 * other_heap.c - a block of another heap.
 */
#include "crime.h"

static struct crime commit_other_heap(struct scene *s)
{
    static struct rig other;
    (void)s;
    rig_open(&other, rig_memory + 65536, 8192);
    void *ptr = fh_malloc(other.heap, BLOCK_BYTES);
    REQUIRE(ptr != NULL);
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(other_heap);
