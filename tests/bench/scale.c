/* SPDX-License-Identifier: MIT
 *
 * scale.c - fh-scale ADAPTER BLOCKS: time per operation while that many free blocks lie about.
 *
 * Blocks of 16 to 1024 bytes are allocated, twice as many as asked for, and every second one is freed, so that BLOCKS free ones lie apart.
 * Then half as many are taken, and random ones of them exchanged for others of random sizes, so that every call meets memory that it
 * has not seen for a while. Prints tab-separated: allocator, free blocks, CPU ns per operation
 * (minimum over passes), and the ns of one read of a random place in as much memory, which is what any allocator that must look at a
 * block pays.
 *
 * Must not know: what a free block looks like.
 */
#define _GNU_SOURCE
#include "replay/run.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXCHANGES = 50000, PASSES = 5 };

static uint64_t state = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

static uint32_t random_size(void)
{
    return 16 + random_below(1009);
}

static void *must(void *ptr)
{
    if (ptr == NULL) {
        fprintf(stderr, "fh-scale: refused\n");
        exit(1);
    }
    *(volatile char *)ptr = 1;
    return ptr;
}

static double exchange(const struct fh_allocator *a, void *heap, void **held, uint32_t count)
{
    static uint32_t sizes[EXCHANGES];
    static uint32_t which[EXCHANGES];
    for (size_t i = 0; i < EXCHANGES; i++) {
        sizes[i] = random_size();
        which[i] = random_below(count);
    }
    uint64_t before = fh_cpu_ns();
    for (size_t i = 0; i < EXCHANGES; i++) {
        a->free(heap, held[which[i]]);
        held[which[i]] = must(a->malloc(heap, sizes[i]));
    }
    return (double)(fh_cpu_ns() - before) / (2 * EXCHANGES);
}

/* A chain of reads that visits one word of each kilobyte in random order. */
static double read_latency(size_t words)
{
    enum { STRIDE = 1024 / sizeof(size_t), READS = 200000 };
    size_t *chain = fh_map(words * STRIDE * sizeof *chain);
    for (size_t i = 0; i < words; i++)
        chain[i * STRIDE] = i;
    for (size_t i = words; i-- > 1;) {
        size_t j = random_below((uint32_t)i);
        size_t t = chain[i * STRIDE];
        chain[i * STRIDE] = chain[j * STRIDE];
        chain[j * STRIDE] = t;
    }
    double best = 1e9;
    volatile size_t end = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        size_t at = end;
        uint64_t before = fh_cpu_ns();
        for (size_t i = 0; i < READS; i++)
            at = chain[at * STRIDE];
        double ns = (double)(fh_cpu_ns() - before) / READS;
        end = at;
        best = ns < best ? ns : best;
    }
    fh_unmap(chain, words * STRIDE * sizeof *chain);
    return best;
}

int main(int argc, char **argv)
{
    struct fh_allocator a;
    unsigned long blocks = argc >= 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (blocks < 2 || blocks > 10000000) {
        fprintf(stderr, "usage: fh-scale ADAPTER|system BLOCKS [NAME]\n");
        return 2;
    }
    if (!fh_allocator_load(&a, argv[1]))
        return 2;
    size_t count = blocks * 2;
    size_t bytes = count * 1100 + ((size_t)4 << 20);
    void *region = a.region ? fh_map(bytes) : NULL;
    void *heap = a.open(region, a.region ? bytes : 0);
    if (heap == NULL) {
        fprintf(stderr, "fh-scale: the region is too small\n");
        return 1;
    }
    void **all = fh_map(count * sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = must(a.malloc(heap, random_size()));
    for (size_t i = 0; i < count; i += 2)
        a.free(heap, all[i]);
    uint32_t held_count = (uint32_t)(blocks / 2);
    void **held = fh_map(held_count * sizeof *held);
    for (uint32_t i = 0; i < held_count; i++)
        held[i] = must(a.malloc(heap, random_size()));
    double best = 1e9;
    for (int pass = 0; pass < PASSES; pass++) {
        double ns = exchange(&a, heap, held, held_count);
        best = ns < best ? ns : best;
    }
    printf("%s\t%lu\t%.2f\t%.2f\n", argc >= 4 ? argv[3] : a.name, blocks, best, read_latency(blocks));
    return 0;
}
