/* SPDX-License-Identifier: MIT
 *
 * create.c - src/create.c: making, extending, trimming and ending a heap.
 */
#include "harness/rig.h"

static struct rig rig;

/* A port with a ledger of whole acquisitions. */
enum { LOANS = 16, LOAN = 16384 };

static size_t lent[LOANS];
static size_t minimum;

static unsigned char *loan(unsigned i)
{
    return rig_memory + 65536 + i * (LOAN + 4096) + i;
}

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->acquires++;
    minimum = least;
    for (unsigned i = 0; i < LOANS; i++) {
        if (lent[i] == 0 && least <= LOAN) {
            lent[i] = *got = LOAN - i;
            return loan(i);
        }
    }
    return NULL;
}

/* What comes back is what was given: the same start, the same size. */
static void release(void *ctx, void *mem, size_t bytes)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->releases++;
    unsigned i = 0;
    while (i < LOANS && loan(i) != mem)
        i++;
    REQUIRE(i < LOANS);
    EQUAL(bytes, lent[i]);
    lent[i] = 0;
}

static unsigned loans(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < LOANS; i++)
        n += lent[i] != 0;
    return n;
}

static void prepare(void)
{
    for (unsigned i = 0; i < LOANS; i++)
        lent[i] = 0;
    rig_prepare(&rig);
    rig.port.acquire = acquire;
    rig.port.release = release;
}

/* fh_create(NULL, 0, port) asks for as much as the smallest heap needs, and no more than a page. */
static void from_the_port(void)
{
    prepare();
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    EQUAL(rig.acquires, 1);
    CHECK(minimum <= 4096);
    EQUAL(loans(), 1);
    CHECK(fh_malloc(rig.heap, 100) != NULL);
    EQUAL(rig.acquires, 1);
    rig_sound(&rig);
    EQUAL(fh_destroy(rig.heap), LOAN);
    EQUAL(loans(), 0);
}

static void from_the_port_with_a_size(void)
{
    prepare();
    rig.heap = fh_create(NULL, 9000, &rig.port);
    REQUIRE(rig.heap != NULL);
    CHECK(minimum >= 9000);
    fh_destroy(rig.heap);
    CHECK(fh_create(NULL, 20000, &rig.port) == NULL);
    EQUAL(loans(), 0);
    CHECK(fh_create(NULL, 0, NULL) == NULL);
    static const struct fh_port empty;
    CHECK(fh_create(NULL, 4096, &empty) == NULL);
}

/* A port that has too little for a heap gets it back. */
static size_t little;

static void *acquire_little(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    (void)least;
    *got = little;
    return loan(0);
}

static void take_back(void *ctx, void *mem, size_t bytes)
{
    struct rig *r = ctx;
    r->releases++;
    CHECK(mem == loan(0));
    EQUAL(bytes, little);
}

static void from_a_port_with_too_little(void)
{
    bool ever = false;
    for (little = 0; little < 2048; little += 4) {
        rig_prepare(&rig);
        rig.port.acquire = acquire_little;
        rig.port.release = take_back;
        rig.heap = fh_create(NULL, 0, &rig.port);
        CHECK(rig.heap != NULL || !ever);
        EQUAL(rig.releases, rig.heap == NULL);
        ever |= rig.heap != NULL;
    }
    CHECK(ever);
}

/* A kibibyte is a heap that serves, with a port that grows and without, and so is what is left of one that lies badly. */
static void a_kibibyte_works(void)
{
    for (unsigned grows = 0; grows < 2; grows++) {
        for (size_t offset = 0; offset < 16; offset++) {
            prepare();
            if (!grows)
                rig.port.acquire = NULL;
            rig.heap = fh_create(rig_memory + offset, 1024, &rig.port);
            REQUIRE(rig.heap != NULL);
            struct fh_stats stats;
            fh_stats(rig.heap, &stats);
            CHECK(stats.largest_free >= 400);
            rig.port.acquire = NULL;
            unsigned n = 0;
            while (fh_malloc(rig.heap, 20) != NULL)
                n++;
            CHECK(n >= 10);
            rig_sound(&rig);
        }
    }
}

static void too_small_is_refused(void)
{
    rig_prepare(&rig);
    for (size_t size = 0; size < 100; size++)
        CHECK(fh_create(rig_memory, size, &rig.port) == NULL);
    CHECK(rig_zero(rig_memory, 4096));
}

/* trim gives idle regions back, but never the first, nor one that is in use, nor memory of the caller. */
static void trim(void)
{
    prepare();
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL && fh_add_region(rig.heap, rig_memory, 5000) != 0);
    void *ptr[6];
    for (unsigned i = 0; i < 6; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 9000)) != NULL);
    EQUAL(loans(), 6);
    void *small = fh_malloc(rig.heap, 6000);
    EQUAL(fh_trim(rig.heap), 0);
    for (unsigned i = 0; i < 6; i++) {
        fh_free(rig.heap, ptr[i]);
        rig_sound(&rig);
    }
    fh_trim(rig.heap);
    rig_sound(&rig);
    CHECK(loans() >= 1 && loans() <= 2);
    fh_free(rig.heap, small);
    fh_trim(rig.heap);
    EQUAL(loans(), 1);
    CHECK(lent[0] != 0);
    EQUAL(rig_sum(&rig).regions, 2);
    EQUAL(fh_trim(rig.heap), 0);
    EQUAL(fh_destroy(rig.heap), LOAN);
    EQUAL(loans(), 0);
}

/* free gives a region back by itself once it is idle and another free block is as large. */
static void free_gives_back(void)
{
    prepare();
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    void *ptr[8];
    for (unsigned i = 0; i < 8; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 12000)) != NULL);
    EQUAL(loans(), 8);
    for (unsigned i = 0; i < 8; i++) {
        fh_free(rig.heap, ptr[i]);
        rig_sound(&rig);
    }
    CHECK(loans() <= 3);
}

/* Without release nothing goes back, and what touches is joined whoever it came from. */
static void nothing_goes_back(void)
{
    prepare();
    rig.port.release = NULL;
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    void *a = fh_malloc(rig.heap, 12000);
    void *b = fh_malloc(rig.heap, 12000);
    fh_free(rig.heap, a);
    fh_free(rig.heap, b);
    EQUAL(fh_trim(rig.heap), 0);
    EQUAL(loans(), 2);
    unsigned regions = (unsigned)rig_sum(&rig).regions;
    CHECK(fh_add_region(rig.heap, loan(1) + lent[1], 2000) != 0);
    EQUAL(rig_sum(&rig).regions, regions);
    rig_sound(&rig);
    EQUAL(fh_destroy(rig.heap), 0);
}

/* Memory of the caller that touches memory of the port stays apart: what comes back must be what was given. */
static void owners_stay_apart(void)
{
    prepare();
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    void *a = fh_malloc(rig.heap, 12000);
    void *b = fh_malloc(rig.heap, 12000);
    EQUAL(loans(), 2);
    CHECK(fh_add_region(rig.heap, loan(1) + lent[1], 2000) != 0);
    CHECK(fh_add_region(rig.heap, loan(1) - 2000, 2000) != 0);
    EQUAL(rig_sum(&rig).regions, 4);
    fh_free(rig.heap, b);
    fh_free(rig.heap, a);
    rig_sound(&rig);
    fh_trim(rig.heap);
    EQUAL(loans(), 1);
    rig_sound(&rig);
}

TESTS(unit_create) = {
    { "promise7_from_the_port", from_the_port },
    { "promise7_from_the_port_with_a_size", from_the_port_with_a_size },
    { "promise7_from_a_port_with_too_little", from_a_port_with_too_little },
    { "promise7_a_kibibyte_works", a_kibibyte_works },
    { "promise7_too_small_is_refused", too_small_is_refused },
    { "promise5_trim", trim },
    { "promise5_free_gives_back", free_gives_back },
    { "nothing_goes_back", nothing_goes_back },
    { "owners_stay_apart", owners_stay_apart },
    TESTS_END
};
