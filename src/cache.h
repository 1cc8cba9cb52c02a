/* SPDX-License-Identifier: MIT
 *
 * cache.h - quick lists of small blocks for one CPU, in front of the pool and without its lock.
 *
 * Promise: malloc and free of a small block take a short straight path that validates the pointer, the tag and the mark, and
 * touches nothing shared. Blocks are taken from the pool and given back to it in batches.
 * Invariant: to the pool a cached block is a used one. It bears a mark in its payload from put to take, by which a second
 * free is known. The cached granules never exceed the limit by more than one block.
 * Must not know: lists, neighbours; it asks the pool.
 *
 * Exactness: only the owner of a cache reads or writes its lists. Others, with the lock held, may write its span to zero,
 * which sends the owner's next call to the slow path; that is how a cache learns that regions went away and that memory
 * is short. Interrupts: a call that finds the cache busy, because it interrupted another one, uses the pool.
 */
#ifndef FH_CACHE_H
#define FH_CACHE_H

#include "lock.h"

struct fh_cache {
    uintptr_t lo;             /* the region that the last slow call saw: payload of its first block, */
    fh_long span;             /* and its length in granules; 0 sends every call to the slow path */
    uint32_t secret;
    uint32_t most;            /* the largest block cached, in granules, */
    size_t most_bytes;        /* and the largest request that such a block meets */
    int32_t room;             /* granules that may still be put; negative: flush */
    int32_t limit;            /* the room of an empty cache */
    uint32_t cursor;          /* where the next flush goes on */
    fh_word asked;            /* written by others with the lock held: give everything back */
    fh_word busy;             /* a call is inside; what interrupts it must stay out */
    struct fh_heap *heap;
    struct fh_cache *next;    /* all caches of the heap; with the lock held only */
};

/* The head of the quick list of a size in granules, from 0 to most; the heads follow the structure. (As a flexible array member
 * gcc 12 addresses them with an instruction more.) */
static inline struct fh_block **fh_quick_head(struct fh_cache *c, size_t granules)
{
    return (struct fh_block **)(void *)(c + 1) + granules;
}

/* A link of a quick list, in the first word of a payload: an address. */
static inline struct fh_block *fh_quick_next(const struct fh_block *b)
{
    return (struct fh_block *)*(const fh_long *)(const void *)b;
}

static inline void fh_quick_link(struct fh_block *b, const struct fh_block *next)
{
    *(fh_long *)(void *)b = (uintptr_t)next;
}

/* May b be a block's payload in the region that the cache knows? One rotation checks alignment and bounds. */
static inline bool fh_cache_knows(const struct fh_cache *c, const struct fh_block *b)
{
    uintptr_t distance = (uintptr_t)b - c->lo;
    uintptr_t granules = distance / FH_GRANULE | distance << (sizeof distance * 8 - (FH_GRANULE == 16 ? 4 : 3));
    return granules < fh_peek_long(&c->span);
}

/* A block of that many granules off its quick list, or NULL: none there, or the one there needs the slow path's look. */
static inline struct fh_block *fh_cache_take(struct fh_cache *c, size_t granules)
{
    struct fh_block **head = fh_quick_head(c, granules);
    struct fh_block *b = *head;
    if (fh_rarely(!fh_cache_knows(c, b)))
        return NULL;
    uint32_t tag = fh_tag_open(c->secret, b);
    if (fh_rarely(tag >> FH_SIZE_SHIFT != granules))
        return NULL;
    *head = fh_quick_next(b);
    *fh_mark_of(b) = 0;
    c->room += (int32_t)granules;
    return b;
}

/* Puts a used block on its quick list and answers true. False, with nothing done: it is not for the cache, or misuse. */
static inline bool fh_cache_put(struct fh_cache *c, struct fh_block *b)
{
    if (fh_rarely(!fh_cache_knows(c, b)))
        return false;
    uint32_t mark = fh_mark_for(c->secret, b);
    uint32_t granules = (fh_load(fh_tag_of(b)) ^ mark) * FH_OPEN >> FH_SIZE_SHIFT;
    if (fh_rarely(granules > c->most) || fh_rarely(*fh_mark_of(b) == mark))
        return false;
    struct fh_block **head = fh_quick_head(c, granules);
    fh_quick_link(b, *head);
    *fh_mark_of(b) = mark;
    *head = b;
    c->room -= (int32_t)granules;
    return true;
}

/* What the caches are to the heap: the functions behind fh_port.cache. */
struct fh_cache_layer {
    /* Makes the table of port->cpus caches; without memory for it, the heap has none. */
    void (*start)(struct fh_heap *h);
    /* A block from the current CPU's cache, which is filled first if it is empty; NULL: ask the pool. */
    struct fh_block *(*take)(struct fh_heap *h, uint32_t granules);
    /* Puts a block into the current CPU's cache; false: the pool takes it, and finds out if something is wrong. */
    bool (*put)(struct fh_heap *h, struct fh_block *b);
    /* With the lock held: gives back what the current CPU's cache holds, and asks the others to do so at their next call. */
    void (*drain)(struct fh_heap *h);
    /* With the lock held: no cache looks into its region again before it has asked; memory is about to leave the heap. */
    void (*forget)(struct fh_heap *h);
    /* With the lock held: granules that wait in caches, as far as can be seen from here. */
    size_t (*held)(const struct fh_heap *h);
};

#endif
