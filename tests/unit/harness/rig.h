/* SPDX-License-Identifier: MIT
 *
 * rig.h - a heap under observation: a port that records, and the oracle that compares what a heap says with what it holds.
 *
 * Promise: rig_sound is independent of the core's own checker: it walks the blocks, adds them up itself and compares. It is
 * called after every operation of the random tests.
 * Must not know: how the core does anything; only the public interface.
 */
#ifndef TEST_RIG_H
#define TEST_RIG_H

#include <freehold.h>

#include "test.h"

/* Does fh_usable_size answer what was asked for, and no byte more? */
#ifdef FH_HARDENED
#define RIG_EXACT true
#else
#define RIG_EXACT false
#endif

/* Is it the small core? Then a test that is not about what it lacks makes do with one region. */
#ifdef TEST_SMALL
#define RIG_SMALL true
#else
#define RIG_SMALL false
#endif

/* Ends a test of what the small core does not have: several regions, growth by the port, huge blocks, caches, the check in steps. */
void rig_large_only(void);

/* Memory of the test's own; its address is a multiple of its size. */
#define RIG_MEMORY ((size_t)1 << 20)
extern unsigned char rig_memory[RIG_MEMORY];

/* So much of it may be one heap. */
#define RIG_HEAP (RIG_SMALL ? (size_t)0xFFFF * FH_GRANULE : RIG_MEMORY)

struct rig {
    struct fh_port port;      /* lock, unlock, fault, random are set; a test adds acquire and release, never ctx */
    struct fh_heap *heap;
    struct fh_fault fault;    /* the last report */
    unsigned faults;          /* reports since the last look */
    unsigned locks;
    int depth;                /* 1 while the lock is held */
    unsigned acquires;        /* counted by the test's own callbacks */
    unsigned releases;
    size_t peak;              /* the largest bytes_used that was seen */
};

/* Makes a heap in mem and checks that it is there. rig_prepare sets the port only. */
void rig_prepare(struct rig *rig);
void rig_open(struct rig *rig, void *mem, size_t size);

/* For a port with one CPU. */
unsigned rig_only_cpu(void *ctx);

/* What a walk adds up to. */
struct rig_sum {
    size_t used_blocks;
    size_t used_bytes;
    size_t free_blocks;
    size_t free_bytes;
    size_t largest;           /* of the free blocks, tag included */
    size_t regions;
    bool ordered;             /* blocks touch within a region; regions ascend; no two free blocks touch; all aligned */
};
struct rig_sum rig_sum(struct rig *rig);

/* For fh_walk: writes over what lies between the ends of each free block, and counts them in *arg, an unsigned. */
bool rig_scribble(void *arg, const struct fh_block_info *info);

/* The oracle: fh_check is content, the walk is in order, fh_stats is what the walk adds up to, the lock is left as often as it
 * was taken, and nothing was reported. Records what is wrong; true if nothing is. */
bool rig_sound(struct rig *rig);

/* Exactly one report of that kind since the last look, for that pointer and that block; forgets it. */
bool rig_reported(struct rig *rig, enum fh_fault_kind kind, const void *ptr, const void *block);

/* Is there a block that begins there, used or free? Bytes of it, tag included, or 0. */
size_t rig_block_at(struct rig *rig, const void *payload, bool *used);

/* Fills bytes with a pattern made of the key, and looks whether it is still there. */
void rig_fill(void *ptr, size_t bytes, uint32_t key);
bool rig_filled(const void *ptr, size_t bytes, uint32_t key);
bool rig_zero(const void *ptr, size_t bytes);

/* Writes a word of the program's, wherever it lies and whatever the compiler thinks lies there. */
void rig_poke(void *place, uint32_t word);
uint32_t rig_peek(const void *place);

/* Hides from the compiler where a pointer comes from: it warns of the crimes committed here. */
void *rig_launder(const void *ptr);

#endif
