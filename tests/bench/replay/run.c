/* SPDX-License-Identifier: MIT
 *
 * run.c - the replay itself; see run.h for the promise.
 */
#define _GNU_SOURCE
#include "run.h"

#include <stdio.h>
#include <time.h>

bool fh_stage_open(struct fh_stage *s, const struct fh_allocator *a, const struct fh_trace *t, size_t bytes)
{
    *s = (struct fh_stage){ .a = a, .t = t, .region_bytes = a->region ? bytes : 0 };
    if (a->region)
        s->region = fh_map(bytes);
    s->heap = a->open(s->region, s->region_bytes);
    if (s->heap == NULL) {
        fh_unmap(s->region, s->region_bytes);
        return false;
    }
    s->ptrs = fh_map(t->slots * sizeof *s->ptrs);
    return true;
}

void fh_stage_close(struct fh_stage *s)
{
    fh_stage_clear(s);
    s->a->close(s->heap);
    fh_unmap(s->region, s->region_bytes);
    fh_unmap(s->ptrs, s->t->slots * sizeof *s->ptrs);
}

void fh_stage_clear(struct fh_stage *s)
{
    for (uint32_t i = 0; i < s->t->slots; i++) {
        if (s->ptrs[i] != NULL)
            s->a->free(s->heap, s->ptrs[i]);
        s->ptrs[i] = NULL;
    }
}

static void *zeroed(const struct fh_stage *s, size_t size)
{
    if (s->a->calloc != NULL)
        return s->a->calloc(s->heap, size);
    void *ptr = s->a->malloc(s->heap, size);
    return ptr != NULL ? memset(ptr, 0, size) : NULL;
}

/* One op that allocates or resizes. NULL: refused. */
static inline void *allocate(const struct fh_stage *s, const struct fh_op *op)
{
    switch ((enum fh_trace_op)op->what) {
    case FH_T_MALLOC:
        return s->a->malloc(s->heap, op->size);
    case FH_T_CALLOC:
        return zeroed(s, op->size);
    case FH_T_REALLOC:
        return s->a->realloc(s->heap, s->ptrs[op->slot], op->size != 0 ? op->size : 1);
    case FH_T_ALIGNED:
        return s->a->aligned_alloc(s->heap, (size_t)1 << op->align_log, op->size);
    default:
        return NULL;
    }
}

/* One op as the allocator sees it. False: refused. */
static inline bool call(struct fh_stage *s, const struct fh_op *op)
{
    void **where = &s->ptrs[op->slot];
    if (op->what == FH_T_FREE) {
        s->a->free(s->heap, *where);
        *where = NULL;
        return true;
    }
    void *ptr = allocate(s, op);
    if (ptr == NULL)
        return false;
    *where = ptr;
    return true;
}

/* The same with what the program does: it writes what it gets, and looks at what it gives back. */
static inline bool step(struct fh_stage *s, const struct fh_op *op)
{
    if (op->what == FH_T_FREE)
        (void)*(volatile char *)s->ptrs[op->slot];
    if (!call(s, op))
        return false;
    if (op->what == FH_T_FREE || op->size == 0)
        return true;
    volatile char *p = s->ptrs[op->slot];
    p[op->size - 1] = 1;
    p[0] = 1;
    return true;
}

size_t fh_replay(struct fh_stage *s)
{
    const struct fh_op *end = s->t->ops + s->t->count;
    const struct fh_op *op = s->t->ops;
    while (op != end && step(s, op))
        op++;
    return (size_t)(op - s->t->ops);
}

bool fh_replay_one(struct fh_stage *s, size_t i)
{
    return step(s, &s->t->ops[i]);
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t fh_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t fh_replay_each(struct fh_stage *s, uint32_t *ns)
{
    for (size_t i = 0; i < s->t->count; i++) {
        uint64_t before = wall_ns();
        if (!step(s, &s->t->ops[i]))
            return i;
        uint64_t took = wall_ns() - before;
        if (took < ns[i])
            ns[i] = (uint32_t)took;
    }
    return s->t->count;
}

/* The contents of a block: a byte that depends on its slot and the place. */
static unsigned char byte_at(uint32_t slot, size_t i)
{
    return (unsigned char)(slot * 31 + i + (i >> 8));
}

static bool contents_hold(const unsigned char *p, uint32_t slot, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != byte_at(slot, i))
            return false;
    return true;
}

static bool wrong(const struct fh_stage *s, size_t i, const char *what)
{
    fprintf(stderr, "fh-replay: %s on %s: op %zu: %s\n", s->t->name, s->a->name, i, what);
    return false;
}

static bool is_whole(const struct fh_stage *s, size_t i)
{
    const char *broken = s->a->broken != NULL ? s->a->broken(s->heap) : NULL;
    return broken == NULL || wrong(s, i, broken);
}

/* As much as the whole region, or half of all addresses: more than there can be. */
static size_t too_much(const struct fh_stage *s)
{
    return s->region != NULL ? s->region_bytes : SIZE_MAX / 2;
}

/* The call of op i as it fails when memory is short. The allocator searches as for any other; it must find nothing and change
 * nothing. */
static bool refused_step(struct fh_stage *s, size_t i, uint32_t held)
{
    const struct fh_op *op = &s->t->ops[i];
    void *ptr = NULL;
    if (op->what == FH_T_FREE)
        return true;
    if (op->what == FH_T_REALLOC)
        ptr = s->a->realloc(s->heap, s->ptrs[op->slot], too_much(s));
    else if (op->what == FH_T_ALIGNED)
        ptr = s->a->aligned_alloc(s->heap, (size_t)1 << op->align_log, too_much(s));
    else if (op->what == FH_T_CALLOC && s->a->calloc != NULL)
        ptr = s->a->calloc(s->heap, too_much(s));
    else
        ptr = s->a->malloc(s->heap, too_much(s));
    if (ptr != NULL)
        return wrong(s, i, "more than there is was given");
    if (op->what == FH_T_REALLOC && !contents_hold(s->ptrs[op->slot], op->slot, held))
        return wrong(s, i, "a refused realloc changed the block");
    return i % (s->t->count / 64 + 1) != 0 || is_whole(s, i);
}

static bool checked_step(struct fh_stage *s, size_t i, uint32_t *size_of, bool *refused)
{
    const struct fh_op *op = &s->t->ops[i];
    unsigned char *old = s->ptrs[op->slot];
    uint32_t held = size_of[op->slot];
    if (op->what == FH_T_FREE && !contents_hold(old, op->slot, held))
        return wrong(s, i, "the block's contents changed while it was allocated");
    if (s->refuse && !refused_step(s, i, held))
        return false;
    *refused = !call(s, op);
    if (op->what == FH_T_FREE || *refused)
        return true;
    unsigned char *p = s->ptrs[op->slot];
    size_t align = op->what == FH_T_ALIGNED ? (size_t)1 << op->align_log : s->a->granule;
    if ((uintptr_t)p % align != 0)
        return wrong(s, i, "a block that is not aligned");
    if (s->region != NULL && (p < (unsigned char *)s->region || op->size > s->region_bytes
                              || p > (unsigned char *)s->region + s->region_bytes - op->size))
        return wrong(s, i, "a block outside the region");
    for (size_t j = 0; op->what == FH_T_CALLOC && j < op->size; j++)
        if (p[j] != 0)
            return wrong(s, i, "a block that is not zeroed");
    uint32_t kept = op->what != FH_T_REALLOC ? 0 : held < op->size ? held : op->size;
    if (kept != 0 && !contents_hold(p, op->slot, kept))
        return wrong(s, i, "the block's contents did not survive realloc");
    for (size_t j = 0; j < op->size; j++)
        p[j] = byte_at(op->slot, j);
    size_of[op->slot] = op->size;
    return true;
}

bool fh_replay_checked(struct fh_stage *s, size_t *done)
{
    uint32_t *size_of = fh_map(s->t->slots * sizeof *size_of);
    bool refused = false;
    bool good = true;
    size_t i = 0;
    while (i < s->t->count && (good = checked_step(s, i, size_of, &refused)) && !refused)
        i++;
    *done = i;
    fh_unmap(size_of, s->t->slots * sizeof *size_of);
    return good && is_whole(s, i);
}

bool fh_replay_given_up(struct fh_stage *s, size_t n)
{
    size_t i = 0;
    while (i < n && step(s, &s->t->ops[i]))
        i++;
    fh_stage_clear(s);
    return is_whole(s, i);
}

size_t fh_largest(struct fh_stage *s)
{
    size_t low = 0;
    size_t high = s->region_bytes;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        void *ptr = s->a->malloc(s->heap, middle);
        if (ptr != NULL) {
            s->a->free(s->heap, ptr);
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The pages of this process that no file backs. VmHWM would be simpler, but the kernel's counters are off by up to hundreds of
 * kilobytes; this one is summed over the page tables. */
static size_t anonymous_bytes(void)
{
    char line[256];
    size_t kilobytes = 0;
    static char buffer[4096];
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    if (f == NULL)
        return 0;
    setvbuf(f, buffer, _IOFBF, sizeof buffer);
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "Anonymous: %zu", &kilobytes) == 1)
            break;
    fclose(f);
    return kilobytes * 1024;
}

size_t fh_replay_memory(struct fh_stage *s, size_t peak_at, size_t *most)
{
    const struct fh_trace *t = s->t;
    /* The table's pages are there before the counting begins; so is what fopen allocates. */
    memset(s->ptrs, 0, t->slots * sizeof *s->ptrs);
    anonymous_bytes();
    size_t before = anonymous_bytes();
    size_t every = t->count / 100 + 1;
    *most = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct fh_op *op = &t->ops[i];
        if (!step(s, op))
            return i;
        if (op->what != FH_T_FREE)
            memset(s->ptrs[op->slot], 1, op->size);
        if (i != peak_at && i % every != 0)
            continue;
        size_t now = anonymous_bytes() - before;
        if (now > *most && now < SIZE_MAX / 2)
            *most = now;
    }
    return t->count;
}

static bool fits(const struct fh_allocator *a, const struct fh_trace *t, size_t bytes)
{
    struct fh_stage s;
    if (!fh_stage_open(&s, a, t, bytes))
        return false;
    bool all = fh_replay(&s) == t->count;
    /* The region goes as a whole: nothing needs to be freed. */
    memset(s.ptrs, 0, t->slots * sizeof *s.ptrs);
    fh_stage_close(&s);
    return all;
}

size_t fh_fit(const struct fh_allocator *a, const struct fh_trace *t, size_t bound)
{
    size_t step_bytes = a->granule;
    size_t low = bound / step_bytes;
    size_t high = low + low / 16 + 64;
    while (!fits(a, t, high * step_bytes)) {
        low = high;
        high += high / 4;
        if (high * step_bytes > bound * 64 + 65536)
            return 0;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (fits(a, t, middle * step_bytes))
            high = middle;
        else
            low = middle;
    }
    return high * step_bytes;
}

size_t fh_ample(size_t bound)
{
    return bound * 2 + ((size_t)1 << 20);
}
