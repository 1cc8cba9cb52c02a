/* SPDX-License-Identifier: MIT
 *
 * control.c - how much of the memory given to a heap is not for blocks, and how many small blocks the smallest heap holds.
 *
 * Promise: prints what the library itself says on the machine it runs on: bytes given minus bytes in free blocks of a fresh heap,
 * so that the control structure, the table of lists, the end tag and what alignment costs are all in it. Lines:
 *
 *     control WORD_BITS HEAP_BYTES fixed|growing BYTES    growing: the port can acquire, so that the lists are for any size
 *     blocks WORD_BITS HEAP_BYTES COUNT                   of 8 bytes each, in a fixed heap, until fh_malloc returns NULL
 *
 * The heaps are of 1 KiB, 64 KiB, and the largest that fh_create takes, up to 16 MiB.
 * Must not know: struct fh_heap.
 */
#include "../wcet/print.h"
#include <freehold.h>

static void *never(void *ctx, size_t min_bytes, size_t *got)
{
    (void)ctx;
    (void)min_bytes;
    *got = 0;
    return NULL;
}

static bool add_free(void *arg, const struct fh_block_info *block)
{
    size_t *sum = arg;
    if (!block->used)
        *sum += block->bytes;
    return true;
}

static void control(size_t bytes, const char *kind, const struct fh_port *port)
{
    struct fh_heap *heap = fh_create(__heap_start, bytes, port);
    size_t sum = 0;
    if (heap == NULL)
        return;
    fh_walk(heap, add_free, &sum);
    put("control");
    put_number(sizeof(void *) * 8);
    put_number(bytes);
    board_put(' ');
    put(kind);
    put_number(bytes - sum);
    board_put('\n');
}

static void small_blocks(size_t bytes)
{
    struct fh_heap *heap = fh_create(__heap_start, bytes, NULL);
    size_t n = 0;
    while (heap != NULL && fh_malloc(heap, 8) != NULL)
        n++;
    put("blocks");
    put_number(sizeof(void *) * 8);
    put_number(bytes);
    put_number(n);
    board_put('\n');
}

static size_t largest(void)
{
    const size_t most = (size_t)16 << 20;
    size_t bytes = 0;
    for (size_t more = most; more >= FH_GRANULE; more >>= 1) {
        if (bytes + more <= most && fh_create(__heap_start, bytes + more, NULL) != NULL)
            bytes += more;
    }
    return bytes;
}

int board_main(void)
{
    const size_t sizes[] = { 1024, 65536, largest() };
    static const struct fh_port growing = { .acquire = never };
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        control(sizes[i], "fixed", NULL);
        control(sizes[i], "growing", &growing);
    }
    small_blocks(512);
    put("done\n");
    return 0;
}
