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

TESTS(unit_block) = {
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
    TESTS_END
};
