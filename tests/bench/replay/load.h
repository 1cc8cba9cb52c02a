/* SPDX-License-Identifier: MIT
 *
 * load.h - a trace in memory, checked and ready to be replayed.
 *
 * Promise: what fh_load accepts can be replayed without another check: every free and realloc names a block that is alive.
 * Invariant: the numbers of the file are replaced by slots, which are used again, last freed first, so that the replayer's
 * own table is no larger than the most blocks alive at once, and disturbs the allocator's memory least.
 * Must not know: allocators. All memory comes from mmap: a replay measures the malloc of its own process too.
 */
#ifndef FH_LOAD_H
#define FH_LOAD_H

#include "../trace.h"

struct fh_op {
    uint8_t what;         /* enum fh_trace_op; never FH_T_THREAD */
    uint8_t align_log;
    uint16_t thread;
    uint32_t slot;
    uint32_t size;
};

struct fh_trace {
    char name[64];        /* for tables: the file's, without folder and suffix */
    char program[256];
    unsigned pointer_bytes;
    unsigned threads;
    uint32_t blocks;      /* how many were allocated */
    uint32_t slots;       /* how many were alive at once */
    size_t count;
    struct fh_op *ops;
};

/* Reads the trace at path, or complains on stderr and returns false. cut: a trace without an end is taken as far as it goes. */
bool fh_load(struct fh_trace *t, const char *path, bool cut);

void fh_unload(struct fh_trace *t);

/* Zeroed memory of this process that no malloc knows; ends the process if there is none. */
void *fh_map(size_t bytes);
void fh_unmap(void *mem, size_t bytes);

/* Gives back what lies behind the first kept bytes; returns where they are now. */
void *fh_shrink(void *mem, size_t bytes, size_t kept);

/* What the trace itself asks for, however good the allocator. */
struct fh_bound {
    size_t payload;       /* the most payload alive at once */
    size_t blocks;        /* most blocks alive at once */
    size_t bound;         /* the most alive at once with each block's payload and tag rounded up to granules */
    size_t at;            /* the op that reaches it, and what is alive there: */
    size_t at_payload;
    size_t at_blocks;
};

/* The block that size bytes make there. */
size_t fh_rounded(size_t size, size_t granule, size_t tag);

struct fh_bound fh_bound_of(const struct fh_trace *t, size_t granule, size_t tag);

#endif
