/* SPDX-License-Identifier: MIT
 *
 * b18_any_pointer.c - B18: a pointer that the heap did not hand out is taken: every address of the heap that is no block in use,
 * and many outside.
 */
#include "harness/rig.h"

enum { HEAP = 12288, SLOTS = 60 };

/* What may be said of a place where no block begins. */
static bool is_honest(enum fh_fault_kind kind)
{
    return kind == FH_NOT_A_BLOCK || kind == FH_FOREIGN || kind == FH_DOUBLE_FREE || kind == FH_OVERRUN;
}

/* What may be at an address: a block in use, a free one, or nothing. */
static void every_address(void)
{
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    void *ptr[SLOTS];
    rig_open(&rig, rig_memory, HEAP);
    for (unsigned i = 0; i < SLOTS; i++) {
        size_t size = dice_below(&dice, 250);
        ptr[i] = fh_malloc(rig.heap, size);
        REQUIRE(ptr[i] != NULL);
        rig_fill(ptr[i], size, dice_roll(&dice));
    }
    for (unsigned i = 0; i < SLOTS; i += 3)
        fh_free(rig.heap, ptr[i]);
    rig_sound(&rig);
    struct rig_sum before = rig_sum(&rig);
    unsigned overruns = 0;
    for (size_t at = 0; at < HEAP + 64; at++) {
        unsigned char *p = rig_memory + at;
        bool used = false;
        size_t bytes = rig_block_at(&rig, p, &used);
        if (bytes != 0 && used)
            continue;
        fh_free(rig.heap, p);
        bool aligned = (uintptr_t)p % FH_GRANULE == 0;
        EQUAL(rig.faults, 1);
        if (!aligned)
            EQUAL(rig.fault.kind, FH_MISALIGNED);
        else if (bytes != 0)
            EQUAL(rig.fault.kind, FH_DOUBLE_FREE);
        else
            CHECK(is_honest(rig.fault.kind));
        overruns += rig.fault.kind == FH_OVERRUN;
        EQUAL(rig.fault.ptr, p);
        rig.faults = 0;
    }
    /* Random bytes pass for a tag once in 4,096 times; the tag behind then does not. */
    CHECK(overruns <= 5);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).used_blocks, before.used_blocks);
    EQUAL(rig_sum(&rig).free_bytes, before.free_bytes);
}

/* Outside: refused without a look at what is there, most of which is not even mapped. */
static void outside(void)
{
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    rig_open(&rig, rig_memory, HEAP);
    CHECK((fh_add_region(rig.heap, rig_memory + 65536, HEAP) != 0) == !RIG_SMALL);
    for (unsigned i = 0; i < 20000; i++) {
        uintptr_t p = (uintptr_t)((uint64_t)dice_roll(&dice) << 32 | dice_roll(&dice)) >> dice_below(&dice, sizeof p * 8);
        p &= ~(uintptr_t)(FH_GRANULE - 1);
        if (p == 0 || (p >= (uintptr_t)rig_memory && p < (uintptr_t)rig_memory + RIG_MEMORY))
            continue;
        fh_free(rig.heap, (void *)p);
        rig_reported(&rig, FH_FOREIGN, (void *)p, (void *)p);
        EQUAL(fh_usable_size(rig.heap, (void *)p), 0);
        rig_reported(&rig, FH_FOREIGN, (void *)p, (void *)p);
        CHECK(fh_realloc(rig.heap, (void *)p, 10) == NULL);
        rig_reported(&rig, FH_FOREIGN, (void *)p, (void *)p);
    }
    rig_sound(&rig);
}

/* NULL is no crime: free does nothing, realloc allocates, resize fails, the usable size is 0. */
static void null(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory, HEAP);
    fh_free(rig.heap, NULL);
    EQUAL(fh_usable_size(rig.heap, NULL), 0);
    CHECK(!fh_resize(rig.heap, NULL, 0));
    CHECK(!fh_resize(rig.heap, NULL, 10));
    CHECK(fh_realloc(rig.heap, NULL, 10) != NULL);
    EQUAL(rig_sum(&rig).used_blocks, 1);
    rig_sound(&rig);
}

TESTS(bugs_b18_any_pointer) = { { "every_address", every_address }, { "outside", outside }, { "null", null }, TESTS_END };
