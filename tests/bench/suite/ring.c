/* SPDX-License-Identifier: MIT
 *
 * ring.c - fills a ring buffer as a freestanding target would, and dumps it to standard output.
 *
 *   ring whole      all events fit
 *   ring round      more events than entries
 *   ring foreign    the whole ring as a target of the other byte order and 32-bit pointers would have left it
 */
#define FH_RING_ENTRIES 512
#include "../ring.h"

#include <freehold.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fh_ring ring;
static _Alignas(16) unsigned char memory[65536];

static void put_big(unsigned char *at, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(x >> (24 - 8 * i));
}

static int dump_foreign(void)
{
    static unsigned char out[16 + FH_RING_ENTRIES * 16];
    put_big(out, FH_RING_MAGIC);
    put_big(out + 4, 4);
    put_big(out + 8, FH_RING_ENTRIES);
    put_big(out + 12, ring.written);
    for (uint32_t i = 0; i < FH_RING_ENTRIES; i++) {
        const struct fh_ring_entry *e = &ring.entry[i];
        put_big(out + 16 + i * 16, (uint32_t)e->ptr);
        put_big(out + 20 + i * 16, (uint32_t)e->old);
        put_big(out + 24 + i * 16, e->size);
        put_big(out + 28 + i * 16, e->op);
    }
    return write(1, out, sizeof out) == sizeof out ? 0 : 3;
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    unsigned rounds = strcmp(what, "round") == 0 ? 200 : 20;
    struct fh_heap *heap = fh_create(memory, sizeof memory, NULL);
    void *held[8] = { 0 };
    fh_ring_begin(&ring);
    /* Seven events a round but for the first ones: malloc, realloc, aligned, calloc, and frees of an older round's. */
    for (unsigned i = 0; i < rounds; i++) {
        void **slot = &held[i % 4 * 2];
        for (int j = 0; j < 2; j++) {
            fh_ring_note(&ring, FH_RING_FREE, slot[j], 0, NULL);
            fh_free(heap, slot[j]);
        }
        slot[0] = fh_malloc(heap, 20 + i);
        fh_ring_note(&ring, FH_RING_MALLOC, slot[0], 20 + i, NULL);
        void *grown = fh_realloc(heap, slot[0], 300 + i);
        fh_ring_note(&ring, FH_RING_REALLOC, grown, 300 + i, slot[0]);
        slot[0] = grown;
        slot[1] = fh_calloc(heap, 3, 40);
        fh_ring_note(&ring, FH_RING_CALLOC, slot[1], 120, NULL);
        void *aligned = fh_aligned_alloc(heap, 128, 77);
        fh_ring_note(&ring, FH_RING_ALIGNED, aligned, 77, (void *)128);
        fh_ring_note(&ring, FH_RING_FREE, aligned, 0, NULL);
        fh_free(heap, aligned);
    }
    if (strcmp(what, "foreign") == 0)
        return dump_foreign();
    return write(1, &ring, sizeof ring) == sizeof ring ? 0 : 3;
}
