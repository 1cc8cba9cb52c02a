/* SPDX-License-Identifier: MIT
 *
 * caches.h - a rig whose heap has a cache for each of a few CPUs, and what waits in them.
 *
 * Promise: the CPU that calls is cpu_now.
 */
#ifndef CACHES_H
#define CACHES_H

#include "rig.h"

enum { CPUS = 3 };

static unsigned cpu_now;

static inline unsigned cpu(void *ctx)
{
    (void)ctx;
    return cpu_now;
}

static inline void open_with_caches(struct rig *rig, size_t bytes)
{
    rig_prepare(rig);
    rig->port.cpus = CPUS;
    rig->port.cpu = cpu;
    rig->port.cache = &fh_cpu_cache;
    rig->heap = fh_create(rig_memory, bytes, &rig->port);
    REQUIRE(rig->heap != NULL);
    cpu_now = 0;
    /* A heap with little in use caches hardly anything. */
    if (bytes == RIG_MEMORY)
        REQUIRE(fh_malloc(rig->heap, RIG_MEMORY / 2) != NULL);
}

struct tally {
    size_t cached_bytes;
    size_t cached_blocks;
};

static inline bool count_cached(void *arg, const struct fh_block_info *info)
{
    struct tally *t = arg;
    CHECK(!info->cached || info->used);
    if (info->cached) {
        t->cached_bytes += info->bytes;
        t->cached_blocks++;
    }
    return true;
}

static inline struct tally tally_of(struct fh_heap *heap)
{
    struct tally t = { 0, 0 };
    fh_walk(heap, count_cached, &t);
    return t;
}

#endif
