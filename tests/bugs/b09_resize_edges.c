/* SPDX-License-Identifier: MIT
 *
 * b09_resize_edges.c - B9: resizing in place where the remainder is zero or too small for a block, with a used block, a free
 * block of every small size, or the end of the region behind.
 */
#include "harness/rig.h"

enum { SIZES = 100 };

enum behind { USED, FREE, END };

static void one(size_t size, size_t wanted, enum behind behind, size_t gap, bool moves)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 2048);
    unsigned char *ptr = fh_malloc(rig.heap, size);
    unsigned char *hole = behind == FREE ? fh_malloc(rig.heap, gap) : NULL;
    unsigned char *wall = behind != END ? fh_malloc(rig.heap, 8) : NULL;
    REQUIRE(ptr != NULL && (behind == END || wall != NULL));
    rig_fill(ptr, size, 8);
    size_t holds = fh_usable_size(rig.heap, ptr);
    if (behind == FREE) {
        holds += fh_usable_size(rig.heap, hole) + 4;
        fh_free(rig.heap, hole);
    }
    unsigned char *now = ptr;
    if (moves) {
        now = fh_realloc(rig.heap, ptr, wanted);
        REQUIRE(now != NULL);
        CHECK(behind == END || (now == ptr) == (wanted <= holds));
    } else {
        bool done = fh_resize(rig.heap, ptr, wanted);
        CHECK(behind == END || done == (wanted <= holds));
        if (!done)
            wanted = size;
    }
    CHECK(fh_usable_size(rig.heap, now) >= wanted);
    CHECK(rig_filled(now, size < wanted ? size : wanted, 8));
    rig_sound(&rig);
    rig_fill(now, wanted, 9);
    rig_sound(&rig);
    fh_free(rig.heap, now);
    fh_free(rig.heap, wall);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, 1);
}

static void every_pair(enum behind behind, bool moves)
{
    for (size_t size = 0; size < SIZES; size += 3) {
        for (size_t wanted = 0; wanted < SIZES && !test_failed(); wanted++) {
            if (behind == FREE) {
                for (size_t gap = 0; gap < 50; gap += 12)
                    one(size, wanted, behind, gap, moves);
            } else {
                one(size, wanted, behind, 0, moves);
            }
        }
    }
}

static void resize_before_used(void)
{
    every_pair(USED, false);
}

static void resize_before_free(void)
{
    every_pair(FREE, false);
}

static void resize_before_end(void)
{
    every_pair(END, false);
}

static void realloc_before_used(void)
{
    every_pair(USED, true);
}

static void realloc_before_free(void)
{
    every_pair(FREE, true);
}

/* Growing up to the very end of the region: the end tag is behind, and nothing. */
static void to_the_end(void)
{
    for (size_t bytes = 1024; bytes < 1024 + 64; bytes++) {
        struct rig rig;
        struct fh_stats stats;
        rig_open(&rig, rig_memory, bytes);
        void *ptr = fh_malloc(rig.heap, 10);
        fh_stats(rig.heap, &stats);
        size_t all = fh_usable_size(rig.heap, ptr) + stats.bytes_free;
        CHECK(!fh_resize(rig.heap, ptr, all + 1));
        CHECK(fh_resize(rig.heap, ptr, all));
        EQUAL(fh_usable_size(rig.heap, ptr), all);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, 0);
        fh_free(rig.heap, ptr);
        rig_sound(&rig);
    }
}

/* Around the size from which on a tag holds the size rounded. */
static void around_huge(void)
{
    rig_large_only();
    const size_t limit = (size_t)FH_GRANULE << 16;
    const size_t bytes = 8 * limit;
    void *mem = host_map(NULL, bytes);
    if (mem == NULL)
        test_skip("no memory");
    struct rig rig;
    rig_open(&rig, mem, bytes);
    for (size_t k = 0; k < 200; k += 4) {
        unsigned char *ptr = fh_malloc(rig.heap, limit - 100 + k);
        REQUIRE(ptr != NULL);
        for (size_t j = 0; j < 200; j += 20) {
            CHECK(fh_resize(rig.heap, ptr, limit - 100 + j));
            CHECK(fh_usable_size(rig.heap, ptr) >= limit - 100 + j);
            rig_sound(&rig);
        }
        CHECK(fh_resize(rig.heap, ptr, 4 * limit + k));
        CHECK(fh_usable_size(rig.heap, ptr) >= 4 * limit + k);
        rig_sound(&rig);
        CHECK(fh_resize(rig.heap, ptr, 50));
        rig_sound(&rig);
        fh_free(rig.heap, ptr);
        EQUAL(rig_sum(&rig).free_blocks, 1);
    }
}

TESTS(bugs_b09_resize_edges) = {
    { "resize_before_used", resize_before_used },
    { "resize_before_free", resize_before_free },
    { "resize_before_end", resize_before_end },
    { "realloc_before_used", realloc_before_used },
    { "realloc_before_free", realloc_before_free },
    { "to_the_end", to_the_end },
    { "around_huge", around_huge },
    TESTS_END
};
