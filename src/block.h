/* SPDX-License-Identifier: MIT
 *
 * block.h - the picture of a block, its sealed tag, and the few verbs that read and write them.
 *
 *       used block                       free block
 *
 *       +-----------------+ 4 bytes      +-----------------+
 *       | tag (sealed)    |              | tag (sealed)    |
 *  p -> +-----------------+ <- granule   +-----------------+ <- granule
 *       |                 |              | next            | link, in granules from the heap
 *       | payload         |              | prev            | link
 *       |                 |              | size            | only in a block of FH_HUGE granules and more
 *       |                 |              | ...             |
 *       |                 |              | footer: size    | the last word of the block
 *       +-----------------+              +-----------------+
 *         next block's tag                 next block's tag
 *
 * A struct fh_block * is the payload's address; the tag is the word below it. The smallest block is 16 bytes everywhere:
 * tag, two links, footer. Links, size and footer mean something only while the block is free.
 *
 * The tag holds 20 bits: the size in granules (16) and four flags. Sealing spreads them over the word together with the tag's address and the heap's secret, so that
 * 12 check bits must come out as zero when it is opened. See fh_tag_open.
 *
 * Invariant: a word that opens as a tag lies where a block begins. A tag whose block was absorbed is overwritten with
 * FH_DEAD, which says so.
 * Must not know: lists, regions.
 */
#ifndef FH_BLOCK_H
#define FH_BLOCK_H

#include "bits.h"

struct fh_block {
    fh_word next;
    fh_word prev;
    fh_word size;
};

#define FH_TAG_BYTES ((size_t)4)
#define FH_MIN_GRANULES ((uint32_t)(16 / FH_GRANULE))

/* The opened tag: whether the block before is free, the size, and three more flags on top. A used block has none of these: on
 * the cached path one shift then leaves the size, or a number too large for any cached block. */
#define FH_PREV_FREE ((uint32_t)1)
#define FH_SIZE_SHIFT 1
#define FH_SIZE_MASK ((uint32_t)0xFFFF)
#define FH_FREE ((uint32_t)1 << 17)
#define FH_ALIGNED ((uint32_t)1 << 18)   /* used, and realloc must keep the alignment of the address */
#define FH_IS_HUGE ((uint32_t)1 << 19)
#define FH_USED ((uint32_t)0)
#define FH_TAG_LIMIT ((uint32_t)1 << 20) /* an opened word at or above this is no tag */
#define FH_DEAD FH_FREE                  /* a free block of size zero: was a block until it was absorbed */
#define FH_TOP (FH_FREE | FH_IS_HUGE | (uint32_t)1 << FH_SIZE_SHIFT) /* the top: ends where its region does, and has no footer */

/* A block this large (1 MiB with granules of 16) no longer shows its size in the tag's 16 bits. Free, it has room to
 * spare and holds it in a word of its own, checked against the footer. Used, it holds a multiple of a power of two there,
 * so requests are rounded up by at most 1/512: an exact size would cost an extra word that must be found and checked
 * before the payload, and would move the payload when a block grows past the limit in place. */
#define FH_HUGE ((uint32_t)1 << 16)
#define FH_MANTISSA_BITS 10
#define FH_MAX_GRANULES ((uint32_t)1 << 30)

/* Multipliers of the seal, inverse to each other modulo 2^32. Chosen by search among 60,000 so that FH_OPEN times any sum
 * or difference of two powers of two is farther than 2^20 from a multiple of 2^32: one or two flipped bits then always change
 * the check bits. A tag copied to another place passes for a tag there by chance, once in 4096. */
#define FH_SEAL ((uint32_t)0x2423F93D)
#define FH_OPEN ((uint32_t)0xDC1BA615)

static inline fh_word *fh_tag_of(const struct fh_block *b)
{
    return (fh_word *)(uintptr_t)b - 1;
}

/* Opens the word below b: two exclusive-ors and a multiplication. The result is the tag's 20 bits, or FH_TAG_LIMIT and
 * above if the word is no tag of this heap at this place; any other word passes with a chance of 1 in 4096. */
static inline uint32_t fh_tag_open(uint32_t secret, const struct fh_block *b)
{
    return (fh_load(fh_tag_of(b)) ^ ((uint32_t)(uintptr_t)b ^ secret)) * fh_factor(FH_OPEN);
}

static inline void fh_tag_seal(uint32_t secret, struct fh_block *b, uint32_t tag)
{
    FH_EXPECT(tag < FH_TAG_LIMIT);
    fh_store(fh_tag_of(b), (tag * fh_factor(FH_SEAL)) ^ ((uint32_t)(uintptr_t)b ^ secret));
}

/* Sets or clears the lowest bit of a tag that is known to have it otherwise, FH_PREV_FREE: the product changes by the
 * multiplier, so that it need not be computed again. */
static inline void fh_tag_flip_prev(uint32_t secret, struct fh_block *b, bool prev_free)
{
    uint32_t place = (uint32_t)(uintptr_t)b ^ secret;
    uint32_t product = fh_load(fh_tag_of(b)) ^ place;
    fh_store(fh_tag_of(b), (prev_free ? product + FH_SEAL : product - FH_SEAL) ^ place);
}

static inline bool fh_is_tag(uint32_t tag)
{
    return tag < FH_TAG_LIMIT;
}

/* x moved right by one place, the lowest bit to the top: a tag's size, or a large number if its lowest flag is set. */
static inline uint32_t fh_rotate_right(uint32_t x)
{
    return x >> 1 | x << 31;
}

static inline bool fh_is_free(uint32_t tag)
{
    return (tag & FH_FREE) != 0;
}

static inline struct fh_block *fh_after(const struct fh_block *b, uint32_t granules)
{
    return (struct fh_block *)((uintptr_t)b + (uintptr_t)granules * FH_GRANULE);
}

static inline struct fh_block *fh_before(const struct fh_block *b, uint32_t granules)
{
    return (struct fh_block *)((uintptr_t)b - (uintptr_t)granules * FH_GRANULE);
}

/* The footer of a block of that size; of the block before b it is the word below b's tag. */
static inline fh_word *fh_footer_of(const struct fh_block *b)
{
    return fh_tag_of(b) - 1;
}

/* The size bits of a used block of FH_HUGE granules or more: exponent, mantissa, and with granules of 8 the odd granule
 * that is left when the rest of a split is too small for a block. */
#define FH_ODD_BITS (FH_MIN_GRANULES - 1)

static inline uint32_t fh_huge_code(uint32_t granules)
{
    const uint32_t mantissa_bits = FH_MANTISSA_BITS + 1 - FH_ODD_BITS;
    uint32_t exponent = 0;
    uint32_t mantissa = granules;
    for (; mantissa >> mantissa_bits != 0; mantissa >>= 1)
        exponent++;
    uint32_t odd = FH_ODD_BITS != 0 ? granules & 1 : 0;
    return exponent << 11 | mantissa << FH_ODD_BITS | odd;
}

static inline uint32_t fh_huge_size(uint32_t code)
{
    const uint32_t mantissa_mask = ((uint32_t)1 << 11) - 1;
    uint32_t odd = FH_ODD_BITS != 0 ? code & 1 : 0;
    return (((code & mantissa_mask) >> FH_ODD_BITS) << (code >> 11)) + odd;
}

/* The least size of at least that many granules that a used block can have; FH_HUGE and more only. */
static inline uint32_t fh_huge_round(uint32_t granules)
{
    const uint32_t mantissa_bits = FH_MANTISSA_BITS + 1 - FH_ODD_BITS;
    uint32_t step = 1;
    for (uint32_t m = granules; m >> mantissa_bits != 0; m >>= 1)
        step <<= 1;
    return (granules + (step - 1)) & ~(step - 1);
}

/* The size of a used block with that opened tag. */
static inline uint32_t fh_used_size(uint32_t tag)
{
    uint32_t bits = tag >> FH_SIZE_SHIFT & FH_SIZE_MASK;
    return fh_rarely((tag & FH_IS_HUGE) != 0) ? fh_huge_size(bits) : bits;
}

/* Flags and size as a tag. */
static inline uint32_t fh_tag_for(uint32_t flags, uint32_t granules)
{
    if (fh_rarely(granules >= FH_HUGE))
        return (fh_is_free(flags) ? 0 : fh_huge_code(granules) << FH_SIZE_SHIFT) | FH_IS_HUGE | flags;
    return granules << FH_SIZE_SHIFT | flags;
}

/* The top's tag says nothing of its size, so that cutting it takes no more than a new tag at the new place: no size, no
 * footer, and two constants instead of a multiplication. Six in ten requests of a program that starts are met from it. */
static inline void fh_make_top(uint32_t secret, struct fh_block *b)
{
    fh_store(fh_tag_of(b), (uint32_t)(FH_TOP * FH_SEAL) ^ ((uint32_t)(uintptr_t)b ^ secret));
}

static inline bool fh_is_top(uint32_t secret, const struct fh_block *b)
{
    return (fh_load(fh_tag_of(b)) ^ (uint32_t)(uintptr_t)b ^ secret) == (uint32_t)(FH_TOP * FH_SEAL);
}

/* Writes a free block's words but its links. The block before a free block is never free. */
static inline void fh_make_free(uint32_t secret, struct fh_block *b, uint32_t granules)
{
    fh_tag_seal(secret, b, fh_tag_for(FH_FREE, granules));
    if (fh_rarely(granules >= FH_HUGE))
        b->size = granules;
    *fh_footer_of(fh_after(b, granules)) = granules;
}

/* A block whose alignment was asked for holds the place of the alignment's bit in its last word: realloc must not guess it from
 * an address that happens to be aligned better. */
static inline fh_word *fh_align_word(const struct fh_block *b, uint32_t granules)
{
    return (fh_word *)((uintptr_t)b + (uintptr_t)granules * FH_GRANULE) - 2;
}

/* The alignment that the block must keep, 0 for the ordinary one. A word that was overwritten is not believed: the address
 * itself is the answer then. */
static inline size_t fh_kept_alignment(const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    if ((tag & FH_ALIGNED) == 0)
        return 0;
    uintptr_t address = (uintptr_t)b;
    uintptr_t best = address & (0 - address);
    uint32_t place = *fh_align_word(b, granules);
    return place < sizeof(size_t) * 8 && (size_t)1 << place <= best ? (size_t)1 << place : best;
}

/* Where the blocks of memory with that last byte end, the end tag just below. At the very top of the address space the
 * last granule stays unused, so that no end wraps to zero. */
static inline uintptr_t fh_hi_for(uintptr_t last)
{
    return (last + (last != UINTPTR_MAX)) & ~(uintptr_t)(FH_GRANULE - 1);
}

/* Where this heap's blocks may lie. Anything that was read from memory passes through here before it is followed. */
struct fh_region;
struct fh_space {
    uintptr_t lo;             /* payload address of the first block of the region that was asked for last */
    uintptr_t span;           /* bytes from there to its end */
    struct fh_region *root;   /* all regions */
    uint32_t secret;          /* of the seal */
    uint32_t root_check;      /* a hash of root: nothing else tells whether that pointer may be followed */
};

/* Looks for the region that holds the address and makes it the last one asked for; returns the bytes from there to its end, 0
 * if there is none. */
uintptr_t fh_space_find(struct fh_space *space, uintptr_t address);

/* The bytes from b to the end of the region that holds it, 0 if no block can begin there. After it, lo and span are those of
 * that region. */
static inline uintptr_t fh_space_room(struct fh_space *space, const struct fh_block *b)
{
    uintptr_t distance = (uintptr_t)b - space->lo;
    if (fh_rarely(distance >= space->span))
        return fh_space_find(space, (uintptr_t)b);
    return space->span - distance;
}

static inline bool fh_space_has(struct fh_space *space, const struct fh_block *b)
{
    return fh_space_room(space, b) != 0;
}

/* Does a block of that size end within the region asked for last, in which it begins? */
static inline bool fh_space_holds(const struct fh_space *space, const struct fh_block *b, uint32_t granules)
{
    return granules <= (space->lo + space->span - (uintptr_t)b) / FH_GRANULE;
}

/* What one call has in its registers: the region that it looks at, and the secret. A copy, because every store to a block
 * might, for all that the compiler knows, change the original: read each time these words were a tenth of malloc. No region
 * leaves the heap during a call that holds a view. */
struct fh_view {
    uintptr_t lo;
    uintptr_t span;
    uint32_t secret;
};

/* Filled in place: unoptimized, a structure that is returned is a call to memcpy on ARM. */
FH_HOT void fh_look(const struct fh_space *space, struct fh_view *v)
{
    v->lo = space->lo;
    v->span = space->span;
    v->secret = space->secret;
}

/* May words at b be read, a block's or a link's? If another region holds b, the view turns to that one. */
FH_HOT bool fh_sees(struct fh_view *v, struct fh_space *space, const struct fh_block *b)
{
    if (fh_likely((uintptr_t)b - v->lo < v->span))
        return true;
    if (fh_space_find(space, (uintptr_t)b) == 0)
        return false;
    v->lo = space->lo;
    v->span = space->span;
    return true;
}

/* Is there, in the region that the view looks at, a block or an end tag at b? */
FH_HOT bool fh_sees_tag(const struct fh_view *v, const struct fh_block *b)
{
    return (uintptr_t)b - v->lo <= v->span;
}

/* The size of a free block with that opened tag, which begins in the region asked for last; 0 if it cannot be right. The
 * word that holds a huge size is read only if a huge block ends in the region. The top's is what is left of the region. */
static inline uint32_t fh_free_size(const struct fh_space *space, const struct fh_block *b, uint32_t tag)
{
    uint32_t n = tag >> FH_SIZE_SHIFT & FH_SIZE_MASK;
    if (tag == FH_TOP)
        n = (uint32_t)((space->lo + space->span - (uintptr_t)b) / FH_GRANULE);
    else if (fh_rarely((tag & FH_IS_HUGE) != 0))
        n = fh_space_holds(space, b, FH_HUGE) && b->size >= FH_HUGE ? (uint32_t)b->size : 0;
    return n >= FH_MIN_GRANULES && fh_space_holds(space, b, n) ? n : 0;
}

/* Links: granules from the heap, 0 for none. 32 bits on every target; with 64-bit addresses they reach 2^30 granules to
 * either side (see fh_list_mark). A heap's own address is never a block. */
static inline uint32_t fh_link_to(const void *heap, const struct fh_block *b)
{
    return (uint32_t)(((uintptr_t)b - (uintptr_t)heap) / FH_GRANULE);
}

static inline struct fh_block *fh_link_at(const void *heap, uint32_t link)
{
    return (struct fh_block *)((uintptr_t)heap + (uintptr_t)(intptr_t)(int32_t)link * FH_GRANULE);
}

#endif
