/* SPDX-License-Identifier: MIT
 *
 * fail.c - counts the allocating calls on each heap and refuses those past a number; see fail.h for the promise.
 *
 * The linker's --wrap sends a call of fh_malloc to __wrap_fh_malloc, and one of __real_fh_malloc to the core. What the core calls
 * within itself is not wrapped: a realloc that moves is one call.
 */
#include "fail.h"

struct watch {
    const struct fh_heap *heap;
    size_t passes;            /* calls that may still pass; SIZE_MAX: all */
    size_t seen;
};

static struct watch watches[FH_FAIL_HEAPS];

static struct watch *watch_of(const struct fh_heap *heap)
{
    for (size_t i = 0; i < FH_FAIL_HEAPS; i++) {
        if (watches[i].heap == heap)
            return &watches[i];
    }
    return NULL;
}

/* Its own entry, or one that nobody uses. */
static struct watch *entry_for(const struct fh_heap *heap)
{
    struct watch *w = watch_of(heap);
    return w != NULL ? w : watch_of(NULL);
}

size_t fh_fail_after(struct fh_heap *heap, size_t n)
{
    struct watch *w = entry_for(heap);
    if (heap == NULL || w == NULL)
        return 0;
    size_t seen = w->heap == heap ? w->seen : 0;
    *w = (struct watch){ heap, n, 0 };
    return seen;
}

static bool may_pass(const struct fh_heap *heap)
{
    struct watch *w = heap != NULL ? watch_of(heap) : NULL;
    if (w == NULL)
        return true;
    w->seen++;
    if (w->passes == 0)
        return false;
    if (w->passes != SIZE_MAX)
        w->passes--;
    return true;
}

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
    return may_pass(heap) ? __real_fh_malloc(heap, size) : NULL;
}

void *__wrap_fh_calloc(struct fh_heap *heap, size_t count, size_t size)
{
    return may_pass(heap) ? __real_fh_calloc(heap, count, size) : NULL;
}

void *__wrap_fh_realloc(struct fh_heap *heap, void *ptr, size_t size)
{
    return may_pass(heap) ? __real_fh_realloc(heap, ptr, size) : NULL;
}

void *__wrap_fh_aligned_alloc(struct fh_heap *heap, size_t align, size_t size)
{
    return may_pass(heap) ? __real_fh_aligned_alloc(heap, align, size) : NULL;
}

bool __wrap_fh_resize(struct fh_heap *heap, void *ptr, size_t size)
{
    return may_pass(heap) && __real_fh_resize(heap, ptr, size);
}
