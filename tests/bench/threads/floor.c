/* SPDX-License-Identifier: MIT
 *
 * floor.c - the malloc that shows what the patterns themselves cost: a list of free blocks for each size and thread, no lock, no check, no
 * joining, nothing ever given back. What is freed goes to the thread that frees it. Compiled with -DFLOOR, and with malloc and free renamed
 * to these in the programs.
 *
 * What two threads of it bring over one is the most that any allocator can: what is missing then is blocks, and their contents, that
 * travel from one core to the other.
 */
#ifdef FLOOR
#define _GNU_SOURCE
#include "threads.h"

#include <stdlib.h>
#include <sys/mman.h>

void *floor_malloc(size_t size);
void floor_free(void *ptr);

enum { GRANULE = 16, LARGEST = 4096, SIZES = LARGEST / GRANULE + 1, CHUNK = 1 << 20 };

struct floor_block {
    _Alignas(GRANULE) size_t granules;
    _Alignas(GRANULE) struct floor_block *next;   /* the payload begins here */
};

/* What a thread holds; the next thread goes on with what one that ended has left. */
struct floor_lists {
    struct floor_lists *next;
    char *at, *end;
    struct floor_block *head[SIZES];
};

static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static struct floor_lists *left;
static pthread_key_t at_end;
static _Thread_local struct floor_lists *mine;

static void *pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        abort();
    return p;
}

static void leave(void *arg)
{
    struct floor_lists *lists = arg;
    pthread_mutex_lock(&left_lock);
    lists->next = left;
    left = lists;
    pthread_mutex_unlock(&left_lock);
}

static __attribute__((constructor)) void prepare_end(void)
{
    pthread_key_create(&at_end, leave);
}

static __attribute__((noinline)) struct floor_lists *begin(void)
{
    pthread_mutex_lock(&left_lock);
    mine = left;
    if (left != NULL)
        left = left->next;
    pthread_mutex_unlock(&left_lock);
    if (mine == NULL)
        mine = pages(sizeof *mine);
    pthread_setspecific(at_end, mine);
    return mine;
}

static __attribute__((noinline)) struct floor_block *cut(struct floor_lists *lists, size_t granules)
{
    size_t bytes = (granules + 1) * GRANULE;
    if ((size_t)(lists->end - lists->at) < bytes) {
        lists->at = pages(CHUNK);
        lists->end = lists->at + CHUNK;
    }
    struct floor_block *b = (void *)lists->at;
    lists->at += bytes;
    b->granules = granules;
    return b;
}

void *floor_malloc(size_t size)
{
    size_t granules = (size + GRANULE - 1) / GRANULE;
    if (granules >= SIZES)
        return NULL;
    struct floor_lists *lists = mine != NULL ? mine : begin();
    struct floor_block *b = lists->head[granules];
    if (b != NULL)
        lists->head[granules] = b->next;
    else
        b = cut(lists, granules);
    return &b->next;
}

void floor_free(void *ptr)
{
    struct floor_lists *lists = mine != NULL ? mine : begin();
    struct floor_block *b = (void *)((char *)ptr - GRANULE);
    b->next = lists->head[b->granules];
    lists->head[b->granules] = b;
}
#else
typedef int nothing_to_compile;
#endif
