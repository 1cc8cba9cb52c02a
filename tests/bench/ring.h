/* SPDX-License-Identifier: MIT
 *
 * ring.h - the recorder for targets without files: a ring of fixed entries, filled from a hook around the allocator.
 *
 *   static struct fh_ring ring;              anywhere that can be dumped; choose FH_RING_ENTRIES to what fits
 *   fh_ring_begin(&ring);
 *   p = fh_malloc(heap, n);  fh_ring_note(&ring, FH_RING_MALLOC, p, n, NULL);
 *   fh_ring_note(&ring, FH_RING_FREE, p, 0, NULL);  fh_free(heap, p);
 *   q = fh_realloc(heap, p, n);  if (q) fh_ring_note(&ring, FH_RING_REALLOC, q, n, p);
 *
 * Dump sizeof ring bytes by whatever means (debugger, serial line, a QEMU memory dump) to a file, and on the host:
 *
 *   fh-replay --import ring.fht dump        writes the trace ring.fht
 *
 * Promise: a few stores a call, no memory but the ring, no locks (note under the lock that guards the heap, or in the one context
 * that uses it). Works for either byte order and pointers of 32 or 64 bits: the dump says which. When the ring has gone round, the
 * last FH_RING_ENTRIES events are left; blocks older than them are not in the trace.
 * Must not know: the host's trace format. Freestanding; C and C++.
 */
#ifndef FH_RING_H
#define FH_RING_H

#include <stddef.h>
#include <stdint.h>

#ifndef FH_RING_ENTRIES
#define FH_RING_ENTRIES 1024
#endif

/* Reads differently in the other byte order; the version is in it. */
#define FH_RING_MAGIC ((uint32_t)0x46485231)

enum fh_ring_op { FH_RING_MALLOC = 1, FH_RING_FREE, FH_RING_REALLOC, FH_RING_CALLOC, FH_RING_ALIGNED };

struct fh_ring_entry {
    uintptr_t ptr;
    uintptr_t old;           /* realloc: where it was; aligned: the alignment */
    uint32_t size;
    uint32_t op;
};

struct fh_ring {
    uint32_t magic;
    uint32_t pointer_bytes;
    uint32_t entries;        /* in the ring */
    uint32_t written;        /* so far, modulo 2^32 */
    struct fh_ring_entry entry[FH_RING_ENTRIES];
};

static inline void fh_ring_begin(struct fh_ring *ring)
{
    ring->magic = FH_RING_MAGIC;
    ring->pointer_bytes = sizeof(void *);
    ring->entries = FH_RING_ENTRIES;
    ring->written = 0;
}

/* Notes one call. old: the block that realloc was given, or the alignment as a pointer; NULL otherwise. A call that failed
 * (ptr NULL) is not noted. */
static inline void fh_ring_note(struct fh_ring *ring, enum fh_ring_op op, const void *ptr, size_t size, const void *old)
{
    struct fh_ring_entry *e;
    if (ptr == NULL)
        return;
    e = &ring->entry[ring->written % FH_RING_ENTRIES];
    e->ptr = (uintptr_t)ptr;
    e->old = (uintptr_t)old;
    e->size = (uint32_t)size;
    e->op = (uint32_t)op;
    ring->written++;
}

#endif
