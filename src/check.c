/* SPDX-License-Identifier: MIT
 *
 * check.c - the truth of the whole heap, and a walk over its blocks.
 *
 * Promise: reads only, follows no word that it has not validated, and ends on any damage: the walk over a region only ever
 * goes up, and the walk over the lists ends when it has seen more blocks than the regions hold.
 * Must not know: how damage is mended.
 */
#include "lock.h"

/* What has been counted so far. */
struct census {
    struct fh_heap *h;
    size_t free_blocks;
    size_t tops;
    size_t victims;
    size_t used_granules;
    size_t granules;
    const struct fh_region *region;
};

/* Is there a block or an end tag at b, in a region? Asks the regions afresh: the shortcut in the space would be a write. */
static bool is_inside(const struct fh_heap *h, const struct fh_block *b)
{
    const struct fh_region *r = fh_region_over(&h->lists.space, (uintptr_t)b, (uintptr_t)b);
    return r != NULL && (uintptr_t)b >= r->lo && (uintptr_t)b < fh_hi_for(r->last);
}

/* The size of the block at b with that tag if it fits below hi, else 0. */
static uint32_t size_below(const struct fh_block *b, uint32_t tag, uintptr_t hi)
{
    uintptr_t room = (hi - (uintptr_t)b) / FH_GRANULE;
    uint32_t n = fh_is_free(tag) ? tag >> FH_SIZE_SHIFT & FH_SIZE_MASK : fh_used_size(tag);
    if (tag == FH_TOP)
        n = (uint32_t)room;
    else if (fh_is_free(tag) && (tag & FH_IS_HUGE) != 0)
        n = room >= FH_HUGE && b->size >= FH_HUGE ? (uint32_t)b->size : 0;
    return n >= FH_MIN_GRANULES && n <= room ? n : 0;
}

/* Do both links of a free block lead to somewhere that links back? */
static bool links_agree(struct fh_heap *h, const struct fh_block *b, uint32_t n)
{
    struct fh_lists *l = &h->lists;
    uint32_t self = fh_link_to(l, b);
    const struct fh_block *next = fh_link_at(l, b->next);
    const struct fh_block *prev = fh_link_at(l, b->prev);
    if (b->next != 0 && (!is_inside(h, next) || next->prev != self))
        return false;
    uint32_t class = fh_class_of(l, n);
    if (b->prev == l->mark + class)
        return *fh_head_of(l, class) == self;
    return is_inside(h, prev) && prev->next == self;
}

static enum fh_fault_kind check_region(struct census *c)
{
    struct fh_heap *h = c->h;
    uintptr_t hi = fh_hi_for(c->region->last);
    uint32_t prev_free = 0;
    const struct fh_block *b = (const struct fh_block *)c->region->lo;
    while ((uintptr_t)b < hi) {
        uint32_t tag = fh_tag_open(h->lists.space.secret, b);
        uint32_t n = fh_is_tag(tag) ? size_below(b, tag, hi) : 0;
        if (n == 0)
            return FH_BAD_TAG;
        if ((tag & FH_PREV_FREE) != prev_free || (prev_free != 0 && fh_is_free(tag)))
            return FH_NOT_COALESCED;
        c->granules += n;
        if (fh_is_free(tag)) {
            if ((b == h->top) != (tag == FH_TOP))
                return FH_BAD_CONTROL;
            if (tag == FH_TOP) {
                if (h->top_end != hi)
                    return FH_BAD_CONTROL;
                c->tops++;
            } else if (*fh_footer_of(fh_after(b, n)) != n) {
                return FH_BAD_FOOTER;
            } else if (b == h->victim) {
                if (n != h->victim_size)
                    return FH_BAD_CONTROL;
                c->victims++;
            } else if (!links_agree(h, b, n)) {
                return FH_BAD_LINK;
            } else {
                c->free_blocks++;
            }
            prev_free = FH_PREV_FREE;
        } else {
            c->used_granules += n;
            prev_free = 0;
        }
        b = fh_after(b, n);
    }
    return fh_tag_open(h->lists.space.secret, b) == (FH_USED | prev_free) ? FH_OK : FH_BAD_TAG;
}

/* Walks one list. left: how many free blocks no list has shown yet. */
static enum fh_fault_kind check_list(struct fh_heap *h, uint32_t class, size_t *left)
{
    struct fh_lists *l = &h->lists;
    uint32_t link = *fh_head_of(l, class);
    bool marked = (*fh_map_of(l, class) >> (class & 31) & 1) != 0;
    if (marked != (link != 0))
        return FH_BAD_MAP;
    uint32_t before = l->mark + class;
    while (link != 0) {
        const struct fh_block *b = fh_link_at(l, link);
        if (!is_inside(h, b) || b->prev != before)
            return FH_BAD_LINK;
        uint32_t tag = fh_tag_open(l->space.secret, b);
        const struct fh_region *r = fh_region_over(&l->space, (uintptr_t)b, (uintptr_t)b);
        if (!fh_is_tag(tag) || !fh_is_free(tag) || *left == 0)
            return FH_BAD_LIST;
        uint32_t n = size_below(b, tag, fh_hi_for(r->last));
        if (n == 0 || fh_class_of(l, n) != class)
            return FH_BAD_LIST;
        --*left;
        before = link;
        link = b->next;
    }
    return FH_OK;
}

static enum fh_fault_kind check_lists(struct fh_heap *h, size_t free_blocks)
{
    for (uint32_t class = 0; class < h->lists.classes; class++) {
        enum fh_fault_kind kind = check_list(h, class, &free_blocks);
        if (kind != FH_OK)
            return kind;
    }
    return free_blocks == 0 ? FH_OK : FH_BAD_LIST;
}

/* Does the summary say of each word of the bitmap whether it is zero? Where there is one list, nothing reads either. */
static bool summary_holds(struct fh_lists *l)
{
    uint32_t summary = 0;
    for (uint32_t class = 0; class < l->classes; class += 32)
        summary |= (uint32_t)(*fh_map_of(l, class) != 0) << class / 32;
    return summary == l->summary;
}

/* Does the space's shortcut name a region that is there? */
static bool shortcut_holds(const struct fh_space *space)
{
    if (space->span == 0)
        return true;
    const struct fh_region *r = fh_region_over(space, space->lo, space->lo);
    return r != NULL && r->lo == space->lo && fh_hi_for(r->last) - r->lo == space->span;
}

static enum fh_fault_kind check(struct fh_heap *h)
{
    struct census c;
    c.h = h;
    c.free_blocks = c.tops = c.victims = c.used_granules = c.granules = 0; /* an initializer is a call to memset, without optimization */
    const struct fh_space *space = &h->lists.space;
    if (h->lists.classes == 0 || h->lists.classes > FH_MAX_CLASSES || !fh_region_is_whole(space, &h->first))
        return FH_BAD_CONTROL;
    bool first_seen = false;
    uintptr_t from = 0;
    while ((c.region = fh_region_from(space, from)) != NULL) {
        if (!fh_region_leads_on(space, c.region))
            return FH_BAD_CONTROL;
        enum fh_fault_kind kind = check_region(&c);
        if (kind != FH_OK)
            return kind;
        first_seen |= c.region == &h->first;
        from = c.region->last;
    }
    /* Between two calls nothing is left to be blamed. */
    if (!first_seen || !shortcut_holds(space) || h->lists.blame.kind != FH_OK || c.tops != (h->top != NULL) || c.tops != (h->top_end != 0)
        || c.victims != (h->victim_size != 0))
        return FH_BAD_CONTROL;
    enum fh_fault_kind kind = check_lists(h, c.free_blocks);
    if (kind != FH_OK)
        return kind;
    if (!summary_holds(&h->lists))
        return FH_BAD_MAP;
    bool counted = c.granules == h->total && c.used_granules == h->used && h->peak >= h->used;
    return counted ? FH_OK : FH_BAD_COUNT;
}

enum fh_fault_kind fh_check(struct fh_heap *h)
{
    uintptr_t state = fh_enter_to_read(h);
    enum fh_fault_kind kind = check(h);
    fh_leave(h, state);
    return kind;
}

/* Shows the blocks of one region; false if the visitor has seen enough. */
static bool walk_region(struct fh_heap *h, const struct fh_region *r, fh_visit *visit, void *arg)
{
    uintptr_t hi = fh_hi_for(r->last);
    const struct fh_block *b = (const struct fh_block *)r->lo;
    while ((uintptr_t)b < hi) {
        uint32_t tag = fh_tag_open(h->lists.space.secret, b);
        uint32_t n = fh_is_tag(tag) ? size_below(b, tag, hi) : 0;
        if (n == 0)
            return true;
        bool cached = !fh_is_free(tag) && fh_pool_is_cached(h, b) && !fh_is_own(b);
        struct fh_block_info info = { b, (size_t)n * FH_GRANULE, !fh_is_free(tag), cached };
        if (!visit(arg, &info))
            return false;
        b = fh_after(b, n);
    }
    struct fh_block_info end = { b, 0, true, false };
    return visit(arg, &end);
}

void fh_walk(struct fh_heap *h, fh_visit *visit, void *arg)
{
    uintptr_t state = fh_enter_to_read(h);
    uintptr_t from = 0;
    const struct fh_region *r;
    while ((r = fh_region_from(&h->lists.space, from)) != NULL && walk_region(h, r, visit, arg))
        from = r->last;
    fh_leave(h, state);
}
