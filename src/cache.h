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
 * A damaged structure is known before a word of it leads anywhere: what is constant by its check word, the heads because each block is
 * looked at, room and limit because they say how much must come back. What bounds the table is looked at by each call for a CPU; in
 * a cache that its user holds, a damaged bound may do harm until the next slow call.
 *
 * Exactness: only the owner of a cache reads or writes its lists. Others, with the lock held, may write its span to zero,
 * which sends the owner's next call to the slow path; that is how a cache learns that regions went away and that memory
 * is short. Interrupts: a call that finds the cache busy, because it interrupted another one, uses the pool.
 */
#ifndef FH_CACHE_H
#define FH_CACHE_H

#include "lock.h"

/* What most calls read lies behind what slow calls need, and so in no cache line with the block before: while another thread wrote to
 * that block, a call took half as long again. */
struct fh_cache {
    struct fh_own own;
    uint32_t most_again;      /* what runs over into the structure changes this first; a call for a CPU holds it against most */
    uint32_t cursor;          /* where the next flush goes on */
    struct fh_heap *heap;
    uintptr_t check;          /* over the words that stay as they are; see fh_cache_check_for */
    struct fh_cache *next;    /* all caches of the heap; with the lock held only, */
    uintptr_t next_again;     /* and so its complement: whoever closes a cache writes those of another one */
    intptr_t limit;           /* the room of an empty cache */
    size_t keep;              /* granules that may stay when memory is used that never was */
    bool has_plenty;          /* does the heap have so much memory that places do not matter? */
    bool incomplete;          /* a damaged list was dropped, so that room and limit say more than is there */
    fh_word asked;            /* written by others with the lock held: give everything back */
    fh_word busy;             /* FH_BUSY: a call is inside; what interrupts it must stay out */
    uint32_t secret;
    uintptr_t lo;             /* the region that the last slow call saw: payload of its first block, */
    fh_long span;             /* and its length in bytes; 0 sends every call to the slow path */
    size_t most;              /* the largest block cached, in granules, */
    size_t most_bytes;        /* and the largest request that such a block meets */
    intptr_t room;            /* granules that may still be put; negative: flush */
};

/* No one flipped bit makes a cache busy that was not. */
#define FH_BUSY ((fh_word)0x5EA1B05E)

/* What the check word must be: any one changed bit in these words changes it. It is looked at by each
 * call that the quick lists do not meet. */
static inline uintptr_t fh_cache_check_for(const struct fh_cache *c)
{
    return 0 - ((uintptr_t)c->heap + c->secret + c->most + c->most_bytes);
}

/* The head of the quick list of a size in granules, from 0 to most; the heads follow the structure. (As an array
 * gcc 12 addresses them with an instruction more.) */
static inline struct fh_block **fh_quick_head(struct fh_cache *c, size_t granules)
{
    uintptr_t table = (uintptr_t)c + granules * sizeof(struct fh_block *);
    return (struct fh_block **)(table + sizeof *c);
}

/* May b be a block's payload in the region that the cache knows? Where the hardware reads words at any address, a pointer that
 * is not aligned may pass: its tag does not open as a small size then, but for one chance in 2^23. */
#if defined(__x86_64__) || defined(__i386__)
static inline bool fh_cache_knows(const struct fh_cache *c, const struct fh_block *b)
{
    return (uintptr_t)b - c->lo < fh_peek_long(&c->span);
}
#else
static inline bool fh_cache_knows(const struct fh_cache *c, const struct fh_block *b)
{
    return (uintptr_t)b - c->lo < fh_peek_long(&c->span) && (uintptr_t)b % FH_GRANULE == 0;
}
#endif

/* A block of that many granules off its quick list, or NULL: none there, or the one there needs the slow path's look. */
static inline struct fh_block *fh_cache_take(struct fh_cache *c, size_t granules)
{
    struct fh_block **head = fh_quick_head(c, granules);
    struct fh_block *b = *head;
    if (fh_rarely(!fh_cache_knows(c, b)))
        return NULL;
    /* Tag, mark and link are sealed with the same place and secret: these cancel out, and what is left is the size. */
    struct fh_block *next = fh_quick_next(b);
    uint32_t sealed = fh_load(fh_tag_of(b)) ^ *fh_mark_of(b) ^ (uint32_t)(uintptr_t)next;
    if (fh_rarely((uint32_t)(sealed * FH_OPEN) >> FH_SIZE_SHIFT != granules))
        return NULL;
    /* In this order, and in fh_cache_put in the other: where a fork stops the owner in between, its child finds no fewer blocks
     * than were counted. */
    c->room += (intptr_t)granules;
    fh_compiler_barrier();
    *head = next;
    *fh_mark_of(b) = 0;
    return b;
}

/* Puts a used block on its quick list and answers true. False, with nothing done: it is not for the cache, or misuse. */
static inline bool fh_cache_put(struct fh_cache *c, struct fh_block *b)
{
    if (fh_rarely(!fh_cache_knows(c, b)))
        return false;
    uint32_t mark = fh_mark_for(c->secret, b);
    fh_wide granules = (uint32_t)((fh_load(fh_tag_of(b)) ^ mark) * FH_OPEN) >> FH_SIZE_SHIFT;
    if (fh_rarely(granules > c->most) || fh_rarely(fh_is_marked(c->secret, b)))
        return false;
    struct fh_block **head = fh_quick_head(c, (size_t)granules);
    *fh_quick_link_of(b) = (uintptr_t)*head;
    *fh_mark_of(b) = mark ^ (uint32_t)(uintptr_t)*head;
    *head = b;
    fh_compiler_barrier();
    c->room -= (intptr_t)granules;
    return true;
}

/* The rest of fh_malloc and fh_free, past the caches: they take the lock, rescue, report; in heap.c. size: what was asked for. */
void *fh_malloc_from_pool(struct fh_heap *h, uint32_t granules, size_t size);
void fh_free_to_pool(struct fh_heap *h, void *ptr);

/* Has a cache been opened, and is there a layer to ask about it? */
static inline bool fh_has_caches(const struct fh_heap *h)
{
    return h->caches != NULL && h->port->cache != NULL;
}

#endif
