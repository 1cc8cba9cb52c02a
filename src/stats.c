/* SPDX-License-Identifier: MIT
 *
 * stats.c - the counts of a heap. Reads only, and ends on any damage: what has been counted by then is what is shown.
 */
#include "cache.h"

/* The largest request that a free block of that size meets: all of it, or for a huge one the next size below that a used
 * block can have. 0: none, where the least used block is larger than the least free one. */
static size_t request_for(uint32_t granules)
{
    if (granules < FH_LEAST_GRANULES)
        return 0;
    if (granules >= FH_HUGE)
        granules = fh_huge_size(fh_huge_code(granules & ~FH_ODD_BITS));
    return fh_payload_bytes(granules);
}

/* seen: a request would look at the block. What lies deeper in its list than the search goes, none finds. */
static void count_free(struct fh_stats *stats, uint32_t granules, bool seen)
{
    stats->blocks_free++;
    if (seen && request_for(granules) > stats->largest_free)
        stats->largest_free = request_for(granules);
}

/* Adds up one list. most: no more granules than that can be free. */
static void count_list(struct fh_heap *h, uint32_t class, uint64_t most, uint64_t *granules, struct fh_stats *stats)
{
    struct fh_lists *l = &h->lists;
    uint32_t left = class + 1 == l->classes ? UINT32_MAX : FH_SEARCH_DEPTH;
    for (uint32_t link = *fh_head_of(l, class); link != 0;) {
        const struct fh_block *b = fh_link_at(l, link);
        if (!fh_space_has(&l->space, b))
            return;
        uint32_t tag = fh_tag_open(l->space.secret, b);
        uint32_t n = fh_is_tag(tag) && fh_is_free(tag) ? fh_free_size(&l->space, b, tag) : 0;
        *granules += n;
        if (n == 0 || *granules > most)
            return;
        count_free(stats, n, left != 0);
        left -= left != 0;
        link = fh_link_behind(l, b);
    }
}

/* How many used blocks a region holds, up to the first damaged tag. */
static size_t used_blocks_in(struct fh_heap *h, const struct fh_region *r)
{
    struct fh_space *space = &h->lists.space;
    size_t blocks = 0;
    uintptr_t hi = fh_hi_for(r->last);
    fh_space_find(space, r->lo);
    for (const struct fh_block *b = (const struct fh_block *)r->lo; (uintptr_t)b < hi;) {
        uint32_t tag = fh_tag_open(space->secret, b);
        if (!fh_is_tag(tag))
            break;
        uint32_t n = fh_is_free(tag) ? fh_free_size(space, b, tag) : fh_used_size(tag);
        if (n == 0 || !fh_space_holds(space, b, n))
            break;
        blocks += !fh_is_free(tag);
        b = fh_after(b, n);
    }
    return blocks;
}

/* The size of the top, 0 if there is none. Damage is left to the calls that rely on it. */
static uint32_t top_size(struct fh_heap *h)
{
    const struct fh_block *b = h->top;
    if (b == NULL || (uintptr_t)b % FH_GRANULE != 0 || !fh_space_has(&h->lists.space, b) || !fh_is_top(h->lists.space.secret, b))
        return 0;
    return (uint32_t)(fh_space_room(&h->lists.space, b) / FH_GRANULE);
}

void fh_stats(struct fh_heap *h, struct fh_stats *stats)
{
    fh_zero(stats, sizeof *stats);
    uintptr_t state = fh_enter(h);
    uintptr_t from = 0;
    const struct fh_region *r;
    while ((r = fh_region_from(&h->lists.space, from)) != NULL) {
        stats->regions++;
        stats->bytes_regions += fh_region_bytes(r);
        stats->blocks_used += used_blocks_in(h, r);
        from = r->last;
    }
    stats->frees_deferred = h->deferrals;
    stats->bytes_used = h->used * FH_GRANULE;
    stats->bytes_peak = h->peak * FH_GRANULE;
    stats->bytes_free = (h->total - h->used) * FH_GRANULE;
    if (fh_has_caches(h))
        stats->bytes_cached = h->port->cache->held(h) * FH_GRANULE;
    stats->bytes_cached += fh_quarantine_held(h) * FH_GRANULE;
    uint64_t granules = top_size(h);
    if (granules != 0)
        count_free(stats, (uint32_t)granules, true);
    if (h->victim_size != 0)
        count_free(stats, h->victim_size, true);
    granules += h->victim_size;
    for (uint32_t class = 0; class < h->lists.classes; class++)
        count_list(h, class, h->total, &granules, stats);
    fh_leave(h, state);
}
