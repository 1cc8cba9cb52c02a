/* SPDX-License-Identifier: MIT
 *
 * load.c - reading and checking a trace; see load.h for the promise and ../trace.h for the format.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MOST_RECORDS ((size_t)1 << 28)
#define DEAD UINT32_MAX
#define MOST_ALIGN_LOG (sizeof(size_t) > 4 ? 40u : 30u)

/* What is being read, and where the numbers of its blocks lead. */
struct reader {
    const char *path;
    const unsigned char *bytes;
    size_t length;
    size_t at;
    struct fh_trace *t;
    size_t most;             /* ops that fit the array */
    uint32_t *slot_of;       /* by number; DEAD once freed */
    uint32_t *free_slots;
    uint32_t free_count;
    uint16_t thread;
    uint32_t records;
};

static bool complain(const struct reader *r, const char *what)
{
    fprintf(stderr, "fh-replay: %s: %s (at byte %zu of %zu)\n", r->path, what, r->at, r->length);
    return false;
}

/* LEB128, from and up to an end; false if it does not end there or is wider than 64 bits. */
static bool leb(const unsigned char **from, const unsigned char *end, unsigned shift, uint64_t *x)
{
    for (; *from < end; shift += 7) {
        unsigned char byte = *(*from)++;
        if (shift >= 64 || (shift > 57 && (byte & 127) >> (64 - shift) != 0))
            return false;
        *x |= (uint64_t)(byte & 127) << shift;
        if ((byte & 128) == 0)
            return true;
    }
    return false;
}

/* The slot of the block of that age, or DEAD if there is no such block alive. */
static uint32_t slot_at(const struct reader *r, uint64_t age)
{
    return age < r->t->blocks ? r->slot_of[r->t->blocks - 1 - age] : DEAD;
}

static bool add(struct reader *r, enum fh_trace_op what, uint32_t slot, uint64_t size, unsigned align_log)
{
    struct fh_trace *t = r->t;
    if (size > UINT32_MAX)
        return complain(r, "damaged: a request above 4 GiB");
    t->ops[t->count++] = (struct fh_op){ (uint8_t)what, (uint8_t)align_log, r->thread, slot, (uint32_t)size };
    return true;
}

static bool add_block(struct reader *r, enum fh_trace_op what, uint64_t size, unsigned align_log)
{
    struct fh_trace *t = r->t;
    uint32_t slot = r->free_count != 0 ? r->free_slots[--r->free_count] : t->slots++;
    r->slot_of[t->blocks++] = slot;
    return add(r, what, slot, size, align_log);
}

static bool take_record(struct reader *r, unsigned op, uint64_t value, uint64_t then)
{
    uint32_t slot;
    switch (op) {
    case FH_T_MALLOC:
    case FH_T_CALLOC:
        return add_block(r, (enum fh_trace_op)op, value, 0);
    case FH_T_ALIGNED:
        if (value > MOST_ALIGN_LOG)
            return complain(r, "damaged: an alignment that no block can have");
        return add_block(r, FH_T_ALIGNED, then, (unsigned)value);
    case FH_T_FREE:
        slot = slot_at(r, value);
        if (slot == DEAD)
            return complain(r, "damaged: frees a block that is not alive");
        r->slot_of[r->t->blocks - 1 - value] = DEAD;
        r->free_slots[r->free_count++] = slot;
        return add(r, FH_T_FREE, slot, 0, 0);
    case FH_T_REALLOC:
        slot = slot_at(r, value);
        if (slot == DEAD)
            return complain(r, "damaged: resizes a block that is not alive");
        return add(r, FH_T_REALLOC, slot, then, 0);
    case FH_T_THREAD:
        if (value > UINT16_MAX)
            return complain(r, "damaged: more than 65,536 threads");
        r->thread = (uint16_t)value;
        if (r->t->threads <= value)
            r->t->threads = (unsigned)value + 1;
        return true;
    default:
        return complain(r, "damaged: an operation that does not exist");
    }
}

static bool take_chunk(struct reader *r, const unsigned char *from, const unsigned char *end)
{
    while (from < end) {
        unsigned char first = *from++;
        unsigned op = first & 7;
        uint64_t value = first >> 3 & 15;
        uint64_t then = 0;
        if ((first & 128) != 0 && !leb(&from, end, 4, &value))
            return complain(r, "damaged: a number that does not end");
        if ((op == FH_T_REALLOC || op == FH_T_ALIGNED) && !leb(&from, end, 0, &then))
            return complain(r, "damaged: a number that does not end");
        if (r->records++ >= r->most)
            return complain(r, "more records than a replay can hold");
        if (!take_record(r, op, value, then))
            return false;
    }
    return true;
}

static bool take_header(struct reader *r)
{
    static const unsigned char xz_magic[] = { 0xFD, '7', 'z', 'X', 'Z' };
    if (r->length >= sizeof xz_magic && memcmp(r->bytes, xz_magic, sizeof xz_magic) == 0)
        return complain(r, "packed with xz: unpack it first, with xz -dk");
    if (r->length < FH_TRACE_HEADER || memcmp(r->bytes, FH_TRACE_MAGIC, 7) != 0)
        return complain(r, "not a trace");
    if (r->bytes[7] != FH_TRACE_VERSION) {
        fprintf(stderr, "fh-replay: %s: a trace of version %u; this program reads version %u\n", r->path, r->bytes[7],
                FH_TRACE_VERSION);
        return false;
    }
    r->t->pointer_bytes = r->bytes[8];
    if (r->t->pointer_bytes != 4 && r->t->pointer_bytes != 8)
        return complain(r, "damaged: pointers of a width that does not exist");
    size_t length = r->bytes[9];
    if (r->length < FH_TRACE_HEADER + length)
        return complain(r, "truncated: it ends in its header");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = r->bytes[FH_TRACE_HEADER + i];
        r->t->program[i] = (char)(c > ' ' && c < 127 ? c : '_');
    }
    r->at = FH_TRACE_HEADER + length;
    return true;
}

static bool take_chunks(struct reader *r, bool cut)
{
    for (;;) {
        size_t left = r->length - r->at;
        if (left < 8)
            return cut || complain(r, "truncated: it has no end; --cut takes what is there");
        const unsigned char *chunk = r->bytes + r->at;
        uint32_t length = fh_trace_get32(chunk);
        uint32_t sum = fh_trace_get32(chunk + 4);
        if (length == 0) {
            if (sum != r->records)
                return complain(r, "damaged: records are missing");
            r->at += 8;
            return left == 8 || complain(r, "damaged: something follows the end");
        }
        if (length > FH_TRACE_CHUNK)
            return complain(r, "damaged: a chunk of impossible length");
        if (length > left - 8)
            return cut || complain(r, "truncated: it ends within a chunk; --cut takes what is there");
        if (fh_trace_sum(chunk + 8, length) != sum)
            return complain(r, "damaged: the sum of a chunk is wrong");
        if (!take_chunk(r, chunk + 8, chunk + 8 + length))
            return false;
        r->at += 8 + length;
    }
}

static void name_after(struct fh_trace *t, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    snprintf(t->name, sizeof t->name, "%.*s", (int)strcspn(base, "."), base);
}

static bool parse(struct fh_trace *t, const char *path, const unsigned char *bytes, size_t length, bool cut)
{
    /* A record takes at least a byte, so that the file's length bounds all tables; pages that are not touched cost nothing. */
    size_t most = length < MOST_RECORDS ? length : MOST_RECORDS;
    *t = (struct fh_trace){ .threads = 1 };
    name_after(t, path);
    struct reader r = { .path = path, .bytes = bytes, .length = length, .t = t, .most = most };
    t->ops = fh_map(most * sizeof *t->ops);
    r.slot_of = fh_map(most * sizeof *r.slot_of);
    r.free_slots = fh_map(most * sizeof *r.free_slots);
    bool good = take_header(&r) && take_chunks(&r, cut);
    if (good && t->count == 0)
        good = complain(&r, "an empty trace");
    fh_unmap(r.slot_of, most * sizeof *r.slot_of);
    fh_unmap(r.free_slots, most * sizeof *r.free_slots);
    if (!good)
        fh_unmap(t->ops, most * sizeof *t->ops);
    else
        t->ops = fh_shrink(t->ops, most * sizeof *t->ops, t->count * sizeof *t->ops);
    return good;
}

bool fh_load(struct fh_trace *t, const char *path, bool cut)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fprintf(stderr, "fh-replay: %s: %s\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    size_t length = (size_t)st.st_size;
    void *bytes = S_ISREG(st.st_mode) && length != 0 ? mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (bytes == MAP_FAILED) {
        fprintf(stderr, "fh-replay: %s: not a trace: %s\n", path, S_ISREG(st.st_mode) ? "an empty file" : "not a file");
        return false;
    }
    bool good = parse(t, path, bytes, length, cut);
    munmap(bytes, length);
    return good;
}

void fh_unload(struct fh_trace *t)
{
    fh_unmap(t->ops, t->count * sizeof *t->ops);
    t->ops = NULL;
}

size_t fh_rounded(size_t size, size_t granule, size_t tag)
{
    size_t bytes = (size + tag + granule - 1) / granule * granule;
    return bytes < 16 ? 16 : bytes;
}

struct fh_bound fh_bound_of(const struct fh_trace *t, size_t granule, size_t tag)
{
    struct fh_bound b = { 0 };
    uint32_t *size_of = fh_map(t->slots * sizeof *size_of);
    size_t payload = 0;
    size_t blocks = 0;
    size_t rounded = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct fh_op *op = &t->ops[i];
        if (op->what == FH_T_FREE || op->what == FH_T_REALLOC) {
            payload -= size_of[op->slot];
            rounded -= fh_rounded(size_of[op->slot], granule, tag);
            blocks--;
        }
        if (op->what == FH_T_FREE)
            continue;
        size_of[op->slot] = op->size;
        payload += op->size;
        rounded += fh_rounded(op->size, granule, tag);
        blocks++;
        b.payload = payload > b.payload ? payload : b.payload;
        b.blocks = blocks > b.blocks ? blocks : b.blocks;
        if (rounded > b.bound) {
            b.bound = rounded;
            b.at = i;
            b.at_payload = payload;
            b.at_blocks = blocks;
        }
    }
    fh_unmap(size_of, t->slots * sizeof *size_of);
    return b;
}
