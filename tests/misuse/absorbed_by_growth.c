/* SPDX-License-Identifier: MIT
 *
 * absorbed_by_growth.c - a block is freed again after the block before it grew over its place; its payload was not written since.
 */
#include "crime.h"

static struct crime commit_absorbed_by_growth(struct scene *s)
{
    fh_free(s->rig.heap, s->victim);
    REQUIRE(fh_resize(s->rig.heap, s->before, 2 * BLOCK_BYTES));
    return (struct crime){ .kind = FH_DOUBLE_FREE, .ptr = s->victim, .block = s->victim };
}

CRIME(absorbed_by_growth);
