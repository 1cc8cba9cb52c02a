/* SPDX-License-Identifier: MIT
 *
 * sys.h - pages from the system, and the few things that POSIX lacks: sleeping on a word, moving a mapping.
 *
 * Promise: each has a way that works on any POSIX system, and the better one where the system has it; nothing above this
 * file asks which system it is. None changes errno.
 * Must not know: locks, heaps. For the port's own .c files, which include it before anything else.
 */
#ifndef FH_POSIX_SYS_H
#define FH_POSIX_SYS_H

#define _GNU_SOURCE 1
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>

/* Sleeps as long as *word is value; may wake for no reason. */
static inline void fh_sys_wait(uint32_t *word, uint32_t value)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
    errno = saved;
}

/* Wakes one sleeper. */
static inline void fh_sys_wake(uint32_t *word)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

/* Makes a mapping bytes large, elsewhere if it must; NULL: it is as it was. */
static inline void *fh_sys_remap(void *mem, size_t old_bytes, size_t bytes)
{
    int saved = errno;
    void *moved = mremap(mem, old_bytes, bytes, MREMAP_MAYMOVE);
    errno = saved;
    return moved == MAP_FAILED ? NULL : moved;
}
#else
#include <sched.h>

static inline void fh_sys_wait(uint32_t *word, uint32_t value)
{
    (void)word;
    (void)value;
    sched_yield();
}

static inline void fh_sys_wake(uint32_t *word)
{
    (void)word;
}

static inline void *fh_sys_remap(void *mem, size_t old_bytes, size_t bytes)
{
    (void)mem;
    (void)old_bytes;
    (void)bytes;
    return NULL;
}
#endif

#if defined(__GLIBC__)
/* The lock of the list of streams. fflush(NULL) holds it while it waits for a stream that another thread reads, which allocates; fork takes
 * it after its handlers. Recursive; absent in a libc that has no such lock. */
void _IO_list_lock(void) __attribute__((weak));
void _IO_list_unlock(void) __attribute__((weak));
void _IO_list_resetlock(void) __attribute__((weak));

/* Takes it; false: there is none. */
static inline bool fh_sys_hold_streams(void)
{
    if (_IO_list_lock == NULL || _IO_list_unlock == NULL || _IO_list_resetlock == NULL)
        return false;
    _IO_list_lock();
    return true;
}

static inline void fh_sys_let_streams_go(void)
{
    _IO_list_unlock();
}

/* The same in the child of a fork, where the lock may have been made anew already. */
static inline void fh_sys_reset_streams(void)
{
    _IO_list_resetlock();
}
#else
static inline bool fh_sys_hold_streams(void)
{
    return false;
}

static inline void fh_sys_let_streams_go(void)
{
}

static inline void fh_sys_reset_streams(void)
{
}
#endif

/* Fresh zeroed pages, at the wanted place if it is free; NULL if there are none. */
static inline void *fh_sys_map(void *wanted, size_t bytes)
{
    int saved = errno;
    void *mem = mmap(wanted, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return mem == MAP_FAILED ? NULL : mem;
}

/* Gives pages back. When the kernel cannot cut its mapping in two, the memory goes back at least, if not its addresses. */
static inline void fh_sys_unmap(void *mem, size_t bytes)
{
    int saved = errno;
    if (munmap(mem, bytes) != 0)
        madvise(mem, bytes, MADV_DONTNEED);
    errno = saved;
}

/* Gives whole pages back and keeps the addresses: what is read there next is zero. */
static inline void fh_sys_empty(void *mem, size_t bytes)
{
    int saved = errno;
    madvise(mem, bytes, MADV_DONTNEED);
    errno = saved;
}

#endif
