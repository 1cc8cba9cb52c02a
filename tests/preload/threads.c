/* SPDX-License-Identifier: MIT
 *
 * threads.c - the hosted malloc under threads: blocks keep their contents whoever frees them, and a thread that ends leaves
 * nothing behind.
 *
 * EFFORT in the environment scales the rounds, in percent: sanitizers run with less.
 */
#include "case.h"

#include <pthread.h>

#define LARGE ((size_t)256 << 10)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static unsigned effort(unsigned rounds)
{
    const char *text = getenv("EFFORT");
    unsigned percent = text != NULL ? (unsigned)atoi(text) : 100;
    return rounds * percent / 100 + 1;
}

static void run_threads(unsigned count, void *(*body)(void *), void *args, size_t arg_bytes)
{
    pthread_t threads[64];
    for (unsigned i = 0; i < count; i++)
        EXPECT(pthread_create(&threads[i], NULL, body, (char *)args + i * arg_bytes) == 0);
    for (unsigned i = 0; i < count; i++)
        EXPECT(pthread_join(threads[i], NULL) == 0);
}

/* ---- each thread on its own ------------------------------------------------------------------------------------------ */

static void *work_alone(void *arg)
{
    enum { SLOTS = 200 };
    struct { void *ptr; size_t size; } slots[SLOTS] = { { NULL, 0 } };
    uint64_t key = *(uint64_t *)arg;
    uint64_t random = key;
    for (unsigned step = effort(150000); step != 0; step--) {
        uint64_t r = next_random(&random);
        size_t at = r % SLOTS;
        size_t size = (r >> 20) % 2000 == 0 ? LARGE + (r >> 30) % LARGE : random_size(&random, LARGE);
        void *old = slots[at].ptr;
        if (old != NULL && !EXPECT(is_painted(old, slots[at].size, slots[at].size, key + at)))
            break;
        if (old != NULL && (r >> 10) % 4 != 0) {
            free(old);
            slots[at].ptr = NULL;
            continue;
        }
        void *p = realloc(old, size + 1);
        if (!EXPECT(p != NULL))
            break;
        size_t kept = size + 1 < slots[at].size ? size + 1 : slots[at].size;
        if (old != NULL)
            EXPECT(is_painted(p, kept, slots[at].size, key + at));
        slots[at].ptr = p;
        slots[at].size = size + 1;
        paint(p, size + 1, key + at);
    }
    for (size_t i = 0; i < SLOTS; i++)
        free(slots[i].ptr);
    return NULL;
}

static void test_alone(void)
{
    uint64_t keys[4] = { case_seed(), case_seed() + 1000, case_seed() + 2000, case_seed() + 3000 };
    run_threads(COUNT(keys), work_alone, keys, sizeof *keys);
}

/* ---- producers and consumers ----------------------------------------------------------------------------------------- */

struct message {
    uint64_t key;
    size_t size;
    unsigned char text[];
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct message *ring[256];
    size_t first, count;
    unsigned producers;
    uint64_t sent, received;
} queue = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void send(struct message *m)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == COUNT(queue.ring))
        pthread_cond_wait(&queue.changed, &queue.mutex);
    queue.ring[(queue.first + queue.count++) % COUNT(queue.ring)] = m;
    queue.sent += m->key;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
}

static struct message *receive(void)
{
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == 0 && queue.producers != 0)
        pthread_cond_wait(&queue.changed, &queue.mutex);
    struct message *m = NULL;
    if (queue.count != 0) {
        m = queue.ring[queue.first++ % COUNT(queue.ring)];
        queue.count--;
        queue.received += m->key;
        pthread_cond_broadcast(&queue.changed);
    }
    pthread_mutex_unlock(&queue.mutex);
    return m;
}

static void *produce(void *arg)
{
    uint64_t random = *(uint64_t *)arg;
    for (unsigned i = effort(40000); i != 0; i--) {
        uint64_t key = next_random(&random);
        size_t size = key % 1000 == 0 ? LARGE : random_size(&random, 3000);
        struct message *m = (struct message *)malloc(sizeof *m + size);
        if (!EXPECT(m != NULL))
            break;
        m->key = key;
        m->size = size;
        paint(m->text, size, key);
        send(m);
    }
    pthread_mutex_lock(&queue.mutex);
    queue.producers--;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
    return NULL;
}

/* Frees what others allocated; every fourth message it first makes larger. */
static void *consume(void *arg)
{
    (void)arg;
    struct message *m;
    while ((m = receive()) != NULL) {
        EXPECT(is_painted(m->text, m->size, m->size, m->key));
        if (m->key % 4 == 0) {
            m = (struct message *)realloc(m, sizeof *m + m->size * 2 + 1);
            if (!EXPECT(m != NULL))
                break;
            EXPECT(is_painted(m->text, m->size, m->size, m->key));
        }
        free(m);
    }
    return NULL;
}

static void *produce_or_consume(void *arg)
{
    return *(uint64_t *)arg % 2 == 0 ? produce(arg) : consume(arg);
}

static void test_hand_over(void)
{
    uint64_t keys[6] = { 2, 4, 6, 1, 3, 5 };
    queue.producers = 3;
    queue.count = 0;
    run_threads(COUNT(keys), produce_or_consume, keys, sizeof *keys);
    EXPECT(queue.sent == queue.received && queue.count == 0);
}

/* ---- threads that come and go ---------------------------------------------------------------------------------------- */

/* Fills the thread's quick lists and ends; one block is left for the next thread to free. */
static void *come_and_go(void *arg)
{
    void **left = (void **)arg;
    void *blocks[300];
    free(*left);
    for (size_t i = 0; i < COUNT(blocks); i++) {
        blocks[i] = malloc(i * 13 % 2000);
        paint(blocks[i], i * 13 % 2000, i);
    }
    for (size_t i = 0; i < COUNT(blocks); i++) {
        EXPECT(is_painted(blocks[i], i * 13 % 2000, i * 13 % 2000, i));
        free(blocks[i]);
    }
    *left = malloc(100);
    return NULL;
}

static void test_churn(void)
{
    static void *left[4];
    size_t after_some = 0;
    unsigned rounds = effort(600);
    for (unsigned i = 0; i < rounds; i++) {
        run_threads(COUNT(left), come_and_go, left, sizeof *left);
        if (i == rounds / 4)
            after_some = process_bytes(true);
    }
    /* What a thread leaves behind would add up: 1,800 caches of 2 KB and more. Where all four happen to fill their caches at once, the
     * heap grows by a mebibyte or two, once. */
    EXPECT(process_bytes(true) <= after_some + ((size_t)9 << 18));
    for (size_t i = 0; i < COUNT(left); i++)
        free(left[i]);
}

/* ---- destructors that run after the cache is gone -------------------------------------------------------------------- */

static pthread_key_t late_key;
static unsigned late_runs;

/* Runs again and again, each time with a block from the time before. */
static void late(void *arg)
{
    EXPECT(is_painted(arg, 500, 500, 9));
    free(arg);
    void *next = malloc(500);
    paint(next, 500, 9);
    if (__atomic_add_fetch(&late_runs, 1, __ATOMIC_RELAXED) % 3 != 0)
        pthread_setspecific(late_key, next);
    else
        free(next);
}

static void *end_late(void *arg)
{
    (void)arg;
    void *p = malloc(500);
    paint(p, 500, 9);
    pthread_setspecific(late_key, p);
    return NULL;
}

static void test_late_destructors(void)
{
    char none[1];
    EXPECT(pthread_key_create(&late_key, late) == 0);
    for (unsigned i = 0; i < 20; i++)
        run_threads(1, end_late, none, 0);
    EXPECT(late_runs == 60);
    pthread_key_delete(late_key);
}

/* ---- all at once ----------------------------------------------------------------------------------------------------- */

static pthread_barrier_t gate;

/* Every thread needs a new region at the same moment: none may be refused while there is memory. */
static void *need_region(void *arg)
{
    enum { BLOCKS = 100 };
    void **blocks = (void **)calloc(BLOCKS, sizeof *blocks);
    (void)arg;
    for (unsigned round = effort(10); round != 0; round--) {
        pthread_barrier_wait(&gate);
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = malloc(LARGE - 4096 - i * 16);
            if (EXPECT(blocks[i] != NULL))
                *(uint64_t *)blocks[i] = i;
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            EXPECT(blocks[i] != NULL && *(uint64_t *)blocks[i] == i);
            free(blocks[i]);
        }
    }
    free(blocks);
    return NULL;
}

static void test_growing_at_once(void)
{
    enum { THREADS = 16 };
    char none[1];
    pthread_barrier_init(&gate, NULL, THREADS);
    run_threads(THREADS, need_region, none, 0);
    pthread_barrier_destroy(&gate);
}

/* ---- hoarding -------------------------------------------------------------------------------------------------------- */

/* A steady load: about 0.5 MiB live in a thread, of all sizes. */
static void *load_steadily(void *arg)
{
    enum { SLOTS = 100 };
    void *slots[SLOTS] = { NULL };
    uint64_t random = *(uint64_t *)arg;
    for (unsigned step = effort(2000000); step != 0; step--) {
        uint64_t r = next_random(&random);
        void **slot = &slots[r % SLOTS];
        size_t size = random_size(&random, 100000) + 1;
        if (*slot != NULL && (r & 1024) != 0) {
            free(*slot);
            *slot = NULL;
            continue;
        }
        *slot = realloc(*slot, size);
        if (EXPECT(*slot != NULL))
            memset(*slot, 1, size < 100 ? size : 100);
    }
    for (size_t i = 0; i < SLOTS; i++)
        free(slots[i]);
    return NULL;
}

/* What waits in the caches of some threads is bounded, however long they run: it is not to make the heap grow for the others. */
static void test_hoarding(void)
{
    uint64_t keys[4] = { 1, 2, 3, 4 };
    size_t before = process_bytes(true);
    run_threads(COUNT(keys), load_steadily, keys, sizeof *keys);
    size_t after = process_bytes(true);
    if (!EXPECT(after < before + ((size_t)20 << 20)))
        fprintf(stderr, "  %zu KiB resident before, %zu after\n", before >> 10, after >> 10);
}

int main(int argc, char **argv)
{
    (void)argc;
    static const struct test_case cases[] = {
        /* These first, while the heap has no idle memory in which a loss would not show. */
        { "churn", test_churn },
        { "hoarding", test_hoarding },
        { "alone", test_alone },
        { "hand-over", test_hand_over },
        { "late-destructors", test_late_destructors },
        { "growing-at-once", test_growing_at_once },
    };
    return run_cases(cases, COUNT(cases), argv + 1);
}
