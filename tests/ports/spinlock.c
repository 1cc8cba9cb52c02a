/* SPDX-License-Identifier: MIT
 *
 * spinlock.c - tests port/spinlock: exclusion, the order of entry, and the interrupt state.
 */
#include <spinlock/spinlock.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include "check.h"

#define THREADS 3
#define TURNS 100

static struct fh_spinlock lock;
static unsigned count;
static unsigned entered[THREADS];

/* Reads and writes apart: without exclusion, counts are lost. The thread yields inside, so that others surely meet a lock
 * that is taken, also on one processor. */
static void *add(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < TURNS; i++) {
        fh_spin_enter(&lock);
        unsigned seen = *(volatile unsigned *)&count;
        if (i % 16 == 0)
            sched_yield();
        *(volatile unsigned *)&count = seen + 1;
        fh_spin_leave(&lock);
        if (i % 8 == 0)
            sched_yield();
    }
    return NULL;
}

static void test_exclusion(void)
{
    pthread_t threads[THREADS];
    count = 0;
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, add, NULL) == 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(count == THREADS * TURNS);
    CHECK(lock.next == lock.serving);
}

static void *enter_once(void *arg)
{
    unsigned *place = arg;
    fh_spin_enter(&lock);
    *place = ++count;
    fh_spin_leave(&lock);
    return NULL;
}

/* Held, the lock lets threads draw one after the other; released, they enter in that order. */
static void test_order(void)
{
    pthread_t threads[THREADS];
    fh_spin_enter(&lock);
    count = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        uint32_t drawn = __atomic_load_n(&lock.next, __ATOMIC_RELAXED);
        CHECK(pthread_create(&threads[i], NULL, enter_once, &entered[i]) == 0);
        while (__atomic_load_n(&lock.next, __ATOMIC_RELAXED) == drawn)
            sched_yield();
    }
    CHECK(count == 0);
    fh_spin_leave(&lock);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(entered[i] == i + 1);
}

/* A processor's interrupt flag, and whether the lock was ever drawn with it on. */
static bool enabled;
static unsigned saves;

static uintptr_t save(void)
{
    uintptr_t state = enabled;
    enabled = false;
    saves++;
    return state;
}

static void restore(uintptr_t state)
{
    CHECK(lock.next == lock.serving || enabled == false);
    enabled = state != 0;
}

static void test_interrupts(void)
{
    static struct fh_spinlock inner;
    enabled = true;
    uintptr_t outer_state = fh_spin_enter_saving(&lock, save);
    CHECK(!enabled && saves == 1);
    uintptr_t inner_state = fh_spin_enter_saving(&inner, save);
    fh_spin_leave_restoring(&inner, inner_state, restore);
    CHECK(!enabled && inner.next == inner.serving);
    fh_spin_leave_restoring(&lock, outer_state, restore);
    CHECK(enabled && lock.next == lock.serving);
    /* Off before, off after. */
    enabled = false;
    fh_spin_leave_restoring(&lock, fh_spin_enter_saving(&lock, save), restore);
    CHECK(!enabled);
}

/* Tickets may wrap. */
static void test_wrap(void)
{
    lock.next = lock.serving = UINT32_MAX;
    fh_spin_enter(&lock);
    CHECK(lock.next == 0 && lock.serving == UINT32_MAX);
    fh_spin_leave(&lock);
    fh_spin_enter(&lock);
    fh_spin_leave(&lock);
    CHECK(lock.next == 1 && lock.serving == 1);
}

int main(void)
{
    RUN(test_exclusion);
    RUN(test_order);
    RUN(test_interrupts);
    RUN(test_wrap);
    return 0;
}
