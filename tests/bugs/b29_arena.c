/* SPDX-License-Identifier: MIT
 *
 * b29_arena.c - B29: the heap's memory grows and shrinks under it, and its state does not follow.
 *
 * A port of pages, with a ledger of who holds which. After each step the regions that the heap shows are exactly what the
 * port has lent. (The random tests grow and shrink too, with pieces of odd sizes.)
 */
#include "harness/rig.h"

enum { PAGE = 1024, PAGES = 200 };

static bool lent[PAGES];
static unsigned out;

static unsigned char *page(unsigned i)
{
    return rig_memory + 65536 + (size_t)i * PAGE;
}

static struct dice dice;

/* The first run of pages that is long enough, from a random place on. */
static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *rig = ctx;
    unsigned need = (unsigned)((least + PAGE - 1) / PAGE);
    EQUAL(rig->depth, 0);
    rig->acquires++;
    for (unsigned tries = 0; tries < 60 && need < PAGES; tries++) {
        unsigned from = dice_below(&dice, PAGES - need);
        unsigned n = 0;
        while (n < need && !lent[from + n])
            n++;
        if (n < need)
            continue;
        for (unsigned i = 0; i < need; i++)
            lent[from + i] = true;
        out += need;
        *got = (size_t)need * PAGE;
        return page(from);
    }
    return NULL;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 0);
    rig->releases++;
    size_t from = (size_t)((unsigned char *)mem - page(0)) / PAGE;
    CHECK(page((unsigned)from) == mem && bytes % PAGE == 0 && from + bytes / PAGE <= PAGES);
    for (size_t i = 0; i < bytes / PAGE; i++) {
        CHECK(lent[from + i]);
        lent[from + i] = false;
    }
    out -= (unsigned)(bytes / PAGE);
    /* What was given back is somebody else's. */
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)mem)[i] = 0xEE;
}

static void matches(struct rig *rig)
{
    struct fh_stats stats;
    fh_stats(rig->heap, &stats);
    EQUAL(stats.bytes_regions, (size_t)out * PAGE);
    rig_sound(rig);
}

static void grow_and_shrink(void)
{
    rig_large_only();
    enum { SLOTS = 40 };
    unsigned char *ptr[SLOTS] = { 0 };
    size_t size[SLOTS];
    struct rig rig;
    dice = dice_from(test_seed());
    rig_prepare(&rig);
    rig.port.acquire = acquire;
    rig.port.release = release;
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    for (unsigned i = 0; i < 4000 && !test_failed(); i++) {
        uint32_t k = dice_below(&dice, SLOTS);
        if (ptr[k] == NULL) {
            size[k] = dice_below(&dice, dice_below(&dice, 4) == 0 ? 9000 : 600);
            ptr[k] = fh_malloc(rig.heap, size[k]);
            if (ptr[k] != NULL)
                rig_fill(ptr[k], size[k], k);
        } else {
            CHECK(rig_filled(ptr[k], size[k], k));
            fh_free(rig.heap, ptr[k]);
            ptr[k] = NULL;
        }
        /* Now and then nearly everything goes, so that regions fall idle. */
        if (i % 500 == 499) {
            for (unsigned n = 0; n < SLOTS; n++) {
                fh_free(rig.heap, ptr[n]);
                ptr[n] = NULL;
                matches(&rig);
            }
            fh_trim(rig.heap);
            EQUAL(rig_sum(&rig).regions, 1);
        }
        matches(&rig);
    }
    CHECK(rig.acquires > 50 && rig.releases > 50);
    size_t all = (size_t)out * PAGE;
    EQUAL(fh_destroy(rig.heap), all);
    EQUAL(out, 0);
}

/* A loop at the edge does not call the port each time. */
static void no_thrashing(void)
{
    rig_large_only();
    struct rig rig;
    dice = dice_from(test_seed());
    rig_prepare(&rig);
    rig.port.acquire = acquire;
    rig.port.release = release;
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    void *hold = fh_malloc(rig.heap, 1);
    REQUIRE(hold != NULL);
    for (size_t size = 100; size < 20000; size += 1100) {
        unsigned before = rig.acquires + rig.releases;
        for (unsigned i = 0; i < 50; i++) {
            void *ptr = fh_malloc(rig.heap, size);
            REQUIRE(ptr != NULL);
            fh_free(rig.heap, ptr);
        }
        CHECK(rig.acquires + rig.releases - before <= 3);
        matches(&rig);
    }
    /* But what is idle for good goes back when it is asked for. */
    fh_free(rig.heap, hold);
    fh_trim(rig.heap);
    EQUAL(rig_sum(&rig).regions, 1);
    matches(&rig);
}

TESTS(bugs_b29_arena) = { { "grow_and_shrink", grow_and_shrink }, { "promise5_no_thrashing", no_thrashing }, TESTS_END };
