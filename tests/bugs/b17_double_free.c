/* SPDX-License-Identifier: MIT
 *
 * b17_double_free.c - B17: a block freed twice is handed out twice.
 *
 * Here the heap goes on after the crime, and no two blocks that it hands out may ever overlap. What is reported, and with which
 * words, is in tests/misuse.
 */
#include "harness/rig.h"

enum { COUNT = 40, BYTES = 48 };

/* Takes all there is and looks for a block that came twice. */
static void hands_out_each_once(struct rig *rig)
{
    void *ptr[400];
    unsigned n = 0;
    while (n < 400 && (ptr[n] = fh_malloc(rig->heap, BYTES)) != NULL) {
        rig_fill(ptr[n], BYTES, n);
        n++;
    }
    for (unsigned i = 0; i < n; i++)
        CHECK(rig_filled(ptr[i], BYTES, i));
    EQUAL(rig->faults, 0);
    rig_sound(rig);
}

/* In every order of a few frees, each of them twice. */
static void after_any_merge(void)
{
    struct dice dice = dice_from(test_seed());
    for (unsigned round = 0; round < 200; round++) {
        struct rig rig;
        rig_open(&rig, rig_memory, 8192);
        void *ptr[COUNT];
        bool freed[COUNT] = { false };
        for (unsigned i = 0; i < COUNT; i++) {
            ptr[i] = fh_malloc(rig.heap, BYTES);
            REQUIRE(ptr[i] != NULL);
        }
        for (unsigned i = 0; i < COUNT; i++) {
            uint32_t k = dice_below(&dice, COUNT);
            fh_free(rig.heap, ptr[k]);
            if (freed[k])
                rig_reported(&rig, FH_DOUBLE_FREE, ptr[k], ptr[k]);
            freed[k] = true;
            rig_sound(&rig);
        }
        hands_out_each_once(&rig);
    }
}

/* A pointer freed by realloc and again by its old holder. */
static void across_realloc(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 8192);
    void *a = fh_malloc(rig.heap, BYTES);
    void *wall = fh_malloc(rig.heap, BYTES);
    void *moved = fh_realloc(rig.heap, a, 500);
    REQUIRE(wall != NULL && moved != NULL && moved != a);
    fh_free(rig.heap, a);
    rig_reported(&rig, FH_DOUBLE_FREE, a, a);
    CHECK(fh_realloc(rig.heap, a, 600) == NULL);
    rig_reported(&rig, FH_DOUBLE_FREE, a, a);
    hands_out_each_once(&rig);
}

/* After reuse at the same address the pointer is good again: no report, and its free is the new holder's. Nobody can tell
 * the two apart; that the block comes back once and only once is all that can be kept. */
static void after_reuse(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 8192);
    void *a = fh_malloc(rig.heap, BYTES);
    fh_free(rig.heap, a);
    void *b = fh_malloc(rig.heap, BYTES);
    EQUAL(b, a);
    fh_free(rig.heap, a);
    EQUAL(rig.faults, 0);
    fh_free(rig.heap, b);
    rig_reported(&rig, FH_DOUBLE_FREE, b, b);
    hands_out_each_once(&rig);
}

TESTS(bugs_b17_double_free) = {
    { "after_any_merge", after_any_merge },
    { "across_realloc", across_realloc },
    { "after_reuse", after_reuse },
    TESTS_END
};
