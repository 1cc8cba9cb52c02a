/* SPDX-License-Identifier: MIT
 *
 * deferred.c - src/small/deferred.c: a deferred block is freed by the next call that locks and by no other, what cannot be a block is
 * refused at once, and damage to what waits is reported and does not spread.
 */
#include "poke.h"

#include "harness/deferred.h"

static void refused_at_once(void)
{
    open();
    struct fh_heap *h = rig.heap;
    fh_free(h, ptr[3]);
    unsigned char *below = (unsigned char *)fh_at(h, fh_first_for(h->end)) - FH_GRANULE;
    unsigned char *end = end_of(&rig);
    set_tag(&rig, end + FH_GRANULE, FH_USED | 4 << FH_SIZE_SHIFT);
    set_tag(&rig, ptr[5] + FH_GRANULE, FH_USED | 4 << FH_SIZE_SHIFT | FH_TAG_LIMIT);
    rig_poke(ptr[6] - 4 + FH_GRANULE / 2, rig_peek(ptr[6] - 4) ^ FH_GRANULE / 2);
    unsigned char *const wrong[] = { below - FH_GRANULE, below, end, end + FH_GRANULE, ptr[3], ptr[5] + FH_GRANULE, ptr[6] + FH_GRANULE / 2, ptr[0] + 1,
        (unsigned char *)h, rig_memory, (unsigned char *)rig_launder((const void *)UINTPTR_MAX),
        (unsigned char *)rig_launder((const void *)((uintptr_t)FH_GRANULE)) };
    unsigned locks = rig.locks;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(!fh_free_deferred(h, wrong[i]));
        EQUAL(h->deferred, 0);
    }
    EQUAL(rig.locks, locks);
    EQUAL(rig.faults, 0);
    /* The lowest block there is, and the highest. */
    CHECK(fh_free_deferred(h, ptr[0]));
    unsigned char *last = highest_used(end);
    CHECK(fh_free_deferred(h, last));
    EQUAL(deferrals(), 2);
    CHECK(!is_used(last));
}

/* A block that was written to after it was deferred: reported once, with the place. The word keeps these bits, and then some change. */
static void written_to(size_t offset, uint32_t kept, uint32_t changes)
{
    open_with_waiting();
    overwrite(ptr[3] + offset, (rig_peek(ptr[3] + offset) & kept) ^ changes);
    rig_reported(&rig, FH_BAD_LINK, ptr[3], ptr[3]);
    EQUAL(rig.fault.found, tag_of(&rig, ptr[3]));
    one_is_lost();
}

/* Any bit of the mark, which lies behind the address of the next one, or of that address. */
static void damaged_marks(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        written_to(sizeof(fh_long), UINT32_MAX, (uint32_t)1 << bit);
        written_to(0, UINT32_MAX, (uint32_t)1 << bit);
    }
    written_to(sizeof(fh_long), 0, 0);
    written_to(sizeof(fh_long), 0, 0x12345678);
    written_to(0, 0, 0x12345678);
}

/* A neighbour that cannot be joined: the block is used as before, and not counted. */
static void damaged_links(void)
{
    for (unsigned i = 1; i <= 3; i += 2) {
        open();
        fh_free(rig.heap, ptr[i]);
        block_of(ptr[i])->next ^= 1;
        CHECK(fh_free_deferred(rig.heap, ptr[2]));
        EQUAL(deferrals(), 0);
        rig_reported(&rig, FH_BAD_LINK, ptr[2], ptr[i]);
        CHECK(is_used(ptr[2]));
        rig_sound(&rig);
    }
}

/* Freed the ordinary way while it waits: its words are the heap's, and no mark. */
static void freed_meanwhile(void)
{
    open();
    CHECK(fh_free_deferred(rig.heap, ptr[1]));
    CHECK(fh_free_deferred(rig.heap, ptr[3]));
    fh_free(rig.heap, ptr[3]);
    rig_reported(&rig, FH_DOUBLE_FREE, ptr[3], ptr[3]);
    EQUAL(deferrals(), 2);
    rig_sound(&rig);
}

/* The word that leads to what waits, overwritten: with what is no place for a block, and with a block that does not wait. */
static void damaged_word(void)
{
    for (unsigned who = 0; who < 3; who++) {
        open();
        CHECK(fh_free_deferred(rig.heap, ptr[1]));
        unsigned char *to = who == 0 ? rig_memory + 500000 : who == 1 ? ptr[1] + FH_GRANULE / 2 : ptr[2];
        word_is_refused(to);
    }
}

/* From within the lock: the call that holds it goes on, and the next one finishes. */
static uintptr_t defer_in_lock(void *ctx)
{
    struct rig *r = ctx;
    if (r->locks++ == 0)
        CHECK(fh_free_deferred(r->heap, ptr[3]));
    return 7;
}

static void defer_in_unlock(void *ctx, uintptr_t state)
{
    struct rig *r = ctx;
    EQUAL(state, 7);
    if (r->locks == 1)
        CHECK(fh_free_deferred(r->heap, ptr[4]));
}

static void defer_in_fault(void *ctx, const struct fh_fault *fault)
{
    struct rig *r = ctx;
    r->fault = *fault;
    if (r->faults++ == 0)
        CHECK(fh_free_deferred(r->heap, ptr[5]));
}

static void from_inside_the_lock(void)
{
    open();
    rig.locks = 0;
    rig.port.lock = defer_in_lock;
    rig.port.unlock = defer_in_unlock;
    rig.port.fault = defer_in_fault;
    fh_free(rig.heap, rig_memory);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_FOREIGN);
    EQUAL(rig.heap->deferrals, 1);
    EQUAL(deferrals(), 3);
    EQUAL(fh_check(rig.heap), FH_OK);
    CHECK(!is_used(ptr[3]));
}

static void mark(unsigned char *p, uintptr_t next)
{
    *(uintptr_t *)(void *)p = next;
    rig_poke(p + sizeof next, (uint32_t)(uintptr_t)p ^ (uint32_t)next ^ rig.heap->secret);
}

/* What a user wrote is no mark, whatever it looks like: it leads nowhere, to a block without one, to itself, round, or out of the heap. */
static void looks_marked(void)
{
    for (unsigned who = 0; who < 7; who++) {
        open();
        const uintptr_t next[7] = { 0, (uintptr_t)ptr[4], (uintptr_t)ptr[2], (uintptr_t)ptr[3], (uintptr_t)ptr[4] + FH_GRANULE / 2,
            (uintptr_t)rig.heap, (uintptr_t)rig_launder(&rig) };
        mark(ptr[2], next[who]);
        mark(ptr[3], (uintptr_t)ptr[2]);
        CHECK(fh_free_deferred(rig.heap, ptr[2]));
        EQUAL(deferrals(), 1);
        EQUAL(rig.faults, 0);
        CHECK(!is_used(ptr[2]));
        rig_sound(&rig);
    }
}

/* One that does wait is known wherever it is among the others. */
static void waits_anywhere(void)
{
    open();
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(fh_free_deferred(rig.heap, ptr[i]));
    EQUAL(*(const uintptr_t *)(const void *)ptr[0], (uintptr_t)rig.heap + FH_GRANULE);
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(!fh_free_deferred(rig.heap, ptr[i]));
    EQUAL(deferrals(), BLOCKS);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

TESTS(small_deferred) = {
    { "looks_marked", looks_marked },
    { "waits_anywhere", waits_anywhere },
    { "each_call_finishes", each_call_finishes },
    { "many", many },
    { "refused_at_once", refused_at_once },
    { "damaged_marks", damaged_marks },
    { "damaged_tags", damaged_tags },
    { "damaged_links", damaged_links },
    { "freed_meanwhile", freed_meanwhile },
    { "damaged_word", damaged_word },
    { "one_that_follows_itself", one_that_follows_itself },
    { "from_inside_the_lock", from_inside_the_lock },
    TESTS_END
};
