/* SPDX-License-Identifier: MIT
 *
 * control.c - the words of the control structure of the small core, each damaged in each bit, and who hears of it.
 */
#include "poke.h"

static struct rig rig;
static unsigned char *live;

enum { HEAP = 8192, CALLS = 12 };

static void open(void)
{
    rig_open(&rig, rig_memory, HEAP);
    live = fh_malloc(rig.heap, 100);
    REQUIRE(live != NULL && fh_malloc(rig.heap, 100) != NULL);
}

static bool see(void *arg, const struct fh_block_info *info)
{
    (void)arg;
    return info->bytes != 0;
}

/* Every call that looks at the heap. */
static void make_call(void *arg)
{
    struct fh_stats stats;
    switch (*(unsigned *)arg) {
    case 0: fh_malloc(rig.heap, 1); break;
    case 1: fh_free(rig.heap, live); break;
    case 2: fh_realloc(rig.heap, live, 300); break;
    case 3: fh_aligned_alloc(rig.heap, 64, 1); break;
    case 4: fh_usable_size(rig.heap, live); break;
    case 5: fh_add_region(rig.heap, rig_memory + HEAP, 4096); break;
    case 6: fh_check(rig.heap); break;
    case 7: fh_stats(rig.heap, &stats); break;
    case 8: fh_walk(rig.heap, see, NULL); break;
    case 9: fh_resize(rig.heap, live, 1); break;
    case 10: fh_calloc(rig.heap, 1, 1); break;
    default: fh_destroy(rig.heap);
    }
}

static void all_trap(void)
{
    for (unsigned call = 0; call < CALLS; call++)
        CHECK(host_trapped(host_run(make_call, &call, 10)));
}

/* Memory of that many bits: with each of them flipped, no call follows it. */
static void each_bit_traps(void *word, size_t bytes)
{
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        ((unsigned char *)word)[bit / 8] ^= (unsigned char)(1 << bit % 8);
        unsigned call = (unsigned)(bit % CALLS);
        CHECK(host_trapped(host_run(make_call, &call, 10)));
        ((unsigned char *)word)[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void what_is_followed_unseen(void)
{
    open();
    struct fh_heap *h = rig.heap;
    each_bit_traps(&h->port, sizeof h->port);
    each_bit_traps(&h->rare, sizeof h->rare);
    each_bit_traps(&h->last, sizeof h->last);
    each_bit_traps(&h->end, sizeof h->end);
    each_bit_traps(&h->seal, sizeof h->seal);
    h->last ^= 8;
    all_trap();
    h->last ^= 8;
    for (unsigned call = 0; call < CALLS; call++)
        CHECK(!host_trapped(host_run(make_call, &call, 10)));
}

static void zeros_and_the_dead(void)
{
    open();
    EQUAL(fh_destroy(rig.heap), 0);
    all_trap();
    rig_fill(rig_memory, HEAP, 9);
    all_trap();
    for (size_t i = 0; i < HEAP; i++)
        rig_memory[i] = 0;
    all_trap();
    EQUAL(fh_trim(rig.heap), 0);
}

/* What the calls that make and end a heap read. The others do without. */
static void end_it(void *arg)
{
    (void)arg;
    fh_destroy(rig.heap);
}

static void what_was_given(void)
{
    open();
    uint32_t *const words[] = { &rig.heap->bytes, &rig.heap->skip, &rig.heap->given };
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            *words[i] ^= (uint32_t)1 << bit;
            EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
            EQUAL(fh_add_region(rig.heap, rig_memory + HEAP, 4096), 0);
            rig_reported(&rig, FH_BAD_CONTROL, rig_memory + HEAP, rig_memory + HEAP);
            CHECK(host_trapped(host_run(end_it, NULL, 10)));
            goes_on(&rig);
            *words[i] ^= (uint32_t)1 << bit;
            rig_sound(&rig);
        }
    }
    /* With a seal that fits it, but not the blocks. */
    rig.heap->bytes += FH_GRANULE;
    rig.heap->given = fh_given_for(rig.heap);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    rig.heap->bytes -= FH_GRANULE;
    rig.heap->given = fh_given_for(rig.heap);
    rig.heap->end = FH_HEAD + FH_MAX_RINGS + 1;
    rig.heap->seal = fh_seal_for(rig.heap);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    rig.heap->end = FH_HEAD;
    rig.heap->seal = fh_seal_for(rig.heap);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
}

/* With another secret there is no block, and nothing else happens. */
static void another_secret(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        rig.heap->secret ^= (uint32_t)1 << bit;
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
        CHECK(fh_malloc(rig.heap, 100) == NULL);
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, FH_BAD_TAG);
        rig.faults = 0;
        fh_free(rig.heap, live);
        rig_reported(&rig, FH_NOT_A_BLOCK, live, live);
        /* The rings are empty now. */
        CHECK(fh_malloc(rig.heap, 100) == NULL);
        EQUAL(rig.faults, 0);
    }
}

/* Only the counts. */
static void wrong_counts(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        rig.heap->used ^= (uint32_t)1 << bit;
        EQUAL(fh_check(rig.heap), FH_BAD_COUNT);
        goes_on(&rig);
        open();
        rig.heap->peak = UINT32_MAX - bit;
        EQUAL(fh_check(rig.heap), FH_BAD_COUNT);
        goes_on(&rig);
    }
}

/* One report for one crime, each time it is committed; what was said before is not said of the next. */
static void one_report_each(void)
{
    open();
    fh_free(rig.heap, live);
    for (unsigned i = 1; i < 10; i++) {
        fh_free(rig.heap, live);
        rig_reported(&rig, FH_DOUBLE_FREE, live, live);
    }
    CHECK(fh_malloc(rig.heap, 100) == live);
    for (unsigned i = 0; i < 200; i++) {
        fh_free(rig.heap, fh_malloc(rig.heap, i));
        CHECK(fh_malloc(rig.heap, 100000) == NULL);
    }
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

/* The word that was found is the opened tag, which says what was wrong. */
static void what_was_found(void)
{
    open();
    fh_free(rig.heap, live);
    fh_free(rig.heap, live);
    EQUAL(rig.fault.found, tag_of(&rig, live));
    EQUAL(rig.fault.expected, 0);
    fh_free(rig.heap, live + 1);
    EQUAL(rig.fault.kind, FH_MISALIGNED);
    EQUAL(rig.fault.found, 0);
    CHECK(rig.fault.block == live + 1 && rig.fault.ptr == live + 1);
}

static void misuse(void *arg)
{
    (void)arg;
    fh_free(rig.heap, rig_memory + 50000);
}

static void without_a_hook(void)
{
    open();
    rig.port.fault = NULL;
    CHECK(host_trapped(host_run(misuse, NULL, 10)));
    rig.heap = fh_create(rig_memory, HEAP, NULL);
    CHECK(host_trapped(host_run(misuse, NULL, 10)));
}

/* A lock without its other half, and neither. */
static uintptr_t locked;

static uintptr_t lock(void *ctx)
{
    CHECK(ctx == &rig);
    return ++locked;
}

static void unlock(void *ctx, uintptr_t state)
{
    CHECK(ctx == &rig);
    EQUAL(state, locked);
    locked += 100;
}

static void halves_of_a_lock(void)
{
    for (unsigned has = 0; has < 4; has++) {
        rig_prepare(&rig);
        rig.port.lock = (has & 1) != 0 ? lock : NULL;
        rig.port.unlock = NULL;
        if ((has & 2) != 0)
            rig.port.unlock = unlock;
        locked = 0;
        rig.heap = fh_create(rig_memory, HEAP, &rig.port);
        REQUIRE(rig.heap != NULL);
        EQUAL(locked, 0);
        CHECK(fh_check(rig.heap) == FH_OK);
        EQUAL(locked, (has & 1) + (has & 2) * 50);
    }
}

TESTS(small_control) = {
    { "what_is_followed_unseen", what_is_followed_unseen },
    { "zeros_and_the_dead", zeros_and_the_dead },
    { "what_was_given", what_was_given },
    { "another_secret", another_secret },
    { "wrong_counts", wrong_counts },
    { "one_report_each", one_report_each },
    { "what_was_found", what_was_found },
    { "without_a_hook", without_a_hook },
    { "halves_of_a_lock", halves_of_a_lock },
    TESTS_END
};
