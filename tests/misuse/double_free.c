/* SPDX-License-Identifier: MIT
 *
 * double_free.c - a block is freed twice.
 */
#include "crime.h"

static struct crime commit_double_free(struct scene *s)
{
    fh_free(s->rig.heap, s->victim);
    return (struct crime){ .kind = FH_DOUBLE_FREE, .ptr = s->victim, .block = s->victim };
}

CRIME(double_free);
