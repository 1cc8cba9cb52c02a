/* SPDX-License-Identifier: MIT
 *
 * port.c - a port that does all that the contract lets a port do, and some of what it does not.
 *
 * It fails; gives less, more or next to nothing; gives memory that touches what it gave before, from either side, or lies at any
 * byte; gives memory that overlaps the heap, wraps or is out of reach; uses the heap from inside acquire and release. It checks
 * in turn that the core keeps its side: no nesting of the lock, no callback with it held but fault, no fault but one due.
 */
#include "world.h"

#define NESTING 3

enum plan { FAIL, EXACT, MORE, LESS, TINY, OVERLAP, WRAP, FAR };

uintptr_t choose_place(const struct subject *s, size_t bytes)
{
    unsigned how = next8();
    uintptr_t start;
    size_t part;
    if ((how & 3) < 3 && arena_part(s->id, how >> 4, &start, &part)) {
        unsigned gap = how & 4 ? how >> 3 & 31 : 0;
        return (how & 3) == 2 ? start - bytes - gap : start + part + gap;
    }
    unsigned place = next16();
    return arena_start() + (size_t)(place >> 4) * (ARENA_BYTES / 4096) + (place & 15);
}

static void nest(struct subject *s)
{
    if (s->depth >= NESTING || s->quiet)
        return;
    /* What the port does for the calls inside is not for the one outside. */
    bool grew = s->allocator_grew;
    s->depth++;
    operate(s->depth);
    s->depth--;
    s->allocator_grew = grew;
}

static void expect_bad_region(struct subject *s)
{
    s->due++;
    s->due_kinds |= 1u << FH_BAD_REGION;
}

/* Memory that is not to be taken: part of the heap's own, or such that it ends beyond everything. */
static void *give_bad(struct subject *s, enum plan plan, size_t min, size_t *got)
{
    uintptr_t start;
    size_t part;
    if (s->pending != 0 || !arena_part(s->id, next8(), &start, &part))
        return NULL;
    expect_bad_region(s);
    *got = plan == WRAP ? SIZE_MAX - next8() : plan == FAR ? (size_t)1 << 40 : min;
    /* Beginning just before the part, or within it. */
    return (void *)(plan == OVERLAP ? start - next8() % (min < 16 ? min : 16) : start);
}

/* Memory that is refused is released. A port that takes nothing back would not know: it gives enough for a block. */
#define SURELY_TAKEN ((size_t)128)

static void *give(struct subject *s, size_t bytes, size_t min, size_t *got)
{
    if (bytes == 0 || bytes > ARENA_BYTES || (s->port.release == NULL && bytes < SURELY_TAKEN))
        return NULL;
    uintptr_t start = choose_place(s, bytes);
    if (!arena_give(s->id, start, bytes, true))
        return NULL;
    s->allocator_grew = bytes >= min;
    *got = bytes;
    return (void *)start;
}

static void *acquire(void *ctx, size_t min, size_t *got)
{
    struct subject *s = ctx;
    require(!s->locked, "acquire is called without the lock");
    s->allocator_grew = false;
    if (s->quiet || input_ended())
        return NULL;
    unsigned decision = next8();
    enum plan plan = (enum plan)(decision & 7);
    bool nested = (decision & 0xC0) == 0xC0;
    if (nested)
        nest(s);
    void *mem = NULL;
    if (plan == EXACT)
        mem = give(s, min, min, got);
    else if (plan == MORE)
        mem = give(s, min + next16(), min, got);
    else if (plan == LESS)
        mem = give(s, min - min / (2 + next8() % 8), min, got);
    else if (plan == TINY)
        mem = give(s, 1 + next8() % 160, min, got);
    else if (plan != FAIL && s->heap != NULL)
        mem = give_bad(s, plan, min, got);
    /* What is nested after the memory is ready uses the heap as it is without it. Not if the memory is bad because of a part that
     * the heap could give back meanwhile. */
    if (nested && plan < OVERLAP && (decision & 0x20) != 0) {
        size_t given = mem != NULL ? *got : 0;
        s->pending += given;
        nest(s);
        s->pending -= given;
    }
    return mem;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    struct subject *s = ctx;
    require(!s->locked, "release is called without the lock");
    arena_take_back(s->id, (uintptr_t)mem, bytes, true);
    if (s->quiet || s->heap == NULL || (next8() & 0xC0) != 0xC0)
        return;
    nest(s);
}

static uintptr_t lock(void *ctx)
{
    struct subject *s = ctx;
    require(!s->locked, "the lock is not nested");
    s->locked = true;
    return 0x10C + s->id;
}

static void unlock(void *ctx, uintptr_t state)
{
    struct subject *s = ctx;
    require(s->locked && state == 0x10C + s->id, "unlock follows lock, with its state");
    s->locked = false;
}

static void fault(void *ctx, const struct fh_fault *f)
{
    struct subject *s = ctx;
    require(s->locked || s->port.lock == NULL, "a fault is reported with the lock held");
    if (s->due == 0 || (s->due_kinds >> f->kind & 1) == 0)
        require(false, fh_fault_name(f->kind));
    s->due--;
}

static unsigned cpu(void *ctx)
{
    const struct subject *s = ctx;
    return s->cpu;
}

static uintptr_t secret(void *ctx)
{
    const struct subject *s = ctx;
    return 0x9E3779B9u * (s->id + 1);
}

void port_make(struct subject *s)
{
    unsigned wants = next8();
    struct fh_port *p = &s->port;
    *p = (struct fh_port){ .ctx = s, .fault = fault };
    p->acquire = wants & 1 ? acquire : NULL;
    p->release = wants & 2 ? release : NULL;
    p->lock = wants & 4 ? lock : NULL;
    p->unlock = wants & 4 ? unlock : NULL;
    p->random = wants & 8 ? secret : NULL;
    p->cpu = cpu;
    p->cpus = wants >> 4 & 3;
    p->cache = wants & 0x40 ? &fh_cpu_cache : NULL;
}
