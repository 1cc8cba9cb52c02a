/* SPDX-License-Identifier: MIT
 *
 * span.c - see span.h for the promise.
 *
 * The kernel is never called with the lock held except to move a span and to make the table larger; a span leaves the table
 * before it is unmapped and enters it after it was mapped, so that an address the kernel gives again is never there twice.
 */
#include "sys.h"
#include "span.h"

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static size_t place_for(const struct fh_spans *spans, uintptr_t start)
{
    uint64_t hash = (uint64_t)(start >> 12) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 32) & (spans->places - 1);
}

/* The place of the span that starts there, or the empty one where it would go. */
static struct fh_span *look_up(const struct fh_spans *spans, uintptr_t start)
{
    size_t i = place_for(spans, start);
    while (spans->table[i].start != 0 && spans->table[i].start != start)
        i = (i + 1) & (spans->places - 1);
    return &spans->table[i];
}

static struct fh_span *find(const struct fh_spans *spans, const void *ptr)
{
    if (spans->live == 0 || ptr == NULL)
        return NULL;
    struct fh_span *span = look_up(spans, (uintptr_t)ptr);
    return span->start != 0 ? span : NULL;
}

/* Empties a place. What was put behind it because it was taken moves up, so that a search may stop at an empty place. */
static void vacate(struct fh_spans *spans, struct fh_span *span)
{
    size_t hole = (size_t)(span - spans->table);
    size_t mask = spans->places - 1;
    for (size_t i = (hole + 1) & mask; spans->table[i].start != 0; i = (i + 1) & mask) {
        size_t home = place_for(spans, spans->table[i].start);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        spans->table[hole] = spans->table[i];
        hole = i;
    }
    spans->table[hole].start = 0;
}

/* Makes sure that one more span fits into the table. */
static bool make_room(struct fh_spans *spans)
{
    if (spans->live + 1 < spans->places / 2)
        return true;
    size_t places = spans->places != 0 ? spans->places * 2 : spans->page / sizeof(struct fh_span);
    struct fh_span *table = (struct fh_span *)fh_sys_map(NULL, places * sizeof *table);
    if (table == NULL)
        return spans->live + 1 < spans->places;
    struct fh_span *old = spans->table;
    size_t old_places = spans->places;
    spans->table = table;
    spans->places = places;
    for (size_t i = 0; i < old_places; i++) {
        if (old[i].start != 0)
            *look_up(spans, old[i].start) = old[i];
    }
    if (old != NULL)
        fh_sys_unmap(old, old_places * sizeof *old);
    return true;
}

static bool enter_live(struct fh_spans *spans, struct fh_span span)
{
    if (!make_room(spans))
        return false;
    *look_up(spans, span.start) = span;
    __atomic_store_n(&spans->live, spans->live + 1, __ATOMIC_RELAXED);
    return true;
}

static void leave_live(struct fh_spans *spans, struct fh_span *span)
{
    vacate(spans, span);
    __atomic_store_n(&spans->live, spans->live - 1, __ATOMIC_RELAXED);
}

static void remember_gone(struct fh_spans *spans, uintptr_t start)
{
    spans->gone_starts[spans->gone++ % FH_SPANS_GONE] = start;
}

/* ---- the public calls ------------------------------------------------------------------------------------------------ */

/* Whole pages for that many bytes, 0 if there are not as many. */
static size_t round_up(const struct fh_spans *spans, size_t bytes)
{
    return bytes <= SIZE_MAX - (spans->page - 1) ? (bytes + (spans->page - 1)) & ~(spans->page - 1) : 0;
}

/* Pages at a multiple of align: more than needed are mapped, and both ends go back. */
static void *map_aligned(const struct fh_spans *spans, size_t bytes, size_t align)
{
    if (align <= spans->page)
        return fh_sys_map(NULL, bytes);
    size_t slack = align - spans->page;
    if (bytes > SIZE_MAX - slack)
        return NULL;
    char *mem = (char *)fh_sys_map(NULL, bytes + slack);
    if (mem == NULL)
        return NULL;
    size_t before = (0 - (uintptr_t)mem) & (align - 1);
    if (before != 0)
        fh_sys_unmap(mem, before);
    if (slack != before)
        fh_sys_unmap(mem + before + bytes, slack - before);
    return mem + before;
}

void *fh_span_map(struct fh_spans *spans, size_t bytes, size_t align)
{
    uintptr_t state = fh_lock_enter(&spans->lock);
    if (spans->page == 0)
        spans->page = (size_t)sysconf(_SC_PAGESIZE);
    fh_lock_leave(&spans->lock, state);
    struct fh_span span = { 0, round_up(spans, bytes) };
    if (span.bytes == 0)
        return NULL;
    span.start = (uintptr_t)map_aligned(spans, span.bytes, align);
    if (span.start == 0)
        return NULL;
    state = fh_lock_enter(&spans->lock);
    bool entered = enter_live(spans, span);
    fh_lock_leave(&spans->lock, state);
    if (entered)
        return (void *)span.start;
    fh_sys_unmap((void *)span.start, span.bytes);
    return NULL;
}

size_t fh_span_bytes(struct fh_spans *spans, const void *ptr)
{
    uintptr_t state = fh_lock_enter(&spans->lock);
    const struct fh_span *span = find(spans, ptr);
    size_t bytes = span != NULL ? span->bytes : 0;
    fh_lock_leave(&spans->lock, state);
    return bytes;
}

size_t fh_span_free(struct fh_spans *spans, void *ptr)
{
    uintptr_t state = fh_lock_enter(&spans->lock);
    struct fh_span *place = find(spans, ptr);
    size_t bytes = place != NULL ? place->bytes : 0;
    if (place != NULL) {
        leave_live(spans, place);
        remember_gone(spans, (uintptr_t)ptr);
    }
    fh_lock_leave(&spans->lock, state);
    if (bytes != 0)
        fh_sys_unmap(ptr, bytes);
    return bytes;
}

void *fh_span_resize(struct fh_spans *spans, void *ptr, size_t bytes)
{
    uintptr_t state = fh_lock_enter(&spans->lock);
    struct fh_span *place = find(spans, ptr);
    void *moved = NULL;
    if (place != NULL && (bytes = round_up(spans, bytes)) != 0) {
        moved = bytes == place->bytes ? ptr : fh_sys_remap(ptr, place->bytes, bytes);
        if (moved == ptr) {
            place->bytes = bytes;
        } else if (moved != NULL) {
            vacate(spans, place);
            *look_up(spans, (uintptr_t)moved) = (struct fh_span){ (uintptr_t)moved, bytes };
            remember_gone(spans, (uintptr_t)ptr);
        }
    }
    fh_lock_leave(&spans->lock, state);
    return moved;
}

bool fh_span_was_freed(struct fh_spans *spans, const void *ptr)
{
    bool found = false;
    uintptr_t state = fh_lock_enter(&spans->lock);
    for (size_t i = 0; i < FH_SPANS_GONE; i++)
        found |= spans->gone_starts[i] == (uintptr_t)ptr;
    fh_lock_leave(&spans->lock, state);
    return found && ptr != NULL;
}
