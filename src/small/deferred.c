/* SPDX-License-Identifier: MIT
 *
 * deferred.c - freeing in the small core from where the lock cannot be taken; see ../deferred.c for the idea and its source.
 *
 * Invariant: the heap's deferred word leads through all blocks that wait. The first two words of such a block are the address of the next
 * one, or what ends the list, and a mark sealed with it, the place and the secret: a block without it was written to after it was freed.
 */
#include "small.h"

struct waiting {
    fh_long next;
    fh_word mark;
};

static uint32_t mark_for(const struct fh_heap *h, const struct waiting *w)
{
    return (uint32_t)(uintptr_t)w ^ (uint32_t)w->next ^ h->secret;
}

static bool swap(const struct fh_heap *h, uintptr_t *word, uintptr_t expected, uintptr_t wanted)
{
    return FH_HAS_SWAP ? fh_swap(word, expected, wanted) : h->port->swap(h->port->ctx, word, expected, wanted);
}

/* May a block be there? */
static bool is_place(const struct fh_heap *h, uintptr_t address)
{
    return address % FH_GRANULE == 0 && fh_is_inside(h, (address - (uintptr_t)h) / FH_LINK_BYTES);
}

/* What the last block leads to: inside the heap's own structure, where no block is, and where no program's pointer leads. */
static uintptr_t end_of(const struct fh_heap *h)
{
    return (uintptr_t)h + FH_GRANULE;
}

static bool bears_mark(const struct fh_heap *h, uintptr_t address)
{
    const struct waiting *w = (const struct waiting *)address;
    return is_place(h, address) && w->mark == mark_for(h, w);
}

/* Does it wait already? What its user wrote looks like a mark once in 2^32 contents; the way to the end of the list is not met by chance. */
static bool waits(const struct fh_heap *h, const struct waiting *w)
{
    uintptr_t address = (uintptr_t)w;
    for (uint32_t most = h->last; most != 0 && bears_mark(h, address); most--)
        address = ((const struct waiting *)address)->next;
    return address == end_of(h);
}

void fh_finish(struct fh_heap *h)
{
    uintptr_t address = fh_load_swapped(&h->deferred);
    const void *ptr = h->ptr;
    /* unreached: fails only when another thread or interrupt defers between the two lines. */
    while (!swap(h, &h->deferred, address, 0))
        address = fh_load_swapped(&h->deferred);
    while (address != end_of(h)) {
        struct waiting *w = (struct waiting *)address;
        h->ptr = w;
        if (!bears_mark(h, address)) {
            fh_blame(h, is_place(h, address) ? fh_link_of(h, w) : 0, FH_BAD_LINK);
            break;
        }
        address = w->next;
        /* Or a block that cannot be freed, and follows itself, would be met for ever. */
        w->mark = ~w->mark;
        uint32_t tag = fh_pool_open(h, w);
        if (tag != 0 && fh_pool_give(h, fh_link_of(h, w), tag))
            h->deferrals++;
    }
    h->ptr = ptr;
}

/* With no lock, all there is to go by is the word below ptr. */
bool fh_free_deferred(struct fh_heap *h, void *ptr)
{
    struct waiting *w = (struct waiting *)ptr;
    if (ptr == NULL)
        return true;
    if (fh_rarely(h->seal != fh_seal_for(h)))
        fh_trap();
    /* unreached: whether there is an instruction for it is settled when this is compiled. */
    if ((!FH_HAS_SWAP && h->port->swap == NULL) || !is_place(h, (uintptr_t)w))
        return false;
    uint32_t tag = fh_tag_at(h, fh_link_of(h, w));
    if (!fh_is_used(tag & ~FH_PREV_FREE) || waits(h, w))
        return false;
    uintptr_t first;
    do {
        first = fh_load_swapped(&h->deferred);
        w->next = first != 0 ? first : end_of(h);
        w->mark = mark_for(h, w);
        /* unreached: fails only when another thread or interrupt defers meanwhile. */
    } while (!swap(h, &h->deferred, first, (uintptr_t)w));
    return true;
}
