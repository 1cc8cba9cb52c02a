/* SPDX-License-Identifier: MIT
 *
 * freehold.c - freehold as an adapter: the bounded build on one region, without lock and without cache.
 *
 * A fault ends the process: in a replay there is no misuse, so that it is a defect here or in the core.
 * Must not know: the core beyond its public interface.
 */
#include "../adapter.h"

#include <freehold.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef ADAPTER_NAME
#define ADAPTER_NAME "freehold"
#endif

static void on_fault(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    fprintf(stderr, "%s: fault in a replay: %s, pointer %p, block %p\n", ADAPTER_NAME, fh_fault_name(fault->kind), fault->ptr,
            fault->block);
    abort();
}

/* What percpu.c, which includes this file, adds to the port. */
#ifndef ADAPTER_CACHE
#define ADAPTER_CACHE .cpus = 0
#endif
static const struct fh_port port = { .fault = on_fault, ADAPTER_CACHE };

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
    return fh_create(mem, size, &port);
}

void fh_adapter_close(void *heap)
{
    fh_destroy(heap);
}

void *fh_adapter_malloc(void *heap, size_t size)
{
    return fh_malloc(heap, size);
}

void fh_adapter_free(void *heap, void *ptr)
{
    fh_free(heap, ptr);
}

void *fh_adapter_realloc(void *heap, void *ptr, size_t size)
{
    return fh_realloc(heap, ptr, size);
}

void *fh_adapter_aligned_alloc(void *heap, size_t align, size_t size)
{
    return fh_aligned_alloc(heap, align, size);
}

void *fh_adapter_calloc(void *heap, size_t size)
{
    return fh_calloc(heap, 1, size);
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
    fh_stats(heap, &stats);
    return stats.bytes_regions - stats.bytes_used - stats.bytes_free;
}

const char *fh_adapter_broken(void *heap)
{
    enum fh_fault_kind kind = fh_check(heap);
    return kind == FH_OK ? NULL : fh_fault_name(kind);
}
