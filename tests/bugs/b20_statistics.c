/* SPDX-License-Identifier: MIT
 *
 * b20_statistics.c - B20: the counters drift, above all in realloc and aligned requests and when calls fail.
 *
 * After every step of the random tests the statistics are compared with a walk (harness/rig.c). Here is each operation alone,
 * with what it must change and what it must not.
 */
#include "harness/rig.h"

static struct rig rig;

static struct fh_stats now(void)
{
    struct fh_stats stats;
    rig_sound(&rig);
    fh_stats(rig.heap, &stats);
    return stats;
}

static void unchanged(const struct fh_stats *before)
{
    struct fh_stats after = now();
    EQUAL(after.bytes_used, before->bytes_used);
    EQUAL(after.bytes_free, before->bytes_free);
    EQUAL(after.bytes_peak, before->bytes_peak);
    EQUAL(after.largest_free, before->largest_free);
    EQUAL(after.blocks_used, before->blocks_used);
    EQUAL(after.blocks_free, before->blocks_free);
    EQUAL(after.regions, before->regions);
    EQUAL(after.bytes_regions, before->bytes_regions);
}

static void each_operation(void)
{
    rig_open(&rig, rig_memory, 32768);
    struct fh_stats fresh = now();
    EQUAL(fresh.bytes_used, 0);
    EQUAL(fresh.bytes_peak, 0);
    EQUAL(fresh.blocks_used, 0);
    EQUAL(fresh.blocks_free, 1);
    EQUAL(fresh.regions, 1);
    EQUAL(fresh.bytes_regions, 32768);
    for (size_t align = 1; align <= 2048; align *= 2) {
        void *ptr = fh_aligned_alloc(rig.heap, align, 100);
        struct fh_stats stats = now();
        EQUAL(stats.bytes_used, fh_usable_size(rig.heap, ptr) + (align > FH_GRANULE ? 8 : 4));
        EQUAL(stats.blocks_used, 1);
        fh_free(rig.heap, ptr);
        EQUAL(now().bytes_used, 0);
        EQUAL(now().largest_free, fresh.largest_free);
    }
    void *ptr = fh_malloc(rig.heap, 100);
    for (size_t size = 0; size < 3000; size += 119) {
        CHECK(fh_resize(rig.heap, ptr, size));
        EQUAL(now().bytes_used, fh_usable_size(rig.heap, ptr) + 4);
        EQUAL(now().blocks_used, 1);
    }
    void *wall = fh_malloc(rig.heap, 30);
    void *moved = fh_realloc(rig.heap, ptr, 5000);
    CHECK(moved != ptr);
    EQUAL(now().bytes_used, fh_usable_size(rig.heap, moved) + 4 + fh_usable_size(rig.heap, wall) + 4);
    EQUAL(now().blocks_used, 2);
    fh_free(rig.heap, moved);
    fh_free(rig.heap, wall);
    EQUAL(now().bytes_used, 0);
    EQUAL(now().bytes_free, fresh.bytes_free);
    EQUAL(now().blocks_free, 1);
}

static void failures_change_nothing(void)
{
    rig_open(&rig, rig_memory, 16384);
    void *ptr = fh_malloc(rig.heap, 100);
    void *wall = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && wall != NULL);
    struct fh_stats before = now();
    CHECK(fh_malloc(rig.heap, 20000) == NULL);
    CHECK(fh_calloc(rig.heap, 200, 200) == NULL);
    CHECK(fh_aligned_alloc(rig.heap, 64, 20000) == NULL);
    CHECK(fh_aligned_alloc(rig.heap, 3, 9) == NULL);
    CHECK(fh_realloc(rig.heap, ptr, 20000) == NULL);
    CHECK(!fh_resize(rig.heap, ptr, 200));
    EQUAL(fh_add_region(rig.heap, rig_memory, 16384), 0);
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536, 10), 0);
    EQUAL(fh_trim(rig.heap), 0);
    unchanged(&before);
}

static void misuse_changes_nothing(void)
{
    rig_open(&rig, rig_memory, 16384);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && fh_malloc(rig.heap, 100) != NULL);
    struct fh_stats before = now();
    void *wrong[] = { ptr + 1, ptr + FH_GRANULE, &before, rig_memory };
    for (unsigned i = 0; i < 4; i++) {
        fh_free(rig.heap, wrong[i]);
        fh_realloc(rig.heap, wrong[i], 500);
        fh_resize(rig.heap, wrong[i], 5);
        EQUAL(rig.faults, 3);
        rig.faults = 0;
    }
    unchanged(&before);
}

static void peak(void)
{
    rig_open(&rig, rig_memory, 65536);
    void *a = fh_malloc(rig.heap, 1000);
    void *b = fh_malloc(rig.heap, 2000);
    size_t high = now().bytes_used;
    EQUAL(now().bytes_peak, high);
    fh_free(rig.heap, b);
    EQUAL(now().bytes_peak, high);
    a = fh_realloc(rig.heap, a, 500);
    EQUAL(now().bytes_peak, high);
    CHECK(fh_resize(rig.heap, a, 9000));
    EQUAL(now().bytes_peak, now().bytes_used);
    CHECK(now().bytes_peak > high);
    high = now().bytes_peak;
    fh_free(rig.heap, a);
    /* An aligned request takes no more, not for a moment, than what it gets. */
    a = fh_aligned_alloc(rig.heap, 16384, 8000);
    REQUIRE(a != NULL);
    EQUAL(now().bytes_peak, high);
    fh_free(rig.heap, a);
    CHECK(fh_add_region(rig.heap, rig_memory + 65536, 65536) != 0);
    CHECK((fh_add_region(rig.heap, rig_memory + 262144, 65536) != 0) == !RIG_SMALL);
    EQUAL(now().bytes_peak, high);
    EQUAL(now().regions, RIG_SMALL ? 1 : 2);
    EQUAL(now().bytes_regions, (RIG_SMALL ? 2 : 3) * 65536);
}

TESTS(bugs_b20_statistics) = {
    { "each_operation", each_operation },
    { "failures_change_nothing", failures_change_nothing },
    { "misuse_changes_nothing", misuse_changes_nothing },
    { "peak", peak },
    TESTS_END
};
