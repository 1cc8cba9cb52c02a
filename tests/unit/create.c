/* SPDX-License-Identifier: MIT
 *
 * create.c - src/create.c: making, extending, trimming and ending a heap.
 */
#include "harness/rig.h"

#include "cache.h"

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
    /* It is somebody else's now. */
    rig_fill(mem, bytes, i);
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
    /* To no purpose, so that nobody is kept waiting: the lock is taken only where blocks are kept back. */
    unsigned locks = rig.locks;
    EQUAL(fh_trim(rig.heap), 0);
    EQUAL(rig.locks - locks, FH_IS_HARDENED);
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

/* What a heap must look like, from the memory alone. */
struct plan {
    uintptr_t place;
    uintptr_t lo;
    uintptr_t hi;
    uint32_t classes;
    bool fits;
};

static uintptr_t up(uintptr_t x)
{
    while (x % FH_GRANULE != 0)
        x++;
    return x;
}

/* The list of a size among all lists, from the definition: exact below 17 granules, then 8 to a doubling. */
static uint32_t class_among_all(size_t granules)
{
    size_t x = granules - 1;
    uint32_t shift = 0;
    while (x >> shift >= 16)
        shift++;
    return FH_MAX_CLASSES == 1 ? 0 : shift * 8 + (uint32_t)(x >> shift);
}

static struct plan plan_for(uintptr_t start, size_t size, bool grows)
{
    struct plan p = { .place = up(start), .hi = (start + size) / FH_GRANULE * FH_GRANULE };
    if (p.place >= p.hi)
        return p;
    size_t bytes = p.hi - p.place;
    size_t granules = bytes / FH_GRANULE;
    size_t needed = grows ? FH_MAX_CLASSES : class_among_all(granules / 2 + 1) + 1;
    size_t share = bytes / (grows ? 16 : 64);
    p.classes = (uint32_t)(needed < share ? needed : share);
    if (p.classes == 0)
        p.classes = 1;
    p.lo = up(p.place + FH_CONTROL_BYTES + 4 * (p.classes + (p.classes + 31) / 32) + 4);
    p.fits = p.lo + 16 <= p.hi && granules < FH_REACH;
    return p;
}

static void as_planned(unsigned char *mem, size_t size, bool grows)
{
    uintptr_t start = (uintptr_t)mem;
    struct plan p = plan_for(start, size, grows);
    rig_prepare(&rig);
    rig.port.acquire = grows ? acquire : NULL;
    struct fh_heap *h = fh_create(mem, size, &rig.port);
    EQUAL(h != NULL, p.fits);
    if (h == NULL)
        return;
    EQUAL((uintptr_t)h, p.place);
    EQUAL(h->lists.classes, p.classes);
    EQUAL(h->first.lo, p.lo);
    EQUAL(h->first.last, start + size - 1);
    EQUAL(h->lowest, p.lo);
    EQUAL(h->highest, p.hi);
    EQUAL(h->used, 0);
    EQUAL(h->total, (p.hi - p.lo) / FH_GRANULE);
    EQUAL((uintptr_t)h->top, p.lo);
    EQUAL(h->deferred | h->finish | h->growing | h->cache_count, 0);
    CHECK(h->port == &rig.port && h->caches == NULL && h->by_cpu == NULL);
    EQUAL(fh_region_start(&h->first), start);
    EQUAL(fh_region_bytes(&h->first), size);
    CHECK(!fh_region_is_acquired(&h->first));
    EQUAL(fh_check(h), FH_OK);
    if (test_failed())
        say("  of %z bytes at %x\n", (uintptr_t)size, start);
}

/* Every size, at every offset, to the byte; nothing is written outside, and nothing at all on refusal. */
static void every_size(void)
{
    for (size_t offset = 0; offset < 2 * FH_GRANULE && !test_failed(); offset += offset < 3 ? 1 : 5) {
        for (size_t size = 0; size < 1400 && !test_failed(); size++) {
            for (unsigned grows = 0; grows < 2; grows++) {
                unsigned char *mem = rig_memory + 64 + offset;
                rig_fill(rig_memory, 2048, 5);
                as_planned(mem, size, grows != 0);
                CHECK(rig_filled(rig_memory, 64 + offset, 5));
                rig_fill(rig_memory, 2048, 5);
                unsigned char *behind = mem + size;
                uint32_t key = behind[0];
                struct fh_heap *h = fh_create(mem, size, NULL);
                EQUAL(behind[0], key);
                if (h == NULL)
                    CHECK(rig_filled(rig_memory, 2048, 5));
            }
        }
    }
}

/* Sizes of every magnitude: how many lists there are. */
static void large_sizes(void)
{
    /* As far as links reach, where that is less than there are addresses. */
    size_t most = sizeof(size_t) > 4 ? (size_t)FH_REACH * FH_GRANULE : (size_t)1 << 28;
    unsigned char *mem = host_map(NULL, most + 4096);
    if (mem == NULL)
        test_skip("no memory to map");
    struct dice dice = dice_from(test_seed());
    for (size_t size = 2048; size <= most; size *= 2) {
        for (unsigned i = 0; i < 8; i++) {
            as_planned(mem, size / 8 * (4 + i % 4) + i / 4 * FH_GRANULE, false);
            as_planned(mem, size - dice_below(&dice, 1024), i % 2 == 0);
        }
        as_planned(mem, size, true);
        as_planned(mem, size, false);
        as_planned(mem, size - 1, true);
        as_planned(mem, size + FH_GRANULE, false);
    }
}

/* Without random numbers the secret differs from place to place all the same; with them it is what the port says. */
static void secrets(void)
{
    enum { PLACES = 200 };
    static uint32_t seen[PLACES];
    for (unsigned i = 0; i < PLACES; i++) {
        struct fh_heap *h = fh_create(rig_memory + i * 4096, 4096, NULL);
        REQUIRE(h != NULL);
        seen[i] = h->lists.space.secret;
        EQUAL(h->lists.mark, fh_list_mark(seen[i]));
        for (unsigned k = 0; k < i; k++)
            CHECK(seen[k] != seen[i]);
    }
    rig_open(&rig, rig_memory, 8192);
    uint32_t secret = rig.heap->lists.space.secret;
    EQUAL(secret, (uint32_t)rig.port.random(&rig));
}

/* What is refused because of its place: nothing is written. */
static void places_that_are_none(void)
{
    static const struct fh_port empty;
    for (size_t offset = 0; offset < 64 + FH_CONTROL_BYTES; offset++) {
        unsigned char *top = (unsigned char *)rig_launder((const void *)(UINTPTR_MAX - offset));
        CHECK(fh_create(top, offset + 2, &empty) == NULL);
        CHECK(fh_create(top, 4096, &empty) == NULL);
        CHECK(fh_create(top, SIZE_MAX, &empty) == NULL);
        CHECK(fh_create(top, 0, &empty) == NULL);
        if (offset < FH_CONTROL_BYTES)
            CHECK(fh_create(top, offset + 1, &empty) == NULL);
    }
    CHECK(fh_create(rig_memory, SIZE_MAX, &empty) == NULL);
    CHECK(fh_create(rig_memory, SIZE_MAX - (uintptr_t)rig_memory + 2, &empty) == NULL);
    rig_open(&rig, rig_memory, 8192);
    EQUAL(fh_add_region(rig.heap, NULL, 4096), 0);
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536, 0), 0);
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536, SIZE_MAX), 0);
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536, SIZE_MAX - (uintptr_t)rig_memory - 65536 + 2), 0);
    EQUAL(rig.faults, 0);
    CHECK(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    rig_sound(&rig);
}

/* Caches for the CPUs are made if the port has all that they need, and only for a heap that there is. */
static void caches_wanted(void)
{
    for (unsigned lacking = 0; lacking < 5; lacking++) {
        rig_prepare(&rig);
        rig.port.cache = lacking == 1 ? NULL : &fh_cpu_cache;
        rig.port.cpus = lacking == 2 ? 0 : 2;
        rig.port.cpu = lacking == 3 ? NULL : rig_only_cpu;
        rig.heap = fh_create(rig_memory, lacking == 4 ? 64 : 8192, &rig.port);
        EQUAL(rig.heap == NULL, lacking == 4);
        if (rig.heap != NULL) {
            EQUAL(rig.heap->by_cpu != NULL, lacking == 0);
            CHECK(fh_malloc(rig.heap, 100) != NULL);
            EQUAL(rig.heap->caches != NULL, lacking == 0);
        }
    }
}

/* Memory of the caller that is too small is not the port's; a port that takes nothing back is not asked to. */
static void nobodys_memory(void)
{
    rig_prepare(&rig);
    rig.port.release = take_back;
    CHECK(fh_create(rig_memory, 64, &rig.port) == NULL);
    EQUAL(rig.releases, 0);
    rig.port.acquire = acquire_little;
    rig.port.release = NULL;
    little = 64;
    CHECK(fh_create(NULL, 0, &rig.port) == NULL);
}

/* What is asked of the port: the size that the caller wants, or what a heap that serves needs. */
static void asked_of_the_port(void)
{
    prepare();
    rig.heap = fh_create(NULL, 0, &rig.port);
    size_t least = minimum;
    for (size_t size = 0; size < least + 20; size++) {
        prepare();
        rig.heap = fh_create(NULL, size, &rig.port);
        REQUIRE(rig.heap != NULL);
        EQUAL(minimum, size > least ? size : least);
    }
    prepare();
    rig.port.acquire = NULL;
    rig.heap = fh_create(rig_memory, least, &rig.port);
    REQUIRE(rig.heap != NULL);
    CHECK(fh_malloc(rig.heap, 200) != NULL);
    rig_sound(&rig);
}

/* A region of one block: the least that is accepted, and not a byte less. */
static void the_least_region(void)
{
    for (size_t offset = 0; offset < FH_GRANULE; offset++) {
        size_t least = 0;
        for (size_t size = 1; size < 200 && least == 0; size++) {
            rig_open(&rig, rig_memory, 8192);
            rig_fill(rig_memory + 65536, 512, 9);
            size_t added = fh_add_region(rig.heap, rig_memory + 65536 + offset, size);
            EQUAL(rig.faults, 0);
            if (added == 0) {
                CHECK(rig_filled(rig_memory + 65536, 512, 9));
                continue;
            }
            least = size;
            EQUAL(added, 16);
            rig_sound(&rig);
        }
        /* The header from the next granule on, a block of 16 bytes behind it, each whole. */
        EQUAL(least, up(offset) - offset + FH_HEADER_BYTES + 16);
    }
}

/* Memory of the port goes back when the heap ends, all of it and nothing else. */
static void the_end(void)
{
    for (unsigned own = 0; own < 2; own++) {
        prepare();
        rig.heap = fh_create(own ? rig_memory : NULL, own ? 8192 : 0, &rig.port);
        REQUIRE(rig.heap != NULL);
        for (unsigned i = 0; i < 7; i++)
            REQUIRE(fh_malloc(rig.heap, 12000) != NULL);
        REQUIRE(fh_add_region(rig.heap, rig_memory + 32768, 4096) != 0);
        CHECK(loans() >= 7);
        size_t all = 0;
        for (unsigned i = 0; i < LOANS; i++)
            all += lent[i];
        EQUAL(fh_destroy(rig.heap), all);
        EQUAL(loans(), 0);
        EQUAL(rig.faults, 0);
    }
    prepare();
    rig.heap = fh_create(rig_memory, 8192, &rig.port);
    EQUAL(fh_destroy(rig.heap), 0);
    EQUAL(rig.releases, 0);
}

/* Damage that is met by adding a region or by giving some back is reported. */
static void damage_on_the_way(void)
{
    rig_open(&rig, rig_memory, 8192);
    rig_poke((void *)(rig.heap->highest - 4), 0x13131313);
    /* Not joined to a region that does not end as it should, but taken. */
    CHECK(fh_add_region(rig.heap, rig_memory + 8192, 4096) != 0);
    CHECK(rig.faults == 1 && rig.fault.kind == FH_BAD_TAG && rig.fault.ptr == rig_memory + 8192);

    prepare();
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    void *ptr[4];
    for (unsigned i = 0; i < 4; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 12000)) != NULL);
    rig.port.release = NULL;
    for (unsigned i = 0; i < 4; i++)
        fh_free(rig.heap, ptr[i]);
    rig.port.release = release;
    EQUAL(loans(), 4);
    for (unsigned i = 0; i < 4; i++) {
        if (ptr[i] != rig.heap->top)
            rig_poke(ptr[i], 0x13131313);
    }
    fh_trim(rig.heap);
    CHECK(rig.faults != 0 && rig.fault.kind == FH_BAD_LINK && rig.fault.ptr == NULL);
    rig.faults = 0;
    rig_sound(&rig);
}

/* Blocks that wait in a cache do not keep a region from going back, and the cache does not look where it was. */
static void trim_with_caches(void)
{
    prepare();
    rig.port.cache = &fh_cpu_cache;
    rig.port.cpus = 1;
    rig.port.cpu = rig_only_cpu;
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    fh_free(rig.heap, fh_malloc(rig.heap, 1));
    struct fh_cache *c = rig.heap->by_cpu[0];
    REQUIRE(c != NULL);
    static void *ptr[4000];
    unsigned n = 0;
    while (n < 4000 && loans() < 4)
        REQUIRE((ptr[n++] = fh_malloc(rig.heap, c->most_bytes)) != NULL);
    EQUAL(loans(), 4);
    for (unsigned i = 0; i < n; i++) {
        c->room += 1000000 - c->limit;
        c->limit = 1000000;
        fh_free(rig.heap, ptr[i]);
    }
    CHECK(c->span != 0);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    CHECK(stats.bytes_cached >= n * c->most_bytes);
    unsigned locks = rig.locks;
    CHECK(fh_trim(rig.heap) != 0);
    CHECK(rig.locks > locks && rig.depth == 0);
    EQUAL(c->span, 0);
    fh_stats(rig.heap, &stats);
    EQUAL(stats.bytes_cached, 0);
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
    { "every_size", every_size },
    { "large_sizes", large_sizes },
    { "secrets", secrets },
    { "places_that_are_none", places_that_are_none },
    { "the_end", the_end },
    { "damage_on_the_way", damage_on_the_way },
    { "trim_with_caches", trim_with_caches },
    { "caches_wanted", caches_wanted },
    { "nobodys_memory", nobodys_memory },
    { "asked_of_the_port", asked_of_the_port },
    { "the_least_region", the_least_region },
    TESTS_END
};
