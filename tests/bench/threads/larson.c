/* SPDX-License-Identifier: MIT
 *
 * larson.c - servers that hand work on: each thread exchanges blocks of its share for new ones, and after a while a new thread takes
 * over the share, so that most blocks are freed by another thread than allocated them. Besides, one block in sixteen goes to any
 * thread's share.
 *
 * After: Larson and Krishnan, Memory allocation for long-running server applications (1998).
 */
#include "threads.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SHARE = 1000, MOST = 256, GENERATIONS = 4 };

static _Atomic(void *) share[MOST][SHARE];

struct shift {
    unsigned self, threads, rounds, generation;
    uint64_t ops;
};

static void prepare(unsigned threads)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < threads; i++)
        for (unsigned j = 0; j < SHARE; j++)
            share[i][j] = block_new(16 + random_below(&state, 500), j);
}

static void finish(void)
{
    for (unsigned i = 0; i < MOST; i++)
        for (unsigned j = 0; j < SHARE; j++)
            if (share[i][j] != NULL)
                block_end(atomic_exchange(&share[i][j], NULL));
}

static void *serve(void *arg)
{
    struct shift *s = arg;
    uint64_t state = seed_of(s->self * GENERATIONS + s->generation);
    for (unsigned i = 0; i < s->rounds * 1000; i++) {
        unsigned whose = random_below(&state, 16) == 0 ? random_below(&state, s->threads) : s->self;
        void *block = block_new(16 + random_below(&state, 500), i);
        block_end(atomic_exchange(&share[whose][random_below(&state, SHARE)], block));
    }
    s->ops += s->rounds * 2000;
    return NULL;
}

/* One generation after another; the thread itself only waits. */
static uint64_t work(unsigned self, unsigned threads, unsigned rounds)
{
    struct shift s = { self, threads, rounds, 0, 0 };
    for (; s.generation < GENERATIONS; s.generation++) {
        pthread_t server;
        if (pthread_create(&server, NULL, serve, &s) != 0)
            exit(1);
        pthread_join(server, NULL);
    }
    return s.ops;
}

const struct pattern larson_pattern = { "larson", prepare, work, finish };
