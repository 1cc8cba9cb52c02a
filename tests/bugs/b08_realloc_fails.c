/* SPDX-License-Identifier: MIT
 *
 * b08_realloc_fails.c - B8: a realloc that fails frees the old block, or loses what was in it.
 */
#include "harness/rig.h"

static void try(struct rig *rig, unsigned char *ptr, size_t size)
{
    CHECK(fh_realloc(rig->heap, ptr, size) == NULL);
    CHECK(!fh_resize(rig->heap, ptr, size));
    CHECK(rig_filled(ptr, fh_usable_size(rig->heap, ptr), 6));
    bool used;
    CHECK(rig_block_at(rig, ptr, &used) != 0 && used);
    rig_sound(rig);
}

static void the_old_block_stays(void)
{
    for (size_t align = 1; align <= 1024; align *= 4) {
        struct rig rig;
        struct fh_stats before;
        struct fh_stats after;
        rig_open(&rig, rig_memory, 16384);
        unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 500);
        void *wall = fh_malloc(rig.heap, 20);
        REQUIRE(ptr != NULL && wall != NULL);
        rig_fill(ptr, fh_usable_size(rig.heap, ptr), 6);
        fh_stats(rig.heap, &before);
        for (size_t size = 16384; size != 0; size *= 2)
            try(&rig, ptr, size);
        for (size_t size = SIZE_MAX; size != 0; size /= 2) {
            if (size >= 16384)
                try(&rig, ptr, size);
        }
        fh_stats(rig.heap, &after);
        EQUAL(after.bytes_used, before.bytes_used);
        EQUAL(after.bytes_peak, before.bytes_peak);
        fh_free(rig.heap, ptr);
        fh_free(rig.heap, wall);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, 1);
    }
}

TESTS(bugs_b08_realloc_fails) = { { "the_old_block_stays", the_old_block_stays }, TESTS_END };
