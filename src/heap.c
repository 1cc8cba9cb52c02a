/* SPDX-License-Identifier: MIT
 *
 * heap.c - the public calls that allocate and free: size rules, lock, misuse.
 *
 * Promise: every call takes the lock once for each step and gives it back on every way out. What the layers below blame is
 * reported before the lock is left.
 * Must not know: tags, links, lists; it asks the pool. Nor how a heap grows and shrinks; it asks for a rescue.
 */
#include "cache.h"

/* The rescue leaves the lock, and knows granules only. */
static inline void *exactly(struct fh_heap *h, void *ptr, size_t size)
{
    if (FH_IS_HARDENED && ptr != NULL) {
        uintptr_t state = fh_enter(h);
        fh_canary_set(h, (struct fh_block *)ptr, size);
        fh_leave(h, state);
    }
    return ptr;
}

void *fh_malloc_from_pool(struct fh_heap *h, uint32_t granules, size_t size)
{
    uintptr_t state = fh_enter(h);
    struct fh_block *b = fh_pool_take(h, granules);
    if (fh_rarely(b == NULL))
        return exactly(h, fh_rescue_of(h)->take(h, granules, 0, state), size);
    fh_canary_set(h, b, size);
    fh_leave(h, state);
    return b;
}

/* The layer is asked without the lock; the port that names it is looked at first. */
static FH_APART void *malloc_from_cache(struct fh_heap *h, uint32_t granules, size_t size)
{
    return fh_port_of(h)->cache->malloc(h, granules, size);
}

static FH_COLD void *malloc_huge(struct fh_heap *h, size_t size)
{
    uint32_t granules = fh_granules_for(size);
    if (granules == 0)
        return NULL;
    return h->by_cpu != NULL ? malloc_from_cache(h, granules, size) : fh_malloc_from_pool(h, granules, size);
}

/* Each way is the call's last step, so that it needs no frame. */
void *fh_malloc(struct fh_heap *h, size_t size)
{
    if (fh_rarely(size > FH_PLAIN_REQUEST))
        return malloc_huge(h, size);
    uint32_t granules = fh_plain_granules_for(size);
    return fh_rarely(h->by_cpu != NULL) ? malloc_from_cache(h, granules, size) : fh_malloc_from_pool(h, granules, size);
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
        return exactly(h, fh_rescue_of(h)->take(h, granules, align, state), size);
    fh_canary_set(h, b, size);
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
        fh_zero_asked(ptr, bytes);
    return ptr;
}

void fh_free_to_pool(struct fh_heap *h, void *ptr)
{
    uintptr_t state = fh_enter(h);
    struct fh_block *joined = fh_harden_free(h, ptr);
    if (fh_rarely(joined == NULL)) {
        fh_report(h, ptr);
    } else if (!fh_keeps_all(h) && fh_rarely(fh_pool_begins_region(h, joined))) {
        fh_rescue_of(h)->shed(h, joined, state);
        return;
    }
    fh_leave(h, state);
}

static FH_APART void free_to_cache(struct fh_heap *h, void *ptr)
{
    fh_port_of(h)->cache->free(h, ptr);
}

void fh_free(struct fh_heap *h, void *ptr)
{
    if (ptr == NULL)
        return;
    if (fh_rarely(h->by_cpu != NULL))
        free_to_cache(h, ptr);
    else
        fh_free_to_pool(h, ptr);
}

/* How many granules a block with that tag and size should have for so many bytes; 0 if none can have as many. A huge one may be a granule
 * larger than any that is asked for: what fits it needs no other. */
static uint32_t wanted_for(uint32_t tag, uint32_t granules, size_t size)
{
    uint32_t wanted = fh_granules_with(tag, size);
    return fh_rarely(wanted > granules) && size <= fh_user_bytes(tag, granules) ? granules : wanted;
}

/* Opens the block at ptr and tries to make it size bytes large where it is, in one step under the lock. Returns its granules
 * before, or 0 if ptr or a neighbour was refused, which is reported. */
static uint32_t resize_here(struct fh_heap *h, void *ptr, size_t size, uint32_t *tag, bool *done)
{
    uintptr_t state = fh_enter(h);
    uint32_t granules = fh_pool_open(h, ptr, tag);
    uint32_t wanted = granules != 0 ? wanted_for(*tag, granules, size) : 0;
    *done = wanted != 0 && fh_pool_resize(h, (struct fh_block *)ptr, *tag, granules, wanted);
    if (fh_rarely(!*done && fh_quarantine_yield_behind(h, (struct fh_block *)ptr, granules, wanted)))
        *done = fh_pool_resize(h, (struct fh_block *)ptr, *tag, granules, wanted);
    if (*done)
        fh_canary_set(h, (struct fh_block *)ptr, size);
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
    return granules != 0 ? fh_exact_bytes(h, (const struct fh_block *)ptr, fh_user_bytes(tag, granules)) : 0;
}
