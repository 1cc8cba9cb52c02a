/* SPDX-License-Identifier: MIT
 *
 * b05_pads_leak.c - B5: what is cut off in front of and behind an aligned block does not come back to the lists.
 */
#include "harness/rig.h"

/* With the aligned block still there, everything else is in free blocks, and both pads can be had. */
static void pads_are_free_at_once(void)
{
    for (size_t align = 2 * FH_GRANULE; align <= 16384; align *= 2) {
        struct rig rig;
        rig_open(&rig, rig_memory + 16, 65536);
        struct fh_stats before;
        struct fh_stats after;
        fh_stats(rig.heap, &before);
        /* Move the start of free memory to just behind a multiple, so that there must be a pad in front. */
        unsigned char *first = fh_aligned_alloc(rig.heap, align, FH_GRANULE);
        unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 100);
        REQUIRE(first != NULL && ptr != NULL);
        fh_stats(rig.heap, &after);
        size_t most = 100 + 4 + 2 * FH_GRANULE + 2 * FH_GRANULE + 4;
        CHECK(before.bytes_free - after.bytes_free <= most + 16);
        rig_sound(&rig);
        fh_free(rig.heap, first);
        fh_free(rig.heap, ptr);
        fh_stats(rig.heap, &after);
        EQUAL(after.bytes_free, before.bytes_free);
        EQUAL(after.blocks_free, 1);
        EQUAL(after.largest_free, before.largest_free);
    }
}

static void storm(void)
{
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    struct fh_stats before;
    struct fh_stats after;
    rig_open(&rig, rig_memory + 3, 60000);
    fh_stats(rig.heap, &before);
    void *ptr[40] = { 0 };
    for (unsigned i = 0; i < 4000; i++) {
        uint32_t k = dice_below(&dice, 40);
        if (ptr[k] != NULL) {
            fh_free(rig.heap, ptr[k]);
            ptr[k] = NULL;
        } else {
            ptr[k] = fh_aligned_alloc(rig.heap, (size_t)1 << dice_below(&dice, 12), dice_below(&dice, 500));
        }
    }
    for (unsigned k = 0; k < 40; k++)
        fh_free(rig.heap, ptr[k]);
    rig_sound(&rig);
    fh_stats(rig.heap, &after);
    EQUAL(after.blocks_free, 1);
    EQUAL(after.largest_free, before.largest_free);
}

TESTS(bugs_b05_pads_leak) = { { "pads_are_free_at_once", pads_are_free_at_once }, { "storm", storm }, TESTS_END };
