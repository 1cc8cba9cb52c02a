/* SPDX-License-Identifier: MIT
 *
 * pool.c - src/pool.c: what is left of a heap after damage was met. The verbs themselves are tested through the public calls.
 *
 * A hook that returns must leave a heap that goes on: at worst the damaged block is lost, no report is made twice without a
 * new reason, and the counts agree with the blocks.
 */
#include "harness/rig.h"

#include "pool.h"

enum { BLOCKS = 40 };

static struct rig rig;
static unsigned char *teeth[BLOCKS];
static unsigned char *big;      /* behind them */

/* Every second block is free, and of one size, so that all free ones are on one list. */
static void comb(size_t size)
{
    rig_open(&rig, rig_memory, 32768);
    for (unsigned i = 0; i < BLOCKS; i++) {
        teeth[i] = fh_malloc(rig.heap, size);
        REQUIRE(teeth[i] != NULL);
        rig_fill(teeth[i], size, i);
    }
    big = fh_malloc(rig.heap, 2000);
    REQUIRE(big != NULL && fh_malloc(rig.heap, 8) != NULL);
    for (unsigned i = 1; i < BLOCKS; i += 2)
        fh_free(rig.heap, teeth[i]);
    rig_sound(&rig);
}

static void used_blocks_hold(size_t size)
{
    for (unsigned i = 0; i < BLOCKS; i += 2)
        CHECK(rig_filled(teeth[i], size, i));
}

/* A wrong link anywhere in a list: one report, then all free blocks are found again and the heap is whole. */
static void relist_finds_all(void)
{
    for (unsigned k = 1; k < BLOCKS; k += 2) {
        for (size_t word = 0; word < 8; word += 4) {
            comb(100);
            struct rig_sum before = rig_sum(&rig);
            rig_poke(teeth[k] + word, 0x13571357);
            CHECK(fh_check(rig.heap) != FH_OK);
            /* Freeing a neighbour takes the block off its list. */
            unsigned freed = k - 1;
            fh_free(rig.heap, teeth[freed]);
            EQUAL(rig.faults, 1);
            EQUAL(rig.fault.kind, FH_BAD_LINK);
            rig.faults = 0;
            rig_sound(&rig);
            struct rig_sum after = rig_sum(&rig);
            CHECK(after.used_blocks == before.used_blocks || after.used_blocks == before.used_blocks - 1);
            fh_free(rig.heap, teeth[k + 1 < BLOCKS ? k + 1 : 0]);
            CHECK(rig.faults <= 1);
            rig.faults = 0;
            rig_sound(&rig);
        }
    }
}

/* The link of the block at the head of a list, met by a free that inserts before it, by a shrink, by an aligned request, by an
 * added region: the counts hold whoever met it. */
static void damage_met_by(unsigned who)
{
    comb(100);
    struct fh_heap *h = rig.heap;
    unsigned char *head = teeth[BLOCKS - 1];
    rig_poke(head + 4, 0x24682468);
    CHECK(fh_check(h) != FH_OK);
    size_t tag = 4;
    size_t rest = fh_usable_size(h, teeth[0]) + tag;
    switch (who) {
    case 0:
        fh_free(h, teeth[20]);
        break;
    case 1:
        fh_resize(h, big, fh_usable_size(h, big) - rest);
        break;
    case 2:
        fh_realloc(h, big, fh_usable_size(h, big) - rest);
        break;
    case 3:
        CHECK(fh_malloc(h, 100) != NULL);
        break;
    case 4:
        CHECK(fh_aligned_alloc(h, 32, 60) != NULL);
        break;
    default:
        fh_add_region(h, rig_memory + 65536, 400);
    }
    CHECK(rig.faults <= 1);
    bool met = rig.faults == 1;
    rig.faults = 0;
    used_blocks_hold(100);
    if (met)
        rig_sound(&rig);
    /* In the end it is met by whoever takes all there is, and then everything agrees. */
    while (fh_malloc(h, 50) != NULL)
        continue;
    CHECK(rig.faults <= 1 && (met || rig.faults == 1));
    rig.faults = 0;
    rig_sound(&rig);
}

static void damage_met_by_free(void)
{
    damage_met_by(0);
}

static void damage_met_by_resize(void)
{
    damage_met_by(1);
}

static void damage_met_by_realloc(void)
{
    damage_met_by(2);
}

static void damage_met_by_malloc(void)
{
    damage_met_by(3);
}

static void damage_met_by_aligned_alloc(void)
{
    damage_met_by(4);
}

static void damage_met_by_add_region(void)
{
    damage_met_by(5);
}

/* Damage in one of several regions, whose used blocks are full of words that could be anything: nothing is read outside (this is
 * for the sanitizers too), and all that is whole is found. */
static void relist_across_regions(void)
{
    struct dice dice = dice_from(test_seed());
    for (unsigned round = 0; round < 100; round++) {
        rig_open(&rig, rig_memory, 4096);
        for (unsigned i = 1; i < 6; i++)
            REQUIRE(fh_add_region(rig.heap, rig_memory + 65536 * i, 2000) != 0);
        void *p[60];
        unsigned n = 0;
        while (n < 60 && (p[n] = fh_malloc(rig.heap, 150)) != NULL) {
            rig_fill(p[n], 150, dice_roll(&dice));
            n++;
        }
        REQUIRE(n > 50);
        for (unsigned i = 0; i < n; i += 2)
            fh_free(rig.heap, p[i]);
        /* The tag of one used block is gone: what lies behind it must be found all the same. */
        unsigned char *lost = p[1 + 2 * dice_below(&dice, n / 2 - 1)];
        /* One bit, which always shows; a random word would open as a tag once in 4096 rounds. */
        rig_poke(lost - 4, *(const uint32_t *)(const void *)(lost - 4) ^ (uint32_t)1 << dice_below(&dice, 32));
        rig_poke((unsigned char *)p[0], 0x11112222);
        rig_poke((unsigned char *)p[0] + 4, 0x11112222);
        /* A request that meets damage may be refused; one that meets none is refused only when nothing is left. */
        unsigned faults;
        void *more;
        do {
            faults = rig.faults;
            more = fh_malloc(rig.heap, 150);
        } while ((more != NULL || rig.faults != faults) && rig.faults < 20);
        CHECK(rig.faults != 0 && rig.faults < 20);
        rig.faults = 0;
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        CHECK(stats.largest_free < 400);
    }
}

/* Granules for a request: tag and payload rounded up, never less than the smallest block, from 0 to where it becomes huge and on. */
static void granules_for_requests(void)
{
    for (size_t size = 0; size < 300000; size++) {
        size_t n = (size + 4) / FH_GRANULE + ((size + 4) % FH_GRANULE != 0);
        size_t expected = n < 16 / FH_GRANULE ? 16 / FH_GRANULE : n;
        if (fh_granules_for(size) != expected)
            EQUAL(fh_granules_for(size), expected);
    }
    const size_t limit = (size_t)FH_HUGE * FH_GRANULE;
    EQUAL(fh_granules_for(limit - FH_GRANULE - 4), FH_HUGE - 1);
    EQUAL(fh_granules_for(limit - FH_GRANULE - 3), FH_HUGE);
    EQUAL(fh_granules_for(limit - 4), FH_HUGE);
    CHECK(fh_granules_for(limit - 3) > FH_HUGE && fh_granules_for(limit - 3) <= FH_HUGE + FH_HUGE / 512);
    EQUAL(fh_granules_for(SIZE_MAX), 0);
    EQUAL(fh_granules_for(FH_MAX_REQUEST + 1), 0);
    CHECK(fh_granules_for(FH_MAX_REQUEST) != 0);
    CHECK((size_t)fh_granules_for(FH_MAX_REQUEST) >= FH_MAX_REQUEST / FH_GRANULE);
    /* With a word more for the alignment. */
    for (size_t size = 0; size < 2000; size++) {
        EQUAL(fh_granules_with(FH_USED, size), fh_granules_for(size));
        EQUAL(fh_granules_with(FH_PREV_FREE, size), fh_granules_for(size));
        EQUAL(fh_granules_with(FH_ALIGNED, size), fh_granules_for(size + 4));
    }
    EQUAL(fh_granules_with(FH_ALIGNED, SIZE_MAX), 0);
    EQUAL(fh_granules_with(FH_ALIGNED, FH_MAX_REQUEST + 1), 0);
    EQUAL(fh_granules_with(FH_ALIGNED, SIZE_MAX - 2), 0);
    for (uint32_t n = 16 / FH_GRANULE; n < 100; n++) {
        EQUAL(fh_payload_bytes(n), n * FH_GRANULE - 4);
        EQUAL(fh_user_bytes(FH_USED, n), n * FH_GRANULE - 4);
        EQUAL(fh_user_bytes(FH_ALIGNED, n), n * FH_GRANULE - 8);
        EQUAL(fh_granules_for(fh_payload_bytes(n)), n);
        EQUAL(fh_granules_with(FH_ALIGNED, fh_user_bytes(FH_ALIGNED, n)), n);
    }
}

/* So many granules more, and there is a multiple of the alignment with a block's room before it, or none; one less would not do. */
static void slack_for_alignments(void)
{
    for (size_t align = 2 * FH_GRANULE; align <= 4096; align *= 2) {
        uint32_t slack = fh_aligned_slack(align);
        uint32_t worst = 0;
        for (uintptr_t at = 0; at < align; at += FH_GRANULE) {
            uint32_t pad = (uint32_t)((align - at) % align / FH_GRANULE);
            if (pad != 0 && pad < FH_MIN_GRANULES)
                pad += (uint32_t)(align / FH_GRANULE);
            if (pad > worst)
                worst = pad;
        }
        CHECK(worst <= slack && slack <= worst + 2 * (FH_MIN_GRANULES - 1));
    }
    EQUAL(fh_aligned_slack((SIZE_MAX >> 1) + 1), SIZE_MAX > UINT32_MAX ? FH_MAX_GRANULES : (uint32_t)((SIZE_MAX >> 1) + 1) / FH_GRANULE - 1 + 2 * (FH_MIN_GRANULES - 1));
}

/* Which alignment realloc keeps: the one that was asked for; with the word overwritten, what the address has. */
static void kept_alignments(void)
{
    struct fh_block *b = (struct fh_block *)(void *)(rig_memory + 4096);
    const uint32_t n = 8;
    for (uint32_t place = 0; place < 12; place++) {
        *fh_align_word(b, n) = place;
        EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), (size_t)1 << place);
        EQUAL(fh_kept_alignment(b, FH_USED, n), 0);
    }
    EQUAL((uintptr_t)fh_align_word(b, n), (uintptr_t)b + n * FH_GRANULE - 8);
    b = (struct fh_block *)(void *)(rig_memory + 4096 + 64);
    static const uint32_t wrong[] = { 7, 8, 31, 32, 63, 64, 100, 0xFFFFFFFF };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *fh_align_word(b, n) = wrong[i];
        EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), 64);
    }
    *fh_align_word(b, n) = 6;
    EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), 64);
    *fh_align_word(b, n) = 5;
    EQUAL(fh_kept_alignment(b, FH_ALIGNED, n), 32);
}

/* The mark of a cached block: sealed with link, place and secret; the heap's own blocks bear one with a link to themselves. */
static void marks(void)
{
    struct fh_block *b = (struct fh_block *)(void *)(rig_memory + 4096);
    struct fh_block *next = (struct fh_block *)(void *)(rig_memory + 8192);
    fh_quick_push(0x1234567, b, next);
    EQUAL(*fh_quick_link_of(b), (uintptr_t)next);
    CHECK(fh_is_marked(0x1234567, b) && !fh_is_marked(0x1234568, b) && !fh_is_own(b));
    for (unsigned bit = 0; bit < 32; bit++) {
        *fh_mark_of(b) ^= (uint32_t)1 << bit;
        CHECK(!fh_is_marked(0x1234567, b));
        *fh_mark_of(b) ^= (uint32_t)1 << bit;
        *fh_quick_link_of(b) ^= (uintptr_t)1 << bit;
        CHECK(!fh_is_marked(0x1234567, b));
        *fh_quick_link_of(b) ^= (uintptr_t)1 << bit;
    }
    EQUAL((uintptr_t)fh_mark_of(b), (uintptr_t)b + sizeof(uintptr_t));
    struct fh_block *other = (struct fh_block *)(void *)(rig_memory + 8192);
    other->next = b->next;
    *fh_quick_link_of(other) = *fh_quick_link_of(b);
    *fh_mark_of(other) = *fh_mark_of(b);
    CHECK(!fh_is_marked(0x1234567, other));
    fh_make_own(0x1234567, b);
    CHECK(fh_is_marked(0x1234567, b) && fh_is_own(b));
    fh_unmark(b);
    EQUAL(*fh_mark_of(b), 0);
}

/* Each report to the word: used blocks of one size side by side, one word damaged, one call. */
enum { ROW = 9 };

static unsigned char *row[ROW];
static uint32_t each;         /* granules of one */

static void make_row(void)
{
    rig_open(&rig, rig_memory, 32768);
    for (unsigned i = 0; i < ROW; i++) {
        row[i] = fh_malloc(rig.heap, 100);
        REQUIRE(row[i] != NULL && (i == 0 || row[i] > row[i - 1]));
    }
    each = (uint32_t)((fh_usable_size(rig.heap, row[0]) + 4) / FH_GRANULE);
}

static struct fh_block *as_block(void *ptr)
{
    return (struct fh_block *)ptr;
}

static void put_below(void *ptr, uint32_t opened)
{
    *fh_tag_of(as_block(ptr)) = (opened * FH_SEAL) ^ ((uint32_t)(uintptr_t)ptr ^ rig.heap->lists.space.secret);
}

static void reported(enum fh_fault_kind kind, const void *ptr, const void *block, uintptr_t expected, uintptr_t found)
{
    CHECK(rig_reported(&rig, kind, ptr, block));
    EQUAL(rig.fault.expected, expected);
    EQUAL(rig.fault.found, found);
}

/* The calls that are given a pointer; none of them does anything with a wrong one. */
static void refuse(void *ptr, enum fh_fault_kind kind, const void *block, uintptr_t expected, uintptr_t found)
{
    size_t used = rig.heap->used;
    EQUAL(fh_usable_size(rig.heap, ptr), 0);
    reported(kind, ptr, block, expected, found);
    fh_free(rig.heap, ptr);
    reported(kind, ptr, block, expected, found);
    CHECK(!fh_resize(rig.heap, ptr, 50));
    reported(kind, ptr, block, expected, found);
    CHECK(fh_realloc(rig.heap, ptr, 500) == NULL);
    reported(kind, ptr, block, expected, found);
    EQUAL(rig.heap->used, used);
}

static void wrong_pointers(void)
{
    make_row();
    for (unsigned i = 1; i < FH_GRANULE; i++)
        refuse(row[3] + i, FH_MISALIGNED, row[3] + i, 0, i);
    void *outside = (void *)rig.heap->highest;
    refuse(outside, FH_FOREIGN, outside, 0, 0);
    outside = (void *)(rig.heap->lowest - FH_GRANULE);
    refuse(outside, FH_FOREIGN, outside, 0, 0);
    uint32_t room = (uint32_t)((rig.heap->highest - (uintptr_t)row[3]) / FH_GRANULE);
    const uint32_t none[] = { fh_tag_for(FH_USED, each) | FH_TAG_LIMIT, fh_tag_for(FH_USED, FH_MIN_GRANULES - 1), fh_tag_for(FH_USED, room + 1),
        fh_tag_for(FH_USED | FH_PREV_FREE, room + 1), fh_tag_for(FH_ALIGNED, room + 1), fh_tag_for(FH_USED, FH_SIZE_MASK), fh_tag_for(FH_USED, FH_HUGE),
        fh_tag_for(FH_ALIGNED, FH_MIN_GRANULES - 1), 0x80000000 };
    for (unsigned i = 0; i < sizeof none / sizeof *none; i++) {
        put_below(row[3], none[i]);
        refuse(row[3], FH_NOT_A_BLOCK, row[3], 0, none[i]);
    }
    const uint32_t freed[] = { fh_tag_for(FH_FREE, each), FH_DEAD, FH_TOP, FH_FREE | FH_IS_HUGE, fh_tag_for(FH_FREE, room + 1) };
    for (unsigned i = 0; i < sizeof freed / sizeof *freed; i++) {
        put_below(row[3], freed[i]);
        refuse(row[3], FH_DOUBLE_FREE, row[3], FH_USED, FH_FREE);
    }
    /* All that there is, and no more, is a size. */
    put_below(row[3], fh_tag_for(FH_USED, room));
    EQUAL(fh_usable_size(rig.heap, row[3]), (size_t)room * FH_GRANULE - 4);
    put_below(row[3], fh_tag_for(FH_ALIGNED, room));
    EQUAL(fh_usable_size(rig.heap, row[3]), (size_t)room * FH_GRANULE - 8);
    put_below(row[3], fh_tag_for(FH_USED | FH_PREV_FREE, each));
    EQUAL(fh_usable_size(rig.heap, row[3]), (size_t)each * FH_GRANULE - 4);
    put_below(row[3], fh_tag_for(FH_USED, each));
    /* A mark counts where there are caches. */
    fh_quick_push(rig.heap->lists.space.secret, as_block(row[3]), NULL);
    CHECK(fh_usable_size(rig.heap, row[3]) != 0);
    rig.heap->caches = (struct fh_cache *)(void *)row[5];
    refuse(row[3], FH_DOUBLE_FREE, row[3], 0, fh_mark_for(rig.heap->lists.space.secret, as_block(row[3])));
    rig.heap->caches = NULL;
    fh_free(rig.heap, row[3]);
    rig_sound(&rig);
}

/* The tag behind a used block: damaged, or saying that a free block is before it. */
static void overruns(void)
{
    make_row();
    const uint32_t wrong[] = { fh_tag_for(FH_USED, each) | FH_TAG_LIMIT, fh_tag_for(FH_USED | FH_PREV_FREE, each), 0x7FFFFFFF,
        fh_tag_for(FH_FREE | FH_PREV_FREE, each) };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_below(row[4], wrong[i]);
        size_t used = rig.heap->used;
        fh_free(rig.heap, row[3]);
        reported(FH_OVERRUN, row[3], row[4], 0, wrong[i]);
        CHECK(!fh_resize(rig.heap, row[3], 20) && !fh_resize(rig.heap, row[3], 300));
        CHECK(rig.faults == 2 && rig.fault.kind == FH_OVERRUN && rig.fault.block == row[4]);
        rig.faults = 0;
        CHECK(fh_realloc(rig.heap, row[3], 300) == NULL);
        reported(FH_OVERRUN, row[3], row[4], 0, wrong[i]);
        EQUAL(rig.heap->used, used);
        CHECK(fh_usable_size(rig.heap, row[3]) != 0);
    }
    put_below(row[4], fh_tag_for(FH_USED, each));
    rig_sound(&rig);
}

/* The footer of the free block before one that is freed. */
static void footers(void)
{
    const uint32_t to_start = 5 * 7 + 40;
    for (unsigned who = 0; who < 6; who++) {
        make_row();
        fh_free(rig.heap, row[3]);
        uint32_t found = 0;
        uint32_t expected = 0;
        switch (who) {
        case 0:
            break;
        case 1:     /* before the region */
            found = (uint32_t)(((uintptr_t)row[4] - rig.heap->lowest) / FH_GRANULE) + 1;
            break;
        case 2:
            found = 0xFFFFFFFF;
            break;
        case 3:     /* a used block */
            found = 2 * each;
            expected = fh_tag_for(FH_USED, each);
            break;
        case 4:     /* a free block that is smaller than to here */
            fh_free(rig.heap, row[1]);
            found = 3 * each;
            expected = fh_tag_for(FH_FREE, each);
            break;
        default:    /* none */
            found = each - 1;
            put_below(row[3] + FH_GRANULE, to_start | FH_TAG_LIMIT);
            expected = to_start | FH_TAG_LIMIT;
        }
        *fh_footer_of(as_block(row[4])) = found;
        size_t used = rig.heap->used;
        fh_free(rig.heap, row[4]);
        reported(FH_BAD_FOOTER, row[4], row[4], expected, found);
        EQUAL(rig.heap->used, used);
    }
}

/* The tag of the free block behind one that is freed or grows. */
static void free_blocks_behind(void)
{
    for (unsigned grows = 0; grows < 2; grows++) {
        make_row();
        uint32_t room = (uint32_t)((rig.heap->highest - (uintptr_t)row[4]) / FH_GRANULE);
        const uint32_t wrong[] = { fh_tag_for(FH_FREE, FH_MIN_GRANULES - 1), fh_tag_for(FH_FREE, room + 1), FH_FREE | FH_IS_HUGE,
            FH_FREE | FH_ALIGNED | each << FH_SIZE_SHIFT };
        for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            make_row();
            fh_free(rig.heap, row[4]);
            put_below(row[4], wrong[i]);
            as_block(row[4])->size = 8;
            if (grows)
                CHECK(!fh_resize(rig.heap, row[3], 150));
            else
                fh_free(rig.heap, row[3]);
            reported(FH_BAD_TAG, row[3], row[4], FH_FREE, wrong[i]);
        }
    }
}

/* The top and the victim, which the heap holds by words of its own. */
static void words_of_the_heap(void)
{
    for (unsigned who = 0; who < 3; who++) {
        make_row();
        void *bad = who == 0 ? (void *)((unsigned char *)rig.heap->top + 4) : who == 1 ? rig_launder((void *)((uintptr_t)rig_memory + 524288)) : row[2];
        rig.heap->top = as_block(bad);
        fh_malloc(rig.heap, 5000);
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, FH_BAD_CONTROL);
        CHECK(rig.fault.block == bad && rig.fault.ptr == NULL);
        rig.faults = 0;
        rig_sound(&rig);
        CHECK(fh_malloc(rig.heap, 5000) != NULL);
    }
    for (unsigned who = 0; who < 4; who++) {
        make_row();
        void *large = fh_malloc(rig.heap, 3000);
        REQUIRE(large != NULL && fh_malloc(rig.heap, 100) != NULL);
        fh_free(rig.heap, large);
        /* What is left of it when a part is used is the victim. */
        CHECK(fh_malloc(rig.heap, 2000) == large);
        struct fh_block *victim = rig.heap->victim;
        uint32_t size = rig.heap->victim_size;
        REQUIRE(size != 0);
        EQUAL(fh_check(rig.heap), FH_OK);
        if (who == 0)
            rig.heap->victim = (struct fh_block *)(void *)((unsigned char *)victim + 4);
        if (who == 1)
            rig.heap->victim = as_block(rig_launder(rig_memory + 524288));
        if (who == 2)
            rig.heap->victim_size = size + 1;
        if (who == 3)
            put_below(victim, fh_tag_for(FH_FREE, size - 1));
        const struct fh_block *bad = rig.heap->victim;
        CHECK(fh_check(rig.heap) != FH_OK);
        void *got = fh_malloc(rig.heap, (size_t)size * FH_GRANULE - 4);
        CHECK(rig.faults == 0 || rig.fault.block == bad);
        CHECK(rig.faults == 0 || rig.fault.kind == (who < 2 ? FH_BAD_CONTROL : FH_BAD_TAG));
        CHECK(rig.faults <= 1 && (got != NULL || rig.faults == 1));
    }
}

/* Blocks cut in one run: as many as fit and are wanted, the last with what is left. */
static void runs(void)
{
    for (uint32_t count = 1; count < 12; count++) {
        for (unsigned top = 0; top < 2; top++) {
            make_row();
            void *hole = fh_malloc(rig.heap, (size_t)8 * each * FH_GRANULE - 4);
            REQUIRE(hole != NULL && fh_malloc(rig.heap, 10) != NULL);
            fh_free(rig.heap, hole);
            size_t used = rig.heap->used;
            struct fh_block *first = NULL;
            uint32_t wanted = top ? 9 * each : each;
            rig.depth++;
            uint32_t n = fh_pool_take_run(rig.heap, wanted, count, top != 0, &first);
            rig.depth--;
            if (!top) {
                EQUAL(n, count < 8 ? count : 8);
                CHECK(first == as_block(hole));
            } else {
                CHECK(n == count || n < count);
                CHECK(n != 0 && first != NULL);
            }
            size_t bytes = 0;
            bool is_used = false;
            unsigned char *at = (unsigned char *)first;
            for (uint32_t i = 0; i < n; i++) {
                size_t one = rig_block_at(&rig, at, &is_used);
                CHECK(is_used && (one == wanted * FH_GRANULE || (i == n - 1 && one >= wanted * FH_GRANULE)));
                at += one;
                bytes += one;
            }
            EQUAL((rig.heap->used - used) * FH_GRANULE, bytes);
            rig_sound(&rig);
        }
    }
    /* From the lists only, where these have nothing. */
    make_row();
    struct fh_block *first = NULL;
    EQUAL(fh_pool_take_run(rig.heap, each, 4, false, &first), 0);
    CHECK(first == NULL);
    EQUAL(fh_pool_take_run(rig.heap, 1000000, 4, true, &first), 0);
    rig_sound(&rig);
}

/* What a block keeps when it shrinks or grows in place: its content, its flags, and the word of its alignment. */
static void resized_in_place(void)
{
    for (unsigned aligned = 0; aligned < 2; aligned++) {
        for (size_t size = 0; size < 400; size += 7) {
            make_row();
            unsigned char *ptr = aligned ? fh_aligned_alloc(rig.heap, 64, 200) : fh_malloc(rig.heap, 200);
            void *next = fh_malloc(rig.heap, 300);
            REQUIRE(ptr != NULL && next != NULL && fh_malloc(rig.heap, 10) != NULL);
            fh_free(rig.heap, next);
            rig_fill(ptr, 200, 3);
            size_t used = rig.heap->used;
            bool is_used = false;
            size_t before = rig_block_at(&rig, ptr, &is_used);
            CHECK(fh_resize(rig.heap, ptr, size));
            size_t after = rig_block_at(&rig, ptr, &is_used);
            size_t needed = fh_granules_with(aligned ? FH_ALIGNED : FH_USED, size) * (size_t)FH_GRANULE;
            CHECK(is_used && after >= needed && after < needed + 16);
            EQUAL((rig.heap->used - used) * FH_GRANULE, after - before);
            CHECK(rig_filled(ptr, size < 200 ? size : 200, 3));
            uint32_t tag = fh_tag_open(rig.heap->lists.space.secret, as_block(ptr));
            EQUAL((tag & FH_ALIGNED) != 0, aligned);
            EQUAL(fh_kept_alignment(as_block(ptr), tag, (uint32_t)(after / FH_GRANULE)), aligned ? 64 : 0);
            rig_sound(&rig);
        }
    }
}

/* Aligned blocks: at a multiple, in front of them nothing or a free block, and the word that says so. */
static void aligned_blocks(void)
{
    for (size_t align = 2 * FH_GRANULE; align <= 2048; align *= 2) {
        for (unsigned lead = 0; lead < 20; lead++) {
            make_row();
            REQUIRE(fh_malloc(rig.heap, lead * FH_GRANULE) != NULL);
            size_t used = rig.heap->used;
            unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 50);
            REQUIRE(ptr != NULL);
            EQUAL((uintptr_t)ptr % align, 0);
            bool is_used = false;
            size_t bytes = rig_block_at(&rig, ptr, &is_used);
            EQUAL((rig.heap->used - used) * FH_GRANULE, bytes);
            EQUAL(fh_kept_alignment(as_block(ptr), FH_ALIGNED, (uint32_t)(bytes / FH_GRANULE)), align);
            EQUAL(*fh_mark_of(as_block(ptr)), 0);
            rig_sound(&rig);
            fh_free(rig.heap, ptr);
            EQUAL(rig.heap->used, used);
            rig_sound(&rig);
        }
    }
}

/* An idle region is spare if any other free block is as large: the top, the victim, or one on a list. Regions of one block each,
 * in a heap whose own is full. */
static struct fh_region *region_at(unsigned i)
{
    return (struct fh_region *)(void *)(rig_memory + 65536 * (i + 1));
}

static void *only_block(unsigned i)
{
    return (unsigned char *)region_at(i) + FH_HEADER_BYTES;
}

static void open_with_regions(const size_t *bytes, unsigned count)
{
    rig_open(&rig, rig_memory, 8192);
    for (size_t size = 8000; size != 0; size /= 2) {
        while (fh_malloc(rig.heap, size) != NULL)
            continue;
    }
    while (fh_malloc(rig.heap, 0) != NULL)
        continue;
    CHECK(rig.heap->top == NULL && rig.heap->victim_size == 0);
    for (unsigned i = 0; i < count; i++)
        REQUIRE(fh_add_region(rig.heap, region_at(i), bytes[i] + FH_HEADER_BYTES) == bytes[i]);
}

static void make_victim(unsigned i, size_t bytes)
{
    struct fh_view v;
    fh_look(&rig.heap->lists.space, &v);
    REQUIRE(fh_list_remove(&rig.heap->lists, &v, as_block(only_block(i))));
    rig.heap->victim = as_block(only_block(i));
    rig.heap->victim_size = (uint32_t)(bytes / FH_GRANULE);
}

static void spare_regions(void)
{
    static const size_t sets[][3] = { { 4096 }, { 4096, 4080 }, { 4096, 4096 }, { 4080, 4096 }, { 8192, 4096, 4080 }, { 4080, 4096, 8192 }, { 8192, 8192, 4096 },
        { 4096, 4096, 4096 }, { 4096, 4096, 8192 }, { 4096, 4080, 4080 } };
    for (unsigned k = 0; k < sizeof sets / sizeof *sets; k++) {
        unsigned count = 0;
        while (count < 3 && sets[k][count] != 0)
            count++;
        for (unsigned victim = 0; victim <= count; victim++) {
            open_with_regions(sets[k], count);
            /* One of them is the top; another one, or none, the victim; and the rest are listed. */
            if (victim < count && rig.heap->top == as_block(only_block(victim)))
                continue;
            if (victim < count)
                make_victim(victim, sets[k][victim]);
            for (unsigned i = 0; i < count; i++) {
                bool spare = false;
                for (unsigned other = 0; other < count; other++)
                    spare |= other != i && sets[k][other] >= sets[k][i];
                EQUAL(fh_pool_is_spare(rig.heap, region_at(i)), spare);
                EQUAL(fh_check(rig.heap), FH_OK);
            }
            CHECK(!fh_pool_is_spare(rig.heap, &rig.heap->first));
            rig_sound(&rig);
        }
    }
}

/* A region that is taken out leaves a whole heap, wherever its block was held; one in use is not taken out. */
static void detached_regions(void)
{
    static const size_t bytes[] = { 8192, 4096, 2048 };
    for (unsigned victim = 0; victim < 3; victim++) {
        for (unsigned i = 0; i < 3; i++) {
            open_with_regions(bytes, 3);
            if (victim != 0)
                make_victim(victim, bytes[victim]);
            size_t total = rig.heap->total;
            CHECK(!fh_pool_detach(rig.heap, &rig.heap->first));
            CHECK(fh_pool_detach(rig.heap, region_at(i)));
            EQUAL(rig.heap->total, total - bytes[i] / FH_GRANULE);
            EQUAL(rig_sum(&rig).regions, 3);
            rig_sound(&rig);
            void *ptr = fh_malloc(rig.heap, 100);
            CHECK(ptr != NULL && fh_region_over(&rig.heap->lists.space, (uintptr_t)ptr, (uintptr_t)ptr) != region_at(i));
            for (unsigned k = 0; k < 3; k++) {
                if (k == i)
                    continue;
                bool holds = fh_region_over(&rig.heap->lists.space, (uintptr_t)ptr, (uintptr_t)ptr) == region_at(k);
                EQUAL(fh_pool_detach(rig.heap, region_at(k)), !holds);
            }
            rig_sound(&rig);
        }
    }
}

/* A list that is damaged, and met by the block of a region that is added: reported, mended, and the region serves. */
static void added_to_a_damaged_list(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    make_row();
    struct fh_lists *l = &rig.heap->lists;
    const size_t bytes = 4096;
    uint32_t class = fh_class_of(l, (uint32_t)(bytes / FH_GRANULE));
    REQUIRE(*fh_head_of(l, class) == 0);
    *fh_head_of(l, class) = fh_link_to(l, as_block(row[2]));
    fh_map_set(l, class);
    EQUAL(fh_add_region(rig.heap, region_at(2), bytes + FH_HEADER_BYTES), bytes);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_LINK);
    CHECK(rig.fault.ptr == region_at(2));
    rig.faults = 0;
    rig_sound(&rig);
    bool is_used = true;
    EQUAL(rig_block_at(&rig, only_block(2), &is_used), bytes);
    CHECK(!is_used);
}

/* The outermost addresses move with the regions, and no region lies in part beyond the reach of links. */
static void outermost_addresses(void)
{
    rig_open(&rig, rig_memory + 131072, 8192);
    uintptr_t lowest = rig.heap->lowest;
    uintptr_t highest = rig.heap->highest;
    REQUIRE(fh_add_region(rig.heap, rig_memory + 262144, 4096) != 0);
    EQUAL(rig.heap->lowest, lowest);
    EQUAL(rig.heap->highest, (uintptr_t)(rig_memory + 262144 + 4096));
    highest = rig.heap->highest;
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    EQUAL(rig.heap->lowest, (uintptr_t)(rig_memory + 65536) + FH_HEADER_BYTES);
    EQUAL(rig.heap->highest, highest);
    REQUIRE(fh_add_region(rig.heap, rig_memory + 200000, 4096) != 0);
    EQUAL(rig.heap->highest, highest);
    rig_sound(&rig);
    if (sizeof(size_t) == 4)
        return;
    const size_t reach = (size_t)FH_REACH * FH_GRANULE;
    unsigned char *mem = host_map(NULL, 2 * reach + 65536);
    if (mem == NULL)
        test_skip("no memory to map");
    rig_open(&rig, mem + reach, 8192);
    unsigned char *from = (unsigned char *)&rig.heap->lists;
    EQUAL(fh_add_region(rig.heap, from + reach - 8192, 8192 + FH_GRANULE), 0);
    EQUAL(fh_add_region(rig.heap, from + reach, 8192), 0);
    EQUAL(fh_add_region(rig.heap, from - reach, 8192), 0);
    CHECK(rig_zero(from + reach - 8192, 16384) && rig_zero(from - reach, 8192));
    CHECK(fh_add_region(rig.heap, from + reach - 8192, 8192) != 0);
    CHECK(fh_add_region(rig.heap, from - reach + FH_GRANULE, 8192) != 0);
    CHECK(fh_malloc(rig.heap, 8000) != NULL && fh_malloc(rig.heap, 8000) != NULL);
    rig_sound(&rig);
}

/* Mending believes no word that is no tag, though all around it is as if it were one. */
static void mended_by_tags_only(void)
{
    make_row();
    unsigned char *false_one = row[3] + FH_GRANULE;
    put_below(row[3], FH_TAG_LIMIT);
    put_below(false_one, fh_tag_for(FH_FREE, each - 1) | FH_TAG_LIMIT);
    *fh_footer_of(as_block(row[4])) = each - 1;
    fh_free(rig.heap, row[7]);
    size_t used = rig.heap->used;
    rig.depth++;
    fh_pool_relist(rig.heap);
    rig.depth--;
    EQUAL(rig.heap->used, used);
    for (uint32_t class = 0; class < rig.heap->lists.classes; class++)
        CHECK(*fh_head_of(&rig.heap->lists, class) != fh_link_to(&rig.heap->lists, as_block(false_one)));
    CHECK(fh_malloc(rig.heap, 100) == row[7]);
    /* A dead tag is none either. */
    put_below(false_one, FH_DEAD);
    put_below(row[3], fh_tag_for(FH_USED, each));
    fh_pool_relist(rig.heap);
    EQUAL(fh_check(rig.heap), FH_OK);
}

TESTS(unit_pool) = {
    { "relist_finds_all", relist_finds_all },
    { "damage_met_by_free", damage_met_by_free },
    { "damage_met_by_resize", damage_met_by_resize },
    { "damage_met_by_realloc", damage_met_by_realloc },
    { "damage_met_by_malloc", damage_met_by_malloc },
    { "damage_met_by_aligned_alloc", damage_met_by_aligned_alloc },
    { "damage_met_by_add_region", damage_met_by_add_region },
    { "relist_across_regions", relist_across_regions },
    { "granules_for_requests", granules_for_requests },
    { "slack_for_alignments", slack_for_alignments },
    { "kept_alignments", kept_alignments },
    { "marks", marks },
    { "wrong_pointers", wrong_pointers },
    { "overruns", overruns },
    { "footers", footers },
    { "free_blocks_behind", free_blocks_behind },
    { "words_of_the_heap", words_of_the_heap },
    { "runs", runs },
    { "resized_in_place", resized_in_place },
    { "aligned_blocks", aligned_blocks },
    { "spare_regions", spare_regions },
    { "detached_regions", detached_regions },
    { "added_to_a_damaged_list", added_to_a_damaged_list },
    { "outermost_addresses", outermost_addresses },
    { "mended_by_tags_only", mended_by_tags_only },
    TESTS_END
};
