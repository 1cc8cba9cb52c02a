/* SPDX-License-Identifier: MIT
 *
 * top_of_memory.c - the highest aligned address, where adding to it would wrap.
 */
#include "crime.h"

static struct crime commit_top_of_memory(struct scene *s)
{
    (void)s;
    void *ptr = rig_launder((const void *)(UINTPTR_MAX - (FH_GRANULE - 1)));
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(top_of_memory);
