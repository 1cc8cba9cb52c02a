/* SPDX-License-Identifier: MIT
 *
 * interior_zeroed.c - a pointer into the middle of a block of zeroes, where a careless tag would read as some size.
 */
#include "crime.h"

static struct crime commit_interior_zeroed(struct scene *s)
{
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        s->victim[i] = 0;
    void *ptr = s->victim + FH_GRANULE;
    return (struct crime){ .kind = FH_NOT_A_BLOCK, .ptr = ptr, .block = ptr };
}

CRIME(interior_zeroed);
