/* SPDX-License-Identifier: MIT
 *
 * frames.c - see frames.h for the promise.
 *
 * Invariant of collect: the frames held meanwhile are a list of runs in address order, no two of which touch, kept in the
 * first words of the runs. Nothing else needs memory, so that growing a heap never depends on a heap.
 */
#include "frames.h"

/* Contiguous frames held while a longer run is being collected; lies at their start. */
struct run {
    struct run *next;
    size_t count;
};

static bool touches(const struct fh_frames *f, const struct run *lower, const struct run *upper)
{
    return (uintptr_t)lower + (lower->count << f->frame_shift) == (uintptr_t)upper;
}

/*   [lower][upper]   =>   [---lower---] */
static void join(struct run *lower, const struct run *upper)
{
    lower->count += upper->count;
    lower->next = upper->next;
}

/* Enters one frame and returns the run that it is part of now. */
static struct run *enter(const struct fh_frames *f, struct run **first, void *frame)
{
    struct run *below = NULL;
    struct run *above = *first;
    while (above != NULL && (uintptr_t)above < (uintptr_t)frame) {
        below = above;
        above = above->next;
    }
    struct run *r = (struct run *)frame;
    r->next = above;
    r->count = 1;
    if (above != NULL && touches(f, r, above))
        join(r, above);
    if (below != NULL && touches(f, below, r)) {
        join(below, r);
        return below;
    }
    *(below != NULL ? &below->next : first) = r;
    return r;
}

/* Gives frames back in the portions that the kernel can take. */
static void give(const struct fh_frames *f, uintptr_t first, size_t count)
{
    if (!f->singles) {
        f->give(f->ctx, (void *)first, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        f->give(f->ctx, (void *)(first + (i << f->frame_shift)), 1);
}

/* Gives back all that is held but one run. */
static void give_rest(const struct fh_frames *f, struct run *r, const struct run *keep)
{
    while (r != NULL) {
        struct run *next = r->next;
        if (r != keep)
            give(f, (uintptr_t)r, r->count);
        r = next;
    }
}

/* Makes a run of at least count out of single frames; stores how many it has. */
static void *collect(const struct fh_frames *f, size_t count, size_t *got)
{
    struct run *first = NULL;
    struct run *found = NULL;
    for (size_t held = 0; found == NULL && (f->hold_most == 0 || held < f->hold_most); held++) {
        void *frame = f->take(f->ctx, 1);
        if (frame == NULL)
            break;
        struct run *r = enter(f, &first, frame);
        if (r->count >= count)
            found = r;
    }
    if (found != NULL)
        *got = found->count;
    give_rest(f, first, found);
    return found;
}

/* How many frames hold that many bytes; 0 if no number of frames does. */
static size_t frames_for(const struct fh_frames *f, size_t bytes)
{
    size_t mask = ((size_t)1 << f->frame_shift) - 1;
    return bytes <= SIZE_MAX - mask ? (bytes + mask) >> f->frame_shift : 0;
}

void *fh_frames_acquire(void *ctx, size_t min_bytes, size_t *got)
{
    const struct fh_frames *f = (const struct fh_frames *)ctx;
    size_t count = frames_for(f, min_bytes);
    if (count == 0)
        return NULL;
    size_t taken = f->batch > count ? f->batch : count;
    void *mem = f->singles ? collect(f, taken, &taken) : f->take(f->ctx, taken);
    if (mem == NULL && taken > count) {
        taken = count;
        mem = f->singles ? collect(f, taken, &taken) : f->take(f->ctx, taken);
    }
    if (mem != NULL)
        *got = taken << f->frame_shift;
    return mem;
}

void fh_frames_release(void *ctx, void *mem, size_t bytes)
{
    const struct fh_frames *f = (const struct fh_frames *)ctx;
    give(f, (uintptr_t)mem, frames_for(f, bytes));
}
