/* SPDX-License-Identifier: MIT
 *
 * caches_static.c - the heap of memory_static.c with a cache on top.
 */
#include "memory.h"

#include <static/static.h>

static const struct fh_port port = { .lock = heap_enter, .unlock = heap_leave, .fault = heap_fault, .cpus = 1, .cpu = heap_cpu,
                                     .cache = &fh_cpu_cache, .swap = heap_swap };

bool memory_has_caches(void)
{
    return true;
}

struct fh_heap *memory_open_cached(void)
{
    return fh_static_linked(&port);
}
