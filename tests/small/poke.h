/* SPDX-License-Identifier: MIT
 *
 * poke.h - the words of a heap of the small core, for tests that read and damage them.
 *
 * Promise: names them and nothing more; what they mean stands in src/small/small.h.
 */
#ifndef TEST_SMALL_POKE_H
#define TEST_SMALL_POKE_H

#include "harness/rig.h"
#include "small/small.h"

static inline uint32_t link_to(const struct rig *rig, const void *ptr)
{
    return fh_link_of(rig->heap, ptr);
}

static inline struct fh_block *block_at(const struct rig *rig, uint32_t link)
{
    return fh_at(rig->heap, link);
}

static inline struct fh_block *block_of(void *ptr)
{
    return (struct fh_block *)ptr;
}

static inline uint32_t tag_of(const struct rig *rig, void *ptr)
{
    return fh_tag_open(rig->heap->secret, block_of(ptr));
}

static inline void set_tag(const struct rig *rig, void *ptr, uint32_t tag)
{
    *fh_tag_of(block_of(ptr)) = (tag * FH_SEAL) ^ ((uint32_t)(uintptr_t)ptr ^ rig->heap->secret);
}

/* In granules. */
static inline uint32_t size_of(const struct rig *rig, void *ptr)
{
    return fh_tag_size(tag_of(rig, ptr));
}

static inline fh_word *footer_of(const struct rig *rig, void *ptr)
{
    return fh_footer_of(fh_after(block_of(ptr), size_of(rig, ptr)));
}

static inline unsigned char *end_of(const struct rig *rig)
{
    return (unsigned char *)fh_at(rig->heap, fh_end_link(rig->heap));
}

/* The largest request that the heap says it meets. */
static inline size_t largest_in(const struct rig *rig)
{
    struct fh_stats stats;
    fh_stats(rig->heap, &stats);
    return stats.largest_free;
}

/* Hands out, takes back and reports nothing. */
static inline void goes_on(struct rig *rig)
{
    unsigned char *ptr[12];
    for (uint32_t i = 0; i < 12; i++) {
        ptr[i] = fh_malloc(rig->heap, i * 9);
        if (ptr[i] != NULL)
            rig_fill(ptr[i], i * 9, i);
    }
    for (uint32_t i = 0; i < 12; i++) {
        CHECK(ptr[i] == NULL || rig_filled(ptr[i], i * 9, i));
        fh_free(rig->heap, ptr[i]);
    }
    EQUAL(rig->faults, 0);
    EQUAL(rig->depth, 0);
}

#endif
