/* SPDX-License-Identifier: MIT
 *
 * lock.h - the kernel's lock: interrupts off, and on machines with several cores a fair spinlock.
 *
 * Promise: restores the interrupt state that it found, so that it nests and works in handlers.
 * Two files provide it: lock_core.c for one core, lock_cores.c for several.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>

#include <spinlock/spinlock.h>

struct lock {
    struct fh_spinlock spin;
};

uintptr_t lock_enter(struct lock *l);
void lock_leave(struct lock *l, uintptr_t state);

/* Is somebody inside, as far as this can be said from outside? Never on machines with one core. */
bool lock_is_taken(const struct lock *l);

#endif
