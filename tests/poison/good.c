/* SPDX-License-Identifier: MIT
 *
 * good.c - programs without a fault, of which neither tool may say a word: good SEED.
 *
 * Says `pass CASE` or `fail CASE` on standard output, and for the stress workload `digest NAME NUMBER`, which must be the number of
 * the ordinary library. In the end everything that came from malloc is either freed or held by a block of a heap.
 */
#include <fail/fail.h>
#include <posix/posix.h>
#include <stress/stress.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 1 << 20, THREADS = 3, SLOTS = 60, STEPS = 4000 };

static _Alignas(64) unsigned char memory[BYTES];
static _Alignas(64) unsigned char other_memory[BYTES];
static unsigned faults;

static void hear(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
    fprintf(stderr, "fault: %s\n", fh_fault_name(fault->kind));
}

static const struct fh_port port = { .fault = hear };

static bool is_filled(const unsigned char *ptr, size_t size, unsigned key)
{
    for (size_t i = 0; i < size; i++) {
        if (ptr[i] != (unsigned char)(key + i))
            return false;
    }
    return true;
}

static void fill(unsigned char *ptr, size_t size, unsigned key)
{
    for (size_t i = 0; i < size; i++)
        ptr[i] = (unsigned char)(key + i);
}

static bool is_clean(struct fh_heap *heap)
{
    struct fh_stats stats;
    struct fh_cursor cursor = { 0 };
    fh_stats(heap, &stats);
    for (unsigned i = 0; i < 50; i++) {
        if (fh_check_step(heap, &cursor, 20) != FH_OK)
            return false;
    }
    return fh_check(heap) == FH_OK && stats.blocks_used == 0;
}

/* The workload that every target runs; each byte that a block may hold is written and read. */
static bool stress(unsigned long seed)
{
    static struct stress_slot slots[STRESS_LARGE_SLOTS];
    struct stress_plan plans[] = { stress_brief((uint32_t)seed), stress_small((uint32_t)seed) };
    bool good = true;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct stress_report report = { .broken = NULL };
        struct fh_heap *heap = fh_create(memory, 8192, &port);
        plans[i].shared = true;   /* the counts are of what blocks hold, not of what was asked for */
        good = good && stress_run(heap, &plans[i], slots, &report);
        if (report.broken != NULL)
            fprintf(stderr, "%s, step %lu: %s\n", plans[i].name, (unsigned long)report.steps, report.broken);
        printf("digest %s-%d %lu 0x%08lx\n", plans[i].name, FH_GRANULE, (unsigned long)report.steps, (unsigned long)report.digest);
    }
    return good;
}

struct slot {
    unsigned char *ptr;
    size_t size;
    unsigned key;
};

static uint32_t roll(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* One step of a program that uses every call; false if a block is not what it was. */
static bool step(struct fh_heap *heap, struct slot *s, uint32_t *state)
{
    size_t size = roll(state) % (roll(state) % 8 == 0 ? 20000 : 300);
    unsigned way = roll(state) % 6;
    if (!is_filled(s->ptr, s->size, s->key))
        return false;
    if (s->ptr == NULL) {
        s->ptr = way == 0 ? fh_calloc(heap, 1, size) : way == 1 ? fh_aligned_alloc(heap, (size_t)8 << roll(state) % 7, size) : fh_malloc(heap, size);
        for (size_t i = 0; way == 0 && s->ptr != NULL && i < size; i++) {
            if (s->ptr[i] != 0)
                return false;
        }
    } else if (way == 0) {
        unsigned char *ptr = fh_realloc(heap, s->ptr, size);
        if (!is_filled(ptr != NULL ? ptr : s->ptr, ptr != NULL && size < s->size ? size : s->size, s->key))
            return false;
        size = ptr != NULL ? size : s->size;
        s->ptr = ptr != NULL ? ptr : s->ptr;
    } else if (way == 1) {
        size = fh_resize(heap, s->ptr, size) ? size : s->size;
    } else {
        if (way == 2)
            fh_free_deferred(heap, s->ptr);
        else
            fh_free(heap, s->ptr);
        s->ptr = NULL;
    }
    s->size = s->ptr != NULL ? size : 0;
    s->key = roll(state);
    fill(s->ptr, s->size, s->key);
    return true;
}

static bool use(struct fh_heap *heap, uint32_t seed)
{
    struct slot slots[SLOTS] = { { NULL, 0, 0 } };
    uint32_t state = seed * 2654435761u + 1;
    bool good = true;
    for (unsigned i = 0; i < STEPS && good; i++)
        good = step(heap, &slots[roll(&state) % SLOTS], &state);
    for (unsigned i = 0; i < SLOTS; i++) {
        good = good && is_filled(slots[i].ptr, slots[i].size, slots[i].key);
        fh_free(heap, slots[i].ptr);
    }
    return good;
}

static bool every_call(unsigned long seed)
{
    struct fh_heap *heap = fh_create(memory + 3, BYTES / 2, &port);
    bool good = use(heap, (uint32_t)seed);
    good = good && fh_add_region(heap, memory + BYTES / 2 + 3, 1000) != 0 && fh_add_region(heap, other_memory, BYTES) != 0;
    good = good && fh_add_region(heap, other_memory + 100, 5000) == 0 && fh_add_region(heap, memory, 1 << 19) == 0;
    good = good && fh_add_region(heap, other_memory, SIZE_MAX) == 0 && fh_add_region(heap, memory + BYTES - 3, 3) == 0;
    good = good && use(heap, (uint32_t)seed + 1) && is_clean(heap) && fh_destroy(heap) == 0;
    memset(memory, 1, BYTES);
    memset(other_memory, 1, BYTES);
    return good;
}

/* Pages side by side and apart; regions go back to the port, which may use them as it likes. */
static unsigned taken[16];

static void *take_pages(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    for (unsigned i = 0; i < 16; i++) {
        unsigned next = i % 3 == 2 ? 16 : i + 1;
        if (taken[i] != 0 || least > 65536 || next > 16)
            continue;
        taken[i] = 1;
        *got = 65536;
        return other_memory + i * 65536;
    }
    return NULL;
}

static void give_pages(void *ctx, void *mem, size_t bytes)
{
    (void)ctx;
    memset(mem, 0xEE, bytes);
    for (size_t at = 0; at < bytes; at += 65536)
        taken[((size_t)((unsigned char *)mem - other_memory) + at) / 65536] = 0;
}

static unsigned only_cpu(void *ctx)
{
    (void)ctx;
    return 0;
}

static bool growing_and_shrinking(unsigned long seed)
{
    static const struct fh_port pages = { .fault = hear, .acquire = take_pages, .release = give_pages };
    struct fh_heap *heap = fh_create(NULL, 0, &pages);
    bool good = use(heap, (uint32_t)seed) && is_clean(heap);
    fh_trim(heap);
    good = good && use(heap, (uint32_t)seed + 2);
    fh_destroy(heap);
    for (unsigned i = 0; i < 16; i++)
        good = good && taken[i] == 0;
    memset(other_memory, 2, BYTES);
    return good;
}

static bool caches(unsigned long seed)
{
    static const struct fh_port cached = { .fault = hear, .cache = &fh_cpu_cache, .cpus = 1, .cpu = only_cpu };
    struct fh_heap *heap = fh_create(memory, BYTES, &cached);
    bool good = use(heap, (uint32_t)seed);
    struct fh_cache *own = fh_cache_open(heap);
    unsigned char *blocks[200];
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 200; i++) {
            blocks[i] = fh_cache_malloc(own, i);
            fill(blocks[i], i, i + round);
        }
        for (unsigned i = 0; i < 200; i++) {
            good = good && is_filled(blocks[i], i, i + round);
            if (i % 2 == 0)
                fh_cache_free(own, blocks[i]);
            else
                fh_free(heap, blocks[i]);
        }
    }
    fh_cache_close(own);
    good = good && use(heap, (uint32_t)seed + 3) && fh_check(heap) == FH_OK;
    fh_destroy(heap);
    memset(memory, 3, BYTES);
    return good;
}

static struct fh_posix posix;
static struct fh_heap *shared_heap;
static unsigned seeds;

static void *run_thread(void *arg)
{
    (void)arg;
    uint32_t seed = __atomic_add_fetch(&seeds, 1, __ATOMIC_RELAXED);
    return use(shared_heap, seed) ? &seeds : NULL;
}

static bool threads(unsigned long seed)
{
    seeds = (unsigned)seed;
    fh_posix_init(&posix);
    shared_heap = fh_create(NULL, 0, &posix.port);
    pthread_t ids[THREADS];
    bool good = true;
    for (unsigned i = 0; i < THREADS; i++)
        good = pthread_create(&ids[i], NULL, run_thread, NULL) == 0 && good;
    for (unsigned i = 0; i < THREADS; i++) {
        void *done = NULL;
        good = pthread_join(ids[i], &done) == 0 && done != NULL && good;
    }
    good = good && is_clean(shared_heap) && fh_destroy(shared_heap) != 0;
    fh_posix_end(&posix);
    return good;
}

static bool a_heap_in_a_block(unsigned long seed)
{
    struct fh_heap *outer = fh_create(memory, BYTES, &port);
    unsigned char *block = fh_malloc(outer, 300000);
    struct fh_heap *inner = fh_create(block, 300000, &port);
    bool good = use(inner, (uint32_t)seed) && use(outer, (uint32_t)seed + 1);
    fh_destroy(inner);
    memset(block, 4, 300000);
    fh_free(outer, block);
    return good && is_clean(outer);
}

/* The heap that was there is no more, and needs not to be told. */
static bool made_anew(unsigned long seed)
{
    struct fh_heap *first = fh_create(memory, BYTES, &port);
    unsigned char *lost = fh_malloc(first, 100);
    struct fh_heap *second = fh_create(memory, BYTES / 2, &port);
    bool good = lost != NULL && use(second, (uint32_t)seed);
    fh_destroy(second);
    memset(memory, 5, BYTES / 2);
    return good;
}

static bool the_child_goes_on(unsigned long seed)
{
    struct fh_heap *heap = fh_create(memory, BYTES, &port);
    unsigned char *ptr = fh_malloc(heap, 10);
    fill(ptr, 10, 7);
    pid_t child = fork();
    if (child == 0) {
        bool good = is_filled(ptr, 10, 7) && use(heap, (uint32_t)seed);
        fh_free(heap, ptr);
        _exit(good && is_clean(heap) ? 0 : 1);
    }
    int status = 1;
    bool good = waitpid(child, &status, 0) == child && status == 0;
    fh_free(heap, ptr);
    return good && use(heap, (uint32_t)seed) && is_clean(heap);
}

static bool refusals(unsigned long seed)
{
    struct fh_heap *heap = fh_create(memory, BYTES, &port);
    unsigned char *ptr = fh_malloc(heap, 50);
    fill(ptr, 50, 8);
    fh_fail_after(heap, 0);
    bool good = fh_malloc(heap, 1) == NULL && fh_realloc(heap, ptr, 100) == NULL && !fh_resize(heap, ptr, 10) && is_filled(ptr, 50, 8);
    good = good && fh_calloc(heap, 1, 1) == NULL && fh_aligned_alloc(heap, 64, 1) == NULL;
    good = fh_fail_after(heap, SIZE_MAX) == 5 && good;
    fh_free(heap, ptr);
    return good && use(heap, (uint32_t)seed) && is_clean(heap);
}

static struct fh_posix keeping;
extern void *volatile *holder;
void *volatile *holder;

/* The program's only pointer to memory of malloc's lies in a block of a heap that came from mmap. */
static bool keeps_what_it_holds(unsigned long seed)
{
    (void)seed;
    fh_posix_init(&keeping);
    holder = fh_malloc(fh_create(NULL, 0, &keeping.port), 2 * sizeof *holder);
    holder[0] = malloc(321);
    holder[1] = NULL;
    return holder[0] != NULL;
}

/* All of a block may be used, and no more is said to be. */
static bool usable(unsigned long seed)
{
    (void)seed;
    struct fh_heap *heap = fh_create(memory, BYTES, &port);
    bool good = true;
    for (size_t size = 0; size < 200; size++) {
        unsigned char *ptr = fh_malloc(heap, size);
        size_t room = fh_usable_size(heap, ptr);
        fill(ptr, room, 1);
        good = good && room >= size;
        fh_free(heap, ptr);
    }
    return good && is_clean(heap);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; bool (*run)(unsigned long seed); } cases[] = {
        { "stress", stress }, { "every-call", every_call }, { "growing-and-shrinking", growing_and_shrinking }, { "caches", caches },
        { "threads", threads }, { "a-heap-in-a-block", a_heap_in_a_block }, { "made-anew", made_anew }, { "the-child-goes-on", the_child_goes_on },
        { "refusals", refusals }, { "usable", usable }, { "keeps-what-it-holds", keeps_what_it_holds },
    };
    unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        faults = 0;
        bool good = cases[i].run(seed) && faults == 0;
        printf("%s %s\n", good ? "pass" : "fail", cases[i].name);
        fflush(stdout);
    }
    return 0;
}
