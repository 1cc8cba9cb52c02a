/* SPDX-License-Identifier: MIT
 *
 * main.c - fh-threads PATTERN THREADS ROUNDS: runs a threaded pattern on the malloc of this process, whichever is preloaded.
 *
 * Prints tab-separated: pattern, threads, operations, seconds of wall time, million operations per second. Status 1 with a message if a
 * block did not hold what was written to it.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct header {
    uint32_t size;
    uint32_t mark;
};

void *block_new(size_t size, uint32_t mark)
{
    struct header h = { (uint32_t)size, mark };
    unsigned char *p = malloc(size);
    if (p == NULL) {
        fprintf(stderr, "fh-threads: no memory\n");
        exit(1);
    }
    memcpy(p, &h, sizeof h);
    memcpy(p + size - 4, &mark, 4);
    return p;
}

void block_end(void *block)
{
    struct header h;
    uint32_t tail;
    const unsigned char *p = block;
    memcpy(&h, p, sizeof h);
    bool good = h.size >= 16 && h.size <= 1u << 20;
    if (good)
        memcpy(&tail, p + h.size - 4, 4);
    if (!good || tail != h.mark) {
        fprintf(stderr, "fh-threads: a block's contents changed: size %u, mark %u\n", h.size, h.mark);
        exit(1);
    }
    /* Gone: another one who gets the same block before it is freed would find this. */
    memset(block, 0, sizeof h);
    free(block);
}

enum { MOST_THREADS = 256 };

static const struct pattern *pattern;
static unsigned thread_count;
static unsigned round_count;
static pthread_barrier_t start;
static uint64_t done[MOST_THREADS];

static void *run(void *arg)
{
    unsigned self = (unsigned)(uintptr_t)arg;
    pthread_barrier_wait(&start);
    done[self] = pattern->work(self, thread_count, round_count);
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    static const struct pattern *const all[] = { &larson_pattern, &xmalloc_pattern, &sharing_pattern, &churn_pattern,
        &private_pattern, &wide_pattern, &none_pattern };
    for (size_t i = 0; argc == 4 && i < sizeof all / sizeof *all; i++)
        if (strcmp(argv[1], all[i]->name) == 0)
            pattern = all[i];
    thread_count = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
    round_count = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    if (pattern == NULL || thread_count == 0 || thread_count > MOST_THREADS || round_count == 0) {
        fprintf(stderr, "usage: fh-threads larson|xmalloc|sharing|churn|private|wide|none THREADS ROUNDS\n");
        return 2;
    }
    pthread_t threads[MOST_THREADS];
    pthread_barrier_init(&start, NULL, thread_count + 1);
    pattern->prepare(thread_count);
    for (unsigned i = 0; i < thread_count; i++) {
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i) != 0) {
            fprintf(stderr, "fh-threads: no thread\n");
            return 1;
        }
    }
    /* Taken before the others are let go: this thread may be the last to run again. */
    double before = now();
    pthread_barrier_wait(&start);
    uint64_t ops = 0;
    for (unsigned i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
        ops += done[i];
    }
    double seconds = now() - before;
    pattern->finish();
    printf("%s\t%u\t%llu\t%.6f\t%.4f\n", pattern->name, thread_count, (unsigned long long)ops, seconds, (double)ops / seconds / 1e6);
    return 0;
}
