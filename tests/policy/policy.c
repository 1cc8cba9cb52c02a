/* SPDX-License-Identifier: MIT
 *
 * policy.c - what the fault hook may do: not return, refuse and go on, or quarantine the block. After each kind of misuse and damage that
 * can be reported, under each policy, the rest of the heap does a million more operations with verified contents, and what could be had
 * before can be had again, but for the block itself.
 */
#include "harness/rig.h"
#include "pool.h"

enum { HEAP_BYTES = 262144, BLOCKS = 64, OPERATIONS = 1000000, VICTIM = 100 };

static struct rig rig;
static void *escape[5];

/* The three hooks. The lock is held in each. */

/* One that does not return: the port's own recovery point. The lock stays taken, so whoever jumps must leave it. */
static void jump(void *ctx, const struct fh_fault *fault)
{
    struct rig *r = ctx;
    r->fault = *fault;
    r->faults++;
    r->depth--;
    __builtin_longjmp(escape, 1);
}

static void refuse(void *ctx, const struct fh_fault *fault)
{
    struct rig *r = ctx;
    r->fault = *fault;
    r->faults++;
}

static const void *shunned[8];
static unsigned shunned_count;

/* Remembers the block, and the program never names it again. */
static void shun(void *ctx, const struct fh_fault *fault)
{
    refuse(ctx, fault);
    if (shunned_count < 8)
        shunned[shunned_count++] = fault->block;
}

/* The crimes: each leaves the heap with one thing wrong, or makes the wrong call itself. */
struct scene {
    unsigned char *before, *victim, *behind, *wall;
};

static void twice(struct scene *s)
{
    fh_free(rig.heap, s->victim);
    fh_free(rig.heap, s->victim);
}

static void misaligned(struct scene *s)
{
    fh_free(rig.heap, s->victim + 1);
}

static void foreign(struct scene *s)
{
    fh_free(rig.heap, rig_launder(s));
}

static void interior(struct scene *s)
{
    rig_fill(s->victim, VICTIM, 3);
    fh_free(rig.heap, s->victim + FH_GRANULE);
}

static void overrun(struct scene *s)
{
    size_t end = fh_usable_size(rig.heap, s->victim);
    s->victim[end] ^= 0x41;
    s->victim[end + 1] ^= 0x41;
    fh_free(rig.heap, s->victim);
}

static void underrun(struct scene *s)
{
    s->victim[-2] ^= 0x41;
    fh_free(rig.heap, s->victim);
}

static void realloc_twice(struct scene *s)
{
    fh_free(rig.heap, s->victim);
    CHECK(fh_realloc(rig.heap, s->victim, 2000) == NULL);
}

static void resize_overrun(struct scene *s)
{
    size_t end = fh_usable_size(rig.heap, s->victim);
    s->victim[end] ^= 0x41;
    s->victim[end + 1] ^= 0x41;
    CHECK(!fh_resize(rig.heap, s->victim, 5000));
}

/* Damage, met by a later call. Memory that is given back lies in the pool, not in a quarantine. */
static void free_for_good(void *ptr)
{
    fh_free(rig.heap, ptr);
    fh_trim(rig.heap);
}

static void write_to_link(struct scene *s)
{
    free_for_good(s->victim);
    rig_poke(s->victim, 0x41414141);
    rig_poke(s->victim + 4, 0x41414141);
    fh_free(rig.heap, s->before);
    fh_trim(rig.heap);
}

static void write_to_footer(struct scene *s)
{
    free_for_good(s->victim);
    rig_poke(s->behind - 8, 0x41414141);
    fh_free(rig.heap, s->behind);
    fh_trim(rig.heap);
}

static void write_to_tag(struct scene *s)
{
    free_for_good(s->victim);
    rig_poke(s->victim - 4, 0x41414141);
    fh_free(rig.heap, s->before);
    fh_trim(rig.heap);
}

static void write_to_head(struct scene *s)
{
    free_for_good(s->victim);
    uint32_t class = fh_class_of(&rig.heap->lists, fh_granules_for(VICTIM));
    rig_poke(fh_head_of(&rig.heap->lists, class), 0x41414141);
    fh_malloc(rig.heap, VICTIM);
}

/* The port gives memory that is the heap's already, once. */
static bool gives_own_memory;

static void *acquire(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    *got = least;
    if (!gives_own_memory)
        return NULL;
    gives_own_memory = false;
    return rig_memory + HEAP_BYTES / 2;
}

static void region_twice(struct scene *s)
{
    (void)s;
    gives_own_memory = true;
    CHECK(fh_malloc(rig.heap, HEAP_BYTES) == NULL);
}

static const struct crime {
    const char *name;
    void (*commit)(struct scene *s);
} crimes[] = {
    { "twice", twice }, { "misaligned", misaligned }, { "foreign", foreign }, { "interior", interior }, { "overrun", overrun },
    { "underrun", underrun }, { "realloc_twice", realloc_twice }, { "resize_overrun", resize_overrun },
    { "write_to_link", write_to_link }, { "write_to_footer", write_to_footer }, { "write_to_tag", write_to_tag },
    { "write_to_head", write_to_head }, { "region_twice", region_twice },
};

/* The honest program: blocks of its own come, change and go, each with its pattern. */
static void go_on(uint32_t operations)
{
    static struct { unsigned char *ptr; size_t size; } blocks[BLOCKS];
    struct dice d = dice_from(test_seed());
    for (uint32_t i = 0; i < operations && !test_failed(); i++) {
        uint32_t at = dice_below(&d, BLOCKS);
        size_t size = dice_below(&d, 8) == 0 ? dice_below(&d, 3000) : dice_below(&d, 120);
        unsigned char **ptr = &blocks[at].ptr;
        if (*ptr != NULL) {
            size_t looked = blocks[at].size < 24 ? blocks[at].size : 24;
            if (!rig_filled(*ptr, looked, at) || (blocks[at].size > 24 && !rig_filled(*ptr + blocks[at].size - 1, 1, at)))
                CHECK(false);
        }
        if (*ptr != NULL && dice_below(&d, 4) != 0) {
            fh_free(rig.heap, *ptr);
            *ptr = NULL;
            continue;
        }
        unsigned char *now = fh_realloc(rig.heap, *ptr, size);
        if (now == NULL)
            continue;
        *ptr = now;
        blocks[at].size = size;
        rig_fill(now, size < 24 ? size : 24, at);
        if (size > 24)
            rig_fill(now + size - 1, 1, at);
    }
    for (uint32_t at = 0; at < BLOCKS; at++) {
        fh_free(rig.heap, blocks[at].ptr);
        blocks[at].ptr = NULL;
    }
    EQUAL(rig.depth, 0);
}

/* What is damaged for good, because nobody may rely on the word again: the tag of a block that was written over. */
static bool may_last(enum fh_fault_kind kind)
{
    return kind == FH_OK || kind == FH_BAD_TAG || kind == FH_BAD_FOOTER || kind == FH_OVERRUN || kind == FH_NOT_COALESCED;
}

static void under(void (*hook)(void *, const struct fh_fault *), const struct crime *crime)
{
    struct scene s;
    rig_prepare(&rig);
    rig.port.fault = hook;
    rig.port.acquire = crime->commit == region_twice ? acquire : NULL;
    rig.heap = fh_create(rig_memory, HEAP_BYTES, &rig.port);
    REQUIRE(rig.heap != NULL);
    shunned_count = 0;
    s.before = fh_malloc(rig.heap, VICTIM);
    s.victim = fh_malloc(rig.heap, VICTIM);
    s.behind = fh_malloc(rig.heap, VICTIM);
    s.wall = fh_malloc(rig.heap, VICTIM);
    rig_fill(s.wall, VICTIM, 77);
    if (hook != jump || __builtin_setjmp(escape) == 0) {
        crime->commit(&s);
        if (hook == jump)
            CHECK(false);
    }
    CHECK(rig.faults >= 1);
    EQUAL(rig.depth, 0);
    /* Whoever jumped out has mended nothing: the next call that meets the damage does. */
    if (hook == jump)
        rig.port.fault = refuse;
    unsigned reported = rig.faults;
    go_on(OPERATIONS);
    /* The damage was reported when it was met, and is met at most a few times more, not again and again. */
    CHECK(rig.faults <= reported + 3);
    CHECK(rig_filled(s.wall, VICTIM, 77));
    CHECK(may_last(fh_check(rig.heap)));
    if (hook == shun)
        CHECK(shunned_count != 0);
    /* Most of the memory can still be had in one piece. */
    fh_trim(rig.heap);
    void *large = fh_malloc(rig.heap, HEAP_BYTES * 3 / 4);
    CHECK(large != NULL);
    fh_free(rig.heap, large);
}

#define POLICIES(index)                          \
    static void jumps_##index(void)              \
    {                                            \
        under(jump, &crimes[index]);             \
    }                                            \
    static void refuses_##index(void)            \
    {                                            \
        under(refuse, &crimes[index]);           \
    }                                            \
    static void shuns_##index(void)              \
    {                                            \
        under(shun, &crimes[index]);             \
    }
POLICIES(0)
POLICIES(1)
POLICIES(2)
POLICIES(3)
POLICIES(4)
POLICIES(5)
POLICIES(6)
POLICIES(7)
POLICIES(8)
POLICIES(9)
POLICIES(10)
POLICIES(11)
POLICIES(12)

#define NAMED(index, name) \
    { name "/does_not_return", jumps_##index }, { name "/refuses", refuses_##index }, { name "/quarantines", shuns_##index }

TESTS(policy_policy) = {
    NAMED(0, "twice"), NAMED(1, "misaligned"), NAMED(2, "foreign"), NAMED(3, "interior"), NAMED(4, "overrun"), NAMED(5, "underrun"),
    NAMED(6, "realloc_twice"), NAMED(7, "resize_overrun"), NAMED(8, "write_to_link"), NAMED(9, "write_to_footer"),
    NAMED(10, "write_to_tag"), NAMED(11, "write_to_head"), NAMED(12, "region_twice"), TESTS_END
};
