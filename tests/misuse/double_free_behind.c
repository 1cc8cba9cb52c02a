/* SPDX-License-Identifier: MIT
 *
 * double_free_behind.c - a free block is freed again after the block before it was freed too and absorbed it.
 */
#include "crime.h"

static struct crime commit_double_free_behind(struct scene *s)
{
    fh_free(s->rig.heap, s->behind);
    fh_free(s->rig.heap, s->victim);
    return (struct crime){ .kind = FH_DOUBLE_FREE, .ptr = s->behind, .block = s->behind };
}

CRIME(double_free_behind);
