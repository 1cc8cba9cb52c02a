/* SPDX-License-Identifier: MIT
 *
 * freehold.c - freehold as a subject of the fault lab; compiled together with a core, and with the file that knows that core's words (words.h),
 * into one shared object.
 *
 * Promise: the heaps it opens differ in all that a user may choose: one region or several, touching or apart, misaligned,
 * given by the caller or acquired and released. Memory that is released is unmapped, so that a touch of it is a crash.
 * Must not know: what a trial does; what lies in a heap beyond what a walk shows.
 */
#define _GNU_SOURCE
#include "words.h"

#include <sys/mman.h>
#include <unistd.h>

#define BASE ((uintptr_t)0x60000000)     /* of the memory that the caller gives */
#define TAG_BYTES ((size_t)4)
#define FOREIGN_BYTES ((size_t)65536)
#define MOST_ACQUIRED 64

static struct fh_heap *heap;
static struct fh_heap *other;
static void (*report)(const char *);
static uint64_t secret;
static size_t may_acquire;               /* bytes that the port still has */
static uintptr_t next_chunk;
static uintptr_t memory_end;
static size_t heap_bytes;
static void *gone[MOST_ACQUIRED];        /* chunks given back */
static unsigned gone_count;
static uintptr_t marked_chunk;           /* next_chunk and gone_count when the lab noted what is mapped */
static unsigned marked_count;
static size_t gone_bytes[MOST_ACQUIRED];
static _Thread_local unsigned this_cpu;
static _Alignas(16) unsigned char foreign_memory[FOREIGN_BYTES];
static void *foreign_blocks[32];

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* After a report the heap may be read as a whole, which is 262,144 page faults in a heap of 1 GiB: what nobody touched yet is then read from
 * the kernel's one huge page of zeros, until the next call, which may write there. */
#define LARGE ((size_t)16 << 20)

static void expect_reading(bool expected)
{
    static bool now;
    if (expected == now || heap_bytes < LARGE)
        return;
    now = expected;
    madvise((void *)BASE, memory_end - BASE, expected ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

static void hear(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    report(fh_fault_name(fault->kind));
    expect_reading(true);
}

static uintptr_t a_secret(void *ctx)
{
    (void)ctx;
    return (uintptr_t)secret;
}

static unsigned which_cpu(void *ctx)
{
    (void)ctx;
    return this_cpu;
}

static size_t whole_pages(size_t bytes)
{
    return (bytes + 4095) & ~(size_t)4095;
}

/* Memory at that place, all zeros. Not in huge pages, each of which would be cleared for the first byte written. */
static bool map_zeros(uintptr_t start, size_t bytes)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *at = mmap((void *)start, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at != (void *)start)
        return false;
    madvise(at, bytes, MADV_NOHUGEPAGE);
    return true;
}

static void *acquire(void *ctx, size_t min_bytes, size_t *got)
{
    (void)ctx;
    size_t bytes = whole_pages(min_bytes < 8192 ? 8192 : min_bytes);
    if (bytes < min_bytes || bytes > may_acquire)
        return NULL;
    void *mem = (void *)next_chunk;
    if (!map_zeros(next_chunk, bytes))
        return NULL;
    may_acquire -= bytes;
    memory_end = next_chunk + bytes;
    next_chunk += bytes + (next_chunk >> 12 & 1 ? 4096 : 0);  /* some touch, some do not */
    *got = bytes;
    return mem;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    (void)ctx;
    munmap(mem, whole_pages(bytes));
    may_acquire += whole_pages(bytes);
    gone_bytes[gone_count % MOST_ACQUIRED] = whole_pages(bytes);
    gone[gone_count++ % MOST_ACQUIRED] = mem;
}

/* The build's name, what it claims to see, and the caches. */
#if defined(FH_HARDENED)
#define NAME "freehold, hardened"
#elif defined(FH_SINGLE_LIST)
#define NAME "freehold, one list"
#elif defined(LAB_SMALL)
#define NAME "freehold, small core"
#elif defined(LAB_CACHE)
#define NAME "freehold, cache"
#else
#define NAME "freehold"
#endif
#ifdef FH_HARDENED
#define EXACT true
#define LATE_BYTES 4096   /* FH_POISON_BYTES, as long as nobody sets it */
#else
#define EXACT false
#define LATE_BYTES 0
#endif
#ifdef LAB_CACHE
#define CACHE_LAYER &fh_cpu_cache
#else
#define CACHE_LAYER NULL
#endif

static struct fh_port port = { .random = a_secret, .fault = hear, .cpu = which_cpu, .cpus = 2, .cache = CACHE_LAYER };
static struct fh_port other_port = { .random = a_secret, .fault = hear };

/* Regions of the caller's, one behind the other: some touch, others leave a gap. */
static bool add_regions(uintptr_t from, uintptr_t end, unsigned count, uint64_t *random)
{
    for (; count > 0; count--) {
        uintptr_t gap = next_random(random) % 3 == 0 || words_one_span ? 0 : (uintptr_t)(next_random(random) % 100);
        uintptr_t bytes = count == 1 ? end - from - gap : (end - from) / count;
        from += gap;
        if (fh_add_region(heap, (void *)from, (size_t)(bytes - gap)) == 0 && bytes - gap > 512)
            return false;
        from += bytes - gap;
    }
    return true;
}

static bool open_foreign(uint64_t *random)
{
    other = fh_create(foreign_memory, sizeof foreign_memory, &other_port);
    for (size_t i = 0; other != NULL && i < sizeof foreign_blocks / sizeof *foreign_blocks; i++)
        foreign_blocks[i] = fh_malloc(other, (size_t)(next_random(random) % 1000));
    return other != NULL;
}

static bool open_heap(const struct lab_wish *wish)
{
    uint64_t random = wish->seed;
    report = wish->report;
    secret = next_random(&random);
    if (!open_foreign(&random))
        return false;
    secret = next_random(&random);
    bool grows = next_random(&random) % 4 == 0 && !words_one_span;
    unsigned more = next_random(&random) % 2 != 0 ? (unsigned)(next_random(&random) % 4) : 0;
    size_t given = grows ? wish->bytes / 2 : wish->bytes;
    if (grows) {
        port.acquire = acquire;
        port.release = next_random(&random) % 3 != 0 ? release : NULL;
        may_acquire = wish->bytes - given;
        next_chunk = BASE + whole_pages(given) + 65536;
    }
    if (!map_zeros(BASE, whole_pages(given)))
        return false;
    memory_end = BASE + whole_pages(given);
    uintptr_t start = BASE + (uintptr_t)(next_random(&random) % 40);
    size_t first = given / (more + 1) - 40;
    heap = fh_create((void *)start, first, &port);
    if (heap == NULL || !add_regions(start + first, BASE + given, more, &random))
        return false;
    /* Something that was given back, for the crimes that need it; chunks never lie twice at one place. */
    if (port.release != NULL) {
        may_acquire = 2 * wish->bytes;
        fh_free(heap, fh_malloc(heap, given));
        fh_trim(heap);
        may_acquire = wish->bytes - given;
    }
    /* Each CPU's cache is made at its first use and stays: now, so that it is not missed as lost memory later. */
    for (this_cpu = port.cpus; this_cpu-- > 0;)
        fh_free(heap, fh_malloc(heap, 1));
    this_cpu = 0;
    heap_bytes = wish->bytes;
    return true;
}

static void *take(size_t align, size_t size)
{
    expect_reading(false);
    return align != 0 ? fh_aligned_alloc(heap, align, size) : fh_malloc(heap, size);
}

static void give(void *ptr)
{
    expect_reading(false);
    fh_free(heap, ptr);
}

static void *resize(void *ptr, size_t size)
{
    expect_reading(false);
    return fh_realloc(heap, ptr, size);
}

static size_t usable(void *ptr)
{
    return fh_usable_size(heap, ptr);
}

static void set_cpu(unsigned cpu)
{
    this_cpu = cpu;
}

static void mark(void)
{
    marked_chunk = next_chunk;
    marked_count = gone_count;
}

static bool is_as_marked(void)
{
    return next_chunk == marked_chunk && gone_count == marked_count;
}

/* No chunk ever lies where another one was: what came since lies behind the mark, what went is where it was. */
static bool rewind_mappings(void)
{
    if (gone_count - marked_count > MOST_ACQUIRED)
        return false;
    for (; gone_count != marked_count; gone_count--) {
        unsigned last = (gone_count - 1) % MOST_ACQUIRED;
        if ((uintptr_t)gone[last] < marked_chunk && !map_zeros((uintptr_t)gone[last], gone_bytes[last]))
            return false;
    }
    return next_chunk == marked_chunk || munmap((void *)marked_chunk, next_chunk - marked_chunk) == 0;
}

static void *a_foreign_block(uint64_t random)
{
    return foreign_blocks[random % (sizeof foreign_blocks / sizeof *foreign_blocks)];
}

static void *a_released_address(uint64_t random)
{
    unsigned known = gone_count < MOST_ACQUIRED ? gone_count : MOST_ACQUIRED;
    if (known == 0)
        return NULL;
    /* Not one that was acquired anew since. */
    uintptr_t address = (uintptr_t)gone[random % known] + (random >> 32) % 4096 / FH_GRANULE * FH_GRANULE;
    return !words_hold(heap, address) ? (void *)address : NULL;
}

static void settle(bool settled)
{
    static size_t kept;
    if (!settled) {
        may_acquire = kept;
        return;
    }
    kept = may_acquire;
    may_acquire = 0;
    /* A request that cannot be met empties the cache of the CPU that makes it. */
    for (this_cpu = port.cpus; this_cpu-- > 0;)
        fh_free(heap, fh_malloc(heap, 2 * heap_bytes));
    this_cpu = 0;
    may_acquire = kept;
    fh_trim(heap);
    kept = may_acquire;
    may_acquire = 0;
}

static const char *check(void)
{
    enum fh_fault_kind kind = fh_check(heap);
    return kind != FH_OK ? fh_fault_name(kind) : NULL;
}

/* Chooses one of the blocks that a walk shows, each with the same chance. */
struct choice {
    uint64_t random;
    uint64_t seen;
    bool want_used;
    bool want_cached;
    bool want_end;
    size_t least_bytes;
    struct fh_block_info found;
};

static bool choose(void *arg, const struct fh_block_info *block)
{
    struct choice *c = (struct choice *)arg;
    bool fits = c->want_end ? block->bytes == 0
                            : block->bytes != 0 && block->used == c->want_used && block->cached == c->want_cached
                                  && block->bytes >= c->least_bytes;
    if (fits && next_random(&c->random) % ++c->seen == 0)
        c->found = *block;
    return true;
}

static bool choose_block(struct choice c, struct fh_block_info *found)
{
    fh_walk(heap, choose, &c);
    *found = c.found;
    return c.seen != 0;
}

/* Looks for the block that holds a byte: its tag's first byte to the one before the next tag. */
struct search {
    uintptr_t address;
    struct lab_span *found;
    bool waits;
};

static bool look(void *arg, const struct fh_block_info *block)
{
    struct search *s = (struct search *)arg;
    uintptr_t start = (uintptr_t)block->payload - TAG_BYTES;
    size_t bytes = block->bytes != 0 ? block->bytes : TAG_BYTES;
    if (s->address < start || s->address >= start + bytes)
        return true;
    *s->found = (struct lab_span){ (unsigned char *)start, bytes };
    s->waits = block->cached;
    return false;
}

static bool around(const void *address, struct lab_span *block)
{
    struct search s = { (uintptr_t)address, block, false };
    block->bytes = 0;
    fh_walk(heap, look, &s);
    return block->bytes != 0;
}

static bool waits(const void *address)
{
    struct lab_span block;
    struct search s = { (uintptr_t)address, &block, false };
    fh_walk(heap, look, &s);
    return s.waits;
}

static bool place_in_free(enum lab_part part, uint64_t random, struct lab_span *span)
{
    struct fh_block_info b;
    size_t least = part == LAB_SIZE ? words_huge_bytes : part == LAB_DATA ? 32 : 0;
    if (!choose_block((struct choice){ .random = random, .least_bytes = least }, &b))
        return false;
    uintptr_t p = (uintptr_t)b.payload;
    switch (part) {
    case LAB_TAG_FREE: return span_at(span, p - 4, 4);
    case LAB_LINK: return span_at(span, p, 8);
    case LAB_FOOTER: return span_at(span, p + b.bytes - 8, 4);
    case LAB_SIZE: return span_at(span, p + 8, 4);
    default: return span_at(span, p + 8, b.bytes - 16);
    }
}

/* The words of a cached block are its link and its mark. */
static bool place_quick(uint64_t random, struct lab_span *span)
{
    struct fh_block_info b;
    if (!choose_block((struct choice){ .random = random, .want_used = true, .want_cached = true }, &b))
        return false;
    return span_at(span, (uintptr_t)b.payload, sizeof(void *) + sizeof(uint32_t));
}

static bool place(enum lab_part part, uint64_t random, struct lab_span *span)
{
    struct fh_block_info b;
    switch (part) {
    case LAB_TAG_END:
        return choose_block((struct choice){ .random = random, .want_end = true }, &b)
               && span_at(span, (uintptr_t)b.payload - 4, 4);
    case LAB_QUICK: return place_quick(random, span);
    case LAB_TAG_FREE:
    case LAB_LINK:
    case LAB_FOOTER:
    case LAB_SIZE:
    case LAB_DATA: return place_in_free(part, random, span);
    default: return words_place(heap, part, random, span);
    }
}

static const char *name_of(const void *address)
{
    return words_name(heap, address);
}

static const struct lab_subject subject = {
    .abi = LAB_ABI,
    .name = NAME,
    .granule = FH_GRANULE,
    .tag_bytes = TAG_BYTES,
    .link_bytes = 8,
    .late_bytes = LATE_BYTES,
    .exact = EXACT,
    .open = open_heap,
    .take = take,
    .give = give,
    .resize = resize,
    .usable = usable,
    .cpu = set_cpu,
    .mark = mark,
    .is_as_marked = is_as_marked,
    .rewind = rewind_mappings,
    .foreign = a_foreign_block,
    .released = a_released_address,
    .settle = settle,
    .check = check,
    .around = around,
    .waits = waits,
    .name_of = name_of,
    .place = place,
};

const struct lab_subject *lab_subject(void)
{
    return &subject;
}
