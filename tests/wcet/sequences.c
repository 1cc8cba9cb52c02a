/* SPDX-License-Identifier: MIT
 *
 * sequences.c - the calls whose instructions are counted: what programs do, and what hurts.
 *
 * Promise: the same calls on every machine with the same granule. Each sequence runs on a heap with 10, 100, 1,000, 10,000 and
 * 100,000 free blocks lying between used ones. Calls between wcet_next and wcet_pause are counted, by the plugin, from outside:
 * nothing here reads a clock. After each sequence the heap is checked.
 *
 *   mixed     lifetimes and sizes as in a program's mid-life: many small, few large; all four calls
 *   packets   bursts of buffers of five sizes and their descriptors, freed in order of arrival
 *   stack     last in, first out
 *   edges     sizes at the borders of the size classes, in a small working set that coalesces all the time
 *   worst     every call built for the longest way through it: see hurt_malloc, hurt_free, hurt_resize
 *   refused   requests larger than any free block: the search that finds nothing
 *
 * Must not know: the allocator's inside. What hurts is arranged with the public calls alone; only the number of blocks to put
 * in the way (IN_THE_WAY) was chosen knowing how deep the search goes.
 */
#include "board.h"
#include <freehold.h>

#define MOST_HOLES 100000u
#define SLOTS 256u
#define IN_THE_WAY 6u
#define SMALLEST ((uint32_t)(16 / FH_GRANULE))   /* granules in the smallest block */
#define PAYLOAD(granules) ((size_t)(granules) * FH_GRANULE - 4)

/* The plugin watches for these: a new phase begins, counting goes on, counting pauses. */
void wcet_next(void);
void wcet_count(void);
void wcet_pause(void);
__attribute__((noinline)) void wcet_next(void)
{
    __asm__ volatile("");
}
__attribute__((noinline)) void wcet_count(void)
{
    __asm__ volatile("");
}
__attribute__((noinline)) void wcet_pause(void)
{
    __asm__ volatile("");
}

static struct fh_heap *heap;
static void *slots[SLOTS];
static void *holes[MOST_HOLES];
static uint32_t state;
static int failures;

/* Xorshift (Marsaglia, 2003). */
static uint32_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* A number below a bound of at most 2^16, without dividing. */
static uint32_t below(uint32_t bound)
{
    return ((rnd() >> 16) * bound) >> 16;
}

static void put(const char *text)
{
    while (*text != 0)
        board_put(*text++);
}

static void put_number(uint32_t n)
{
    static const uint32_t powers[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    bool begun = false;
    for (unsigned i = 0; i < sizeof powers / sizeof *powers; i++) {
        char digit = '0';
        for (; n >= powers[i]; n -= powers[i])
            digit++;
        begun = begun || digit != '0' || powers[i] == 1;
        if (begun)
            board_put(digit);
    }
}

static bool count_free(void *arg, const struct fh_block_info *block)
{
    uint32_t *n = arg;
    *n += !block->used;
    return true;
}

static uint32_t free_blocks(void)
{
    uint32_t n = 0;
    fh_walk(heap, count_free, &n);
    return n;
}

static void begin(const char *name, uint32_t wanted)
{
    put("phase ");
    put(name);
    board_put(' ');
    put_number(wanted);
    board_put(' ');
    put_number(free_blocks());
    board_put('\n');
    wcet_next();
}

static void end(void)
{
    wcet_pause();
    enum fh_fault_kind fact = fh_check(heap);
    if (fact == FH_OK)
        return;
    put("fail ");
    put(fh_fault_name(fact));
    board_put('\n');
    failures++;
}

static size_t hole_size(void)
{
    if (below(64) == 0)
        return 200 + below(1800);
    return 12 + below(8) * 8;
}

/* A heap with that many free blocks of many sizes, freed in random order, each between two used ones. */
static void make_heap(uint32_t wanted)
{
    state = 2463534242u;
    heap = fh_create(__heap_start, (size_t)(__heap_end - __heap_start), NULL);
    for (uint32_t i = 0; i < wanted; i++) {
        holes[i] = fh_malloc(heap, hole_size());
        fh_malloc(heap, 8);
    }
    for (uint32_t i = wanted; i > 1; i--) {
        uint32_t j = i <= 65536 ? below(i) : rnd() & 65535;
        void *other = holes[i - 1];
        holes[i - 1] = holes[j];
        holes[j] = other;
    }
    for (uint32_t i = 0; i < wanted; i++)
        fh_free(heap, holes[i]);
}

static void clear_slots(void)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        fh_free(heap, slots[i]);
        slots[i] = NULL;
    }
}

static size_t program_size(void)
{
    uint32_t kind = below(100);
    if (kind < 60)
        return 8 + below(56);
    if (kind < 85)
        return 64 + below(192);
    if (kind < 97)
        return 256 + below(768);
    return 1024 + below(3072);
}

static void mixed(uint32_t calls)
{
    for (; calls != 0; calls--) {
        uint32_t i = below(SLOTS);
        uint32_t kind = below(16);
        if (slots[i] == NULL) {
            slots[i] = kind == 0 ? fh_aligned_alloc(heap, (size_t)32 << below(4), program_size()) : fh_malloc(heap, program_size());
        } else if (kind < 2) {
            void *moved = fh_realloc(heap, slots[i], program_size());
            slots[i] = moved != NULL ? moved : slots[i];
        } else {
            fh_free(heap, slots[i]);
            slots[i] = NULL;
        }
    }
}

static void packets(uint32_t bursts)
{
    static const uint16_t sizes[] = { 64, 128, 256, 576, 1514 };
    for (; bursts != 0; bursts--) {
        uint32_t n = 1 + below(SLOTS / 2);
        for (uint32_t i = 0; i < n; i++) {
            slots[2 * i] = fh_malloc(heap, 24);
            slots[2 * i + 1] = fh_malloc(heap, sizes[below(5)]);
        }
        for (uint32_t i = 0; i < 2 * n; i++) {
            fh_free(heap, slots[i]);
            slots[i] = NULL;
        }
    }
}

static void stack(uint32_t calls)
{
    uint32_t depth = 0;
    for (; calls != 0; calls--) {
        bool grows = depth == 0 || (depth < SLOTS && below(2) != 0);
        if (grows) {
            slots[depth++] = fh_malloc(heap, program_size());
        } else {
            fh_free(heap, slots[--depth]);
            slots[depth] = NULL;
        }
    }
}

/* A size in granules at the border of a class: a doubling's eighth, give or take one. */
static uint32_t edge(uint32_t doublings)
{
    uint32_t shift = below(doublings);
    return ((8 + below(8)) << shift) + below(3) + 1;
}

static void edges(uint32_t calls)
{
    for (; calls != 0; calls--) {
        uint32_t i = below(48);
        size_t size = PAYLOAD(edge(12)) - below(FH_GRANULE);
        uint32_t kind = below(8);
        if (slots[i] == NULL) {
            slots[i] = kind == 0 ? fh_aligned_alloc(heap, (size_t)FH_GRANULE << below(8), size) : fh_malloc(heap, size);
        } else if (kind == 0) {
            void *moved = fh_realloc(heap, slots[i], size);
            slots[i] = moved != NULL ? moved : slots[i];
        } else {
            fh_free(heap, slots[i]);
            slots[i] = NULL;
        }
    }
}

/* Everything that a hurt_ function below allocates, so that it can be freed at the end. */
static uint32_t n_kept;

static void *keep(uint32_t granules)
{
    void *p = fh_malloc(heap, PAYLOAD(granules));
    if (n_kept < SLOTS)
        slots[n_kept++] = p;
    return p;
}

/* A block that will not coalesce with what is kept next. */
static void *fenced(uint32_t granules)
{
    void *p = keep(granules);
    keep(SMALLEST);
    return p;
}

/* No longer to be freed at the end. */
static void *forget(void *p)
{
    for (uint32_t i = 0; i < n_kept; i++) {
        if (slots[i] == p)
            slots[i] = NULL;
    }
    return p;
}

static void let_go(void *p)
{
    fh_free(heap, forget(p));
}

/* Free blocks of that size. */
static void dig(uint32_t granules, uint32_t n)
{
    void *dug[IN_THE_WAY];
    for (uint32_t i = 0; i < n; i++)
        dug[i] = fenced(granules);
    for (uint32_t i = 0; i < n; i++)
        let_go(dug[i]);
}

/* Blocks of that many granules and more come from the untouched end of the heap, one behind the other: no hole is as large. */
#define FROM_THE_END 300u

/*   [ left, used ][ middle, used ][ right, free ][ fence, used ]
 *
 * False if the heap did not lay them so. Middle and right are cut from one block, so that both may be small. The right one
 * becomes the first of its list. */
static bool lay(void **left, void **middle, uint32_t l, uint32_t m, uint32_t r)
{
    char *a = keep(l);
    char *b = keep(m + r);
    char *fence = keep(FROM_THE_END);
    *left = a;
    *middle = b;
    return a != NULL && b != NULL && b == a + (size_t)l * FH_GRANULE && fence == b + (size_t)(m + r) * FH_GRANULE
        && fh_resize(heap, b, PAYLOAD(m));
}

static void end_of_hurt(void)
{
    clear_slots();
    n_kept = 0;
}

/* Frees a block so that it lies in the middle of its list, between two others of its size. */
static void free_amid(void *block, void *before, void *behind)
{
    let_go(before);
    let_go(block);
    let_go(behind);
}

/* A size with others in its class below it: the least of the class, and a larger one. */
static uint32_t class_pair(uint32_t doublings, uint32_t *larger)
{
    uint32_t shift = below(doublings);
    uint32_t least = ((8 + below(8)) << shift) + 1;
    *larger = least + (shift != 0 ? below(((uint32_t)1 << shift) - 1) + 1 : 0);
    return least;
}

/* malloc: the request's own class holds blocks that are all a little too small; the next one large enough lies some classes
 * on, is not alone in its list, and its rest goes to a list that is not empty. */
static void hurt_malloc(uint32_t doublings)
{
    uint32_t wanted;
    uint32_t least = class_pair(doublings, &wanted);
    uint32_t large = wanted + edge(doublings);
    dig(large - wanted, 2);
    dig(large, 2);
    dig(least, IN_THE_WAY);
    size_t align = (size_t)FH_GRANULE << below(8);
    wcet_count();
    void *p = fh_malloc(heap, PAYLOAD(wanted));
    wcet_pause();
    fh_free(heap, p);
    wcet_count();
    p = fh_aligned_alloc(heap, align, PAYLOAD(wanted));
    wcet_pause();
    fh_free(heap, p);
    end_of_hurt();
}

/* free: both neighbours are free and amid their lists, and the block that the three make goes to a list that is not empty. */
static void hurt_free(uint32_t doublings)
{
    uint32_t l = edge(doublings) + FROM_THE_END;
    uint32_t m = edge(doublings);
    uint32_t r = edge(doublings) + (below(2) != 0 ? FROM_THE_END : 0);
    void *others[4] = { fenced(l), fenced(l), fenced(r), fenced(r) };
    void *joined = fenced(l + m + r);
    void *left;
    void *middle;
    let_go(others[2]);
    if (lay(&left, &middle, l, m, r)) {
        let_go(others[3]);
        free_amid(left, others[0], others[1]);
        let_go(joined);
        forget(middle);
        wcet_count();
        fh_free(heap, middle);
        wcet_pause();
    }
    end_of_hurt();
}

/* realloc in place: the block behind is free and amid its list, and what remains of it, or grows, goes to a list that is not
 * empty. */
static void hurt_resize(uint32_t doublings)
{
    uint32_t m = edge(doublings) + SMALLEST;
    uint32_t r = edge(doublings) + FROM_THE_END;
    bool grows = below(2) != 0;
    uint32_t by = grows ? below(r) : below(m);
    void *others[2] = { fenced(r), fenced(r) };
    void *left;
    void *middle;
    dig(grows ? r - by : r + by, 2);
    let_go(others[0]);
    if (lay(&left, &middle, FROM_THE_END, m, r)) {
        let_go(others[1]);
        forget(middle);
        wcet_count();
        void *p = fh_realloc(heap, middle, PAYLOAD(grows ? m + by : m - by));
        wcet_pause();
        fh_free(heap, p != NULL ? p : middle);
    }
    end_of_hurt();
}

/* realloc that moves: the worst malloc, then the worst free, with a few words to copy. The block behind is free, but too small
 * to help. */
static void hurt_move(uint32_t doublings)
{
    uint32_t wanted;
    uint32_t least = class_pair(doublings, &wanted);
    uint32_t large = wanted + edge(doublings);
    uint32_t l = edge(doublings) + FROM_THE_END;
    uint32_t r = below(wanted - 2 * SMALLEST) + SMALLEST;
    void *others[4] = { fenced(l), fenced(l), fenced(r), fenced(r) };
    void *left;
    void *middle;
    dig(large - wanted, 2);
    dig(large, 2);
    dig(least, IN_THE_WAY);
    let_go(others[2]);
    if (lay(&left, &middle, l, SMALLEST, r)) {
        let_go(others[3]);
        free_amid(left, others[0], others[1]);
        forget(middle);
        wcet_count();
        void *p = fh_realloc(heap, middle, PAYLOAD(wanted));
        wcet_pause();
        fh_free(heap, p != NULL ? p : middle);
    }
    end_of_hurt();
}

static void refused(uint32_t calls)
{
    for (; calls != 0; calls--) {
        size_t size = (size_t)(__heap_end - __heap_start) << below(8);
        fh_malloc(heap, size);
        fh_aligned_alloc(heap, (size_t)FH_GRANULE << below(16), size);
    }
}

/* The sizes that hurt are built from, up to how many doublings: the largest still find room beside that many holes. */
static uint32_t doublings_beside(uint32_t wanted)
{
    return wanted <= 10000 ? 15 : 10;
}

static void run(uint32_t wanted)
{
    make_heap(wanted);
    begin("mixed", wanted);
    mixed(12000);
    end();
    clear_slots();
    begin("packets", wanted);
    packets(60);
    end();
    clear_slots();
    begin("stack", wanted);
    stack(8000);
    end();
    clear_slots();
    begin("edges", wanted);
    edges(16000);
    end();
    clear_slots();
    begin("worst", wanted);
    wcet_pause();
    for (uint32_t i = 0; i < 1500; i++) {
        uint32_t doublings = 1 + below(doublings_beside(wanted));
        hurt_malloc(doublings);
        hurt_free(doublings);
        hurt_resize(doublings);
        hurt_move(doublings);
    }
    end();
    begin("refused", wanted);
    refused(100);
    end();
}

int wcet_main(void)
{
    for (uint32_t wanted = 10; wanted <= MOST_HOLES; wanted *= 10)
        run(wanted);
    put(failures == 0 ? "done\n" : "failed\n");
    return failures != 0;
}
