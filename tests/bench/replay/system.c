/* SPDX-License-Identifier: MIT
 *
 * system.c - the malloc of this process as an allocator: libc's, or one that was preloaded.
 *
 * Must not know: which one it is.
 */
#define _GNU_SOURCE
#include "allocator.h"

#include <stdlib.h>

static void *sys_open(void *mem, size_t size)
{
    static char place;
    (void)mem;
    (void)size;
    return &place;
}

static void sys_close(void *heap)
{
    (void)heap;
}

static void *sys_malloc(void *heap, size_t size)
{
    (void)heap;
    return malloc(size);
}

static void sys_free(void *heap, void *ptr)
{
    (void)heap;
    free(ptr);
}

static void *sys_realloc(void *heap, void *ptr, size_t size)
{
    (void)heap;
    return realloc(ptr, size);
}

static void *sys_calloc(void *heap, size_t size)
{
    (void)heap;
    return calloc(1, size);
}

static void *sys_aligned_alloc(void *heap, size_t align, size_t size)
{
    void *ptr;
    (void)heap;
    return posix_memalign(&ptr, align < sizeof ptr ? sizeof ptr : align, size) == 0 ? ptr : NULL;
}

const struct fh_allocator fh_system_allocator = {
    .name = "system", .path = "system", .open = sys_open, .close = sys_close, .malloc = sys_malloc, .free = sys_free,
    .realloc = sys_realloc, .aligned_alloc = sys_aligned_alloc, .calloc = sys_calloc, .granule = 16, .tag = 4,
};
