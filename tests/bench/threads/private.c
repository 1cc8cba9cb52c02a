/* SPDX-License-Identifier: MIT
 *
 * private.c - threads that have nothing to do with each other: each exchanges blocks of its own. The least that two threads can
 * ask of an allocator is that this takes no longer than with one. wide: the same with blocks of a hundred sizes, which are more than a
 * small cache has room for.
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

static uint64_t exchange(unsigned self, unsigned rounds, uint32_t sizes)
{
    void *held[HELD] = { 0 };
    uint64_t state = seed_of(self);
    for (unsigned i = 0; i < rounds * 3000; i++) {
        void **where = &held[random_below(&state, HELD)];
        if (*where != NULL)
            block_end(*where);
        *where = block_new(16 + random_below(&state, sizes), i);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (held[i] != NULL)
            block_end(held[i]);
    return (uint64_t)rounds * 6000;
}

static uint64_t work(unsigned self, unsigned threads, unsigned rounds)
{
    (void)threads;
    return exchange(self, rounds, 300);
}

static uint64_t work_wide(unsigned self, unsigned threads, unsigned rounds)
{
    (void)threads;
    return exchange(self, rounds, 1900);
}

const struct pattern private_pattern = { "private", prepare, work, finish };
const struct pattern wide_pattern = { "wide", prepare, work_wide, finish };
