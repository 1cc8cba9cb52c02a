/* SPDX-License-Identifier: MIT
 *
 * end_of_space.c - heaps of the small core that end with the address space, or grow until they do: no end wraps to zero.
 *
 * Runs where there is such memory: in 32 bits under tests/bugs/top/launch.c, which sets TOP.
 */
#include "poke.h"

static struct rig rig;

static unsigned char *top(size_t bytes)
{
    return (unsigned char *)(uintptr_t)(0 - (uintptr_t)bytes);
}

static void need_top(void)
{
    if (host_env("TOP") == NULL || sizeof(void *) > 4)
        test_does_not_apply();
}

static void all_of_it(void)
{
    size_t most = largest_in(&rig);
    unsigned char *ptr = fh_malloc(rig.heap, most);
    REQUIRE(ptr != NULL);
    rig_fill(ptr, most, 3);
    rig_sound(&rig);
    CHECK(rig_filled(ptr, most, 3) && !fh_resize(rig.heap, ptr, most + FH_GRANULE));
    fh_free(rig.heap, ptr);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, 1);
}

/* The last byte belongs to the heap; the last granule cannot be used, so that no end is zero. */
static void any_size(void)
{
    need_top();
    for (size_t below = 0; below < 20; below++) {
        bool ever = false;
        for (size_t bytes = 0; bytes < 500; bytes++) {
            rig_fill(top(bytes + below + 64), bytes + below + 64, 5);
            rig_prepare(&rig);
            rig.heap = fh_create(top(bytes + below), bytes, &rig.port);
            CHECK(rig.heap != NULL || !ever);
            if (rig.heap != NULL) {
                ever = true;
                CHECK((uintptr_t)end_of(&rig) - 1 <= UINTPTR_MAX - below && (uintptr_t)end_of(&rig) != 0);
                all_of_it();
                struct fh_stats stats;
                fh_stats(rig.heap, &stats);
                EQUAL(stats.bytes_regions, bytes);
            }
            static unsigned char expected[600];
            rig_fill(expected, bytes + below + 64, 5);
            for (size_t i = 0; i < 64; i++)
                EQUAL(top(bytes + below + 64)[i], expected[i]);
            for (size_t i = 0; i < below; i++)
                EQUAL(top(below)[i], expected[bytes + 64 + i]);
        }
        CHECK(ever);
    }
}

/* More memory up to the last byte is taken; behind that there is none, and address 0 is not it. */
static void grows_up_to_the_end(void)
{
    need_top();
    for (size_t bytes = 1; bytes < 400; bytes += 13) {
        rig_open(&rig, top(4096), 4096 - bytes);
        size_t before = rig_sum(&rig).free_bytes;
        size_t added = fh_add_region(rig.heap, top(bytes), bytes);
        CHECK(added + 2 * FH_GRANULE > bytes || bytes < 40);
        EQUAL(rig_sum(&rig).free_bytes, before + added);
        all_of_it();
    }
    rig_open(&rig, top(4096), 4096);
    for (size_t bytes = 0; bytes < 200; bytes++)
        EQUAL(fh_add_region(rig.heap, NULL, bytes), 0);
    EQUAL(fh_add_region(rig.heap, NULL, SIZE_MAX), 0);
    rig_sound(&rig);
    all_of_it();
    rig_open(&rig, top(4096), 4000);
    for (size_t bytes = 97; bytes < 300; bytes++)
        EQUAL(fh_add_region(rig.heap, top(96), bytes), 0);
    rig_sound(&rig);
}

static void *give_the_top(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    CHECK(least <= 4096);
    *got = 4096;
    return r->acquires++ == 0 ? top(4096) : NULL;
}

static void take_the_top(void *ctx, void *mem, size_t bytes)
{
    struct rig *r = ctx;
    CHECK(mem == top(4096));
    EQUAL(bytes, 4096);
    r->releases++;
}

static void memory_of_the_port(void)
{
    need_top();
    rig_prepare(&rig);
    rig.port.acquire = give_the_top;
    rig.port.release = take_the_top;
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    all_of_it();
    EQUAL(fh_destroy(rig.heap), 4096);
    EQUAL(rig.releases, 1);
}

TESTS(small_end_of_space) = {
    { "any_size", any_size },
    { "grows_up_to_the_end", grows_up_to_the_end },
    { "memory_of_the_port", memory_of_the_port },
    TESTS_END
};
