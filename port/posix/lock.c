/* SPDX-License-Identifier: MIT
 *
 * lock.c - waiting for a lock, and holding locks across fork; see lock.h for the promise.
 */
#include "sys.h"
#include "lock.h"

#include <pthread.h>

/* How often a held lock is looked at before sleeping: about as long as a call to the heap lasts. */
#define SPINS 60

#if defined(__x86_64__) || defined(__i386__)
static inline void pause_a_little(void)
{
    __builtin_ia32_pause();
}
#else
static inline void pause_a_little(void)
{
    __asm__ volatile("" ::: "memory");
}
#endif

/* No two threads have one errno, and a thread keeps its own through fork. */
static uintptr_t this_thread(void)
{
    return (uintptr_t)&errno;
}

uintptr_t fh_lock_slowly(struct fh_lock *lock)
{
    if (__atomic_load_n(&lock->forker, __ATOMIC_RELAXED) == this_thread())
        return 1;
    for (int i = 0; i < SPINS; i++) {
        uint32_t none = 0;
        if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0
            && __atomic_compare_exchange_n(&lock->word, &none, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return 0;
        pause_a_little();
    }
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        fh_sys_wait(&lock->word, 2);
    return 0;
}

void fh_lock_wake(struct fh_lock *lock)
{
    fh_sys_wake(&lock->word);
}

/* The list of the watched, and the lock that guards it; all of them are held during fork. */
static struct fh_lock list_lock;
static struct fh_lock *watched;

/* Does the thread that forks hold the lock of the streams, because others might wait for it with one of the watched? Guarded by list_lock. */
static bool streams_are_held;

/* Only this thread sets forker to itself, so that no other one is let through. Where there is no other one, a lock that is taken is this
 * thread's own: a signal handler that interrupted the holder forks, as it may. Nobody is let through then; the holder goes on in both
 * processes. */
static void hold(struct fh_lock *lock)
{
    if (fh_lock_is_alone() && lock->word != 0) {
        lock->fork_state = 1;
        return;
    }
    uintptr_t state = fh_lock_enter(lock);
    lock->fork_state = state;
    __atomic_store_n(&lock->forker, this_thread(), __ATOMIC_RELAXED);
}

static void let_go(struct fh_lock *lock)
{
    __atomic_store_n(&lock->forker, 0, __ATOMIC_RELAXED);
    fh_lock_leave(lock, lock->fork_state);
}

static void before_fork(void)
{
    bool held = !fh_lock_is_alone() && fh_sys_hold_streams();
    hold(&list_lock);
    streams_are_held = held;
    for (struct fh_lock *lock = watched; lock != NULL; lock = lock->next)
        hold(lock);
}

static void let_all_go(void)
{
    for (struct fh_lock *lock = watched; lock != NULL; lock = lock->next)
        let_go(lock);
    let_go(&list_lock);
}

static void after_fork(void)
{
    bool held = streams_are_held;
    let_all_go();
    if (held)
        fh_sys_let_streams_go();
}

/* Here nobody sleeps on the locks any more, whatever their words say; waking nobody is harmless. */
static void after_fork_in_child(void)
{
    let_all_go();
    if (streams_are_held)
        fh_sys_reset_streams();
}

static void register_handlers(void)
{
    int saved = errno;
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
    errno = saved;
}

void fh_lock_watch(struct fh_lock *lock)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_handlers);
    uintptr_t state = fh_lock_enter(&list_lock);
    struct fh_lock **at = &watched;
    while (*at != NULL)
        at = &(*at)->next;
    lock->next = NULL;
    *at = lock;
    fh_lock_leave(&list_lock, state);
}

void fh_lock_unwatch(struct fh_lock *lock)
{
    uintptr_t state = fh_lock_enter(&list_lock);
    for (struct fh_lock **at = &watched; *at != NULL; at = &(*at)->next) {
        if (*at == lock) {
            *at = lock->next;
            break;
        }
    }
    fh_lock_leave(&list_lock, state);
}
