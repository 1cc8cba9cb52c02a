/* SPDX-License-Identifier: MIT
 *
 * ring.c - fills a ring buffer as a freestanding target would, and dumps it to standard output.
 *
 *   ring whole      all events fit
 *   ring round      more events than entries
 *   ring foreign    the whole ring as a target of the other byte order and 32-bit pointers would have left it
 */
#include "ring_work.h"

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
    struct fh_heap *heap = fh_create(memory, sizeof memory, NULL);
    ring_work(&ring, heap, strcmp(what, "round") == 0 ? 200 : 20);
    if (strcmp(what, "foreign") == 0)
        return dump_foreign();
    return write(1, &ring, sizeof ring) == sizeof ring ? 0 : 3;
}
