/* SPDX-License-Identifier: MIT
 *
 * scope.c - all sequences of calls on a tiny heap, each state compared with a model.
 *
 *   scope GRANULES CALLS
 *
 * The heap has that many granules for blocks, then a region of 4 more may be added behind it and touch it, or be left apart by a
 * gap. From every state each call is tried: malloc of four sizes, an aligned one, free and realloc of every block, adding the
 * region. States that were seen with as many calls to come are not gone through again.
 *
 * In each state: fh_check finds nothing; the blocks in address order are the model's, next to each other from the first to the
 * end, and their bytes add up; no two free ones touch; all payloads hold what was written; and every address that is no block in
 * use, misaligned ones too, is refused by fh_free, which changes no byte outside the control structure. Of each call: malloc and a shrinking realloc
 * fail only where no free block is large enough; alignment; what failed changed nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <freehold.h>

#define MOST_LIVE 24
#define ROOM 4096
#define G ((size_t)FH_GRANULE)
#define TAG 4
#define LEAST (16 / G)

struct live {
    unsigned char *at;
    size_t size;
};

struct model {
    struct live live[MOST_LIVE];   /* in address order */
    int count;
    int regions;
    int refused_growth;            /* the region was added apart, behind a gap */
};

static _Alignas(64) unsigned char memory[ROOM];
static unsigned char *start, *end;  /* where blocks lie in the first region */
static size_t first_bytes;          /* of the first region */
static size_t most;                 /* bytes that are saved with a state */
static struct fh_heap *heap;
static struct model model;
static unsigned faults;
static unsigned long long states, calls, refusals;

static void fault(void *ctx, const struct fh_fault *f)
{
    (void)ctx;
    (void)f;
    faults++;
}

static const struct fh_port port = { .fault = fault };

static void wrong(const char *fact)
{
    printf("WRONG %s, with %d blocks in use:\n", fact, model.count);
    for (int i = 0; i < model.count; i++)
        printf("  %zu bytes at %td\n", model.live[i].size, model.live[i].at - start);
    exit(1);
}

#define HOLDS(fact, condition) ((condition) ? (void)0 : wrong(fact))

static unsigned char pattern(const unsigned char *at)
{
    return (unsigned char)((at - memory) * 167 + 13);
}

static void fill(struct live b)
{
    for (size_t i = 0; i < b.size; i++)
        b.at[i] = pattern(b.at + i);
}

static bool filled(const unsigned char *at, size_t size, const unsigned char *as)
{
    for (size_t i = 0; i < size; i++)
        if (at[i] != pattern(as + i))
            return false;
    return true;
}

static size_t granules_for(size_t size)
{
    size_t n = (size + TAG + G - 1) / G;
    return n < LEAST ? LEAST : n;
}

/* What a walk over the heap sees. */
struct view {
    const unsigned char *at;      /* where the next block must begin, NULL at the beginning of a region */
    int seen;
    size_t largest_free;
    size_t free_bytes;
    size_t used_bytes;
    bool last_free;
};

static bool visit(void *arg, const struct fh_block_info *b)
{
    struct view *v = arg;
    HOLDS("blocks lie next to each other", v->at == NULL || v->at == b->payload);
    v->at = (const unsigned char *)b->payload + b->bytes;
    if (b->bytes == 0) {
        v->at = NULL;
        v->last_free = false;
        return true;
    }
    HOLDS("no two free blocks touch", b->used || !v->last_free);
    v->last_free = !b->used;
    if (!b->used) {
        v->free_bytes += b->bytes;
        if (b->bytes > v->largest_free)
            v->largest_free = b->bytes;
        return true;
    }
    v->used_bytes += b->bytes;
    HOLDS("a used block is one that was handed out", v->seen < model.count && model.live[v->seen].at == b->payload);
    HOLDS("it holds what was asked for", b->bytes >= model.live[v->seen].size + TAG);
    v->seen++;
    return true;
}

static struct view look(void)
{
    struct view v;
    memset(&v, 0, sizeof v);
    fh_walk(heap, visit, &v);
    HOLDS("what was handed out is there", v.seen == model.count);
    return v;
}

static unsigned char before[ROOM];

/* Every address that is no block in use is refused, and nothing is written. */
static void try_wrong_pointers(void)
{
    memcpy(before, memory, most);
    int next = 0;
    for (unsigned char *p = start - G; p <= memory + most; p += G / 2) {
        while (next < model.count && model.live[next].at < p)
            next++;
        if (next < model.count && model.live[next].at == p)
            continue;
        faults = 0;
        fh_free(heap, p);
        HOLDS("what is no block in use is refused", faults == 1);
        refusals++;
    }
    size_t blocks = (size_t)(start - TAG - memory);
    HOLDS("a refused call changes no block", memcmp(before + blocks, memory + blocks, most - blocks) == 0);
    HOLDS("nor the heap", fh_check(heap) == FH_OK && look().seen == model.count);
}

static void look_closely(void)
{
    HOLDS("the heap is whole", fh_check(heap) == FH_OK);
    struct view v = look();
    struct fh_stats stats;
    fh_stats(heap, &stats);
    HOLDS("the counts are the sums", stats.bytes_used == v.used_bytes && stats.bytes_free == v.free_bytes);
    HOLDS("blocks fill their regions", model.regions == 2 || v.used_bytes + v.free_bytes == (size_t)(end - start));
    for (int i = 0; i < model.count; i++) {
        HOLDS("payloads are aligned", (uintptr_t)model.live[i].at % G == 0);
        HOLDS("payloads are untouched", filled(model.live[i].at, model.live[i].size, model.live[i].at));
    }
    try_wrong_pointers();
}

static void enter(unsigned char *at, size_t size)
{
    int i = model.count++;
    for (; i > 0 && model.live[i - 1].at > at; i--)
        model.live[i] = model.live[i - 1];
    model.live[i].at = at;
    model.live[i].size = size;
    fill(model.live[i]);
}

static void forget(int i)
{
    model.count--;
    for (; i < model.count; i++)
        model.live[i] = model.live[i + 1];
}

static const size_t sizes[] = { 1, G + 1, 2 * G + 4, 5 * G };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* The calls are numbered: malloc of each size, one aligned, the region in two places, then free and realloc of each block. */
enum { ALIGNED = SIZES, ADD, ADD_APART, FREE };

static int choices(void)
{
    return FREE + model.count * (1 + SIZES);
}

static bool call_malloc(size_t size)
{
    if (model.count == MOST_LIVE)
        return false;
    bool fits = look().largest_free >= granules_for(size) * G;
    unsigned char *p = fh_malloc(heap, size);
    HOLDS("malloc fails only where nothing is large enough", (p != NULL) == fits);
    if (p != NULL)
        enter(p, size);
    return p != NULL;
}

static bool call_aligned(void)
{
    unsigned char *p = model.count < MOST_LIVE ? fh_aligned_alloc(heap, 4 * G, G) : NULL;
    HOLDS("an aligned block is", (uintptr_t)p % (4 * G) == 0);
    if (p != NULL)
        enter(p, G);
    return p != NULL;
}

static bool call_add(size_t gap)
{
    if (model.regions != 1)
        return false;
    size_t bytes = gap != 0 ? 4 * G + 64 : 4 * G;
    HOLDS("the region is taken", fh_add_region(heap, memory + first_bytes + gap, bytes) != 0);
    model.regions = 2;
    return true;
}

static bool call_realloc(int i, size_t size)
{
    struct live old = model.live[i];
    unsigned char *p = fh_realloc(heap, old.at, size);
    /* An aligned block holds a word of the heap's besides. */
    HOLDS("what shrinks stays", granules_for(size + 4) > granules_for(old.size) || p == old.at);
    if (p == NULL)
        return true;
    HOLDS("what is kept is kept", filled(p, size < old.size ? size : old.size, old.at));
    forget(i);
    enter(p, size);
    return true;
}

/* False: the call is none here, or it failed and the heap is as it was. */
static bool call(int n)
{
    faults = 0;
    if (n < SIZES)
        return call_malloc(sizes[n]);
    if (n == ALIGNED)
        return call_aligned();
    if (n == ADD || n == ADD_APART)
        return call_add(n == ADD ? 0 : 3 * G);
    int i = (n - FREE) / (1 + SIZES);
    int how = (n - FREE) % (1 + SIZES);
    if (how != 0)
        return call_realloc(i, sizes[how - 1]);
    fh_free(heap, model.live[i].at);
    forget(i);
    return true;
}

/* States that were seen, by hash, and with how many calls to come. Two words of hash: that different states share both is not to
 * be expected in the life of the universe. */
struct seen {
    uint64_t hash[2];
    int left;
};
#define SEEN ((size_t)1 << 23)
static struct seen *seen;

static uint64_t mix(uint64_t h, uint64_t word, uint64_t by)
{
    h = (h ^ word) * by;
    return h ^ h >> 29;
}

static bool is_new(int left)
{
    uint64_t h[2] = { 1, 2 };
    for (size_t i = 0; i < most; i += 8) {
        uint64_t word;
        memcpy(&word, memory + i, 8);
        h[0] = mix(h[0], word, 0x9E3779B97F4A7C15u);
        h[1] = mix(h[1], word, 0xC2B2AE3D27D4EB4Fu);
    }
    for (int i = 0; i < model.count; i++) {
        h[0] = mix(h[0], (uint64_t)(model.live[i].at - memory) << 32 | model.live[i].size, 0x9E3779B97F4A7C15u);
        h[1] = mix(h[1], (uint64_t)(model.live[i].at - memory) << 32 | model.live[i].size, 0xC2B2AE3D27D4EB4Fu);
    }
    for (size_t i = h[0] % SEEN;; i = (i + 1) % SEEN) {
        struct seen *s = &seen[i];
        if (s->left == 0) {
            if (++states > SEEN / 10 * 9) {
                puts("too many states for the table");
                exit(1);
            }
            s->hash[0] = h[0];
            s->hash[1] = h[1];
        } else if (s->hash[0] != h[0] || s->hash[1] != h[1]) {
            continue;
        } else if (s->left > left) {
            return false;
        }
        s->left = left + 1;
        return true;
    }
}

static void explore(int left)
{
    if (!is_new(left))
        return;
    look_closely();
    if (left == 0)
        return;
    unsigned char *saved = malloc(most);
    struct model then = model;
    memcpy(saved, memory, most);
    int n = choices();
    for (int i = 0; i < n; i++) {
        bool changed = call(i);
        HOLDS("nothing was reported", faults == 0);
        calls++;
        if (changed)
            explore(left - 1);
        else
            HOLDS("what failed changed nothing", fh_check(heap) == FH_OK && look().seen == then.count);
        memcpy(memory, saved, most);
        model = then;
    }
    free(saved);
}

/* The smallest memory in which there are that many granules for blocks. */
static void create(size_t granules)
{
    for (first_bytes = 64; first_bytes < ROOM / 2; first_bytes += G) {
        heap = fh_create(memory, first_bytes, &port);
        if (heap == NULL)
            continue;
        struct view v = look();
        if (v.free_bytes == granules * G)
            break;
    }
    HOLDS("there is such a heap", heap != NULL && first_bytes < ROOM / 2);
    unsigned char *p = fh_malloc(heap, 1);
    start = p;
    end = start + granules * G;
    fh_free(heap, p);
    most = first_bytes + 3 * G + 4 * G + 64;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    seen = calloc(SEEN, sizeof *seen);
    if (seen == NULL)
        return 2;
    create((size_t)atoi(argv[1]));
    /* From a clean slate: how it was found is no part of the state. */
    memset(memory, 0, sizeof memory);
    heap = fh_create(memory, first_bytes, &port);
    model.regions = 1;
    explore(atoi(argv[2]));
    printf("  %s granules of %zu bytes, %s calls: %llu states, %llu calls, %llu wrong pointers refused\n", argv[1], G, argv[2],
           states, calls, refusals);
    return 0;
}
