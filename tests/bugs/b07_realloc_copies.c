/* SPDX-License-Identifier: MIT
 *
 * b07_realloc_copies.c - B7: realloc copies too much or too little: the old size with the header, the new size, a wrong one for
 * aligned blocks.
 *
 * The new place is prepared with a pattern of its own, so that a byte too many is seen there and a byte too few as well.
 */
#include "harness/rig.h"

enum { NEW_BYTES = 4000 };

/* The address may happen to be a multiple of more than was asked for, and the block then stays so: the place suits any. */
static void copies_exactly(size_t align, size_t place_align)
{
    for (size_t size = 0; size < 400; size++) {
        struct rig rig;
        rig_open(&rig, rig_memory, 32768);
        unsigned char *ptr = fh_aligned_alloc(rig.heap, align, size);
        unsigned char *wall = fh_malloc(rig.heap, 64);
        unsigned char *place = fh_aligned_alloc(rig.heap, place_align, NEW_BYTES);
        unsigned char *last = fh_malloc(rig.heap, 64);
        REQUIRE(ptr != NULL && wall != NULL && place != NULL && last != NULL);
        size_t usable = fh_usable_size(rig.heap, ptr);
        rig_fill(ptr, usable, 1);
        rig_fill(wall, 64, 2);
        rig_fill(last, 64, 4);
        rig_fill(place, NEW_BYTES, 3);
        /* All other memory is taken, so that the block must move to that place. */
        for (size_t hold = 2048; hold != 0; hold /= 2) {
            while (fh_malloc(rig.heap, hold) != NULL)
                continue;
        }
        fh_free(rig.heap, place);
        unsigned char *moved = fh_realloc(rig.heap, ptr, NEW_BYTES);
        REQUIRE(moved == place);
        CHECK(rig_filled(moved, usable, 1));
        /* The free block's links and footer lay in the place; between them nothing may have been written. */
        unsigned char expected[NEW_BYTES];
        rig_fill(expected, NEW_BYTES, 3);
        for (size_t i = usable > 16 ? usable : 16; i < NEW_BYTES - 16; i++)
            EQUAL(moved[i], expected[i]);
        CHECK(rig_filled(wall, 64, 2) && rig_filled(last, 64, 4));
        rig_sound(&rig);
    }
}

static void ordinary(void)
{
    copies_exactly(1, 1);
}

static void aligned(void)
{
    copies_exactly(64, 4096);
}

TESTS(bugs_b07_realloc_copies) = { { "ordinary", ordinary }, { "aligned", aligned }, TESTS_END };
