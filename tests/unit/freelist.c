/* SPDX-License-Identifier: MIT
 *
 * freelist.c - src/freelist.h: the classes, and first fit as the heap shows it.
 */
#include "harness/rig.h"

#include "pool.h"

static const struct fh_lists all = { .classes = FH_MAX_CLASSES };

/* A larger block is never in a lower class, and every class is of use. */
static void classes_ascend(void)
{
    uint32_t before = fh_class_of(&all, 1);
    EQUAL(before, 0);
    for (uint32_t n = 2; n < 1 << 20; n++) {
        uint32_t class = fh_class_of(&all, n);
        if (class != before && class != before + 1)
            EQUAL(class, before);
        before = class;
    }
    for (unsigned bit = 20; bit < 31; bit++)
        CHECK(fh_class_of(&all, (uint32_t)1 << bit) <= fh_class_of(&all, ((uint32_t)1 << bit) + 1));
    CHECK(fh_class_of(&all, UINT32_MAX / 2) < FH_MAX_CLASSES);
    CHECK(fh_class_of(&all, UINT32_MAX) < FH_MAX_CLASSES);
}

/* Small sizes have a class for each granule; above, a class spans at most an eighth. */
static void classes_are_narrow(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (uint32_t n = 1; n < 16; n++)
        CHECK(fh_class_of(&all, n) != fh_class_of(&all, n + 1));
    for (uint32_t n = 16; n < 1 << 16; n += 1 + n / 64)
        CHECK(fh_class_of(&all, n) != fh_class_of(&all, n + n / 8 + 2));
}

/* A request for a power of two, tag included, begins a class: no block of that class is too small for it. */
static void powers_of_two_begin_a_class(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (size_t size = 16 * FH_GRANULE; size <= (size_t)FH_GRANULE << 15; size *= 2) {
        uint32_t n = fh_granules_for(size);
        CHECK(fh_class_of(&all, n) == fh_class_of(&all, n - 1) + 1);
    }
}

/* A table cut short puts all that is larger into its last class. */
static void short_tables(void)
{
    for (uint32_t classes = 1; classes <= FH_MAX_CLASSES; classes++) {
        struct fh_lists l = { .classes = classes };
        for (uint32_t n = 1; n < 1 << 22; n += 1 + n / 16) {
            uint32_t class = fh_class_of(&l, n);
            uint32_t full = fh_class_of(&all, n);
            EQUAL(class, full < classes ? full : classes - 1);
        }
    }
}

static struct rig rig;
static unsigned char *wall[16];

/* Free blocks of these sizes, none of which touch; the rest of the heap is taken. */
static void holes(const size_t *size, unsigned count, unsigned char **hole)
{
    rig_open(&rig, rig_memory, 65536);
    for (unsigned i = 0; i < count; i++) {
        hole[i] = fh_malloc(rig.heap, size[i]);
        wall[i] = fh_malloc(rig.heap, 1);
        REQUIRE(hole[i] != NULL && wall[i] != NULL);
    }
    for (size_t hold = 32768; hold != 0; hold /= 2) {
        while (fh_malloc(rig.heap, hold) != NULL)
            continue;
    }
    while (fh_malloc(rig.heap, 0) != NULL)
        continue;
    EQUAL(rig_sum(&rig).free_blocks, 0);
    for (unsigned i = 0; i < count; i++)
        fh_free(rig.heap, hole[i]);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, count);
}

/* Whatever is large enough is found, and nothing smaller is taken: each request of every size between two holes. */
static void finds_what_fits(void)
{
    static const size_t size[] = { 20, 100, 200, 450, 900, 2000, 5000 };
    for (size_t want = 0; want <= 5000; want += 7) {
        unsigned char *hole[7];
        holes(size, 7, hole);
        unsigned char *ptr = fh_malloc(rig.heap, want);
        REQUIRE(ptr != NULL);
        unsigned k = 0;
        while (k < 7 && !(ptr >= hole[k] && ptr < wall[k]))
            k++;
        REQUIRE(k < 7);
        CHECK(size[k] + 2 * FH_GRANULE > want);
        rig_sound(&rig);
        if (FH_MAX_CLASSES == 1)
            continue;
        /* Between holes so far apart, the first class that fits is the smallest hole that fits. */
        CHECK(k == 0 || size[k - 1] + 2 * FH_GRANULE < want + 2 * FH_GRANULE + want / 8 + FH_GRANULE);
    }
}

/* One request after the other until nothing fits: every hole is used, none twice. */
static void uses_all(void)
{
    static const size_t size[] = { 100, 100, 100, 100, 100, 100, 100, 100, 100, 100 };
    unsigned char *hole[10];
    bool used[10] = { false };
    holes(size, 10, hole);
    for (unsigned i = 0; i < 10; i++) {
        unsigned char *ptr = fh_malloc(rig.heap, 100);
        unsigned k = 0;
        while (k < 10 && ptr != hole[k])
            k++;
        REQUIRE(k < 10);
        CHECK(!used[k]);
        used[k] = true;
        rig_sound(&rig);
    }
    CHECK(fh_malloc(rig.heap, 100) == NULL);
    EQUAL(rig_sum(&rig).free_blocks, 0);
}

/* The first on the list is the last that was freed. */
static void last_in_first_out(void)
{
    static const size_t size[] = { 100, 100, 100, 100 };
    unsigned char *hole[4];
    holes(size, 4, hole);
    CHECK(fh_malloc(rig.heap, 100) == hole[3]);
    CHECK(fh_malloc(rig.heap, 100) == hole[2]);
    fh_free(rig.heap, hole[3]);
    CHECK(fh_malloc(rig.heap, 100) == hole[3]);
    CHECK(fh_malloc(rig.heap, 100) == hole[1]);
    CHECK(fh_malloc(rig.heap, 100) == hole[0]);
    rig_sound(&rig);
}

/* Out of the middle of a list, in every order: neighbours join, which takes them off. */
static void unlinks_anywhere(void)
{
    static const size_t size[] = { 60, 60, 60, 60, 60, 60 };
    for (unsigned k = 0; k < 6; k++) {
        unsigned char *hole[6];
        holes(size, 6, hole);
        fh_free(rig.heap, wall[k]);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, k < 5 ? 5 : 6);
    }
}

TESTS(unit_freelist) = {
    { "classes_ascend", classes_ascend },
    { "classes_are_narrow", classes_are_narrow },
    { "powers_of_two_begin_a_class", powers_of_two_begin_a_class },
    { "short_tables", short_tables },
    { "promise3_finds_what_fits", finds_what_fits },
    { "uses_all", uses_all },
    { "last_in_first_out", last_in_first_out },
    { "unlinks_anywhere", unlinks_anywhere },
    TESTS_END
};
