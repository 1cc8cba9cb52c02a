/* SPDX-License-Identifier: MIT
 *
 * overrun_into_free.c - an overrun into the tag of a free block.
 */
#include "crime.h"

static struct crime commit_overrun_into_free(struct scene *s)
{
    fh_free(s->rig.heap, s->behind);
    rig_poke(s->behind - 4, 0);
    return (struct crime){
        .kind = FH_OVERRUN, .ptr = s->victim, .block = s->behind, .lasting = FH_BAD_TAG, .hidden = true, .later = FH_BAD_TAG
    };
}

CRIME(overrun_into_free);
