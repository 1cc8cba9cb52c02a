/* SPDX-License-Identifier: MIT
 *
 * sequences.c - the calls whose instructions are counted: what programs do, and what hurts.
 *
 * Promise: the same calls on every machine with the same granule. Each sequence but the first ones runs on a heap with 10, 100, 1,000 and so on up
 * to MOST_HOLES free blocks lying between used ones. Calls between wcet_next and wcet_pause are counted, by the plugin, from outside:
 * nothing here reads a clock. After each sequence the heap is checked.
 *
 * With ONE_SPAN the same for what the small core takes: a heap of one span, all sizes that are built smaller, other traces, and no regions.
 *
 *   known     a function whose instructions are known, to check the counting itself
 *   cc1 ...   what programs did, as recorded in tests/traces, replayed each on a fresh heap; the machine's loader has put the
 *             files, one behind the other, at __traces_start (tests/bench/trace.h describes them)
 *   mixed     lifetimes and sizes as in a program's mid-life: many small, few large; all four calls
 *   packets   bursts of buffers of five sizes and their descriptors, freed in order of arrival
 *   stack     last in, first out
 *   edges     sizes at the borders of the size classes, in a small working set that coalesces all the time
 *   worst     every call built for the longest way through it: see hurt_malloc, hurt_free, hurt_resize
 *   huge      the same with blocks as large as there is room for: up to some megabytes
 *   tight     aligned_alloc in a full heap, where one block can serve, if it is looked at closely
 *   refused   requests that nothing meets: the search that finds nothing
 *   little    heaps of at most LITTLE_MOST bytes, whose last list holds several sizes and is searched whole
 *   last      a heap made on LITTLE_MOST / 4 bytes and then extended to all memory: the number is that of the blocks on its last list
 *   regions   mixed and worst on one heap of 1, 8 and 64 regions instead: here the number is that of the regions
 *
 * Must not know: the allocator's inside. What hurts is arranged with the public calls alone; only the number of blocks to put
 * in the way (IN_THE_WAY) was chosen knowing how deep the search goes.
 */
#include "print.h"
#include <freehold.h>

/* What is measured: in how much memory, with how many holes, in sizes of how many doublings. The largest sizes still find room beside the
 * holes; DOUBLINGS_HUGE, beside HOLES_HUGE holes. A move is built of DOUBLINGS_MOVE at least, a refusal of 7. */
#ifdef ONE_SPAN
#define HEAP_MOST ((size_t)65535 * FH_GRANULE)
#define MOST_HOLES 4000u
#define DOUBLINGS 6u
#define DOUBLINGS_MOVE 6u
#define DOUBLINGS_REFUSED 7u
#define DOUBLINGS_HUGE 8u
#define HOLES_HUGE 1000u
#else
#define HEAP_MOST SIZE_MAX
#define MOST_HOLES 100000u
#define DOUBLINGS 12u
#define DOUBLINGS_MOVE 8u
#define DOUBLINGS_REFUSED 12u
#define DOUBLINGS_HUGE 15u
#define HOLES_HUGE 10000u
#endif
#define LITTLE_MOST 2048u
#define MOST_BLOCKS 400000u   /* in a trace */
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
static void *table[MOST_BLOCKS];   /* of a trace, or to become holes */
static uint32_t state;
static int failures;
static uint32_t refusals;   /* of a trace's requests */

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

static size_t heap_bytes(void)
{
    size_t bytes = (size_t)(__heap_end - __heap_start);
    return bytes < HEAP_MOST ? bytes : HEAP_MOST;
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
    put_number(wanted);
    put_number(free_blocks());
    board_put('\n');
    wcet_next();
}

static void fail(const char *why)
{
    put("fail ");
    put(why);
    board_put('\n');
    failures++;
}

static void check(void)
{
    enum fh_fault_kind fact = fh_check(heap);
    if (fact != FH_OK)
        fail(fh_fault_name(fact));
}

static void end(void)
{
    wcet_pause();
    check();
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
    heap = fh_create(__heap_start, heap_bytes(), NULL);
    for (uint32_t i = 0; i < wanted; i++) {
        table[i] = fh_malloc(heap, hole_size());
        fh_malloc(heap, 8);
    }
    for (uint32_t i = wanted; i > 1; i--) {
        uint32_t j = i <= 65536 ? below(i) : rnd() & 65535;
        void *other = table[i - 1];
        table[i - 1] = table[j];
        table[j] = other;
    }
    for (uint32_t i = 0; i < wanted; i++)
        fh_free(heap, table[i]);
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
        size_t size = PAYLOAD(edge(DOUBLINGS)) - below(FH_GRANULE);
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

/* Everything that a hurt_ function below holds, so that it can be freed at the end. They take all that they need before they
 * free anything: what is taken later could come out of what was freed. */
static uint32_t n_kept;

static void *keep(uint32_t granules)
{
    void *p = fh_malloc(heap, PAYLOAD(granules));
    if (n_kept < SLOTS)
        slots[n_kept++] = p;
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

static void end_of_hurt(void)
{
    clear_slots();
    n_kept = 0;
}

/* Blocks of that many granules and more come from the untouched end of the heap, one behind the other: no hole is as large. */
#define FROM_THE_END 300u

/* Blocks of one size with a used one behind each, so that they do not coalesce with each other. */
static void fence(void **blocks, uint32_t n, uint32_t granules)
{
    for (uint32_t i = 0; i < n; i++) {
        blocks[i] = keep(granules);
        keep(FROM_THE_END);
    }
}

static void open_all(void **blocks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        let_go(blocks[i]);
}

/* What malloc is made to meet: blocks in the request's own class that are all a little too small, the next ones that are large
 * enough some classes on, and others as large as what will be left of them. */
struct obstacles {
    uint32_t wanted;
    void *small[IN_THE_WAY];
    void *large[2];
    void *rests[2];
};

static void take_obstacles(struct obstacles *o, uint32_t doublings, uint32_t wanted_at_least)
{
    uint32_t shift;
    do {
        shift = below(doublings);
        uint32_t least = ((8 + below(8)) << shift) + 1;
        o->wanted = least + (shift != 0 ? below(((uint32_t)1 << shift) - 1) + 1 : 0);
        if (o->wanted >= wanted_at_least)
            fence(o->small, IN_THE_WAY, least);
    } while (o->wanted < wanted_at_least);
    /* Beyond the request's class: in it, a block behind those that are too small might be overlooked and the request refused. */
    uint32_t rest = edge(doublings) + ((uint32_t)1 << shift);
    fence(o->large, 2, o->wanted + rest);
    fence(o->rests, 2, rest);
}

static void free_obstacles(struct obstacles *o)
{
    open_all(o->rests, 2);
    open_all(o->large, 2);
    open_all(o->small, IN_THE_WAY);
}

/* The bytes to ask for, so that a block has that many granules; one that keeps an alignment holds a word of the heap's. */
static size_t bytes_of(uint32_t granules, bool aligned)
{
    return PAYLOAD(granules) - (aligned ? sizeof(uint32_t) : 0);
}

static void *keep_aligned(uint32_t granules)
{
    void *p = fh_aligned_alloc(heap, 2 * (size_t)FH_GRANULE, bytes_of(granules, true));
    if (n_kept < SLOTS)
        slots[n_kept++] = p;
    return p;
}

/*   [ left, used ][ middle and right, used ][ fence, used ]
 *
 * False if the heap did not lay them so. */
static bool lay_once(void **left, void **middle, uint32_t l, uint32_t m_and_r, bool aligned)
{
    char *a = keep(l);
    char *b = aligned ? keep_aligned(m_and_r) : keep(m_and_r);
    char *c = keep(FROM_THE_END);
    *left = a;
    *middle = b;
    if (a != NULL && b != NULL && b == a + (size_t)l * FH_GRANULE && c == b + (size_t)m_and_r * FH_GRANULE)
        return true;
    let_go(c);
    let_go(b);
    let_go(a);
    return false;
}

/* An aligned block lies directly behind one of either l granules or one more. */
static bool lay(void **left, void **middle, uint32_t l, uint32_t m_and_r, bool aligned)
{
    return lay_once(left, middle, l, m_and_r, aligned) || (aligned && lay_once(left, middle, l + 1, m_and_r, aligned));
}

/* Frees the left one and the right one amid their lists, between others of their size, or where no others are.
 *
 *   [ left, free ][ middle, used ][ right, free ][ fence, used ] */
static void free_sides(void *left, void *middle, size_t middle_bytes, void **like_left, void **like_right, bool alone)
{
    if (!alone) {
        let_go(like_left[0]);
        let_go(like_right[0]);
    }
    let_go(left);
    fh_resize(heap, middle, middle_bytes);
    if (!alone) {
        let_go(like_left[1]);
        let_go(like_right[1]);
    }
}

static void hurt_malloc(uint32_t doublings)
{
    struct obstacles o;
    take_obstacles(&o, doublings, 0);
    if (o.large[0] != NULL) {
        free_obstacles(&o);
        wcet_count();
        void *p = fh_malloc(heap, PAYLOAD(o.wanted));
        wcet_pause();
        fh_free(heap, p);
        size_t align = (size_t)FH_GRANULE << below(8);
        wcet_count();
        p = fh_aligned_alloc(heap, align, PAYLOAD(o.wanted));
        wcet_pause();
        fh_free(heap, p);
    }
    end_of_hurt();
}

/* free: both neighbours are free and amid their lists, and the block that the three make goes to a list that is not empty; or each is
 * alone on its list, which takes the list's bit from the bitmap, and the list that they go to is empty. */
static void hurt_free(uint32_t doublings)
{
    bool alone = below(2) != 0;
    bool aligned = below(2) != 0;
    uint32_t l = edge(doublings) + FROM_THE_END;
    uint32_t m = edge(doublings) + FROM_THE_END;
    uint32_t r = edge(doublings);
    void *like_left[2];
    void *like_right[2];
    void *joined[2];
    void *left;
    void *middle;
    if (!alone) {
        fence(like_left, 2, l);
        fence(like_right, 2, r);
        fence(joined, 2, l + m + r);
    }
    if (lay(&left, &middle, l, m + r, aligned)) {
        free_sides(left, middle, bytes_of(m, aligned), like_left, like_right, alone);
        if (!alone)
            open_all(joined, 2);
        forget(middle);
        wcet_count();
        fh_free(heap, middle);
        wcet_pause();
    }
    end_of_hurt();
}

/* free: the same with blocks that are each a quarter of all memory. */
static void hurt_whole(void)
{
    uint32_t quarter = (uint32_t)(heap_bytes() / FH_GRANULE) / 4 - 4 * FROM_THE_END;
    void *left;
    void *middle;
    if (lay(&left, &middle, quarter, 2 * quarter - below(64), false)) {
        free_sides(left, middle, PAYLOAD(quarter - below(64)), NULL, NULL, true);
        forget(middle);
        wcet_count();
        fh_free(heap, middle);
        wcet_pause();
    }
    end_of_hurt();
}

/* realloc in place: the block behind is free and amid its list, and what remains of it, or what it grows to, goes to a list that
 * is not empty. */
static void hurt_resize(uint32_t doublings)
{
    uint32_t m = edge(doublings) + SMALLEST;
    uint32_t r = edge(doublings) + FROM_THE_END;
    bool grows = below(2) != 0;
    uint32_t by = grows ? below(r) : below(m);
    void *like_left[2];
    void *like_right[2];
    void *rests[2];
    void *left;
    void *middle;
    fence(like_left, 2, FROM_THE_END);
    fence(like_right, 2, r);
    fence(rests, 2, grows ? r - by : r + by);
    if (lay(&left, &middle, FROM_THE_END, m + r, false)) {
        free_sides(left, middle, PAYLOAD(m), like_left, like_right, false);
        open_all(rests, 2);
        forget(middle);
        wcet_count();
        void *p = fh_realloc(heap, middle, PAYLOAD(grows ? m + by : m - by));
        wcet_pause();
        fh_free(heap, p != NULL ? p : middle);
    }
    end_of_hurt();
}

/* realloc that moves: what hurts malloc, then what hurts free, with two or three words to copy. The block behind is free, but
 * too small to help. */
static void hurt_move(uint32_t doublings)
{
    struct obstacles o;
    bool alone = below(2) != 0;
    bool aligned = below(2) != 0;
    uint32_t l = edge(doublings) + FROM_THE_END;
    uint32_t r = FROM_THE_END + below(4);
    void *like_left[2];
    void *like_right[2];
    void *joined[2];
    void *left;
    void *middle;
    take_obstacles(&o, doublings < DOUBLINGS_MOVE ? DOUBLINGS_MOVE : doublings, r + 2 * SMALLEST);
    if (!alone) {
        fence(like_left, 2, l);
        fence(like_right, 2, r);
        fence(joined, 2, l + SMALLEST + r);
    }
    if (lay(&left, &middle, l, SMALLEST + r, aligned)) {
        free_obstacles(&o);
        free_sides(left, middle, bytes_of(SMALLEST, aligned), like_left, like_right, alone);
        if (!alone)
            open_all(joined, 2);
        forget(middle);
        wcet_count();
        void *p = fh_realloc(heap, middle, bytes_of(o.wanted, aligned));
        wcet_pause();
        fh_free(heap, p != NULL ? p : middle);
    }
    end_of_hurt();
}

/* All memory that is left, as used blocks, the largest that can be had first. */
static void take_the_rest(void)
{
    for (uint32_t granules = (uint32_t)(heap_bytes() / FH_GRANULE); granules > FROM_THE_END;) {
        if (n_kept == SLOTS || keep(granules) == NULL)
            granules -= granules / 8;
    }
}

/* Requests that nothing meets: larger than the heap, then with blocks in the request's own class, all too small, and nothing
 * larger anywhere. */
static void refuse(uint32_t doublings)
{
    struct obstacles o;
    size_t whole = heap_bytes() << below(8);
    take_obstacles(&o, doublings, 2 * FROM_THE_END);
    take_the_rest();
    open_all(o.small, IN_THE_WAY);
    size_t align = (size_t)FH_GRANULE << below(16);
    wcet_count();
    fh_malloc(heap, whole);
    fh_aligned_alloc(heap, align, whole);
    fh_malloc(heap, PAYLOAD(o.wanted));
    fh_aligned_alloc(heap, align, PAYLOAD(o.wanted));
    wcet_pause();
    end_of_hurt();
}

/* aligned_alloc: one block alone is large enough, and not so large that any place in it would do; those in its way are all too small. */
static void hurt_aligned(uint32_t doublings)
{
    struct obstacles o;
    take_obstacles(&o, doublings, 2 * FROM_THE_END);
    take_the_rest();
    open_all(o.small, IN_THE_WAY);
    size_t bytes = fh_usable_size(heap, o.large[0]);
    size_t align = 4 * (size_t)FH_GRANULE << below(5);
    size_t pad = (0 - (uintptr_t)o.large[0]) & (align - 1);
    let_go(o.large[0]);
    if (bytes > 2 * align) {
        bytes -= pad + sizeof(uint32_t) + below(16);
        void *p = fh_aligned_alloc(heap, align, bytes);
        fh_free(heap, p);
        /* The small core serves it only where the block begins well. */
        if (p != NULL) {
            wcet_count();
            p = fh_aligned_alloc(heap, align, bytes);
            wcet_pause();
            fh_free(heap, p);
        }
    }
    end_of_hurt();
}

/* One record's first number, the rest of which may follow; then any further one. */
static size_t trace_value(const uint8_t **at, size_t value, unsigned shift, bool more)
{
    for (; more; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (size_t)(byte & 127) << shift;
        more = (byte & 128) != 0;
    }
    return value;
}

static void trace_records(const uint8_t *at, const uint8_t *behind, uint32_t *n)
{
    enum { MALLOC, FREE, REALLOC, CALLOC, ALIGNED };
    while (at < behind) {
        uint8_t first = *at++;
        unsigned op = first & 7;
        size_t value = trace_value(&at, first >> 3 & 15, 4, (first & 128) != 0);
        size_t size = op == REALLOC || op == ALIGNED ? trace_value(&at, 0, 0, true) : 0;
        void **named = &table[*n - 1 - (op == FREE || op == REALLOC ? value : 0)];
        if (op == MALLOC || op == CALLOC) {
            refusals += (table[(*n)++] = fh_malloc(heap, value)) == NULL;
        } else if (op == ALIGNED) {
            refusals += (table[(*n)++] = fh_aligned_alloc(heap, (size_t)1 << value, size)) == NULL;
        } else if (op == FREE) {
            fh_free(heap, *named);
            *named = NULL;
        } else if (op == REALLOC) {
            void *moved = fh_realloc(heap, *named, size);
            refusals += moved == NULL;
            *named = moved != NULL ? moved : *named;
        }
    }
}

static uint32_t trace_word(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Replays the trace there and returns where the next one would be; NULL if there is none. */
static const uint8_t *run_trace(const uint8_t *at)
{
    static const char magic[] = "FHTRACE\1";
    for (unsigned i = 0; i < 8; i++) {
        if (at[i] != (uint8_t)magic[i])
            return NULL;
    }
    char name[256];
    unsigned length = at[9];
    for (unsigned i = 0; i < length; i++)
        name[i] = (char)at[10 + i];
    name[length] = 0;
    at += 10 + length;
    heap = fh_create(__heap_start, heap_bytes(), NULL);
    begin(name, 0);
    uint32_t n = 0;
    refusals = 0;
    for (; trace_word(at) != 0; at += 8 + trace_word(at))
        trace_records(at + 8, at + 8 + trace_word(at), &n);
    end();
    if (refusals != 0)
        fail("the trace does not fit");
    return at + 8;
}

static void hurt(uint32_t times, uint32_t doublings)
{
    for (; times != 0; times--) {
        uint32_t some = 1 + below(doublings);
        hurt_malloc(some);
        hurt_free(some);
        hurt_resize(some);
        hurt_move(some);
    }
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
    state = 88172645u;
    hurt(1500, DOUBLINGS);
    end();
    if (wanted <= HOLES_HUGE) {
        begin("huge", wanted);
        wcet_pause();
        hurt(400, DOUBLINGS_HUGE);
        for (uint32_t i = 0; i < 30; i++)
            hurt_whole();
        end();
    }
    begin("refused", wanted);
    wcet_pause();
    for (uint32_t i = 0; i < 30; i++)
        refuse(7 + below(DOUBLINGS_REFUSED - 6));
    end();
    begin("tight", wanted);
    wcet_pause();
    for (uint32_t i = 0; i < 200; i++)
        hurt_aligned(7 + below(DOUBLINGS_REFUSED - 6));
    end();
}

#ifdef ONE_SPAN
/* Blocks of that many granules until there is no more room, each with a used one behind; all freed, the first one, which is larger, before the
 * others. Then a request that only the first one meets, and the free of that. */
static void hurt_last(uint32_t most, uint32_t granules, uint32_t more)
{
    uint32_t n = 0;
    void *large = fh_malloc(heap, PAYLOAD(granules + 1 + more));
    void *fence = fh_malloc(heap, 8);
    while (fence != NULL && n < most) {
        table[n] = fh_malloc(heap, PAYLOAD(granules));
        fence = table[n] != NULL ? fh_malloc(heap, 8) : NULL;
        n += table[n] != NULL;
    }
    while (fh_malloc(heap, 8) != NULL)
        continue;
    fh_free(heap, large);
    for (uint32_t i = 0; i < n; i++)
        fh_free(heap, table[i]);
    if (large != NULL) {
        wcet_count();
        void *p = fh_malloc(heap, PAYLOAD(granules + 1));
        fh_free(heap, p);
        wcet_pause();
    }
}

static void run_little(void)
{
    make_heap(0);
    begin("little", LITTLE_MOST);
    wcet_pause();
    for (size_t bytes = 64; bytes <= LITTLE_MOST; bytes += 4 * FH_GRANULE) {
        for (uint32_t granules = SMALLEST; granules < 48; granules++) {
            for (uint32_t more = 0; more <= 2 * SMALLEST; more += 2 * SMALLEST) {
                heap = fh_create(__heap_start, bytes, NULL);
                if (heap == NULL)
                    continue;
                hurt_last(LITTLE_MOST, granules, more);
                check();
            }
        }
    }
    make_heap(0);
    end();
}

/* Blocks larger than the memory that the heap was made on, so that they share its last list. */
static void run_last(uint32_t wanted)
{
    const size_t first = LITTLE_MOST / 4;
    heap = fh_create(__heap_start, first, NULL);
    begin("last", wanted);
    wcet_pause();
    if (fh_add_region(heap, __heap_start + first, heap_bytes() - first) == 0)
        fail("the heap was not extended");
    hurt_last(wanted, (uint32_t)(first / FH_GRANULE), 2 * SMALLEST);
    end();
}
#else
/* A heap in so many regions with gaps between, small ones, so that the blocks of one list lie in many of them. */
static void run_regions(uint32_t wanted)
{
    const uint32_t gap = 64;
    uint32_t size = (uint32_t)(__heap_end - __heap_start) / 512;
    state = 2463534242u;
    heap = fh_create(__heap_start, size, NULL);
    for (uint32_t i = 1; i < wanted; i++)
        fh_add_region(heap, __heap_start + i * size + gap, size - gap);
    begin("regions", wanted);
    mixed(12000);
    wcet_pause();
    hurt(300, 8);
    end();
    clear_slots();
}
#endif

int board_main(void)
{
    heap = fh_create(__heap_start, heap_bytes(), NULL);
    begin("known", 0);
    board_known();
    end();
    const uint8_t *trace = (const uint8_t *)__traces_start;
    while (trace != NULL)
        trace = run_trace(trace);
    for (uint32_t wanted = 10; wanted < MOST_HOLES; wanted *= 10)
        run(wanted);
    run(MOST_HOLES);
#ifdef ONE_SPAN
    run_little();
    for (uint32_t wanted = 5; wanted <= 500; wanted *= 10)
        run_last(wanted);
#else
    for (uint32_t wanted = 1; wanted <= 64; wanted *= 8)
        run_regions(wanted);
#endif
    put(failures == 0 ? "done\n" : "failed\n");
    return failures != 0;
}
