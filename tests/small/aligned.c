/* SPDX-License-Identifier: MIT
 *
 * aligned.c - aligned requests of the small core: the place, what is given back in front of it and behind it, the alignment that realloc
 * keeps, and a peak that counts nothing that was held for a moment only.
 */
#include "poke.h"

enum { HEAP = 32768 };

static struct rig rig;

static size_t granules_for(size_t size)
{
    size_t n = (size + 8 + FH_GRANULE - 1) / FH_GRANULE;
    return n < FH_MIN_GRANULES ? FH_MIN_GRANULES : n;
}

static struct fh_stats now(void)
{
    struct fh_stats stats;
    rig_sound(&rig);
    fh_stats(rig.heap, &stats);
    return stats;
}

/* From every place that a block may be cut from, for every alignment and many sizes: the first address that leaves no rest in front that is no
 * block; exactly as much as it takes, a granule more where the rest behind is no block; the front is free again. */
static void exact(void)
{
    for (size_t align = 2 * FH_GRANULE; align <= 4096; align *= 2) {
        for (size_t shift = 0; shift < 2 * align; shift += align < 256 ? FH_GRANULE : align / 8 + FH_GRANULE) {
            for (size_t size = 0; size < 300; size += 1 + size / 4) {
                rig_open(&rig, rig_memory, HEAP);
                void *low = fh_malloc(rig.heap, shift);
                size_t before = now().bytes_used;
                unsigned char *ptr = fh_aligned_alloc(rig.heap, align, size);
                REQUIRE(ptr != NULL);
                unsigned char *from = (unsigned char *)low + size_of(&rig, low) * FH_GRANULE;
                size_t pad = (0 - (uintptr_t)from) % align;
                if (pad != 0 && pad < FH_MIN_GRANULES * FH_GRANULE)
                    pad += align;
                CHECK(ptr == from + pad);
                EQUAL((uintptr_t)ptr % align, 0);
                size_t took = now().bytes_used - before;
                size_t least = granules_for(size) * FH_GRANULE;
                CHECK(took == least || (FH_MIN_GRANULES > 1 && took == least + FH_GRANULE));
                EQUAL(fh_usable_size(rig.heap, ptr), took - 8);
                EQUAL(now().bytes_peak, now().bytes_used);
                uint32_t place = *fh_align_word(block_of(ptr), size_of(&rig, ptr));
                EQUAL((size_t)1 << place, align);
                rig_fill(ptr, fh_usable_size(rig.heap, ptr), 1);
                EQUAL(*fh_align_word(block_of(ptr), size_of(&rig, ptr)), place);
                rig_sound(&rig);
                fh_free(rig.heap, low);
                fh_free(rig.heap, ptr);
                EQUAL(now().blocks_free, 1);
            }
        }
    }
}

/* No more than the granule, it is an ordinary block. */
static void ordinary(void)
{
    rig_open(&rig, rig_memory, HEAP);
    for (size_t align = 1; align <= FH_GRANULE; align *= 2) {
        unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 3 * FH_GRANULE - 4);
        EQUAL(fh_usable_size(rig.heap, ptr), 3 * FH_GRANULE - 4);
        EQUAL(tag_of(&rig, ptr) & FH_ALIGNED, 0);
    }
    rig_sound(&rig);
}

/* What cannot be is refused, and nothing is touched. */
static void refused(void)
{
    rig_open(&rig, rig_memory, HEAP);
    void *ptr = fh_malloc(rig.heap, 100);
    struct fh_stats before = now();
    for (size_t align = 0; align < 70; align++) {
        if ((align & (align - 1)) != 0 || align == 0)
            CHECK(fh_aligned_alloc(rig.heap, align, 1) == NULL);
    }
    static const size_t sizes[] = { 0, 1, 100, HEAP, (size_t)FH_SIZE_MASK * FH_GRANULE - 12, SIZE_MAX - 8, SIZE_MAX };
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (unsigned bit = 0; bit < sizeof(size_t) * 8; bit++) {
            size_t align = (size_t)1 << bit;
            if (align > 65536 || sizes[i] >= HEAP)
                CHECK(fh_aligned_alloc(rig.heap, align, sizes[i]) == NULL);
            CHECK(fh_aligned_alloc(rig.heap, align | align >> 1 | 64, sizes[i]) == NULL || align == 64);
        }
    }
    rig_sound(&rig);
    CHECK(now().bytes_free <= before.bytes_free);
    EQUAL(rig.faults, 0);
    fh_free(rig.heap, ptr);
}

/* A hole of just that size: taken if it lies well, and left as it was if not. */
static void a_hole_that_happens_to_lie_well(void)
{
    for (size_t shift = 0; shift < 256; shift += FH_GRANULE) {
        rig_open(&rig, rig_memory, HEAP);
        void *low = fh_malloc(rig.heap, shift);
        unsigned char *hole = fh_malloc(rig.heap, 5 * FH_GRANULE - 4);
        REQUIRE(low != NULL && fh_malloc(rig.heap, 1) != NULL);
        while (largest_in(&rig) != 0)
            CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
        fh_free(rig.heap, hole);
        size_t peak = now().bytes_peak;
        struct rig_sum before = rig_sum(&rig);
        unsigned char *ptr = fh_aligned_alloc(rig.heap, 64, 5 * FH_GRANULE - 8);
        bool lies_well = (uintptr_t)hole % 64 == 0;
        CHECK(ptr == (lies_well ? hole : NULL));
        EQUAL(now().bytes_peak, peak);
        if (!lies_well) {
            EQUAL(rig_sum(&rig).free_bytes, before.free_bytes);
            EQUAL(rig_sum(&rig).free_blocks, before.free_blocks);
        }
        fh_free(rig.heap, ptr);
        EQUAL(rig_sum(&rig).free_bytes, before.free_bytes);
    }
}

/* A block that moves keeps the alignment that was asked for, one that stays keeps the word that tells it. */
static void realloc_keeps_it(void)
{
    for (size_t align = 2 * FH_GRANULE; align <= 2048; align *= 2) {
        rig_open(&rig, rig_memory, HEAP);
        unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 100);
        REQUIRE(ptr != NULL);
        for (size_t size = 0; size < 1500; size += 1 + size / 2) {
            unsigned char *wall = size % 2 == 0 ? fh_malloc(rig.heap, 1) : NULL;
            rig_fill(ptr, 50, 3);
            unsigned char *moved = fh_realloc(rig.heap, ptr, size + 50);
            REQUIRE(moved != NULL);
            EQUAL((uintptr_t)moved % align, 0);
            CHECK(rig_filled(moved, 50, 3));
            CHECK(fh_usable_size(rig.heap, moved) >= size + 50);
            EQUAL(*fh_align_word(block_of(moved), size_of(&rig, moved)) & 31, (uint32_t)__builtin_ctz((unsigned)align));
            rig_sound(&rig);
            ptr = moved;
            fh_free(rig.heap, wall);
            CHECK(fh_resize(rig.heap, ptr, 60));
            CHECK(rig_filled(ptr, 50, 3));
            rig_sound(&rig);
        }
        fh_free(rig.heap, ptr);
        EQUAL(now().blocks_free, 1);
    }
}

/* The word overwritten: what the address happens to have is kept, which is no less. */
static void a_damaged_word(void)
{
    for (uint32_t wrong = 0; wrong < 70; wrong++) {
        rig_open(&rig, rig_memory, HEAP);
        unsigned char *ptr = fh_aligned_alloc(rig.heap, 256, 100);
        REQUIRE(ptr != NULL && fh_malloc(rig.heap, 10) != NULL);
        *fh_align_word(block_of(ptr), size_of(&rig, ptr)) = wrong < 66 ? wrong : wrong << 24;
        rig_fill(ptr, 100, 3);
        unsigned char *moved = fh_realloc(rig.heap, ptr, 300);
        CHECK(moved != NULL && rig_filled(moved, 100, 3));
        CHECK((uintptr_t)moved % 256 == 0 || wrong < 8);
        rig_sound(&rig);
    }
}

/* Two blocks at once, and a block that moves: the peak is what was there at the same time, at the end of a call. */
static void peak(void)
{
    rig_open(&rig, rig_memory, HEAP);
    unsigned char *ptr = fh_aligned_alloc(rig.heap, 1024, 3000);
    size_t one = now().bytes_used;
    EQUAL(now().bytes_peak, one);
    /* Larger than what was given back in front: it lies behind. */
    REQUIRE(ptr != NULL && fh_malloc(rig.heap, 2000) > (void *)ptr);
    size_t two = now().bytes_used;
    unsigned char *moved = fh_realloc(rig.heap, ptr, 4000);
    CHECK(moved != NULL && moved != ptr);
    EQUAL(now().bytes_peak, now().bytes_used + one);
    size_t high = now().bytes_peak;
    CHECK(high > two);
    fh_free(rig.heap, moved);
    EQUAL(now().bytes_peak, high);
    CHECK(fh_aligned_alloc(rig.heap, 4096, 100) != NULL);
    EQUAL(now().bytes_peak, high);
    CHECK(fh_aligned_alloc(rig.heap, 4096, HEAP - 8192) == NULL);
    EQUAL(now().bytes_peak, high);
}

TESTS(small_aligned) = {
    { "exact", exact },
    { "ordinary", ordinary },
    { "refused", refused },
    { "a_hole_that_happens_to_lie_well", a_hole_that_happens_to_lie_well },
    { "realloc_keeps_it", realloc_keeps_it },
    { "a_damaged_word", a_damaged_word },
    { "peak", peak },
    TESTS_END
};
