/* SPDX-License-Identifier: MIT
 *
 * check.c - the truth of a heap of the small core, its counts, and a walk over its blocks.
 *
 * Promise: reads only, follows no word that it has not validated, and ends on any damage: the walk over the blocks only ever goes up, and no
 * ring is followed further than there are free blocks.
 * Must not know: how damage is mended.
 */
#include "small.h"

/* The size of the block there; 0 if its tag cannot be right. */
static uint32_t size_at(const struct fh_heap *h, uint32_t link, uint32_t tag)
{
    uint32_t n = fh_tag_size(tag);
    bool plain = fh_is_used(tag & ~FH_PREV_FREE) || (tag & ~(FH_SIZE_MASK << FH_SIZE_SHIFT)) == FH_FREE;
    return plain && n - FH_MIN_GRANULES <= fh_room(h, link) ? n : 0;
}

/* The size of the free block there; 0 if there is none. */
static uint32_t open_free(const struct fh_heap *h, uint32_t link)
{
    uint32_t n = fh_is_readable(h, link) ? fh_free_granules(fh_tag_at(h, link)) : 0;
    return n - FH_MIN_GRANULES <= fh_room(h, link) ? n : 0;
}

static enum fh_fault_kind check_blocks(const struct fh_heap *h, uint32_t *free_blocks, uint32_t *used)
{
    uint32_t prev_free = 0;
    uint32_t link = fh_first_for(h->end);
    while (link <= h->last) {
        uint32_t tag = fh_tag_at(h, link);
        uint32_t n = size_at(h, link, tag);
        if (n == 0)
            return FH_BAD_TAG;
        if ((tag & FH_PREV_FREE) != prev_free)
            return FH_NOT_COALESCED;
        prev_free = fh_is_free(tag) ? FH_PREV_FREE : 0;
        if (prev_free == 0)
            *used += n;
        else if (*fh_footer_of(fh_at(h, fh_behind(link, n))) != n)
            return FH_BAD_FOOTER;
        *free_blocks += prev_free;
        link = fh_behind(link, n);
    }
    return link == fh_end_link(h) && fh_tag_at(h, link) == (FH_USED | prev_free) ? FH_OK : FH_BAD_TAG;
}

/* Every block on that ring belongs there. left: how many free blocks no ring has shown yet. */
static enum fh_fault_kind check_ring(const struct fh_heap *h, uint32_t ring, uint32_t *left)
{
    uint32_t before = ring;
    uint32_t link = fh_at(h, ring)->next;
    if (FH_HAS_MAP && (h->map >> (ring - FH_HEAD) & 1) != (link != ring))
        return FH_BAD_MAP;
    for (; link != ring; link = fh_at(h, link)->next) {
        uint32_t n = open_free(h, link);
        if (n == 0 || fh_at(h, link)->prev != before)
            return FH_BAD_LINK;
        if (fh_ring_of(h, n) != ring || (*left)-- == 0)
            return FH_BAD_LIST;
        before = link;
    }
    return fh_at(h, ring)->prev == before ? FH_OK : FH_BAD_LINK;
}

/* How many granules all blocks have. */
static uint32_t total_of(const struct fh_heap *h)
{
    return (fh_end_link(h) - fh_first_for(h->end)) / FH_LINKS;
}

/* Do the blocks end where the memory does? */
static bool spans_all(const struct fh_heap *h)
{
    uintptr_t last = fh_start_of(h) + (h->bytes - 1);
    return (uintptr_t)fh_at(h, fh_end_link(h)) == fh_hi_for(last);
}

static enum fh_fault_kind check(const struct fh_heap *h)
{
    uint32_t free_blocks = 0;
    uint32_t used = 0;
    if (h->end - FH_HEAD - 1 >= FH_MAX_RINGS || !spans_all(h) || h->given != fh_given_for(h))
        return FH_BAD_CONTROL;
    enum fh_fault_kind kind = check_blocks(h, &free_blocks, &used);
    for (uint32_t ring = FH_HEAD; kind == FH_OK && ring < h->end; ring++)
        kind = check_ring(h, ring, &free_blocks);
    if (kind != FH_OK)
        return kind;
    if (free_blocks != 0)
        return FH_BAD_LIST;
    if (FH_HAS_MAP && h->map >> (h->end - FH_HEAD - 1) > 1)
        return FH_BAD_MAP;
    return used == h->used && h->peak <= total_of(h) ? FH_OK : FH_BAD_COUNT;
}

enum fh_fault_kind fh_check(struct fh_heap *h)
{
    uintptr_t state = fh_lock(h);
    enum fh_fault_kind kind = check(h);
    fh_unlock(h, state);
    return kind;
}

void fh_walk(struct fh_heap *h, fh_visit *visit, void *arg)
{
    uintptr_t state = fh_lock(h);
    uint32_t link = fh_first_for(h->end);
    uint32_t n = 1;
    bool more = true;
    while (more && n != 0) {
        uint32_t tag = fh_tag_at(h, link);
        bool ends = link > h->last;
        n = ends ? 0 : size_at(h, link, tag);
        if (n != 0 || ends) {
            struct fh_block_info info;
            info.payload = fh_at(h, link);
            info.bytes = (size_t)n * FH_GRANULE;
            info.used = !fh_is_free(tag) || ends;
            info.cached = false;
            more = visit(arg, &info);
        }
        link = fh_behind(link, n);
    }
    fh_unlock(h, state);
}

/* The largest request that is met: no ring but the last is looked at beyond its first block. */
static void count_rings(const struct fh_heap *h, struct fh_stats *stats)
{
    uint32_t largest = 0;
    uint32_t left = h->last;
    for (uint32_t ring = FH_HEAD; ring < h->end; ring++) {
        bool seen = true;
        for (uint32_t link = fh_at(h, ring)->next; link != ring && left != 0; link = fh_at(h, link)->next) {
            uint32_t n = open_free(h, link);
            if (n == 0)
                return;
            if (seen && n > largest)
                largest = n;
            seen = ring + 1 == h->end;
            stats->blocks_free++;
            left--;
        }
    }
    stats->largest_free = largest != 0 ? (size_t)largest * FH_GRANULE - FH_TAG_BYTES : 0;
}

void fh_stats(struct fh_heap *h, struct fh_stats *stats)
{
    fh_zero(stats, sizeof *stats);
    fh_enter(h, NULL);
    for (uint32_t link = fh_first_for(h->end); link <= h->last;) {
        uint32_t tag = fh_tag_at(h, link);
        uint32_t n = size_at(h, link, tag);
        if (n == 0)
            break;
        stats->blocks_used += !fh_is_free(tag);
        link = fh_behind(link, n);
    }
    stats->bytes_used = (size_t)h->used * FH_GRANULE;
    stats->bytes_free = (size_t)(total_of(h) - h->used) * FH_GRANULE;
    stats->bytes_peak = (size_t)(h->used > h->peak ? h->used : h->peak) * FH_GRANULE;
    stats->regions = 1;
    stats->bytes_regions = h->bytes;
    stats->frees_deferred = h->deferrals;
    count_rings(h, stats);
    fh_leave(h);
}
