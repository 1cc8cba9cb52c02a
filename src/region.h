/* SPDX-License-Identifier: MIT
 *
 * region.h - raw memory and what a heap makes of it: a header, blocks, an end tag.
 *
 *      start                                                          last
 *        | up to a granule | header | tag payload ... | ... | end tag | rest |
 *                                       ^ lo                            ^ hi
 *
 * Promise: knows of any address, in a number of steps logarithmic in the number of regions, whether a region of this heap
 * holds it, and follows no word that it has not validated. Regions may come in any order.
 * Invariant: the regions are a treap, ordered by address, with a hash of the address as the priority: no balance to store,
 * and the shape depends on the set of regions alone. A header's check word is a hash over all its fields and its place.
 * Must not know: lists.
 *
 * Source: Aragon and Seidel, Randomized search trees (1989).
 */
#ifndef FH_REGION_H
#define FH_REGION_H

#include "block.h"

/* The header of the first region is the beginning of the heap's control structure; those of the others lie at the
 * beginning of their regions. */
struct fh_region {
    uintptr_t lo;         /* payload address of the first block */
    uintptr_t last;       /* the last byte as it was given: a region may end where the address space does */
    fh_word left;         /* links to other headers */
    fh_word right;
    fh_word check;        /* a hash, and in its low bits how many bytes before the header the memory starts, and a flag */
};

#define FH_CHECK_SKIP ((uint32_t)15)
#define FH_CHECK_ACQUIRED ((uint32_t)16)  /* came from port->acquire, so that it goes back there */

/* From a header at the beginning of a region to the payload of the first block. */
#define FH_HEADER_BYTES fh_align_up(sizeof(struct fh_region) + FH_TAG_BYTES, FH_GRANULE)

/* Does the header say what it said when it was written? */
bool fh_region_is_whole(const struct fh_space *space, const struct fh_region *r);

static inline bool fh_region_is_acquired(const struct fh_region *r)
{
    return (r->check & FH_CHECK_ACQUIRED) != 0;
}

static inline uintptr_t fh_region_start(const struct fh_region *r)
{
    return (uintptr_t)r - (r->check & FH_CHECK_SKIP);
}

/* How many bytes were given: all of them, header and ends included. */
static inline size_t fh_region_bytes(const struct fh_region *r)
{
    return r->last - fh_region_start(r) + 1;
}

/* Are the headers that this one links to whole? A header that is not hides itself and all behind it from the searches. */
bool fh_region_leads_on(const struct fh_space *space, const struct fh_region *r);

/* The region that begins first at or above the address, in address order; NULL if there is none. */
struct fh_region *fh_region_from(const struct fh_space *space, uintptr_t address);

/* The region that holds any of the bytes from start to last, control structure and ends included; NULL if there is none. */
struct fh_region *fh_region_over(const struct fh_space *space, uintptr_t start, uintptr_t last);

/* Enters a header, whose lo and last are set and which lies skip bytes above the start of the memory. */
void fh_region_insert(struct fh_space *space, struct fh_region *r, uint32_t skip_and_flag);

/* Takes a header out. */
void fh_region_remove(struct fh_space *space, struct fh_region *r);

/* Moves the last byte of a region, when one that touches it is joined to it. */
void fh_region_extend(struct fh_space *space, struct fh_region *r, uintptr_t last);

#endif
