/* SPDX-License-Identifier: MIT
 *
 * b30_work.c - B30: the work of one operation grows with the number of blocks.
 *
 * Steps are counted (harness/steps.h), with 10, 1,000 and 100,000 free blocks on the lists. The worst operation of many must
 * take no more steps among 100,000 than among 10, a few apart for a longer bitmap. In the build with a single list the
 * search alone grows, with the number of blocks it passes.
 */
#include "harness/rig.h"
#include "harness/steps.h"

#include "freelist.h"

enum { BLOCKS = 100000 };

/* The most steps that one call of each kind took. */
struct worst {
    uintptr_t allocate;
    uintptr_t release;
    uintptr_t aligned;
    uintptr_t resize;
    uintptr_t move;
};

static void most(uintptr_t *worst, uintptr_t from)
{
    uintptr_t took = test_steps - from;
    if (took > *worst)
        *worst = took;
}

static unsigned char *memory;
static const size_t memory_bytes = (size_t)64 << 20;

static struct fh_heap *heap;

/* So many free blocks, of all small sizes and some large ones, each behind a used one. */
static void litter(unsigned count)
{
    static void *holes[BLOCKS];
    struct dice dice = dice_from(test_seed());
    heap = fh_create(memory, memory_bytes, NULL);
    REQUIRE(heap != NULL);
    for (unsigned i = 0; i < count; i++) {
        size_t size = i % 16 == 0 ? 1000 + dice_below(&dice, 3000) : 1 + dice_below(&dice, 400);
        holes[i] = fh_malloc(heap, size);
        REQUIRE(holes[i] != NULL && fh_malloc(heap, 8) != NULL);
    }
    for (unsigned i = 0; i < count; i++)
        fh_free(heap, holes[i]);
    struct fh_stats stats;
    fh_stats(heap, &stats);
    CHECK(stats.blocks_free >= count && stats.blocks_free <= count + 1);
}

static struct worst measure(unsigned count)
{
    struct worst worst = { 0 };
    struct dice dice = dice_from(test_seed() + 1);
    litter(count);
    for (unsigned i = 0; i < 2000; i++) {
        size_t size = i % 8 == 0 ? dice_below(&dice, 5000) : dice_below(&dice, 500);
        uintptr_t from = test_steps;
        void *a = fh_malloc(heap, size);
        most(&worst.allocate, from);
        from = test_steps;
        void *b = fh_aligned_alloc(heap, (size_t)32 << i % 6, size);
        most(&worst.aligned, from);
        from = test_steps;
        bool resized = fh_resize(heap, a, size / 2) && fh_resize(heap, a, size);
        most(&worst.resize, from);
        CHECK(a != NULL && b != NULL && (resized || size == 0));
        from = test_steps;
        fh_free(heap, b);
        most(&worst.release, from);
        from = test_steps;
        fh_free(heap, a);
        most(&worst.release, from);
        /* A move, of a block so small that the copy does not count. */
        void *c = fh_malloc(heap, 20);
        void *wall = fh_malloc(heap, 20);
        from = test_steps;
        c = fh_realloc(heap, c, 40);
        most(&worst.move, from);
        fh_free(heap, wall);
        fh_free(heap, c);
    }
    return worst;
}

static void flat_in(const char *what, uintptr_t few, uintptr_t some, uintptr_t many)
{
    /* Among few blocks not every turn of the code is met; among many, all are, and then nothing grows. */
    bool flat = many <= some + some / 8 + 8 && many <= 3 * few + 24;
    if (!CHECK(flat && few != 0))
        say("  %s: %z steps at most with 10 free blocks, %z with 1,000, %z with 100,000\n", what, few, some, many);
}

static void need_steps(void)
{
    if (!test_counts_steps())
        test_does_not_apply();
    memory = host_map(NULL, memory_bytes);
    if (memory == NULL)
        test_skip("no memory");
}

static void flat(void)
{
    need_steps();
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    struct worst few = measure(10);
    struct worst some = measure(1000);
    struct worst many = measure(BLOCKS);
    flat_in("malloc", few.allocate, some.allocate, many.allocate);
    flat_in("free", few.release, some.release, many.release);
    flat_in("aligned_alloc", few.aligned, some.aligned, many.aligned);
    flat_in("resize", few.resize, some.resize, many.resize);
    flat_in("realloc", few.move, some.move, many.move);
}

/* With one list: free, resize stay flat; the search passes every block that is too small, a few steps each. */
static void single_list(void)
{
    need_steps();
    if (FH_MAX_CLASSES != 1)
        test_does_not_apply();
    struct worst few = measure(10);
    struct worst many = measure(1000);
    flat_in("free", few.release, many.release, many.release);
    CHECK(many.allocate > few.allocate);
    CHECK(many.allocate <= few.allocate + 1000 * 24);
}

/* Among very many regions, a step for each doubling. */
static void many_regions(void)
{
    need_steps();
    uintptr_t worst[2] = { 0, 0 };
    static const unsigned counts[2] = { 16, 4096 };
    for (unsigned round = 0; round < 2; round++) {
        heap = fh_create(memory, 65536, NULL);
        REQUIRE(heap != NULL);
        static void *ptr[4096];
        for (unsigned i = 0; i < counts[round]; i++)
            REQUIRE(fh_add_region(heap, memory + 131072 + (size_t)i * 4096, 2048) != 0);
        unsigned n = 0;
        while (n < counts[round] && (ptr[n] = fh_malloc(heap, 1500)) != NULL)
            n++;
        CHECK(n >= counts[round]);
        for (unsigned i = 0; i < n; i++) {
            uintptr_t from = test_steps;
            /* Not one after the other, so that each is in another region than the last. */
            fh_free(heap, ptr[(i * 1021) & (n - 1)]);
            most(&worst[round], from);
        }
    }
    /* From 16 to 4,096 regions there are 8 doublings; a treap is a few times as deep as a perfect tree. */
    if (!CHECK(worst[1] <= 6 * worst[0]))
        say("  %z steps at most with 16 regions, %z with 4,096\n", worst[0], worst[1]);
}

/* A small heap that was given much: it has lists for what it was made for, and all that is larger shares the last one. What it
 * was made for stays flat; the search through the last list passes each block that is too small, a few steps each. */
static void grown_from_small(void)
{
    need_steps();
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    uintptr_t worst[2] = { 0, 0 };
    uintptr_t worst_small[2] = { 0, 0 };
    static const unsigned counts[2] = { 10, 2000 };
    for (unsigned round = 0; round < 2; round++) {
        heap = fh_create(memory, 1024, NULL);
        REQUIRE(heap != NULL && fh_add_region(heap, memory + 65536, memory_bytes - 65536) != 0);
        static void *ptr[2000];
        for (unsigned i = 0; i < counts[round]; i++) {
            ptr[i] = fh_malloc(heap, 8000 + i % 100 * 16);
            REQUIRE(ptr[i] != NULL && fh_malloc(heap, 8) != NULL);
        }
        for (unsigned i = 0; i < counts[round]; i++)
            fh_free(heap, ptr[i]);
        for (unsigned i = 0; i < 100; i++) {
            uintptr_t from = test_steps;
            void *p = fh_malloc(heap, 12000 + i * 16);
            most(&worst[round], from);
            REQUIRE(p != NULL);
            from = test_steps;
            p = fh_malloc(heap, 30 + i);
            most(&worst_small[round], from);
            from = test_steps;
            fh_free(heap, p);
            most(&worst_small[round], from);
        }
    }
    flat_in("a small malloc or free", worst_small[0], worst_small[1], worst_small[1]);
    CHECK(worst[1] > worst[0] && worst[1] <= worst[0] + 2000 * 24);
}

TESTS(bugs_b30_work) = {
    { "promise3_flat", flat },
    { "single_list", single_list },
    { "many_regions", many_regions },
    { "grown_from_small", grown_from_small },
    TESTS_END
};
