/* SPDX-License-Identifier: MIT
 *
 * underrun.c - four bytes written before a block: its own tag.
 */
#include "crime.h"

static struct crime commit_underrun(struct scene *s)
{
    rig_fill(s->victim - 4, 4, 123);
    return (struct crime){ .kind = FH_NOT_A_BLOCK, .ptr = s->victim, .block = s->victim, .lasting = FH_BAD_TAG };
}

CRIME(underrun);
