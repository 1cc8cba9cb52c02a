/* SPDX-License-Identifier: MIT
 *
 * frame.c - see frame.h for the promise.
 */
#include "frame.h"

#include "lock.h"

static struct lock guard;
static uint32_t *map;
static uintptr_t base;
static size_t frames;
static size_t free_count;
static size_t taken;
static size_t misgiven;

static bool is_free(size_t i)
{
    return (map[i / 32] >> (i % 32) & 1) != 0;
}

static void set(size_t i, bool is)
{
    uint32_t bit = (uint32_t)1 << (i % 32);
    map[i / 32] = is ? map[i / 32] | bit : map[i / 32] & ~bit;
}

/* Where the frame that holds the address begins. The map counts frames from there: counted from the address itself, each frame
 * would lie a little below its place, the first one in what is not to be touched. */
static uintptr_t frame_of(uintptr_t address)
{
    return address >> FRAME_SHIFT << FRAME_SHIFT;
}

size_t frame_map_bytes(uintptr_t lowest, uintptr_t highest)
{
    return (((highest - frame_of(lowest)) >> FRAME_SHIFT) / 32 + 1) * sizeof *map;
}

void frame_map(void *memory, uintptr_t lowest, uintptr_t highest)
{
    map = memory;
    base = frame_of(lowest);
    frames = (highest - base) >> FRAME_SHIFT;
    for (size_t i = 0; i <= frames / 32; i++)
        map[i] = 0;
}

void frame_add(uintptr_t start, uintptr_t end)
{
    const uintptr_t mask = ((uintptr_t)1 << FRAME_SHIFT) - 1;
    start = (start + mask) & ~mask;
    for (end &= ~mask; start < end; start += mask + 1) {
        set((start - base) >> FRAME_SHIFT, true);
        free_count++;
    }
}

static void *take(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        set(i, false);
    free_count -= count;
    taken += count;
    return (void *)(base + ((uintptr_t)first << FRAME_SHIFT));
}

static void *first_fit(size_t count)
{
    size_t run = 0;
    for (size_t i = 0; i < frames; i++) {
        if (run == 0 && i % 32 == 0 && map[i / 32] == 0) {
            i += 31;
            continue;
        }
        run = is_free(i) ? run + 1 : 0;
        if (run == count)
            return take(i + 1 - count, count);
    }
    return NULL;
}

static void *highest(void)
{
    for (size_t i = frames; i-- > 0;) {
        if (is_free(i))
            return take(i, 1);
    }
    return NULL;
}

void *frame_take(void *ctx, size_t count)
{
    (void)ctx;
    uintptr_t state = lock_enter(&guard);
    void *first = first_fit(count);
    lock_leave(&guard, state);
    return first;
}

void *frame_take_single(void *ctx, size_t count)
{
    (void)ctx;
    uintptr_t state = lock_enter(&guard);
    void *frame = count == 1 ? highest() : NULL;
    lock_leave(&guard, state);
    return frame;
}

void frame_give(void *ctx, void *first, size_t count)
{
    (void)ctx;
    uintptr_t state = lock_enter(&guard);
    size_t i = ((uintptr_t)first - base) >> FRAME_SHIFT;
    for (; count != 0; count--, i++) {
        if (i >= frames || is_free(i)) {
            misgiven++;
            continue;
        }
        set(i, true);
        free_count++;
    }
    lock_leave(&guard, state);
}

size_t frames_free(void)
{
    return free_count;
}

size_t frames_taken(void)
{
    return taken;
}

size_t frames_misgiven(void)
{
    return misgiven;
}
