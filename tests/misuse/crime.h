/* SPDX-License-Identifier: MIT
 *
 * crime.h - the scene of every crime in this folder, and the trial.
 *
 * A file commits one crime and says what must be reported. The trial hands the pointer to each call that takes one. For each:
 * exactly that report, the refusal that the interface names, not a byte of any block written; afterwards the heap is as whole as
 * the crime left it and goes on serving. Without a hook, each call must trap.
 */
#ifndef TEST_CRIME_H
#define TEST_CRIME_H

#include "harness/rig.h"

enum { BLOCK_BYTES = 40 };

/* A heap with three blocks side by side, and a wall behind them. */
struct scene {
    struct rig rig;
    unsigned char *before;
    unsigned char *victim;
    unsigned char *behind;
    unsigned char *wall;
};

/* What must be reported. */
struct crime {
    enum fh_fault_kind kind;
    void *ptr;                    /* that is passed to the calls */
    const void *block;
    enum fh_fault_kind lasting;   /* what fh_check finds before and after; FH_OK: nothing */
    bool hidden;                  /* fh_usable_size, which looks at one tag only, cannot see it */
    enum fh_fault_kind later;     /* what the next allocation that meets the damage reports besides, once; FH_OK: nothing */
};

/* Commits the crime up to the call that must notice it. May free or write anything of the scene but the wall. */
typedef struct crime deed(struct scene *scene);

void crime_reported(deed *crime);
void crime_traps(deed *crime);

/* What stands in each file below its commit(). */
#define CRIME(file)                   \
    static void reported(void)        \
    {                                 \
        crime_reported(commit_##file); \
    }                                 \
    static void traps(void)           \
    {                                 \
        crime_traps(commit_##file);    \
    }                                 \
    TESTS(misuse_##file) = { { "reported", reported }, { "traps", traps }, TESTS_END }

/* The heap still hands out, takes back and reports nothing. */
void scene_serves(struct scene *scene);

void scene_open(struct scene *scene);

/* Opens the scene anew with a port that grows and shrinks; the region is larger than anything the scene itself needs. */
typedef void *acquire_memory(void *ctx, size_t least, size_t *got);
typedef void release_memory(void *ctx, void *mem, size_t bytes);
void scene_open_growing(struct scene *scene, acquire_memory *acquire, release_memory *release);

#endif
