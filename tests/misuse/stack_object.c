/* SPDX-License-Identifier: MIT
 *
 * stack_object.c - a pointer to a local variable.
 */
#include "crime.h"

static struct crime commit_stack_object(struct scene *s)
{
    /* The scene is a local variable of the trial. */
    void *ptr = rig_launder((const void *)(((uintptr_t)s + FH_GRANULE) & ~(uintptr_t)(FH_GRANULE - 1)));
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(stack_object);
