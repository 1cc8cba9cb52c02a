/* SPDX-License-Identifier: MIT
 *
 * absent.c - the calls of freehold.h that the small core does not have, for files of tests that make them in a test that does not apply.
 *
 * Promise: a test that calls one of them against the small core ends in a trap.
 */
#include <freehold.h>

struct fh_cache_layer {
    char none;
};

const struct fh_cache_layer fh_cpu_cache;

struct fh_cache *fh_cache_open(struct fh_heap *heap)
{
    (void)heap;
    __builtin_trap();
}

void fh_cache_close(struct fh_cache *cache)
{
    (void)cache;
    __builtin_trap();
}

void *fh_cache_malloc(struct fh_cache *cache, size_t size)
{
    (void)cache;
    (void)size;
    __builtin_trap();
}

void fh_cache_free(struct fh_cache *cache, void *ptr)
{
    (void)cache;
    (void)ptr;
    __builtin_trap();
}

enum fh_fault_kind fh_check_step(struct fh_heap *heap, struct fh_cursor *cursor, size_t budget)
{
    (void)heap;
    (void)cursor;
    (void)budget;
    __builtin_trap();
}
