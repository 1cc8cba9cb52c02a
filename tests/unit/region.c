/* SPDX-License-Identifier: MIT
 *
 * region.c - src/region.c: the treap, against a list; white-box.
 */
#include "harness/rig.h"

#include "region.h"

enum { PLACES = 64, STRIDE = 256 };

static struct fh_space *space;
static bool there[PLACES];

/* Headers at regular places, each claiming the bytes up to the next place but 16. */
static struct fh_region *header(unsigned i)
{
    return (struct fh_region *)(void *)(rig_memory + 65536 + i * STRIDE);
}

static void start(void)
{
    static _Alignas(16) unsigned char room[256];
    space = (struct fh_space *)(void *)room;
    space->secret = 0xABCD1234;
}

static void insert(unsigned i)
{
    struct fh_region *r = header(i);
    r->lo = (uintptr_t)r + FH_HEADER_BYTES;
    r->last = (uintptr_t)r + STRIDE - 17;
    fh_region_insert(space, r, 0);
    there[i] = true;
}

static void compare(void)
{
    unsigned seen = 0;
    for (struct fh_region *r = fh_region_from(space, 0); r != NULL; r = fh_region_from(space, r->last)) {
        CHECK(fh_region_is_whole(space, r) && fh_region_leads_on(space, r));
        seen++;
    }
    unsigned expected = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        struct fh_region *r = header(i);
        expected += there[i];
        CHECK((fh_space_find(space, r->lo) != 0) == there[i]);
        CHECK((fh_space_find(space, r->last - 32) != 0) == there[i]);
        if (there[i])
            EQUAL(space->lo, r->lo);
        EQUAL(fh_space_find(space, fh_hi_for(r->last)), 0);
        EQUAL(fh_space_find(space, (uintptr_t)r), 0);
        CHECK((fh_region_over(space, (uintptr_t)r, (uintptr_t)r) == r) == there[i]);
        CHECK((fh_region_over(space, r->last, r->last) == r) == there[i]);
        CHECK(fh_region_over(space, r->last + 1, (uintptr_t)r + STRIDE - 1) == NULL);
        CHECK((fh_region_over(space, (uintptr_t)r - 16, (uintptr_t)r) != NULL) == there[i]);
    }
    EQUAL(seen, expected);
    CHECK((fh_region_over(space, 0, UINTPTR_MAX) != NULL) == (expected != 0));
}

static void random_inserts_and_removes(void)
{
    start();
    struct dice dice = dice_from(test_seed());
    for (unsigned i = 0; i < PLACES; i++) {
        header(i)->lo = (uintptr_t)header(i) + FH_HEADER_BYTES;
        header(i)->last = (uintptr_t)header(i) + STRIDE - 17;
    }
    for (unsigned i = 0; i < 3000 && !test_failed(); i++) {
        uint32_t k = dice_below(&dice, PLACES);
        if (there[k]) {
            fh_region_remove(space, header(k));
            there[k] = false;
        } else {
            insert(k);
        }
        compare();
    }
}

/* The shape is a matter of the set alone, not of the order in which it came about. */
static void shape_does_not_remember(void)
{
    start();
    for (unsigned i = 0; i < PLACES; i++)
        insert(i);
    uint32_t left[PLACES];
    uint32_t right[PLACES];
    for (unsigned i = 0; i < PLACES; i++) {
        left[i] = header(i)->left;
        right[i] = header(i)->right;
    }
    for (unsigned i = 0; i < PLACES; i += 3)
        fh_region_remove(space, header(i));
    for (unsigned i = PLACES; i-- > 0;) {
        if (i % 3 == 0)
            insert(i);
    }
    for (unsigned i = 0; i < PLACES; i++) {
        EQUAL(header(i)->left, left[i]);
        EQUAL(header(i)->right, right[i]);
    }
}

/* What is left after each of many removals is what the rest alone would be. */
static void removal_leaves_the_shape(void)
{
    struct dice dice = dice_from(test_seed());
    start();
    for (unsigned i = 0; i < PLACES; i++)
        insert(i);
    for (unsigned gone = 0; gone < PLACES; gone++) {
        uint32_t k;
        do {
            k = dice_below(&dice, PLACES);
        } while (!there[k]);
        fh_region_remove(space, header(k));
        there[k] = false;
        uint32_t left[PLACES];
        uint32_t right[PLACES];
        for (unsigned i = 0; i < PLACES; i++) {
            left[i] = header(i)->left;
            right[i] = header(i)->right;
        }
        space->root = NULL;
        for (unsigned i = 0; i < PLACES; i++) {
            if (there[i])
                insert(i);
        }
        for (unsigned i = 0; i < PLACES; i++) {
            if (!there[i])
                continue;
            EQUAL(header(i)->left, left[i]);
            EQUAL(header(i)->right, right[i]);
        }
    }
}

static unsigned depth_of(const struct fh_region *r)
{
    if (r == NULL)
        return 0;
    const struct fh_region *left = r->left != 0 ? (const void *)fh_link_at(space, r->left) : NULL;
    const struct fh_region *right = r->right != 0 ? (const void *)fh_link_at(space, r->right) : NULL;
    unsigned a = depth_of(left);
    unsigned b = depth_of(right);
    return 1 + (a > b ? a : b);
}

/* In address order, the worst for a tree without balance, and at equal distances, the worst for a poor hash: the depth of 1,000
 * regions is that of a random tree, four to five times as deep as a perfect one. */
static void depth_is_logarithmic(void)
{
    enum { MANY = 1000 };
    for (size_t stride = 128; stride <= 768; stride += 16) {
        start();
        space->root = NULL;
        for (unsigned i = 0; i < MANY; i++) {
            struct fh_region *r = (struct fh_region *)(void *)(rig_memory + i * stride);
            r->lo = (uintptr_t)r + FH_HEADER_BYTES;
            r->last = (uintptr_t)r + stride - 17;
            fh_region_insert(space, r, 0);
        }
        unsigned depth = depth_of(space->root);
        if (!CHECK(depth >= 10 && depth <= 40))
            say("  the depth of 1,000 regions %z bytes apart is %u\n", (uintptr_t)stride, depth);
    }
}

/* What was removed already, though its links still lead to headers, is not removed again. */
static void removed_once(void)
{
    start();
    for (unsigned i = 0; i < PLACES; i++)
        insert(i);
    for (unsigned i = 0; i < PLACES; i++) {
        fh_region_remove(space, header(i));
        there[i] = false;
        fh_region_remove(space, header(i));
        compare();
        insert(i);
    }
    compare();
}

/* Any wrong bit in a header hides it: its addresses are foreign then. */
static void damage_hides(void)
{
    start();
    insert(5);
    struct fh_region *r = header(5);
    for (size_t at = 0; at < offsetof(struct fh_region, check) + 4; at += 4) {
        for (unsigned bit = 0; bit < 32; bit++) {
            unsigned char *place = (unsigned char *)r + at;
            rig_poke(place, rig_peek(place) ^ (uint32_t)1 << bit);
            CHECK(!fh_region_is_whole(space, r));
            EQUAL(fh_space_find(space, (uintptr_t)r + 100), 0);
            CHECK(fh_region_over(space, (uintptr_t)r, (uintptr_t)r) == NULL);
            rig_poke(place, rig_peek(place) ^ (uint32_t)1 << bit);
        }
    }
    CHECK(fh_space_find(space, (uintptr_t)r + 100) != 0);
}

/* Every address around the edges of three regions, whose memory begins before their headers. */
static void edges(void)
{
    enum { SKIP = 5 };
    start();
    for (unsigned i = 4; i <= 8; i += 2) {
        struct fh_region *r = header(i);
        r->lo = (uintptr_t)r + FH_HEADER_BYTES;
        r->last = (uintptr_t)r + STRIDE - 17;
        fh_region_insert(space, r, SKIP | (i == 6 ? FH_CHECK_ACQUIRED : 0));
        EQUAL(fh_region_is_acquired(r), i == 6);
        EQUAL(fh_region_start(r), (uintptr_t)r - SKIP);
        EQUAL(fh_region_bytes(r), STRIDE - 16 + SKIP);
    }
    for (uintptr_t at = (uintptr_t)header(3); at < (uintptr_t)header(10) && !test_failed(); at++) {
        struct fh_region *holds = NULL;
        struct fh_region *next = NULL;
        for (unsigned i = 8; i >= 4; i -= 2) {
            struct fh_region *r = header(i);
            if (at >= (uintptr_t)r - SKIP && at <= r->last)
                holds = r;
            if (at <= (uintptr_t)r - SKIP)
                next = r;
        }
        EQUAL((uintptr_t)fh_region_over(space, at, at), (uintptr_t)holds);
        EQUAL((uintptr_t)fh_region_from(space, at), (uintptr_t)next);
        bool in_blocks = holds != NULL && at >= holds->lo && at < fh_hi_for(holds->last);
        space->lo = 1;
        space->span = 2;
        EQUAL(fh_space_find(space, at), in_blocks ? fh_hi_for(holds->last) - at : 0);
        EQUAL(space->lo, in_blocks ? holds->lo : 1);
        EQUAL(space->span, in_blocks ? fh_hi_for(holds->last) - holds->lo : 2);
    }
    CHECK(fh_region_over(space, 0, (uintptr_t)header(4) - SKIP - 1) == NULL);
    CHECK(fh_region_over(space, 0, (uintptr_t)header(4) - SKIP) == header(4));
    CHECK(fh_region_over(space, header(8)->last, UINTPTR_MAX) == header(8));
    CHECK(fh_region_over(space, header(8)->last + 1, UINTPTR_MAX) == NULL);
    CHECK(fh_region_from(space, UINTPTR_MAX) == NULL);
    /* A longer region, and what was known of the old one is forgotten. */
    uintptr_t last = header(6)->last;
    CHECK(fh_space_find(space, last - 32) != 0);
    fh_region_extend(space, header(6), last + 16);
    EQUAL(space->span, 0);
    EQUAL(header(6)->last, last + 16);
    CHECK(fh_region_is_acquired(header(6)));
    EQUAL(fh_region_start(header(6)), (uintptr_t)header(6) - SKIP);
    CHECK(fh_region_over(space, last + 16, last + 16) == header(6));
    CHECK(fh_space_find(space, last - 32) != 0);
    fh_region_remove(space, header(6));
    EQUAL(space->span, 0);
    EQUAL(fh_space_find(space, last - 32), 0);
    /* What is not there is not removed again, and changes nothing. */
    CHECK(fh_space_find(space, header(4)->lo) != 0);
    fh_region_remove(space, header(6));
    CHECK(fh_space_find(space, header(4)->lo) != 0 && fh_space_find(space, header(8)->lo) != 0);
}

/* A damaged header hides itself and what hangs below it, and its parent says so. */
static void damage_is_seen_from_above(void)
{
    start();
    for (unsigned i = 0; i < PLACES; i++)
        insert(i);
    for (unsigned i = 0; i < PLACES; i++) {
        struct fh_region *r = header(i);
        unsigned parents = 0;
        r->check ^= 0x4000;
        for (unsigned k = 0; k < PLACES; k++)
            parents += k != i && !fh_region_leads_on(space, header(k));
        EQUAL(parents, r != space->root);
        r->check ^= 0x4000;
    }
    for (unsigned k = 0; k < PLACES; k++)
        CHECK(fh_region_leads_on(space, header(k)));
    /* Without a true root nothing is found. */
    for (unsigned bit = 0; bit < 32; bit++) {
        space->root_check ^= (uint32_t)1 << bit;
        CHECK(fh_region_from(space, 0) == NULL && fh_region_over(space, 0, UINTPTR_MAX) == NULL);
        EQUAL(fh_space_find(space, header(3)->lo), 0);
        space->root_check ^= (uint32_t)1 << bit;
    }
    space->root->check ^= 0x4000;
    CHECK(fh_region_from(space, 0) == NULL && fh_region_over(space, 0, UINTPTR_MAX) == NULL);
    space->root->check ^= 0x4000;
    /* Another whole header as the root is no true one: each bit of the pointer counts. */
    struct fh_region *root = space->root;
    for (unsigned i = 0; i < PLACES; i++) {
        space->root = header(i);
        CHECK((fh_region_over(space, 0, UINTPTR_MAX) != NULL) == (header(i) == root));
    }
}

/* Each bit of the check is of use: over many headers, and from each field of one. */
static void check_bits(void)
{
    start();
    uint32_t ever = 0;
    uint32_t always = UINT32_MAX;
    for (unsigned i = 0; i < PLACES; i++) {
        insert(i);
        ever |= header(i)->check;
        always &= header(i)->check;
    }
    EQUAL(ever & ~(FH_CHECK_SKIP | FH_CHECK_ACQUIRED), ~(FH_CHECK_SKIP | FH_CHECK_ACQUIRED));
    EQUAL(always & ~(FH_CHECK_SKIP | FH_CHECK_ACQUIRED), 0);
}

/* The last one gone, there is none. */
static void none_left(void)
{
    start();
    insert(1);
    fh_region_remove(space, header(1));
    CHECK(space->root == NULL);
    EQUAL(fh_space_find(space, header(1)->lo), 0);
    CHECK(fh_region_from(space, 0) == NULL && fh_region_over(space, 0, UINTPTR_MAX) == NULL);
    insert(2);
    CHECK(fh_space_find(space, header(2)->lo) != 0);
}

/* Where the blocks end, up to the last byte that there is. */
static void ends(void)
{
    for (uintptr_t last = 1000; last < 1100; last++) {
        uintptr_t hi = fh_hi_for(last);
        CHECK(hi % FH_GRANULE == 0 && hi <= last + 1 && hi + FH_GRANULE > last + 1);
    }
    EQUAL(fh_hi_for(UINTPTR_MAX), UINTPTR_MAX - (FH_GRANULE - 1));
    EQUAL(fh_hi_for(UINTPTR_MAX - 1), UINTPTR_MAX - (FH_GRANULE - 1));
    EQUAL(fh_hi_for(UINTPTR_MAX - FH_GRANULE), UINTPTR_MAX - (FH_GRANULE - 1));
    EQUAL(fh_hi_for(UINTPTR_MAX - FH_GRANULE - 1), UINTPTR_MAX - (2 * FH_GRANULE - 1));
}

TESTS(unit_region) = {
    { "removed_once", removed_once },
    { "promise4_random_inserts_and_removes", random_inserts_and_removes },
    { "shape_does_not_remember", shape_does_not_remember },
    { "depth_is_logarithmic", depth_is_logarithmic },
    { "damage_hides", damage_hides },
    { "check_bits", check_bits },
    { "removal_leaves_the_shape", removal_leaves_the_shape },
    { "none_left", none_left },
    { "edges", edges },
    { "damage_is_seen_from_above", damage_is_seen_from_above },
    { "ends", ends },
    TESTS_END
};
