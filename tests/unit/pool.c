/* SPDX-License-Identifier: MIT
 *
 * pool.c - src/pool.c: what is left of a heap after damage was met. The verbs themselves are tested through the public calls.
 *
 * A hook that returns must leave a heap that goes on: at worst the damaged block is lost, no report is made twice without a
 * new reason, and the counts agree with the blocks.
 */
#include "harness/rig.h"

#include "pool.h"

enum { BLOCKS = 40 };

static struct rig rig;
static unsigned char *ptr[BLOCKS];
static unsigned char *big;      /* behind them */

/* Every second block is free, and of one size, so that all free ones are on one list. */
static void comb(size_t size)
{
    rig_open(&rig, rig_memory, 32768);
    for (unsigned i = 0; i < BLOCKS; i++) {
        ptr[i] = fh_malloc(rig.heap, size);
        REQUIRE(ptr[i] != NULL);
        rig_fill(ptr[i], size, i);
    }
    big = fh_malloc(rig.heap, 2000);
    REQUIRE(big != NULL && fh_malloc(rig.heap, 8) != NULL);
    for (unsigned i = 1; i < BLOCKS; i += 2)
        fh_free(rig.heap, ptr[i]);
    rig_sound(&rig);
}

static void used_blocks_hold(size_t size)
{
    for (unsigned i = 0; i < BLOCKS; i += 2)
        CHECK(rig_filled(ptr[i], size, i));
}

/* A wrong link anywhere in a list: one report, then all free blocks are found again and the heap is whole. */
static void relist_finds_all(void)
{
    for (unsigned k = 1; k < BLOCKS; k += 2) {
        for (size_t word = 0; word < 8; word += 4) {
            comb(100);
            struct rig_sum before = rig_sum(&rig);
            rig_poke(ptr[k] + word, 0x13571357);
            CHECK(fh_check(rig.heap) != FH_OK);
            /* Freeing a neighbour takes the block off its list. */
            unsigned freed = k - 1;
            fh_free(rig.heap, ptr[freed]);
            EQUAL(rig.faults, 1);
            EQUAL(rig.fault.kind, FH_BAD_LINK);
            rig.faults = 0;
            rig_sound(&rig);
            struct rig_sum after = rig_sum(&rig);
            CHECK(after.used_blocks == before.used_blocks || after.used_blocks == before.used_blocks - 1);
            fh_free(rig.heap, ptr[k + 1 < BLOCKS ? k + 1 : 0]);
            CHECK(rig.faults <= 1);
            rig.faults = 0;
            rig_sound(&rig);
        }
    }
}

/* The link of the block at the head of a list, met by a free that inserts before it, by a shrink, by an aligned request, by an
 * added region: the counts hold whoever met it. */
static void damage_met_by(unsigned who)
{
    comb(100);
    struct fh_heap *h = rig.heap;
    unsigned char *head = ptr[BLOCKS - 1];
    rig_poke(head + 4, 0x24682468);
    CHECK(fh_check(h) != FH_OK);
    size_t tag = 4;
    size_t rest = fh_usable_size(h, ptr[0]) + tag;
    switch (who) {
    case 0:
        fh_free(h, ptr[20]);
        break;
    case 1:
        fh_resize(h, big, fh_usable_size(h, big) - rest);
        break;
    case 2:
        fh_realloc(h, big, fh_usable_size(h, big) - rest);
        break;
    case 3:
        CHECK(fh_malloc(h, 100) != NULL);
        break;
    case 4:
        CHECK(fh_aligned_alloc(h, 32, 60) != NULL);
        break;
    default:
        fh_add_region(h, rig_memory + 65536, 400);
    }
    CHECK(rig.faults <= 1);
    bool met = rig.faults == 1;
    rig.faults = 0;
    used_blocks_hold(100);
    if (met)
        rig_sound(&rig);
    /* In the end it is met by whoever takes all there is, and then everything agrees. */
    while (fh_malloc(h, 50) != NULL)
        continue;
    CHECK(rig.faults <= 1 && (met || rig.faults == 1));
    rig.faults = 0;
    rig_sound(&rig);
}

static void damage_met_by_free(void)
{
    damage_met_by(0);
}

static void damage_met_by_resize(void)
{
    damage_met_by(1);
}

static void damage_met_by_realloc(void)
{
    damage_met_by(2);
}

static void damage_met_by_malloc(void)
{
    damage_met_by(3);
}

static void damage_met_by_aligned_alloc(void)
{
    damage_met_by(4);
}

static void damage_met_by_add_region(void)
{
    damage_met_by(5);
}

/* Damage in one of several regions, whose used blocks are full of words that could be anything: nothing is read outside (this is
 * for the sanitizers too), and all that is whole is found. */
static void relist_across_regions(void)
{
    struct dice dice = dice_from(test_seed());
    for (unsigned round = 0; round < 100; round++) {
        rig_open(&rig, rig_memory, 4096);
        for (unsigned i = 1; i < 6; i++)
            REQUIRE(fh_add_region(rig.heap, rig_memory + 65536 * i, 2000) != 0);
        void *p[60];
        unsigned n = 0;
        while (n < 60 && (p[n] = fh_malloc(rig.heap, 150)) != NULL) {
            rig_fill(p[n], 150, dice_roll(&dice));
            n++;
        }
        REQUIRE(n > 50);
        for (unsigned i = 0; i < n; i += 2)
            fh_free(rig.heap, p[i]);
        /* The tag of one used block is gone: what lies behind it must be found all the same. */
        unsigned char *lost = p[1 + 2 * dice_below(&dice, n / 2 - 1)];
        /* One bit, which always shows; a random word would open as a tag once in 4096 rounds. */
        rig_poke(lost - 4, *(const uint32_t *)(const void *)(lost - 4) ^ (uint32_t)1 << dice_below(&dice, 32));
        rig_poke((unsigned char *)p[0], 0x11112222);
        rig_poke((unsigned char *)p[0] + 4, 0x11112222);
        /* A request that meets damage may be refused; one that meets none is refused only when nothing is left. */
        unsigned faults;
        void *more;
        do {
            faults = rig.faults;
            more = fh_malloc(rig.heap, 150);
        } while ((more != NULL || rig.faults != faults) && rig.faults < 20);
        CHECK(rig.faults != 0 && rig.faults < 20);
        rig.faults = 0;
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        CHECK(stats.largest_free < 400);
    }
}

/* Granules for a request: tag and payload rounded up, never less than the smallest block, from 0 to where it becomes huge and on. */
static void granules_for_requests(void)
{
    for (size_t size = 0; size < 300000; size++) {
        size_t n = (size + 4) / FH_GRANULE + ((size + 4) % FH_GRANULE != 0);
        size_t expected = n < 16 / FH_GRANULE ? 16 / FH_GRANULE : n;
        if (fh_granules_for(size) != expected)
            EQUAL(fh_granules_for(size), expected);
    }
    const size_t limit = (size_t)FH_HUGE * FH_GRANULE;
    EQUAL(fh_granules_for(limit - FH_GRANULE - 4), FH_HUGE - 1);
    EQUAL(fh_granules_for(limit - FH_GRANULE - 3), FH_HUGE);
    EQUAL(fh_granules_for(limit - 4), FH_HUGE);
    CHECK(fh_granules_for(limit - 3) > FH_HUGE && fh_granules_for(limit - 3) <= FH_HUGE + FH_HUGE / 512);
    EQUAL(fh_granules_for(SIZE_MAX), 0);
    EQUAL(fh_granules_for(FH_MAX_REQUEST + 1), 0);
    CHECK(fh_granules_for(FH_MAX_REQUEST) != 0);
    CHECK((size_t)fh_granules_for(FH_MAX_REQUEST) >= FH_MAX_REQUEST / FH_GRANULE);
    /* With a word more for the alignment. */
    for (size_t size = 0; size < 2000; size++) {
        EQUAL(fh_granules_with(FH_USED, size), fh_granules_for(size));
        EQUAL(fh_granules_with(FH_PREV_FREE, size), fh_granules_for(size));
        EQUAL(fh_granules_with(FH_ALIGNED, size), fh_granules_for(size + 4));
    }
    EQUAL(fh_granules_with(FH_ALIGNED, SIZE_MAX), 0);
    EQUAL(fh_granules_with(FH_ALIGNED, FH_MAX_REQUEST + 1), 0);
    EQUAL(fh_granules_with(FH_ALIGNED, SIZE_MAX - 2), 0);
    for (uint32_t n = 16 / FH_GRANULE; n < 100; n++) {
        EQUAL(fh_payload_bytes(n), n * FH_GRANULE - 4);
        EQUAL(fh_user_bytes(FH_USED, n), n * FH_GRANULE - 4);
        EQUAL(fh_user_bytes(FH_ALIGNED, n), n * FH_GRANULE - 8);
        EQUAL(fh_granules_for(fh_payload_bytes(n)), n);
        EQUAL(fh_granules_with(FH_ALIGNED, fh_user_bytes(FH_ALIGNED, n)), n);
    }
}

/* So many granules more, and there is a multiple of the alignment with a block's room before it, or none; one less would not do. */
static void slack_for_alignments(void)
{
    for (size_t align = 2 * FH_GRANULE; align <= 4096; align *= 2) {
        uint32_t slack = fh_aligned_slack(align);
        uint32_t worst = 0;
        for (uintptr_t at = 0; at < align; at += FH_GRANULE) {
            uint32_t pad = (uint32_t)((align - at) % align / FH_GRANULE);
            if (pad != 0 && pad < FH_MIN_GRANULES)
                pad += (uint32_t)(align / FH_GRANULE);
            if (pad > worst)
                worst = pad;
        }
        CHECK(worst <= slack && slack <= worst + 2 * (FH_MIN_GRANULES - 1));
    }
    EQUAL(fh_aligned_slack((SIZE_MAX >> 1) + 1), SIZE_MAX > UINT32_MAX ? FH_MAX_GRANULES : (uint32_t)((SIZE_MAX >> 1) + 1) / FH_GRANULE - 1 + 2 * (FH_MIN_GRANULES - 1));
}

/* Which alignment realloc keeps: the one that was asked for; with the word overwritten, what the address has. */
static void kept_alignments(void)
{
    struct fh_block *b = (struct fh_block *)(void *)(rig_memory + 4096);
    const uint32_t n = 8;
    for (uint32_t place = 0; place < 12; place++) {
        *fh_align_word(b, n) = place;
        EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), (size_t)1 << place);
        EQUAL(fh_kept_alignment(b, FH_USED, n), 0);
    }
    EQUAL((uintptr_t)fh_align_word(b, n), (uintptr_t)b + n * FH_GRANULE - 8);
    b = (struct fh_block *)(void *)(rig_memory + 4096 + 64);
    static const uint32_t wrong[] = { 7, 8, 31, 32, 63, 64, 100, 0xFFFFFFFF };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *fh_align_word(b, n) = wrong[i];
        EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), 64);
    }
    *fh_align_word(b, n) = 6;
    EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), 64);
    *fh_align_word(b, n) = 5;
    EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), 32);
}

/* The mark of a cached block: sealed with link, place and secret; the heap's own blocks bear one with a link to themselves. */
static void marks(void)
{
    struct fh_block *b = (struct fh_block *)(void *)(rig_memory + 4096);
    struct fh_block *next = (struct fh_block *)(void *)(rig_memory + 8192);
    fh_quick_push(0x1234567, b, next);
    EQUAL(*fh_quick_link_of(b), (uintptr_t)next);
    CHECK(fh_is_marked(0x1234567, b) && !fh_is_marked(0x1234568, b) && !fh_is_own(b));
    for (unsigned bit = 0; bit < 32; bit++) {
        *fh_mark_of(b) ^= (uint32_t)1 << bit;
        CHECK(!fh_is_marked(0x1234567, b));
        *fh_mark_of(b) ^= (uint32_t)1 << bit;
        *fh_quick_link_of(b) ^= (uintptr_t)1 << bit;
        CHECK(!fh_is_marked(0x1234567, b));
        *fh_quick_link_of(b) ^= (uintptr_t)1 << bit;
    }
    EQUAL((uintptr_t)fh_mark_of(b), (uintptr_t)b + sizeof(uintptr_t));
    struct fh_block *other = (struct fh_block *)(void *)(rig_memory + 8192);
    other->next = b->next;
    *fh_quick_link_of(other) = *fh_quick_link_of(b);
    *fh_mark_of(other) = *fh_mark_of(b);
    CHECK(!fh_is_marked(0x1234567, other));
    fh_make_own(0x1234567, b);
    CHECK(fh_is_marked(0x1234567, b) && fh_is_own(b));
    fh_unmark(b);
    EQUAL(*fh_mark_of(b), 0);
}

TESTS(unit_pool) = {
    { "relist_finds_all", relist_finds_all },
    { "damage_met_by_free", damage_met_by_free },
    { "damage_met_by_resize", damage_met_by_resize },
    { "damage_met_by_realloc", damage_met_by_realloc },
    { "damage_met_by_malloc", damage_met_by_malloc },
    { "damage_met_by_aligned_alloc", damage_met_by_aligned_alloc },
    { "damage_met_by_add_region", damage_met_by_add_region },
    { "relist_across_regions", relist_across_regions },
    { "granules_for_requests", granules_for_requests },
    { "slack_for_alignments", slack_for_alignments },
    { "kept_alignments", kept_alignments },
    { "marks", marks },
    TESTS_END
};
