/* SPDX-License-Identifier: MIT
 *
 * subject.h - what the fault lab asks of an allocator: a shared object that exports `lab_subject()`.
 *
 * Promise: with open, take, give and resize the lab can put any allocator to the test; the rest may be NULL, and the classes
 * that need it are then not tried. One heap a process: the lab forks before open, and again for each trial or for some; see rewind.
 * Invariant: open with the same wish makes the same heap at the same addresses (the lab turns address randomization off).
 * Must not know: what a trial does, what an outcome is.
 */
#ifndef LAB_SUBJECT_H
#define LAB_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAB_ABI 2u

/* Words of the allocator's own, by what they hold. LAB_DATA is the rest of a free block: nobody's. */
enum lab_part {
    LAB_TAG_USED,
    LAB_TAG_FREE,
    LAB_TAG_END,
    LAB_LINK,
    LAB_FOOTER,
    LAB_SIZE,      /* the size of a free block whose tag cannot show it */
    LAB_DATA,
    LAB_QUICK,     /* the words of a block that waits in a cache */
    LAB_REGION,    /* the header of a region that is not the first */
    LAB_HEADS,     /* the table of list heads */
    LAB_MAP,       /* which of them are not empty */
    LAB_COUNTS,    /* statistics */
    LAB_PORT,      /* pointers to what the user supplied */
    LAB_CONTROL,   /* any word of the control structure, those above included */
    LAB_CACHES,    /* any word of a cache */
    LAB_PARTS
};

struct lab_span {
    unsigned char *start;
    size_t bytes;
};

struct lab_wish {
    size_t bytes;                      /* of memory in all */
    uint64_t seed;                     /* of everything that is left to chance: regions, misalignment, the secret */
    void (*report)(const char *kind);  /* to be called for each fault that the allocator reports */
};

struct lab_subject {
    unsigned abi;          /* LAB_ABI */
    const char *name;
    size_t granule;        /* every payload is a multiple of it */
    size_t tag_bytes;      /* of the allocator's, directly below a payload; 0: elsewhere */
    size_t link_bytes;     /* of the allocator's, at the beginning of a free payload; 0: unknown */
    size_t late_bytes;     /* sees writes after free so far into a block; 0: does not say */
    bool exact;            /* sees a write past the size that was asked for, not only past the usable size */
    bool (*open)(const struct lab_wish *wish);
    void *(*take)(size_t align, size_t size);       /* align 0: the ordinary one */
    void (*give)(void *ptr);
    void *(*resize)(void *ptr, size_t size);        /* as realloc */
    size_t (*usable)(void *ptr);
    void (*cpu)(unsigned cpu);                      /* the calling thread now runs on that CPU, 0 or 1 */
    void (*mark)(void);                             /* what is mapped now is to be known again; NULL: cannot tell */
    bool (*is_as_marked)(void);                     /* nothing was mapped or unmapped since then */
    bool (*rewind)(void);                           /* map what was mapped then, and no more; what is in it is no concern */
    void *(*foreign)(uint64_t random);              /* a live block of another heap */
    void *(*released)(uint64_t random);             /* an address in memory that went back where it came from */
    void (*settle)(bool settled);                   /* give back what is idle, and get no more memory until told otherwise */
    const char *(*check)(void);                     /* NULL, or what is wrong in the heap */
    bool (*around)(const void *address, struct lab_span *block);  /* the block, tag included, that holds the byte, used, free or a region's end */
    bool (*waits)(const void *address);             /* that block was given back, but looks used to its neighbours still */
    const char *(*name_of)(const void *address);    /* what lies there in the control structure, or NULL; asked before the damage */
    bool (*place)(enum lab_part part, uint64_t random, struct lab_span *span);  /* some such word; false: there is none */
};

const struct lab_subject *lab_subject(void);

#endif
