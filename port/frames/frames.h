/* SPDX-License-Identifier: MIT
 *
 * frames.h - a heap's memory from a kernel's page frames.
 *
 * Promise: every frame that was taken goes back exactly once, on fh_trim, on fh_destroy, or when the heap finds a region
 * idle; nothing is stored outside the frames themselves.
 * Must not know: how the kernel keeps its frames, whether it runs with paging, the core.
 *
 * A kernel needs this much:
 *
 *     static struct fh_frames frames = { .frame_shift = 12, .take = my_take, .give = my_give };
 *     static const struct fh_port port = { .ctx = &frames, .acquire = fh_frames_acquire, .release = fh_frames_release };
 *     struct fh_heap *heap = fh_create(NULL, 0, &port);
 *
 * The port's other callbacks get &frames as their ctx too; a kernel that wants more there makes struct fh_frames the first
 * member of a structure of its own.
 *
 * The contract of take and give, stated once:
 *
 * - Addresses are those at which the kernel reads and writes the frames, mapped already. A frame has 1 << frame_shift
 *   bytes, at least 1024, and lies at a multiple of that. It need not be zeroed. Address 0 cannot be a frame.
 * - take returns count frames in one contiguous run, or NULL if it has none: never fewer. NULL is an ordinary answer; the
 *   allocation that asked is refused then, unless a smaller number of frames does.
 * - Frames may come in any order and lie anywhere; those that happen to touch are joined into one region by the heap.
 * - give returns count frames from first on. It cannot fail. Where two runs touched they may come back as one run, so that
 *   give must not look for the run that was taken.
 * - If singles is set, take and give are called with a count of 1 and nothing else. A request for more than one frame
 *   then collects: it takes frames until some of them make up the run, and gives the others back before it
 *   returns. It holds at most hold_most frames meanwhile (0: as many as there are), and as many as that in the worst case.
 * - Neither is called with the heap's lock held, so both need a lock of their own if several contexts use the heap. */
#ifndef FREEHOLD_FRAMES_H
#define FREEHOLD_FRAMES_H

#include <freehold.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fh_frames {
    void *ctx;                                          /* for take and give */
    unsigned frame_shift;                               /* 12 for frames of 4 KiB */
    void *(*take)(void *ctx, size_t count);
    void (*give)(void *ctx, void *first, size_t count);
    size_t batch;                                       /* frames to ask for at least, if that many are to be had; 0: as needed */
    bool singles;
    size_t hold_most;                                   /* with singles only */
};

/* The callbacks of the port. ctx is a struct fh_frames. */
void *fh_frames_acquire(void *ctx, size_t min_bytes, size_t *got);
void fh_frames_release(void *ctx, void *mem, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
