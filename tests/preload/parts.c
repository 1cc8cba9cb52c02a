/* SPDX-License-Identifier: MIT
 *
 * parts.c - what the hosted malloc is made of, each part alone: the port's regions, the table of spans, the lock.
 *
 * What comes from the kernel and goes back to it is counted by a port in front of the real one.
 */
#include "case.h"

#include "../../port/posix/posix.h"
#include "../../port/posix/span.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the port -------------------------------------------------------------------------------------------------------- */

/* The real port, and a record of every span that it gave and took. */
struct counted {
    struct fh_posix posix;
    struct fh_port real;
    struct { uintptr_t start; size_t bytes; } spans[200];
    size_t count;
    size_t held;
    unsigned acquisitions;
    unsigned faults;
    enum fh_fault_kind last_fault;
};

static void *counted_acquire(void *ctx, size_t min_bytes, size_t *got)
{
    struct counted *c = (struct counted *)ctx;
    void *mem = c->real.acquire(&c->posix, min_bytes, got);
    if (mem == NULL)
        return NULL;
    EXPECT(*got >= min_bytes);
    c->acquisitions++;
    c->held += *got;
    c->spans[c->count].start = (uintptr_t)mem;
    c->spans[c->count].bytes = *got;
    c->count += c->count + 1 < COUNT(c->spans);
    return mem;
}

/* What comes back is a row of acquisitions that touched, to the byte. */
static void counted_release(void *ctx, void *mem, size_t bytes)
{
    struct counted *c = (struct counted *)ctx;
    uintptr_t at = (uintptr_t)mem;
    size_t left = bytes;
    for (size_t i = 0; i < c->count && left != 0; i++) {
        if (c->spans[i].start != at)
            continue;
        EXPECT(c->spans[i].bytes <= left);
        at += c->spans[i].bytes;
        left -= c->spans[i].bytes;
        c->spans[i] = c->spans[--c->count];
        i = (size_t)-1;
    }
    EXPECT(left == 0);
    c->held -= bytes;
    c->real.release(&c->posix, mem, bytes);
    /* The kernel has it back: what is not mapped cannot be synced. */
    EXPECT(msync(mem, 1, MS_ASYNC) == -1 && errno == ENOMEM);
}

static uintptr_t counted_lock(void *ctx)
{
    struct counted *c = (struct counted *)ctx;
    return c->real.lock(&c->posix);
}

static void counted_unlock(void *ctx, uintptr_t state)
{
    struct counted *c = (struct counted *)ctx;
    c->real.unlock(&c->posix, state);
}

static void counted_fault(void *ctx, const struct fh_fault *fault)
{
    struct counted *c = (struct counted *)ctx;
    c->faults++;
    c->last_fault = fault->kind;
}

static struct fh_heap *make_heap(struct counted *c)
{
    memset(c, 0, sizeof *c);
    fh_posix_init(&c->posix);
    c->real = c->posix.port;
    c->posix.port.ctx = c;
    c->posix.port.acquire = counted_acquire;
    c->posix.port.release = counted_release;
    c->posix.port.lock = counted_lock;
    c->posix.port.unlock = counted_unlock;
    c->posix.port.fault = counted_fault;
    struct fh_heap *heap = fh_create(NULL, 0, &c->posix.port);
    EXPECT(heap != NULL);
    return heap;
}

static void end_heap(struct counted *c, struct fh_heap *heap)
{
    EXPECT(fh_check(heap) == FH_OK);
    EXPECT(fh_destroy(heap) != 0);
    EXPECT(c->held == 0 && c->count == 0 && c->posix.held == 0);
    EXPECT(c->faults == 0);
    fh_posix_end(&c->posix);
}

static struct counted counted;

/* A gigabyte in small pieces: few regions, which touch, so that the heap has one. */
static void test_growth(void)
{
    struct fh_heap *heap = make_heap(&counted);
    EXPECT(counted.held == FH_POSIX_LEAST);
    for (int i = 0; i < 8192; i++)
        EXPECT(fh_malloc(heap, 65000) != NULL);
    EXPECT(counted.acquisitions > 3 && counted.acquisitions < 40);
    EXPECT(counted.held < (size_t)8192 * 65000 + FH_POSIX_MOST + FH_POSIX_LEAST);
    struct fh_stats stats;
    fh_stats(heap, &stats);
    EXPECT(stats.regions == 1 && stats.bytes_regions == counted.held);
    end_heap(&counted, heap);
}

/* A small request never calls the system; one larger than any region gets its own in one call. */
static void test_calls(void)
{
    struct fh_heap *heap = make_heap(&counted);
    unsigned before = counted.acquisitions;
    for (int i = 0; i < 10000; i++)
        fh_free(heap, fh_malloc(heap, (size_t)i % 3000));
    EXPECT(counted.acquisitions == before);
    unsigned char *large = (unsigned char *)fh_malloc(heap, (size_t)100 << 20);
    EXPECT(large != NULL && counted.acquisitions == before + 1);
    paint(large, (size_t)100 << 20, 3);
    EXPECT(is_painted(large, (size_t)100 << 20, (size_t)100 << 20, 3));
    EXPECT(fh_malloc(heap, SIZE_MAX / 4) == NULL);
    end_heap(&counted, heap);
}

/* Something else lies in the way of the next region: the heap goes on apart, and an idle region goes back whole. */
static void test_release(void)
{
    struct fh_heap *heap = make_heap(&counted);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *fence = mmap((void *)counted.posix.next, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (!EXPECT(fence != MAP_FAILED))
        return;
    static void *blocks[2000];
    for (size_t i = 0; i < COUNT(blocks); i++)
        EXPECT((blocks[i] = fh_malloc(heap, 50000)) != NULL);
    struct fh_stats stats;
    fh_stats(heap, &stats);
    EXPECT(stats.regions >= 2 && stats.regions < counted.acquisitions);
    for (size_t i = 0; i < COUNT(blocks); i++)
        fh_free(heap, blocks[i]);
    size_t held = counted.held;
    size_t released = fh_trim(heap);
    EXPECT(counted.held <= held && counted.held == FH_POSIX_LEAST);
    EXPECT(released <= held);
    EXPECT(counted.posix.held == counted.held);
    end_heap(&counted, heap);
    munmap(fence, page);
}

/* The same port, but slow: all threads are inside acquire at once. */
static void *slow_acquire(void *ctx, size_t min_bytes, size_t *got)
{
    struct counted *c = (struct counted *)ctx;
    void *mem = c->real.acquire(&c->posix, min_bytes, got);
    usleep(50000);
    return mem;
}

static void *need_region(void *heap)
{
    return fh_malloc((struct fh_heap *)heap, FH_POSIX_LEAST * 2);
}

/* The core ends a recursion through acquire; many threads that grow the heap are none. */
static void test_growing_at_once(void)
{
    enum { THREADS = 24 };
    struct fh_heap *heap = make_heap(&counted);
    counted.posix.port.acquire = slow_acquire;
    counted.posix.port.release = NULL;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, need_region, heap) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *ptr = NULL;
        EXPECT(pthread_join(threads[i], &ptr) == 0 && ptr != NULL);
    }
    EXPECT(fh_check(heap) == FH_OK && counted.faults == 0);
    fh_posix_end(&counted.posix);
}

/* Several heaps, and a pointer of one is foreign to the other. */
static void test_two_heaps(void)
{
    static struct counted other;
    struct fh_heap *a = make_heap(&counted);
    struct fh_heap *b = make_heap(&other);
    void *p = fh_malloc(a, 100);
    fh_free(b, p);
    EXPECT(other.faults == 1 && other.last_fault == FH_FOREIGN && counted.faults == 0);
    other.faults = 0;
    fh_free(a, p);
    end_heap(&counted, a);
    end_heap(&other, b);
}

static void test_describe(void)
{
    static const struct fh_fault faults[] = {
        { FH_DOUBLE_FREE, (void *)0x7f12a0, (void *)0x7f1290, 1, 0 },
        { FH_OVERRUN, NULL, (void *)UINTPTR_MAX, UINTPTR_MAX, 0xabcdef },
    };
    static const char *const lines[] = {
        "freehold: double free: pointer 0x7f12a0, block 0x7f1290, expected 0x1, found 0x0\n",
        "freehold: overrun: pointer 0x0, block 0xffffffffffffffff, expected 0xffffffffffffffff, found 0xabcdef\n",
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        char text[FH_POSIX_LINE];
        size_t length = fh_posix_describe(text, &faults[i]);
        EXPECT(length == strlen(lines[i]) && memcmp(text, lines[i], length) == 0);
    }
    /* The longest that there can be fits. */
    for (int kind = 0; kind <= FH_FAULT_KINDS; kind++) {
        char text[FH_POSIX_LINE];
        struct fh_fault fault = { (enum fh_fault_kind)kind, (void *)UINTPTR_MAX, (void *)UINTPTR_MAX, UINTPTR_MAX, UINTPTR_MAX };
        size_t length = fh_posix_describe(text, &fault);
        EXPECT(length < FH_POSIX_LINE && memcmp(text + length - 5, "ffff\n", 5) == 0);
    }
}

/* Two heaps have two secrets: a tag copied from one process run to the next does not pass. */
static void test_random(void)
{
    uintptr_t seen[16];
    fh_posix_prepare(&counted.posix);
    for (size_t i = 0; i < COUNT(seen); i++) {
        seen[i] = counted.posix.port.random(&counted.posix);
        for (size_t j = 0; j < i; j++)
            EXPECT(seen[i] != seen[j]);
    }
}

/* ---- spans ----------------------------------------------------------------------------------------------------------- */

static struct fh_spans spans;

/* Many at once, in and out in random order: the table finds each, and nothing else. */
static void test_table(void)
{
    enum { N = 3000 };
    static struct { unsigned char *start; size_t bytes; } live[N];
    uint64_t random = case_seed();
    for (size_t step = 0; step < 20000; step++) {
        size_t at = next_random(&random) % N;
        if (live[at].start != NULL) {
            EXPECT(fh_span_bytes(&spans, live[at].start) == live[at].bytes);
            EXPECT(fh_span_bytes(&spans, live[at].start + 4096) == 0 || live[at].bytes == 4096);
            EXPECT(fh_span_free(&spans, live[at].start) == live[at].bytes);
            EXPECT(!fh_span_free(&spans, live[at].start));
            EXPECT(fh_span_bytes(&spans, live[at].start) == 0);
            EXPECT(fh_span_was_freed(&spans, live[at].start));
            live[at].start = NULL;
            continue;
        }
        size_t wanted = next_random(&random) % 20000 + 1;
        live[at].start = (unsigned char *)fh_span_map(&spans, wanted, 16);
        if (!EXPECT(live[at].start != NULL && is_aligned(live[at].start, 4096)))
            return;
        EXPECT(is_zero(live[at].start, wanted));
        live[at].bytes = fh_span_bytes(&spans, live[at].start);
        EXPECT(live[at].bytes >= wanted && live[at].bytes % 4096 == 0);
        memset(live[at].start, 1, live[at].bytes);
    }
    size_t count = 0;
    for (size_t i = 0; i < N; i++)
        count += live[i].start != NULL;
    EXPECT(count > 500 && spans.live == count);
    for (size_t i = 0; i < N; i++) {
        if (live[i].start != NULL)
            EXPECT(fh_span_free(&spans, live[i].start));
    }
    EXPECT(spans.live == 0);
    char here;
    EXPECT(!fh_span_free(&spans, &here) && !fh_span_free(&spans, NULL) && !fh_span_was_freed(&spans, NULL));
}

/* Sizes are whole pages, and alignments beyond a page cost no page that stays. */
static void test_span_places(void)
{
    size_t before = process_bytes(false);
    for (size_t align = 1; align <= (size_t)1 << 30; align *= 2) {
        unsigned char *p = (unsigned char *)fh_span_map(&spans, 300001, align);
        if (!EXPECT(p != NULL && is_aligned(p, align) && is_aligned(p, 4096)))
            return;
        EXPECT(fh_span_bytes(&spans, p) == 303104 && is_zero(p, 303104));
        EXPECT(process_bytes(false) <= before + 303104 + 8192);
        EXPECT(fh_span_free(&spans, p) == 303104);
    }
    EXPECT(process_bytes(false) <= before + 8192);
    EXPECT(fh_span_map(&spans, SIZE_MAX, 16) == NULL);
    EXPECT(fh_span_map(&spans, SIZE_MAX - 4096, 16) == NULL);
    EXPECT(fh_span_map(&spans, SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1) == NULL);
    EXPECT(spans.live == 0);
}

static void test_resize(void)
{
    size_t size = (size_t)1 << 20;
    unsigned char *p = (unsigned char *)fh_span_map(&spans, size, 16);
    unsigned char *q = (unsigned char *)fh_span_map(&spans, size, 16);
    paint(p, size, 1);
    paint(q, size, 2);
    for (int i = 0; i < 8; i++) {
        unsigned char *old = p;
        p = (unsigned char *)fh_span_resize(&spans, p, size * 2);
        EXPECT(p != NULL && fh_span_bytes(&spans, p) == size * 2);
        EXPECT(is_painted(p, size, size, 1) && is_painted(q, (size_t)1 << 20, (size_t)1 << 20, 2));
        EXPECT(p == old || (fh_span_bytes(&spans, old) == 0 && fh_span_was_freed(&spans, old)));
        size *= 2;
        paint(p, size, 1);
    }
    EXPECT(fh_span_resize(&spans, p, SIZE_MAX - 100) == NULL && fh_span_resize(&spans, p, SIZE_MAX / 2) == NULL);
    EXPECT(fh_span_bytes(&spans, p) == size);
    p = (unsigned char *)fh_span_resize(&spans, p, 5000);
    EXPECT(p != NULL && fh_span_bytes(&spans, p) == 8192 && is_painted(p, 5000, size, 1));
    EXPECT(fh_span_resize(&spans, p + 4096, 5000) == NULL);
    EXPECT(fh_span_free(&spans, p) && fh_span_free(&spans, q));
    EXPECT(spans.live == 0);
}

/* ---- the lock -------------------------------------------------------------------------------------------------------- */

static struct fh_lock lock;
static unsigned long long guarded[2];

static void *count_up(void *arg)
{
    for (int i = 0; i < 200000; i++) {
        uintptr_t state = fh_lock_enter(&lock);
        guarded[0]++;
        guarded[1] += guarded[0];
        if (i % 1000 == 0)
            usleep(1);
        fh_lock_leave(&lock, state);
    }
    return arg;
}

static void test_lock(void)
{
    pthread_t threads[4];
    errno = 4711;
    for (size_t i = 0; i < COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, count_up, NULL) == 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    EXPECT(guarded[0] == 800000);
    EXPECT(guarded[1] == 800000ull * 800001 / 2);
    EXPECT(lock.word == 0);
}

/* Unlocked memory that two heaps in two threads forked from is whole in the child: the lock is held meanwhile, and free then. */
static void test_lock_and_fork(void)
{
    guarded[0] = 0;
    guarded[1] = 0;
    fh_lock_watch(&lock);
    pthread_t threads[3];
    for (size_t i = 0; i < COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, count_up, NULL) == 0);
    for (int i = 0; i < 100; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            uintptr_t state = fh_lock_enter(&lock);
            bool whole = guarded[1] == guarded[0] * (guarded[0] + 1) / 2;
            fh_lock_leave(&lock, state);
            _exit(whole && lock.word == 0 ? 0 : 1);
        }
        int status = -1;
        EXPECT(waitpid(child, &status, 0) == child && status == 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    fh_lock_unwatch(&lock);
}

int main(int argc, char **argv)
{
    (void)argc;
    static const struct test_case cases[] = {
        { "growth", test_growth },
        { "calls", test_calls },
        { "release", test_release },
        { "growing-at-once", test_growing_at_once },
        { "two-heaps", test_two_heaps },
        { "describe", test_describe },
        { "random", test_random },
        { "spans-table", test_table },
        { "spans-places", test_span_places },
        { "spans-resize", test_resize },
        { "lock", test_lock },
        { "lock-and-fork", test_lock_and_fork },
    };
    return run_cases(cases, COUNT(cases), argv + 1);
}
