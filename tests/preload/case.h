/* SPDX-License-Identifier: MIT
 *
 * case.h - what the tests of the hosted malloc share: cases, expectations, random numbers, patterns.
 *
 * Promise: every case prints one line, `pass NAME` or `fail NAME`, and what failed goes to standard error with its place.
 * The pattern of a block depends on its key, so that a block that overlaps another one, or that was copied short, shows.
 * The allocator is reached through the names of stdlib.h only: who defines them is the linker's business.
 */
#ifndef CASE_H
#define CASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int case_failures;

/* Counts a failure and says where; may be called from any thread. */
static inline bool expect_at(bool ok, const char *what, const char *file, int line)
{
    if (!ok && __atomic_add_fetch(&case_failures, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "%s:%d: expected %s\n", file, line, what);
    return ok;
}
#define EXPECT(what) expect_at((what), #what, __FILE__, __LINE__)

static inline bool has_failed(void)
{
    return __atomic_load_n(&case_failures, __ATOMIC_RELAXED) != 0;
}

struct test_case {
    const char *name;
    void (*run)(void);
};

static inline bool is_named(const char *name, char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return names[0] == NULL;
}

/* Runs the cases that are named, all of them if none is; returns the status for main. */
static inline int run_cases(const struct test_case *cases, size_t count, char *const *names)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_named(cases[i].name, names))
            continue;
        case_failures = 0;
        cases[i].run();
        failed += has_failed();
        printf("%s %s\n", has_failed() ? "fail" : "pass", cases[i].name);
        fflush(stdout);
    }
    return failed != 0;
}

static inline uint64_t case_seed(void)
{
    const char *text = getenv("SEED");
    return text != NULL ? strtoull(text, NULL, 0) : 20261123;
}

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* A size such as programs ask for: mostly small, now and then up to most. */
static inline size_t random_size(uint64_t *state, size_t most)
{
    uint64_t r = next_random(state);
    unsigned bits = (unsigned)(r & 31) < 26 ? (unsigned)(r & 7) + 3 : (unsigned)(r >> 8) % 21 + 1;
    size_t size = (size_t)(r >> 32) & (((size_t)1 << bits) - 1);
    return size <= most ? size : size % most;
}

/* A large block is written at every 509th byte and its ends: that hits every page and costs little. */
static inline size_t pattern_step(size_t size)
{
    return size > 65536 ? 509 : 1;
}

static inline unsigned char pattern_byte(uint64_t key, size_t i)
{
    return (unsigned char)(key * 31 + i * 7 + (i >> 8) + 1);
}

static inline void paint(void *ptr, size_t size, uint64_t key)
{
    unsigned char *p = (unsigned char *)ptr;
    size_t step = pattern_step(size);
    for (size_t i = 0; i < size; i += step)
        p[i] = pattern_byte(key, i);
}

/* Does the block still hold its pattern, of which the first size bytes were kept of a block of painted bytes? */
static inline bool is_painted(const void *ptr, size_t size, size_t painted, uint64_t key)
{
    const unsigned char *p = (const unsigned char *)ptr;
    size_t step = pattern_step(painted);
    for (size_t i = 0; i < size; i += step) {
        if (p[i] != pattern_byte(key, i))
            return false;
    }
    return true;
}

static inline bool is_zero(const void *ptr, size_t size)
{
    const unsigned char *p = (const unsigned char *)ptr;
    for (size_t i = 0; i < size; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static inline bool is_aligned(const void *ptr, size_t align)
{
    return ((uintptr_t)ptr & (align - 1)) == 0;
}

/* Bytes of the process that are mapped, and that lie in memory. */
static inline size_t process_bytes(bool resident)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages[2] = { 0, 0 };
    if (f != NULL && fgets(text, sizeof text, f) != NULL)
        sscanf(text, "%lu %lu", &pages[0], &pages[1]);
    if (f != NULL)
        fclose(f);
    return (size_t)pages[resident] * (size_t)sysconf(_SC_PAGESIZE);
}

#endif
