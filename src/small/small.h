/* SPDX-License-Identifier: MIT
 *
 * small.h - the small core: the same blocks, tags and calls for one span of memory of up to 65,535 granules, in a fifth of the code.
 *
 *      heap                                                                       hi
 *       | control | head | head | ... | tag payload ... | tag payload ... | end tag |
 *                   ^ link FH_HEAD      ^ link first                ^ link last
 *
 * Promise: everything that freehold.h says, but for what one span has no use for: caches, growth by the port, the check in steps.
 * fh_add_region takes only memory that begins where the heap ends. See "The small core" in README.md.
 * Invariant: the free blocks of a class form a ring, of which the head of the list is a member like any other: no block is first or
 * last, and taking one out asks nothing. A bit of the map is set if and only if its ring holds more than its head.
 * A link counts units of 8 bytes from the heap, heads included, and is the name of a block everywhere here: one comparison tells whether
 * the memory that it leads to may be read. Both neighbours link back before either is written. Links are cleared when a block leaves
 * its ring.
 * Must not know: what the other core has besides bits.h and block.h. A program links one of the two; their calls have the same names.
 *
 * Source: Knuth, The Art of Computer Programming 1, 2.5 (boundary tags, first fit, rings with a head).
 */
#ifndef FH_SMALL_H
#define FH_SMALL_H

#include "../block.h"

/* Four exact classes, then two for each doubling: 32 reach the largest block, and one word maps them. A heap has as many as its size is worth;
 * its last ring holds whatever is larger too, and is the only one that is searched whole. */
#ifdef FH_SINGLE_LIST
#define FH_MAX_RINGS ((uint32_t)1)
#else
#define FH_MAX_RINGS ((uint32_t)32)
#endif

/* The map spares a search 31 looks at empty rings, and costs 60 bytes of code. Where size counts, rings are looked at one by one. */
#if defined(__OPTIMIZE_SIZE__) || defined(FH_SINGLE_LIST)
#define FH_HAS_MAP 0
#else
#define FH_HAS_MAP 1
#endif

/* A verb that is one straight piece of code where speed counts, and a function where size does. */
#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__)
#define FH_VERB static __attribute__((noinline))
#else
#define FH_VERB FH_HOT
#endif

/* What is rarely done. fh_create alone names it, so that a program that only allocates and frees links none of it. */
struct fh_heap;
struct fh_rare {
    void (*mend)(struct fh_heap *h);      /* makes the rings anew from the tags */
    void (*finish)(struct fh_heap *h);    /* frees what was left to the next call that locks */
    void *(*aligned)(struct fh_heap *h, size_t align, size_t size);   /* for a block that moves and must keep its alignment */
};
extern const struct fh_rare fh_rare;

struct fh_heap {
    const struct fh_port *port;
    const struct fh_rare *rare;
    uint32_t last;                /* where the last block may begin; no link is larger */
    uint32_t end;                 /* the link behind the last head */
    uintptr_t seal;               /* over these four, which are followed unseen; see fh_seal_for */
    uint32_t secret;
    uint32_t map;
    const void *ptr;              /* what the present call was given; the heap itself once it has reported something */
    uintptr_t state;              /* what the port's lock wants back */
    uint32_t used;                /* granules in blocks that are not free */
    uint32_t peak;                /* the largest count before the last call that may have lowered it */
    uintptr_t deferred;           /* the first block of those that wait to be freed; 0: none */
    uint32_t deferrals;           /* how many were freed that way */
    uint32_t bytes;               /* of memory, from where it starts, */
    uint32_t skip;                /* so many bytes below the heap; and FH_ACQUIRED */
    uint32_t given;               /* the seal of these two */
    _Alignas(8) struct fh_head {
        fh_word next;
        fh_word prev;
    } heads[];
};

#define FH_LINK_BYTES 8
#define FH_LINKS ((uint32_t)(FH_GRANULE / FH_LINK_BYTES))    /* of a granule */
#define FH_HEAD ((uint32_t)(offsetof(struct fh_heap, heads) / FH_LINK_BYTES))
#define FH_ACQUIRED ((uint32_t)16)   /* the memory is the port's */
#define FH_MAX_REQUEST ((size_t)FH_SIZE_MASK * FH_GRANULE - FH_TAG_BYTES)

/* What the heap's seal must be: any one changed bit changes it, and memory of all zeros has it wrong. */
static inline uintptr_t fh_seal_for(const struct fh_heap *h)
{
    return ~((uintptr_t)h->port + (uintptr_t)h->rare + h->last + h->end);
}

/* The same for what only the calls that make and end a heap read. */
static inline uint32_t fh_given_for(const struct fh_heap *h)
{
    return ~(h->bytes + h->skip);
}

/* Where the memory begins that the heap was given. */
static inline uintptr_t fh_start_of(const struct fh_heap *h)
{
    return (uintptr_t)h - h->skip % FH_ACQUIRED;
}

static inline uint32_t fh_link_of(const struct fh_heap *h, const void *b)
{
    return (uint32_t)(((uintptr_t)b - (uintptr_t)h) / FH_LINK_BYTES);
}

static inline struct fh_block *fh_at(const struct fh_heap *h, uint32_t link)
{
    return (struct fh_block *)((uintptr_t)h + (uintptr_t)link * FH_LINK_BYTES);
}

/* May a block begin there? */
static inline bool fh_is_inside(const struct fh_heap *h, uintptr_t link)
{
    return link - h->end <= h->last - h->end;
}

/* May the words there be read as those of a block or a head? */
static inline bool fh_is_readable(const struct fh_heap *h, uint32_t link)
{
    return link - 1 < h->last;
}

/* How many granules a block that begins there may have beyond the smallest one. */
static inline uint32_t fh_room(const struct fh_heap *h, uint32_t link)
{
    return (h->last - link) / FH_LINKS;
}

/* May a block of that size be there? */
static inline bool fh_fits(const struct fh_heap *h, uint32_t link, uint32_t granules)
{
    return link <= h->last && granules - FH_MIN_GRANULES <= fh_room(h, link);
}

static inline uint32_t fh_behind(uint32_t link, uint32_t granules)
{
    return link + granules * FH_LINKS;
}

static inline uint32_t fh_tag_size(uint32_t tag)
{
    return tag >> FH_SIZE_SHIFT & FH_SIZE_MASK;
}

/* Is it the tag of a used block, or the end's? One comparison for what makes it none: the upper bits, FH_FREE, and FH_PREV_FREE, which the
 * rotation takes to the top. Who expects that flag changes it before. */
static inline bool fh_is_used(uint32_t tag)
{
    return (fh_rotate_right(tag) >> 16 | FH_ALIGNED >> 17) == FH_ALIGNED >> 17;
}

/* The size that the tag of a free block tells. It has no other flag: anything else is told as a size for which there is no room. */
static inline uint32_t fh_free_granules(uint32_t tag)
{
    return fh_rotate_right(tag ^ FH_FREE);
}

static inline uint32_t fh_tag_at(const struct fh_heap *h, uint32_t link)
{
    return fh_tag_open(h->secret, fh_at(h, link));
}

/* The head of the ring for that many granules. */
uint32_t fh_ring_of(const struct fh_heap *h, uint32_t granules);

/* Tells the port what is wrong there, or with the pointer of the present call, and mends the rings after damage. */
void fh_blame(struct fh_heap *h, uint32_t link, enum fh_fault_kind kind);

/* Makes a free block of granules there and puts it on its ring, or reports that its ring is damaged. The block before a free one is never free. */
void fh_put(struct fh_heap *h, uint32_t link, uint32_t granules);

/* The tag of the used block at ptr; 0 after the report if this heap did not hand it out, or has it back already. */
uint32_t fh_pool_open(struct fh_heap *h, const void *ptr);

/* Gives a used block back, joined with its free neighbours. False, after the report: damage. */
bool fh_pool_give(struct fh_heap *h, uint32_t link, uint32_t tag);

#if defined(__GNUC__) && !defined(__AVR__)
static inline _Noreturn void fh_trap(void)
{
    __builtin_trap();
}
#else
static inline _Noreturn void fh_trap(void)
{
    for (;;)
        continue;
}
#endif

/* Enters the critical section. A heap that was destroyed, memory of zeros, and a heap whose pointer to its port is damaged have nobody to
 * tell: they trap. */
static inline uintptr_t fh_lock(const struct fh_heap *h)
{
    const struct fh_port *port = h->port;
    if (fh_rarely(h->seal != fh_seal_for(h)))
        fh_trap();
    return port->lock != NULL ? port->lock(port->ctx) : 0;
}

static inline void fh_unlock(const struct fh_heap *h, uintptr_t state)
{
    const struct fh_port *port = h->port;
    if (port->unlock != NULL)
        port->unlock(port->ctx, state);
}

/* The same for a call that was given ptr. What was left to the next one that locks is done first. */
void fh_enter(struct fh_heap *h, const void *ptr);
void fh_leave(struct fh_heap *h);

/* Frees the blocks that wait for it. */
void fh_finish(struct fh_heap *h);

/* Where the first block begins, behind the heads and a tag. */
static inline uint32_t fh_first_for(uint32_t end)
{
    return (end + FH_LINKS) / FH_LINKS * FH_LINKS;
}

/* Where the last block may begin, if the end tag is there, and the other way round. */
#define FH_MIN_LINKS (FH_MIN_GRANULES * FH_LINKS)

static inline uint32_t fh_last_for(uint32_t end_link)
{
    return end_link - FH_MIN_LINKS;
}

static inline uint32_t fh_end_link(const struct fh_heap *h)
{
    return h->last + FH_MIN_LINKS;
}

#endif
