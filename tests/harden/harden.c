/* SPDX-License-Identifier: MIT
 *
 * harden.c - what a hardened build promises beyond the others: canary, poison, quarantine, and that each mends what was damaged.
 */
#include "harness/rig.h"

#include "lock.h"

enum { HEAP_BYTES = 65536 };

static struct rig rig;

static void open_rig(void)
{
    rig_open(&rig, rig_memory + 8, HEAP_BYTES);
}

static unsigned char *take(size_t size)
{
    unsigned char *ptr = fh_malloc(rig.heap, size);
    REQUIRE(ptr != NULL);
    return ptr;
}

/* So many frees that whatever was kept back before them is not any more. */
static void push_out(void)
{
    unsigned char *ptr[FH_QUARANTINE_BLOCKS + 1];
    for (int i = 0; i <= FH_QUARANTINE_BLOCKS; i++)
        ptr[i] = take(300);
    for (int i = 0; i <= FH_QUARANTINE_BLOCKS; i++)
        fh_free(rig.heap, ptr[i]);
}

/* Every value of the byte behind each small size, for each call that names the block. */
static void one_byte_over(void)
{
    open_rig();
    for (size_t size = 0; size < 100; size++) {
        unsigned char *ptr = size % 3 == 0 ? fh_aligned_alloc(rig.heap, 64, size) : take(size);
        unsigned char was = ptr[size];
        EQUAL(fh_usable_size(rig.heap, ptr), size);
        for (unsigned value = 0; value < 256; value++) {
            if (value == was)
                continue;
            ptr[size] = (unsigned char)value;
            EQUAL(fh_check(rig.heap), FH_OVERRUN);
            fh_free(rig.heap, ptr);
            rig_reported(&rig, FH_OVERRUN, ptr, ptr);
            CHECK(fh_realloc(rig.heap, ptr, size + 50) == NULL);
            rig_reported(&rig, FH_OVERRUN, ptr, ptr);
            CHECK(!fh_resize(rig.heap, ptr, 0));
            rig_reported(&rig, FH_OVERRUN, ptr, ptr);
            EQUAL(fh_usable_size(rig.heap, ptr), 0);
            rig_reported(&rig, FH_OVERRUN, ptr, ptr);
        }
        ptr[size] = was;
        fh_free(rig.heap, ptr);
        rig_sound(&rig);
    }
}

/* Each byte from the exact size to the block's end. */
static void every_byte_behind(void)
{
    open_rig();
    for (size_t size = 0; size < 100; size++) {
        unsigned char *ptr = take(size);
        bool used;
        size_t end = rig_block_at(&rig, ptr, &used) - 4;
        for (size_t i = size; i < end; i++) {
            ptr[i] ^= 0x10;
            EQUAL(fh_check(rig.heap), FH_OVERRUN);
            ptr[i] ^= 0x10;
        }
        rig_sound(&rig);
        fh_free(rig.heap, ptr);
    }
}

/* The end of a string that is one too long is never what stands there anyway. */
static void a_zero_always_shows(void)
{
    open_rig();
    for (size_t i = 0; i < 3000; i++) {
        size_t size = i * 7 % 200;
        unsigned char *ptr = i % 5 == 0 ? fh_calloc(rig.heap, 1, size) : take(size);
        CHECK(ptr[size] != 0);
        fh_free(rig.heap, ptr);
    }
    rig_sound(&rig);
}

static void exact_after_resize(void)
{
    open_rig();
    unsigned char *ptr = take(10);
    for (size_t size = 0; size < 600; size += 7) {
        ptr = fh_realloc(rig.heap, ptr, size);
        REQUIRE(ptr != NULL);
        EQUAL(fh_usable_size(rig.heap, ptr), size);
        rig_fill(ptr, size, 5);
        rig_sound(&rig);
    }
    unsigned char *zeroed = fh_calloc(rig.heap, 3, 7);
    CHECK(rig_zero(zeroed, 21));
    EQUAL(fh_usable_size(rig.heap, zeroed), 21);
    rig_sound(&rig);
}

/* A byte of a freed block, behind its links: seen by the check, and reported once by a call when it leaves the quarantine, or when the memory is
 * handed out again. pushed: it has left the quarantine before. */
static void write_late(bool pushed)
{
    for (size_t at = 12; at < 200; at += 3) {
        open_rig();
        unsigned char *wall = take(10);
        unsigned char *ptr = take(200);
        unsigned char *other = take(10);
        fh_free(rig.heap, ptr);
        if (pushed)
            push_out();
        EQUAL(fh_check(rig.heap), FH_OK);
        ptr[at] ^= 1;
        EQUAL(fh_check(rig.heap), FH_BAD_POISON);
        /* All of it is handed out, and everything comes back. */
        fh_trim(rig.heap);
        while (fh_malloc(rig.heap, 1) != NULL)
            continue;
        CHECK(rig.faults >= 1);
        EQUAL(rig.fault.kind, FH_BAD_POISON);
        rig.faults = 0;
        fh_free(rig.heap, wall);
        fh_free(rig.heap, other);
        rig_sound(&rig);
    }
}

static void late_write_while_kept(void)
{
    if (FH_QUARANTINE_BLOCKS == 0)
        test_does_not_apply();
    write_late(false);
}

static void late_write_in_the_pool(void)
{
    write_late(true);
}

static void kept_back(void)
{
    if (FH_QUARANTINE_BLOCKS == 0)
        test_does_not_apply();
    open_rig();
    unsigned char *ptr = take(40);
    unsigned char *wall = take(40);
    fh_free(rig.heap, ptr);
    for (int i = 0; i + 1 < FH_QUARANTINE_BLOCKS; i++) {
        unsigned char *other = take(40);
        CHECK(other != ptr);
        fh_free(rig.heap, other);
        fh_free(rig.heap, ptr);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
        CHECK(fh_realloc(rig.heap, ptr, 10) == NULL);
        rig_reported(&rig, FH_DOUBLE_FREE, ptr, ptr);
    }
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    CHECK(stats.bytes_cached != 0);
    fh_trim(rig.heap);
    fh_stats(rig.heap, &stats);
    EQUAL(stats.bytes_cached, 0);
    fh_free(rig.heap, wall);
    rig_sound(&rig);
}

/* What is kept back is handed out before a request is refused, and before a block must move. */
static void given_when_needed(void)
{
    enum { COUNT = 8 };
    unsigned char *ptr[COUNT];
    open_rig();
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    size_t part = stats.largest_free / COUNT - 64;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < COUNT; i++)
            ptr[i] = take(part);
        CHECK(fh_malloc(rig.heap, part) == NULL);
        fh_free(rig.heap, ptr[1]);
        fh_free(rig.heap, ptr[2]);
        CHECK(fh_resize(rig.heap, ptr[0], 2 * part));
        unsigned char *again = take(part / 2);
        fh_free(rig.heap, again);
        fh_free(rig.heap, ptr[0]);
        for (int i = 3; i < COUNT; i++)
            fh_free(rig.heap, ptr[i]);
        unsigned char *all = take(part * 7);
        fh_free(rig.heap, all);
        rig_sound(&rig);
    }
}

/* One flipped bit in the quarantine's words is seen by the check or does no harm, and nothing is lost by it. */
static void damaged_control(void)
{
    if (FH_QUARANTINE_BLOCKS == 0)
        test_does_not_apply();
    for (size_t bit = 0; bit < offsetof(struct fh_quarantine, next) * 8; bit++) {
        open_rig();
        struct fh_stats before;
        struct fh_stats after;
        fh_stats(rig.heap, &before);
        unsigned char *ptr[10];
        for (int i = 0; i < 10; i++)
            ptr[i] = take(100);
        for (int i = 0; i < 10; i++)
            fh_free(rig.heap, ptr[i]);
        ((unsigned char *)&rig.heap->quarantine)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
        push_out();
        fh_trim(rig.heap);
        bool in_check = bit / 8 >= offsetof(struct fh_quarantine, check);
        if (!in_check) {
            CHECK(rig.faults != 0);
            EQUAL(rig.fault.kind, FH_BAD_CONTROL);
            EQUAL(fh_check(rig.heap), FH_OK);
        }
        fh_stats(rig.heap, &after);
        EQUAL(after.bytes_used, before.bytes_used);
        EQUAL(after.largest_free, before.largest_free);
    }
}

/* The mark of a block that is kept back is overwritten: reported, and the block is not lost. */
static void damaged_mark(void)
{
    if (FH_QUARANTINE_BLOCKS == 0)
        test_does_not_apply();
    for (size_t at = 0; at < 12; at++) {
        open_rig();
        unsigned char *ptr = take(100);
        fh_free(rig.heap, ptr);
        ptr[at] ^= 0x55;
        EQUAL(fh_check(rig.heap), FH_BAD_POISON);
        fh_trim(rig.heap);
        EQUAL(rig.faults, 1);
        EQUAL(rig.fault.kind, FH_BAD_POISON);
        EQUAL(rig.fault.block, ptr);
        rig.faults = 0;
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).used_blocks, 0);
    }
}

static void no_caches(void)
{
    open_rig();
    rig.port.cache = &fh_cpu_cache;
    CHECK(fh_cache_open(rig.heap) == NULL);
    unsigned char *ptr = take(10);
    fh_free(rig.heap, ptr);
    rig_sound(&rig);
}

static void deferred(void)
{
    open_rig();
    for (size_t size = 0; size < 60; size++) {
        unsigned char *ptr = size % 2 != 0 ? take(size) : fh_aligned_alloc(rig.heap, 32, size);
        CHECK(fh_free_deferred(rig.heap, ptr));
        EQUAL(fh_check(rig.heap), FH_OK);
        fh_free(rig.heap, take(1));
        rig_sound(&rig);
    }
    fh_trim(rig.heap);
    EQUAL(rig_sum(&rig).used_blocks, 0);
}

TESTS(harden_harden) = {
    { "one_byte_over", one_byte_over },
    { "every_byte_behind", every_byte_behind },
    { "a_zero_always_shows", a_zero_always_shows },
    { "exact_after_resize", exact_after_resize },
    { "late_write_while_kept", late_write_while_kept },
    { "late_write_in_the_pool", late_write_in_the_pool },
    { "kept_back", kept_back },
    { "given_when_needed", given_when_needed },
    { "damaged_control", damaged_control },
    { "damaged_mark", damaged_mark },
    { "no_caches", no_caches },
    { "deferred", deferred },
    TESTS_END
};
