/* SPDX-License-Identifier: MIT
 *
 * host_x32.c - host.h for programs with 32-bit pointers that tests/bugs/top/launch.c enters in a 64-bit process; see there.
 *
 * They are compiled for x32, but make the calls of x86-64: no kernel needs to know of x32.
 */
enum { SYS_WRITE = 1, SYS_MMAP = 9, SYS_MUNMAP = 11, SYS_ALARM = 37, SYS_FORK = 57, SYS_WAIT = 61 /* wait4 */, SYS_EXIT_GROUP = 231 };

/* A pointer is extended with zeros, and so is any other argument but -1, of which the lower half is enough. */
static long long wide(long value)
{
    return (long long)(unsigned long)value;
}

static long host_call(long n, long a, long b, long c, long d, long e, long f)
{
    long long result;
    register long long r10 __asm__("r10") = wide(d);
    register long long r8 __asm__("r8") = wide(e);
    register long long r9 __asm__("r9") = wide(f);
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(wide(n)), "D"(wide(a)), "S"(wide(b)), "d"(wide(c)), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return (long)result;
}

static long map_at(unsigned long place, long bytes, long flags)
{
    return host_call(SYS_MMAP, (long)place, bytes, 3 /* read, write */, flags | 0x100000 /* fixed, no replace */, -1, 0);
}

/* The system would give memory anywhere: it is asked for one place below 4 GiB after the other. */
static long host_mmap(long place, long bytes, long flags)
{
    if (place != 0)
        return map_at((unsigned long)place, bytes, flags);
    for (unsigned long at = 0x1000000; at != 0; at += 0x10000)
        if (map_at(at, bytes, flags) == (long)at)
            return (long)at;
    return -1;
}

#include "host_bare.h"

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %esp, %edi\n\tand $-16, %esp\n\tcall host_start\n");
