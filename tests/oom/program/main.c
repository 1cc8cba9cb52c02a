/* SPDX-License-Identifier: MIT
 *
 * main.c - fails every allocation of words.c in turn, through fh_fail_after, and prints a tally.
 *
 * For each n the program runs on a heap of its own whose n-th allocating call is refused. It gives up: then everything must be
 * back. Or memory returns at once, or after a few more refusals, and it goes on: then the result must be the right one.
 */
#include <fail/fail.h>

#include "words.h"

#include <stdio.h>
#include <string.h>

static const char text[] =
    "A heap is what the user holds. A region is one contiguous span of memory given to a heap. A block is a tag and a payload, what a "
    "region is cut into. The tag is the header of four bytes: the size in granules and flags, sealed. The granule is the alignment of "
    "the payload. The footer is the last word of a free block: its size again. A size class is a range of block sizes that share one "
    "free list. First fit takes the first block on the list that is large enough. To split is to cut the rest off a block; to "
    "coalesce is to join it with free neighbours. The cache holds quick lists of small blocks, coalesced later. The port is the "
    "struct of callbacks that supplies memory, a lock, and a verdict on misuse. A kernel has no fault handler to fall back on.";

static _Alignas(64) unsigned char memory[65536];
static const char *config;
static unsigned failed;

static bool expect(bool ok, const char *name, size_t n, const char *what)
{
    if (ok)
        return true;
    failed++;
    fprintf(stderr, "%s, call %zu refused: %s\n", name, n, what);
    return false;
}

static struct fh_heap *open_heap(void)
{
    memset(memory, 0x5A, sizeof memory);
    return fh_create(memory, sizeof memory, NULL);
}

/* Sound, and nothing in use. */
static bool is_as_new(struct fh_heap *heap)
{
    struct fh_stats stats;
    fh_stats(heap, &stats);
    return fh_check(heap) == FH_OK && stats.blocks_used == 0 && stats.blocks_free == 1;
}

static bool give_up(void *arg)
{
    (void)arg;
    return false;
}

/* Memory is back after so many refusals. */
struct shortage {
    struct fh_heap *heap;
    unsigned refusals;
};

static bool hold_out(void *arg)
{
    struct shortage *s = arg;
    if (--s->refusals == 0)
        fh_fail_after(s->heap, SIZE_MAX);
    return true;
}

static uint32_t right_digest;
static size_t calls;

static bool measure(void)
{
    struct fh_heap *heap = open_heap();
    fh_fail_after(heap, SIZE_MAX);
    right_digest = words_digest(heap, text, give_up, NULL);
    calls = fh_fail_after(heap, SIZE_MAX);
    return expect(right_digest != 0 && calls > 100 && is_as_new(heap), "unhindered", 0, "it does not even run");
}

static bool from_then_on(size_t n)
{
    struct fh_heap *heap = open_heap();
    fh_fail_after(heap, n);
    uint32_t digest = words_digest(heap, text, give_up, NULL);
    /* A refused resize is no failure: the program then moves its list, and that is refused too. */
    bool ok = expect(digest == 0, "from then on", n, "it did not give up")
              && expect(fh_fail_after(heap, SIZE_MAX) > n, "from then on", n, "nothing was refused")
              && expect(is_as_new(heap), "from then on", n, "something is lost");
    return ok && expect(words_digest(heap, text, give_up, NULL) == right_digest, "from then on", n, "it does not run afterwards");
}

static bool until_memory_returns(size_t n, unsigned refusals)
{
    struct fh_heap *heap = open_heap();
    struct shortage shortage = { heap, refusals };
    fh_fail_after(heap, n);
    uint32_t digest = words_digest(heap, text, hold_out, &shortage);
    fh_fail_after(heap, SIZE_MAX);
    return expect(digest == right_digest, "for a while", n, "the result is another") && expect(is_as_new(heap), "for a while", n, "something is lost");
}

/* Other heaps are not touched by it, and SIZE_MAX is no number of calls. */
static void others_go_on(void)
{
    struct fh_heap *heap = open_heap();
    static _Alignas(64) unsigned char elsewhere[4096];
    struct fh_heap *other = fh_create(elsewhere, sizeof elsewhere, NULL);
    fh_fail_after(heap, 0);
    void *ptr = fh_malloc(other, 10);
    bool ok = expect(ptr != NULL && fh_malloc(heap, 10) == NULL, "another heap", 0, "the wrong heap was refused")
              && expect(fh_fail_after(heap, SIZE_MAX) == 1, "another heap", 0, "the count is wrong")
              && expect(fh_fail_after(NULL, 3) == 0, "another heap", 0, "no heap was counted");
    printf("%s %s/fail_after/other_heaps_go_on\n", ok ? "pass" : "fail", config);
}

/* More heaps than are kept in mind: those that refuse nothing make room, those that refuse stay. */
static void many_heaps(void)
{
    enum { BYTES = 2048, COUNT = FH_FAIL_HEAPS + 4 };
    struct fh_heap *heaps[COUNT];
    bool ok = true;
    for (size_t i = 0; i < COUNT; i++)
        heaps[i] = fh_create(memory + i * BYTES, BYTES, NULL);
    for (size_t i = 0; i < COUNT; i++)
        fh_fail_after(heaps[i], i >= COUNT - 2 ? 0 : SIZE_MAX);
    for (size_t i = 0; i < COUNT; i++)
        ok &= expect((fh_malloc(heaps[i], 10) != NULL) == (i < COUNT - 2), "many heaps", i, "the wrong answer");
    ok &= expect(fh_fail_after(heaps[COUNT - 2], SIZE_MAX) == 1 && fh_fail_after(heaps[COUNT - 1], SIZE_MAX) == 1, "many heaps", 0, "the count is wrong");
    printf("%s %s/fail_after/many_heaps\n", ok ? "pass" : "fail", config);
}

int main(int argc, char **argv)
{
    config = argc > 1 ? argv[1] : "program";
    if (measure()) {
        bool all = true, some = true;
        for (size_t n = 0; n < calls; n++) {
            all &= from_then_on(n);
            for (unsigned refusals = 1; refusals <= 3; refusals++)
                some &= until_memory_returns(n, refusals);
        }
        printf("%s %s/fail_after/every_call_from_then_on\n", all ? "pass" : "fail", config);
        printf("%s %s/fail_after/every_call_until_memory_returns\n", some ? "pass" : "fail", config);
    }
    others_go_on();
    many_heaps();
    return failed != 0;
}
