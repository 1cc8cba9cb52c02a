/* SPDX-License-Identifier: MIT
 *
 * fork.c - fork while other threads allocate: the child finds every lock free and every block whole.
 *
 * A child that hangs is ended by its alarm, and counts as a failure. CHILD_THREADS=0 in the environment leaves out threads in
 * the child, FORKS says how many there are.
 */
#include "case.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

#define LARGE ((size_t)256 << 10)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool stop;

static void *churn(void *arg)
{
    void *slots[100] = { NULL };
    uint64_t random = (uint64_t)(uintptr_t)arg;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        uint64_t r = next_random(&random);
        void **slot = &slots[r % COUNT(slots)];
        size_t size = (r >> 20) % 100 == 0 ? LARGE : random_size(&random, 100000);
        if (*slot != NULL && (r & 1024) != 0) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = realloc(*slot, size + 1);
            if (EXPECT(*slot != NULL))
                memset(*slot, 1, size < 100 ? size : 100);
        }
    }
    for (size_t i = 0; i < COUNT(slots); i++)
        free(slots[i]);
    return NULL;
}

static void *allocate_a_little(void *arg)
{
    for (size_t i = 0; i < 200; i++) {
        void *p = malloc(i * 40);
        EXPECT(p != NULL);
        paint(p, i * 40, i);
        EXPECT(is_painted(p, i * 40, i * 40, i));
        free(p);
    }
    return arg;
}

enum { OWN = 200 };
static void *own[OWN];

static size_t own_size(size_t i)
{
    return i % 20 == 0 ? LARGE + i : i * 37 % 5000;
}

/* What the child does with its parent's blocks and with its own. */
static void be_child(void)
{
    alarm(60);
    for (size_t i = 0; i < OWN; i++) {
        EXPECT(is_painted(own[i], own_size(i), own_size(i), i));
        own[i] = realloc(own[i], own_size(i) * 2 + 1);
        EXPECT(own[i] != NULL && is_painted(own[i], own_size(i), own_size(i), i));
    }
    for (size_t i = 0; i < OWN; i++)
        free(own[i]);
    const char *text = getenv("CHILD_THREADS");
    if (text == NULL || atoi(text) != 0) {
        pthread_t thread;
        EXPECT(pthread_create(&thread, NULL, allocate_a_little, NULL) == 0);
        EXPECT(pthread_join(thread, NULL) == 0);
    }
    allocate_a_little(NULL);
    _exit(has_failed());
}

static void fork_and_wait(unsigned times)
{
    for (unsigned i = 0; i < times && !has_failed(); i++) {
        pid_t child = fork();
        if (child == 0)
            be_child();
        int status = -1;
        EXPECT(child > 0);
        EXPECT(waitpid(child, &status, 0) == child);
        if (!EXPECT(status == 0))
            fprintf(stderr, "  the child's status was 0x%x\n", (unsigned)status);
    }
}

static void make_own(void)
{
    for (size_t i = 0; i < OWN; i++) {
        own[i] = malloc(own_size(i));
        paint(own[i], own_size(i), i);
    }
}

static void free_own(void)
{
    for (size_t i = 0; i < OWN; i++)
        free(own[i]);
}

static void test_alone(void)
{
    make_own();
    fork_and_wait(20);
    free_own();
}

static unsigned forks(void)
{
    const char *text = getenv("FORKS");
    return text != NULL ? (unsigned)atoi(text) : 60;
}

static void test_among_threads(void)
{
    pthread_t threads[4];
    make_own();
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    fork_and_wait(forks());
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    free_own();
}

static void *fork_some(void *arg)
{
    fork_and_wait(forks() / 4 + 1);
    return arg;
}

static void test_from_threads(void)
{
    pthread_t threads[3];
    make_own();
    for (size_t i = 0; i < COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, fork_some, NULL) == 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    free_own();
}

/* ---- handlers of others, which allocate while the allocator is held -------------------------------------------------- */

static unsigned handled;

static void handle(void)
{
    void *small = malloc(100);
    void *large = malloc(LARGE);
    void *grown = realloc(malloc(10), 3000);
    EXPECT(small != NULL && large != NULL && grown != NULL);
    free(small);
    free(large);
    free(grown);
    handled++;
}

/* Registered before the allocator's own, if anything can be: these are called last before the fork and first after it. */
__attribute__((constructor(101))) static void register_early(void)
{
    pthread_atfork(handle, handle, handle);
}

static void test_handlers(void)
{
    EXPECT(pthread_atfork(handle, handle, handle) == 0);
    make_own();
    handled = 0;
    fork_and_wait(5);
    EXPECT(handled == 20);
    pthread_t threads[2];
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    fork_and_wait(forks() / 5 + 1);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    free_own();
}

/* Fills the thread's quick lists, says so, and waits for ever: it is lost in the next fork. */
static void *fill_and_wait(void *arg)
{
    void *blocks[50];
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = memset(malloc(i * 5 + 1), 1, i * 5 + 1);
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    sem_post((sem_t *)arg);
    while (pause() != 0)
        continue;
    return NULL;
}

/* The child gives back what the threads that it lacks had cached: through many generations, that does not add up. */
static void test_lost_threads(void)
{
    enum { GENERATIONS = 40, THREADS = 8 };
    pid_t first = fork();
    if (first != 0) {
        int status = -1;
        EXPECT(waitpid(first, &status, 0) == first && status == 0);
        return;
    }
    size_t early = 0;
    for (unsigned generation = 0; generation < GENERATIONS; generation++) {
        alarm(60);
        sem_t filled;
        sem_init(&filled, 0, 0);
        for (unsigned i = 0; i < THREADS; i++) {
            pthread_t thread;
            EXPECT(pthread_create(&thread, NULL, fill_and_wait, &filled) == 0);
        }
        for (unsigned i = 0; i < THREADS; i++)
            sem_wait(&filled);
        if (generation == 5)
            early = process_bytes(true);
        pid_t child = fork();
        if (child != 0) {
            int status = -1;
            EXPECT(waitpid(child, &status, 0) == child && status == 0);
            _exit(has_failed());
        }
    }
    size_t late = process_bytes(true);
    if (!EXPECT(late < early + ((size_t)256 << 10)))
        fprintf(stderr, "  %zu KiB resident after 5 generations, %zu after %d\n", early >> 10, late >> 10, GENERATIONS);
    _exit(has_failed());
}

/* Generations: each child has threads of its own, at work while it forks again. */
static void test_generations(void)
{
    pid_t parent = getpid();
    make_own();
    for (unsigned generation = 0; generation < 12; generation++) {
        pthread_t threads[3];
        __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
        for (size_t i = 0; i < COUNT(threads); i++)
            EXPECT(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
        usleep(2000);
        pid_t child = fork();
        if (child != 0) {
            int status = -1;
            EXPECT(waitpid(child, &status, 0) == child && status == 0);
            __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
            for (size_t i = 0; i < COUNT(threads); i++)
                pthread_join(threads[i], NULL);
            break;
        }
        alarm(60);
    }
    for (size_t i = 0; i < OWN; i++)
        EXPECT(is_painted(own[i], own_size(i), own_size(i), i));
    free_own();
    if (getpid() != parent)
        _exit(has_failed());
}

static void *read_lines(void *arg)
{
    FILE *file = (FILE *)arg;
    char *line = NULL;
    size_t size = 0;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        rewind(file);
        while (getline(&line, &size, file) > 0) {
            free(line);
            line = NULL;
            size = 0;
        }
    }
    free(line);
    return NULL;
}

static void *flush_all(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        fflush(NULL);
    return arg;
}

/* In a child's child too, streams can be flushed, by each of its threads. */
static void flush_in_a_child(void)
{
    pid_t child = fork();
    if (child != 0) {
        int status = -1;
        _exit(child < 0 || waitpid(child, &status, 0) != child ? 3 : status != 0);
    }
    pthread_t thread;
    alarm(20);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    bool made = pthread_create(&thread, NULL, allocate_a_little, NULL) == 0;
    fflush(NULL);
    if (made)
        pthread_join(thread, NULL);
    _exit(!made || has_failed());
}

static void *flush_once(void *arg)
{
    fflush(NULL);
    return arg;
}

/* One thread waits for another one's stream with the list of streams locked, that one for the heap, and the one that forks for the list. */
static void test_streams(void)
{
    pthread_t reader, flusher;
    FILE *file = tmpfile();
    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    if (!EXPECT(file != NULL))
        return;
    for (int i = 0; i < 50; i++)
        fprintf(file, "%3000d\n", i);
    EXPECT(pthread_create(&reader, NULL, read_lines, file) == 0);
    EXPECT(pthread_create(&flusher, NULL, flush_all, NULL) == 0);
    for (unsigned i = 0; i < 10 * forks(); i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(30);
            if (i % 50 == 0)
                flush_in_a_child();
            /* Whoever comes second finds the lock free as well. */
            pthread_t thread;
            if (i % 10 == 0 && pthread_create(&thread, NULL, flush_once, NULL) == 0)
                pthread_join(thread, NULL);
            _exit(0);
        }
        int status = -1;
        EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(reader, NULL);
    pthread_join(flusher, NULL);
    fclose(file);
}

int main(int argc, char **argv)
{
    (void)argc;
    static const struct test_case cases[] = {
        /* First, while the heap has no idle memory in which a loss would not show. */
        { "lost-threads", test_lost_threads },
        { "alone", test_alone },
        { "among-threads", test_among_threads },
        { "from-threads", test_from_threads },
        { "generations", test_generations },
        { "handlers", test_handlers },
        { "streams", test_streams },
    };
    return run_cases(cases, COUNT(cases), argv + 1);
}
