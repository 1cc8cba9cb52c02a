/* SPDX-License-Identifier: MIT
 *
 * fault.c - src/fault.c: who hears of a fault, how often, and what happens where nobody does. Each crime is in tests/misuse.
 */
#include "harness/rig.h"

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

TESTS(unit_fault) = {
    { "nothing_without_reason", nothing_without_reason },
    { "promise2_one_for_each", one_for_each },
    { "promise2_without_a_hook", without_a_hook },
    { "words", words },
    TESTS_END
};
