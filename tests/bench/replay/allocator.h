/* SPDX-License-Identifier: MIT
 *
 * allocator.h - an adapter, loaded; and what a replay on it found.
 *
 * Promise: after fh_allocator_load every function that is not optional is there.
 * Must not know: the format of a trace.
 */
#ifndef FH_ALLOCATOR_H
#define FH_ALLOCATOR_H

#include "load.h"

struct fh_allocator {
    const char *name;
    const char *path;
    void *(*open)(void *mem, size_t size);
    void (*close)(void *heap);
    void *(*malloc)(void *heap, size_t size);
    void (*free)(void *heap, void *ptr);
    void *(*realloc)(void *heap, void *ptr, size_t size);
    void *(*aligned_alloc)(void *heap, size_t align, size_t size);
    void *(*calloc)(void *heap, size_t size);       /* NULL: malloc and zero */
    size_t (*control)(void *heap);                  /* NULL: not known */
    const char *(*broken)(void *heap);              /* NULL: not known */
    size_t granule;
    size_t tag;
    bool region;                                    /* runs in the memory that open is given */
};

/* Loads the shared object at path, or the malloc of this process if path is "system"; or complains and returns false. */
bool fh_allocator_load(struct fh_allocator *a, const char *path);

/* The malloc that this process runs on, whatever was preloaded. */
extern const struct fh_allocator fh_system_allocator;

#endif
