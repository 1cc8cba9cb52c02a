/* SPDX-License-Identifier: MIT
 *
 * check.c - src/check.c: the check names the right fact, and the walk shows what there is. That the check sees every wrong bit is in
 * tests/bugs/b19_checker.c.
 */
#include "harness/rig.h"

static struct rig rig;
static unsigned char *a;
static unsigned char *b;
static unsigned char *c;

static void open(void)
{
    rig_open(&rig, rig_memory, 8192);
    a = fh_malloc(rig.heap, 100);
    b = fh_malloc(rig.heap, 100);
    c = fh_malloc(rig.heap, 100);
    REQUIRE(c != NULL && fh_malloc(rig.heap, 100) != NULL);
}

static void names_the_fact(void)
{
    open();
    EQUAL(fh_check(rig.heap), FH_OK);
    rig_poke(b - 4, 0x12345678);
    EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    open();
    fh_free(rig.heap, b);
    rig_poke(c - 8, 3);
    EQUAL(fh_check(rig.heap), FH_BAD_FOOTER);
    open();
    fh_free(rig.heap, b);
    rig_poke(b, 0x77777);
    EQUAL(fh_check(rig.heap), FH_BAD_LINK);
    /* A tag that is true but old: its neighbour was free then. */
    open();
    uint32_t old = rig_peek(c - 4);
    fh_free(rig.heap, b);
    rig_poke(c - 4, old);
    EQUAL(fh_check(rig.heap), FH_NOT_COALESCED);
    open();
    rig_poke(rig.heap, 0x1);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    EQUAL(rig.faults, 0);
}

/* It is read-only: not a byte of the heap changes, whole or damaged. */
static void writes_nothing(void)
{
    static unsigned char copy[8192];
    for (unsigned damage = 0; damage < 2; damage++) {
        open();
        fh_free(rig.heap, b);
        if (damage)
            rig_poke(b + 4, 0x41414141);
        for (size_t i = 0; i < sizeof copy; i++)
            copy[i] = rig_memory[i];
        CHECK((fh_check(rig.heap) == FH_OK) == !damage);
        rig_sum(&rig);
        for (size_t i = 0; i < sizeof copy; i++)
            EQUAL(rig_memory[i], copy[i]);
    }
}

struct seen {
    unsigned blocks;
    unsigned stop_after;
};

static bool count(void *arg, const struct fh_block_info *info)
{
    struct seen *seen = arg;
    (void)info;
    return ++seen->blocks != seen->stop_after;
}

static void walk_stops_when_told(void)
{
    open();
    struct seen all = { 0, 0 };
    fh_walk(rig.heap, count, &all);
    EQUAL(all.blocks, 6);
    for (unsigned n = 1; n <= 6; n++) {
        struct seen some = { 0, n };
        fh_walk(rig.heap, count, &some);
        EQUAL(some.blocks, n);
        EQUAL(rig.depth, 0);
    }
}

/* A damaged tag ends its region and not the walk. */
static void walk_passes_damage(void)
{
    open();
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    rig_poke(b - 4, 0);
    struct seen seen = { 0, 0 };
    fh_walk(rig.heap, count, &seen);
    EQUAL(seen.blocks, 1 + 2);
    EQUAL(rig.depth, 0);
}

static void walk_shows_blocks(void)
{
    open();
    bool used;
    EQUAL(rig_block_at(&rig, a, &used), fh_usable_size(rig.heap, a) + 4);
    CHECK(used);
    size_t bytes = rig_block_at(&rig, b, &used);
    fh_free(rig.heap, b);
    EQUAL(rig_block_at(&rig, b, &used), bytes);
    CHECK(!used);
    EQUAL(rig_block_at(&rig, b + FH_GRANULE, &used), 0);
}

TESTS(unit_check) = {
    { "promise5_names_the_fact", names_the_fact },
    { "writes_nothing", writes_nothing },
    { "walk_stops_when_told", walk_stops_when_told },
    { "walk_passes_damage", walk_passes_damage },
    { "promise5_walk_shows_blocks", walk_shows_blocks },
    TESTS_END
};
