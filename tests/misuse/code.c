/* SPDX-License-Identifier: MIT
 *
 * code.c - a pointer to a function.
 */
#include "crime.h"

static struct crime commit_code(struct scene *s)
{
    (void)s;
    void *ptr = rig_launder((const void *)((uintptr_t)&fh_free & ~(uintptr_t)(FH_GRANULE - 1)));
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(code);
