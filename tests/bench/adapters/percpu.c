/* SPDX-License-Identifier: MIT
 *
 * percpu.c - freehold with one CPU's cache as an adapter: as a kernel uses it, which asks the port for the CPU at each call.
 *
 * A fault ends the process: in a replay there is no misuse, so that it is a defect here or in the core.
 * Must not know: the core beyond its public interface.
 */
#include "../adapter.h"

#include <freehold.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef ADAPTER_NAME
#define ADAPTER_NAME "percpu"
#endif

static void on_fault(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    fprintf(stderr, "%s: fault in a replay: %s, pointer %p, block %p\n", ADAPTER_NAME, fh_fault_name(fault->kind), fault->ptr,
            fault->block);
    abort();
}

static unsigned first_cpu(void *ctx)
{
    (void)ctx;
    return 0;
}
static const struct fh_port port = { .fault = on_fault, .cpus = 1, .cpu = first_cpu, .cache = &fh_cpu_cache };

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
