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

/* The heap's port. A heap whose pointer to it is damaged has nobody to tell: it traps. So does one that was destroyed, and memory
 * that never was one. */
static inline const struct fh_port *fh_port_of(const struct fh_heap *h)
{
    if (fh_rarely(h->seal != fh_seal_for(h)))
        fh_trap();
    return h->port;
}

/* For those who only look. */
static inline uintptr_t fh_enter_to_read(const struct fh_heap *h)
{
    const struct fh_port *port = fh_port_of(h);
    return port->lock != NULL ? port->lock(port->ctx) : 0;
}

/* Frees the blocks that were left to this call. */
void fh_finish_deferred(struct fh_heap *h);

/* For all others: what was left to the next call is done first. */
static inline uintptr_t fh_enter(struct fh_heap *h)
{
    uintptr_t state = fh_enter_to_read(h);
    /* A look that costs no barrier, and hardly ever finds anything. What it found stays there: only the holder of the lock takes it. */
    if (fh_rarely(fh_peek_swapped(&h->deferred) != 0))
        fh_finish_deferred(h);
    return state;
}

static inline void fh_leave_reader(const struct fh_heap *h, uintptr_t state)
{
    if (h->port->unlock != NULL)
        h->port->unlock(h->port->ctx, state);
}

static inline void fh_leave(struct fh_heap *h, uintptr_t state)
{
    fh_harden_leave(h);
    fh_leave_reader(h, state);
}

/* What is rarely done, named by fh_create alone; see rescue.c. */
struct fh_rescue {
    /* Allocates what the pool did not meet, the lock held; leaves it. NULL: not to be had. */
    void *(*take)(struct fh_heap *h, uint32_t granules, size_t align, uintptr_t state);
    /* Gives the region that begins with that free block back to the port if the heap can spare it; leaves the lock. */
    void (*shed)(struct fh_heap *h, struct fh_block *b, uintptr_t state);
    /* Makes the lists anew. */
    void (*mend)(struct fh_heap *h);
};
extern const struct fh_rescue fh_rescue;

static inline uintptr_t fh_rescue_seal_for(const struct fh_heap *h)
{
    return (uintptr_t)h->rescue ^ h->lists.space.secret;
}

/* A heap whose pointer to its rescue is damaged traps, as one does that lost its port. */
static inline const struct fh_rescue *fh_rescue_of(const struct fh_heap *h)
{
    if (fh_rarely(h->rescue_seal != fh_rescue_seal_for(h)))
        fh_trap();
    return h->rescue;
}

/* Passes the blame that the pool left on to the port, if there is any; the lock is held. ptr: what the caller passed.
 * If the hook returns, lists that were damaged are made anew. */
void fh_report(struct fh_heap *h, const void *ptr);

#endif
