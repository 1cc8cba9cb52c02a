/* SPDX-License-Identifier: MIT
 *
 * acquire.c - a port that runs out: the n-th acquire fails, for every n, once or from then on.
 *
 * A program of mallocs, callocs, reallocs, aligned allocations and frees runs once as a measure, then again for each n. Every
 * refusal leaves the heap sound, each block where it was with what was in it; the refused call succeeds when memory is back; in the
 * end nothing is missing and every region is given back.
 */
#include "harness/rig.h"

enum { PAGE = 1024, PAGES = 512, HOME = 2048, SLOTS = 120, STEPS = 1500 };

static unsigned char *const ground = rig_memory + 65536;

/* The port: runs of pages, the first that fit; every third one leaves a page between, so that some touch and some do not. */
static struct supply {
    bool taken[PAGES];
    unsigned asked;
    unsigned fail_at;         /* the number of the call that fails; 0: none */
    bool fail_on;             /* and all after it */
    unsigned failures;
    size_t out;               /* bytes that are with the heap */
} supply;

/* The first page of a run of that many, or PAGES. */
static unsigned find_run(unsigned pages)
{
    unsigned run = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        run = supply.taken[i] ? 0 : run + 1;
        if (run == pages)
            return i + 1 - pages;
    }
    return PAGES;
}

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 0);
    rig->acquires++;
    supply.asked++;
    if (supply.fail_at != 0 && (supply.asked == supply.fail_at || (supply.fail_on && supply.asked > supply.fail_at))) {
        supply.failures++;
        return NULL;
    }
    unsigned pages = (unsigned)((least + PAGE - 1) / PAGE);
    unsigned gap = supply.asked % 3 == 0;
    unsigned first = find_run(pages + gap);
    REQUIRE(first < PAGES);
    for (unsigned i = 0; i < pages; i++)
        supply.taken[first + gap + i] = true;
    *got = (size_t)pages * PAGE;
    supply.out += *got;
    return ground + (first + gap) * (size_t)PAGE;
}

/* One region may be several runs that touched. */
static void release(void *ctx, void *mem, size_t bytes)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 0);
    rig->releases++;
    size_t first = (size_t)((unsigned char *)mem - ground) / PAGE;
    REQUIRE(bytes % PAGE == 0 && first + bytes / PAGE <= PAGES && ground + first * PAGE == mem);
    for (size_t i = 0; i < bytes / PAGE; i++) {
        CHECK(supply.taken[first + i]);
        supply.taken[first + i] = false;
    }
    supply.out -= bytes;
}

struct slot {
    unsigned char *ptr;
    size_t size;
    size_t align;
    uint32_t key;
};

static struct slot slots[SLOTS];

static bool is_intact(const struct slot *s)
{
    return s->ptr == NULL || rig_filled(s->ptr, s->size, s->key);
}

static void expect_all_intact(struct rig *rig)
{
    rig_sound(rig);
    bool intact = true;
    for (unsigned i = 0; i < SLOTS; i++)
        intact = intact && is_intact(&slots[i]);
    CHECK(intact);
}

/* The four ways to a block; NULL if refused. */
static unsigned char *ask(struct rig *rig, const struct slot *s, unsigned way, size_t size, size_t align)
{
    switch (way) {
    case 0: return fh_malloc(rig->heap, size);
    case 1: return fh_calloc(rig->heap, size, 1);
    case 2: return fh_aligned_alloc(rig->heap, align, size);
    default: return fh_realloc(rig->heap, s->ptr, size);
    }
}

/* One step. A refused one is looked at, then tried again with the supply as good as new if `again`. */
static void step(struct rig *rig, struct dice *dice, bool again)
{
    struct slot *s = &slots[dice_below(dice, SLOTS)];
    unsigned way = dice_below(dice, 4);
    size_t size = dice_below(dice, dice_below(dice, 4) == 0 ? 4000 : 300);
    size_t align = (size_t)FH_GRANULE << dice_below(dice, 5);
    uint32_t key = dice_roll(dice);
    /* A block moves with the alignment that its address has, were it by chance: one of these could ask for more than there is. */
    bool lucky = (uintptr_t)s->ptr % 8192 == 0;
    if (s->ptr != NULL && (way != 3 || lucky)) {
        CHECK(is_intact(s));
        fh_free(rig->heap, s->ptr);
        s->ptr = NULL;
        return;
    }
    unsigned failures = supply.failures;
    unsigned char *ptr = ask(rig, s, way, size, align);
    if (ptr == NULL) {
        /* Only because the port failed just now. */
        CHECK(supply.failures > failures);
        expect_all_intact(rig);
        if (!again)
            return;
        ptr = ask(rig, s, way, size, align);
        REQUIRE(ptr != NULL);
    }
    if (s->ptr != NULL)
        CHECK(rig_filled(ptr, s->size < size ? s->size : size, s->key));
    *s = (struct slot){ ptr, size, align, key };
    rig_fill(ptr, size, key);
}

static void open(struct rig *rig, unsigned fail_at, bool fail_on)
{
    supply = (struct supply){ .fail_at = fail_at, .fail_on = fail_on };
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i] = (struct slot){ .ptr = NULL };
    rig_prepare(rig);
    rig->port.acquire = acquire;
    rig->port.release = release;
    rig->heap = fh_create(rig_memory, HOME, &rig->port);
    REQUIRE(rig->heap != NULL);
}

/* All back: one free block in the first region, and every page with the port. */
static void close(struct rig *rig)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        CHECK(is_intact(&slots[i]));
        fh_free(rig->heap, slots[i].ptr);
    }
    fh_trim(rig->heap);
    EQUAL(supply.out, 0);
    rig_sound(rig);
    EQUAL(rig_sum(rig).used_blocks, 0);
    EQUAL(rig_sum(rig).free_blocks, 1);
    EQUAL(rig_sum(rig).regions, 1);
    EQUAL(rig->faults, 0);
}

static void run(struct rig *rig, unsigned fail_at, bool fail_on)
{
    struct dice dice = dice_from(test_seed());
    open(rig, fail_at, fail_on);
    for (unsigned i = 0; i < STEPS; i++)
        step(rig, &dice, !fail_on);
}

static unsigned count_acquires(void)
{
    struct rig rig;
    run(&rig, 0, false);
    unsigned asked = supply.asked;
    CHECK(asked > 8);
    close(&rig);
    return asked;
}

static void once(void)
{
    rig_large_only();
    unsigned asked = count_acquires();
    for (unsigned n = 1; n <= asked && !test_failed(); n++) {
        struct rig rig;
        run(&rig, n, false);
        EQUAL(supply.failures, 1);
        close(&rig);
    }
}

/* And when memory returns, the program goes on: a second part that needs more than the first one ever had. */
static void from_then_on(void)
{
    rig_large_only();
    unsigned asked = count_acquires();
    for (unsigned n = 1; n <= asked && !test_failed(); n++) {
        struct rig rig;
        struct dice dice = dice_from(test_seed() + n);
        run(&rig, n, true);
        CHECK(supply.failures >= 1);
        supply.fail_at = 0;
        unsigned failures = supply.failures;
        for (unsigned i = 0; i < STEPS / 4; i++)
            step(&rig, &dice, true);
        EQUAL(supply.failures, failures);
        close(&rig);
    }
}

/* The very first one: no heap, and nothing that was not given goes back. */
static void at_birth(void)
{
    struct rig rig;
    rig_prepare(&rig);
    rig.port.acquire = acquire;
    rig.port.release = release;
    supply = (struct supply){ .fail_at = 1 };
    CHECK(fh_create(NULL, 0, &rig.port) == NULL);
    EQUAL(supply.asked, 1);
    EQUAL(rig.releases, 0);
    rig.heap = fh_create(NULL, 0, &rig.port);
    REQUIRE(rig.heap != NULL);
    size_t out = supply.out;
    CHECK(out >= PAGE);
    rig_sound(&rig);
    EQUAL(fh_destroy(rig.heap), out);
    EQUAL(supply.out, 0);
}

TESTS(oom_acquire) = {
    { "once", once },
    { "from_then_on", from_then_on },
    { "at_birth", at_birth },
    TESTS_END,
};
