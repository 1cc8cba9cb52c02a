/* SPDX-License-Identifier: MIT
 *
 * exhaust.c - a heap without a port is filled to the last block, again and again: a refusal changes nothing, what was given back
 * can be had again, and a full heap goes on.
 */
#include "harness/rig.h"

enum { HEAP = 16384, SLOTS = 1200, STEPS = 3000 };

static unsigned char *slots[SLOTS];
static size_t sizes[SLOTS];
static unsigned live;

/* All that a walk shows, in one number. */
static bool add_block(void *arg, const struct fh_block_info *block)
{
    uint32_t *sum = arg;
    uintptr_t place = (uintptr_t)block->payload - (uintptr_t)rig_memory;
    *sum = (*sum ^ (uint32_t)place ^ (uint32_t)block->bytes << 1 ^ (uint32_t)block->used) * 0x01000193u;
    return true;
}

static uint32_t picture(struct rig *rig)
{
    uint32_t sum = 0x811C9DC5u;
    fh_walk(rig->heap, add_block, &sum);
    return sum;
}

static void keep(void *ptr, size_t size)
{
    REQUIRE(live < SLOTS);
    slots[live] = ptr;
    sizes[live] = size;
    rig_fill(ptr, size, live++);
}

static void fill_up(struct rig *rig, struct dice *dice, size_t largest)
{
    for (size_t bound = largest; bound >= 1; bound /= 2) {
        for (;;) {
            size_t size = 1 + dice_below(dice, (uint32_t)bound);
            void *ptr = fh_malloc(rig->heap, size);
            if (ptr == NULL)
                break;
            keep(ptr, size);
        }
    }
}

/* Each way to ask for more than there is, with a live block to resize. */
static void expect_refused(struct rig *rig, size_t size)
{
    uint32_t as_it_was = picture(rig);
    CHECK(fh_malloc(rig->heap, size) == NULL);
    CHECK(fh_calloc(rig->heap, 1, size) == NULL);
    CHECK(fh_aligned_alloc(rig->heap, 128, size) == NULL);
    CHECK(fh_realloc(rig->heap, NULL, size) == NULL);
    CHECK(fh_realloc(rig->heap, slots[0], size + sizes[0] + 64) == NULL);
    CHECK(!fh_resize(rig->heap, slots[0], size + sizes[0] + 64));
    EQUAL(picture(rig), as_it_was);
    CHECK(rig_filled(slots[0], sizes[0], 0));
    EQUAL(rig->faults, 0);
}

static bool all_filled(void)
{
    bool filled = true;
    for (unsigned i = 0; i < live; i++)
        filled = filled && rig_filled(slots[i], sizes[i], i);
    return filled;
}

static void empty(struct rig *rig, struct dice *dice)
{
    while (live != 0) {
        unsigned i = dice_below(dice, live);
        CHECK(rig_filled(slots[i], sizes[i], i));
        fh_free(rig->heap, slots[i]);
        live--;
        if (i == live)
            continue;
        slots[i] = slots[live];
        sizes[i] = sizes[live];
        CHECK(rig_filled(slots[i], sizes[i], live));
        rig_fill(slots[i], sizes[i], i);
    }
}

static void filled_to_the_last_block(void)
{
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    live = 0;
    rig_open(&rig, rig_memory, HEAP);
    uint32_t fresh = picture(&rig);
    for (size_t largest = 1; largest <= 4096 && !test_failed(); largest *= 2) {
        fill_up(&rig, &dice, largest);
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        expect_refused(&rig, stats.largest_free + 1);
        CHECK(all_filled());
        rig_sound(&rig);
        empty(&rig, &dice);
        EQUAL(picture(&rig), fresh);
    }
}

/* One block goes, and one of its size can be had. */
static void a_full_heap_goes_on(void)
{
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    live = 0;
    rig_open(&rig, rig_memory, HEAP);
    fill_up(&rig, &dice, 256);
    for (unsigned i = 0; i < STEPS && !test_failed(); i++) {
        unsigned at = dice_below(&dice, live);
        CHECK(rig_filled(slots[at], sizes[at], at));
        fh_free(rig.heap, slots[at]);
        slots[at] = fh_malloc(rig.heap, sizes[at]);
        REQUIRE(slots[at] != NULL);
        rig_fill(slots[at], sizes[at], at);
        if (i % 64 == 0)
            rig_sound(&rig);
    }
    CHECK(all_filled());
    empty(&rig, &dice);
    EQUAL(rig_sum(&rig).free_blocks, 1);
}

TESTS(oom_exhaust) = {
    { "filled_to_the_last_block", filled_to_the_last_block },
    { "a_full_heap_goes_on", a_full_heap_goes_on },
    TESTS_END,
};
