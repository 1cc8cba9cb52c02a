/* SPDX-License-Identifier: MIT
 *
 * step.c - src/step.c: the check in pieces finds what the whole one finds, blames no whole heap, whatever happens between its calls,
 * and looks at no more than it was allowed to.
 */
#include "harness/caches.h"
#include "harness/steps.h"

#include "check.h"

enum { SLOTS = 64, PIECES = 8, PIECE_BYTES = 3000, FIRST_BYTES = 12000 };

static struct rig rig;
static struct fh_cursor cursor;
static struct dice dice;

/* The first fault of a pass with that budget a call, FH_OK if there is none. At most so many calls. */
static enum fh_fault_kind pass(size_t budget, unsigned most)
{
    enum fh_fault_kind first = FH_OK;
    size_t passes = cursor.passes;
    for (unsigned calls = 0; cursor.passes == passes; calls++) {
        REQUIRE(calls < most);
        enum fh_fault_kind kind = fh_check_step(rig.heap, &cursor, budget);
        if (first == FH_OK)
            first = kind;
    }
    return first;
}

/* Two regions, blocks of many sizes, some free: some of one class. */
static unsigned char *held[40];

static void furnish(void)
{
    rig_open(&rig, rig_memory, 6000);
    REQUIRE(fh_add_region(rig.heap, rig_memory + 65536, 3000) != 0);
    for (unsigned i = 0; i < 40; i++)
        REQUIRE((held[i] = fh_malloc(rig.heap, i % 8 * 25)) != NULL);
    for (unsigned i = 0; i < 40; i += 3)
        fh_free(rig.heap, held[i]);
    REQUIRE(fh_malloc(rig.heap, 2600) != NULL);
    cursor = (struct fh_cursor){ 0 };
    rig_sound(&rig);
}

/* Whatever the budget, a pass over a heap at rest takes no more calls than there is work for, and blames nothing. */
static void whole(void)
{
    furnish();
    struct rig_sum sum = rig_sum(&rig);
    size_t work = 1 + sum.used_blocks + 2 * sum.free_blocks + sum.regions + 1 + rig.heap->lists.classes + 1;
    for (size_t budget = 1; budget < 2 * work; budget += 1 + budget / 8) {
        unsigned locks = rig.locks;
        EQUAL(pass(budget, (unsigned)((work + budget - 1) / budget) + 1), FH_OK);
        CHECK(rig.locks - locks <= (work + budget - 1) / budget + 1);
        CHECK(cursor.block == NULL);
    }
    EQUAL(pass(SIZE_MAX, 1), FH_OK);
    size_t passes = cursor.passes;
    EQUAL(fh_check_step(rig.heap, &cursor, 0), FH_OK);
    EQUAL(cursor.passes, passes);
    EQUAL(rig.depth, 0);
    rig_sound(&rig);
}

/* Puts words somewhere; the pass must name what fh_check names, first of all, with any budget. */
static void must_find(enum fh_fault_kind kind)
{
    if (kind != FH_OK)
        EQUAL(fh_check(rig.heap), kind);
    enum fh_fault_kind named = fh_check(rig.heap);
    CHECK(named != FH_OK);
    static const size_t budgets[] = { 1, 2, 7, 1000 };
    for (unsigned i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        cursor.stage = 0;
        bool seen = false;
        size_t passes = cursor.passes;
        for (unsigned calls = 0; cursor.passes == passes; calls++) {
            REQUIRE(calls < 2000);
            enum fh_fault_kind found = fh_check_step(rig.heap, &cursor, budgets[i]);
            CHECK(found < FH_FAULT_KINDS && (found != FH_OK || cursor.block == NULL));
            seen |= found == named;
        }
        if (!CHECK(seen))
            say("  a budget of %z did not find: %s\n", (uintptr_t)budgets[i], fh_fault_name(named));
    }
}

/* What a pass with that budget a call reports, in order. */
static struct { enum fh_fault_kind kind; const void *block; } reports[8];

static unsigned all_reports(size_t budget)
{
    unsigned count = 0;
    size_t passes = cursor.passes;
    for (unsigned calls = 0; cursor.passes == passes; calls++) {
        REQUIRE(calls < 2000);
        enum fh_fault_kind kind = fh_check_step(rig.heap, &cursor, budget);
        if (kind == FH_OK)
            continue;
        REQUIRE(count < 8);
        reports[count].kind = kind;
        reports[count++].block = cursor.block;
    }
    return count;
}

static struct fh_block *as_block(void *ptr)
{
    return (struct fh_block *)ptr;
}

/* One fact is reported once and by its place; what could not be counted for it is not reported as a second one. */
static void says_where(void)
{
    furnish();
    uint32_t secret = rig.heap->lists.space.secret;
    rig_poke(held[4] - 4, ~rig_peek(held[4] - 4));
    EQUAL(all_reports(1000), 1);
    CHECK(reports[0].kind == FH_BAD_TAG && reports[0].block == held[4]);
    rig_poke(held[4] - 4, ~rig_peek(held[4] - 4));
    struct fh_block *first = (struct fh_block *)rig.heap->first.lo;
    fh_tag_flip_prev(secret, first, true);
    CHECK(all_reports(1000) != 0);
    CHECK(reports[0].kind == FH_NOT_COALESCED && reports[0].block == first);
    fh_tag_flip_prev(secret, first, false);
    EQUAL(all_reports(1000), 0);
    /* Two used blocks on a list that is empty: it is left at the first of them. */
    if (FH_MAX_CLASSES == 1)
        return;
    struct fh_lists *l = &rig.heap->lists;
    uint32_t class = 0;
    while (*fh_head_of(l, class) != 0)
        class++;
    REQUIRE(class + 1 < l->classes);
    *fh_head_of(l, class) = fh_link_to(l, as_block(held[4]));
    fh_map_set(l, class);
    as_block(held[4])->prev = l->mark + class;
    as_block(held[4])->next = fh_link_to(l, as_block(held[5]));
    as_block(held[5])->prev = fh_link_to(l, as_block(held[4]));
    as_block(held[5])->next = fh_list_end(l);
    for (size_t budget = 1; budget < 1000; budget *= 3) {
        EQUAL(all_reports(budget), 1);
        CHECK(reports[0].kind == FH_BAD_LIST && reports[0].block == held[4]);
    }
}

/* A top's tag where no block can be, in a heap that has none. */
static void top_between_granules(void)
{
    furnish();
    uint32_t size = fh_pool_top_size(rig.heap);
    struct fh_block *top = rig.heap->top;
    REQUIRE(size > 1);
    uint32_t secret = rig.heap->lists.space.secret;
    fh_tag_seal(secret, top, fh_tag_for(FH_USED, size));
    fh_tag_flip_prev(secret, fh_after(top, size), false);
    rig.heap->used += size;
    rig.heap->peak = rig.heap->used;
    unsigned char *between = (unsigned char *)top + FH_GRANULE / 2;
    fh_make_top(secret, as_block(between));
    rig.heap->top = as_block(between);
    CHECK(fh_check(rig.heap) == FH_BAD_CONTROL);
    EQUAL(all_reports(1000), 1);
    EQUAL(reports[0].kind, FH_BAD_CONTROL);
}

/* A heap in which all is used is whole; one that uses more than it has is not, though the pass was disturbed. */
static void more_than_all(void)
{
    furnish();
    while (fh_malloc(rig.heap, 0) != NULL)
        continue;
    EQUAL(rig.heap->used, rig.heap->total);
    cursor = (struct fh_cursor){ 0 };
    EQUAL(pass(1000, 100), FH_OK);
    EQUAL(fh_check_step(rig.heap, &cursor, 1), FH_OK);
    fh_free(rig.heap, held[1]);
    REQUIRE(fh_malloc(rig.heap, 25) == held[1]);
    rig.heap->used++;
    rig.heap->peak = rig.heap->used;
    EQUAL(pass(1000, 100), FH_BAD_COUNT);
    rig.heap->used--;
}

/* A cursor whose words are left from elsewhere begins anew; one whose region cannot be found goes on; and one that may do nothing does
 * nothing, not even wait. */
static void begins_and_goes_on(void)
{
    furnish();
    cursor.link = 12345;
    EQUAL(pass(7, 1000), FH_OK);
    EQUAL(fh_check_step(rig.heap, &cursor, 4), FH_OK);
    rig.heap->lists.space.root_check ^= 1;
    EQUAL(fh_check_step(rig.heap, &cursor, 1), FH_OK);
    rig.heap->lists.space.root_check ^= 1;
    unsigned locks = rig.locks;
    EQUAL(fh_check_step(rig.heap, &cursor, 0), FH_OK);
    EQUAL(rig.locks, locks);
}

/* A call with a budget of one looks at one thing, and a pass in which something changes before each call comes to its end. */
static void one_at_a_time(void)
{
    for (unsigned changes = 0; changes < 2; changes++) {
        furnish();
        struct rig_sum sum = rig_sum(&rig);
        size_t passes = cursor.passes;
        size_t calls = 0;
        for (; cursor.passes == passes; calls++) {
            REQUIRE(calls < 2000);
            EQUAL(fh_check_step(rig.heap, &cursor, 1), FH_OK);
            if (changes)
                fh_free(rig.heap, fh_malloc(rig.heap, 10));
        }
        if (changes)
            continue;
        /* The control structure, regions, blocks, that there is no further region, lists, the blocks on them, and what is left. */
        size_t listed = sum.free_blocks - (rig.heap->top != NULL) - (rig.heap->victim != NULL);
        EQUAL(calls, 1 + sum.regions + sum.used_blocks + sum.free_blocks + 1 + rig.heap->lists.classes + listed + 1);
    }
}

/* Where a second cursor came in between, the first one passes over nothing. */
static void overtaken(void)
{
    furnish();
    struct fh_cursor other = { 0 };
    EQUAL(fh_check_step(rig.heap, &cursor, 5), FH_OK);
    EQUAL(fh_check_step(rig.heap, &other, 25), FH_OK);
    CHECK(other.stage == cursor.stage && other.at > cursor.at);
    unsigned char *between = NULL;
    for (unsigned i = 0; i < 40 && between == NULL; i++) {
        if (i % 3 != 0 && (uintptr_t)held[i] > cursor.at && (uintptr_t)held[i] < other.at)
            between = held[i];
    }
    REQUIRE(between != NULL);
    rig_poke(between - 4, ~rig_peek(between - 4));
    EQUAL(pass(1000, 100), FH_BAD_TAG);
}

/* Each bit of each word of the blocks' own, and of the table of lists. */
static unsigned char *places[600];
static unsigned place_count;

static bool note(void *arg, const struct fh_block_info *info)
{
    const unsigned char *p = info->payload;
    (void)arg;
    REQUIRE(place_count + 4 < sizeof places / sizeof *places);
    places[place_count++] = rig_launder(p - 4);
    if (info->used || info->payload == rig.heap->top)
        return true;
    places[place_count++] = rig_launder(p + info->bytes - 8);
    if (info->payload == rig.heap->victim)
        return true;
    places[place_count++] = rig_launder(p);
    places[place_count++] = rig_launder(p + 4);
    return true;
}

static void finds_every_bit(void)
{
    furnish();
    fh_walk(rig.heap, note, NULL);
    for (unsigned i = 0; i < fh_table_words(rig.heap->lists.classes); i++) {
        /* The bits of the last word that stand for no list mean nothing. */
        if (i != fh_table_words(rig.heap->lists.classes) - 1 || rig.heap->lists.classes % 32 == 0)
            places[place_count++] = (unsigned char *)fh_head_of(&rig.heap->lists, i);
    }
    for (size_t at = 0; at < offsetof(struct fh_region, check); at += 4)
        places[place_count++] = rig_memory + 65536 + at;
    for (unsigned i = 0; i < place_count && !test_failed(); i++) {
        uint32_t old = rig_peek(places[i]);
        for (unsigned bit = i % 3; bit < 32; bit += 3) {
            rig_poke(places[i], old ^ (uint32_t)1 << bit);
            must_find(FH_OK);
        }
        rig_poke(places[i], old);
    }
    cursor.stage = 0;
    EQUAL(pass(3, 2000), FH_OK);
    rig_sound(&rig);
}

/* Puts a free block behind another one on a list where it does not belong. */
static void join_strays(struct fh_block *first, struct fh_block *stray)
{
    struct fh_lists *l = &rig.heap->lists;
    struct fh_view view;
    fh_look(&l->space, &view);
    REQUIRE(first->next == fh_list_end(l) && fh_list_remove(l, &view, stray));
    first->next = fh_link_to(l, stray);
    stray->prev = fh_link_to(l, first);
    stray->next = fh_list_end(l);
}

static void finds_each_region(void)
{
    /* Which header leads to which depends on where they are. */
    for (unsigned k = 0; k < 8; k++) {
        rig_open(&rig, rig_memory, 6000);
        REQUIRE(fh_malloc(rig.heap, 100) != NULL);
        unsigned char *far = rig_memory + 65536 + k * 4096;
        REQUIRE(fh_add_region(rig.heap, far, 3000) != 0);
        cursor = (struct fh_cursor){ 0 };
        EQUAL(pass(5, 100), FH_OK);
        rig_poke(far, rig_peek(far) ^ 0x40);
        must_find(FH_BAD_CONTROL);
    }
}

/* One of each kind, planted. */
static void finds_each_kind(void)
{
    uint32_t secret;
    furnish();
    rig.heap->used++;
    must_find(FH_BAD_COUNT);
    rig.heap->used--;
    rig.heap->total--;
    must_find(FH_BAD_COUNT);
    rig.heap->total++;
    size_t peak = rig.heap->peak;
    rig.heap->peak = rig.heap->used - 1;
    must_find(FH_BAD_COUNT);
    rig.heap->peak = peak;
    rig.heap->lists.summary ^= 1;
    must_find(FH_BAD_MAP);
    rig.heap->lists.summary ^= 1;
    rig.heap->lists.blame.kind = FH_BAD_TAG;
    must_find(FH_BAD_CONTROL);
    rig.heap->lists.blame.kind = FH_OK;
    struct fh_block *top = rig.heap->top;
    rig.heap->top = NULL;
    must_find(FH_BAD_CONTROL);
    rig.heap->top = (struct fh_block *)rig_launder(held[1]);
    must_find(FH_BAD_CONTROL);
    rig.heap->top = (struct fh_block *)rig_launder(&rig);
    must_find(FH_BAD_CONTROL);
    rig.heap->top = top;
    uintptr_t top_end = rig.heap->top_end;
    rig.heap->top_end -= FH_GRANULE;
    must_find(FH_BAD_CONTROL);
    rig.heap->top_end = top_end;
    if (rig.heap->victim_size != 0) {
        rig.heap->victim_size++;
        must_find(FH_BAD_CONTROL);
        rig.heap->victim_size--;
        struct fh_block *victim = rig.heap->victim;
        rig.heap->victim = (struct fh_block *)rig_launder(held[1]);
        must_find(FH_BAD_LINK);
        rig.heap->victim = victim;
    }
    /* The heap names a top or a victim, and no region holds one. */
    while (rig.heap->top != NULL || rig.heap->victim_size != 0)
        REQUIRE(fh_malloc(rig.heap, 1) != NULL);
    void *const wrong[] = { &rig, held[1] + 1, held[1] };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        rig.heap->top_end = top_end;
        rig.heap->top = (struct fh_block *)rig_launder(wrong[i]);
        must_find(FH_BAD_CONTROL);
        rig.heap->top = NULL;
        rig.heap->top_end = 0;
        rig.heap->victim_size = 10;
        rig.heap->victim = (struct fh_block *)rig_launder(wrong[i]);
        must_find(FH_BAD_CONTROL);
        rig.heap->victim_size = 0;
    }

    if (rig.heap->lists.classes > 1) {
        /* Two blocks that link to one another and to nobody else. */
        furnish();
        uint32_t class = 0;
        struct fh_block *b = NULL;
        for (; class < rig.heap->lists.classes && b == NULL; class++) {
            if (*fh_head_of(&rig.heap->lists, class) != 0 && fh_link_at(&rig.heap->lists, *fh_head_of(&rig.heap->lists, class))->next != fh_list_end(&rig.heap->lists))
                b = fh_link_at(&rig.heap->lists, *fh_head_of(&rig.heap->lists, class));
        }
        REQUIRE(b != NULL);
        class--;
        struct fh_block *last = b;
        while (last->next != fh_list_end(&rig.heap->lists))
            last = fh_link_at(&rig.heap->lists, last->next);
        last->next = fh_link_to(&rig.heap->lists, b);
        b->prev = fh_link_to(&rig.heap->lists, last);
        *fh_head_of(&rig.heap->lists, class) = 0;
        *fh_map_of(&rig.heap->lists, class) &= ~((uint32_t)1 << class % 32);
        must_find(FH_BAD_LIST);
        /* A block of another class on the list. */
        furnish();
        class = 0;
        while (*fh_head_of(&rig.heap->lists, class) == 0)
            class++;
        b = fh_link_at(&rig.heap->lists, *fh_head_of(&rig.heap->lists, class));
        uint32_t other = class + 1;
        while (*fh_head_of(&rig.heap->lists, other) == 0)
            other++;
        struct fh_block *stray = fh_link_at(&rig.heap->lists, *fh_head_of(&rig.heap->lists, other));
        for (last = b; last->next != fh_list_end(&rig.heap->lists);)
            last = fh_link_at(&rig.heap->lists, last->next);
        join_strays(last, stray);
        must_find(FH_BAD_LIST);
    }

    /* A block on a list that is held for the victim: more is listed than should be. */
    furnish();
    if (rig.heap->lists.classes > 1 && rig.heap->victim_size == 0) {
        uint32_t class = 0;
        while (*fh_head_of(&rig.heap->lists, class) == 0)
            class++;
        rig.heap->victim = fh_link_at(&rig.heap->lists, *fh_head_of(&rig.heap->lists, class));
        rig.heap->victim_size = fh_size_below(rig.heap->victim, fh_tag_open(rig.heap->lists.space.secret, rig.heap->victim), UINTPTR_MAX);
        must_find(FH_BAD_LIST);
        rig.heap->victim_size = 0;
        rig.heap->victim = NULL;
    }
    size_t used = rig.heap->used;
    rig.heap->used = rig.heap->total + 1;
    rig.heap->peak = rig.heap->used;
    must_find(FH_BAD_COUNT);
    rig.heap->used = used;
    /* More lists than there can be, or none: nothing is looked for in them. */
    const uint32_t classes = rig.heap->lists.classes;
    const uint32_t wrong_classes[] = { 0, FH_MAX_CLASSES + 1 };
    for (unsigned i = 0; i < 2; i++) {
        rig.heap->lists.classes = wrong_classes[i];
        rig.heap->seal = fh_seal_for(rig.heap);
        must_find(FH_BAD_CONTROL);
    }
    rig.heap->lists.classes = classes;
    rig.heap->seal = fh_seal_for(rig.heap);

    /* Two free blocks side by side, and a block that does not know of the free one before it. */
    furnish();
    struct fh_block *b = (struct fh_block *)rig_launder(held[1]);
    uint32_t tag = fh_tag_open(secret = rig.heap->lists.space.secret, b);
    REQUIRE((tag & FH_PREV_FREE) != 0);
    fh_tag_seal(secret, b, tag & ~FH_PREV_FREE);
    must_find(FH_NOT_COALESCED);
    fh_tag_seal(secret, b, tag);
    fh_make_free(secret, b, fh_used_size(tag));
    fh_tag_seal(secret, b, fh_tag_for(FH_FREE | FH_PREV_FREE, fh_used_size(tag)));
    must_find(FH_NOT_COALESCED);
    /* The first block of a region says that one before it is free. */
    furnish();
    b = (struct fh_block *)rig.heap->first.lo;
    tag = fh_tag_open(secret = rig.heap->lists.space.secret, b);
    fh_tag_seal(secret, b, tag | FH_PREV_FREE);
    must_find(FH_NOT_COALESCED);
    EQUAL(rig.faults, 0);
}

/* One block more on the lists than there are, free inside a used one and true in every word: only the count tells, in a pass that nothing disturbs. */
static void finds_one_too_many(void)
{
    rig_open(&rig, rig_memory, 8192);
    unsigned char *used = fh_malloc(rig.heap, 400);
    REQUIRE(used != NULL && fh_malloc(rig.heap, 100) != NULL);
    cursor = (struct fh_cursor){ 0 };
    struct fh_lists *l = &rig.heap->lists;
    struct fh_block *inside = (struct fh_block *)(void *)(used + 8 * FH_GRANULE);
    uint32_t class = fh_class_of(l, 4);
    REQUIRE(*fh_head_of(l, class) == 0);
    fh_tag_seal(l->space.secret, inside, fh_tag_for(FH_FREE, 4));
    inside->next = fh_list_end(&rig.heap->lists);
    inside->prev = l->mark + class;
    EQUAL(pass(1, 2000), FH_OK);
    *fh_head_of(l, class) = fh_link_to(l, inside);
    fh_map_set(l, class);
    must_find(FH_BAD_LIST);
    EQUAL(pass(1, 2000), FH_BAD_LIST);
}

/* Memory that comes and goes under a heap that is being checked. */
static unsigned char *piece(unsigned k)
{
    return rig_memory + 200000 + k * PIECE_BYTES + k / 3 * 40;
}
static unsigned lent;   /* a bit for each piece */

static void *acquire(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    uint32_t from = dice_below(&dice, PIECES);
    for (unsigned n = 0; n < PIECES; n++) {
        unsigned k = (from + n) % PIECES;
        /* Not at the same place each time, so that no block's beginning is one again. */
        unsigned shift = dice_below(&dice, 4) * FH_GRANULE;
        if ((lent >> k & 1) != 0 || least > PIECE_BYTES - shift)
            continue;
        lent |= 1u << k;
        *got = PIECE_BYTES - shift;
        return piece(k) + shift;
    }
    return NULL;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    unsigned char *from = mem;
    (void)ctx;
    for (unsigned k = 0; k < PIECES; k++) {
        if (piece(k) + PIECE_BYTES > from && piece(k) < from + bytes)
            lent &= ~(1u << k);
    }
}

static unsigned char *ptr[SLOTS];
static size_t size[SLOTS];

/* What lies in a block may look like anything: what was there before, tags of other blocks, nonsense. */
static void write_something(unsigned k)
{
    uint32_t how = dice_below(&dice, 4);
    uint32_t from = dice_below(&dice, SLOTS);
    for (size_t i = 0; how != 0 && i + 4 <= size[k]; i += 4) {
        uint32_t word = dice_roll(&dice);
        if (how == 1 && ptr[from] != NULL)
            word = rig_peek(ptr[from] - 4);
        rig_poke(ptr[k] + i, how == 2 ? 0 : word);
    }
}

static void change(unsigned k)
{
    struct fh_heap *h = rig.heap;
    cpu_now = dice_below(&dice, 2);
    if (ptr[k] == NULL) {
        size[k] = dice_below(&dice, dice_below(&dice, 8) == 0 ? 2500 : 200);
        size_t align = dice_below(&dice, 4) == 0 ? (size_t)FH_GRANULE << dice_below(&dice, 6) : 1;
        ptr[k] = fh_aligned_alloc(h, align, size[k]);
        if (ptr[k] != NULL)
            write_something(k);
        return;
    }
    size_t wanted = dice_below(&dice, dice_below(&dice, 4) == 0 ? 2000 : 300);
    unsigned char *moved;
    switch (dice_below(&dice, 8)) {
    case 0:
        moved = fh_realloc(h, ptr[k], wanted);
        if (moved == NULL)
            return;
        ptr[k] = moved;
        size[k] = wanted;
        write_something(k);
        return;
    case 1:
        if (fh_resize(h, ptr[k], wanted)) {
            size[k] = wanted;
            write_something(k);
        }
        return;
    case 2:
        if (fh_free_deferred(h, ptr[k]))
            ptr[k] = NULL;
        return;
    case 3:
        fh_trim(h);
        return;
    default:
        fh_free(h, ptr[k]);
        ptr[k] = NULL;
    }
}

/* The slot whose block lies at or nearest below the place, or nearest above it; SLOTS if there is none. */
static unsigned slot_near(const void *place, bool above)
{
    unsigned best = SLOTS;
    for (unsigned k = 0; k < SLOTS; k++) {
        if (ptr[k] == NULL || (above ? ptr[k] <= (const unsigned char *)place : ptr[k] > (const unsigned char *)place))
            continue;
        if (best == SLOTS || (above ? ptr[k] < ptr[best] : ptr[k] > ptr[best]))
            best = k;
    }
    return best;
}

/* The worst that can be done to a check: what it was about to look at goes, its neighbours with it, and something else is put there. */
static void pull_away(void)
{
    const void *place = rig.heap->watched;
    for (unsigned n = dice_below(&dice, 4); n != 0; n--) {
        unsigned k = slot_near(place, dice_below(&dice, 2) != 0);
        if (k != SLOTS)
            change(k);
    }
    for (unsigned n = dice_below(&dice, 3); n != 0; n--)
        change(dice_below(&dice, SLOTS));
}

static void open_changing(uint32_t salt, bool caches, bool grows)
{
    dice = dice_from(test_seed() + salt);
    rig_prepare(&rig);
    lent = 0;
    if (caches) {
        rig.port.cache = &fh_cpu_cache;
        rig.port.cpu = cpu;
        rig.port.cpus = 2;
    }
    if (grows) {
        rig.port.acquire = acquire;
        rig.port.release = release;
    }
    rig.heap = fh_create(rig_memory, FIRST_BYTES, &rig.port);
    REQUIRE(rig.heap != NULL);
    for (unsigned k = 0; k < SLOTS; k++)
        ptr[k] = NULL;
    cursor = (struct fh_cursor){ 0 };
}

/* No false alarm, ever, and each pass ends. */
static void no_false_alarm(uint32_t salt, bool caches, bool grows, bool hostile)
{
    open_changing(salt, caches, grows);
    unsigned calls = 0;
    unsigned longest = 0;
    size_t passes = 0;
    unsigned next_piece = 0;
    for (unsigned i = 0; i < 12000 && !test_failed(); i++) {
        if (hostile)
            pull_away();
        for (unsigned n = hostile ? 0 : dice_below(&dice, 4); n != 0; n--)
            change(dice_below(&dice, SLOTS));
        /* Regions of the caller's too, some of which join those that are there. */
        if (!grows && i % 1000 == 999 && next_piece < PIECES)
            CHECK(fh_add_region(rig.heap, piece(next_piece), PIECE_BYTES) != 0), next_piece++;
        if (i % 700 == 699)
            fh_pool_relist(rig.heap);
        /* Now and then nothing happens for a while: a pass that nothing disturbs judges the counts as well. */
        unsigned rest = i % 300 == 0 ? 400 : 1;
        while (rest-- != 0 && !test_failed()) {
            enum fh_fault_kind kind = fh_check_step(rig.heap, &cursor, 1 + dice_below(&dice, 9));
            if (!EQUAL(kind, FH_OK))
                say("  at call %u of the pass, change %u, SEED=%x: %s\n", calls, i, (uintptr_t)test_seed(), fh_fault_name(kind));
            calls++;
            if (calls > longest)
                longest = calls;
            if (cursor.passes != passes)
                calls = 0;
            passes = cursor.passes;
        }
        if (i % 64 == 0)
            EQUAL(fh_check(rig.heap), FH_OK);
    }
    EQUAL(rig.faults, 0);
    CHECK(passes > 40);
    CHECK(longest < 2000);
    for (unsigned k = 0; k < SLOTS; k++)
        fh_free(rig.heap, ptr[k]);
    rig_sound(&rig);
}

static void changes(void)
{
    no_false_alarm(1, false, false, false);
}

static void changes_with_caches(void)
{
    no_false_alarm(2, true, true, false);
}

static void changes_that_are_hostile(void)
{
    no_false_alarm(3, false, false, true);
}

static void changes_that_are_hostile_and_grow(void)
{
    no_false_alarm(4, false, true, true);
    no_false_alarm(5, true, true, true);
}

/* Two cursors, which get in each other's way, and a cursor that was left and taken up again. */
static void two_cursors(void)
{
    struct fh_cursor other = { 0 };
    open_changing(6, false, true);
    for (unsigned i = 0; i < 6000; i++) {
        for (unsigned n = dice_below(&dice, 3); n != 0; n--)
            change(dice_below(&dice, SLOTS));
        struct fh_cursor *c = dice_below(&dice, 2) != 0 ? &cursor : &other;
        EQUAL(fh_check_step(rig.heap, c, 1 + dice_below(&dice, 40)), FH_OK);
    }
    CHECK(cursor.passes > 3 && other.passes > 3);
}

/* Damage that the changes do not touch is found by the pass that begins after it, however busy the heap is. The blocks in
 * question are smaller than anything that is asked for, or left over from it. */
static void found_among_changes(void)
{
    struct {
        enum fh_fault_kind kind;
        bool rest;            /* found by a pass that nothing disturbs */
    } cases[] = {
        { FH_BAD_FOOTER, false }, { FH_BAD_LINK, false }, { FH_BAD_LINK, false }, { FH_BAD_TAG, false },
        { FH_NOT_COALESCED, false }, { FH_BAD_MAP, false }, { FH_BAD_CONTROL, false }, { FH_BAD_LIST, false }, { FH_BAD_COUNT, true },
    };
    for (unsigned which = 0; which < sizeof cases / sizeof *cases; which++) {
        for (unsigned round = 0; round < 6; round++) {
            open_changing(100 + which * 16 + round, false, false);
            if (rig.heap->lists.classes == 1)
                test_does_not_apply();
            /* A small free block between two that stay, and a region apart with nothing in it but its top. */
            unsigned char *low = fh_malloc(rig.heap, 1);
            unsigned char *gap = fh_malloc(rig.heap, 1);
            unsigned char *high = fh_malloc(rig.heap, 1);
            unsigned char *larger = fh_malloc(rig.heap, 40);
            void *wall = fh_malloc(rig.heap, 1);
            unsigned char *far = rig_memory + 500000;
            REQUIRE(low != NULL && gap != NULL && high != NULL && larger != NULL && wall != NULL && fh_add_region(rig.heap, far, 100) != 0);
            fh_free(rig.heap, gap);
            fh_free(rig.heap, larger);
            uint32_t secret = rig.heap->lists.space.secret;
            struct fh_block *b = (struct fh_block *)rig_launder(high);
            fh_check_step(rig.heap, &cursor, 1 + dice_below(&dice, 30));
            switch (which) {
            case 0: rig_poke(high - 8, 77); break;
            case 1: rig_poke(gap, 0x12345); break;
            case 2: rig_poke(gap + 4, 0x54321); break;
            case 3: rig_poke(gap - 4, rig_peek(gap - 4) ^ 0x100); break;
            case 4: fh_tag_seal(secret, b, fh_tag_open(secret, b) & ~FH_PREV_FREE); break;
            case 5: *fh_map_of(&rig.heap->lists, 0) ^= (uint32_t)1 << fh_class_of(&rig.heap->lists, FH_MIN_GRANULES); break;
            case 6: rig_poke(far, rig_peek(far) ^ 0x40); break;
            case 7: join_strays((struct fh_block *)rig_launder(gap), (struct fh_block *)rig_launder(larger)); break;
            default: rig.heap->peak = (size_t)1 << 20; rig.heap->used++; break;
            }
            size_t begun = cursor.passes + 1;
            bool seen = false;
            for (unsigned calls = 0; cursor.passes < begun + 1; calls++) {
                REQUIRE(calls < 5000);
                for (unsigned n = cases[which].rest ? 0 : dice_below(&dice, 3); n != 0; n--) {
                    unsigned k = dice_below(&dice, SLOTS);
                    if (ptr[k] == NULL) {
                        size[k] = 112 * (1 + dice_below(&dice, 4)) - 4;
                        ptr[k] = fh_malloc(rig.heap, size[k]);
                    } else {
                        fh_free(rig.heap, ptr[k]);
                        ptr[k] = NULL;
                    }
                }
                enum fh_fault_kind kind = fh_check_step(rig.heap, &cursor, 1 + dice_below(&dice, 6));
                if (cursor.passes >= begun || kind != FH_OK)
                    seen |= kind == cases[which].kind;
            }
            if (!CHECK(seen))
                say("  not found among changes: %s, round %u\n", fh_fault_name(cases[which].kind), round);
            /* A region whose header is damaged may hide others, which the calls then report. */
            CHECK(rig.faults == 0 || cases[which].kind == FH_BAD_CONTROL);
        }
    }
}

/* A region that the cursor stands in leaves the heap, and its memory comes back as a larger one: what was the old one's end is in the middle
 * of a block then. */
static unsigned char *lend;
static size_t lend_bytes;

static void *acquire_this(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    *got = lend_bytes;
    return least <= lend_bytes ? lend : NULL;
}

static void release_this(void *ctx, void *mem, size_t bytes)
{
    (void)ctx;
    EQUAL(mem, lend);
    EQUAL(bytes, lend_bytes);
}

static void region_leaves_and_comes_back(void)
{
    rig_prepare(&rig);
    rig.port.acquire = acquire_this;
    rig.port.release = release_this;
    rig.heap = fh_create(rig_memory, 2000, &rig.port);
    REQUIRE(rig.heap != NULL);
    cursor = (struct fh_cursor){ 0 };
    lend = rig_memory + 100000;
    lend_bytes = 4000;
    void *large = fh_malloc(rig.heap, 3000);
    REQUIRE(large != NULL);
    while (cursor.at < (uintptr_t)lend)
        EQUAL(fh_check_step(rig.heap, &cursor, 1), FH_OK);
    EQUAL(fh_check_step(rig.heap, &cursor, 1), FH_OK);
    REQUIRE(cursor.passes == 0 && cursor.at > (uintptr_t)large && cursor.at < (uintptr_t)lend + 4000);
    fh_free(rig.heap, large);
    CHECK((uintptr_t)rig.heap->watched == fh_hi_for((uintptr_t)lend + 3999));
    fh_trim(rig.heap);
    EQUAL(rig_sum(&rig).regions, 1);
    lend_bytes = 8000;
    large = fh_malloc(rig.heap, 6000);
    REQUIRE(large != NULL && (unsigned char *)large < lend + 200);
    rig_fill(large, 6000, 3);
    EQUAL(pass(1, 1000), FH_OK);
    EQUAL(pass(1, 1000), FH_OK);
    /* Out and in again, with nothing else to tell: what was added up so far says nothing any more. */
    lend_bytes = 8000;
    for (unsigned calls = 0; calls < 40; calls++) {
        fh_free(rig.heap, large);
        fh_trim(rig.heap);
        large = fh_malloc(rig.heap, 6000);
        REQUIRE(large != NULL);
        for (unsigned n = 0; n < calls; n++)
            EQUAL(fh_check_step(rig.heap, &cursor, 1), FH_OK);
        fh_free(rig.heap, large);
        fh_trim(rig.heap);
        EQUAL(pass(1, 1000), FH_OK);
        large = fh_malloc(rig.heap, 6000);
        REQUIRE(large != NULL);
    }
    rig_sound(&rig);
}

/* The region just finished becomes one with others above it, which the pass has not seen. */
static void regions_join_behind_the_cursor(void)
{
    for (unsigned stop = 1; stop < 9; stop++) {
        rig_open(&rig, rig_memory, 2000);
        REQUIRE(fh_add_region(rig.heap, rig_memory + 4000, 2000) != 0);
        REQUIRE(fh_malloc(rig.heap, 100) != NULL && fh_malloc(rig.heap, 1500) != NULL && fh_malloc(rig.heap, 1400) != NULL);
        cursor = (struct fh_cursor){ 0 };
        EQUAL(fh_check_step(rig.heap, &cursor, stop), FH_OK);
        REQUIRE(fh_add_region(rig.heap, rig_memory + 2000, 2000) != 0);
        EQUAL(rig_sum(&rig).regions, 1);
        /* The end tag of them all. */
        uintptr_t end = fh_hi_for(rig.heap->first.last);
        rig_poke((void *)(end - 4), 0);
        /* Damage that the present pass has passed is for the next one to find. */
        bool passed = cursor.at >= rig.heap->first.last;
        CHECK(!passed || stop > 5);
        EQUAL(pass(1, 1000), passed ? FH_OK : FH_BAD_TAG);
        EQUAL(pass(1, 1000), FH_BAD_TAG);
    }
}

/* The heap's note of the cursor's place is a word of the control structure, which may be damaged like any other. */
static void damaged_place(void)
{
    for (unsigned round = 0; round < 400; round++) {
        furnish();
        EQUAL(fh_check_step(rig.heap, &cursor, 12), FH_OK);
        CHECK(rig.heap->watched != NULL);
        static const uintptr_t nonsense[] = { 0, 1, 4096, UINTPTR_MAX, UINTPTR_MAX / 2 + 1 };
        uintptr_t place = cursor.at;
        if (round < 5)
            place = nonsense[round];
        else if (round % 4 == 0)
            place += round % 3 + 1;
        else
            place = round % 4 == 1 ? place - round % 13 * FH_GRANULE : round % 4 == 2 ? (uintptr_t)rig_memory + 6016 + round * FH_GRANULE
                                                                                     : (uintptr_t)&rig;
        rig.heap->watched = (struct fh_block *)place;
        fh_usable_size(rig.heap, held[1]);
        /* Nothing is blamed for it, and nothing is passed over. */
        bool damaged = round / 4 % 2 != 0;
        if (damaged)
            rig_poke((void *)(fh_hi_for(fh_region_of(rig.heap, (struct fh_block *)cursor.at)->last) - 4), 0);
        EQUAL(pass(9, 1000), damaged ? FH_BAD_TAG : FH_OK);
    }
}

/* Any damage, also to several words at once, also while a pass is on its way: each pass ends. */
static void ends_on_any_damage(void)
{
    static unsigned char copy[6000];
    static unsigned char other_copy[3000];
    furnish();
    for (size_t i = 0; i < sizeof copy; i++)
        copy[i] = rig_memory[i];
    for (size_t i = 0; i < sizeof other_copy; i++)
        other_copy[i] = rig_memory[65536 + i];
    dice = dice_from(test_seed());
    const size_t from = sizeof(struct fh_heap);
    for (unsigned round = 0; round < 3000 && !test_failed(); round++) {
        size_t passes = cursor.passes;
        for (unsigned calls = 0; cursor.passes < passes + 2; calls++) {
            REQUIRE(calls < 4000);
            if (dice_below(&dice, 4) == 0) {
                size_t at = from + dice_below(&dice, (uint32_t)((sizeof copy - from) / 4)) * 4;
                uint32_t word = dice_roll(&dice) >> dice_below(&dice, 32);
                rig_poke(rig_memory + at, dice_below(&dice, 2) == 0 ? word : rig_peek(rig_memory + from + dice_below(&dice, 1000) * 4));
            }
            if (dice_below(&dice, 40) == 0)
                rig_poke(rig_memory + 65536 + dice_below(&dice, 8) * 4, dice_roll(&dice));
            CHECK(fh_check_step(rig.heap, &cursor, 1 + dice_below(&dice, 200)) < FH_FAULT_KINDS);
        }
        for (size_t i = 0; i < sizeof copy; i++)
            rig_memory[i] = copy[i];
        for (size_t i = 0; i < sizeof other_copy; i++)
            rig_memory[65536 + i] = other_copy[i];
        cursor.steps = rig.heap->steps - 1;
    }
    EQUAL(rig.faults, 0);
    EQUAL(pass(5, 1000), FH_OK);
}

/* The cursor's own words are a program's: nonsense in them leads nowhere. */
static void nonsense_in_the_cursor(void)
{
    furnish();
    dice = dice_from(test_seed());
    for (unsigned round = 0; round < 20000; round++) {
        cursor.at = dice_below(&dice, 2) ? dice_roll(&dice) : (uintptr_t)rig_memory + dice_below(&dice, 6000) * FH_GRANULE;
        cursor.stage = dice_below(&dice, 5);
        cursor.list = dice_roll(&dice) >> dice_below(&dice, 32);
        cursor.link = dice_below(&dice, 2) ? dice_roll(&dice) : dice_below(&dice, 600);
        cursor.steps = rig.heap->steps - dice_below(&dice, 2);
        cursor.quiet = dice_below(&dice, 2) != 0;
        enum fh_fault_kind kind = fh_check_step(rig.heap, &cursor, 1 + dice_below(&dice, 50));
        CHECK(kind < FH_FAULT_KINDS);
    }
    cursor = (struct fh_cursor){ 0 };
    EQUAL(pass(3, 1000), FH_OK);
    rig_sound(&rig);
}

/* No call goes farther than it may. */
struct span {
    uintptr_t from;
    uintptr_t to;
    size_t blocks;
};

static bool count(void *arg, const struct fh_block_info *info)
{
    struct span *s = arg;
    s->blocks += (uintptr_t)info->payload >= s->from && (uintptr_t)info->payload < s->to && info->bytes != 0;
    return true;
}

static void keeps_to_its_budget(void)
{
    furnish();
    dice = dice_from(test_seed());
    for (unsigned i = 0; i < 3000; i++) {
        struct span s = { cursor.stage != 0 ? cursor.at : 0, 0, 0 };
        uint32_t list = cursor.stage != 0 ? cursor.list : 0;
        size_t budget = 1 + dice_below(&dice, 12);
        size_t passes = cursor.passes;
        EQUAL(fh_check_step(rig.heap, &cursor, budget), FH_OK);
        s.to = cursor.at;
        fh_walk(rig.heap, count, &s);
        if (cursor.passes == passes)
            CHECK(s.blocks + (cursor.list - list) <= budget);
    }
    CHECK(cursor.passes > 20);
}

/* And its work does not depend on how large the heap is: basic blocks entered, among ten blocks and among ten thousand. */
static uintptr_t most_steps(unsigned blocks)
{
    rig_open(&rig, rig_memory, RIG_MEMORY);
    void *first = NULL;
    for (unsigned i = 0; i < blocks; i++) {
        void *p = fh_malloc(rig.heap, 20 + i % 5 * 16);
        REQUIRE(p != NULL);
        if (i % 2 != 0)
            fh_free(rig.heap, first);
        first = p;
    }
    cursor = (struct fh_cursor){ 0 };
    uintptr_t most = 0;
    while (cursor.passes < 2) {
        uintptr_t from = test_steps;
        EQUAL(fh_check_step(rig.heap, &cursor, 16), FH_OK);
        if (test_steps - from > most)
            most = test_steps - from;
    }
    return most;
}

static void work_is_bounded(void)
{
    if (!test_counts_steps())
        test_does_not_apply();
    uintptr_t few = most_steps(40);
    uintptr_t many = most_steps(10000);
    CHECK(few != 0 && many <= few + few / 4);
    CHECK(many < 16 * 100);
}

/* A region's first block has none before it that could be free. Whatever else is wrong with its tag is reported once. */
static void first_of_a_region(void)
{
    rig_open(&rig, rig_memory, 8192);
    struct fh_block *first = as_block(fh_malloc(rig.heap, 100));
    REQUIRE((uintptr_t)first == rig.heap->first.lo);
    uint32_t secret = rig.heap->lists.space.secret;
    cursor = (struct fh_cursor){ 0 };
    fh_tag_flip_prev(secret, first, true);
    EQUAL(fh_check(rig.heap), FH_NOT_COALESCED);
    EQUAL(all_reports(1000), 1);
    EQUAL(reports[0].kind, FH_NOT_COALESCED);
    CHECK(reports[0].block == first);
    fh_tag_flip_prev(secret, first, false);
    EQUAL(all_reports(1000), 0);
    *fh_tag_of(first) ^= 0x100;
    EQUAL(all_reports(1000), 1);
    EQUAL(reports[0].kind, FH_BAD_TAG);
    CHECK(reports[0].block == first);
}

/* Disturbed in the middle of a list, the pass goes on with the next one. */
static void disturbed_in_a_list(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    furnish();
    do
        fh_check_step(rig.heap, &cursor, 1);
    while (cursor.passes == 0 && (cursor.link == 0 || cursor.list == 0));
    REQUIRE(cursor.passes == 0);
    uint32_t list = cursor.list;
    fh_free(rig.heap, fh_malloc(rig.heap, 30));
    fh_check_step(rig.heap, &cursor, 1);
    CHECK(cursor.list > list);
    EQUAL(pass(1, 2000), FH_OK);
}

/* Another cursor that went farther takes no block from this one. */
static void behind_another_cursor(void)
{
    rig_open(&rig, rig_memory, 8192);
    for (unsigned i = 0; i < 40; i++)
        REQUIRE(fh_malloc(rig.heap, 60) != NULL);
    struct fh_cursor other = { 0 };
    cursor = (struct fh_cursor){ 0 };
    EQUAL(fh_check_step(rig.heap, &cursor, 5), FH_OK);
    EQUAL(fh_check_step(rig.heap, &other, 20), FH_OK);
    struct fh_block *place = (struct fh_block *)cursor.at;
    REQUIRE(cursor.stage == other.stage && other.at > cursor.at && cursor.at > rig.heap->first.lo);
    *fh_tag_of(place) ^= 0x100;
    EQUAL(all_reports(1000), 1);
    EQUAL(reports[0].kind, FH_BAD_TAG);
    CHECK(reports[0].block == place);
}

TESTS(unit_step) = {
    { "disturbed_in_a_list", disturbed_in_a_list },
    { "behind_another_cursor", behind_another_cursor },
    { "first_of_a_region", first_of_a_region },
    { "says_where", says_where },
    { "top_between_granules", top_between_granules },
    { "more_than_all", more_than_all },
    { "begins_and_goes_on", begins_and_goes_on },
    { "one_at_a_time", one_at_a_time },
    { "overtaken", overtaken },
    { "whole", whole },
    { "finds_every_bit", finds_every_bit },
    { "finds_each_kind", finds_each_kind },
    { "finds_each_region", finds_each_region },
    { "changes", changes },
    { "changes_with_caches", changes_with_caches },
    { "changes_that_are_hostile", changes_that_are_hostile },
    { "changes_that_are_hostile_and_grow", changes_that_are_hostile_and_grow },
    { "two_cursors", two_cursors },
    { "found_among_changes", found_among_changes },
    { "region_leaves_and_comes_back", region_leaves_and_comes_back },
    { "regions_join_behind_the_cursor", regions_join_behind_the_cursor },
    { "damaged_place", damaged_place },
    { "ends_on_any_damage", ends_on_any_damage },
    { "nonsense_in_the_cursor", nonsense_in_the_cursor },
    { "keeps_to_its_budget", keeps_to_its_budget },
    { "work_is_bounded", work_is_bounded },
    { "finds_one_too_many", finds_one_too_many },
    TESTS_END
};
