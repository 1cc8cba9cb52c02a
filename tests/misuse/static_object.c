/* SPDX-License-Identifier: MIT
 *
 * static_object.c - a pointer to a static object.
 */
#include "crime.h"

static _Alignas(64) unsigned char object[256];

static struct crime commit_static_object(struct scene *s)
{
    (void)s;
    void *ptr = rig_launder(object + 64);
    return (struct crime){ .kind = FH_FOREIGN, .ptr = ptr, .block = ptr };
}

CRIME(static_object);
