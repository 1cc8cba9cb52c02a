/* SPDX-License-Identifier: MIT
 *
 * main.c - runs the tables of one folder and prints the tally; see test.h for the promise.
 *
 *     program CONFIG FOLDER [TEXT]    only the tests whose name contains TEXT
 *
 * The results go to the first stream as lines `pass CONFIG/file/name`, what was seen to the second.
 */
#include "test.h"

#include <stdarg.h>

/* One line TABLE(folder_file) for each file of tests, made by make. */
#define TABLE(name) extern const struct test name[];
#include "tables.h"
#undef TABLE

static const struct {
    const char *name;
    const struct test *tests;
} tables[] = {
#define TABLE(name) { #name, name },
#include "tables.h"
#undef TABLE
};

/* What the child leaves for the parent. */
static struct ledger {
    unsigned checks;
    unsigned failures;
    const char *skipped;
    bool inapplicable;
} *ledger;

static uint32_t seed = 0x46726565;

enum { SECONDS_PER_TEST = 60, MESSAGES_PER_TEST = 8 };

static size_t length_of(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0')
        n++;
    return n;
}

static void put_number(int stream, uintptr_t x, unsigned base)
{
    char digits[3 * sizeof x];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[x % base];
        x /= base;
    } while (x != 0);
    host_write(stream, digits + at, sizeof digits - at);
}

static void put_text(int stream, const char *text)
{
    host_write(stream, text, length_of(text));
}

static void put(int stream, const char *format, va_list args)
{
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            host_write(stream, f, 1);
            continue;
        }
        switch (*++f) {
        case 's':
            put_text(stream, va_arg(args, const char *));
            break;
        case 'u':
            put_number(stream, va_arg(args, unsigned), 10);
            break;
        case 'd': {
            int d = va_arg(args, int);
            put_text(stream, d < 0 ? "-" : "");
            put_number(stream, d < 0 ? 0 - (uintptr_t)d : (uintptr_t)d, 10);
            break;
        }
        case 'z':
            put_number(stream, va_arg(args, uintptr_t), 10);
            break;
        default:
            put_text(stream, "0x");
            put_number(stream, va_arg(args, uintptr_t), 16);
        }
    }
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(2, format, args);
    va_end(args);
}

static void tell(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(1, format, args);
    va_end(args);
}

bool test_check(bool ok, const char *file, int line, const char *what)
{
    ledger->checks++;
    if (!ok && ledger->failures++ < MESSAGES_PER_TEST)
        say("%s:%d: %s\n", file, line, what);
    return ok;
}

bool test_equal(uintptr_t found, uintptr_t expected, const char *file, int line, const char *what)
{
    ledger->checks++;
    if (found != expected && ledger->failures++ < MESSAGES_PER_TEST)
        say("%s:%d: %s is %z (%x), not %z (%x)\n", file, line, what, found, found, expected, expected);
    return found == expected;
}

_Noreturn void test_stop(void)
{
    host_exit(0);
}

_Noreturn void test_skip(const char *reason)
{
    ledger->skipped = reason;
    host_exit(0);
}

_Noreturn void test_does_not_apply(void)
{
    ledger->inapplicable = true;
    host_exit(0);
}

bool test_failed(void)
{
    return ledger->failures != 0;
}

uint32_t test_seed(void)
{
    return seed;
}

struct progress {
    const struct test_turns *turns;
    unsigned next;
};

static void take_turns(void *arg)
{
    struct progress *p = arg;
    for (; p->next < p->turns->count; p->next++)
        p->turns->one(p->turns->arg, p->next);
}

void test_in_turn(const struct test_turns *turns)
{
    struct progress *p = host_map_shared(sizeof *p);
    REQUIRE(p != NULL);
    for (*p = (struct progress){ turns, 0 }; p->next < turns->count; p->next++) {
        struct host_end end = host_run(take_turns, p, turns->seconds);
        if (p->next < turns->count)
            turns->ended(turns->arg, p->next, end);
    }
}

static void run_one(void *test)
{
    ((const struct test *)test)->run();
}

static bool begins_with(const char *text, const char *part, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] != part[i])
            return false;
    }
    return true;
}

static bool contains(const char *text, const char *part)
{
    size_t n = length_of(part);
    for (; length_of(text) >= n; text++) {
        if (begins_with(text, part, n))
            return true;
    }
    return false;
}

static void run_and_tell(const char *config, const char *file, const struct test *test)
{
    *ledger = (struct ledger){ 0 };
    union {
        const void *in;
        void *out;
    } arg = { .in = test };
    struct host_end end = host_run(run_one, arg.out, SECONDS_PER_TEST);
    if (ledger->inapplicable && ledger->failures == 0)
        return;
    if (ledger->skipped != NULL && ledger->failures == 0) {
        tell("skip %s/%s/%s %s\n", config, file, test->name, ledger->skipped);
        return;
    }
    const char *why = NULL;
    if (end.timed_out)
        why = "did not end";
    else if (end.signal != 0)
        why = "crashed";
    else if (end.status != 0)
        why = "ended early";
    else if (ledger->checks == 0)
        why = "made no check";
    else if (ledger->failures != 0)
        why = "failed";
    tell("%s %s/%s/%s\n", why == NULL ? "pass" : "fail", config, file, test->name);
    if (why != NULL)
        say("FAIL %s/%s/%s: %s (signal %d, status %d, %u of %u checks broken, SEED=%x)\n", config, file, test->name, why, end.signal,
            end.status, ledger->failures, ledger->checks, (uintptr_t)seed);
}

/* The seed as the user writes it: decimal, or hexadecimal after 0x. */
static uint32_t parse(const char *text)
{
    uint32_t x = 0;
    uint32_t base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    for (text += base == 16 ? 2 : 0; *text != '\0'; text++) {
        char c = *text;
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        x = x * base + digit;
    }
    return x;
}

int test_main(int argc, char **argv)
{
    if (argc < 3) {
        say("usage: %s CONFIG FOLDER [TEXT]\n", argv[0]);
        return 2;
    }
    ledger = host_map_shared(sizeof *ledger);
    if (ledger == NULL)
        return 2;
    const char *from = host_env("SEED");
    if (from != NULL && *from != '\0')
        seed = parse(from);
    size_t folder = length_of(argv[2]);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!begins_with(tables[i].name, argv[2], folder) || tables[i].name[folder] != '_')
            continue;
        const char *file = tables[i].name + folder + 1;
        for (const struct test *t = tables[i].tests; t->name != NULL; t++) {
            if (argc < 4 || contains(t->name, argv[3]) || contains(file, argv[3]))
                run_and_tell(argv[1], file, t);
        }
    }
    return 0;
}
