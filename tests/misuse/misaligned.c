/* SPDX-License-Identifier: MIT
 *
 * misaligned.c - a pointer that is no multiple of the granule.
 */
#include "crime.h"

static struct crime commit_misaligned(struct scene *s)
{
    return (struct crime){ .kind = FH_MISALIGNED, .ptr = s->victim + 4, .block = s->victim + 4 };
}

CRIME(misaligned);
