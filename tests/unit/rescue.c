/* SPDX-License-Identifier: MIT
 *
 * rescue.c - src/rescue.c: what is asked of the port, what becomes of each thing that it may answer, and what goes back to it.
 * Ports that misbehave at length are in tests/bugs/b23_hostile_port.c.
 */
#include "harness/rig.h"

#include "cache.h"

enum { HEAP = 8192 };

static struct rig rig;
static size_t asked;            /* the least that was asked for last */
static unsigned char *answer;   /* what is given, and how much; NULL: nothing */
static size_t answer_bytes;     /* 0: what was asked */
static void *returned;
static size_t returned_bytes;

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->acquires++;
    asked = least;
    *got = answer_bytes != 0 ? answer_bytes : least;
    return answer;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->releases++;
    returned = mem;
    returned_bytes = bytes;
}

static void open(void)
{
    rig_prepare(&rig);
    rig.port.acquire = acquire;
    rig.port.release = release;
    rig.heap = fh_create(rig_memory, HEAP, &rig.port);
    REQUIRE(rig.heap != NULL);
    EQUAL(rig.acquires, 0);
    answer = NULL;
    answer_bytes = 0;
    returned = NULL;
}

/* What is asked for is enough wherever it lies, and no more than a granule at either end is too much. */
static void what_is_asked_for(void)
{
    for (size_t size = HEAP; size < HEAP + 100; size += 3) {
        for (size_t align = 1; align <= 1024; align *= 4) {
            bool plain = align <= FH_GRANULE;
            size_t needed = fh_granules_with(plain ? FH_USED : FH_ALIGNED, size) * (size_t)FH_GRANULE + FH_HEADER_BYTES;
            open();
            CHECK(fh_aligned_alloc(rig.heap, align, size) == NULL);
            EQUAL(rig.acquires, 1);
            EQUAL(asked, needed + 2 * FH_GRANULE + (plain ? 0 : align + FH_GRANULE));
            for (size_t offset = 0; offset < (plain ? FH_GRANULE : align); offset += plain ? 1 : align / 8) {
                open();
                answer = rig_memory + 131072 + offset;
                unsigned char *ptr = fh_aligned_alloc(rig.heap, align, size);
                CHECK(ptr >= answer && ptr + size <= answer + asked && (uintptr_t)ptr % align == 0);
                EQUAL(rig.acquires, 1);
                rig_sound(&rig);
            }
        }
    }
    /* An alignment that no memory has is not asked for. */
    size_t huge = SIZE_MAX / 8 + 1;
    open();
    CHECK(fh_aligned_alloc(rig.heap, huge, 8) == NULL);
    EQUAL(rig.acquires, 1);
    CHECK(asked > huge);
    CHECK(fh_aligned_alloc(rig.heap, huge * 2, 8) == NULL && fh_aligned_alloc(rig.heap, huge * 4, 8) == NULL);
    EQUAL(rig.acquires, 1);
    rig_sound(&rig);
    /* Neither is a block as large as the address space with what goes around it. */
    if (sizeof(size_t) > 4)
        return;
    open();
    CHECK(fh_malloc(rig.heap, FH_MAX_REQUEST) == NULL && fh_aligned_alloc(rig.heap, 64, FH_MAX_REQUEST - 64) == NULL);
    EQUAL(rig.acquires, 0);
    rig_sound(&rig);
}

/* Without acquire nobody is asked. */
static void nobody_to_ask(void)
{
    open();
    rig.port.acquire = NULL;
    CHECK(fh_malloc(rig.heap, HEAP) == NULL);
    EQUAL(rig.acquires, 0);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

/* A port whose acquire comes back to the heap is asked as often at once as there are CPUs, and four times more. */
static unsigned deepest;

static void *ask_again(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    (void)least;
    (void)got;
    r->acquires++;
    EQUAL(r->heap->growing, r->acquires);
    if (r->acquires > deepest)
        deepest = r->acquires;
    CHECK(fh_malloc(r->heap, 2 * HEAP) == NULL);
    return NULL;
}

static void depth(void)
{
    for (unsigned cpus = 0; cpus < 3; cpus++) {
        open();
        rig.port.acquire = ask_again;
        rig.port.cpus = cpus;
        deepest = 0;
        CHECK(fh_malloc(rig.heap, HEAP) == NULL);
        EQUAL(deepest, cpus + 4);
        EQUAL(rig.heap->growing, 0);
        rig_sound(&rig);
    }
}

/* Memory that is too small for a block, or none at all, goes back as it came, if the port takes any. */
static void too_small(void)
{
    for (size_t bytes = 1; bytes < FH_HEADER_BYTES + 16; bytes++) {
        open();
        answer = rig_memory + 131072;
        answer_bytes = bytes;
        CHECK(fh_malloc(rig.heap, HEAP) == NULL);
        CHECK(returned == answer);
        EQUAL(returned_bytes, bytes);
        EQUAL(rig.releases, 1);
        EQUAL(rig.faults, 0);
        rig_sound(&rig);
        open();
        rig.port.release = NULL;
        answer = rig_memory + 131072;
        answer_bytes = bytes;
        CHECK(fh_malloc(rig.heap, HEAP) == NULL);
        EQUAL(rig.faults, 0);
        rig_sound(&rig);
    }
}

static void *give_none(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    (void)least;
    r->acquires++;
    *got = 0;
    return rig_memory + 131072;
}

static void none_at_all(void)
{
    open();
    rig.port.acquire = give_none;
    CHECK(fh_malloc(rig.heap, HEAP) == NULL);
    EQUAL(rig.releases, 1);
    EQUAL(returned_bytes, 0);
    CHECK(returned == rig_memory + 131072);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

/* Memory that cannot be the port's is reported and kept out of both hands. */
static void impossible(void)
{
    for (unsigned who = 0; who < 3; who++) {
        open();
        answer = who == 0 ? rig_memory + 100 : who == 1 ? (unsigned char *)rig_launder((const void *)(UINTPTR_MAX - 1000)) : rig_memory + 65536;
        answer_bytes = who == 2 ? SIZE_MAX - 65536 : 5000;
        CHECK(fh_malloc(rig.heap, HEAP) == NULL);
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, FH_BAD_REGION);
        CHECK(rig.fault.ptr == NULL);
        if (who != 0)
            EQUAL(rig.fault.found, (uint32_t)(uintptr_t)answer);
        if (who == 2)
            EQUAL(rig.fault.expected, 0);
        EQUAL(rig.releases, 0);
        rig.faults = 0;
        rig_sound(&rig);
    }
}

/* Damage that the request met is reported, and the request is met all the same if there is memory: without the port. */
static void damage_first(void)
{
    open();
    unsigned char *ptr[6];
    for (unsigned i = 0; i < 6; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
    fh_free(rig.heap, ptr[1]);
    fh_free(rig.heap, ptr[3]);
    struct fh_lists *l = &rig.heap->lists;
    for (unsigned i = 1; i < 4; i += 2) {
        if ((struct fh_block *)(void *)ptr[i] != rig.heap->victim)
            rig_poke(ptr[i] - 4, 0x13131313);
    }
    CHECK(l->blame.kind == FH_OK);
    unsigned char *got = fh_malloc(rig.heap, 100);
    CHECK(got != NULL);
    EQUAL(rig.faults, 1);
    CHECK(rig.fault.ptr == NULL);
    EQUAL(rig.acquires, 0);
    EQUAL(rig.depth, 0);
}

/* The same beside caches: what was found after mending is the answer, and nothing is taken twice. */
static void damage_beside_caches(void)
{
    open();
    rig.port.cache = &fh_cpu_cache;
    REQUIRE(fh_cache_open(rig.heap) != NULL);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, ptr);
    rig_poke(ptr - 4, 0x13131313);
    size_t used = rig.heap->used;
    unsigned char *got = fh_malloc(rig.heap, 100);
    CHECK(got != NULL);
    EQUAL(rig.faults, 1);
    EQUAL((rig.heap->used - used) * FH_GRANULE, fh_usable_size(rig.heap, got) + 4);
}

/* Damage that is met only when the port's memory is entered: reported, mended, and the memory entered all the same. */
static void damage_met_by_growth(void)
{
    open();
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && rig.heap->top != NULL);
    struct fh_lists *l = &rig.heap->lists;
    uint32_t class = fh_class_of(l, fh_pool_top_size(rig.heap));
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    *fh_head_of(l, class) = fh_link_to(l, (struct fh_block *)(void *)ptr);
    fh_map_set(l, class);
    answer = rig_memory + 131072;
    answer_bytes = 4 * HEAP;
    unsigned char *large = fh_malloc(rig.heap, 3 * HEAP);
    CHECK(large >= answer && large < answer + 4 * HEAP);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_LINK);
    EQUAL(rig.acquires, 1);
    EQUAL(rig.releases, 0);
    EQUAL(rig.heap->highest, (uintptr_t)answer + answer_bytes);
    rig.faults = 0;
    rig_sound(&rig);
}

/* A port that does something to the heap meanwhile. */
enum meanwhile { HARM, FREE, HARM_AND_NOTHING, FORGET_BYTES };
static enum meanwhile meanwhile;
static void *before_top;

static void *acquire_and(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    size_t before = *got;
    unsigned char *mem = acquire(ctx, least, got);
    if (meanwhile == HARM || meanwhile == HARM_AND_NOTHING)
        r->heap->top = before_top;
    if (meanwhile == FREE)
        fh_free(r->heap, before_top);
    if (meanwhile == FORGET_BYTES)
        *got = before;
    return meanwhile == HARM_AND_NOTHING ? NULL : mem;
}

static void met_after_growth(void)
{
    for (meanwhile = HARM; meanwhile <= FORGET_BYTES; meanwhile++) {
        open();
        rig.port.acquire = acquire_and;
        REQUIRE(fh_malloc(rig.heap, 100) != NULL);
        before_top = fh_malloc(rig.heap, 3000);
        REQUIRE(before_top != NULL);
        answer = meanwhile == FREE ? rig_memory : rig_memory + 131072;
        answer_bytes = 4 * HEAP;
        /* What the block before the top and the top have together, or more than the heap has. */
        size_t size = meanwhile == FREE ? fh_pool_top_size(rig.heap) * (size_t)FH_GRANULE + 1000 : 3 * HEAP;
        unsigned char *got = fh_malloc(rig.heap, size);
        EQUAL(rig.acquires, 1);
        EQUAL(rig.depth, 0);
        EQUAL(rig.faults, meanwhile != FORGET_BYTES);
        EQUAL(rig.heap->lists.blame.kind, FH_OK);
        EQUAL(got != NULL, meanwhile < HARM_AND_NOTHING);
        if (meanwhile == FREE) {
            CHECK(got == before_top);
            CHECK(rig.fault.kind == FH_BAD_REGION && rig.fault.block == NULL);
        }
        if (meanwhile == HARM) {
            EQUAL(rig.fault.kind, FH_BAD_CONTROL);
            CHECK(got >= answer && got < answer + answer_bytes);
            const struct fh_region *r = fh_region_over(&rig.heap->lists.space, (uintptr_t)got, (uintptr_t)got);
            EQUAL(fh_region_bytes(r), answer_bytes);
            CHECK(fh_region_is_acquired(r));
            EQUAL(rig.releases, 0);
        }
        if (meanwhile == FORGET_BYTES) {
            /* Nothing was given, so that all of it goes back. */
            EQUAL(rig.releases, 1);
            EQUAL(returned_bytes, 0);
        }
        rig.faults = 0;
        rig_sound(&rig);
    }
}

/* Too small for any block, though damage was mended first: it goes back. */
static void too_small_after_harm(void)
{
    open();
    meanwhile = HARM;
    rig.port.acquire = acquire_and;
    REQUIRE(fh_malloc(rig.heap, 100) != NULL);
    before_top = fh_malloc(rig.heap, 3000);
    answer = rig_memory + 131072;
    answer_bytes = FH_GRANULE;
    CHECK(fh_malloc(rig.heap, 3 * HEAP) == NULL);
    EQUAL(rig.releases, 1);
    CHECK(returned == answer && returned_bytes == FH_GRANULE);
}

/* What is cached serves before the port is asked, also what is too large for a cache. */
static void caches_before_the_port(void)
{
    void *ptr[4];
    open();
    rig.port.cache = &fh_cpu_cache;
    rig.port.cpus = 1;
    rig.port.cpu = rig_only_cpu;
    rig.heap = fh_create(rig_memory, HEAP, &rig.port);
    REQUIRE(rig.heap != NULL && fh_malloc(rig.heap, 1) != NULL);
    struct fh_cache *c = rig.heap->by_cpu[0];
    REQUIRE(c != NULL);
    const size_t size = c->most_bytes;
    for (unsigned i = 0; i < 4; i++)
        REQUIRE((ptr[i] = fh_malloc_from_pool(rig.heap, (uint32_t)c->most, size)) != NULL);
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    rig.acquires = 0;
    c->room += 1000 - c->limit;
    c->limit = 1000;
    for (unsigned i = 0; i < 4; i++)
        fh_free(rig.heap, ptr[i]);
    EQUAL(rig.port.cache->held(rig.heap), 4 * c->most);
    CHECK(fh_malloc(rig.heap, 2 * size) != NULL);
    EQUAL(rig.acquires, 0);
    EQUAL(rig.port.cache->held(rig.heap), 0);
    rig_sound(&rig);
}

/* A block that begins its region is freed, and the search for its region finds none. */
static void region_not_found(void)
{
    open();
    void *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr == (void *)rig.heap->first.lo && fh_malloc(rig.heap, 100) != NULL);
    size_t used = rig.heap->used;
    rig.heap->lists.space.root_check ^= 1;
    fh_free(rig.heap, ptr);
    CHECK(rig.heap->used < used);
    EQUAL(rig.releases, 0);
    EQUAL(rig.faults, 0);
}

/* An idle region goes back when another free block is as large; neither the first one nor the caller's ever do. */
static void what_is_shed(void)
{
    for (unsigned callers = 0; callers < 2; callers++) {
        open();
        answer = rig_memory + 131072;
        answer_bytes = 3 * HEAP;
        void *first = fh_malloc(rig.heap, 2 * HEAP);
        answer = rig_memory + 262144;
        void *second = fh_malloc(rig.heap, 2 * HEAP);
        REQUIRE(first != NULL && second != NULL);
        EQUAL(rig.acquires, 2);
        if (callers)
            REQUIRE(fh_add_region(rig.heap, rig_memory + 524288, 5 * HEAP) != 0);
        fh_free(rig.heap, first);
        EQUAL(rig.releases, callers);
        if (callers)
            CHECK(returned == rig_memory + 131072 && returned_bytes == 3 * HEAP);
        rig_sound(&rig);
        fh_free(rig.heap, second);
        EQUAL(rig.releases, callers + 1);
        CHECK(returned == rig_memory + 262144 && returned_bytes == 3 * HEAP);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).regions, 2);
        void *again = fh_malloc(rig.heap, 2 * HEAP);
        EQUAL(rig.acquires, 2);
        fh_free(rig.heap, again);
        EQUAL(rig.releases, callers + 1);
        EQUAL(rig_sum(&rig).regions, 2);
        rig_sound(&rig);
    }
}

/* Damage that is met when a region could go back: it stays, and what was met is reported by the free that met it. A header that is damaged is not
 * even found: no report, and the check knows. */
static void damage_met_by_shedding(void)
{
    for (unsigned header = 0; header < 2; header++) {
        open();
        answer_bytes = 3 * HEAP;
        void *ptr[3];
        for (unsigned i = 0; i < 3; i++) {
            answer = rig_memory + 131072 * (i + 1);
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 2 * HEAP)) != NULL);
        }
        EQUAL(rig.acquires, 3);
        if (header) {
            fh_free(rig.heap, ptr[0]);
            /* The heap still looks at the region, so that the pointer is none of another one. */
            CHECK(fh_usable_size(rig.heap, ptr[2]) != 0);
            struct fh_region *r = fh_region_over(&rig.heap->lists.space, (uintptr_t)ptr[2], (uintptr_t)ptr[2]);
            r->check ^= 0x100;
            fh_free(rig.heap, ptr[2]);
            EQUAL(rig.releases, 0);
            EQUAL(rig.faults, 0);
            EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
            continue;
        }
        /* The block of another region, before which this one is listed: whether it would do instead is not known. */
        fh_free(rig.heap, ptr[0]);
        EQUAL(rig.releases, 0);
        struct fh_block *other = (struct fh_block *)ptr[0];
        *fh_tag_of(other) ^= 0x100;
        uint32_t found = fh_tag_open(rig.heap->lists.space.secret, other);
        fh_free(rig.heap, ptr[1]);
        EQUAL(rig.releases, 0);
        CHECK(rig_reported(&rig, FH_BAD_TAG, NULL, other));
        EQUAL(rig.fault.found, found);
        EQUAL(rig.heap->lists.blame.kind, FH_OK);
        CHECK(fh_malloc(rig.heap, 2 * HEAP) == ptr[1]);
        EQUAL(rig.faults, 0);
    }
}

/* Memory of the caller that is idle stays, though another free block is as large. */
static void the_callers_stays(void)
{
    open();
    REQUIRE(fh_add_region(rig.heap, rig_memory + 524288, 5 * HEAP) != 0 && fh_add_region(rig.heap, rig_memory + 262144, 4 * HEAP) != 0);
    void *large = fh_malloc(rig.heap, 4 * HEAP);
    void *second = fh_malloc(rig.heap, 3 * HEAP);
    REQUIRE(large != NULL && second != NULL);
    EQUAL(rig.acquires, 0);
    fh_free(rig.heap, large);
    fh_free(rig.heap, second);
    EQUAL(rig.releases, 0);
    EQUAL(rig_sum(&rig).regions, 3);
    rig_sound(&rig);
}

/* Caches do not look again at a region that goes. */
static void caches_forget(void)
{
    open();
    rig.port.cache = &fh_cpu_cache;
    struct fh_cache *c = fh_cache_open(rig.heap);
    REQUIRE(c != NULL);
    answer = rig_memory + 131072;
    answer_bytes = 3 * HEAP;
    void *first = fh_malloc(rig.heap, 2 * HEAP);
    answer = rig_memory + 262144;
    void *second = fh_malloc(rig.heap, 2 * HEAP);
    REQUIRE(first != NULL && second != NULL);
    fh_free(rig.heap, first);
    EQUAL(rig.releases, 0);
    c->lo = rig.heap->first.lo;
    c->span = 64;
    fh_free(rig.heap, second);
    EQUAL(rig.releases, 1);
    EQUAL(c->span, 0);
    rig_sound(&rig);
}

TESTS(unit_rescue) = {
    { "what_is_asked_for", what_is_asked_for },
    { "nobody_to_ask", nobody_to_ask },
    { "depth", depth },
    { "too_small", too_small },
    { "none_at_all", none_at_all },
    { "impossible", impossible },
    { "damage_first", damage_first },
    { "damage_beside_caches", damage_beside_caches },
    { "the_callers_stays", the_callers_stays },
    { "damage_met_by_growth", damage_met_by_growth },
    { "met_after_growth", met_after_growth },
    { "too_small_after_harm", too_small_after_harm },
    { "caches_before_the_port", caches_before_the_port },
    { "region_not_found", region_not_found },
    { "what_is_shed", what_is_shed },
    { "caches_forget", caches_forget },
    { "damage_met_by_shedding", damage_met_by_shedding },
    TESTS_END
};
