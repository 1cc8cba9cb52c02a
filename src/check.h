/* SPDX-License-Identifier: MIT
 *
 * check.h - what must be true of one tag, one block, one listed block: the facts that fh_check and fh_check_step are made of.
 *
 * Promise: each function reads only, in a bounded number of steps and regions, and follows no word that it has not validated.
 * Must not know: what was looked at before; the callers walk.
 */
#ifndef FH_CHECK_H
#define FH_CHECK_H

#include "lock.h"

/* What a walk adds up. */
struct fh_census {
    size_t granules;
    size_t used_granules;
    size_t free_blocks;       /* that should be on a list */
    size_t tops;
    size_t victims;
};

/* The region in which a block may begin at b, or NULL. */
const struct fh_region *fh_region_of(const struct fh_heap *h, const struct fh_block *b);

/* The size of the block at b with that tag if it fits below hi, else 0. */
uint32_t fh_size_below(const struct fh_block *b, uint32_t tag, uintptr_t hi);

/* The control structure, as far as one look can tell. */
enum fh_fault_kind fh_check_control(const struct fh_heap *h);

/* The tag at b in a region whose blocks end at hi. prev_free: FH_PREV_FREE if the block before is free, else 0. Stores the tag and the
 * size, which is 0 only for the end tag that b is at hi. */
enum fh_fault_kind fh_check_tag(const struct fh_heap *h, const struct fh_block *b, uintptr_t hi, uint32_t prev_free, uint32_t *tag, uint32_t *n);

/* The other words of a block with that tag and size, which is counted. */
enum fh_fault_kind fh_check_block(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t n, struct fh_census *census);

/* The head of a list and its bit in the map. */
enum fh_fault_kind fh_check_head(struct fh_heap *h, uint32_t class);

/* Does the summary say of each word of the bitmap whether it is zero? */
bool fh_check_summary(struct fh_heap *h);

/* The block at a link of that class's list; before: the link or mark that its prev must hold. Stores the link that follows, 0 at the end. */
enum fh_fault_kind fh_check_listed(const struct fh_heap *h, uint32_t class, uint32_t link, uint32_t before, uint32_t *next);

#endif
