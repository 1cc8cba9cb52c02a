/* SPDX-License-Identifier: MIT
 *
 * posix.h - a port for processes: memory from mmap, a lock that survives fork, a secret from the kernel.
 *
 *     static struct fh_posix posix;
 *     fh_posix_init(&posix);
 *     struct fh_heap *heap = fh_create(NULL, 0, &posix.port);
 *
 * The contract, stated once:
 *
 * - One struct fh_posix serves one heap, made with fh_create(NULL, ...): the port looks for a place with free addresses
 *   above it, so that every later region touches the one before and the heap stays one region, within reach of its links.
 *   Where something else has taken the place, a region touches the lowest one from below, or lies apart.
 * - Regions grow with the heap, from FH_POSIX_LEAST to FH_POSIX_MOST bytes; a larger request gets a region of its own size.
 *   Pages that were never touched cost addresses, not memory.
 * - Whole spans go back to the kernel, exactly as the heap names them, however many acquisitions they were.
 * - The lock may be used by any number of threads and is held across fork. Not for signal handlers.
 * - The fault hook writes one line to standard error, without allocating, and aborts. A program may set port.fault to its
 *   own before it makes the heap, and every other member too.
 * - None of this changes errno.
 */
#ifndef FH_POSIX_H
#define FH_POSIX_H

#include <freehold.h>

#include "lock.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FH_POSIX_LEAST ((size_t)1 << 20)
#define FH_POSIX_MOST ((size_t)64 << 20)

/* How many threads may ask for memory at once. The core refuses a request when more calls are inside acquire than this, because
 * it takes that for a port that allocates without end. There is no function cpu, so these are not caches: a program that
 * wants caches opens one for each thread. */
#define FH_POSIX_GROWING 4096

/* How far from the heap a region may lie: where the core's links end. */
#if UINTPTR_MAX > 0xFFFFFFFFu
#define FH_POSIX_REACH ((size_t)FH_GRANULE * FH_REACH)
#else
#define FH_POSIX_REACH SIZE_MAX
#endif

struct fh_posix {
    struct fh_port port;      /* what fh_create is given */
    struct fh_lock lock;
    uintptr_t base;           /* the first region's start; 0 before there is one */
    uintptr_t next;           /* where the next region would touch the last one, */
    uintptr_t first;          /* and where it would touch the lowest one from below; 0 before there is one */
    size_t held;              /* bytes that the heap has from here */
    size_t page;
};

/* Prepares the port and watches for forks. */
void fh_posix_init(struct fh_posix *posix);

/* Forgets the port, after fh_destroy. */
void fh_posix_end(struct fh_posix *posix);

/* The same without watching for forks: for a program that must make its heap before it may call pthread_atfork, and
 * then calls fh_lock_watch(&posix->lock) itself. */
void fh_posix_prepare(struct fh_posix *posix);

/* The hook that the port is made with; ctx is its struct fh_posix, or NULL. */
void fh_posix_fault(void *ctx, const struct fh_fault *fault);

/* Writes a fault as one line, such as
 *   freehold: double free: pointer 0x7f12a0, block 0x7f12a0, expected 0x1, found 0x0
 * and a newline into the text, of FH_POSIX_LINE bytes, and returns its length. */
#define FH_POSIX_LINE 160
size_t fh_posix_describe(char *text, const struct fh_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
