/* SPDX-License-Identifier: MIT
 *
 * small_integer.c - a small integer, where nothing is mapped: it must not be read.
 */
#include "crime.h"

static struct crime commit_small_integer(struct scene *s)
{
    (void)s;
    void *ptr = rig_launder((const void *)(uintptr_t)FH_GRANULE);
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(small_integer);
