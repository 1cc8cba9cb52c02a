/* SPDX-License-Identifier: MIT
 *
 * frames.c - tests port/frames against a supply of frames that is mean in every way that its contract allows.
 *
 * Promise: each frame is counted: out at most once, given back at most once, nothing lost at the end.
 */
#include "../stress/stress.h"

#include <frames/frames.h>

#include "check.h"

#define SHIFT 12
#define FRAMES 1024

static _Alignas(1 << SHIFT) unsigned char memory[FRAMES << SHIFT];

/* The supply: frames in an order of its own, some of them never. */
static struct {
    bool out[FRAMES];
    bool never[FRAMES];
    unsigned order[FRAMES];    /* in which single frames come */
    unsigned free;
    unsigned held;
    unsigned held_most;
    unsigned wrong;            /* calls that break the contract */
    bool singles;
    unsigned calls;
} supply;

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static void reset(bool singles)
{
    supply.free = FRAMES;
    supply.held = supply.held_most = supply.wrong = supply.calls = 0;
    supply.singles = singles;
    for (unsigned i = 0; i < FRAMES; i++) {
        supply.out[i] = supply.never[i] = false;
        supply.order[i] = i;
    }
}

static void shuffle(void)
{
    for (unsigned i = FRAMES - 1; i > 0; i--) {
        unsigned k = random_below(i + 1);
        unsigned swap = supply.order[i];
        supply.order[i] = supply.order[k];
        supply.order[k] = swap;
    }
}

static bool is_run(unsigned first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (i >= FRAMES || supply.out[i] || supply.never[i])
            return false;
    }
    return true;
}

static void *hand_out(unsigned first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        supply.out[i] = true;
    supply.free -= (unsigned)count;
    supply.held += (unsigned)count;
    supply.held_most = supply.held > supply.held_most ? supply.held : supply.held_most;
    return memory + ((size_t)first << SHIFT);
}

static void *take(void *ctx, size_t count)
{
    supply.calls++;
    supply.wrong += ctx != &supply || count == 0 || (supply.singles && count != 1);
    for (unsigned i = 0; i < FRAMES; i++) {
        unsigned first = supply.order[i];
        if (is_run(first, count))
            return hand_out(first, count);
    }
    return NULL;
}

static void give(void *ctx, void *first, size_t count)
{
    size_t i = (size_t)((unsigned char *)first - memory) >> SHIFT;
    supply.wrong += ctx != &supply || count == 0 || (supply.singles && count != 1);
    for (; count != 0; count--, i++) {
        supply.wrong += i >= FRAMES || !supply.out[i];
        supply.out[i] = false;
        supply.free++;
        supply.held--;
    }
}

static struct fh_frames runs = { .ctx = &supply, .frame_shift = SHIFT, .take = take, .give = give };
static struct fh_frames singles = { .ctx = &supply, .frame_shift = SHIFT, .take = take, .give = give, .singles = true };

static void test_runs(void)
{
    size_t got = 0;
    reset(false);
    void *mem = fh_frames_acquire(&runs, 1, &got);
    CHECK(mem == memory && got == 1 << SHIFT);
    fh_frames_release(&runs, mem, got);
    mem = fh_frames_acquire(&runs, (3 << SHIFT) + 1, &got);
    CHECK(mem == memory && got == 4 << SHIFT && supply.held == 4);
    fh_frames_release(&runs, mem, got);
    CHECK(fh_frames_acquire(&runs, (FRAMES << SHIFT) + 1, &got) == NULL);
    unsigned calls = supply.calls;
    CHECK(fh_frames_acquire(&runs, SIZE_MAX, &got) == NULL && fh_frames_acquire(&runs, SIZE_MAX - 4094, &got) == NULL);
    CHECK(fh_frames_acquire(&runs, 0, &got) == NULL && supply.calls == calls);
    CHECK(supply.free == FRAMES && supply.wrong == 0);
}

static void test_batch(void)
{
    struct fh_frames batched = runs;
    size_t got = 0;
    reset(false);
    batched.batch = 16;
    void *mem = fh_frames_acquire(&batched, 100, &got);
    CHECK(mem != NULL && got == 16 << SHIFT);
    fh_frames_release(&batched, mem, got);
    /* No 16 frames in a run, but one: the request is met all the same. */
    for (unsigned i = 0; i < FRAMES; i += 8)
        supply.never[i] = true;
    mem = fh_frames_acquire(&batched, 100, &got);
    CHECK(mem != NULL && got == 1 << SHIFT);
    fh_frames_release(&batched, mem, got);
    CHECK(supply.held == 0 && supply.wrong == 0);
}

static void collects(size_t count)
{
    size_t got = 0;
    void *mem = fh_frames_acquire(&singles, count << SHIFT, &got);
    CHECK(mem != NULL && got >= count << SHIFT && got % (1 << SHIFT) == 0);
    CHECK(supply.held == got >> SHIFT && supply.wrong == 0);
    if (mem == NULL)
        return;
    for (size_t i = 0; i < got; i++)
        ((unsigned char *)mem)[i] = 0xA5;
    fh_frames_release(&singles, mem, got);
    CHECK(supply.held == 0 && supply.wrong == 0);
}

static void test_collect(void)
{
    reset(true);
    collects(1);
    collects(7);
    for (unsigned i = 0; i < FRAMES; i++)
        supply.order[i] = FRAMES - 1 - i;
    collects(7);
    CHECK(supply.held_most == 7);
    for (unsigned i = 0; i < FRAMES; i++)
        supply.order[i] = i / 2 + (i & 1) * (FRAMES / 2);
    collects(30);
    for (unsigned round = 0; round < 50; round++) {
        reset(true);
        shuffle();
        collects(1 + random_below(40));
    }
    /* Holes everywhere but in one place. */
    reset(true);
    shuffle();
    for (unsigned i = 0; i < FRAMES; i += 4)
        supply.never[i] = i < 500 || i > 520;
    collects(20);
    size_t got = 0;
    CHECK(fh_frames_acquire(&singles, 30 << SHIFT, &got) == NULL && supply.held == 0 && supply.wrong == 0);
}

static void test_hold_most(void)
{
    struct fh_frames shy = singles;
    size_t got = 0;
    shy.hold_most = 20;
    reset(true);
    for (unsigned i = 0; i < FRAMES; i++)
        supply.order[i] = i % 2 == 0 ? i / 2 * 2 : FRAMES - 1 - i;
    CHECK(fh_frames_acquire(&shy, 21 << SHIFT, &got) == NULL);
    CHECK(supply.held_most == 20 && supply.held == 0 && supply.wrong == 0);
}

static unsigned long blamed;

static void hear(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    (void)fault;
    blamed++;
}

/* The workload over each kind of supply ends as everywhere, and all frames come back. */
static uint32_t stress_over(struct fh_frames *frames, struct stress_plan plan)
{
    static struct stress_slot slots[STRESS_LARGE_SLOTS];
    struct fh_port port = { .ctx = frames, .acquire = fh_frames_acquire, .release = fh_frames_release, .fault = hear };
    struct stress_report report = { .digest = 0 };
    struct fh_heap *heap = fh_create(NULL, 0, &port);
    CHECK(heap != NULL);
    if (heap == NULL)
        return 0;
    CHECK(stress_run(heap, &plan, slots, &report));
    if (report.broken != NULL)
        fprintf(stderr, "step %lu: %s\n", (unsigned long)report.steps, report.broken);
    unsigned held = supply.held;
    size_t trimmed = fh_trim(heap);
    CHECK(held - supply.held == trimmed >> SHIFT && supply.held >= 1);
    unsigned rest = supply.held;
    CHECK(fh_destroy(heap) == (size_t)rest << SHIFT);
    CHECK(supply.held == 0 && supply.free == FRAMES && supply.wrong == 0 && blamed == 0);
    return report.digest;
}

static void test_heap(void)
{
    reset(false);
    uint32_t small = stress_over(&runs, stress_small(STRESS_SEED));
    uint32_t large = stress_over(&runs, stress_large(STRESS_SEED));
    reset(true);
    CHECK(stress_over(&singles, stress_small(STRESS_SEED)) == small);
    shuffle();
    CHECK(stress_over(&singles, stress_small(STRESS_SEED)) == small);
    reset(true);
    CHECK(stress_over(&singles, stress_large(STRESS_SEED)) == large);
    /* Only every second frame: nothing ever touches. */
    reset(true);
    for (unsigned i = 1; i < FRAMES; i += 2)
        supply.never[i] = true;
    CHECK(stress_over(&singles, stress_small(STRESS_SEED)) == small);
}

/* A supply that runs dry refuses the request and nothing else. */
static void test_dry(void)
{
    struct fh_port port = { .ctx = &runs, .acquire = fh_frames_acquire, .release = fh_frames_release, .fault = hear };
    reset(false);
    for (unsigned i = 8; i < FRAMES; i++)
        supply.never[i] = true;
    struct fh_heap *heap = fh_create(NULL, 0, &port);
    CHECK(heap != NULL);
    void *first = fh_malloc(heap, 3 << SHIFT);
    CHECK(first != NULL && fh_malloc(heap, 20 << SHIFT) == NULL && fh_check(heap) == FH_OK);
    void *small = fh_malloc(heap, 100);
    CHECK(small != NULL);
    fh_free(heap, small);
    fh_free(heap, first);
    fh_destroy(heap);
    CHECK(supply.held == 0 && supply.wrong == 0 && blamed == 0);
}

int main(void)
{
    RUN(test_runs);
    RUN(test_batch);
    RUN(test_collect);
    RUN(test_hold_most);
    RUN(test_heap);
    RUN(test_dry);
    return 0;
}
