/* SPDX-License-Identifier: MIT
 *
 * stale.c - a stale pointer into a block that was handed out anew, larger, and written.
 */
#include "crime.h"

static struct crime commit_stale(struct scene *s)
{
    fh_free(s->rig.heap, s->victim);
    REQUIRE(fh_resize(s->rig.heap, s->before, 2 * BLOCK_BYTES));
    rig_fill(s->before, 2 * BLOCK_BYTES, 5);
    return (struct crime){ .kind = FH_NOT_A_BLOCK, .ptr = s->victim, .block = s->victim };
}

CRIME(stale);
