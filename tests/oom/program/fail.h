/* SPDX-License-Identifier: MIT
 *
 * fail.h - lets allocations fail on purpose, for the tests of programs that use freehold.
 *
 * Link fail.c and tell the linker (GNU ld, gold, lld) to send the allocating calls through it:
 *
 *     -Wl,--wrap=fh_malloc,--wrap=fh_calloc,--wrap=fh_realloc,--wrap=fh_aligned_alloc,--wrap=fh_resize
 *
 * Promise: the core is linked as it is, to the byte: who does not ask for this pays nothing for it, neither an instruction nor a
 * field in the heap. A call is refused before the heap sees it, as freehold.h says of a refusal: nothing is changed.
 * Must not know: how the core works.
 */
#ifndef FH_FAIL_H
#define FH_FAIL_H

#include <freehold.h>

/* The next n calls of fh_malloc, fh_calloc, fh_realloc, fh_aligned_alloc and fh_resize on the heap pass; those after them are
 * refused, until fh_fail_after is called again. SIZE_MAX: none is refused. Returns how many such calls the heap has seen since
 * the last time. Keeps FH_FAIL_HEAPS heaps in mind; of another one nothing is refused. One context at a time. */
#define FH_FAIL_HEAPS 16
size_t fh_fail_after(struct fh_heap *heap, size_t n);

#endif
