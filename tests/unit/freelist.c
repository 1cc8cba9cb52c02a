/* SPDX-License-Identifier: MIT
 *
 * freelist.c - src/freelist.h: the classes, and first fit as the heap shows it.
 */
#include "harness/rig.h"

#include "pool.h"

static const struct fh_lists all = { .classes = FH_MAX_CLASSES };

/* A larger block is never in a lower class, and every class is of use. */
static void classes_ascend(void)
{
    uint32_t before = fh_class_of(&all, 1);
    EQUAL(before, 0);
    for (uint32_t n = 2; n < 1 << 20; n++) {
        uint32_t class = fh_class_of(&all, n);
        if (class != before && class != before + 1)
            EQUAL(class, before);
        before = class;
    }
    for (unsigned bit = 20; bit < 31; bit++)
        CHECK(fh_class_of(&all, (uint32_t)1 << bit) <= fh_class_of(&all, ((uint32_t)1 << bit) + 1));
    CHECK(fh_class_of(&all, UINT32_MAX / 2) < FH_MAX_CLASSES);
    EQUAL(fh_class_of(&all, UINT32_MAX), FH_MAX_CLASSES - 1);
    if (FH_MAX_CLASSES != 1)
        EQUAL(fh_class_of(&all, (uint32_t)15 << 28), FH_MAX_CLASSES - 2);
}

/* Small sizes have a class for each granule; above, a class spans at most an eighth. */
static void classes_are_narrow(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (uint32_t n = 1; n < 16; n++)
        CHECK(fh_class_of(&all, n) != fh_class_of(&all, n + 1));
    for (uint32_t n = 16; n < 1 << 16; n += 1 + n / 64)
        CHECK(fh_class_of(&all, n) != fh_class_of(&all, n + n / 8 + 2));
}

/* A request for a power of two, tag included, begins a class: no block of that class is too small for it. */
static void powers_of_two_begin_a_class(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    for (size_t size = 16 * FH_GRANULE; size <= (size_t)FH_GRANULE << 15; size *= 2) {
        uint32_t n = fh_granules_for(size);
        CHECK(fh_class_of(&all, n) == fh_class_of(&all, n - 1) + 1);
    }
}

/* A table cut short puts all that is larger into its last class. */
static void short_tables(void)
{
    for (uint32_t classes = 1; classes <= FH_MAX_CLASSES; classes++) {
        struct fh_lists l = { .classes = classes };
        for (uint32_t n = 1; n < 1 << 22; n += 1 + n / 16) {
            uint32_t class = fh_class_of(&l, n);
            uint32_t full = fh_class_of(&all, n);
            EQUAL(class, full < classes ? full : classes - 1);
        }
    }
}

static struct rig rig;
static unsigned char *wall[16];

/* Free blocks of these sizes, none of which touch; the rest of the heap is taken. */
static void holes(const size_t *size, unsigned count, unsigned char **hole)
{
    rig_open(&rig, rig_memory, 65536);
    for (unsigned i = 0; i < count; i++) {
        hole[i] = fh_malloc(rig.heap, size[i]);
        wall[i] = fh_malloc(rig.heap, 1);
        REQUIRE(hole[i] != NULL && wall[i] != NULL);
    }
    for (size_t hold = 32768; hold != 0; hold /= 2) {
        while (fh_malloc(rig.heap, hold) != NULL)
            continue;
    }
    while (fh_malloc(rig.heap, 0) != NULL)
        continue;
    EQUAL(rig_sum(&rig).free_blocks, 0);
    for (unsigned i = 0; i < count; i++)
        fh_free(rig.heap, hole[i]);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, count);
}

/* Whatever is large enough is found, and nothing smaller is taken: each request of every size between two holes. */
static void finds_what_fits(void)
{
    static const size_t size[] = { 20, 100, 200, 450, 900, 2000, 5000 };
    for (size_t want = 0; want <= 5000; want += 7) {
        unsigned char *hole[7];
        holes(size, 7, hole);
        unsigned char *ptr = fh_malloc(rig.heap, want);
        REQUIRE(ptr != NULL);
        unsigned k = 0;
        while (k < 7 && !(ptr >= hole[k] && ptr < wall[k]))
            k++;
        REQUIRE(k < 7);
        CHECK(size[k] + 2 * FH_GRANULE > want);
        rig_sound(&rig);
        if (FH_MAX_CLASSES == 1)
            continue;
        /* Between holes so far apart, the first class that fits is the smallest hole that fits. */
        CHECK(k == 0 || size[k - 1] + 2 * FH_GRANULE < want + 2 * FH_GRANULE + want / 8 + FH_GRANULE);
    }
}

/* One request after the other until nothing fits: every hole is used, none twice. */
static void uses_all(void)
{
    static const size_t size[] = { 100, 100, 100, 100, 100, 100, 100, 100, 100, 100 };
    unsigned char *hole[10];
    bool used[10] = { false };
    holes(size, 10, hole);
    for (unsigned i = 0; i < 10; i++) {
        unsigned char *ptr = fh_malloc(rig.heap, 100);
        unsigned k = 0;
        while (k < 10 && ptr != hole[k])
            k++;
        REQUIRE(k < 10);
        CHECK(!used[k]);
        used[k] = true;
        rig_sound(&rig);
    }
    CHECK(fh_malloc(rig.heap, 100) == NULL);
    EQUAL(rig_sum(&rig).free_blocks, 0);
}

/* The first on the list is the last that was freed. */
static void last_in_first_out(void)
{
    static const size_t size[] = { 100, 100, 100, 100 };
    unsigned char *hole[4];
    holes(size, 4, hole);
    CHECK(fh_malloc(rig.heap, 100) == hole[3]);
    CHECK(fh_malloc(rig.heap, 100) == hole[2]);
    fh_free(rig.heap, hole[3]);
    CHECK(fh_malloc(rig.heap, 100) == hole[3]);
    CHECK(fh_malloc(rig.heap, 100) == hole[1]);
    CHECK(fh_malloc(rig.heap, 100) == hole[0]);
    rig_sound(&rig);
}

/* Out of the middle of a list, in every order: neighbours join, which takes them off. */
static void unlinks_anywhere(void)
{
    static const size_t size[] = { 60, 60, 60, 60, 60, 60 };
    for (unsigned k = 0; k < 6; k++) {
        unsigned char *hole[6];
        holes(size, 6, hole);
        fh_free(rig.heap, wall[k]);
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).free_blocks, k < 5 ? 5 : 6);
    }
}

/* What follows has lists of its own, in memory that no heap cuts: the verbs one at a time, against arrays. */
enum { PLACES = 48, SPACING = 64 };

static struct fh_lists *lists;
static struct fh_view view;
static struct fh_block *listed[FH_MAX_CLASSES][PLACES];
static unsigned length[FH_MAX_CLASSES];

static struct fh_block *place(unsigned i)
{
    return (struct fh_block *)(void *)(rig_memory + 65536 + (size_t)i * SPACING * FH_GRANULE);
}

static void make_lists(uint32_t classes)
{
    static _Alignas(16) unsigned char room[sizeof(struct fh_lists) + 4096];
    lists = (struct fh_lists *)(void *)room;
    fh_zero(room, sizeof room);
    lists->classes = classes;
    lists->space.secret = 0x600DCAFE;
    lists->mark = fh_list_mark(lists->space.secret);
    lists->space.lo = (uintptr_t)place(0);
    lists->space.span = (uintptr_t)place(PLACES) - (uintptr_t)place(0);
    fh_look(&lists->space, &view);
}

/* The lists are the arrays, from both ends; bitmap and summary say which are empty. */
static bool agree(void)
{
    bool ok = true;
    uint32_t summary = 0;
    for (uint32_t class = 0; class < lists->classes; class++) {
        uint32_t before = lists->mark + class;
        uint32_t link = *fh_head_of(lists, class);
        for (unsigned i = 0; i < length[class]; i++) {
            const struct fh_block *b = listed[class][i];
            ok &= EQUAL(link, fh_link_to(lists, b));
            ok &= EQUAL(b->prev, before);
            before = link;
            link = b->next;
        }
        ok &= EQUAL(link, length[class] != 0 ? fh_list_end(lists) : 0);
        bool marked = (*fh_map_of(lists, class) >> class % 32 & 1) != 0;
        ok &= EQUAL(marked, length[class] != 0);
        summary |= (uint32_t)marked << class / 32;
    }
    return FH_MAX_CLASSES == 1 ? ok : ok & EQUAL(lists->summary, summary);
}

static void model_insert(struct fh_block *b, uint32_t class)
{
    for (unsigned i = length[class]++; i > 0; i--)
        listed[class][i] = listed[class][i - 1];
    listed[class][0] = b;
}

static unsigned model_find(const struct fh_block *b, uint32_t class)
{
    unsigned at = 0;
    while (at < length[class] && listed[class][at] != b)
        at++;
    return at;
}

static void model_remove(const struct fh_block *b, uint32_t class)
{
    unsigned at = model_find(b, class);
    for (length[class]--; at < length[class]; at++)
        listed[class][at] = listed[class][at + 1];
}

static void verbs_against_arrays(void)
{
    make_lists(FH_MAX_CLASSES);
    struct dice dice = dice_from(test_seed());
    uint32_t granules[PLACES] = { 0 };
    for (unsigned round = 0; round < 20000 && !test_failed(); round++) {
        unsigned i = dice_below(&dice, PLACES);
        struct fh_block *b = place(i);
        uint32_t n = 1 + (dice_roll(&dice) >> dice_below(&dice, 31));
        uint32_t class = fh_class_of(lists, n);
        if (granules[i] == 0) {
            CHECK(fh_list_insert(lists, &view, b, n));
            model_insert(b, class);
            granules[i] = n;
        } else {
            CHECK(fh_list_remove(lists, &view, b));
            model_remove(b, fh_class_of(lists, granules[i]));
            EQUAL(b->next | b->prev, 0);
            granules[i] = 0;
        }
        agree();
        EQUAL(lists->blame.kind, FH_OK);
    }
}

/* The next list that is not empty, for every pair of classes; and what contradicts itself is blamed. */
static void classes_above(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    static const uint32_t tables[] = { 1, 2, 31, 32, 33, 64, 65, FH_MAX_CLASSES };
    for (unsigned t = 0; t < sizeof tables / sizeof *tables; t++) {
        make_lists(tables[t]);
        for (uint32_t high = 0; high < lists->classes; high++) {
            *fh_head_of(lists, high) = 7;
            fh_map_set(lists, high);
            for (uint32_t class = 0; class < lists->classes; class++)
                EQUAL(fh_class_above(lists, class), class < high ? high : FH_NO_CLASS);
            /* A second one below: the lower one is met first. */
            for (uint32_t low = 0; low < high; low++) {
                *fh_head_of(lists, low) = 7;
                fh_map_set(lists, low);
                EQUAL(fh_class_above(lists, 0), low != 0 ? low : high);
                EQUAL(fh_class_above(lists, low), high);
                *fh_head_of(lists, low) = 0;
                fh_map_clear(lists, low);
            }
            EQUAL(lists->blame.kind, FH_OK);
            *fh_head_of(lists, high) = 0;
            if (high != 0) {
                EQUAL(fh_class_above(lists, 0), FH_NO_CLASS);
                EQUAL(lists->blame.kind, FH_BAD_CONTROL);
                lists->blame.kind = FH_OK;
            }
            fh_map_clear(lists, high);
            EQUAL(lists->summary, 0);
            EQUAL(*fh_map_of(lists, high), 0);
        }
        /* A summary that names an empty word, or one that is not there, whatever lies behind the last one. */
        uint32_t words = (lists->classes + 31) / 32;
        for (uint32_t class = 0; class < lists->classes; class++)
            *fh_head_of(lists, class) = 7;
        for (uint32_t word = words; word < 32; word++)
            *fh_map_of(lists, word * 32) = 0x300;
        lists->blame.found = 0;
        for (uint32_t bit = words > 1 ? 1 : 0; bit < 32; bit++) {
            lists->summary = (uint32_t)1 << bit;
            EQUAL(fh_class_above(lists, 0), FH_NO_CLASS);
            EQUAL(lists->blame.kind, bit == 0 ? FH_OK : FH_BAD_CONTROL);
            EQUAL(lists->blame.found, 0);
            lists->blame.kind = FH_OK;
        }
        lists->summary = 0;
        /* A bit for the class behind the last one. */
        if (lists->classes % 32 != 0) {
            *fh_map_of(lists, lists->classes) = (uint32_t)1 << lists->classes % 32;
            EQUAL(fh_class_above(lists, lists->classes - 1), FH_NO_CLASS);
            EQUAL(lists->blame.kind, FH_BAD_CONTROL);
            EQUAL(lists->blame.found, (uint32_t)1 << lists->classes % 32);
            lists->blame.kind = FH_OK;
            *fh_map_of(lists, lists->classes) = 0;
        }
    }
}

/* Three blocks on one list, and one word of them or of the head damaged: which verbs see it, what they blame, and that they write
 * nothing. */
static void damaged_links(void)
{
    struct fh_block copy[3];
    static const uint32_t not_free[] = { FH_USED, FH_DEAD, FH_TAG_LIMIT | FH_FREE | 6 << FH_SIZE_SHIFT };
    for (unsigned who = 0; who < 12; who++) {
        make_lists(FH_MAX_CLASSES);
        const uint32_t n = 6;
        uint32_t class = fh_class_of(lists, n);
        fh_word *head = fh_head_of(lists, class);
        for (unsigned i = 0; i < 3; i++) {
            fh_make_free(lists->space.secret, place(i), n);
            REQUIRE(fh_list_insert(lists, &view, place(i), n));
        }
        /* head -> 2 -> 1 -> 0 */
        struct fh_block *a = place(2);
        struct fh_block *b = place(1);
        struct fh_block *c = place(0);
        uint32_t outside = fh_link_to(lists, place(PLACES + 4));
        struct fh_block *met = b;      /* whose removal meets it */
        const struct fh_block *blamed = b;
        uint32_t expected = 0;
        uint32_t found = outside;
        switch (who) {
        case 0:     /* the middle one leads outside */
            b->next = outside;
            break;
        case 1:
            b->prev = outside;
            break;
        case 2:     /* the last one does not lead back */
            blamed = c;
            expected = fh_link_to(lists, b);
            found = c->prev = 5;
            break;
        case 3:     /* the first one does not lead there */
            blamed = a;
            expected = fh_link_to(lists, b);
            found = a->next = 5;
            break;
        case 4:     /* the head leads elsewhere */
            met = a;
            blamed = a;
            expected = *head = fh_link_to(lists, b);
            found = fh_link_to(lists, a);
            break;
        case 5:     /* zeros over a link, the last one's too */
        case 6:
        case 7:
            blamed = met = place(who - 5);
            met->next = found = 0;
            break;
        case 8:     /* the mark of a list that would follow the last one */
            b->prev = lists->mark + lists->classes;
            found = fh_link_to(lists, fh_link_at(lists, b->prev));
            break;
        default:    /* to what is no free block: the link is wrong, and so is who has it */
            b->next = fh_link_to(lists, place(9));
            place(9)->prev = found = 77;
            *fh_tag_of(place(9)) = (not_free[who - 9] * FH_SEAL) ^ ((uint32_t)(uintptr_t)place(9) ^ lists->space.secret);
            expected = fh_link_to(lists, b);
        }
        for (unsigned i = 0; i < 3; i++)
            copy[i] = *place(i);
        uint32_t was = *head;
        CHECK(!fh_list_remove(lists, &view, met));
        EQUAL(lists->blame.kind, FH_BAD_LINK);
        CHECK(lists->blame.block == blamed);
        EQUAL(lists->blame.expected, expected);
        EQUAL(lists->blame.found, found);
        lists->blame.kind = FH_OK;
        for (unsigned i = 0; i < 3; i++)
            CHECK(place(i)->next == copy[i].next && place(i)->prev == copy[i].prev);
        EQUAL(*head, was);
    }
    /* The first block of a list, met by an insertion before it. */
    uint32_t class = fh_class_of(lists, 6);
    fh_word *head = fh_head_of(lists, class);
    *head = fh_link_to(lists, place(2));
    uint32_t marks[] = { lists->mark, lists->mark + class + 1, 0, fh_link_to(lists, place(1)) };
    for (unsigned i = 0; i < 4; i++) {
        if (marks[i] == lists->mark + class)
            continue;
        place(2)->prev = marks[i];
        CHECK(!fh_list_insert(lists, &view, place(30), 6));
        EQUAL(lists->blame.kind, FH_BAD_LINK);
        CHECK(lists->blame.block == place(2));
        EQUAL(lists->blame.expected, lists->mark + class);
        EQUAL(lists->blame.found, marks[i]);
        EQUAL(*head, fh_link_to(lists, place(2)));
    }
    *head = fh_link_to(lists, place(PLACES + 4));
    CHECK(!fh_list_insert(lists, &view, place(30), 6));
    CHECK(lists->blame.block == NULL);
    EQUAL(lists->blame.found, *head);
}

/* How deep a list is searched, four blocks, and that the block found is the first that fits. */
static void depth_of_the_search(void)
{
    for (unsigned last = 0; last < 2; last++) {
        make_lists(FH_MAX_CLASSES);
        /* The last class has no bound. */
        if (last)
            lists->classes = 1;
        uint32_t fits = last ? 9 : 40;
        uint32_t small = last ? 8 : 39;
        EQUAL(fh_class_of(lists, fits), fh_class_of(lists, small));
        for (unsigned deep = 0; deep < 12; deep++) {
            /* One that fits behind so many that do not. */
            for (unsigned i = 0; i <= deep; i++) {
                uint32_t n = i == 0 ? fits : small;
                fh_make_free(lists->space.secret, place(i), n);
                REQUIRE(fh_list_insert(lists, &view, place(i), n));
            }
            uint32_t size = 0;
            struct fh_block *b = fh_list_find(lists, fits, &size);
            bool all_searched = last || FH_MAX_CLASSES == 1;
            CHECK(b == (deep < 4 || all_searched ? place(0) : NULL));
            if (b != NULL)
                EQUAL(size, fits);
            EQUAL(lists->blame.kind, FH_OK);
            /* With a larger one in another list, that one instead. */
            if (!all_searched) {
                fh_make_free(lists->space.secret, place(40), 60);
                REQUIRE(fh_list_insert(lists, &view, place(40), 60));
                b = fh_list_find(lists, fits, &size);
                CHECK(b == place(deep < 4 ? 0 : 40));
                EQUAL(size, deep < 4 ? fits : 60);
                REQUIRE(fh_list_remove(lists, &view, place(40)));
            }
            for (unsigned i = 0; i <= deep; i++)
                REQUIRE(fh_list_remove(lists, &view, place(i)));
        }
    }
}

/* Damage behind the first block of a list, though what lies behind it would do: no answer, one blame, and an end to the search. */
static void damage_deep_in_a_list(void)
{
    for (unsigned who = 0; who < 3; who++) {
        make_lists(FH_MAX_CLASSES);
        lists->classes = 1;
        for (unsigned i = 0; i < 3; i++) {
            fh_make_free(lists->space.secret, place(i), i == 0 ? 9 : 8);
            REQUIRE(fh_list_insert(lists, &view, place(i), i == 0 ? 9 : 8));
        }
        /* head -> 2 -> 1 -> 0 */
        uint32_t wanted = 9;
        if (who == 0)           /* the second is none */
            fh_tag_seal(lists->space.secret, place(1), FH_USED);
        if (who == 1)           /* the second is left out */
            place(2)->next = fh_link_to(lists, place(0));
        if (who == 2) {         /* a circle of what is too small */
            wanted = 10;
            place(0)->next = fh_link_to(lists, place(1));
        }
        uint32_t size = 0;
        CHECK(fh_list_find(lists, wanted, &size) == NULL);
        EQUAL(lists->blame.kind, who == 0 ? FH_BAD_TAG : FH_BAD_LINK);
        CHECK(lists->blame.block == place(who == 1 ? 0 : 1));
    }
}

/* A huge block has its size at both ends, and they must agree, though either might be. */
static void huge_blocks(void)
{
    const uint32_t n = FH_HUGE + FH_HUGE / 2;
    unsigned char *mem = host_map(NULL, ((size_t)n + 64) * FH_GRANULE);
    if (mem == NULL)
        test_skip("no memory to map");
    make_lists(FH_MAX_CLASSES);
    struct fh_block *b = (struct fh_block *)(void *)(mem + FH_GRANULE);
    lists->space.lo = (uintptr_t)b;
    lists->space.span = (uintptr_t)(n + 8) * FH_GRANULE;
    fh_look(&lists->space, &view);
    fh_make_free(lists->space.secret, b, n);
    lists->blame.kind = FH_OK;
    EQUAL(fh_open_free(lists, &view, b), n);
    EQUAL(lists->blame.kind, FH_OK);
    const uint32_t wrong[] = { n - 1, n + 1, n ^ FH_HUGE / 2, FH_HUGE, FH_HUGE - 1, 0 };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        b->size = wrong[i];
        lists->blame.kind = FH_OK;
        EQUAL(fh_open_free(lists, &view, b), 0);
        EQUAL(lists->blame.kind, FH_BAD_TAG);
        CHECK(lists->blame.block == b);
    }
    /* Nor is it one because the word is there that a footer would be. */
    b = fh_after(b, 1);
    fh_tag_seal(lists->space.secret, b, FH_USED);
    *fh_footer_of(fh_after(b, 1)) = 1;
    lists->blame.kind = FH_OK;
    EQUAL(fh_open_free(lists, &view, b), 0);
    EQUAL(lists->blame.kind, FH_BAD_TAG);
}

/* A block that is too small for the list that it is on is no answer. */
static void too_small_for_its_list(void)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    make_lists(FH_MAX_CLASSES);
    static const uint32_t sizes[] = { 39, 40, 50 };
    for (unsigned i = 0; i < 3; i++) {
        struct fh_block *b = place(4);
        const bool right = sizes[i] >= 40;
        fh_make_free(lists->space.secret, b, sizes[i]);
        uint32_t link = fh_link_to(lists, b);
        uint32_t class = fh_class_of(lists, 50);
        b->next = fh_list_end(lists);
        b->prev = lists->mark + class;
        *fh_head_of(lists, class) = link;
        fh_map_set(lists, class);
        /* From below: another class's only block, too small, comes first. */
        fh_make_free(lists->space.secret, place(9), 39);
        REQUIRE(fh_list_insert(lists, &view, place(9), 39));
        EQUAL(fh_class_of(lists, 39), fh_class_of(lists, 40));
        uint32_t size = 0;
        struct fh_block *found = fh_list_find(lists, 40, &size);
        CHECK(found == (right ? b : NULL));
        EQUAL(lists->blame.kind, right ? FH_OK : FH_BAD_TAG);
        if (!right) {
            CHECK(lists->blame.block == b);
            EQUAL(lists->blame.expected, 40);
            EQUAL(lists->blame.found, 39);
        }
        lists->blame.kind = FH_OK;
        REQUIRE(fh_list_remove(lists, &view, place(9)));
    }
}

/* What a list leads to must be a free block of a size that its region holds. */
static void what_a_list_leads_to(void)
{
    make_lists(FH_MAX_CLASSES);
    struct fh_block *b = place(PLACES - 1);
    const uint32_t room = SPACING;
    const uint32_t wrong[] = { fh_tag_for(FH_USED, 8), fh_tag_for(FH_FREE | FH_PREV_FREE, 8), fh_tag_for(FH_FREE, FH_MIN_GRANULES - 1),
        fh_tag_for(FH_FREE, room + 1), fh_tag_for(FH_FREE, FH_SIZE_MASK), FH_FREE | FH_IS_HUGE, FH_TOP, FH_DEAD, FH_FREE | FH_ALIGNED | 8 << 1,
        fh_tag_for(FH_FREE, 8) | FH_TAG_LIMIT };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        *fh_tag_of(b) = (wrong[i] * FH_SEAL) ^ ((uint32_t)(uintptr_t)b ^ lists->space.secret);
        b->size = 8;
        *fh_footer_of(fh_after(b, 8)) = 8;
        lists->blame.kind = FH_OK;
        EQUAL(fh_open_free(lists, &view, b), 0);
        EQUAL(lists->blame.kind, FH_BAD_TAG);
        CHECK(lists->blame.block == b);
        EQUAL(lists->blame.expected, FH_FREE);
        EQUAL(lists->blame.found, wrong[i]);
    }
    lists->blame.kind = FH_OK;
    for (uint32_t n = FH_MIN_GRANULES; n <= room; n++) {
        fh_make_free(lists->space.secret, b, n);
        EQUAL(fh_open_free(lists, &view, b), n);
    }
    EQUAL(lists->blame.kind, FH_OK);
    EQUAL(fh_open_free(lists, &view, place(PLACES)), 0);
    EQUAL(lists->blame.kind, FH_BAD_LINK);
    CHECK(lists->blame.block == NULL);
    EQUAL(lists->blame.expected, 0);
    EQUAL(lists->blame.found, fh_link_to(lists, place(PLACES)));
}

/* Free blocks of these sizes in empty lists, of which there are several. */
static void list_blocks(const uint32_t *sizes, unsigned count)
{
    if (FH_MAX_CLASSES == 1)
        test_does_not_apply();
    make_lists(FH_MAX_CLASSES);
    for (unsigned i = 0; i < count; i++) {
        fh_make_free(lists->space.secret, place(i), sizes[i]);
        REQUIRE(fh_list_insert(lists, &view, place(i), sizes[i]));
    }
}

/* The first block of the next list is looked at like any other. */
static void damage_in_the_next_list(void)
{
    static const uint32_t sizes[] = { 39, 60 };
    list_blocks(sizes, 2);
    uint32_t size = 0;
    CHECK(fh_list_find(lists, 40, &size) == place(1));
    EQUAL(size, 60);
    *fh_tag_of(place(1)) ^= 0x100;
    CHECK(fh_list_find(lists, 40, &size) == NULL);
    EQUAL(lists->blame.kind, FH_BAD_TAG);
    CHECK(lists->blame.block == place(1));
    EQUAL(lists->blame.expected, FH_FREE);
    EQUAL(lists->blame.found, fh_tag_open(lists->space.secret, place(1)));
}

/* Damage behind the first block of a list ends the search, though the next list has what fits. */
static void damage_before_the_next_list(void)
{
    static const uint32_t sizes[] = { 60, 39, 39 };
    list_blocks(sizes, 3);
    uint32_t size = 0;
    CHECK(fh_list_find(lists, 40, &size) == place(0));
    fh_tag_seal(lists->space.secret, place(1), FH_USED);
    CHECK(fh_list_find(lists, 40, &size) == NULL);
    EQUAL(lists->blame.kind, FH_BAD_TAG);
    CHECK(lists->blame.block == place(1));
}

/* After a search the view shows the region of what was found, wherever it began. */
static void shows_what_it_found(void)
{
    const uint32_t n = 40;
    rig_open(&rig, rig_memory, 65536);
    REQUIRE(fh_add_region(rig.heap, rig_memory + 131072, 65536) != 0);
    struct fh_lists *l = &rig.heap->lists;
    REQUIRE(FH_MAX_CLASSES == 1 || fh_class_of(l, n) == fh_class_of(l, n - 1));
    /* In each region one that fits, and one that does not. */
    unsigned char *fits[2] = { NULL, NULL };
    unsigned char *small[2] = { NULL, NULL };
    unsigned char *ptr;
    for (unsigned i = 0; (ptr = fh_malloc(rig.heap, fh_payload_bytes(n - i % 2))) != NULL; i++)
        (i % 2 == 0 ? fits : small)[ptr >= rig_memory + 131072] = ptr;
    while (fh_malloc(rig.heap, 0) != NULL)
        continue;
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(fits[i] != NULL && small[1 - i] != NULL);
        fh_free(rig.heap, fits[i]);
        fh_free(rig.heap, small[1 - i]);
        fh_space_find(&l->space, (uintptr_t)small[1 - i]);
        struct fh_view v;
        uint32_t size;
        fh_look(&l->space, &v);
        CHECK(fh_list_find_from(l, &v, fh_class_of(l, n), n, &size) == (struct fh_block *)(void *)fits[i]);
        CHECK((uintptr_t)fits[i] - v.lo < v.span);
        EQUAL(size, n);
        REQUIRE(fh_malloc(rig.heap, fh_payload_bytes(n)) == fits[i] && fh_malloc(rig.heap, fh_payload_bytes(n - 1)) == small[1 - i]);
    }
}

/* A huge block has its size once more where it ends; and where its region ends none begins, whatever the end tag says. */
static void ends_of_huge_blocks(void)
{
    const uint32_t n = FH_HUGE + 5;
    unsigned char *mem = host_map(NULL, (size_t)(n + 40) * FH_GRANULE);
    if (mem == NULL)
        test_skip("no memory to map");
    make_lists(FH_MAX_CLASSES);
    struct fh_block *b = (struct fh_block *)(void *)(mem + FH_GRANULE);
    lists->space.lo = (uintptr_t)b;
    lists->space.span = (uintptr_t)(n + 20) * FH_GRANULE;
    lists->blame.kind = FH_OK;
    fh_make_free(lists->space.secret, b, n);
    EQUAL(fh_open_huge(lists, b), n);
    EQUAL(lists->blame.kind, FH_OK);
    *fh_footer_of(fh_after(b, n)) ^= 1;
    EQUAL(fh_open_huge(lists, b), 0);
    EQUAL(lists->blame.kind, FH_BAD_TAG);
    CHECK(lists->blame.block == b);
    struct fh_block *end = (struct fh_block *)(lists->space.lo + lists->space.span);
    fh_tag_seal(lists->space.secret, end, FH_FREE | FH_IS_HUGE);
    EQUAL(fh_open_huge(lists, end), 0);
    EQUAL(lists->blame.kind, FH_BAD_TAG);
    CHECK(lists->blame.block == end);
}

/* A mark is no link, whatever the secret and the class. */
static void marks_are_no_links(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t mark = fh_list_mark((uint32_t)1 << bit);
        CHECK(fh_list_mark(~((uint32_t)1 << bit)) <= UINT32_MAX - FH_MAX_CLASSES);
        EQUAL(mark >> 30, 1);
        EQUAL(mark & 0xFF, 0);
        EQUAL(fh_list_mark(~((uint32_t)1 << bit)) >> 30, 1);
        EQUAL((mark + FH_MAX_CLASSES - 1) >> 30, 1);
        EQUAL((fh_list_mark(UINT32_MAX) + FH_MAX_CLASSES - 1) >> 30, 1);
        /* The secret is in it. */
        EQUAL(mark != fh_list_mark(0), bit >= 8 && bit < 30);
    }
}

TESTS(unit_freelist) = {
    { "damage_before_the_next_list", damage_before_the_next_list },
    { "shows_what_it_found", shows_what_it_found },
    { "classes_ascend", classes_ascend },
    { "classes_are_narrow", classes_are_narrow },
    { "powers_of_two_begin_a_class", powers_of_two_begin_a_class },
    { "short_tables", short_tables },
    { "promise3_finds_what_fits", finds_what_fits },
    { "uses_all", uses_all },
    { "last_in_first_out", last_in_first_out },
    { "unlinks_anywhere", unlinks_anywhere },
    { "verbs_against_arrays", verbs_against_arrays },
    { "classes_above", classes_above },
    { "damaged_links", damaged_links },
    { "depth_of_the_search", depth_of_the_search },
    { "what_a_list_leads_to", what_a_list_leads_to },
    { "marks_are_no_links", marks_are_no_links },
    { "too_small_for_its_list", too_small_for_its_list },
    { "damage_deep_in_a_list", damage_deep_in_a_list },
    { "huge_blocks", huge_blocks },
    { "damage_in_the_next_list", damage_in_the_next_list },
    { "ends_of_huge_blocks", ends_of_huge_blocks },
    TESTS_END
};
