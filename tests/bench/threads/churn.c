/* SPDX-License-Identifier: MIT
 *
 * churn.c - threads that come and go: each start makes a thread that allocates a little, leaves half of it to its successor and ends.
 * What an allocator keeps for a thread must be built and given back each time. The time includes that of making threads.
 */
#include "threads.h"

#include <stdlib.h>

enum { MOST = 256, LEFT = 50 };

static void *left[MOST][LEFT];

static void prepare(unsigned threads)
{
    (void)threads;
}

static void finish(void)
{
    for (unsigned i = 0; i < MOST; i++) {
        for (unsigned j = 0; j < LEFT; j++) {
            if (left[i][j] != NULL)
                block_end(left[i][j]);
            left[i][j] = NULL;
        }
    }
}

static void *live(void *arg)
{
    void **mine = arg;
    uint64_t state = (uint64_t)(uintptr_t)arg | 1;
    void *own[LEFT];
    for (unsigned i = 0; i < LEFT; i++) {
        if (mine[i] != NULL)
            block_end(mine[i]);
        mine[i] = block_new(16 + random_below(&state, 1000), i);
        own[i] = block_new(16 + random_below(&state, 200), i);
    }
    for (unsigned i = 0; i < LEFT; i++)
        block_end(own[i]);
    return NULL;
}

static uint64_t work(unsigned self, unsigned threads, unsigned rounds)
{
    (void)threads;
    for (unsigned i = 0; i < rounds * 6; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, live, left[self]) != 0)
            exit(1);
        pthread_join(thread, NULL);
    }
    return (uint64_t)rounds * 6 * LEFT * 4;
}

const struct pattern churn_pattern = { "churn", prepare, work, finish };
