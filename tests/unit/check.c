/* SPDX-License-Identifier: MIT
 *
 * check.c - src/check.c: the check names the right fact, and the walk shows what there is. That the check sees every wrong bit is in
 * tests/bugs/b19_checker.c.
 */
#include "harness/rig.h"

#include "pool.h"

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

/* In the middle of the first of two regions. */
static void walk_stops_for_good(void)
{
    open();
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 4096) != 0);
    for (unsigned n = 1; n <= 8; n++) {
        struct seen some = { 0, n };
        fh_walk(rig.heap, count, &some);
        EQUAL(some.blocks, n);
    }
}

/* What lies between the ends of a free block is anybody's: of one on a list, of the one that was cut last, and of the top. */
static void insides_are_nobodys(void)
{
    open();
    void *ptr[40];
    for (unsigned i = 0; i < 40; i++)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 8 + 5 * i)) != NULL);
    for (unsigned i = 0; i < 40; i += 3)
        fh_free(rig.heap, ptr[i]);
    REQUIRE((ptr[0] = fh_malloc(rig.heap, 600)) != NULL);
    unsigned scribbled = 0;
    fh_walk(rig.heap, rig_scribble, &scribbled);
    CHECK(scribbled > 10);
    rig_sound(&rig);
    for (unsigned i = 3; i < 40; i += 3)
        REQUIRE((ptr[i] = fh_malloc(rig.heap, 8 + 5 * i)) != NULL);
    for (unsigned i = 0; i < 40; i++)
        fh_free(rig.heap, ptr[i]);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
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

/* What follows damages one thing at a time, with words that are true as far as possible, so that one line of the check only can
 * see it. */

static struct fh_block *block(void *ptr)
{
    return (struct fh_block *)ptr;
}

static struct fh_lists *lists(void)
{
    return &rig.heap->lists;
}

static uint32_t link_to(const void *ptr)
{
    return fh_link_to(lists(), (const struct fh_block *)ptr);
}

static uint32_t granules_at(const void *ptr)
{
    return (uint32_t)((fh_usable_size(rig.heap, ptr) + 4) / FH_GRANULE);
}

static void seal(void *ptr, uint32_t tag)
{
    fh_tag_seal(lists()->space.secret, block(ptr), tag);
}

/* A class that has no block, below that one. */
static uint32_t empty_class_below(uint32_t class)
{
    while (class != 0 && *fh_head_of(lists(), class - 1) != 0)
        class--;
    REQUIRE(class != 0);
    return class - 1;
}

/* Makes the summary what it must be. */
static void set_summary(void)
{
    lists()->summary = 0;
    for (uint32_t class = 0; class < lists()->classes; class += 32)
        lists()->summary |= (uint32_t)(*fh_map_of(lists(), class) != 0) << class / 32;
}

/* Makes a list begin with that link. */
static void head_to(uint32_t class, uint32_t link)
{
    *fh_head_of(lists(), class) = link;
    *fh_map_of(lists(), class) |= (uint32_t)1 << (class & 31);
}

static void wrong_maps(void)
{
    open();
    uint32_t n = granules_at(b);
    fh_free(rig.heap, b);
    uint32_t class = fh_class_of(lists(), n);
    *fh_map_of(lists(), class) ^= (uint32_t)1 << (class & 31);
    EQUAL(fh_check(rig.heap), FH_BAD_MAP);
    *fh_map_of(lists(), class) ^= (uint32_t)1 << (class & 31);
    EQUAL(fh_check(rig.heap), FH_OK);
    if (FH_MAX_CLASSES == 1)
        return;
    class = empty_class_below(class);
    *fh_map_of(lists(), class) ^= (uint32_t)1 << (class & 31);
    EQUAL(fh_check(rig.heap), FH_BAD_MAP);
}

/* Heads of lists that lead to where no first block of theirs is. */
static void wrong_heads(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (unsigned who = 0; who < 4; who++) {
        open();
        void *d = fh_malloc(rig.heap, 100);
        REQUIRE(d != NULL && fh_malloc(rig.heap, 100) != NULL);
        uint32_t n = granules_at(b);
        fh_free(rig.heap, b);
        fh_free(rig.heap, d);
        uint32_t class = empty_class_below(fh_class_of(lists(), n));
        EQUAL(fh_check(rig.heap), FH_OK);
        switch (who) {
        case 0:     /* outside */
            head_to(class, link_to(rig_memory + 500000));
            EQUAL(fh_check(rig.heap), FH_BAD_LINK);
            break;
        case 1:     /* the first block of another list */
            head_to(class, link_to(d));
            EQUAL(fh_check(rig.heap), FH_BAD_LINK);
            break;
        case 2:     /* the second one: it does not lead back to the head */
            head_to(class, link_to(b));
            EQUAL(fh_check(rig.heap), FH_BAD_LINK);
            break;
        default:    /* a used one that looks like a first one */
            head_to(class, link_to(a));
            block(a)->next = fh_list_end(lists());
            block(a)->prev = lists()->mark + class;
            EQUAL(fh_check(rig.heap), FH_BAD_LIST);
        }
        EQUAL(rig.faults, 0);
    }
}

/* Two free blocks that lead to each other only, and in their place two others on the list of a class: the counts agree then.
 * tag: what is below these two. */
static enum fh_fault_kind replaced_by(uint32_t class, uint32_t tag)
{
    open();
    unsigned char *d = fh_malloc(rig.heap, 100);
    unsigned char *e = fh_malloc(rig.heap, 1000);
    REQUIRE(e != NULL && fh_malloc(rig.heap, 100) != NULL);
    uint32_t own = fh_class_of(lists(), granules_at(b));
    fh_free(rig.heap, b);
    fh_free(rig.heap, d);
    block(b)->next = block(b)->prev = link_to(d);
    block(d)->next = block(d)->prev = link_to(b);
    *fh_head_of(lists(), own) = 0;
    *fh_map_of(lists(), own) &= ~((uint32_t)1 << (own & 31));
    EQUAL(fh_check(rig.heap), FH_BAD_LIST);
    struct fh_block *first = block(e + 10 * FH_GRANULE);
    struct fh_block *second = block(e + 20 * FH_GRANULE);
    *fh_tag_of(first) = (tag * FH_SEAL) ^ ((uint32_t)(uintptr_t)first ^ lists()->space.secret);
    *fh_tag_of(second) = (tag * FH_SEAL) ^ ((uint32_t)(uintptr_t)second ^ lists()->space.secret);
    if (class >= lists()->classes)
        class = lists()->classes - 1;
    first->next = link_to(second);
    first->prev = lists()->mark + class;
    second->next = fh_list_end(lists());
    second->prev = link_to(first);
    head_to(class, link_to(first));
    set_summary();
    return fh_check(rig.heap);
}

static void strangers_on_a_list(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    open();
    uint32_t class = fh_class_of(lists(), 4);
    uint32_t tag = fh_tag_for(FH_FREE, 4);
    /* Free blocks inside a used one: from the lists alone nobody could tell. */
    EQUAL(replaced_by(class, tag), FH_OK);
    EQUAL(replaced_by(class + 1, tag), FH_BAD_LIST);
    EQUAL(replaced_by(class, fh_tag_for(FH_USED, 4)), FH_BAD_LIST);
    EQUAL(replaced_by(class, tag | FH_TAG_LIMIT), FH_BAD_LIST);
    EQUAL(replaced_by(FH_MAX_CLASSES, FH_DEAD), FH_BAD_LIST);
    EQUAL(replaced_by(FH_MAX_CLASSES, fh_tag_for(FH_FREE, 60000)), FH_BAD_LIST);
}

/* One block more on the lists than there are: a free one inside a used one, true in every word. */
static void one_too_many(void)
{
    rig_open(&rig, rig_memory, 8192);
    unsigned char *d = fh_malloc(rig.heap, 400);
    REQUIRE(d != NULL && fh_malloc(rig.heap, 100) != NULL);
    unsigned char *inside = d + 8 * FH_GRANULE;
    uint32_t class = fh_class_of(lists(), 4);
    REQUIRE(*fh_head_of(lists(), class) == 0);
    seal(inside, fh_tag_for(FH_FREE, 4));
    block(inside)->next = fh_list_end(lists());
    block(inside)->prev = lists()->mark + class;
    EQUAL(fh_check(rig.heap), FH_OK);
    head_to(class, link_to(inside));
    set_summary();
    EQUAL(fh_check(rig.heap), FH_BAD_LIST);
}

/* Links that lead to the edges of a region, to words that lead back. */
static void links_to_the_edges(void)
{
    for (unsigned who = 0; who < 4; who++) {
        rig_open(&rig, rig_memory, 8192 + 4);
        a = fh_malloc(rig.heap, 100);
        REQUIRE(a != NULL && fh_malloc(rig.heap, 100) != NULL);
        uint32_t class = fh_class_of(lists(), granules_at(a));
        fh_free(rig.heap, a);
        /* Where the blocks end; and in the table of lists, on a granule. */
        struct fh_block *end = (struct fh_block *)fh_hi_for(rig.heap->first.last);
        struct fh_block *table = (struct fh_block *)((uintptr_t)fh_head_of(lists(), class) & ~(uintptr_t)(FH_GRANULE - 1));
        struct fh_block *to = who % 2 == 0 ? end : table;
        REQUIRE((uintptr_t)end <= rig.heap->first.last);
        EQUAL(fh_check(rig.heap), FH_OK);
        if (who < 2) {
            block(a)->next = link_to(to);
            to->prev = link_to(a);
        } else {
            block(a)->prev = link_to(to);
            to->next = link_to(a);
        }
        EQUAL(fh_check(rig.heap), FH_BAD_LINK);
    }
}

/* One of two links that does not lead back, while the lists are whole otherwise. */
static void one_sided_links(void)
{
    for (unsigned who = 0; who < 3; who++) {
        open();
        unsigned char *d = fh_malloc(rig.heap, 100);
        REQUIRE(d != NULL && fh_malloc(rig.heap, 100) != NULL);
        fh_free(rig.heap, b);
        fh_free(rig.heap, d);
        /* head -> d -> b */
        EQUAL(block(d)->next, link_to(b));
        if (who == 0) {
            block(d)->next = link_to(a);
            block(a)->prev = 5;
        } else if (who == 1) {
            block(b)->prev = link_to(a);
            block(a)->next = 5;
        } else {
            block(b)->prev = lists()->mark + fh_class_of(lists(), granules_at(c));
        }
        EQUAL(fh_check(rig.heap), FH_BAD_LINK);
    }
}

/* A free block that no list leads to is found out by its own links, if these are wrong. */
static void links_of_an_unlisted_block(void)
{
    for (unsigned who = 0; who < 5; who++) {
        open();
        uint32_t class = fh_class_of(lists(), granules_at(b));
        fh_free(rig.heap, b);
        *fh_head_of(lists(), class) = 0;
        *fh_map_of(lists(), class) &= ~((uint32_t)1 << (class & 31));
        set_summary();
        /* The words of a used block that lead to it and back. */
        block(a)->next = link_to(b);
        block(b)->prev = link_to(a);
        block(b)->next = fh_list_end(lists());
        EQUAL(fh_check(rig.heap), FH_BAD_LIST);
        /* A used block in its place, on the list of the smallest. */
        uint32_t smallest = fh_class_of(lists(), 1);
        uint32_t summary = lists()->summary;
        *fh_head_of(lists(), smallest) = link_to(c);
        fh_map_set(lists(), smallest);
        block(c)->prev = lists()->mark + smallest;
        block(c)->next = fh_list_end(lists());
        EQUAL(fh_check(rig.heap), FH_BAD_LIST);
        *fh_head_of(lists(), smallest) = 0;
        *fh_map_of(lists(), smallest) = 0;
        lists()->summary = summary;
        switch (who) {
        case 0:
            block(b)->next = link_to(rig_memory + 500000);
            break;
        case 1:
            block(c)->prev = link_to(a);
            block(b)->next = link_to(c);
            break;
        case 2:
            block(a)->next = link_to(c);
            break;
        case 3:
            block(b)->prev = link_to(rig_memory + 500000);
            break;
        default:
            block(b)->prev = lists()->mark + class;
        }
        EQUAL(fh_check(rig.heap), FH_BAD_LINK);
    }
}

/* Free blocks that touch, each true by itself. */
static void free_blocks_that_touch(void)
{
    open();
    uint32_t n = granules_at(c);
    uint32_t m = granules_at(b);
    fh_free(rig.heap, b);
    fh_make_free(lists()->space.secret, block(c), n);
    seal(c, fh_tag_for(FH_FREE | FH_PREV_FREE, n));
    EQUAL(fh_check(rig.heap), FH_NOT_COALESCED);
    /* The block behind a free one that does not know, and one that believes it. */
    open();
    seal(c, fh_tag_for(FH_USED | FH_PREV_FREE, n));
    EQUAL(fh_check(rig.heap), FH_NOT_COALESCED);
    open();
    fh_free(rig.heap, b);
    seal(c, fh_tag_for(FH_USED, n));
    EQUAL(fh_check(rig.heap), FH_NOT_COALESCED);
    open();
    fh_free(rig.heap, b);
    seal(b, fh_tag_for(FH_FREE | FH_PREV_FREE, m));
    EQUAL(fh_check(rig.heap), FH_NOT_COALESCED);
}

/* The last block of a region and the end tag behind it. */
static void wrong_ends(void)
{
    open();
    struct fh_block *end = (struct fh_block *)fh_hi_for(rig.heap->first.last);
    seal(end, FH_USED);
    EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    seal(end, fh_tag_for(FH_USED | FH_PREV_FREE, 1));
    EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    seal(end, FH_USED | FH_PREV_FREE);
    EQUAL(fh_check(rig.heap), FH_OK);
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    EQUAL(fh_check(rig.heap), FH_OK);
    seal(end, FH_USED | FH_PREV_FREE);
    EQUAL(fh_check(rig.heap), FH_BAD_TAG);
}

/* The block that is cut last: of the wrong size, not at the end, or not there. */
static void wrong_tops(void)
{
    open();
    struct fh_block *top = rig.heap->top;
    fh_free(rig.heap, b);
    REQUIRE(top != NULL);
    rig.heap->top = NULL;
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    rig.heap->top = block(b);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    rig.heap->top = block(a);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    rig.heap->top = top;
    EQUAL(fh_check(rig.heap), FH_OK);
    /* None, and a word that says there is one. */
    while (fh_malloc(rig.heap, 1) != NULL)
        continue;
    EQUAL(rig.heap->top, NULL);
    EQUAL(fh_check(rig.heap), FH_OK);
    rig.heap->top = block(a);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
}

/* The summary of the bitmap, in both directions. */
static void wrong_summaries(void)
{
    open();
    fh_free(rig.heap, b);
    for (uint32_t bit = 0; bit < 32; bit++) {
        lists()->summary ^= (uint32_t)1 << bit;
        EQUAL(fh_check(rig.heap), FH_BAD_MAP);
        lists()->summary ^= (uint32_t)1 << bit;
    }
    EQUAL(fh_check(rig.heap), FH_OK);
}

static void wrong_counts(void)
{
    open();
    rig.heap->total++;
    EQUAL(fh_check(rig.heap), FH_BAD_COUNT);
    rig.heap->total--;
    rig.heap->used++;
    EQUAL(fh_check(rig.heap), FH_BAD_COUNT);
    rig.heap->used -= 2;
    EQUAL(fh_check(rig.heap), FH_BAD_COUNT);
    rig.heap->used++;
    EQUAL(rig.heap->peak, rig.heap->used);
    EQUAL(fh_check(rig.heap), FH_OK);
    rig.heap->peak--;
    EQUAL(fh_check(rig.heap), FH_BAD_COUNT);
    rig.heap->peak += 2;
    EQUAL(fh_check(rig.heap), FH_OK);
}

/* The words of the control structure that the check knows, one at a time. */
static void wrong_controls(void)
{
    open();
    uint32_t classes = lists()->classes;
    uintptr_t lo = lists()->space.lo;
    lists()->blame.kind = FH_FOREIGN;
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    lists()->blame.kind = FH_OK;
    EQUAL(fh_check(rig.heap), FH_OK);
    REQUIRE(lists()->space.span != 0);
    lists()->space.span -= FH_GRANULE;
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    lists()->space.span += FH_GRANULE;
    lists()->space.lo += FH_GRANULE;
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    lists()->space.lo = (uintptr_t)(rig_memory + 500000);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    lists()->space.span = 0;
    EQUAL(fh_check(rig.heap), FH_OK);
    lists()->space.lo = lo;
    static const uint32_t wrong[] = { 0, FH_MAX_CLASSES + 1, 0xFFFFFFFF };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        lists()->classes = wrong[i];
        rig.heap->seal = fh_seal_for(rig.heap);
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    }
    lists()->classes = classes;
    rig.heap->seal = fh_seal_for(rig.heap);
    EQUAL(fh_check(rig.heap), FH_OK);
    rig.heap->first.check ^= 0x1000;
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    EQUAL(rig.faults, 0);
}

/* A size that its region does not hold is not shown, and neither is one that no block has; nor what lies behind. */
static void sizes_that_cannot_be(void)
{
    open();
    uint32_t n = granules_at(b);
    uint32_t room = (uint32_t)((fh_hi_for(rig.heap->first.last) - (uintptr_t)b) / FH_GRANULE);
    const uint32_t wrong[] = { fh_tag_for(FH_USED, room + 1), fh_tag_for(FH_USED, FH_SIZE_MASK), fh_tag_for(FH_USED, FH_MIN_GRANULES - 1),
        fh_tag_for(FH_FREE, room + 1), FH_DEAD, FH_FREE | FH_IS_HUGE, fh_tag_for(FH_USED, FH_HUGE), FH_TAG_LIMIT | fh_tag_for(FH_USED, n) };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct seen seen = { 0, 0 };
        rig_poke(b + 8, i % 2 == 0 ? FH_HUGE : 40);
        *fh_tag_of(block(b)) = (wrong[i] * FH_SEAL) ^ ((uint32_t)(uintptr_t)b ^ lists()->space.secret);
        fh_walk(rig.heap, count, &seen);
        EQUAL(seen.blocks, 1);
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    }
    /* All the room there is: the end alone lies behind it. */
    struct seen seen = { 0, 0 };
    seal(b, fh_tag_for(FH_USED, room));
    fh_walk(rig.heap, count, &seen);
    EQUAL(seen.blocks, 3);
}

/* A region that is one free block of exactly the least huge size. */
static void the_least_huge_block(void)
{
    const size_t bytes = (size_t)FH_HUGE * FH_GRANULE;
    unsigned char *mem = host_map(NULL, 4 * bytes);
    if (mem == NULL)
        test_skip("no memory to map");
    /* The larger one is the top, which shows no size. */
    rig_open(&rig, mem + 2 * bytes, 2 * bytes);
    EQUAL(fh_add_region(rig.heap, mem, bytes + FH_HEADER_BYTES), bytes);
    unsigned char *huge = mem + FH_HEADER_BYTES;
    bool used;
    EQUAL(rig_block_at(&rig, huge, &used), bytes);
    EQUAL(fh_check(rig.heap), FH_OK);
    REQUIRE(rig.heap->top != block(huge));
    /* A huge block whose size is none, and one that says more than there is. */
    block(huge)->size = FH_HUGE - 1;
    EQUAL(rig_block_at(&rig, huge, &used), 0);
    EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    block(huge)->size = FH_HUGE + 1;
    EQUAL(rig_block_at(&rig, huge, &used), 0);
    EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    block(huge)->size = FH_HUGE;
    EQUAL(fh_check(rig.heap), FH_OK);
    /* A top that nobody knows of. */
    fh_make_top(lists()->space.secret, block(huge));
    EQUAL(rig_block_at(&rig, huge, &used), bytes);
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
}

/* Which region cannot be reached is not guessed: the heap's own must be among those seen, and no header may hide others. */
static void regions_that_hide(void)
{
    for (unsigned i = 0; i < 8; i++) {
        open();
        for (unsigned k = 1; k < 8; k++)
            REQUIRE(fh_add_region(rig.heap, rig_memory + 65536 * k, 4096) != 0);
        /* No free block, whose links could tell. */
        while (fh_malloc(rig.heap, 1) != NULL)
            continue;
        EQUAL(fh_check(rig.heap), FH_OK);
        struct fh_region *r = i == 0 ? &rig.heap->first : (struct fh_region *)(void *)(rig_memory + 65536 * i);
        r->check ^= 0x100;
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
        r->check ^= 0x100;
        EQUAL(fh_check(rig.heap), FH_OK);
    }
    lists()->space.root_check ^= 1;
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    lists()->space.root_check ^= 1;
    /* Whole, and yet on no way from the root. */
    fh_region_remove(&lists()->space, &rig.heap->first);
    CHECK(fh_region_is_whole(&lists()->space, &rig.heap->first));
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
}

/* A block is shown as cached if it bears the mark, is used, and there are caches; the heap's own are not. */
struct shown {
    const void *payload;
    bool cached;
    bool used;
};

static bool look(void *arg, const struct fh_block_info *info)
{
    struct shown *shown = arg;
    if (info->payload == shown->payload) {
        shown->cached = info->cached;
        shown->used = info->used;
    }
    return true;
}

static bool is_shown_cached(void *ptr)
{
    struct shown shown = { ptr, false, false };
    fh_walk(rig.heap, look, &shown);
    return shown.cached;
}

static void walk_shows_cached(void)
{
    open();
    uint32_t secret = lists()->space.secret;
    fh_quick_push(secret, block(a), block(c));
    CHECK(!is_shown_cached(a));
    rig.heap->caches = (struct fh_cache *)(void *)a;
    /* It leads to one that is not. */
    CHECK(!is_shown_cached(a));
    fh_quick_push(secret, block(c), fh_quick_end(rig.heap));
    CHECK(is_shown_cached(a));
    CHECK(is_shown_cached(c));
    fh_unmark(block(c));
    CHECK(!is_shown_cached(c));
    fh_make_own(secret, block(a));
    CHECK(!is_shown_cached(a));
    /* A free one is not, whatever is in it. */
    rig.heap->caches = NULL;
    fh_free(rig.heap, b);
    fh_quick_push(secret, block(b), fh_quick_end(rig.heap));
    rig.heap->caches = (struct fh_cache *)(void *)a;
    CHECK(!is_shown_cached(b));
}

TESTS(unit_check) = {
    { "promise5_names_the_fact", names_the_fact },
    { "writes_nothing", writes_nothing },
    { "walk_stops_when_told", walk_stops_when_told },
    { "walk_stops_for_good", walk_stops_for_good },
    { "insides_are_nobodys", insides_are_nobodys },
    { "walk_passes_damage", walk_passes_damage },
    { "promise5_walk_shows_blocks", walk_shows_blocks },
    { "wrong_maps", wrong_maps },
    { "wrong_heads", wrong_heads },
    { "strangers_on_a_list", strangers_on_a_list },
    { "links_to_the_edges", links_to_the_edges },
    { "one_sided_links", one_sided_links },
    { "links_of_an_unlisted_block", links_of_an_unlisted_block },
    { "free_blocks_that_touch", free_blocks_that_touch },
    { "wrong_ends", wrong_ends },
    { "wrong_tops", wrong_tops },
    { "wrong_summaries", wrong_summaries },
    { "wrong_counts", wrong_counts },
    { "wrong_controls", wrong_controls },
    { "sizes_that_cannot_be", sizes_that_cannot_be },
    { "the_least_huge_block", the_least_huge_block },
    { "regions_that_hide", regions_that_hide },
    { "walk_shows_cached", walk_shows_cached },
    { "one_too_many", one_too_many },
    TESTS_END
};
