/* SPDX-License-Identifier: MIT
 *
 * harden.h - what -DFH_HARDENED adds to a block and to a heap; without it everything here is empty.
 *
 *       used block                       free block
 *
 *       +-----------------+              +-----------------+
 *       | tag (sealed)    |              | tag (sealed)    |
 *  p -> +-----------------+              +-----------------+
 *       | payload: what   |              | next, prev      | size of a huge one
 *       | was asked for   |              | clean (sealed)  | how many granules from here on hold poison
 *       | canary bytes    |              | poison          | and, where a tag could be, a dead tag
 *       | tail (sealed)   |              | ...             |
 *       +-----------------+              | footer: size    |
 *                                        +-----------------+
 *
 * Promise: a byte written behind what was asked for is known when the block is named again or the heap is checked. A write to free
 * memory is known when the memory is handed out again, or by the check. A freed block is kept back (quarantine) until a number of
 * later frees have pushed it out, so that a second free finds it as it was left; it looks used to the pool and bears the mark
 * of a cached block, whose link is its place in the quarantine.
 * Bound: the poison that one call writes, and that one call looks at, is FH_POISON_BYTES for each block; canary bytes are at most
 * FH_CANARY_BYTES and the tail. What lies behind that in a larger block is not watched.
 * Invariant: the granules of a free block that its clean word counts hold nothing but poison, dead tags, links, size and footer. Every
 * used block ends in a tail, unless it is in the quarantine.
 * Must not know: the lock and the port; harden.c, which reports, does.
 */
#ifndef FH_HARDEN_H
#define FH_HARDEN_H

#include "block.h"

#ifdef FH_HARDENED

#define FH_IS_HARDENED true
#define FH_TAIL_BYTES ((size_t)4)

/* A used block has room for link and mark in front of its tail: one that waits for a deferred free bears both. */
#define FH_LEAST_GRANULES ((uint32_t)((2 * FH_TAG_BYTES + sizeof(uintptr_t) + sizeof(fh_word) + FH_GRANULE - 1) / FH_GRANULE))

/* The same for one that ends in the word of its alignment. */
static inline size_t fh_least_aligned(size_t size)
{
    const size_t least = sizeof(uintptr_t) + sizeof(fh_word);
    return size < least ? least : size;
}

#ifndef FH_CANARY_BYTES
#define FH_CANARY_BYTES 64
#endif
#ifndef FH_POISON_BYTES
#define FH_POISON_BYTES 4096
#endif

/* How many freed blocks are kept back, a power of two or 0 for none; and which part of the heap's memory at most. */
#ifndef FH_QUARANTINE_BLOCKS
#define FH_QUARANTINE_BLOCKS 64
#endif
#ifndef FH_QUARANTINE_SHARE
#define FH_QUARANTINE_SHARE 2
#endif
#define FH_QUARANTINE_SLOTS (FH_QUARANTINE_BLOCKS != 0 ? FH_QUARANTINE_BLOCKS : 1)

/* A ring: the slot that is filled next holds what was kept longest, or nothing. */
struct fh_quarantine {
    fh_word slot[FH_QUARANTINE_SLOTS];  /* links; 0: empty */
    uint32_t check;                     /* all of them, exclusive-or: tells a damaged slot from a damaged block */
    uint32_t next;
    size_t granules;
    const struct fh_block *stained;     /* a free block that was written to, to be reported when the lock is left; NULL: none */
    uint32_t expected;
    uint32_t found;
};

/* A used block that was opened: its granules again, or 0 and the blame if it was written past its end. */
uint32_t fh_canary_open(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules);

/* Notes the exact size of a used block, or for a larger one all of it, and guards what is left. */
void fh_canary_set(struct fh_heap *h, struct fh_block *b, size_t size);

/* Writes the canary bytes again that the mark of a deferred free has covered. What was written over them until then, at most so many bytes
 * behind the very smallest requests, is not seen. */
void fh_canary_mend(struct fh_heap *h, struct fh_block *b);

/* Zeroes what was asked for, and not a byte of the canary. */
static inline void fh_zero_asked(void *ptr, size_t bytes)
{
    unsigned char *byte = (unsigned char *)ptr + bytes / 4 * 4;
    fh_zero(ptr, bytes / 4 * 4);
    for (size_t n = bytes % 4; n != 0; n--) {
        FH_OPAQUE(byte);
        *byte++ = 0;
    }
}

/* The bytes that were asked for, of a block with room for user bytes; more than all there are if its tail is damaged, of a block not opened. */
size_t fh_exact_bytes(const struct fh_heap *h, const struct fh_block *b, size_t user);

/* n granules are about to be cut from the front of a free block: looks at their poison. Returns the clean granules of the block. */
uint32_t fh_poison_cut(struct fh_heap *h, struct fh_block *b, uint32_t size, uint32_t n);

/* What is left of the block after the cut, a free block of its own: the clean granules that remain are its. */
void fh_poison_rest(struct fh_heap *h, struct fh_block *rest, uint32_t size, uint32_t clean, uint32_t n);

/* A used block is about to be joined with the free ones around it: poisons it, and what the others no longer need. */
void fh_poison_join(struct fh_heap *h, struct fh_block *before, uint32_t m, struct fh_block *b, uint32_t granules, uint32_t k);

/* What fh_free does: the block goes into the quarantine, and the one that leaves it for that is given to the pool. Returns the free block
 * that holds that one, or NULL: none left, or the blame. */
struct fh_block *fh_harden_free(struct fh_heap *h, void *ptr);

/* The same for a block that is open already; false: the blame. */
bool fh_harden_give(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules);

/* Gives back what the quarantine holds if a free block of that many granules comes of it, no more than is needed for it. */
bool fh_quarantine_yield(struct fh_heap *h, uint32_t granules, size_t align);

/* The same for the memory behind a used block that is to grow in place. A size of 0, or one that is no larger, gives nothing. */
bool fh_quarantine_yield_behind(struct fh_heap *h, const struct fh_block *b, uint32_t granules, uint32_t wanted);

/* Gives everything back, and takes the lock for it: a region from which blocks are kept is not idle. */
void fh_harden_trim(struct fh_heap *h);

/* Is the used block in the quarantine, as far as its own words say, and the slot that they name? */
bool fh_quarantine_has(const struct fh_heap *h, const struct fh_block *b);

/* How many granules it holds. */
size_t fh_quarantine_held(const struct fh_heap *h);

/* Reports what was noted on the way. */
void fh_harden_leave(struct fh_heap *h);

/* What fh_check finds wrong in a block, and in the quarantine. */
enum fh_fault_kind fh_harden_check_block(const struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules);
enum fh_fault_kind fh_harden_check(const struct fh_heap *h);

#else

#define FH_IS_HARDENED false
#define FH_TAIL_BYTES ((size_t)0)
#define FH_LEAST_GRANULES FH_MIN_GRANULES

static inline size_t fh_least_aligned(size_t size)
{
    return size;
}

static inline uint32_t fh_canary_open(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    (void)h;
    (void)b;
    (void)tag;
    return granules;
}

static inline void fh_canary_set(struct fh_heap *h, struct fh_block *b, size_t size)
{
    (void)h;
    (void)b;
    (void)size;
}

static inline void fh_canary_mend(struct fh_heap *h, struct fh_block *b)
{
    (void)h;
    (void)b;
}

static inline void fh_zero_asked(void *ptr, size_t bytes)
{
    fh_zero(ptr, bytes);
}

static inline size_t fh_exact_bytes(const struct fh_heap *h, const struct fh_block *b, size_t user)
{
    (void)h;
    (void)b;
    return user;
}

static inline uint32_t fh_poison_cut(struct fh_heap *h, struct fh_block *b, uint32_t size, uint32_t n)
{
    (void)h;
    (void)b;
    (void)size;
    (void)n;
    return 0;
}

static inline void fh_poison_rest(struct fh_heap *h, struct fh_block *rest, uint32_t size, uint32_t clean, uint32_t n)
{
    (void)h;
    (void)rest;
    (void)size;
    (void)clean;
    (void)n;
}

static inline void fh_poison_join(struct fh_heap *h, struct fh_block *before, uint32_t m, struct fh_block *b, uint32_t granules, uint32_t k)
{
    (void)h;
    (void)before;
    (void)m;
    (void)b;
    (void)granules;
    (void)k;
}

static inline bool fh_quarantine_yield(struct fh_heap *h, uint32_t granules, size_t align)
{
    (void)h;
    (void)granules;
    (void)align;
    return false;
}

static inline bool fh_quarantine_yield_behind(struct fh_heap *h, const struct fh_block *b, uint32_t granules, uint32_t wanted)
{
    (void)h;
    (void)b;
    (void)granules;
    (void)wanted;
    return false;
}

static inline void fh_harden_trim(struct fh_heap *h)
{
    (void)h;
}

static inline bool fh_quarantine_has(const struct fh_heap *h, const struct fh_block *b)
{
    (void)h;
    (void)b;
    return false;
}

static inline size_t fh_quarantine_held(const struct fh_heap *h)
{
    (void)h;
    return 0;
}

static inline void fh_harden_leave(struct fh_heap *h)
{
    (void)h;
}

static inline enum fh_fault_kind fh_harden_check_block(const struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    (void)h;
    (void)b;
    (void)tag;
    (void)granules;
    return FH_OK;
}

static inline enum fh_fault_kind fh_harden_check(const struct fh_heap *h)
{
    (void)h;
    return FH_OK;
}

#endif
#endif
