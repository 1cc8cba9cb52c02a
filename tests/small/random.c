/* SPDX-License-Identifier: MIT
 *
 * random.c - the small core under random operations against a shadow model: whole, with fh_check and the oracle after each step; and with
 * one bit of its words flipped, when it may report whatever it likes, but writes nothing outside its memory, ends each call, crashes
 * nowhere, and hands out nothing that lives.
 */
#include "poke.h"

enum { SLOTS = 32, ZONE = 256 };

struct slot {
    unsigned char *ptr;
    size_t size;
    uint32_t key;
};

static struct rig rig;
static struct dice dice;
static struct slot slots[SLOTS];
static unsigned live;
static size_t largest;

/* The memory that the heap may hand out. */
static unsigned char *memory;
static size_t memory_bytes;

static bool all_hold(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].ptr != NULL && !rig_filled(slots[i].ptr, slots[i].size, slots[i].key))
            return false;
    }
    return true;
}

/* A block that was handed out lies in the memory, and on no other. */
static void place(struct slot *s, unsigned char *ptr, size_t size)
{
    REQUIRE(ptr > memory && ptr + size <= memory + memory_bytes && (uintptr_t)ptr % FH_GRANULE == 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (&slots[i] != s && slots[i].ptr != NULL)
            REQUIRE(ptr + size <= slots[i].ptr || slots[i].ptr + slots[i].size <= ptr);
    }
    live += s->ptr == NULL;
    *s = (struct slot){ ptr, size, dice_roll(&dice) };
    rig_fill(ptr, size, s->key);
}

static size_t some_size(void)
{
    return dice_below(&dice, dice_below(&dice, 6) == 0 ? (uint32_t)largest : 120);
}

static void take(struct slot *s)
{
    size_t size = some_size();
    unsigned char *ptr;
    if (dice_below(&dice, 4) == 0) {
        size_t align = (size_t)1 << dice_below(&dice, 9);
        ptr = fh_aligned_alloc(rig.heap, align, size);
        CHECK(((uintptr_t)ptr & (align - 1)) == 0);
    } else {
        ptr = fh_malloc(rig.heap, size);
    }
    if (ptr != NULL)
        place(s, ptr, size);
}

/* Once refused, the program does not name the block again, and does not count on it. */
static void give(struct slot *s)
{
    unsigned faults = rig.faults;
    if (dice_below(&dice, 5) != 0)
        fh_free(rig.heap, s->ptr);
    else if (!fh_free_deferred(rig.heap, s->ptr))
        CHECK(faults != 0 || rig.faults != 0 || fh_check(rig.heap) != FH_OK);
    s->ptr = NULL;
    live--;
}

static void change(struct slot *s)
{
    size_t size = some_size();
    size_t kept = size < s->size ? size : s->size;
    struct slot old = *s;
    if (dice_below(&dice, 2) == 0) {
        unsigned char *ptr = fh_realloc(rig.heap, s->ptr, size);
        if (ptr == NULL)
            return;
        CHECK(rig_filled(ptr, kept, old.key));
        place(s, ptr, size);
    } else if (fh_resize(rig.heap, s->ptr, size)) {
        CHECK(rig_filled(s->ptr, kept, old.key));
        place(s, s->ptr, size);
    }
}

static void step(void)
{
    struct slot *s = &slots[dice_below(&dice, SLOTS)];
    if (s->ptr == NULL)
        take(s);
    else if (dice_below(&dice, 3) == 0)
        change(s);
    else
        give(s);
}

static void start(uint32_t salt, unsigned char *mem, size_t bytes, size_t most)
{
    dice = dice_from(test_seed() + salt);
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i].ptr = NULL;
    live = 0;
    largest = most;
    memory = mem;
    memory_bytes = bytes;
    rig_prepare(&rig);
    rig.locks = salt;
    rig.heap = fh_create(mem, bytes, &rig.port);
    REQUIRE(rig.heap != NULL);
}

/* What waits to be freed is counted as used until the next call that locks, and rig_sound makes one. */
static void whole(uint32_t salt, size_t bytes, size_t most, unsigned steps, bool grows)
{
    start(salt, rig_memory + ZONE, bytes, most);
    for (unsigned i = 0; i < steps && !test_failed(); i++) {
        step();
        if (grows && i % 40 == 39) {
            size_t more = dice_below(&dice, 300);
            if (fh_add_region(rig.heap, memory + memory_bytes, more) != 0)
                memory_bytes += more;
        }
        EQUAL(fh_check(rig.heap), FH_OK);
        struct fh_stats stats;
        fh_stats(rig.heap, &stats);
        rig_sound(&rig);
        EQUAL(stats.blocks_used, live);
        CHECK(i % 16 != 0 || all_hold());
        if (test_failed())
            say("the first wrong step is number %u, SEED=%x\n", i, (uintptr_t)test_seed());
    }
    CHECK(all_hold());
    for (unsigned i = 0; i < SLOTS; i++)
        fh_free(rig.heap, slots[i].ptr);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, 1);
    EQUAL(rig_sum(&rig).used_blocks, 0);
}

static void in_a_kibibyte(void)
{
    whole(1, 1027, 300, 4000, false);
}

static void in_little_memory(void)
{
    whole(2, 6000, 1500, 4000, false);
}

static void in_much_memory(void)
{
    whole(3, 200000, 30000, 2000, false);
}

static void while_it_grows(void)
{
    whole(4, 500, 900, 4000, true);
}

/* What a trial leaves for the parent: where the bit was. */
static struct trial {
    uint32_t salt;
    size_t offset;           /* of the byte, from the heap */
    unsigned reports;
    bool over;
} *trial;

static const void *walked[512];
static unsigned walked_count;

static bool note(void *arg, const struct fh_block_info *info)
{
    (void)arg;
    if (walked_count < 512)
        walked[walked_count++] = info->payload;
    return true;
}

/* A byte of the control structure, or of a word of some block that is the heap's: its tag, and links and footer if it is free. */
static unsigned char *some_byte(void)
{
    size_t control = (size_t)rig.heap->end * FH_LINK_BYTES;
    if (dice_below(&dice, 3) == 0)
        return (unsigned char *)rig.heap + dice_below(&dice, (uint32_t)control);
    walked_count = 0;
    fh_walk(rig.heap, note, NULL);
    unsigned char *b = rig_launder(walked[dice_below(&dice, walked_count)]);
    unsigned byte = dice_below(&dice, 4);
    if (!fh_is_free(tag_of(&rig, b)))
        return b - 4 + byte;
    switch (dice_below(&dice, 4)) {
    case 0: return b - 4 + byte;
    case 1: return (unsigned char *)footer_of(&rig, b) + byte;
    default: return b + dice_below(&dice, 8);
    }
}

static void one_flip(void *arg)
{
    (void)arg;
    start(trial->salt, memory, memory_bytes, 700);
    unsigned before = dice_below(&dice, 120);
    for (unsigned i = 0; i < before; i++)
        step();
    unsigned char *byte = some_byte();
    trial->offset = (size_t)(byte - (unsigned char *)rig.heap);
    *byte ^= (unsigned char)(1 << dice_below(&dice, 8));
    for (unsigned i = 0; i < 150; i++) {
        step();
        if (!all_hold())
            REQUIRE(all_hold());
        trial->reports = rig.faults;
        if (i % 50 == 49) {
            struct fh_stats stats;
            fh_stats(rig.heap, &stats);
            fh_check(rig.heap);
            rig_sum(&rig);
        }
    }
    trial->over = true;
}

/* The four words that the seal covers, and the seal. With one of them damaged a heap has nobody to tell. */
#define IS_OF(member) (offset - offsetof(struct fh_heap, member) < sizeof ((struct fh_heap *)0)->member)

static bool is_sealed(size_t offset)
{
    return IS_OF(port) || IS_OF(rare) || IS_OF(last) || IS_OF(end) || IS_OF(seal);
}

static void one_bit_flipped(void)
{
    enum { TRIALS = 700, BYTES = 5000 };
    unsigned char *ground = host_map_shared(2 * ZONE + BYTES + 64);
    trial = host_map_shared(sizeof *trial);
    REQUIRE(ground != NULL && trial != NULL);
    unsigned reported = 0;
    unsigned trapped = 0;
    for (uint32_t salt = 0; salt < TRIALS && !test_failed(); salt++) {
        memory = ground + ZONE + salt % 32;
        memory_bytes = salt % 3 == 0 ? 900 : BYTES;
        rig_fill(ground, ZONE + salt % 32, 41);
        rig_fill(memory + memory_bytes, ZONE, 42);
        *trial = (struct trial){ .salt = 1000 + salt };
        struct host_end end = host_run(one_flip, NULL, 10);
        bool trap = host_trapped(end);
        CHECK(trap ? is_sealed(trial->offset) : end.signal == 0 && end.status == 0 && trial->over && !is_sealed(trial->offset));
        CHECK(!end.timed_out);
        CHECK(rig_filled(ground, ZONE + salt % 32, 41) && rig_filled(memory + memory_bytes, ZONE, 42));
        trapped += trap;
        reported += trial->reports != 0;
        if (test_failed())
            say("trial %u, byte %u of the heap, SEED=%x\n", salt, (unsigned)trial->offset, (uintptr_t)test_seed());
    }
    /* Most of it is met, and told. */
    CHECK(reported > TRIALS / 3 && trapped > TRIALS / 50);
    host_unmap(ground, 2 * ZONE + BYTES + 64);
}

TESTS(small_random) = {
    { "in_a_kibibyte", in_a_kibibyte },
    { "in_little_memory", in_little_memory },
    { "in_much_memory", in_much_memory },
    { "while_it_grows", while_it_grows },
    { "one_bit_flipped", one_bit_flipped },
    TESTS_END
};
