/* SPDX-License-Identifier: MIT
 *
 * wrap.c - stands between a program and the core where the linker was asked to; see fail.h.
 *
 * The linker's --wrap sends a call of fh_malloc to __wrap_fh_malloc, and one of __real_fh_malloc to the core. What the core calls
 * within itself is not wrapped: a realloc that moves is one call.
 */
#include "fail.h"

void *__real_fh_malloc(struct fh_heap *heap, size_t size);
void *__real_fh_calloc(struct fh_heap *heap, size_t count, size_t size);
void *__real_fh_realloc(struct fh_heap *heap, void *ptr, size_t size);
void *__real_fh_aligned_alloc(struct fh_heap *heap, size_t align, size_t size);
bool __real_fh_resize(struct fh_heap *heap, void *ptr, size_t size);

void *__wrap_fh_malloc(struct fh_heap *heap, size_t size);
void *__wrap_fh_calloc(struct fh_heap *heap, size_t count, size_t size);
void *__wrap_fh_realloc(struct fh_heap *heap, void *ptr, size_t size);
void *__wrap_fh_aligned_alloc(struct fh_heap *heap, size_t align, size_t size);
bool __wrap_fh_resize(struct fh_heap *heap, void *ptr, size_t size);

void *__wrap_fh_malloc(struct fh_heap *heap, size_t size)
{
    return fh_fail_passes(heap) ? __real_fh_malloc(heap, size) : NULL;
}

void *__wrap_fh_calloc(struct fh_heap *heap, size_t count, size_t size)
{
    return fh_fail_passes(heap) ? __real_fh_calloc(heap, count, size) : NULL;
}

void *__wrap_fh_realloc(struct fh_heap *heap, void *ptr, size_t size)
{
    return fh_fail_passes(heap) ? __real_fh_realloc(heap, ptr, size) : NULL;
}

void *__wrap_fh_aligned_alloc(struct fh_heap *heap, size_t align, size_t size)
{
    return fh_fail_passes(heap) ? __real_fh_aligned_alloc(heap, align, size) : NULL;
}

bool __wrap_fh_resize(struct fh_heap *heap, void *ptr, size_t size)
{
    return fh_fail_passes(heap) && __real_fh_resize(heap, ptr, size);
}
