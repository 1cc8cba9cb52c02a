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

static inline uintptr_t fh_enter(const struct fh_heap *h)
{
    return h->port->lock != NULL ? h->port->lock(h->port->ctx) : 0;
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
