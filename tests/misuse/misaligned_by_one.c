/* SPDX-License-Identifier: MIT
 *
 * misaligned_by_one.c - a pointer one byte into a block.
 */
#include "crime.h"

static struct crime commit_misaligned_by_one(struct scene *s)
{
    return (struct crime){ .kind = FH_MISALIGNED, .ptr = s->victim + 1, .block = s->victim + 1 };
}

CRIME(misaligned_by_one);
