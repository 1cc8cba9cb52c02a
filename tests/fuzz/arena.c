/* SPDX-License-Identifier: MIT
 *
 * arena.c - a list of parts, kept in no order; see arena.h for the promise.
 */
#include "arena.h"

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PARTS 128
#define DIRTY 512
#define EDGE ((size_t)8)
#define PATTERN 0xA5

struct part {
    uintptr_t start;
    size_t bytes;
    unsigned owner;
    bool acquired;
};

/* The same addresses in every build and every process: places and seals depend on them, and an input must do the same
 * everywhere. */
static unsigned char *const memory = (unsigned char *)0x200000000000;
static const size_t memory_bytes = ARENA_BYTES + 4096;
static struct part parts[PARTS];
static unsigned count;

/* What was given since the last reset. Memory given twice in one run holds what was left in it, but no run sees another's. */
static struct part dirty[DIRTY];
static unsigned dirty_count;

void require(bool fact, const char *text)
{
    if (fact)
        return;
    fprintf(stderr, "fuzz: it does not hold that %s\n", text);
    /* Without its help the sanitizer cannot see through abort. */
    __sanitizer_print_stack_trace();
    abort();
}

uintptr_t arena_start(void)
{
    return (uintptr_t)memory + EDGE;
}

static void map(void)
{
    static bool mapped;
    if (mapped)
        return;
    void *at = mmap(memory, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(at == memory, "the arena's addresses are to be had");
    mapped = true;
}

void arena_reset(void)
{
    map();
    __asan_unpoison_memory_region(memory, memory_bytes);
    if (dirty_count == DIRTY)
        memset(memory, 0, memory_bytes);
    for (unsigned i = 0; i < dirty_count; i++)
        memset((void *)(dirty[i].start - EDGE), 0, dirty[i].bytes + 2 * EDGE);
    dirty_count = 0;
    count = 0;
    __asan_poison_memory_region(memory, memory_bytes);
}

static struct part *part_at(uintptr_t address)
{
    for (unsigned i = 0; i < count; i++) {
        if (address - parts[i].start < parts[i].bytes)
            return &parts[i];
    }
    return NULL;
}

static bool is_free(uintptr_t start, size_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        if (start < parts[i].start + parts[i].bytes && parts[i].start < start + bytes)
            return false;
    }
    return true;
}

/* The eight bytes before and behind a part: those that are nobody's get the pattern, or are looked at. */
__attribute__((no_sanitize("address")))
static void edge(uintptr_t start, bool write)
{
    for (uintptr_t at = start; at < start + EDGE; at++) {
        volatile unsigned char *byte = (unsigned char *)at;
        if (part_at(at) != NULL)
            continue;
        if (write)
            *byte = PATTERN;
        require(*byte == PATTERN, "nothing is written outside of a region");
    }
}

static void edges(const struct part *p, bool write)
{
    edge(p->start - EDGE, write);
    edge(p->start + p->bytes, write);
}

/* Poisons everything that is nobody's in and around the bytes. The sanitizer's unit is poisoned whole, so neighbours are
 * opened again. */
static void close_bytes(uintptr_t start, size_t bytes)
{
    __asan_poison_memory_region((void *)start, bytes);
    for (unsigned i = 0; i < count; i++) {
        if (parts[i].start < start + bytes + EDGE && start < parts[i].start + parts[i].bytes + EDGE)
            __asan_unpoison_memory_region((void *)parts[i].start, parts[i].bytes);
    }
}

bool arena_give(unsigned owner, uintptr_t start, size_t bytes, bool acquired)
{
    uintptr_t from = arena_start();
    if (count == PARTS || bytes == 0 || bytes > ARENA_BYTES || start < from || start - from > ARENA_BYTES - bytes
        || !is_free(start, bytes))
        return false;
    parts[count++] = (struct part){ start, bytes, owner, acquired };
    if (dirty_count < DIRTY)
        dirty[dirty_count++] = parts[count - 1];
    __asan_unpoison_memory_region((void *)start, bytes);
    edges(&parts[count - 1], true);
    return true;
}

static void drop(struct part *p)
{
    struct part gone = *p;
    edges(p, false);
    *p = parts[--count];
    close_bytes(gone.start, gone.bytes);
    /* What was inside is the edge of a neighbour now. */
    for (unsigned i = 0; i < count; i++)
        edges(&parts[i], true);
}

void arena_take_back(unsigned owner, uintptr_t start, size_t bytes, bool acquired)
{
    arena_check_edges();
    while (bytes != 0) {
        struct part *p = part_at(start);
        require(p != NULL && p->start == start && p->bytes <= bytes && p->owner == owner && p->acquired == acquired,
            "what is released is what was acquired");
        start += p->bytes;
        bytes -= p->bytes;
        drop(p);
    }
}

size_t arena_take_all(unsigned owner)
{
    size_t acquired = 0;
    arena_check_edges();
    for (unsigned i = 0; i < count;) {
        if (parts[i].owner != owner) {
            i++;
            continue;
        }
        acquired += parts[i].acquired ? parts[i].bytes : 0;
        drop(&parts[i]);
    }
    return acquired;
}

bool arena_owns(unsigned owner, uintptr_t start, size_t bytes)
{
    uintptr_t end = start + bytes;
    while (start < end) {
        const struct part *p = part_at(start);
        if (p == NULL || p->owner != owner)
            return false;
        start = p->start + p->bytes;
    }
    return true;
}

size_t arena_total(unsigned owner)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += parts[i].owner == owner ? parts[i].bytes : 0;
    return bytes;
}

bool arena_part(unsigned owner, unsigned number, uintptr_t *start, size_t *bytes)
{
    for (unsigned i = 0; i < count; i++) {
        const struct part *p = &parts[(i + number) % count];
        if (p->owner != owner)
            continue;
        *start = p->start;
        *bytes = p->bytes;
        return true;
    }
    return false;
}

void arena_check_edges(void)
{
    for (unsigned i = 0; i < count; i++)
        edges(&parts[i], false);
}
