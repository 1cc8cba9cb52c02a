/* SPDX-License-Identifier: MIT
 *
 * interior.c - a pointer into the middle of a block, aligned like one that was handed out.
 */
#include "crime.h"

static struct crime commit_interior(struct scene *s)
{
    rig_fill(s->victim, BLOCK_BYTES, 3);
    void *ptr = s->victim + FH_GRANULE;
    return (struct crime){ .kind = FH_NOT_A_BLOCK, .ptr = ptr, .block = ptr };
}

CRIME(interior);
