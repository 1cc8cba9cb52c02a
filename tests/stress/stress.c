/* SPDX-License-Identifier: MIT
 *
 * stress.c - see stress.h for the promise. No division and no 64-bit arithmetic: the smallest chips run it without libgcc.
 */
#include "stress.h"

struct run {
    struct fh_heap *heap;
    const struct stress_plan *plan;
    struct stress_slot *slots;
    struct stress_report *report;
    uint32_t random;
    uint32_t live;          /* bytes asked for */
    size_t used_before;     /* bytes in blocks that others hold */
    size_t peak;            /* what the heap's peak must be */
};

struct stress_plan stress_brief(uint32_t seed)
{
    struct stress_plan plan = stress_small(seed);
    plan.name = "brief";
    plan.steps = 600;
    return plan;
}

struct stress_plan stress_small(uint32_t seed)
{
    return (struct stress_plan){ .name = "small", .seed = seed, .steps = 6000, .slots = STRESS_SMALL_SLOTS, .budget = 2800,
                                 .largest = 600, .align_bits = 8, .check_every = 1 };
}

struct stress_plan stress_large(uint32_t seed)
{
    return (struct stress_plan){ .name = "large", .seed = seed, .steps = 12000, .slots = STRESS_LARGE_SLOTS, .budget = (uint32_t)5 << 18,
                                 .largest = 1100000, .align_bits = 14, .check_every = 50 };
}

/* A number below n, n at most 65536. xorshift: shifts only. */
static uint32_t below(uint32_t *random, uint32_t n)
{
    uint32_t x = *random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *random = x;
    return ((x >> 16) * (n & 0xFFFF) >> 16) + (n >> 16 != 0 ? x >> 16 : 0);
}

/* FNV-1a, a word at a time. */
static void digest(struct run *r, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        r->report->digest = (r->report->digest ^ (word & 0xFF)) * 16777619u;
        word >>= 8;
    }
}

static bool fails(struct run *r, const char *fact)
{
    if (r->report->broken == NULL)
        r->report->broken = fact;
    return false;
}

static unsigned char content(uint32_t seed, uint32_t i)
{
    return (unsigned char)(seed + i * 167 + (i >> 8) * 29);
}

static void fill(struct stress_slot *s, uint32_t seed)
{
    s->seed = seed;
    for (uint32_t i = 0; i < s->room; i++)
        s->ptr[i] = content(seed, i);
}

/* Do the first n bytes still hold what was written? Adds the sum of those asked for to *sum. */
static bool holds(const struct stress_slot *s, uint32_t n, uint32_t *sum)
{
    for (uint32_t i = 0; i < n; i++) {
        if (s->ptr[i] != content(s->seed, i))
            return false;
        if (i < s->size)
            *sum = *sum * 31 + s->ptr[i];
    }
    return true;
}

static bool reads_back(struct run *r, const struct stress_slot *s)
{
    uint32_t sum = 0;
    if (!holds(s, s->room, &sum))
        return fails(r, "a block no longer holds what was written to it");
    digest(r, sum);
    return true;
}

/* What a block takes besides what its user may have: the tag, and a word for an alignment that was asked for. */
static uint32_t extra(uint32_t align)
{
    return align > FH_GRANULE ? 8 : 4;
}

/* Enters a block that the heap returned; it must lie where it should and on no other block. */
static bool place(struct run *r, struct stress_slot *s, void *ptr, uint32_t size, uint32_t align)
{
    if (ptr == NULL)
        return fails(r, "a request within the budget was refused");
    uintptr_t start = (uintptr_t)ptr;
    size_t room = fh_usable_size(r->heap, ptr);
    if ((start & (align - 1)) != 0 || start % FH_GRANULE != 0)
        return fails(r, "a block is not aligned");
    if (room < size)
        return fails(r, "a block is smaller than what was asked for");
    for (uint32_t i = 0; i < r->plan->slots; i++) {
        const struct stress_slot *o = &r->slots[i];
        if (o != s && o->ptr != NULL && start < (uintptr_t)o->ptr + o->room && (uintptr_t)o->ptr < start + room)
            return fails(r, "two blocks overlap");
    }
    *s = (struct stress_slot){ ptr, size, (uint32_t)room, align, 0 };
    return true;
}

/* A size as real programs ask for: mostly small, many around the edge of a granule, some powers of two, few large. */
static uint32_t any_size(struct run *r)
{
    uint32_t size;
    uint32_t kind = below(&r->random, 16);
    if (kind < 8)
        size = below(&r->random, 129);
    else if (kind < 12)
        size = (1 + below(&r->random, 16)) * FH_GRANULE - 5 + below(&r->random, 3);
    else if (kind < 14)
        size = ((uint32_t)1 << below(&r->random, 17)) - 1 + below(&r->random, 3);
    else if (kind < 15)
        size = below(&r->random, 8192);
    else
        size = below(&r->random, 65536) << below(&r->random, 6);
    while (size > r->plan->largest)
        size >>= 1;
    return size;
}

/* The next size, small enough for the budget beside what lives without the block of that size. */
static uint32_t size_within(struct run *r, uint32_t without)
{
    uint32_t size = any_size(r);
    while (size > r->plan->budget - (r->live - without))
        size >>= 1;
    return size;
}

static void lived(struct run *r, uint32_t more, uint32_t less)
{
    r->live += more;
    r->live -= less;
    if (r->live > r->report->peak)
        r->report->peak = r->live;
}

static bool is_zero(const unsigned char *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static bool do_take(struct run *r, struct stress_slot *s, uint32_t how)
{
    uint32_t size = size_within(r, 0);
    uint32_t align = 1;
    void *ptr;
    if (how < 9) {
        ptr = fh_malloc(r->heap, size);
    } else if (how < 12) {
        size &= ~(uint32_t)3;
        ptr = fh_calloc(r->heap, size >> 2, 4);
        if (ptr != NULL && !is_zero(ptr, size))
            return fails(r, "fh_calloc returned memory that is not zero");
    } else {
        align = (uint32_t)1 << below(&r->random, r->plan->align_bits);
        ptr = fh_aligned_alloc(r->heap, align, size);
    }
    if (!place(r, s, ptr, size, align))
        return false;
    fill(s, r->random);
    lived(r, size, 0);
    r->report->takes++;
    digest(r, size);
    digest(r, align);
    return true;
}

static bool do_free(struct run *r, struct stress_slot *s)
{
    if (!reads_back(r, s))
        return false;
    fh_free(r->heap, s->ptr);
    lived(r, 0, s->size);
    digest(r, s->size);
    s->ptr = NULL;
    return true;
}

static bool do_realloc(struct run *r, struct stress_slot *s)
{
    uint32_t size = size_within(r, s->size);
    uint32_t kept = size < s->size ? size : s->size;
    struct stress_slot old = *s;
    struct fh_stats before;
    if (!r->plan->shared)
        fh_stats(r->heap, &before);
    unsigned char *ptr = fh_realloc(r->heap, s->ptr, size);
    if (!place(r, s, ptr, size, old.align))
        return false;
    s->seed = old.seed;
    uint32_t sum = 0;
    if (!holds(s, kept, &sum))
        return fails(r, "fh_realloc lost contents");
    if (ptr != old.ptr && !r->plan->shared) {
        size_t both = before.bytes_used + s->room + extra(old.align);
        r->peak = both > r->peak ? both : r->peak;
    }
    digest(r, size);
    fill(s, r->random);
    lived(r, size, old.size);
    r->report->resizes++;
    return true;
}

/* Shrinking in place always succeeds. Growing may not, depending on the neighbours; the model must not depend on it, so the
 * block is made as large as it was again. */
static bool do_resize(struct run *r, struct stress_slot *s)
{
    uint32_t size = size_within(r, s->size);
    r->report->resizes++;
    digest(r, size);
    if (size > s->size) {
        bool grown = fh_resize(r->heap, s->ptr, size);
        size_t room = fh_usable_size(r->heap, s->ptr);
        if (grown ? room < size : room != s->room)
            return fails(r, "fh_resize did not do what it said");
        struct fh_stats now;
        fh_stats(r->heap, &now);
        r->peak = now.bytes_used > r->peak ? now.bytes_used : r->peak;
        size = s->size;
    }
    uint32_t sum = 0;
    if (!holds(s, size < s->room ? size : s->room, &sum))
        return fails(r, "fh_resize touched the contents");
    if (!fh_resize(r->heap, s->ptr, size))
        return fails(r, "fh_resize did not shrink a block");
    lived(r, size, s->size);
    if (!place(r, s, s->ptr, size, s->align))
        return false;
    fill(s, r->random);
    return true;
}

static bool step(struct run *r)
{
    struct stress_slot *s = &r->slots[below(&r->random, r->plan->slots)];
    uint32_t how = below(&r->random, 16);
    digest(r, how);
    if (s->ptr == NULL)
        return do_take(r, s, how);
    if (how < 9)
        return do_free(r, s);
    return how < 13 ? do_realloc(r, s) : do_resize(r, s);
}

/* What a walk sees. */
struct count {
    struct fh_stats stats;
    uintptr_t places;       /* sum of the addresses of blocks that are handed out */
    const char *broken;
    uintptr_t end;          /* where the next block of the region must begin; 0 at its start */
    bool was_free;
};

static bool visit(void *arg, const struct fh_block_info *b)
{
    struct count *c = arg;
    if (c->end != 0 && (uintptr_t)b->payload != c->end)
        c->broken = "fh_walk left a gap between two blocks";
    c->end = b->bytes != 0 ? (uintptr_t)b->payload + b->bytes : 0;
    if (!b->used && c->was_free)
        c->broken = "two free blocks touch";
    c->was_free = !b->used;
    if (b->bytes == 0) {
        c->stats.regions++;
    } else if (b->used) {
        c->stats.blocks_used++;
        c->stats.bytes_used += b->bytes;
        c->stats.bytes_cached += b->cached ? b->bytes : 0;
        c->places += b->cached ? 0 : (uintptr_t)b->payload;
    } else {
        c->stats.blocks_free++;
        c->stats.bytes_free += b->bytes;
        if (b->bytes - 4 > c->stats.largest_free)
            c->stats.largest_free = b->bytes - 4;
    }
    return true;
}

/* A block of FH_GRANULE << 16 bytes and more is cut for a request in steps of up to 1/512, so its largest request may be
 * smaller than the block by that much; below, the two are equal. Of a ring of the small core only the first block is found. */
static bool largest_is(size_t said, size_t counted)
{
#ifdef STRESS_SMALL_CORE
    return said <= counted && (said != 0) == (counted != 0);
#endif
    if (counted < ((uint32_t)FH_GRANULE << 16) - 4)
        return said == counted;
    return said <= counted && said >= counted - (counted >> 9) - FH_GRANULE;
}

static const char *compare(const struct fh_stats *said, const struct count *c)
{
    if (c->broken != NULL)
        return c->broken;
    if (said->bytes_used != c->stats.bytes_used)
        return "bytes_used is not the sum over the blocks";
    if (said->bytes_free != c->stats.bytes_free)
        return "bytes_free is not the sum over the blocks";
    if (said->blocks_used != c->stats.blocks_used)
        return "blocks_used is not the number of blocks";
    if (said->blocks_free != c->stats.blocks_free)
        return "blocks_free is not the number of free blocks";
    if (said->bytes_cached != c->stats.bytes_cached)
        return "bytes_cached is not the sum over the blocks";
    if (said->regions != c->stats.regions)
        return "regions is not the number of regions";
    if (!largest_is(said->largest_free, c->stats.largest_free))
        return "largest_free is not the largest free block";
    if (said->bytes_peak < said->bytes_used || said->bytes_regions <= said->bytes_used + said->bytes_free)
        return "the statistics contradict each other";
    return NULL;
}

const char *stress_recount(struct fh_heap *heap, struct fh_stats *stats)
{
    struct count c = { .broken = NULL };
    fh_stats(heap, stats);
    fh_walk(heap, visit, &c);
    return compare(stats, &c);
}

/* Does the heap hold exactly the blocks that the model holds? */
static bool same_blocks(struct run *r)
{
    struct fh_stats stats;
    struct count c = { .broken = NULL };
    fh_stats(r->heap, &stats);
    fh_walk(r->heap, visit, &c);
    const char *broken = compare(&stats, &c);
    if (broken != NULL)
        return fails(r, broken);
    size_t bytes = r->used_before + stats.bytes_cached;
    uintptr_t places = 0;
    for (uint32_t i = 0; i < r->plan->slots; i++) {
        const struct stress_slot *s = &r->slots[i];
        if (s->ptr == NULL)
            continue;
        bytes += s->room + extra(s->align);
        places += (uintptr_t)s->ptr;
    }
    if (bytes != stats.bytes_used)
        return fails(r, "bytes_used is not what the program holds");
    if (r->used_before == 0 && places != c.places)
        return fails(r, "the blocks handed out are not those the program holds");
    if (stats.bytes_used > r->peak)
        r->peak = stats.bytes_used;
    if (r->plan->check_every == 1 && stats.bytes_peak != r->peak)
        return fails(r, "bytes_peak is not the largest bytes_used");
    return true;
}

/* The largest request that the heap says it can meet, it must meet, from the memory it has. */
static bool meets_largest(struct run *r)
{
    struct fh_stats before;
    struct fh_stats during;
    fh_stats(r->heap, &before);
    if (before.largest_free == 0)
        return true;
    void *ptr = fh_malloc(r->heap, before.largest_free);
    fh_stats(r->heap, &during);
    fh_free(r->heap, ptr);
    if (during.bytes_peak > r->peak)
        r->peak = during.bytes_peak;
    return ptr != NULL && during.bytes_regions == before.bytes_regions ? true : fails(r, "largest_free was refused");
}

static bool look(struct run *r)
{
    r->report->check = fh_check(r->heap);
    if (r->report->check != FH_OK)
        return fails(r, "fh_check found damage");
    return r->plan->shared || same_blocks(r);
}

static bool all_read_back(struct run *r)
{
    for (uint32_t i = 0; i < r->plan->slots; i++) {
        if (r->slots[i].ptr != NULL && !reads_back(r, &r->slots[i]))
            return false;
    }
    return true;
}

static bool steps(struct run *r)
{
    uint32_t until_look = r->plan->check_every;
    for (uint32_t i = 0; i < r->plan->steps; i++) {
        if (!step(r))
            return false;
        r->report->steps++;
        if (--until_look == 0) {
            until_look = r->plan->check_every;
            if (!look(r))
                return false;
        }
        if ((i & 255) == 255 && !all_read_back(r))
            return false;
        if ((i & 63) == 63 && !r->plan->shared && !meets_largest(r))
            return false;
    }
    return true;
}

static bool free_all(struct run *r)
{
    for (uint32_t i = 0; i < r->plan->slots; i++) {
        if (r->slots[i].ptr != NULL && !do_free(r, &r->slots[i]))
            return false;
    }
    if (!look(r) || r->plan->shared)
        return r->report->broken == NULL;
    struct fh_stats stats;
    fh_stats(r->heap, &stats);
    if (stats.blocks_used == 0 && stats.blocks_free != stats.regions)
        return fails(r, "an idle region is not one free block");
    return true;
}

bool stress_run(struct fh_heap *heap, const struct stress_plan *plan, struct stress_slot *slots, struct stress_report *report)
{
    *report = (struct stress_report){ .digest = 2166136261u };
    struct run r = { .heap = heap, .plan = plan, .slots = slots, .report = report, .random = plan->seed * 2654435769u | 1 };
    struct fh_stats stats;
    fh_stats(heap, &stats);
    r.used_before = stats.bytes_used - stats.bytes_cached;
    r.peak = stats.bytes_peak;
    for (uint32_t i = 0; i < plan->slots; i++)
        slots[i] = (struct stress_slot){ NULL, 0, 0, 1, 0 };
    digest(&r, plan->seed);
    return steps(&r) && free_all(&r);
}

/* A block of stress_exhaust: they are chained through themselves. */
struct link {
    struct link *next;
    uint32_t size;
};

/* Takes until refused and returns the chain. */
static struct link *take_all(struct fh_heap *heap, uint32_t seed, uint32_t most)
{
    struct link *first = NULL;
    uint32_t random = seed | 1;
    for (;;) {
        uint32_t size = (uint32_t)sizeof *first + below(&random, most);
        struct link *l = fh_malloc(heap, size);
        if (l == NULL)
            return first;
        *l = (struct link){ first, size };
        first = l;
    }
}

/* Frees every block of the chain, or every second one, and returns the chain of what is left. */
static struct link *free_chain(struct fh_heap *heap, struct link *l, bool every)
{
    struct link *left = NULL;
    bool frees = true;
    while (l != NULL) {
        struct link *next = l->next;
        if (frees) {
            fh_free(heap, l);
        } else {
            l->next = left;
            left = l;
        }
        frees = every || !frees;
        l = next;
    }
    return left;
}

const char *stress_exhaust(struct fh_heap *heap, uint32_t seed, uint32_t most)
{
    struct fh_stats before;
    struct fh_stats full;
    struct fh_stats after;
    const char *broken = stress_recount(heap, &before);
    struct link *chain = take_all(heap, seed, most);
    if (broken == NULL)
        broken = stress_recount(heap, &full);
    if (broken == NULL && (fh_malloc(heap, full.largest_free + 1) != NULL || fh_calloc(heap, SIZE_MAX / 2, 3) != NULL))
        broken = "a request larger than the largest free block was met";
    if (broken == NULL && chain != NULL && (fh_realloc(heap, chain, SIZE_MAX / 4) != NULL || fh_usable_size(heap, chain) < chain->size))
        broken = "a realloc that cannot be met touched the block";
    if (broken == NULL)
        broken = stress_recount(heap, &after);
    if (broken == NULL && (after.bytes_used != full.bytes_used || after.blocks_free != full.blocks_free))
        broken = "a refusal changed the heap";
    chain = free_chain(heap, chain, false);
    if (broken == NULL && fh_check(heap) != FH_OK)
        broken = "fh_check found damage in the heap with holes";
    free_chain(heap, chain, true);
    if (broken == NULL)
        broken = stress_recount(heap, &after);
    if (broken == NULL && after.bytes_used - after.bytes_cached != before.bytes_used - before.bytes_cached)
        broken = "blocks were lost when the heap was full";
    return broken != NULL || fh_check(heap) == FH_OK ? broken : "fh_check found damage at the end";
}
