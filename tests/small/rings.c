/* SPDX-License-Identifier: MIT
 *
 * rings.c - the rings of the small core: the classes, the search, the map, and every link damaged in each way.
 */
#include "poke.h"

static struct rig rig;

/* A ring of three free blocks, first hole[2], then hole[1], then hole[0], each between blocks in use:
 *
 *   hole[0] wall[0] hole[1] wall[1] hole[2] wall[2] the rest
 */
enum { HEAP = 16384, HOLE = 100, HOLES = 3 };

static unsigned char *hole[HOLES];
static unsigned char *wall[HOLES];
static uint32_t ring;

static void open(void)
{
    rig_open(&rig, rig_memory + 4096, HEAP);
    for (unsigned i = 0; i < HOLES; i++) {
        hole[i] = fh_malloc(rig.heap, HOLE);
        wall[i] = fh_malloc(rig.heap, 40);
        REQUIRE(hole[i] != NULL && wall[i] != NULL);
        rig_fill(wall[i], 40, i);
    }
    for (unsigned i = 0; i < HOLES; i++)
        fh_free(rig.heap, hole[i]);
    ring = fh_ring_of(rig.heap, size_of(&rig, hole[0]));
    REQUIRE(block_at(&rig, ring)->next == link_to(&rig, hole[2]) && block_of(hole[1])->next == link_to(&rig, hole[0]));
    rig_sound(&rig);
}

/* A heap whose last ring holds blocks of many sizes: made small, and made larger afterwards. */
static void open_last(void)
{
    rig_open(&rig, rig_memory, 1024);
    CHECK(fh_add_region(rig.heap, rig_memory + 1024, 40000) != 0);
    ring = rig.heap->end - 1;
}

/* The classes as small.h says it: four exact ones, then two for each doubling. */
static uint32_t class_of(uint32_t granules)
{
    uint32_t class = 0;
    uint32_t x = granules - 1;
    for (; x >= 4; x >>= 1)
        class += 2;
    return class + x;
}

static void every_size_has_a_ring(void)
{
    static struct fh_heap shape;
    for (uint32_t rings = 1; rings <= FH_MAX_RINGS; rings++) {
        shape.end = FH_HEAD + rings;
        uint32_t before = FH_HEAD;
        for (uint32_t n = FH_MIN_GRANULES; n <= FH_SIZE_MASK; n++) {
            uint32_t now = fh_ring_of(&shape, n);
            uint32_t class = class_of(n);
            if (now < before || now >= shape.end || now != FH_HEAD + (class < rings ? class : rings - 1))
                REQUIRE(now == FH_HEAD + (class < rings ? class : rings - 1));
            before = now;
        }
        EQUAL(before, FH_HEAD + rings - 1);
    }
    /* As many as the largest block needs. */
    EQUAL(FH_MAX_RINGS, FH_MAX_RINGS == 1 ? 1 : class_of(FH_SIZE_MASK) + 1);
}

/* Any order on the last ring, and the only block that is large enough at any place of it. */
static void last_ring_is_searched_whole(void)
{
    enum { BLOCKS = 6 };
    for (unsigned at = 0; at < BLOCKS; at++) {
        open_last();
        unsigned char *ptr[BLOCKS];
        for (unsigned i = 0; i < BLOCKS; i++) {
            ptr[i] = fh_malloc(rig.heap, i == at ? 1000 : 400 + 20 * i);
            REQUIRE(ptr[i] != NULL && fh_malloc(rig.heap, 1) != NULL);
        }
        void *rest = fh_malloc(rig.heap, largest_in(&rig));
        CHECK(rest != NULL);
        for (unsigned i = 0; i < BLOCKS; i++)
            fh_free(rig.heap, ptr[i]);
        for (unsigned i = 0; i < BLOCKS; i++)
            EQUAL(fh_ring_of(rig.heap, size_of(&rig, ptr[i])), ring);
        EQUAL(largest_in(&rig), (size_t)size_of(&rig, ptr[at]) * FH_GRANULE - 4);
        CHECK(fh_malloc(rig.heap, largest_in(&rig) + 1) == NULL);
        CHECK(fh_malloc(rig.heap, 1000) == ptr[at]);
        CHECK(fh_malloc(rig.heap, 1000) == NULL);
        rig_sound(&rig);
    }
}

/* Of the other rings only the first block is looked at, then those of larger classes. */
static void first_of_a_ring_or_a_larger_one(void)
{
    if (FH_MAX_RINGS == 1)
        test_does_not_apply();
    rig_open(&rig, rig_memory, HEAP);
    /* 27 and 25 granules share a class. */
    unsigned char *large = fh_malloc(rig.heap, 27 * FH_GRANULE - 4);
    REQUIRE(large != NULL && fh_malloc(rig.heap, 1) != NULL);
    unsigned char *less = fh_malloc(rig.heap, 25 * FH_GRANULE - 4);
    REQUIRE(less != NULL && fh_malloc(rig.heap, 1) != NULL);
    fh_free(rig.heap, large);
    fh_free(rig.heap, less);
    EQUAL(block_of(less)->next, link_to(&rig, large));
    unsigned char *other = fh_malloc(rig.heap, 26 * FH_GRANULE - 4);
    CHECK(other != NULL && other != large && other != less);
    CHECK(fh_malloc(rig.heap, 25 * FH_GRANULE - 4) == less);
    CHECK(fh_malloc(rig.heap, 26 * FH_GRANULE - 4) == large);
    rig_sound(&rig);
}

/* What a link may be instead, each in turn; UINT32_MAX: no more. */
static uint32_t wrong_value(unsigned i, uint32_t right)
{
    const uint32_t values[] = {
        0, 1, FH_HEAD - 1, FH_HEAD, ring, ring + 1, rig.heap->end - 1, rig.heap->end, link_to(&rig, hole[0]), link_to(&rig, hole[1]), link_to(&rig, hole[2]),
        link_to(&rig, hole[1]) + 1, link_to(&rig, hole[1]) + FH_LINKS, link_to(&rig, wall[0]), link_to(&rig, wall[1]), link_to(&rig, wall[2]) + FH_LINKS,
        rig.heap->last, rig.heap->last + 1, fh_end_link(rig.heap), 0xFFFFFFFE, 0x80000000,
    };
    if (i < sizeof values / sizeof *values)
        return values[i];
    i -= (unsigned)(sizeof values / sizeof *values);
    return i < 31 ? right ^ (uint32_t)1 << i : UINT32_MAX;
}

/* The eight links of the ring. In a heap with one list, what lies behind the holes is on it too. */
enum { LINKS = 2 * (HOLES + 1) };

static fh_word *link_number(unsigned i)
{
    struct fh_block *b = i / 2 < HOLES ? block_of(hole[i / 2]) : block_at(&rig, ring);
    return i % 2 == 0 ? &b->next : &b->prev;
}

enum { NEXT_0, PREV_0, NEXT_1, PREV_1, NEXT_2, PREV_2, NEXT_OF_HEAD, PREV_OF_HEAD };

/* Calls each for every link with every wrong value. */
static void each_damage(void (*each)(unsigned which, uint32_t wrong))
{
    for (unsigned which = 0; which < LINKS; which++) {
        for (unsigned i = 0; !test_failed(); i++) {
            open();
            fh_word *word = link_number(which);
            uint32_t wrong = wrong_value(i, *word);
            if (wrong == UINT32_MAX)
                break;
            if (wrong == *word)
                continue;
            *word = wrong;
            each(which, wrong);
            if (test_failed())
                say("link %u was made %x\n", which, (uintptr_t)wrong);
        }
    }
}

static void mended(void)
{
    rig_sound(&rig);
    for (unsigned i = 0; i < HOLES; i++) {
        bool used = false;
        CHECK(rig_block_at(&rig, wall[i], &used) == 0 || !used || rig_filled(wall[i], 40, i));
    }
    goes_on(&rig);
    rig_sound(&rig);
}

static void is_found(unsigned which, uint32_t wrong)
{
    (void)which;
    (void)wrong;
    enum fh_fault_kind kind = fh_check(rig.heap);
    CHECK(kind == FH_BAD_LINK || kind == FH_BAD_MAP || kind == FH_BAD_LIST);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    CHECK(stats.blocks_free <= rig.heap->last && stats.largest_free < HEAP);
    EQUAL(rig.faults, 0);
}

static void every_link_is_checked(void)
{
    each_damage(is_found);
}

/* Joining takes hole[1] out, then hole[2]. */
static void met_by_free(unsigned which, uint32_t wrong)
{
    (void)wrong;
    const void *block = which == NEXT_1 || which == PREV_1 || which == NEXT_2 || which == PREV_0 ? hole[1]
        : which == PREV_2 || which == NEXT_OF_HEAD ? hole[2] : NULL;
    fh_free(rig.heap, wall[1]);
    if (block == NULL) {
        EQUAL(rig.faults, 0);
        return;
    }
    rig_reported(&rig, FH_BAD_LINK, wall[1], block);
    bool used = false;
    CHECK(rig_block_at(&rig, wall[1], &used) != 0 && used);
    mended();
    fh_free(rig.heap, wall[1]);
    CHECK(size_of(&rig, hole[1]) > 2 * HOLE / FH_GRANULE);
    mended();
}

static void damaged_links_stop_a_free(void)
{
    each_damage(met_by_free);
}

/* Allocating takes the first of the ring out. */
static void met_by_malloc(unsigned which, uint32_t wrong)
{
    unsigned char *ptr = fh_malloc(rig.heap, HOLE);
    /* The only head there is, linked to itself, says that there is nothing. */
    if (FH_MAX_RINGS == 1 && which == NEXT_OF_HEAD && wrong == ring) {
        CHECK(ptr == NULL);
        return;
    }
    bool used = false;
    CHECK(ptr != NULL && fh_usable_size(rig.heap, ptr) >= HOLE && rig_block_at(&rig, ptr, &used) != 0 && used);
    if (which == NEXT_2 || which == PREV_2 || which == PREV_1) {
        rig_reported(&rig, FH_BAD_LINK, NULL, hole[2]);
        mended();
    } else if (which == NEXT_OF_HEAD && wrong != ring) {
        /* Another free block links back to its own neighbours, and serves. */
        if (rig.faults == 0) {
            CHECK(wrong == link_to(&rig, ptr));
            return;
        }
        struct fh_block *b = block_at(&rig, wrong);
        rig_reported(&rig, FH_BAD_TAG, NULL, fh_is_inside(rig.heap, wrong) || wrong == fh_end_link(rig.heap) ? b : NULL);
        mended();
    } else {
        EQUAL(rig.faults, 0);
    }
}

static void damaged_links_stop_a_malloc(void)
{
    each_damage(met_by_malloc);
}

/* A block that joins no other goes onto the ring behind its head. */
static unsigned char *alone;

static void met_by_put(unsigned which, uint32_t wrong)
{
    (void)wrong;
    fh_free(rig.heap, alone);
    if (which != NEXT_OF_HEAD && which != PREV_2) {
        EQUAL(rig.faults, 0);
        return;
    }
    rig_reported(&rig, FH_BAD_LINK, alone, alone);
    mended();
}

static void damaged_heads_stop_a_put(void)
{
    for (unsigned which = 0; which < LINKS; which++) {
        for (unsigned i = 0; !test_failed(); i++) {
            open();
            /* The first hole is used again, so that there are two on the ring. */
            alone = fh_malloc(rig.heap, HOLE);
            REQUIRE(alone == hole[2]);
            hole[2] = hole[1];
            fh_word *word = link_number(which);
            uint32_t wrong = wrong_value(i, *word);
            if (wrong == UINT32_MAX)
                break;
            if (wrong == *word)
                continue;
            *word = wrong;
            met_by_put(which == PREV_1 ? PREV_2 : which == NEXT_1 ? NEXT_2 : which, wrong);
        }
    }
}

/* What is left of a block that is cut goes onto another ring. */
static void damaged_heads_stop_a_cut(void)
{
    if (FH_MAX_RINGS == 1)
        test_does_not_apply();
    enum { LEFT = 40 };
    open();
    uint32_t head = fh_ring_of(rig.heap, LEFT);
    uint32_t n = size_of(&rig, wall[2] + size_of(&rig, wall[2]) * FH_GRANULE) - LEFT;
    REQUIRE(block_at(&rig, head)->next == head && fh_ring_of(rig.heap, n + LEFT) != head);
    block_at(&rig, head)->next = link_to(&rig, wall[0]);
    unsigned char *ptr = fh_malloc(rig.heap, n * FH_GRANULE - FH_TAG_BYTES);
    CHECK(ptr != NULL);
    rig_reported(&rig, FH_BAD_LINK, NULL, NULL);
    rig_sound(&rig);
    EQUAL(size_of(&rig, ptr), n);
}

/* What mends the rings makes the map anew, too. */
static void mended_map(void)
{
    if (!FH_HAS_MAP)
        test_does_not_apply();
    open();
    rig.heap->map = UINT32_MAX;
    block_at(&rig, ring)->next = link_to(&rig, wall[0]);
    CHECK(fh_malloc(rig.heap, HOLE) != NULL);
    rig_reported(&rig, FH_BAD_TAG, NULL, wall[0]);
    rig_sound(&rig);
}

/* What a report has mended is searched again; a report of that search is of the same call. */
static void damaged_again(void)
{
    if (FH_MAX_RINGS == 1)
        test_does_not_apply();
    open();
    block_at(&rig, ring)->next = link_to(&rig, wall[0]);
    set_tag(&rig, wall[2], FH_FREE | size_of(&rig, wall[2]) << FH_SIZE_SHIFT);
    CHECK(fh_malloc(rig.heap, HOLE) == NULL);
    EQUAL(rig.faults, 2);
    EQUAL(rig.fault.kind, FH_OVERRUN);
    CHECK(rig.fault.ptr == NULL && rig.fault.block == wall[2]);
}

static void impossible_requests_change_nothing(void)
{
    static unsigned char copy[65536];
    const size_t impossible[] = { SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2 + 1, FH_MAX_REQUEST + 1 };
    open_last();
    unsigned char *large = fh_malloc(rig.heap, 1000);
    CHECK(fh_malloc(rig.heap, 1) != NULL);
    fh_free(rig.heap, large);
    REQUIRE(block_at(&rig, ring)->next != block_at(&rig, ring)->prev);
    /* What the present call was given, and by the lock, is all that may change. */
    rig.heap->ptr = NULL;
    rig.heap->state = 0;
    for (size_t i = 0; i < sizeof copy; i++)
        copy[i] = rig_memory[i];
    for (unsigned i = 0; i < sizeof impossible / sizeof *impossible; i++)
        CHECK(fh_malloc(rig.heap, impossible[i]) == NULL && fh_calloc(rig.heap, 1, impossible[i]) == NULL);
    for (size_t align = (size_t)1 << 20; align != 0; align *= 2)
        CHECK(fh_aligned_alloc(rig.heap, align, 8) == NULL);
    rig.heap->ptr = NULL;
    rig.heap->state = 0;
    for (size_t i = 0; i < sizeof copy; i++)
        REQUIRE(copy[i] == rig_memory[i]);
    EQUAL(rig.faults, 0);
}

/* The smallest rest is a block. */
static void rests_are_given_back(void)
{
    open();
    unsigned char *ptr = fh_malloc(rig.heap, 200);
    uint32_t n = size_of(&rig, ptr) - FH_MIN_GRANULES;
    CHECK(fh_resize(rig.heap, ptr, n * FH_GRANULE - FH_TAG_BYTES));
    EQUAL(size_of(&rig, ptr), n);
    rig_sound(&rig);
}

/* A link back to what was passed already: the search of the last ring ends all the same. */
static void search(void *arg)
{
    (void)arg;
    CHECK(fh_malloc(rig.heap, 2000) == NULL);
    CHECK(rig.faults != 0 && (rig.fault.kind == FH_BAD_LINK || rig.fault.kind == FH_BAD_TAG));
    rig.faults = 0;
    rig_sound(&rig);
    goes_on(&rig);
}

static void circles_end(void)
{
    enum { BLOCKS = 5 };
    for (unsigned from = 0; from < BLOCKS; from++) {
        for (unsigned to = 0; to < BLOCKS; to++) {
            open_last();
            unsigned char *ptr[BLOCKS];
            for (unsigned i = 0; i < BLOCKS; i++) {
                ptr[i] = fh_malloc(rig.heap, 500);
                REQUIRE(ptr[i] != NULL && fh_malloc(rig.heap, 1) != NULL);
            }
            CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
            for (unsigned i = 0; i < BLOCKS; i++)
                fh_free(rig.heap, ptr[i]);
            uint32_t wrong = link_to(&rig, ptr[to]);
            if (block_of(ptr[from])->next == wrong)
                continue;
            block_of(ptr[from])->next = wrong;
            struct host_end end = host_run(search, NULL, 2);
            CHECK(!end.timed_out && end.signal == 0 && end.status == 0);
            struct fh_stats stats;
            fh_stats(rig.heap, &stats);
            CHECK(stats.blocks_free <= rig.heap->last);
            CHECK(fh_check(rig.heap) != FH_OK);
        }
    }
}

/* A bit too many or too few: found by the check, harmless otherwise. */
static void every_bit_of_the_map(void)
{
    if (!FH_HAS_MAP)
        test_does_not_apply();
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        rig.heap->map ^= (uint32_t)1 << bit;
        EQUAL(fh_check(rig.heap), FH_BAD_MAP);
        unsigned char *ptr = fh_malloc(rig.heap, HOLE);
        CHECK(ptr == NULL || fh_usable_size(rig.heap, ptr) >= HOLE);
        void *large = fh_malloc(rig.heap, 4000);
        fh_free(rig.heap, ptr);
        fh_free(rig.heap, large);
        EQUAL(rig.faults, 0);
        goes_on(&rig);
    }
}

/* A bit for a ring that is not there leads to no word beyond the memory of a heap smaller than all rings. */
static void ask_for_more(void *there)
{
    CHECK(fh_malloc(rig.heap, 1000) == NULL);
    CHECK(fh_malloc(rig.heap, 1) != NULL || !*(bool *)there);
    EQUAL(rig.faults, 0);
}

static void map_beyond_the_rings(void)
{
    if (!FH_HAS_MAP)
        test_does_not_apply();
    unsigned char *mem = host_map(NULL, 8192);
    REQUIRE(mem != NULL);
    host_unmap(mem + 4096, 4096);
    rig_open(&rig, mem + 4096 - 160, 160);
    for (unsigned bit = 0; bit < 32; bit++) {
        rig.heap->map ^= (uint32_t)1 << bit;
        bool there = rig.heap->map != 0;
        CHECK(host_run(ask_for_more, &there, 2).signal == 0);
        rig.heap->map ^= (uint32_t)1 << bit;
    }
    host_unmap(mem, 4096);
}

/* Links are cleared when a block leaves its ring: no memory that is used links back. */
static void no_links_are_left(void)
{
    open();
    unsigned char *ptr = fh_malloc(rig.heap, HOLE);
    CHECK(ptr == hole[2]);
    EQUAL(block_of(ptr)->next, 0);
    EQUAL(block_of(ptr)->prev, 0);
    fh_free(rig.heap, wall[0]);
    EQUAL(block_of(hole[1])->next, 0);
    EQUAL(block_of(hole[1])->prev, 0);
    rig_sound(&rig);
}

TESTS(small_rings) = {
    { "every_size_has_a_ring", every_size_has_a_ring },
    { "last_ring_is_searched_whole", last_ring_is_searched_whole },
    { "first_of_a_ring_or_a_larger_one", first_of_a_ring_or_a_larger_one },
    { "every_link_is_checked", every_link_is_checked },
    { "damaged_links_stop_a_free", damaged_links_stop_a_free },
    { "damaged_links_stop_a_malloc", damaged_links_stop_a_malloc },
    { "damaged_heads_stop_a_put", damaged_heads_stop_a_put },
    { "damaged_heads_stop_a_cut", damaged_heads_stop_a_cut },
    { "mended_map", mended_map },
    { "damaged_again", damaged_again },
    { "impossible_requests_change_nothing", impossible_requests_change_nothing },
    { "rests_are_given_back", rests_are_given_back },
    { "circles_end", circles_end },
    { "every_bit_of_the_map", every_bit_of_the_map },
    { "map_beyond_the_rings", map_beyond_the_rings },
    { "no_links_are_left", no_links_are_left },
    TESTS_END
};
