/* SPDX-License-Identifier: MIT
 *
 * sweep.c - every public call with every number and every pointer that a mistake can produce: the answer is the one that
 * freehold.h states, and after it the heap is what it was.
 *
 * Numbers: zero, one, the neighbours of each power of two, of SIZE_MAX, of half of it and of the granule. Pointers: one of
 * each kind of wrongness. Not swept: a heap that is none, for which the header promises nothing.
 */
#include "harness/rig.h"

enum { HEAP = 65536, OTHER = 8192 };

/* Calls `with` for each number. */
typedef void on_size(struct rig *rig, size_t size);

static void each_size(struct rig *rig, on_size *with)
{
    for (size_t i = 0; i <= 40; i++) {
        with(rig, i);
        with(rig, SIZE_MAX - i);
        with(rig, SIZE_MAX / 2 - 20 + i);
        with(rig, SIZE_MAX / FH_GRANULE - 20 + i);
    }
    for (unsigned bit = 6; bit < sizeof(size_t) * 8; bit++) {
        for (size_t near = 0; near <= 34; near += near < 3 ? 1 : FH_GRANULE - 1) {
            with(rig, ((size_t)1 << bit) - near);
            with(rig, ((size_t)1 << bit) + near);
        }
    }
}

/* What a call may have changed: compared before and after one that was refused. */
static struct rig_sum before;

static void expect_unchanged(struct rig *rig)
{
    struct rig_sum now = rig_sum(rig);
    EQUAL(now.used_blocks, before.used_blocks);
    EQUAL(now.used_bytes, before.used_bytes);
    EQUAL(now.free_blocks, before.free_blocks);
    EQUAL(now.free_bytes, before.free_bytes);
    EQUAL(now.regions, before.regions);
    EQUAL(rig->faults, 0);
}

/* The block is one of at least that size, or NULL where none can be had; then it goes back. */
static void expect_block(struct rig *rig, void *ptr, size_t size, size_t align, bool can_be_had)
{
    CHECK((ptr != NULL) == can_be_had);
    if (ptr != NULL) {
        EQUAL((uintptr_t)ptr % (align > FH_GRANULE ? align : FH_GRANULE), 0);
        CHECK(fh_usable_size(rig->heap, ptr) >= size);
        rig_fill(ptr, size, 77);
        fh_free(rig->heap, ptr);
    }
    expect_unchanged(rig);
}

/* The largest request that the fresh heap meets; everything up to it is met, nothing beyond. */
static size_t most;

static void open(struct rig *rig)
{
    struct fh_stats stats;
    rig_open(rig, rig_memory, HEAP);
    fh_stats(rig->heap, &stats);
    most = stats.largest_free;
    CHECK(most > HEAP / 2 && most < HEAP);
    before = rig_sum(rig);
}

static void malloc_of(struct rig *rig, size_t size)
{
    expect_block(rig, fh_malloc(rig->heap, size), size, 0, size <= most);
    expect_block(rig, fh_realloc(rig->heap, NULL, size), size, 0, size <= most);
    expect_block(rig, fh_calloc(rig->heap, 1, size), size, 0, size <= most);
    expect_block(rig, fh_calloc(rig->heap, size, 1), size, 0, size <= most);
    CHECK(!fh_resize(rig->heap, NULL, size));
    expect_unchanged(rig);
}

static void sizes(void)
{
    struct rig rig;
    open(&rig);
    each_size(&rig, malloc_of);
    rig_sound(&rig);
}

static size_t other_factor;

static bool product_fits(size_t a, size_t b)
{
    return a == 0 || b <= SIZE_MAX / a;
}

static void calloc_of(struct rig *rig, size_t size)
{
    bool fits = product_fits(size, other_factor) && size * other_factor <= most;
    unsigned char *ptr = fh_calloc(rig->heap, size, other_factor);
    CHECK((ptr != NULL) == fits);
    bool zero = true;
    for (size_t i = 0; ptr != NULL && i < size * other_factor; i++)
        zero = zero && ptr[i] == 0;
    CHECK(zero);
    if (ptr != NULL)
        rig_fill(ptr, size * other_factor, 99);   /* so that the next one has something to zero */
    fh_free(rig->heap, ptr);
    EQUAL(rig->faults, 0);
}

static void calloc_by(struct rig *rig, size_t size)
{
    other_factor = size;
    each_size(rig, calloc_of);
}

static void products(void)
{
    struct rig rig;
    open(&rig);
    each_size(&rig, calloc_by);
    expect_unchanged(&rig);
    rig_sound(&rig);
}

static size_t alignment;

static bool is_power_of_two(size_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/* A heap of 64 KiB holds any such block; for what lies between this and the impossible either answer will do. */
static bool surely_fits(size_t align, size_t size)
{
    return align <= HEAP / 8 && size <= HEAP / 8;
}

static void aligned_of(struct rig *rig, size_t size)
{
    void *ptr = fh_aligned_alloc(rig->heap, alignment, size);
    if (!is_power_of_two(alignment) || size > most)
        CHECK(ptr == NULL);
    else if (surely_fits(alignment, size))
        CHECK(ptr != NULL);
    expect_block(rig, ptr, size, alignment, ptr != NULL);
}

static void aligned_by(struct rig *rig, size_t align)
{
    static const size_t few[] = { 0, 1, FH_GRANULE - 4, FH_GRANULE, 100, 4096, HEAP, SIZE_MAX / 2, SIZE_MAX - FH_GRANULE, SIZE_MAX };
    alignment = align;
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        aligned_of(rig, few[i]);
}

static void alignments(void)
{
    struct rig rig;
    open(&rig);
    each_size(&rig, aligned_by);
    alignment = 64;
    each_size(&rig, aligned_of);
    alignment = 3;
    each_size(&rig, aligned_of);
    alignment = SIZE_MAX / 2 + 1;
    each_size(&rig, aligned_of);
    rig_sound(&rig);
}

/* A block between two others, so that it must move to grow. */
static void *held;
static void *wall;
enum { HELD = 200 };

static void realloc_of(struct rig *rig, size_t size)
{
    void *ptr = fh_realloc(rig->heap, held, size);
    if (size > most)
        CHECK(ptr == NULL);
    else if (size <= HEAP / 4)
        CHECK(ptr != NULL);
    CHECK(rig_filled(ptr != NULL ? ptr : held, ptr != NULL && size < HELD ? size : HELD, 5));
    if (ptr == NULL) {
        expect_unchanged(rig);
        return;
    }
    CHECK(fh_usable_size(rig->heap, ptr) >= size);
    held = fh_realloc(rig->heap, ptr, HELD);
    REQUIRE(held != NULL);
    rig_fill(held, HELD, 5);
    before = rig_sum(rig);
    EQUAL(rig->faults, 0);
}

static void resize_of(struct rig *rig, size_t size)
{
    size_t usable = fh_usable_size(rig->heap, held);
    bool done = fh_resize(rig->heap, held, size);
    if (size > most)
        CHECK(!done);
    else if (size <= usable)
        CHECK(done);
    if (!done) {
        EQUAL(fh_usable_size(rig->heap, held), usable);
        CHECK(rig_filled(held, HELD, 5));
        expect_unchanged(rig);
        return;
    }
    CHECK(fh_usable_size(rig->heap, held) >= size && rig_filled(held, size < HELD ? size : HELD, 5));
    CHECK(fh_resize(rig->heap, held, HELD));
    rig_fill(held, HELD, 5);
    before = rig_sum(rig);
    EQUAL(rig->faults, 0);
}

static void hold(struct rig *rig)
{
    open(rig);
    held = fh_malloc(rig->heap, HELD);
    wall = fh_malloc(rig->heap, 10);
    REQUIRE(held != NULL && wall != NULL);
    rig_fill(held, HELD, 5);
    before = rig_sum(rig);
}

static void resizes(void)
{
    struct rig rig;
    hold(&rig);
    each_size(&rig, realloc_of);
    rig_sound(&rig);
    hold(&rig);
    each_size(&rig, resize_of);
    rig_sound(&rig);
    /* With the memory behind it free. */
    hold(&rig);
    fh_free(rig.heap, wall);
    before = rig_sum(&rig);
    each_size(&rig, resize_of);
    rig_sound(&rig);
}

/* A pointer of each kind of wrongness, with what the report must say. FH_FAULT_KINDS: any of not a block, double free, foreign. */
struct wrong {
    const char *what;
    void *ptr;
    enum fh_fault_kind kind;
};

static bool is_right(enum fh_fault_kind kind, enum fh_fault_kind expected)
{
    if (expected != FH_FAULT_KINDS)
        return kind == expected;
    return kind == FH_NOT_A_BLOCK || kind == FH_DOUBLE_FREE || kind == FH_FOREIGN;
}

/* One call with it: refused, reported once, nothing changed. */
static void expect_report(struct rig *rig, const struct wrong *w)
{
    EQUAL(rig->faults, 1);
    bool right = is_right(rig->fault.kind, w->kind);
    CHECK(right);
    EQUAL(rig->fault.ptr, w->ptr);
    if (!right)
        say("%s: %s\n", w->what, fh_fault_name(rig->fault.kind));
    rig->faults = 0;
    expect_unchanged(rig);
}

static void pass_wrong(struct rig *rig, const struct wrong *w)
{
    static const size_t few[] = { 0, 1, HELD, 1000, HEAP / 2, HEAP };
    fh_free(rig->heap, w->ptr);
    expect_report(rig, w);
    EQUAL(fh_usable_size(rig->heap, w->ptr), 0);
    expect_report(rig, w);
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        CHECK(fh_realloc(rig->heap, w->ptr, few[i]) == NULL);
        expect_report(rig, w);
        CHECK(!fh_resize(rig->heap, w->ptr, few[i]));
        expect_report(rig, w);
    }
    /* A size that no heap can meet is refused before the pointer is looked at. */
    CHECK(fh_realloc(rig->heap, w->ptr, SIZE_MAX) == NULL && !fh_resize(rig->heap, w->ptr, SIZE_MAX));
    expect_unchanged(rig);
}

/* One of each kind, in the heap that hold() left; the list itself lies on the stack. */
enum { WRONGS = 18 };

static struct fh_heap *other_heap;

static void list_wrongs(struct rig *rig, struct wrong wrongs[WRONGS])
{
    static unsigned char in_static[256];
    for (size_t i = 0; i < sizeof in_static; i++)
        in_static[i] = (unsigned char)(i * 37);
    other_heap = fh_create(rig_memory + HEAP, OTHER, &rig->port);
    REQUIRE(other_heap != NULL);
    unsigned char *of_other = fh_malloc(other_heap, 100);
    unsigned char *freed = fh_malloc(rig->heap, 100);
    void *stays = fh_malloc(rig->heap, 100);
    REQUIRE(freed != NULL && stays != NULL);
    fh_free(rig->heap, freed);
    unsigned char *block = held;
    const struct wrong all[WRONGS] = {
        { "freed", freed, FH_DOUBLE_FREE },
        { "of another heap", of_other, FH_FOREIGN },
        { "the heap", rig->heap, FH_FOREIGN },
        { "the other heap", other_heap, FH_FOREIGN },
        { "the stack", (unsigned char *)(((uintptr_t)wrongs + 64) & ~(uintptr_t)15), FH_FOREIGN },
        { "a static", (unsigned char *)(((uintptr_t)in_static + 64) & ~(uintptr_t)15), FH_FOREIGN },
        { "the middle of a block", block + FH_GRANULE, FH_NOT_A_BLOCK },
        { "the middle of a free block", freed + 2 * FH_GRANULE, FH_FAULT_KINDS },
        { "one byte in", block + 1, FH_MISALIGNED },
        { "one byte before", block - 1, FH_MISALIGNED },
        { "half a granule in", block + FH_GRANULE / 2, FH_MISALIGNED },
        { "a small number", (void *)(uintptr_t)FH_GRANULE, FH_FOREIGN },
        { "one", (void *)(uintptr_t)1, FH_MISALIGNED },
        { "the top of memory", (void *)(UINTPTR_MAX & ~(uintptr_t)(FH_GRANULE - 1)), FH_FOREIGN },
        { "all ones", (void *)UINTPTR_MAX, FH_MISALIGNED },
        { "half of memory", (void *)(UINTPTR_MAX / 2 + 1), FH_FOREIGN },
        { "behind the region", rig_memory + HEAP, FH_FOREIGN },
        { "before the region", (void *)((uintptr_t)rig_memory - FH_GRANULE), FH_FOREIGN },
    };
    for (size_t i = 0; i < WRONGS; i++)
        wrongs[i] = all[i];
    before = rig_sum(rig);
}

static void pointers(void)
{
    struct rig rig;
    struct wrong wrongs[WRONGS];
    hold(&rig);
    list_wrongs(&rig, wrongs);
    rig_sound(&rig);
    for (size_t i = 0; i < WRONGS; i++)
        pass_wrong(&rig, &wrongs[i]);
    CHECK(rig_filled(held, HELD, 5));
    rig_sound(&rig);
    CHECK(fh_check(other_heap) == FH_OK);
}

/* What cannot be a used block is refused without a report; a block is deferred once, freed by the next call that locks, and then
 * no block any more. */
static void deferred(void)
{
    struct rig rig;
    struct wrong wrongs[WRONGS];
    struct fh_stats stats;
    hold(&rig);
    list_wrongs(&rig, wrongs);
    CHECK(fh_free_deferred(rig.heap, NULL));
    for (size_t i = 0; i < WRONGS; i++) {
        if (!CHECK(!fh_free_deferred(rig.heap, wrongs[i].ptr)))
            say("%s\n", wrongs[i].what);
        expect_unchanged(&rig);
    }
    CHECK(fh_free_deferred(rig.heap, held));
    CHECK(!fh_free_deferred(rig.heap, held));
    CHECK(fh_resize(rig.heap, wall, 10));
    fh_stats(rig.heap, &stats);
    EQUAL(stats.frees_deferred, 1);
    EQUAL(rig_sum(&rig).used_blocks, before.used_blocks - 1);
    EQUAL(rig.faults, 0);
    CHECK(!fh_free_deferred(rig.heap, held));
    fh_free(rig.heap, held);
    CHECK(rig_reported(&rig, FH_DOUBLE_FREE, held, held));
    rig_sound(&rig);
}

/* Caches: those of the CPUs behind the ordinary calls, and one of our own. */
static struct fh_cache *cache;

static void hold_cached(struct rig *rig)
{
    struct fh_stats stats;
    rig_prepare(rig);
    rig->port.cache = &fh_cpu_cache;
    rig->port.cpus = 1;
    rig->port.cpu = rig_only_cpu;
    rig->heap = fh_create(rig_memory, HEAP, &rig->port);
    REQUIRE(rig->heap != NULL);
    cache = fh_cache_open(rig->heap);
    held = fh_malloc(rig->heap, HELD);
    wall = fh_malloc(rig->heap, 10);
    REQUIRE(cache != NULL && held != NULL && wall != NULL);
    rig_fill(held, HELD, 5);
    fh_stats(rig->heap, &stats);
    most = stats.largest_free;
}

/* A request that the heap met when it was fresh is met whatever waits in caches, because they are emptied first; one that it could
 * not is refused. */
static void cached_of(struct rig *rig, size_t size)
{
    void *(*const ways[2])(struct fh_cache *cache, size_t size) = { fh_cache_malloc, NULL };
    for (size_t i = 0; i < 2; i++) {
        void *ptr = ways[i] != NULL ? ways[i](cache, size) : fh_malloc(rig->heap, size);
        CHECK((ptr != NULL) == (size <= most));
        if (ptr == NULL)
            continue;
        EQUAL((uintptr_t)ptr % FH_GRANULE, 0);
        CHECK(fh_usable_size(rig->heap, ptr) >= size);
        rig_fill(ptr, size, 78);
        if (i == 0)
            fh_cache_free(cache, ptr);
        else
            fh_free(rig->heap, ptr);
    }
    EQUAL(rig->faults, 0);
}

static void caches(void)
{
    rig_large_only();
    struct rig rig;
    struct wrong wrongs[WRONGS];
    hold_cached(&rig);
    each_size(&rig, cached_of);
    fh_cache_free(cache, NULL);
    EQUAL(rig.faults, 0);
    list_wrongs(&rig, wrongs);
    for (size_t i = 0; i < WRONGS; i++) {
        /* Freed into the cache of the CPU, not to the heap: the report is the same. */
        fh_cache_free(cache, wrongs[i].ptr);
        expect_report(&rig, &wrongs[i]);
        pass_wrong(&rig, &wrongs[i]);
    }
    const struct wrong itself = { "the cache itself", cache, FH_DOUBLE_FREE };
    fh_cache_free(cache, cache);
    expect_report(&rig, &itself);
    pass_wrong(&rig, &itself);
    CHECK(!fh_free_deferred(rig.heap, cache));
    CHECK(rig_filled(held, HELD, 5));
    fh_cache_close(cache);
    CHECK(fh_check(rig.heap) == FH_OK && fh_check(other_heap) == FH_OK);
}

/* A heap whose port names no caches has none, and one without memory gets none. */
static void no_caches(void)
{
    rig_large_only();
    struct rig rig;
    open(&rig);
    CHECK(fh_cache_open(rig.heap) == NULL);
    expect_unchanged(&rig);
    hold_cached(&rig);
    fh_cache_close(cache);
    while (fh_malloc(rig.heap, 16) != NULL)
        continue;
    CHECK(fh_cache_open(rig.heap) == NULL);
    EQUAL(rig.faults, 0);
    CHECK(fh_check(rig.heap) == FH_OK);
}

/* The visitor is asked until it has seen enough, and no more. */
struct looks {
    unsigned wanted;
    unsigned seen;
};

static bool look(void *arg, const struct fh_block_info *block)
{
    struct looks *looks = arg;
    CHECK(block->payload != NULL);
    return ++looks->seen < looks->wanted;
}

static void visits(void)
{
    struct rig rig;
    struct looks all = { ~0u, 0 };
    hold(&rig);
    fh_walk(rig.heap, look, &all);
    CHECK(all.seen == before.used_blocks + before.free_blocks + before.regions);
    for (unsigned wanted = 1; wanted <= all.seen; wanted++) {
        struct looks some = { wanted, 0 };
        fh_walk(rig.heap, look, &some);
        EQUAL(some.seen, wanted);
    }
    expect_unchanged(&rig);
    rig_sound(&rig);
}

static void nothing(void)
{
    struct rig rig;
    hold(&rig);
    fh_free(rig.heap, NULL);
    EQUAL(fh_usable_size(rig.heap, NULL), 0);
    EQUAL(fh_add_region(rig.heap, NULL, 0), 0);
    EQUAL(fh_trim(rig.heap), 0);
    expect_unchanged(&rig);
    CHECK(fh_create(NULL, 0, NULL) == NULL);
    CHECK(fh_create(NULL, HEAP, NULL) == NULL);
    CHECK(fh_create(NULL, SIZE_MAX, &rig.port) == NULL);
    rig_sound(&rig);
    EQUAL(fh_destroy(rig.heap), 0);
}

/* Does memory from there, that long, wrap around, or is there none? Only such can be passed without something being written. */
static bool wraps(uintptr_t start, size_t size)
{
    return size == 0 || size - 1 > UINTPTR_MAX - start;
}

static void region_of(struct rig *rig, size_t size)
{
    EQUAL(fh_add_region(rig->heap, NULL, size), 0);
    for (uintptr_t at = 0; at <= 40; at++) {
        uintptr_t top = UINTPTR_MAX - at;
        if (wraps(top, size))
            EQUAL(fh_add_region(rig->heap, (void *)top, size), 0);
        if (wraps((uintptr_t)rig_memory + HEAP + at, size))
            EQUAL(fh_add_region(rig->heap, rig_memory + HEAP + at, size), 0);
    }
    /* Any part of the heap itself, or all of it and more. */
    for (size_t at = 0; at < HEAP; at += 4093) {
        if (size != 0 && !wraps((uintptr_t)rig_memory + at, size))
            EQUAL(fh_add_region(rig->heap, rig_memory + at, size), 0);
    }
    expect_unchanged(rig);
}

static void create_of(struct rig *rig, size_t size)
{
    unsigned char *mem = rig_memory + HEAP;
    for (size_t at = 0; at < 2; at++) {
        if (wraps((uintptr_t)mem + at, size) || size < 32)
            CHECK(fh_create(mem + at, size, &rig->port) == NULL);
    }
    if (wraps(UINTPTR_MAX - 100, size))
        CHECK(fh_create((void *)(UINTPTR_MAX - 100), size, &rig->port) == NULL);
}

static void regions(void)
{
    struct rig rig;
    hold(&rig);
    for (size_t i = 0; i < OTHER; i++)
        rig_memory[HEAP + i] = (unsigned char)(i * 31);
    each_size(&rig, region_of);
    each_size(&rig, create_of);
    bool untouched = true;
    for (size_t i = 0; i < OTHER; i++)
        untouched = untouched && rig_memory[HEAP + i] == (unsigned char)(i * 31);
    CHECK(untouched);
    rig_sound(&rig);
}

static void name_of(struct rig *rig, size_t number)
{
    (void)rig;
    const char *name = fh_fault_name((enum fh_fault_kind)(unsigned)number);
    CHECK(name != NULL && name[0] != '\0');
    if ((unsigned)number >= FH_FAULT_KINDS)
        EQUAL(name, fh_fault_name(FH_FAULT_KINDS));
    else
        CHECK(name != fh_fault_name(FH_FAULT_KINDS));
}

static void names(void)
{
    each_size(NULL, name_of);
}

TESTS(oom_sweep) = {
    { "sizes", sizes },
    { "products", products },
    { "alignments", alignments },
    { "resizes", resizes },
    { "pointers", pointers },
    { "deferred", deferred },
    { "caches", caches },
    { "no_caches", no_caches },
    { "visits", visits },
    { "nothing", nothing },
    { "regions", regions },
    { "names", names },
    TESTS_END,
};
