/* SPDX-License-Identifier: MIT
 *
 * mem.c - the four functions that compilers call where there is no libc. The core does not need them; the kernel's own code
 * and the workload do.
 */
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Through volatile, so that no compiler makes a call of the same function out of the loop. */
void *memcpy(void *to, const void *from, size_t n)
{
    volatile unsigned char *d = to;
    const unsigned char *s = from;
    while (n-- != 0)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    volatile unsigned char *d = to;
    const unsigned char *s = from;
    if (d <= s)
        return memcpy(to, from, n);
    while (n-- != 0)
        d[n] = s[n];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    volatile unsigned char *d = to;
    while (n-- != 0)
        *d++ = (unsigned char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;
    for (; n != 0; n--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}
