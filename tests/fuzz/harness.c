/* SPDX-License-Identifier: MIT
 *
 * harness.c - bytes to operations, and a model that knows what each may answer.
 *
 * Promise: after every operation fh_check finds every heap whole, its statistics agree with the memory that it was given, no
 * block overlaps another one or leaves its heap's memory, every block is aligned and holds what was written to it, and every
 * misuse was reported, and nothing else. At the end nothing is lost: with all blocks given back no block is in use, and a
 * destroyed heap has released all that it acquired.
 * Must not know: how blocks are made, but that 4 bytes of tag lie below each payload.
 */
#include "world.h"

#include <string.h>

struct subject subjects[HEAPS];
struct slot slots[SLOTS];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input. */

static const uint8_t *input;
static size_t input_left;

unsigned next8(void)
{
    if (input_left == 0)
        return 0;
    input_left--;
    return *input++;
}

unsigned next16(void)
{
    unsigned low = next8();
    return low | next8() << 8;
}

bool input_ended(void)
{
    return input_left == 0;
}

/* The model. */

/* Large blocks are looked at near both ends only: the rest would cost most of the time. */
#define WHOLE ((size_t)4096)
#define ENDS ((size_t)64)

static unsigned char content(uint32_t seed, size_t i)
{
    return (unsigned char)(seed + i * 167 + (i >> 8));
}

static void fill_span(const struct slot *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        s->block[i] = content(s->seed, i);
}

static uint32_t seeds;

static void fill(struct slot *s)
{
    s->seed = seeds++ * 0x9E3779B1u >> 7;
    if (s->bytes <= WHOLE) {
        fill_span(s, 0, s->bytes);
    } else {
        fill_span(s, 0, ENDS);
        fill_span(s, s->bytes - ENDS, s->bytes);
    }
}

static void check_span(const struct slot *s, size_t from, size_t to, size_t kept)
{
    for (size_t i = from; i < to && i < kept; i++)
        require(s->block[i] == content(s->seed, i), "a block holds what was written to it");
}

/* kept: how many bytes from the front must be what they were. */
static void check_contents(const struct slot *s, size_t kept)
{
    if (s->bytes <= WHOLE) {
        check_span(s, 0, s->bytes, kept);
    } else {
        check_span(s, 0, ENDS, kept);
        check_span(s, s->bytes - ENDS, s->bytes, kept);
    }
}

static bool overlaps_another(const struct slot *s)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct slot *o = &slots[i];
        if (o != s && o->block != NULL && s->block < o->block + o->bytes && o->block < s->block + s->bytes)
            return true;
    }
    return false;
}

/* Where a block lies and how long it is: what must hold whatever the operation was. */
static void place(struct slot *s, size_t size)
{
    s->bytes = fh_usable_size(s->owner->heap, s->block);
    require(s->bytes >= size && s->bytes >= 8, "a block is as large as it was asked for");
    require((uintptr_t)s->block % FH_GRANULE == 0, "a block is aligned to a granule");
    require(s->align == 0 || (uintptr_t)s->block % s->align == 0, "a block is aligned as it was asked for");
    require(arena_owns(s->owner->id, (uintptr_t)s->block - 4, s->bytes + 4), "a block lies in its heap's memory");
    require(!overlaps_another(s), "no two blocks overlap");
}

static void check_heap(struct subject *s)
{
    struct fh_stats stats;
    enum fh_fault_kind kind = fh_check(s->heap);
    require(kind == FH_OK, fh_fault_name(kind));
    fh_stats(s->heap, &stats);
    require(stats.bytes_regions + s->pending == arena_total(s->id), "the regions are the memory that was given");
    require(stats.bytes_used + stats.bytes_free < stats.bytes_regions, "blocks and free memory lie in regions");
    require(stats.bytes_used <= stats.bytes_peak, "the peak is the peak");
    require(stats.bytes_cached <= stats.bytes_used, "cached blocks are used ones");
}

static void settle(struct subject *s)
{
    require(s->due == 0, "the misuse is reported");
    require(!s->locked, "the lock is left");
}

/* One size: small, medium, large, or such that the arithmetic on it is tempted to wrap. */
static size_t some_size(void)
{
    unsigned kind = next8();
    if (kind < 128)
        return kind;
    if (kind < 192)
        return next16() & 0xFFF;
    if (kind < 224)
        return next16();
    if (kind < 240)
        return (size_t)next16() << 6;
    if (kind < 244)
        return ((size_t)1 << (next8() & 63)) - 8 + next8() % 16;
    if (kind < 248)
        return SIZE_MAX - next16();
    if (kind < 252)
        return SIZE_MAX / 2 + next8() - 128;
    return ((size_t)FH_GRANULE << 30) + next8() - 128;
}

static struct slot *slot_held(struct subject *s, unsigned number)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots[(i + number) % SLOTS];
        if (slot->block != NULL && slot->owner == s && !slot->busy)
            return slot;
    }
    return NULL;
}

static struct slot *slot_empty(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].block == NULL && !slots[i].busy)
            return &slots[i];
    }
    return NULL;
}

/* A request, from before it is made until it is known to the model. */

static struct slot *begin(struct subject *s)
{
    struct slot *slot = slot_empty();
    if (slot == NULL)
        return NULL;
    slot->busy = true;
    slot->owner = s;
    slot->align = 0;
    s->allocator_grew = false;
    return slot;
}

static void end(struct slot *slot, void *block, size_t size)
{
    slot->busy = false;
    require(block != NULL || !slot->owner->allocator_grew, "a port that gives what is asked for meets the request");
    if (block == NULL)
        return;
    require(size <= ARENA_BYTES, "no block is larger than all memory");
    slot->block = block;
    place(slot, size);
    fill(slot);
}

/* The operations. */

static void do_malloc(struct subject *s)
{
    size_t size = some_size();
    struct slot *slot = begin(s);
    if (slot != NULL)
        end(slot, fh_malloc(s->heap, size), size);
}

static void do_calloc(struct subject *s)
{
    size_t size = some_size();
    size_t count = next8() & 128 ? some_size() : next8() & 15;
    struct slot *slot = begin(s);
    if (slot == NULL)
        return;
    unsigned char *block = fh_calloc(s->heap, count, size);
    size_t bytes = 0;
    bool wraps = __builtin_mul_overflow(count, size, &bytes);
    require(block == NULL || !wraps, "a product that wraps is refused");
    for (size_t i = 0; block != NULL && i < bytes && i < WHOLE; i++)
        require(block[i] == 0 && block[bytes - 1 - i] == 0, "the bytes from calloc are zero");
    end(slot, block, bytes);
}

static void do_aligned(struct subject *s)
{
    size_t size = some_size();
    unsigned which = next8();
    size_t align = (size_t)1 << (which & 128 ? which & 63 : which & 15);
    if ((which & 0x70) == 0x70)
        align = some_size();
    struct slot *slot = begin(s);
    if (slot == NULL)
        return;
    void *block = fh_aligned_alloc(s->heap, align, size);
    bool sane = align != 0 && (align & (align - 1)) == 0;
    require(block == NULL || sane, "an alignment that is no power of two is refused");
    slot->align = sane ? align : 0;
    end(slot, block, size);
}

static void do_free(struct subject *s, struct slot *slot)
{
    check_contents(slot, slot->bytes);
    void *block = slot->block;
    slot->block = NULL;
    fh_free(s->heap, block);
}

/* What is deferred is freed by the next call that locks; fh_check looks at a heap where it waits. */
static void do_free_deferred(struct subject *s)
{
    struct slot *slot = slot_held(s, next8());
    if (slot == NULL) {
        require(fh_free_deferred(s->heap, NULL), "NULL may be deferred");
        return;
    }
    check_contents(slot, slot->bytes);
    void *block = slot->block;
    slot->block = NULL;
    require(fh_free_deferred(s->heap, block), "a block that is held may be deferred");
}

static void do_realloc(struct subject *s)
{
    struct slot *slot = slot_held(s, next8());
    size_t size = some_size();
    if (slot == NULL)
        return;
    slot->busy = true;
    s->allocator_grew = false;
    unsigned char *old = slot->block;
    size_t old_bytes = slot->bytes;
    unsigned char *block = fh_realloc(s->heap, old, size);
    slot->busy = false;
    require(block != NULL || !s->allocator_grew, "a port that gives what is asked for meets the request");
    size_t kept = block == NULL || size > old_bytes ? old_bytes : size;
    /* The contents are looked at with the bounds that they had. */
    if (block != NULL)
        slot->block = block;
    check_contents(slot, kept);
    place(slot, block != NULL ? size : old_bytes);
    require(block != NULL || slot->bytes == old_bytes, "realloc that fails leaves the block as it was");
    fill(slot);
}

static void do_resize(struct subject *s)
{
    struct slot *slot = slot_held(s, next8());
    size_t size = some_size();
    if (slot == NULL)
        return;
    size_t old_bytes = slot->bytes;
    bool done = fh_resize(s->heap, slot->block, size);
    require(done || size > old_bytes, "a block can always be made smaller where it is");
    check_contents(slot, done && size < old_bytes ? size : old_bytes);
    place(slot, done ? size : old_bytes);
    require(done || slot->bytes == old_bytes, "resize that fails leaves the block as it was");
    fill(slot);
}

static void do_add_region(struct subject *s)
{
    unsigned decision = next8();
    size_t bytes = decision & 64 ? next16() * (size_t)(decision & 31) : decision & 128 ? next16() & 1023 : next16();
    uintptr_t start = choose_place(s, bytes);
    if (!arena_give(s->id, start, bytes, false)) {
        /* Its own memory, or in part: refused. Not where it would lie in another heap's. */
        if (bytes != 0 && bytes <= ARENA_BYTES && s->pending == 0 && arena_owns(s->id, start, 1))
            require(fh_add_region(s->heap, (void *)start, bytes) == 0, "a region that overlaps another one is refused");
        return;
    }
    size_t added = fh_add_region(s->heap, (void *)start, bytes);
    /* Joined to regions below and above, it gains the rest of a granule and the header that is in between. */
    require(added <= bytes + FH_GRANULE + 64, "a region holds no more than it is");
    require(added != 0 || bytes < 128 || ONE_SPAN, "a region that holds a block is taken");
    require(added == 0 || !ONE_SPAN || arena_owns(s->id, start - 1, 1), "one span grows by what touches it");
    if (added == 0)
        arena_take_back(s->id, start, bytes, false);
}

/* What can be had without the port is what the statistics say. */
static void do_probe(struct subject *s)
{
    struct fh_stats stats;
    if (s->port.cache != NULL)
        return;
    s->quiet = true;
    fh_stats(s->heap, &stats);
    require(fh_malloc(s->heap, stats.largest_free + 1) == NULL, "no request larger than the largest is met");
    if (stats.largest_free != 0) {
        void *block = fh_malloc(s->heap, stats.largest_free);
        require(block != NULL, "the largest request is met");
        fh_free(s->heap, block);
    }
    s->quiet = false;
}

static void do_cache(struct subject *s, unsigned depth)
{
    unsigned which = next8();
    unsigned number = which % CACHES;
    struct fh_cache **cache = &s->caches[number];
    if (ONE_SPAN)
        return;
    /* A call that goes through a cache may be under way: only one context at a time. */
    if (s->port.cache == NULL || s->caches_in_use != 0 || depth != 0)
        return;
    s->caches_in_use++;
    if (*cache == NULL) {
        *cache = fh_cache_open(s->heap);
    } else if (which >= 0xF0) {
        struct fh_cache *closing = *cache;
        *cache = NULL;
        fh_cache_close(closing);
    } else if (which & 2) {
        struct slot *slot = slot_held(s, next8());
        if (slot != NULL) {
            check_contents(slot, slot->bytes);
            void *block = slot->block;
            slot->block = NULL;
            fh_cache_free(*cache, block);
        }
    } else {
        size_t size = some_size();
        struct slot *slot = begin(s);
        if (slot != NULL)
            end(slot, fh_cache_malloc(*cache, size), size);
    }
    s->caches_in_use--;
}

/* Misuse. The port is quiet meanwhile, so that nobody is handed the memory of which the misuse is. */

static const uint32_t any_dead = 1u << FH_DOUBLE_FREE | 1u << FH_FOREIGN;

static void call_with(struct subject *s, void *pointer, unsigned how, uint32_t kinds)
{
    s->due = 1;
    s->due_kinds = kinds;
    if (how == 0)
        fh_free(s->heap, pointer);
    else if (how == 1)
        require(fh_realloc(s->heap, pointer, next8()) == NULL, "realloc refuses the pointer");
    else if (how == 2)
        require(!fh_resize(s->heap, pointer, next8()), "resize refuses the pointer");
    else
        require(fh_usable_size(s->heap, pointer) == 0, "the usable size of the pointer is not known");
    settle(s);
}

static size_t bytes_cached(struct subject *s)
{
    struct fh_stats stats;
    fh_stats(s->heap, &stats);
    return stats.bytes_cached;
}

/* A CPU's first free makes its cache, and that may come to lie where the block was: then the block is one in use again, which no
 * call can tell. So the second call is fh_free only if no cache is to be made. */
static void double_free(struct subject *s, struct slot *slot, unsigned how)
{
    void *block = slot->block;
    size_t before = bytes_cached(s);
    do_free(s, slot);
    if (how == 0 && s->port.cpus != 0 && s->port.cache != NULL && bytes_cached(s) <= before)
        how = 3;
    call_with(s, block, how, any_dead);
}

/* The tag behind a block. It lies right below the next multiple of the granule: an aligned block ends a word before it. */
static uint32_t *tag_behind(const struct slot *slot)
{
    uintptr_t end = (uintptr_t)slot->block + slot->bytes + sizeof(uint32_t);
    return (uint32_t *)((end + (FH_GRANULE - 1)) & ~(uintptr_t)(FH_GRANULE - 1)) - 1;
}

/* One bit of a tag is flipped and set right again: of the block's own, or of the one behind it, as an overrun does. */
static void flipped_tag(struct subject *s, struct slot *slot, unsigned how, bool behind)
{
    uint32_t *tag = behind ? tag_behind(slot) : (uint32_t *)(void *)slot->block - 1;
    uint32_t bit = 1u << next8() % 32;
    check_contents(slot, slot->bytes);
    *tag ^= bit;
    call_with(s, slot->block, how, behind ? 1u << FH_OVERRUN : 1u << FH_NOT_A_BLOCK);
    *tag ^= bit;
    check_contents(slot, slot->bytes);
}

static void foreign(struct subject *s, unsigned how)
{
    static _Alignas(FH_GRANULE) unsigned char elsewhere[64];
    unsigned where = next8();
    unsigned char *pointer = elsewhere + (where & 3) * FH_GRANULE;
    struct slot *of_another = slot_held(&subjects[(s->id + where) % HEAPS], where);
    if ((where & 0x80) != 0 && of_another != NULL && of_another->owner != s)
        pointer = of_another->block;
    call_with(s, pointer, how, 1u << FH_FOREIGN);
}

static void do_misuse(struct subject *s)
{
    unsigned decision = next8();
    unsigned how = decision >> 3 & 3;
    struct slot *slot = slot_held(s, next8());
    /* A call with a realloc or resize of what is refused never gets as far as the port. */
    s->quiet = true;
    bool cached = s->port.cache != NULL;
    if ((decision & 7) == 0)
        foreign(s, how);
    else if (slot != NULL && (decision & 7) == 1)
        double_free(s, slot, how);
    else if (slot != NULL && (decision & 7) == 2 && !cached)
        call_with(s, slot->block + 1 + next8() % (FH_GRANULE - 1), how, 1u << FH_MISALIGNED);
    /* A free may empty a cache first, and meet the tag behind a block of that. */
    else if (slot != NULL && (decision & 7) == 3)
        flipped_tag(s, slot, cached && how == 0 ? 1 : how, false);
    else if (slot != NULL && (decision & 7) == 4 && !cached)
        flipped_tag(s, slot, how % 3, true);
    s->quiet = false;
}

/* A heap's life. */

static void create(struct subject *s)
{
    port_make(s);
    unsigned how = next8();
    size_t bytes = how & 64 ? next16() * (size_t)16 : next16() >> 2;
    if (how & 128) {
        s->heap = fh_create(NULL, bytes, &s->port);
        settle(s);
        if (s->heap == NULL)
            require(arena_take_all(s->id) == 0 || s->port.release == NULL, "memory that is refused is released");
        return;
    }
    uintptr_t start = choose_place(s, bytes);
    if (!arena_give(s->id, start, bytes, false))
        return;
    s->heap = fh_create((void *)start, bytes, &s->port);
    settle(s);
    require(s->heap != NULL || bytes < 2048, "a heap can be made of that much memory");
    if (s->heap == NULL)
        arena_take_back(s->id, start, bytes, false);
}

static void forget_blocks(const struct subject *s)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].owner == s)
            slots[i].block = NULL;
    }
}

static void destroy(struct subject *s)
{
    struct fh_heap *heap = s->heap;
    bool returns = s->port.release != NULL;
    size_t acquired = 0;
    s->quiet = true;
    s->heap = NULL;
    size_t before = arena_total(s->id);
    size_t released = fh_destroy(heap);
    require(released == before - arena_total(s->id), "destroy tells what it released");
    acquired = arena_take_all(s->id);
    require(acquired == 0 || !returns, "destroy releases all that was acquired");
    forget_blocks(s);
    memset(s->caches, 0, sizeof s->caches);
    s->quiet = false;
}

static void trim(struct subject *s)
{
    size_t before = arena_total(s->id);
    bool quiet = (next8() & 1) != 0;
    s->quiet = quiet;
    size_t released = fh_trim(s->heap);
    /* What is nested in release may acquire and release too. */
    require(!quiet || released == before - arena_total(s->id), "trim tells what it released");
    s->quiet = false;
}

/* Gives every block back, and looks for what is lost. */
static void empty(struct subject *s)
{
    struct slot *slot;
    s->quiet = true;
    while ((slot = slot_held(s, 0)) != NULL)
        do_free(s, slot);
    for (unsigned i = 0; i < CACHES; i++) {
        if (s->caches[i] != NULL)
            fh_cache_close(s->caches[i]);
        s->caches[i] = NULL;
    }
    fh_trim(s->heap);
    struct fh_stats stats;
    fh_stats(s->heap, &stats);
    if (s->port.cache == NULL || s->port.cpus == 0) {
        require(stats.blocks_used == 0 && stats.bytes_used == 0, "nothing is lost");
        require(stats.blocks_free == stats.regions, "an idle region is one block");
    }
    check_heap(s);
    s->quiet = false;
}

static void operate_on(struct subject *s, unsigned op, unsigned depth)
{
    struct slot *slot;
    switch (op & 15) {
    case 0: case 1: case 2:
        do_malloc(s);
        break;
    case 3: case 4: case 5:
        if ((slot = slot_held(s, next8())) != NULL)
            do_free(s, slot);
        break;
    case 6:
        do_realloc(s);
        break;
    case 7:
        do_resize(s);
        break;
    case 8:
        do_aligned(s);
        break;
    case 9:
        if ((op & 0x80) != 0)
            do_free_deferred(s);
        else
            do_calloc(s);
        break;
    case 10:
        do_add_region(s);
        break;
    case 11:
        trim(s);
        break;
    case 12: case 13:
        do_cache(s, depth);
        break;
    case 14:
        if (depth == 0)
            do_misuse(s);
        break;
    default:
        s->cpu = depth == 0 ? next8() % CPUS : s->cpu;
        if (depth == 0 && next8() == 0xFF)
            empty(s);
        else
            do_probe(s);
    }
}

void operate(unsigned depth)
{
    unsigned op = next8();
    struct subject *s = &subjects[(op >> 4) % HEAPS];
    if (s->heap == NULL) {
        if (depth == 0)
            create(s);
    } else if (op == 0xFF && depth == 0) {
        destroy(s);
    } else {
        operate_on(s, op, depth);
        if (depth == 0)
            settle(s);
    }
    for (unsigned i = 0; i < HEAPS; i++) {
        if (subjects[i].heap != NULL)
            check_heap(&subjects[i]);
    }
    arena_check_edges();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_left = size;
    memset(subjects, 0, sizeof subjects);
    memset(slots, 0, sizeof slots);
    seeds = 0;
    arena_reset();
    for (unsigned i = 0; i < HEAPS; i++)
        subjects[i].id = i + 1;
    while (!input_ended())
        operate(0);
    for (unsigned i = 0; i < HEAPS; i++) {
        if (subjects[i].heap == NULL)
            continue;
        empty(&subjects[i]);
        destroy(&subjects[i]);
    }
    return 0;
}
