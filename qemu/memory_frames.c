/* SPDX-License-Identifier: MIT
 *
 * memory_frames.c - heaps over page frames, taken from the machine's own description of its memory.
 *
 * Promise: the image, the memory below arch_low and what the machine keeps for itself are never handed out.
 */
#include "memory.h"

#include <frames/frames.h>

#include "arch.h"
#include "frame.h"
#include "text.h"

struct stress_slot memory_slots[STRESS_LARGE_SLOTS];
const unsigned memory_slot_count = STRESS_LARGE_SLOTS;

static struct fh_frames in_runs = { .frame_shift = FRAME_SHIFT, .take = frame_take, .give = frame_give, .batch = 16 };
static struct fh_frames in_singles = { .frame_shift = FRAME_SHIFT, .take = frame_take_single, .give = frame_give, .singles = true };
static struct fh_port port = { .acquire = fh_frames_acquire, .release = fh_frames_release, .lock = heap_enter,
                               .unlock = heap_leave, .fault = heap_fault, .swap = heap_swap };
static struct fh_port cached_port = { .ctx = &in_runs, .acquire = fh_frames_acquire, .release = fh_frames_release,
                                      .lock = heap_enter, .unlock = heap_leave, .fault = heap_fault, .cpu = heap_cpu,
                                      .cache = &fh_cpu_cache, .swap = heap_swap };

/* The memory that may become frames, as addresses of the kernel, and the part of it that the map of frames takes. */
static uintptr_t lowest = UINTPTR_MAX;
static uintptr_t highest;
static uintptr_t map_start;
static uintptr_t map_end;

static size_t free_at_start;

/* Calls each with the parts of a span that the kernel may use. */
static void usable_parts(uint64_t start, uint64_t bytes, void (*each)(uintptr_t start, uintptr_t end))
{
    uint64_t end = start + bytes < arch_reach ? start + bytes : arch_reach;
    if (start < arch_low)
        start = arch_low;
    if (start >= end)
        return;
    uintptr_t from = (uintptr_t)start + arch_offset;
    uintptr_t to = (uintptr_t)end + arch_offset;
    uintptr_t image = (uintptr_t)image_start;
    uintptr_t after = (uintptr_t)image_end;
    if (image >= to || after <= from) {
        each(from, to);
        return;
    }
    if (from < image)
        each(from, image);
    if (after < to)
        each(after, to);
}

static void measure_part(uintptr_t start, uintptr_t end)
{
    lowest = start < lowest ? start : lowest;
    highest = end > highest ? end : highest;
}

static void place_map(uintptr_t start, uintptr_t end)
{
    uintptr_t at = (start + 4095) & ~(uintptr_t)4095;
    size_t bytes = frame_map_bytes(lowest, highest);
    if (map_end == 0 && at < end && end - at >= bytes) {
        map_start = at;
        map_end = at + bytes;
        frame_map((void *)at, lowest, highest);
    }
}

static void add_part(uintptr_t start, uintptr_t end)
{
    if (start <= map_start && map_end <= end) {
        frame_add(start, map_start);
        frame_add(map_end, end);
    } else {
        frame_add(start, end);
    }
}

static void show_span(uint64_t start, uint64_t bytes, bool usable, const char *kind)
{
    text("  ");
    text_hex(start, 12);
    text("  ");
    text_hex(start + bytes - 1, 12);
    text_bytes(bytes, 12);
    text("   ");
    text(kind);
    if (usable && start >= arch_reach)
        text(", beyond the kernel's reach");
    else if (usable && start < arch_low)
        text(start + bytes <= arch_low ? ", left alone" : ", its beginning left alone");
    text("\n");
}

static void measure(uint64_t start, uint64_t bytes, bool usable, const char *kind)
{
    (void)kind;
    if (usable)
        usable_parts(start, bytes, measure_part);
}

static void place(uint64_t start, uint64_t bytes, bool usable, const char *kind)
{
    (void)kind;
    if (usable)
        usable_parts(start, bytes, place_map);
}

static void add(uint64_t start, uint64_t bytes, bool usable, const char *kind)
{
    (void)kind;
    if (usable)
        usable_parts(start, bytes, add_part);
}

void memory_find(void)
{
    text_section("Memory", "as the machine describes it");
    text("  from            to                     size   kind\n");
    arch_memory(show_span);
    text("  ");
    text_hex((uintptr_t)image_start - arch_offset, 12);
    text("  ");
    text_hex((uintptr_t)image_end - arch_offset - 1, 12);
    text_bytes((uintptr_t)(image_end - image_start), 12);
    text("   this kernel, left out\n");
    arch_memory(measure);
    if (lowest < highest)
        arch_memory(place);
    if (map_end != 0)
        arch_memory(add);
    free_at_start = frames_free();
    text("  ");
    text_number((uint32_t)free_at_start, 1);
    text(" frames of 4 KiB to hand out\n");
}

unsigned memory_ways(void)
{
    return 2;
}

const char *memory_way(unsigned way)
{
    return way == 0 ? "runs of frames" : "single frames";
}

struct fh_heap *memory_open(unsigned way)
{
    port.ctx = way == 0 ? &in_runs : &in_singles;
    return fh_create(NULL, 0, &port);
}

bool memory_has_caches(void)
{
    return true;
}

struct fh_heap *memory_open_cached(void)
{
    cached_port.cpus = arch_cores();
    return fh_create(NULL, 0, &cached_port);
}

bool memory_close(struct fh_heap *heap)
{
    size_t before = frames_free();
    size_t released = fh_destroy(heap);
    text("  ");
    text_number((uint32_t)((frames_free() - before)), 6);
    text(" frames given back;");
    text_number((uint32_t)frames_free(), 7);
    text(" free now,");
    text_number((uint32_t)free_at_start, 7);
    text(" at the start\n");
    return frames_free() == free_at_start && released == (frames_free() - before) << FRAME_SHIFT && frames_misgiven() == 0;
}
