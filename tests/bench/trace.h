/* SPDX-License-Identifier: MIT
 *
 * trace.h - the format of an allocation trace, and a writer of it that allocates nothing.
 *
 * Promise: a trace is the sequence of a program's allocating calls, in an order in which they could have happened one after
 * the other. Any prefix of whole chunks is a valid sequence, so that what a killed program left can still be used.
 * Invariant: a block has a number: the first one that is allocated is 0, the next one 1 and so on; realloc keeps it.
 * Must not know: who replays it, and on what.
 *
 * The file
 *
 *   8 bytes   "FHTRACE" and the version of the format, 1
 *   1 byte    the width of a pointer in the traced program in bytes, 4 or 8
 *   1 byte    length of the name that follows
 *   n bytes   the program's name, no terminating zero
 *   chunks    each: 4 bytes length of the records, 4 bytes FNV-1a over them (both little-endian), the records
 *   end       a chunk of length 0; in place of the sum, the number of records (modulo 2^32)
 *
 * A record begins with a byte `more | value << 3 | op`: three bits of op, four bits of value, and in bit 7 whether more of the
 * value follows: LEB128, seven bits a byte, low ones first. No record spans two chunks.
 *
 *   op            value                            then (LEB128)
 *   0 malloc      size in bytes
 *   1 free        age of the block
 *   2 realloc     age of the block                 size in bytes
 *   3 calloc      size in bytes (the product)
 *   4 aligned     logarithm of the alignment       size in bytes
 *   5 thread      number of the thread that does what follows; at the start it is 0
 *
 * The age of a block is how many blocks have been allocated since: 0 is the last one. Most blocks die young, so most records
 * take two bytes, and a packer finds the same patterns again that it could not find in addresses or numbers.
 */
#ifndef FH_TRACE_H
#define FH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define FH_TRACE_MAGIC "FHTRACE"
#define FH_TRACE_VERSION 1
#define FH_TRACE_HEADER 10
#define FH_TRACE_CHUNK 65536     /* no chunk is longer */
#define FH_TRACE_RECORD 32       /* no record is longer */

enum fh_trace_op { FH_T_MALLOC, FH_T_FREE, FH_T_REALLOC, FH_T_CALLOC, FH_T_ALIGNED, FH_T_THREAD, FH_T_OPS };

static inline uint32_t fh_trace_sum(const unsigned char *bytes, size_t length)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static inline void fh_trace_put32(unsigned char *at, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(x >> 8 * i);
}

static inline uint32_t fh_trace_get32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A trace being written. ok turns false at the first byte that could not be written, and stays so. */
struct fh_trace_writer {
    int fd;
    bool ok;
    uint32_t records;
    size_t used;
    unsigned char chunk[8 + FH_TRACE_CHUNK];
};

static inline void fh_trace_write_all(struct fh_trace_writer *w, const unsigned char *bytes, size_t length)
{
    while (length != 0 && w->ok) {
        ssize_t n = write(w->fd, bytes, length);
        w->ok = n > 0;
        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
        }
    }
}

static inline void fh_trace_begin(struct fh_trace_writer *w, int fd, unsigned pointer_bytes, const char *name)
{
    unsigned char header[FH_TRACE_HEADER + 255] = FH_TRACE_MAGIC;
    size_t length = strlen(name) < 255 ? strlen(name) : 255;
    header[7] = FH_TRACE_VERSION;
    header[8] = (unsigned char)pointer_bytes;
    header[9] = (unsigned char)length;
    memcpy(header + FH_TRACE_HEADER, name, length);
    w->fd = fd;
    w->ok = true;
    w->records = 0;
    w->used = 0;
    fh_trace_write_all(w, header, FH_TRACE_HEADER + length);
}

/* Closes the chunk and writes it. */
static inline void fh_trace_flush(struct fh_trace_writer *w)
{
    if (w->used == 0)
        return;
    fh_trace_put32(w->chunk, (uint32_t)w->used);
    fh_trace_put32(w->chunk + 4, fh_trace_sum(w->chunk + 8, w->used));
    fh_trace_write_all(w, w->chunk, 8 + w->used);
    w->used = 0;
}

static inline void fh_trace_leb(struct fh_trace_writer *w, uint64_t x)
{
    do {
        w->chunk[8 + w->used++] = (unsigned char)((x & 127) | (x > 127 ? 128 : 0));
        x >>= 7;
    } while (x != 0);
}

/* Appends one record; then is ignored where the op has no second operand. */
static inline void fh_trace_put(struct fh_trace_writer *w, enum fh_trace_op op, uint64_t value, uint64_t then)
{
    if (w->used + FH_TRACE_RECORD > FH_TRACE_CHUNK)
        fh_trace_flush(w);
    w->chunk[8 + w->used++] = (unsigned char)((unsigned)op | (unsigned)(value & 15) << 3 | (value > 15 ? 128u : 0));
    if (value > 15)
        fh_trace_leb(w, value >> 4);
    if (op == FH_T_REALLOC || op == FH_T_ALIGNED)
        fh_trace_leb(w, then);
    w->records++;
}

/* Ends the trace. The descriptor stays open. False: something could not be written. */
static inline bool fh_trace_end(struct fh_trace_writer *w)
{
    unsigned char end[8] = { 0 };
    fh_trace_flush(w);
    fh_trace_put32(end + 4, w->records);
    fh_trace_write_all(w, end, sizeof end);
    return w->ok;
}

#endif
