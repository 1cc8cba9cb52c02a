/* SPDX-License-Identifier: MIT
 *
 * lab.h - what the parts of the fault lab share: the record of a trial, the model of the heap, the crimes.
 *
 *   lab.c      options, processes, verdicts, the table
 *   model.c    what the program of a trial holds: every block, what is in it, who may not touch it
 *   crimes.c   what is done to the heap, one function a class
 *   memory.c   what is mapped, and all of it put back after a trial
 *
 * Must not know: any allocator; see subject.h.
 */
#ifndef LAB_H
#define LAB_H

#include "subject.h"

/* The outcome of a trial. The first that fits, in this order:
 *
 *   NOTHING   the heap had no place for this crime (no region but the first, say): not counted
 *   HANG      more than a second of processor time (ten in a heap of more than 16 MiB), or a minute on the clock
 *   CRASH     a signal that is no verdict: SIGSEGV, SIGBUS, SIGFPE, SIGILL
 *   BROKEN    the allocator reported a fault, went on, and then broke the model
 *   DETECTED  it reported a fault from a call, or stopped the process (SIGABRT, SIGTRAP, or an instruction of its
 *             own that is there to trap)
 *   SILENT    no report, and the model was broken: a block handed out that overlaps a live one, lies outside of what can be
 *             written, is misaligned or too small; or what the program wrote into a live block has changed (bytes that the
 *             crime itself wrote apart); or a call made with a wrong pointer was served
 *   FOUND     no report from any call, but the check of the whole heap names a broken fact at the end
 *   LOST      nothing of all this, but when the program has given everything back, what could be had at the beginning
 *             cannot be had any more
 *   HARMLESS  nothing of all this: heap and model end whole
 */
enum lab_outcome {
    LAB_NOTHING,
    LAB_HANG,
    LAB_CRASH,
    LAB_BROKEN,
    LAB_DETECTED,
    LAB_SILENT,
    LAB_FOUND,
    LAB_LOST,
    LAB_HARMLESS,
    LAB_OUTCOMES
};

/* The record of one trial, in memory that the process of the trial shares with the one that judges it. */
struct lab_record {
    unsigned applies;          /* the crime was committed */
    unsigned done;             /* the trial came to its end */
    unsigned operation;        /* calls since the crime */
    unsigned reports;
    unsigned first_report;     /* the number of the call that made the first one; the crime's own call is 1 */
    unsigned first_touch;      /* of the first call that touched a block at the damage, or 0; see lab_watch */
    unsigned lost;
    unsigned kept;             /* thousandths of the memory that could be had again in the end, in any pieces */
    unsigned trapped;          /* the subject stopped the process with an instruction that does not exist */
    unsigned spent;            /* the process is no longer what it was, beyond its memory: no other trial in it */
    const void *place;         /* where the first damaged byte is, or the wrong pointer that was passed */
    const char *field;         /* its name, if the subject has one for it */
    char report[32];           /* what the first report said */
    char breach[64];           /* how the model was broken, or empty */
    char check[32];            /* what the check named, or empty */
};

/* The model. */
enum { LAB_MOST_LIVE = 700, LAB_MOST_FREED = 64, LAB_MOST_WATCHED = 12, LAB_LARGE = 1 << 20 };

struct lab_block {
    unsigned char *ptr;
    size_t size;               /* as asked for */
    size_t written;            /* so many bytes at both ends hold the pattern of the seed */
    uint64_t seed;
    bool tainted;              /* the crime wrote here: contents no longer known */
};

/* Where its last byte is and how many it takes: beside the blocks, since all of these are read for each new block. */
struct lab_extent {
    uintptr_t last;
    size_t reach;
};

/* A live block at the damage: the damaged one itself, or a neighbour of it; and the damaged block, tag included. */
struct lab_watched {
    void *ptr;
    void *owner;               /* the damaged block's payload if it is live, else NULL */
    struct lab_span block;
};

struct lab_model {
    const struct lab_subject *subject;
    struct lab_record *record;
    uint64_t random;
    size_t heap_bytes;
    unsigned target;           /* how many live blocks the program tends to */
    size_t largest;            /* and how large it makes them */
    unsigned refused;          /* requests that were not met */
    unsigned live;
    struct lab_block blocks[LAB_MOST_LIVE];
    struct lab_extent extents[LAB_MOST_LIVE];
    struct lab_span freed[LAB_MOST_FREED];   /* given back lately; may be in use again */
    unsigned freed_count;
    struct lab_watched watched[LAB_MOST_WATCHED];
    unsigned watched_count;
    size_t whole[8];           /* what could be had from the fresh heap, in one go after the other */
    unsigned whole_count;
};

uint64_t lab_random(uint64_t *state);
uint64_t lab_below(struct lab_model *m, uint64_t bound);

/* Takes what there is, to know it again, and gives it back. */
void lab_measure(struct lab_model *m);

/* Some operations of an honest program. */
void lab_operate(struct lab_model *m, unsigned operations);

/* Gives everything back, in any order, and sees whether the heap is as it was. */
void lab_finish(struct lab_model *m);

/* A live block, NULL if there is none; and the one that holds or lies next below or above an address. */
struct lab_block *lab_any_block(struct lab_model *m);
struct lab_block *lab_block_at(struct lab_model *m, const void *address);

/* Forgets a block, as the program that gave it back does. */
void lab_forget(struct lab_model *m, struct lab_block *b);

/* Hands the block to the subject and forgets it. */
void lab_give(struct lab_model *m, struct lab_block *b);

/* Whoever's these bytes are, what is in them is no longer known. */
void lab_taint(struct lab_model *m, struct lab_span span);

/* From now on notes the first call that names the live block whose tag is at the address, or gives back a neighbour that can see
 * the damage: the one below, and if the block is free the one above too. A byte of the program's own is nobody's to watch. To be
 * called while the heap is whole. */
void lab_watch(struct lab_model *m, const unsigned char *address);

/* Notes how the model was broken and ends the trial. */
_Noreturn void lab_breach(struct lab_model *m, const char *how);

/* Ends the trial that runs, from anywhere in it. */
_Noreturn void lab_stop(void);

/* Can these bytes be touched, the first one and the last one? */
bool lab_is_mapped(const void *start, size_t bytes);

/* Notes what is mapped now; then copies what can be written, all but the stack below the frame; then, again and again, puts all that back.
 * False: cannot. */
bool lab_survey(const struct lab_subject *subject);
bool lab_keep(const void *frame);
bool lab_put_back(void);

/* Makes it quick to read all of what was noted, whatever of it was written, in processes that are forked from this one. */
void lab_expect_reading(void);

/* The crimes. Each commits itself on an aged heap and answers true, or answers false if there is no place for it. A call that
 * is the crime counts as operation 1. */
struct lab_crime {
    const char *name;
    bool (*commit)(struct lab_model *m, int argument);
    int argument;
    bool reads_all;            /* the heap is mostly mended as a whole, which takes as long as fifty trials if it is large */
    bool needs_past;           /* cannot be known for certain without a memory of the past: no promise of the always-on build */
    const char *what;
};

extern const struct lab_crime lab_crimes[];
extern const unsigned lab_crime_count;

#endif
