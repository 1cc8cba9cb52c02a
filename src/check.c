/* SPDX-License-Identifier: MIT
 *
 * check.c - the truth of the whole heap, and a walk over its blocks.
 *
 * Promise: reads only, follows no word that it has not validated, and ends on any damage: the walk over a region only ever
 * goes up, and the walk over the lists ends when it has seen more blocks than the regions hold.
 * Must not know: how damage is mended.
 */
#include "check.h"

/* Asks the regions afresh: the shortcut in the space would be a write. */
const struct fh_region *fh_region_of(const struct fh_heap *h, const struct fh_block *b)
{
    const struct fh_region *r = fh_region_over(&h->lists.space, (uintptr_t)b, (uintptr_t)b);
    return r != NULL && (uintptr_t)b >= r->lo && (uintptr_t)b < fh_hi_for(r->last) ? r : NULL;
}

uint32_t fh_size_below(const struct fh_block *b, uint32_t tag, uintptr_t hi)
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
    if (b->next != fh_list_end(l) && (fh_region_of(h, next) == NULL || next->prev != self))
        return false;
    uint32_t class = fh_class_of(l, n);
    if (b->prev == l->mark + class)
        return *fh_head_of(l, class) == self;
    return fh_region_of(h, prev) != NULL && prev->next == self;
}

enum fh_fault_kind fh_check_tag(const struct fh_heap *h, const struct fh_block *b, uintptr_t hi, uint32_t prev_free, uint32_t *tag, uint32_t *n)
{
    uint32_t t = fh_tag_open(h->lists.space.secret, b);
    *tag = t;
    *n = 0;
    if ((uintptr_t)b == hi)
        return t == (FH_USED | prev_free) ? FH_OK : FH_BAD_TAG;
    *n = fh_is_tag(t) ? fh_size_below(b, t, hi) : 0;
    if (*n == 0)
        return FH_BAD_TAG;
    bool coalesced = (t & FH_PREV_FREE) == prev_free && (prev_free == 0 || !fh_is_free(t));
    return coalesced ? FH_OK : FH_NOT_COALESCED;
}

enum fh_fault_kind fh_check_block(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t n, struct fh_census *census)
{
    enum fh_fault_kind kind = fh_harden_check_block(h, b, tag, n);
    if (kind != FH_OK)
        return kind;
    census->granules += n;
    if (!fh_is_free(tag)) {
        census->used_granules += n;
        return FH_OK;
    }
    if ((b == h->top) != (tag == FH_TOP))
        return FH_BAD_CONTROL;
    if (tag == FH_TOP) {
        census->tops++;
        return (uintptr_t)fh_after(b, n) == h->top_end ? FH_OK : FH_BAD_CONTROL;
    }
    if (*fh_footer_of(fh_after(b, n)) != n)
        return FH_BAD_FOOTER;
    if (b == h->victim) {
        census->victims++;
        return n == h->victim_size ? FH_OK : FH_BAD_CONTROL;
    }
    census->free_blocks++;
    return links_agree(h, b, n) ? FH_OK : FH_BAD_LINK;
}

static enum fh_fault_kind check_region(struct fh_heap *h, const struct fh_region *r, struct fh_census *census)
{
    uintptr_t hi = fh_hi_for(r->last);
    const struct fh_block *b = (const struct fh_block *)r->lo;
    uint32_t tag;
    uint32_t n;
    enum fh_fault_kind kind = fh_check_tag(h, b, hi, 0, &tag, &n);
    while (kind == FH_OK && n != 0) {
        kind = fh_check_block(h, b, tag, n, census);
        if (kind != FH_OK)
            return kind;
        b = fh_after(b, n);
        kind = fh_check_tag(h, b, hi, fh_is_free(tag) ? FH_PREV_FREE : 0, &tag, &n);
    }
    return kind;
}

enum fh_fault_kind fh_check_head(struct fh_heap *h, uint32_t class)
{
    bool marked = (*fh_map_of(&h->lists, class) >> (class & 31) & 1) != 0;
    return marked == (*fh_head_of(&h->lists, class) != 0) ? FH_OK : FH_BAD_MAP;
}

enum fh_fault_kind fh_check_listed(const struct fh_heap *h, uint32_t class, uint32_t link, uint32_t before, uint32_t *next)
{
    const struct fh_lists *l = &h->lists;
    const struct fh_block *b = fh_link_at(l, link);
    const struct fh_region *r = fh_region_of(h, b);
    if (r == NULL || b->prev != before)
        return FH_BAD_LINK;
    uint32_t tag = fh_tag_open(l->space.secret, b);
    uint32_t n = fh_is_tag(tag) && fh_is_free(tag) ? fh_size_below(b, tag, fh_hi_for(r->last)) : 0;
    *next = fh_link_behind(l, b);
    return n != 0 && fh_class_of(l, n) == class ? FH_OK : FH_BAD_LIST;
}

/* Walks one list, which ends: no block names two others as the one before it. left: how many free blocks no list has shown yet; wraps where
 * lists show more than there are. */
static enum fh_fault_kind check_list(struct fh_heap *h, uint32_t class, size_t *left)
{
    uint32_t before = h->lists.mark + class;
    uint32_t link = *fh_head_of(&h->lists, class);
    enum fh_fault_kind kind = fh_check_head(h, class);
    while (kind == FH_OK && link != 0) {
        uint32_t next = 0;
        kind = fh_check_listed(h, class, link, before, &next);
        (*left)--;
        before = link;
        link = next;
    }
    return kind;
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

/* Where there is one list, nothing reads bitmap or summary. */
bool fh_check_summary(struct fh_heap *h)
{
    uint32_t summary = 0;
    for (uint32_t class = 0; class < h->lists.classes; class += 32)
        summary |= (uint32_t)(*fh_map_of(&h->lists, class) != 0) << class / 32;
    return summary == h->lists.summary;
}

/* Does the space's shortcut name a region that is there? */
static bool shortcut_holds(const struct fh_space *space)
{
    if (space->span == 0)
        return true;
    const struct fh_region *r = fh_region_over(space, space->lo, space->lo);
    return r != NULL && r->lo == space->lo && fh_hi_for(r->last) - r->lo == space->span;
}

/* Between two calls nothing is left to be blamed, and the first region, which nothing takes out, is found. Both words say whether there is
 * a top. */
enum fh_fault_kind fh_check_control(const struct fh_heap *h)
{
    const struct fh_space *space = &h->lists.space;
    bool whole = h->lists.classes != 0 && h->lists.classes <= FH_MAX_CLASSES
                 && fh_region_over(space, h->first.lo, h->first.lo) == &h->first && shortcut_holds(space) && h->lists.blame.kind == FH_OK
                 && (h->top != NULL) == (h->top_end != 0);
    return whole ? fh_harden_check(h) : FH_BAD_CONTROL;
}

static enum fh_fault_kind check(struct fh_heap *h)
{
    struct fh_census census;
    census.granules = census.used_granules = census.free_blocks = census.tops = census.victims = 0; /* an initializer is a call to memset, without optimization */
    enum fh_fault_kind kind = fh_check_control(h);
    const struct fh_region *r = fh_region_from(&h->lists.space, 0);
    for (; kind == FH_OK && r != NULL; r = fh_region_from(&h->lists.space, r->last))
        kind = fh_region_leads_on(&h->lists.space, r) ? check_region(h, r, &census) : FH_BAD_CONTROL;
    if (kind == FH_OK && (census.tops != (h->top_end != 0) || census.victims != (h->victim_size != 0)))
        kind = FH_BAD_CONTROL;
    if (kind == FH_OK)
        kind = check_lists(h, census.free_blocks);
    if (kind == FH_OK && !fh_check_summary(h))
        kind = FH_BAD_MAP;
    if (kind != FH_OK)
        return kind;
    bool counted = census.granules == h->total && census.used_granules == h->used && h->peak >= h->used;
    return counted ? FH_OK : FH_BAD_COUNT;
}

enum fh_fault_kind fh_check(struct fh_heap *h)
{
    uintptr_t state = fh_enter_to_read(h);
    enum fh_fault_kind kind = check(h);
    fh_leave_reader(h, state);
    return kind;
}

/* Is the used block cached, or kept back? One step on the way to the end of its list must do: the whole way for each block would take the
 * square of the list's length. */
static bool looks_cached(struct fh_heap *h, const struct fh_block *b)
{
    if (!fh_pool_is_cached(h, b))
        return false;
    const struct fh_block *next = fh_quick_next(b);
    return fh_quarantine_has(h, b) || next == fh_quick_end(h) || fh_bears_mark(h, next);
}

/* Shows the blocks of one region; false if the visitor has seen enough. */
static bool walk_region(struct fh_heap *h, const struct fh_region *r, fh_visit *visit, void *arg)
{
    uintptr_t hi = fh_hi_for(r->last);
    const struct fh_block *b = (const struct fh_block *)r->lo;
    while ((uintptr_t)b < hi) {
        uint32_t tag = fh_tag_open(h->lists.space.secret, b);
        uint32_t n = fh_is_tag(tag) ? fh_size_below(b, tag, hi) : 0;
        if (n == 0)
            return true;
        bool cached = !fh_is_free(tag) && looks_cached(h, b);
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
    fh_leave_reader(h, state);
}
