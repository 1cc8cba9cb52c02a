/* SPDX-License-Identifier: MIT
 *
 * block.c - src/block.h: the seal, its check bits, the sizes that a tag can say.
 */
#include "harness/rig.h"

#include "block.h"

static _Alignas(4096) unsigned char ground[8192];

static struct fh_block *block_at(size_t granules)
{
    return (struct fh_block *)(void *)(ground + granules * FH_GRANULE);
}

static void seal_opens_again(void)
{
    struct dice d = dice_from(test_seed());
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t secret = dice_roll(&d);
        uint32_t tag = dice_below(&d, FH_TAG_LIMIT);
        struct fh_block *b = block_at(1 + dice_below(&d, 100));
        fh_tag_seal(secret, b, tag);
        EQUAL(fh_tag_open(secret, b), tag);
    }
    EQUAL((uint32_t)(FH_SEAL * FH_OPEN), 1);
}

/* How many of 2^16 random words pass for a tag: with 12 check bits about 16. Ten check bits, the promise, would be 64. */
static void ten_check_bits(void)
{
    struct dice d = dice_from(test_seed());
    unsigned passed = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        struct fh_block *b = block_at(1 + (i & 127));
        *fh_tag_of(b) = dice_roll(&d);
        passed += fh_is_tag(fh_tag_open(0x12345678, b));
    }
    CHECK(passed < 48);
    CHECK(FH_TAG_LIMIT <= (uint32_t)1 << 22);
}

/* A flipped bit, or two, never passes. */
static void flips_show(void)
{
    struct fh_block *b = block_at(3);
    struct dice d = dice_from(test_seed());
    for (unsigned round = 0; round < 50; round++) {
        uint32_t secret = dice_roll(&d);
        fh_tag_seal(secret, b, dice_below(&d, FH_TAG_LIMIT));
        uint32_t word = *fh_tag_of(b);
        for (unsigned i = 0; i < 32; i++) {
            for (unsigned j = 0; j <= i; j++) {
                *fh_tag_of(b) = word ^ (uint32_t)1 << i ^ (i != j ? (uint32_t)1 << j : 0);
                CHECK(!fh_is_tag(fh_tag_open(secret, b)));
            }
        }
        *fh_tag_of(b) = word;
    }
}

/* A tag copied to another place near by passes as rarely as any other word: 5 of these 20,000 where nothing better is known. */
static void copies_show(void)
{
    struct dice d = dice_from(test_seed());
    unsigned passed = 0;
    for (unsigned round = 0; round < 50; round++) {
        uint32_t secret = dice_roll(&d);
        struct fh_block *b = block_at(200);
        fh_tag_seal(secret, b, dice_below(&d, FH_TAG_LIMIT));
        uint32_t word = *fh_tag_of(b);
        for (size_t i = 1; i < 400; i++) {
            if (i == 200)
                continue;
            *fh_tag_of(block_at(i)) = word;
            passed += fh_is_tag(fh_tag_open(secret, block_at(i)));
        }
    }
    CHECK(passed <= 20);
}

static void states(void)
{
    CHECK(fh_is_free(FH_FREE));
    CHECK(!fh_is_free(FH_USED) && !fh_is_free(FH_USED | FH_ALIGNED | FH_PREV_FREE | FH_IS_HUGE));
    CHECK(fh_is_tag(FH_DEAD) && fh_is_free(FH_DEAD));
}

/* Every size below the limit is exact. */
static void small_sizes_are_exact(void)
{
    for (uint32_t n = 1; n < FH_HUGE; n++) {
        uint32_t tag = fh_tag_for(FH_USED | FH_PREV_FREE, n);
        if (fh_used_size(tag) != n || (tag & 15) != (FH_USED | FH_PREV_FREE) || tag >= FH_TAG_LIMIT)
            EQUAL(fh_used_size(tag), n);
    }
    EQUAL(fh_used_size(fh_tag_for(FH_USED, FH_HUGE - 1)), FH_HUGE - 1);
}

static void one_huge(uint32_t n)
{
    uint32_t rounded = fh_huge_round(n);
    uint32_t tag = fh_tag_for(FH_USED, rounded);
    CHECK(rounded >= n && rounded - n <= n / 512);
    CHECK(tag < FH_TAG_LIMIT);
    EQUAL(fh_used_size(tag), rounded);
    EQUAL(fh_huge_round(rounded), rounded);
    /* What is left over when the rest of a split is no block. */
    for (uint32_t odd = 1; odd < FH_MIN_GRANULES; odd++)
        EQUAL(fh_used_size(fh_tag_for(FH_USED, rounded + odd)), rounded + odd);
}

static void huge_sizes_round_up(void)
{
    for (unsigned shift = 16; shift <= 29; shift++) {
        for (uint32_t k = 0; k < 64; k++) {
            one_huge(((uint32_t)1 << shift) + k);
            one_huge(((uint32_t)2 << shift) - 1 - k);
        }
    }
    struct dice d = dice_from(test_seed());
    for (unsigned i = 0; i < 20000; i++)
        one_huge(FH_HUGE + (dice_roll(&d) & (FH_MAX_GRANULES - 1)) / 2);
    one_huge(FH_MAX_GRANULES);
    /* By no more than one part in 1024; where a size may be odd, which takes a bit, in 512. */
    const unsigned bits = FH_MIN_GRANULES == 1 ? 10 : 9;
    for (uint32_t n = FH_HUGE; n < FH_MAX_GRANULES / 2; n += n / 7)
        CHECK(fh_huge_round(n) - n < n >> bits);
}

static void free_blocks_say_their_size_twice(void)
{
    struct fh_block *b = block_at(4);
    for (uint32_t n = FH_MIN_GRANULES; n < 64; n++) {
        fh_make_free(42, b, n);
        EQUAL(fh_tag_open(42, b), n << FH_SIZE_SHIFT | FH_FREE);
        EQUAL(*fh_footer_of(fh_after(b, n)), n);
        EQUAL((uintptr_t)fh_after(b, n) - (uintptr_t)b, n * FH_GRANULE);
        CHECK(fh_before(fh_after(b, n), n) == b);
    }
}

static void links(void)
{
    const unsigned char *heap = ground + 4096;
    for (size_t i = 1; i < 500; i++) {
        if ((const unsigned char *)(const void *)block_at(i) == heap)
            continue;
        uint32_t link = fh_link_to(heap, block_at(i));
        CHECK(link != 0);
        CHECK(fh_link_at(heap, link) == block_at(i));
    }
}

/* The smallest block is 16 bytes everywhere, and the tag 4. */
static void layout(void)
{
    EQUAL(FH_TAG_BYTES, 4);
    EQUAL(FH_MIN_GRANULES * FH_GRANULE, 16);
    EQUAL((uintptr_t)block_at(2) - (uintptr_t)fh_tag_of(block_at(2)), 4);
}

/* The flag for a free block before is set and cleared without the rest of the tag. */
static void flag_alone(void)
{
    struct dice d = dice_from(test_seed());
    for (unsigned i = 0; i < 5000; i++) {
        uint32_t secret = dice_roll(&d);
        uint32_t tag = dice_below(&d, FH_TAG_LIMIT) & ~FH_PREV_FREE;
        struct fh_block *b = block_at(1 + dice_below(&d, 100));
        fh_tag_seal(secret, b, tag);
        fh_tag_flip_prev(secret, b, true);
        EQUAL(fh_tag_open(secret, b), tag | FH_PREV_FREE);
        fh_tag_flip_prev(secret, b, false);
        EQUAL(fh_tag_open(secret, b), tag);
    }
    for (unsigned bit = 0; bit < 32; bit++)
        EQUAL(fh_rotate_right((uint32_t)1 << bit), bit == 0 ? (uint32_t)1 << 31 : (uint32_t)1 << (bit - 1));
}

/* The top's tag is no other's. */
static void the_top(void)
{
    struct fh_block *b = block_at(7);
    fh_make_top(99, b);
    EQUAL(fh_tag_open(99, b), FH_TOP);
    CHECK(fh_is_top(99, b) && !fh_is_top(98, b));
    CHECK(fh_is_tag(FH_TOP) && fh_is_free(FH_TOP) && (FH_TOP & FH_PREV_FREE) == 0);
    for (uint32_t tag = 0; tag < FH_TAG_LIMIT; tag++) {
        fh_tag_seal(99, b, tag);
        if (fh_is_top(99, b) != (tag == FH_TOP))
            EQUAL(tag, FH_TOP);
    }
    /* Neither a huge block's nor a small one's. */
    for (uint32_t n = 1; n < FH_HUGE; n++) {
        if (fh_tag_for(FH_FREE, n) == FH_TOP)
            EQUAL(n, 0);
    }
    CHECK(fh_tag_for(FH_FREE, FH_HUGE) != FH_TOP && FH_DEAD != FH_TOP);
}

/* A free huge block has its size in a word, a used one in the tag. */
static void huge_tags(void)
{
    EQUAL(fh_tag_for(FH_FREE, FH_HUGE), FH_FREE | FH_IS_HUGE);
    EQUAL(fh_tag_for(FH_FREE, FH_MAX_GRANULES), FH_FREE | FH_IS_HUGE);
    EQUAL(fh_tag_for(FH_FREE, FH_HUGE - 1), FH_FREE | (FH_HUGE - 1) << FH_SIZE_SHIFT);
    EQUAL(fh_tag_for(FH_USED, FH_HUGE - 1), (FH_HUGE - 1) << FH_SIZE_SHIFT);
    for (uint32_t flags = 0; flags < 2; flags++) {
        uint32_t tag = fh_tag_for(FH_ALIGNED | flags, FH_HUGE);
        EQUAL(tag & ~(FH_SIZE_MASK << FH_SIZE_SHIFT), FH_ALIGNED | FH_IS_HUGE | flags);
        EQUAL(fh_used_size(tag), FH_HUGE);
    }
}

/* Each word of a region's bounds, to the byte. */
static struct fh_space two_regions(void)
{
    struct fh_space space = { .lo = (uintptr_t)block_at(10), .span = (uintptr_t)40 * FH_GRANULE, .secret = 7 };
    return space;
}

static void bounds(void)
{
    struct fh_space space = two_regions();
    struct fh_view v;
    fh_look(&space, &v);
    EQUAL(v.lo, space.lo);
    EQUAL(v.span, space.span);
    EQUAL(v.secret, 7);
    for (size_t i = 1; i < 70; i++) {
        const struct fh_block *b = block_at(i);
        bool in = i >= 10 && i < 50;
        EQUAL(fh_space_room(&space, b), in ? (50 - i) * FH_GRANULE : 0);
        EQUAL(fh_space_has(&space, b), in);
        EQUAL(fh_sees(&v, &space, b), in);
        EQUAL(fh_sees_tag(&v, b), in || i == 50);
        if (!in)
            continue;
        for (uint32_t n = 0; n < 60; n++) {
            EQUAL(fh_space_holds(&space, b, n), n <= 50 - i);
            bool fits = n >= FH_MIN_GRANULES && n <= 50 - i;
            EQUAL(fh_free_size(&space, b, fh_tag_for(FH_FREE, n)), fits ? n : 0);
        }
        EQUAL(fh_free_size(&space, b, FH_TOP), 50 - i >= FH_MIN_GRANULES ? 50 - i : 0);
        block_at(i)->size = 8;
        EQUAL(fh_free_size(&space, b, FH_FREE | FH_IS_HUGE), 0);
        block_at(i)->size = FH_HUGE;
        EQUAL(fh_free_size(&space, b, FH_FREE | FH_IS_HUGE), 0);
    }
    /* With room for a huge block, the word counts. */
    space.span = (uintptr_t)(FH_HUGE + 2) * FH_GRANULE;
    static const uint32_t sizes[] = { 0, 8, FH_HUGE - 1, FH_HUGE, FH_HUGE + 2, FH_HUGE + 3, UINT32_MAX };
    for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        block_at(10)->size = sizes[k];
        EQUAL(fh_free_size(&space, block_at(10), FH_FREE | FH_IS_HUGE), sizes[k] >= FH_HUGE && sizes[k] <= FH_HUGE + 2 ? sizes[k] : 0);
    }
    block_at(10)->size = FH_HUGE;
    space.span = (uintptr_t)FH_HUGE * FH_GRANULE;
    EQUAL(fh_free_size(&space, block_at(10), FH_FREE | FH_IS_HUGE), FH_HUGE);
    space.span -= FH_GRANULE;
    EQUAL(fh_free_size(&space, block_at(10), FH_FREE | FH_IS_HUGE), 0);
}

/* A free block's words: where the size lies, and that nothing else is written. */
static void what_a_free_block_holds(void)
{
    static unsigned char *mem;
    mem = host_map(NULL, ((size_t)FH_HUGE + 64) * FH_GRANULE);
    if (mem == NULL)
        test_skip("no memory to map");
    struct fh_block *b = (struct fh_block *)(void *)(mem + 16);
    b->size = 5;
    fh_make_free(42, b, FH_HUGE - 1);
    EQUAL(b->size, 5);
    EQUAL(*fh_footer_of(fh_after(b, FH_HUGE - 1)), FH_HUGE - 1);
    fh_make_free(42, b, FH_HUGE);
    EQUAL(b->size, FH_HUGE);
    EQUAL(fh_tag_open(42, b), FH_FREE | FH_IS_HUGE);
    EQUAL(*fh_footer_of(fh_after(b, FH_HUGE)), FH_HUGE);
    EQUAL(b->next | b->prev, 0);
    EQUAL((uintptr_t)fh_footer_of(b), (uintptr_t)b - 8);
}

/* Where no huge block ends in the region, the word with its size is not read: it may lie beyond all memory. */
static void no_word_beyond(void)
{
    unsigned char *mem = host_map(NULL, 8192);
    if (mem == NULL)
        test_skip("no memory to map");
    host_unmap(mem + 4096, 4096);
    struct fh_space space = { .lo = (uintptr_t)mem + 16, .span = 4096 - 16, .secret = 7 };
    EQUAL(fh_free_size(&space, (struct fh_block *)(void *)(mem + 4096 - FH_GRANULE), FH_FREE | FH_IS_HUGE), 0);
}

TESTS(unit_block) = {
    { "no_word_beyond", no_word_beyond },
    { "layout", layout },
    { "seal_opens_again", seal_opens_again },
    { "promise2_ten_check_bits", ten_check_bits },
    { "flips_show", flips_show },
    { "copies_show", copies_show },
    { "states", states },
    { "small_sizes_are_exact", small_sizes_are_exact },
    { "huge_sizes_round_up", huge_sizes_round_up },
    { "free_blocks_say_their_size_twice", free_blocks_say_their_size_twice },
    { "links", links },
    { "flag_alone", flag_alone },
    { "the_top", the_top },
    { "huge_tags", huge_tags },
    { "bounds", bounds },
    { "what_a_free_block_holds", what_a_free_block_holds },
    TESTS_END
};
