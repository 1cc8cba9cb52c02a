/* SPDX-License-Identifier: MIT
 *
 * overlap.c - a malloc that is wrong on purpose: it hands out the same 64 KiB again and again. fh-threads must find it out.
 */
#include <stddef.h>
#include <string.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *ptr, size_t size);
void free(void *ptr);

static _Alignas(16) unsigned char memory[65536];
static size_t at;

void *malloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof memory)
        return NULL;
    size_t start = __atomic_fetch_add(&at, size, __ATOMIC_RELAXED) % sizeof memory;
    return memory + (start + size <= sizeof memory ? start : 0);
}

void *calloc(size_t count, size_t size)
{
    void *ptr = malloc(count * size);
    volatile unsigned char *byte = ptr;
    for (size_t i = 0; ptr != NULL && i < count * size; i++)
        byte[i] = 0;
    return ptr;
}

void *realloc(void *ptr, size_t size)
{
    void *moved = malloc(size);
    if (moved != NULL && ptr != NULL)
        memmove(moved, ptr, size);
    return moved;
}

void free(void *ptr)
{
    (void)ptr;
}
