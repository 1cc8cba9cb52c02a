/* SPDX-License-Identifier: MIT
 *
 * bare.c - the malloc that the threaded programs are compiled with to run on a heap without caches: fh_malloc and fh_free on one heap
 * over the posix port, every call under its lock. Compiled with -DBARE, and with malloc and free renamed to these in the programs.
 *
 * Must not know: the core beyond its public interface.
 */
#ifdef BARE
#include <freehold.h>
#include <posix/posix.h>

void *bare_malloc(size_t size);
void bare_free(void *ptr);

static struct fh_posix posix;
static struct fh_heap *heap;

static __attribute__((constructor)) void make_heap(void)
{
    fh_posix_init(&posix);
    heap = fh_create(NULL, 0, &posix.port);
}

void *bare_malloc(size_t size)
{
    return fh_malloc(heap, size);
}

void bare_free(void *ptr)
{
    fh_free(heap, ptr);
}
#else
typedef int nothing_to_compile;
#endif
