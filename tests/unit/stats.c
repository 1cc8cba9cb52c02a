/* SPDX-License-Identifier: MIT
 *
 * stats.c - src/stats.c: the counts end on damage. What they count is in tests/bugs/b20_statistics.c and b16_largest.c, and is
 * compared with a walk after every step of the random tests.
 */
#include "harness/rig.h"

static struct rig rig;

static void lists_that_are_damaged(void)
{
    static const uint32_t nonsense[] = { 0, 1, 5, 0x1000, 0x7FFFFFFF, 0xFFFFFFFF };
    for (unsigned k = 0; k < sizeof nonsense / sizeof *nonsense; k++) {
        rig_open(&rig, rig_memory, 16384);
        unsigned char *ptr[40];
        for (unsigned i = 0; i < 40; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
        for (unsigned i = 0; i < 40; i += 2)
            fh_free(rig.heap, ptr[i]);
        struct fh_stats before;
        struct fh_stats after;
        fh_stats(rig.heap, &before);
        EQUAL(before.blocks_used, 20);
        CHECK(before.blocks_free >= 20 && before.blocks_free <= 21);
        rig_poke(ptr[20], nonsense[k]);
        fh_stats(rig.heap, &after);
        CHECK(after.blocks_free < before.blocks_free || nonsense[k] != 0);
        CHECK(after.blocks_free <= 21 && after.largest_free <= before.largest_free);
        EQUAL(after.bytes_used, before.bytes_used);
        EQUAL(rig.depth, 0);
        EQUAL(rig.faults, 0);
    }
}

/* A list that leads back into itself does not hold the count for ever. */
static void a_circle(void)
{
    rig_open(&rig, rig_memory, 16384);
    unsigned char *ptr[40];
    for (unsigned i = 0; i < 40; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
    for (unsigned i = 0; i < 40; i += 2)
        fh_free(rig.heap, ptr[i]);
    /* The link of the first is that to the second; in the last it closes the circle. */
    rig_poke(ptr[0], rig_peek(ptr[38]));
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    CHECK(stats.blocks_free <= 16384 / 16);
    CHECK(fh_check(rig.heap) != FH_OK);
    /* A search through the circle ends as well. */
    fh_malloc(rig.heap, 14000);
    CHECK(fh_malloc(rig.heap, 101) != NULL || rig.faults != 0);
    EQUAL(rig.depth, 0);
}

TESTS(unit_stats) = { { "lists_that_are_damaged", lists_that_are_damaged }, { "a_circle", a_circle }, TESTS_END };
