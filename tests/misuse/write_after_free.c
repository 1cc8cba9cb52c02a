/* SPDX-License-Identifier: MIT
 *
 * write_after_free.c - the words of a free block, each overwritten in turn: links, footer, tag.
 *
 * Nobody passes a wrong pointer here: the damage is met by a later call that relies on the word. It must be reported before
 * anything derived from the word is followed or written, and the heap goes on without what it cannot trust.
 */
#include "crime.h"

/* Two free blocks of one size, so that each has the other for a link: first is the one freed last, and the list's head. */
struct pair {
    struct scene scene;
    unsigned char *first;
    unsigned char *second;
};

static void open_pair(struct pair *pair)
{
    scene_open(&pair->scene);
    struct fh_heap *heap = pair->scene.rig.heap;
    pair->second = fh_malloc(heap, BLOCK_BYTES);
    REQUIRE(fh_malloc(heap, BLOCK_BYTES) != NULL);
    pair->first = pair->scene.victim;
    fh_free(heap, pair->second);
    fh_free(heap, pair->first);
    rig_sound(&pair->scene.rig);
}

/* What may stand where a link was: nonsense, a place outside, the block itself, a place inside that is no block. */
static const uint32_t nonsense[] = { 0xFFFFFFFF, 0x41414141, 0x80000000, 0x7FFFFFFF, 1, 2, 7, 0x100 };
enum { KINDS = sizeof nonsense / sizeof *nonsense };

/* A call meets a wrong word: one report of that kind without a pointer, about one of the two blocks; then all is mended. */
static void met(struct pair *pair, enum fh_fault_kind kind)
{
    struct rig *rig = &pair->scene.rig;
    EQUAL(rig->faults, 1);
    EQUAL(rig->fault.kind, kind);
    CHECK(rig->fault.block == pair->first || rig->fault.block == pair->second);
    rig->faults = 0;
}

static void next_link(void)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct pair pair;
        open_pair(&pair);
        rig_poke(pair.first, nonsense[i]);
        EQUAL(fh_check(pair.scene.rig.heap), FH_BAD_LINK);
        CHECK(fh_malloc(pair.scene.rig.heap, BLOCK_BYTES) != NULL);
        met(&pair, FH_BAD_LINK);
        EQUAL(pair.scene.rig.fault.ptr, NULL);
        rig_sound(&pair.scene.rig);
        scene_serves(&pair.scene);
    }
}

/* Met when the block is taken off its list from behind, to be joined with one that is freed. */
static void previous_link(void)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct pair pair;
        open_pair(&pair);
        rig_poke(pair.second + 4, nonsense[i]);
        EQUAL(fh_check(pair.scene.rig.heap), FH_BAD_LINK);
        fh_free(pair.scene.rig.heap, pair.scene.before);
        CHECK(pair.scene.rig.faults == 1);
        EQUAL(pair.scene.rig.fault.ptr, pair.scene.before);
        met(&pair, FH_BAD_LINK);
        rig_sound(&pair.scene.rig);
        scene_serves(&pair.scene);
    }
}

/* Met by the block behind, which finds its neighbour by the footer. */
static void footer(void)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct pair pair;
        open_pair(&pair);
        rig_poke(pair.scene.behind - 8, nonsense[i]);
        EQUAL(fh_check(pair.scene.rig.heap), FH_BAD_FOOTER);
        fh_free(pair.scene.rig.heap, pair.scene.behind);
        EQUAL(pair.scene.rig.faults, 1);
        EQUAL(pair.scene.rig.fault.kind, FH_BAD_FOOTER);
        EQUAL(pair.scene.rig.fault.ptr, pair.scene.behind);
        pair.scene.rig.faults = 0;
        scene_serves(&pair.scene);
    }
}

/* Met by the allocation that is about to take the block. */
static void tag(void)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct pair pair;
        open_pair(&pair);
        rig_poke(pair.first - 4, nonsense[i]);
        EQUAL(fh_check(pair.scene.rig.heap), FH_BAD_TAG);
        void *ptr = fh_malloc(pair.scene.rig.heap, BLOCK_BYTES);
        CHECK(ptr != NULL && ptr != pair.first);
        met(&pair, FH_BAD_TAG);
        EQUAL(pair.scene.rig.fault.ptr, NULL);
        scene_serves(&pair.scene);
    }
}

/* Everything at once, as a program does that goes on using what it freed. */
static void whole_block(void)
{
    for (uint32_t key = 0; key < 64; key++) {
        struct pair pair;
        open_pair(&pair);
        rig_fill(pair.first, BLOCK_BYTES, key);
        CHECK(fh_malloc(pair.scene.rig.heap, BLOCK_BYTES) != NULL);
        met(&pair, FH_BAD_LINK);
        scene_serves(&pair.scene);
    }
}

static void take(void *arg)
{
    struct rig *rig = arg;
    fh_malloc(rig->heap, BLOCK_BYTES);
}

static void traps(void)
{
    struct pair pair;
    open_pair(&pair);
    rig_fill(pair.first, BLOCK_BYTES, 1);
    pair.scene.rig.port.fault = NULL;
    CHECK(host_trapped(host_run(take, &pair.scene.rig, 10)));
}

TESTS(misuse_write_after_free) = {
    { "next_link", next_link },
    { "previous_link", previous_link },
    { "footer", footer },
    { "tag", tag },
    { "whole_block", whole_block },
    { "traps", traps },
    TESTS_END
};
