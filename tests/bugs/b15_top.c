/* SPDX-License-Identifier: MIT
 *
 * b15_top.c - B15: a region that ends with the address space, so that the address after it is zero.
 *
 * Runs where there is such memory: in 32 bits under top/launch.c, which sets TOP.
 */
#include "harness/rig.h"

static unsigned char *top(size_t bytes)
{
    return (unsigned char *)(uintptr_t)(0 - (uintptr_t)bytes);
}

static void need_top(void)
{
    if (host_env("TOP") == NULL || sizeof(void *) > 4)
        test_does_not_apply();
}

/* Random work on a heap that has little else. */
static void work(struct rig *rig)
{
    enum { SLOTS = 60 };
    unsigned char *ptr[SLOTS] = { 0 };
    size_t size[SLOTS] = { 0 };
    struct dice dice = dice_from(test_seed());
    for (unsigned i = 0; i < 3000 && !test_failed(); i++) {
        uint32_t k = dice_below(&dice, SLOTS);
        size_t bytes = dice_below(&dice, dice_below(&dice, 8) == 0 ? 8000 : 300);
        if (ptr[k] != NULL)
            CHECK(rig_filled(ptr[k], size[k], k));
        unsigned char *now = NULL;
        if (ptr[k] == NULL)
            now = i % 2 == 0 ? fh_malloc(rig->heap, bytes) : fh_aligned_alloc(rig->heap, (size_t)1 << dice_below(&dice, 13), bytes);
        else if (i % 3 == 0)
            now = fh_realloc(rig->heap, ptr[k], bytes);
        else
            fh_free(rig->heap, ptr[k]);
        if (now == NULL && ptr[k] != NULL && i % 3 == 0)
            continue;
        ptr[k] = now;
        size[k] = bytes;
        if (now != NULL)
            rig_fill(now, bytes, k);
        rig_sound(rig);
    }
    for (unsigned k = 0; k < SLOTS; k++)
        fh_free(rig->heap, ptr[k]);
    rig_sound(rig);
    EQUAL(rig_sum(rig).free_blocks, rig_sum(rig).regions);
}

static void all_of(struct rig *rig)
{
    struct fh_stats stats;
    fh_stats(rig->heap, &stats);
    unsigned char *ptr = fh_malloc(rig->heap, stats.largest_free);
    REQUIRE(ptr != NULL);
    rig_fill(ptr, stats.largest_free, 3);
    rig_sound(rig);
    CHECK(fh_resize(rig->heap, ptr, 10) && fh_resize(rig->heap, ptr, stats.largest_free));
    CHECK(!fh_resize(rig->heap, ptr, stats.largest_free + FH_GRANULE));
    rig_sound(rig);
    fh_free(rig->heap, ptr);
    rig_sound(rig);
}

static void heap_at_the_top(void)
{
    need_top();
    struct rig rig;
    rig_open(&rig, top(65536), 65536);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.bytes_regions, 65536);
    CHECK(stats.largest_free > 60000);
    all_of(&rig);
    work(&rig);
}

static void region_at_the_top(void)
{
    rig_large_only();
    need_top();
    struct rig rig;
    rig_open(&rig, top(500000), 2000);
    CHECK(fh_add_region(rig.heap, top(65536), 65536) > 65000);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, 2);
    all_of(&rig);
    work(&rig);
    EQUAL(fh_add_region(rig.heap, top(65536), 65536), 0);
    EQUAL(fh_add_region(rig.heap, top(1), 1), 0);
    EQUAL(fh_add_region(rig.heap, top(70000), 70000), 0);
}

/* Its neighbour below comes later, or earlier; the boundary anywhere. */
static void joined_at_the_top(void)
{
    rig_large_only();
    need_top();
    for (size_t bytes = 100; bytes < 4000; bytes += 61) {
        for (unsigned order = 0; order < 2; order++) {
            struct rig rig;
            rig_open(&rig, top(500000), 2000);
            size_t first = fh_add_region(rig.heap, order == 0 ? top(bytes) : top(8192), order == 0 ? bytes : 8192 - bytes);
            size_t second = fh_add_region(rig.heap, order == 0 ? top(8192) : top(bytes), order == 0 ? 8192 - bytes : bytes);
            CHECK(first != 0 && second != 0);
            rig_sound(&rig);
            EQUAL(rig_sum(&rig).regions, 2);
            EQUAL(rig_sum(&rig).free_blocks, 2);
            all_of(&rig);
        }
    }
}

/* Ends in the last bytes, of any size. */
static void any_size_at_the_top(void)
{
    need_top();
    for (size_t below = 0; below < 20; below++) {
        for (size_t bytes = 1; bytes < 700; bytes++) {
            struct rig rig;
            unsigned char *mem = top(bytes + below);
            for (size_t i = 0; i < bytes + below + 64; i++)
                top(bytes + below + 64)[i] = 0x77;
            rig_open(&rig, top(500000), 2000);
            size_t added = fh_add_region(rig.heap, mem, bytes);
            CHECK(added < bytes);
            rig_sound(&rig);
            if (added != 0)
                all_of(&rig);
            for (size_t i = 0; i < below; i++)
                EQUAL(top(below)[i], 0x77);
            for (size_t i = 1; i <= 64; i++)
                EQUAL(mem[-(ptrdiff_t)i], 0x77);
            rig_prepare(&rig);
            rig.heap = fh_create(mem, bytes, &rig.port);
            if (rig.heap != NULL) {
                rig_sound(&rig);
                all_of(&rig);
            }
            for (size_t i = 0; i < below; i++)
                EQUAL(top(below)[i], 0x77);
        }
    }
}

static void pointers_at_the_top(void)
{
    need_top();
    struct rig rig;
    rig_open(&rig, top(65536), 65536);
    for (size_t k = 1; k < 200; k++) {
        fh_free(rig.heap, top(k));
        EQUAL(rig.faults, 1);
        rig.faults = 0;
    }
    rig_sound(&rig);
}

static void *give_the_top(void *ctx, size_t least, size_t *got)
{
    struct rig *rig = ctx;
    CHECK(least <= 65536);
    *got = 65536;
    return rig->acquires++ == 0 ? top(65536) : NULL;
}

/* What the port gives may end there too: the first memory of a heap, and what is given later. */
static void given_at_the_top(void)
{
    need_top();
    for (unsigned later = 0; later < (RIG_SMALL ? 1 : 2); later++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.port.acquire = give_the_top;
        rig.heap = fh_create(later ? top(500000) : NULL, later ? 8192 : 0, &rig.port);
        REQUIRE(rig.heap != NULL);
        unsigned char *ptr = fh_malloc(rig.heap, 50000);
        CHECK(ptr > top(65536) && ptr < top(50000));
        EQUAL(rig.acquires, 1);
        EQUAL(rig_sum(&rig).regions, 1 + later);
        rig_sound(&rig);
    }
}

TESTS(bugs_b15_top) = {
    { "given_at_the_top", given_at_the_top },
    { "heap_at_the_top", heap_at_the_top },
    { "region_at_the_top", region_at_the_top },
    { "joined_at_the_top", joined_at_the_top },
    { "any_size_at_the_top", any_size_at_the_top },
    { "pointers_at_the_top", pointers_at_the_top },
    TESTS_END
};
