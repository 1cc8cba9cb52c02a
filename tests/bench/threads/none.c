/* SPDX-License-Identifier: MIT
 *
 * none.c - no allocation at all: arithmetic only. What two threads of this bring over one is the most that this machine can give at this
 * moment, which is less than 2 where the cores are two halves of one, or busy with something else.
 */
#include "threads.h"

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
    uint64_t state = seed_of(self);
    for (unsigned i = 0; i < rounds * 100000; i++)
        random_next(&state);
    /* Used, so that the loop is not left out; never 0. */
    return state != 0 ? (uint64_t)rounds * 100000 : 0;
}

const struct pattern none_pattern = { "none", prepare, work, finish };
