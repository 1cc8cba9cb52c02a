/* SPDX-License-Identifier: MIT
 *
 * lock.h - a lock for heaps in a process: one instruction when free, asleep when long held, whole after fork.
 *
 * Promise: it allocates nothing, needs no initialization beyond zero, and changes no errno. Once watched
 * (fh_lock_watch), it is held across every fork, so that the child finds what it guards in order; the thread that forks
 * may take it meanwhile, because fork handlers of others allocate too.
 * Invariant: word is 0 when free, 1 when held, 2 when held and somebody may sleep on it.
 * Must not know: what it guards.
 *
 * Source: Drepper, Futexes are tricky (2005), the second mutex.
 */
#ifndef FH_POSIX_LOCK_H
#define FH_POSIX_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#define FH_LOCK_KNOWS_THREADS 1
#endif
#endif

#ifdef FH_LOCK_KNOWS_THREADS
#include <sys/single_threaded.h>
/* Is it certain that no other thread runs? Then a lock needs no atomic instruction. */
static inline bool fh_lock_is_alone(void)
{
    return __libc_single_threaded;
}
#else
static inline bool fh_lock_is_alone(void)
{
    return false;
}
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct fh_lock {
    uint32_t word;
    uintptr_t forker;         /* the thread that is inside fork, or 0 */
    uintptr_t fork_state;     /* what fork must give back; valid while forker is set */
    struct fh_lock *next;     /* on the list of the watched */
};

/* The way of a lock that is not free. */
uintptr_t fh_lock_slowly(struct fh_lock *lock);

/* Wakes a thread that sleeps on a lock just left. */
void fh_lock_wake(struct fh_lock *lock);

/* Takes the lock. Pass what it returns to fh_lock_leave. */
static inline uintptr_t fh_lock_enter(struct fh_lock *lock)
{
    uint32_t none = 0;
    if (fh_lock_is_alone() && lock->word == 0) {
        lock->word = 1;
        return 0;
    }
    if (__builtin_expect(__atomic_compare_exchange_n(&lock->word, &none, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED), 1))
        return 0;
    return fh_lock_slowly(lock);
}

static inline void fh_lock_leave(struct fh_lock *lock, uintptr_t nested)
{
    if (nested != 0)
        return;
    if (fh_lock_is_alone()) {
        lock->word = 0;
        return;
    }
    if (__builtin_expect(__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2, 0))
        fh_lock_wake(lock);
}

/* Holds the lock across forks from now on. Locks are taken in the order in which they were watched: one that is taken with
 * another held must be watched after it. */
void fh_lock_watch(struct fh_lock *lock);

/* Forgets it again: before its memory ends. */
void fh_lock_unwatch(struct fh_lock *lock);

#ifdef __cplusplus
}
#endif

#endif
