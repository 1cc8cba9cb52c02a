/* SPDX-License-Identifier: MIT
 *
 * heap.c - the small core's calls that allocate and free, and the verbs that they are made of.
 *
 * Promise: a verb that meets damage reports it there and then, and fails. It has not written to anything but the rings, which the report
 * makes anew from the tags: the block it was about is what it was before.
 * Must not know: how a heap is made, mended and checked.
 */
#include "small.h"

FH_VERB uint32_t open_tag(const struct fh_heap *h, uint32_t link)
{
    return fh_tag_at(h, link);
}

FH_VERB void seal_tag(struct fh_heap *h, uint32_t link, uint32_t tag)
{
    fh_tag_seal(h->secret, fh_at(h, link), tag);
}

FH_VERB void enter(struct fh_heap *h, const void *ptr)
{
    h->state = fh_lock(h);
    h->ptr = ptr;
    if (fh_rarely(h->deferred != 0))
        h->rare->finish(h);
}

FH_VERB void leave(struct fh_heap *h)
{
    fh_unlock(h, h->state);
}

FH_COLD void fh_blame(struct fh_heap *h, uint32_t link, enum fh_fault_kind kind)
{
    const struct fh_port *port = h->port;
    struct fh_fault fault;
    fault.kind = kind;
    fault.ptr = h->ptr;
    fault.block = h->ptr;
    fault.expected = 0;
    fault.found = 0;
    if (fh_is_inside(h, link) || link == fh_end_link(h)) {
        fault.block = fh_at(h, link);
        fault.found = open_tag(h, link);
    }
    if (port->fault == NULL)
        fh_trap();
    port->fault(port->ctx, &fault);
    h->ptr = h;
    /* An allocation that met an overrun found it behind a free block, which would be found again. */
    if (kind > FH_OVERRUN || fault.ptr == NULL)
        h->rare->mend(h);
}

/* The same, with an answer that the compiler sees: where it did not, malloc took 5 instructions more. */
static inline bool refuse(struct fh_heap *h, uint32_t link, enum fh_fault_kind kind)
{
    fh_blame(h, link, kind);
    return false;
}

static inline struct fh_block *no_block(struct fh_heap *h, uint32_t link, enum fh_fault_kind kind)
{
    fh_blame(h, link, kind);
    return NULL;
}

/* The head of the ring for that many granules. */
#if defined(FH_SINGLE_LIST)
static inline uint32_t ring_of(const struct fh_heap *h, uint32_t granules)
{
    (void)h;
    (void)granules;
    return FH_HEAD;
}
#elif defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || (defined(__ARM_FEATURE_CLZ) && __ARM_FEATURE_CLZ)
FH_VERB uint32_t ring_of(const struct fh_heap *h, uint32_t granules)
{
    uint32_t x = granules - 1;
    uint32_t halvings = 30 - (uint32_t)__builtin_clz(x | 2);
    uint32_t ring = FH_HEAD + 2 * halvings + (x >> halvings);
    return ring < h->end ? ring : h->end - 1;
}
#else
FH_VERB uint32_t ring_of(const struct fh_heap *h, uint32_t granules)
{
    uint32_t x = granules - 1;
    uint32_t ring = FH_HEAD;
    for (; x >= 4; x >>= 1)
        ring += 2;
    ring += x;
    return ring < h->end ? ring : h->end - 1;
}
#endif

/* Takes a block out of its ring. False, after the report, if both neighbours do not link back. */
FH_VERB bool take_out(struct fh_heap *h, uint32_t link)
{
    struct fh_block *b = fh_at(h, link);
    uint32_t next = b->next;
    uint32_t prev = b->prev;
    struct fh_block *behind = fh_at(h, next);
    struct fh_block *ahead = fh_at(h, prev);
    if (fh_rarely(next > h->last || prev > h->last || behind->prev != link || ahead->next != link))
        return refuse(h, link, FH_BAD_LINK);
    ahead->next = next;
    behind->prev = prev;
    b->next = 0;
    b->prev = 0;
    /* Only a head has itself on both sides. */
    if (FH_HAS_MAP && next == prev)
        h->map &= ~((uint32_t)1 << ((next - FH_HEAD) & 31));
    return true;
}

/* Makes a free block there and puts it on its ring, behind the head. False, after the report, if the ring is damaged. */
FH_VERB bool put(struct fh_heap *h, uint32_t link, uint32_t granules)
{
    struct fh_block *b = fh_at(h, link);
    seal_tag(h, link, FH_FREE | granules << FH_SIZE_SHIFT);
    *fh_footer_of(fh_after(b, granules)) = granules;
    uint32_t ring = ring_of(h, granules);
    struct fh_block *head = fh_at(h, ring);
    uint32_t first = head->next;
    struct fh_block *behind = fh_at(h, first);
    if (fh_rarely(first > h->last || behind->prev != ring))
        return refuse(h, ring, FH_BAD_LINK);
    b->next = first;
    b->prev = ring;
    behind->prev = link;
    head->next = link;
    if (FH_HAS_MAP)
        h->map |= (uint32_t)1 << (ring - FH_HEAD);
    return true;
}

/* The next ring above that one in which there may be a block; the end if there is none. */
#if FH_HAS_MAP
FH_HOT uint32_t ring_above(const struct fh_heap *h, uint32_t ring)
{
    uint32_t above = h->map & ~(uint32_t)1 << (ring - FH_HEAD);
    return above != 0 ? FH_HEAD + fh_lowest_bit(above) : h->end;
}
#else
static inline uint32_t ring_above(const struct fh_heap *h, uint32_t ring)
{
    (void)h;
    return ring + 1;
}
#endif

/* Takes the first n granules of a free block for a used one, which gets its tag next:
 *
 *   [----- n + rest, free -----]   =>   [ n ][ rest, free ]
 *
 * A rest too small for a block goes with them. Returns how many were taken; 0 after a report. */
FH_VERB uint32_t cut(struct fh_heap *h, uint32_t link, uint32_t size, uint32_t n)
{
    uint32_t rest = size - n;
    if (rest >= FH_MIN_GRANULES)
        return take_out(h, link) && put(h, fh_behind(link, n), rest) ? n : 0;
    uint32_t behind = fh_behind(link, size);
    uint32_t tag = open_tag(h, behind) ^ FH_PREV_FREE;
    if (fh_rarely(!fh_is_used(tag)))
        return refuse(h, behind, FH_OVERRUN);
    if (!take_out(h, link))
        return 0;
    seal_tag(h, behind, tag);
    return size;
}

/* A used block of at least that many granules, cut from the first of its ring that is large enough; NULL if there is none, or after a
 * report. */
FH_VERB struct fh_block *take(struct fh_heap *h, uint32_t granules)
{
    uint32_t ring = ring_of(h, granules);
    uint32_t link = ring;
    uint32_t size;
    for (;;) {
        uint32_t before = link;
        link = fh_at(h, link)->next;
        if (link != ring) {
            if (fh_rarely(!fh_is_readable(h, link)))
                return no_block(h, link, FH_BAD_TAG);
            size = fh_free_granules(open_tag(h, link));
            if (fh_rarely(size - FH_MIN_GRANULES > fh_room(h, link)))
                return no_block(h, link, FH_BAD_TAG);
            if (size >= granules)
                break;
            if (ring + 1 == h->end) {
                /* Or the ring might lead back to where the search was already, and never end. */
                if (fh_rarely(fh_at(h, link)->prev != before))
                    return no_block(h, link, FH_BAD_LINK);
                continue;
            }
        }
        ring = ring_above(h, ring);
        /* A damaged map may name a ring that is not there. */
        if (ring >= h->end)
            return NULL;
        link = ring;
    }
    granules = cut(h, link, size, granules);
    if (granules == 0)
        return NULL;
    seal_tag(h, link, FH_USED | granules << FH_SIZE_SHIFT);
    h->used += granules;
    /* In these words the compiler knows that it is not NULL: two instructions less than fh_at. */
    return (void *)((char *)h + (size_t)link * FH_LINK_BYTES);
}

/*   [ before, free? ][ b, used ][ behind, free? ]   =>   [------ free ------] */
FH_VERB bool give(struct fh_heap *h, uint32_t link, uint32_t tag)
{
    uint32_t n = fh_tag_size(tag);
    uint32_t behind = fh_behind(link, n);
    uint32_t behind_tag = open_tag(h, behind);
    uint32_t m = 0;
    uint32_t k = 0;
    if (!fh_is_used(behind_tag)) {
        k = fh_free_granules(behind_tag);
        if (fh_rarely(!fh_fits(h, behind, k)))
            return refuse(h, behind, FH_OVERRUN);
    }
    if ((tag & FH_PREV_FREE) != 0) {
        m = *fh_footer_of(fh_at(h, link));
        uint32_t before = link - m * FH_LINKS;
        if (fh_rarely(!fh_is_readable(h, before) || fh_free_granules(open_tag(h, before)) != m))
            return refuse(h, link, FH_BAD_FOOTER);
        if (!take_out(h, before))
            return false;
    }
    if (k != 0 && !take_out(h, behind))
        return false;
    /* The tags inside the joined block die, so that a pointer to them is known as one freed already. */
    seal_tag(h, behind, k != 0 ? FH_DEAD : behind_tag | FH_PREV_FREE);
    if (m != 0)
        seal_tag(h, link, FH_DEAD);
    h->used -= n;
    return put(h, link - m * FH_LINKS, n + m + k);
}

FH_VERB uint32_t open_used(struct fh_heap *h, const void *ptr)
{
    /* What is no multiple of 8, or below the heap, becomes larger than any link. */
    uintptr_t distance = (uintptr_t)ptr - (uintptr_t)h;
    uintptr_t link = distance / FH_LINK_BYTES | distance << (sizeof distance * 8 - 3);
    enum fh_fault_kind kind = FH_FOREIGN;
    uint32_t where = 0;
    if (fh_likely(fh_is_inside(h, link) && link % FH_LINKS == 0)) {
        where = (uint32_t)link;
        uint32_t tag = open_tag(h, where);
        uint32_t flags = tag >> 17;
        kind = FH_NOT_A_BLOCK;
        if (fh_likely((flags | FH_ALIGNED >> 17) == FH_ALIGNED >> 17 && fh_tag_size(tag) - FH_MIN_GRANULES <= fh_room(h, where))) {
            /* What this call may lower; what another uses on its way and gives back does not count. */
            if (h->used > h->peak)
                h->peak = h->used;
            return tag;
        }
        if (flags == FH_FREE >> 17)
            kind = FH_DOUBLE_FREE;
    } else if ((uintptr_t)ptr % FH_GRANULE != 0) {
        kind = FH_MISALIGNED;
    }
    return refuse(h, where, kind);
}

/* How many granules a block for that many bytes takes; more than any block has if none can be so large. */
static uint32_t granules_for(size_t size)
{
    if (size > FH_MAX_REQUEST)
        return FH_SIZE_MASK + 1;
    uint32_t granules = (uint32_t)((size + FH_TAG_BYTES + (FH_GRANULE - 1)) / FH_GRANULE);
    return granules < FH_MIN_GRANULES ? FH_MIN_GRANULES : granules;
}

/* Ends a call that has not found a block. What a report has mended may serve now. */
static FH_COLD void *take_again(struct fh_heap *h, uint32_t granules)
{
    struct fh_block *b = NULL;
    if (h->ptr != NULL) {
        h->ptr = NULL;
        b = take(h, granules);
    }
    leave(h);
    return b;
}

void *fh_malloc(struct fh_heap *h, size_t size)
{
    enter(h, NULL);
    uint32_t granules = granules_for(size);
    struct fh_block *b = take(h, granules);
    if (fh_rarely(b == NULL))
        return take_again(h, granules);
    leave(h);
    return b;
}

void fh_free(struct fh_heap *h, void *ptr)
{
    if (ptr == NULL)
        return;
    enter(h, ptr);
    uint32_t tag = open_used(h, ptr);
    if (tag != 0)
        give(h, fh_link_of(h, ptr), tag);
    leave(h);
}

/* How many granules the block with that tag needs for so many bytes, FH_MAX_REQUEST at most. A block whose alignment was asked for ends in a word that tells it. */
static uint32_t granules_with(uint32_t tag, size_t size)
{
    return granules_for((tag & FH_ALIGNED) != 0 ? size + sizeof(fh_word) : size);
}

static size_t user_bytes(uint32_t tag)
{
    return (size_t)fh_tag_size(tag) * FH_GRANULE - FH_TAG_BYTES - ((tag & FH_ALIGNED) != 0 ? sizeof(fh_word) : 0);
}

/*   [ used: n + rest ]   =>   [ used: n ][ rest, free ], or nothing, if the rest is too small for a block */
static void trim(struct fh_heap *h, uint32_t link, uint32_t tag, uint32_t n)
{
    uint32_t rest = fh_tag_size(tag) - n;
    if (rest < FH_MIN_GRANULES)
        return;
    uint32_t rest_tag = FH_USED | rest << FH_SIZE_SHIFT;
    seal_tag(h, fh_behind(link, n), rest_tag);
    seal_tag(h, link, tag - rest_tag);
    give(h, fh_behind(link, n), rest_tag);
}

/* Makes a used block n granules large where it is; false if that is not possible, or after a report. */
static bool resize(struct fh_heap *h, uint32_t link, uint32_t tag, uint32_t n)
{
    uint32_t size = fh_tag_size(tag);
    uint32_t behind = fh_behind(link, size);
    struct fh_block *b = fh_at(h, link);
    uint32_t place = *fh_align_word(b, size);
    uint32_t behind_tag = open_tag(h, behind);
    uint32_t k = 0;
    if (!fh_is_used(behind_tag)) {
        k = fh_free_granules(behind_tag);
        if (fh_rarely(!fh_fits(h, behind, k)))
            return refuse(h, behind, FH_OVERRUN);
    }
    if (n <= size) {
        trim(h, link, tag, n);
    } else {
        uint32_t more = k >= n - size ? cut(h, behind, k, n - size) : 0;
        if (more == 0)
            return false;
        seal_tag(h, behind, FH_DEAD);
        seal_tag(h, link, tag + (more << FH_SIZE_SHIFT));
        h->used += more;
    }
    if ((tag & FH_ALIGNED) != 0)
        *fh_align_word(b, fh_tag_size(open_tag(h, link))) = place;
    return true;
}

/* Opens the block at ptr and resizes it. Answers the tag that it had, 0 after a report. */
static uint32_t resize_here(struct fh_heap *h, void *ptr, size_t size, bool *done)
{
    enter(h, ptr);
    uint32_t tag = open_used(h, ptr);
    *done = tag != 0 && resize(h, fh_link_of(h, ptr), tag, granules_with(tag, size));
    if (h->ptr != ptr)
        tag = 0;
    leave(h);
    return tag;
}

bool fh_resize(struct fh_heap *h, void *ptr, size_t size)
{
    bool done = false;
    if (ptr != NULL && size <= FH_MAX_REQUEST)
        resize_here(h, ptr, size, &done);
    return done;
}

void *fh_realloc(struct fh_heap *h, void *ptr, size_t size)
{
    bool done;
    if (ptr == NULL)
        return fh_malloc(h, size);
    if (size > FH_MAX_REQUEST)
        return NULL;
    uint32_t tag = resize_here(h, ptr, size, &done);
    if (done)
        return ptr;
    if (tag == 0)
        return NULL;
    size_t align = fh_kept_alignment((struct fh_block *)ptr, tag, fh_tag_size(tag));
    void *moved = align != 0 ? h->rare->aligned(h, align, size) : fh_malloc(h, size);
    if (moved == NULL)
        return NULL;
    fh_copy(moved, ptr, user_bytes(tag));
    fh_free(h, ptr);
    return moved;
}

void *fh_aligned_alloc(struct fh_heap *h, size_t align, size_t size)
{
    if (!fh_is_power_of_two(align))
        return NULL;
    if (align <= FH_GRANULE)
        return fh_malloc(h, size);
    if (align > FH_MAX_REQUEST || size > FH_MAX_REQUEST)
        return NULL;
    uint32_t n = granules_with(FH_ALIGNED, size);
    uint32_t place = 0;
    while (align >> place != 1)
        place++;
    /* With so much more there is such a place in any block, and in front of it nothing or room for one. */
    uint32_t slack = (uint32_t)(align / FH_GRANULE) + FH_MIN_GRANULES;
    enter(h, NULL);
    struct fh_block *b = take(h, n + slack);
    /* A smaller one may still lie well. */
    if (b == NULL)
        b = take(h, n);
    if (b != NULL) {
        uint32_t link = fh_link_of(h, b);
        uint32_t pad = (uint32_t)((0 - (uintptr_t)b) & (align - 1)) / FH_GRANULE;
        uint32_t tag = open_tag(h, link);
        if (pad != 0 && pad < FH_MIN_GRANULES)
            pad += (uint32_t)(align / FH_GRANULE);
        if (pad + n > fh_tag_size(tag)) {
            give(h, link, tag);
            leave(h);
            return NULL;
        }
        if (pad != 0) {
            uint32_t pad_tag = FH_USED | pad << FH_SIZE_SHIFT;
            tag -= pad_tag;
            seal_tag(h, fh_behind(link, pad), tag);
            give(h, link, pad_tag);
            link = fh_behind(link, pad);
            tag = open_tag(h, link);
        }
        tag |= FH_ALIGNED;
        seal_tag(h, link, tag);
        trim(h, link, tag, n);
        tag = open_tag(h, link);
        b = fh_at(h, link);
        *fh_align_word(b, fh_tag_size(tag)) = place;
    }
    leave(h);
    return b;
}

size_t fh_usable_size(struct fh_heap *h, const void *ptr)
{
    if (ptr == NULL)
        return 0;
    enter(h, ptr);
    uint32_t tag = open_used(h, ptr);
    leave(h);
    return tag != 0 ? user_bytes(tag) : 0;
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

/* The verbs for those who are not in such a hurry. */
void fh_enter(struct fh_heap *h, const void *ptr)
{
    enter(h, ptr);
}

void fh_leave(struct fh_heap *h)
{
    leave(h);
}

uint32_t fh_ring_of(const struct fh_heap *h, uint32_t granules)
{
    return ring_of(h, granules);
}

void fh_put(struct fh_heap *h, uint32_t link, uint32_t granules)
{
    put(h, link, granules);
}

uint32_t fh_pool_open(struct fh_heap *h, const void *ptr)
{
    return open_used(h, ptr);
}

bool fh_pool_give(struct fh_heap *h, uint32_t link, uint32_t tag)
{
    return give(h, link, tag);
}
