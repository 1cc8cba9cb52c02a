/* SPDX-License-Identifier: MIT
 *
 * model.c - the program of a trial: what it holds, what it does next, and whether the allocator kept its promises to it.
 *
 * Promise: allocates nothing itself, so that any allocator may be the subject; the same seed gives the same program.
 * Must not know: what was done to the heap, beyond the bytes that lab_taint names.
 */
#include "lab.h"

#include <string.h>

uint64_t lab_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint64_t lab_below(struct lab_model *m, uint64_t bound)
{
    return lab_random(&m->random) % bound;
}

_Noreturn void lab_breach(struct lab_model *m, const char *how)
{
    strncpy(m->record->breach, how, sizeof m->record->breach - 1);
    lab_stop();
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The pattern of a seed, from the byte `from` on: laid out by words, since to write and to compare it are most of what a program does. */
enum { MOST_PATTERN = 1024 };

static const unsigned char *pattern(uint64_t seed, size_t from, size_t bytes)
{
    static uint64_t words[MOST_PATTERN / 8 + 2];
    for (size_t k = 0; k < (from % 8 + bytes + 7) / 8; k++)
        words[k] = seed ^ (from / 8 + k) % 256 * 0x0101010101010101u;
    return (const unsigned char *)words + from % 8;
}

/* Writes the pattern: into all of some blocks, into the ends of others, into nothing of a few, so that what was there
 * before stays under them. */
static void fill(struct lab_model *m, struct lab_block *b)
{
    static const size_t ways[] = { 0, 8, 64, 64, MOST_PATTERN };
    b->seed = lab_random(&m->random);
    b->written = smaller(b->size, ways[lab_below(m, sizeof ways / sizeof *ways)]);
    b->tainted = false;
    memcpy(b->ptr, pattern(b->seed, 0, b->written), b->written);
    memcpy(b->ptr + b->size - b->written, pattern(b->seed, b->size - b->written, b->written), b->written);
}

/* Is the pattern there, from one byte to before another? */
static bool holds_between(const struct lab_block *b, size_t from, size_t to)
{
    return from >= to || memcmp(b->ptr + from, pattern(b->seed, from, to - from), to - from) == 0;
}

/* Is it at both ends, in the first `kept` bytes? */
static bool holds(const struct lab_block *b, size_t kept)
{
    return holds_between(b, 0, smaller(b->written, kept)) && holds_between(b, b->size - b->written, smaller(b->size, kept));
}

static void verify(struct lab_model *m, const struct lab_block *b)
{
    if (!b->tainted && !holds(b, b->size))
        lab_breach(m, "the contents of a live block changed");
}

/* Is the damaged block still what it was? A free one that was handed out since took its damage with it. */
static bool is_there_still(const struct lab_model *m, const struct lab_watched *w)
{
    for (unsigned i = 0; i < m->live; i++) {
        const unsigned char *ptr = m->blocks[i].ptr;
        if (ptr != w->owner && ptr > w->block.start && ptr <= w->block.start + w->block.bytes)
            return false;
    }
    return true;
}

/* One more call. If it names a block at the damage it is the first touch: of the damaged block itself, or of a neighbour that is
 * given back, which looks at both its sides. */
static void count_call(struct lab_model *m, const void *ptr, bool gives)
{
    m->record->operation++;
    for (unsigned i = 0; i < m->watched_count && m->record->first_touch == 0; i++) {
        const struct lab_watched *w = &m->watched[i];
        if (ptr != NULL && w->ptr == ptr && (w->owner == ptr || (gives && is_there_still(m, w))))
            m->record->first_touch = m->record->operation;
    }
}

/* What a block takes, if it is nothing but an address. */
static size_t reach_of(size_t size)
{
    return size != 0 ? size : 1;
}

/* Puts a block among the live ones, and takes it from there. */
static void hold(struct lab_model *m, const struct lab_block *b)
{
    size_t reach = reach_of(b->size);
    m->blocks[m->live] = *b;
    m->extents[m->live++] = (struct lab_extent){ (uintptr_t)b->ptr + reach - 1, reach };
}

static void drop(struct lab_model *m, struct lab_block *b)
{
    m->live--;
    m->extents[b - m->blocks] = m->extents[m->live];
    *b = m->blocks[m->live];
}

/* How the new block meets a live one, in words. */
static const char *clash(const struct lab_model *m, const unsigned char *ptr, size_t reach)
{
    for (unsigned i = 0; i < m->live; i++) {
        const struct lab_extent *e = &m->extents[i];
        if (e->last - (uintptr_t)ptr < e->reach + reach - 1)
            return ptr == m->blocks[i].ptr ? "a live block was handed out again" : "a block overlaps a live one";
    }
    return "";
}

/* Two extents overlap if one's last byte is less than both their lengths behind the other's first: one comparison a block, without
 * a branch, since all live blocks are looked at for each new one. */
static void admit(struct lab_model *m, unsigned char *ptr, size_t size, size_t align)
{
    if ((uintptr_t)ptr % (align != 0 ? align : m->subject->granule) != 0)
        lab_breach(m, "a block is misaligned");
    if (m->record->applies && !lab_is_mapped(ptr, size))
        lab_breach(m, "a block lies where nothing is mapped");
    const size_t reach = reach_of(size);
    unsigned overlaps = 0;
    for (unsigned i = 0; i < m->live; i++)
        overlaps += m->extents[i].last - (uintptr_t)ptr < m->extents[i].reach + reach - 1;
    if (overlaps != 0)
        lab_breach(m, clash(m, ptr, reach));
}

static size_t any_size(struct lab_model *m)
{
    unsigned bits = 0;
    while ((m->largest >> bits) > 1)
        bits++;
    uint64_t shift = lab_below(m, bits + 1);
    return (size_t)lab_below(m, ((uint64_t)2 << shift));
}

static void take(struct lab_model *m)
{
    if (m->live == LAB_MOST_LIVE)
        return;
    size_t align = lab_below(m, 8) == 0 ? m->subject->granule << lab_below(m, 6) : 0;
    size_t size = any_size(m);
    count_call(m, NULL, false);
    unsigned char *ptr = m->subject->take(align, size);
    if (ptr == NULL) {
        m->refused++;
        return;
    }
    admit(m, ptr, size, align);
    struct lab_block b = { .ptr = ptr, .size = size };
    fill(m, &b);
    hold(m, &b);
}

void lab_forget(struct lab_model *m, struct lab_block *b)
{
    m->freed[m->freed_count++ % LAB_MOST_FREED] = (struct lab_span){ b->ptr, b->size };
    drop(m, b);
}

void lab_give(struct lab_model *m, struct lab_block *b)
{
    unsigned char *ptr = b->ptr;
    verify(m, b);
    lab_forget(m, b);
    count_call(m, ptr, true);
    m->subject->give(ptr);
}

static void resize(struct lab_model *m, struct lab_block *b)
{
    size_t size = any_size(m);
    struct lab_block old = *b;
    /* Large blocks hardly ever grow: to copy them would be most of a trial's time. */
    if (old.size > LAB_LARGE && lab_below(m, 64) != 0)
        size = (size_t)lab_below(m, old.size);
    verify(m, b);
    count_call(m, old.ptr, false);
    unsigned char *ptr = m->subject->resize(old.ptr, size);
    if (ptr == NULL) {
        m->refused++;
        verify(m, b);
        return;
    }
    drop(m, b);
    if (ptr != old.ptr)
        m->freed[m->freed_count++ % LAB_MOST_FREED] = (struct lab_span){ old.ptr, old.size };
    admit(m, ptr, size, 0);
    struct lab_block moved = old;
    moved.ptr = ptr;
    if (!old.tainted && !holds(&moved, smaller(old.size, size)))
        lab_breach(m, "resize changed the contents");
    moved.size = size;
    fill(m, &moved);
    hold(m, &moved);
}

static void operate_once(struct lab_model *m)
{
    uint64_t what = lab_below(m, 100);
    struct lab_block *b = lab_any_block(m);
    /* Leans towards the target from both sides. */
    uint64_t takes = m->live < m->target ? 60 : 40;
    if (b == NULL || what < takes)
        take(m);
    else if (what < 90)
        lab_give(m, b);
    else
        resize(m, b);
}

void lab_operate(struct lab_model *m, unsigned operations)
{
    while (operations-- > 0)
        operate_once(m);
}

struct lab_block *lab_any_block(struct lab_model *m)
{
    return m->live != 0 ? &m->blocks[lab_below(m, m->live)] : NULL;
}

/* The largest block that can be had now, by halving; kept, and its size answered. 0 if there is none. */
static size_t take_largest(struct lab_model *m, void **ptr)
{
    size_t least = 0;
    size_t most = m->heap_bytes;
    while (least < most) {
        size_t middle = least + (most - least + 1) / 2;
        *ptr = m->subject->take(0, middle);
        if (*ptr == NULL) {
            most = middle - 1;
        } else {
            m->subject->give(*ptr);
            least = middle;
        }
    }
    *ptr = least != 0 ? m->subject->take(0, least) : NULL;
    return *ptr != NULL ? least : 0;
}

void lab_measure(struct lab_model *m)
{
    void *taken[8];
    if (m->subject->settle == NULL)
        return;   /* the memory is not bounded */
    m->subject->settle(true);
    for (m->whole_count = 0; m->whole_count < 8; m->whole_count++) {
        size_t size = take_largest(m, &taken[m->whole_count]);
        if (size == 0)
            break;
        m->whole[m->whole_count] = size;
    }
    for (unsigned i = 0; i < m->whole_count; i++)
        m->subject->give(taken[i]);
    m->subject->settle(false);
}

static bool can_be_had_again(struct lab_model *m)
{
    void *taken[8];
    unsigned had = 0;
    while (had < m->whole_count && (taken[had] = m->subject->take(0, m->whole[had])) != NULL)
        had++;
    bool all = had == m->whole_count;
    while (had > 0)
        m->subject->give(taken[--had]);
    return all;
}

/* How much of the memory can still be had, in as many pieces as it takes, in thousandths. */
static unsigned kept(struct lab_model *m)
{
    enum { PIECES = 64 };
    size_t total = 0, left = 0;
    for (unsigned i = 0; i < m->whole_count; i++)
        total += m->whole[i];
    for (unsigned i = 0; i < PIECES; i++) {
        void *ptr;
        size_t size = take_largest(m, &ptr);
        left += size;
        if (size < total / 1024)
            break;
    }
    /* In other pieces it may be a little more than before. */
    return total > left ? (unsigned)((uint64_t)left * 1000 / total) : 1000;
}

void lab_finish(struct lab_model *m)
{
    while (m->live != 0)
        lab_give(m, lab_any_block(m));
    m->record->operation++;
    if (m->subject->settle != NULL)
        m->subject->settle(true);
    m->record->lost = !can_be_had_again(m);
    const char *broken = m->subject->check != NULL ? m->subject->check() : NULL;
    if (broken != NULL)
        strncpy(m->record->check, broken, sizeof m->record->check - 1);
    m->record->kept = m->record->lost ? kept(m) : 1000;
    m->record->done = 1;
}

struct lab_block *lab_block_at(struct lab_model *m, const void *address)
{
    for (unsigned i = 0; i < m->live; i++) {
        struct lab_block *b = &m->blocks[i];
        if ((const unsigned char *)address >= b->ptr && (const unsigned char *)address < b->ptr + b->size)
            return b;
    }
    return NULL;
}

static void watch_block(struct lab_model *m, const struct lab_block *b, void *owner, struct lab_span block)
{
    if (m->watched_count < LAB_MOST_WATCHED)
        m->watched[m->watched_count++] = (struct lab_watched){ b->ptr, owner, block };
}

static const unsigned char *extent_start(const struct lab_model *m, const struct lab_block *b)
{
    return b->ptr - m->subject->tag_bytes;
}

/* The neighbours are asked for by where they are: to ask each live block where it ends would be a walk for each. */
void lab_watch(struct lab_model *m, const unsigned char *address)
{
    struct lab_span block, below;
    if (m->subject->around == NULL || !m->subject->around(address, &block))
        return;
    unsigned char *owner = NULL;
    for (unsigned i = 0; i < m->live; i++) {
        const struct lab_block *b = &m->blocks[i];
        if (extent_start(m, b) != block.start)
            continue;
        if (address >= b->ptr)
            return;
        owner = b->ptr;
        watch_block(m, b, owner, block);
    }
    bool is_free = owner == NULL && block.bytes > m->subject->tag_bytes
                   && (m->subject->waits == NULL || !m->subject->waits(address));
    bool has_below = m->subject->around(block.start - 1, &below) && below.start + below.bytes == block.start;
    for (unsigned i = 0; i < m->live; i++) {
        const struct lab_block *b = &m->blocks[i];
        const unsigned char *start = extent_start(m, b);
        if ((has_below && start == below.start) || (is_free && start == block.start + block.bytes))
            watch_block(m, b, owner, block);
    }
}

void lab_taint(struct lab_model *m, struct lab_span span)
{
    for (unsigned i = 0; i < m->live; i++) {
        struct lab_block *b = &m->blocks[i];
        if (span.start < b->ptr + b->size && b->ptr < span.start + span.bytes)
            b->tainted = true;
    }
}
