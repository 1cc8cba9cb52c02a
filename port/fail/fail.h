/* SPDX-License-Identifier: MIT
 *
 * fail.h - lets allocations fail on purpose, for the tests of programs that use freehold.
 *
 * On any target: link fail.c and wrap.c, and tell the linker (GNU ld, gold, lld) to send the allocating calls through them:
 *
 *     -Wl,--wrap=fh_malloc,--wrap=fh_calloc,--wrap=fh_realloc,--wrap=fh_aligned_alloc,--wrap=fh_resize
 *
 * In a hosted test that links build/libfreehold-poison.a (port/posix/poison.h) it is there without any of this.
 *
 * A test of a whole program, one refusal after the other:
 *
 *     for (size_t n = 0; ; n++) {
 *         struct fh_heap *heap = fh_create(memory, sizeof memory, NULL);
 *         fh_fail_after(heap, n);
 *         run_program(heap);                              must give everything back, or go on, as it is meant to
 *         if (fh_fail_after(heap, SIZE_MAX) <= n)
 *             break;                                      the program needs no more than n calls: all have failed once
 *     }
 *
 * Promise: the core is linked as it is, to the byte: who does not ask for this pays nothing for it, neither an instruction nor a
 * field in the heap. A call is refused before the heap sees it, as freehold.h says of a refusal: nothing is changed.
 * Must not know: how the core works.
 */
#ifndef FH_FAIL_H
#define FH_FAIL_H

#include <freehold.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The next n calls of fh_malloc, fh_calloc, fh_realloc, fh_aligned_alloc and fh_resize on the heap pass; those after them are
 * refused, until fh_fail_after is called again. SIZE_MAX: none is refused. Returns how many such calls the heap has seen since
 * the last time. NULL: nothing, 0. A call counts once, whatever it does inside; fh_cache_malloc does not count.
 *
 * Up to FH_FAIL_HEAPS heaps are kept in mind; past that, one of which nothing is refused gives its place to the next, and where
 * there is none nothing is refused. A heap is known by its address: one made where another one was goes on in its place. One
 * context at a time. */
#define FH_FAIL_HEAPS 16
size_t fh_fail_after(struct fh_heap *heap, size_t n);

/* For a layer before the core: counts a call, and answers whether it may pass. */
bool fh_fail_passes(const struct fh_heap *heap);

#ifdef __cplusplus
}
#endif

#endif
