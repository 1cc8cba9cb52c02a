/* SPDX-License-Identifier: MIT
 *
 * spinlock.h - a fair spinlock for ports, with and without the interrupts.
 *
 * Promise: cores enter in the order in which they drew their tickets, so that none waits for ever. The variant that saves
 * the interrupt state disables them before it draws, and gives back exactly the state that it found: it may be used with
 * interrupts off, inside another such lock, and in handlers, and never enables what was disabled.
 * Invariant: serving == next while nobody is inside.
 * Must not know: heaps. Needs a compiler with __atomic built-ins and a chip that has the instructions.
 *
 * One lock is not recursive: a core that takes it twice waits for itself. A zeroed structure is an open lock.
 *
 * Source: Mellor-Crummey and Scott, Algorithms for scalable synchronization (1991), the ticket lock. */
#ifndef FREEHOLD_SPINLOCK_H
#define FREEHOLD_SPINLOCK_H

#include <stdint.h>

struct fh_spinlock {
    uint32_t next;       /* the ticket to be drawn */
    uint32_t serving;    /* the ticket that may enter */
};

/* Tells the core that it is waiting. A kernel that knows better what to do meanwhile, because it runs under a hypervisor, say,
 * names its function in FH_SPIN_WAIT. */
#if defined(FH_SPIN_WAIT)
void FH_SPIN_WAIT(void);
static inline void fh_spin_wait(void)
{
    FH_SPIN_WAIT();
}
#elif defined(__x86_64__) || defined(__i386__)
static inline void fh_spin_wait(void)
{
    __asm__ volatile("pause");
}
#elif defined(__aarch64__) || defined(__arm__)
static inline void fh_spin_wait(void)
{
    __asm__ volatile("yield");
}
#elif defined(__riscv)
/* pause, spelled as the fence that it is on harts without it: assemblers know its name only if told that it is there. */
static inline void fh_spin_wait(void)
{
    __asm__ volatile(".word 0x0100000F");
}
#else
static inline void fh_spin_wait(void)
{
}
#endif

static inline void fh_spin_enter(struct fh_spinlock *l)
{
    uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
        fh_spin_wait();
}

static inline void fh_spin_leave(struct fh_spinlock *l)
{
    /* Only who is inside writes this word, so a plain addition will do. */
    __atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

/* The same with interrupts off inside. save disables them and returns the state, restore puts that back. */
static inline uintptr_t fh_spin_enter_saving(struct fh_spinlock *l, uintptr_t (*save)(void))
{
    uintptr_t state = save();
    fh_spin_enter(l);
    return state;
}

static inline void fh_spin_leave_restoring(struct fh_spinlock *l, uintptr_t state, void (*restore)(uintptr_t))
{
    fh_spin_leave(l);
    restore(state);
}

#endif
