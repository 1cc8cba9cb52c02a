/* SPDX-License-Identifier: MIT
 *
 * exhaust.c - what is known of the core's small functions because every argument was tried.
 *
 *   exhaust          tries all of them, and prints how many cases there were of each kind
 *
 * Each check stops the program at the first case that does not hold. Compiled for granules of 16 and of 8 bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

unsigned portable_shift_below_16(uint32_t x);
unsigned portable_lowest_bit(uint32_t x);

static unsigned long long cases;

static void wrong(const char *fact, unsigned long long at)
{
    printf("WRONG %s: case %llu (0x%llx)\n", fact, at, at);
    exit(1);
}

#define HOLDS(fact, condition, at) ((condition) ? (void)cases++ : wrong(fact, at))

static void done(const char *what)
{
    printf("  %-78s %11llu cases\n", what, cases);
    fflush(stdout);
    cases = 0;
}

/* A place for one block and its tag, and what the tag is sealed with. */
static _Alignas(16) unsigned char memory[64];
static struct fh_block *const block = (struct fh_block *)(void *)(memory + 16);
static const uint32_t secrets[] = { 0x5EA1ED00u, 0, 1, 0x80000000u, 0xFFFFFFFFu, 0x2423F93Du };

/* Every word is either what one tag is stored as, or opens as no tag; and so every tag reads back. */
static void seal_every_word(void)
{
    uint32_t tags = 0;
    uint32_t word = 0;
    do {
        fh_store(fh_tag_of(block), word);
        uint32_t tag = fh_tag_open(secrets[0], block);
        if (fh_is_tag(tag)) {
            fh_tag_seal(secrets[0], block, tag);
            HOLDS("a word that opens as a tag is what the tag is stored as", fh_load(fh_tag_of(block)) == word, word);
            tags++;
        } else {
            cases++;
        }
    } while (++word != 0);
    HOLDS("one word in 4096 opens as a tag", tags == FH_TAG_LIMIT, tags);
    for (size_t s = 0; s < sizeof secrets / sizeof *secrets; s++) {
        for (uint32_t tag = 0; tag < FH_TAG_LIMIT; tag++) {
            fh_tag_seal(secrets[s], block, tag);
            HOLDS("a tag reads back", fh_tag_open(secrets[s], block) == tag, tag);
        }
    }
    done("a sealed tag reads back; a word that opens is a sealed tag");
}

/* The place and the secret cancel out, so that one of each stands for all. */
static void flip_every_bit(void)
{
    for (uint32_t tag = 0; tag < FH_TAG_LIMIT; tag++) {
        uint32_t sealed = tag * FH_SEAL;
        for (unsigned i = 0; i < 32; i++) {
            uint32_t once = sealed ^ (uint32_t)1 << i;
            HOLDS("one bit flipped shows", once * FH_OPEN >= FH_TAG_LIMIT, tag);
            for (unsigned j = i + 1; j < 32; j++)
                HOLDS("two bits flipped show", (once ^ (uint32_t)1 << j) * FH_OPEN >= FH_TAG_LIMIT, tag);
        }
    }
    done("one or two flipped bits of any tag leave no tag");
}

static void scan_every_word(void)
{
    uint32_t x = 0;
    do {
        unsigned shift = fh_shift_below_16(x);
        bool exact = shift < 32 && x >> shift < 16 && (shift == 0 || x >> (shift - 1) >= 16);
        HOLDS("fh_shift_below_16 is the least shift", exact, x);
        HOLDS("both branches of fh_shift_below_16 agree", shift == portable_shift_below_16(x), x);
        if (x == 0)
            continue;
        HOLDS("fh_is_power_of_two is", fh_is_power_of_two(x) == (x >> fh_lowest_bit(x) == 1), x);
        unsigned place = fh_lowest_bit(x);
        HOLDS("fh_lowest_bit is the lowest", place < 32 && (x >> place & 1) != 0 && x >> place << place == x, x);
        HOLDS("both branches of fh_lowest_bit agree", place == portable_lowest_bit(x), x);
    } while (++x != 0);
    done("bit scans: by definition, and the instruction as the loop");
}

#ifndef FH_SINGLE_LIST
static void classify_every_size(uint32_t classes)
{
    struct fh_lists lists;
    memset(&lists, 0, sizeof lists);
    lists.classes = classes;
    uint32_t last = fh_class_of(&lists, FH_MIN_GRANULES);
    for (uint32_t n = FH_MIN_GRANULES; n != 0; n++) {
        uint32_t class = fh_class_of(&lists, n);
        HOLDS("classes are monotone, without gaps, and in range", class >= last && class - last <= 1 && class < classes, n);
        last = class;
    }
    HOLDS("the last class is the last one used", last == classes - 1, last);
    done("class of every size: monotone, without gaps, in range");
}
#endif

static const uint32_t used_flags[] = { FH_USED, FH_PREV_FREE, FH_ALIGNED, FH_ALIGNED | FH_PREV_FREE };

static void round_every_size(void)
{
    uint32_t last = 0;
    for (uint32_t n = FH_HUGE; n <= FH_MAX_GRANULES; n++) {
        uint32_t r = fh_huge_round(n);
        HOLDS("rounding a huge size wraps nowhere and loses 1/512 at most", r >= n && r <= FH_MAX_GRANULES && (uint64_t)(r - n) * 512 <= n, n);
        HOLDS("rounding is monotone", r >= last, n);
        if (r == last)
            continue;
        last = r;
        uint32_t code = fh_huge_code(r);
        HOLDS("the code of a rounded size reads back", code <= FH_SIZE_MASK && fh_huge_size(code) == r && fh_huge_round(r) == r, n);
        for (size_t f = 0; f < sizeof used_flags / sizeof *used_flags; f++) {
            uint32_t tag = fh_tag_for(used_flags[f], r);
            bool whole = fh_is_tag(tag) && !fh_is_free(tag) && fh_used_size(tag) == r
                         && (tag & (FH_PREV_FREE | FH_ALIGNED)) == used_flags[f];
            HOLDS("a huge tag holds size and flags", whole, n);
        }
    }
    done("rounding of every huge size; code and tag read back");
    for (uint32_t n = 0; n < FH_HUGE; n++) {
        for (size_t f = 0; f < sizeof used_flags / sizeof *used_flags; f++) {
            uint32_t tag = fh_tag_for(used_flags[f], n);
            HOLDS("a tag holds size and flags", fh_is_tag(tag) && fh_used_size(tag) == n && tag == (n << 1 | used_flags[f]), n);
        }
        HOLDS("so does a free one", (fh_tag_for(FH_FREE, n) >> FH_SIZE_SHIFT & FH_SIZE_MASK) == n && fh_is_free(fh_tag_for(FH_FREE, n)), n);
    }
    done("a tag holds every small size, with every flag");
}

/* Both sides of every step of the size rule. */
static void size_every_request(void)
{
    uint32_t last = fh_granules_for(0);
    HOLDS("a request for nothing gets a block", last == FH_MIN_GRANULES, 0);
    for (uint32_t g = 1; g <= FH_MAX_GRANULES; g++) {
        size_t most = (size_t)g * FH_GRANULE - FH_TAG_BYTES;
        for (size_t size = most; size <= most + 1; size++) {
            uint32_t n = fh_granules_for(size);
            if (size > FH_MAX_REQUEST) {
                HOLDS("too large a request is refused", n == 0, size);
                continue;
            }
            bool holds = n >= FH_MIN_GRANULES && n >= last && fh_payload_bytes(n) >= size;
            bool lean = n == FH_MIN_GRANULES || n >= FH_HUGE || (size_t)n * FH_GRANULE < size + FH_TAG_BYTES + FH_GRANULE;
            HOLDS("a block holds its request, and no granule more", holds && lean, size);
            last = n;
        }
    }
    for (size_t d = 0; d <= 1 << 20; d++) {
        HOLDS("sizes near SIZE_MAX are refused", fh_granules_for(SIZE_MAX - d) == 0, d);
        HOLDS("and aligned ones", fh_granules_with(FH_ALIGNED, SIZE_MAX - d) == 0, d);
    }
    done("granules for a request, on both sides of every step, and near SIZE_MAX");
}

static void follow_every_link(void)
{
    const uintptr_t heap = (uintptr_t)1 << 46 | 0x7890;
    for (uint32_t d = 1; d < FH_REACH; d++) {
        struct fh_block *above = (struct fh_block *)(heap + (uintptr_t)d * FH_GRANULE);
        struct fh_block *below = (struct fh_block *)(heap - (uintptr_t)d * FH_GRANULE);
        uint32_t up = fh_link_to((void *)heap, above);
        uint32_t down = fh_link_to((void *)heap, below);
        HOLDS("a link leads to its block", up != 0 && fh_link_at((void *)heap, up) == above, d);
        HOLDS("a link downwards does", down != 0 && fh_link_at((void *)heap, down) == below, d);
        HOLDS("no link looks like the mark of a list", (up >> 30 & 1) == (up >> 31) && (down >> 30 & 1) == (down >> 31), d);
    }
    for (uint32_t bits = 0; bits < 4; bits++) {
        uint32_t mark = fh_list_mark(bits << 30 | 0x2BCDEF01u);
        HOLDS("the mark of a list is no link", (mark >> 30 & 1) != mark >> 31, bits);
    }
    done("links to every place in reach, above and below");
}

static void move_every_length(void)
{
    enum { MOST = 512, GUARD = 16 };
    static _Alignas(16) unsigned char from[MOST + GUARD], to[MOST + 2 * GUARD];
    for (size_t bytes = 0; bytes <= MOST; bytes++) {
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (unsigned char)(i * 7 + 1);
        size_t rounded = (bytes + 3) / 4 * 4;
        memset(to, 0xEE, sizeof to);
        fh_zero(to + GUARD, bytes);
        for (size_t i = 0; i < sizeof to; i++)
            HOLDS("fh_zero writes its words and no more", to[i] == (i >= GUARD && i < GUARD + rounded ? 0 : 0xEE), bytes);
        if (bytes % 4 != 0)
            continue;
        memset(to, 0xEE, sizeof to);
        fh_copy(to + GUARD, from, bytes);
        for (size_t i = 0; i < sizeof to; i++)
            HOLDS("fh_copy writes its words and no more", to[i] == (i >= GUARD && i < GUARD + bytes ? from[i - GUARD] : 0xEE), bytes);
    }
    done("copy and zero, every length up to 512, with guards");
}

int main(void)
{
    printf("granules of %d bytes\n", FH_GRANULE);
    HOLDS("the multipliers are inverse", (uint32_t)(FH_SEAL * FH_OPEN) == 1, 0);
    flip_every_bit();
    seal_every_word();
    scan_every_word();
#ifndef FH_SINGLE_LIST
    classify_every_size(FH_MAX_CLASSES);
    classify_every_size(21);
#endif
    round_every_size();
    size_every_request();
    follow_every_link();
    move_every_length();
    return 0;
}
