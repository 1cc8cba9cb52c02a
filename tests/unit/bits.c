/* SPDX-License-Identifier: MIT
 *
 * bits.c - src/bits.h against definitions too slow to be wrong.
 */
#include "harness/rig.h"

#include "bits.h"

static void rounding(void)
{
    for (uintptr_t x = 0; x < 200; x++) {
        for (uintptr_t align = 1; align <= 64; align *= 2) {
            uintptr_t up = x;
            while (up % align != 0)
                up++;
            EQUAL(fh_align_up(x, align), up);
        }
    }
    EQUAL(fh_align_up(UINTPTR_MAX - 15, 16), UINTPTR_MAX - 15);
    EQUAL(fh_align_up(UINTPTR_MAX, 16), 0);
}

static void powers_of_two(void)
{
    CHECK(!fh_is_power_of_two(0));
    for (unsigned i = 0; i < sizeof(size_t) * 8; i++) {
        size_t x = (size_t)1 << i;
        CHECK(fh_is_power_of_two(x));
        CHECK(!fh_is_power_of_two(x | x >> 1) || i == 0);
        CHECK(!fh_is_power_of_two(x - 1) || i == 1 || fh_is_power_of_two(x - 1) == (i == 1));
    }
    CHECK(!fh_is_power_of_two(SIZE_MAX));
}

static void lesser_of_two(void)
{
    for (size_t a = 0; a < 5; a++) {
        for (fh_wide b = 0; b < 5; b++)
            CHECK(fh_lesser(a, b) <= a && fh_lesser(a, b) <= b && (fh_lesser(a, b) == a || fh_lesser(a, b) == b));
        EQUAL(fh_lesser(SIZE_MAX - a, (fh_wide)-1), SIZE_MAX - a);
        EQUAL(fh_lesser(SIZE_MAX, SIZE_MAX - a), SIZE_MAX - a);
    }
}

static unsigned slow_shift_below_16(uint32_t x)
{
    unsigned shift = 0;
    while (x >> shift >= 16)
        shift++;
    return shift;
}

static unsigned slow_lowest(uint32_t x)
{
    unsigned place = 0;
    while ((x >> place & 1) == 0)
        place++;
    return place;
}

static void scans(void)
{
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned j = 0; j <= i; j++) {
            uint32_t x = (uint32_t)1 << i | (uint32_t)1 << j;
            EQUAL(fh_shift_below_16(x), slow_shift_below_16(x));
            EQUAL(fh_shift_below_16(x - 1), slow_shift_below_16(x - 1));
            EQUAL(fh_lowest_bit(x), slow_lowest(x));
        }
    }
    EQUAL(fh_shift_below_16(0), 0);
    EQUAL(fh_shift_below_16(UINT32_MAX), 28);
    struct dice d = dice_from(test_seed());
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t x = dice_roll(&d) >> dice_below(&d, 32);
        EQUAL(fh_shift_below_16(x), slow_shift_below_16(x));
        if (x != 0)
            EQUAL(fh_lowest_bit(x), slow_lowest(x));
    }
}

/* Every length of a copy between red zones. */
static void copying(void)
{
    _Alignas(16) unsigned char from[128];
    _Alignas(16) unsigned char to[128];
    for (size_t bytes = 0; bytes <= 96; bytes += 4) {
        rig_fill(from, sizeof from, 7);
        rig_fill(to, sizeof to, 99);
        fh_copy(to + 8, from + 16, bytes);
        for (size_t i = 0; i < bytes; i++)
            EQUAL(to[8 + i], from[16 + i]);
        CHECK(rig_filled(to, 8, 99));
        rig_fill(from, sizeof from, 99);
        for (size_t i = 8 + bytes; i < sizeof to; i++)
            EQUAL(to[i], from[i]);
    }
}

static void zeroing(void)
{
    _Alignas(16) unsigned char to[128];
    unsigned char untouched[128];
    rig_fill(untouched, sizeof untouched, 99);
    for (size_t bytes = 0; bytes <= 96; bytes++) {
        rig_fill(to, sizeof to, 99);
        fh_zero(to + 8, bytes);
        size_t end = 8 + (bytes + 3) / 4 * 4;
        for (size_t i = 0; i < sizeof to; i++)
            EQUAL(to[i], i >= 8 && i < end ? 0 : untouched[i]);
    }
}

static bool slow_multiply(size_t a, size_t b, size_t *product)
{
    *product = a * b;
    return b == 0 || a <= SIZE_MAX / b;
}

static void one_product(size_t a, size_t b)
{
    size_t found = 1;
    size_t expected;
    bool fits = slow_multiply(a, b, &expected);
    EQUAL(fh_multiply(a, b, &found), fits);
    if (fits)
        EQUAL(found, expected);
}

static void multiplying(void)
{
    const size_t half = (size_t)1 << (sizeof(size_t) * 4);
    const size_t places[] = { 0, half / 2, half, half * 2, half + half / 2, SIZE_MAX / 3, SIZE_MAX / 2, SIZE_MAX };
    const size_t n = sizeof places / sizeof *places;
    for (size_t i = 0; i < n * n; i++) {
        for (unsigned k = 0; k < 49; k++)
            one_product(places[i / n] + k / 7 - 3, places[i % n] + k % 7 - 3);
    }
    struct dice d = dice_from(test_seed());
    for (unsigned i = 0; i < 20000; i++) {
        size_t a = (size_t)((uint64_t)dice_roll(&d) << 32 | dice_roll(&d)) >> dice_below(&d, sizeof a * 8);
        size_t b = (size_t)((uint64_t)dice_roll(&d) << 32 | dice_roll(&d)) >> dice_below(&d, sizeof b * 8);
        one_product(a, b);
        if (a != 0) {
            one_product(a, SIZE_MAX / a);
            one_product(a, SIZE_MAX / a + 1);
        }
    }
}

/* Words that several write: what is read is what was stored, and a swap looks before it writes. */
static void shared_words(void)
{
    fh_word word = 1;
    fh_store(&word, 77);
    EQUAL(word, 77);
    EQUAL(fh_load(&word), 77);
    fh_long wide = 1;
    fh_store_long(&wide, UINTPTR_MAX / 3);
    EQUAL(wide, UINTPTR_MAX / 3);
    EQUAL(fh_peek_long(&wide), UINTPTR_MAX / 3);
    uintptr_t swapped = UINTPTR_MAX / 5;
    EQUAL(fh_load_swapped(&swapped), UINTPTR_MAX / 5);
    if (!FH_HAS_SWAP)
        return;
    CHECK(!fh_swap(&swapped, 3, 9));
    EQUAL(swapped, UINTPTR_MAX / 5);
    CHECK(fh_swap(&swapped, UINTPTR_MAX / 5, 9));
    EQUAL(swapped, 9);
    EQUAL(fh_load_swapped(&swapped), 9);
}

/* A hint is no more than that. */
static void hints(void)
{
    CHECK(fh_rarely(true) && !fh_rarely(false));
    CHECK(fh_likely(true) && !fh_likely(false));
}

TESTS(unit_bits) = {
    { "shared_words", shared_words },
    { "hints", hints },
    { "rounding", rounding },
    { "powers_of_two", powers_of_two },
    { "lesser_of_two", lesser_of_two },
    { "scans", scans },
    { "copying", copying },
    { "zeroing", zeroing },
    { "multiplying", multiplying },
    TESTS_END
};
