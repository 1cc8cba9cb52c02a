/* SPDX-License-Identifier: MIT
 *
 * stress.h - a random workload over the public interface, watched by a shadow model.
 *
 * Promise: every decision follows from the plan and FH_GRANULE alone, never from an address or from what the heap answers;
 * so does the digest, which also covers the bytes read back from every block. The same plan therefore ends in the same
 * digest on every machine with that granule, in any heap that is large enough for it.
 * Must not know: libc, an operating system, the core's insides.
 *
 * Memory: a struct stress_slot for each block that may live at once, and no more.
 */
#ifndef STRESS_H
#define STRESS_H

#include <freehold.h>

/* One block as the model knows it. */
struct stress_slot {
    unsigned char *ptr;   /* NULL: empty */
    uint32_t size;        /* what was asked for */
    uint32_t room;        /* what fh_usable_size said: all of it is filled */
    uint32_t align;       /* what the address must be a multiple of for as long as the block lives */
    uint32_t seed;        /* of the contents */
};

struct stress_plan {
    const char *name;
    uint32_t seed;
    uint32_t steps;
    uint32_t slots;         /* at most 65536 */
    uint32_t budget;        /* bytes asked for at once, at most */
    uint32_t largest;       /* bytes of the largest request, at most 2^24 */
    uint32_t align_bits;    /* alignments are below 1 << align_bits */
    uint32_t check_every;   /* steps between looks at the whole heap; 1: after every step */
    bool shared;            /* others use the heap meanwhile: its counts are nobody's to compare */
};

struct stress_report {
    uint32_t digest;
    uint32_t steps;         /* done */
    uint32_t takes;         /* blocks allocated */
    uint32_t resizes;       /* realloc and resize calls */
    uint32_t peak;          /* largest sum of requests */
    const char *broken;     /* the fact that did not hold; NULL: all did */
    enum fh_fault_kind check;   /* what fh_check said then */
};

/* The plans, by size: brief and small fit a heap of 8 KiB, large one of 8 MiB. brief has as many steps as several cores
 * should do at once where an emulator has fewer: each wait for a fair lock may cost a time slice. */
#define STRESS_SMALL_SLOTS 40
#define STRESS_LARGE_SLOTS 384
struct stress_plan stress_brief(uint32_t seed);
struct stress_plan stress_small(uint32_t seed);
struct stress_plan stress_large(uint32_t seed);

/* The seed when nobody names another. */
#ifndef STRESS_SEED
#define STRESS_SEED 1
#endif

/* Runs the plan on the heap and frees all that it took. True if every fact held. slots: as many as the plan says. */
bool stress_run(struct fh_heap *heap, const struct stress_plan *plan, struct stress_slot *slots, struct stress_report *report);

/* Recounts the heap's statistics from a walk; NULL, or the fact that does not hold. */
const char *stress_recount(struct fh_heap *heap, struct fh_stats *stats);

/* For a heap that cannot grow. Allocates until the heap refuses, in blocks of up to most bytes, sees that a refusal changes nothing, and frees all again
 * in two passes. NULL, or the fact that did not hold. */
const char *stress_exhaust(struct fh_heap *heap, uint32_t seed, uint32_t most);

#endif
