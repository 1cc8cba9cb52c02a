/* SPDX-License-Identifier: MIT
 *
 * b14_tiny_regions.c - B14: a region that is tiny or misaligned makes the heap write outside it. Every base offset from 0 to
 * 15 and every size from 0 to 512 and on to 1 KiB, between red zones.
 */
#include "harness/rig.h"

enum { ZONE = 256 };

static unsigned char *const ground = rig_memory + 65536;

/* Only [mem, mem + size) may have changed. */
static void zones_hold(const unsigned char *mem, size_t size)
{
    size_t before = (size_t)(mem - ground);
    static unsigned char expected[4096];
    rig_fill(expected, before + size + ZONE, 21);
    for (size_t i = 0; i < before; i++)
        EQUAL(ground[i], expected[i]);
    for (size_t i = before + size; i < before + size + ZONE; i++)
        EQUAL(ground[i], expected[i]);
}

static void use_up(struct rig *rig)
{
    void *ptr[80];
    unsigned n = 0;
    while (n < 80 && (ptr[n] = fh_malloc(rig->heap, n % 3 * 9)) != NULL) {
        rig_fill(ptr[n], fh_usable_size(rig->heap, ptr[n]), n);
        n++;
    }
    CHECK(n != 0);
    rig_sound(rig);
    for (unsigned i = 0; i < n; i++)
        fh_free(rig->heap, ptr[i]);
    rig_sound(rig);
    EQUAL(rig_sum(rig).used_blocks, 0);
}

/* As a heap: NULL and not a byte written, or a heap that works. From some size on it always is one. */
static void as_heap(void)
{
    for (size_t offset = 0; offset < 16; offset++) {
        bool ever = false;
        for (size_t size = 0; size <= 1024; size++) {
            struct rig rig;
            rig_fill(ground, ZONE + offset + size + ZONE, 21);
            rig_prepare(&rig);
            unsigned char *mem = ground + ZONE + offset;
            rig.heap = fh_create(mem, size, &rig.port);
            if (rig.heap == NULL) {
                CHECK(!ever);
                zones_hold(mem, 0);
                continue;
            }
            ever = true;
            rig_sound(&rig);
            use_up(&rig);
            zones_hold(mem, size);
        }
        CHECK(ever);
    }
}

/* As a further region, alone. */
static void as_region(void)
{
    rig_large_only();
    for (size_t offset = 0; offset < 16; offset++) {
        bool ever = false;
        for (size_t size = 0; size <= 512; size++) {
            struct rig rig;
            rig_fill(ground, ZONE + offset + size + ZONE, 21);
            rig_open(&rig, rig_memory, 1024);
            unsigned char *mem = ground + ZONE + offset;
            size_t added = fh_add_region(rig.heap, mem, size);
            CHECK(added < size || size == 0);
            if (added == 0) {
                CHECK(!ever);
                zones_hold(mem, 0);
            } else {
                ever = true;
                use_up(&rig);
                zones_hold(mem, size);
            }
            rig_sound(&rig);
        }
        CHECK(ever);
    }
}

/* As a further region that touches one below, one above, or both. */
static void as_extension(void)
{
    rig_large_only();
    for (unsigned sides = 1; sides < 4; sides++) {
        for (size_t offset = 0; offset < 16; offset++) {
            for (size_t size = 1; size <= 300; size++) {
                struct rig rig;
                const size_t bytes = 500;
                unsigned char *low = ground + ZONE;
                unsigned char *mem = low + bytes + offset;
                unsigned char *high = mem + size;
                rig_fill(ground, ZONE + bytes + offset + size + bytes + ZONE, 21);
                rig_open(&rig, rig_memory, 1024);
                if (sides & 1)
                    CHECK(fh_add_region(rig.heap, low, bytes + offset) != 0);
                if (sides & 2)
                    CHECK(fh_add_region(rig.heap, high, bytes) != 0);
                size_t added = fh_add_region(rig.heap, mem, size);
                CHECK(added != 0 || size < 16 + 2 * FH_GRANULE || sides == 2);
                rig_sound(&rig);
                use_up(&rig);
                unsigned char *from = sides & 1 ? low : mem;
                unsigned char *to = sides & 2 ? high + bytes : high;
                if (added == 0 && sides == 1)
                    to = mem;
                if (added == 0 && sides == 2)
                    from = high;
                zones_hold(from, (size_t)(to - from));
            }
        }
    }
}

TESTS(bugs_b14_tiny_regions) = { { "as_heap", as_heap }, { "as_region", as_region }, { "as_extension", as_extension }, TESTS_END };
