/* SPDX-License-Identifier: MIT
 *
 * deferred.c - freeing from where the lock cannot be taken.
 *
 * Promise: a block that was deferred is freed by the next call that locks, and by one call only. Deferring takes no lock and
 * may interrupt anything, itself included.
 * Invariant: the heap's deferred word leads through all blocks that wait, linked and marked as in a quick list. It is
 * only ever changed by compare-and-swap: pushed to by anyone, taken whole by the holder of the lock, who therefore never meets
 * a word that was taken and pushed again meanwhile.
 * Must not know: what frees a block (it asks fh_pool_give through the same steps as fh_free).
 *
 * Source: Treiber, Systems Programming: Coping with Parallelism (1986), the push of his stack.
 */
#include "lock.h"

static bool swap(const struct fh_heap *h, uintptr_t *word, uintptr_t expected, uintptr_t wanted)
{
    if (FH_HAS_SWAP)
        return fh_swap(word, expected, wanted);
    /* unreached: a machine that runs hosted tests has the instruction; qemu/ runs this on chips that have not. */
    return fh_port_of(h)->swap(h->port->ctx, word, expected, wanted);
}

/* Frees all that wait, with the lock held. A block without its mark was written to after the free: what lies behind it is
 * lost, and the report says where. */
static void finish(struct fh_heap *h)
{
    uintptr_t first = fh_load_swapped(&h->deferred);
    /* unreached: fails only when another thread or interrupt defers between the two lines; the stress tests run it. */
    while (!swap(h, &h->deferred, first, 0))
        first = fh_load_swapped(&h->deferred);
    struct fh_block *b = (struct fh_block *)first;
    while (b != fh_quick_end(h)) {
        if (!fh_bears_mark(h, b)) {
            fh_blame(&h->lists, FH_BAD_LINK, b, fh_mark_for(h->lists.space.secret, b), 0);
            fh_report(h, b);
            return;
        }
        struct fh_block *next = fh_quick_next(b);
        fh_unmark(b);
        fh_canary_mend(h, b);
        uint32_t tag;
        uint32_t granules = fh_pool_open(h, b, &tag);
        if (granules == 0 || !fh_harden_give(h, b, tag, granules))
            fh_report(h, b);
        else
            h->deferrals++;
        b = next;
    }
}

/* Could a block be there? */
static bool is_in_reach(const struct fh_heap *h, const struct fh_block *b)
{
    uintptr_t address = (uintptr_t)b;
    return address % FH_GRANULE == 0 && address >= h->lowest && address < h->highest;
}

/* Does it wait already, or is it the heap's own? With no lock the list cannot be followed: a mark and an address in reach are taken for one,
 * which is what one in 2^32 contents looks like that begin with such an address. */
static bool waits(const struct fh_heap *h, const struct fh_block *b)
{
    const struct fh_block *next = fh_quick_next(b);
    return fh_is_marked(h->lists.space.secret, b)
           && (next == fh_quick_end(h) || is_in_reach(h, next) || fh_is_own(b) || fh_quarantine_has(h, b));
}

/* Could it be a used block? With no lock, all there is to go by is the word below it. */
static bool is_plausible(const struct fh_heap *h, const struct fh_block *b)
{
    if (!is_in_reach(h, b))
        return false;
    uint32_t tag = fh_tag_open(h->lists.space.secret, b);
    return fh_is_tag(tag) && !fh_is_free(tag) && !waits(h, b);
}

bool fh_free_deferred(struct fh_heap *h, void *ptr)
{
    struct fh_block *b = (struct fh_block *)ptr;
    if (ptr == NULL)
        return true;
    /* unreached: as above. The port is asked for in any case, because a heap that was destroyed has none. */
    if ((fh_port_of(h)->swap == NULL && !FH_HAS_SWAP) || !is_plausible(h, b))
        return false;
    fh_store_long(&h->finish, (uintptr_t)finish);
    fh_store_long(&h->finish_seal, (uintptr_t)finish ^ h->lists.space.secret);
    uintptr_t first;
    do {
        first = fh_load_swapped(&h->deferred);
        fh_quick_push(h->lists.space.secret, b, first != 0 ? (const struct fh_block *)first : fh_quick_end(h));
        /* unreached: fails as above. */
    } while (!swap(h, &h->deferred, first, (uintptr_t)b));
    return true;
}
