/* SPDX-License-Identifier: MIT
 *
 * freelist.h - the free blocks: segregated, doubly linked, first fit.
 *
 * Promise: finds a block that is large enough in a bounded number of steps if there is one, and takes any block off its
 * list in constant time. Small sizes have a list for each; above, each doubling is cut into 8 equal classes. A bitmap
 * names the classes that are not empty.
 * Invariant: a list holds exactly the free blocks of its class; a bit is set if and only if its list is not empty.
 * Must not know: neighbours, regions (it asks fh_space_has before it touches a block).
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
};

/* How many blocks of a request's own class are looked at before the next class answers: more find little (0.1 % of
 * footprint from 4 to 8) and each costs a cache miss. */
#define FH_SEARCH_DEPTH 4

#ifdef FH_SINGLE_LIST
#define FH_MAX_CLASSES ((uint32_t)1)
static inline uint32_t fh_class_of(const struct fh_lists *l, uint32_t granules)
{
    (void)l;
    (void)granules;
    return 0;
}
#else
#define FH_MAX_CLASSES ((uint32_t)240)
/* The class of a block. Binned by its payload: a power-of-two request, tag included, then starts a class instead of
 * falling just behind its beginning. The last class holds whatever is larger too. */
static inline uint32_t fh_class_of(const struct fh_lists *l, uint32_t granules)
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

/* Puts a free block, its tag and footer written, at the front of its list. False: the list's head is damaged. */
bool fh_list_insert(struct fh_lists *l, struct fh_block *b, uint32_t granules);

/* Takes a free block off its list. False, with nothing written: a link does not lead there and back. */
bool fh_list_remove(struct fh_lists *l, struct fh_block *b, uint32_t granules);

/* Finds a free block of at least that many granules and stores its size; NULL if there is none, or, with the blame set,
 * if a list is damaged. The block stays on its list. After it, the space's last region is the block's. */
struct fh_block *fh_list_find(struct fh_lists *l, uint32_t granules, uint32_t *size);

#endif
