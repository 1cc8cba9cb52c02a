/* SPDX-License-Identifier: MIT
 *
 * b26_default_alignment.c - B26: the ordinary alignment is less than the ABI's, or lost for some sizes, regions or calls.
 */
#include "harness/rig.h"

static void is_aligned(const void *ptr)
{
    REQUIRE(ptr != NULL);
    EQUAL((uintptr_t)ptr % FH_GRANULE, 0);
}

static void for_every_size(void)
{
    for (size_t offset = 0; offset < 17; offset++) {
        struct rig rig;
        rig_open(&rig, rig_memory + offset, 65536);
        CHECK((fh_add_region(rig.heap, rig_memory + 100000 + 3 * offset, 30000 + offset) != 0) == !RIG_SMALL);
        for (size_t size = 0; size < 300; size++) {
            void *a = fh_malloc(rig.heap, size);
            is_aligned(a);
            void *b = fh_calloc(rig.heap, 1, size);
            is_aligned(b);
            void *c = fh_aligned_alloc(rig.heap, 1, size);
            is_aligned(c);
            void *d = fh_aligned_alloc(rig.heap, 2, size);
            is_aligned(d);
            a = fh_realloc(rig.heap, a, 3 * size);
            is_aligned(a);
            b = fh_realloc(rig.heap, b, size / 2);
            is_aligned(b);
            fh_free(rig.heap, a);
            fh_free(rig.heap, c);
            fh_free(rig.heap, b);
            fh_free(rig.heap, d);
        }
        rig_sound(&rig);
    }
}

/* Unless the granule was chosen by hand, it is what any object may need. */
static void the_granule_suits_the_abi(void)
{
    CHECK(FH_GRANULE == 8 || FH_GRANULE == 16);
    CHECK(FH_GRANULE >= _Alignof(long double) || FH_GRANULE == 8);
    CHECK(FH_GRANULE >= _Alignof(long long) && FH_GRANULE >= _Alignof(double) && FH_GRANULE >= _Alignof(void *));
}

TESTS(bugs_b26_default_alignment) = {
    { "for_every_size", for_every_size },
    { "the_granule_suits_the_abi", the_granule_suits_the_abi },
    TESTS_END
};
