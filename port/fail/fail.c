/* SPDX-License-Identifier: MIT
 *
 * fail.c - counts the allocating calls on each heap and says which are to be refused; see fail.h for the promise.
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

/* One that refuses nothing. */
static struct watch *idle_watch(void)
{
    for (size_t i = 0; i < FH_FAIL_HEAPS; i++) {
        if (watches[i].passes == SIZE_MAX)
            return &watches[i];
    }
    return NULL;
}

/* Its own entry, or one that nobody uses, or one that nobody needs. */
static struct watch *entry_for(const struct fh_heap *heap)
{
    struct watch *w = watch_of(heap);
    if (w == NULL)
        w = watch_of(NULL);
    return w != NULL ? w : idle_watch();
}

size_t fh_fail_after(struct fh_heap *heap, size_t n)
{
    struct watch *w = heap != NULL ? entry_for(heap) : NULL;
    if (w == NULL)
        return 0;
    size_t seen = w->heap == heap ? w->seen : 0;
    *w = (struct watch){ heap, n, 0 };
    return seen;
}

bool fh_fail_passes(const struct fh_heap *heap)
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
