/* SPDX-License-Identifier: MIT
 *
 * b10_shrink_reuse.c - B10: what a shrink cuts off does not come back to the lists.
 */
#include "harness/rig.h"

static void the_tail_is_served_again(void)
{
    for (size_t keep = 0; keep < 900; keep += 9) {
        struct rig rig;
        rig_open(&rig, rig_memory, 8192);
        unsigned char *ptr = fh_malloc(rig.heap, 1000);
        REQUIRE(ptr != NULL);
        /* Everything else is taken. */
        unsigned char *wall = fh_malloc(rig.heap, 8);
        for (size_t size = 4096; size != 0; size /= 2) {
            while (fh_malloc(rig.heap, size) != NULL)
                continue;
        }
        while (fh_malloc(rig.heap, 0) != NULL)
            continue;
        EQUAL(rig_sum(&rig).free_blocks, 0);
        CHECK(keep % 2 == 0 ? fh_resize(rig.heap, ptr, keep) : fh_realloc(rig.heap, ptr, keep) == ptr);
        rig_sound(&rig);
        size_t tail = (size_t)(wall - ptr) - fh_usable_size(rig.heap, ptr) - 4 - 4;
        CHECK(tail + keep + 40 > 1000);
        unsigned char *again = fh_malloc(rig.heap, tail);
        CHECK(again > ptr && again < wall);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, 0);
    }
}

/* The tail joins a free block behind it. */
static void the_tail_joins(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 8192);
    unsigned char *ptr = fh_malloc(rig.heap, 1000);
    REQUIRE(ptr != NULL);
    CHECK(fh_resize(rig.heap, ptr, 100));
    EQUAL(rig_sum(&rig).free_blocks, 1);
    rig_sound(&rig);
}

TESTS(bugs_b10_shrink_reuse) = {
    { "the_tail_is_served_again", the_tail_is_served_again },
    { "the_tail_joins", the_tail_joins },
    TESTS_END
};
