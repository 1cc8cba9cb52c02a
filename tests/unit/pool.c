/* SPDX-License-Identifier: MIT
 *
 * pool.c - src/pool.c: what is left of a heap after damage was met. The verbs themselves are tested through the public calls.
 *
 * A hook that returns must leave a heap that goes on: at worst the damaged block is lost, no report is made twice without a
 * new reason, and the counts agree with the blocks.
 */
#include "harness/rig.h"

#include "lock.h"

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
        EQUAL(slack, worst);
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
    /* Any place that the address allows. */
    void *const far = (void *)((uintptr_t)1 << 30);
    if (host_map(far, 4096) != far)
        test_skip("no memory there");
    for (uint32_t place = 4; place < 32; place++) {
        *fh_align_word((struct fh_block *)far, n) = place;
        EQUAL(fh_kept_alignment((struct fh_block *)far, FH_ALIGNED, n), (size_t)1 << (place < 30 ? place : 30));
    }
}

/* The mark of a cached block: sealed with link, place and secret; the heap's own blocks bear one with a link that leads nowhere. */
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
    /* What ends a list lies inside the heap's structure, where no block is. */
    const struct fh_heap *h = (const struct fh_heap *)(void *)(rig_memory + 4096);
    EQUAL((uintptr_t)fh_quick_end(h), (uintptr_t)h + FH_GRANULE);
    CHECK(FH_GRANULE < sizeof *h);
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

static size_t payload(uint32_t granules)
{
    return fh_payload_bytes(granules);
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
    /* Though the word below it is a tag for that place. */
    put_below(row[3] + 8, fh_tag_for(FH_USED, FH_MIN_GRANULES));
    if (FH_GRANULE > 8)
        refuse(row[3] + 8, FH_MISALIGNED, row[3] + 8, 0, 8);
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
    /* If there is a layer to ask, and that knows the block. */
    CHECK(fh_usable_size(rig.heap, row[3]) != 0);
    rig.port.cache = &fh_cpu_cache;
    CHECK(fh_usable_size(rig.heap, row[3]) != 0);
    fh_make_own(rig.heap->lists.space.secret, as_block(row[3]));
    rig.heap->caches = NULL;
    CHECK(fh_usable_size(rig.heap, row[3]) != 0);
    rig.heap->caches = (struct fh_cache *)(void *)row[5];
    refuse(row[3], FH_DOUBLE_FREE, row[3], 0, fh_mark_for(rig.heap->lists.space.secret, as_block(row[3])));
    rig.heap->caches = NULL;
    rig.port.cache = NULL;
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
    for (unsigned who = 0; who < 7; who++) {
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
        case 2:     /* where an address has no more bits than that, the granule behind */
            found = 0xFFFFFFFF;
            expected = sizeof(void *) > 4 ? 0 : fh_tag_open(rig.heap->lists.space.secret, fh_before(as_block(row[4]), found));
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
        case 5:     /* the smallest, with one flag too many */
            found = FH_MIN_GRANULES;
            expected = fh_tag_for(FH_FREE | FH_ALIGNED, found);
            put_below((unsigned char *)row[4] - FH_MIN_GRANULES * FH_GRANULE, expected);
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

/* A free block as large as the tag can say, and larger ones, which say it in a word of their own. */
static void large_before(void)
{
    static const uint32_t sizes[] = { FH_SIZE_MASK - 1, FH_SIZE_MASK, FH_HUGE, FH_HUGE + 1, FH_HUGE + FH_HUGE / 2 };
    const size_t bytes = (size_t)FH_HUGE * FH_GRANULE * 3;
    unsigned char *mem = host_map(NULL, bytes);
    if (mem == NULL)
        test_skip("no memory to map");
    for (unsigned damaged = 0; damaged < 2; damaged++) {
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            uint32_t n = sizes[i];
            rig_open(&rig, mem, bytes);
            unsigned char *large = fh_malloc(rig.heap, payload(n));
            unsigned char *behind = fh_malloc(rig.heap, 100);
            REQUIRE(large != NULL && behind != NULL && fh_malloc(rig.heap, 100) != NULL);
            size_t used = rig.heap->used;
            n = (uint32_t)((size_t)(behind - large) / FH_GRANULE);
            fh_free(rig.heap, large);
            EQUAL(used - rig.heap->used, n);
            if (damaged && n < FH_HUGE)
                continue;
            if (damaged)
                as_block(large)->size = n + 1;
            used = rig.heap->used;
            fh_free(rig.heap, behind);
            if (damaged)
                reported(FH_BAD_FOOTER, behind, behind, FH_FREE | FH_IS_HUGE, n);
            else
                rig_sound(&rig);
            EQUAL(used != rig.heap->used, !damaged);
        }
    }
}

/* Outside the region nothing is believed, whatever its words say. */
static void before_the_region(void)
{
    rig_open(&rig, rig_memory + 131072, 32768);
    unsigned char *ptr = fh_malloc(rig.heap, 100);
    unsigned char *next = fh_malloc(rig.heap, 100);
    REQUIRE(ptr != NULL && next != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, ptr);
    uint32_t m = (uint32_t)((uintptr_t)next - (uintptr_t)(rig_memory + 65536)) / FH_GRANULE;
    unsigned char *before = next - (size_t)m * FH_GRANULE;
    put_below(before, fh_tag_for(FH_FREE, m));
    *fh_footer_of(as_block(next)) = m;
    fh_free(rig.heap, next);
    reported(FH_BAD_FOOTER, next, next, 0, m);
}

/* A heap with a huge block that is used, and behind it a free one of so many bytes. */
static unsigned char *make_huge(size_t free_bytes, unsigned char **next)
{
    const size_t bytes = (size_t)FH_HUGE * FH_GRANULE * 3;
    unsigned char *mem = host_map(NULL, bytes);
    if (mem == NULL)
        test_skip("no memory to map");
    rig_open(&rig, mem, bytes);
    unsigned char *huge = fh_malloc(rig.heap, payload(FH_HUGE));
    *next = fh_malloc(rig.heap, free_bytes);
    REQUIRE(huge != NULL && *next != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, *next);
    return huge;
}

/* Where a stepwise check goes on when the block that it had come to is absorbed, whatever the lists were asked meanwhile; and that
 * no other block moves it. */
static void watched_block_absorbed(void)
{
    make_row();
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 65536) != 0);
    unsigned char *far = NULL;
    while ((far = fh_malloc(rig.heap, payload(2 * each))) != NULL && far < rig_memory + 65536)
        continue;
    REQUIRE(far != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, far);
    fh_free(rig.heap, row[2]);
    rig.heap->watched = as_block(row[3]);
    fh_free(rig.heap, row[3]);
    CHECK(rig.heap->watched == as_block(row[4]));
    rig.heap->watched = as_block(row[7]);
    fh_free(rig.heap, row[4]);
    CHECK(rig.heap->watched == as_block(row[7]));
    rig_sound(&rig);
    /* By the top, which says no size, though the last word looked at lies in another region. */
    make_row();
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    far = fh_malloc(rig.heap, 100);
    REQUIRE(far > rig_memory + 65536 && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, far);
    fh_free(rig.heap, row[ROW - 2]);
    rig.heap->watched = as_block(row[ROW - 1]);
    fh_free(rig.heap, row[ROW - 1]);
    CHECK(rig.heap->top == as_block(row[ROW - 2]) && (uintptr_t)rig.heap->watched == rig.heap->top_end);
    /* By one that is used, and huge. */
    unsigned char *next;
    unsigned char *huge = make_huge(100000, &next);
    rig.heap->watched = as_block(next);
    rig_fill(huge, 16, 5);
    CHECK(fh_resize(rig.heap, huge, payload(FH_HUGE) + 20000));
    bool is_used = false;
    CHECK((unsigned char *)rig.heap->watched == huge + rig_block_at(&rig, huge, &is_used));
    rig_sound(&rig);
}

/* The verbs work whatever region was asked for last. */
static void given_from_elsewhere(void)
{
    make_row();
    REQUIRE(fh_malloc(rig.heap, payload(fh_pool_top_size(rig.heap))) != NULL);
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    unsigned char *far[6];
    for (unsigned i = 0; i < 6; i++)
        REQUIRE((far[i] = fh_malloc(rig.heap, 100)) != NULL);
    REQUIRE(far[0] > rig_memory + 65536 && far[5] > far[0]);
    fh_free(rig.heap, far[0]);
    fh_free(rig.heap, far[3]);
    struct fh_space *space = &rig.heap->lists.space;
    REQUIRE(fh_space_find(space, (uintptr_t)row[0]) != 0);
    rig.depth++;
    CHECK(fh_pool_give(rig.heap, as_block(far[1]), FH_PREV_FREE, each) == as_block(far[0]));
    REQUIRE(fh_space_find(space, (uintptr_t)row[0]) != 0);
    CHECK(fh_pool_resize(rig.heap, as_block(far[2]), FH_PREV_FREE, each, 2 * each));
    rig.depth--;
    EQUAL(rig.heap->lists.blame.kind, FH_OK);
    rig_sound(&rig);
}

/* What keeps a block from being resized where it is, is reported, and the block stays as it is. */
static void resize_meets_damage(void)
{
    make_row();
    fh_free(rig.heap, row[4]);
    uint32_t found = fh_tag_for(FH_USED, each) | FH_TAG_LIMIT;
    put_below(row[5], found);
    size_t used = rig.heap->used;
    CHECK(!fh_resize(rig.heap, row[3], payload(2 * each)));
    reported(FH_OVERRUN, row[3], row[5], FH_PREV_FREE, found);
    EQUAL(rig.heap->used, used);
    if (FH_MAX_CLASSES == 1)
        return;
    make_row();
    unsigned char *large = fh_malloc(rig.heap, payload(100));
    REQUIRE(large != NULL && fh_malloc(rig.heap, 100) != NULL);
    struct fh_lists *l = &rig.heap->lists;
    uint32_t class = fh_class_of(l, 80);
    *fh_head_of(l, class) = fh_link_to(l, as_block(row[2]));
    fh_map_set(l, class);
    CHECK(!fh_resize(rig.heap, large, payload(20)));
    CHECK(rig_reported(&rig, FH_BAD_LINK, large, row[2]));
    EQUAL(fh_usable_size(rig.heap, large), payload(100));
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
    for (unsigned who = 0; who < 10; who++) {
        make_row();
        void *bad = row[2];
        switch (who / 2) {
        case 0:
            bad = (unsigned char *)rig.heap->top + 4;
            break;
        case 1:
            bad = rig_launder((void *)((uintptr_t)rig_memory + 524288));
            break;
        case 2:     /* a top's tag where none can be */
            bad = (unsigned char *)rig.heap->top + FH_GRANULE / 2;
            put_below(bad, FH_TOP);
            break;
        case 3:     /* the bounds that the last search left */
            bad = rig.heap->top;
            rig.heap->lists.space.span -= FH_GRANULE;
            break;
        default:
            break;
        }
        rig.heap->top = as_block(bad);
        fh_malloc(rig.heap, who % 2 == 0 ? 5000 : 0);
        reported(FH_BAD_CONTROL, NULL, bad, 0, 0);
        if (who / 2 == 2)       /* the top's own tag was overwritten */
            continue;
        rig_sound(&rig);
        CHECK(fh_malloc(rig.heap, 5000) != NULL);
    }
    make_row();
    rig.heap->top_end = 0;
    struct fh_block *endless = rig.heap->top;
    CHECK(fh_malloc(rig.heap, 5000) != NULL);
    reported(FH_BAD_CONTROL, NULL, endless, 0, 0);
    rig_sound(&rig);
    /* Lost, with its end still known: what asks for it says so, and finds it. */
    make_row();
    rig.heap->top = NULL;
    CHECK(fh_malloc(rig.heap, 5000) != NULL);
    reported(FH_BAD_CONTROL, NULL, NULL, 0, 0);
    rig_sound(&rig);
    /* What is added would be joined to the top. */
    make_row();
    rig.heap->top = as_block(row[2]);
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536, 4096), 0);
    reported(FH_BAD_CONTROL, rig_memory + 65536, row[2], 0, 0);
    rig_sound(&rig);
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
        CHECK(fh_malloc(rig.heap, (size_t)size * FH_GRANULE - 4) != NULL);
        reported(who < 2 ? FH_BAD_CONTROL : FH_BAD_TAG, NULL, bad, who < 2 ? 0 : fh_tag_for(FH_FREE, who == 2 ? size + 1 : size),
                 who < 2 ? 0 : fh_tag_for(FH_FREE, who == 2 ? size : size - 1));
    }
}

/* A block on a list, and what a split left of another one, the victim. */
static void *listed;
static void *behind_victim;

static struct fh_block *leave_victim(size_t listed_bytes, uint32_t granules)
{
    make_row();
    listed = fh_malloc(rig.heap, listed_bytes);
    void *behind_listed = fh_malloc(rig.heap, 100);
    void *large = fh_malloc(rig.heap, 3000);
    behind_victim = fh_malloc(rig.heap, 100);
    REQUIRE(listed != NULL && behind_listed != NULL && large != NULL && behind_victim != NULL);
    fh_free(rig.heap, large);
    uint32_t size = (uint32_t)((size_t)((unsigned char *)behind_victim - (unsigned char *)large) / FH_GRANULE);
    CHECK(fh_malloc(rig.heap, payload(size - granules)) == large);
    REQUIRE(rig.heap->victim_size == granules);
    fh_free(rig.heap, listed);
    return rig.heap->victim;
}

/* A free block is cut to the last granule of which another one can be made. When it is used whole, the tag behind it must be one
 * that says there is a free block before. */
static void victims_cut(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (uint32_t rest = 0; rest < 6; rest++) {
        struct fh_block *victim = leave_victim(8, 60);
        uint32_t size = rig.heap->victim_size;
        size_t used = rig.heap->used;
        uint32_t kept = rest < FH_MIN_GRANULES ? 0 : rest;
        *fh_mark_of(victim) = 0x12345678;
        CHECK(fh_malloc(rig.heap, payload(size - rest)) == victim);
        EQUAL(*fh_mark_of(victim), 0);
        EQUAL(rig.heap->victim_size, kept);
        EQUAL(rig.heap->used - used, size - kept);
        bool is_used = false;
        EQUAL(rig_block_at(&rig, victim, &is_used), (size_t)(size - kept) * FH_GRANULE);
        rig_sound(&rig);
    }
    struct fh_block *victim = leave_victim(8, 60);
    uint32_t size = rig.heap->victim_size;
    size_t used = rig.heap->used;
    uint32_t found = fh_tag_for(FH_USED, each) | FH_TAG_LIMIT;
    put_below(behind_victim, found);
    void *ptr = fh_malloc(rig.heap, payload(size));
    CHECK(ptr != victim && ptr != NULL);
    reported(FH_OVERRUN, NULL, behind_victim, FH_PREV_FREE, found);
    EQUAL(rig.heap->used - used, size);
}

static void tops_cut(void)
{
    for (uint32_t rest = 0; rest < 6; rest++) {
        make_row();
        struct fh_block *top = rig.heap->top;
        uint32_t size = fh_pool_top_size(rig.heap);
        size_t used = rig.heap->used;
        uint32_t kept = rest < FH_MIN_GRANULES ? 0 : rest;
        CHECK(fh_malloc(rig.heap, payload(size - rest)) == top);
        EQUAL(fh_pool_top_size(rig.heap), kept);
        EQUAL(rig.heap->top == NULL, kept == 0);
        EQUAL(rig.heap->used - used, size - kept);
        rig_sound(&rig);
    }
    make_row();
    struct fh_block *end = (struct fh_block *)rig.heap->top_end;
    size_t used = rig.heap->used;
    put_below(end, FH_TAG_LIMIT);
    CHECK(fh_malloc(rig.heap, payload(fh_pool_top_size(rig.heap))) == NULL);
    reported(FH_OVERRUN, NULL, end, FH_PREV_FREE, FH_TAG_LIMIT);
    EQUAL(rig.heap->used, used);
}

static void listed_cut(void)
{
    make_row();
    fh_free(rig.heap, row[3]);
    uint32_t found = fh_tag_for(FH_USED, each) | FH_TAG_LIMIT;
    put_below(row[4], found);
    void *ptr = fh_malloc(rig.heap, 100);
    CHECK(ptr != row[3] && ptr != NULL);
    reported(FH_OVERRUN, NULL, row[4], FH_PREV_FREE, found);
    /* What is left becomes the victim, and the one before it goes to its list, if it is one. */
    struct fh_block *victim = leave_victim(1000, 60);
    uint32_t size = rig.heap->victim_size;
    /* Where the mark is no link of the free block. */
    if (fh_mark_of(as_block(listed)) == &as_block(listed)->size)
        *fh_mark_of(as_block(listed)) = 0x12345678;
    CHECK(fh_malloc(rig.heap, 500) == listed);
    EQUAL(*fh_mark_of(as_block(listed)), 0);
    CHECK(rig.heap->victim != victim && rig.heap->victim_size != 0);
    rig_sound(&rig);
    victim = leave_victim(1000, 60);
    put_below(victim, fh_tag_for(FH_FREE, size - 1));
    CHECK(fh_malloc(rig.heap, 500) != NULL);
    reported(FH_BAD_TAG, NULL, victim, fh_tag_for(FH_FREE, size), fh_tag_for(FH_FREE, size - 1));
}

/* A listed block is cut rather than the victim up to two doublings above the request's own class, and no farther: see pool.c. */
static void near_blocks_first(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    const uint32_t n = 20;
    for (uint32_t above = 1; above < 24; above++) {
        make_row();
        const struct fh_lists *l = &rig.heap->lists;
        uint32_t larger = n;
        while (fh_class_of(l, larger) < fh_class_of(l, n) + above)
            larger++;
        struct fh_block *victim = leave_victim(payload(larger), 60);
        REQUIRE(rig.heap->victim_size > n && *fh_head_of(&rig.heap->lists, fh_class_of(l, larger)) == fh_link_to(l, as_block(listed)));
        CHECK(fh_malloc(rig.heap, payload(n)) == (above <= 16 ? listed : (void *)victim));
    }
}

/* When a list has only smaller blocks the top serves, and then the victim; no damage met on the way is passed over. */
static void after_the_lists(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    struct fh_block *victim = leave_victim(payload(39), 40);
    EQUAL(fh_class_of(&rig.heap->lists, 39), fh_class_of(&rig.heap->lists, 40));
    REQUIRE(fh_malloc(rig.heap, payload(fh_pool_top_size(rig.heap))) != NULL);
    CHECK(fh_malloc(rig.heap, payload(40)) == victim);
    rig_sound(&rig);
    leave_victim(payload(39), 40);
    rig.heap->top = as_block(row[2]);
    CHECK(fh_malloc(rig.heap, payload(40)) != NULL);
    reported(FH_BAD_CONTROL, NULL, row[2], 0, 0);
    /* A bit for a list that is empty. */
    make_row();
    struct fh_lists *l = &rig.heap->lists;
    uint32_t class = fh_class_of(l, 200);
    fh_map_set(l, class);
    CHECK(fh_malloc(rig.heap, 100) != NULL);
    reported(FH_BAD_CONTROL, NULL, NULL, 0, (uint32_t)1 << (class & 31));
}

/* A block that was absorbed has no size, though a mebibyte lies behind it. */
static void dead_in_a_large_heap(void)
{
    const size_t bytes = (size_t)FH_HUGE * FH_GRANULE * 3;
    unsigned char *mem = host_map(NULL, bytes);
    if (mem == NULL)
        test_skip("no memory to map");
    rig_open(&rig, mem, bytes);
    unsigned char *ptr[3];
    for (unsigned i = 0; i < 3; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 100)) != NULL);
    fh_free(rig.heap, ptr[0]);
    fh_free(rig.heap, ptr[1]);
    for (uint32_t n = 0; n < 4; n++) {
        put_below(ptr[1], FH_FREE | n << FH_SIZE_SHIFT);
        refuse(ptr[1], FH_DOUBLE_FREE, ptr[1], FH_USED, FH_FREE);
    }
}

/* What no region holds is refused by each verb, and nothing is written. */
static void strangers(void)
{
    static _Alignas(16) unsigned char apart[1024];
    make_row();
    struct fh_heap *h = rig.heap;
    struct fh_block *const top = h->top;
    rig_fill(apart, sizeof apart, 5);
    struct fh_block *b = as_block(rig_launder(apart + 256));
    CHECK(fh_pool_give(h, b, FH_USED, 4) == NULL);
    CHECK(!fh_pool_resize(h, b, FH_USED, 8, 4));
    CHECK(!fh_pool_begins_region(h, b));
    fh_pool_promote(h, b);
    CHECK(h->top == top);
    CHECK(rig_filled(apart, sizeof apart, 5));
    /* Where there is no memory at all, nothing is read either. */
    b = as_block(rig_launder((void *)(uintptr_t)(5 * FH_GRANULE)));
    CHECK(fh_pool_give(h, b, FH_USED, 4) == NULL && !fh_pool_resize(h, b, FH_USED, 8, 4) && !fh_pool_begins_region(h, b));
    fh_pool_promote(h, b);
    fh_pool_promote(h, NULL);
    CHECK(h->top == top);
    EQUAL(h->lists.blame.kind, FH_OK);
    rig_sound(&rig);
}

/* A block too large for the row, free, between used ones. */
static unsigned char *make_hole(size_t bytes)
{
    unsigned char *hole = fh_malloc(rig.heap, bytes);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 1200) != NULL);
    fh_free(rig.heap, hole);
    return hole;
}

/* A row, behind it a victim, and behind that a hole on a list. */
static unsigned char *make_victim_and_hole(void)
{
    make_row();
    unsigned char *large = make_hole(3000);
    CHECK(fh_malloc(rig.heap, 2000) == large);
    REQUIRE(rig.heap->victim_size != 0);
    return make_hole(3000);
}

/* The victim goes to its list when another block is cut: not if its place is damaged, and not to a list that is. Then the lists are made anew. */
static void victims_that_cannot_be_listed(void)
{
    for (unsigned who = 0; who < 2; who++) {
        if (who == 1 && FH_MAX_CLASSES == 1)
            continue;
        unsigned char *hole = make_victim_and_hole();
        struct fh_lists *l = &rig.heap->lists;
        const void *bad = row[2];
        if (who == 0) {
            rig.heap->victim = as_block((unsigned char *)rig.heap->victim + 4);
            bad = rig.heap->victim;
        } else {
            uint32_t class = fh_class_of(l, rig.heap->victim_size);
            REQUIRE(*fh_head_of(l, class) == 0);
            *fh_head_of(l, class) = fh_link_to(l, as_block(row[2]));
            fh_map_set(l, class);
            as_block(row[2])->prev = 0;
        }
        size_t used = rig.heap->used;
        CHECK(fh_malloc(rig.heap, 2500) == hole);
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, who == 0 ? FH_BAD_CONTROL : FH_BAD_LINK);
        CHECK(rig.fault.block == (who == 0 ? bad : NULL) || rig.fault.block == bad);
        EQUAL(rig.heap->used, used + fh_granules_for(2500));
        rig.faults = 0;
        rig_sound(&rig);
    }
}

/* Victim and top are not handed out whole where the tag behind them is damaged. What else there is, is. */
static void overruns_met_by_malloc(void)
{
    for (unsigned top = 0; top < 2; top++) {
        make_row();
        struct fh_block *b = as_block(make_hole(3000));
        CHECK(fh_malloc(rig.heap, 2000) == b);
        b = top ? rig.heap->top : rig.heap->victim;
        uint32_t size = top ? fh_pool_top_size(rig.heap) : rig.heap->victim_size;
        REQUIRE(size > FH_MIN_GRANULES);
        struct fh_block *behind = fh_after(b, size);
        put_below(behind, FH_TAG_LIMIT | 8);
        size_t used = rig.heap->used;
        void *got = fh_malloc(rig.heap, fh_payload_bytes(size));
        reported(FH_OVERRUN, NULL, behind, FH_PREV_FREE, FH_TAG_LIMIT | 8);
        CHECK(top ? got == NULL : got != NULL && got != b);
        EQUAL(rig.heap->used, used + (top ? 0 : size));
        /* Nobody has it afterwards either. */
        while ((got = fh_malloc(rig.heap, 1)) != NULL)
            CHECK((uintptr_t)got < (uintptr_t)b || (uintptr_t)got >= (uintptr_t)behind);
    }
}

/* An aligned request meets a damaged block on a list, and a damaged victim; it is met from the top then. */
static void damage_met_by_aligned_requests(void)
{
    for (unsigned who = 0; who < 2; who++) {
        make_row();
        unsigned char *bad = make_hole(3000);
        if (who == 0) {
            put_below(bad, FH_TAG_LIMIT | 8);
        } else {
            CHECK(fh_malloc(rig.heap, 1000) == bad);
            rig.heap->victim = as_block((unsigned char *)rig.heap->victim + 4);
            bad = (unsigned char *)rig.heap->victim;
        }
        unsigned char *got = fh_aligned_alloc(rig.heap, 64, 1000);
        CHECK(got != NULL && (uintptr_t)got % 64 == 0);
        reported(who == 0 ? FH_BAD_TAG : FH_BAD_CONTROL, NULL, bad, who == 0 ? FH_FREE : 0, who == 0 ? FH_TAG_LIMIT | 8 : 0);
        CHECK(who == 1 || got + 1000 <= bad || got >= bad + 3000);
        if (who == 1)
            rig_sound(&rig);
    }
}

/* A free block whose link is damaged is not cut: neither into a run, nor to let the block before it grow. */
static void links_met_by_cuts(void)
{
    make_row();
    unsigned char *hole = make_hole(3000);
    rig_poke(hole + 4, 0x24682468);
    struct fh_block *first = NULL;
    size_t used = rig.heap->used;
    rig.depth++;
    EQUAL(fh_pool_take_run(rig.heap, each, 4, false, &first), 0);
    EQUAL(rig.heap->lists.blame.kind, FH_BAD_LINK);
    fh_report(rig.heap, NULL);
    rig.depth--;
    CHECK(first == NULL && rig.heap->used == used && rig.fault.block == as_block(hole));
    rig.faults = 0;
    rig_sound(&rig);

    make_row();
    fh_free(rig.heap, row[4]);
    rig_fill(row[3], 100, 9);
    rig_poke(row[4] + 4, 0x24682468);
    used = rig.heap->used;
    CHECK(!fh_resize(rig.heap, row[3], 150));
    CHECK(rig_reported(&rig, FH_BAD_LINK, row[3], row[4]));
    EQUAL(rig.heap->used, used);
    CHECK(rig_filled(row[3], 100, 9));
    rig_sound(&rig);
    CHECK(fh_resize(rig.heap, row[3], 150));
    rig_sound(&rig);
}

/* A row with a victim, and the block in front of that. */
static void *before_the_victim(void)
{
    make_row();
    void *large = fh_malloc(rig.heap, 3000);
    REQUIRE(large != NULL && fh_malloc(rig.heap, 100) != NULL);
    fh_free(rig.heap, large);
    REQUIRE(fh_malloc(rig.heap, 2000) == large && rig.heap->victim_size != 0);
    return large;
}

/* The size of the victim that the heap holds, when a block grows over the victim: nothing is written that is measured with it. */
static void damaged_victim_extended(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        void *large = before_the_victim();
        struct fh_block *victim = rig.heap->victim;
        uint32_t size = rig.heap->victim_size;
        rig.heap->victim_size = size ^ (uint32_t)1 << bit;
        CHECK(!fh_resize(rig.heap, large, 2100));
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, FH_BAD_CONTROL);
        CHECK(rig.fault.block == victim);
        EQUAL(rig.fault.expected, size);
        EQUAL(rig.fault.found, size ^ (uint32_t)1 << bit);
        rig.faults = 0;
        rig_sound(&rig);
        CHECK(fh_resize(rig.heap, large, 2100));
    }
}

/* When it is cut by malloc: no bit of the size makes it another one that is believed. */
static void damaged_small_victim(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        before_the_victim();
        struct fh_block *victim = rig.heap->victim;
        uint32_t size = rig.heap->victim_size;
        uint32_t found = size ^ (uint32_t)1 << bit;
        rig.heap->victim_size = found;
        CHECK(fh_malloc(rig.heap, 400) != NULL);
        bool met = found >= fh_granules_for(400);
        EQUAL(rig.faults, met);
        CHECK(!met || (rig.fault.kind == FH_BAD_TAG && rig.fault.block == victim));
        rig.faults = 0;
        if (met)
            rig_sound(&rig);
    }
}

/* The same for a huge victim, the tag of which does not show its size, when it is cut by malloc: any other size is known. */
static void damaged_huge_victim(void)
{
    const size_t huge = (size_t)FH_HUGE * FH_GRANULE;
    const size_t bytes = 6 * huge;
    void *mem = host_map(NULL, bytes);
    REQUIRE(mem != NULL);
    for (unsigned bit = 0; bit <= 33; bit++) {
        rig_open(&rig, mem, bytes);
        void *large = fh_malloc(rig.heap, 4 * huge);
        REQUIRE(large != NULL && fh_malloc(rig.heap, 100) != NULL);
        fh_free(rig.heap, large);
        CHECK(fh_malloc(rig.heap, 100) == large);
        struct fh_block *victim = rig.heap->victim;
        uint32_t size = rig.heap->victim_size;
        REQUIRE(size >= FH_HUGE);
        uint32_t found = bit < 32 ? size ^ (uint32_t)1 << bit : size;
        /* What the tag of every huge block is, read as a size. */
        if (bit == 33)
            found = (uint32_t)FH_IS_HUGE >> FH_SIZE_SHIFT;
        rig.heap->victim_size = found;
        CHECK(fh_malloc(rig.heap, 200) != NULL);
        /* One that says that it is too small for the request is not looked at. */
        bool met = bit != 32 && found >= 300 / FH_GRANULE;
        EQUAL(rig.faults, met);
        CHECK(!met || (rig.fault.kind == FH_BAD_TAG && rig.fault.block == victim));
        rig.faults = 0;
        if (bit == 32 || met)
            rig_sound(&rig);
    }
    host_unmap(mem, bytes);
}

/* A free block that mending leaves off the lists, because its footer is wrong, keeps no links: where it was linked to, the next owner
 * may write what looks like the link back. */
static void unlisted_keeps_no_links(void)
{
    comb(100);
    struct fh_block *b = as_block(teeth[5]);
    struct fh_block *ahead = as_block(teeth[7]);
    uint32_t self = fh_link_to(&rig.heap->lists, b);
    EQUAL(ahead->next, self);
    uint32_t size = *fh_footer_of(as_block(teeth[6]));
    *fh_footer_of(as_block(teeth[6])) = size + 1;
    fh_pool_relist(rig.heap);
    EQUAL(b->next | b->prev, 0);
    *fh_footer_of(as_block(teeth[6])) = size;
    unsigned char *owned = fh_malloc(rig.heap, 100);
    for (unsigned i = 0; i < BLOCKS && owned != teeth[7]; i++)
        owned = fh_malloc(rig.heap, 100);
    REQUIRE(owned == teeth[7]);
    rig_poke(owned, self);
    fh_free(rig.heap, teeth[4]);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_LINK);
    EQUAL(ahead->next, self);
    /* Behind a tag that is none it may be no block at all: not a word of it is written. */
    comb(100);
    put_below(teeth[2], FH_TAG_LIMIT);
    *fh_footer_of(as_block(teeth[6])) = size + 1;
    uint32_t next = b->next;
    uint32_t prev = b->prev;
    CHECK(next != 0 && prev != 0);
    fh_pool_relist(rig.heap);
    CHECK(b->next == next && b->prev == prev);
    for (uint32_t class = 0; class < rig.heap->lists.classes; class++)
        CHECK(*fh_head_of(&rig.heap->lists, class) != self);
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

/* One block that is all of the victim, or all of the top; and none where damage is met. */
static void runs_to_the_edge(void)
{
    struct fh_block *first = NULL;
    if (FH_MAX_CLASSES != 1) {
        struct fh_block *victim = leave_victim(8, 60);
        EQUAL(fh_pool_take_run(rig.heap, 60, 1, false, &first), 1);
        CHECK(first == victim);
        rig_sound(&rig);
        victim = leave_victim(8, 60);
        put_below(victim, fh_tag_for(FH_FREE, 59));
        EQUAL(fh_pool_take_run(rig.heap, 60, 1, false, &first), 0);
        EQUAL(rig.heap->lists.blame.kind, FH_BAD_TAG);
    }
    make_row();
    struct fh_block *top = rig.heap->top;
    EQUAL(fh_pool_take_run(rig.heap, fh_pool_top_size(rig.heap), 1, true, &first), 1);
    CHECK(first == top);
    rig_sound(&rig);
    make_row();
    fh_free(rig.heap, row[3]);
    put_below(row[4], fh_tag_for(FH_USED, each) | FH_TAG_LIMIT);
    size_t used = rig.heap->used;
    EQUAL(fh_pool_take_run(rig.heap, each, 1, false, &first), 0);
    EQUAL(rig.heap->lists.blame.kind, FH_OVERRUN);
    EQUAL(rig.heap->used, used);
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
            /* Whatever the memory held before, where nothing holds it against that. */
            if (!FH_IS_HARDENED)
                rig_fill((unsigned char *)rig.heap->top + 16, 4096, 1);
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

/* Uses the front of the top, until it lies there. */
static void fill_up_to(size_t align, size_t distance)
{
    if ((uintptr_t)rig.heap->top % 16 != 0)
        REQUIRE(fh_malloc(rig.heap, payload(FH_MIN_GRANULES + 1)) != NULL);
    while ((uintptr_t)rig.heap->top % align != distance)
        REQUIRE(fh_malloc(rig.heap, 0) != NULL);
}

/* Damage that an aligned request meets ends it before anything is cut, though another block would do. */
static void aligned_meets_damage(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    make_row();
    const size_t align = 256;
    uint32_t n = fh_granules_with(FH_ALIGNED, 100);
    fill_up_to(align, 0);
    void *fits = fh_aligned_alloc(rig.heap, align, 100);
    REQUIRE(fits != NULL && fh_malloc(rig.heap, 400) != NULL);
    unsigned char *large = fh_malloc(rig.heap, 1000);
    REQUIRE(large != NULL && fh_malloc(rig.heap, 400) != NULL);
    uint32_t class = fh_class_of(&rig.heap->lists, (uint32_t)((fh_usable_size(rig.heap, large) + 4) / FH_GRANULE));
    fh_free(rig.heap, fits);
    fh_free(rig.heap, large);
    REQUIRE(*fh_head_of(&rig.heap->lists, class) == fh_link_to(&rig.heap->lists, as_block(large)));
    *fh_head_of(&rig.heap->lists, class) = fh_link_to(&rig.heap->lists, as_block(row[2]));
    size_t used = rig.heap->used;
    CHECK(fh_pool_take_aligned(rig.heap, n, align) == NULL);
    EQUAL(rig.heap->lists.blame.kind, FH_BAD_TAG);
    CHECK(rig.heap->lists.blame.block == as_block(row[2]));
    rig.heap->lists.blame.kind = FH_OK;
    EQUAL(rig.heap->used, used);
    CHECK(fh_is_free(fh_tag_open(rig.heap->lists.space.secret, as_block(fits))));
}

/* What cannot be given back in front of an aligned block is reported, though the block is had. */
static void pad_meets_damage(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    make_row();
    const size_t align = 512;
    /* A pad of a quarter of that, smaller than what is asked for. */
    fill_up_to(align, align - align / 4);
    struct fh_lists *l = &rig.heap->lists;
    uint32_t class = fh_class_of(l, (uint32_t)(align / 4 / FH_GRANULE));
    REQUIRE(*fh_head_of(l, class) == 0);
    *fh_head_of(l, class) = fh_link_to(l, as_block(row[2]));
    fh_map_set(l, class);
    unsigned char *ptr = fh_aligned_alloc(rig.heap, align, 300);
    CHECK(ptr != NULL && (uintptr_t)ptr % align == 0);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_LINK);
    CHECK(rig.fault.block == row[2]);
    rig.faults = 0;
    EQUAL(fh_check(rig.heap) == FH_OK, true);
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
    CHECK(rig.fault.ptr == region_at(2) && rig.fault.block == row[2]);
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

/* The top is the largest of the free blocks that end their regions; of two that are alike, the one that was added last. */
static void promoted(void)
{
    const size_t bytes = 4096;
    for (unsigned more = 0; more < 2; more++) {
        const size_t sets[] = { bytes, bytes + more * 16 };
        open_with_regions(sets, 2);
        CHECK(rig.heap->top == as_block(only_block(1)));
        rig_sound(&rig);
    }
    const size_t ascending[] = { bytes + 16, bytes };
    open_with_regions(ascending, 2);
    CHECK(rig.heap->top == as_block(only_block(0)));
    /* What cannot be taken off its list is not. */
    const size_t sets[] = { bytes, bytes + 16 };
    open_with_regions(sets, 2);
    struct fh_block *larger = rig.heap->top;
    fh_pool_promote(rig.heap, as_block(only_block(0)));
    CHECK(rig.heap->top == larger);
    open_with_regions(sets, 1);
    struct fh_block *other = as_block(only_block(0));
    fh_pool_relist(rig.heap);
    REQUIRE(rig.heap->top == other);
    rig_sound(&rig);
    /* Listed again, and its link damaged. */
    struct fh_view v;
    fh_look(&rig.heap->lists.space, &v);
    rig.heap->top = NULL;
    rig.heap->top_end = 0;
    fh_make_free(v.secret, other, (uint32_t)(bytes / FH_GRANULE));
    REQUIRE(fh_list_insert(&rig.heap->lists, &v, other, (uint32_t)(bytes / FH_GRANULE)));
    other->next = fh_link_to(&rig.heap->lists, as_block(rig_memory + 500000));
    fh_pool_promote(rig.heap, other);
    CHECK(rig.heap->top == NULL);
    EQUAL(rig.heap->lists.blame.kind, FH_BAD_LINK);
    other->next = fh_list_end(&rig.heap->lists);
    rig.heap->lists.blame.kind = FH_OK;
    fh_pool_promote(rig.heap, other);
    CHECK(rig.heap->top == other);
    EQUAL(fh_check(rig.heap), FH_OK);
}

/* A region that touches another one is joined to it, whatever was asked for last, if the tags and the free block where they meet are
 * what they should be; else it stays apart, and the report says why. */
static void regions_that_meet(void)
{
    unsigned char *mem = rig_memory + 65536;
    const size_t bytes = 4096;
    for (unsigned above = 0; above < 2; above++) {
        for (unsigned who = 0; who < 4; who++) {
            make_row();
            unsigned char *there = above ? mem : mem + bytes;
            unsigned char *added = above ? mem + bytes : mem;
            REQUIRE(fh_add_region(rig.heap, there, bytes) == bytes - FH_HEADER_BYTES);
            unsigned char *first = there + FH_HEADER_BYTES;
            struct fh_block *end = (struct fh_block *)fh_hi_for((uintptr_t)there + bytes - 1);
            struct fh_block *meets = above ? end : as_block(first);
            if (who == 1)
                put_below(meets, FH_TAG_LIMIT);
            if (who == 2 && above)
                *fh_footer_of(end) = 7;
            if (who == 2 && !above)
                put_below(first, fh_tag_for(FH_FREE, 30000));
            if (who == 3) {
                /* Nothing is free where they meet. */
                fh_tag_seal(rig.heap->lists.space.secret, as_block(first), FH_DEAD);
                fh_pool_relist(rig.heap);
                fh_tag_seal(rig.heap->lists.space.secret, as_block(first), fh_tag_for(FH_USED, (uint32_t)((bytes - FH_HEADER_BYTES) / FH_GRANULE)));
                fh_tag_seal(rig.heap->lists.space.secret, end, FH_USED);
                rig.heap->used += (bytes - FH_HEADER_BYTES) / FH_GRANULE;
                rig.heap->peak = rig.heap->used;
                EQUAL(fh_check(rig.heap), FH_OK);
            }
            CHECK(fh_usable_size(rig.heap, row[0]) != 0);
            bool joins = who == 0 || who == 3;
            size_t got = fh_add_region(rig.heap, added, bytes);
            if (joins) {
                EQUAL(got, bytes);
                EQUAL(rig_sum(&rig).regions, 2);
                rig_sound(&rig);
                continue;
            }
            EQUAL(got, bytes - FH_HEADER_BYTES);
            if (who == 1)
                reported(FH_BAD_TAG, added, meets, FH_USED, FH_TAG_LIMIT);
            else if (above)
                reported(FH_BAD_FOOTER, added, meets, rig.fault.expected, 7);
            else
                reported(FH_BAD_TAG, added, meets, FH_FREE, fh_tag_for(FH_FREE, 30000));
        }
    }
}

/* No top: the only blocks are listed, or the victim. */
static void make_listed(unsigned i, uint32_t n)
{
    struct fh_view v;
    fh_look(&rig.heap->lists.space, &v);
    rig.heap->top = NULL;
    rig.heap->top_end = 0;
    fh_make_free(v.secret, as_block(only_block(i)), n);
    REQUIRE(fh_list_insert(&rig.heap->lists, &v, as_block(only_block(i)), n));
}

/* Idle is a region that is one free block; to be spare there must be another one as large, wherever it is held. */
static void idle_or_spare(void)
{
    static const size_t bytes[] = { 4096, 4096, 4096 };
    const uint32_t n = (uint32_t)(bytes[0] / FH_GRANULE);
    /* One used block, and what is no tag. */
    open_with_regions(bytes, 1);
    CHECK(fh_malloc(rig.heap, payload(n)) == only_block(0));
    CHECK(!fh_pool_detach(rig.heap, region_at(0)) && !fh_pool_is_spare(rig.heap, region_at(0)));
    put_below(only_block(0), fh_tag_for(FH_FREE, n) | FH_TAG_LIMIT);
    CHECK(!fh_pool_detach(rig.heap, region_at(0)));
    for (uint32_t victim = 0; victim < 3; victim++) {
        open_with_regions(bytes, 2);
        make_listed(1, n);
        rig_sound(&rig);
        if (victim == 0) {
            CHECK(fh_pool_is_spare(rig.heap, region_at(0)));
            continue;
        }
        make_victim(victim - 1, bytes[0]);
        rig_sound(&rig);
        CHECK(fh_pool_is_spare(rig.heap, region_at(0)) && fh_pool_is_spare(rig.heap, region_at(1)));
        rig_sound(&rig);
    }
    /* Nothing else; and a block that cannot be taken off its list. */
    open_with_regions(bytes, 1);
    make_listed(0, n);
    CHECK(!fh_pool_is_spare(rig.heap, region_at(0)));
    rig_sound(&rig);
    as_block(only_block(0))->next = fh_link_to(&rig.heap->lists, as_block(rig_memory + 500000));
    CHECK(!fh_pool_is_spare(rig.heap, region_at(0)) && !fh_pool_detach(rig.heap, region_at(0)));
    EQUAL(rig.heap->lists.blame.kind, FH_BAD_LINK);
    /* A stepwise check is led out of the region that goes, and out of no other. */
    for (unsigned i = 0; i < 2; i++) {
        open_with_regions(bytes, 2);
        rig.heap->watched = as_block(only_block(i));
        CHECK(fh_pool_detach(rig.heap, region_at(0)));
        CHECK(rig.heap->watched == (i == 0 ? NULL : as_block(only_block(i))));
    }
}

/* What is made anew from the tags: the top, the lists, bitmap and summary; a block with a wrong footer is left out, and nothing is
 * taken for a block that lies in a used one, however large. */
static void mended_lists(void)
{
    make_row();
    struct fh_block *top = rig.heap->top;
    fh_free(rig.heap, row[3]);
    fh_pool_relist(rig.heap);
    CHECK(rig.heap->top == top);
    rig_sound(&rig);
    *fh_footer_of(as_block(row[4])) = each + 1;
    fh_pool_relist(rig.heap);
    CHECK(rig.heap->top == top && fh_malloc(rig.heap, 100) != row[3]);
    make_row();
    fh_free(rig.heap, row[3]);
    put_below(row[3], fh_tag_for(FH_USED, each));
    put_below(row[4], fh_tag_for(FH_USED, each));
    rig.heap->used += each;
    fh_pool_relist(rig.heap);
    rig_sound(&rig);
    unsigned char *next;
    unsigned char *huge = make_huge(1000, &next);
    fh_make_free(rig.heap->lists.space.secret, as_block(huge + 4096), 100);
    put_below(huge + 4096 + 100 * FH_GRANULE, fh_tag_for(FH_USED | FH_PREV_FREE, 100));
    fh_pool_relist(rig.heap);
    rig_sound(&rig);
    CHECK(fh_malloc(rig.heap, 1000) == next);
}

/* Memory right below a heap is a region of its own: the control structure lies between. */
static void below_the_heap(void)
{
    const size_t bytes = 4096;
    rig_open(&rig, rig_memory + 65536, 32768);
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536 - bytes, bytes), bytes - FH_HEADER_BYTES);
    EQUAL(rig_sum(&rig).regions, 2);
    CHECK(fh_malloc(rig.heap, 20000) != NULL && fh_malloc(rig.heap, 4000) != NULL);
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

/* No block becomes the top while the old one is damaged, or where its own link is. */
static void promotion_and_damage(void)
{
    static const size_t bytes[] = { 4096, 2048 };
    for (unsigned who = 0; who < 2; who++) {
        open_with_regions(bytes, 2);
        struct fh_block *b = as_block(only_block(1));
        struct fh_block *top = rig.heap->top;
        REQUIRE(top == as_block(only_block(0)));
        if (who == 0) {
            rig.heap->top = as_block((unsigned char *)top + 4);
        } else {
            CHECK(fh_malloc(rig.heap, fh_payload_bytes(4096 / FH_GRANULE)) == top);
            rig_poke((unsigned char *)b + 4, 0x24682468);
        }
        top = rig.heap->top;
        fh_pool_promote(rig.heap, b);
        CHECK(rig.heap->top == top);
        EQUAL(rig.heap->lists.blame.kind, who == 0 ? FH_BAD_CONTROL : FH_BAD_LINK);
        CHECK(rig.heap->lists.blame.block == (who == 0 ? top : b));
        rig.depth++;
        fh_report(rig.heap, NULL);
        rig.depth--;
        rig.faults = 0;
        CHECK(rig.heap->top == as_block(only_block(who)));
        rig_sound(&rig);
    }
}

/* Memory that touches a region from below is joined to it whatever its first block is, unless that is damaged: then they stay apart. */
static void joined_from_below(void)
{
    static const size_t bytes[] = { 8192, 16384 };
    const uint32_t wrong[] = { fh_tag_for(FH_FREE, 9000), FH_FREE | FH_IS_HUGE, FH_TAG_LIMIT | 8, FH_PREV_FREE | fh_tag_for(FH_USED, 512), FH_PREV_FREE | FH_TOP };
    for (unsigned first = 0; first < 3 + sizeof wrong / sizeof *wrong; first++) {
        /* The top, or a block on a list beside a larger one, or a used block; and then what it cannot be. */
        open_with_regions(bytes, first == 0 ? 1 : 2);
        if (first == 2)
            REQUIRE(fh_malloc(rig.heap, 100) == only_block(0));
        if (first >= 3)
            put_below(only_block(0), wrong[first - 3]);
        size_t regions = first == 0 ? 2 : 3;
        unsigned char *mem = (unsigned char *)region_at(0) - 4096;
        size_t added = fh_add_region(rig.heap, mem, 4096);
        if (first < 3) {
            EQUAL(added, 4096);
            EQUAL(rig_sum(&rig).regions, regions);
            EQUAL(rig_sum(&rig).free_blocks, first == 0 ? 1 : first == 1 ? 2 : 3);
            rig_sound(&rig);
            continue;
        }
        EQUAL(added, 4096 - FH_HEADER_BYTES);
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, FH_BAD_TAG);
        CHECK(rig.fault.ptr == mem && rig.fault.block == only_block(0));
        EQUAL(rig.fault.found, wrong[first - 3]);
        CHECK(fh_region_over(&rig.heap->lists.space, (uintptr_t)mem, (uintptr_t)mem) != NULL);
        CHECK(fh_region_over(&rig.heap->lists.space, (uintptr_t)only_block(0), (uintptr_t)only_block(0)) == region_at(0));
    }
}

/* The heap has lost its top, but not where it ends: nothing is joined to it there before it is found again. */
static void joined_to_a_lost_top(void)
{
    static const size_t bytes[] = { 8192 };
    open_with_regions(bytes, 1);
    REQUIRE(rig.heap->top == as_block(only_block(0)));
    rig.heap->top = NULL;
    unsigned char *end = (unsigned char *)only_block(0) + 8192;
    EQUAL(fh_add_region(rig.heap, end, 4096), 0);
    CHECK(rig_reported(&rig, FH_BAD_CONTROL, end, NULL));
    rig_sound(&rig);
    EQUAL(fh_add_region(rig.heap, end, 4096), 4096);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).regions, 2);
    EQUAL(rig_sum(&rig).free_blocks, 1);
}

/* A free block that ends its region has a damaged link, and the tag of a used block before it was overwritten, so that it is not found when the lists are
 * made anew. What is added behind it is lost, and never handed out. */
static void added_behind_what_is_lost(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    static const size_t bytes[] = { 4096, 16384 };
    open_with_regions(bytes, 2);
    unsigned char *used = fh_malloc(rig.heap, 1000);
    REQUIRE(used == only_block(0));
    unsigned char *end = used + 4096;
    struct fh_block *last = rig.heap->victim;
    REQUIRE(fh_after(last, rig.heap->victim_size) == as_block(end));
    uint32_t size = rig.heap->victim_size;
    /* Another one is the victim, this one on its list. */
    unsigned char *hole = fh_malloc(rig.heap, 5000);
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 5000) != NULL);
    fh_free(rig.heap, hole);
    CHECK(fh_malloc(rig.heap, 4000) == hole);
    REQUIRE(rig.heap->victim != last && fh_check(rig.heap) == FH_OK);
    put_below(used, fh_tag_for(FH_USED, 4096 / FH_GRANULE));
    rig_poke((unsigned char *)last + 4, 0x24682468);
    EQUAL(fh_add_region(rig.heap, end, 4096), 4096);
    EQUAL(rig.faults, 1);
    EQUAL(rig.fault.kind, FH_BAD_LINK);
    CHECK(rig.fault.ptr == end && rig.fault.block == last);
    EQUAL(*fh_footer_of(as_block(end)), size);
    rig.faults = 0;
    for (unsigned char *got; (got = fh_malloc(rig.heap, 1)) != NULL;)
        CHECK(got < (unsigned char *)last || got >= end + 4096);
    EQUAL(rig.faults, 0);
}

/* A region is not idle whose first word is no tag, or a size that its region does not hold; and whose block has a damaged link, or cannot be
 * put back on its list, is not to spare. The region stays. */
static void idle_regions_and_damage(void)
{
    static const size_t bytes[] = { 16384, 4096, 4096 };
    const uint32_t wrong[] = { FH_TAG_LIMIT | 8, FH_TAG_LIMIT | fh_tag_for(FH_FREE, 4096 / FH_GRANULE), fh_tag_for(FH_FREE, 4096), fh_tag_for(FH_FREE, FH_MIN_GRANULES), FH_FREE | FH_IS_HUGE };
    for (unsigned who = 0; who < 2 + sizeof wrong / sizeof *wrong; who++) {
        open_with_regions(bytes, 3);
        REQUIRE(fh_malloc(rig.heap, 13000) == only_block(0));
        REQUIRE(fh_pool_top_size(rig.heap) < 4096 / FH_GRANULE);
        struct fh_block *b = as_block(only_block(1));
        struct fh_block *other = as_block(only_block(2));
        CHECK(fh_pool_is_spare(rig.heap, region_at(1)) && fh_pool_is_spare(rig.heap, region_at(2)));
        /* The list begins with the one that was put back last. */
        REQUIRE(b->next == fh_list_end(&rig.heap->lists) && other->next == fh_link_to(&rig.heap->lists, b));
        enum fh_fault_kind kind = who < 2 ? FH_BAD_LINK : FH_OK;
        if (who == 0)
            rig_poke((unsigned char *)b + 4, 0x24682468);
        else if (who == 1)
            rig_poke((unsigned char *)other + 4, 0x24682468);
        else
            put_below(b, wrong[who - 2]);
        size_t total = rig.heap->total;
        CHECK(!fh_pool_is_spare(rig.heap, region_at(1)));
        EQUAL(rig.heap->lists.blame.kind, kind);
        if (who >= 2)
            CHECK(!fh_pool_detach(rig.heap, region_at(1)));
        EQUAL(rig.heap->total, total);
        CHECK(fh_region_over(&rig.heap->lists.space, (uintptr_t)b, (uintptr_t)b) == region_at(1));
        if (who >= 2)
            continue;
        CHECK(rig.heap->lists.blame.block == (who == 0 ? b : other));
        rig.depth++;
        fh_report(rig.heap, NULL);
        rig.depth--;
        rig.faults = 0;
        rig_sound(&rig);
        CHECK(fh_pool_is_spare(rig.heap, region_at(1)));
    }
}

/* Memory comes back that was a region of this heap before, with the tags of then, while a list is damaged: the heap is made anew without
 * taking a stale tag for a block. */
static void stale_memory_beside_damage(void)
{
    /* With one list the top meets the damage first, and the region is refused. */
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    unsigned char *twin = rig_memory + 65536;
    unsigned char *mem = twin + 16384;
    const size_t before = 4096;
    const size_t bytes = 8192;
    make_row();
    REQUIRE(fh_add_region(rig.heap, twin, bytes) == bytes - FH_HEADER_BYTES);
    REQUIRE(fh_pool_add(rig.heap, (uintptr_t)mem, (uintptr_t)mem + before - 1, true) == before - FH_HEADER_BYTES);
    struct fh_region *once = fh_region_over(&rig.heap->lists.space, (uintptr_t)mem, (uintptr_t)mem + before - 1);
    REQUIRE(once != NULL && fh_pool_detach(rig.heap, once));
    struct fh_block *stale = as_block(mem + FH_HEADER_BYTES);
    EQUAL(fh_tag_open(rig.heap->lists.space.secret, stale), fh_tag_for(FH_FREE, (uint32_t)((before - FH_HEADER_BYTES) / FH_GRANULE)));
    rig_sound(&rig);
    uint32_t class = fh_class_of(&rig.heap->lists, (uint32_t)((bytes - FH_HEADER_BYTES) / FH_GRANULE));
    REQUIRE(*fh_head_of(&rig.heap->lists, class) == fh_link_to(&rig.heap->lists, as_block(twin + FH_HEADER_BYTES)));
    rig_poke(twin + FH_HEADER_BYTES + 4, 0x41414141);
    EQUAL(fh_add_region(rig.heap, mem, bytes), bytes - FH_HEADER_BYTES);
    CHECK(rig.faults == 1 && rig.fault.kind == FH_BAD_LINK);
    rig.faults = 0;
    rig_sound(&rig);
}

/* A victim of the least huge size is one like any other. */
static void the_least_huge_victim(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    const size_t bytes = (size_t)(4 * FH_HUGE) * FH_GRANULE;
    unsigned char *mem = host_map(NULL, bytes);
    if (mem == NULL)
        test_skip("no memory to map");
    rig_open(&rig, mem, bytes);
    void *hole = fh_malloc(rig.heap, fh_payload_bytes(FH_HUGE + 128));
    REQUIRE(hole != NULL && fh_malloc(rig.heap, 1) != NULL);
    fh_free(rig.heap, hole);
    REQUIRE(fh_malloc(rig.heap, fh_payload_bytes(128)) == hole);
    struct fh_block *victim = rig.heap->victim;
    EQUAL(rig.heap->victim_size, FH_HUGE);
    CHECK(fh_malloc(rig.heap, 100) == victim);
    rig_sound(&rig);
}

/* A region that is one used block is not idle. */
static void used_as_a_whole(void)
{
    rig_open(&rig, rig_memory, 8192);
    const uintptr_t start = (uintptr_t)rig_memory + 65536;
    REQUIRE(fh_pool_add(rig.heap, start, start + 4095, true) != 0);
    struct fh_region *r = fh_region_over(&rig.heap->lists.space, start, start);
    const size_t whole = fh_payload_bytes((uint32_t)((fh_hi_for(r->last) - r->lo) / FH_GRANULE));
    void *ptr;
    do
        REQUIRE((ptr = fh_malloc(rig.heap, whole)) != NULL);
    while ((uintptr_t)ptr != r->lo);
    CHECK(!fh_pool_is_spare(rig.heap, r) && !fh_pool_detach(rig.heap, r));
    EQUAL(rig.heap->lists.blame.kind, FH_OK);
    rig_sound(&rig);
}

/* A top the end of which was lost is damage: nothing is added before that was said. */
static void lost_end_of_the_top(void)
{
    rig_open(&rig, rig_memory, 8192);
    rig.heap->top_end = 0;
    EQUAL(fh_add_region(rig.heap, rig_memory + 65536, 4096), 0);
    CHECK(rig_reported(&rig, FH_BAD_CONTROL, rig_memory + 65536, (void *)rig.heap->first.lo));
    CHECK(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    rig_sound(&rig);
}

/* A huge block may be a granule larger than any that is asked for, where that granule was too small for a block of its own. All of it may be
 * used, and what fits stays. */
static void odd_huge_blocks(void)
{
    const uint32_t even = FH_HUGE + 4 * 128;
    EQUAL(fh_huge_round(even), even);
    if (FH_ODD_BITS == 0)
        return;
    for (size_t bytes = (size_t)even * FH_GRANULE; bytes < RIG_MEMORY; bytes += FH_GRANULE) {
        rig_open(&rig, rig_memory, bytes);
        if (fh_pool_top_size(rig.heap) == even + 1)
            break;
    }
    unsigned char *ptr = fh_malloc(rig.heap, fh_payload_bytes(even));
    REQUIRE(ptr != NULL && fh_pool_top_size(rig.heap) == 0);
    size_t fits = fh_payload_bytes(even + 1);
    CHECK(fh_resize(rig.heap, ptr, fits));
    EQUAL(fh_usable_size(rig.heap, ptr), fits);
    rig_fill(ptr, fits, 1);
    CHECK(fh_resize(rig.heap, ptr, fits - 3) && fh_resize(rig.heap, ptr, fits));
    CHECK(fh_realloc(rig.heap, ptr, fits) == ptr);
    CHECK(!fh_resize(rig.heap, ptr, fits + 1));
    CHECK(rig_filled(ptr, fits - 3, 1));
    rig_sound(&rig);
    fh_free(rig.heap, ptr);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

TESTS(unit_pool) = {
    { "odd_huge_blocks", odd_huge_blocks },
    { "the_least_huge_victim", the_least_huge_victim },
    { "used_as_a_whole", used_as_a_whole },
    { "lost_end_of_the_top", lost_end_of_the_top },
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
    { "given_from_elsewhere", given_from_elsewhere },
    { "resize_meets_damage", resize_meets_damage },
    { "large_before", large_before },
    { "before_the_region", before_the_region },
    { "watched_block_absorbed", watched_block_absorbed },
    { "damaged_small_victim", damaged_small_victim },
    { "damaged_victim_extended", damaged_victim_extended },
    { "damaged_huge_victim", damaged_huge_victim },
    { "unlisted_keeps_no_links", unlisted_keeps_no_links },
    { "free_blocks_behind", free_blocks_behind },
    { "words_of_the_heap", words_of_the_heap },
    { "victims_cut", victims_cut },
    { "tops_cut", tops_cut },
    { "listed_cut", listed_cut },
    { "near_blocks_first", near_blocks_first },
    { "dead_in_a_large_heap", dead_in_a_large_heap },
    { "after_the_lists", after_the_lists },
    { "runs", runs },
    { "runs_to_the_edge", runs_to_the_edge },
    { "resized_in_place", resized_in_place },
    { "aligned_blocks", aligned_blocks },
    { "aligned_meets_damage", aligned_meets_damage },
    { "pad_meets_damage", pad_meets_damage },
    { "spare_regions", spare_regions },
    { "detached_regions", detached_regions },
    { "added_to_a_damaged_list", added_to_a_damaged_list },
    { "outermost_addresses", outermost_addresses },
    { "promoted", promoted },
    { "below_the_heap", below_the_heap },
    { "idle_or_spare", idle_or_spare },
    { "mended_lists", mended_lists },
    { "regions_that_meet", regions_that_meet },
    { "stale_memory_beside_damage", stale_memory_beside_damage },
    { "mended_by_tags_only", mended_by_tags_only },
    { "strangers", strangers },
    { "victims_that_cannot_be_listed", victims_that_cannot_be_listed },
    { "overruns_met_by_malloc", overruns_met_by_malloc },
    { "damage_met_by_aligned_requests", damage_met_by_aligned_requests },
    { "links_met_by_cuts", links_met_by_cuts },
    { "promotion_and_damage", promotion_and_damage },
    { "joined_from_below", joined_from_below },
    { "joined_to_a_lost_top", joined_to_a_lost_top },
    { "added_behind_what_is_lost", added_behind_what_is_lost },
    { "idle_regions_and_damage", idle_regions_and_damage },
    TESTS_END
};
