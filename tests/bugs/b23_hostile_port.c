/* SPDX-License-Identifier: MIT
 *
 * b23_hostile_port.c - B23: a port whose acquire and release do the worst: use the heap they serve, fail, give less, give memory
 * of any place and alignment, give what the heap has already.
 */
#include "harness/rig.h"

enum { HOME = 4096 };

/* What acquire does when it is called; a tactic ends by returning memory or NULL. */
typedef void *tactic(struct rig *rig, size_t least, size_t *got);

static tactic *tactic_now;
static unsigned depth;
static unsigned deepest;
static unsigned calls;

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 0);
    calls++;
    depth++;
    if (depth > deepest)
        deepest = depth;
    REQUIRE(depth < 64 && calls < 10000);
    void *mem = tactic_now(rig, least, got);
    depth--;
    return mem;
}

static void open(struct rig *rig, tactic *first)
{
    rig_large_only();
    tactic_now = first;
    depth = deepest = calls = 0;
    rig_prepare(rig);
    rig->port.acquire = acquire;
    rig->heap = fh_create(rig_memory, HOME, &rig->port);
    REQUIRE(rig->heap != NULL);
}

static unsigned char *ground(size_t offset)
{
    return rig_memory + 65536 + offset;
}

static void *refuse(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    (void)least;
    *got = 12345;
    return NULL;
}

static void *serve(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    *got = least;
    return least < RIG_MEMORY / 2 ? ground(0) : NULL;
}

/* One request that the home region cannot meet. */
static void *large(struct rig *rig)
{
    return fh_malloc(rig->heap, 10000);
}

static void it_fails(void)
{
    struct rig rig;
    open(&rig, refuse);
    CHECK(large(&rig) == NULL);
    EQUAL(calls, 1);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, 1);
    CHECK(fh_aligned_alloc(rig.heap, 256, 10000) == NULL && fh_calloc(rig.heap, 10000, 1) == NULL && fh_realloc(rig.heap, NULL, 10000) == NULL);
    EQUAL(calls, 4);
    CHECK(fh_malloc(rig.heap, 100) != NULL);
    rig_sound(&rig);
}

static void *sane_request(struct rig *rig, size_t least, size_t *got)
{
    CHECK(least > 10000 && least < 10000 + 256);
    return serve(rig, least, got);
}

static void it_is_asked_once_for_enough(void)
{
    struct rig rig;
    open(&rig, sane_request);
    CHECK(large(&rig) != NULL);
    EQUAL(calls, 1);
    rig_sound(&rig);
}

/* Allocates from the heap, a small block that is there and a large one that is not. */
static void *allocates(struct rig *rig, size_t least, size_t *got)
{
    void *small = fh_malloc(rig->heap, 50);
    CHECK(small != NULL);
    rig_fill(small, 50, 1);
    fh_malloc(rig->heap, 20000);
    CHECK(rig_filled(small, 50, 1));
    fh_free(rig->heap, small);
    CHECK(fh_check(rig->heap) == FH_OK);
    return depth == 1 ? serve(rig, least, got) : NULL;
}

static void it_allocates(void)
{
    struct rig rig;
    open(&rig, allocates);
    CHECK(large(&rig) != NULL);
    CHECK(deepest > 1 && deepest <= 16);
    rig_sound(&rig);
}

/* Never does anything but ask for more: the recursion ends by itself. */
static void *only_asks(struct rig *rig, size_t least, size_t *got)
{
    (void)got;
    CHECK(fh_malloc(rig->heap, least) == NULL);
    CHECK(fh_aligned_alloc(rig->heap, 64, least) == NULL);
    return NULL;
}

static void it_only_asks(void)
{
    struct rig rig;
    open(&rig, only_asks);
    CHECK(large(&rig) == NULL);
    CHECK(deepest <= 16);
    rig_sound(&rig);
    /* And is not refused for good. */
    tactic_now = serve;
    CHECK(large(&rig) != NULL);
    rig_sound(&rig);
}

static void *kept;

/* Takes nearly all there is, and returns a request that only its memory can meet. */
static size_t keep_most(struct rig *rig)
{
    struct fh_stats stats;
    fh_stats(rig->heap, &stats);
    kept = fh_malloc(rig->heap, stats.largest_free - 100);
    REQUIRE(kept != NULL && calls == 0);
    return stats.largest_free - 300;
}

/* Frees a block, so that the request could be met without the memory that is returned. */
static void *frees(struct rig *rig, size_t least, size_t *got)
{
    fh_free(rig->heap, kept);
    kept = NULL;
    return serve(rig, least, got);
}

static void it_frees(void)
{
    struct rig rig;
    open(&rig, frees);
    size_t size = keep_most(&rig);
    CHECK(fh_malloc(rig.heap, size) != NULL);
    EQUAL(calls, 1);
    rig_sound(&rig);
}

/* Frees, and has no memory: what it freed must do. */
static void *frees_only(struct rig *rig, size_t least, size_t *got)
{
    (void)least;
    (void)got;
    fh_free(rig->heap, kept);
    kept = NULL;
    return NULL;
}

static void it_frees_only(void)
{
    struct rig rig;
    open(&rig, frees_only);
    size_t size = keep_most(&rig);
    CHECK(fh_malloc(rig.heap, size) != NULL);
    EQUAL(calls, 1);
    rig_sound(&rig);
}

static size_t given;

static void *less(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    (void)least;
    *got = given;
    return ground(given % 16);
}

static unsigned released;

static void count_release(void *ctx, void *mem, size_t bytes)
{
    (void)ctx;
    EQUAL(bytes, given);
    CHECK(mem == ground(given % 16));
    released++;
}

/* Less than it was asked for, down to nothing: taken if a block fits, else given back at once; the request fails. */
static void it_gives_less(void)
{
    for (given = 0; given < 600; given++) {
        struct rig rig;
        released = 0;
        open(&rig, less);
        rig.port.release = count_release;
        rig.heap = fh_create(rig_memory, HOME, &rig.port);
        CHECK(large(&rig) == NULL);
        EQUAL(calls, 1);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).regions + released, 2);
        if (given > 200)
            EQUAL(released, 0);
        size_t trimmed = released == 0 ? given : 0;
        EQUAL(fh_trim(rig.heap), trimmed);
        EQUAL(released, 1);
        rig_sound(&rig);
    }
}

static size_t shift;

static void *misaligned(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    *got = least;
    return ground(shift);
}

static void it_gives_any_alignment(void)
{
    for (shift = 0; shift < 40; shift++) {
        for (size_t size = 5000; size < 5040; size++) {
            struct rig rig;
            open(&rig, misaligned);
            unsigned char *ptr = fh_malloc(rig.heap, size);
            CHECK(ptr != NULL && ptr >= ground(shift));
            rig_fill(ptr, size, 1);
            rig_sound(&rig);
        }
    }
}

/* Right behind or right before what the heap has: joined, and no less than enough. */
static unsigned char *edge;

static void *above(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    unsigned char *mem = edge;
    edge += least;
    *got = least;
    return mem;
}

static void *below(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    edge -= least;
    *got = least;
    return edge;
}

static void adjacent(tactic *t, unsigned char *start)
{
    struct rig rig;
    edge = start;
    open(&rig, t);
    for (unsigned i = 0; i < 20; i++) {
        size_t size = 5000 + i * 7;
        unsigned char *ptr = fh_malloc(rig.heap, size);
        REQUIRE(ptr != NULL);
        rig_fill(ptr, size, i);
        rig_sound(&rig);
    }
}

static void it_gives_what_is_adjacent(void)
{
    adjacent(above, rig_memory + HOME);
    adjacent(above, ground(0));
    adjacent(below, ground(500000));
}

/* What the heap has already, in part or in whole. */
static unsigned char *overlap_from;
static size_t overlap_bytes;

static void *overlapping(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    (void)least;
    *got = overlap_bytes;
    return overlap_from;
}

static void refused_as_bad_region(struct rig *rig)
{
    size_t free_bytes = rig_sum(rig).free_bytes;
    CHECK(large(rig) == NULL);
    EQUAL(rig->faults, 1);
    EQUAL(rig->fault.kind, FH_BAD_REGION);
    rig->faults = 0;
    rig_sound(rig);
    EQUAL(rig_sum(rig).regions, 1);
    EQUAL(rig_sum(rig).free_bytes, free_bytes);
}

static void it_gives_what_is_not_its_own(void)
{
    struct rig rig;
    open(&rig, overlapping);
    unsigned char *home = ground(0);
    rig.heap = fh_create(home, HOME, &rig.port);
    void *inside = fh_malloc(rig.heap, 2000);
    REQUIRE(inside != NULL);
    static const size_t bytes[] = { 1, 100, HOME, 20000 };
    for (unsigned i = 0; i < 4; i++) {
        overlap_bytes = bytes[i];
        overlap_from = home;
        refused_as_bad_region(&rig);
        overlap_from = home + HOME - 1;
        refused_as_bad_region(&rig);
        overlap_from = inside;
        refused_as_bad_region(&rig);
        overlap_from = home - (bytes[i] - 1);
        refused_as_bad_region(&rig);
    }
    overlap_from = ground(65536);
    overlap_bytes = SIZE_MAX;
    refused_as_bad_region(&rig);
    overlap_bytes = SIZE_MAX - (uintptr_t)overlap_from + 2;
    refused_as_bad_region(&rig);
}

/* A release that uses the heap. */
static unsigned char *lent;

static void *lend(struct rig *rig, size_t least, size_t *got)
{
    (void)rig;
    if (lent != NULL)
        return NULL;
    *got = least + 50000;
    return lent = ground(0);
}

static void release_and_use(void *ctx, void *mem, size_t bytes)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 0);
    CHECK(mem == lent && bytes > 50000);
    lent = NULL;
    rig->releases++;
    void *ptr = fh_malloc(rig->heap, 40);
    CHECK(ptr != NULL && (unsigned char *)ptr < rig_memory + HOME);
    fh_free(rig->heap, ptr);
    EQUAL(fh_check(rig->heap), FH_OK);
    fh_trim(rig->heap);
}

static void release_uses_the_heap(void)
{
    struct rig rig;
    lent = NULL;
    open(&rig, lend);
    rig.port.release = release_and_use;
    rig.heap = fh_create(rig_memory, HOME, &rig.port);
    for (unsigned i = 0; i < 50; i++) {
        void *ptr = large(&rig);
        REQUIRE(ptr != NULL);
        rig_sound(&rig);
        fh_free(rig.heap, ptr);
        fh_trim(rig.heap);
        rig_sound(&rig);
    }
    EQUAL(rig.releases, 50);
    CHECK(lent == NULL);
}

TESTS(bugs_b23_hostile_port) = {
    { "it_fails", it_fails },
    { "it_is_asked_once_for_enough", it_is_asked_once_for_enough },
    { "it_allocates", it_allocates },
    { "it_only_asks", it_only_asks },
    { "it_frees", it_frees },
    { "it_frees_only", it_frees_only },
    { "it_gives_less", it_gives_less },
    { "it_gives_any_alignment", it_gives_any_alignment },
    { "it_gives_what_is_adjacent", it_gives_what_is_adjacent },
    { "it_gives_what_is_not_its_own", it_gives_what_is_not_its_own },
    { "release_uses_the_heap", release_uses_the_heap },
    TESTS_END
};
