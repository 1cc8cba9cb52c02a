/* SPDX-License-Identifier: MIT
 *
 * private.c - threads that have nothing to do with each other: each exchanges blocks of its own. The least that two threads can
 * ask of an allocator is that this takes no longer than with one.
 */
#include "threads.h"

enum { HELD = 400 };

static void prepare(unsigned threads)
{
    (void)threads;
}

static void finish(void)
{
}

static uint64_t work(unsigned self, unsigned threads, unsigned rounds)
{
    (void)threads;
    void *held[HELD] = { 0 };
    uint64_t state = seed_of(self);
    for (unsigned i = 0; i < rounds * 3000; i++) {
        void **where = &held[random_below(&state, HELD)];
        if (*where != NULL)
            block_end(*where);
        *where = block_new(16 + random_below(&state, 300), i);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != NULL)
            block_end(held[i]);
    return (uint64_t)rounds * 6000;
}

const struct pattern private_pattern = { "private", prepare, work, finish };
