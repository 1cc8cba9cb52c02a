/* SPDX-License-Identifier: MIT
 *
 * run.h - one replay of a trace on an allocator: fast, checked, op by op, or in the smallest region.
 *
 * Promise: the same calls in the same order whatever the purpose. The first and the last byte of each block are written and the
 * first is read before it is freed, as the least that a program does with memory: without it an allocator would be charged for the
 * first touch of every block where its own words lie beside the payload, or be flattered where they lie elsewhere.
 * Must not know: files, what is printed.
 */
#ifndef FH_RUN_H
#define FH_RUN_H

#include "allocator.h"

/* A heap to replay on. region: its memory, if the allocator runs in a region. */
struct fh_stage {
    const struct fh_allocator *a;
    const struct fh_trace *t;
    void *heap;
    void *region;
    size_t region_bytes;
    void **ptrs;             /* by slot */
    bool refuse;             /* checked replay: each call that allocates is first made for more than there can be */
};

/* Makes an empty heap of that many bytes; false if they are too small for the allocator. fh_close undoes it. */
bool fh_stage_open(struct fh_stage *s, const struct fh_allocator *a, const struct fh_trace *t, size_t bytes);
void fh_stage_close(struct fh_stage *s);

/* Replays the whole trace. Returns how many ops succeeded: all of them, or the place of the first one refused. What is alive
 * after it stays allocated until fh_stage_clear. */
size_t fh_replay(struct fh_stage *s);

/* Op i alone, after all before it. False: refused. */
bool fh_replay_one(struct fh_stage *s, size_t i);
void fh_stage_clear(struct fh_stage *s);

/* The same with every byte of every payload filled and verified, alignment too. Complains on stderr about what is wrong and
 * returns false; *done as above. */
bool fh_replay_checked(struct fh_stage *s, size_t *done);

/* The program gives up at op n: what is alive there is freed. Complains and returns false if the heap is not whole then. */
bool fh_replay_given_up(struct fh_stage *s, size_t n);

/* The largest block that can be had now. */
size_t fh_largest(struct fh_stage *s);

/* The same with the time of each op in nanoseconds, where it is less than what is there already: after several passes what is
 * left is the op's own time, without the interruptions. */
size_t fh_replay_each(struct fh_stage *s, uint32_t *ns);

/* The same with every payload written, and the most memory that this process held more than before, in bytes: looked at where
 * the payload is largest, and at a hundred other moments. */
size_t fh_replay_memory(struct fh_stage *s, size_t peak_at, size_t *most);

/* CPU time of this process in nanoseconds. */
uint64_t fh_cpu_ns(void);

/* The smallest region, to a granule, in which the whole trace succeeds, found by bisection; 0 if there is none below 64 times
 * the bound. */
size_t fh_fit(const struct fh_allocator *a, const struct fh_trace *t, size_t bound);

/* A region that is surely no obstacle, for measurements of time. */
size_t fh_ample(size_t bound);

#endif
