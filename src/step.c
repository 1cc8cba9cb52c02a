/* SPDX-License-Identifier: MIT
 *
 * step.c - the check of the whole heap in small pieces, between which the heap may change in any way.
 *
 * Promise: each call looks at no more than budget blocks, regions and lists; a pass goes through the heap in address order and
 * then through the lists, and always comes to its end. A whole heap is never called damaged. Damage to a block, a link, a
 * region's header, a head or the map that was there when a pass began and still is when it ends was found by it. What only a sum
 * over all blocks shows, a wrong count or a listed block that no head leads to, is found by a pass that nothing disturbed.
 * Invariant: in the middle of a region, the cursor's place is a block's beginning, and the heap knows it: when that block is
 * absorbed by another one, the pool moves the place to the end of what absorbed it, all of whose words it has just
 * validated and written. So the place only ever goes up.
 * Must not know: who changed the heap. It sees that somebody did by the space's shortcut, which it empties: whatever takes, gives
 * or adds a block asks for a region first, which fills it.
 */
#include "check.h"

enum stage { AT_BEGIN, AT_REGION, IN_REGION, IN_LISTS };

/* Notes where something is wrong, which ends the call. The sums over the blocks are incomplete then, and say nothing. */
static enum fh_fault_kind found(struct fh_cursor *c, enum fh_fault_kind kind, const void *block)
{
    if (kind == FH_OK)
        return kind;
    c->block = block;
    c->quiet = false;
    return kind;
}

static void end_pass(struct fh_cursor *c)
{
    c->stage = AT_BEGIN;
    c->passes++;
}

static void end_region(struct fh_cursor *c, const struct fh_region *r)
{
    c->stage = AT_REGION;
    c->at = r->last;
}

static enum fh_fault_kind begin(struct fh_heap *h, struct fh_cursor *c)
{
    c->at = 0;
    c->granules = c->used_granules = c->free_blocks = 0;
    c->list = 0;
    c->quiet = true;
    c->stage = AT_REGION;
    return found(c, fh_check_control(h), h);
}

/* The region that the pass comes to next, or NULL. One that ended where the cursor is may have been joined to others since: then it
 * is looked at once more. */
static const struct fh_region *next_region(const struct fh_heap *h, const struct fh_cursor *c)
{
    const struct fh_region *r = fh_region_over(&h->lists.space, c->at, c->at);
    return r != NULL && r->last != c->at ? r : fh_region_from(&h->lists.space, c->at);
}

/* What walk_region does not see. The blocks are looked at in any case. */
static enum fh_fault_kind enter_region(struct fh_heap *h, struct fh_cursor *c, const struct fh_region *r)
{
    const struct fh_block *first = (const struct fh_block *)r->lo;
    uint32_t tag;
    uint32_t n;
    c->at = r->lo;
    c->stage = IN_REGION;
    if (!fh_region_leads_on(&h->lists.space, r))
        return found(c, FH_BAD_CONTROL, r);
    enum fh_fault_kind kind = fh_check_tag(h, first, fh_hi_for(r->last), 0, &tag, &n);
    return found(c, kind == FH_NOT_COALESCED ? kind : FH_OK, first);
}

/* Does the block that a free block's link leads to belong on the same list? Then all of a list do, which begins at a head that
 * leads to such a block. */
static bool next_belongs(struct fh_heap *h, const struct fh_block *b, uint32_t n)
{
    uint32_t next;
    if (b->next == fh_list_end(&h->lists))
        return true;
    return fh_check_listed(h, fh_class_of(&h->lists, n), b->next, fh_link_to(&h->lists, b), &next) == FH_OK;
}

/* Looks at blocks from the cursor's place on, and at the tag behind the last of them, until the budget or the region ends. */
static enum fh_fault_kind walk_region(struct fh_heap *h, struct fh_cursor *c, size_t *budget)
{
    const struct fh_region *r = fh_region_over(&h->lists.space, c->at - FH_TAG_BYTES, c->at - FH_TAG_BYTES);
    if (r == NULL) {
        c->stage = AT_REGION;
        return FH_OK;
    }
    struct fh_census census;
    census.granules = census.used_granules = census.free_blocks = census.tops = census.victims = 0;
    uintptr_t hi = fh_hi_for(r->last);
    const struct fh_block *b = (const struct fh_block *)c->at;
    uint32_t tag;
    uint32_t n;
    /* The flag of the first one was held against the block before it when that was looked at. */
    enum fh_fault_kind kind = fh_check_tag(h, b, hi, fh_tag_open(h->lists.space.secret, b) & FH_PREV_FREE, &tag, &n);
    while (kind == FH_OK && n != 0 && *budget != 0) {
        --*budget;
        size_t listed = census.free_blocks;
        kind = fh_check_block(h, b, tag, n, &census);
        if (kind == FH_OK && census.free_blocks != listed && !next_belongs(h, b, n))
            kind = FH_BAD_LIST;
        const struct fh_block *seen = b;
        b = fh_after(b, n);
        enum fh_fault_kind behind = fh_check_tag(h, b, hi, fh_is_free(tag) ? FH_PREV_FREE : 0, &tag, &n);
        if (kind != FH_OK) {
            c->at = (uintptr_t)b;
            return found(c, kind, seen);
        }
        kind = behind;
    }
    c->granules += census.granules;
    c->used_granules += census.used_granules;
    c->free_blocks += census.free_blocks;
    c->at = (uintptr_t)b;
    if (kind != FH_OK || n == 0)
        end_region(c, r);
    return found(c, kind, b);
}

static enum fh_fault_kind walk_list(struct fh_heap *h, struct fh_cursor *c, size_t *budget)
{
    enum fh_fault_kind kind = FH_OK;
    const void *place = fh_head_of(&h->lists, c->list);
    if (c->link == 0) {
        --*budget;
        c->before = h->lists.mark + c->list;
        c->link = *fh_head_of(&h->lists, c->list);
        kind = fh_check_head(h, c->list);
    }
    while (kind == FH_OK && c->link != 0 && *budget != 0) {
        uint32_t next = 0;
        --*budget;
        place = fh_link_at(&h->lists, c->link);
        kind = fh_check_listed(h, c->list, c->link, c->before, &next);
        c->free_blocks--;
        c->before = c->link;
        c->link = next;
    }
    if (kind != FH_OK || c->link == 0) {
        c->link = 0;
        c->list++;
    }
    return found(c, kind, place);
}

/* Is there a free block with that tag at b? */
static bool is_there(const struct fh_heap *h, const struct fh_block *b, uint32_t tag)
{
    bool inside = (uintptr_t)b % FH_GRANULE == 0 && fh_region_of(h, b) != NULL;
    return inside && fh_tag_open(h->lists.space.secret, b) == tag;
}

/* Are there a top and a victim, if the heap says so? Those that are there have been looked at among the blocks. */
static bool unlisted_hold(const struct fh_heap *h)
{
    return (h->top_end == 0 || is_there(h, h->top, FH_TOP))
           && (h->victim_size == 0 || is_there(h, h->victim, fh_tag_for(FH_FREE, h->victim_size)));
}

/* What is left: the blocks on no list, and in an undisturbed pass the counts. */
static enum fh_fault_kind finish(struct fh_heap *h, struct fh_cursor *c)
{
    end_pass(c);
    if (!unlisted_hold(h))
        return found(c, FH_BAD_CONTROL, h);
    if (!fh_check_summary(h))
        return found(c, FH_BAD_MAP, NULL);
    if (h->peak < h->used || h->used > h->total)
        return found(c, FH_BAD_COUNT, h);
    if (!c->quiet)
        return FH_OK;
    if (c->free_blocks != 0)
        return found(c, FH_BAD_LIST, NULL);
    bool counted = c->granules == h->total && c->used_granules == h->used;
    return found(c, counted ? FH_OK : FH_BAD_COUNT, h);
}

/* Until something is found, the budget is used up or the pass ends. */
static enum fh_fault_kind go_on(struct fh_heap *h, struct fh_cursor *c, size_t budget)
{
    enum fh_fault_kind kind = FH_OK;
    while (kind == FH_OK && budget != 0) {
        if (c->stage == AT_BEGIN) {
            budget--;
            kind = begin(h, c);
        } else if (c->stage == AT_REGION) {
            const struct fh_region *r = next_region(h, c);
            budget--;
            if (r != NULL)
                kind = enter_region(h, c, r);
            else
                c->stage = IN_LISTS;
        } else if (c->stage == IN_REGION) {
            kind = walk_region(h, c, &budget);
        } else if (c->list < h->lists.classes) {
            kind = walk_list(h, c, &budget);
        } else {
            return finish(h, c);
        }
    }
    return kind;
}

/* Finds the place again at which the last call left off. */
static void resume(struct fh_heap *h, struct fh_cursor *c)
{
    bool alone = c->steps == h->steps;
    if (alone && h->lists.space.span == 0)
        return;
    c->quiet = false;
    /* The block that the list went on with may be on no list now. Those behind it have been looked at among the blocks. */
    if (c->link != 0) {
        c->link = 0;
        c->list++;
    }
    if (c->stage != IN_REGION)
        return;
    uintptr_t place = (uintptr_t)h->watched;
    const struct fh_region *r = fh_region_over(&h->lists.space, c->at - FH_TAG_BYTES, c->at - FH_TAG_BYTES);
    if (r == NULL)
        return;
    /* Where another cursor came in between, or the memory left the heap and came back, all that can be relied on is where the
     * region begins. */
    bool kept = alone && place % FH_GRANULE == 0 && place >= c->at && place <= fh_hi_for(r->last);
    c->at = kept ? place : r->lo;
}

enum fh_fault_kind fh_check_step(struct fh_heap *h, struct fh_cursor *c, size_t budget)
{
    if (budget == 0)
        return FH_OK;
    uintptr_t state = fh_enter_to_read(h);
    c->block = NULL;
    resume(h, c);
    enum fh_fault_kind kind = go_on(h, c, budget);
    h->watched = c->stage == IN_REGION ? (struct fh_block *)c->at : NULL;
    h->lists.space.span = 0;
    c->steps = ++h->steps;
    fh_leave_reader(h, state);
    return kind;
}
