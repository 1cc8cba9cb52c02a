/* SPDX-License-Identifier: MIT
 *
 * cache.c - src/cache.c: the caches of CPUs in front of a heap, under a model and the whole oracle.
 *
 * To the pool a cached block is a used one, so the walk and the statistics hold with caches as without; what is cached is counted
 * apart.
 */
#include "harness/caches.h"

#include "cache.h"

enum { SLOTS = 120 };

static struct rig rig;

static void open(size_t bytes)
{
    open_with_caches(&rig, bytes);
}

static struct tally cached(void)
{
    struct tally t = tally_of(rig.heap);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.bytes_cached, t.cached_bytes);
    return t;
}

/* Blocks come from one CPU and go back on another; contents hold, nothing overlaps, the checker is content after each call. */
static void random_work(void)
{
    static unsigned char *ptr[SLOTS];
    static size_t size[SLOTS];
    struct dice dice = dice_from(test_seed());
    open(200000);
    bool ever = false;
    for (unsigned i = 0; i < 6000 && !test_failed(); i++) {
        uint32_t k = dice_below(&dice, SLOTS);
        cpu_now = dice_below(&dice, CPUS);
        if (ptr[k] == NULL) {
            size[k] = dice_below(&dice, dice_below(&dice, 10) == 0 ? 3000 : 200);
            ptr[k] = fh_malloc(rig.heap, size[k]);
            REQUIRE(ptr[k] != NULL);
            CHECK((uintptr_t)ptr[k] % FH_GRANULE == 0 && fh_usable_size(rig.heap, ptr[k]) >= size[k]);
            rig_fill(ptr[k], size[k], k);
        } else {
            CHECK(rig_filled(ptr[k], size[k], k));
            if (dice_below(&dice, 5) == 0) {
                size_t wanted = dice_below(&dice, 400);
                unsigned char *now = fh_realloc(rig.heap, ptr[k], wanted);
                REQUIRE(now != NULL);
                CHECK(rig_filled(now, wanted < size[k] ? wanted : size[k], k));
                ptr[k] = now;
                size[k] = wanted;
                rig_fill(now, wanted, k);
            } else {
                fh_free(rig.heap, ptr[k]);
                ptr[k] = NULL;
            }
        }
        rig_sound(&rig);
        ever |= cached().cached_blocks != 0;
    }
    CHECK(ever);
    /* The share of the heap that waits in caches is bounded. */
    CHECK(cached().cached_bytes <= 200000 / 16);
}

/* Work of that size, until the caches hold some. */
static void warm_up(size_t size)
{
    void *ptr[64];
    for (unsigned i = 0; i < 64; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, size)) != NULL);
    for (unsigned i = 0; i < 64; i++)
        fh_free(rig.heap, ptr[i]);
    REQUIRE(cached().cached_blocks != 0);
}

/* What is cached is given back before a request is refused. */
static void drained_before_refusal(void)
{
    open(RIG_MEMORY);
    warm_up(24);
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    EQUAL(cached().cached_blocks, 0);
    rig_sound(&rig);
}

/* A second free is known while the block waits in a cache, on the CPU that freed it and on any other. */
static void double_free(void)
{
    for (unsigned other = 0; other < CPUS; other++) {
        open(RIG_MEMORY);
        warm_up(40);
        unsigned char *ptr = fh_malloc(rig.heap, 40);
        unsigned char *next = fh_malloc(rig.heap, 40);
        REQUIRE(ptr != NULL && next != NULL);
        fh_free(rig.heap, next);
        fh_free(rig.heap, ptr);
        REQUIRE(cached().cached_blocks >= 2);
        cpu_now = other;
        fh_free(rig.heap, ptr);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        fh_free(rig.heap, next);
        rig_reported(&rig, FH_DOUBLE_FREE, next, next);
        CHECK(fh_realloc(rig.heap, ptr, 10) == NULL);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        EQUAL(fh_usable_size(rig.heap, ptr), 0);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        rig_sound(&rig);
        void *a = fh_malloc(rig.heap, 40);
        void *b = fh_malloc(rig.heap, 40);
        CHECK(a != NULL && b != NULL && a != b);
    }
}

/* Wrong pointers go the long way and are known there. */
/* Does any word in there open as a tag, as one in 4096 does by chance? */
static bool holds_tags(const unsigned char *ptr, size_t bytes)
{
    bool any = false;
    for (size_t i = FH_GRANULE; i < bytes; i += FH_GRANULE)
        any |= fh_is_tag(fh_tag_open(rig.heap->lists.space.secret, (const struct fh_block *)(const void *)(ptr + i)));
    return any;
}

static void wrong_pointers(void)
{
    open(RIG_MEMORY);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL);
    uint32_t key = 0;
    do
        rig_fill(ptr, 100, ++key);
    while (holds_tags(ptr, 100));
    for (size_t i = 1; i < 100; i++) {
        fh_free(rig.heap, ptr + i);
        rig_reported(&rig, i % FH_GRANULE != 0 ? FH_MISALIGNED : FH_NOT_A_BLOCK, ptr + i, ptr + i);
    }
    void *outside = rig_launder(&rig);
    outside = (void *)((uintptr_t)outside & ~(uintptr_t)(FH_GRANULE - 1));
    fh_free(rig.heap, outside);
    rig_reported(&rig, FH_FOREIGN, outside, outside);
    rig_sound(&rig);
    CHECK(rig_filled(ptr, 100, key));
}

/* A link of a cached block that was overwritten is not followed. */
static void write_after_free(void)
{
    for (uint32_t key = 0; key < 40; key++) {
        open(RIG_MEMORY);
        void *ptr[10];
        for (unsigned i = 0; i < 10; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
        for (unsigned i = 0; i < 10; i++)
            fh_free(rig.heap, ptr[i]);
        rig_fill(ptr[9], 40, key);
        for (unsigned i = 0; i < 200; i++) {
            unsigned char *p = fh_malloc(rig.heap, 40);
            if (p == NULL)
                continue;
            CHECK(p >= rig_memory && p + 40 <= rig_memory + RIG_MEMORY && (uintptr_t)p % FH_GRANULE == 0);
            rig_fill(p, 40, i);
        }
        CHECK(rig.faults != 0);
        rig.faults = 0;
    }
}

/* What follows looks inside: caches that their users hold, one thing at a time. */

static struct fh_block *block(void *ptr)
{
    return (struct fh_block *)ptr;
}

static uint32_t granules_at(const void *ptr)
{
    return (uint32_t)((fh_usable_size(rig.heap, ptr) + 4) / FH_GRANULE);
}

/* A heap whose port has caches but no CPUs, and in it a cache with room. */
static struct fh_cache *open_held(size_t bytes)
{
    rig_prepare(&rig);
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, bytes, &rig.port);
    REQUIRE(rig.heap != NULL);
    struct fh_cache *c = fh_cache_open(rig.heap);
    REQUIRE(c != NULL);
    return c;
}

static void widen(struct fh_cache *c)
{
    c->room += 1000000 - c->limit;
    c->limit = 1000000;
}

/* Gives the cache all the room that there is, and its region, as a slow call would. */
static void make_room(struct fh_cache *c)
{
    widen(c);
    c->lo = rig.heap->first.lo;
    c->span = fh_hi_for(rig.heap->first.last) - c->lo;
}

static size_t held_granules(void)
{
    return rig.port.cache->held(rig.heap);
}

/* How large the largest cached block is, from the share that the heads may take; and the other words of a new cache. */
static void opening(void)
{
    for (size_t bytes = 4096; bytes <= RIG_MEMORY; bytes += bytes < 65536 ? 1024 : bytes < 262144 ? 4096 + FH_GRANULE : 65536) {
        struct fh_cache *c = open_held(bytes);
        size_t share = rig.heap->total * FH_GRANULE / 256 / sizeof(void *);
        size_t most = share < 4 ? 4 : share > 2048 / FH_GRANULE ? 2048 / FH_GRANULE : share;
        EQUAL(c->most, most);
        EQUAL(c->most_bytes, most * FH_GRANULE - 4);
        EQUAL(c->cursor, most);
        EQUAL(c->secret, rig.heap->lists.space.secret);
        CHECK(c->heap == rig.heap && c->next == NULL && rig.heap->caches == c);
        EQUAL(rig.heap->cache_count, 1);
        EQUAL(c->span, 0);
        EQUAL(c->busy | c->asked, 0);
        EQUAL(c->room, c->limit);
        for (size_t g = 0; g <= most; g++)
            CHECK(*fh_quick_head(c, g) == fh_quick_end(rig.heap));
        /* And where one that is mended has a head more. */
        struct fh_block **behind = (struct fh_block **)((uintptr_t)c + fh_payload_bytes(fh_used_size(fh_tag_open(c->secret, block(c)))));
        for (size_t g = most + 1; g <= 2048 / FH_GRANULE && fh_quick_head(c, g) + 1 <= behind; g++)
            CHECK(*fh_quick_head(c, g) == fh_quick_end(rig.heap));
        CHECK((uintptr_t)(fh_quick_head(c, most) + 1) <= (uintptr_t)c + fh_payload_bytes(fh_used_size(fh_tag_open(c->secret, block(c)))));
        CHECK(fh_is_own(block(c)) && fh_is_marked(c->secret, block(c)));
        /* Nobody else can free it. */
        fh_free(rig.heap, c);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, c, c));
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.bytes_cached, 0);
        EQUAL(cached().cached_blocks, 0);
        fh_cache_close(c);
        EQUAL(rig.heap->cache_count, 0);
        CHECK(rig.heap->caches == NULL);
        EQUAL(rig_sum(&rig).used_blocks, 0);
        rig_sound(&rig);
    }
    rig_open(&rig, rig_memory, 8192);
    CHECK(fh_cache_open(rig.heap) == NULL);
    EQUAL(rig.heap->used, 0);
    rig_prepare(&rig);
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, 8192, &rig.port);
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    CHECK(fh_cache_open(rig.heap) == NULL && rig.heap->caches == NULL);
    EQUAL(rig.heap->cache_count, 0);
    rig_sound(&rig);
}

/* What a user wrote is no mark, whatever it looks like: the link leads nowhere, to a block without one, to itself, or round. Such a
 * block is used like any other and freed, once. */
static void looks_marked(void)
{
    for (unsigned who = 0; who < 9 * 3; who++) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        uint32_t secret = c->secret;
        size_t size = who < 9 ? 40 : who < 18 ? 100 : 3000;
        unsigned char *ptr[5];
        for (unsigned i = 0; i < 5; i++) {
            REQUIRE((ptr[i] = fh_malloc(rig.heap, size)) != NULL);
            rig_fill(ptr[i], size, i);
        }
        make_room(c);
        size_t used = rig.heap->used;
        uint32_t n = granules_at(ptr[0]);
        uintptr_t place = (uintptr_t)ptr[0];
        const uintptr_t link[9] = { 0, place, (uintptr_t)ptr[4], (uintptr_t)ptr[1], (uintptr_t)rig.heap, (uintptr_t)c, UINTPTR_MAX,
            (uintptr_t)ptr[1] + FH_GRANULE / 2, (uintptr_t)rig_launder(&rig) };
        fh_quick_push(secret, block(ptr[0]), (const struct fh_block *)link[who % 9]);
        /* Two more, with which it makes a ring where it leads to the first of them. */
        fh_quick_push(secret, block(ptr[1]), block(ptr[2]));
        fh_quick_push(secret, block(ptr[2]), block(ptr[0]));
        CHECK(fh_is_marked(secret, block(ptr[0])));
        CHECK(!fh_cache_put(c, block(ptr[0])));
        EQUAL(fh_usable_size(rig.heap, ptr[0]), fh_payload_bytes(n));
        CHECK(fh_resize(rig.heap, ptr[0], size - 1));
        if (link[who % 9] != place && link[who % 9] != (uintptr_t)ptr[1])
            EQUAL(tally_of(rig.heap).cached_blocks, link[who % 9] == (uintptr_t)c ? 3 : 2);
        /* The beginning of an own block, without its mark, in one that is looked at twice. */
        unsigned char *aligned = fh_aligned_alloc(rig.heap, 64, 100);
        REQUIRE(aligned != NULL);
        *fh_quick_link_of(block(aligned)) = ~(uintptr_t)aligned;
        fh_unmark(block(aligned));
        CHECK(fh_usable_size(rig.heap, aligned) >= 100);
        fh_free(rig.heap, aligned);
        fh_cache_free(c, ptr[0]);
        EQUAL(rig.faults, 0);
        EQUAL(rig.heap->used, used - n);
        fh_cache_free(c, ptr[0]);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[0], ptr[0]));
        void *moved = fh_realloc(rig.heap, ptr[1], size + 1000);
        CHECK(moved != NULL);
        CHECK(rig_filled(ptr[3], size, 3) && rig_filled(ptr[4], size, 4));
        fh_cache_free(c, moved);
        fh_cache_free(c, ptr[2]);
        fh_cache_free(c, ptr[3]);
        fh_cache_free(c, ptr[4]);
        EQUAL(rig.faults, 0);
        fh_cache_close(c);
        EQUAL(rig.heap->used, 0);
        EQUAL(rig.faults, 0);
    }
}

/* The same by a cache of the CPU's. */
static void looks_marked_to_a_cpu(void)
{
    open(RIG_MEMORY);
    warm_up(40);
    unsigned char *ptr = fh_malloc(rig.heap, 40);
    REQUIRE(ptr != NULL);
    size_t waiting = cached().cached_blocks;
    fh_quick_push(rig.heap->lists.space.secret, block(ptr), NULL);
    for (cpu_now = 0; cpu_now < CPUS; cpu_now++)
        EQUAL(fh_usable_size(rig.heap, ptr), fh_payload_bytes(granules_at(ptr)));
    cpu_now = CPUS - 1;
    fh_free(rig.heap, ptr);
    EQUAL(rig.faults, 0);
    EQUAL(cached().cached_blocks, waiting);
    rig_sound(&rig);
}

/* A block that does wait is known from each place in the list, of whatever cache it is. */
static void waits_anywhere(void)
{
    enum { MANY = 40 };
    struct fh_cache *c[2];
    c[0] = open_held(RIG_MEMORY);
    REQUIRE((c[1] = fh_cache_open(rig.heap)) != NULL);
    unsigned char *ptr[MANY];
    for (unsigned i = 0; i < MANY; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
    make_room(c[0]);
    make_room(c[1]);
    for (unsigned i = 0; i < MANY; i++)
        fh_cache_free(c[0], ptr[i]);
    EQUAL(cached().cached_blocks, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        for (unsigned who = 0; who < 2; who++) {
            fh_cache_free(c[who], ptr[i]);
            CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[i], ptr[i]));
        }
        fh_free(rig.heap, ptr[i]);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[i], ptr[i]));
    }
    EQUAL(cached().cached_blocks, MANY);
    rig_sound(&rig);
}

/* The largest size that is cached, and the next one, which has no list. */
static void largest_that_is_listed(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    make_room(c);
    for (uint32_t n = (uint32_t)c->most - 1; n <= c->most + 1; n++) {
        unsigned char *ptr[3];
        for (unsigned i = 0; i < 3; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, fh_payload_bytes(n))) != NULL);
        fh_cache_free(c, ptr[0]);
        fh_quick_push(c->secret, block(ptr[1]), fh_quick_end(rig.heap));
        if (n <= c->most) {
            EQUAL(fh_usable_size(rig.heap, ptr[0]), 0);
            CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[0], ptr[0]));
        }
        EQUAL(fh_usable_size(rig.heap, ptr[1]), fh_payload_bytes(n));
    }
}

/* The way leads through another region. What comes after it looks at the block's own. */
static void leads_to_another_region(void)
{
    for (unsigned own = 0; own < 2; own++) {
        rig_prepare(&rig);
        rig.port.cache = &fh_cpu_cache;
        rig.heap = fh_create(rig_memory + (own ? 0 : 262144), 65536, &rig.port);
        REQUIRE(rig.heap != NULL);
        struct fh_cache *c = fh_cache_open(rig.heap);
        unsigned char *ptr = fh_malloc(rig.heap, 40);
        REQUIRE(c != NULL && ptr != NULL);
        while (fh_malloc(rig.heap, 100) != NULL || fh_malloc(rig.heap, 1) != NULL)
            continue;
        REQUIRE(fh_add_region(rig.heap, rig_memory + (own ? 262144 : 0), 65536) != 0);
        unsigned char *far = fh_malloc(rig.heap, 40);
        REQUIRE(far != NULL);
        widen(c);
        c->asked = 0;
        fh_cache_free(c, far);
        EQUAL(cached().cached_blocks, 1);
        fh_quick_push(c->secret, block(ptr), block(far));
        size_t used = rig.heap->used;
        uint32_t word = *fh_tag_of(block(ptr));
        fh_tag_seal(c->secret, block(ptr), fh_tag_for(FH_USED, 65536 / FH_GRANULE));
        EQUAL(fh_usable_size(rig.heap, ptr), 0);
        CHECK(rig_reported(&rig, FH_NOT_A_BLOCK, ptr, ptr));
        *fh_tag_of(block(ptr)) = word;
        fh_free(rig.heap, ptr);
        EQUAL(rig.faults, 0);
        EQUAL(rig.heap->used, used - fh_granules_for(40));
        EQUAL(fh_usable_size(rig.heap, far), 0);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, far, far));
        rig_sound(&rig);
    }
}

/* What a cache gives back bears no mark. */
static void given_back_without_a_mark(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && fh_malloc(rig.heap, 1) != NULL);
    make_room(c);
    fh_cache_free(c, ptr);
    CHECK(*fh_mark_of(block(ptr)) != 0);
    fh_cache_close(c);
    EQUAL(*fh_mark_of(block(ptr)), 0);
}

/* A block that begins with the address of one that was freed, and with a mark that is right: no list leads to it. Where a list leads
 * nowhere, it might. */
static void leads_to_what_waits(void)
{
    for (unsigned broken = 0; broken < 4; broken++) {
        struct fh_cache *c[3];
        c[0] = open_held(RIG_MEMORY);
        for (unsigned i = 1; i < 3; i++)
            REQUIRE((c[i] = fh_cache_open(rig.heap)) != NULL);
        unsigned char *ptr[6];
        for (unsigned i = 0; i < 6; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
        unsigned char *large = fh_malloc(rig.heap, 3000);
        unsigned char *end = fh_malloc(rig.heap, 40);
        unsigned char *end_of_none = fh_malloc(rig.heap, 40);
        REQUIRE(large != NULL && end != NULL && end_of_none != NULL);
        for (unsigned i = 0; i < 3; i++)
            make_room(c[i]);
        for (unsigned i = 0; i < 4; i++)
            fh_cache_free(c[i / 2], ptr[i]);
        fh_quick_push(c[0]->secret, block(large), block(ptr[3]));
        fh_quick_push(c[0]->secret, block(ptr[4]), block(ptr[broken]));
        fh_quick_push(c[0]->secret, block(end), fh_quick_end(rig.heap));
        size_t used = rig.heap->used;
        uint32_t n = granules_at(ptr[5]);
        fh_free(rig.heap, large);
        fh_free(rig.heap, end);
        fh_free(rig.heap, ptr[4]);
        EQUAL(rig.faults, 0);
        EQUAL(rig.heap->used, used - 2 * n - fh_granules_for(3000));
        *fh_mark_of(block(ptr[broken])) ^= 1;
        fh_quick_push(c[0]->secret, block(end_of_none), NULL);
        fh_free(rig.heap, end_of_none);
        EQUAL(rig.faults, 0);
        fh_quick_push(c[0]->secret, block(ptr[5]), broken != 0 ? block(ptr[(broken + 2) % 4]) : fh_quick_end(rig.heap));
        fh_free(rig.heap, ptr[5]);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[5], ptr[5]));
        EQUAL(fh_usable_size(rig.heap, ptr[(broken + 2) % 4]), 0);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[(broken + 2) % 4], ptr[(broken + 2) % 4]));
        *fh_mark_of(block(ptr[broken])) ^= 1;
        EQUAL(fh_usable_size(rig.heap, ptr[5]), fh_payload_bytes(n));
        fh_free(rig.heap, ptr[5]);
        EQUAL(rig.faults, 0);
        rig_sound(&rig);
    }
}

/* A list may be longer than is looked. What waits deep in it is known by where it leads; a mark that leads nowhere is a program's there, and
 * where the list is damaged ahead of it. What was freed behind a block that was written to since, too, as far as is looked. */
static void waits_deep(void)
{
    enum { DEPTH = 64, MANY = DEPTH + 40 };
    for (unsigned broken = 0; broken < MANY; broken += broken < DEPTH - 4 || broken > DEPTH + 2 ? 7 : 1) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        struct fh_cache *other = fh_cache_open(rig.heap);
        unsigned char *ptr[MANY];
        REQUIRE(other != NULL);
        make_room(c);
        /* Of this one, the last freed is the first on the list. */
        for (unsigned i = 0; i < MANY; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
        unsigned char *looks_so = fh_malloc(rig.heap, 40);
        unsigned char *leads_so = fh_malloc(rig.heap, 40);
        REQUIRE(looks_so != NULL && leads_so != NULL);
        for (unsigned i = MANY; i-- != 0;)
            fh_cache_free(c, ptr[i]);
        size_t used = rig.heap->used;
        for (unsigned i = 0; i < MANY; i++) {
            EQUAL(fh_usable_size(rig.heap, ptr[i]), 0);
            CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[i], ptr[i]));
        }
        uint32_t n = granules_at(looks_so);
        const uintptr_t nowhere[] = { 0, 1, (uintptr_t)c, (uintptr_t)rig.heap, UINTPTR_MAX, (uintptr_t)leads_so };
        for (unsigned i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
            fh_quick_push(c->secret, block(looks_so), (const struct fh_block *)nowhere[i]);
            if (nowhere[i] != (uintptr_t)c)
                EQUAL(fh_usable_size(rig.heap, looks_so), fh_payload_bytes(n));
        }
        EQUAL(rig.faults, 0);
        fh_quick_push(c->secret, block(leads_so), block(ptr[0]));
        EQUAL(fh_usable_size(rig.heap, leads_so), 0);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, leads_so, leads_so));
        *fh_mark_of(block(ptr[broken])) ^= 1;
        for (unsigned i = 0; i < MANY; i++) {
            /* The one that leads to it is known as far as is looked; all others by where they lead. */
            bool lost = i + 1 == broken && i > DEPTH;
            if (i == broken)
                continue;
            EQUAL(fh_usable_size(rig.heap, ptr[i]), lost ? fh_payload_bytes(n) : 0);
            if (!lost)
                CHECK(rig_reported(&rig, FH_DOUBLE_FREE, ptr[i], ptr[i]));
        }
        *fh_mark_of(block(ptr[broken])) ^= 1;
        EQUAL(rig.heap->used, used);
        EQUAL(rig.faults, 0);
        fh_cache_close(other);
        fh_cache_close(c);
        rig_sound(&rig);
    }
}

/* A request that no cache meets is not refused while the cache that was asked holds what would meet it, nor does a cache keep what
 * others need if such requests are all it gets. */
static void large_empties_its_cache(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    unsigned char *first = NULL;
    unsigned char *ptr;
    make_room(c);
    c->keep = SIZE_MAX;
    while ((ptr = fh_malloc(rig.heap, 1000)) != NULL) {
        *(unsigned char **)(void *)ptr = first;
        first = ptr;
    }
    while (first != NULL) {
        ptr = *(unsigned char **)(void *)first;
        fh_cache_free(c, first);
        first = ptr;
    }
    CHECK(held_granules() != 0);
    size_t held = held_granules();
    CHECK(fh_cache_malloc(c, SIZE_MAX) == NULL);
    EQUAL(held_granules(), held);
    ptr = fh_cache_malloc(c, RIG_MEMORY / 2);
    CHECK(ptr != NULL);
    EQUAL(held_granules(), 0);
    EQUAL(rig.faults, 0);
    CHECK(fh_cache_malloc(c, RIG_MEMORY / 2) == NULL);
    rig_sound(&rig);
    /* What others asked for is given at once, and nothing that nobody asked for. */
    make_room(c);
    c->keep = SIZE_MAX;
    c->asked = 0;
    CHECK((ptr = fh_malloc(rig.heap, 1000)) != NULL && (first = fh_malloc(rig.heap, 1000)) != NULL);
    fh_cache_free(c, ptr);
    CHECK(fh_cache_malloc(c, 3000) != NULL);
    CHECK(held_granules() != 0);
    c->asked = 1;
    CHECK(fh_cache_malloc(c, SIZE_MAX) == NULL);
    CHECK(held_granules() != 0);
    CHECK(fh_cache_malloc(c, 3000) != NULL);
    EQUAL(held_granules(), 0);
    EQUAL(c->asked, 0);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

/* Damage that comes between the heap's refusal and the cache's own try is reported by that. */
static bool is_armed;
static void (*plain_unlock)(void *ctx, uintptr_t state);

static void break_the_top(void *ctx, uintptr_t state)
{
    plain_unlock(ctx, state);
    if (is_armed)
        rig.heap->top = (struct fh_block *)rig.heap->first.lo;
    is_armed = false;
}

static void damaged_after_the_refusal(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    plain_unlock = rig.port.unlock;
    rig.port.unlock = break_the_top;
    is_armed = true;
    CHECK(fh_cache_malloc(c, RIG_MEMORY) == NULL);
    CHECK(!is_armed);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_CONTROL);
    rig.faults = 0;
    EQUAL(rig.heap->lists.blame.kind, FH_OK);
    rig_sound(&rig);
}

/* Closed in any order, the others stay on the list and what the one held is free again. */
static void closing(void)
{
    static const unsigned order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (unsigned k = 0; k < 6; k++) {
        struct fh_cache *c[3];
        c[0] = open_held(RIG_MEMORY);
        for (unsigned i = 1; i < 3; i++)
            REQUIRE((c[i] = fh_cache_open(rig.heap)) != NULL);
        EQUAL(rig.heap->cache_count, 3);
        for (unsigned i = 0; i < 3; i++) {
            void *ptr = fh_malloc(rig.heap, 100);
            make_room(c[i]);
            fh_cache_free(c[i], ptr);
            CHECK(*fh_quick_head(c[i], 104 / FH_GRANULE + (104 % FH_GRANULE != 0)) == ptr);
        }
        EQUAL(cached().cached_blocks, 3);
        EQUAL(held_granules() * FH_GRANULE, cached().cached_bytes);
        for (unsigned i = 0; i < 3; i++) {
            fh_cache_close(c[order[k][i]]);
            EQUAL(rig.heap->cache_count, 2 - i);
            EQUAL(cached().cached_blocks, 2 - i);
            EQUAL(rig_sum(&rig).used_blocks, 2 * (2 - i));
            rig_sound(&rig);
        }
        CHECK(rig.heap->caches == NULL);
    }
}

/* What the quick put takes: a used block, unmarked, of a size that is cached, in the region that the cache knows. */
static void what_is_put(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    unsigned char *second = fh_malloc(rig.heap, 100);
    unsigned char *large = fh_malloc(rig.heap, c->most_bytes + 1);
    unsigned char *most = fh_malloc(rig.heap, c->most_bytes);
    unsigned char *freed = fh_malloc(rig.heap, 100);
    REQUIRE(freed != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, freed);
    uint32_t n = granules_at(ptr);
    CHECK(!fh_cache_put(c, block(ptr)));
    make_room(c);
    intptr_t room = c->room;
    CHECK(!fh_cache_put(c, block(large)));
    CHECK(!fh_cache_put(c, block(freed)));
    CHECK(!fh_cache_put(c, block(ptr + FH_GRANULE)));
    CHECK(!fh_cache_put(c, (struct fh_block *)(c->lo - FH_GRANULE)));
    CHECK(!fh_cache_put(c, (struct fh_block *)(c->lo + c->span)));
    CHECK(!fh_cache_put(c, (struct fh_block *)rig_launder(&rig)));
    EQUAL(c->room, room);
    CHECK(fh_cache_put(c, block(ptr)));
    EQUAL(c->room, room - (intptr_t)n);
    CHECK(*fh_quick_head(c, n) == block(ptr) && fh_quick_next(block(ptr)) == fh_quick_end(rig.heap));
    CHECK(fh_is_marked(c->secret, block(ptr)));
    CHECK(!fh_cache_put(c, block(ptr)));
    CHECK(fh_cache_put(c, block(second)));
    CHECK(*fh_quick_head(c, n) == block(second) && fh_quick_next(block(second)) == block(ptr));
    EQUAL(c->room, room - 2 * (intptr_t)n);
    CHECK(fh_cache_put(c, block(most)));
    EQUAL(c->room, room - 2 * (intptr_t)n - (intptr_t)c->most);
    CHECK(fh_cache_take(c, c->most) == block(most));
    /* The first block of the region, and its last. */
    EQUAL((uintptr_t)c, c->lo);
    EQUAL(cached().cached_blocks, 2);
    rig_sound(&rig);
    CHECK(fh_cache_take(c, n) == block(second));
    EQUAL(*fh_mark_of(block(second)), 0);
    CHECK(fh_cache_take(c, n) == block(ptr));
    CHECK(fh_cache_take(c, n) == NULL);
    EQUAL(c->room, room);
    rig_sound(&rig);
}

/* What the quick take refuses: a head that is damaged in any bit of its tag, its mark or its link, or of another size. */
static void what_is_taken(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    unsigned char *other = fh_malloc(rig.heap, 200);
    uint32_t n = granules_at(ptr);
    make_room(c);
    CHECK(fh_cache_put(c, block(ptr)) && fh_cache_put(c, block(other)));
    for (unsigned bit = 0; bit < 32; bit++) {
        for (unsigned word = 0; word < 3; word++) {
            unsigned char *place = ptr + (word == 0 ? -4 : word == 1 ? 0 : (int)sizeof(uintptr_t));
            rig_poke(place, rig_peek(place) ^ (uint32_t)1 << bit);
            CHECK(fh_cache_take(c, n) == NULL);
            CHECK(*fh_quick_head(c, n) == block(ptr));
            rig_poke(place, rig_peek(place) ^ (uint32_t)1 << bit);
        }
    }
    *fh_quick_head(c, n) = block(other);
    CHECK(fh_cache_take(c, n) == NULL);
    *fh_quick_head(c, n) = (struct fh_block *)(c->lo + c->span);
    CHECK(fh_cache_take(c, n) == NULL);
    *fh_quick_head(c, n) = block(ptr);
    c->span = 0;
    CHECK(fh_cache_take(c, n) == NULL);
    make_room(c);
    CHECK(fh_cache_take(c, n) == block(ptr));
}

/* A damaged entry is met when its list is given back: reported for what it is, and only what lies behind it is lost. */
static void damaged_entries(void)
{
    for (unsigned who = 0; who < 7; who++) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        unsigned char *ptr[4];
        for (unsigned i = 0; i < 4; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
        unsigned char *apart = fh_malloc(rig.heap, 200);
        REQUIRE(apart != NULL && fh_malloc(rig.heap, 200) != NULL);
        uint32_t n = granules_at(ptr[0]);
        uint32_t m = granules_at(apart);
        make_room(c);
        for (unsigned i = 0; i < 4; i++)
            fh_cache_free(c, ptr[i]);
        fh_cache_free(c, apart);
        EQUAL(held_granules(), 4 * n + m);
        /* head -> 3 -> 2 -> 1 -> 0, and 2 is to be found out. */
        void *bad = ptr[2];
        enum fh_fault_kind kind = FH_BAD_LINK;
        uintptr_t expected = fh_mark_for(c->secret, block(ptr[2]));
        uintptr_t found = 0;
        switch (who) {
        case 0:     /* outside */
            bad = rig_launder(&rig);
            bad = (void *)((uintptr_t)bad & ~(uintptr_t)(FH_GRANULE - 1));
            *fh_quick_head(c, n) = block(bad);
            expected = 0;
            found = (uint32_t)(uintptr_t)bad;
            break;
        case 1:     /* misaligned */
            bad = ptr[2] + 4;
            *fh_quick_head(c, n) = block(bad);
            expected = 0;
            found = (uint32_t)(uintptr_t)bad;
            break;
        case 2:     /* unmarked */
            *fh_mark_of(block(ptr[2])) ^= 0x100;
            found = *fh_mark_of(block(ptr[2]));
            break;
        case 3:     /* another size */
            fh_tag_seal(c->secret, block(ptr[2]), fh_tag_for(FH_USED, n + m));
            kind = FH_BAD_TAG;
            expected = n;
            found = n + m;
            break;
        case 4:     /* no tag */
            for (uint32_t word = 0x13131313; word == 0x13131313 || fh_is_tag(fh_tag_open(c->secret, block(ptr[2]))); word++)
                rig_poke(ptr[2] - 4, word);
            kind = FH_NOT_A_BLOCK;
            expected = 0;
            found = fh_tag_open(c->secret, block(ptr[2]));
            break;
        case 5:     /* free already */
            fh_tag_seal(c->secret, block(ptr[2]), fh_tag_for(FH_FREE, n));
            kind = FH_DOUBLE_FREE;
            expected = FH_USED;
            found = FH_FREE;
            break;
        default:    /* another list's */
            bad = apart;
            *fh_quick_head(c, n) = block(apart);
            kind = FH_BAD_TAG;
            expected = n;
            found = m;
        }
        fh_cache_close(c);
        CHECK(rig.faults >= 1 && rig.faults <= 2);
        if (who != 6) {
            EQUAL(rig.faults, 1);
            EQUAL(rig.fault.kind, kind);
            CHECK(rig.fault.block == bad && rig.fault.ptr == NULL);
            EQUAL(rig.fault.expected, expected);
            EQUAL(rig.fault.found, found);
        }
        rig.faults = 0;
        if (who != 5 && who != 3)
            EQUAL(rig.heap->caches, NULL);
    }
}

/* A cached block behind which something is damaged is not joined to anything: reported for what it is, once. */
static void overrun_met_by_a_flush(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    unsigned char *wall = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && wall != NULL);
    size_t used = rig.heap->used;
    make_room(c);
    fh_cache_free(c, ptr);
    *fh_tag_of(block(wall)) ^= 0x100;
    fh_cache_close(c);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_OVERRUN);
    CHECK(rig.fault.block == block(wall) && rig.fault.ptr == NULL);
    CHECK(rig.heap->caches == NULL && rig.heap->used < used);
    *fh_tag_of(block(wall)) ^= 0x100;
    rig.faults = 0;
    rig_sound(&rig);
}

/* A head that leads nowhere, met by an allocation: reported, and the request is met all the same. */
static void damaged_heads(void)
{
    for (unsigned who = 0; who < 4; who++) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        REQUIRE(fh_malloc(rig.heap, RIG_MEMORY / 2) != NULL);
        unsigned char *ptr = fh_malloc(rig.heap, 100);
        uint32_t n = granules_at(ptr);
        make_room(c);
        fh_cache_free(c, ptr);
        void *bad = who == 0 ? rig_launder((const void *)(uintptr_t)(FH_GRANULE * 5)) : who == 3 ? ptr + 4 : ptr;
        *fh_quick_head(c, n) = block(bad);
        if (who == 1)
            *fh_mark_of(block(ptr)) ^= 0x10;
        if (who == 3)         /* misaligned, and not met by the quick look, which may read it */
            c->span = 0;
        uint32_t tag = 0;
        if (who == 2) {
            rig_poke(ptr - 4, 0x13131313);
            tag = fh_tag_open(c->secret, block(ptr));
        } else {
            tag = fh_tag_for(FH_USED, n);
        }
        unsigned char *got = fh_cache_malloc(c, 100);
        CHECK(got != NULL && got != ptr);
        EQUAL(rig.faults, 1);
        bool leads_nowhere = who == 0 || who == 3;
        EQUAL(rig.fault.kind, leads_nowhere ? FH_BAD_LINK : FH_BAD_TAG);
        CHECK(rig.fault.block == bad && rig.fault.ptr == NULL);
        EQUAL(rig.fault.expected, leads_nowhere ? 0 : n);
        EQUAL(rig.fault.found, leads_nowhere ? (uint32_t)(uintptr_t)bad : tag);
        /* The list is lost, and that was said; it is filled anew. */
        CHECK(*fh_quick_head(c, n) != fh_quick_end(rig.heap));
        rig.faults = 0;
        for (const struct fh_block *b = *fh_quick_head(c, n); b != fh_quick_end(rig.heap); b = fh_quick_next(b))
            CHECK(b != bad);
        fh_cache_close(c);
        EQUAL(rig.faults, 0);
    }
}

/* The cache looks again where another region holds the block. */
static void several_regions(void)
{
    rig_prepare(&rig);
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, 65536, &rig.port);
    REQUIRE(rig.heap != NULL && fh_add_region(rig.heap, rig_memory + 131072, 65536) != 0);
    struct fh_cache *c = fh_cache_open(rig.heap);
    REQUIRE(c != NULL);
    void *ptr[200];
    unsigned n = 0;
    while (n < 200 && (ptr[n] = fh_malloc(rig.heap, 500)) != NULL)
        n++;
    REQUIRE(n == 200);
    /* From both ends, so that each one lies elsewhere than the one before. */
    uintptr_t spans = 0;
    for (unsigned i = 0; i < 20; i++) {
        widen(c);
        fh_cache_free(c, ptr[i]);
        uintptr_t first = c->lo;
        widen(c);
        fh_cache_free(c, ptr[199 - i]);
        spans += first != c->lo;
        CHECK((uintptr_t)ptr[199 - i] - c->lo < c->span);
    }
    EQUAL(spans, 20);
    EQUAL(cached().cached_blocks, 40);
    for (unsigned i = 0; i < 70; i++) {
        widen(c);
        CHECK(fh_cache_malloc(c, 500) != NULL);
    }
    rig_sound(&rig);
    /* What no region holds is not looked at, and is reported. */
    uintptr_t lo = c->lo;
    fh_cache_free(c, rig_memory + 524288);
    CHECK(rig_reported(&rig, FH_FOREIGN, rig_memory + 524288, rig_memory + 524288));
    EQUAL(c->lo, lo);
    fh_cache_free(c, (unsigned char *)ptr[100] + 4);
    CHECK(rig_reported(&rig, FH_MISALIGNED, (unsigned char *)ptr[100] + 4, (unsigned char *)ptr[100] + 4));
    fh_cache_free(c, NULL);
    EQUAL(rig.faults, 0);
}

/* Others ask a cache to give back; it does at its next slow call, and its span sends it there. */
static void asked_to_give_back(void)
{
    for (unsigned by = 0; by < 2; by++) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        REQUIRE(fh_malloc(rig.heap, RIG_MEMORY / 2) != NULL);
        void *ptr[10];
        for (unsigned i = 0; i < 10; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
        make_room(c);
        for (unsigned i = 0; i < 9; i++)
            fh_cache_free(c, ptr[i]);
        EQUAL(cached().cached_blocks, 9);
        CHECK(fh_malloc(rig.heap, 2 * RIG_MEMORY) == NULL);
        EQUAL(c->asked, 1);
        EQUAL(c->span, 0);
        EQUAL(cached().cached_blocks, 9);
        if (by == 0) {
            fh_cache_free(c, ptr[9]);
            EQUAL(cached().cached_blocks, 1);
        } else {
            CHECK(fh_cache_malloc(c, 1) != NULL);
        }
        EQUAL(c->asked, 0);
        rig_sound(&rig);
    }
}

/* A list of caches that was overwritten is not followed. */
static void damaged_list_of_caches(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    struct fh_cache *d = fh_cache_open(rig.heap);
    REQUIRE(d != NULL && fh_malloc(rig.heap, RIG_MEMORY / 2) != NULL);
    void *ptr = fh_malloc(rig.heap, 100);
    uint32_t n = granules_at(ptr);
    make_room(c);
    fh_cache_free(c, ptr);
    EQUAL(held_granules(), n);
    CHECK(rig.heap->caches == d && d->next == c);
    void *const wrong[] = { (char *)c + 4, rig_memory + 8, rig.heap, ptr, rig_launder(&rig), (void *)fh_hi_for(rig.heap->first.last) };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        d->next = (struct fh_cache *)wrong[i];
        EQUAL(held_granules(), 0);
    }
    d->next = c;
    EQUAL(held_granules(), n);
    struct fh_heap *heap = c->heap;
    c->heap = NULL;
    EQUAL(held_granules(), 0);
    c->heap = heap;
    d->heap = NULL;
    EQUAL(held_granules(), 0);
    d->heap = heap;
    EQUAL(held_granules(), n);
    /* Forgetting reaches all of them. */
    make_room(d);
    rig.port.cache->forget(rig.heap);
    EQUAL(c->span | d->span, 0);
    EQUAL(held_granules(), n);
}

/* Which CPU has which cache; one that is busy is left alone, and so is one that is none. */
static void caches_of_cpus(void)
{
    open(RIG_MEMORY);
    REQUIRE(rig.heap->by_cpu != NULL);
    for (unsigned i = 0; i < CPUS; i++) {
        CHECK(rig.heap->by_cpu[i] == NULL || i == 0);
        cpu_now = i;
        void *ptr = fh_malloc(rig.heap, 100);
        CHECK(ptr != NULL && rig.heap->by_cpu[i] != NULL);
        EQUAL(rig.heap->cache_count, i + 1);
        EQUAL(rig.heap->by_cpu[i]->busy, 0);
        /* Busy: the pool serves, and no other cache is opened. */
        rig.heap->by_cpu[i]->busy = FH_BUSY;
        size_t before = held_granules();
        fh_free(rig.heap, ptr);
        EQUAL(held_granules(), before);
        CHECK(fh_malloc(rig.heap, 100) == ptr);
        EQUAL(rig.heap->by_cpu[i]->busy, FH_BUSY);
        EQUAL(rig.heap->cache_count, i + 1);
        rig.heap->by_cpu[i]->busy = 0;
        make_room(rig.heap->by_cpu[i]);
        fh_free(rig.heap, ptr);
        EQUAL(rig.heap->by_cpu[i]->busy, 0);
        CHECK(held_granules() > before);
    }
    for (unsigned i = CPUS; i < CPUS + 3; i++) {
        cpu_now = i;
        size_t before = held_granules();
        void *ptr = fh_malloc(rig.heap, 300);
        CHECK(ptr != NULL);
        fh_free(rig.heap, ptr);
        EQUAL(rig.heap->cache_count, CPUS);
        EQUAL(held_granules(), before);
        EQUAL(rig.faults, 0);
    }
    cpu_now = 0;
    rig_sound(&rig);
    /* A refused request empties the own cache at once, unless it is busy, and asks the others. */
    CHECK(fh_malloc(rig.heap, 2 * RIG_MEMORY) == NULL);
    EQUAL(rig.heap->by_cpu[0]->asked, 0);
    EQUAL(rig.heap->by_cpu[0]->room, rig.heap->by_cpu[0]->limit);
    EQUAL(rig.heap->by_cpu[1]->asked & rig.heap->by_cpu[2]->asked, 1);
    EQUAL(rig.heap->by_cpu[1]->span | rig.heap->by_cpu[2]->span, 0);
    rig.heap->by_cpu[0]->busy = FH_BUSY;
    CHECK(fh_malloc(rig.heap, 2 * RIG_MEMORY) == NULL);
    EQUAL(rig.heap->by_cpu[0]->asked, 1);
    rig_sound(&rig);
}

/* What a warm cache has and has room for is taken and put without the lock; the largest cached size and the smallest too. */
static void without_the_lock(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    const size_t sizes[] = { 0, 1, 100, c->most_bytes };
    for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        void *ptr[8];
        for (unsigned i = 0; i < 8; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, sizes[k])) != NULL);
        make_room(c);
        unsigned locks = rig.locks;
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 0; i < 8; i++)
                fh_cache_free(c, ptr[i]);
            for (unsigned i = 8; i-- > 0;)
                CHECK(fh_cache_malloc(c, sizes[k]) == ptr[i]);
        }
        EQUAL(rig.locks, locks);
        /* Without room it is taken, and then the cache holds no more than half of what it may. */
        intptr_t less = c->room - ((intptr_t)granules_at(ptr[0]) - 1);
        c->room -= less;
        c->limit -= less;
        locks = rig.locks;
        fh_cache_free(c, ptr[0]);
        CHECK(rig.locks > locks);
        CHECK(c->room >= c->limit / 2);
        for (unsigned i = 1; i < 8; i++)
            fh_cache_free(c, ptr[i]);
        rig_sound(&rig);
        make_room(c);
        for (unsigned i = 0; i < 8; i++)
            CHECK(fh_cache_malloc(c, sizes[k]) != NULL);
    }
    unsigned locks = rig.locks;
    void *large = fh_cache_malloc(c, c->most_bytes + 1);
    CHECK(large != NULL && rig.locks > locks);
    fh_cache_free(c, large);
    CHECK(fh_cache_malloc(c, SIZE_MAX) == NULL);
    rig_sound(&rig);
}

/* While a call is inside a CPU's cache, that is busy: what interrupts the call stays out. */
static uint32_t busy_seen;
static unsigned times_seen;

static uintptr_t look_at_busy(void *ctx)
{
    struct rig *r = ctx;
    if (r->heap != NULL && r->heap->by_cpu != NULL && r->heap->by_cpu[0] != NULL) {
        busy_seen += r->heap->by_cpu[0]->busy == FH_BUSY;
        times_seen++;
    }
    return 0;
}

static void busy_inside(void)
{
    open(RIG_MEMORY);
    rig.port.unlock = NULL;
    rig.port.lock = look_at_busy;
    void *ptr = fh_malloc(rig.heap, 48);
    struct fh_cache *c = rig.heap->by_cpu[0];
    REQUIRE(ptr != NULL && c != NULL);
    c->span = 0;
    busy_seen = times_seen = 0;
    void *other = fh_malloc(rig.heap, 48);
    CHECK(other != NULL && times_seen != 0);
    EQUAL(busy_seen, times_seen);
    EQUAL(c->busy, 0);
    c->span = 0;
    busy_seen = times_seen = 0;
    fh_free(rig.heap, ptr);
    CHECK(times_seen != 0);
    EQUAL(busy_seen, times_seen);
    EQUAL(c->busy, 0);
}

/* Allocates and frees 64 small blocks through the cache. */
static void bustle(struct fh_cache *c)
{
    void *ptr[64];
    for (unsigned i = 0; i < 64; i++)
        REQUIRE((ptr[i] = fh_cache_malloc(c, 40)) != NULL);
    for (unsigned i = 0; i < 64; i++)
        fh_cache_free(c, ptr[i]);
}

/* A small heap that cannot grow has nothing to spare. */
static void small_holds_nothing(void)
{
    struct fh_cache *c = open_held((size_t)128 << 10);
    bustle(c);
    EQUAL(held_granules(), 0);
    rig_sound(&rig);
}

/* A heap that cannot grow is generous as long as it has memory that it never used, and not after. */
static void tight_holds_little(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    bustle(c);
    CHECK(held_granules() >= 64 * fh_granules_for(40));
    size_t bytes = RIG_MEMORY / 4 * 3;
    REQUIRE(fh_malloc(rig.heap, bytes) != NULL);
    /* The first call that the lists do not meet finds out. */
    fh_cache_free(c, fh_cache_malloc(c, 1000));
    bustle(c);
    size_t top = fh_pool_top_size(rig.heap);
    size_t most = top / 512 > rig.heap->used / 2048 ? top / 512 : rig.heap->used / 2048;
    CHECK(held_granules() <= most);
    CHECK(held_granules() != 0);
    rig_sound(&rig);
}

static void *no_more(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    (void)least;
    (void)got;
    return NULL;
}

static struct fh_cache *open_in(void *mem, size_t bytes, bool grows, unsigned caches)
{
    rig_prepare(&rig);
    rig.port.cache = &fh_cpu_cache;
    rig.port.acquire = grows ? no_more : NULL;
    rig.heap = fh_create(mem, bytes, &rig.port);
    REQUIRE(rig.heap != NULL);
    struct fh_cache *c = NULL;
    for (unsigned i = 0; i < caches; i++)
        REQUIRE((c = fh_cache_open(rig.heap)) != NULL);
    return c;
}

/* What several caches may hold does not depend on what is idle, in a heap that can grow: it grows for them. */
static void several_hold_a_little(void)
{
    for (unsigned grows = 0; grows < 2; grows++) {
        struct fh_cache *c = open_held((size_t)256 << 10);
        rig.port.acquire = grows ? no_more : NULL;
        REQUIRE(fh_cache_open(rig.heap) != NULL);
        void *whole = fh_malloc(rig.heap, 64 * fh_granules_for(40) * FH_GRANULE + 1000);
        while (fh_malloc(rig.heap, 1000) != NULL)
            continue;
        fh_free(rig.heap, whole);
        bustle(c);
        if (grows)
            EQUAL(held_granules(), 64 * fh_granules_for(40));
        else
            CHECK(held_granules() < 32 * fh_granules_for(40));
        rig_sound(&rig);
    }
}

static unsigned acquired;

static void *some_more(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    CHECK(least <= 4096);
    acquired++;
    *got = 65536;
    return rig_memory + 131072;
}

/* A cache is filled from what it gave back itself, because nothing else is free. Where there are several, in a heap that can grow, the port is
 * asked all the same, by that one call and for no other cache; if it has nothing, the request is met nevertheless. */
static void grown_for_several(void)
{
    void *(*const ports[])(void *, size_t, size_t *) = { NULL, no_more, some_more };
    for (unsigned i = 0; i < 6; i++) {
        unsigned caches = 1 + i % 2;
        void *ptr[64];
        struct fh_cache *c = open_held(65536);
        struct fh_cache *other = caches == 2 ? fh_cache_open(rig.heap) : NULL;
        for (unsigned k = 0; k < 64; k++)
            REQUIRE((ptr[k] = fh_malloc(rig.heap, 200)) != NULL);
        while (fh_malloc(rig.heap, 1) != NULL)
            continue;
        rig.port.acquire = ports[i / 2];
        make_room(c);
        for (unsigned k = 0; k < 64; k += 2)
            fh_cache_free(c, ptr[k]);
        EQUAL(held_granules(), 32 * fh_granules_for(200));
        /* The calls that found no memory have asked for what caches hold. */
        c->asked = 0;
        if (other != NULL)
            other->asked = 0;
        acquired = 0;
        size_t total = rig.heap->total;
        void *got = fh_cache_malloc(c, 40);
        CHECK(got != NULL && (uintptr_t)got < (uintptr_t)rig_memory + 65536);
        EQUAL(fh_tag_open(rig.heap->lists.space.secret, block(got)) & FH_ALIGNED, 0);
        bool grows = caches == 2 && rig.port.acquire == some_more;
        EQUAL(acquired, grows);
        CHECK((rig.heap->total > total) == grows);
        bool asks = caches == 2 && rig.port.acquire != NULL;
        EQUAL(c->asked != 0, asks);
        CHECK(other == NULL || (other->asked != 0) == asks);
        rig_sound(&rig);
        /* What came is enough: nobody asks again. */
        CHECK(!grows || fh_cpu_cache.drain(rig.heap, 1));
    }
}

/* In a heap that cannot grow, what a cache gave back meets the request, and the others are asked for nothing. */
static void not_grown_where_fixed(void)
{
    for (unsigned grows = 0; grows < 2; grows++) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        struct fh_cache *other = fh_cache_open(rig.heap);
        void *ptr = fh_malloc(rig.heap, 40);
        REQUIRE(other != NULL && ptr != NULL);
        while (fh_malloc(rig.heap, 4000) != NULL || fh_malloc(rig.heap, 1) != NULL)
            continue;
        rig.port.acquire = grows ? no_more : NULL;
        make_room(c);
        fh_cache_free(c, ptr);
        EQUAL(held_granules(), fh_granules_for(40));
        c->asked = other->asked = 0;
        CHECK(fh_cache_malloc(c, 8) != NULL);
        EQUAL(other->asked, grows);
        rig_sound(&rig);
    }
}

/* A request that emptied caches do not meet asks the port once, whatever else they will need. */
static void asked_once(void)
{
    struct fh_cache *c = open_in(rig_memory, 65536, true, 2);
    while (fh_malloc(rig.heap, 1000) != NULL)
        continue;
    rig.port.acquire = some_more;
    acquired = 0;
    CHECK(fh_malloc(rig.heap, 1000) != NULL);
    EQUAL(acquired, 1);
    EQUAL(rig.faults, 0);
    CHECK(fh_cache_malloc(c, 40) != NULL);
    EQUAL(acquired, 1);
    rig_sound(&rig);
}

/* Enough is idle, to the granule: half of the heap, or a MiB for each of several caches. For one that is alone anything is. */
static void enough_to_the_granule(void)
{
    for (size_t caches = 1; caches <= 3; caches++) {
        open_in(rig_memory, 65536, true, (unsigned)caches);
        struct fh_heap *h = rig.heap;
        size_t used = h->used;
        size_t total = h->total;
        for (size_t mib = 1; mib <= 9; mib += 2) {
            h->total = (mib << 20) / FH_GRANULE;
            size_t enough = (mib < 2 * caches ? mib << 19 : caches << 20) / FH_GRANULE;
            for (size_t less = 0; less < 2; less++) {
                h->used = h->total - (enough - less);
                CHECK(fh_cpu_cache.drain(h, 1) == (caches == 1 || less == 0));
            }
        }
        h->used = used;
        h->total = total;
        rig_sound(&rig);
    }
}

/* What several caches may hold is divided by four by a large request that is not met although more than half of the heap is free, and as much
 * as it asks for, twice at most, and multiplied by a small one that is not. The last size that is small is cached, the next one is large. */
static void narrowed(void)
{
    const uint32_t small = 2048 / FH_GRANULE;
    open_in(rig_memory, 65536, true, 2);
    struct fh_heap *h = rig.heap;
    CHECK(fh_malloc(h, 8000) != NULL);
    size_t used = h->used;
    size_t total = h->total;
    h->total = 2 * used + 1;
    for (unsigned i = 0; i < 4; i++) {
        fh_cpu_cache.drain(h, small);
        fh_cpu_cache.drain(h, 1);
        fh_cpu_cache.drain(h, 0);
        EQUAL(h->narrowed, i < 2 ? i : 2);
        h->total--;
        fh_cpu_cache.drain(h, small + 1);
        EQUAL(h->narrowed, i < 2 ? i : 2);
        h->total++;
        fh_cpu_cache.drain(h, small + 1);
        EQUAL(h->narrowed, i < 1 ? 1 : 2);
    }
    h->narrowed = 0;
    fh_cpu_cache.drain(h, (uint32_t)used + 2);
    EQUAL(h->narrowed, 0);
    fh_cpu_cache.drain(h, (uint32_t)used + 1);
    EQUAL(h->narrowed, 1);
    h->total = total;
    rig_sound(&rig);
    /* By the requests themselves. A word that was damaged is as good as the most. */
    for (unsigned i = 0; i < 4; i++) {
        struct fh_cache *c = open_in(rig_memory, 65536, true, 2);
        h = rig.heap;
        CHECK(fh_malloc(h, 70000) == NULL);
        EQUAL(h->narrowed, 0);
        void *hole = fh_malloc(h, 28000);
        CHECK(fh_malloc(h, 5000) != NULL);
        fh_free(h, hole);
        CHECK(fh_cache_malloc(c, 40000) == NULL);
        EQUAL(h->narrowed, 1);
        CHECK(fh_malloc(h, 40000) == NULL);
        EQUAL(h->narrowed, 2);
        while (fh_malloc(h, 1) != NULL)
            continue;
        EQUAL(h->narrowed, 2);
        h->narrowed = (uint16_t)(i * 1000 + i);
        CHECK(fh_cache_malloc(c, 1) == NULL);
        EQUAL(h->narrowed, i == 0 ? 0 : i * 1001 - 1);
        rig_sound(&rig);
    }
}

/* With each of these, also where that word is damaged: enough is idle, to the granule. */
static void enough_when_narrowed(void)
{
    static const uint16_t words[] = { 0, 1, 2, 3, 31, 32, UINT16_MAX };
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        open_in(rig_memory, 65536, true, 2);
        struct fh_heap *h = rig.heap;
        size_t used = h->used;
        size_t total = h->total;
        h->narrowed = words[i];
        h->total = ((size_t)9 << 20) / FH_GRANULE;
        size_t enough = 2 * ((size_t)1 << 20) / FH_GRANULE / (words[i] == 0 ? 1 : words[i] == 1 ? 4 : 16);
        for (size_t less = 0; less < 2; less++) {
            h->used = h->total - (enough - less);
            CHECK(fh_cpu_cache.drain(h, 1) == (less == 0));
            CHECK(fh_cpu_cache.drain(h, 2048 / FH_GRANULE) == (less == 0));
            CHECK(fh_cpu_cache.drain(h, 2048 / FH_GRANULE + 1));
        }
        h->used = used;
        h->total = total;
        rig_sound(&rig);
    }
}

/* Where there are many, also: each doubling of their number halves what each may hold. */
static void enough_where_there_are_many(void)
{
    static const struct { uint32_t caches, kib; } cases[] = { { 2, 1024 }, { 3, 1024 }, { 32, 1024 }, { 33, 512 }, { 64, 512 }, { 65, 512 }, { 66, 256 },
        { 127, 256 }, { 128, 256 }, { 1000, 32 } };
    open_in(rig_memory, 65536, true, 2);
    struct fh_heap *h = rig.heap;
    size_t used = h->used;
    size_t total = h->total;
    uint32_t caches = h->cache_count;
    h->total = ((size_t)400 << 20) / FH_GRANULE;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        h->cache_count = cases[i].caches;
        size_t enough = cases[i].caches * ((size_t)cases[i].kib << 10) / FH_GRANULE;
        h->used = h->total - enough;
        CHECK(fh_cpu_cache.drain(h, 1));
        h->used++;
        CHECK(!fh_cpu_cache.drain(h, 1));
    }
    h->used = used;
    h->total = total;
    h->cache_count = caches;
    rig_sound(&rig);
}

/* Where free blocks lie one by one, one of several caches takes several of them at once, and no memory that was never used. One that is
 * alone takes one. */
static void filled_from_holes(void)
{
    const uint32_t granules = fh_granules_for(200);
    for (unsigned caches = 1; caches <= 2; caches++) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        if (caches == 2)
            REQUIRE(fh_cache_open(rig.heap) != NULL);
        void *ptr[64];
        for (unsigned i = 0; i < 64; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 200)) != NULL);
        for (unsigned i = 0; i < 64; i += 2)
            fh_free(rig.heap, ptr[i]);
        size_t top = fh_pool_top_size(rig.heap);
        CHECK(fh_cache_malloc(c, 200) != NULL);
        EQUAL(held_granules(), caches == 2 ? 3 * granules : 0);
        EQUAL(fh_pool_top_size(rig.heap), top);
        for (unsigned i = 0; i < 3; i++)
            CHECK(fh_cache_malloc(c, 200) != NULL);
        EQUAL(held_granules(), 0);
        rig_sound(&rig);
    }
}

/* In a tight heap, a block too large for the cache is not cut from memory that was never used while the cache holds what may become
 * one; the lists are asked first. */
static void large_empties_first(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    REQUIRE(fh_malloc(rig.heap, RIG_MEMORY / 4 * 3) != NULL);
    bustle(c);
    REQUIRE(held_granules() != 0);
    unsigned char *hole = fh_malloc(rig.heap, 6000);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 3000) != NULL);
    fh_free(rig.heap, hole);
    c->keep = 0;
    size_t held = held_granules();
    size_t top = fh_pool_top_size(rig.heap);
    CHECK(fh_cache_malloc(c, 5000) == hole);
    EQUAL(held_granules(), held);
    EQUAL(fh_pool_top_size(rig.heap), top);
    for (size_t more = 0; more <= (size_t)c->limit / 2; more += fh_granules_for(100))
        fh_cache_free(c, fh_malloc(rig.heap, 100));
    CHECK(held_granules() > (size_t)c->limit / 2);
    c->keep = 0;
    CHECK(fh_cache_malloc(c, 9000) != NULL);
    EQUAL(held_granules(), 0);
    rig_sound(&rig);
}

/* What a call finds out about the heap counts, not what the last one did: with memory to spare again, nothing is given back for a large block. */
static void plenty_again(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    bustle(c);
    size_t held_before = held_granules();
    REQUIRE(held_before != 0);
    c->keep = 0;
    size_t top = fh_pool_top_size(rig.heap);
    CHECK(fh_cache_malloc(c, 5000) != NULL);
    EQUAL(c->keep, SIZE_MAX);
    EQUAL(held_granules(), held_before);
    CHECK(fh_pool_top_size(rig.heap) < top);
    rig_sound(&rig);
}

/* A heap that can grow fills a cache from memory that was never used only if what the cache holds is not enough, all of it. */
static void growing_empties_first(void)
{
    enum { COUNT = 420 };
    static void *ptr[COUNT];
    rig_prepare(&rig);
    rig.port.cache = &fh_cpu_cache;
    rig.port.acquire = no_more;
    rig.heap = fh_create(rig_memory, RIG_MEMORY, &rig.port);
    REQUIRE(rig.heap != NULL);
    struct fh_cache *c = fh_cache_open(rig.heap);
    REQUIRE(c != NULL);
    for (unsigned i = 0; i < COUNT; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 1000)) != NULL);
    REQUIRE(fh_malloc(rig.heap, 1000) != NULL);
    for (unsigned i = 0; i < COUNT; i++)
        fh_cache_free(c, ptr[i]);
    EQUAL(held_granules(), COUNT * fh_granules_for(1000));
    size_t top = fh_pool_top_size(rig.heap);
    void *got = fh_cache_malloc(c, 100);
    CHECK(got != NULL);
    CHECK(c->has_plenty && c->keep < COUNT * fh_granules_for(1000));
    CHECK(held_granules() < 4096 / FH_GRANULE && held_granules() != 0);
    EQUAL(fh_pool_top_size(rig.heap), top);
    rig_sound(&rig);
    /* Damage that is met by the filling ends it: reported, and the pool is asked. */
    unsigned char *hole = fh_malloc(rig.heap, 3000);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, hole);
    struct fh_block *bad = fh_link_at(&rig.heap->lists, *fh_head_of(&rig.heap->lists, fh_class_of(&rig.heap->lists, fh_granules_for(3000))));
    if (FH_MAX_CLASSES == 1 || bad != block(hole))
        return;
    *fh_tag_of(bad) ^= 0x100;
    CHECK(fh_cache_malloc(c, 1500) != NULL);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_TAG);
    CHECK(rig.fault.block == bad);
}

/* How much a cache may hold, worked out from what the heap shows: as src/cache.c explains it. */
static void limits_are_right(const struct fh_cache *c, size_t used, size_t top, size_t held_before)
{
    const struct fh_heap *h = rig.heap;
    bool grows = rig.port.acquire != NULL;
    size_t total = h->total;
    size_t small = 128 * 1024 / FH_GRANULE;
    size_t little = grows ? total / 2 : total / 64;
    size_t little_at_most = !grows ? 2 * small : h->narrowed == 0 ? 8 * small : h->narrowed == 1 ? 2 * small : small / 2;
    if (little > little_at_most)
        little = little_at_most;
    /* Three quarters of what is idle, if it is alone; a share of what is in use for all of several, or a little each. */
    size_t most = (total - used + held_before) / 4 * 3;
    if (h->cache_count > 1) {
        size_t shared = used / 16 > h->cache_count * little ? used / 16 : h->cache_count * little;
        most = grows || shared < most ? shared : most;
    }
    bool plenty = grows || (3 * top > total && total > small);
    size_t alone = total / 4 < 4 * small ? total / 4 : 4 * small;
    size_t least = h->cache_count == 1 ? alone : little;
    size_t keep = grows ? (used / 16 > least ? used / 16 : least) : SIZE_MAX;
    if (!plenty) {
        size_t tight = total <= small ? 0 : used / 2048 > top / 512 ? used / 2048 : top / 512;
        keep = tight / 2;
        most = tight < most ? tight : most;
    }
    for (unsigned users = 2; users <= h->cache_count; users *= 2)
        most /= 2;
    EQUAL(c->has_plenty, plenty);
    EQUAL(c->keep, keep);
    EQUAL(c->limit, most);
    EQUAL(c->limit - c->room, held_before);
}

/* The same after a call that the lists do not meet. */
static void limits_after_a_call(struct fh_cache *c, size_t size)
{
    c->span = 0;
    size_t used = rig.heap->used;
    size_t top = fh_pool_top_size(rig.heap);
    intptr_t held_before = c->limit - c->room;
    void *ptr = fh_cache_malloc(c, size);
    size_t held_after = (size_t)(c->limit - c->room);
    c->room = c->limit - held_before;
    limits_are_right(c, used, top, (size_t)held_before);
    c->room = c->limit - (intptr_t)held_after;
    if (ptr != NULL)
        fh_cache_free(c, ptr);
}

/* In heaps of all sizes, alone and with others, with the heap empty and full, and where a third of it, or 128 KiB, is just reached. */
static void limits(void)
{
    static const size_t sizes[] = { 5000, 65536, (size_t)1 << 20, (size_t)5 << 20, (size_t)40 << 20, (size_t)200 << 20 };
    unsigned char *mem = host_map(NULL, (size_t)200 << 20);
    REQUIRE(mem != NULL);
    for (unsigned kind = 0; kind < 10; kind++) {
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct fh_cache *c = open_in(mem, sizes[i], kind % 2 != 0, 1 + kind / 2);
            limits_are_right(c, rig.heap->used, fh_pool_top_size(rig.heap), 0);
            for (unsigned part = 0; part < 9; part++) {
                limits_after_a_call(c, 1);
                fh_malloc(rig.heap, sizes[i] / 9);
            }
            /* To the last block: what is idle is less than any share. */
            for (size_t step = sizes[i] / 9; step != 0; step /= 2) {
                while (fh_malloc(rig.heap, step) != NULL)
                    continue;
            }
            c->asked = 0;
            limits_after_a_call(c, 1);
            rig_sound(&rig);
        }
    }
    size_t small = 0;
    for (size_t bytes = 131072; bytes < 131072 + 4096; bytes += FH_GRANULE) {
        struct fh_cache *c = open_in(mem, bytes, false, 1);
        limits_are_right(c, rig.heap->used, fh_pool_top_size(rig.heap), 0);
        small += rig.heap->total * FH_GRANULE == 131072;
    }
    CHECK(small != 0);
    for (size_t odd = 0; odd < 3; odd++) {
        struct fh_cache *c = open_in(mem, RIG_MEMORY + odd * FH_GRANULE, false, 1);
        size_t more = fh_pool_top_size(rig.heap) - rig.heap->total / 3;
        REQUIRE(fh_malloc(rig.heap, (more - 8) * FH_GRANULE) != NULL);
        for (unsigned i = 0; i < 10; i++) {
            fh_malloc(rig.heap, 1);
            size_t used = rig.heap->used;
            size_t top = fh_pool_top_size(rig.heap);
            CHECK(fh_cache_malloc(c, c->most_bytes) != NULL);
            limits_are_right(c, used, top, 0);
            c = open_in(mem, RIG_MEMORY + odd * FH_GRANULE, false, 1);
            REQUIRE(fh_malloc(rig.heap, (more - 8 + i) * FH_GRANULE) != NULL);
        }
    }
}

/* In the order in which they lie, but for the last one, which goes to the caller. Where there are several caches, those at both ends come last and
 * the one before the last goes to the caller. */
static uintptr_t nth_handed_out(uint32_t k, uint32_t count, bool several)
{
    if (!several || count < 3)
        return k == 0 ? count - 1 : k - 1;
    return k == 0 ? count - 2 : k == count - 2 ? 0 : k;
}

static void handed_out_in_order(struct fh_cache *c, uint32_t n, uint32_t count, uintptr_t first, bool several)
{
    EQUAL(*fh_mark_of((struct fh_block *)(first + nth_handed_out(0, count, several) * n * FH_GRANULE)), 0);
    for (uint32_t k = 1; k < count; k++)
        EQUAL(fh_cache_malloc(c, fh_payload_bytes(n)), first + nth_handed_out(k, count, several) * n * FH_GRANULE);
}

/* How many blocks one filling takes where memory was never used: up to 64, no more than 1024 bytes of them, 4096 in a heap that can grow, and
 * no more than half of what the cache may hold, to the granule. Returns how often it was just half. */
static unsigned filled_in(void *mem, size_t bytes, bool grows)
{
    unsigned halves = 0;
    for (uint32_t n = FH_MIN_GRANULES; n <= 2048 / FH_GRANULE; n++) {
        struct fh_cache *c = open_in(mem, bytes, grows, grows ? 2 : 1);
        if (n > c->most)
            break;
        void *ptr = fh_cache_malloc(c, fh_payload_bytes(n));
        CHECK(ptr != NULL);
        uint32_t most = (grows ? 4096u : 1024u) / FH_GRANULE;
        if (most > (uint32_t)c->limit / 2)
            most = (uint32_t)c->limit / 2;
        uint32_t count = 64;
        while (count > 1 && count * n > most)
            count /= 2;
        halves += count > 1 && count * n == (uint32_t)c->limit / 2;
        EQUAL(held_granules(), (count - 1) * n);
        EQUAL(cached().cached_blocks, count - 1);
        handed_out_in_order(c, n, count, (uintptr_t)ptr - (nth_handed_out(0, count, grows)) * n * FH_GRANULE, grows);
    }
    return halves;
}

/* The same in holes of so many blocks, and where the last block has to take in a rest. Behind each other they make no run. */
static void filled_in_holes(void)
{
    const uint32_t n = fh_granules_for(100);
    for (uint32_t count = 1; count <= 5; count++) {
        for (uint32_t rest = 0; rest < FH_MIN_GRANULES; rest++) {
            for (unsigned caches = 1; caches <= 2; caches++) {
                struct fh_cache *c = open_in(rig_memory, 65536, true, caches);
                unsigned char *hole = fh_malloc(rig.heap, fh_payload_bytes(count * n + rest));
                REQUIRE(hole != NULL);
                while (fh_malloc(rig.heap, 1) != NULL)
                    continue;
                fh_free(rig.heap, hole);
                c->asked = 0;
                c->room += 1000 - c->limit;
                c->limit = 1000;
                bool apart = caches == 2 && rest == 0;
                unsigned char *ptr = fh_cache_malloc(c, fh_payload_bytes(n));
                uint32_t got = (uint32_t)held_granules() / n + 1;
                CHECK(caches == 1 || got == count);
                EQUAL(ptr, hole + nth_handed_out(0, got, apart) * n * FH_GRANULE);
                EQUAL(granules_at(ptr), n + (got == count ? rest : 0));
                handed_out_in_order(c, n, got, (uintptr_t)hole, apart);
                rig_sound(&rig);
            }
        }
    }
}

static void filled_at_once(void)
{
    unsigned char *mem = host_map(NULL, RIG_MEMORY);
    REQUIRE(mem != NULL);
    filled_in(mem, RIG_MEMORY, false);
    filled_in(mem, RIG_MEMORY, true);
    filled_in(mem, 16384, true);
    unsigned halves = 0;
    for (size_t bytes = 8192; bytes < 8192 + 2048; bytes += FH_GRANULE)
        halves += filled_in(mem, bytes, true);
    CHECK(halves != 0);
}

/* No flush holds the lock for more than 64 blocks. It begins with the list that grew; the next one goes on where the last ended, and that
 * each list comes in turn, from the first to the last and around. */
static void flushed_at_once(void)
{
    /* Granules of four pointers: so many lists that their blocks fill the heap. */
    if (FH_GRANULE > 2 * sizeof(void *))
        test_does_not_apply();
    static void *ptr[200];
    struct fh_cache *c = open_held((size_t)128 << 10);
    const uint32_t n = fh_granules_for(40);
    for (unsigned i = 0; i < 200; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
    make_room(c);
    for (unsigned i = 0; i < 199; i++)
        fh_cache_free(c, ptr[i]);
    EQUAL(held_granules(), 199 * n);
    c->room -= 1000000;
    c->limit -= 1000000;
    fh_cache_free(c, ptr[199]);
    EQUAL(held_granules(), 136 * n);
    EQUAL(cached().cached_blocks, 136);
    rig_sound(&rig);
    /* Of each size one block, and room for all but one of them after each put. */
    c = open_held((size_t)128 << 10);
    const uint32_t most = (uint32_t)c->most;
    REQUIRE(most < 200);
    for (uint32_t k = FH_MIN_GRANULES; k <= most; k++)
        REQUIRE((ptr[k] = fh_malloc(rig.heap, fh_payload_bytes(k))) != NULL && fh_malloc(rig.heap, 1) != NULL);
    make_room(c);
    for (uint32_t k = FH_MIN_GRANULES; k <= most; k++)
        fh_cache_free(c, ptr[k]);
    EQUAL(cached().cached_blocks, most - FH_MIN_GRANULES + 1);
    c->room -= 1000000;
    c->limit -= 1000000;
    unsigned char *more = fh_malloc(rig.heap, 40);
    REQUIRE(more != NULL);
    fh_cache_free(c, more);
    EQUAL(cached().cached_blocks, most - FH_MIN_GRANULES + 2 < 64 ? 0 : most - FH_MIN_GRANULES + 2 - 64);
    rig_sound(&rig);
}

/* What a cache holds stays as long as it is no more than may be kept. */
static void kept_to_the_granule(void)
{
    for (unsigned over = 0; over < 2; over++) {
        struct fh_cache *c = open_in(rig_memory, 65536, true, 1);
        size_t keep = rig.heap->total / 4;
        EQUAL(c->keep, keep);
        const uint32_t n = fh_granules_for(40);
        void *ptr[1024];
        unsigned count = 0;
        size_t left = keep + over;
        for (; left >= 3 * n; left -= n)
            REQUIRE((ptr[count++] = fh_malloc(rig.heap, fh_payload_bytes(n))) != NULL);
        REQUIRE((ptr[count++] = fh_malloc(rig.heap, fh_payload_bytes((uint32_t)left - n))) != NULL);
        REQUIRE((ptr[count++] = fh_malloc(rig.heap, fh_payload_bytes(n))) != NULL);
        for (unsigned i = 0; i < count; i++)
            fh_cache_free(c, ptr[i]);
        CHECK(fh_cache_malloc(c, SIZE_MAX) == NULL);
        EQUAL(held_granules(), keep + over);
        CHECK(fh_cache_malloc(c, c->most_bytes + 1) != NULL);
        EQUAL(c->keep, keep);
        EQUAL(held_granules(), over ? 0 : keep);
        rig_sound(&rig);
    }
}

/* Damage that a flush meets as it asks how much memory was never used is reported by that call. */
static void damaged_top_met_by_a_flush(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    void *ptr = fh_malloc(rig.heap, 40);
    /* What is given back does not touch the top. */
    REQUIRE(fh_malloc(rig.heap, 40) != NULL);
    make_room(c);
    c->room -= 1000000;
    c->limit -= 1000000;
    struct fh_block *top = rig.heap->top;
    *fh_tag_of(top) ^= 0x100;
    fh_cache_free(c, ptr);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_CONTROL);
    CHECK(rig.fault.block == top && rig.fault.ptr == NULL);
    EQUAL(rig.heap->lists.blame.kind, FH_OK);
}

/* A tag that was damaged into one of no size: the block waits on a list as any other one, and is reported when that is given back. */
static void a_block_of_no_size(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    void *ptr = fh_malloc(rig.heap, 40);
    REQUIRE(ptr != NULL);
    make_room(c);
    fh_tag_seal(c->secret, block(ptr), fh_tag_for(FH_USED, 0));
    CHECK(fh_cache_put(c, block(ptr)));
    EQUAL(rig.faults, 0);
    fh_cache_close(c);
    EQUAL(rig.faults, 1);
    CHECK(rig.fault.block == block(ptr));
}

static unsigned waiting(struct fh_cache *c, uint32_t granules)
{
    unsigned count = 0;
    for (const struct fh_block *b = *fh_quick_head(c, granules); b != fh_quick_end(rig.heap); b = fh_quick_next(b))
        count++;
    return count;
}

/* A flush empties the list that grew, then those behind the one where the last flush ended, each in turn and around, until it gave 64 blocks or
 * there are none. */
static void flushed_in_turn(void)
{
    /* Granules of four pointers: so many lists that their blocks fill the heap. */
    if (FH_GRANULE > 2 * sizeof(void *))
        test_does_not_apply();
    static unsigned left[201];
    static void *ptr[200];
    struct dice dice = dice_from(test_seed());
    struct fh_cache *c = open_held((size_t)128 << 10);
    const uint32_t most = (uint32_t)c->most;
    REQUIRE(most < 200);
    uint32_t last = most;
    unsigned all = 0, rest = 0;
    for (unsigned round = 0; round < 40 && !test_failed(); round++) {
        /* Of some sizes none. What is put while there is room waits. */
        uint32_t n;
        for (unsigned i = 0; i < 120; i++) {
            ptr[i] = NULL;
            n = FH_MIN_GRANULES + dice_below(&dice, most - FH_MIN_GRANULES + 1);
            if (n % 3 == 0 || (ptr[i] = fh_malloc(rig.heap, fh_payload_bytes(n))) == NULL)
                continue;
            /* It may have got a granule more, and then be none that is cached. */
            n = granules_at(ptr[i]);
            left[n] += n <= most;
            all += n <= most;
        }
        void *more = fh_malloc(rig.heap, fh_payload_bytes(round % 2 != 0 ? most : most / 2));
        if (more == NULL)
            break;
        n = granules_at(more);
        make_room(c);
        for (unsigned i = 0; i < 120; i++) {
            if (ptr[i] != NULL)
                fh_cache_free(c, ptr[i]);
        }
        c->room -= c->limit;
        c->limit = 0;
        fh_cache_free(c, more);
        left[n]++;
        all++;
        unsigned budget = all < 64 ? all : 64;
        unsigned taken = left[n] < budget ? left[n] : budget;
        left[n] -= taken;
        all -= taken;
        for (budget -= taken; budget != 0; budget -= taken) {
            last = last % most + 1;
            taken = left[last] < budget ? left[last] : budget;
            left[last] -= taken;
            all -= taken;
        }
        for (uint32_t k = 0; k <= most; k++)
            EQUAL(waiting(c, k), left[k]);
        EQUAL(cached().cached_blocks, all);
        rig_sound(&rig);
        rest += all != 0;
    }
    CHECK(rest > 5);
}

/* It ends where half of what the cache may hold is left, and not a block later; what waits in other lists stays meanwhile. */
static void flushed_to_half(void)
{
    /* With one list the structure is smaller, and so the limit, which follows the heap, another one at each call. */
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    unsigned exact = 0;
    const uint32_t n = FH_MIN_GRANULES + 1;
    for (size_t bytes = 4096; bytes < 4096 + 32 * FH_GRANULE; bytes += FH_GRANULE) {
        struct fh_cache *c = open_in(rig_memory, bytes, true, 1);
        void *ptr[200];
        void *other = fh_malloc(rig.heap, 1);
        unsigned count = 0;
        REQUIRE(other != NULL);
        while (count < 200 && (ptr[count] = fh_malloc(rig.heap, fh_payload_bytes(n))) != NULL)
            count++;
        REQUIRE(count > 20 && count < 200);
        fh_cache_free(c, other);
        for (unsigned i = 0; i < count; i++) {
            size_t before = held_granules();
            uint32_t m = granules_at(ptr[i]);
            fh_cache_free(c, ptr[i]);
            if (held_granules() == before + m)
                continue;
            /* Blocks are given back only when one too many came. */
            CHECK(before + m > (size_t)c->limit);
            CHECK(before - held_granules() <= 64 * n);
            CHECK(c->room >= c->limit / 2 && c->room - (intptr_t)n < c->limit / 2);
            EQUAL(waiting(c, FH_MIN_GRANULES), 1);
            exact += c->room == c->limit / 2;
        }
        rig_sound(&rig);
    }
    CHECK(exact != 0);
}

/* A structure that looks like a cache of the heap is one only where it lies in a region's blocks, aligned and whole. */
static void lead_there(struct fh_cache *d, void *place, const struct fh_cache *copy)
{
    unsigned char saved[sizeof *copy];
    for (size_t i = 0; i < sizeof *copy; i++) {
        saved[i] = ((unsigned char *)place)[i];
        ((unsigned char *)place)[i] = ((const unsigned char *)copy)[i];
    }
    d->next = (struct fh_cache *)rig_launder(place);
    d->next_again = ~(uintptr_t)place;
    size_t seen = held_granules();
    for (size_t i = 0; i < sizeof *copy; i++)
        ((unsigned char *)place)[i] = saved[i];
    EQUAL(seen, (uintptr_t)place % FH_GRANULE == 0 && copy->room == -7 ? 7 : 0);
}

static void copied_structures(void)
{
    struct fh_cache *d = open_held(RIG_MEMORY / 2);
    unsigned char *room = fh_malloc(rig.heap, 2 * sizeof *d);
    REQUIRE(room != NULL);
    /* The last of its list, which holds 7 granules. */
    struct fh_cache copy = *d;
    copy.limit = 0;
    copy.room = -7;
    lead_there(d, room, &copy);
    lead_there(d, room + 4, &copy);
    /* One that may not be seen, by its place. */
    uintptr_t lo = rig.heap->first.lo;
    uintptr_t hi = fh_hi_for(rig.heap->first.last);
    const size_t size = (sizeof copy + FH_GRANULE - 1) / FH_GRANULE * FH_GRANULE;
    struct fh_cache unseen = copy;
    unseen.room = -9;
    unseen.limit = 0;
    lead_there(d, (void *)(lo - size), &unseen);
    lead_there(d, (void *)(hi - size + FH_GRANULE), &unseen);
    lead_there(d, (void *)(hi - FH_GRANULE), &unseen);
    /* By its words. */
    unseen.heap = (struct fh_heap *)rig_launder(&rig);
    unseen.check = fh_cache_check_for(&unseen);
    lead_there(d, room, &unseen);
    unseen = *d;
    unseen.limit = 0;
    unseen.room = -9;
    unseen.check ^= 1;
    lead_there(d, room, &unseen);
    unseen.check ^= 1;
    unseen.next_again ^= 1;
    lead_there(d, room, &unseen);
    d->next = NULL;
    d->next_again = ~(uintptr_t)0;
    rig_sound(&rig);
}

/* A word that says there are caches, in a heap that was made without: nobody is asked about them. */
static void caches_without_a_layer(void)
{
    rig_open(&rig, rig_memory, 8192);
    REQUIRE(fh_malloc(rig.heap, 100) != NULL);
    rig.heap->caches = (struct fh_cache *)rig_launder(rig_memory + 4096);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.bytes_cached, 0);
    CHECK(fh_malloc(rig.heap, 100000) == NULL);
    EQUAL(fh_trim(rig.heap), 0);
    rig.heap->caches = NULL;
    rig_sound(&rig);
}

/* The quick lists alone: no filling, no flushing, no large block. */
static void trying(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    CHECK(fh_cache_try(c, 40) == NULL && fh_cache_try(c, SIZE_MAX) == NULL && fh_cache_try(c, c->most_bytes + 1) == NULL);
    EQUAL(held_granules(), 0);
    bustle(c);
    size_t held = held_granules();
    void *ptr = fh_cache_try(c, 40);
    CHECK(ptr != NULL);
    EQUAL(held_granules(), held - fh_granules_for(40));
    fh_cache_free(c, ptr);
    CHECK(fh_cache_malloc(c, 40) == ptr);
    /* The largest size wraps to the smallest one where it is rounded; and the largest cached one is had. */
    void *small = fh_malloc(rig.heap, 1);
    void *most = fh_malloc(rig.heap, c->most_bytes);
    make_room(c);
    fh_cache_free(c, small);
    fh_cache_free(c, most);
    CHECK(fh_cache_try(c, SIZE_MAX) == NULL);
    CHECK(fh_cache_try(c, c->most_bytes) == most);
    CHECK(fh_cache_try(c, 1) == small);
    rig_sound(&rig);
}

/* A cache of CPU 0 with something in it, and one of CPU 1. */
static struct fh_cache *two_caches(void)
{
    open(RIG_MEMORY);
    for (cpu_now = 0; cpu_now < 2; cpu_now++)
        fh_free(rig.heap, fh_malloc(rig.heap, 40));
    cpu_now = 0;
    warm_up(40);
    return rig.heap->by_cpu[0];
}

static void reported_control(const void *block)
{
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_CONTROL);
    EQUAL(rig.fault.block, block);
    EQUAL(rig.fault.expected | rig.fault.found, 0);
    rig.faults = 0;
}

/* The bound of the table is looked at by each call; what it should be follows from the block. So with the other words, by the next call that
 * is not met by the quick lists. */
static void mended(void)
{
    struct fh_cache *c = two_caches();
    size_t most = c->most;
    c->most += 1024;
    void *ptr = fh_malloc(rig.heap, 40);
    CHECK(ptr != NULL);
    reported_control(c);
    CHECK(c->most <= most + 1 && c->most >= most);
    /* The call is met from it. */
    CHECK(c->room < c->limit);
    EQUAL(c->check, fh_cache_check_for(c));
    fh_free(rig.heap, ptr);
    rig_sound(&rig);
    c->most_again ^= 4;
    fh_free(rig.heap, fh_malloc(rig.heap, 40));
    reported_control(c);
    /* It begins anew with empty lists, and how much was counted before is not held against it. */
    warm_up(40);
    c->room -= 3;
    c->most_again ^= 4;
    CHECK(fh_malloc(rig.heap, 4000) != NULL);
    reported_control(c);
    EQUAL(waiting(c, fh_granules_for(40)), 0);
    EQUAL(c->room, c->limit);
    struct fh_heap *const heap = c->heap;
    for (unsigned bit = 0; bit < sizeof heap * 8; bit++) {
        c->heap = (struct fh_heap *)((uintptr_t)heap ^ (uintptr_t)1 << bit);
        for (unsigned i = 0; i < 200 && rig.faults == 0; i++)
            CHECK(fh_malloc(rig.heap, 100) != NULL);
        reported_control(c);
        CHECK(c->heap == heap);
        fh_malloc(rig.heap, 2 * RIG_MEMORY);
    }
    EQUAL(rig.heap->by_cpu[0], c);
    rig_sound(&rig);
}

/* What should wait in a cache is more than is in use: reported, its lists emptied, and what comes back is not held against it. As much as
 * is in use may wait. */
static void counted_anew(void)
{
    for (int over = 0; over < 2; over++) {
        struct fh_cache *c = two_caches();
        fh_malloc(rig.heap, 2 * RIG_MEMORY);
        const intptr_t limit = c->limit;
        c->room = c->limit - (intptr_t)rig.heap->used - over;
        c->span = 0;
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL);
        if (!over) {
            EQUAL(rig.faults, 0);
            continue;
        }
        reported_control(c);
        CHECK(c->limit > 0 && c->limit <= limit);
        EQUAL(held_granules() * FH_GRANULE, cached().cached_bytes);
        EQUAL(c->incomplete, false);
        rig_sound(&rig);
    }
}

/* A cache is made whole again from the size of its block, which holds two heads or more; its own words are right then, and it looks at its
 * region anew. */
static void mended_from_its_block(void)
{
    for (size_t heads = 0; heads < 6; heads++) {
        struct fh_cache *c = two_caches();
        fh_malloc(rig.heap, 2 * RIG_MEMORY);
        uint32_t secret = rig.heap->lists.space.secret;
        /* The block as large as that many heads need, the rest of it another block. */
        uint32_t whole = fh_used_size(fh_tag_open(secret, block(c)));
        uint32_t n = (uint32_t)((sizeof *c + heads * sizeof(void *) + FH_TAG_BYTES + FH_GRANULE - 1) / FH_GRANULE);
        REQUIRE(n + FH_MIN_GRANULES <= whole);
        fh_tag_seal(secret, block(c), fh_tag_for(FH_USED, n));
        fh_tag_seal(secret, fh_after(block(c), n), fh_tag_for(FH_USED, whole - n));
        size_t fit = (fh_payload_bytes(n) - sizeof *c) / sizeof(void *);
        c->most_bytes = SIZE_MAX;
        c->most_again ^= 1;
        void *ptr = fh_malloc(rig.heap, 4000);
        CHECK(ptr != NULL);
        reported_control(c);
        if (fit < 2) {
            CHECK(rig.heap->by_cpu[0] == NULL);
            continue;
        }
        EQUAL(rig.heap->by_cpu[0], c);
        EQUAL(c->most, fit - 1);
        EQUAL(c->most_bytes, fh_payload_bytes((uint32_t)fit - 1));
        EQUAL(c->span, 0);
        EQUAL(c->most_again, fit - 1);
    }
}

/* In a block that is larger than a cache needs, no more lists than there should be. */
static void mended_in_a_large_block(void)
{
    struct fh_cache *c = two_caches();
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    uint32_t secret = rig.heap->lists.space.secret;
    uint32_t whole = fh_used_size(fh_tag_open(secret, block(c)));
    fh_tag_seal(secret, block(c), fh_tag_for(FH_USED, whole + 4));
    c->most_again ^= 1;
    CHECK(fh_malloc(rig.heap, 4000) != NULL);
    reported_control(c);
    EQUAL(c->most, 2048 / FH_GRANULE);
}

/* A cache that is mended stays on the list of caches if its link is whole and leads to a whole one; or else it is the last. */
static void mended_on_its_list(void)
{
    for (unsigned how = 0; how < 4; how++) {
        struct fh_cache *c = two_caches();
        struct fh_cache *d = rig.heap->by_cpu[1];
        REQUIRE(rig.heap->caches == d && d->next == c);
        d->most_again ^= 4;
        if (how == 1)
            d->next = (struct fh_cache *)rig_launder(&rig);
        if (how == 2)
            c->check ^= 1;
        if (how == 3)
            d->next_again ^= 1;
        cpu_now = 1;
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL);
        reported_control(d);
        CHECK(d->next == (how == 0 ? c : NULL) && d->next_again == ~(uintptr_t)d->next);
        EQUAL(d->check, fh_cache_check_for(d));
        fh_free(rig.heap, ptr);
        CHECK(rig.faults == 0 && rig.heap->by_cpu[1] == d);
    }
    /* In a small heap, the block says how many lists there are. */
    open(65536);
    fh_free(rig.heap, fh_malloc(rig.heap, 40));
    struct fh_cache *c = rig.heap->by_cpu[0];
    size_t most = c->most;
    REQUIRE(most + 2 < 2048 / FH_GRANULE);
    c->most_again ^= 4;
    fh_free(rig.heap, fh_malloc(rig.heap, 40));
    reported_control(c);
    /* The block's last granule has room for some heads more. */
    CHECK(c->most >= most && c->most < most + FH_GRANULE / sizeof(struct fh_block *));
    CHECK((uintptr_t)(fh_quick_head(c, c->most) + 1) <= (uintptr_t)c + fh_payload_bytes(fh_used_size(fh_tag_open(c->secret, block(c)))));
    EQUAL(c->most_bytes, fh_payload_bytes((uint32_t)c->most));
    rig_sound(&rig);
}

/* Where not even the block is known, another cache is opened. */
static void beyond_mending(void)
{
    for (unsigned how = 0; how < 6; how++) {
        two_caches();
        cpu_now = how / 3;
        struct fh_cache *c = rig.heap->by_cpu[cpu_now];
        struct fh_cache *other = rig.heap->by_cpu[1 - cpu_now];
        struct fh_block *b = (struct fh_block *)(void *)c;
        uint32_t secret = rig.heap->lists.space.secret;
        c->most_again ^= 1;
        if (how % 3 == 0)
            rig_poke((unsigned char *)c - 4, 0);
        else
            fh_tag_seal(secret, b, how % 3 == 1 ? fh_tag_for(FH_FREE, 20) : fh_tag_for(FH_USED, FH_MIN_GRANULES));
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL && rig.heap->by_cpu[cpu_now] != c);
        CHECK(rig.heap->by_cpu[1 - cpu_now] == other);
        reported_control(c);
        fh_free(rig.heap, ptr);
        CHECK(fh_malloc(rig.heap, 40) != NULL && rig.heap->by_cpu[cpu_now] != NULL);
        EQUAL(rig.faults, 0);
    }
    cpu_now = 0;
    /* The same found out inside the cache, by a call that its lists do not meet: the pool does what was asked. */
    for (unsigned put = 0; put < 2; put++) {
        struct fh_cache *c = two_caches();
        void *ptr = fh_malloc(rig.heap, 500);
        REQUIRE(ptr != NULL && fh_malloc(rig.heap, 500) != NULL);
        size_t used = rig.heap->used;
        rig_poke((unsigned char *)c - 4, 0);
        c->check ^= 1;
        c->span = 0;
        if (put)
            fh_free(rig.heap, ptr);
        else
            CHECK(fh_malloc(rig.heap, 300) != NULL);
        reported_control(c);
        EQUAL(rig.heap->used, put ? used - fh_granules_for(500) : used + fh_granules_for(300));
        CHECK(rig.heap->by_cpu[0] == NULL);
    }
}

/* One bit makes no cache busy, and one bit does not free a busy one. */
static void busy_by_one_bit(void)
{
    struct fh_cache *c = two_caches();
    for (unsigned bit = 0; bit < 32; bit++) {
        c->busy = (uint32_t)1 << bit;
        size_t before = cached().cached_blocks;
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL && cached().cached_blocks != before);
        EQUAL(c->busy, 0);
        c->busy = FH_BUSY ^ (uint32_t)1 << bit;
        before = cached().cached_blocks;
        fh_free(rig.heap, ptr);
        EQUAL(cached().cached_blocks, before);
        c->busy = 0;
    }
    EQUAL(rig.faults, 0);
}

/* More than is in use cannot be cached, and less than was counted must not come back. */
static void miscounted(void)
{
    struct fh_cache *c = two_caches();
    c->room -= (intptr_t)rig.heap->used * 2;
    fh_free(rig.heap, fh_malloc(rig.heap, 40));
    reported_control(c);
    CHECK((size_t)(c->limit - c->room) <= rig.heap->used);
    rig_sound(&rig);
    warm_up(40);
    c->room -= 3;
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    reported_control(c);
    EQUAL(c->room, c->limit);
    /* More than was counted is what a fork leaves that came in the middle of a call: no damage. */
    warm_up(40);
    c->room += 3;
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    EQUAL(rig.faults, 0);
    EQUAL(c->room, c->limit);
    rig_sound(&rig);
    /* Where a list was dropped, nobody knows what was on it; after that flush all that is counted must come back again. */
    *fh_quick_head(c, 0) = (struct fh_block *)rig_launder(&rig);
    c->room -= 3;
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_LINK);
    rig.faults = 0;
    c->room -= 3;
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    reported_control(c);
    rig_sound(&rig);
}

/* Links in the list of caches that lead to none. */
static void damaged_list(void)
{
    struct fh_cache *c = two_caches();
    struct fh_cache *d = rig.heap->by_cpu[1];
    REQUIRE(rig.heap->caches == d && d->next == c);
    void *const wrong[] = { (unsigned char *)c + 1, (unsigned char *)c + FH_GRANULE, &rig, (void *)(rig.heap->highest - FH_GRANULE),
                            (void *)((uintptr_t)rig.heap + FH_GRANULE) };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        d->next = (struct fh_cache *)rig_launder(wrong[i]);
        d->next_again = ~(uintptr_t)wrong[i];
        fh_malloc(rig.heap, 2 * RIG_MEMORY);
        reported_control(wrong[i]);
        /* Damaged itself, it is not gone through. */
        d->check ^= 1;
        fh_malloc(rig.heap, 2 * RIG_MEMORY);
        reported_control(d);
        d->check ^= 1;
    }
    d->next = c;
    d->next_again = ~(uintptr_t)c;
    fh_malloc(rig.heap, 2 * RIG_MEMORY);
    EQUAL(rig.faults, 0);
    /* One behind damage is closed all the same, and is no cache any more. */
    struct fh_cache *e = fh_cache_open(rig.heap);
    REQUIRE(e != NULL);
    rig.heap->caches = d;
    unsigned count = rig.heap->cache_count;
    fh_cache_close(e);
    CHECK(e->heap != rig.heap);
    EQUAL(rig.heap->caches, d);
    EQUAL(rig.heap->cache_count, count);
    /* The link of one that is closed is not passed on where it is damaged. */
    d->next = (struct fh_cache *)rig_launder(&rig);
    fh_cache_close(d);
    reported_control(d);
    EQUAL(rig.heap->caches, NULL);
}

/* A cache that its user holds has nobody to tell. */
static struct fh_cache *held;

static void use_held(void *arg)
{
    switch (*(unsigned *)arg) {
    case 0: fh_cache_malloc(held, 100000); break;
    case 1: fh_cache_malloc(held, 900); break;
    case 2: fh_cache_free(held, &rig); break;
    default: fh_cache_close(held);
    }
}

static void held_traps(void)
{
    for (unsigned call = 0; call < 4; call++) {
        open(RIG_MEMORY);
        held = fh_cache_open(rig.heap);
        REQUIRE(held != NULL);
        struct host_end end = host_run(use_held, &call, 10);
        CHECK(!host_trapped(end));
        held->secret ^= 1;
        CHECK(host_trapped(host_run(use_held, &call, 10)));
        held->secret ^= 1;
        held->heap = (struct fh_heap *)rig_launder(&rig);
        CHECK(host_trapped(host_run(use_held, &call, 10)));
    }
}

/* Nor does a heap whose words that lead to the caches are not what they were, though all that they lead to is whole. */
static void use_by_cpu(void *arg)
{
    if (*(bool *)arg)
        fh_free(rig.heap, fh_malloc(rig.heap, 40));
    else
        fh_free(rig.heap, rig_memory);
}

/* A CPU's entry is two words. One of them may be damaged in any way: the cache that the other one names is its still. */
static void damaged_own_entries(void)
{
    const unsigned bits = sizeof(uintptr_t) * 8;
    for (unsigned i = 0; i < 4 * (bits + 3); i++) {
        struct fh_cache *c[2];
        unsigned mine = i / 2 % 2;
        two_caches();
        if (mine == 1) {
            /* The other one's is opened anew, so that it is looked at first. */
            c[0] = rig.heap->by_cpu[0];
            rig.heap->by_cpu[0] = NULL;
            *((uintptr_t *)(void *)rig.heap->by_cpu + CPUS) = UINTPTR_MAX;
            cpu_now = CPUS;
            fh_cache_close(c[0]);
            cpu_now = 0;
            fh_free(rig.heap, fh_malloc(rig.heap, 40));
        }
        cpu_now = mine;
        warm_up(40);
        for (unsigned k = 0; k < 2; k++)
            c[k] = rig.heap->by_cpu[k];
        uintptr_t *word = (uintptr_t *)(void *)rig.heap->by_cpu + mine + (i % 2 == 0 ? 0 : CPUS);
        uintptr_t flip = i % 2 == 0 ? 0 : UINTPTR_MAX;
        unsigned bit = i / 4;
        if (bit < bits)
            *word ^= (uintptr_t)1 << bit;
        else
            *word = flip ^ (bit == bits ? 0 : bit == bits + 1 ? (uintptr_t)c[!mine] : (uintptr_t)rig_memory);
        size_t waiting = cached().cached_blocks;
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL);
        reported_control(rig.heap->by_cpu + mine);
        CHECK(rig.heap->by_cpu[0] == c[0] && rig.heap->by_cpu[1] == c[1]);
        EQUAL(cached().cached_blocks, waiting - 1);
        EQUAL(c[mine]->busy, 0);
        fh_free(rig.heap, ptr);
        EQUAL(cached().cached_blocks, waiting);
        EQUAL(rig.faults, 0);
        rig_sound(&rig);
    }
    cpu_now = 0;
}

/* Where both are, or where they name what is no cache, or another CPU's, there is none, and another one is opened. */
static void lost_entries(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct fh_cache *c = two_caches();
        struct fh_cache *other = rig.heap->by_cpu[1];
        uintptr_t *again = (uintptr_t *)(void *)rig.heap->by_cpu + CPUS;
        rig.heap->by_cpu[0] = i == 0 ? (struct fh_cache *)(void *)rig_memory : i == 1 ? other : NULL;
        *again = ~(uintptr_t)(i == 2 ? (void *)other : (void *)((char *)c + FH_GRANULE));
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL);
        reported_control(rig.heap->by_cpu);
        struct fh_cache *opened = rig.heap->by_cpu[0];
        CHECK(opened != NULL && opened != c && opened != other && rig.heap->by_cpu[1] == other);
        fh_free(rig.heap, ptr);
        EQUAL(rig.faults, 0);
        EQUAL(rig.heap->by_cpu[0], opened);
        rig_sound(&rig);
    }
}

static void by_cpu_traps(void)
{
    static struct fh_cache *copy[CPUS];
    for (unsigned allocates = 0; allocates < 2; allocates++) {
        bool which = allocates != 0;
        open(RIG_MEMORY);
        fh_free(rig.heap, fh_malloc(rig.heap, 40));
        CHECK(!host_trapped(host_run(use_by_cpu, &which, 10)));
        for (unsigned i = 0; i < CPUS; i++)
            copy[i] = rig.heap->by_cpu[i];
        rig.heap->by_cpu = copy;
        CHECK(host_trapped(host_run(use_by_cpu, &which, 10)));
    }
}

/* A heap that has caches of CPUs and has lost its port: not even they are asked. */
static void use_heap(void *arg)
{
    void **ptr = arg;
    if (ptr != NULL)
        fh_free(rig.heap, *ptr);
    else
        fh_malloc(rig.heap, 40);
}

static void a_damaged_port(void)
{
    static struct fh_port others;
    two_caches();
    void *ptr = fh_malloc(rig.heap, 40);
    const struct fh_port *port = rig.heap->port;
    for (unsigned call = 0; call < 2; call++) {
        rig.heap->port = port;
        CHECK(!host_trapped(host_run(use_heap, call ? &ptr : NULL, 10)));
        rig.heap->port = &others;
        CHECK(host_trapped(host_run(use_heap, call ? &ptr : NULL, 10)));
    }
}

/* An interrupt opens the CPU's cache while the call that it interrupts is about to: one of the two stays. */
static uintptr_t (*plain_lock)(void *);
static bool interrupt;
static unsigned waiting_inside;

static uintptr_t interrupted_lock(void *ctx)
{
    if (interrupt) {
        interrupt = false;
        fh_free(rig.heap, fh_malloc(rig.heap, 40));
        struct fh_cache *c = rig.heap->by_cpu[cpu_now];
        waiting_inside = fh_granules_for(40) <= c->most ? waiting(c, fh_granules_for(40)) : 0;
    }
    return plain_lock(ctx);
}

static void opened_twice(void)
{
    open(RIG_MEMORY);
    plain_lock = rig.port.lock;
    rig.port.lock = interrupted_lock;
    for (cpu_now = 1; cpu_now < CPUS; cpu_now++) {
        interrupt = true;
        void *ptr = fh_malloc(rig.heap, 40);
        CHECK(ptr != NULL && !interrupt && rig.heap->by_cpu[cpu_now] != NULL);
        EQUAL(rig.heap->cache_count, cpu_now + 1);
        /* The call that was interrupted is met from it. */
        EQUAL(waiting(rig.heap->by_cpu[cpu_now], fh_granules_for(40)), waiting_inside - 1);
        fh_free(rig.heap, ptr);
        rig_sound(&rig);
    }
    /* The interrupt took the last memory: its cache is both calls'. */
    rig_prepare(&rig);
    rig.port.cpus = 1;
    rig.port.cpu = cpu;
    rig.port.cache = &fh_cpu_cache;
    plain_lock = rig.port.lock;
    rig.port.lock = interrupted_lock;
    rig.heap = fh_create(rig_memory, 4096, &rig.port);
    REQUIRE(rig.heap != NULL);
    cpu_now = 1;
    void *room = fh_malloc(rig.heap, sizeof(struct fh_cache) + 5 * sizeof(void *));
    REQUIRE(room != NULL);
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    fh_free(rig.heap, room);
    cpu_now = 0;
    interrupt = true;
    CHECK(fh_malloc(rig.heap, 40) == NULL && !interrupt);
    CHECK(rig.heap->by_cpu[0] == room && rig.heap->caches == room);
    EQUAL(rig.heap->cache_count, 1);
    rig_sound(&rig);
    /* One for which there is no memory. */
    rig_prepare(&rig);
    rig.port.cpus = 1;
    rig.port.cpu = cpu;
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, 4096, &rig.port);
    REQUIRE(rig.heap != NULL);
    cpu_now = 1;
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    cpu_now = 0;
    CHECK(fh_malloc(rig.heap, 1) == NULL);
    EQUAL(rig.heap->cache_count, 0);
    /* More caches than can be: none are kept, also where the size of their table wraps to a small one. */
    static const unsigned many[] = { UINT32_MAX / 2, UINT32_MAX / 4 + 5, UINT32_MAX / 8 + 5, UINT32_MAX };
    for (unsigned i = 0; i < sizeof many / sizeof *many; i++) {
        rig_prepare(&rig);
        rig.port.cpus = many[i];
        rig.port.cpu = cpu;
        rig.port.cache = &fh_cpu_cache;
        rig.heap = fh_create(rig_memory, RIG_MEMORY, &rig.port);
        REQUIRE(rig.heap != NULL);
        fh_free(rig.heap, fh_malloc(rig.heap, 1));
        EQUAL(rig.heap->by_cpu, NULL);
        EQUAL(rig.heap->cache_count, 0);
        rig_sound(&rig);
    }
}

/* The head that only the slow way knows is what is asked for, and the quick way knows its region after it. */
static void taken_the_slow_way(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    void *ptr = fh_malloc(rig.heap, 100);
    const uint32_t n = granules_at(ptr);
    make_room(c);
    fh_cache_free(c, ptr);
    c->span = 0;
    size_t used = rig.heap->used;
    CHECK(fh_cache_malloc(c, 100) == ptr);
    EQUAL(rig.heap->used, used);
    EQUAL(c->lo + c->span, fh_hi_for(rig.heap->first.last));
    EQUAL(held_granules(), 0);
    /* A block that just fits is put without a flush, and so it is the slow way. */
    c->limit = c->room = (intptr_t)n;
    c->span = 0;
    fh_cache_free(c, ptr);
    EQUAL(held_granules(), n);
    EQUAL(c->room, 0);
    /* How much may wait is found out anew before a flush. */
    void *other = fh_malloc(rig.heap, 100);
    size_t held_before = held_granules();
    fh_cache_free(c, other);
    EQUAL(held_granules(), held_before + n);
    rig_sound(&rig);
}

/* A limit that says that more waits than is in use is known by a put that the quick way does not meet, room or not. */
static void miscounted_met_by_a_put(void)
{
    struct fh_cache *c = two_caches();
    void *ptr = fh_malloc(rig.heap, 40);
    c->room = 5000;
    c->limit = c->room + (intptr_t)rig.heap->used + 1;
    c->span = 0;
    fh_free(rig.heap, ptr);
    reported_control(c);
    CHECK(c->limit - c->room <= (intptr_t)fh_granules_for(40));
    rig_sound(&rig);
}

/* Where the pool has nothing, the cache gives back what may become what is asked for. */
static void emptied_before_refusal(void)
{
    for (unsigned grows = 0; grows < 2; grows++) {
        struct fh_cache *c = open_in(rig_memory, 65536, grows, 1);
        void *ptr[40];
        for (unsigned i = 0; i < 40; i++)
            REQUIRE((ptr[i] = fh_malloc(rig.heap, 40)) != NULL);
        while (fh_malloc(rig.heap, 1) != NULL)
            continue;
        c->asked = 0;
        make_room(c);
        for (unsigned i = 0; i < 40; i++)
            fh_cache_free(c, ptr[i]);
        EQUAL(cached().cached_blocks, 40);
        CHECK(fh_cache_malloc(c, 200) != NULL);
        EQUAL(held_granules(), 0);
        rig_sound(&rig);
    }
}

/* Damage that the opening of a cache meets is reported by that call. */
static void damage_met_by_opening(void)
{
    open_held(RIG_MEMORY);
    *fh_tag_of(rig.heap->top) ^= 0x100;
    CHECK(fh_cache_open(rig.heap) == NULL);
    CHECK(rig.faults != 0);
    EQUAL(rig.heap->lists.blame.kind, FH_OK);
}

/* The call that opens a CPU's cache is met from it. */
static void first_call(void)
{
    open(RIG_MEMORY);
    rig_prepare(&rig);
    rig.port.cpus = CPUS;
    rig.port.cpu = cpu;
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, RIG_MEMORY, &rig.port);
    REQUIRE(rig.heap != NULL && rig.heap->by_cpu[0] == NULL);
    CHECK(fh_malloc(rig.heap, 40) != NULL);
    CHECK(rig.heap->by_cpu[0] != NULL && held_granules() != 0);
    rig_sound(&rig);
}

/* A CPU's cache too serves without the lock what it has, up to its largest size, which is filled ahead as any other one. */
static void cpus_without_the_lock(void)
{
    rig_prepare(&rig);
    rig.port.cpus = CPUS;
    rig.port.cpu = cpu;
    rig.port.cache = &fh_cpu_cache;
    rig.port.acquire = no_more;
    cpu_now = 0;
    rig.heap = fh_create(rig_memory, RIG_MEMORY, &rig.port);
    REQUIRE(rig.heap != NULL && fh_malloc(rig.heap, 40) != NULL);
    struct fh_cache *c = rig.heap->by_cpu[0];
    REQUIRE(c != NULL);
    const size_t sizes[] = { 40, c->most_bytes };
    for (unsigned i = 0; i < 2; i++) {
        size_t before = held_granules();
        void *ptr = fh_malloc(rig.heap, sizes[i]);
        CHECK(i == 0 || held_granules() == before + c->most);
        unsigned locks = rig.locks;
        fh_free(rig.heap, ptr);
        CHECK(fh_malloc(rig.heap, sizes[i]) == ptr);
        EQUAL(rig.locks, locks);
    }
    rig_sound(&rig);
}

/* A large block is taken from the lists alone, once. */
static void one_large(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    void *hole = fh_malloc(rig.heap, 12000);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, hole);
    void *ptr = fh_malloc(rig.heap, 40);
    make_room(c);
    fh_cache_free(c, ptr);
    c->keep = 0;
    size_t used = rig.heap->used;
    CHECK(fh_cache_malloc(c, 5000) != NULL);
    EQUAL(rig.heap->used, used + fh_granules_for(5000));
    rig_sound(&rig);
}

/* A heap most of which was used, so that it is tight, and a cache that knows it. */
static struct fh_cache *open_tight(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    REQUIRE(fh_malloc(rig.heap, RIG_MEMORY / 4 * 3) != NULL);
    REQUIRE(fh_cache_malloc(c, c->most_bytes) != NULL && !c->has_plenty && c->keep != 0);
    return c;
}

static void hold_more_than_is_kept(struct fh_cache *c)
{
    while (held_granules() <= c->keep)
        fh_cache_free(c, fh_malloc(rig.heap, 100));
}

/* A tight heap gives one block from memory that was never used, though there is room for more; what may be kept stays. */
static void tight_takes_one(void)
{
    const uint32_t n = fh_granules_for(40);
    struct fh_cache *c = open_tight();
    for (unsigned waits = 0; waits < 2; waits++) {
        size_t held_before = held_granules();
        CHECK(held_before <= c->keep && c->room / 4 >= (intptr_t)n);
        size_t top = fh_pool_top_size(rig.heap);
        CHECK(fh_cache_malloc(c, 40) != NULL);
        EQUAL(held_granules(), held_before);
        EQUAL(fh_pool_top_size(rig.heap), top - n);
        fh_cache_free(c, fh_malloc(rig.heap, 100));
    }
    rig_sound(&rig);
}

/* Where one block is wanted it is the one that the pool chooses, and so where it is too large for the cache. */
static void one_is_the_pools_choice(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (size_t size = 600; size <= 3000; size += 2400) {
        struct fh_cache *c = open_held(RIG_MEMORY);
        void *far = fh_malloc(rig.heap, 60000);
        REQUIRE(far != NULL && fh_malloc(rig.heap, 1) != NULL);
        void *near = fh_malloc(rig.heap, 5000);
        REQUIRE(near != NULL && fh_malloc(rig.heap, 1) != NULL);
        fh_free(rig.heap, far);
        fh_free(rig.heap, near);
        /* What this leaves is cut next, rather than a block that is so much larger. */
        REQUIRE(fh_malloc(rig.heap, 1000) == near && rig.heap->victim_size >= fh_granules_for(size));
        void *victim = rig.heap->victim;
        CHECK(fh_cache_malloc(c, size) == victim);
        EQUAL(held_granules(), 0);
        rig_sound(&rig);
    }
}

/* One block too is not cut from memory that was never used while the cache holds more than it may keep. */
static void emptied_for_one(void)
{
    struct fh_cache *c = open_tight();
    hold_more_than_is_kept(c);
    CHECK(fh_cache_malloc(c, 600) != NULL);
    EQUAL(held_granules(), 0);
    rig_sound(&rig);
}

/* Damage that a filling meets is reported by that call, though the cache is emptied next and what it held would do. */
static void damage_met_by_a_filling(void)
{
    struct fh_cache *c = open_tight();
    hold_more_than_is_kept(c);
    REQUIRE(fh_malloc(rig.heap, 1) != NULL);
    unsigned char *hole = fh_malloc(rig.heap, 3000);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 1) != NULL);
    fh_free(rig.heap, hole);
    *fh_tag_of(block(hole)) ^= 0x100;
    CHECK(fh_cache_malloc(c, 40) != NULL);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_TAG);
    CHECK(rig.fault.block == hole && rig.fault.ptr == NULL);
}

/* So is damage that the search for a large block meets. */
static void damage_met_by_a_large_block(void)
{
    void *ptr[4];
    struct fh_cache *c = open_tight();
    REQUIRE(fh_malloc(rig.heap, 1) != NULL);
    for (unsigned i = 0; i < 4; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, c->most_bytes)) != NULL);
    REQUIRE(fh_malloc(rig.heap, 1) != NULL);
    unsigned char *hole = fh_malloc(rig.heap, 20000);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 1) != NULL);
    fh_free(rig.heap, hole);
    make_room(c);
    for (unsigned i = 0; i < 4; i++)
        fh_cache_free(c, ptr[i]);
    *fh_tag_of(block(hole)) ^= 0x100;
    CHECK(fh_cache_malloc(c, fh_payload_bytes(4 * (uint32_t)c->most)) == ptr[0]);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_TAG);
    CHECK(rig.fault.block == hole && rig.fault.ptr == NULL);
}

/* Emptied, a cache is filled from memory that was never used, if that is all that there is. */
static void filled_once_empty(void)
{
    enum { COUNT = 420 };
    static void *ptr[COUNT];
    const uint32_t n = fh_granules_for(100);
    struct fh_cache *c = open_in(rig_memory, RIG_MEMORY, true, 1);
    for (unsigned i = 0; i < COUNT; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 1000)) != NULL);
    for (unsigned i = 0; i < COUNT; i++)
        fh_cache_free(c, ptr[i]);
    CHECK(held_granules() > c->keep);
    /* All that it holds ends where that memory begins. */
    CHECK(fh_cache_malloc(c, 100) != NULL);
    CHECK(waiting(c, n) > 1);
    EQUAL(rig_sum(&rig).free_blocks, 1);
    rig_sound(&rig);
}

/* A free block of each of these sizes in granules, apart from each other; the next of a size is the one freed last. */
static void make_holes(const uint32_t *granules, unsigned count, void **hole)
{
    for (unsigned i = 0; i < count; i++) {
        REQUIRE((hole[i] = fh_malloc(rig.heap, fh_payload_bytes(granules[i]))) != NULL);
        REQUIRE(fh_malloc(rig.heap, 1) != NULL);
    }
    for (unsigned i = 0; i < count; i++)
        fh_free(rig.heap, hole[i]);
}

/* Where a run is short, one of several caches goes on with other runs: all that each of them gives, and nothing that was never used. */
static void filled_from_several_runs(void)
{
    const uint32_t n = fh_granules_for(200);
    const uint32_t sizes[] = { 2 * n, n };
    void *hole[2];
    struct fh_cache *c = open_held(RIG_MEMORY);
    REQUIRE(fh_cache_open(rig.heap) != NULL);
    make_holes(sizes, 2, hole);
    size_t top = fh_pool_top_size(rig.heap);
    CHECK(fh_cache_malloc(c, 200) == hole[1]);
    EQUAL(held_granules(), 2 * n);
    EQUAL(waiting(c, n), 2);
    EQUAL(fh_pool_top_size(rig.heap), top);
    rig_sound(&rig);
}

/* Damage that it meets there is reported by that call. */
static void damage_in_another_run(void)
{
    const uint32_t n = fh_granules_for(200);
    const uint32_t sizes[] = { n, n };
    void *hole[2];
    struct fh_cache *c = open_held(RIG_MEMORY);
    REQUIRE(fh_cache_open(rig.heap) != NULL);
    make_holes(sizes, 2, hole);
    *fh_tag_of(block(hole[0])) ^= 0x100;
    CHECK(fh_cache_malloc(c, 200) == hole[1]);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_TAG);
    CHECK(rig.fault.block == hole[0] && rig.fault.ptr == NULL);
}

/* A tight heap, and blocks of the largest size, which a rest would make too large for any list, are filled from one run. */
static void filled_from_one_run(void)
{
    const uint32_t n = fh_granules_for(40);
    const uint32_t sizes[] = { n, n, n, n };
    void *hole[4];
    struct fh_cache *c = open_held(RIG_MEMORY);
    REQUIRE(fh_cache_open(rig.heap) != NULL && fh_malloc(rig.heap, RIG_MEMORY / 4 * 3) != NULL);
    make_holes(sizes, 4, hole);
    CHECK(fh_cache_malloc(c, 40) == hole[3]);
    CHECK(!c->has_plenty && c->limit / 4 >= (intptr_t)n);
    EQUAL(held_granules(), 0);
    for (uint32_t less = 0; less < 2; less++) {
        c = open_in(rig_memory, RIG_MEMORY, true, 2);
        const uint32_t m = (uint32_t)c->most - less;
        const uint32_t large[] = { m, m, m, m };
        make_holes(large, 4, hole);
        CHECK(fh_cache_malloc(c, fh_payload_bytes(m)) == hole[3]);
        EQUAL(held_granules(), less * m);
        rig_sound(&rig);
    }
}

/* After a filling the cache looks at the region that it is from. */
static void looks_where_it_filled(void)
{
    struct fh_cache *c = open_held(RIG_MEMORY);
    CHECK(fh_cache_malloc(c, 40) != NULL);
    EQUAL(c->lo, rig.heap->first.lo);
    EQUAL(c->lo + c->span, fh_hi_for(rig.heap->first.last));
    unsigned locks = rig.locks;
    CHECK(fh_cache_malloc(c, 40) != NULL);
    EQUAL(rig.locks, locks);
}

/* The table of the CPUs' caches is the heap's own, and nobody looks beyond its end. */
static void end_of_the_table(void)
{
    unsigned with_room = 0;
    for (unsigned cpus = 1; cpus <= 4; cpus++) {
        rig_prepare(&rig);
        rig.port.cpus = cpus;
        rig.port.cpu = cpu;
        rig.port.cache = &fh_cpu_cache;
        cpu_now = 0;
        rig.heap = fh_create(rig_memory, RIG_MEMORY, &rig.port);
        REQUIRE(rig.heap != NULL && fh_malloc(rig.heap, 40) != NULL);
        struct fh_cache *c = rig.heap->by_cpu[0];
        struct fh_own *own = (struct fh_own *)rig.heap->by_cpu - 1;
        REQUIRE(c != NULL);
        fh_free(rig.heap, own);
        CHECK(rig_reported(&rig, FH_DOUBLE_FREE, own, own));
        /* Where the block has room for a word more, that one leads to a cache. */
        size_t bytes = fh_payload_bytes(fh_used_size(fh_tag_open(c->secret, block(own))));
        EQUAL(bytes, fh_payload_bytes(fh_granules_for(sizeof *own + 2 * cpus * sizeof c)));
        if (bytes < sizeof *own + (2 * cpus + 1) * sizeof c)
            continue;
        with_room++;
        rig.heap->by_cpu[2 * cpus] = c;
        cpu_now = 2 * cpus;
        CHECK(fh_malloc(rig.heap, 2 * RIG_MEMORY) == NULL);
        EQUAL(c->asked, 1);
        cpu_now = 0;
        fh_tag_seal(c->secret, block(c), fh_tag_for(FH_USED, FH_MIN_GRANULES));
        c->most_again ^= 1;
        CHECK(fh_malloc(rig.heap, 40) != NULL);
        reported_control(c);
        CHECK(rig.heap->by_cpu[0] != c && rig.heap->by_cpu[2 * cpus] == c);
    }
    CHECK(with_room != 0 || FH_GRANULE == sizeof(struct fh_cache *));
}

TESTS(unit_cache) = {
    { "looks_marked", looks_marked },
    { "looks_marked_to_a_cpu", looks_marked_to_a_cpu },
    { "promise_waits_anywhere", waits_anywhere },
    { "leads_to_what_waits", leads_to_what_waits },
    { "waits_deep", waits_deep },
    { "large_empties_its_cache", large_empties_its_cache },
    { "damaged_after_the_refusal", damaged_after_the_refusal },
    { "largest_that_is_listed", largest_that_is_listed },
    { "leads_to_another_region", leads_to_another_region },
    { "given_back_without_a_mark", given_back_without_a_mark },
    { "end_of_the_table", end_of_the_table },
    { "filled_from_several_runs", filled_from_several_runs },
    { "damage_in_another_run", damage_in_another_run },
    { "filled_from_one_run", filled_from_one_run },
    { "looks_where_it_filled", looks_where_it_filled },
    { "tight_takes_one", tight_takes_one },
    { "one_is_the_pools_choice", one_is_the_pools_choice },
    { "emptied_for_one", emptied_for_one },
    { "damage_met_by_a_filling", damage_met_by_a_filling },
    { "damage_met_by_a_large_block", damage_met_by_a_large_block },
    { "filled_once_empty", filled_once_empty },
    { "opened_twice", opened_twice },
    { "a_damaged_port", a_damaged_port },
    { "mended", mended },
    { "beyond_mending", beyond_mending },
    { "busy_by_one_bit", busy_by_one_bit },
    { "miscounted", miscounted },
    { "damaged_list", damaged_list },
    { "held_traps", held_traps },
    { "by_cpu_traps", by_cpu_traps },
    { "damaged_own_entries", damaged_own_entries },
    { "lost_entries", lost_entries },
    { "random_work", random_work },
    { "drained_before_refusal", drained_before_refusal },
    { "double_free", double_free },
    { "wrong_pointers", wrong_pointers },
    { "write_after_free", write_after_free },
    { "opening", opening },
    { "closing", closing },
    { "what_is_put", what_is_put },
    { "what_is_taken", what_is_taken },
    { "damaged_entries", damaged_entries },
    { "damaged_heads", damaged_heads },
    { "several_regions", several_regions },
    { "asked_to_give_back", asked_to_give_back },
    { "damaged_list_of_caches", damaged_list_of_caches },
    { "caches_of_cpus", caches_of_cpus },
    { "without_the_lock", without_the_lock },
    { "busy_inside", busy_inside },
    { "small_holds_nothing", small_holds_nothing },
    { "tight_holds_little", tight_holds_little },
    { "several_hold_a_little", several_hold_a_little },
    { "grown_for_several", grown_for_several },
    { "asked_once", asked_once },
    { "not_grown_where_fixed", not_grown_where_fixed },
    { "enough_to_the_granule", enough_to_the_granule },
    { "narrowed", narrowed },
    { "filled_in_holes", filled_in_holes },
    { "enough_when_narrowed", enough_when_narrowed },
    { "enough_where_there_are_many", enough_where_there_are_many },
    { "filled_from_holes", filled_from_holes },
    { "trying", trying },
    { "large_empties_first", large_empties_first },
    { "overrun_met_by_a_flush", overrun_met_by_a_flush },
    { "plenty_again", plenty_again },
    { "growing_empties_first", growing_empties_first },
    { "caches_without_a_layer", caches_without_a_layer },
    { "mended_on_its_list", mended_on_its_list },
    { "limits", limits },
    { "taken_the_slow_way", taken_the_slow_way },
    { "miscounted_met_by_a_put", miscounted_met_by_a_put },
    { "emptied_before_refusal", emptied_before_refusal },
    { "damage_met_by_opening", damage_met_by_opening },
    { "first_call", first_call },
    { "one_large", one_large },
    { "cpus_without_the_lock", cpus_without_the_lock },
    { "counted_anew", counted_anew },
    { "mended_from_its_block", mended_from_its_block },
    { "mended_in_a_large_block", mended_in_a_large_block },
    { "flushed_in_turn", flushed_in_turn },
    { "flushed_to_half", flushed_to_half },
    { "copied_structures", copied_structures },
    { "a_block_of_no_size", a_block_of_no_size },
    { "kept_to_the_granule", kept_to_the_granule },
    { "damaged_top_met_by_a_flush", damaged_top_met_by_a_flush },
    { "filled_at_once", filled_at_once },
    { "flushed_at_once", flushed_at_once },
    TESTS_END
};
