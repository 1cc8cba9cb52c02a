/* SPDX-License-Identifier: MIT
 *
 * damage.c - tags and footers of the small core's blocks damaged in each bit: who reports it, of which block, and what is mended. What a
 * report was about is what it was before; a block that cannot be trusted any more leaks, and nothing else.
 */
#include "poke.h"

static struct rig rig;

/* low, free, live, free2, wall, and the rest: used but for the second, the fourth and the last. */
enum { HEAP = 8192, BYTES = 200 };

static unsigned char *low;
static unsigned char *before;
static unsigned char *live;
static unsigned char *behind;
static unsigned char *wall;

static void open(void)
{
    rig_open(&rig, rig_memory + 4096, HEAP);
    unsigned char **const all[] = { &low, &before, &live, &behind, &wall };
    for (unsigned i = 0; i < 5; i++) {
        *all[i] = fh_malloc(rig.heap, BYTES);
        REQUIRE(*all[i] != NULL);
        rig_fill(*all[i], BYTES, i);
    }
    fh_free(rig.heap, before);
    fh_free(rig.heap, behind);
    rig_sound(&rig);
}

/* The blocks in use were not touched. */
static void live_blocks_hold(void)
{
    CHECK(rig_filled(low, BYTES, 0) && rig_filled(live, BYTES, 2) && rig_filled(wall, BYTES, 4));
}

static void flip(void *word, unsigned bit)
{
    rig_poke(word, rig_peek(word) ^ (uint32_t)1 << bit);
}

/* A used block's own tag: the block is none. */
static void tag_of_a_used_block(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        flip(live - 4, bit);
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
        fh_free(rig.heap, live);
        rig_reported(&rig, FH_NOT_A_BLOCK, live, live);
        EQUAL(fh_usable_size(rig.heap, live), 0);
        rig_reported(&rig, FH_NOT_A_BLOCK, live, live);
        CHECK(fh_realloc(rig.heap, live, 1) == NULL && fh_realloc(rig.heap, live, 1000) == NULL);
        EQUAL(rig.faults, 2);
        rig.faults = 0;
        CHECK(!fh_free_deferred(rig.heap, live));
        live_blocks_hold();
        goes_on(&rig);
        flip(live - 4, bit);
        rig_sound(&rig);
        fh_free(rig.heap, live);
        rig_sound(&rig);
    }
}

/* The tag behind a used block: something was written past its end. */
static void tag_behind_a_used_block(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        for (unsigned free_behind = 0; free_behind < 2; free_behind++) {
            open();
            unsigned char *mine = free_behind ? live : low;
            if (!free_behind)
                mine = fh_malloc(rig.heap, BYTES);
            REQUIRE(mine != NULL);
            unsigned char *next = mine + (size_t)size_of(&rig, mine) * FH_GRANULE;
            flip(next - 4, bit);
            fh_free(rig.heap, mine);
            rig_reported(&rig, FH_OVERRUN, mine, next);
            CHECK(!fh_resize(rig.heap, mine, 1));
            rig_reported(&rig, FH_OVERRUN, mine, next);
            CHECK(!fh_resize(rig.heap, mine, 1000));
            rig_reported(&rig, FH_OVERRUN, mine, next);
            CHECK(fh_usable_size(rig.heap, mine) >= BYTES);
            live_blocks_hold();
            flip(next - 4, bit);
            rig_sound(&rig);
            fh_free(rig.heap, mine);
            rig_sound(&rig);
        }
    }
}

/* A free block's tag, met by an allocation: it leaks, and another block serves. */
static void tag_of_a_free_block(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        flip(behind - 4, bit);
        unsigned char *ptr = fh_malloc(rig.heap, BYTES);
        rig_reported(&rig, FH_BAD_TAG, NULL, behind);
        CHECK(ptr != NULL && ptr != behind);
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
        live_blocks_hold();
        goes_on(&rig);
        /* The neighbour that it has behind it: its footer leads to no free block. */
        fh_free(rig.heap, wall);
        rig_reported(&rig, FH_BAD_FOOTER, wall, wall);
        goes_on(&rig);
    }
}

/* The tag behind a free block, met by the allocation that would take the whole block. */
static void tag_behind_a_free_block(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        flip(wall - 4, bit);
        unsigned char *ptr = fh_malloc(rig.heap, BYTES);
        rig_reported(&rig, FH_OVERRUN, NULL, wall);
        CHECK(ptr != NULL && ptr != behind);
        live_blocks_hold();
        goes_on(&rig);
        /* And by the block in front, which would be joined with it: that only needs the block. */
        fh_free(rig.heap, live);
        CHECK(rig.faults <= 1);
        rig.faults = 0;
        goes_on(&rig);
    }
}

/* A tag of another kind, sealed as it should be: no damage of one word makes one, but the program may have copied it. */
static void other_tags(void)
{
    const uint32_t tags[] = { 0, 1, FH_FREE, FH_DEAD | FH_PREV_FREE, FH_FREE | 14 << FH_SIZE_SHIFT, FH_FREE | FH_PREV_FREE | 14 << FH_SIZE_SHIFT,
        FH_ALIGNED | FH_FREE | 14 << FH_SIZE_SHIFT, FH_IS_HUGE | 14 << FH_SIZE_SHIFT, FH_TOP, 1 << FH_SIZE_SHIFT, 0xFFFF << FH_SIZE_SHIFT,
        FH_FREE | 0xFFFF << FH_SIZE_SHIFT, FH_FREE | 1 << FH_SIZE_SHIFT, FH_TAG_LIMIT, FH_TAG_LIMIT | 14 << FH_SIZE_SHIFT };
    for (unsigned i = 0; i < sizeof tags / sizeof *tags; i++) {
        uint32_t n = fh_tag_size(tags[i]);
        for (unsigned which = 0; which < 3; which++) {
            open();
            unsigned char *ptr = which == 0 ? live : which == 1 ? behind : wall;
            /* A free block said to be larger than it is, and sealed, is believed when it is cut. */
            if (n == 14 && (which == 1 || size_of(&rig, ptr) == n))
                continue;
            set_tag(&rig, ptr, tags[i]);
            if (which == 0 && tags[i] == 1 << FH_SIZE_SHIFT && FH_MIN_GRANULES == 1) {
                /* That is a block; what lies behind it is not. */
                fh_free(rig.heap, ptr);
                EQUAL(rig.faults, 1);
                EQUAL(rig.fault.kind, FH_OVERRUN);
                continue;
            }
            CHECK(fh_check(rig.heap) != FH_OK);
            fh_free(rig.heap, ptr);
            EQUAL(rig.faults, 1);
            rig.faults = 0;
            fh_free(rig.heap, low);
            unsigned char *more = fh_malloc(rig.heap, BYTES);
            CHECK(more != live && more != wall);
            CHECK(rig_filled(live, BYTES, 2) && rig_filled(wall, BYTES, 4));
        }
    }
}

/* The end is no block to be joined, whatever its tag has become. */
static void end_is_no_block(void)
{
    open();
    unsigned char *last = fh_malloc(rig.heap, largest_in(&rig));
    unsigned char *end = end_of(&rig);
    REQUIRE(last != NULL);
    for (unsigned i = 0; i < 36; i++) {
        if (i < 32)
            flip(end - 4, i);
        else
            set_tag(&rig, end, FH_FREE | (i - 31) << FH_SIZE_SHIFT);
        fh_free(rig.heap, last);
        rig_reported(&rig, FH_OVERRUN, last, end);
        CHECK(!fh_resize(rig.heap, last, 1));
        rig_reported(&rig, FH_OVERRUN, last, end);
        CHECK(!fh_resize(rig.heap, last, largest_in(&rig) + 1));
        rig_reported(&rig, FH_OVERRUN, last, end);
        set_tag(&rig, end, FH_USED);
    }
    rig_sound(&rig);
    fh_free(rig.heap, last);
    rig_sound(&rig);
}

/* The word in front of a block whose neighbour is free, whatever it is: the neighbour stays, its footer is made anew. */
static void footers(void)
{
    for (unsigned i = 0; i < 32 + 6; i++) {
        open();
        fh_word *footer = footer_of(&rig, before);
        const uint32_t values[] = { 0, 1, UINT32_MAX, size_of(&rig, before) + size_of(&rig, low), link_to(&rig, live) / FH_LINKS, 0x80000000 };
        *footer = i < 32 ? *footer ^ (uint32_t)1 << i : values[i - 32];
        EQUAL(fh_check(rig.heap), FH_BAD_FOOTER);
        fh_free(rig.heap, live);
        rig_reported(&rig, FH_BAD_FOOTER, live, live);
        live_blocks_hold();
        rig_sound(&rig);
        fh_free(rig.heap, live);
        rig_sound(&rig);
        CHECK(size_of(&rig, before) * FH_GRANULE > 3 * BYTES);
    }
}

/* A block is made anew from its tag: whatever is not a tag is passed over, a granule at a time. */
static void what_lies_behind_damage(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        flip(low - 4, bit);
        block_of(before)->next ^= 1;
        fh_free(rig.heap, live);
        rig_reported(&rig, FH_BAD_LINK, live, before);
        /* Both free blocks behind it are on their rings again. */
        live_blocks_hold();
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_free, 3);
        CHECK(block_of(before)->next != 0 && block_of(behind)->next != 0);
        fh_free(rig.heap, live);
        EQUAL(rig.faults, 0);
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    }
}

/* Out of step, a tag in the payload of a block is taken for a free block only with its footer, behind the tag of a used one too. */
static void forged_in_a_payload(void)
{
    for (unsigned with_footer = 0; with_footer < 2; with_footer++) {
        for (unsigned shift = 0; shift < 4; shift += 2) {
            open();
            unsigned char *inner = live + 2 * FH_GRANULE;
            if (shift != 0)
                set_tag(&rig, inner, FH_USED | shift << FH_SIZE_SHIFT);
            inner += shift * FH_GRANULE;
            set_tag(&rig, inner, FH_FREE | 4 << FH_SIZE_SHIFT);
            unsigned char *next = inner + 4 * FH_GRANULE;
            set_tag(&rig, next, FH_PREV_FREE | 2 << FH_SIZE_SHIFT);
            *fh_footer_of(block_of(next)) = with_footer ? 4 : 5;
            flip(live - 4, 3);
            block_of(behind)->next ^= 1;
            fh_free(rig.heap, rig_memory);
            rig_reported(&rig, FH_FOREIGN, rig_memory, rig_memory);
            fh_free(rig.heap, wall);
            rig_reported(&rig, FH_BAD_LINK, wall, behind);
            CHECK((block_of(inner)->next != 0 && block_of(inner)->next <= rig.heap->last) == with_footer);
        }
    }
}

/* The tags inside a joined block say so, whichever side it was joined from. */
static void the_dead_are_known(void)
{
    open();
    fh_free(rig.heap, live);
    EQUAL(tag_of(&rig, live), FH_DEAD);
    EQUAL(tag_of(&rig, behind), FH_DEAD);
    unsigned char *const dead[] = { live, behind };
    for (unsigned i = 0; i < 2; i++) {
        fh_free(rig.heap, dead[i]);
        rig_reported(&rig, FH_DOUBLE_FREE, dead[i], dead[i]);
    }
    /* Behind a block of the least size. */
    rig_open(&rig, rig_memory + 4096, HEAP);
    unsigned char *least = fh_malloc(rig.heap, 0);
    unsigned char *joined = fh_malloc(rig.heap, BYTES);
    fh_free(rig.heap, least);
    fh_free(rig.heap, joined);
    EQUAL(tag_of(&rig, joined), FH_DEAD);
    /* One that grew over its neighbour. */
    open();
    CHECK(fh_resize(rig.heap, live, BYTES + 100));
    EQUAL(tag_of(&rig, behind), FH_DEAD);
    fh_free(rig.heap, behind);
    rig_reported(&rig, FH_DOUBLE_FREE, behind, behind);
    rig_sound(&rig);
}

/* Damage that a resize or an aligned request meets on its way: refused or done, and nothing is lost twice. */
static void met_by_other_calls(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        block_of(behind)->prev ^= (uint32_t)1 << bit;
        CHECK(!fh_resize(rig.heap, live, BYTES + 60));
        rig_reported(&rig, FH_BAD_LINK, live, behind);
        live_blocks_hold();
        rig_sound(&rig);
        CHECK(fh_resize(rig.heap, live, BYTES + 60));
        rig_sound(&rig);
        open();
        block_of(behind)->next ^= (uint32_t)1 << bit;
        CHECK(fh_realloc(rig.heap, live, BYTES + 60) == NULL);
        rig_reported(&rig, FH_BAD_LINK, live, behind);
        live_blocks_hold();
        rig_sound(&rig);
        /* Shrinking gives a rest to the neighbour: the block shrinks, or not; it is whole, and so is the heap. */
        open();
        block_of(behind)->next ^= (uint32_t)1 << bit;
        CHECK(fh_resize(rig.heap, live, 20));
        rig_reported(&rig, FH_BAD_LINK, live, behind);
        CHECK(rig_filled(live, 20, 2) && fh_usable_size(rig.heap, live) >= 20);
        rig_sound(&rig);
        /* An aligned request takes a block, and gives its front and its end back. */
        open();
        fh_word *head = &block_at(&rig, fh_ring_of(rig.heap, 1 + 128 / FH_GRANULE))->next;
        *head ^= (uint32_t)1 << bit;
        unsigned char *ptr = fh_aligned_alloc(rig.heap, 512, 700);
        CHECK(ptr == NULL || ((uintptr_t)ptr % 512 == 0 && fh_usable_size(rig.heap, ptr) >= 700));
        live_blocks_hold();
        rig.faults = 0;
    }
}

static void ask(void *arg)
{
    (void)arg;
    fh_malloc(rig.heap, 1);
}

/* A link to the control structure, whose words are no neighbours that link back. One of them is the link of a block, that of the last one: a link
 * from there may change it, and then the seal is broken, and the next call traps. */
static void links_into_the_control_structure(void)
{
    for (uint32_t wrong = 0; wrong < FH_HEAD; wrong++) {
        for (unsigned which = 0; which < 2; which++) {
            rig_open(&rig, rig_memory + 4096, 1024);
            unsigned char *last = NULL;
            for (unsigned char *ptr = NULL; (ptr = fh_malloc(rig.heap, 1)) != NULL; last = ptr)
                continue;
            fh_free(rig.heap, last);
            *(which == 0 ? &block_of(last)->next : &block_of(last)->prev) = wrong;
            CHECK(fh_malloc(rig.heap, 1) == last);
            if (rig.heap->seal != fh_seal_for(rig.heap)) {
                CHECK(host_trapped(host_run(ask, NULL, 10)));
                continue;
            }
            rig_reported(&rig, FH_BAD_LINK, NULL, last);
            rig_sound(&rig);
        }
    }
}

TESTS(small_damage) = {
    { "links_into_the_control_structure", links_into_the_control_structure },
    { "tag_of_a_used_block", tag_of_a_used_block },
    { "tag_behind_a_used_block", tag_behind_a_used_block },
    { "tag_of_a_free_block", tag_of_a_free_block },
    { "tag_behind_a_free_block", tag_behind_a_free_block },
    { "other_tags", other_tags },
    { "end_is_no_block", end_is_no_block },
    { "footers", footers },
    { "what_lies_behind_damage", what_lies_behind_damage },
    { "forged_in_a_payload", forged_in_a_payload },
    { "the_dead_are_known", the_dead_are_known },
    { "met_by_other_calls", met_by_other_calls },
    TESTS_END
};
