/* SPDX-License-Identifier: MIT
 *
 * fastpath.c - fh-fastpath-NAME none|pair|batch SIZE: a thousand calls of fh_malloc and of fh_free, for callgrind to count.
 *
 *   none     only what comes before, to be subtracted
 *   pair     a block is freed right after it was allocated: with the cache, nothing but the fast path
 *   batch    fifty blocks are allocated, then freed: with the cache, filling and flushing have their share
 *
 * Must not know: what is inside a call.
 */
#include <freehold.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 1000, BATCH = 50 };

/* The two calls, and what they are called with. */
#if defined(WITH_CACHE)
static const struct fh_port port = { .cache = &fh_cpu_cache };
typedef struct fh_cache user;
#define USER_MALLOC fh_cache_malloc
#define USER_FREE fh_cache_free
static user *open_user(struct fh_heap *heap)
{
    return fh_cache_open(heap);
}
#else
#if defined(PER_CPU)
static unsigned first_cpu(void *ctx)
{
    (void)ctx;
    return 0;
}
static const struct fh_port port = { .cpus = 1, .cpu = first_cpu, .cache = &fh_cpu_cache };
#else
static const struct fh_port port = { 0 };
#endif
typedef struct fh_heap user;
#define USER_MALLOC fh_malloc
#define USER_FREE fh_free
static user *open_user(struct fh_heap *heap)
{
    return heap;
}
#endif

static _Alignas(4096) unsigned char memory[1 << 22];

static void calls(user *u, int batch, size_t size)
{
    static void *blocks[BATCH];
    for (int done = 0; done < CALLS; done += batch) {
        for (int i = 0; i < batch; i++)
            if ((blocks[i] = USER_MALLOC(u, size)) == NULL)
                abort();
        for (int i = 0; i < batch; i++)
            USER_FREE(u, blocks[i]);
    }
}

int main(int argc, char **argv)
{
    static void *held[2000];
    size_t size = argc == 3 ? (size_t)atoi(argv[2]) : 0;
    struct fh_heap *heap = fh_create(memory, sizeof memory, &port);
    if (heap == NULL || size == 0)
        return 2;
    /* Something in use, since what a cache may hold is a share of that, and free blocks of all sizes between. */
    for (int i = 0; i < 2000; i++)
        if ((held[i] = fh_malloc(heap, 200 + (size_t)i % 700)) == NULL)
            return 2;
    for (int i = 0; i < 2000; i += 4)
        fh_free(heap, held[i]);
    user *u = open_user(heap);
    if (u == NULL)
        return 2;
    calls(u, BATCH, size);
    if (strcmp(argv[1], "pair") == 0)
        calls(u, 1, size);
    if (strcmp(argv[1], "batch") == 0)
        calls(u, BATCH, size);
    return 0;
}
