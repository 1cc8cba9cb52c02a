/* SPDX-License-Identifier: MIT
 *
 * deferred.c - src/deferred.c: a deferred block is freed by the next call that locks and by no other, what cannot be a block is
 * refused at once, and damage to what waits is reported and does not spread.
 */
#include "pool.h"

#include "harness/deferred.h"

static uint32_t secret(void)
{
    return rig.heap->lists.space.secret;
}

/* A word below the pointer that would open as that tag. */
static void forge(unsigned char *p, uint32_t tag)
{
    *fh_tag_of((struct fh_block *)(void *)p) = (tag * FH_SEAL) ^ ((uint32_t)(uintptr_t)p ^ secret());
}

static void refused_at_once(void)
{
    open();
    struct fh_heap *h = rig.heap;
    CHECK(fh_free_deferred(h, NULL));
    fh_free(h, ptr[3]);
    unsigned char *below = (unsigned char *)rig_launder((const void *)(h->lowest - FH_GRANULE));
    unsigned char *above = (unsigned char *)rig_launder((const void *)h->highest);
    forge(below, fh_tag_for(FH_USED, 4));
    forge(above + FH_GRANULE, fh_tag_for(FH_USED, 4));
    forge(ptr[5] + FH_GRANULE, fh_tag_for(FH_USED, 4) | FH_TAG_LIMIT);
    *(fh_word *)(void *)(ptr[6] - 4 + FH_GRANULE / 2) = *(fh_word *)(void *)(ptr[6] - 4) ^ FH_GRANULE / 2;
    unsigned char *const wrong[] = { below, above, above + FH_GRANULE, ptr[3], ptr[5] + FH_GRANULE, ptr[6] + FH_GRANULE / 2, ptr[0] + 1,
        (unsigned char *)h, rig_memory };
    unsigned locks = rig.locks;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(!fh_free_deferred(h, wrong[i]));
        EQUAL(h->deferred, 0);
        EQUAL(h->finish, 0);
    }
    EQUAL(rig.locks, locks);
    EQUAL(rig.faults, 0);
    /* The lowest block there is, and the highest. */
    EQUAL((uintptr_t)ptr[0], h->lowest);
    CHECK(fh_free_deferred(h, ptr[0]));
    unsigned char *last = highest_used(above);
    CHECK(fh_free_deferred(h, last));
    EQUAL(deferrals(), 2);
    CHECK(!is_used(last));
}

/* A block that was written to after it was deferred: reported once, with the place. */
static void written_to(size_t offset, uint32_t word)
{
    open_with_waiting();
    overwrite(ptr[3] + offset, word);
    rig_reported(&rig, FH_BAD_LINK, ptr[3], ptr[3]);
    EQUAL(rig.fault.expected, fh_mark_for(secret(), (struct fh_block *)(void *)ptr[3]));
    EQUAL(rig.fault.found, 0);
    one_is_lost();
}

static void damaged_marks(void)
{
    written_to(sizeof(uintptr_t), 0);
    written_to(sizeof(uintptr_t), 0x12345678);
    written_to(0, 0x12345678);
}

/* The word that leads to what waits, overwritten: with what is no place for a block, and with a block that does not wait. */
static void damaged_word(void)
{
    for (unsigned who = 0; who < 3; who++) {
        open();
        CHECK(fh_free_deferred(rig.heap, ptr[1]));
        unsigned char *to = who == 0 ? rig_memory + 500000 : who == 1 ? ptr[1] + FH_GRANULE / 2 : ptr[2];
        /* With a true mark, where a word may lie there. */
        if (who == 0 || (who == 1 && FH_GRANULE / 2 % sizeof(uintptr_t) == 0))
            fh_quick_push(secret(), (struct fh_block *)rig_launder(to), NULL);
        word_is_refused(to);
    }
}

/* The words that say who frees what waits. Without a true one nobody is called. */
static void damaged_finish(void)
{
    for (unsigned who = 0; who < 4; who++) {
        open();
        if (who != 0)
            CHECK(fh_free_deferred(rig.heap, ptr[1]));
        else
            rig.heap->deferred = (uintptr_t)ptr[1];
        if (who == 1)
            rig.heap->finish = 0;
        if (who == 2)
            rig.heap->finish ^= 16;
        if (who == 3)
            rig.heap->finish_seal ^= 1;
        /* By a call that meets nothing else to report. */
        CHECK(fh_usable_size(rig.heap, ptr[0]) != 0);
        CHECK(rig_reported(&rig, FH_BAD_CONTROL, NULL, NULL));
        EQUAL(rig.fault.found, (uint32_t)(uintptr_t)ptr[1]);
        EQUAL(rig.fault.expected, 0);
        EQUAL(rig.heap->deferred, 0);
        EQUAL(deferrals(), 0);
        EQUAL(rig.faults, 0);
        CHECK(fh_malloc(rig.heap, 1000) != NULL);
        EQUAL(rig.faults, 0);
    }
    /* Both words zero, and the secret zero: no function either. */
    open();
    rig.heap->deferred = (uintptr_t)ptr[1];
    rig.heap->finish_seal = secret();
    CHECK(fh_malloc(rig.heap, 1000) != NULL);
    CHECK(rig_reported(&rig, FH_BAD_CONTROL, NULL, NULL));
}

/* Where there are caches, a mark that is left would make the block look like one that waits in them. */
static void beside_caches(void)
{
    rig_prepare(&rig);
    rig.port.cache = &fh_cpu_cache;
    rig.heap = fh_create(rig_memory, 65536, &rig.port);
    REQUIRE(rig.heap != NULL && fh_cache_open(rig.heap) != NULL);
    for (unsigned i = 0; i < BLOCKS; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(fh_free_deferred(rig.heap, ptr[i]));
    EQUAL(deferrals(), BLOCKS);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

/* What a user wrote is no mark, whatever it looks like; but for an address in reach, which without the lock may not be followed. */
static void looks_marked(void)
{
    for (unsigned who = 0; who < 8; who++) {
        open();
        struct fh_block *b = (struct fh_block *)(void *)ptr[2];
        const uintptr_t link[8] = { 0, rig.heap->lowest - FH_GRANULE, rig.heap->highest, (uintptr_t)ptr[4] + 1, ~(uintptr_t)b, (uintptr_t)fh_quick_end(rig.heap),
            rig.heap->lowest, rig.heap->highest - FH_GRANULE };
        fh_quick_push(secret(), b, (const struct fh_block *)link[who]);
        EQUAL(fh_free_deferred(rig.heap, ptr[2]), who < 4);
        EQUAL(deferrals(), who < 4);
        EQUAL(rig.faults, 0);
        CHECK(is_used(ptr[2]) == (who >= 4));
        /* One bit less of a mark is none. */
        *fh_mark_of(b) ^= 1;
        EQUAL(fh_free_deferred(rig.heap, ptr[2]), who >= 4);
        EQUAL(deferrals(), 1);
    }
}

TESTS(unit_deferred) = {
    { "looks_marked", looks_marked },
    { "one_that_follows_itself", one_that_follows_itself },
    { "beside_caches", beside_caches },
    { "promise_each_call_finishes", each_call_finishes },
    { "many", many },
    { "refused_at_once", refused_at_once },
    { "damaged_marks", damaged_marks },
    { "damaged_tags", damaged_tags },
    { "damaged_word", damaged_word },
    { "damaged_finish", damaged_finish },
    TESTS_END
};
