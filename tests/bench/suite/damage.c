/* SPDX-License-Identifier: MIT
 *
 * damage.c - fh-damage TRACE: what the loader makes of a trace that is damaged in every way that one bit or one cut can.
 *
 *   cut      every proper prefix is refused; with `cut' allowed it is taken or refused
 *   flip     every single bit flipped: refused, unless the bit is in the program's name or tells 4 from 8 bytes
 *   limits   traces made to lie just within a limit, which are taken, and just past it, which are refused
 *   forged   every single bit of a record flipped and the sum made right again: refused, or a trace that can be replayed
 *
 * Prints one line for each and ends with the number of wrong answers (at most 1). Built with the address and undefined-behaviour
 * sanitizers, so that a crash or a stray read is a wrong answer too.
 */
#define _GNU_SOURCE
#include "../replay/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static unsigned char *good;
static size_t length;
static char path[64];
static int file;

/* Memory in which the address sanitizer sees every stray access. */
void *fh_map(size_t bytes)
{
    void *mem = calloc(1, bytes != 0 ? bytes : 1);
    if (mem == NULL)
        exit(2);
    return mem;
}

void fh_unmap(void *mem, size_t bytes)
{
    (void)bytes;
    free(mem);
}

void *fh_shrink(void *mem, size_t bytes, size_t kept)
{
    (void)bytes;
    void *shrunk = realloc(mem, kept != 0 ? kept : 1);
    return shrunk != NULL ? shrunk : mem;
}

/* The bytes as a file that the loader can open. */
static bool loads(struct fh_trace *t, const unsigned char *bytes, size_t n, bool cut)
{
    if (ftruncate(file, 0) != 0 || pwrite(file, bytes, n, 0) != (ssize_t)n) {
        perror("fh-damage");
        exit(2);
    }
    return fh_load(t, path, cut);
}

static bool replays(const struct fh_trace *t)
{
    struct fh_bound b = fh_bound_of(t, 16, 4);
    if (b.bound > (size_t)1 << 22)
        return true;
    struct fh_stage s;
    if (!fh_stage_open(&s, &fh_system_allocator, t, 0))
        return false;
    size_t done = fh_replay(&s);
    fh_stage_close(&s);
    return done == t->count || t->ops[done].what == FH_T_ALIGNED;
}

static size_t try_cuts(size_t *tried)
{
    size_t wrong = 0;
    for (size_t n = 0; n < length; n++) {
        struct fh_trace t;
        (*tried)++;
        if (n != 0 && loads(&t, good, n, false)) {
            wrong++;
            fh_unload(&t);
        }
        if (n != 0 && loads(&t, good, n, true)) {
            wrong += !replays(&t);
            fh_unload(&t);
        }
    }
    return wrong;
}

static size_t try_flips(size_t *tried)
{
    size_t wrong = 0;
    size_t name_end = (size_t)FH_TRACE_HEADER + good[9];
    for (size_t bit = 0; bit < length * 8; bit++) {
        struct fh_trace t;
        size_t at = bit / 8;
        (*tried)++;
        good[at] ^= (unsigned char)(1u << bit % 8);
        if (loads(&t, good, length, false)) {
            wrong += !(at >= FH_TRACE_HEADER && at < name_end);
            fh_unload(&t);
        }
        good[at] ^= (unsigned char)(1u << bit % 8);
    }
    return wrong;
}

static size_t try_forged(size_t *tried)
{
    size_t wrong = 0;
    for (size_t chunk = (size_t)FH_TRACE_HEADER + good[9]; chunk + 8 < length;) {
        uint32_t n = fh_trace_get32(good + chunk);
        uint32_t sum = fh_trace_get32(good + chunk + 4);
        for (size_t bit = 0; bit < (size_t)n * 8; bit++) {
            struct fh_trace t;
            unsigned char *byte = good + chunk + 8 + bit / 8;
            (*tried)++;
            *byte ^= (unsigned char)(1u << bit % 8);
            fh_trace_put32(good + chunk + 4, fh_trace_sum(good + chunk + 8, n));
            if (loads(&t, good, length, false)) {
                wrong += !replays(&t);
                fh_unload(&t);
            }
            *byte ^= (unsigned char)(1u << bit % 8);
        }
        fh_trace_put32(good + chunk + 4, sum);
        chunk += 8 + n;
    }
    return wrong;
}

/* A trace of a malloc and one more record is taken if good, else refused. */
static size_t limit(size_t *tried, enum fh_trace_op op, uint64_t value, uint64_t then, bool taken)
{
    static struct fh_trace_writer w;
    struct fh_trace t;
    (*tried)++;
    if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0)
        exit(2);
    fh_trace_begin(&w, file, 8, "limit");
    fh_trace_put(&w, FH_T_MALLOC, 10, 0);
    fh_trace_put(&w, op, value, then);
    if (!fh_trace_end(&w))
        exit(2);
    bool loaded = fh_load(&t, path, false);
    if (loaded)
        fh_unload(&t);
    return loaded != taken;
}

static size_t try_limits(size_t *tried)
{
    size_t wrong = 0;
    wrong += limit(tried, FH_T_MALLOC, UINT32_MAX, 0, true);
    wrong += limit(tried, FH_T_MALLOC, (uint64_t)UINT32_MAX + 1, 0, false);
    wrong += limit(tried, FH_T_CALLOC, UINT64_MAX, 0, false);
    wrong += limit(tried, FH_T_REALLOC, 0, UINT32_MAX, true);
    wrong += limit(tried, FH_T_REALLOC, 0, (uint64_t)UINT32_MAX + 1, false);
    wrong += limit(tried, FH_T_REALLOC, 1, 5, false);
    wrong += limit(tried, FH_T_FREE, 0, 0, true);
    wrong += limit(tried, FH_T_FREE, 1, 0, false);
    wrong += limit(tried, FH_T_FREE, UINT64_MAX, 0, false);
    wrong += limit(tried, FH_T_ALIGNED, 40, 5, true);
    wrong += limit(tried, FH_T_ALIGNED, 41, 5, false);
    wrong += limit(tried, FH_T_THREAD, UINT16_MAX, 0, true);
    wrong += limit(tried, FH_T_THREAD, UINT16_MAX + 1, 0, false);
    wrong += limit(tried, FH_T_OPS, 0, 0, false);
    return wrong;
}

static size_t say(const char *what, size_t (*try)(size_t *tried), FILE *out)
{
    size_t tried = 0;
    size_t wrong = try(&tried);
    /* Nothing tried is no success. */
    wrong += tried == 0;
    fprintf(out, "%s %zu tried, %zu wrong\n", what, tried, wrong);
    return wrong;
}

int main(int argc, char **argv)
{
    int in = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    off_t end = in >= 0 ? lseek(in, 0, SEEK_END) : -1;
    file = memfd_create("damaged", 0);
    if (end <= 0 || file < 0) {
        fprintf(stderr, "usage: fh-damage TRACE\n");
        return 2;
    }
    length = (size_t)end;
    good = malloc(length);
    if (good == NULL || pread(in, good, length, 0) != (ssize_t)length)
        return 2;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct fh_trace t;
    if (!loads(&t, good, length, false))
        return 2;
    bool whole = replays(&t);
    fh_unload(&t);
    /* The loader's complaints are wanted one at a time, not by the thousand. */
    if (freopen("/dev/null", "w", stderr) == NULL)
        return 2;
    size_t wrong = !whole;
    wrong += say("cut", try_cuts, stdout);
    wrong += say("flip", try_flips, stdout);
    wrong += say("forged", try_forged, stdout);
    wrong += say("limits", try_limits, stdout);
    free(good);
    return wrong != 0;
}
