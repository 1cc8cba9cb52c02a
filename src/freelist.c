/* SPDX-License-Identifier: MIT
 *
 * freelist.c - insert, remove and find; see freelist.h for the promise.
 *
 * Every link is checked from both sides before it is followed or written: the address lies in a region, and the block
 * there links back. What fails is left as it is and blamed.
 */
#include "freelist.h"

FH_COLD bool fh_blame(struct fh_lists *l, enum fh_fault_kind kind, const struct fh_block *block, uint32_t expected, uint32_t found)
{
    l->blame.kind = kind;
    l->blame.block = block;
    l->blame.expected = expected;
    l->blame.found = found;
    return false;
}

/* Is there a block at the link whose own link, the one that leads back, is as expected? */
static bool leads_back(struct fh_lists *l, struct fh_block *b, const fh_word *back, uint32_t expected)
{
    if (fh_rarely(!fh_space_has(&l->space, b)))
        return fh_blame(l, FH_BAD_LINK, b, expected, 0);
    if (fh_rarely(*back != expected))
        return fh_blame(l, FH_BAD_LINK, b, expected, *back);
    return true;
}

bool fh_list_insert(struct fh_lists *l, struct fh_block *b, uint32_t granules)
{
    uint32_t class = fh_class_of(l, granules);
    fh_word *head = fh_head_of(l, class);
    uint32_t self = fh_link_to(l, b);
    uint32_t first = *head;
    if (first != 0) {
        struct fh_block *old = fh_link_at(l, first);
        if (!leads_back(l, old, &old->prev, 0))
            return false;
        old->prev = self;
    } else {
        *fh_map_of(l, class) |= (uint32_t)1 << (class & 31);
    }
    b->next = first;
    b->prev = 0;
    *head = self;
    return true;
}

bool fh_list_remove(struct fh_lists *l, struct fh_block *b, uint32_t granules)
{
    uint32_t self = fh_link_to(l, b);
    uint32_t next = b->next;
    uint32_t prev = b->prev;
    struct fh_block *behind = fh_link_at(l, next);
    if (next != 0 && !leads_back(l, behind, &behind->prev, self))
        return false;
    if (prev != 0) {
        struct fh_block *ahead = fh_link_at(l, prev);
        if (!leads_back(l, ahead, &ahead->next, self))
            return false;
        ahead->next = next;
    } else {
        uint32_t class = fh_class_of(l, granules);
        fh_word *head = fh_head_of(l, class);
        if (fh_rarely(*head != self))
            return fh_blame(l, FH_BAD_LINK, b, *head, self);
        *head = next;
        if (next == 0)
            *fh_map_of(l, class) &= ~((uint32_t)1 << (class & 31));
    }
    if (next != 0)
        behind->prev = prev;
    return true;
}

/* The block at a link with its size, if it is a free block; NULL and the blame if not. */
static struct fh_block *open_free(struct fh_lists *l, uint32_t link, uint32_t *size)
{
    struct fh_block *b = fh_link_at(l, link);
    if (fh_rarely(!fh_space_has(&l->space, b))) {
        fh_blame(l, FH_BAD_LINK, b, 0, link);
        return NULL;
    }
    uint32_t tag = fh_tag_open(l->space.secret, b);
    if (fh_rarely(!fh_is_tag(tag) || (tag & (FH_FREE | FH_PREV_FREE)) != FH_FREE)) {
        fh_blame(l, FH_BAD_TAG, b, FH_FREE, tag);
        return NULL;
    }
    *size = fh_free_size(&l->space, b, tag);
    if (fh_rarely(*size == 0)) {
        fh_blame(l, FH_BAD_TAG, b, 0, tag);
        return NULL;
    }
    return b;
}

#ifdef FH_SINGLE_LIST
static uint32_t next_class(struct fh_lists *l, uint32_t class)
{
    (void)l;
    (void)class;
    return 0;
}
#else
/* The first class from this one on whose list is not empty, or the number of classes if there is none. */
static uint32_t next_class(struct fh_lists *l, uint32_t class)
{
    const fh_word *map = fh_map_of(l, 0);
    uint32_t i = class / 32;
    uint32_t words = (l->classes + 31) / 32;
    if (i >= words)
        return l->classes;
    uint32_t bits = map[i] & (~(uint32_t)0 << (class & 31));
    while (bits == 0) {
        if (++i == words)
            return l->classes;
        bits = map[i];
    }
    return i * 32 + fh_lowest_bit(bits);
}
#endif

struct fh_block *fh_list_find(struct fh_lists *l, uint32_t granules, uint32_t *size)
{
    uint32_t class = fh_class_of(l, granules);
    bool last = class + 1 == l->classes;
    uint32_t link = *fh_head_of(l, class);
    /* The last class has no upper bound, so that its list must be searched to the end. It is as long as there are blocks
     * larger than anything the heap was made for. */
    for (uint32_t depth = 0; link != 0 && (last || depth < FH_SEARCH_DEPTH); depth++) {
        struct fh_block *b = open_free(l, link, size);
        if (b == NULL || *size >= granules)
            return b;
        link = b->next;
    }
    if (last)
        return NULL;
    class = next_class(l, class + 1);
    if (class >= l->classes)
        return NULL;
    struct fh_block *b = open_free(l, *fh_head_of(l, class), size);
    if (fh_rarely(b != NULL && *size < granules)) {
        fh_blame(l, FH_BAD_LINK, b, granules, *size);
        return NULL;
    }
    return b;
}
