/* SPDX-License-Identifier: MIT
 *
 * host_i386.c - host.h over the system calls of 32-bit x86 Linux, which most x86-64 kernels also answer; see there. For the
 * others there is host_x32.c.
 */
enum { SYS_FORK = 2, SYS_WRITE = 4, SYS_WAIT = 7, SYS_ALARM = 27, SYS_MUNMAP = 91, SYS_MMAP = 192 /* mmap2 */, SYS_EXIT_GROUP = 252 };

static long host_call(long n, long a, long b, long c, long d, long e, long f)
{
    long result;
    /* The sixth argument goes into ebp, which the compiler may be using. */
    __asm__ volatile("pushl %[f]\n\tpush %%ebp\n\tmov 4(%%esp), %%ebp\n\tint $0x80\n\tpop %%ebp\n\tadd $4, %%esp"
                     : "=a"(result)
                     : "a"(n), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "m"(f)
                     : "memory");
    return result;
}

static long host_mmap(long place, long bytes, long flags)
{
    return host_call(SYS_MMAP, place, bytes, 3 /* read, write */, flags, -1, 0);
}

#include "host_bare.h"

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\tpush %eax\n\tcall host_start\n");
