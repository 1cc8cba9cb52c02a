/* SPDX-License-Identifier: MIT
 *
 * make.c - the small core's calls that make, extend and end a heap, and what mends one.
 *
 * Promise: nothing is written before it is known that it fits; memory from the port goes back exactly as it came.
 * Must not know: how blocks are found.
 */
#include "small.h"

static const struct fh_port no_port;

static void seal(struct fh_heap *h, uint32_t link, uint32_t tag)
{
    fh_tag_seal(h->secret, fh_at(h, link), tag);
}

static void seal_heap(struct fh_heap *h)
{
    h->seal = fh_seal_for(h);
    h->given = fh_given_for(h);
}

static void empty_rings(struct fh_heap *h)
{
    h->map = 0;
    for (uint32_t ring = FH_HEAD; ring < h->end; ring++) {
        struct fh_block *head = fh_at(h, ring);
        head->next = ring;
        head->prev = ring;
    }
}

/* How many rings that many granules are worth: one for each size up to theirs, but no more than 1/16 of the memory. */
static uint32_t rings_for(struct fh_heap *h, uint32_t granules)
{
    h->end = FH_HEAD + FH_MAX_RINGS;
    uint32_t needed = fh_ring_of(h, granules) - FH_HEAD + 1;
    uint32_t share = granules * FH_GRANULE / 16 / sizeof(struct fh_head) + 1;
    return needed < share ? needed : share;
}

/* Lays the control structure at the beginning of the memory and makes one free block of the rest. NULL, with nothing written: too little
 * memory, or more than a tag can size. */
static struct fh_heap *lay(uintptr_t start, uintptr_t last, const struct fh_port *port)
{
    uintptr_t place = fh_align_up(start, FH_GRANULE);
    uintptr_t hi = fh_hi_for(last);
    const size_t least = sizeof(struct fh_heap) + sizeof(struct fh_head) + FH_TAG_BYTES;
    if (place < start || place >= hi || hi - place < least || (hi - place) / FH_GRANULE > FH_SIZE_MASK)
        return NULL;
    struct fh_heap shape;
    uint32_t rings = rings_for(&shape, (uint32_t)((hi - place) / FH_GRANULE));
    uint32_t first = fh_first_for(FH_HEAD + rings);
    uintptr_t lo = place + (uintptr_t)first * FH_LINK_BYTES;
    /* One ring always fits, so hi is not below lo. */
    if (hi - lo < FH_MIN_GRANULES * FH_GRANULE)
        return NULL;
    struct fh_heap *h = (struct fh_heap *)place;
    fh_zero(h, sizeof *h);
    h->port = port;
    h->rare = &fh_rare;
    h->secret = port->random != NULL ? (uint32_t)port->random(port->ctx) : (uint32_t)place ^ 0x5EA1ED00u;
    h->end = FH_HEAD + rings;
    h->skip = (uint32_t)(place - start);
    h->bytes = (uint32_t)(last - start) + 1;
    h->last = fh_last_for(fh_link_of(h, (void *)hi));
    seal_heap(h);
    empty_rings(h);
    seal(h, fh_link_of(h, (void *)hi), FH_USED | FH_PREV_FREE);
    fh_put(h, first, (uint32_t)((hi - lo) / FH_GRANULE));
    return h;
}

struct fh_heap *fh_create(void *mem, size_t size, const struct fh_port *port)
{
    if (port == NULL)
        port = &no_port;
    bool acquired = mem == NULL;
    if (acquired) {
        /* Room for the control structure with some rings, and for a few blocks. */
        const size_t least = sizeof(struct fh_heap) + 512;
        if (port->acquire == NULL)
            return NULL;
        size_t wanted = size > least ? size : least;
        size = 0;
        mem = port->acquire(port->ctx, wanted, &size);
        if (mem == NULL)
            return NULL;
    }
    uintptr_t start = (uintptr_t)mem;
    /* Of no bytes, and of bytes that wrap, the last one is below the first: lay finds no room there. */
    struct fh_heap *h = lay(start, start + (size - 1), port);
    if (h != NULL && acquired) {
        h->skip += FH_ACQUIRED;
        seal_heap(h);
    }
    if (h == NULL && acquired && port->release != NULL)
        port->release(port->ctx, mem, size);
    return h;
}

/* Enters memory behind the heap up to that byte; how many granules became usable. */
static uint32_t extend(struct fh_heap *h, uintptr_t last)
{
    uint32_t link = fh_end_link(h);
    uintptr_t hi = fh_hi_for(last);
    uint32_t n = (uint32_t)((hi - (uintptr_t)fh_at(h, link)) / FH_GRANULE);
    uint32_t tag = fh_tag_at(h, link);
    if (n < FH_MIN_GRANULES || (hi - (uintptr_t)h) / FH_GRANULE > FH_SIZE_MASK)
        return 0;
    if (!fh_is_used(tag & ~FH_PREV_FREE) || fh_tag_size(tag) != 0) {
        fh_blame(h, link, FH_BAD_TAG);
        return 0;
    }
    /* The end tag becomes the tag of a used block, which is given back. */
    seal(h, fh_behind(link, n), FH_USED);
    h->last = fh_last_for(fh_behind(link, n));
    h->bytes = (uint32_t)(last - fh_start_of(h)) + 1;
    seal_heap(h);
    tag |= n << FH_SIZE_SHIFT;
    seal(h, link, tag);
    h->used += n;
    /* If damage was met, it has been mended, and the block is used still. */
    if (!fh_pool_give(h, link, tag) && !fh_is_free(fh_tag_at(h, link)))
        fh_pool_give(h, link, fh_tag_at(h, link));
    return n;
}

/* Does the heap's memory go back to the port? Then no other is joined to it: what comes back must be what was given. */
static bool goes_back(const struct fh_heap *h)
{
    return h->skip >= FH_ACQUIRED && h->port->release != NULL;
}

size_t fh_add_region(struct fh_heap *h, void *mem, size_t size)
{
    uintptr_t start = (uintptr_t)mem;
    uint32_t added = 0;
    fh_enter(h, mem);
    if (h->given != fh_given_for(h))
        fh_blame(h, 0, FH_BAD_CONTROL);
    else if (!goes_back(h) && start > (uintptr_t)h && size - 1 <= UINTPTR_MAX - start && start == fh_start_of(h) + h->bytes)
        added = extend(h, start + (size - 1));
    fh_leave(h);
    return (size_t)added * FH_GRANULE;
}

/* The one region of a heap is never idle. */
size_t fh_trim(struct fh_heap *h)
{
    (void)h;
    return 0;
}

size_t fh_destroy(struct fh_heap *h)
{
    if (h->seal != fh_seal_for(h) || h->given != fh_given_for(h))
        fh_trap();
    /* From here on it is a heap no more, whoever still has its address. */
    h->seal++;
    if (!goes_back(h))
        return 0;
    size_t bytes = h->bytes;
    h->port->release(h->port->ctx, (void *)fh_start_of(h), bytes);
    return bytes;
}

/* Goes from block to block; behind a damaged tag, to the next word that opens as one, with a tag behind it. A block that was come to
 * in step may have lost its footer, and gets it anew. */
static void mend(struct fh_heap *h)
{
    bool in_step = true;
    uint32_t link = fh_first_for(h->end);
    empty_rings(h);
    while (link <= h->last) {
        uint32_t tag = fh_tag_at(h, link);
        uint32_t n = fh_tag_size(tag);
        bool fits = fh_is_tag(tag) && n - FH_MIN_GRANULES <= fh_room(h, link) && fh_is_tag(fh_tag_at(h, fh_behind(link, n)));
        if (fits && fh_is_free(tag) && (in_step || *fh_footer_of(fh_at(h, fh_behind(link, n))) == n))
            fh_put(h, link, n);
        in_step = fits && in_step;
        link = fh_behind(link, fits ? n : 1);
    }
}

const struct fh_rare fh_rare = { mend, fh_finish, fh_aligned_alloc };
