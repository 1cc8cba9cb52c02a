/* SPDX-License-Identifier: MIT
 *
 * b04_alignment.c - B4: the padding of an aligned request wraps, or an alignment that is none is taken for one.
 */
#include "harness/rig.h"

static bool is_power(size_t x)
{
    unsigned bits = 0;
    for (; x != 0; x >>= 1)
        bits += x & 1;
    return bits == 1;
}

static void one(struct rig *rig, size_t align, size_t size)
{
    unsigned char *ptr = fh_aligned_alloc(rig->heap, align, size);
    if (!is_power(align)) {
        CHECK(ptr == NULL);
        return;
    }
    if (align <= 16384 && size <= 4096)
        CHECK(ptr != NULL);
    if (ptr == NULL)
        return;
    EQUAL((uintptr_t)ptr & (align - 1), 0);
    rig_fill(ptr, size, (uint32_t)size);
    rig_sound(rig);
    fh_free(rig->heap, ptr);
}

/* Every power of two and the numbers beside it, with sizes small, large, and such that the sum wraps. */
static void every_alignment(void)
{
    static const size_t sizes[] = { 0, 1, 12, 13, 100, 4000, 60000, SIZE_MAX / 2, SIZE_MAX - 4096, SIZE_MAX - 64, SIZE_MAX - 1, SIZE_MAX };
    struct rig rig;
    rig_open(&rig, rig_memory, 65536);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t align = 0; align < 70; align++)
            one(&rig, align, sizes[i]);
        for (unsigned bit = 6; bit < sizeof(size_t) * 8; bit++) {
            size_t align = (size_t)1 << bit;
            for (size_t k = 0; k < 5; k++)
                one(&rig, align + k - 2, sizes[i]);
            one(&rig, SIZE_MAX - align, sizes[i]);
            one(&rig, align | align >> 1, sizes[i]);
            one(&rig, SIZE_MAX - align + 1, sizes[i]);
        }
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).used_blocks, 0);
    }
}

/* Many aligned blocks at once never overlap. */
static void no_overlap(void)
{
    enum { COUNT = 60 };
    unsigned char *ptr[COUNT] = { 0 };
    size_t size[COUNT];
    struct rig rig;
    struct dice dice = dice_from(test_seed());
    rig_open(&rig, rig_memory + 5, 200000);
    for (unsigned i = 0; i < 3000 && !test_failed(); i++) {
        uint32_t k = dice_below(&dice, COUNT);
        if (ptr[k] != NULL) {
            CHECK(rig_filled(ptr[k], size[k], k));
            fh_free(rig.heap, ptr[k]);
            ptr[k] = NULL;
        } else {
            size_t align = (size_t)1 << dice_below(&dice, 14);
            size[k] = dice_below(&dice, 3000);
            ptr[k] = fh_aligned_alloc(rig.heap, align, size[k]);
            if (ptr[k] != NULL) {
                EQUAL((uintptr_t)ptr[k] & (align - 1), 0);
                rig_fill(ptr[k], size[k], k);
            }
        }
        rig_sound(&rig);
    }
}

/* Alignments whose distance does not fit 32 bits of granules: a heap just below and across a multiple of 64 GiB, none of whose
 * addresses is a multiple of the next power of two, and those that are. */
static void beyond_32_bits_of_granules(void)
{
    if (sizeof(void *) == 4)
        test_does_not_apply();
    unsigned places = 0;
    /* Low places, and places above the shadow that the address sanitizer keeps. */
    for (uintptr_t k = 1; k < 608; k = k == 16 ? 592 : k + 1) {
        unsigned char *edge = (unsigned char *)(k << 20 << 16);
        unsigned char *mem = host_map(edge - 65536, 131072);
        if (mem == NULL)
            continue;
        places++;
        struct rig rig;
        rig_open(&rig, mem, 131072);
        for (unsigned bit = 16; bit < sizeof(size_t) * 8; bit++) {
            size_t align = (size_t)1 << (bit & 63);
            unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 100);
            if (ptr != NULL)
                EQUAL((uintptr_t)ptr & (align - 1), 0);
            /* The small core looks for a block that has such a place wherever it lies. */
            if (((uintptr_t)edge & (align - 1)) == 0 && (!RIG_SMALL || align < 131072))
                CHECK(ptr == edge);
            fh_free(rig.heap, ptr);
            rig_sound(&rig);
        }
        host_unmap(mem, 131072);
    }
    if (places == 0)
        test_skip("no such place is free");
}

/* A grow for an aligned request asks for enough in one go, wherever the memory lies. */
static size_t offset;

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *rig = ctx;
    rig->acquires++;
    *got = least;
    return least < RIG_MEMORY / 2 ? rig_memory + 65536 + offset : NULL;
}

static void growth_is_enough(void)
{
    rig_large_only();
    for (size_t align = 1; align <= 131072; align *= 2) {
        for (offset = 0; offset < 70; offset++) {
            for (size_t size = 3000; size < 3020; size += 3) {
                struct rig rig;
                rig_prepare(&rig);
                rig.port.acquire = acquire;
                rig.heap = fh_create(rig_memory, 1024, &rig.port);
                REQUIRE(rig.heap != NULL);
                CHECK(fh_aligned_alloc(rig.heap, align, size) != NULL);
                EQUAL(rig.acquires, 1);
            }
        }
    }
}

TESTS(bugs_b04_alignment) = {
    { "every_alignment", every_alignment },
    { "no_overlap", no_overlap },
    { "beyond_32_bits_of_granules", beyond_32_bits_of_granules },
    { "growth_is_enough", growth_is_enough },
    TESTS_END
};
