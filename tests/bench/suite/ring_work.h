/* SPDX-License-Identifier: MIT
 *
 * ring_work.h - calls that are noted in a ring buffer: the same on the host and on a target.
 *
 * Must not know: how the ring gets to the host.
 */
#ifndef FH_RING_WORK_H
#define FH_RING_WORK_H

#define FH_RING_ENTRIES 512
#include "../ring.h"

#include <freehold.h>

/* Seven events a round but for the first ones: malloc, realloc, aligned, calloc, and frees of an older round's. */
static inline void ring_work(struct fh_ring *ring, struct fh_heap *heap, unsigned rounds)
{
    void *held[8];
    for (unsigned i = 0; i < 8; i++)
        held[i] = NULL;
    fh_ring_begin(ring);
    for (unsigned i = 0; i < rounds; i++) {
        void **slot = &held[i % 4 * 2];
        for (int j = 0; j < 2; j++) {
            fh_ring_note(ring, FH_RING_FREE, slot[j], 0, NULL);
            fh_free(heap, slot[j]);
        }
        slot[0] = fh_malloc(heap, 20 + i);
        fh_ring_note(ring, FH_RING_MALLOC, slot[0], 20 + i, NULL);
        void *grown = fh_realloc(heap, slot[0], 300 + i);
        fh_ring_note(ring, FH_RING_REALLOC, grown, 300 + i, slot[0]);
        slot[0] = grown;
        slot[1] = fh_calloc(heap, 3, 40);
        fh_ring_note(ring, FH_RING_CALLOC, slot[1], 120, NULL);
        void *aligned = fh_aligned_alloc(heap, 128, 77);
        fh_ring_note(ring, FH_RING_ALIGNED, aligned, 77, (void *)128);
        fh_ring_note(ring, FH_RING_FREE, aligned, 0, NULL);
        fh_free(heap, aligned);
    }
}

#endif
