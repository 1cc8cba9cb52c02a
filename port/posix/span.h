/* SPDX-License-Identifier: MIT
 *
 * span.h - large blocks, each a mapping of its own, known by address.
 *
 *     live    start -> bytes, a hash table in memory of its own
 *     gone    the starts freed last
 *
 * Promise: a span is told from any other pointer without reading the memory that it points to, and one freed twice is known
 * as such while it is among the last gone. A span starts at the beginning of a page and has no header.
 * Must not know: heaps.
 */
#ifndef FH_POSIX_SPAN_H
#define FH_POSIX_SPAN_H

#include "lock.h"

#define FH_SPANS_GONE 64

struct fh_span {
    uintptr_t start;          /* 0: no span */
    size_t bytes;
};

/* Zero is the empty state. */
struct fh_spans {
    struct fh_lock lock;
    size_t page;              /* 0 before the first span */
    struct fh_span *table;    /* live; a power of two of places, less than half of them taken */
    size_t places;
    size_t live;
    size_t gone;              /* how many went: the next place in the ring */
    uintptr_t gone_starts[FH_SPANS_GONE];
};

/* A span of at least that many bytes, zeroed, at a multiple of align, a power of two; NULL if there is no memory. */
void *fh_span_map(struct fh_spans *spans, size_t bytes, size_t align);

/* The size of the live span that starts at ptr, 0 if none does. */
size_t fh_span_bytes(struct fh_spans *spans, const void *ptr);

/* Frees the live span that starts at ptr and returns its bytes; 0 if none does. */
size_t fh_span_free(struct fh_spans *spans, void *ptr);

/* Makes a live span that large, moving pages and not bytes. NULL: it cannot be, and the span is as it was. */
void *fh_span_resize(struct fh_spans *spans, void *ptr, size_t bytes);

/* Was there a span at ptr, freed not long ago? Takes the lock: for the report of a fault. */
bool fh_span_was_freed(struct fh_spans *spans, const void *ptr);

static inline bool fh_span_starts_page(const void *ptr)
{
    return ((uintptr_t)ptr & 4095) == 0;
}

/* May ptr be a span at all? Answers for nearly every block of a heap without a lock. */
static inline bool fh_span_may_start(const struct fh_spans *spans, const void *ptr)
{
    return fh_span_starts_page(ptr) && __atomic_load_n(&spans->live, __ATOMIC_RELAXED) != 0;
}

#endif
