/* SPDX-License-Identifier: MIT
 *
 * cached.c - freehold with a cache as an adapter: as a thread of a hosted program uses it, without lock.
 *
 * A fault ends the process: in a replay there is no misuse, so that it is a defect here or in the core.
 * Must not know: the core beyond its public interface.
 */
#include "../adapter.h"

#include <freehold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ADAPTER_NAME
#define ADAPTER_NAME "cache"
#endif

static void on_fault(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    fprintf(stderr, "%s: fault in a replay: %s, pointer %p, block %p\n", ADAPTER_NAME, fh_fault_name(fault->kind), fault->ptr,
            fault->block);
    abort();
}

static const struct fh_port port = { .fault = on_fault, .cache = &fh_cpu_cache };

/* A heap, and the cache through which the one thread uses it. */
static struct {
    struct fh_heap *heap;
    struct fh_cache *cache;
} user;

unsigned fh_adapter_abi(void)
{
    return FH_ADAPTER_ABI;
}

const char *fh_adapter_name(void)
{
    return ADAPTER_NAME;
}

void *fh_adapter_open(void *mem, size_t size)
{
    user.heap = fh_create(mem, size, &port);
    user.cache = user.heap != NULL ? fh_cache_open(user.heap) : NULL;
    return user.cache;
}

void fh_adapter_close(void *heap)
{
    fh_cache_close(heap);
    fh_destroy(user.heap);
}

void *fh_adapter_malloc(void *heap, size_t size)
{
    return fh_cache_malloc(heap, size);
}

void fh_adapter_free(void *heap, void *ptr)
{
    fh_cache_free(heap, ptr);
}

/* In place, or by the cache: fh_realloc on the heap would pass the cache by. */
void *fh_adapter_realloc(void *heap, void *ptr, size_t size)
{
    if (fh_resize(user.heap, ptr, size))
        return ptr;
    void *moved = fh_cache_malloc(heap, size);
    if (moved == NULL)
        return NULL;
    size_t held = fh_usable_size(user.heap, ptr);
    memcpy(moved, ptr, held < size ? held : size);
    fh_cache_free(heap, ptr);
    return moved;
}

void *fh_adapter_aligned_alloc(void *heap, size_t align, size_t size)
{
    (void)heap;
    return fh_aligned_alloc(user.heap, align, size);
}

void *fh_adapter_calloc(void *heap, size_t size)
{
    void *ptr = fh_cache_malloc(heap, size);
    return ptr != NULL ? memset(ptr, 0, size) : NULL;
}

size_t fh_adapter_granule(void)
{
    return FH_GRANULE;
}

size_t fh_adapter_tag(void)
{
    return 4;
}

size_t fh_adapter_control(void *heap)
{
    struct fh_stats stats;
    (void)heap;
    fh_stats(user.heap, &stats);
    return stats.bytes_regions - stats.bytes_used - stats.bytes_free;
}

const char *fh_adapter_broken(void *heap)
{
    (void)heap;
    enum fh_fault_kind kind = fh_check(user.heap);
    return kind == FH_OK ? NULL : fh_fault_name(kind);
}
