/* SPDX-License-Identifier: MIT
 *
 * b02_calloc_wraps.c - B2: the product of calloc wraps to 0, or to something small that is then handed out.
 */
#include "harness/rig.h"

static void refuse(struct rig *rig, size_t count, size_t size)
{
    /* Only products that do wrap. */
    if (size == 0 || count <= SIZE_MAX / size)
        return;
    CHECK(fh_calloc(rig->heap, count, size) == NULL);
    CHECK(fh_calloc(rig->heap, size, count) == NULL);
}

/* The odd number's inverse: x * inverse(x) wraps to 1. */
static size_t inverse(size_t x)
{
    size_t y = x;
    for (unsigned i = 0; i < 6; i++)
        y *= 2 - x * y;
    return y;
}

static void products_that_wrap_to_little(void)
{
    struct rig rig;
    rig_open(&rig, rig_memory, 65536);
    const unsigned bits = sizeof(size_t) * 8;
    unsigned refused = 0;
    for (unsigned i = 1; i < bits; i++)
        refuse(&rig, (size_t)1 << i, (size_t)1 << (bits - i));
    for (size_t odd = 3; odd < 2000; odd += 2) {
        for (size_t little = 0; little <= 64; little += 8) {
            size_t other = inverse(odd) * little;
            if (little != 0) {
                EQUAL(odd * other, little);
                refused++;
            }
            refuse(&rig, odd, other);
        }
    }
    CHECK(refused > 1000);
    refuse(&rig, SIZE_MAX, SIZE_MAX);
    refuse(&rig, SIZE_MAX, 2);
    refuse(&rig, SIZE_MAX / 2 + 1, 2);
    refuse(&rig, SIZE_MAX / 16 + 1, 16);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).used_blocks, 0);
}

/* What does not wrap is zeroed to the last byte, on memory that was dirty. */
static void all_of_it_is_zero(void)
{
    struct rig rig;
    for (size_t i = 0; i < 65536; i++)
        rig_memory[i] = 0xA5;
    rig_open(&rig, rig_memory, 65536);
    for (size_t count = 0; count < 40; count++) {
        for (size_t size = 0; size < 40; size++) {
            unsigned char *ptr = fh_calloc(rig.heap, count, size);
            REQUIRE(ptr != NULL);
            CHECK(rig_zero(ptr, count * size));
            rig_fill(ptr, fh_usable_size(rig.heap, ptr), 0x5A);
            fh_free(rig.heap, ptr);
        }
    }
    rig_sound(&rig);
}

TESTS(bugs_b02_calloc_wraps) = {
    { "products_that_wrap_to_little", products_that_wrap_to_little },
    { "all_of_it_is_zero", all_of_it_is_zero },
    TESTS_END
};
