/* SPDX-License-Identifier: MIT
 *
 * sharing.c - false sharing: each thread gets a small block that the main thread allocated next to the others', and from then on
 * allocates, writes many times and frees small blocks of its own. An allocator that gives neighbouring blocks to different threads
 * makes them fight over cache lines. An operation here is one exchange of a block, its writes included.
 *
 * After: Berger, McKinley, Blumofe and Wilson, Hoard (2000), cache-thrash and cache-scratch.
 */
#include "threads.h"

#include <stdlib.h>

enum { MOST = 256, WRITES = 100 };

static void *given[MOST];

static void prepare(unsigned threads)
{
    for (unsigned i = 0; i < threads; i++)
        given[i] = block_new(16, i);
}

static void finish(void)
{
}

static uint64_t work(unsigned self, unsigned threads, unsigned rounds)
{
    (void)threads;
    block_end(given[self]);
    for (unsigned i = 0; i < rounds * 300; i++) {
        unsigned char *p = block_new(16, i);
        volatile unsigned char *byte = p + 8;
        for (unsigned j = 0; j < WRITES; j++)
            *byte = (unsigned char)(*byte + 1);
        block_end(p);
    }
    return (uint64_t)rounds * 300;
}

const struct pattern sharing_pattern = { "sharing", prepare, work, finish };
