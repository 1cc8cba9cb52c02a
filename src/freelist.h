/* SPDX-License-Identifier: MIT
 *
 * freelist.h - the free blocks: segregated, doubly linked, first fit.
 *
 * Promise: finds a block that is large enough in a bounded number of steps if there is one, and takes any block off its
 * list in constant time. Small sizes have a list for each; above, each doubling is cut into 8 equal classes. A bitmap
 * names the classes that are not empty.
 * Invariant: a list holds exactly the free blocks of its class; a bit is set if and only if its list is not empty.
 * Every link is checked from both sides before it is followed or written: the address lies in a region, and the block
 * there links back, the first of a list with a mark that is no link. Links are cleared when a block leaves its list, so that
 * memory that is no free block does not link back by accident. What fails is left as it is and blamed.
 * Must not know: neighbours, regions (it asks fh_space_room before it touches a block).
 *
 * The verbs are inline: the pool uses each in one or two places, and calls would cost a quarter of malloc.
 *
 * Source: Knuth, The Art of Computer Programming 1, 2.5 (boundary tags, first fit); Masmano, Ripoll, Crespo and Real,
 * TLSF (2004) for cutting doublings into equal classes under a bitmap. Unlike TLSF the request is not rounded up to a
 * class: its own class is searched first, a few blocks deep.
 */
#ifndef FH_FREELIST_H
#define FH_FREELIST_H

#include "block.h"

/* What went wrong below the public calls. The layers under heap.c have no port: they leave this and return failure. */
struct fh_blame {
    const struct fh_block *block;
    uint32_t expected;
    uint32_t found;
    uint32_t kind;
};

/* The heads of the lists and the bitmap's words follow the structure in memory: as many as the heap was made with. Links
 * count from the structure itself. */
struct fh_lists {
    struct fh_space space;   /* first: both have one address */
    struct fh_blame blame;
    uint32_t classes;
    uint32_t mark;           /* what the first block of a list has for its prev: a secret, and no link */
};

/* No link has these two bits different: links reach 2^30 granules to either side. */
static inline uint32_t fh_list_mark(uint32_t secret)
{
    return (secret & 0x3FFFFFFFu) | 0x40000000u;
}

/* How many blocks of a request's own class are looked at before the next class answers: more find little (0.1 % of
 * footprint from 4 to 8) and each costs a cache miss. */
#ifndef FH_SEARCH_DEPTH
#define FH_SEARCH_DEPTH 4
#endif

#ifdef FH_SINGLE_LIST
#define FH_MAX_CLASSES ((uint32_t)1)
FH_HOT uint32_t fh_class_of(const struct fh_lists *l, uint32_t granules)
{
    (void)l;
    (void)granules;
    return 0;
}
#else
#define FH_MAX_CLASSES ((uint32_t)240)
/* The class of a block. Binned by its payload: a power-of-two request, tag included, then starts a class instead of
 * falling just behind its beginning. The last class holds whatever is larger too. */
FH_HOT uint32_t fh_class_of(const struct fh_lists *l, uint32_t granules)
{
    uint32_t x = granules - 1;
    uint32_t shift = fh_shift_below_16(x);
    uint32_t c = (shift << 3) + (x >> shift);
    return c < l->classes ? c : l->classes - 1;
}
#endif

/* How many words follow the structure. */
static inline uint32_t fh_table_words(uint32_t classes)
{
    return classes + (classes + 31) / 32;
}

static inline fh_word *fh_head_of(struct fh_lists *l, uint32_t class)
{
    return (fh_word *)(l + 1) + class;
}

static inline fh_word *fh_map_of(struct fh_lists *l, uint32_t class)
{
    return (fh_word *)(l + 1) + l->classes + class / 32;
}

/* Notes what is wrong and answers false, for the caller to pass on. */
bool fh_blame(struct fh_lists *l, enum fh_fault_kind kind, const struct fh_block *block, uint32_t expected, uint32_t found);

/* The same for a link that does not lead there and back: to is what the block from links to. Blames to if it is a free block, for
 * its own link is wrong then, and else from. */
bool fh_blame_link(struct fh_lists *l, const struct fh_block *from, const struct fh_block *to, uint32_t expected, uint32_t found);

/* The size of the free block at b with that opened tag, when it is huge; 0 and the blame if it is none. */
uint32_t fh_open_huge(struct fh_lists *l, const struct fh_block *b, uint32_t tag);

/* The size of the free block that should be at b; 0 and the blame if there is none. After it, the space's last region is
 * the block's. */
FH_HOT uint32_t fh_open_free(struct fh_lists *l, const struct fh_block *b)
{
    uintptr_t room = fh_space_room(&l->space, b);
    if (fh_rarely(room == 0)) {
        fh_blame(l, FH_BAD_LINK, NULL, 0, fh_link_to(l, b));
        return 0;
    }
    uint32_t tag = fh_tag_open(l->space.secret, b);
    uint32_t size = (tag ^ FH_FREE) >> FH_SIZE_SHIFT;
    if (fh_rarely(size > FH_SIZE_MASK))
        return fh_open_huge(l, b, tag);
    if (fh_rarely(size > room / FH_GRANULE || size < FH_MIN_GRANULES || (tag & FH_PREV_FREE) != 0)) {
        fh_blame(l, FH_BAD_TAG, b, FH_FREE, tag);
        return 0;
    }
    return size;
}

/* Does the word in the block to, a link that leads back to from, say so? */
FH_HOT bool fh_leads_back(struct fh_lists *l, const struct fh_block *from, const struct fh_block *to, const fh_word *back, uint32_t expected)
{
    if (fh_rarely(fh_space_room(&l->space, to) == 0))
        return fh_blame(l, FH_BAD_LINK, from, 0, fh_link_to(l, to));
    if (fh_rarely(*back != expected))
        return fh_blame_link(l, from, to, expected, *back);
    return true;
}

/* Puts a free block at the front of its list. False: the list's head is damaged. */
FH_HOT bool fh_list_insert(struct fh_lists *l, struct fh_block *b, uint32_t granules)
{
    uint32_t class = fh_class_of(l, granules);
    fh_word *head = fh_head_of(l, class);
    uint32_t self = fh_link_to(l, b);
    uint32_t first = *head;
    if (first != 0) {
        struct fh_block *old = fh_link_at(l, first);
        if (!fh_leads_back(l, NULL, old, &old->prev, l->mark))
            return false;
        old->prev = self;
    } else {
        *fh_map_of(l, class) |= (uint32_t)1 << (class & 31);
    }
    b->next = first;
    b->prev = l->mark;
    *head = self;
    return true;
}

/* Where the link that leads to a listed block from the front is stored, after a look at both of its links; NULL and the blame
 * if one does not lead there and back. */
FH_HOT fh_word *fh_link_before(struct fh_lists *l, const struct fh_block *b, uint32_t class)
{
    uint32_t self = fh_link_to(l, b);
    fh_word *from = fh_head_of(l, class);
    if (b->next != 0) {
        const struct fh_block *behind = fh_link_at(l, b->next);
        if (!fh_leads_back(l, b, behind, &behind->prev, self))
            return NULL;
    }
    if (b->prev != l->mark) {
        struct fh_block *ahead = fh_link_at(l, b->prev);
        if (!fh_leads_back(l, b, ahead, &ahead->next, self))
            return NULL;
        return &ahead->next;
    }
    if (fh_rarely(*from != self)) {
        fh_blame(l, FH_BAD_LINK, b, *from, self);
        return NULL;
    }
    return from;
}

/* Takes a free block of that class off its list. False, with nothing written, on damage. */
FH_HOT bool fh_list_remove(struct fh_lists *l, struct fh_block *b, uint32_t class)
{
    fh_word *from = fh_link_before(l, b, class);
    if (from == NULL)
        return false;
    uint32_t next = b->next;
    *from = next;
    if (next != 0)
        fh_link_at(l, next)->prev = b->prev;
    else if (b->prev == l->mark)
        *fh_map_of(l, class) &= ~((uint32_t)1 << (class & 31));
    b->next = 0;
    b->prev = 0;
    return true;
}

/* Takes a free block off the lists and puts another one, which may have grown from it or be cut from it, there instead. Where
 * both are of one class nothing moves but the links that lead to it. */
FH_HOT bool fh_list_replace(struct fh_lists *l, struct fh_block *old, uint32_t old_class, struct fh_block *b, uint32_t granules)
{
    if (fh_class_of(l, granules) != old_class)
        return fh_list_remove(l, old, old_class) && fh_list_insert(l, b, granules);
    /* Looked at even if they stay: damage is to be found by the first call that touches the block. */
    fh_word *from = fh_link_before(l, old, old_class);
    if (from == NULL)
        return false;
    if (b == old)
        return true;
    uint32_t self = fh_link_to(l, b);
    *from = self;
    if (old->next != 0)
        fh_link_at(l, old->next)->prev = self;
    b->next = old->next;
    b->prev = old->prev;
    old->next = 0;
    old->prev = 0;
    return true;
}

#ifdef FH_SINGLE_LIST
static inline uint32_t fh_next_class(struct fh_lists *l, uint32_t class)
{
    (void)l;
    return class;
}
#else
/* The first class from this one on whose list is not empty, or the number of classes if there is none. */
static inline uint32_t fh_next_class(struct fh_lists *l, uint32_t class)
{
    const fh_word *map = fh_map_of(l, 0);
    uint32_t words = (l->classes + 31) / 32;
    uint32_t i = class / 32;
    if (fh_rarely(i >= words))
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

/* Finds a free block of at least that many granules and stores its size and class; NULL if there is none, or, with the blame
 * set, if a list is damaged. The block stays on its list. The last class has no upper bound, so that its list is searched to
 * the end; it is as long as there are blocks larger than anything the heap was made for. */
FH_HOT struct fh_block *fh_list_find(struct fh_lists *l, uint32_t granules, uint32_t *size, uint32_t *class)
{
    uint32_t c = fh_class_of(l, granules);
    uint32_t tries = c + 1 == l->classes ? UINT32_MAX : FH_SEARCH_DEPTH;
    uint32_t link = *fh_head_of(l, c);
    for (;;) {
        if (link == 0 || tries == 0) {
            c = fh_next_class(l, c + 1);
            if (c >= l->classes)
                return NULL;
            link = *fh_head_of(l, c);
            tries = 1;
        }
        struct fh_block *b = fh_link_at(l, link);
        *size = fh_open_free(l, b);
        if (fh_rarely(*size == 0))
            return NULL;
        if (fh_likely(*size >= granules)) {
            *class = c;
            return b;
        }
        /* Looked at from both sides, so that a link overwritten with another block's cannot close a circle. */
        uint32_t next = b->next;
        if (next != 0) {
            const struct fh_block *behind = fh_link_at(l, next);
            if (!fh_leads_back(l, b, behind, &behind->prev, link))
                return NULL;
        }
        link = next;
        tries--;
    }
}

#endif
