/* SPDX-License-Identifier: MIT
 *
 * span.h - large blocks, each a mapping of its own, known by address.
 *
 *     live    start -> bytes, a hash table in memory of its own
 *     kept    the spans freed last, still mapped, for the next large request: a loop that frees and allocates one large
 *             buffer does not call the kernel, nor fault its pages in, each time round
 *     gone    the addresses unmapped last
 *
 * Promise: a span is told from any other pointer without reading the memory that it points to, and one freed twice is known
 * as such while it is kept or among the last gone. A span starts at the beginning of a page and has no header.
 * Invariant: an address is in at most one of live and kept.
 * Must not know: heaps.
 */
#ifndef FH_POSIX_SPAN_H
#define FH_POSIX_SPAN_H

#include "lock.h"

#define FH_SPANS_KEPT 16
#define FH_SPANS_GONE 64

/* The most bytes that wait in kept; a span above a quarter of it is unmapped at once. */
#define FH_SPANS_KEPT_BYTES ((size_t)32 << 20)

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
    size_t kept;
    size_t kept_bytes;
    size_t gone;              /* how many went: the next place in the ring */
    struct fh_span kept_spans[FH_SPANS_KEPT];   /* the oldest first */
    uintptr_t gone_starts[FH_SPANS_GONE];
};

/* A span of at least that many bytes at a multiple of align, a power of two; NULL if there is no memory. *zeroed says
 * whether it is known to hold zeros. */
void *fh_span_map(struct fh_spans *spans, size_t bytes, size_t align, bool *zeroed);

/* The size of the live span that starts at ptr, 0 if none does. */
size_t fh_span_bytes(struct fh_spans *spans, const void *ptr);

/* Frees the live span that starts at ptr; false if none does. */
bool fh_span_free(struct fh_spans *spans, void *ptr);

/* Makes a live span that large, moving pages and not bytes. NULL: it cannot be, and the span is as it was. */
void *fh_span_resize(struct fh_spans *spans, void *ptr, size_t bytes);

/* Was there a span at ptr, freed not long ago? Takes the lock: for the report of a fault. */
bool fh_span_was_freed(struct fh_spans *spans, const void *ptr);

/* Unmaps what is kept; returns the bytes. */
size_t fh_span_trim(struct fh_spans *spans);

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
