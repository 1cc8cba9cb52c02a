/* SPDX-License-Identifier: MIT
 *
 * b13_region_order.c - B13: regions must come in some order, at some time, or in some number.
 */
#include "harness/rig.h"

enum { REGIONS = 5, BYTES = 1024 };

static void permute(unsigned *order, unsigned n, void (*each)(const unsigned *order))
{
    if (n == 1) {
        each(order);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned t = order[i];
        order[i] = order[n - 1];
        order[n - 1] = t;
        permute(order, n - 1, each);
        order[n - 1] = order[i];
        order[i] = t;
    }
}

static size_t expected_free;
static size_t gap;

/* The result does not depend on the order: the same regions, the same bytes. */
static void add_in_order(const unsigned *order)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 1024);
    for (unsigned i = 0; i < REGIONS; i++) {
        CHECK(fh_add_region(rig.heap, rig_memory + 65536 + order[i] * (BYTES + gap), BYTES) != 0);
        rig_sound(&rig);
        void *ptr = fh_malloc(rig.heap, 700);
        CHECK(ptr != NULL);
        fh_free(rig.heap, ptr);
    }
    struct rig_sum sum = rig_sum(&rig);
    EQUAL(sum.regions, gap == 0 ? 2 : REGIONS + 1);
    EQUAL(sum.free_blocks, sum.regions);
    if (expected_free == 0)
        expected_free = sum.free_bytes;
    EQUAL(sum.free_bytes, expected_free);
}

static void every_order(size_t between)
{
    unsigned order[REGIONS];
    for (unsigned i = 0; i < REGIONS; i++)
        order[i] = i;
    gap = between;
    expected_free = 0;
    permute(order, REGIONS, add_in_order);
}

static void touching(void)
{
    rig_large_only();
    every_order(0);
}

static void apart(void)
{
    rig_large_only();
    every_order(100);
}

/* Many, in random order, while the heap is in use, some of them gone again at once: no number is special. */
static void very_many(void)
{
    rig_large_only();
    enum { MANY = 2000, PIECE = 200, PLACE = 256 };
    struct rig rig;
    static uint16_t order[MANY];
    struct dice dice = dice_from(test_seed());
    rig_open(&rig, rig_memory, 4096);
    for (unsigned i = 0; i < MANY; i++) {
        unsigned k = dice_below(&dice, i + 1);
        order[i] = order[k];
        order[k] = (uint16_t)i;
    }
    void *ptr[MANY] = { 0 };
    for (unsigned i = 0; i < MANY; i++) {
        CHECK(fh_add_region(rig.heap, rig_memory + 8192 + order[i] * PLACE, PIECE) != 0);
        ptr[i] = fh_malloc(rig.heap, 100);
        CHECK(ptr[i] != NULL);
        if (i % 100 == 0)
            rig_sound(&rig);
    }
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, MANY + 1);
    for (unsigned i = 0; i < MANY; i++)
        fh_free(rig.heap, ptr[order[i]]);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, MANY + 1);
    /* The pieces between, which make one of them all. */
    for (unsigned i = 0; i < MANY; i++)
        CHECK(fh_add_region(rig.heap, rig_memory + 8192 + order[i] * PLACE + PIECE, PLACE - PIECE) != 0);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, 2);
    EQUAL(rig_sum(&rig).free_blocks, 2);
}

TESTS(bugs_b13_region_order) = { { "touching", touching }, { "apart", apart }, { "very_many", very_many }, TESTS_END };
