/* SPDX-License-Identifier: MIT
 *
 * stats.c - src/stats.c: the counts end on damage. What they count is in tests/bugs/b20_statistics.c and b16_largest.c, and is
 * compared with a walk after every step of the random tests.
 */
#include "harness/rig.h"

#include "pool.h"

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

static struct fh_lists *lists(void)
{
    return &rig.heap->lists;
}

static struct fh_block *block(void *ptr)
{
    return (struct fh_block *)ptr;
}

/* A word below b that opens as anything, a tag or not. */
static void put_below(void *b, uint32_t opened)
{
    *fh_tag_of(block(b)) = (opened * FH_SEAL) ^ ((uint32_t)(uintptr_t)b ^ lists()->space.secret);
}

/* A heap with everything in use, and in one of its blocks count false free blocks on the list of that class, with their
 * sizes. */
static unsigned char *inside;

static void make_list(uint32_t class, const uint32_t *sizes, unsigned count)
{
    rig_open(&rig, rig_memory, 65536);
    inside = fh_malloc(rig.heap, 8192);
    REQUIRE(inside != NULL);
    void *ptr;
    for (size_t size = 60000; size != 0; size = size * 3 / 4) {
        while ((ptr = fh_malloc(rig.heap, size)) != NULL)
            continue;
    }
    while (fh_malloc(rig.heap, 0) != NULL)
        continue;
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    REQUIRE(stats.blocks_free == 0 && stats.largest_free == 0);
    if (class >= lists()->classes)
        class = lists()->classes - 1;
    /* There must be that much free for the count to go on. */
    rig.heap->total += 1000;
    for (unsigned i = count; i-- > 0;) {
        void *b = inside + (size_t)(i + 1) * 32 * FH_GRANULE;
        put_below(b, fh_tag_for(FH_FREE, sizes[i]));
        block(b)->next = i + 1 == count ? fh_list_end(lists()) : *fh_head_of(lists(), class);
        *fh_head_of(lists(), class) = fh_link_to(lists(), block(b));
    }
}

/* What is deeper in a list than a search goes is counted, but no request would find it; but for the last list, searched to the end. */
static void deep_in_a_list(void)
{
    static const uint32_t ascending[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    enum { COUNT = sizeof ascending / sizeof *ascending };
    for (uint32_t below = 0; below < 4; below++) {
        make_list(FH_MAX_CLASSES, ascending, 0);
        uint32_t last = lists()->classes - 1;
        if (below > last)
            break;
        make_list(last - below, ascending, COUNT);
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_free, COUNT);
        uint32_t deepest = below == 0 ? ascending[COUNT - 1] : ascending[FH_SEARCH_DEPTH - 1];
        EQUAL(stats.largest_free, deepest * FH_GRANULE - 4);
    }
}

/* The list ends for the count where a word is damaged, and a block that is none is not counted. */
static void where_a_list_ends(void)
{
    static const uint32_t sizes[] = { 6, 6, 6, 6, 6, 6 };
    const uint32_t wrong[] = { fh_tag_for(FH_USED, 6), fh_tag_for(FH_FREE, 6) | FH_TAG_LIMIT, fh_tag_for(FH_USED, 6) | FH_TAG_LIMIT, FH_DEAD,
        fh_tag_for(FH_FREE, 60000), fh_tag_for(FH_FREE, FH_MIN_GRANULES - 1), 0xFFFFFFFF };
    for (unsigned at = 0; at < 6; at++) {
        for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            make_list(2, sizes, 6);
            put_below(inside + (size_t)(at + 1) * 32 * FH_GRANULE, wrong[k]);
            struct fh_stats stats;
            fh_stats(rig.heap, &stats);
            EQUAL(stats.blocks_free, at);
            EQUAL(stats.largest_free, at == 0 ? 0 : 6 * FH_GRANULE - 4);
        }
        make_list(2, sizes, 6);
        block(inside + (size_t)(at + 1) * 32 * FH_GRANULE)->next = fh_link_to(lists(), block(rig_memory + 524288));
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_free, at + 1);
        /* No more than can be free. */
        make_list(2, sizes, 6);
        rig.heap->total = 6 * at;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_free, at);
    }
}

/* The count of used blocks ends at the first tag that is none. */
static void where_a_region_ends(void)
{
    for (unsigned at = 0; at < 5; at++) {
        rig_open(&rig, rig_memory, 8192);
        void *ptr[5];
        for (unsigned i = 0; i < 5; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
        uint32_t n = (uint32_t)((fh_usable_size(rig.heap, ptr[0]) + 4) / FH_GRANULE);
        const uint32_t wrong[] = { fh_tag_for(FH_USED, n) | FH_TAG_LIMIT, fh_tag_for(FH_USED, 60000), FH_USED, FH_DEAD, fh_tag_for(FH_FREE, 60000) };
        for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            put_below(ptr[at], wrong[k]);
            struct fh_stats stats;
            fh_stats(rig.heap, &stats);
            EQUAL(stats.blocks_used, at);
        }
    }
}

/* The top and the victim count as free blocks if they are what the heap holds them for. */
static void blocks_on_no_list(void)
{
    rig_open(&rig, rig_memory, 8192);
    void *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && rig.heap->top != NULL);
    struct fh_block *top = rig.heap->top;
    struct fh_stats whole;
    struct fh_stats stats;
    fh_stats(rig.heap, &whole);
    EQUAL(whole.blocks_free, 1);
    EQUAL(whole.largest_free, whole.bytes_free - 4);
    /* A top's tag where no block can be, and memory that is nobody's. */
    put_below((unsigned char *)top + FH_GRANULE / 2, FH_TOP);
    void *const wrong[] = { NULL, ptr, (unsigned char *)top + FH_GRANULE / 2, rig_launder(&rig), rig_launder((void *)(uintptr_t)(FH_GRANULE * 5)) };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rig.heap->top = (struct fh_block *)wrong[i];
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_free, 0);
        EQUAL(stats.largest_free, 0);
        EQUAL(stats.bytes_free, whole.bytes_free);
    }
    /* Nor is there one at NULL, whatever the bounds of the region that was asked for last have become. */
    rig.heap->top = NULL;
    rig.heap->lists.space.root_check ^= 1;
    rig.heap->lists.space.lo = 0 - (uintptr_t)65536;
    rig.heap->lists.space.span = 1 << 20;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.largest_free, 0);
}

/* What is told can be had, down to the smallest block that is free, which is too small for a used one of the hardened build. */
static void the_largest_can_be_had(void)
{
    for (size_t rest = FH_MIN_GRANULES * FH_GRANULE; rest < 200; rest += FH_GRANULE) {
        rig_open(&rig, rig_memory, 8192);
        void *hole = fh_malloc(rig.heap, 300);
        struct fh_stats stats;
        REQUIRE(hole != NULL);
        fh_stats(rig.heap, &stats);
        REQUIRE(fh_malloc(rig.heap, stats.largest_free) != NULL);
        fh_stats(rig.heap, &stats);
        EQUAL(stats.largest_free, 0);
        uint32_t n = fh_granules_for(300);
        CHECK(fh_resize(rig.heap, hole, fh_payload_bytes(n - (uint32_t)(rest / FH_GRANULE))));
        fh_stats(rig.heap, &stats);
        CHECK(rest < FH_LEAST_GRANULES * FH_GRANULE ? stats.largest_free == 0 : stats.largest_free != 0);
        CHECK((fh_malloc(rig.heap, stats.largest_free) != NULL) == (stats.largest_free != 0));
        EQUAL(rig.faults, 0);
    }
}

/* The mark at the end of a list is no link. With 32-bit addresses it could be taken for one: here to the list's only block. */
static uintptr_t end_at_a_block(void *ctx)
{
    (void)ctx;
    return 0x100;
}

static void the_end_is_no_link(void)
{
    rig_prepare(&rig);
    rig.port.random = end_at_a_block;
    rig.heap = fh_create(rig_memory, 65536, &rig.port);
    REQUIRE(rig.heap != NULL);
    struct fh_block *b = fh_link_at(lists(), 0x1FF);
    EQUAL(fh_list_end(lists()), 0x400001FF);
    CHECK(sizeof(void *) > 4 || FH_GRANULE > 8 || fh_link_at(lists(), fh_list_end(lists())) == b);
    REQUIRE(fh_malloc(rig.heap, (uintptr_t)b - rig.heap->first.lo - FH_TAG_BYTES - FH_TAIL_BYTES) != NULL);
    void *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr == b && fh_malloc(rig.heap, 1) != NULL);
    fh_free(rig.heap, ptr);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.blocks_free, 2);
    rig_sound(&rig);
}

TESTS(unit_stats) = {
    { "the_end_is_no_link", the_end_is_no_link },
    { "lists_that_are_damaged", lists_that_are_damaged },
    { "a_circle", a_circle },
    { "deep_in_a_list", deep_in_a_list },
    { "where_a_list_ends", where_a_list_ends },
    { "where_a_region_ends", where_a_region_ends },
    { "blocks_on_no_list", blocks_on_no_list },
    { "the_largest_can_be_had", the_largest_can_be_had },
    TESTS_END
};
