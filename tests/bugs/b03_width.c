/* SPDX-License-Identifier: MIT
 *
 * b03_width.c - B3: sizes and distances that do not fit a narrower type than size_t. A heap above 4 GiB on 64 bits, above 2 GiB
 * on 32: half of the range and more. The small core's links and sizes have 16 bits: all of them.
 */
#include "harness/rig.h"

#define LARGE (RIG_SMALL ? RIG_HEAP : sizeof(void *) > 4 ? (size_t)6 << 20 << 10 : (size_t)5 << 19 << 10)

static struct rig rig;
static unsigned char *base;

static void open(void)
{
    base = host_map(NULL, LARGE);
    if (base == NULL)
        test_skip("so much address space is not to be had here");
    rig_open(&rig, base, LARGE);
}

/* One block of nearly everything, and blocks on both sides of each power of two. */
static void one_large_block(void)
{
    open();
    size_t most = LARGE - (LARGE >> 8);
    for (size_t size = most; size > LARGE / 5; size -= LARGE / 7) {
        unsigned char *ptr = fh_malloc(rig.heap, size);
        REQUIRE(ptr != NULL);
        CHECK((uintptr_t)ptr > (uintptr_t)base && (uintptr_t)ptr + size < (uintptr_t)base + LARGE);
        CHECK(fh_usable_size(rig.heap, ptr) >= size);
        ptr[0] = 1;
        *(unsigned char *)((uintptr_t)ptr + (size - 1)) = 1;
        bool used;
        CHECK(rig_block_at(&rig, ptr, &used) >= size + 4 && used);
        CHECK(fh_malloc(rig.heap, LARGE - size) == NULL);
        CHECK(fh_resize(rig.heap, ptr, size / 2));
        CHECK(fh_usable_size(rig.heap, ptr) < size / 2 + size / 512);
        CHECK(fh_resize(rig.heap, ptr, size));
        fh_free(rig.heap, ptr);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, 1);
    }
}

/* Free blocks of one size at both ends are linked over the whole distance. */
static void links_across(void)
{
    open();
    unsigned char *low[8];
    unsigned char *high[8];
    for (unsigned i = 0; i < 8; i++) {
        low[i] = fh_malloc(rig.heap, 100);
        REQUIRE(low[i] != NULL);
    }
    unsigned char *middle = fh_malloc(rig.heap, LARGE - (LARGE >> 8));
    for (unsigned i = 0; i < 8; i++) {
        high[i] = fh_malloc(rig.heap, 100);
        REQUIRE(middle != NULL && high[i] != NULL && high[i] > middle);
        CHECK((uintptr_t)high[i] - (uintptr_t)low[i] > LARGE - (LARGE >> 7));
    }
    for (unsigned i = 0; i < 8; i += 2) {
        fh_free(rig.heap, low[i]);
        fh_free(rig.heap, high[i]);
        rig_sound(&rig);
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned char *again = fh_malloc(rig.heap, 100);
        CHECK(again == low[0] || again == low[2] || again == low[4] || again == low[6] || again == high[0] || again == high[2]
              || again == high[4] || again == high[6]);
    }
    rig_sound(&rig);
}

/* Statistics of a heap whose bytes do not fit 32 bits, or whose halves do not fit 31. */
static void counts(void)
{
    open();
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    CHECK(stats.bytes_free > LARGE - (LARGE >> 8));
    CHECK(stats.bytes_regions == LARGE);
    CHECK(stats.largest_free > LARGE - (LARGE >> 8));
    void *ptr = fh_malloc(rig.heap, stats.largest_free);
    CHECK(ptr != NULL);
    fh_free(rig.heap, ptr);
    CHECK(fh_malloc(rig.heap, stats.largest_free + 2 * (stats.largest_free >> 9)) == NULL);
    rig_sound(&rig);
}

/* As far as links reach, a region is taken and works; farther, it is refused with nothing written. Tried at the very edge. */
static void reach(void)
{
    rig_large_only();
    if (sizeof(void *) == 4)
        test_does_not_apply();
    const size_t span = (size_t)FH_GRANULE << 15 << 15;
    const size_t piece = 1 << 20;
    unsigned char *all = host_map(NULL, 2 * span + 8 * piece);
    if (all == NULL)
        test_skip("so much address space is not to be had here");
    unsigned char *middle = all + span + 4 * piece;
    unsigned accepted = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < 160; i++) {
        size_t distance = span - 40 * 16 + i / 2 * 16;
        unsigned char *mem = i % 2 == 0 ? middle - distance : middle + distance - 4096;
        rig_open(&rig, middle, piece);
        if (fh_add_region(rig.heap, mem, 4096) == 0) {
            refused++;
            CHECK(rig_zero(mem - 64, 4096 + 128));
        } else {
            accepted++;
            unsigned char *a = fh_malloc(rig.heap, 900);
            unsigned char *b = fh_aligned_alloc(rig.heap, 32, 900);
            unsigned char *c = fh_malloc(rig.heap, piece - 8192);
            unsigned char *d = fh_malloc(rig.heap, 3500);
            CHECK(a != NULL && b != NULL && c != NULL && d != NULL);
            rig_sound(&rig);
            fh_free(rig.heap, a);
            fh_free(rig.heap, b);
            fh_free(rig.heap, c);
            fh_free(rig.heap, d);
        }
        rig_sound(&rig);
        for (size_t k = 0; k < 4096; k++)
            mem[k] = 0;
    }
    if (!CHECK(accepted > 20 && refused > 20))
        say("  accepted %u, refused %u\n", accepted, refused);
    rig_open(&rig, middle, piece);
    EQUAL(fh_add_region(rig.heap, all, piece), 0);
    EQUAL(fh_add_region(rig.heap, middle + span + piece, piece), 0);
    CHECK(rig_zero(all, piece) && rig_zero(middle + span + piece, piece));
    rig_sound(&rig);
}

/* One region that is larger than links reach: refused as a heap, or good to its last block. */
static void first_region(void)
{
    rig_large_only();
    if (sizeof(void *) == 4)
        test_does_not_apply();
    const size_t span = (size_t)FH_GRANULE << 15 << 15;
    unsigned accepted = 0;
    for (unsigned quarter = 3; quarter < 10; quarter++) {
        size_t bytes = span / 4 * quarter;
        unsigned char *mem = host_map(NULL, bytes);
        if (mem == NULL)
            test_skip("so much address space is not to be had here");
        rig_prepare(&rig);
        rig.heap = fh_create(mem, bytes, &rig.port);
        if (rig.heap == NULL) {
            CHECK(quarter > 3);
            CHECK(rig_zero(mem, 4096) && rig_zero(mem + bytes - 4096, 4096));
        } else {
            accepted++;
            unsigned char *most = fh_malloc(rig.heap, bytes - bytes / 512 - 4096);
            unsigned char *far = fh_malloc(rig.heap, 100);
            unsigned char *farther = fh_malloc(rig.heap, 100);
            CHECK(far != NULL && farther != NULL && fh_malloc(rig.heap, 100) != NULL);
            /* A hole at the far end, on a list, beside one at the near end. */
            fh_free(rig.heap, far);
            rig_sound(&rig);
            fh_free(rig.heap, most);
            rig_sound(&rig);
            CHECK(fh_malloc(rig.heap, 100) != NULL);
            fh_free(rig.heap, farther);
            rig_sound(&rig);
        }
        host_unmap(mem, bytes);
    }
    CHECK(accepted != 0);
}

TESTS(bugs_b03_width) = {
    { "one_large_block", one_large_block },
    { "links_across", links_across },
    { "counts", counts },
    { "reach", reach },
    { "first_region", first_region },
    TESTS_END
};
