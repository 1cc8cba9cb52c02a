/* SPDX-License-Identifier: MIT
 *
 * check.c - src/small/check.c: each fact that fh_check establishes is broken once, alone, and named; counts and walk end on any damage.
 */
#include "poke.h"

static struct rig rig;

/* used, free, used, free, used, free to the end. */
enum { HEAP = 16384, BLOCKS = 5, BYTES = 200 };

static unsigned char *ptr[BLOCKS];

static void open(void)
{
    rig_open(&rig, rig_memory + 4096, HEAP);
    for (unsigned i = 0; i < BLOCKS; i++) {
        ptr[i] = fh_malloc(rig.heap, BYTES);
        REQUIRE(ptr[i] != NULL);
    }
    fh_free(rig.heap, ptr[1]);
    fh_free(rig.heap, ptr[3]);
    rig_sound(&rig);
}

/* It reads only. */
static void finds(enum fh_fault_kind kind)
{
    static unsigned char copy[HEAP];
    for (size_t i = 0; i < HEAP; i++)
        copy[i] = rig_memory[4096 + i];
    EQUAL(fh_check(rig.heap), kind);
    for (size_t i = 0; i < HEAP; i++)
        REQUIRE(copy[i] == rig_memory[4096 + i]);
    EQUAL(rig.faults, 0);
    EQUAL(rig.depth, 0);
}

static void add_flag(void *block, uint32_t flag)
{
    set_tag(&rig, block, tag_of(&rig, block) ^ flag);
}

static void neighbours(void)
{
    /* The flag of the block before, set and cleared wrongly: in a used block, a free one, and the end. */
    open();
    add_flag(ptr[2], FH_PREV_FREE);
    finds(FH_NOT_COALESCED);
    open();
    add_flag(ptr[0], FH_PREV_FREE);
    finds(FH_NOT_COALESCED);
    open();
    add_flag(end_of(&rig), FH_PREV_FREE);
    finds(FH_BAD_TAG);
    /* Two free blocks side by side, each of them whole and on its ring. */
    open();
    uint32_t n = size_of(&rig, ptr[2]);
    fh_put(rig.heap, link_to(&rig, ptr[2]), n);
    rig.heap->used -= n;
    finds(FH_NOT_COALESCED);
}

static void tags(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        for (unsigned i = 0; i <= BLOCKS; i++) {
            open();
            *fh_tag_of(block_of(i < BLOCKS ? ptr[i] : end_of(&rig))) ^= (uint32_t)1 << bit;
            finds(FH_BAD_TAG);
        }
    }
    /* Flags that no block has, sizes that do not fit, an end that is none. */
    const uint32_t flags[] = { FH_IS_HUGE, FH_FREE | FH_ALIGNED, FH_FREE | FH_IS_HUGE, FH_FREE | FH_PREV_FREE, FH_TAG_LIMIT };
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        open();
        set_tag(&rig, ptr[2], 12 << FH_SIZE_SHIFT | flags[i]);
        finds(FH_BAD_TAG);
    }
    /* To the end there is room for what lies between, less the smallest block. */
    open();
    for (unsigned i = 0; i < BLOCKS; i++)
        EQUAL(fh_room(rig.heap, link_to(&rig, ptr[i])) + FH_MIN_GRANULES, (size_t)(end_of(&rig) - ptr[i]) / FH_GRANULE);
    const uint32_t sizes[] = { 0, FH_MIN_GRANULES - 1, fh_room(rig.heap, link_to(&rig, ptr[4])) + FH_MIN_GRANULES + 1, FH_SIZE_MASK };
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        open();
        set_tag(&rig, ptr[4], sizes[i] << FH_SIZE_SHIFT | FH_PREV_FREE);
        finds(FH_BAD_TAG);
    }
    open();
    set_tag(&rig, end_of(&rig), FH_PREV_FREE | 1 << FH_SIZE_SHIFT);
    finds(FH_BAD_TAG);
    open();
    set_tag(&rig, end_of(&rig), FH_PREV_FREE | FH_FREE);
    finds(FH_BAD_TAG);
    /* A last block whose end is not the end. */
    open();
    unsigned char *last = fh_malloc(rig.heap, largest_in(&rig));
    REQUIRE(last != NULL);
    set_tag(&rig, last, tag_of(&rig, last) - (1 << FH_SIZE_SHIFT));
    finds(FH_BAD_TAG);
    set_tag(&rig, end_of(&rig) - FH_GRANULE, FH_USED);
    finds(FH_BAD_TAG);
    /* An alignment that was asked for is no fault. */
    open();
    add_flag(ptr[2], FH_ALIGNED);
    finds(FH_OK);
}

static void footers(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        *footer_of(&rig, ptr[3]) ^= (uint32_t)1 << bit;
        finds(FH_BAD_FOOTER);
    }
}

/* Of a ring, the heads included; rings.c damages every link in every way. */
static void links(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        for (unsigned i = 0; i < 4; i++) {
            open();
            struct fh_block *b = i < 2 ? block_of(ptr[1]) : block_at(&rig, fh_ring_of(rig.heap, size_of(&rig, ptr[1])));
            *(i % 2 == 0 ? &b->next : &b->prev) ^= (uint32_t)1 << bit;
            enum fh_fault_kind kind = fh_check(rig.heap);
            CHECK(kind == FH_BAD_LINK);
        }
    }
    /* A head of an empty ring. */
    if (FH_MAX_RINGS == 1)
        return;
    uint32_t empty = FH_HEAD;
    for (open(); block_at(&rig, empty)->next != empty; empty++)
        continue;
    block_at(&rig, empty)->prev ^= 4;
    finds(FH_BAD_LINK);
    open();
    block_at(&rig, empty)->next ^= 1;
    finds(FH_HAS_MAP ? FH_BAD_MAP : FH_BAD_LINK);
}

/* Takes a block out of its ring, all links in order. */
static void unlink(unsigned char *block)
{
    struct fh_block *b = block_of(block);
    if (FH_HAS_MAP && b->next == b->prev)
        rig.heap->map &= ~((uint32_t)1 << (b->next - FH_HEAD));
    block_at(&rig, b->next)->prev = b->prev;
    block_at(&rig, b->prev)->next = b->next;
}

static void link_behind(uint32_t head, unsigned char *block)
{
    struct fh_block *b = block_of(block);
    b->next = block_at(&rig, head)->next;
    b->prev = head;
    block_at(&rig, b->next)->prev = link_to(&rig, block);
    block_at(&rig, head)->next = link_to(&rig, block);
    if (FH_HAS_MAP)
        rig.heap->map |= (uint32_t)1 << (head - FH_HEAD);
}

static void rings(void)
{
    /* A block on the ring of another class. */
    if (FH_MAX_RINGS != 1) {
        open();
        unlink(ptr[3]);
        link_behind(fh_ring_of(rig.heap, size_of(&rig, ptr[3])) + 1, ptr[3]);
        finds(FH_BAD_LIST);
    }
    /* One on none, though it links to itself as a ring does. */
    open();
    unlink(ptr[3]);
    block_of(ptr[3])->next = block_of(ptr[3])->prev = link_to(&rig, ptr[3]);
    finds(FH_BAD_LIST);
    /* A ring that should be empty: its head leads to a used block, or to a free one of another ring. */
    open();
    CHECK(fh_malloc(rig.heap, BYTES) != NULL && fh_malloc(rig.heap, BYTES) != NULL);
    CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
    EQUAL(largest_in(&rig), 0);
    block_at(&rig, FH_HEAD)->next = link_to(&rig, ptr[0]);
    rig.heap->map |= FH_HAS_MAP;
    finds(FH_BAD_LINK);
    if (FH_MAX_RINGS != 1) {
        open();
        EQUAL(block_at(&rig, FH_HEAD)->next, FH_HEAD);
        block_at(&rig, FH_HEAD)->next = link_to(&rig, ptr[1]);
        rig.heap->map |= FH_HAS_MAP;
        finds(FH_BAD_LINK);
    }
    /* A used block on a ring, all links in order. */
    open();
    uint32_t ring = fh_ring_of(rig.heap, size_of(&rig, ptr[1]));
    struct fh_block *used = block_of(ptr[0]);
    used->next = block_at(&rig, ring)->next;
    used->prev = ring;
    block_at(&rig, used->next)->prev = link_to(&rig, used);
    block_at(&rig, ring)->next = link_to(&rig, used);
    finds(FH_BAD_LINK);
    /* More on the rings than there are: a free block in the payload of a used one. */
    open();
    unsigned char *inner = ptr[2] + 2 * FH_GRANULE;
    uint32_t n = size_of(&rig, ptr[3]);
    set_tag(&rig, inner, FH_FREE | n << FH_SIZE_SHIFT);
    link_behind(fh_ring_of(rig.heap, n), inner);
    unsigned char *first = (unsigned char *)fh_at(rig.heap, block_of(inner)->next);
    CHECK(first == ptr[3] || FH_MAX_RINGS == 1);
    finds(FH_BAD_LIST);
}

static void maps(void)
{
    /* Where rings are looked at one by one, that word is not used. */
    if (!FH_HAS_MAP) {
        open();
        rig.heap->map = UINT32_MAX;
        finds(FH_OK);
        return;
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        open();
        rig.heap->map ^= (uint32_t)1 << bit;
        finds(FH_BAD_MAP);
    }
    /* Beyond the last ring of a heap that has few, which holds a block, or none. */
    for (unsigned full = 0; full < 2; full++) {
        rig_open(&rig, rig_memory + 4096, 1024);
        if (full != 0)
            REQUIRE(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
        for (unsigned bit = rig.heap->end - FH_HEAD; bit < 32; bit++) {
            rig.heap->map |= (uint32_t)1 << bit;
            finds(FH_BAD_MAP);
            rig.heap->map &= ~((uint32_t)1 << bit);
        }
        finds(FH_OK);
    }
}

static void counts(void)
{
    open();
    rig.heap->used++;
    finds(FH_BAD_COUNT);
    rig.heap->used -= 2;
    finds(FH_BAD_COUNT);
    rig.heap->used++;
    finds(FH_OK);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    rig.heap->peak = (uint32_t)((stats.bytes_used + stats.bytes_free) / FH_GRANULE);
    finds(FH_OK);
    rig.heap->peak++;
    finds(FH_BAD_COUNT);
}

static void control(void)
{
    open();
    rig.heap->given ^= 1;
    finds(FH_BAD_CONTROL);
    open();
    rig.heap->bytes -= FH_GRANULE;
    rig.heap->given = fh_given_for(rig.heap);
    finds(FH_BAD_CONTROL);
}

/* The walk shows what lies before the damage, and stops when it is told to. */
struct walk {
    unsigned most;
    unsigned seen;
    bool ended;
};

static bool step(void *arg, const struct fh_block_info *info)
{
    struct walk *w = arg;
    CHECK(!info->cached);
    w->seen++;
    w->ended |= info->bytes == 0;
    if (info->bytes == 0)
        CHECK(info->used && info->payload == end_of(&rig));
    return w->seen != w->most;
}

static void walks(void)
{
    open();
    for (unsigned most = 1; most < 9; most++) {
        struct walk w = { most, 0, false };
        fh_walk(rig.heap, step, &w);
        EQUAL(w.seen, most < 7 ? most : 7);
        EQUAL(w.ended, most >= 7);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        open();
        *fh_tag_of(block_of(ptr[i])) ^= 16;
        struct walk w = { 100, 0, false };
        fh_walk(rig.heap, step, &w);
        EQUAL(w.seen, i);
        CHECK(!w.ended);
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_used, (i + 1) / 2);
    }
    /* A size that reaches beyond the end. */
    open();
    set_tag(&rig, ptr[3], FH_FREE | (fh_room(rig.heap, link_to(&rig, ptr[3])) + FH_MIN_GRANULES + 1) << FH_SIZE_SHIFT);
    struct walk beyond = { 100, 0, false };
    fh_walk(rig.heap, step, &beyond);
    CHECK(beyond.seen == 3 && !beyond.ended);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.blocks_used, 2);
    /* The end shows as what it is, whatever its tag says. */
    const uint32_t tags[] = { (uint32_t)1 << 31, FH_FREE, FH_USED | 5 << FH_SIZE_SHIFT };
    for (unsigned i = 0; i <= sizeof tags / sizeof *tags; i++) {
        open();
        if (i < sizeof tags / sizeof *tags)
            set_tag(&rig, end_of(&rig), tags[i]);
        else
            *fh_tag_of(block_of(end_of(&rig))) ^= 16;
        struct walk w = { 100, 0, false };
        fh_walk(rig.heap, step, &w);
        CHECK(w.ended && w.seen == 7);
        fh_stats(rig.heap, &stats);
        EQUAL(stats.blocks_used, 3);
    }
}

/* The largest request that is met, exactly: as it is, with the ring's first block smaller, and with none. */
static void largest_is_exact(void)
{
    struct dice dice = dice_from(test_seed());
    for (unsigned round = 0; round < 300 && !test_failed(); round++) {
        unsigned char *block[60];
        rig_open(&rig, rig_memory, 1024);
        CHECK(fh_add_region(rig.heap, rig_memory + 1024, 1000 + dice_below(&dice, 20000)) != 0);
        unsigned n = 0;
        while (n < 60 && (block[n] = fh_malloc(rig.heap, dice_below(&dice, round % 3 == 0 ? 1500 : 400))) != NULL)
            n++;
        if (round % 2 == 0) {
            void *rest = largest_in(&rig) != 0 ? fh_malloc(rig.heap, largest_in(&rig)) : NULL;
            CHECK(rest != NULL || largest_in(&rig) == 0);
        }
        for (unsigned i = 0; i < n; i++) {
            if (dice_below(&dice, 2) == 0)
                fh_free(rig.heap, block[i]);
        }
        size_t most = largest_in(&rig);
        CHECK(fh_malloc(rig.heap, most + 1) == NULL);
        void *all = most != 0 ? fh_malloc(rig.heap, most) : NULL;
        CHECK(all != NULL || most == 0);
        EQUAL(fh_usable_size(rig.heap, all), most);
        rig_sound(&rig);
    }
}

/* The counts end at a damaged ring. */
static void counts_end_early(void)
{
    open();
    block_at(&rig, rig.heap->end - 1)->next = link_to(&rig, ptr[0]);
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    EQUAL(stats.largest_free, 0);
    CHECK(stats.blocks_free <= 3);
    EQUAL(stats.blocks_used, 3);
}

/* What lies between the ends of a free block is anybody's. */
static void insides_are_nobodys(void)
{
    open();
    unsigned scribbled = 0;
    fh_walk(rig.heap, rig_scribble, &scribbled);
    CHECK(scribbled > 1);
    rig_sound(&rig);
    void *again = fh_malloc(rig.heap, 500);
    CHECK(again != NULL);
    fh_free(rig.heap, again);
    fh_free(rig.heap, ptr[2]);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

TESTS(small_check) = {
    { "neighbours", neighbours },
    { "tags", tags },
    { "footers", footers },
    { "links", links },
    { "rings", rings },
    { "maps", maps },
    { "counts", counts },
    { "control", control },
    { "walks", walks },
    { "insides_are_nobodys", insides_are_nobodys },
    { "largest_is_exact", largest_is_exact },
    { "counts_end_early", counts_end_early },
    TESTS_END
};
