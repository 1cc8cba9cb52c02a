/* SPDX-License-Identifier: MIT
 *
 * adapter.h - what a shared object must export so that fh-replay can put an allocator beside the others.
 *
 * Compile a file that defines these functions to a shared object, with the allocator in it or linked to it, and name it:
 * fh-replay -a ./mine.so trace. adapters/freehold.c and adapters/bump.c are examples. All functions may be called from one thread only,
 * unless fh_adapter_threads is there and returns true.
 *
 * Promise: an adapter built against one version of this file is refused by a fh-replay built against another.
 * Must not know: traces.
 */
#ifndef FH_ADAPTER_H
#define FH_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>

#define FH_ADAPTER_ABI 1u

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Returns FH_ADAPTER_ABI. */
unsigned fh_adapter_abi(void);

/* The name for tables: one word. */
const char *fh_adapter_name(void);

/* Makes an empty heap of the size bytes at mem, and takes memory from nowhere else. mem is aligned to a page. Returns NULL if
 * the memory is too small for it. An allocator that brings its own memory is passed NULL and 0 if fh_adapter_region returns
 * false. The value returned is passed to all other functions, and need not be a pointer to anything. */
void *fh_adapter_open(void *mem, size_t size);

/* Forgets the heap. Its memory is the caller's again. */
void fh_adapter_close(void *heap);

/* As in C; NULL when there is no memory. A block of size 0 may be read for one byte. realloc is never called with NULL or size 0. */
void *fh_adapter_malloc(void *heap, size_t size);
void fh_adapter_free(void *heap, void *ptr);
void *fh_adapter_realloc(void *heap, void *ptr, size_t size);
void *fh_adapter_aligned_alloc(void *heap, size_t align, size_t size);

/* Optional from here on. */

/* Zeroed memory. Without it, fh-replay calls malloc and zeroes. */
void *fh_adapter_calloc(void *heap, size_t size);

/* Does it run in the region that open is given? Without it: yes. */
bool fh_adapter_region(void);

/* The alignment of every block and the bytes that it takes besides its payload, for the bound that --fit prints. Without it:
 * freehold's, the granule of this machine and 4. */
size_t fh_adapter_granule(void);
size_t fh_adapter_tag(void);

/* How many bytes of the heap's memory can never be part of a block: control structure, ends. Without it --fit counts them as
 * fragmentation. */
size_t fh_adapter_control(void *heap);

/* Is the heap whole? NULL, or the name of what is broken. Called after each replay with --check. */
const char *fh_adapter_broken(void *heap);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
