/* SPDX-License-Identifier: MIT
 *
 * make.c - src/small/make.c: a heap of any memory or none, memory of the port, more memory behind it, and the end of it. Nothing is
 * written outside the memory, and nothing at all on refusal.
 */
#include "poke.h"

enum { ZONE = 128, ROOM = 8192 };

static struct rig rig;
static unsigned char *const ground = rig_memory + 65536;

/* Fills the ground, and looks whether only those bytes of it may have changed. */
static void mark(size_t bytes)
{
    rig_fill(ground - ZONE, bytes + 2 * ZONE, 31);
}

static bool holds(const unsigned char *mem, size_t size, size_t bytes)
{
    static unsigned char expected[ROOM + 2 * ZONE];
    size_t from = (size_t)(mem - ground) + ZONE;
    rig_fill(expected, bytes + 2 * ZONE, 31);
    for (size_t i = 0; i < bytes + 2 * ZONE; i++) {
        if ((i < from || i >= from + size) && ground[(ptrdiff_t)i - ZONE] != expected[i])
            return false;
    }
    return true;
}

/* Takes all there is, in blocks of a few sizes, writes to all of it and gives it back. */
static void use_up(void)
{
    unsigned char *ptr[64];
    uint32_t n = 0;
    for (size_t size = largest_in(&rig); n < 64; size = size > 64 ? size / 2 : 1) {
        ptr[n] = fh_malloc(rig.heap, size);
        if (ptr[n] == NULL && size == 1)
            break;
        if (ptr[n] != NULL) {
            rig_fill(ptr[n], fh_usable_size(rig.heap, ptr[n]), n);
            n++;
        }
    }
    CHECK(n != 0);
    rig_sound(&rig);
    while (n-- != 0) {
        CHECK(rig_filled(ptr[n], fh_usable_size(rig.heap, ptr[n]), n));
        fh_free(rig.heap, ptr[n]);
    }
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_blocks, 1);
}

/* Where the blocks of memory from start on must end. */
static uintptr_t end_for(uintptr_t start, size_t size)
{
    return (start + size) / FH_GRANULE * FH_GRANULE;
}

static void any_offset_and_size(void)
{
    for (size_t offset = 0; offset < 17; offset++) {
        bool ever = false;
        for (size_t size = 0; size <= 700; size += size < 300 ? 1 : 37) {
            mark(offset + size);
            rig_prepare(&rig);
            rig.heap = fh_create(ground + offset, size, &rig.port);
            if (rig.heap == NULL) {
                CHECK(!ever && size < 160 && holds(ground, 0, offset + size));
                continue;
            }
            ever = true;
            EQUAL(rig.locks, 0);
            EQUAL(end_of(&rig), end_for((uintptr_t)ground + offset, size));
            use_up();
            CHECK(holds(ground + offset, size, offset + size));
            struct fh_stats stats;
            fh_stats(rig.heap, &stats);
            EQUAL(stats.bytes_regions, size);
        }
        CHECK(ever);
    }
}

/* Control structure, a head and a block of the smallest size: less is refused, and that is a heap. */
static void the_smallest_heap(void)
{
    size_t control = fh_first_for(FH_HEAD + 1) * (size_t)FH_LINK_BYTES;
    rig_prepare(&rig);
    for (size_t size = 0; size < control + 16; size++)
        CHECK(fh_create(ground, size, &rig.port) == NULL);
    rig.heap = fh_create(ground, control + 16, &rig.port);
    REQUIRE(rig.heap != NULL);
    EQUAL(largest_in(&rig), 12);
    use_up();
}

/* Up to 65,535 granules from the heap on, whatever lies below its first granule and behind its last. */
static void the_largest_heap(void)
{
    const size_t most = (size_t)FH_SIZE_MASK * FH_GRANULE;
    unsigned char *mem = host_map(NULL, most + 2 * 4096);
    REQUIRE(mem != NULL);
    for (size_t offset = 0; offset < FH_GRANULE; offset++) {
        size_t below = (FH_GRANULE - offset) % FH_GRANULE;
        rig_prepare(&rig);
        CHECK(fh_create(mem + offset, below + most + FH_GRANULE, &rig.port) == NULL);
        CHECK(rig_zero(mem, 4096) && rig_zero(mem + most - 4096, 3 * 4096));
        rig.heap = fh_create(mem + offset, below + most + FH_GRANULE - 1, &rig.port);
        REQUIRE(rig.heap != NULL);
        EQUAL(rig.heap, mem + offset + below);
        EQUAL(rig.heap->end, FH_HEAD + FH_MAX_RINGS);
        size_t all = largest_in(&rig);
        EQUAL(all, (size_t)(end_of(&rig) - (unsigned char *)fh_at(rig.heap, fh_first_for(rig.heap->end))) - 4);
        unsigned char *ptr = fh_malloc(rig.heap, all);
        REQUIRE(ptr != NULL);
        rig_fill(ptr, all, 1);
        rig_sound(&rig);
        CHECK(rig_filled(ptr, all, 1));
        CHECK(fh_malloc(rig.heap, 0) == NULL);
        fh_free(rig.heap, ptr);
        CHECK(fh_malloc(rig.heap, FH_MAX_REQUEST) == NULL);
        rig_sound(&rig);
        EQUAL(fh_add_region(rig.heap, mem + offset + below + most + FH_GRANULE - 1, 4096), 0);
        EQUAL(fh_destroy(rig.heap), 0);
        CHECK(rig_zero(mem + most + below + offset, 4096));
        for (size_t i = 0; i < most + 4096; i++)
            mem[i] = 0;
    }
    host_unmap(mem, most + 2 * 4096);
}

/* The heads cost no more than a sixteenth of the memory, and a ring. */
static void heads_for_the_size(void)
{
    uint32_t before = 1;
    for (size_t size = 256; size < RIG_HEAP; size += size / 5) {
        rig_open(&rig, rig_memory, size);
        uint32_t rings = rig.heap->end - FH_HEAD;
        CHECK(rings >= before && rings <= FH_MAX_RINGS);
        CHECK((rings - 1) * sizeof(struct fh_head) <= size / 16);
        /* As many as a block of all that memory needs, if that is not more than the share. */
        struct fh_heap *h = rig.heap;
        uint32_t granules = (uint32_t)((uintptr_t)end_of(&rig) - (uintptr_t)h) / FH_GRANULE;
        CHECK(rings * sizeof(struct fh_head) > granules * FH_GRANULE / 16 || rings == FH_MAX_RINGS || fh_ring_of(h, granules / 2) < h->end - 1);
        before = rings;
    }
}

/* The end of the memory moves by whole granules; so much becomes usable, or nothing, because no block fits or the heap is too large. */
static size_t expected(size_t old_bytes, size_t size)
{
    uintptr_t start = (uintptr_t)ground;
    size_t added = (size_t)(end_for(start, old_bytes + size) - (uintptr_t)end_of(&rig));
    bool fits = (end_for(start, old_bytes + size) - (uintptr_t)rig.heap) / FH_GRANULE <= FH_SIZE_MASK;
    return added >= FH_MIN_GRANULES * FH_GRANULE && fits ? added : 0;
}

/* Behind a free last block, a used one, or none: each size, from each offset. */
static void any_more_memory(void)
{
    for (unsigned last = 0; last < 2; last++) {
        for (size_t offset = 0; offset < FH_GRANULE; offset++) {
            for (size_t size = 0; size < 100; size++) {
                size_t bytes = 500 + offset;
                mark(bytes + size);
                rig_open(&rig, ground, bytes);
                void *all = last == 1 ? fh_malloc(rig.heap, largest_in(&rig)) : NULL;
                size_t before = last == 0 ? largest_in(&rig) + 4 : 0;
                size_t wanted = expected(bytes, size);
                EQUAL(fh_add_region(rig.heap, ground + bytes, size), wanted);
                rig_sound(&rig);
                EQUAL(rig_sum(&rig).free_blocks, last == 0 || wanted != 0);
                EQUAL(largest_in(&rig), before + wanted != 0 ? before + wanted - 4 : 0);
                if (wanted == 0)
                    CHECK(holds(ground, bytes, bytes + size));
                fh_free(rig.heap, all);
                use_up();
                CHECK(holds(ground, bytes + size, bytes + size));
                struct fh_stats stats;
                fh_stats(rig.heap, &stats);
                EQUAL(stats.bytes_regions, bytes + (wanted != 0 ? size : 0));
                EQUAL(stats.regions, 1);
                EQUAL(stats.bytes_peak, rig.peak);
            }
        }
    }
}

/* Piece by piece, of any size, some of them refused and offered again with what follows. */
static void piece_by_piece(void)
{
    struct dice dice = dice_from(test_seed());
    for (unsigned round = 0; round < 20 && !test_failed(); round++) {
        size_t bytes = 200 + dice_below(&dice, 300);
        size_t size = 0;
        mark(ROOM);
        rig_open(&rig, ground, bytes);
        while (bytes + size + 200 < ROOM) {
            size += 1 + dice_below(&dice, round % 2 == 0 ? 12 : 200);
            size_t wanted = expected(bytes, size);
            unsigned char *held = fh_malloc(rig.heap, dice_below(&dice, 200));
            EQUAL(fh_add_region(rig.heap, ground + bytes, size), wanted);
            if (wanted != 0) {
                bytes += size;
                size = 0;
            }
            if (dice_below(&dice, 2) == 0)
                fh_free(rig.heap, held);
            rig_sound(&rig);
        }
        CHECK(holds(ground, bytes, ROOM));
    }
}

/* Only what begins where the heap ends: nothing else is taken, and nothing written. */
static void nowhere_else(void)
{
    enum { BYTES = 600 };
    unsigned char *heap = ground + 1000;
    mark(4000);
    rig_open(&rig, heap, BYTES);
    struct rig_sum before = rig_sum(&rig);
    for (ptrdiff_t at = -1000; at < 2000; at += at > -20 && at < 20 ? 1 : 7) {
        for (size_t size = 0; size < 1000; size += 83) {
            if (at != BYTES)
                EQUAL(fh_add_region(rig.heap, heap + at, size), 0);
        }
    }
    EQUAL(fh_add_region(rig.heap, NULL, 100), 0);
    EQUAL(fh_add_region(rig.heap, heap + BYTES, 0), 0);
    EQUAL(fh_add_region(rig.heap, heap + BYTES, 0 - ((uintptr_t)heap + BYTES) + 1), 0);
    EQUAL(fh_add_region(rig.heap, heap + BYTES, SIZE_MAX), 0);
    EQUAL(rig.faults, 0);
    rig_sound(&rig);
    EQUAL(rig_sum(&rig).free_bytes, before.free_bytes);
    CHECK(holds(heap, BYTES, 4000));
    CHECK(fh_add_region(rig.heap, heap + BYTES, 1000) != 0);
    CHECK(holds(heap, BYTES + 1000, 4000));
}

/* Up to the largest heap, and not a granule more. */
static void up_to_the_largest(void)
{
    size_t most = (size_t)FH_SIZE_MASK * FH_GRANULE;
    for (unsigned over = 0; over < 2; over++) {
        rig_open(&rig, rig_memory, 1000);
        size_t added = fh_add_region(rig.heap, rig_memory + 1000, most - 1000 + over * FH_GRANULE);
        EQUAL(added, over ? 0 : most - 1000 / FH_GRANULE * FH_GRANULE);
        if (!over)
            CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
        rig_sound(&rig);
    }
}

/* A damaged end, or a damaged block before it: reported; the memory is refused, or is there. */
static void behind_damage(void)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        mark(2000);
        rig_open(&rig, ground, 1000);
        CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
        *fh_tag_of(block_of(end_of(&rig))) ^= (uint32_t)1 << bit;
        EQUAL(fh_add_region(rig.heap, ground + 1000, 1000), 0);
        rig_reported(&rig, FH_BAD_TAG, ground + 1000, end_of(&rig));
        CHECK(holds(ground, 1000, 2000));
        EQUAL(fh_check(rig.heap), FH_BAD_TAG);
    }
    /* Tags of other kinds in its place. */
    const uint32_t tags[] = { FH_FREE, FH_USED | 2, FH_USED | 2 << FH_SIZE_SHIFT, FH_FREE | 2 << FH_SIZE_SHIFT, FH_DEAD | FH_PREV_FREE };
    for (unsigned i = 0; i < sizeof tags / sizeof *tags; i++) {
        mark(2000);
        rig_open(&rig, ground, 1000);
        CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
        set_tag(&rig, end_of(&rig), tags[i]);
        EQUAL(fh_add_region(rig.heap, ground + 1000, 1000), 0);
        rig_reported(&rig, FH_BAD_TAG, ground + 1000, end_of(&rig));
        CHECK(holds(ground, 1000, 2000));
    }
    /* A damaged head: the new block is free all the same, once. */
    rig_open(&rig, ground, 1000);
    CHECK(fh_malloc(rig.heap, largest_in(&rig)) != NULL);
    uint32_t ring = fh_ring_of(rig.heap, 1000 / FH_GRANULE);
    fh_at(rig.heap, ring)->next ^= 0x100;
    CHECK(fh_add_region(rig.heap, ground + 1000, 1000) > 990 - FH_GRANULE);
    rig_reported(&rig, FH_BAD_LINK, ground + 1000, ground + 1000);
    CHECK(largest_in(&rig) > 900);
    rig_sound(&rig);
    /* A footer that is mended: the block before is joined after all. A damaged tag is not: what is new stays used. */
    for (unsigned what = 0; what < 2; what++) {
        rig_open(&rig, ground, 1000);
        unsigned char *first = (unsigned char *)fh_at(rig.heap, fh_first_for(rig.heap->end));
        if (what == 0)
            *footer_of(&rig, first) ^= 4;
        else
            *fh_tag_of(block_of(first)) ^= 4;
        CHECK(fh_add_region(rig.heap, ground + 1000, 1000) > 990);
        CHECK(rig.faults != 0 && rig.fault.kind == FH_BAD_FOOTER);
        CHECK(what == 1 || rig.faults == 1);
        rig.faults = 0;
        CHECK((fh_malloc(rig.heap, 1200) != NULL) == (what == 0));
        EQUAL(fh_check(rig.heap), what == 0 ? FH_OK : FH_BAD_TAG);
    }
}

/* The port's memory: as it came, it goes. */
static unsigned char *lent;
static size_t lent_bytes;
static size_t asked;

static void *lend(void *ctx, size_t least, size_t *got)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->acquires++;
    asked = least;
    if (lent == NULL)
        return NULL;
    *got = lent_bytes;
    return lent;
}

static void take_back(void *ctx, void *mem, size_t bytes)
{
    struct rig *r = ctx;
    EQUAL(r->depth, 0);
    r->releases++;
    CHECK(mem == lent);
    EQUAL(bytes, lent_bytes);
}

static void create_with_port(unsigned char *mem, size_t bytes, size_t wanted, bool releases)
{
    lent = mem;
    lent_bytes = bytes;
    rig_prepare(&rig);
    rig.port.acquire = lend;
    rig.port.release = releases ? take_back : NULL;
    rig.heap = fh_create(NULL, wanted, &rig.port);
    EQUAL(rig.acquires, 1);
}

static void memory_of_the_port(void)
{
    for (size_t offset = 0; offset < FH_GRANULE; offset++) {
        for (size_t bytes = 0; bytes < 400; bytes++) {
            mark(offset + bytes);
            create_with_port(ground + offset, bytes, 0, true);
            if (rig.heap == NULL) {
                EQUAL(rig.releases, 1);
                CHECK(bytes < 160 && holds(ground, 0, offset + bytes));
                continue;
            }
            EQUAL(rig.releases, 0);
            use_up();
            EQUAL(fh_trim(rig.heap), 0);
            EQUAL(rig.releases, 0);
            EQUAL(fh_destroy(rig.heap), bytes);
            EQUAL(rig.releases, 1);
            CHECK(holds(ground + offset, bytes, offset + bytes));
        }
    }
    create_with_port(NULL, 0, 100, true);
    CHECK(rig.heap == NULL && rig.releases == 0);
    create_with_port(ground, 8, 0, false);
    CHECK(rig.heap == NULL);
    create_with_port(ground, 8192, 0, false);
    REQUIRE(rig.heap != NULL);
    EQUAL(fh_destroy(rig.heap), 0);
    rig_prepare(&rig);
    CHECK(fh_create(NULL, 8192, &rig.port) == NULL);
    CHECK(fh_create(NULL, 8192, NULL) == NULL);
    /* What wraps is none. Nor is what begins behind the last granule. */
    CHECK(fh_create(rig_launder((const void *)(UINTPTR_MAX - 2)), 3, &rig.port) == NULL);
    create_with_port((unsigned char *)rig_launder((const void *)(UINTPTR_MAX - 4095)), 4097, 0, true);
    CHECK(rig.heap == NULL && rig.releases == 1);
}

/* A port that gives memory and does not say how much gave none. */
static void *lend_silently(void *ctx, size_t least, size_t *got)
{
    size_t before = *got;
    void *mem = lend(ctx, least, got);
    *got = before;
    return mem;
}

static void memory_of_no_size(void)
{
    mark(8192);
    lent = ground;
    lent_bytes = 0;
    rig_prepare(&rig);
    rig.port.acquire = lend_silently;
    rig.port.release = take_back;
    CHECK(fh_create(NULL, 8192, &rig.port) == NULL);
    EQUAL(rig.releases, 1);
    CHECK(holds(ground, 0, 8192));
}

/* It is asked for what the caller wants, and for a heap of a few blocks if that is less. */
static void so_much_is_asked_for(void)
{
    for (size_t wanted = 0; wanted < 3000; wanted += 59) {
        create_with_port(ground, ROOM, wanted, true);
        REQUIRE(rig.heap != NULL);
        CHECK(asked >= wanted && asked >= 512 && (asked == wanted || asked < 700));
        create_with_port(ground, asked, wanted, true);
        CHECK(rig.heap != NULL && fh_malloc(rig.heap, 100) != NULL && fh_malloc(rig.heap, 100) != NULL);
        EQUAL(fh_destroy(rig.heap), asked);
    }
    create_with_port(NULL, 0, SIZE_MAX, true);
    CHECK(rig.heap == NULL && asked == SIZE_MAX);
}

/* What goes back to the port is what it gave: no other memory is joined to it, unless nothing goes back. Given by the caller, it stays the
 * caller's. */
static void extended_memory_of_the_port(void)
{
    create_with_port(ground + 3, 2000, 0, true);
    REQUIRE(rig.heap != NULL);
    EQUAL(fh_add_region(rig.heap, ground + 2003, 3000), 0);
    rig_sound(&rig);
    EQUAL(fh_destroy(rig.heap), 2000);
    EQUAL(rig.releases, 1);
    create_with_port(ground + 3, 2000, 0, false);
    CHECK(fh_add_region(rig.heap, ground + 2003, 3000) != 0);
    rig_sound(&rig);
    EQUAL(fh_destroy(rig.heap), 0);
    rig_prepare(&rig);
    rig.port.release = take_back;
    rig.heap = fh_create(ground, 2000, &rig.port);
    REQUIRE(rig.heap != NULL);
    EQUAL(fh_destroy(rig.heap), 0);
    EQUAL(rig.releases, 0);
}

/* The secret is the port's word, and a constant with the address where it has none. */
static void the_secret(void)
{
    rig_open(&rig, ground, 1000);
    uint32_t secret = rig.heap->secret;
    rig.locks = 5;
    rig.heap = fh_create(ground, 1000, &rig.port);
    CHECK(rig.heap->secret != secret);
    rig.port.random = NULL;
    rig.heap = fh_create(ground, 1000, &rig.port);
    secret = rig.heap->secret;
    for (size_t away = FH_GRANULE; away < 32768; away *= 2) {
        rig.heap = fh_create(ground + away, 1000, &rig.port);
        CHECK(rig.heap->secret != secret);
    }
    rig_sound(&rig);
}

TESTS(small_make) = {
    { "any_offset_and_size", any_offset_and_size },
    { "the_smallest_heap", the_smallest_heap },
    { "the_largest_heap", the_largest_heap },
    { "heads_for_the_size", heads_for_the_size },
    { "any_more_memory", any_more_memory },
    { "piece_by_piece", piece_by_piece },
    { "nowhere_else", nowhere_else },
    { "up_to_the_largest", up_to_the_largest },
    { "behind_damage", behind_damage },
    { "memory_of_the_port", memory_of_the_port },
    { "memory_of_no_size", memory_of_no_size },
    { "so_much_is_asked_for", so_much_is_asked_for },
    { "extended_memory_of_the_port", extended_memory_of_the_port },
    { "the_secret", the_secret },
    TESTS_END
};
