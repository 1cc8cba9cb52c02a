/* SPDX-License-Identifier: MIT
 *
 * xmalloc.c - blocks freed by another thread: each thread allocates batches and passes them to its neighbour in a ring, which frees them.
 * With one thread, the neighbour is itself.
 *
 * After: Lever and Boreham, malloc() performance in a multithreaded Linux environment (2000), and its xmalloc-test.
 */
#include "threads.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { MOST = 256, BATCH = 128, BELT = 16 };

struct batch {
    void *blocks[BATCH];
};

/* A belt to each thread: one writer, one reader. */
static struct {
    _Alignas(64) _Atomic unsigned head;
    _Alignas(64) _Atomic unsigned tail;
    struct batch *slot[BELT];
} belt[MOST];

static void prepare(unsigned threads)
{
    (void)threads;
}

static void finish(void)
{
}

/* Frees one batch if there is one. */
static bool take(unsigned self)
{
    unsigned tail = atomic_load_explicit(&belt[self].tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&belt[self].head, memory_order_acquire))
        return false;
    struct batch *b = belt[self].slot[tail % BELT];
    atomic_store_explicit(&belt[self].tail, tail + 1, memory_order_release);
    for (unsigned i = 0; i < BATCH; i++)
        block_end(b->blocks[i]);
    free(b);
    return true;
}

static bool has_room(unsigned to)
{
    unsigned head = atomic_load_explicit(&belt[to].head, memory_order_relaxed);
    return head - atomic_load_explicit(&belt[to].tail, memory_order_acquire) < BELT;
}

static void pass(unsigned to, uint64_t *state)
{
    struct batch *b = malloc(sizeof *b);
    if (b == NULL)
        exit(1);
    for (unsigned i = 0; i < BATCH; i++)
        b->blocks[i] = block_new(16 + random_below(state, 240), i);
    unsigned head = atomic_load_explicit(&belt[to].head, memory_order_relaxed);
    belt[to].slot[head % BELT] = b;
    atomic_store_explicit(&belt[to].head, head + 1, memory_order_release);
}

static uint64_t work(unsigned self, unsigned threads, unsigned rounds)
{
    uint64_t state = seed_of(self);
    unsigned to = (self + 1) % threads;
    unsigned batches = rounds * 30;
    unsigned passed = 0;
    unsigned taken = 0;
    while (passed < batches || taken < batches) {
        bool moved = false;
        if (passed < batches && has_room(to)) {
            pass(to, &state);
            passed++;
            moved = true;
        }
        if (taken < batches && take(self)) {
            taken++;
            moved = true;
        }
        if (!moved)
            sched_yield();
    }
    return (uint64_t)batches * (BATCH + 1) * 2;
}

const struct pattern xmalloc_pattern = { "xmalloc", prepare, work, finish };
