/* SPDX-License-Identifier: MIT
 *
 * deferred.h - what the tests of deferred frees share, whichever core they judge: a rig with a few blocks, and what both cores promise
 * through the public interface.
 *
 * The file that includes it has included the core's structures.
 */
#ifndef DEFERRED_H
#define DEFERRED_H

#include "rig.h"

enum { BLOCKS = 8, OPEN_BYTES = 8192 };

static struct rig rig;
static unsigned char *ptr[BLOCKS];

static void open(void)
{
    rig_open(&rig, rig_memory + 4096, OPEN_BYTES);
    for (unsigned i = 0; i < BLOCKS; i++) {
        ptr[i] = fh_malloc(rig.heap, 100);
        REQUIRE(ptr[i] != NULL);
        rig_fill(ptr[i], 100, i);
    }
}

static size_t deferrals(void)
{
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    return stats.frees_deferred;
}

static bool is_used(void *p)
{
    bool used = false;
    CHECK(rig_block_at(&rig, p, &used) != 0);
    return used;
}

/* The calls that finish what waits; fh_walk and fh_check only look. */
static void each_call_finishes(void)
{
    for (unsigned call = 0; call < 8; call++) {
        open();
        unsigned locks = rig.locks;
        CHECK(fh_free_deferred(rig.heap, ptr[2]));
        EQUAL(rig.locks, locks);
        CHECK(is_used(ptr[2]));
        CHECK(rig_filled(ptr[1], 100, 1) && rig_filled(ptr[3], 100, 3));
        EQUAL(fh_check(rig.heap), FH_OK);
        CHECK(is_used(ptr[2]));
        struct fh_stats stats;
        switch (call) {
        case 0:
            CHECK(fh_malloc(rig.heap, 100) == ptr[2]);
            fh_free(rig.heap, ptr[2]);
            break;
        case 1:
            fh_free(rig.heap, ptr[5]);
            break;
        case 2:
            CHECK(fh_resize(rig.heap, ptr[1], 200));
            CHECK(fh_resize(rig.heap, ptr[1], 100));
            break;
        case 3:
            fh_stats(rig.heap, &stats);
            break;
        case 4:
            CHECK(fh_usable_size(rig.heap, ptr[0]) != 0);
            break;
        case 5:
            CHECK(fh_add_region(rig.heap, rig_memory + 4096 + OPEN_BYTES, 4096) != 0);
            break;
        case 6:
            CHECK(fh_realloc(rig.heap, ptr[1], 200) == ptr[1]);
            CHECK(fh_resize(rig.heap, ptr[1], 100));
            break;
        default:
            CHECK(fh_aligned_alloc(rig.heap, 64, 8) != NULL);
        }
        EQUAL(rig.heap->deferred, 0);
        EQUAL(rig.heap->deferrals, 1);
        CHECK(call == 7 || !is_used(ptr[2]));
        EQUAL(deferrals(), 1);
        rig_sound(&rig);
    }
}

/* Many wait together; each is freed once. */
static void many(void)
{
    open();
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(fh_free_deferred(rig.heap, ptr[i]));
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(!fh_free_deferred(rig.heap, ptr[i]));
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.frees_deferred, BLOCKS);
    EQUAL(stats.blocks_used, 0);
    EQUAL(stats.blocks_free, 1);
    rig_sound(&rig);
    EQUAL(deferrals(), BLOCKS);
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(!fh_free_deferred(rig.heap, ptr[i]));
    CHECK(fh_free_deferred(rig.heap, NULL));
    EQUAL(deferrals(), BLOCKS);
}

/* The highest block that there is, of a heap whose blocks end there; takes all memory first. */
static unsigned char *highest_used(unsigned char *end)
{
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    unsigned char *last = end - FH_GRANULE;
    bool used = false;
    while (rig_block_at(&rig, last, &used) == 0)
        last -= FH_GRANULE;
    CHECK(used);
    return last;
}

/* A fresh heap, in which the blocks 1, 3 and 5 wait. */
static void open_with_waiting(void)
{
    open();
    for (unsigned i = 1; i < 6; i += 2)
        CHECK(fh_free_deferred(rig.heap, ptr[i]));
}

/* Overwrites a word of theirs; the call that finishes them meets that. */
static void overwrite(unsigned char *where, uint32_t word)
{
    rig_poke(where, word);
    CHECK(fh_malloc(rig.heap, 1000) != NULL);
}

/* What waited before the block that was overwritten is lost, and nothing else. */
static void one_is_lost(void)
{
    CHECK(!is_used(ptr[5]));
    CHECK(is_used(ptr[1]) && is_used(ptr[3]));
    EQUAL(deferrals(), 1);
    rig_sound(&rig);
    CHECK(fh_free_deferred(rig.heap, ptr[0]));
    EQUAL(deferrals(), 2);
    rig_sound(&rig);
}

/* A block whose tag, or whose neighbour's, was damaged meanwhile is reported; the others are freed. */
static void damaged_tags(void)
{
    for (unsigned behind = 0; behind < 2; behind++) {
        open_with_waiting();
        overwrite(ptr[3 + behind] - 4, 0x13131313);
        rig_reported(&rig, behind ? FH_OVERRUN : FH_NOT_A_BLOCK, ptr[3], behind ? ptr[4] : ptr[3]);
        EQUAL(rig.heap->deferrals, 2);
        EQUAL(rig.heap->deferred, 0);
        /* The mark is gone: freed again, it is reported for what it is. */
        fh_free(rig.heap, ptr[3]);
        rig_reported(&rig, behind ? FH_OVERRUN : FH_NOT_A_BLOCK, ptr[3], behind ? ptr[4] : ptr[3]);
    }
}

/* The word that leads to what waits leads there: no place of such a block, which is reported, and nothing is freed. */
static void word_is_refused(unsigned char *to)
{
    rig.heap->deferred = (uintptr_t)to;
    CHECK(fh_malloc(rig.heap, 1000) != NULL);
    rig_reported(&rig, FH_BAD_LINK, to, to);
    EQUAL(rig.heap->deferred, 0);
    EQUAL(deferrals(), 0);
    rig_sound(&rig);
}

/* Deferred twice, because the mark of the first time was overwritten: it follows itself. And it cannot be freed. */
static void take_lock(void *arg)
{
    (void)arg;
    fh_usable_size(rig.heap, ptr[0]);
    CHECK(rig.faults != 0 && rig.faults < 10);
}

static void one_that_follows_itself(void)
{
    for (unsigned overrun = 0; overrun < 2; overrun++) {
        open();
        CHECK(fh_free_deferred(rig.heap, ptr[3]));
        rig_fill(ptr[3], 100, 9);
        CHECK(fh_free_deferred(rig.heap, ptr[3]));
        if (overrun)
            rig_poke(ptr[4] - 4, 0x13131313);
        struct host_end end = host_run(take_lock, NULL, 2);
        CHECK(!end.timed_out && end.signal == 0);
    }
}

#endif
