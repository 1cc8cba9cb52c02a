/* SPDX-License-Identifier: MIT
 *
 * frame.h - the kernel's page frames: a bitmap over all memory, for port/frames.
 *
 * Promise: a frame is handed out once until it is given back; frame_give notices a frame that was not out.
 * Invariant: a bit is set if and only if the frame is free; the counters are the sums over the bits.
 * Must not know: heaps.
 *
 * May be called from any core and from interrupt handlers.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_SHIFT 12

/* Before the first frame: room for the map of what lies from lowest to highest, in memory that is nobody's. */
size_t frame_map_bytes(uintptr_t lowest, uintptr_t highest);
void frame_map(void *map, uintptr_t lowest, uintptr_t highest);

/* Puts the whole frames between two addresses into the map. */
void frame_add(uintptr_t start, uintptr_t end);

/* For port/frames: a run of frames, first fit from below; or one frame, from above. */
void *frame_take(void *ctx, size_t count);
void *frame_take_single(void *ctx, size_t count);
void frame_give(void *ctx, void *first, size_t count);

size_t frames_free(void);
size_t frames_taken(void);       /* so often a frame was handed out */
size_t frames_misgiven(void);    /* frames given back that were not out: must stay 0 */

#endif
