/* SPDX-License-Identifier: MIT
 *
 * launch.c - runs a static program with 32-bit pointers and memory up to the last byte that these reach.
 *
 *     launch PROGRAM ARGUMENT...
 *
 * A 32-bit process is denied its last pages, so that no test could put a region there, where kernels do, and not every kernel runs one.
 * A 64-bit process may have them: this one maps the megabyte below 4 GiB, loads the program, compiled for x32, beside it, and enters it. The
 * environment is passed on with TOP=1, which tells the tests that the memory is there.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOP_BYTES ((uintptr_t)1 << 20)
#define TOP (((uintptr_t)1 << 32) - TOP_BYTES)
#define STACK ((uintptr_t)0xE0000000)
#define STACK_BYTES ((uintptr_t)8 << 20)

static void die(const char *what)
{
    perror(what);
    exit(3);
}

static void *map(uintptr_t at, size_t bytes)
{
    void *mem = mmap((void *)at, bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (mem == MAP_FAILED)
        die("mmap");
    return mem;
}

/* Loads the program where it wants to lie and returns where it begins. */
static uint32_t load(const char *name)
{
    int file = open(name, O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0)
        die(name);
    const unsigned char *image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (image == MAP_FAILED)
        die(name);
    Elf32_Ehdr header;
    memcpy(&header, image, sizeof header);
    uintptr_t low = UINTPTR_MAX;
    uintptr_t high = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < header.e_phnum; i++) {
            Elf32_Phdr part;
            memcpy(&part, image + header.e_phoff + i * sizeof part, sizeof part);
            if (part.p_type != PT_LOAD)
                continue;
            if (pass == 1) {
                memcpy((void *)(uintptr_t)part.p_vaddr, image + part.p_offset, part.p_filesz);
                continue;
            }
            low = part.p_vaddr < low ? part.p_vaddr : low;
            high = part.p_vaddr + part.p_memsz > high ? part.p_vaddr + part.p_memsz : high;
        }
        if (pass == 0) {
            low &= ~(uintptr_t)4095;
            map(low, (high - low + 4095) & ~(uintptr_t)4095);
        }
    }
    return header.e_entry;
}

/* Copies a string to the stack of the program. */
static uint32_t push_text(char **at, const char *text)
{
    size_t n = strlen(text) + 1;
    *at -= n;
    memcpy(*at, text, n);
    return (uint32_t)(uintptr_t)*at;
}

/* Lays out the count, the arguments and the environment as the system does. */
static uint32_t furnish(int argc, char **argv, const char *const *env)
{
    char *at = (char *)map(STACK, STACK_BYTES) + STACK_BYTES;
    uint32_t words[64];
    unsigned n = 0;
    words[n++] = (uint32_t)argc;
    for (int i = 0; i < argc; i++)
        words[n++] = push_text(&at, argv[i]);
    words[n++] = 0;
    for (; *env != NULL; env++)
        words[n++] = push_text(&at, *env);
    words[n++] = 0;
    uint32_t stack = (uint32_t)(((uintptr_t)at - n * 4) & ~(uintptr_t)15);
    memcpy((void *)(uintptr_t)stack, words, n * 4);
    return stack;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 32)
        return 2;
    map(TOP, TOP_BYTES);
    char seed[64] = "IGNORED=";
    if (getenv("SEED") != NULL)
        snprintf(seed, sizeof seed, "SEED=%s", getenv("SEED"));
    const char *env[] = { "TOP=1", seed, NULL };
    uintptr_t entry = load(argv[1]);
    uintptr_t stack = furnish(argc - 1, argv + 1, env);
    __asm__ volatile("mov %[stack], %%rsp\n\tjmp *%[entry]" : : [stack] "r"(stack), [entry] "r"(entry) : "memory");
    __builtin_unreachable();
}
