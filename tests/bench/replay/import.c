/* SPDX-License-Identifier: MIT
 *
 * import.c - turns the dump of a ring buffer into a trace; see ../ring.h for what filled it.
 *
 * Promise: whatever the bytes are, what is written is a valid trace or nothing. Events on blocks that are not known, because
 * the ring lost their beginning, are left out and counted: a realloc of such a block counts as its allocation.
 * Invariant: a dump is read byte by byte with its own byte order and width, so that any target's dump is read on any host.
 */
#define _GNU_SOURCE
#include "report.h"
#include "../ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct dump {
    const unsigned char *bytes;
    size_t length;
    bool swapped;            /* the byte order is big-endian */
    uint32_t pointer_bytes;
    uint32_t entries;
    uint32_t written;
};

static uint64_t word(const struct dump *d, size_t at, size_t bytes)
{
    uint64_t x = 0;
    for (size_t i = 0; i < bytes; i++)
        x |= (uint64_t)d->bytes[at + i] << 8 * (d->swapped ? bytes - 1 - i : i);
    return x;
}

static size_t entry_bytes(const struct dump *d)
{
    return d->pointer_bytes * 2 + 8;
}

static const char *read_header(struct dump *d)
{
    if (d->length < 16)
        return "too short for a ring buffer";
    if (word(d, 0, 4) != FH_RING_MAGIC) {
        d->swapped = true;
        if (word(d, 0, 4) != FH_RING_MAGIC)
            return "not a ring buffer, or one of another version";
    }
    d->pointer_bytes = (uint32_t)word(d, 4, 4);
    d->entries = (uint32_t)word(d, 8, 4);
    d->written = (uint32_t)word(d, 12, 4);
    if ((d->pointer_bytes != 4 && d->pointer_bytes != 8) || d->entries == 0)
        return "a ring buffer with a damaged header";
    if (d->entries > (d->length - 16) / entry_bytes(d))
        return "a truncated ring buffer";
    return d->written == 0 ? "an empty ring buffer" : NULL;
}

/* The blocks that are alive, by address: a table with linear probing. number is one more than the block's, 0 for a free place. */
struct known {
    uint64_t ptr;
    uint64_t number;
};

struct import {
    struct fh_trace_writer out;
    struct known *table;
    size_t slots;
    uint64_t blocks;
    uint32_t unknown;
};

static struct known *find(const struct import *im, uint64_t ptr)
{
    size_t i = (size_t)(ptr * 0x9E3779B97F4A7C15u >> 32) & (im->slots - 1);
    while (im->table[i].number != 0 && im->table[i].ptr != ptr)
        i = (i + 1) & (im->slots - 1);
    return &im->table[i];
}

/* A dead block keeps its place with number UINT64_MAX: the table is large enough for every event. */
static bool is_alive(const struct known *k)
{
    return k->number != 0 && k->number != UINT64_MAX;
}

static void begin_block(struct import *im, uint64_t ptr, enum fh_trace_op op, uint64_t value, uint64_t then)
{
    struct known *k = find(im, ptr);
    /* Still alive: its free was not noted, but the address is taken again, so it happened. */
    if (is_alive(k))
        fh_trace_put(&im->out, FH_T_FREE, im->blocks - k->number, 0);
    *k = (struct known){ ptr, ++im->blocks };
    fh_trace_put(&im->out, op, value, then);
}

static void move_block(struct import *im, uint64_t old, uint64_t ptr, uint64_t size)
{
    struct known *k = find(im, old);
    if (!is_alive(k)) {
        im->unknown++;
        begin_block(im, ptr, FH_T_MALLOC, size, 0);
        return;
    }
    uint64_t number = k->number;
    k->number = UINT64_MAX;
    struct known *to = find(im, ptr);
    if (is_alive(to))
        fh_trace_put(&im->out, FH_T_FREE, im->blocks - to->number, 0);
    *to = (struct known){ ptr, number };
    fh_trace_put(&im->out, FH_T_REALLOC, im->blocks - number, size);
}

static void end_block(struct import *im, uint64_t ptr)
{
    struct known *k = find(im, ptr);
    if (!is_alive(k)) {
        im->unknown++;
        return;
    }
    fh_trace_put(&im->out, FH_T_FREE, im->blocks - k->number, 0);
    k->number = UINT64_MAX;
}

static bool take_entry(struct import *im, const struct dump *d, uint32_t i)
{
    size_t at = 16 + (size_t)(i % d->entries) * entry_bytes(d);
    uint64_t ptr = word(d, at, d->pointer_bytes);
    uint64_t old = word(d, at + d->pointer_bytes, d->pointer_bytes);
    uint64_t size = word(d, at + 2 * d->pointer_bytes, 4);
    unsigned log = 0;
    switch (word(d, at + 2 * d->pointer_bytes + 4, 4)) {
    case FH_RING_MALLOC:
        begin_block(im, ptr, FH_T_MALLOC, size, 0);
        return true;
    case FH_RING_CALLOC:
        begin_block(im, ptr, FH_T_CALLOC, size, 0);
        return true;
    case FH_RING_FREE:
        end_block(im, ptr);
        return true;
    case FH_RING_REALLOC:
        move_block(im, old, ptr, size);
        return true;
    case FH_RING_ALIGNED:
        while (log < 40 && (uint64_t)1 << log < old)
            log++;
        begin_block(im, ptr, FH_T_ALIGNED, log, size);
        return true;
    default:
        return false;
    }
}

/* All entries, oldest first. False: one of them is no event. */
static bool take_entries(struct import *im, const struct dump *d)
{
    uint32_t held = d->written < d->entries ? d->written : d->entries;
    for (uint32_t i = 0; i < held; i++)
        if (!take_entry(im, d, d->written - held + i))
            return false;
    return true;
}

static bool write_trace(struct dump *d, const char *ring_path, const char *trace_path)
{
    int fd = open(trace_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0) {
        fprintf(stderr, "fh-replay: %s: %s\n", trace_path, strerror(errno));
        return false;
    }
    struct import *im = fh_map(sizeof *im);
    for (im->slots = 64; im->slots < (size_t)d->entries * 4; im->slots *= 2)
        ;
    im->table = fh_map(im->slots * sizeof *im->table);
    fh_trace_begin(&im->out, fd, d->pointer_bytes, "ring");
    bool good = take_entries(im, d);
    if (!good)
        fprintf(stderr, "fh-replay: %s: damaged: an event that does not exist\n", ring_path);
    bool written = fh_trace_end(&im->out);
    if (!written)
        fprintf(stderr, "fh-replay: %s: %s\n", trace_path, strerror(errno));
    close(fd);
    if (good && written)
        printf("%s: %u events%s, %u on blocks from before the ring began\n", trace_path, im->out.records,
               d->written > d->entries ? " (the ring went round)" : "", im->unknown);
    else
        unlink(trace_path);
    fh_unmap(im->table, im->slots * sizeof *im->table);
    fh_unmap(im, sizeof *im);
    return good && written;
}

bool fh_import(const char *ring_path, const char *trace_path)
{
    struct stat st;
    struct dump d = { 0 };
    int fd = open(ring_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fprintf(stderr, "fh-replay: %s: %s\n", ring_path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    d.length = S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
    void *bytes = d.length != 0 ? mmap(NULL, d.length, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    d.bytes = bytes != MAP_FAILED ? bytes : NULL;
    if (d.bytes == NULL)
        d.length = 0;
    const char *complaint = read_header(&d);
    if (complaint != NULL)
        fprintf(stderr, "fh-replay: %s: %s\n", ring_path, complaint);
    bool good = complaint == NULL && write_trace(&d, ring_path, trace_path);
    if (d.bytes != NULL)
        munmap(bytes, d.length);
    return good;
}
