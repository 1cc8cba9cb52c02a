/* SPDX-License-Identifier: MIT
 *
 * cache.c - filling, flushing, and the current CPU's cache; see cache.h for the promise and for who may touch what.
 */
#include "cache.h"

/* How much a cache may hold. A block that waits in a list is missed by requests of another size; what that costs a heap is not the
 * memory, which comes back before a request is refused, but the places that other blocks got meanwhile. So it depends on what
 * memory there is:
 *
 * - A heap that never used a third of its memory has plenty, and so has one that can grow: three quarters of what is idle may
 *   as well wait.
 * - Any other one is tight: a cache holds a small part of what is in use, or of what was never used while that is more, and less
 *   than SMALL_BYTES is no memory to play with. With the first rule for all heaps, a compiler needed 21 % more memory.
 * - Several caches do not see each other's blocks, so each asks for memory that waits in the others, and what is idle grows by
 *   that. Four threads with 4 MB alive came to 119 MB in 3 seconds. Together they hold a share of what is in use, or a little
 *   each, for which a heap grows if it can; less in one that cannot, because what another CPU holds does not come back before that
 *   CPU's next call.
 * - How little that is depends on what the memory is short of, in a heap that can grow. With 256 KiB each, blocks of a hundred sizes
 *   did not fit in, and two threads that exchange their own took ten times as long. With a MiB each, four threads with 2 MB alive,
 *   large blocks among it, came to 60 MB, because what is cached lies between the large ones. So it begins with a MiB, and is divided by
 *   four when a large request finds no place although half of the heap is free, twice at most: they come to 9 MB. When a
 *   small request finds none, it is multiplied again. Caches of threads that sleep give nothing back: where there are more than
 *   MANY_CACHES, each doubling of their number halves it. A thousand that had used 2 MB each kept 1.6 GB. */
#define TIGHT_SHARE 2048
#define NEVER_USED_SHARE 512
#define SMALL_BYTES ((uint32_t)128 << 10)
#define SHARED_SHARE 16
#define LITTLE_BYTES ((uint32_t)256 << 10)
#define LITTLE_SHARE 64
#define GROWING_LITTLE_BYTES ((uint32_t)1024 << 10)
#define GROWING_LITTLE_SHARE 2
#define MOST_NARROWED 2
#define MANY_CACHES 32

/* What a cache that is alone may keep in a heap that is about to grow. With half of it, two of nine recorded programs took 6 and 14 % longer. */
#define ALONE_BYTES ((uint32_t)512 << 10)
#define ALONE_SHARE 4

/* The quick lists' heads may take this part of the heap, so that a small heap has few of them. */
#define HEADS_SHARE 256
#define MOST_GRANULES ((uint32_t)(2048 / FH_GRANULE))

/* Bytes that one filling takes from the pool. In memory that cannot grow, the rest of a run is a hole in the wrong place: runs of
 * 4096 bytes made the heaps of two programs out of nine 0.6 % larger. */
#define FILL_BYTES 1024
#define GROWING_FILL_BYTES 4096
#define FILL_BLOCKS 64

/* Blocks that one flush gives to the pool: a bound on the time that the lock is held. */
#define FLUSH_BLOCKS 64

/* How often another CPU's list is looked at that seems to lead nowhere, and how many of its blocks: whether a block waits is asked with the
 * lock held, and lists may be as long as the heap has blocks. */
#define LOOKS 8
#define LOOKED_AT 64

/* All that follows runs with the lock held. */

static size_t held_by(const struct fh_cache *c)
{
    return (size_t)c->limit - (size_t)c->room;
}

static void reseal(struct fh_cache *c)
{
    c->most_again = (uint32_t)c->most;
    c->check = fh_cache_check_for(c);
}

static inline bool is_whole(const struct fh_cache *c)
{
    return c->check == fh_cache_check_for(c);
}

/* The next two with the lock held: these words change while the owner, without it, looks at the others. */
static void lead_to(struct fh_cache *c, struct fh_cache *next)
{
    c->next = next;
    c->next_again = ~(uintptr_t)next;
}

static inline bool leads_on(const struct fh_cache *c)
{
    return (uintptr_t)c->next == ~c->next_again;
}

/* One bit that is set where none should be is damage, and is not believed. */
static inline bool is_busy(const struct fh_cache *c)
{
    uint32_t word = fh_load(&c->busy);
    return (word & (word - 1)) != 0;
}

/* The heap of a cache that its user holds. Where that pointer may be damaged there is nobody to tell. */
static struct fh_heap *heap_of(const struct fh_cache *c)
{
    if (fh_rarely(!is_whole(c)))
        fh_trap();
    return c->heap;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Granules that were never used, or not for so long that they are part of the top again. */
static size_t never_used(struct fh_heap *h)
{
    size_t granules = fh_pool_top_size(h);
    fh_report(h, NULL);
    return granules;
}

/* What each of several caches may hold of a heap that grows, if it is large enough for that. */
static fh_wide little_of_growing(const struct fh_heap *h)
{
    fh_wide granules = (fh_wide)(GROWING_LITTLE_BYTES / FH_GRANULE) >> 2 * fh_lesser(h->narrowed, MOST_NARROWED);
    for (uint32_t caches = h->cache_count; caches > MANY_CACHES; caches /= 2)
        granules /= 2;
    return granules;
}

/* What each of several caches may hold at least. */
static size_t little(const struct fh_heap *h)
{
    if (h->port->acquire == NULL)
        return fh_lesser(h->total / LITTLE_SHARE, LITTLE_BYTES / FH_GRANULE);
    return fh_lesser(h->total / GROWING_LITTLE_SHARE, little_of_growing(h));
}

/* Is so little idle that several caches would empty each other again and again? A heap that can grow does then, although the request was
 * met: until half of it is idle, or what they may hold. */
static bool is_short(const struct fh_heap *h)
{
    size_t idle = h->total - h->used;
    return h->port->acquire != NULL && h->cache_count > 1 && idle < h->total / GROWING_LITTLE_SHARE
           && idle < h->cache_count * little_of_growing(h);
}

/* What all caches together may hold, and what one may keep when memory is used that never was. */
static size_t limit_for(struct fh_cache *c)
{
    struct fh_heap *h = c->heap;
    bool grows = h->port->acquire != NULL;
    size_t left = grows ? 0 : never_used(h);
    size_t idle = (h->total - h->used + held_by(c)) / 4 * 3;
    size_t shared = larger(h->used / SHARED_SHARE, h->cache_count * little(h));
    size_t most = h->cache_count == 1 ? idle : grows || idle > shared ? shared : idle;
    /* More than a third never used; to divide by three is a library call on the smallest chips. */
    c->has_plenty = grows || (left > (h->total - left) / 2 && h->total > SMALL_BYTES / FH_GRANULE);
    size_t least = h->cache_count == 1 ? fh_lesser(h->total / ALONE_SHARE, ALONE_BYTES / FH_GRANULE) : little(h);
    c->keep = grows ? larger(h->used / SHARED_SHARE, least) : SIZE_MAX;
    if (c->has_plenty)
        return most;
    size_t tight = larger(h->used / TIGHT_SHARE, left / NEVER_USED_SHARE);
    if (h->total <= SMALL_BYTES / FH_GRANULE)
        tight = 0;
    c->keep = tight / 2;
    return tight < most ? tight : most;
}

static void set_limit(struct fh_cache *c)
{
    intptr_t limit = (intptr_t)limit_for(c);
    for (uint32_t users = c->heap->cache_count; users > 1; users /= 2)
        limit /= 2;
    c->room += limit - c->limit;
    c->limit = limit;
}

/* Should the cache be emptied before memory is used that never was? */
static bool must_empty(const struct fh_cache *c)
{
    return held_by(c) > c->keep;
}

/* Makes the cache look at the region that holds b; false if none does. */
static bool look_at(struct fh_cache *c, const struct fh_block *b)
{
    struct fh_space *space = &c->heap->lists.space;
    if ((uintptr_t)b % FH_GRANULE != 0 || !fh_space_has(space, b))
        return false;
    c->lo = space->lo;
    fh_store_long(&c->span, space->span);
    return true;
}

static bool has_some(struct fh_cache *c, size_t granules)
{
    return *fh_quick_head(c, granules) != fh_quick_end(c->heap);
}

/* Gives the first block of a quick list back to the pool. False: the block or its link was damaged, which is reported, and the
 * rest of the list is lost. */
static bool flush_one(struct fh_cache *c, uint32_t granules)
{
    struct fh_heap *h = c->heap;
    struct fh_block *b = *fh_quick_head(c, granules);
    bool complete = !c->incomplete;
    *fh_quick_head(c, granules) = fh_quick_end(h);
    c->room += (intptr_t)granules;
    c->incomplete = true;
    if ((uintptr_t)b % FH_GRANULE != 0 || !fh_space_has(&h->lists.space, b)) {
        fh_blame(&h->lists, FH_BAD_LINK, b, 0, (uint32_t)(uintptr_t)b);
        fh_report(h, NULL);
        return false;
    }
    struct fh_block *next = fh_quick_next(b);
    if (!fh_is_marked(c->secret, b)) {
        fh_blame(&h->lists, FH_BAD_LINK, b, fh_mark_for(c->secret, b), *fh_mark_of(b));
        fh_report(h, NULL);
        return false;
    }
    *fh_mark_of(b) = 0;
    uint32_t tag;
    uint32_t n = fh_pool_open(h, b, &tag);
    if (n != granules || fh_pool_give(h, b, tag, n) == NULL) {
        if (h->lists.blame.kind == FH_OK)
            fh_blame(&h->lists, FH_BAD_TAG, b, granules, n);
        fh_report(h, NULL);
        return false;
    }
    *fh_quick_head(c, granules) = next;
    c->incomplete = !complete;
    return true;
}

/* Gives blocks back until there is room for that much or the cache is empty, beginning with one list and going on where the
 * last flush ended. */
static void flush(struct fh_cache *c, uint32_t granules, intptr_t room, uint32_t most_blocks)
{
    uint32_t lists = 0;
    while (c->room < room && most_blocks != 0 && lists <= c->most) {
        if (has_some(c, granules)) {
            flush_one(c, granules);
            most_blocks--;
            continue;
        }
        c->cursor = c->cursor < c->most ? c->cursor + 1 : 1;
        granules = c->cursor;
        lists++;
    }
}

static FH_COLD void blame_cache(struct fh_heap *h, const struct fh_cache *c)
{
    fh_blame(&h->lists, FH_BAD_CONTROL, (const struct fh_block *)(const void *)c, 0, 0);
    fh_report(h, NULL);
}

/* All that was counted must come back. Less does when a head was damaged into the address of another cached block. */
static void flush_all(struct fh_cache *c)
{
    for (uint32_t granules = 0; granules <= c->most; granules++) {
        while (has_some(c, granules))
            flush_one(c, granules);
    }
    if (fh_rarely(c->room < c->limit && !c->incomplete))
        blame_cache(c->heap, c);
    c->room = c->limit;
    c->asked = 0;
    c->incomplete = false;
}

/* The cache at that link of the list of caches, or NULL: none, or none that is whole; what lies behind is then not reached. */
static struct fh_cache *cache_at(const struct fh_heap *h, struct fh_cache *c)
{
    const struct fh_region *r = fh_region_over(&h->lists.space, (uintptr_t)c, (uintptr_t)c);
    if (r == NULL || (uintptr_t)c % FH_GRANULE != 0 || (uintptr_t)c < r->lo || (uintptr_t)c + sizeof *c > fh_hi_for(r->last))
        return NULL;
    return c->heap == h && is_whole(c) && leads_on(c) ? c : NULL;
}

/* More than is in use cannot be cached: room or limit is damaged then. Which of them is found out by emptying the lists. */
static void count_anew(struct fh_cache *c)
{
    if (fh_likely(held_by(c) <= c->heap->used))
        return;
    blame_cache(c->heap, c);
    c->limit = 0;
    c->room = 0;
    flush_all(c);
}

/* The largest size in granules for which a cache of that many bytes has a head. */
static size_t most_in(size_t bytes)
{
    return fh_lesser((bytes - sizeof(struct fh_cache)) / sizeof(struct fh_block *) - 1, MOST_GRANULES);
}

/* Makes a cache whole again of which the heap is known, with the lock held: what its words should be follows from the heap and from the size
 * of the cache's block. False: not even that can be known. */
static bool mend(struct fh_heap *h, struct fh_cache *c)
{
    uint32_t secret = h->lists.space.secret;
    struct fh_block *b = (struct fh_block *)(void *)c;
    blame_cache(h, c);
    uint32_t tag = fh_tag_open(secret, b);
    size_t bytes = fh_is_tag(tag) && !fh_is_free(tag) ? fh_payload_bytes(fh_used_size(tag)) : 0;
    if (bytes < sizeof *c + 2 * sizeof(struct fh_block *))
        return false;
    c->secret = secret;
    c->most = most_in(bytes);
    c->most_bytes = fh_payload_bytes((uint32_t)c->most);
    c->heap = h;
    fh_store_long(&c->span, 0);
    if (!leads_on(c) || cache_at(h, c->next) == NULL)
        lead_to(c, NULL);
    reseal(c);
    c->incomplete = true;
    flush_all(c);
    return true;
}

/* Takes up to count blocks in a row, from the lists or else from memory that was never used. A heap without plenty gives one block
 * from there: the others would lie between blocks of other sizes. Where one is wanted, the pool knows best which. */
static uint32_t take_run(struct fh_cache *c, uint32_t granules, uint32_t count, struct fh_block **first)
{
    struct fh_heap *h = c->heap;
    if (count > 1 || must_empty(c)) {
        uint32_t n = fh_pool_take_run(h, granules, count, c->has_plenty && !must_empty(c), first);
        if (n != 0 || h->lists.blame.kind != FH_OK)
            return n;
        if (must_empty(c))
            flush_all(c);
        if (c->has_plenty)
            return fh_pool_take_run(h, granules, count, true, first);
    }
    *first = fh_pool_take(h, granules);
    return *first != NULL;
}

/* Puts blocks in a row on their quick list, so that the first is asked for next. */
static void push_run(struct fh_cache *c, uint32_t granules, struct fh_block *first, uint32_t count)
{
    for (struct fh_block *each = fh_after(first, granules * count); each != first;) {
        each = fh_before(each, granules);
        fh_quick_push(c->secret, each, *fh_quick_head(c, granules));
        *fh_quick_head(c, granules) = each;
    }
    c->room -= (intptr_t)(granules * count);
}

/* How many blocks of that size one filling may take: no more than half of what the cache may still hold. */
static uint32_t count_to_fill(const struct fh_cache *c, uint32_t granules)
{
    uint32_t count = FILL_BLOCKS;
    uint32_t most = (c->heap->port->acquire != NULL ? GROWING_FILL_BYTES : FILL_BYTES) / FH_GRANULE;
    while (count > 1 && (count * granules > most || (intptr_t)(count * granules) > c->room / 2))
        count /= 2;
    return count;
}

/* Goes on where a run was short. In a heap that was used for a while the free blocks of a size lie one by one: with nothing but
 * the run, two threads that exchange blocks took the lock four times as often. A cache that is alone gains nothing. */
static void fill_more(struct fh_cache *c, uint32_t granules, uint32_t count)
{
    struct fh_block *b;
    uint32_t n;
    while (count != 0 && (n = fh_pool_take_run(c->heap, granules, count, false, &b)) != 0) {
        push_run(c, granules, b, n - 1);
        b = fh_after(b, granules * (n - 1));
        push_run(c, fh_used_size(fh_tag_open(c->secret, b)), b, 1);
        count -= n;
    }
    fh_report(c->heap, NULL);
}

/* Caches the blocks of a run but for the one that it returns. That is the last one, which may be larger than the list's size, and than any
 * list's. Where there are several caches, the first and the last are asked for last instead, because they may share a line with
 * blocks of another CPU's run: two threads that exchange blocks of their own do 1.96 times the work of one then, not 1.89. */
static struct fh_block *cache_run(struct fh_cache *c, uint32_t granules, struct fh_block *first, uint32_t count)
{
    struct fh_block *last = fh_after(first, granules * (count - 1));
    if (c->heap->cache_count == 1 || count < 3 || fh_used_size(fh_tag_open(c->secret, last)) != granules) {
        push_run(c, granules, first, count - 1);
        return last;
    }
    push_run(c, granules, last, 1);
    push_run(c, granules, first, 1);
    push_run(c, granules, fh_after(first, granules), count - 3);
    struct fh_block *b = fh_before(last, granules);
    fh_unmark(b);
    return b;
}

/* Takes blocks from the pool, keeps one for the caller and caches the others. */
static struct fh_block *fill(struct fh_cache *c, uint32_t granules)
{
    uint32_t count = count_to_fill(c, granules);
    struct fh_block *b = NULL;
    uint32_t n = take_run(c, granules, count, &b);
    if (n == 0)
        return NULL;
    look_at(c, b);
    struct fh_block *kept = cache_run(c, granules, b, n);
    if (c->heap->cache_count > 1 && c->has_plenty && granules < c->most)
        fill_more(c, granules, count - n);
    return kept;
}

/* The head of the list failed the quick look. It lies in another region, or something is wrong. */
static struct fh_block *take_head(struct fh_cache *c, uint32_t granules)
{
    struct fh_heap *h = c->heap;
    if (look_at(c, *fh_quick_head(c, granules))) {
        struct fh_block *b = fh_cache_take(c, granules);
        if (b != NULL)
            return b;
        fh_blame(&h->lists, FH_BAD_TAG, *fh_quick_head(c, granules), granules, fh_tag_open(c->secret, *fh_quick_head(c, granules)));
    } else {
        fh_blame(&h->lists, FH_BAD_LINK, *fh_quick_head(c, granules), 0, (uint32_t)(uintptr_t)*fh_quick_head(c, granules));
    }
    *fh_quick_head(c, granules) = fh_quick_end(h);
    c->incomplete = true;
    fh_report(h, NULL);
    return NULL;
}

/* From here on the lock is taken inside. */

static FH_COLD struct fh_block *take_slowly(struct fh_cache *c, uint32_t granules)
{
    struct fh_heap *h = heap_of(c);
    uintptr_t state = fh_enter(h);
    struct fh_block *b = NULL;
    count_anew(c);
    if (fh_load(&c->asked) != 0)
        flush_all(c);
    set_limit(c);
    if (has_some(c, granules))
        b = take_head(c, granules);
    if (b == NULL)
        b = fill(c, granules);
    if (b == NULL) {
        fh_report(h, NULL);
        flush_all(c);
        if (h->narrowed != 0)
            h->narrowed--;
        if (is_short(h))
            return (struct fh_block *)fh_rescue_of(h)->take(h, granules, 0, state);
    }
    fh_leave(h, state);
    return b;
}

/* A block too large for the cache, if the lists have it. If they have not, the cache gives back what may become one; NULL then: ask
 * the pool. */
static FH_COLD struct fh_block *take_large(struct fh_cache *c, uint32_t granules)
{
    bool asked = fh_load(&c->asked) != 0;
    if (granules == 0 || (!asked && !must_empty(c)))
        return NULL;
    struct fh_heap *h = heap_of(c);
    struct fh_block *b = NULL;
    uintptr_t state = fh_enter(h);
    if (asked)
        flush_all(c);
    set_limit(c);
    if (fh_pool_take_run(h, granules, 1, false, &b) == 0 && must_empty(c))
        flush_all(c);
    fh_report(h, NULL);
    fh_leave(h, state);
    return b;
}

static FH_COLD void flush_slowly(struct fh_cache *c, uint32_t granules)
{
    struct fh_heap *h = heap_of(c);
    uintptr_t state = fh_enter(h);
    count_anew(c);
    set_limit(c);
    /* unreached: the put has just looked at the tag, so that only somebody who writes past a block's end meanwhile comes here. */
    if (granules > c->most)
        granules = 1;
    flush(c, granules, c->limit / 2, FLUSH_BLOCKS);
    fh_leave(h, state);
}

/* The quick put failed: another region, or not for the cache at all. */
static FH_COLD bool put_slowly(struct fh_cache *c, struct fh_block *b)
{
    struct fh_heap *h = heap_of(c);
    uintptr_t state = fh_enter(h);
    count_anew(c);
    if (fh_load(&c->asked) != 0)
        flush_all(c);
    look_at(c, b);
    fh_leave(h, state);
    /* A block that no region holds is none that the cache knows now. */
    return fh_cache_put(c, b);
}

/* The way of a block that the quick put refused, or that made the cache too full. */
static FH_COLD bool finish_put(struct fh_cache *c, struct fh_block *b, bool done)
{
    if (!done && (fh_cache_knows(c, b) || !put_slowly(c, b)))
        return false;
    if (c->room < 0)
        flush_slowly(c, fh_used_size(fh_tag_open(c->secret, b)));
    return true;
}

struct fh_cache *fh_cache_open(struct fh_heap *h)
{
    if (fh_port_of(h)->cache == NULL || FH_IS_HARDENED)
        return NULL;
    uintptr_t state = fh_enter(h);
    size_t share = h->total * FH_GRANULE / HEADS_SHARE / sizeof(struct fh_block *);
    uint32_t most = share < 4 ? 4 : share > MOST_GRANULES ? MOST_GRANULES : (uint32_t)share;
    uint32_t granules = fh_granules_for(sizeof(struct fh_cache) + (most + 1) * sizeof(struct fh_block *));
    struct fh_cache *c = (struct fh_cache *)(void *)fh_pool_take(h, granules);
    if (c != NULL) {
        size_t bytes = fh_payload_bytes(fh_used_size(fh_tag_open(h->lists.space.secret, (struct fh_block *)(void *)c)));
        fh_zero(c, bytes);
        c->secret = h->lists.space.secret;
        fh_make_own(c->secret, (struct fh_block *)(void *)c);
        c->most = most;
        c->most_bytes = fh_payload_bytes(most);
        c->cursor = most;
        c->heap = h;
        /* More than it begins with: one that is mended may use them all. */
        for (size_t n = 0; n <= most_in(bytes); n++)
            *fh_quick_head(c, n) = fh_quick_end(h);
        lead_to(c, h->caches);
        h->caches = c;
        h->cache_count++;
        reseal(c);
        set_limit(c);
    }
    fh_report(h, NULL);
    fh_leave(h, state);
    return c;
}

void fh_cache_close(struct fh_cache *c)
{
    struct fh_heap *h = heap_of(c);
    uintptr_t state = fh_enter(h);
    flush_all(c);
    if (!leads_on(c)) {
        blame_cache(h, c);
        lead_to(c, NULL);
    }
    /* Where the list is damaged ahead of it, the cache is only forgotten with those behind it. */
    struct fh_cache *ahead = h->caches != c ? cache_at(h, h->caches) : NULL;
    while (ahead != NULL && ahead->next != c)
        ahead = cache_at(h, ahead->next);
    if (ahead != NULL) {
        lead_to(ahead, c->next);
        h->cache_count--;
    } else if (h->caches == c) {
        h->caches = c->next;
        h->cache_count--;
    }
    fh_unmark((struct fh_block *)(void *)c);
    /* No cache any more, whatever still leads here. */
    c->heap = NULL;
    fh_leave(h, state);
    fh_free(h, c);
}

/* The block size for a request that a cached block may meet. fh_plain_granules_for would do, but its 32 bits cost each
 * fh_cache_malloc four instructions. */
static inline size_t small_granules_for(size_t size)
{
    size_t granules = (size + FH_TAG_BYTES + FH_GRANULE - 1) / FH_GRANULE;
    /* Where a granule is 16 bytes, the smallest block is one. */
    if (FH_MIN_GRANULES > 1 && granules < FH_MIN_GRANULES)
        return FH_MIN_GRANULES;
    return granules;
}

/* The heap refused a request: it knows nobody who could empty this cache. */
static FH_COLD void *take_emptied(struct fh_cache *c, uint32_t granules)
{
    struct fh_heap *h = heap_of(c);
    uintptr_t state = fh_enter(h);
    flush_all(c);
    struct fh_block *b = fh_pool_take(h, granules);
    fh_report(h, NULL);
    fh_leave(h, state);
    return b;
}

static FH_COLD void *malloc_slowly(struct fh_cache *c, size_t size)
{
    bool large = size > c->most_bytes;
    uint32_t granules = large ? fh_granules_for(size) : (uint32_t)small_granules_for(size);
    void *ptr = large ? take_large(c, granules) : take_slowly(c, granules);
    if (ptr == NULL)
        ptr = fh_malloc(heap_of(c), size);
    return ptr == NULL && granules != 0 ? take_emptied(c, granules) : ptr;
}

void *fh_cache_try(struct fh_cache *c, size_t size)
{
    return fh_rarely(size > c->most_bytes) ? NULL : fh_cache_take(c, small_granules_for(size));
}

void *fh_cache_malloc(struct fh_cache *c, size_t size)
{
    if (fh_rarely(size > c->most_bytes))
        return malloc_slowly(c, size);
    struct fh_block *b = fh_cache_take(c, small_granules_for(size));
    return fh_rarely(b == NULL) ? malloc_slowly(c, size) : b;
}

static FH_COLD void free_slowly(struct fh_cache *c, struct fh_block *b, bool done)
{
    if (!finish_put(c, b, done))
        fh_free(heap_of(c), b);
}

void fh_cache_free(struct fh_cache *c, void *ptr)
{
    struct fh_block *b = (struct fh_block *)ptr;
    bool done = fh_cache_put(c, b);
    if (fh_rarely(!done))
        free_slowly(c, b, false);
    else if (fh_rarely(c->room < 0))
        free_slowly(c, b, true);
}

/* The complement of a CPU's entry: both are looked at before the entry is followed, because the table lies behind a block. */
static inline uintptr_t *again_of(const struct fh_heap *h, unsigned cpu)
{
    return (uintptr_t *)(uintptr_t)(h->by_cpu + h->port->cpus) + cpu;
}

static inline bool is_sure(const struct fh_heap *h, unsigned cpu)
{
    return (uintptr_t)h->by_cpu[cpu] == ~*again_of(h, cpu);
}

static void set_entry(struct fh_heap *h, unsigned cpu, struct fh_cache *c)
{
    h->by_cpu[cpu] = c;
    *again_of(h, cpu) = ~(uintptr_t)c;
}

static bool is_another_ones(const struct fh_heap *h, unsigned cpu, const struct fh_cache *c)
{
    for (unsigned i = 0; i < h->port->cpus; i++) {
        if (i != cpu && h->by_cpu[i] == c)
            return true;
    }
    return false;
}

/* One of a CPU's two words is damaged: the cache that the other one names is among all of the heap's, and no other CPU's. If there is none, a
 * new one is opened. */
static FH_COLD struct fh_cache *mend_entry(struct fh_heap *h, unsigned cpu)
{
    uintptr_t state = fh_enter(h);
    const struct fh_cache *named = h->by_cpu[cpu];
    const struct fh_cache *again = (const struct fh_cache *)~*again_of(h, cpu);
    blame_cache(h, (const struct fh_cache *)(const void *)(h->by_cpu + cpu));
    struct fh_cache *c = cache_at(h, h->caches);
    while (c != NULL && ((c != named && c != again) || is_another_ones(h, cpu, c)))
        c = cache_at(h, c->next);
    set_entry(h, cpu, c);
    fh_leave(h, state);
    return c;
}

/* A cache for that CPU. An interrupt may open one while this context does: the first one to be entered stays. */
static FH_COLD struct fh_cache *open_for(struct fh_heap *h, unsigned cpu)
{
    struct fh_cache *c = fh_cache_open(h);
    uintptr_t state = fh_enter(h);
    struct fh_cache *first = h->by_cpu[cpu];
    if (first == NULL)
        set_entry(h, cpu, c);
    fh_leave(h, state);
    if (first == NULL)
        return c;
    if (c != NULL)
        fh_cache_close(c);
    return first;
}

/* Is the cache whole, or could it be made whole? One that could not is left alone from now on, and another one opened. */
static FH_COLD bool is_sound(struct fh_heap *h, struct fh_cache *c)
{
    if (is_whole(c) && c->most == c->most_again)
        return true;
    uintptr_t state = fh_enter(h);
    bool mended = mend(h, c);
    for (unsigned cpu = 0; !mended && cpu < h->port->cpus; cpu++) {
        if (h->by_cpu[cpu] == c)
            set_entry(h, cpu, NULL);
    }
    fh_leave(h, state);
    return mended;
}

/* The way into a cache that is not there yet, or where something is not as it mostly is. */
static FH_COLD struct fh_cache *enter_slowly(struct fh_heap *h, struct fh_cache *c, unsigned cpu)
{
    if (!is_sure(h, cpu))
        c = mend_entry(h, cpu);
    if (c == NULL)
        c = open_for(h, cpu);
    return c != NULL && !is_busy(c) && is_sound(h, c) ? c : NULL;
}

/* The current CPU's cache, to be used until leave_cache; NULL: it is busy, or there is no memory for it. */
static inline struct fh_cache *enter_cache(struct fh_heap *h)
{
    unsigned cpu = h->port->cpu(h->port->ctx);
    if (cpu >= h->port->cpus)
        return NULL;
    struct fh_cache *c = h->by_cpu[cpu];
    if (fh_rarely(c == NULL || !is_sure(h, cpu) || fh_load(&c->busy) != 0 || c->most != c->most_again)) {
        c = enter_slowly(h, c, cpu);
        if (c == NULL)
            return NULL;
    }
    fh_store(&c->busy, FH_BUSY);
    fh_compiler_barrier();
    return c;
}

static inline void leave_cache(struct fh_cache *c)
{
    fh_compiler_barrier();
    fh_store(&c->busy, 0);
}

static FH_COLD void *finish_malloc(struct fh_heap *h, struct fh_cache *c, uint32_t granules, size_t size)
{
    struct fh_block *b = NULL;
    if (is_sound(h, c))
        b = granules <= c->most ? take_slowly(c, granules) : take_large(c, granules);
    leave_cache(c);
    return b != NULL ? b : fh_malloc_from_pool(h, granules, size);
}

static void *cpu_malloc(struct fh_heap *h, uint32_t granules, size_t size)
{
    struct fh_cache *c = enter_cache(h);
    if (fh_rarely(c == NULL))
        return fh_malloc_from_pool(h, granules, size);
    struct fh_block *b = granules <= c->most ? fh_cache_take(c, granules) : NULL;
    if (fh_rarely(b == NULL))
        return finish_malloc(h, c, granules, size);
    leave_cache(c);
    return b;
}

static FH_COLD void finish_free(struct fh_heap *h, struct fh_cache *c, void *ptr, bool done)
{
    if (is_sound(h, c))
        done = finish_put(c, (struct fh_block *)ptr, done);
    leave_cache(c);
    if (!done)
        fh_free_to_pool(h, ptr);
}

static void cpu_free(struct fh_heap *h, void *ptr)
{
    struct fh_cache *c = enter_cache(h);
    if (fh_rarely(c == NULL)) {
        fh_free_to_pool(h, ptr);
        return;
    }
    bool done = fh_cache_put(c, (struct fh_block *)ptr);
    if (fh_rarely(!done || c->room < 0)) {
        finish_free(h, c, ptr, done);
        return;
    }
    leave_cache(c);
}

static void start(struct fh_heap *h)
{
    /* On 32-bit the product might wrap. */
    bool fits = h->port->cpus <= FH_MAX_REQUEST / (2 * sizeof *h->by_cpu);
    uint32_t granules = fits ? fh_granules_for(sizeof(struct fh_own) + h->port->cpus * (2 * sizeof *h->by_cpu)) : 0;
    uintptr_t state = fh_enter(h);
    struct fh_block *b = granules != 0 ? fh_pool_take(h, granules) : NULL;
    if (b != NULL) {
        fh_make_own(h->lists.space.secret, b);
        h->by_cpu = (struct fh_cache **)((uintptr_t)b + sizeof(struct fh_own));
        /* Left alone, a compiler makes memset of it. */
        for (unsigned cpu = 0; cpu < h->port->cpus; cpu++) {
            set_entry(h, cpu, NULL);
            fh_compiler_barrier();
        }
    }
    h->seal = fh_seal_for(h);
    fh_leave(h, state);
}

static bool drain(struct fh_heap *h, uint32_t granules)
{
    size_t idle = h->total - h->used;
    if (granules > MOST_GRANULES && granules <= idle && idle > h->used && h->narrowed < MOST_NARROWED)
        h->narrowed++;
    struct fh_cache *own = NULL;
    if (h->by_cpu != NULL) {
        unsigned cpu = h->port->cpu(h->port->ctx);
        own = cpu < h->port->cpus ? h->by_cpu[cpu] : NULL;
    }
    struct fh_cache *link = h->caches;
    struct fh_cache *c;
    for (; (c = cache_at(h, link)) != NULL; link = c->next) {
        if (c == own && !is_busy(c)) {
            flush_all(c);
            continue;
        }
        fh_store(&c->asked, 1);
        fh_store_long(&c->span, 0);
    }
    /* What the caches behind this link hold stays out of reach. */
    if (link != NULL)
        blame_cache(h, link);
    return granules > MOST_GRANULES || !is_short(h);
}

static void forget(struct fh_heap *h)
{
    for (struct fh_cache *c = cache_at(h, h->caches); c != NULL; c = cache_at(h, c->next))
        fh_store_long(&c->span, 0);
}

static size_t held(const struct fh_heap *h)
{
    size_t granules = 0;
    for (const struct fh_cache *c = cache_at(h, h->caches); c != NULL; c = cache_at(h, c->next))
        granules += held_by(c);
    return granules;
}

/* Follows the links of marked blocks from there to a block, or as far as they lead, or as far as is looked. */
static const struct fh_block *follow(struct fh_heap *h, const struct fh_block *at, const struct fh_block *to)
{
    for (unsigned most = LOOKED_AT; most != 0 && at != to && fh_bears_mark(h, at); most--)
        at = fh_quick_next(at);
    return at;
}

/* Is the block on the cache's list of its size? Where that leads neither to it nor to the end, because it is long or damaged, or because its
 * owner, another CPU, takes from it just now: likely is the answer. */
static bool may_hold(struct fh_heap *h, struct fh_cache *c, const struct fh_block *b, bool likely)
{
    uint32_t granules = fh_used_size(fh_tag_open(c->secret, b));
    if (granules > c->most)
        return false;
    for (unsigned tries = LOOKS; tries != 0; tries--) {
        const struct fh_block *at = follow(h, *fh_quick_head(c, granules), b);
        if (at == b || at == fh_quick_end(h))
            return at == b;
        if (fh_bears_mark(h, at))
            break;
    }
    return likely;
}

/* What a user wrote may look like a mark: one content in 2^32 does, and where the secret happens to be an address in the heap, every small
 * number. So a list must lead to the block: a program's data may begin with the address of a block that it has freed. Where that can't be
 * seen, it is likely if the block leads to the end of a list, or to another one with a mark: a number hardly ever does. */
static bool has(struct fh_heap *h, const struct fh_block *b)
{
    if (fh_is_own(b))
        return true;
    const struct fh_block *next = fh_quick_next(b);
    bool likely = next == fh_quick_end(h) || fh_bears_mark(h, next);
    struct fh_cache *c = cache_at(h, h->caches);
    while (c != NULL && !may_hold(h, c, b, likely))
        c = cache_at(h, c->next);
    fh_space_has(&h->lists.space, b);
    return c != NULL;
}

const struct fh_cache_layer fh_cpu_cache = { start, cpu_malloc, cpu_free, drain, forget, held, has };
