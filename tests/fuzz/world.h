/* SPDX-License-Identifier: MIT
 *
 * world.h - one fuzzed run: the input, the heaps, and the model of the blocks that they handed out.
 *
 * The input is a string of bytes, read from front to back by whatever needs a decision: the operations, and the port when it is
 * called. An input that has ended reads as zeros and ends the run.
 * Must not know: how any of it is decided.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <freehold.h>
#include "arena.h"

/* The small core: one region, which takes only what begins where it ends, and no caches. */
#ifdef FUZZ_SMALL
#define ONE_SPAN true
#else
#define ONE_SPAN false
#endif

#define HEAPS 3
#define SLOTS 48
#define CACHES 2
#define CPUS 3

struct subject {
    struct fh_heap *heap;     /* NULL: not created */
    struct fh_port port;
    unsigned id;              /* the owner of its memory in the arena */
    bool locked;
    bool quiet;               /* the port fails and decides nothing */
    bool allocator_grew;      /* acquire gave at least what was asked for, and nothing was nested in it */
    size_t pending;           /* bytes that acquire has ready but has not returned yet */
    unsigned cpu;
    unsigned depth;           /* calls inside acquire or release */
    unsigned due;             /* faults that must be reported before the call returns, */
    uint32_t due_kinds;       /* and of which kinds they may be, as bits */
    struct fh_cache *caches[CACHES];
    unsigned caches_in_use;   /* a call through one of them is under way */
};

/* A block that is held. */
struct slot {
    unsigned char *block;     /* NULL: empty */
    size_t bytes;             /* all that is usable */
    size_t align;             /* what it must keep when it moves; 0: nothing special */
    struct subject *owner;
    uint32_t seed;            /* of its contents */
    bool busy;                /* an operation is under way on it */
};

extern struct subject subjects[HEAPS];
extern struct slot slots[SLOTS];

/* The next byte or bytes of the input. */
unsigned next8(void);
unsigned next16(void);
bool input_ended(void);

/* One operation, from within a callback of the port if depth says so. */
void operate(unsigned depth);

/* Fills in a port that is hostile in the ways that the input says. */
void port_make(struct subject *s);

/* A place in the arena for that many bytes of that heap, as the input says: at any byte, or touching a part that it has. */
uintptr_t choose_place(const struct subject *s, size_t bytes);

#endif
