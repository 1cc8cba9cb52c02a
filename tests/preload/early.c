/* SPDX-License-Identifier: MIT
 *
 * early.c - allocating before main and after it: in the loader's first calls, in constructors, in exit handlers.
 *
 * Prints one line for each, in the order in which they must run; the caller compares.
 */
#include "case.h"

#define LARGE ((size_t)256 << 10)

static void *kept;

static void say(const char *where)
{
    printf("%s %s\n", has_failed() ? "fail" : "pass", where);
    fflush(stdout);
}

static void before_constructors(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    (void)environment;
    void *p = malloc(5000);
    kept = realloc(p, LARGE);
    if (kept != NULL)
        paint(kept, LARGE, 1);
}

/* Only a program has this array: it runs before any library's constructor. */
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = before_constructors;

__attribute__((constructor(101))) static void first_constructor(void)
{
    if (!EXPECT(kept != NULL))
        return;
    EXPECT(is_painted(kept, LARGE, LARGE, 1));
    kept = realloc(kept, 100);
    EXPECT(kept != NULL && is_painted(kept, 100, LARGE, 1));
    say("first-constructor");
}

static void at_exit(void)
{
    EXPECT(is_painted(kept, 100, 100, 2));
    free(kept);
    kept = calloc(1000, 10);
    EXPECT(kept != NULL && is_zero(kept, 10000));
    say("exit-handler");
}

__attribute__((destructor(101))) static void last_destructor(void)
{
    EXPECT(kept != NULL && is_zero(kept, 10000));
    free(kept);
    say("last-destructor");
}

int main(void)
{
    EXPECT(atexit(at_exit) == 0);
    paint(kept, 100, 2);
    say("main");
    return has_failed();
}
