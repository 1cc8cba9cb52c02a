/* SPDX-License-Identifier: MIT
 *
 * rescue.c - what a heap does when its lists are not enough, or more than enough: it grows, sheds idle regions, mends its lists.
 *
 * Promise: acquire and release are called without the lock; what was blamed on the way is reported before it is left.
 * Invariant: nothing but fh_create names what is here. A program that links malloc and free alone, and is given its heap by
 * another one, carries none of it: 3.5 KB on a Cortex-M0.
 * Must not know: tags, links, lists; it asks the pool.
 */
#include "cache.h"

/* How many calls may be inside acquire at once beyond one for each CPU. A port that allocates from the heap it serves
 * comes back here; past this depth it is refused, which ends the recursion. */
#define ACQUIRE_DEPTH 4

/* A block of granules, aligned; align 0 stands for the ordinary alignment. */
static struct fh_block *take(struct fh_heap *h, uint32_t granules, size_t align)
{
    return align == 0 ? fh_pool_take(h, granules) : fh_pool_take_aligned(h, granules, align);
}

/* How much memory surely holds a region with such a block. */
static size_t region_bytes_for(uint32_t granules, size_t align)
{
    size_t overhead = FH_HEADER_BYTES + 2 * FH_GRANULE;
    if (align != 0) {
        if (align > SIZE_MAX / 4)
            return 0;
        overhead += align + FH_GRANULE;
    }
    size_t most = (SIZE_MAX - overhead) / FH_GRANULE;
    /* unreached: 2^30 granules fit into any 64-bit size; the 32-bit programs of tests/unit see it refused. */
    return granules <= most ? granules * (size_t)FH_GRANULE + overhead : 0;
}

/* Enters memory that the port gave. Damage that is met on the way is reported, which mends it, and the memory entered then. False:
 * it goes back to the port. */
static bool enter_region(struct fh_heap *h, uintptr_t start, size_t bytes)
{
    if (bytes == 0)
        return false;
    if (start + (bytes - 1) < start) {
        fh_blame(&h->lists, FH_BAD_REGION, NULL, 0, (uint32_t)start);
    } else {
        if (fh_pool_add(h, start, start + (bytes - 1), true) != 0)
            return true;
        if (h->lists.blame.kind != FH_BAD_REGION) {
            fh_report(h, NULL);
            return fh_pool_add(h, start, start + (bytes - 1), true) != 0;
        }
    }
    /* Memory that overlaps the heap is kept out of both hands: giving it back would give back what is in use. */
    fh_report(h, NULL);
    return true;
}

/* Asks the port for memory. The lock is held before and after, not meanwhile. */
static void grow(struct fh_heap *h, size_t bytes, uintptr_t *state)
{
    const struct fh_port *port = h->port;
    if (port->acquire == NULL || bytes == 0 || h->growing >= port->cpus + ACQUIRE_DEPTH)
        return;
    h->growing++;
    fh_leave(h, *state);
    size_t got = 0;
    void *mem = port->acquire(port->ctx, bytes, &got);
    *state = fh_enter(h);
    h->growing--;
    if (mem == NULL || enter_region(h, (uintptr_t)mem, got) || port->release == NULL)
        return;
    /* Too small for anything: whatever it is, it is the port's. */
    fh_leave(h, *state);
    port->release(port->ctx, mem, got);
    *state = fh_enter(h);
}

/* The way of a request that the pool did not meet: damage is reported and mended, then caches are emptied, then the port is asked. It is
 * asked all the same where emptied caches leave too little. */
static void *take_anyhow(struct fh_heap *h, uint32_t granules, size_t align, uintptr_t state)
{
    struct fh_block *b = NULL;
    if (h->lists.blame.kind != FH_OK) {
        fh_report(h, NULL);
        b = take(h, granules, align);
    }
    if (b == NULL && fh_has_caches(h)) {
        bool enough = h->port->cache->drain(h, granules);
        b = take(h, granules, align);
        if (b != NULL && !enough)
            grow(h, region_bytes_for(granules, align), &state);
    }
    if (b == NULL && fh_quarantine_yield(h, granules, align))
        b = take(h, granules, align);
    if (b == NULL) {
        grow(h, region_bytes_for(granules, align), &state);
        b = take(h, granules, align);
    }
    if (b != NULL)
        fh_canary_set(h, b, SIZE_MAX);
    fh_report(h, NULL);
    fh_leave(h, state);
    return b;
}

/* If the region is idle and another free block could take its place, takes it out of the heap: its memory is to be
 * released then. Without the second condition, a loop that allocates and frees at the edge would call the port each time. */
static bool detach_spare(struct fh_heap *h, struct fh_block *b, uintptr_t *start, size_t *bytes)
{
    struct fh_region *r = fh_region_over(&h->lists.space, (uintptr_t)b, (uintptr_t)b);
    if (r == NULL || r == &h->first || !fh_region_is_acquired(r) || !fh_pool_is_spare(h, r))
        return false;
    *start = fh_region_start(r);
    *bytes = fh_region_bytes(r);
    if (fh_has_caches(h))
        h->port->cache->forget(h);
    return fh_pool_detach(h, r);
}

static void shed(struct fh_heap *h, struct fh_block *b, uintptr_t state)
{
    uintptr_t start;
    size_t bytes;
    bool spare = detach_spare(h, b, &start, &bytes);
    fh_report(h, NULL);
    fh_leave(h, state);
    if (spare)
        h->port->release(h->port->ctx, (void *)start, bytes);
}

const struct fh_rescue fh_rescue = { take_anyhow, shed, fh_pool_relist };
