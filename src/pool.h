/* SPDX-License-Identifier: MIT
 *
 * pool.h - the heap's state, and the verbs on blocks: take, give, trim, extend, add.
 *
 * Promise: the only place that both links and joins. Every verb validates each word that it relies on before it writes
 * the first one; on damage it writes nothing, leaves the blame and fails.
 * Invariant: no two free blocks touch; every block after a free one says so; the counters are the sums over the blocks.
 * Must not know: the lock, the port (it holds their pointers for heap.c), but for two things: whether memory ever goes back, and
 * whether a cache has a block.
 */
#ifndef FH_POOL_H
#define FH_POOL_H

#include "freelist.h"
#include "harden.h"
#include "region.h"

struct fh_cache;
struct fh_rescue;

/* Everything a heap knows, at the start of its first region. The lists come last: their table follows the structure. Links
 * count from the lists, so these are aligned to a granule, and no block and no header is at link 0. */
struct fh_heap {
    struct fh_region first;
    uintptr_t seal;           /* over the words that are followed unseen otherwise; see fh_seal_for */
    const struct fh_port *port;
    const struct fh_rescue *rescue; /* what is rarely done, so that only programs that make heaps link it, */
    uintptr_t rescue_seal;    /* and mixed with the secret, because it is called */
    struct fh_cache *caches;  /* all of them */
    struct fh_cache **by_cpu; /* those of the CPUs, each made at its first use, and behind them the complements; NULL: the port wants none */
    struct fh_block *top;     /* the free block that ends its region and is cut last; on no list; see FH_TOP; NULL: none */
    uintptr_t top_end;        /* where the top ends, 0 if there is none */
    struct fh_block *victim;  /* what the last split left, to be cut again before it is listed: see pool.c; on no list; NULL: none */
    uint32_t victim_size;     /* 0 if there is none */
    size_t used;              /* granules in blocks that are not free */
    size_t peak;
    size_t total;             /* granules in all blocks */
    uint32_t cache_count;
    uintptr_t deferred;       /* the first block of those that wait to be freed by the next call that locks; 0: none */
    fh_long finish;           /* the function that frees them; set by whoever defers, so that only such programs link it, */
    fh_long finish_seal;      /* and mixed with the secret, because it is called */
    size_t deferrals;         /* how many were freed that way */
    uintptr_t lowest;         /* no block was ever below this address, */
    uintptr_t highest;        /* nor at or above this one */
    uint16_t growing;         /* calls inside acquire right now */
    uint16_t narrowed;        /* how often what each of several caches may hold was divided by four; see cache.c */
    uint32_t steps;           /* of fh_check_step so far, by which a cursor knows that no other one came in between */
    struct fh_block *watched; /* where fh_check_step goes on: moved up when a block that begins there is absorbed */
#ifdef FH_HARDENED
    struct fh_quarantine quarantine;
#endif
    _Alignas(FH_GRANULE) struct fh_lists lists;
};

/* What the heap's seal must be: any one changed bit in these words changes it, and memory of all zeros has it wrong. They stay as
 * fh_create left them, so that they can be looked at before the lock is taken. */
static inline uintptr_t fh_seal_for(const struct fh_heap *h)
{
    return ~((uintptr_t)h->port + (uintptr_t)h->by_cpu + h->lists.classes);
}

/* Does the port take no memory back? */
static inline bool fh_keeps_all(const struct fh_heap *h)
{
    return h->port->release == NULL;
}

#define FH_CONTROL_BYTES (offsetof(struct fh_heap, lists) + sizeof(struct fh_lists))

/* The largest request. Rounding it up to a block wraps neither a size_t nor the 32 bits of a size in granules. */
#define FH_MAX_REQUEST \
    (SIZE_MAX / FH_GRANULE > FH_MAX_GRANULES ? (size_t)FH_MAX_GRANULES * FH_GRANULE : SIZE_MAX - (SIZE_MAX > FH_HUGE ? (size_t)FH_HUGE : 64))

/* A request up to here makes no huge block. Half of what could be said: a comparison with a power of two needs no register more. */
#define FH_PLAIN_REQUEST (FH_MAX_REQUEST / FH_GRANULE < FH_HUGE ? FH_MAX_REQUEST : (size_t)((uint64_t)FH_HUGE / 2 * FH_GRANULE - 1))

/* How many granules a block for that many payload bytes takes, FH_MAX_REQUEST at most. Beyond FH_PLAIN_REQUEST a used block may not
 * have that size. */
static inline uint32_t fh_plain_granules_for(size_t size)
{
    uint32_t granules = (uint32_t)((size + FH_TAG_BYTES + FH_TAIL_BYTES + (FH_GRANULE - 1)) / FH_GRANULE);
    return granules < FH_LEAST_GRANULES ? FH_LEAST_GRANULES : granules;
}

/* The same for any request; 0 if no block can be that large. */
static inline uint32_t fh_granules_for(size_t size)
{
    /* Compared before anything is added: size + tag + rounding would wrap for sizes near SIZE_MAX. */
    if (fh_rarely(size > FH_MAX_REQUEST))
        return 0;
    uint32_t granules = fh_plain_granules_for(size);
    return fh_rarely(granules >= FH_HUGE) ? fh_huge_round(granules) : granules;
}

/* How many granules more must be free to find that alignment anywhere in them. */
static inline uint32_t fh_aligned_slack(size_t align)
{
    if (align / FH_GRANULE > FH_MAX_GRANULES)
        return FH_MAX_GRANULES;
    return (uint32_t)(align / FH_GRANULE) - 1 + 2 * (FH_MIN_GRANULES - 1);
}

/* A block that waits in a cache bears a link and a mark, in the payload: the pool may write the tag at any time, because it
 * holds the state of the block before, and the cache does not take the lock. The link is an address; the mark is sealed with
 * the link, the place and the heap's secret, so that damage to either is known before the link is followed. */
static inline fh_long *fh_quick_link_of(const struct fh_block *b)
{
    return (fh_long *)(uintptr_t)b;
}

static inline fh_word *fh_mark_of(const struct fh_block *b)
{
    return (fh_word *)(uintptr_t)b + sizeof(fh_long) / sizeof(fh_word);
}

/* What mark and link together must be, and what a tag of all zeros looks like sealed. */
static inline uint32_t fh_mark_for(uint32_t secret, const struct fh_block *b)
{
    return (uint32_t)(uintptr_t)b ^ secret;
}

/* A block that leaves the pool bears no mark: what an earlier heap at the same place left in the memory, before a restart that
 * kept it, say, may look like one, and the block could not be freed. */
static inline void fh_unmark(struct fh_block *b)
{
    *fh_mark_of(b) = 0;
}

static inline bool fh_is_marked(uint32_t secret, const struct fh_block *b)
{
    return (*fh_mark_of(b) ^ (uint32_t)*fh_quick_link_of(b)) == fh_mark_for(secret, b);
}

/* Links a block before another one and marks it. */
static inline void fh_quick_push(uint32_t secret, struct fh_block *b, const struct fh_block *next)
{
    *fh_quick_link_of(b) = (uintptr_t)next;
    *fh_mark_of(b) = fh_mark_for(secret, b) ^ (uint32_t)(uintptr_t)next;
}

static inline struct fh_block *fh_quick_next(const struct fh_block *b)
{
    return (struct fh_block *)(uintptr_t)*fh_quick_link_of(b);
}

/* What the last block of a quick list leads to: inside the heap's own structure, where no block is, and where no program's pointer leads. */
static inline struct fh_block *fh_quick_end(const struct fh_heap *h)
{
    return (struct fh_block *)((uintptr_t)h + FH_GRANULE);
}

/* Is there a block with a mark? Asks only what lies in the heap. */
static inline bool fh_bears_mark(struct fh_heap *h, const struct fh_block *b)
{
    return (uintptr_t)b % FH_GRANULE == 0 && fh_space_has(&h->lists.space, b) && fh_is_marked(h->lists.space.secret, b);
}

/* The beginning of a block that the heap took for itself: with the mark of a cached one, so that nobody can free it, and a link that leads
 * nowhere, which no cached one has. */
struct fh_own {
    fh_long link;
    fh_word mark;
};

static inline void fh_make_own(uint32_t secret, struct fh_block *b)
{
    fh_quick_push(secret, b, (const struct fh_block *)~(uintptr_t)b);
}

static inline bool fh_is_own(const struct fh_block *b)
{
    return *fh_quick_link_of(b) == ~(uintptr_t)b;
}

/* What the caches are to the heap: the functions behind fh_port.cache. */
struct fh_cache_layer {
    /* Makes the table of port->cpus caches; without memory for it, the heap has none. */
    void (*start)(struct fh_heap *h);
    /* fh_malloc and fh_free by the current CPU's cache, which is filled first if it is empty; what is not for it, or wrong, goes to
     * the pool. */
    void *(*malloc)(struct fh_heap *h, uint32_t granules, size_t size);
    void (*free)(struct fh_heap *h, void *ptr);
    /* With the lock held: gives back what the current CPU's cache holds, and asks the others to do so at their next call. granules: the
     * request for which it is done, 0 if for none. False: what is idle does not suffice for what the caches will hold again soon. */
    bool (*drain)(struct fh_heap *h, uint32_t granules);
    /* With the lock held: no cache looks into its region again before it has asked; memory is about to leave the heap. */
    void (*forget)(struct fh_heap *h);
    /* With the lock held: granules that wait in caches, as far as can be seen from here. */
    size_t (*held)(const struct fh_heap *h);
    /* With the lock held: does the block, which bears a mark, wait in a cache, or is it the heap's own? After it, the space's last region is
     * the block's. */
    bool (*has)(struct fh_heap *h, const struct fh_block *b);
};

/* Does the block look as if it were cached, or the heap's own, or in the quarantine? */
static inline bool fh_pool_is_cached(const struct fh_heap *h, const struct fh_block *b)
{
    return (FH_IS_HARDENED || h->caches != NULL) && fh_is_marked(h->lists.space.secret, b);
}

static inline size_t fh_payload_bytes(uint32_t granules)
{
    return (size_t)granules * FH_GRANULE - FH_TAG_BYTES - FH_TAIL_BYTES;
}

/* A used block as a caller named it: the size of the one at ptr and its opened tag, or 0 and the blame if this heap did
 * not hand out ptr, or has it back already. After it, the space's last region is the block's. */
uint32_t fh_pool_open(struct fh_heap *h, const void *ptr, uint32_t *tag);

/* The bytes of a block that its user may have. */
static inline size_t fh_user_bytes(uint32_t tag, uint32_t granules)
{
    return fh_payload_bytes(granules) - ((tag & FH_ALIGNED) != 0 ? sizeof(fh_word) : 0);
}

/* How many granules a block with that tag needs for that many bytes; 0 if none can be that large. */
static inline uint32_t fh_granules_with(uint32_t tag, size_t size)
{
    if ((tag & FH_ALIGNED) == 0)
        return fh_granules_for(size);
    return size <= FH_MAX_REQUEST ? fh_granules_for(fh_least_aligned(size) + sizeof(fh_word)) : 0;
}

/* Takes a block of at least that many granules whose payload is a multiple of align; NULL if there is none, or if damage
 * was met and blamed. An aligned block needs the granules for a word more than its user asked for. */
struct fh_block *fh_pool_take(struct fh_heap *h, uint32_t granules);
struct fh_block *fh_pool_take_aligned(struct fh_heap *h, uint32_t granules, size_t align);

/* Takes up to count blocks of that many granules in one straight run of memory. Returns how many: the first lies at
 * *first, the others behind it; only the last may be larger, by a rest too small for a block. 0 as above. Without from_top,
 * what was never used stays so: only the lists are asked. */
uint32_t fh_pool_take_run(struct fh_heap *h, uint32_t granules, uint32_t count, bool from_top, struct fh_block **first);

/* Gives a used block back and joins it with its free neighbours. Returns the free block that holds it now, or NULL and the
 * blame. */
struct fh_block *fh_pool_give(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules);

/* Opens the block at ptr as fh_pool_open does and gives it back as fh_pool_give does, in one straight piece of code. */
struct fh_block *fh_pool_free(struct fh_heap *h, void *ptr);

#ifdef FH_HARDENED
/* Are the neighbours of a used block what fh_pool_give will want them to be? If not, the blame. */
bool fh_pool_look(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules);
#else
static inline struct fh_block *fh_harden_free(struct fh_heap *h, void *ptr)
{
    return fh_pool_free(h, ptr);
}

static inline bool fh_harden_give(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules)
{
    return fh_pool_give(h, b, tag, granules) != NULL;
}
#endif

/* Makes a used block that many granules large where it is: trims its tail, or extends it over the free block behind it. False
 * if that is not possible, or if damage was met and blamed. */
bool fh_pool_resize(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules, uint32_t wanted);

/* Enters memory, from start, which is not 0, to last, joined to the regions that it touches. Returns the bytes that became usable, 0 if it
 * is refused (blamed as FH_BAD_REGION unless it is only too small) or if damage was met. */
size_t fh_pool_add(struct fh_heap *h, uintptr_t start, uintptr_t last, bool acquired);

/* Makes a listed free block the top if it ends its region and is larger than the present one. NULL: nothing. */
void fh_pool_promote(struct fh_heap *h, struct fh_block *b);

/* The size of the top, 0 if there is none. */
uint32_t fh_pool_top_size(struct fh_heap *h);

/* Does the free block begin its region? */
bool fh_pool_begins_region(struct fh_heap *h, const struct fh_block *b);

/* Is the whole region one free block, and is there another free block at least as large? */
bool fh_pool_is_spare(struct fh_heap *h, const struct fh_region *r);

/* If the whole region is one free block, takes it out of the heap and answers true: the memory is nobody's then. */
bool fh_pool_detach(struct fh_heap *h, struct fh_region *r);

/* Makes the lists anew from the tags, after damage to a link: what is free and whole is found again, and what lies behind
 * a damaged tag too, by looking for the next word that opens. Cost: linear in the size of the heap. */
void fh_pool_relist(struct fh_heap *h);

#endif
