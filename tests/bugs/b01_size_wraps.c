/* SPDX-License-Identifier: MIT
 *
 * b01_size_wraps.c - B1: a size to which the tag or the rounding is added wraps, and a huge request gets a tiny block.
 *
 * Every size near a place where something could wrap, through every call that takes one. The heap has 64 KiB, so that none
 * can be met; the port is asked for at least as much as was requested, or not at all.
 */
#include "harness/rig.h"

static size_t requested;

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *rig = ctx;
    rig->acquires++;
    CHECK(least > requested);
    *got = 0;
    return NULL;
}

static void refuse(struct rig *rig, void *ptr, size_t size)
{
    requested = size;
    CHECK(fh_malloc(rig->heap, size) == NULL);
    CHECK(fh_realloc(rig->heap, NULL, size) == NULL);
    CHECK(fh_realloc(rig->heap, ptr, size) == NULL);
    CHECK(!fh_resize(rig->heap, ptr, size));
    CHECK(fh_calloc(rig->heap, 1, size) == NULL);
    CHECK(fh_calloc(rig->heap, size, 1) == NULL);
    CHECK(fh_aligned_alloc(rig->heap, 1, size) == NULL);
    CHECK(fh_aligned_alloc(rig->heap, 64, size) == NULL);
    CHECK(fh_aligned_alloc(rig->heap, 65536, size) == NULL);
}

static void sweep(bool grows)
{
    struct rig rig;
    rig_prepare(&rig);
    if (grows)
        rig.port.acquire = acquire;
    rig.heap = fh_create(rig_memory, 65536, &rig.port);
    REQUIRE(rig.heap != NULL);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL);
    rig_fill(ptr, 100, 1);
    for (size_t k = 0; k <= 4096; k++)
        refuse(&rig, ptr, SIZE_MAX - k);
    for (unsigned bit = 17; bit < sizeof(size_t) * 8; bit++) {
        for (size_t k = 0; k <= 80; k++) {
            refuse(&rig, ptr, ((size_t)1 << bit) + k - 40);
            refuse(&rig, ptr, SIZE_MAX - ((size_t)1 << bit) + k - 40);
        }
    }
    CHECK(rig_filled(ptr, 100, 1));
    fh_free(rig.heap, ptr);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, 1);
}

static void without_port(void)
{
    sweep(false);
}

static void with_port(void)
{
    sweep(true);
}

TESTS(bugs_b01_size_wraps) = { { "without_port", without_port }, { "with_port", with_port }, TESTS_END };
