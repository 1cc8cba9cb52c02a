/* SPDX-License-Identifier: MIT
 *
 * overrun_far.c - a copy that runs over the next tag and on through that block.
 */
#include "crime.h"

static struct crime commit_overrun_far(struct scene *s)
{
    rig_fill(s->victim, 2 * BLOCK_BYTES, 9);
    return (struct crime){ .kind = FH_OVERRUN, .ptr = s->victim, .block = s->behind, .lasting = FH_BAD_TAG, .hidden = true };
}

CRIME(overrun_far);
