/* SPDX-License-Identifier: MIT
 *
 * create.c - the public calls that make, extend, trim and end a heap.
 *
 * Promise: nothing is written before it is known that it fits; memory from the port goes back exactly as it came.
 * Must not know: links.
 */
#include "cache.h"

static const struct fh_port no_port;

/* How many lists a heap on that much memory keeps. A heap that grows by itself may hold blocks of any size later; of one that
 * does not, the last list begins where blocks of more than half the heap do: it never holds more than two. A small heap pays no more
 * than a share of itself: its last list then holds all sizes above, and is searched to the end, but the memory bounds it. */
static uint32_t classes_for(size_t bytes, bool grows)
{
    uint32_t granules = bytes / FH_GRANULE < FH_MAX_GRANULES ? (uint32_t)(bytes / FH_GRANULE) : FH_MAX_GRANULES;
    static const struct fh_lists all = { .classes = FH_MAX_CLASSES };
    uint32_t needed = grows ? FH_MAX_CLASSES : fh_class_of(&all, granules / 2 + 1) + 1;
    size_t share = (grows ? bytes / 4 : bytes / 16) / sizeof(fh_word);
    if (needed > share)
        needed = (uint32_t)share;
    return needed != 0 ? needed : 1;
}

/* Lays the control structure at the beginning of the memory and gives the rest to the pool as one block. */
static struct fh_heap *lay(uintptr_t start, uintptr_t last, const struct fh_port *port, bool acquired)
{
    uintptr_t place = fh_align_up(start, FH_GRANULE);
    uintptr_t hi = fh_hi_for(last);
    if (place < start || place >= hi)
        return NULL;
    uint32_t classes = classes_for(hi - place, port->acquire != NULL);
    size_t control = FH_CONTROL_BYTES + fh_table_words(classes) * sizeof(fh_word);
    uintptr_t lo = fh_align_up(place + control + FH_TAG_BYTES, FH_GRANULE);
    if (lo < place || lo >= hi || (hi - lo) / FH_GRANULE < FH_MIN_GRANULES || (hi - place) / FH_GRANULE >= FH_REACH)
        return NULL;

    struct fh_heap *h = (struct fh_heap *)place;
    fh_zero(h, control);
    h->port = port;
    h->lists.classes = classes;
    h->seal = fh_seal_for(h);
    uint32_t secret = port->random != NULL ? (uint32_t)port->random(port->ctx) : (uint32_t)place ^ 0x5EA1ED00u;
    h->lists.space.secret = secret;
    h->lists.mark = fh_list_mark(secret);
    h->rescue = &fh_rescue;
    h->rescue_seal = fh_rescue_seal_for(h);
    h->first.lo = lo;
    h->first.last = last;
    fh_region_insert(&h->lists.space, &h->first, (uint32_t)(place - start) | (acquired ? FH_CHECK_ACQUIRED : 0));
    fh_tag_seal(secret, (struct fh_block *)hi, FH_USED);
    uint32_t granules = (uint32_t)((hi - lo) / FH_GRANULE);
    h->used = granules;
    h->total = granules;
    h->lowest = lo;
    h->highest = hi;
    fh_pool_promote(h, fh_pool_give(h, (struct fh_block *)lo, FH_USED, granules));
    return h;
}

struct fh_heap *fh_create(void *mem, size_t size, const struct fh_port *port)
{
    if (port == NULL)
        port = &no_port;
    bool acquired = mem == NULL;
    size_t got = size;
    if (acquired) {
        /* Room for the control structure with some lists, and for a few blocks. */
        const size_t least = FH_CONTROL_BYTES + 512;
        if (port->acquire == NULL)
            return NULL;
        mem = port->acquire(port->ctx, size > least ? size : least, &got);
        if (mem == NULL)
            return NULL;
    }
    uintptr_t start = (uintptr_t)mem;
    bool sane = got != 0 && start + (got - 1) >= start;
    struct fh_heap *h = sane ? lay(start, start + (got - 1), port, acquired) : NULL;
    if (h == NULL && acquired && port->release != NULL)
        port->release(port->ctx, mem, got);
    if (h != NULL && port->cache != NULL && port->cpus != 0 && port->cpu != NULL && !FH_IS_HARDENED)
        port->cache->start(h);
    return h;
}

size_t fh_add_region(struct fh_heap *h, void *mem, size_t size)
{
    uintptr_t start = (uintptr_t)mem;
    if (mem == NULL || size == 0 || start + (size - 1) < start)
        return 0;
    uintptr_t state = fh_enter(h);
    size_t added = fh_pool_add(h, start, start + (size - 1), false);
    /* Refusing a region is an answer, not a fault; damage met on the way is one. */
    if (h->lists.blame.kind == FH_BAD_REGION)
        h->lists.blame.kind = FH_OK;
    fh_report(h, mem);
    fh_leave(h, state);
    return added;
}

/* What waits in caches keeps a region from being idle. */
static void drain(struct fh_heap *h)
{
    uintptr_t state = fh_enter(h);
    if (fh_has_caches(h))
        h->port->cache->drain(h, 0);
    fh_leave(h, state);
}

size_t fh_trim(struct fh_heap *h)
{
    const struct fh_port *port = fh_port_of(h);
    fh_harden_trim(h);
    if (fh_keeps_all(h))
        return 0;
    size_t released = 0;
    uintptr_t from = 0;
    drain(h);
    for (;;) {
        uintptr_t state = fh_enter(h);
        struct fh_region *r = fh_region_from(&h->lists.space, from);
        if (r == NULL) {
            fh_leave(h, state);
            return released;
        }
        from = r->last;
        uintptr_t start = fh_region_start(r);
        size_t bytes = fh_region_bytes(r);
        if (fh_has_caches(h))
            port->cache->forget(h);
        bool detached = r != &h->first && fh_region_is_acquired(r) && fh_pool_detach(h, r);
        fh_report(h, NULL);
        fh_leave(h, state);
        if (detached) {
            port->release(port->ctx, (void *)start, bytes);
            released += bytes;
        }
    }
}

size_t fh_destroy(struct fh_heap *h)
{
    const struct fh_port *port = fh_port_of(h);
    size_t released = 0;
    uintptr_t from = 0;
    struct fh_region *r;
    /* From here on it is a heap no more, whoever still has its address. */
    h->seal = fh_seal_for(h) + 1;
    if (fh_keeps_all(h))
        return 0;
    while ((r = fh_region_from(&h->lists.space, from)) != NULL) {
        uintptr_t start = fh_region_start(r);
        size_t bytes = fh_region_bytes(r);
        bool acquired = fh_region_is_acquired(r);
        from = r->last;
        if (r == &h->first || !acquired)
            continue;
        fh_region_remove(&h->lists.space, r);
        port->release(port->ctx, (void *)start, bytes);
        released += bytes;
    }
    if (!fh_region_is_acquired(&h->first))
        return released;
    size_t bytes = fh_region_bytes(&h->first);
    port->release(port->ctx, (void *)fh_region_start(&h->first), bytes);
    return released + bytes;
}
