/* SPDX-License-Identifier: MIT
 *
 * lock.h - the heap's side of its port: entering and leaving, and the report of misuse and damage.
 *
 * Promise: nothing below this layer knows that there is a lock or a fault hook.
 * Must not know: what is done between enter and leave.
 */
#ifndef FH_LOCK_H
#define FH_LOCK_H

#include "pool.h"

/* Does not return. */
_Noreturn void fh_trap(void);

/* For those who only look. A heap whose pointer to its port is damaged has nobody to tell: it traps. */
static inline uintptr_t fh_enter_to_read(const struct fh_heap *h)
{
    if (fh_rarely(h->seal != fh_seal_for(h)))
        fh_trap();
    return h->port->lock != NULL ? h->port->lock(h->port->ctx) : 0;
}

/* Frees the blocks that were left to this call. */
void fh_finish_deferred(struct fh_heap *h);

/* For all others: what was left to the next call is done first. */
static inline uintptr_t fh_enter(struct fh_heap *h)
{
    uintptr_t state = fh_enter_to_read(h);
    /* Read twice: the first look costs no barrier, and hardly ever finds anything. */
    if (fh_rarely(fh_peek_long((const fh_long *)&h->deferred) != 0) && fh_load_swapped(&h->deferred) != 0)
        fh_finish_deferred(h);
    return state;
}

static inline void fh_leave(const struct fh_heap *h, uintptr_t state)
{
    if (h->port->unlock != NULL)
        h->port->unlock(h->port->ctx, state);
}

/* Passes the blame that the pool left on to the port, if there is any; the lock is held. ptr: what the caller passed.
 * If the hook returns, lists that were damaged are made anew. */
void fh_report(struct fh_heap *h, const void *ptr);

#endif
