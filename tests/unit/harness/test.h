/* SPDX-License-Identifier: MIT
 *
 * test.h - the smallest harness: named tests in tables, checks that say what they saw, numbers that anyone can repeat.
 *
 * Promise: each test runs in a process of its own, so that one that crashes or hangs is one failure. A test that made no
 * check fails too: silence is not success.
 * Must not know: freehold.
 */
#ifndef TEST_H
#define TEST_H

#include "host.h"

struct test {
    const char *name;
    void (*run)(void);
};

/* A file of tests ends in one table named after its folder and itself: TESTS(unit_bits) = { { "rounding", rounding }, ... };
 * make collects the names. */
#define TESTS(table) extern const struct test table[]; const struct test table[]
#define TESTS_END { 0, 0 }

/* Counts a check; says what broke. Returns ok. */
bool test_check(bool ok, const char *file, int line, const char *what);
bool test_equal(uintptr_t found, uintptr_t expected, const char *file, int line, const char *what);

/* Macros because the text and the line of the caller belong in the message. */
#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define EQUAL(found, expected) test_equal((uintptr_t)(found), (uintptr_t)(expected), __FILE__, __LINE__, #found)
#define REQUIRE(condition) do { if (!CHECK(condition)) test_stop(); } while (0)

/* Ends the test at once; what was checked so far counts. */
_Noreturn void test_stop(void);

/* Ends the test as one that cannot run here. */
_Noreturn void test_skip(const char *reason);

/* Ends the test as one that says nothing about this way of building: it is not counted at all. */
_Noreturn void test_does_not_apply(void);

/* Has a check failed in this test? For loops that would say the same a thousand times. */
bool test_failed(void);

/* Calls one(arg, number) for each number below the count in a child process, which goes on as long as it lives. Where one ends it, or it
 * lives too long, ended is called here, and another child goes on behind that number. A process for each would take most of the time. */
struct test_turns {
    void (*one)(void *arg, unsigned number);
    void (*ended)(void *arg, unsigned number, struct host_end end);
    void *arg;
    unsigned count;
    unsigned seconds;
};

void test_in_turn(const struct test_turns *turns);

/* A message, shown with %s, %u (unsigned), %d (int), %x (uintptr_t, hexadecimal), %z (uintptr_t, decimal), %p. */
void say(const char *format, ...);

/* The seed of this run: SEED from the environment, or a constant. */
uint32_t test_seed(void);

/* Random numbers of our own, the same on every machine. */
struct dice {
    uint32_t a, b;
};

static inline struct dice dice_from(uint32_t seed)
{
    return (struct dice){ seed ^ 0x9E3779B9u, (seed * 0x85EBCA6Bu) | 1 };
}

static inline uint32_t dice_roll(struct dice *d)
{
    uint32_t t = d->a ^ d->a << 10;
    d->a = d->b;
    d->b = d->b ^ d->b >> 10 ^ t ^ t >> 13;
    return d->b;
}

/* Evenly one of 0 to n - 1. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
    return (uint32_t)((uint64_t)dice_roll(d) * n >> 32);
}

#endif
