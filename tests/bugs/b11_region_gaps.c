/* SPDX-License-Identifier: MIT
 *
 * b11_region_gaps.c - B11: coalescing across the boundary of two regions that do not touch, or into an overlap.
 */
#include "harness/rig.h"

enum { REGIONS = 6, BYTES = 3000 };

/* Regions with a gap of so many bytes. What is in the gap belongs to somebody else. */
static void with_gap(size_t gap, bool descending)
{
    struct rig rig;
    unsigned char *at = rig_memory + 200000;
    rig_fill(rig_memory, RIG_MEMORY, 12);
    rig_open(&rig, at, BYTES);
    unsigned char *place[REGIONS];
    for (unsigned i = 0; i < REGIONS; i++) {
        at = descending ? at - BYTES - gap : at + BYTES + gap;
        place[i] = at;
        CHECK(fh_add_region(rig.heap, at, BYTES) != 0);
        rig_sound(&rig);
    }
    EQUAL(rig_sum(&rig).regions, REGIONS + 1);
    EQUAL(rig_sum(&rig).free_blocks, REGIONS + 1);
    CHECK(fh_malloc(rig.heap, BYTES) == NULL);
    /* All of it taken in small blocks, then given back in order: nothing joins across. */
    void *ptr[400];
    unsigned n = 0;
    while (n < 400 && (ptr[n] = fh_malloc(rig.heap, 100)) != NULL)
        n++;
    for (unsigned i = 0; i < n; i++)
        fh_free(rig.heap, ptr[descending ? n - 1 - i : i]);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, REGIONS + 1);
    static unsigned char expected[RIG_MEMORY];
    rig_fill(expected, RIG_MEMORY, 12);
    for (unsigned i = 0; i < REGIONS; i++) {
        for (size_t k = 0; k < gap; k++) {
            unsigned char *other = descending ? place[i] + BYTES + k : place[i] - 1 - k;
            EQUAL(*other, expected[other - rig_memory]);
        }
    }
}

static void gaps(void)
{
    rig_large_only();
    static const size_t gap[] = { 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 100, 4096 };
    for (unsigned i = 0; i < sizeof gap / sizeof *gap; i++) {
        with_gap(gap[i], false);
        with_gap(gap[i], true);
    }
}

/* Every way of overlapping two regions that are there: refused, with nothing written anywhere. */
static void overlaps_are_refused(void)
{
    struct rig rig;
    unsigned char *a = rig_memory + 8192;
    unsigned char *b = rig_memory + 20480;
    rig_open(&rig, a, 4096);
    REQUIRE((fh_add_region(rig.heap, b, 4096) != 0) == !RIG_SMALL);
    static unsigned char copy[32768];
    size_t control = (size_t)(a - rig_memory) + 4096;
    unsigned refused = 0;
    for (unsigned char *from = rig_memory; from < rig_memory + 28672; from += 509) {
        for (unsigned char *to = from + 1; to < rig_memory + 32768; to += 1021) {
            bool overlap = (from < a + 4096 && to > a) || (!RIG_SMALL && from < b + 4096 && to > b);
            if (!overlap)
                continue;
            for (size_t i = 0; i < sizeof copy; i++)
                copy[i] = rig_memory[i];
            EQUAL(fh_add_region(rig.heap, from, (size_t)(to - from)), 0);
            refused++;
            for (size_t i = 0; i < sizeof copy; i++) {
                if (i < 8192 || i >= control)
                    EQUAL(rig_memory[i], copy[i]);
            }
        }
    }
    CHECK(refused > 100);
    EQUAL(fh_add_region(rig.heap, a, 4096), 0);
    EQUAL(fh_add_region(rig.heap, b, 4096), 0);
    EQUAL(fh_add_region(rig.heap, b + 4095, 4096), 0);
    EQUAL(fh_add_region(rig.heap, b - 4095, 4096), 0);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, RIG_SMALL ? 1 : 2);
    CHECK((fh_add_region(rig.heap, b + 4096, 4096) != 0) == !RIG_SMALL);
    CHECK((fh_add_region(rig.heap, b - 4096, 4096) != 0) == !RIG_SMALL);
    rig_sound(&rig);
}

/* Sizes that wrap around the top of the address space. */
static void wrapping_is_refused(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 4096);
    unsigned char *mem = rig_memory + 65536;
    for (size_t k = 0; k < 100; k++) {
        EQUAL(fh_add_region(rig.heap, mem, SIZE_MAX - k), 0);
        EQUAL(fh_add_region(rig.heap, mem, 0 - (uintptr_t)mem + 1 + k), 0);
        EQUAL(fh_add_region(rig.heap, (void *)(UINTPTR_MAX - k), k + 2), 0);
        CHECK(fh_create((void *)(UINTPTR_MAX - k), k + 2, NULL) == NULL);
        CHECK(fh_create(mem, 0 - (uintptr_t)mem + 1 + k, NULL) == NULL);
    }
    EQUAL(fh_add_region(rig.heap, NULL, 4096), 0);
    EQUAL(fh_add_region(rig.heap, mem, 0), 0);
    CHECK(rig_zero(mem, 65536));
    rig_sound(&rig);
}

TESTS(bugs_b11_region_gaps) = {
    { "gaps", gaps },
    { "overlaps_are_refused", overlaps_are_refused },
    { "wrapping_is_refused", wrapping_is_refused },
    TESTS_END
};
