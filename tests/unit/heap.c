/* SPDX-License-Identifier: MIT
 *
 * heap.c - src/heap.c: what the public calls promise, beyond the classes of bugs in tests/bugs.
 */
#include "harness/rig.h"

static struct rig rig;

/* A port of one large mapping, given out a page's multiple at a time, that counts. */
static size_t given;

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->acquires++;
    *got = (least + 4095) / 4096 * 4096;
    unsigned char *mem = rig_memory + given;
    if (*got > RIG_MEMORY - given)
        return NULL;
    given += *got + 4096;
    return mem;
}

static void open_growing(void)
{
    rig_large_only();
    given = 0;
    rig_prepare(&rig);
    rig.port.acquire = acquire;
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
}

/* A small request does not cost a call to the port: a page serves very many. */
static void small_requests_share_a_page(void)
{
    open_growing();
    for (unsigned i = 0; i < 1000; i++)
        CHECK(fh_malloc(rig.heap, 24) != NULL);
    CHECK(rig.acquires >= 8 && rig.acquires <= 12);
    rig_sound(&rig);
}

/* A request larger than a page, and than any region, makes the port supply enough in one go. */
static void large_requests_in_one_go(void)
{
    open_growing();
    for (size_t size = 5000; size < 100000; size += 9973) {
        unsigned before = rig.acquires;
        unsigned char *ptr = fh_malloc(rig.heap, size);
        CHECK(ptr != NULL && rig.acquires == before + 1);
        rig_fill(ptr, size, 1);
        rig_sound(&rig);
    }
}

/* The same memory serves again without the port. */
static void what_is_freed_serves_again(void)
{
    open_growing();
    void *ptr[100];
    for (unsigned i = 0; i < 100; i++)
        ptr[i] = fh_malloc(rig.heap, 500);
    unsigned before = rig.acquires;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 100; i++)
            fh_free(rig.heap, ptr[(i * 37 + round) % 100]);
        for (unsigned i = 0; i < 100; i++)
            CHECK((ptr[i] = fh_malloc(rig.heap, 500)) != NULL);
    }
    EQUAL(rig.acquires, before);
}

/* Each public call takes the lock and gives it back, refusals and faults included. rig_lock and rig_unlock check the nesting and
 * the state that is handed over. */
static void every_call_locks(void)
{
    rig_open(&rig, rig_memory, 32768);
    struct fh_heap *h = rig.heap;
    struct fh_stats stats;
    unsigned n = rig.locks;
    void *ptr = fh_malloc(h, 10);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_calloc(h, 3, 5);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_aligned_alloc(h, 256, 5);
    CHECK(rig.locks > n);
    n = rig.locks;
    ptr = fh_realloc(h, ptr, 1000);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_resize(h, ptr, 5);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_usable_size(h, ptr);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_free(h, ptr);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_free(h, ptr);
    CHECK(rig.locks > n && rig.faults == 1);
    rig.faults = 0;
    n = rig.locks;
    CHECK(fh_malloc(h, 100000) == NULL);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_stats(h, &stats);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_check(h);
    CHECK(rig.locks > n);
    n = rig.locks;
    rig_sum(&rig);
    CHECK(rig.locks > n);
    n = rig.locks;
    fh_add_region(h, rig_memory + 65536, 1000);
    CHECK(rig.locks > n);
    EQUAL(rig.depth, 0);
    rig_sound(&rig);
}

/* A port without any member, and no port at all. */
static void without_a_port(void)
{
    static const struct fh_port empty;
    for (unsigned i = 0; i < 2; i++) {
        struct fh_heap *h = fh_create(rig_memory, 8192, i == 0 ? &empty : NULL);
        REQUIRE(h != NULL);
        void *ptr = fh_malloc(h, 100);
        CHECK(ptr != NULL && fh_malloc(h, 10000) == NULL);
        CHECK(fh_realloc(h, ptr, 200) == ptr);
        fh_free(h, ptr);
        EQUAL(fh_trim(h), 0);
        EQUAL(fh_check(h), FH_OK);
        EQUAL(fh_destroy(h), 0);
    }
}

static void zero_bytes(void)
{
    rig_open(&rig, rig_memory, 8192);
    void *a = fh_malloc(rig.heap, 0);
    void *b = fh_malloc(rig.heap, 0);
    void *c = fh_calloc(rig.heap, 0, 10);
    void *d = fh_calloc(rig.heap, 10, 0);
    void *e = fh_aligned_alloc(rig.heap, 64, 0);
    void *f = fh_realloc(rig.heap, NULL, 0);
    CHECK(a && b && c && d && e && f);
    CHECK(a != b && b != c && c != d && d != e && e != f && f != a);
    EQUAL(rig_sum(&rig).used_blocks, 6);
    CHECK(fh_realloc(rig.heap, a, 0) == a);
    EQUAL(rig_sum(&rig).used_blocks, 6);
    fh_free(rig.heap, a);
    fh_free(rig.heap, b);
    fh_free(rig.heap, c);
    fh_free(rig.heap, d);
    fh_free(rig.heap, e);
    fh_free(rig.heap, f);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).used_blocks, 0);
}

/* realloc: in place when it shrinks, in place when the next block is free and large enough, else to another place. */
static void realloc_in_place_if_it_can(void)
{
    rig_open(&rig, rig_memory, 16384);
    unsigned char *a = fh_malloc(rig.heap, 400);
    unsigned char *b = fh_malloc(rig.heap, 400);
    unsigned char *wall = fh_malloc(rig.heap, 400);
    REQUIRE(a != NULL && b != NULL && wall != NULL);
    rig_fill(a, 400, 1);
    CHECK(fh_realloc(rig.heap, a, 100) == a);
    CHECK(fh_realloc(rig.heap, a, 390) == a);
    fh_free(rig.heap, b);
    CHECK(fh_realloc(rig.heap, a, 800) == a);
    rig_sound(&rig);
    CHECK(fh_realloc(rig.heap, a, 100) == a);
    unsigned char *moved = fh_realloc(rig.heap, a, 900);
    CHECK(moved != NULL && moved != a && rig_filled(moved, 100, 1));
    rig_sound(&rig);
}

/* The tag is 4 bytes on every target: that is what a block costs beyond its payload. */
static void four_bytes_a_block(void)
{
    rig_open(&rig, rig_memory, 8192);
    unsigned char *a = fh_malloc(rig.heap, 4 * FH_GRANULE - 4);
    unsigned char *b = fh_malloc(rig.heap, 4 * FH_GRANULE - 3);
    unsigned char *c = fh_malloc(rig.heap, 1);
    unsigned char *d = fh_malloc(rig.heap, 1);
    EQUAL(b - a, 4 * FH_GRANULE);
    EQUAL(c - b, 5 * FH_GRANULE);
    EQUAL(d - c, 16);
    EQUAL(fh_usable_size(rig.heap, a), 4 * FH_GRANULE - 4);
}

/* Splits whenever the rest makes a block, and only then. */
static void splits(void)
{
    for (size_t hole = 64; hole < 256; hole++) {
        for (size_t size = 1; size < hole; size += 5) {
            rig_open(&rig, rig_memory, 4096);
            void *a = fh_malloc(rig.heap, hole);
            REQUIRE(a != NULL && fh_malloc(rig.heap, 1) != NULL);
            size_t whole = fh_usable_size(rig.heap, a) + 4;
            fh_free(rig.heap, a);
            a = fh_malloc(rig.heap, size);
            size_t taken = fh_usable_size(rig.heap, a) + 4;
            size_t least = (size + 4 + FH_GRANULE - 1) / FH_GRANULE * FH_GRANULE;
            least = least < 16 ? 16 : least;
            CHECK(taken == (whole - least < 16 ? whole : least) || taken == least);
            rig_sound(&rig);
        }
    }
}

/* Joins at once with both neighbours: in every order of freeing, one block is left. */
static void joins(void)
{
    static const unsigned order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (unsigned i = 0; i < 6; i++) {
        rig_open(&rig, rig_memory, 4096);
        void *ptr[3];
        for (unsigned k = 0; k < 3; k++)
            ptr[k] = fh_malloc(rig.heap, 50 + 30 * k);
        void *wall = fh_malloc(rig.heap, 1);
        unsigned expected[3] = { 2, order[i][0] == 1 || order[i][1] == 1 ? 2 : 3, 2 };
        for (unsigned k = 0; k < 3; k++) {
            fh_free(rig.heap, ptr[order[i][k]]);
            rig_sound(&rig);
            EQUAL(rig_sum(&rig).free_blocks, expected[k]);
        }
        fh_free(rig.heap, wall);
        EQUAL(rig_sum(&rig).free_blocks, 1);
    }
}

/* Heaps do not know each other: two that alternate, with ports of their own. */
static void several_heaps(void)
{
    static struct rig other;
    rig_open(&rig, rig_memory, 32768);
    rig_open(&other, rig_memory + 32768, 32768);
    struct dice dice = dice_from(test_seed());
    struct rig *both[2] = { &rig, &other };
    void *ptr[2][50] = { { 0 } };
    for (unsigned i = 0; i < 4000; i++) {
        unsigned which = dice_below(&dice, 2);
        uint32_t k = dice_below(&dice, 50);
        unsigned before = both[!which]->locks;
        if (ptr[which][k] != NULL) {
            CHECK(rig_filled(ptr[which][k], 40, which * 100 + k));
            fh_free(both[which]->heap, ptr[which][k]);
            ptr[which][k] = NULL;
        } else if ((ptr[which][k] = fh_malloc(both[which]->heap, 40 + dice_below(&dice, 700))) != NULL) {
            rig_fill(ptr[which][k], 40, which * 100 + k);
        }
        EQUAL(both[!which]->locks, before);
        rig_sound(&rig);
        rig_sound(&other);
    }
}

TESTS(unit_heap) = {
    { "promise1_small_requests_share_a_page", small_requests_share_a_page },
    { "promise1_large_requests_in_one_go", large_requests_in_one_go },
    { "promise1_what_is_freed_serves_again", what_is_freed_serves_again },
    { "promise2_four_bytes_a_block", four_bytes_a_block },
    { "promise3_splits", splits },
    { "promise3_joins", joins },
    { "promise5_realloc_in_place_if_it_can", realloc_in_place_if_it_can },
    { "promise6_every_call_locks", every_call_locks },
    { "promise6_several_heaps", several_heaps },
    { "without_a_port", without_a_port },
    { "zero_bytes", zero_bytes },
    TESTS_END
};
