/* SPDX-License-Identifier: MIT
 *
 * heap.c - the public calls that allocate and free: size rules, lock, growth, misuse.
 *
 * Promise: every call takes the lock once for each step and gives it back on every way out; acquire and release are called
 * without it. What the layers below blame is reported before the lock is left.
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
        if (h->lists.blame.kind != FH_OK && h->lists.blame.kind != FH_BAD_REGION) {
            fh_report(h, NULL);
            return fh_pool_add(h, start, start + (bytes - 1), true) != 0;
        }
    }
    /* Memory that overlaps the heap is kept out of both hands: giving it back would give back what is in use. */
    bool impossible = h->lists.blame.kind == FH_BAD_REGION;
    fh_report(h, NULL);
    return impossible;
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

/* The way of a request that the lists did not meet: damage is reported and mended, then the port is asked. */
static FH_COLD void *take_slowly(struct fh_heap *h, uint32_t granules, size_t align, uintptr_t state)
{
    struct fh_block *b = NULL;
    if (h->lists.blame.kind != FH_OK) {
        fh_report(h, NULL);
        b = take(h, granules, align);
    }
    if (b == NULL && fh_has_caches(h)) {
        h->port->cache->drain(h);
        b = take(h, granules, align);
    }
    if (b == NULL) {
        grow(h, region_bytes_for(granules, align), &state);
        b = take(h, granules, align);
    }
    fh_report(h, NULL);
    fh_leave(h, state);
    return b;
}

/* Asked without the lock, before anything else: a damaged structure is left to fh_enter. */
static inline bool has_cpu_caches(const struct fh_heap *h)
{
    return h->by_cpu != NULL && h->seal == fh_seal_for(h);
}

void *fh_malloc(struct fh_heap *h, size_t size)
{
    uint32_t granules = fh_granules_for(size);
    if (fh_rarely(granules == 0))
        return NULL;
    struct fh_block *b;
    if (has_cpu_caches(h) && (b = h->port->cache->take(h, granules)) != NULL)
        return b;
    uintptr_t state = fh_enter(h);
    b = fh_pool_take(h, granules);
    if (fh_rarely(b == NULL))
        return take_slowly(h, granules, 0, state);
    fh_leave(h, state);
    return b;
}

void *fh_aligned_alloc(struct fh_heap *h, size_t align, size_t size)
{
    if (!fh_is_power_of_two(align))
        return NULL;
    if (align <= FH_GRANULE)
        return fh_malloc(h, size);
    uint32_t granules = fh_granules_with(FH_ALIGNED, size);
    if (granules == 0)
        return NULL;
    uintptr_t state = fh_enter(h);
    struct fh_block *b = fh_pool_take_aligned(h, granules, align);
    if (b == NULL)
        return take_slowly(h, granules, align, state);
    fh_report(h, NULL);
    fh_leave(h, state);
    return b;
}

void *fh_calloc(struct fh_heap *h, size_t count, size_t size)
{
    size_t bytes;
    if (!fh_multiply(count, size, &bytes))
        return NULL;
    void *ptr = fh_malloc(h, bytes);
    if (ptr != NULL)
        fh_zero(ptr, bytes);
    return ptr;
}

/* If the region is idle and another free block could take its place, takes it out of the heap: its memory is to be
 * released then. Without the second condition, a loop that allocates and frees at the edge would call the port each time. */
static FH_COLD bool detach_spare(struct fh_heap *h, struct fh_block *b, uintptr_t *start, size_t *bytes)
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

void fh_free(struct fh_heap *h, void *ptr)
{
    if (ptr == NULL || (has_cpu_caches(h) && h->port->cache->put(h, (struct fh_block *)ptr)))
        return;
    uintptr_t state = fh_enter(h);
    struct fh_block *joined = fh_pool_free(h, ptr);
    if (fh_rarely(joined == NULL)) {
        fh_report(h, ptr);
    } else if (!fh_keeps_all(h) && fh_rarely(fh_pool_begins_region(h, joined))) {
        uintptr_t start;
        size_t bytes;
        if (detach_spare(h, joined, &start, &bytes)) {
            fh_leave(h, state);
            h->port->release(h->port->ctx, (void *)start, bytes);
            return;
        }
    }
    fh_leave(h, state);
}

/* Opens the block at ptr and tries to make it size bytes large where it is, in one step under the lock. Returns its granules
 * before, or 0 if ptr or a neighbour was refused, which is reported. */
static uint32_t resize_here(struct fh_heap *h, void *ptr, size_t size, uint32_t *tag, bool *done)
{
    uintptr_t state = fh_enter(h);
    uint32_t granules = fh_pool_open(h, ptr, tag);
    uint32_t wanted = granules != 0 ? fh_granules_with(*tag, size) : 0;
    *done = wanted != 0 && fh_pool_resize(h, (struct fh_block *)ptr, *tag, granules, wanted);
    if (fh_rarely(!*done && h->lists.blame.kind != FH_OK)) {
        fh_report(h, ptr);
        granules = 0;
    }
    fh_leave(h, state);
    return granules;
}

bool fh_resize(struct fh_heap *h, void *ptr, size_t size)
{
    if (ptr == NULL || fh_granules_for(size) == 0)
        return false;
    uint32_t tag;
    bool done;
    resize_here(h, ptr, size, &tag, &done);
    return done;
}

void *fh_realloc(struct fh_heap *h, void *ptr, size_t size)
{
    if (ptr == NULL)
        return fh_malloc(h, size);
    if (fh_granules_for(size) == 0)
        return NULL;
    uint32_t tag;
    bool done;
    uint32_t granules = resize_here(h, ptr, size, &tag, &done);
    if (done)
        return ptr;
    if (granules == 0)
        return NULL;
    size_t align = fh_kept_alignment((struct fh_block *)ptr, tag, granules);
    void *moved = align != 0 ? fh_aligned_alloc(h, align, size) : fh_malloc(h, size);
    if (moved == NULL)
        return NULL;
    fh_copy(moved, ptr, fh_user_bytes(tag, granules));
    fh_free(h, ptr);
    return moved;
}

size_t fh_usable_size(struct fh_heap *h, const void *ptr)
{
    if (ptr == NULL)
        return 0;
    uintptr_t state = fh_enter(h);
    uint32_t tag = 0;
    uint32_t granules = fh_pool_open(h, ptr, &tag);
    if (fh_rarely(granules == 0))
        fh_report(h, ptr);
    fh_leave(h, state);
    return granules != 0 ? fh_user_bytes(tag, granules) : 0;
}
