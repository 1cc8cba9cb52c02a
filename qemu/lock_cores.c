/* SPDX-License-Identifier: MIT
 *
 * lock_cores.c - the kernel's lock where there are several cores.
 */
#include "lock.h"

#include "arch.h"

uintptr_t lock_enter(struct lock *l)
{
    return fh_spin_enter_saving(&l->spin, arch_irq_save);
}

bool lock_is_taken(const struct lock *l)
{
    return __atomic_load_n(&l->spin.next, __ATOMIC_RELAXED) != __atomic_load_n(&l->spin.serving, __ATOMIC_RELAXED);
}

void lock_leave(struct lock *l, uintptr_t state)
{
    fh_spin_leave_restoring(&l->spin, state, arch_irq_restore);
}
