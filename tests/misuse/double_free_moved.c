/* SPDX-License-Identifier: MIT
 *
 * double_free_moved.c - the old address is freed after realloc moved the block away.
 */
#include "crime.h"

static struct crime commit_double_free_moved(struct scene *s)
{
    REQUIRE(fh_realloc(s->rig.heap, s->victim, 500) != s->victim);
    return (struct crime){ .kind = FH_DOUBLE_FREE, .ptr = s->victim, .block = s->victim };
}

CRIME(double_free_moved);
