/* SPDX-License-Identifier: MIT
 *
 * b19_checker.c - B19: the check of the whole heap is too weak, too strict, never ends, or crashes on what it finds.
 *
 * Mutation: every bit of every word that is the heap's own is flipped, one at a time, and words are replaced by nonsense. The
 * check must name a broken fact each time, write nothing and end. Bits of the control structure that it lets pass must be
 * harmless: a heap with one of them flipped must serve as before.
 */
#include "harness/rig.h"

#include "pool.h"

enum { BYTES = 6000, OTHER = 3000, PLACES = 3000 };

static struct rig rig;
static unsigned char *const other = rig_memory + 65536;
static unsigned char copy[BYTES];
static unsigned char other_copy[OTHER];

/* Places that are the heap's own, in words. */
static unsigned char *places[PLACES];
static unsigned place_count;

/* Messages so far: the first few say it all. */
static unsigned told;

static void note(const void *place)
{
    REQUIRE(place_count < PLACES);
    places[place_count++] = (unsigned char *)(uintptr_t)place;
}

static bool note_block(void *arg, const struct fh_block_info *info)
{
    (void)arg;
    const unsigned char *p = info->payload;
    note(p - 4);
    if (info->used)
        return true;
    /* The top block is on no list and has no footer. */
    if (info->payload == rig.heap->top)
        return true;
    note(p + info->bytes - 8);
    /* The victim is on no list either. */
    if (info->payload == rig.heap->victim)
        return true;
    note(p);
    note(p + 4);
    return true;
}

/* A heap of two regions with blocks of many sizes, some free, some of them of one class. */
static void furnish(void)
{
    rig_open(&rig, rig_memory, BYTES);
    REQUIRE(fh_add_region(rig.heap, other, OTHER) != 0);
    void *ptr[40];
    for (unsigned i = 0; i < 40; i++) {
        ptr[i] = fh_malloc(rig.heap, i % 8 * 25);
        REQUIRE(ptr[i] != NULL);
        rig_fill(ptr[i], i % 8 * 25, i);
    }
    for (unsigned i = 0; i < 40; i += 3)
        fh_free(rig.heap, ptr[i]);
    fh_free(rig.heap, ptr[1]);
    void *high = fh_aligned_alloc(rig.heap, 256, 2000);
    REQUIRE(high != NULL);
    rig_sound(&rig);
    CHECK(rig_sum(&rig).free_blocks > 8);
}

static void save(void)
{
    for (size_t i = 0; i < BYTES; i++)
        copy[i] = rig_memory[i];
    for (size_t i = 0; i < OTHER; i++)
        other_copy[i] = other[i];
}

static void restore(void)
{
    for (size_t i = 0; i < BYTES; i++)
        rig_memory[i] = copy[i];
    for (size_t i = 0; i < OTHER; i++)
        other[i] = other_copy[i];
}

/* The check names something and wrote nothing but the word that was put there. */
static void must_name(unsigned char *place, uint32_t word)
{
    uint32_t old = rig_peek(place);
    rig_poke(place, word);
    enum fh_fault_kind kind = fh_check(rig.heap);
    if (!CHECK(kind != FH_OK) && !told++)
        say("  at %x, offset %z of the heap: %x instead of %x\n", (uintptr_t)place, (uintptr_t)place - (uintptr_t)rig.heap, (uintptr_t)word,
            (uintptr_t)old);
    CHECK(kind < FH_FAULT_KINDS);
    rig_poke(place, old);
    EQUAL(fh_check(rig.heap), FH_OK);
}

static void blocks(void)
{
    furnish();
    fh_walk(rig.heap, note_block, NULL);
    save();
    static const uint32_t nonsense[] = { 0, 1, 2, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x41414141, 0x10000 };
    struct dice dice = dice_from(test_seed());
    for (unsigned i = 0; i < place_count; i++) {
        for (unsigned bit = 0; bit < 32; bit++)
            must_name(places[i], rig_peek(places[i]) ^ (uint32_t)1 << bit);
        for (unsigned k = 0; k < sizeof nonsense / sizeof *nonsense; k++) {
            if (nonsense[k] != rig_peek(places[i]))
                must_name(places[i], nonsense[k]);
        }
        /* The same word as at another place: a copied tag, a crossed link. */
        unsigned char *from = places[dice_below(&dice, place_count)];
        if (rig_peek(from) != rig_peek(places[i]))
            must_name(places[i], rig_peek(from));
    }
    for (size_t i = 0; i < BYTES; i++)
        REQUIRE(rig_memory[i] == copy[i]);
    EQUAL(rig.faults, 0);
}

/* The header of a region that was added. */
static void region_header(void)
{
    furnish();
    for (size_t at = 0; at + 4 <= offsetof(struct fh_region, check) + 4; at += 4) {
        for (unsigned bit = 0; bit < 32; bit++)
            must_name(other + at, rig_peek(other + at) ^ (uint32_t)1 << bit);
    }
}

/* Random work as the tests of the whole heap do it; it may crash. */
static void serve(void *arg)
{
    bool *well = arg;
    struct dice dice = dice_from(1);
    unsigned char *ptr[30] = { 0 };
    size_t size[30];
    for (unsigned i = 0; i < 300; i++) {
        uint32_t k = dice_below(&dice, 30);
        if (ptr[k] != NULL) {
            if (!rig_filled(ptr[k], size[k], k))
                return;
            fh_free(rig.heap, ptr[k]);
            ptr[k] = NULL;
            continue;
        }
        size[k] = dice_below(&dice, 200);
        ptr[k] = fh_malloc(rig.heap, size[k]);
        if (ptr[k] == NULL)
            continue;
        for (size_t n = 0; n < size[k]; n++) {
            bool ours = (ptr[k] >= rig_memory && ptr[k] + n < rig_memory + BYTES) || (ptr[k] >= other && ptr[k] + n < other + OTHER);
            if (!ours)
                return;
        }
        rig_fill(ptr[k], size[k], k);
    }
    for (unsigned k = 0; k < 30; k++)
        fh_free(rig.heap, ptr[k]);
    *well = rig.faults == 0 && fh_check(rig.heap) == FH_OK && rig_sum(&rig).ordered;
}

/* Pointers that the calls follow before anything else: whoever writes there has won already. */
static bool is_steering(size_t at)
{
    const size_t word = sizeof(void *);
    return at / word == offsetof(struct fh_heap, port) / word || at / word == offsetof(struct fh_heap, caches) / word
        || at / word == offsetof(struct fh_heap, by_cpu) / word || at / word == offsetof(struct fh_heap, deferred) / word
        || at / word == offsetof(struct fh_heap, finish) / word;
}

/* What became of the bits of the control structure; shared with the children that try them. */
struct findings {
    enum fh_fault_kind verdict;    /* FH_FAULT_KINDS: the check has not come to one */
    bool well;
    unsigned named;
    unsigned passed;
};

static void say_of(unsigned number, const char *what)
{
    if (told++ < 8)
        say("  the check %s bit %u of the word at offset %z of the heap\n", what, number % 32, (uintptr_t)(number / 32 * 4));
}

static void flip(void *arg, unsigned number)
{
    struct findings *f = arg;
    const struct rig whole = rig;
    unsigned char *place = (unsigned char *)rig.heap + number / 32 * 4;
    if (is_steering(number / 32 * 4))
        return;
    rig_poke(place, rig_peek(place) ^ (uint32_t)1 << number % 32);
    f->verdict = FH_FAULT_KINDS;
    f->well = false;
    f->verdict = fh_check(rig.heap);
    if (f->verdict != FH_OK) {
        f->named++;
    } else {
        f->passed++;
        serve(&f->well);
        if (!CHECK(f->well))
            say_of(number, "lets pass");
    }
    restore();
    rig = whole;
}

/* Damage to the structure proper that leaves nobody to tell ends in a trap, which is as good as a name. */
static void flip_ended(void *arg, unsigned number, struct host_end end)
{
    struct findings *f = arg;
    bool trapped = f->verdict == FH_FAULT_KINDS && host_trapped(end) && number / 32 * 4 < FH_CONTROL_BYTES;
    f->named += trapped;
    if (!CHECK(trapped))
        say_of(number, f->verdict == FH_FAULT_KINDS ? "crashes on" : "lets pass");
}

static void control(void)
{
    furnish();
    save();
    struct findings *f = host_map_shared(sizeof *f);
    REQUIRE(f != NULL);
    size_t bytes = FH_CONTROL_BYTES + fh_table_words(rig.heap->lists.classes) * 4;
    test_in_turn(&(struct test_turns){ flip, flip_ended, f, (unsigned)bytes * 8, 30 });
    CHECK(f->named > 500);
    CHECK(f->passed < f->named);
    rig_sound(&rig);
}

/* Many words at once, in no order: it always ends, and never with a crash. */
static void it_ends(void)
{
    furnish();
    save();
    struct dice dice = dice_from(test_seed());
    size_t from = sizeof(struct fh_heap);
    for (unsigned i = 0; i < 20000; i++) {
        for (uint32_t n = 1 + dice_below(&dice, 12); n != 0; n--) {
            size_t at = from + dice_below(&dice, (uint32_t)((BYTES - from) / 4)) * 4;
            uint32_t word = dice_roll(&dice) >> dice_below(&dice, 32);
            rig_poke(rig_memory + at, dice_below(&dice, 2) == 0 ? word : rig_peek(rig_memory + from + dice_below(&dice, 1000) * 4));
        }
        struct fh_stats stats;
        enum fh_fault_kind kind = fh_check(rig.heap);
        CHECK(kind < FH_FAULT_KINDS);
        fh_stats(rig.heap, &stats);
        rig_sum(&rig);
        restore();
    }
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
}

TESTS(bugs_b19_checker) = {
    { "blocks", blocks },
    { "region_header", region_header },
    { "control", control },
    { "it_ends", it_ends },
    TESTS_END
};
