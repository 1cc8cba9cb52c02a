/* SPDX-License-Identifier: MIT
 *
 * freelist.h - the free blocks: segregated, doubly linked, first fit.
 *
 * Promise: finds a block that is large enough in a bounded number of steps if there is one, and takes any block off its
 * list in constant time. Small sizes have a list for each; above, each doubling is cut into 8 equal classes. A bitmap
 * names the classes that are not empty.
 * Invariant: a list holds exactly the free blocks of its class; a bit is set if and only if its list is not empty.
 * Every link is checked from both sides before it is followed or written: the address lies in a region, and the block
 * there links back, the first of a list with a mark that is no link and names the list. The last one's link is such a mark too:
 * zero, which a program's late writes leave behind most often, is never right. Links are cleared when a block leaves
 * its list, so that memory that is no free block does not link back by accident. What fails is left as it is and blamed.
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
    uint32_t summary;        /* of the bitmap: a bit for each of its words that is not zero */
    uint32_t mark;           /* the first block of a list has this and its class for its prev: a secret, and no link. So is its end */
};

/* No link has the two upper bits different: links reach 2^30 granules to either side. The lower bits are the class's. */
static inline uint32_t fh_list_mark(uint32_t secret)
{
    return (secret & 0x3FFFFF00u) | 0x40000000u;
}

/* The link of a list's last block: above every class's mark. */
static inline uint32_t fh_list_end(const struct fh_lists *l)
{
    return l->mark + 0xFF;
}

/* The link to the block behind on its list, 0 if it is the last. */
static inline uint32_t fh_link_behind(const struct fh_lists *l, const struct fh_block *b)
{
    return b->next != fh_list_end(l) ? b->next : 0;
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

FH_HOT void fh_map_set(struct fh_lists *l, uint32_t class)
{
    fh_word *map = fh_map_of(l, class);
    if (*map == 0)
        l->summary |= (uint32_t)1 << class / 32;
    *map |= (uint32_t)1 << (class & 31);
}

FH_HOT void fh_map_clear(struct fh_lists *l, uint32_t class)
{
    fh_word *map = fh_map_of(l, class);
    *map &= ~((uint32_t)1 << (class & 31));
    if (*map == 0)
        l->summary &= ~((uint32_t)1 << class / 32);
}

/* Notes what is wrong, but for what was found. */
void fh_note(struct fh_lists *l, enum fh_fault_kind kind, const struct fh_block *block, uint32_t expected);

/* The same for a link that does not lead there and back: to is what the block from links to. Blames to if it is a free block, for
 * its own link is wrong then, and else from. */
void fh_note_link(struct fh_lists *l, const struct fh_block *from, const struct fh_block *to, uint32_t expected);

/* The whole of it, with the answer, false, for the caller to pass on. Here, so that the compiler knows the answer: where it did not, each
 * fast path went on for the case of another one, and malloc took 9 instructions more on a Cortex-M4. */
static inline bool fh_blame(struct fh_lists *l, enum fh_fault_kind kind, const struct fh_block *block, uint32_t expected, uint32_t found)
{
    /* A fifth argument would lie on the stack of every fast path there. */
    l->blame.found = found;
    fh_note(l, kind, block, expected);
    return false;
}

static inline bool fh_blame_link(struct fh_lists *l, const struct fh_block *from, const struct fh_block *to, uint32_t expected, uint32_t found)
{
    l->blame.found = found;
    fh_note_link(l, from, to, expected);
    return false;
}

/* The size of the free block at b, of which only the tag has been looked at, when it is huge; 0 and the blame if it is none. */
uint32_t fh_open_huge(struct fh_lists *l, const struct fh_block *b);

/* The size of the free block that should be at b; 0 and the blame if there is none. After it, the view shows the block's region. */
FH_HOT uint32_t fh_open_free(struct fh_lists *l, struct fh_view *v, const struct fh_block *b)
{
    if (fh_rarely(!fh_sees(v, &l->space, b))) {
        fh_blame(l, FH_BAD_LINK, NULL, 0, fh_link_to(l, b));
        return 0;
    }
    /* One comparison for four: not a free block, one behind a free one, too small, too large for the tag. */
    uint32_t size = fh_rotate_right(fh_tag_open(v->secret, b) ^ FH_FREE);
    if (fh_rarely(size - FH_MIN_GRANULES > FH_SIZE_MASK - FH_MIN_GRANULES || !fh_sees_tag(v, fh_after(b, size))))
        return fh_open_huge(l, b);
    return size;
}

/* Does the word in the block to, a link that leads back to from, say so? */
FH_HOT bool fh_leads_back(struct fh_lists *l, struct fh_view *v, const struct fh_block *from, const struct fh_block *to,
                          const fh_word *back, uint32_t expected)
{
    if (fh_rarely(!fh_sees(v, &l->space, to)))
        return fh_blame(l, FH_BAD_LINK, from, 0, fh_link_to(l, to));
    if (fh_rarely(*back != expected))
        return fh_blame_link(l, from, to, expected, *back);
    return true;
}

/* Puts a free block at the front of the list of its class. False: the list's head is damaged. */
FH_HOT bool fh_list_insert(struct fh_lists *l, struct fh_view *v, struct fh_block *b, uint32_t granules)
{
    uint32_t class = fh_class_of(l, granules);
    uint32_t mark = l->mark + class;
    fh_word *head = fh_head_of(l, class);
    uint32_t self = fh_link_to(l, b);
    uint32_t first = *head;
    if (first != 0) {
        struct fh_block *old = fh_link_at(l, first);
        if (!fh_leads_back(l, v, NULL, old, &old->prev, mark))
            return false;
        old->prev = self;
    } else {
        fh_map_set(l, class);
        first = fh_list_end(l);
    }
    b->next = first;
    b->prev = mark;
    *head = self;
    return true;
}

/* Takes a free block off its list. False, with nothing written, on damage. */
FH_HOT bool fh_list_remove(struct fh_lists *l, struct fh_view *v, struct fh_block *b)
{
    uint32_t self = fh_link_to(l, b);
    uint32_t next = b->next;
    uint32_t prev = b->prev;
    struct fh_block *behind = NULL;
    if (next != fh_list_end(l)) {
        behind = fh_link_at(l, next);
        if (!fh_leads_back(l, v, b, behind, &behind->prev, self))
            return false;
    }
    /* Below the number of classes: the block is the first of that list. */
    uint32_t class = prev - l->mark;
    if (class < l->classes) {
        fh_word *head = fh_head_of(l, class);
        if (fh_rarely(*head != self))
            return fh_blame(l, FH_BAD_LINK, b, *head, self);
        *head = behind != NULL ? next : 0;
        if (behind == NULL)
            fh_map_clear(l, class);
    } else {
        struct fh_block *ahead = fh_link_at(l, prev);
        if (!fh_leads_back(l, v, b, ahead, &ahead->next, self))
            return false;
        ahead->next = next;
    }
    if (behind != NULL)
        behind->prev = prev;
    b->next = 0;
    b->prev = 0;
    return true;
}

/* Above every class. */
#define FH_NO_CLASS UINT32_MAX

#ifdef FH_SINGLE_LIST
FH_HOT uint32_t fh_class_above(struct fh_lists *l, uint32_t class)
{
    (void)l;
    (void)class;
    return FH_NO_CLASS;
}
#else
/* The first class above that one whose list is not empty, as the bitmap has it; FH_NO_CLASS: none. A bitmap that contradicts
 * itself or the table is blamed. */
FH_HOT uint32_t fh_class_above(struct fh_lists *l, uint32_t class)
{
    uint32_t i = class / 32;
    uint32_t bits = *fh_map_of(l, class) & ~(uint32_t)1 << (class & 31);
    if (bits == 0) {
        uint32_t words = l->summary & ~(uint32_t)1 << i;
        if (words == 0)
            return FH_NO_CLASS;
        i = fh_lowest_bit(words);
        bits = i <= (l->classes - 1) / 32 ? *fh_map_of(l, i * 32) : 0;
    }
    uint32_t above = bits != 0 ? i * 32 + fh_lowest_bit(bits) : FH_NO_CLASS;
    if (fh_likely(above < l->classes && *fh_head_of(l, above) != 0))
        return above;
    fh_blame(l, FH_BAD_CONTROL, NULL, 0, bits);
    return FH_NO_CLASS;
}
#endif

/* A block of at least that many granules behind the first one of that class's list, of which it is known that it is too small, and
 * its size; NULL: none within the depth of the search, or, with the blame set, damage. The last class has no upper bound, so that its list is
 * searched to the end; it is as long as there are blocks larger than anything the heap was made for. */
struct fh_block *fh_list_deeper(struct fh_lists *l, const struct fh_block *first, uint32_t class, uint32_t granules, uint32_t *size);

/* Finds a free block of at least that many granules in that class, which is not empty, or above, and stores its size; NULL if there is
 * none, or, with the blame set, if a list is damaged. The block stays on its list; the view shows its region. */
FH_HOT struct fh_block *fh_list_find_from(struct fh_lists *l, struct fh_view *v, uint32_t class, uint32_t granules, uint32_t *size)
{
    struct fh_block *b = fh_link_at(l, *fh_head_of(l, class));
    *size = fh_open_free(l, v, b);
    if (fh_likely(*size >= granules) || fh_rarely(*size == 0))
        return *size != 0 ? b : NULL;
    uint32_t deeper_size = 0;
    b = fh_list_deeper(l, b, class, granules, &deeper_size);
    fh_look(&l->space, v);
    *size = deeper_size;
    if (b != NULL || l->blame.kind != FH_OK)
        return b;
    class = fh_class_above(l, class);
    if (class == FH_NO_CLASS)
        return NULL;
    b = fh_link_at(l, *fh_head_of(l, class));
    *size = fh_open_free(l, v, b);
    if (fh_likely(*size >= granules))
        return b;
    if (*size != 0)
        fh_blame(l, FH_BAD_TAG, b, granules, *size);
    return NULL;
}

/* The same beginning with the class of the request. */
struct fh_block *fh_list_find(struct fh_lists *l, uint32_t granules, uint32_t *size);

#endif
