/* SPDX-License-Identifier: MIT
 *
 * aeabi.c - what mem.c is to other targets: the functions of the Arm run-time ABI that compilers call to clear and copy.
 *
 * Source: Run-time ABI for the Arm Architecture, 4.3.4.
 */
#include <stddef.h>

void __aeabi_memclr(void *to, size_t n);
void __aeabi_memclr4(void *to, size_t n);
void __aeabi_memclr8(void *to, size_t n);
void __aeabi_memcpy(void *to, const void *from, size_t n);
void __aeabi_memcpy4(void *to, const void *from, size_t n);
void __aeabi_memcpy8(void *to, const void *from, size_t n);

void __aeabi_memclr(void *to, size_t n)
{
    volatile unsigned char *d = to;
    while (n-- != 0)
        *d++ = 0;
}

void __aeabi_memclr4(void *to, size_t n)
{
    __aeabi_memclr(to, n);
}

void __aeabi_memclr8(void *to, size_t n)
{
    __aeabi_memclr(to, n);
}

void __aeabi_memcpy(void *to, const void *from, size_t n)
{
    volatile unsigned char *d = to;
    const unsigned char *s = from;
    while (n-- != 0)
        *d++ = *s++;
}

void __aeabi_memcpy4(void *to, const void *from, size_t n)
{
    __aeabi_memcpy(to, from, n);
}

void __aeabi_memcpy8(void *to, const void *from, size_t n)
{
    __aeabi_memcpy(to, from, n);
}
