/* SPDX-License-Identifier: MIT
 *
 * threads.h - what the threaded programs share: a pattern, its work, and blocks that know what they hold.
 *
 * Promise: every block is filled when it is allocated and verified before it is freed, by whichever thread does it. The work of one
 * thread is the same whatever the number of threads, so that the time of two may be compared with the time of one.
 */
#ifndef FH_THREADS_H
#define FH_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern {
    const char *name;
    void (*prepare)(unsigned threads);
    uint64_t (*work)(unsigned self, unsigned threads, unsigned rounds);   /* returns how many operations it did */
    void (*finish)(void);
};

extern const struct pattern larson_pattern, xmalloc_pattern, sharing_pattern, churn_pattern, private_pattern, wide_pattern, none_pattern;

/* A block: its size and a word that depends on it lie at its start and its end. At least 16 bytes. */
void *block_new(size_t size, uint32_t mark);

/* Verifies and frees. What is wrong ends the process with a message. */
void block_end(void *block);

/* Random numbers, one state a thread. */
static inline uint32_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((uint64_t)random_next(state) * n >> 32);
}

static inline uint64_t seed_of(unsigned self)
{
    return 0x9E3779B97F4A7C15u * (self + 1);
}

#endif
