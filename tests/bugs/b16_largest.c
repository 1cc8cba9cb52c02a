/* SPDX-License-Identifier: MIT
 *
 * b16_largest.c - B16: the largest class is indexed out of range, or the largest block cannot be had again after it was freed.
 */
#include "harness/rig.h"

static size_t largest(struct rig *rig)
{
    struct fh_stats stats;
    fh_stats(rig->heap, &stats);
    return stats.largest_free;
}

/* Requests around the largest: what the statistics name can be had, again and again, and not a granule more. */
static void around(struct rig *rig)
{
    size_t most = largest(rig);
    REQUIRE(most > 64);
    for (unsigned again = 0; again < 2; again++) {
        for (size_t size = most - 64; size <= most + 64; size++) {
            void *ptr = fh_malloc(rig->heap, size);
            CHECK((ptr != NULL) == (size <= most));
            if (ptr != NULL)
                CHECK(fh_usable_size(rig->heap, ptr) >= size);
            rig_sound(rig);
            fh_free(rig->heap, ptr);
            rig_sound(rig);
            EQUAL(largest(rig), most);
        }
    }
}

static void any_heap_size(void)
{
    for (size_t bytes = 1024; bytes < RIG_HEAP; bytes += bytes / 7) {
        struct rig rig;
        rig_open(&rig, rig_memory, bytes);
        around(&rig);
    }
}

/* Sizes where a class begins: powers of two, and their eighths. */
static void where_classes_begin(void)
{
    for (size_t bytes = 2048; bytes < RIG_HEAP; bytes *= 2) {
        for (size_t eighth = 0; eighth < 8; eighth++) {
            struct rig rig;
            rig_open(&rig, rig_memory, bytes / 8 * (8 + eighth) < RIG_HEAP ? bytes / 8 * (8 + eighth) : bytes);
            around(&rig);
        }
    }
}

/* A heap of hundreds of MiB, whose sizes a used tag holds rounded: the granule above the largest is then further off. */
static void huge(void)
{
    rig_large_only();
    size_t limit = sizeof(void *) > 4 ? (size_t)3 << 30 : (size_t)1 << 30;
    for (size_t bytes = 3 << 20; bytes < limit; bytes *= 3) {
        void *mem = host_map(NULL, bytes);
        if (mem == NULL)
            test_skip("no memory");
        struct rig rig;
        rig_open(&rig, mem, bytes);
        size_t most = largest(&rig);
        CHECK(most > bytes - bytes / 256);
        for (unsigned again = 0; again < 3; again++) {
            void *ptr = fh_malloc(rig.heap, most);
            CHECK(ptr != NULL);
            fh_free(rig.heap, ptr);
            CHECK(fh_malloc(rig.heap, most + FH_GRANULE) == NULL);
            CHECK(fh_malloc(rig.heap, bytes) == NULL);
            rig_sound(&rig);
        }
        host_unmap(mem, bytes);
    }
}

/* Several free blocks of one class, the largest of them freed first, so that it is the last on its list: what the statistics
 * name must be what malloc gives. */
static void last_on_its_list(void)
{
    enum { BLOCKS = 16 };
    for (size_t size = 300; size < 6000; size += 500) {
        struct rig rig;
        rig_open(&rig, rig_memory, BLOCKS * (size + 200) + 4096);
        void *ptr[BLOCKS];
        for (unsigned i = 0; i < BLOCKS; i++) {
            ptr[i] = fh_malloc(rig.heap, size - i * size / 200);
            REQUIRE(ptr[i] != NULL && fh_malloc(rig.heap, 8) != NULL);
        }
        for (size_t hold = 4096; hold != 0; hold /= 2) {
            while (fh_malloc(rig.heap, hold) != NULL)
                continue;
        }
        while (fh_malloc(rig.heap, 0) != NULL)
            continue;
        for (unsigned i = 0; i < BLOCKS; i++)
            fh_free(rig.heap, ptr[i]);
        rig_sound(&rig);
        size_t most = largest(&rig);
        CHECK(fh_malloc(rig.heap, most + FH_GRANULE) == NULL);
        CHECK(fh_malloc(rig.heap, most) != NULL);
    }
}

/* The same at any moment of a random run. */
static void at_any_moment(void)
{
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    void *ptr[100] = { 0 };
    rig_open(&rig, rig_memory, 30000);
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t k = dice_below(&dice, 100);
        if (ptr[k] != NULL) {
            fh_free(rig.heap, ptr[k]);
            ptr[k] = NULL;
        } else {
            ptr[k] = fh_malloc(rig.heap, dice_below(&dice, 800));
        }
        size_t most = largest(&rig);
        if (most == 0 || i % 41 != 0)
            continue;
        void *all = fh_malloc(rig.heap, most);
        CHECK(all != NULL);
        fh_free(rig.heap, all);
        CHECK(fh_malloc(rig.heap, most + FH_GRANULE) == NULL);
        rig_sound(&rig);
    }
}

TESTS(bugs_b16_largest) = {
    { "any_heap_size", any_heap_size },
    { "where_classes_begin", where_classes_begin },
    { "huge", huge },
    { "last_on_its_list", last_on_its_list },
    { "at_any_moment", at_any_moment },
    TESTS_END
};
