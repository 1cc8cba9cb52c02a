/* SPDX-License-Identifier: MIT
 *
 * crimes.c - what is done to the heap, one entry in the table a class.
 *
 * Promise: a crime changes at least one bit that is not its own, or makes a call with a pointer that it may not make it with.
 * It never touches memory that is not mapped, so that a crash is the subject's.
 * Must not know: any allocator; it asks the subject where things are.
 */
#define _GNU_SOURCE
#include "lab.h"

#include <pthread.h>
#include <string.h>

static _Alignas(16) unsigned char a_static[256];

/* Something given back lately that is nobody's now, all of it and a margin around it. */
static bool freed_lately(struct lab_model *m, size_t least, size_t margin, struct lab_span *span)
{
    unsigned known = m->freed_count < LAB_MOST_FREED ? m->freed_count : LAB_MOST_FREED;
    for (unsigned tries = 0; known != 0 && tries < 40; tries++) {
        struct lab_span s = m->freed[lab_below(m, known)];
        unsigned char *end = s.start + s.bytes + margin;
        bool taken = s.bytes < least;
        for (unsigned i = 0; !taken && i < m->live; i++)
            taken = m->blocks[i].ptr < end && s.start < m->blocks[i].ptr + m->blocks[i].size + margin;
        if (taken || !lab_is_mapped(s.start - margin, s.bytes + 2 * margin))
            continue;
        *span = s;
        return true;
    }
    return false;
}

static bool place_unaided(struct lab_model *m, int part, struct lab_span *span)
{
    size_t tag = m->subject->tag_bytes;
    size_t link = m->subject->link_bytes;
    const struct lab_block *b = lab_any_block(m);
    switch (part) {
    case LAB_TAG_USED:
        *span = (struct lab_span){ b != NULL ? b->ptr - tag : NULL, tag };
        return b != NULL && tag != 0;
    case LAB_TAG_FREE:
        if (tag == 0 || !freed_lately(m, 0, 64, span))
            return false;
        *span = (struct lab_span){ span->start - tag, tag };
        return true;
    case LAB_LINK:
        if (link == 0 || !freed_lately(m, link, 64, span))
            return false;
        span->bytes = link;
        return true;
    default:
        return false;
    }
}

static bool place(struct lab_model *m, int part, struct lab_span *span)
{
    /* A block that the program holds: the allocator may have some of its own, which no call will ever name. */
    if (m->subject->place != NULL && part != LAB_TAG_USED)
        return m->subject->place((enum lab_part)part, lab_random(&m->random), span);
    return place_unaided(m, part, span);
}

static bool is_in_blocks(int part)
{
    return part < LAB_REGION;
}

static void flip_in(struct lab_model *m, struct lab_span span)
{
    unsigned char *byte = span.start + lab_below(m, span.bytes);
    m->record->place = byte;
    if (m->subject->name_of != NULL)
        m->record->field = m->subject->name_of(byte);
    *byte ^= (unsigned char)(1u << lab_below(m, 8));
}

/* The bit changes between two calls: no call of its own. */
static bool flip(struct lab_model *m, int part)
{
    struct lab_span span;
    if (!place(m, part, &span))
        return false;
    if (is_in_blocks(part))
        lab_watch(m, span.start);
    flip_in(m, span);
    return true;
}

/* Thinks of what stray writes write: random bytes, zeros, ones, text, a small number, an address. Until something would change. */
static void think_of_bytes(struct lab_model *m, struct lab_span span, unsigned char *bytes)
{
    do {
        uint64_t kind = lab_below(m, 6);
        uint64_t value = kind == 4 ? lab_below(m, 256) : (uint64_t)(uintptr_t)span.start;
        for (size_t i = 0; i < span.bytes; i++)
            bytes[i] = kind == 0   ? (unsigned char)lab_below(m, 256)
                       : kind == 1 ? 0
                       : kind == 2 ? 0xFF
                       : kind == 3 ? (unsigned char)('A' + i % 26)
                                   : (unsigned char)(value >> (i % 8 * 8));
    } while (memcmp(bytes, span.start, span.bytes) == 0);
}

/* Watches the first and the last byte that change: one that is written over with what was there is no damage. */
static bool stray_write(struct lab_model *m, unsigned char *start, size_t bytes)
{
    struct lab_span span = { start, bytes };
    unsigned char after[64];
    if (!lab_is_mapped(start, bytes))
        return false;
    think_of_bytes(m, span, after);
    size_t first = 0;
    size_t last = bytes - 1;
    while (after[first] == start[first])
        first++;
    while (after[last] == start[last])
        last--;
    lab_watch(m, start + first);
    lab_watch(m, start + last);
    m->record->place = start;
    lab_taint(m, span);
    memcpy(start, after, bytes);
    return true;
}

/* The end of what the program may write: of what it asked for if the subject claims to see that, else of what it may use. */
static bool overflow(struct lab_model *m, int bytes)
{
    struct lab_block *b = lab_any_block(m);
    if (b == NULL)
        return false;
    size_t end = m->subject->exact ? b->size : m->subject->usable(b->ptr);
    return stray_write(m, b->ptr + end, (size_t)bytes);
}

static bool underflow(struct lab_model *m, int bytes)
{
    struct lab_block *b = lab_any_block(m);
    return b != NULL && stray_write(m, b->ptr - bytes, (size_t)bytes);
}

/* A write through a pointer that was freed. */
static bool late_write(struct lab_model *m, int part)
{
    struct lab_span span;
    if (!place(m, part, &span))
        return false;
    size_t most = span.bytes < 32 ? span.bytes : 32;
    return stray_write(m, span.start, 1 + (size_t)lab_below(m, most));
}

/* The same behind the links, anywhere in what was asked for; or in as much of it as the subject claims to watch. */
static bool late_write_behind(struct lab_model *m, int unused)
{
    struct lab_span span;
    size_t link = m->subject->link_bytes;
    (void)unused;
    if (!freed_lately(m, link + 1, m->subject->granule, &span))
        return false;
    if (m->subject->late_bytes != 0 && span.bytes > m->subject->late_bytes)
        span.bytes = m->subject->late_bytes;
    span = (struct lab_span){ span.start + link, span.bytes - link };
    size_t most = span.bytes < 32 ? span.bytes : 32;
    size_t bytes = 1 + (size_t)lab_below(m, most);
    return stray_write(m, span.start + lab_below(m, span.bytes - bytes + 1), bytes);
}

/* The calls that a wrong pointer is passed to. */
enum call { FREE, REALLOC, MOST_CALLS };

static bool pass(struct lab_model *m, enum call call, void *ptr)
{
    m->record->applies = 1;
    m->record->place = ptr;
    m->record->operation = 1;
    m->record->first_touch = 1;
    if (call == FREE) {
        m->subject->give(ptr);
        return true;
    }
    void *moved = m->subject->resize(ptr, (size_t)lab_below(m, 2000));
    if (moved != NULL)
        lab_breach(m, "realloc served a wrong pointer");
    return true;
}

/* Gives a block back as it ought to be, and answers where it was. */
static void *give_any(struct lab_model *m)
{
    struct lab_block *b = lab_any_block(m);
    if (b == NULL)
        return NULL;
    void *ptr = b->ptr;
    lab_give(m, b);
    return ptr;
}

static bool twice(struct lab_model *m, int call)
{
    void *ptr = give_any(m);
    return ptr != NULL && pass(m, (enum call)call, ptr);
}

static bool is_live(struct lab_model *m, const void *ptr)
{
    for (unsigned i = 0; i < m->live; i++) {
        if (m->blocks[i].ptr == (const unsigned char *)ptr)
            return true;
    }
    return false;
}

/* Later, when the address is not that of a live block. */
static bool twice_later(struct lab_model *m, int call)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        void *ptr = give_any(m);
        lab_operate(m, 1 + (unsigned)lab_below(m, 300));
        if (ptr == NULL || is_live(m, ptr))
            continue;
        return pass(m, (enum call)call, ptr);
    }
    return false;
}

/* Later, when the address is that of another live block: its owner is robbed. */
static bool twice_reused(struct lab_model *m, int call)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        void *ptr = give_any(m);
        lab_operate(m, 1 + (unsigned)lab_below(m, 30));
        if (ptr == NULL || !is_live(m, ptr))
            continue;
        return pass(m, (enum call)call, ptr);
    }
    return false;
}

/* A few calls later, whatever became of the address. If one of them was refused, memory was so short that what was given back had to
 * be handed out at once: that is tried again, as long as there is hope. */
static bool twice_delayed(struct lab_model *m, int call)
{
    void *ptr = NULL;
    unsigned refused = m->refused + 1;
    for (unsigned tries = 0; m->refused != refused && tries < 20; tries++) {
        refused = m->refused;
        ptr = give_any(m);
        lab_operate(m, 1 + (unsigned)lab_below(m, 30));
    }
    return ptr != NULL && pass(m, (enum call)call, ptr);
}

static void *give_elsewhere(void *arg)
{
    struct lab_model *m = arg;
    if (m->subject->cpu != NULL)
        m->subject->cpu(1);
    return give_any(m);
}

/* One thread frees, another one frees again: another CPU's cache. */
static bool twice_across(struct lab_model *m, int call)
{
    pthread_t thread;
    void *ptr = NULL;
    m->record->spent = 1;
    if (pthread_create(&thread, NULL, give_elsewhere, m) != 0 || pthread_join(thread, &ptr) != 0 || ptr == NULL)
        return false;
    return pass(m, (enum call)call, ptr);
}

/* A live block in which a second payload could begin; NULL if a few tries find none. */
static struct lab_block *any_large_block(struct lab_model *m)
{
    for (unsigned tries = 0; m->live != 0 && tries < 50; tries++) {
        struct lab_block *b = lab_any_block(m);
        if (b->size >= 2 * m->subject->granule)
            return b;
    }
    return NULL;
}

/* A multiple of the granule inside a block, not its beginning. */
static unsigned char *place_inside(struct lab_model *m, const struct lab_block *b)
{
    return b->ptr + m->subject->granule * (1 + lab_below(m, b->size / m->subject->granule - 1));
}

static bool interior(struct lab_model *m, int call)
{
    struct lab_block *b = any_large_block(m);
    return b != NULL && pass(m, (enum call)call, place_inside(m, b));
}

static bool misaligned(struct lab_model *m, int call)
{
    struct lab_block *b = lab_any_block(m);
    if (b == NULL)
        return false;
    return pass(m, (enum call)call, b->ptr + 1 + lab_below(m, m->subject->granule - 1));
}

static bool on_stack(struct lab_model *m, int call)
{
    _Alignas(16) unsigned char local[256];
    for (size_t i = 0; i < sizeof local; i++)
        local[i] = (unsigned char)lab_below(m, 256);
    return pass(m, (enum call)call, local + 16 * lab_below(m, 8));
}

static bool in_static(struct lab_model *m, int call)
{
    return pass(m, (enum call)call, a_static + 16 * lab_below(m, 8));
}

static bool foreign(struct lab_model *m, int call)
{
    void *ptr = m->subject->foreign != NULL ? m->subject->foreign(lab_random(&m->random)) : NULL;
    return ptr != NULL && pass(m, (enum call)call, ptr);
}

static bool released(struct lab_model *m, int call)
{
    void *ptr = m->subject->released != NULL ? m->subject->released(lab_random(&m->random)) : NULL;
    return ptr != NULL && pass(m, (enum call)call, ptr);
}

/* Small numbers, the ends of the address space, what lies just before and behind the heap, any number. */
static bool unmapped(struct lab_model *m, int call)
{
    struct lab_block *b = lab_any_block(m);
    uintptr_t near = b != NULL ? (uintptr_t)b->ptr : 0;
    uintptr_t any = (uintptr_t)lab_random(&m->random);
    for (unsigned tries = 0; tries < 20; tries++) {
        uintptr_t address = 0;
        switch (lab_below(m, 5)) {
        case 0: address = 16 + 16 * (uintptr_t)lab_below(m, 250); break;
        case 1: address = UINTPTR_MAX - (uintptr_t)lab_below(m, 4096); break;
        case 2: address = near + (any % 64 + 1) * m->heap_bytes; break;
        case 3: address = near ^ (uintptr_t)1 << lab_below(m, sizeof any * 8); break;
        default: address = any; break;
        }
        address &= ~(uintptr_t)15;
        if (address == 0 || lab_is_mapped((void *)address, 1))
            continue;
        return pass(m, (enum call)call, (void *)address);
    }
    return false;
}

/* A whole tag copied to where no block begins, and a pointer to it: inside another block, or anywhere. */
static bool forged(struct lab_model *m, int call)
{
    size_t tag = m->subject->tag_bytes;
    struct lab_block *from = lab_any_block(m);
    struct lab_block *in = any_large_block(m);
    if (tag == 0 || from == NULL || in == NULL)
        return false;
    unsigned char *place = a_static + 64;
    if (lab_below(m, 8) != 0) {
        place = place_inside(m, in);
        in->tainted = true;
    }
    memcpy(place - tag, from->ptr - tag, tag);
    return pass(m, (enum call)call, place);
}

/* Several at once, of what can go wrong inside blocks. */
static bool several(struct lab_model *m, int count)
{
    static const enum lab_part parts[] = { LAB_TAG_USED, LAB_TAG_FREE, LAB_TAG_END, LAB_LINK, LAB_FOOTER };
    struct lab_span spans[8];
    int found = 0;
    while (count-- > 0) {
        if (!place(m, (int)parts[lab_below(m, sizeof parts / sizeof *parts)], &spans[found]))
            continue;
        lab_watch(m, spans[found].start);
        found++;
    }
    for (int i = 0; i < found; i++)
        flip_in(m, spans[i]);
    return found > 1;
}

const struct lab_crime lab_crimes[] = {
    { "flip-tag-used", flip, LAB_TAG_USED, false, false, "one bit of the tag of a used block" },
    { "flip-tag-free", flip, LAB_TAG_FREE, false, false, "one bit of the tag of a free block" },
    { "flip-tag-end", flip, LAB_TAG_END, false, false, "one bit of a region's end tag" },
    { "flip-link", flip, LAB_LINK, false, false, "one bit of a link of a free block" },
    { "flip-footer", flip, LAB_FOOTER, false, false, "one bit of a footer" },
    { "flip-size", flip, LAB_SIZE, true, false, "one bit of the size word of a huge free block" },
    { "flip-quick", flip, LAB_QUICK, false, false, "one bit of the link or the mark of a cached block" },
    { "flip-region", flip, LAB_REGION, false, false, "one bit of the header of a region" },
    { "flip-heads", flip, LAB_HEADS, false, false, "one bit of the heads of the lists" },
    { "flip-map", flip, LAB_MAP, false, false, "one bit of the map of the lists" },
    { "flip-counts", flip, LAB_COUNTS, false, false, "one bit of the statistics" },
    { "flip-port", flip, LAB_PORT, false, false, "one bit of the pointer to the port" },
    { "flip-control", flip, LAB_CONTROL, false, false, "one bit anywhere in the control structure" },
    { "flip-cache", flip, LAB_CACHES, false, false, "one bit anywhere in a cache" },
    { "several-2", several, 2, true, false, "two bits of different tags, links or footers" },
    { "several-4", several, 4, true, false, "four bits of different tags, links or footers" },
    { "overflow-1", overflow, 1, false, false, "one byte written behind a block" },
    { "overflow-8", overflow, 8, false, false, "8 bytes written behind a block" },
    { "overflow-32", overflow, 32, false, false, "32 bytes written behind a block" },
    { "underflow-1", underflow, 1, false, false, "one byte written before a block" },
    { "underflow-8", underflow, 8, false, false, "8 bytes written before a block" },
    { "late-link", late_write, LAB_LINK, false, false, "write after free, to the links" },
    { "late-quick", late_write, LAB_QUICK, false, false, "write after free, to the link or the mark of a cached block" },
    { "late-data", late_write_behind, 0, false, true, "write after free, behind the links, to a block given back lately" },
    { "twice-now", twice, FREE, false, false, "free twice, at once" },
    { "twice-across", twice_across, FREE, false, false, "free by one thread, then by another" },
    { "twice-later", twice_later, FREE, false, false, "free twice, with other calls between" },
    { "twice-delayed", twice_delayed, FREE, false, true, "free twice, with up to 30 calls between" },
    { "twice-reused", twice_reused, FREE, false, true, "free twice, with the address handed out again between" },
    { "free-interior", interior, FREE, false, false, "free of a pointer into the middle of a block" },
    { "free-misaligned", misaligned, FREE, false, false, "free of a misaligned pointer" },
    { "free-stack", on_stack, FREE, false, false, "free of a pointer to the stack" },
    { "free-static", in_static, FREE, false, false, "free of a pointer to a static" },
    { "free-foreign", foreign, FREE, false, false, "free of a block of another heap" },
    { "free-released", released, FREE, false, false, "free into a region given back" },
    { "free-unmapped", unmapped, FREE, false, false, "free of an address where nothing is" },
    { "free-forged", forged, FREE, false, false, "free of a pointer to a copied tag" },
    { "re-twice-now", twice, REALLOC, false, false, "realloc of a freed block, at once" },
    { "re-twice-later", twice_later, REALLOC, false, false, "realloc of a freed block, later" },
    { "re-twice-delayed", twice_delayed, REALLOC, false, true, "realloc of a freed block, up to 30 calls later" },
    { "re-twice-reused", twice_reused, REALLOC, false, true, "realloc of a freed block whose address was handed out again" },
    { "re-interior", interior, REALLOC, false, false, "realloc of a pointer into the middle of a block" },
    { "re-misaligned", misaligned, REALLOC, false, false, "realloc of a misaligned pointer" },
    { "re-stack", on_stack, REALLOC, false, false, "realloc of a pointer to the stack" },
    { "re-static", in_static, REALLOC, false, false, "realloc of a pointer to a static" },
    { "re-foreign", foreign, REALLOC, false, false, "realloc of a block of another heap" },
    { "re-released", released, REALLOC, false, false, "realloc into a region given back" },
    { "re-unmapped", unmapped, REALLOC, false, false, "realloc of an address where nothing is" },
    { "re-forged", forged, REALLOC, false, false, "realloc of a pointer to a copied tag" },
};

const unsigned lab_crime_count = sizeof lab_crimes / sizeof *lab_crimes;
