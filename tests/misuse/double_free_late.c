/* SPDX-License-Identifier: MIT
 *
 * double_free_late.c - a block is freed again long after it was joined with both neighbours: its tag is dead, not stale.
 */
#include "crime.h"

static struct crime commit_double_free_late(struct scene *s)
{
    fh_free(s->rig.heap, s->before);
    fh_free(s->rig.heap, s->behind);
    fh_free(s->rig.heap, s->victim);
    return (struct crime){ .kind = FH_DOUBLE_FREE, .ptr = s->victim, .block = s->victim };
}

CRIME(double_free_late);
