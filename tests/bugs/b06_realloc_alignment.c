/* SPDX-License-Identifier: MIT
 *
 * b06_realloc_alignment.c - B6: realloc loses the alignment that was asked for when the block moves.
 */
#include "harness/rig.h"

static void moved_blocks_stay_aligned(void)
{
    for (size_t align = 1; align <= 4096; align *= 2) {
        for (size_t size = 0; size < 600; size += 37) {
            struct rig rig;
            rig_open(&rig, rig_memory + 16, 131072);
            unsigned char *ptr = fh_aligned_alloc(rig.heap, align, size);
            unsigned char *wall = fh_malloc(rig.heap, 10);
            REQUIRE(ptr != NULL && wall != NULL);
            rig_fill(ptr, size, 4);
            unsigned char *moved = fh_realloc(rig.heap, ptr, size + 3000);
            REQUIRE(moved != NULL);
            EQUAL((uintptr_t)moved & (align - 1), 0);
            CHECK(rig_filled(moved, size, 4));
            /* And again: the move itself must not forget. */
            fh_malloc(rig.heap, 10);
            unsigned char *again = fh_realloc(rig.heap, moved, size + 9000);
            REQUIRE(again != NULL);
            EQUAL((uintptr_t)again & (align - 1), 0);
            CHECK(rig_filled(again, size, 4));
            rig_sound(&rig);
        }
    }
}

/* In between, the block may shrink, grow in place and be resized. */
static void in_place_keeps_the_alignment_in_mind(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory + 16, 131072);
    unsigned char *ptr = fh_aligned_alloc(rig.heap, 1024, 500);
    REQUIRE(ptr != NULL && fh_realloc(rig.heap, ptr, 50) == ptr);
    REQUIRE(fh_resize(rig.heap, ptr, 700) && fh_realloc(rig.heap, ptr, 800) == ptr);
    unsigned char *wall = NULL;
    while (wall < ptr)
        REQUIRE((wall = fh_malloc(rig.heap, 10)) != NULL);
    unsigned char *moved = fh_realloc(rig.heap, ptr, 5000);
    REQUIRE(moved != NULL && moved != ptr);
    EQUAL((uintptr_t)moved & 1023, 0);
    rig_sound(&rig);
}

TESTS(bugs_b06_realloc_alignment) = {
    { "moved_blocks_stay_aligned", moved_blocks_stay_aligned },
    { "in_place_keeps_the_alignment_in_mind", in_place_keeps_the_alignment_in_mind },
    TESTS_END
};
