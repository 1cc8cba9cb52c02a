/* SPDX-License-Identifier: MIT
 *
 * arguments.c - every public call with every combination of sizes, alignments and pointers that are at the edge or wrong.
 *
 * What each answers stands in freehold.h. Whatever it is, the heap is the same afterwards: the same blocks in use with the same contents,
 * not a byte more or less, and one report for each pointer that was looked at and is none of this heap's blocks.
 */
#include "harness/rig.h"
#ifndef TEST_SMALL
#include "pool.h"
#endif

enum { HEAP_BYTES = 65536, LIVE = 200 };

static struct rig rig;
static struct rig other;

static const size_t sizes[] = {
    0, 1, 2, 3, 4, 7, 8, 9, 12, 13, 16, 17, 100, LIVE, LIVE + 1, 1000, 4095, 4096, HEAP_BYTES / 2, HEAP_BYTES - 1, HEAP_BYTES, HEAP_BYTES + 1,
    (size_t)0xFFFF * FH_GRANULE - 4, (size_t)0xFFFF * FH_GRANULE - 3,
    SIZE_MAX / 4, SIZE_MAX / 4 + 1, SIZE_MAX / 2 - 1, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 2, SIZE_MAX - 4096, SIZE_MAX - 64, SIZE_MAX - 17,
    SIZE_MAX - 16, SIZE_MAX - 15, SIZE_MAX - 8, SIZE_MAX - 7, SIZE_MAX - 4, SIZE_MAX - 3, SIZE_MAX - 2, SIZE_MAX - 1, SIZE_MAX,
};

static const size_t alignments[] = {
    0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100, 1024, 4096, 4097, HEAP_BYTES, SIZE_MAX / 4 + 1, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 2,
    SIZE_MAX - 1, SIZE_MAX,
};

enum { SIZES = sizeof sizes / sizeof *sizes, ALIGNMENTS = sizeof alignments / sizeof *alignments };

/* A heap with a live block between two free ones, and the pointers that are wrong in it. */
static struct {
    unsigned char *live;
    const void *wrong[24];
    unsigned count;
    size_t used;
    size_t blocks;
} scene;

static void add_wrong(const void *ptr)
{
    scene.wrong[scene.count++] = ptr;
}

static const void *last_block;

static bool keep_last(void *arg, const struct fh_block_info *info)
{
    (void)arg;
    last_block = info->payload;
    return true;
}

static void set_up(void)
{
    static unsigned char elsewhere[256];
    static _Alignas(16) unsigned char memory_of_other[HEAP_BYTES];
    static _Alignas(16) unsigned char outside[64];
    rig_open(&rig, rig_memory, HEAP_BYTES);
    rig_open(&other, memory_of_other, HEAP_BYTES);
    scene.count = 0;
    unsigned char *freed = fh_malloc(rig.heap, LIVE);
    scene.live = fh_malloc(rig.heap, LIVE);
    unsigned char *behind = fh_malloc(rig.heap, LIVE);
    unsigned char *wall = fh_malloc(rig.heap, LIVE);
    unsigned char *absorbed = fh_malloc(rig.heap, LIVE);
    REQUIRE(freed != NULL && scene.live != NULL && behind != NULL && wall != NULL && absorbed != NULL);
    rig_fill(scene.live, LIVE, 1);
    fh_free(rig.heap, freed);
    fh_free(rig.heap, behind);
    fh_free(rig.heap, absorbed);
    fh_walk(rig.heap, keep_last, NULL);
    add_wrong(freed);
    add_wrong(behind);
    add_wrong(absorbed);
    add_wrong(last_block);
    add_wrong(scene.live + 1);
    add_wrong(scene.live + 4);
    add_wrong(scene.live + FH_GRANULE - 1);
    add_wrong(scene.live + FH_GRANULE);
    add_wrong(scene.live + 4 * FH_GRANULE);
    add_wrong(rig.heap);
    add_wrong(rig_memory);
    add_wrong((unsigned char *)rig_memory + HEAP_BYTES);
    add_wrong((unsigned char *)rig_memory + HEAP_BYTES - FH_GRANULE);
    add_wrong(elsewhere);
    add_wrong(outside);
    add_wrong(outside + 1);
    add_wrong(fh_malloc(other.heap, LIVE));
    add_wrong((const void *)(uintptr_t)1);
    add_wrong((const void *)(uintptr_t)FH_GRANULE);
    add_wrong((const void *)(UINTPTR_MAX / 2 + 1));
    add_wrong((const void *)(UINTPTR_MAX - FH_GRANULE + 1));
    add_wrong((const void *)UINTPTR_MAX);
    scene.used = rig_sum(&rig).used_bytes;
    scene.blocks = rig_sum(&rig).used_blocks;
}

/* Nothing was taken, given or written. */
static void unchanged(void)
{
    struct rig_sum sum = rig_sum(&rig);
    EQUAL(sum.used_bytes, scene.used);
    EQUAL(sum.used_blocks, scene.blocks);
    CHECK(rig_filled(scene.live, LIVE, 1));
    rig_sound(&rig);
}

/* A pointer that was refused: one report, which names it. */
static void reported(const void *ptr)
{
    EQUAL(rig.faults, 1);
    CHECK(rig.fault.ptr == ptr && rig.fault.kind != FH_OK && rig.fault.kind < FH_FAULT_KINDS);
    rig.faults = 0;
}

/* The largest request that could be met if nothing else were there. */
static bool is_possible(size_t size)
{
    return size < HEAP_BYTES;
}

/* What an allocating call returned: a block of that size, which is given back, or NULL. */
static void judge(unsigned char *ptr, size_t size, size_t align)
{
    if (ptr == NULL) {
        CHECK(size > 1000 || align > 4096 || (align & (align - 1)) != 0);
    } else {
        CHECK(is_possible(size));
        CHECK((uintptr_t)ptr % align == 0 && (uintptr_t)ptr % FH_GRANULE == 0);
        CHECK(fh_usable_size(rig.heap, ptr) >= size);
        rig_fill(ptr, size, 2);
        CHECK(rig_filled(ptr, size, 2));
        fh_free(rig.heap, ptr);
    }
    unchanged();
}

static void allocating(void)
{
    set_up();
    for (unsigned i = 0; i < SIZES && !test_failed(); i++) {
        judge(fh_malloc(rig.heap, sizes[i]), sizes[i], 1);
        judge(fh_realloc(rig.heap, NULL, sizes[i]), sizes[i], 1);
        CHECK(!fh_resize(rig.heap, NULL, sizes[i]));
        unchanged();
    }
}

static void aligned(void)
{
    set_up();
    for (unsigned a = 0; a < ALIGNMENTS && !test_failed(); a++) {
        size_t align = alignments[a];
        bool is_power = align != 0 && (align & (align - 1)) == 0;
        for (unsigned i = 0; i < SIZES; i++) {
            unsigned char *ptr = fh_aligned_alloc(rig.heap, align, sizes[i]);
            CHECK(is_power || ptr == NULL);
            judge(ptr, is_power ? sizes[i] : SIZE_MAX, is_power ? align : 1);
        }
    }
}

static void products(void)
{
    set_up();
    for (unsigned a = 0; a < SIZES && !test_failed(); a++) {
        for (unsigned b = 0; b < SIZES; b++) {
            size_t bytes = 0;
            bool wraps = __builtin_mul_overflow(sizes[a], sizes[b], &bytes);
            unsigned char *ptr = fh_calloc(rig.heap, sizes[a], sizes[b]);
            CHECK(!wraps || ptr == NULL);
            CHECK(ptr == NULL || rig_zero(ptr, bytes));
            judge(ptr, wraps ? SIZE_MAX : bytes, 1);
        }
    }
}

/* A live block, with every size: it has the size, or is as it was. */
static void resizing(void)
{
    for (unsigned i = 0; i < SIZES && !test_failed(); i++) {
        set_up();
        size_t size = sizes[i];
        size_t kept = size < LIVE ? size : LIVE;
        bool done = fh_resize(rig.heap, scene.live, size);
        CHECK(done == (fh_usable_size(rig.heap, scene.live) >= size) && (done || size > LIVE));
        CHECK(rig_filled(scene.live, done ? kept : LIVE, 1));
        set_up();
        unsigned char *moved = fh_realloc(rig.heap, scene.live, size);
        CHECK(moved != NULL ? is_possible(size) : size > 1000);
        if (moved == NULL) {
            unchanged();
            continue;
        }
        CHECK(rig_filled(moved, kept, 1));
        CHECK(fh_usable_size(rig.heap, moved) >= size);
        EQUAL(rig_sum(&rig).used_blocks, scene.blocks);
        rig_sound(&rig);
    }
}

/* Is there a heap that can meet it? One that none can is refused before the pointer is looked at. */
static bool is_size(size_t size)
{
#ifdef TEST_SMALL
    return size <= (size_t)0xFFFF * FH_GRANULE - 4;
#else
    return fh_granules_for(size) != 0;
#endif
}

/* Every wrong pointer through every call that takes one, and with every size. */
static void wrong_pointers(void)
{
    set_up();
    for (unsigned w = 0; w < scene.count && !test_failed(); w++) {
        void *ptr = rig_launder(scene.wrong[w]);
        fh_free(rig.heap, ptr);
        reported(ptr);
        EQUAL(fh_usable_size(rig.heap, ptr), 0);
        reported(ptr);
        unchanged();
        for (unsigned i = 0; i < SIZES; i++) {
            bool looked_at = is_size(sizes[i]);
            CHECK(fh_realloc(rig.heap, ptr, sizes[i]) == NULL);
            if (looked_at)
                reported(ptr);
            CHECK(!fh_resize(rig.heap, ptr, sizes[i]));
            if (looked_at)
                reported(ptr);
            EQUAL(rig.faults, 0);
        }
        unchanged();
    }
}

/* Deferred, a wrong pointer is refused at once, or reported by the call that frees. */
static void deferred(void)
{
    set_up();
    CHECK(fh_free_deferred(rig.heap, NULL));
    unchanged();
    for (unsigned w = 0; w < scene.count && !test_failed(); w++) {
        void *ptr = rig_launder(scene.wrong[w]);
        bool taken = fh_free_deferred(rig.heap, ptr);
        if (!taken)
            EQUAL(rig.faults, 0);
        fh_free(rig.heap, fh_malloc(rig.heap, 1));
        if (taken)
            reported(ptr);
        unchanged();
    }
}

/* Regions: NULL, no size, sizes that wrap, the heap's own memory. */
static void regions(void)
{
    set_up();
    static unsigned char more[4096];
    const void *places[] = { NULL, (const void *)(uintptr_t)1, more, rig_memory, rig_memory + 1, rig_memory + HEAP_BYTES - 1, rig.heap, scene.live,
                             (const void *)(UINTPTR_MAX - 4096), (const void *)UINTPTR_MAX };
    for (unsigned p = 0; p < sizeof places / sizeof *places; p++) {
        for (unsigned i = 0; i < SIZES && !test_failed(); i++) {
            bool is_free = places[p] == more;
            uintptr_t start = (uintptr_t)places[p];
            bool wraps = sizes[i] == 0 || start + (sizes[i] - 1) < start;
            bool overlaps = start < (uintptr_t)rig_memory + HEAP_BYTES && !wraps && start + (sizes[i] - 1) >= (uintptr_t)rig_memory;
            /* Memory that is nobody's is not there to be written. */
            if (is_free || !(places[p] == NULL || wraps || overlaps))
                continue;
            EQUAL(fh_add_region(rig.heap, rig_launder(places[p]), sizes[i]), 0);
            unchanged();
        }
    }
    for (size_t size = 0; size < 16; size++)
        EQUAL(fh_add_region(rig.heap, more, size), 0);
    unchanged();
}

static void *no_memory(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    (void)least;
    *got = 0;
    return NULL;
}

/* Heaps that cannot be: nothing is written. */
static void creating(void)
{
    rig_prepare(&rig);
    rig_fill(rig_memory, 256, 3);
    for (unsigned i = 0; i < SIZES; i++) {
        if (sizes[i] < 64)
            CHECK(fh_create(rig_memory, sizes[i], &rig.port) == NULL);
        CHECK(fh_create(NULL, sizes[i], &rig.port) == NULL);
        CHECK(fh_create(NULL, sizes[i], NULL) == NULL);
        if (sizes[i] > SIZE_MAX - 4096)
            CHECK(fh_create((void *)rig_launder((const void *)(UINTPTR_MAX / 2 + 4096)), SIZE_MAX - 4096, NULL) == NULL);
    }
    rig.port.acquire = no_memory;
    for (unsigned i = 0; i < SIZES; i++)
        CHECK(fh_create(NULL, sizes[i], &rig.port) == NULL);
    CHECK(rig_filled(rig_memory, 256, 3));
    EQUAL(rig.faults, 0);
}

/* A cursor of any words: a whole heap is not blamed, and a pass ends. */
static void cursors(void)
{
    rig_large_only();
    set_up();
    static const size_t budgets[] = { 1, 2, 7, SIZE_MAX / 2, SIZE_MAX };
    struct dice d = dice_from(test_seed());
    for (unsigned round = 0; round < 2000 && !test_failed(); round++) {
        struct fh_cursor c;
        unsigned char *bytes = (unsigned char *)&c;
        for (size_t i = 0; i < sizeof c; i++)
            bytes[i] = (unsigned char)(round < 2 ? round * 255 : dice_roll(&d));
        c.quiet = round % 2;
        struct fh_cursor before = c;
        EQUAL(fh_check_step(rig.heap, &c, 0), FH_OK);
        EQUAL(c.passes, before.passes);
        EQUAL(c.at, before.at);
        size_t calls = 0;
        while (c.passes == before.passes && calls++ < 200)
            EQUAL(fh_check_step(rig.heap, &c, budgets[round % 5]), FH_OK);
        CHECK(calls < 200);
        if (round % 3 == 0)
            fh_free(rig.heap, fh_malloc(rig.heap, dice_below(&d, 3000)));
    }
    unchanged();
}

/* What is no heap: zeros, and one that was destroyed. */
static struct fh_heap *strange;

static void use_strange(void *arg)
{
    struct fh_stats stats;
    struct fh_cursor cursor = { 0 };
    switch (*(unsigned *)arg) {
    case 0: fh_malloc(strange, 1); break;
    case 1: fh_free(strange, rig_memory + 1024); break;
    case 2: fh_realloc(strange, rig_memory + 1024, 1); break;
    case 3: fh_aligned_alloc(strange, 64, 1); break;
    case 4: fh_usable_size(strange, rig_memory + 1024); break;
    case 5: fh_add_region(strange, rig_memory + HEAP_BYTES, 4096); break;
    case 6: fh_trim(strange); break;
    case 7: fh_check(strange); break;
    case 8: fh_check_step(strange, &cursor, 1); break;
    case 9: fh_stats(strange, &stats); break;
    case 10: fh_walk(strange, keep_last, NULL); break;
    case 11: fh_resize(strange, rig_memory + 1024, 1); break;
    case 12: fh_calloc(strange, 1, 1); break;
    case 13: fh_cache_open(strange); break;
    case 14: fh_free_deferred(strange, rig_memory + 1024); break;
    default: fh_destroy(strange);
    }
}

/* The small core has neither a check in steps nor caches: who calls for them has a trap that the tests put there. */
static bool is_there(unsigned call)
{
    return !RIG_SMALL || (call != 8 && call != 13);
}

/* There it has nothing to give back. */
static bool is_idle_trim(unsigned call)
{
    return RIG_SMALL && call == 6;
}

static void no_heaps(void)
{
    rig_open(&rig, rig_memory, HEAP_BYTES);
    rig.port.cache = RIG_SMALL ? NULL : &fh_cpu_cache;
    strange = rig.heap;
    for (unsigned call = 4; call < 16; call++) {
        if (call == 11 || !is_there(call))
            continue;
        struct host_end end = host_run(use_strange, &call, 10);
        CHECK(!host_trapped(end) && !end.timed_out && end.signal == 0);
    }
    EQUAL(fh_destroy(rig.heap), 0);
    for (unsigned call = 0; call < 15; call++)
        CHECK(host_trapped(host_run(use_strange, &call, 10)) || is_idle_trim(call));
    for (size_t i = 0; i < 1024; i++)
        rig_memory[i] = 0;
    strange = (struct fh_heap *)rig_launder(rig_memory);
    for (unsigned call = 0; call < 15; call++)
        CHECK(host_trapped(host_run(use_strange, &call, 10)) || is_idle_trim(call));
}

TESTS(unit_arguments) = {
    { "allocating", allocating },
    { "aligned", aligned },
    { "products", products },
    { "resizing", resizing },
    { "wrong_pointers", wrong_pointers },
    { "deferred", deferred },
    { "regions", regions },
    { "creating", creating },
    { "cursors", cursors },
    { "no_heaps", no_heaps },
    TESTS_END
};
