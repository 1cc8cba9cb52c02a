/* SPDX-License-Identifier: MIT
 *
 * crimes.c - one misuse of the hosted malloc, named by the argument. Before it, the line that must come on standard error is
 * printed on standard output, as an extended regular expression; after it, nothing may be.
 */
#include "case.h"

#include <signal.h>

#define LARGE ((size_t)256 << 10)

/* Hides a pointer from the compiler, which knows of many misuses itself. */
static char *opaque(char *ptr)
{
    __asm__ volatile("" : "+r"(ptr) : : "memory");
    return ptr;
}

static void announce(const char *kind, const void *ptr)
{
    printf("freehold: %s: pointer 0x%jx, block 0x[0-9a-f]+, expected 0x[0-9a-f]+, found 0x[0-9a-f]+\n", kind,
        (uintmax_t)(uintptr_t)ptr);
    fflush(stdout);
}

static void free_twice(size_t size, size_t between)
{
    char *p = opaque((char *)malloc(size));
    char *fence = opaque((char *)malloc(size));
    free(p);
    for (size_t i = 0; i < between; i++)
        free(opaque((char *)malloc(LARGE + i * 4096 * 100)));
    announce("double free", p);
    free(p);
    free(fence);
}

static void double_small(void)
{
    free_twice(24, 0);
}

static void double_medium(void)
{
    free_twice(50000, 0);
}

static void double_large(void)
{
    free_twice(LARGE, 0);
}

/* Too large to be kept. */
static void double_huge(void)
{
    free_twice((size_t)100 << 20, 0);
}

/* Kept, and unmapped since because others were freed. */
static void double_large_later(void)
{
    free_twice(LARGE, 40);
}

static void double_moved(void)
{
    char *p = opaque((char *)malloc(LARGE));
    char *q = opaque((char *)malloc(LARGE));
    char *moved = opaque((char *)realloc(p, LARGE * 100));
    announce(moved != p ? "double free" : "span that did not move", p);
    free(p);
    free(q);
    free(moved);
}

static void realloc_freed(void)
{
    char *p = opaque((char *)malloc(100));
    free(p);
    announce("double free", p);
    p = (char *)realloc(p, 200);
    opaque(p);
}

static void realloc_freed_large(void)
{
    char *p = opaque((char *)malloc(LARGE));
    free(p);
    announce("double free", p);
    p = (char *)realloc(p, LARGE * 2);
    opaque(p);
}

static void usable_freed(void)
{
    char *p = opaque((char *)malloc(100));
    free(p);
    announce("double free", p);
    malloc_usable_size(p);
}

/* The wrong place in a block, which the core knows. */
static void interior(void)
{
    char *p = opaque((char *)calloc(1, 1000));
    announce("not a block", p + 64);
    free(opaque(p + 64));
}

static void misaligned(void)
{
    char *p = opaque((char *)malloc(1000));
    announce("misaligned pointer", p + 8);
    free(opaque(p + 8));
}

static void interior_large(void)
{
    char *p = opaque((char *)malloc(LARGE * 2));
    announce("foreign pointer", p + LARGE);
    free(opaque(p + LARGE));
}

static void inside_large(void)
{
    char *p = opaque((char *)malloc(LARGE * 2));
    announce("foreign pointer", p + 16);
    free(opaque(p + 16));
}

static void stack(void)
{
    _Alignas(16) char here[64] = "";
    announce("foreign pointer", here);
    free(opaque(here));
}

static void static_memory(void)
{
    static _Alignas(16) char here[64] = "";
    announce("foreign pointer", here);
    free(opaque(here));
}

static void never_mapped(void)
{
    char *nowhere = opaque((char *)(uintptr_t)0x1000);
    announce("foreign pointer", nowhere);
    free(nowhere);
}

static void overrun(void)
{
    char *p = opaque((char *)malloc(5000));
    size_t usable = malloc_usable_size(p);
    announce("overrun", p);
    memset(p, 'x', usable + 4);
    free(p);
}

/* A handler of the abort that allocates finds the locks free. */
static void on_abort(int signal)
{
    (void)signal;
    char *p = opaque((char *)malloc(LARGE));
    char *q = opaque((char *)malloc(50000));
    free(p);
    free(q);
    static const char text[] = "handled\n";
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
}

static void handler_allocates(void)
{
    char *p = opaque((char *)malloc(50000));
    signal(SIGABRT, on_abort);
    free(p);
    announce("double free", p);
    free(p);
}

int main(int argc, char **argv)
{
    static const struct test_case crimes[] = {
        { "double-small", double_small },
        { "double-medium", double_medium },
        { "double-large", double_large },
        { "double-huge", double_huge },
        { "double-large-later", double_large_later },
        { "double-moved", double_moved },
        { "realloc-freed", realloc_freed },
        { "realloc-freed-large", realloc_freed_large },
        { "usable-freed", usable_freed },
        { "interior", interior },
        { "misaligned", misaligned },
        { "interior-large", interior_large },
        { "inside-large", inside_large },
        { "stack", stack },
        { "static", static_memory },
        { "never-mapped", never_mapped },
        { "overrun", overrun },
        { "handler-allocates", handler_allocates },
    };
    /* The announcement must not itself be handed the block in question. */
    static char buffer[BUFSIZ];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; i < sizeof crimes / sizeof *crimes; i++) {
        if (argc < 2)
            puts(crimes[i].name);
        else if (strcmp(argv[1], crimes[i].name) == 0)
            crimes[i].run();
    }
    return 0;
}
