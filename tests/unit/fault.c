/* SPDX-License-Identifier: MIT
 *
 * fault.c - src/fault.c: who hears of a fault, how often, and what happens where nobody does. Each crime is in tests/misuse.
 */
#include "harness/rig.h"

#include "lock.h"

static struct rig rig;

static void nothing_without_reason(void)
{
    rig_open(&rig, rig_memory, 8192);
    for (unsigned i = 0; i < 200; i++) {
        void *ptr = fh_malloc(rig.heap, i);
        fh_free(rig.heap, ptr);
        CHECK(fh_malloc(rig.heap, 100000) == NULL);
    }
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

/* One report for one crime, each time it is committed. */
static void one_for_each(void)
{
    rig_open(&rig, rig_memory, 8192);
    void *ptr = fh_malloc(rig.heap, 10);
    fh_free(rig.heap, ptr);
    for (unsigned i = 1; i < 10; i++) {
        fh_free(rig.heap, ptr);
        EQUAL(rig.faults, i);
    }
    CHECK(fh_malloc(rig.heap, 10) == ptr);
    EQUAL(rig.faults, 9);
}

static void die(void *arg)
{
    (void)arg;
    fh_free(rig.heap, rig_memory + 50000);
}

/* Without a hook it traps; without a port, too. */
static void without_a_hook(void)
{
    rig_open(&rig, rig_memory, 8192);
    rig.port.fault = NULL;
    CHECK(host_trapped(host_run(die, NULL, 10)));
    rig.heap = fh_create(rig_memory, 8192, NULL);
    CHECK(host_trapped(host_run(die, NULL, 10)));
}

/* What the report says of the words. */
static void words(void)
{
    rig_open(&rig, rig_memory, 8192);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    fh_free(rig.heap, ptr + 3);
    EQUAL(rig.fault.kind, FH_MISALIGNED);
    EQUAL(rig.fault.found, 3);
    EQUAL(rig.fault.expected, 0);
    fh_free(rig.heap, ptr);
    fh_free(rig.heap, ptr);
    EQUAL(rig.fault.kind, FH_DOUBLE_FREE);
    CHECK(rig.fault.expected != rig.fault.found);
}

/* After which reports the lists are made anew: a free block that is on none is on one then. */
static void what_is_mended(void)
{
    for (unsigned kind = FH_OK; kind < FH_FAULT_KINDS; kind++) {
        for (unsigned named = 0; named < 2; named++) {
            rig_open(&rig, rig_memory, 8192);
            void *ptr = fh_malloc(rig.heap, 100);
            REQUIRE(ptr != NULL && fh_malloc(rig.heap, 100) != NULL);
            fh_free(rig.heap, ptr);
            struct fh_lists *l = &rig.heap->lists;
            uint32_t class = 0;
            while (*fh_head_of(l, class) == 0)
                class++;
            uint32_t link = *fh_head_of(l, class);
            *fh_head_of(l, class) = 0;
            if (kind != FH_OK)
                CHECK(!fh_blame(l, (enum fh_fault_kind)kind, (const struct fh_block *)ptr, 11, 22));
            rig.depth++;
            fh_report(rig.heap, named ? rig_memory : NULL);
            rig.depth--;
            EQUAL(rig.faults, kind != FH_OK);
            EQUAL(l->blame.kind, FH_OK);
            bool mends = kind == FH_BAD_TAG || kind == FH_BAD_LINK || kind == FH_BAD_FOOTER || kind == FH_BAD_CONTROL
                         || (kind == FH_OVERRUN && !named);
            EQUAL(*fh_head_of(l, class), mends ? link : 0);
            if (kind == FH_OK)
                continue;
            EQUAL(rig.fault.kind, kind);
            CHECK(rig.fault.ptr == (named ? rig_memory : NULL) && rig.fault.block == ptr);
            EQUAL(rig.fault.expected, 11);
            EQUAL(rig.fault.found, 22);
        }
    }
}

/* A heap whose pointer to its port is damaged has nobody to tell. */
static void enter(void *arg)
{
    (void)arg;
    fh_enter(rig.heap);
}

static void a_damaged_port(void)
{
    static struct fh_port others;
    rig_open(&rig, rig_memory, 8192);
    uintptr_t seal = rig.heap->seal;
    EQUAL(seal, fh_seal_for(rig.heap));
    const struct fh_port *port = rig.heap->port;
    rig.heap->port = &others;
    CHECK(host_trapped(host_run(enter, NULL, 10)));
    rig.heap->port = port;
    for (unsigned bit = 0; bit < sizeof seal * 8; bit++) {
        rig.heap->seal = seal ^ (uintptr_t)1 << bit;
        CHECK(host_trapped(host_run(enter, NULL, 10)));
    }
    rig.heap->seal = seal;
    CHECK(!host_trapped(host_run(enter, NULL, 10)));
}

/* What is rarely done is called through a pointer: a heap where it is damaged traps instead. */
static void ask_for_rescue(void *arg)
{
    (void)arg;
    fh_malloc(rig.heap, 100000);
}

static void a_damaged_rescue(void)
{
    rig_open(&rig, rig_memory, 8192);
    CHECK(!host_trapped(host_run(ask_for_rescue, NULL, 10)));
    for (unsigned bit = 0; bit < sizeof(uintptr_t) * 8; bit++) {
        rig.heap->rescue_seal ^= (uintptr_t)1 << bit;
        CHECK(host_trapped(host_run(ask_for_rescue, NULL, 10)));
        rig.heap->rescue_seal ^= (uintptr_t)1 << bit;
        rig.heap->rescue = (const struct fh_rescue *)((uintptr_t)rig.heap->rescue ^ (uintptr_t)1 << bit);
        CHECK(host_trapped(host_run(ask_for_rescue, NULL, 10)));
        rig.heap->rescue = (const struct fh_rescue *)((uintptr_t)rig.heap->rescue ^ (uintptr_t)1 << bit);
    }
    CHECK(!host_trapped(host_run(ask_for_rescue, NULL, 10)));
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
        rig.port.unlock = (has & 2) != 0 ? unlock : NULL;
        locked = 0;
        rig.heap = fh_create(rig_memory, 8192, &rig.port);
        REQUIRE(rig.heap != NULL);
        EQUAL(locked, 0);
        CHECK(fh_check(rig.heap) == FH_OK);
        EQUAL(locked, (has & 1) + (has & 2) * 50);
    }
}

TESTS(unit_fault) = {
    { "what_is_mended", what_is_mended },
    { "a_damaged_port", a_damaged_port },
    { "halves_of_a_lock", halves_of_a_lock },
    { "nothing_without_reason", nothing_without_reason },
    { "promise2_one_for_each", one_for_each },
    { "promise2_without_a_hook", without_a_hook },
    { "words", words },
    { "a_damaged_rescue", a_damaged_rescue },
    TESTS_END
};
