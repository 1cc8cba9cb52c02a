/* SPDX-License-Identifier: MIT
 *
 * b12_regions_touch.c - B12: regions that touch stay apart, so that no block larger than one of them can be had.
 */
#include "harness/host.h"
#include "harness/rig.h"

static size_t largest(struct rig *rig)
{
    struct fh_stats stats;
    fh_stats(rig->heap, &stats);
    return stats.largest_free;
}

static void two_become_one(size_t first, size_t second, bool descending, size_t offset)
{
    struct rig rig;
    unsigned char *middle = rig_memory + 65536 + offset;
    unsigned char *home = rig_memory;
    rig_open(&rig, home, 1024);
    CHECK(fh_add_region(rig.heap, descending ? middle : middle - first, descending ? second : first) != 0);
    CHECK(fh_add_region(rig.heap, descending ? middle - first : middle, descending ? first : second) != 0);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, 2);
    EQUAL(rig_sum(&rig).free_blocks, 2);
    /* No byte is lost but a header, the end tag, and what lies beside the granules. */
    CHECK(largest(&rig) + 48 + 3 * FH_GRANULE + 4 >= first + second);
    unsigned char *ptr = fh_malloc(rig.heap, first + second - 128);
    REQUIRE(ptr != NULL);
    CHECK(ptr > middle - first && ptr + first + second - 128 < middle + second);
    rig_fill(ptr, first + second - 128, 1);
    fh_free(rig.heap, ptr);
    rig_sound(&rig);
}

static void any_boundary(void)
{
    rig_large_only();
    for (size_t offset = 0; offset < 33; offset++) {
        two_become_one(4096, 4096, false, offset);
        two_become_one(4096, 4096, true, offset);
        two_become_one(1000 + offset, 777, false, offset);
        two_become_one(777, 1000 + offset, true, offset);
    }
}

/* The same with blocks in use on both sides of the boundary, and the last byte before it free or used. */
static void while_in_use(void)
{
    for (size_t offset = 0; offset < 17; offset++) {
        struct rig rig;
        rig_open(&rig, rig_memory, 2000 + offset);
        void *a = fh_malloc(rig.heap, offset % 2 == 0 ? 200 : largest(&rig));
        REQUIRE(a != NULL);
        CHECK(fh_add_region(rig.heap, rig_memory + 2000 + offset, 3000) != 0);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).regions, 1);
        EQUAL(rig_sum(&rig).free_blocks, 1);
        fh_free(rig.heap, a);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, 1);
        CHECK(fh_malloc(rig.heap, 3500) != NULL);
    }
}

/* Three, the one between last: it joins both. Its neighbours' blocks in use stay where they are. */
static void the_one_between(void)
{
    rig_large_only();
    for (size_t offset = 0; offset < 17; offset++) {
        for (size_t bytes = 16; bytes < 400; bytes += 24) {
            struct rig rig;
            unsigned char *low = rig_memory + 65536 + offset;
            rig_open(&rig, rig_memory, 1024);
            CHECK(fh_add_region(rig.heap, low, 2000) != 0);
            CHECK(fh_add_region(rig.heap, low + 2000 + bytes, 2000) != 0);
            void *a = fh_malloc(rig.heap, 1700);
            void *b = fh_malloc(rig.heap, 1700);
            REQUIRE(a != NULL && b != NULL);
            EQUAL(rig_sum(&rig).regions, 3);
            CHECK(fh_add_region(rig.heap, low + 2000, bytes) != 0);
            rig_sound(&rig);
            EQUAL(rig_sum(&rig).regions, 2);
            fh_free(rig.heap, a);
            fh_free(rig.heap, b);
            rig_sound(&rig);
            EQUAL(rig_sum(&rig).free_blocks, 2);
            CHECK(fh_malloc(rig.heap, 3900 + bytes - 128) != NULL);
        }
    }
}

/* The first free block in memory from there on. */
struct search {
    const unsigned char *from;
    const unsigned char *found;
};

static bool look(void *arg, const struct fh_block_info *info)
{
    struct search *s = arg;
    if (info->used || (const unsigned char *)info->payload < s->from)
        return true;
    s->found = info->payload;
    return false;
}

/* A region whose block at the seam is damaged is not joined, but stays beside the new one: joined first and found out later, the new
 * memory could be neither used nor given back. */
static void beside_damage(void)
{
    rig_large_only();
    for (unsigned above = 0; above < 2; above++) {
        struct rig rig;
        rig_open(&rig, rig_memory, 4096);
        CHECK(fh_add_region(rig.heap, rig_memory + 65536, 16384) != 0);
        void *first = fh_malloc(rig.heap, 5000);
        CHECK(fh_malloc(rig.heap, 5000) != NULL);
        fh_free(rig.heap, first);
        struct search s = { above ? rig_memory + 65536 : rig_memory, NULL };
        fh_walk(rig.heap, look, &s);
        REQUIRE(s.found != NULL);
        unsigned char *tag = rig_memory + (s.found - rig_memory) - 4;
        rig_poke(tag, rig_peek(tag) ^ 1);
        unsigned char *mem = above ? rig_memory + 65536 - 8192 : rig_memory + 4096;
        CHECK(fh_add_region(rig.heap, mem, 8192) > 8000);
        CHECK(rig.faults == 1 && rig.fault.ptr == mem);
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.regions, 3);
        unsigned char *p = fh_malloc(rig.heap, 8000);
        CHECK(p > mem && p < mem + 8192);
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    }
}

/* Onto a region whose last block is free and huge, and not the top: that lies in a larger region elsewhere. */
static void behind_a_huge_block(void)
{
    rig_large_only();
    enum { HUGE_BYTES = 3 << 20 };
    unsigned char *mem = host_map(NULL, 5 * HUGE_BYTES);
    REQUIRE(mem != NULL);
    struct rig rig;
    rig_open(&rig, mem, 8192);
    CHECK(fh_add_region(rig.heap, mem + HUGE_BYTES, HUGE_BYTES) != 0);
    CHECK(fh_add_region(rig.heap, mem + 3 * HUGE_BYTES, HUGE_BYTES + HUGE_BYTES / 2) != 0);
    rig_sound(&rig);
    CHECK(fh_add_region(rig.heap, mem + 2 * HUGE_BYTES, 65536) != 0);
    EQUAL(rig.faults, 0);
    EQUAL(rig_sum(&rig).regions, 3);
    CHECK(fh_malloc(rig.heap, HUGE_BYTES + HUGE_BYTES / 3) != NULL);
    CHECK(fh_malloc(rig.heap, HUGE_BYTES) != NULL);
    rig_sound(&rig);
    host_unmap(mem, 5 * HUGE_BYTES);
}

TESTS(bugs_b12_regions_touch) = {
    { "any_boundary", any_boundary },
    { "while_in_use", while_in_use },
    { "the_one_between", the_one_between },
    { "beside_damage", beside_damage },
    { "behind_a_huge_block", behind_a_huge_block },
    TESTS_END
};
