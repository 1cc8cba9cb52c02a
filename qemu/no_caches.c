/* SPDX-License-Identifier: MIT
 *
 * no_caches.c - for the small core, which has none.
 */
#include "memory.h"

bool memory_has_caches(void)
{
    return false;
}

struct fh_heap *memory_open_cached(void)
{
    return NULL;
}
