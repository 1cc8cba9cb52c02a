/* SPDX-License-Identifier: MIT
 *
 * cache.c - src/cache.c: the caches of CPUs in front of a heap, under a model and the whole oracle.
 *
 * To the pool a cached block is a used one, so the walk and the statistics hold with caches as without; what is cached is counted
 * apart.
 */
#include "harness/rig.h"

enum { CPUS = 3, SLOTS = 120 };

static struct rig rig;
static unsigned cpu_now;

static unsigned cpu(void *ctx)
{
    (void)ctx;
    return cpu_now;
}

static void open(size_t bytes)
{
    rig_prepare(&rig);
    rig.port.cpus = CPUS;
    rig.port.cpu = cpu;
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, bytes, &rig.port);
    REQUIRE(rig.heap != NULL);
    cpu_now = 0;
    /* A heap with little in use caches hardly anything. */
    if (bytes == RIG_MEMORY)
        REQUIRE(fh_malloc(rig.heap, RIG_MEMORY / 2) != NULL);
}

struct tally {
    size_t cached_bytes;
    size_t cached_blocks;
};

static bool count_cached(void *arg, const struct fh_block_info *info)
{
    struct tally *t = arg;
    CHECK(!info->cached || info->used);
    if (info->cached) {
        t->cached_bytes += info->bytes;
        t->cached_blocks++;
    }
    return true;
}

static struct tally cached(void)
{
    struct tally t = { 0, 0 };
    struct fh_stats stats;
    fh_walk(rig.heap, count_cached, &t);
    fh_stats(rig.heap, &stats);
    EQUAL(stats.bytes_cached, t.cached_bytes);
    return t;
}

/* Blocks come from one CPU and go back on another; contents hold, nothing overlaps, the checker is content after each call. */
static void random_work(void)
{
    static unsigned char *ptr[SLOTS];
    static size_t size[SLOTS];
    struct dice dice = dice_from(test_seed());
    open(200000);
    bool ever = false;
    for (unsigned i = 0; i < 6000 && !test_failed(); i++) {
        uint32_t k = dice_below(&dice, SLOTS);
        cpu_now = dice_below(&dice, CPUS);
        if (ptr[k] == NULL) {
            size[k] = dice_below(&dice, dice_below(&dice, 10) == 0 ? 3000 : 200);
            ptr[k] = fh_malloc(rig.heap, size[k]);
            REQUIRE(ptr[k] != NULL);
            CHECK((uintptr_t)ptr[k] % FH_GRANULE == 0 && fh_usable_size(rig.heap, ptr[k]) >= size[k]);
            rig_fill(ptr[k], size[k], k);
        } else {
            CHECK(rig_filled(ptr[k], size[k], k));
            if (dice_below(&dice, 5) == 0) {
                size_t wanted = dice_below(&dice, 400);
                unsigned char *now = fh_realloc(rig.heap, ptr[k], wanted);
                REQUIRE(now != NULL);
                CHECK(rig_filled(now, wanted < size[k] ? wanted : size[k], k));
                ptr[k] = now;
                size[k] = wanted;
                rig_fill(now, wanted, k);
            } else {
                fh_free(rig.heap, ptr[k]);
                ptr[k] = NULL;
            }
        }
        rig_sound(&rig);
        ever |= cached().cached_blocks != 0;
    }
    CHECK(ever);
    /* The share of the heap that waits in caches is bounded. */
    CHECK(cached().cached_bytes <= 200000 / 16);
}

/* Work of that size, until the caches hold some. */
static void warm_up(size_t size)
{
    void *ptr[64];
    for (unsigned i = 0; i < 64; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, size)) != NULL);
    for (unsigned i = 0; i < 64; i++)
        fh_free(rig.heap, ptr[i]);
    REQUIRE(cached().cached_blocks != 0);
}

/* What is cached is given back before a request is refused. */
static void drained_before_refusal(void)
{
    open(RIG_MEMORY);
    warm_up(24);
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    EQUAL(cached().cached_blocks, 0);
    rig_sound(&rig);
}

/* A second free is known while the block waits in a cache, on the CPU that freed it and on any other. */
static void double_free(void)
{
    for (unsigned other = 0; other < CPUS; other++) {
        open(RIG_MEMORY);
        warm_up(40);
        unsigned char *ptr = fh_malloc(rig.heap, 40);
        unsigned char *next = fh_malloc(rig.heap, 40);
        REQUIRE(ptr != NULL && next != NULL);
        fh_free(rig.heap, next);
        fh_free(rig.heap, ptr);
        REQUIRE(cached().cached_blocks >= 2);
        cpu_now = other;
        fh_free(rig.heap, ptr);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        fh_free(rig.heap, next);
        rig_reported(&rig, FH_DOUBLE_FREE, next, next);
        CHECK(fh_realloc(rig.heap, ptr, 10) == NULL);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        EQUAL(fh_usable_size(rig.heap, ptr), 0);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        rig_sound(&rig);
        void *a = fh_malloc(rig.heap, 40);
        void *b = fh_malloc(rig.heap, 40);
        CHECK(a != NULL && b != NULL && a != b);
    }
}

/* Wrong pointers go the long way and are known there. */
static void wrong_pointers(void)
{
    open(RIG_MEMORY);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL);
    rig_fill(ptr, 100, 1);
    for (size_t i = 1; i < 100; i++) {
        fh_free(rig.heap, ptr + i);
        rig_reported(&rig, i % FH_GRANULE != 0 ? FH_MISALIGNED : FH_NOT_A_BLOCK, ptr + i, ptr + i);
    }
    void *outside = rig_launder(&rig);
    outside = (void *)((uintptr_t)outside & ~(uintptr_t)(FH_GRANULE - 1));
    fh_free(rig.heap, outside);
    rig_reported(&rig, FH_FOREIGN, outside, outside);
    rig_sound(&rig);
    CHECK(rig_filled(ptr, 100, 1));
}

/* A link of a cached block that was overwritten is not followed. */
static void write_after_free(void)
{
    for (uint32_t key = 0; key < 40; key++) {
        open(RIG_MEMORY);
        void *ptr[10];
        for (unsigned i = 0; i < 10; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
        for (unsigned i = 0; i < 10; i++)
            fh_free(rig.heap, ptr[i]);
        rig_fill(ptr[9], 40, key);
        for (unsigned i = 0; i < 200; i++) {
            unsigned char *p = fh_malloc(rig.heap, 40);
            if (p == NULL)
                continue;
            CHECK(p >= rig_memory && p + 40 <= rig_memory + RIG_MEMORY && (uintptr_t)p % FH_GRANULE == 0);
            rig_fill(p, 40, i);
        }
        CHECK(rig.faults != 0);
        rig.faults = 0;
    }
}

TESTS(unit_cache) = {
    { "random_work", random_work },
    { "drained_before_refusal", drained_before_refusal },
    { "double_free", double_free },
    { "wrong_pointers", wrong_pointers },
    { "write_after_free", write_after_free },
    TESTS_END
};
