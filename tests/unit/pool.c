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

TESTS(unit_pool) = {
    { "relist_finds_all", relist_finds_all },
    { "damage_met_by_free", damage_met_by_free },
    { "damage_met_by_resize", damage_met_by_resize },
    { "damage_met_by_realloc", damage_met_by_realloc },
    { "damage_met_by_malloc", damage_met_by_malloc },
    { "damage_met_by_aligned_alloc", damage_met_by_aligned_alloc },
    { "damage_met_by_add_region", damage_met_by_add_region },
    { "relist_across_regions", relist_across_regions },
    TESTS_END
};
