/* SPDX-License-Identifier: MIT
 *
 * harden.c - what a hardened build promises beyond the others: canary, poison, quarantine, and that each mends what was damaged.
 */
/* Did nobody say how many blocks are to be kept back? */
#ifdef FH_QUARANTINE_BLOCKS
#define AS_IT_COMES false
#else
#define AS_IT_COMES true
#endif

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
            EQUAL(rig.fault.found, value);
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

/* What follows damages what a hardened build keeps for itself, and what lies beside it. */

static struct fh_block *block(void *ptr)
{
    return (struct fh_block *)ptr;
}

static uint32_t secret(void)
{
    return rig.heap->lists.space.secret;
}

/* A kept block, its slot, and its granules. */
struct kept {
    unsigned char *ptr;
    uint32_t slot;
    uint32_t granules;
};

static struct kept keep(unsigned char *ptr)
{
    struct kept kept = { ptr, rig.heap->quarantine.next % FH_QUARANTINE_SLOTS, fh_used_size(fh_tag_open(secret(), block(ptr))) };
    fh_free(rig.heap, ptr);
    EQUAL(rig.heap->quarantine.slot[kept.slot], fh_link_to(&rig.heap->lists, block(ptr)));
    return kept;
}

/* Forges a slot so that the sum over all of them does not show it. */
static void forge_slot(uint32_t slot, const void *place)
{
    struct fh_quarantine *q = &rig.heap->quarantine;
    uint32_t link = fh_link_to(&rig.heap->lists, (const struct fh_block *)place);
    q->check ^= q->slot[slot] ^ link;
    q->slot[slot] = link;
}

static size_t cached_bytes(void)
{
    struct fh_stats stats;
    fh_stats(rig.heap, &stats);
    return stats.bytes_cached;
}

static void faults_were(unsigned count, enum fh_fault_kind last, const void *of)
{
    EQUAL(rig.faults, count);
    EQUAL(rig.fault.kind, last);
    CHECK(rig.fault.block == of);
    rig.faults = 0;
}

static void need_quarantine(void)
{
    if (FH_QUARANTINE_BLOCKS == 0)
        test_does_not_apply();
}

/* Whatever the secret is, odd or even: no tail begins with what a string that is one too long writes. */
static uintptr_t chosen_secret;

static uintptr_t choose_secret(void *ctx)
{
    (void)ctx;
    return chosen_secret;
}

static void a_zero_shows_with_any_secret(void)
{
    for (chosen_secret = 0x5EA1ED00; chosen_secret < 0x5EA1ED10; chosen_secret++) {
        rig_prepare(&rig);
        rig.port.random = choose_secret;
        rig.heap = fh_create(rig_memory, HEAP_BYTES, &rig.port);
        REQUIRE(rig.heap != NULL);
        for (size_t i = 0; i < 1500; i++) {
            size_t size = i * 7 % 200;
            unsigned char *ptr = take(size);
            bool used;
            unsigned char *tail = ptr + rig_block_at(&rig, ptr, &used) - 8;
            CHECK(ptr[size] != 0 && *tail != 0);
            EQUAL(fh_usable_size(rig.heap, ptr), size);
            fh_free(rig.heap, ptr);
        }
        rig_sound(&rig);
    }
}

/* A tail that opens, but counts more than rounding can leave, is damage, though all bytes behind that size look like a canary's. */
static void a_tail_that_counts_too_much(void)
{
    /* The second but last and the last are where 257 and 255 for 256 would show. */
    const size_t sizes[] = { 10, 1000, 30000, 30200 };
    for (unsigned which = 0; which < sizeof sizes / sizeof *sizes; which++) {
        open_rig();
        unsigned char *ptr = take(sizes[which]);
        size_t user = fh_user_bytes(FH_USED, fh_used_size(fh_tag_open(secret(), block(ptr))));
        for (size_t i = 0; i < user; i++)
            ptr[i] = 0xF9;
        /* The granule's rounding and the least block's, and a part of the size. */
        uint32_t most = (uint32_t)(48 + user / 256);
        for (uint32_t slack = 1; slack < most + 100; slack++) {
            uint32_t *tail = (uint32_t *)(void *)(ptr + user);
            rig_poke(tail, (slack * 2 * FH_SEAL) ^ (~(uint32_t)(uintptr_t)tail ^ secret()));
            bool possible = slack <= most && slack <= user;
            EQUAL(fh_usable_size(rig.heap, ptr), possible ? user - slack : 0);
            if (!possible) {
                CHECK(rig_reported(&rig, FH_OVERRUN, ptr, ptr));
                EQUAL(rig.fault.found, ptr[user]);
            }
            EQUAL(fh_check(rig.heap), possible ? FH_OK : FH_OVERRUN);
        }
    }
}

/* Freed from where no lock can be taken, and overrun: known by the call that frees it. */
static void overrun_of_a_deferred_block(void)
{
    open_rig();
    for (size_t size = 0; size < 100; size += 9) {
        unsigned char *ptr = take(size);
        size_t user = fh_user_bytes(FH_USED, fh_used_size(fh_tag_open(secret(), block(ptr))));
        rig_poke(ptr + user, 0x61616161);
        CHECK(fh_free_deferred(rig.heap, ptr));
        EQUAL(fh_usable_size(rig.heap, take(1)), 1);
        CHECK(rig_reported(&rig, FH_OVERRUN, ptr, ptr));
    }
}

/* Two blocks that were written to leave the quarantine in one call: the first of them is reported. */
static void two_stains(void)
{
    need_quarantine();
    open_rig();
    unsigned char *first = take(100);
    unsigned char *second = take(100);
    take(100);
    keep(first);
    keep(second);
    /* Where a dead tag is, which no other place has. */
    const size_t at = 4 * FH_GRANULE - 4;
    uint32_t was = rig_peek(first + at);
    first[at] ^= 1;
    second[50] ^= 1;
    uint32_t is = rig_peek(first + at);
    fh_trim(rig.heap);
    faults_were(1, FH_BAD_POISON, first);
    EQUAL(rig.fault.expected, was);
    EQUAL(rig.fault.found, is);
    rig_sound(&rig);
}

/* A kept block whose tag, or slot, names what cannot be: reported, and the slot is free again. */
static void slots_that_lead_nowhere(void)
{
    need_quarantine();
    open_rig();
    struct kept kept = keep(take(100));
    fh_tag_seal(secret(), block(kept.ptr), fh_tag_for(FH_USED, HEAP_BYTES / FH_GRANULE));
    EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    fh_trim(rig.heap);
    /* First the tag, then that less came back than was counted. */
    faults_were(2, FH_BAD_CONTROL, NULL);
    EQUAL(rig.heap->quarantine.slot[kept.slot], 0);
    EQUAL(cached_bytes(), 0);
    fh_tag_seal(secret(), block(kept.ptr), fh_tag_for(FH_USED, kept.granules));

    /* Outside of all regions, where there is memory and where there is none. */
    for (unsigned far = 0; far < 2; far++) {
        open_rig();
        kept = keep(take(100));
        forge_slot(kept.slot, far ? (void *)((uintptr_t)&rig.heap->lists + ((uintptr_t)1 << 28) * FH_GRANULE) : (void *)(rig_memory + 524288));
        EQUAL(fh_check(rig.heap), FH_BAD_POISON);
        fh_trim(rig.heap);
        /* The block is found again by its mark. */
        faults_were(2, FH_BAD_CONTROL, NULL);
        EQUAL(rig_sum(&rig).used_blocks, 0);
        rig_sound(&rig);
    }
}

/* What the check says of slots and of the blocks they name. */
static void what_the_check_says_of_slots(void)
{
    need_quarantine();
    rig_open(&rig, rig_memory + 8, HEAP_BYTES + 4);
    struct kept kept = keep(take(100));
    EQUAL(fh_check(rig.heap), FH_OK);
    void *const wrong[] = { (void *)rig.heap->first.lo, (void *)(rig.heap->first.lo - FH_GRANULE), (void *)fh_hi_for(rig.heap->first.last), rig_memory + 524288 };
    REQUIRE(fh_hi_for(rig.heap->first.last) <= rig.heap->first.last && wrong[0] == kept.ptr);
    for (unsigned i = 1; i < sizeof wrong / sizeof *wrong; i++) {
        forge_slot(kept.slot, wrong[i]);
        /* In front of the region's blocks and behind its end the mark may be there, too. */
        struct fh_own was = *(struct fh_own *)wrong[i];
        if (i <= 2)
            fh_quick_push(secret(), block(wrong[i]), (const struct fh_block *)(uintptr_t)kept.slot);
        EQUAL(fh_check(rig.heap), FH_BAD_POISON);
        rig.heap->quarantine.check ^= 1;
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
        rig.heap->quarantine.check ^= 1;
        if (i == 1)
            *(struct fh_own *)wrong[i] = was;
    }
    forge_slot(kept.slot, kept.ptr);
    EQUAL(fh_check(rig.heap), FH_OK);
    const uint32_t tags[] = { fh_tag_for(FH_FREE, kept.granules), FH_TAG_LIMIT | 8, FH_TAG_LIMIT | fh_tag_for(FH_USED, kept.granules) };
    for (unsigned i = 0; i < 3; i++) {
        *fh_tag_of(block(kept.ptr)) = (tags[i] * FH_SEAL) ^ ((uint32_t)(uintptr_t)kept.ptr ^ secret());
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
    }
    fh_tag_seal(secret(), block(kept.ptr), fh_tag_for(FH_USED, kept.granules));
    /* The step by step check does not end with the slots: it comes to the block, which one of them names. */
    *fh_mark_of(block(kept.ptr)) ^= 4;
    struct fh_cursor cursor = { 0 };
    EQUAL(fh_check_step(rig.heap, &cursor, 1000), FH_BAD_POISON);
    CHECK(cursor.block == rig.heap);
    EQUAL(fh_check_step(rig.heap, &cursor, 1000), FH_BAD_POISON);
    CHECK(cursor.block == kept.ptr);
    *fh_mark_of(block(kept.ptr)) ^= 4;
    rig_sound(&rig);
}

/* More is counted than is there: reported, and counted anew. */
static void miscounted(void)
{
    need_quarantine();
    for (unsigned more = 1; more < 6; more += 4) {
        open_rig();
        unsigned char *ptr = take(100);
        take(100);
        keep(ptr);
        rig.heap->quarantine.granules += more;
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
        fh_trim(rig.heap);
        faults_were(1, FH_BAD_CONTROL, NULL);
        EQUAL(rig.fault.expected, 0);
        EQUAL(rig.heap->quarantine.granules, 0);
        EQUAL(rig_sum(&rig).used_blocks, 1);
        rig_sound(&rig);
    }
}

/* Slots are made anew from the marks, past blocks whose tags are damaged. */
static void collected_past_damage(void)
{
    need_quarantine();
    const uint32_t wrong[] = { FH_TAG_LIMIT | 8, fh_tag_for(FH_USED, HEAP_BYTES / FH_GRANULE), FH_FREE | FH_IS_HUGE, fh_tag_for(FH_USED, 0),
        FH_TAG_LIMIT | fh_tag_for(FH_FREE, 3 * fh_granules_for(100)) };
    for (unsigned i = 0; i < 2 * sizeof wrong / sizeof *wrong; i++) {
        open_rig();
        unsigned char *ptr[6];
        for (unsigned k = 0; k < 6; k++)
            ptr[k] = take(100);
        /* No word inside looks like anything. */
        for (unsigned k = 0; k < 100; k++)
            ptr[2][k] = 0;
        /* A free one on the way, too. */
        fh_free(rig.heap, ptr[0]);
        fh_trim(rig.heap);
        uint32_t tag = *fh_tag_of(block(ptr[2]));
        /* Right behind it, and farther off: an even number of granules and an odd one. */
        struct kept kept = keep(ptr[3 + i % 2]);
        *fh_tag_of(block(ptr[2])) = (wrong[i / 2] * FH_SEAL) ^ ((uint32_t)(uintptr_t)ptr[2] ^ secret());
        rig.heap->quarantine.slot[kept.slot] ^= 1;
        fh_trim(rig.heap);
        faults_were(1, FH_BAD_CONTROL, NULL);
        EQUAL(cached_bytes(), 0);
        *fh_tag_of(block(ptr[2])) = tag;
        rig_sound(&rig);
        EQUAL(rig_sum(&rig).used_blocks, 4);
    }
}

/* What a kept block is to be joined with is damaged by the time it leaves. A link is mended and the block joined; with a tag overwritten it is lost. */
static void neighbours_damaged_meanwhile(void)
{
    need_quarantine();
    for (unsigned tag = 0; tag < 2; tag++) {
        open_rig();
        unsigned char *before = take(100);
        unsigned char *ptr = take(100);
        unsigned char *behind = take(100);
        fh_free(rig.heap, before);
        fh_trim(rig.heap);
        keep(ptr);
        EQUAL(rig_sum(&rig).used_blocks, 2);
        if (tag)
            *fh_tag_of(block(behind)) ^= 0x100;
        else
            rig_poke(before + 4, 0x24682468);
        fh_trim(rig.heap);
        faults_were(1, tag ? FH_OVERRUN : FH_BAD_LINK, tag ? behind : before);
        EQUAL(cached_bytes(), 0);
        if (tag)
            *fh_tag_of(block(behind)) ^= 0x100;
        EQUAL(rig_sum(&rig).used_blocks, tag ? 2 : 1);
        if (!tag)
            rig_sound(&rig);
    }
}

/* What a free will have to look at later is looked at when the block is freed: the footer before it, the tag behind it. */
static void looked_at_when_freed(void)
{
    for (unsigned who = 0; who < 4; who++) {
        open_rig();
        unsigned char *before = take(100);
        unsigned char *ptr = take(100);
        unsigned char *behind = take(100);
        unsigned char *wall = take(100);
        if (who == 0)
            fh_free(rig.heap, before);
        if (who == 1)
            fh_free(rig.heap, behind);
        fh_trim(rig.heap);
        const void *bad = who == 0 ? ptr : behind;
        if (who == 0)
            *fh_footer_of(block(ptr)) ^= 0x40;
        if (who == 1)
            fh_tag_seal(secret(), block(behind), fh_tag_for(FH_FREE, HEAP_BYTES / FH_GRANULE));
        if (who == 2)
            *fh_tag_of(block(behind)) ^= 0x100;
        size_t used = rig.heap->used;
        fh_free(rig.heap, ptr);
        if (who < 3) {
            CHECK(rig_reported(&rig, who == 0 ? FH_BAD_FOOTER : who == 1 ? FH_BAD_TAG : FH_OVERRUN, ptr, bad));
            EQUAL(rig.heap->used, used);
            EQUAL(cached_bytes(), 0);
            continue;
        }
        /* Beside used ones, a free one and the top there is nothing to refuse. */
        fh_free(rig.heap, before);
        fh_free(rig.heap, wall);
        fh_trim(rig.heap);
        unsigned char *small = take(10);
        CHECK(small < behind);
        fh_free(rig.heap, behind);
        rig_sound(&rig);
    }
    open_rig();
    void *outside = rig_memory + 524288;
    CHECK(!fh_pool_look(rig.heap, block(outside), FH_USED, 4));
    EQUAL(rig.heap->lists.blame.kind, FH_OK);
}

/* What is kept is given back for a request as far as it lies in one piece: from a free block before it, over free and kept ones, up to what is neither or
 * cannot be read. */
static void given_in_one_piece(void)
{
    need_quarantine();
    enum { PART = 2000 };
    for (unsigned who = 0; who < 7; who++) {
        open_rig();
        unsigned char *ptr[8];
        for (unsigned i = 0; i < 8; i++)
            ptr[i] = take(PART);
        /* Nothing else is left. */
        while (fh_malloc(rig.heap, 4000) != NULL || fh_malloc(rig.heap, 200) != NULL || fh_malloc(rig.heap, 0) != NULL)
            continue;
        /* Kept alone; and behind a wall one that is free, and two that are kept. */
        fh_free(rig.heap, ptr[3]);
        fh_trim(rig.heap);
        struct kept alone = keep(ptr[1]);
        struct kept first = keep(ptr[4]);
        struct kept last = keep(ptr[5]);
        uint32_t *const footer = fh_footer_of(block(ptr[4]));
        uint32_t *const tag = fh_tag_of(block(ptr[5]));
        if (who == 1)
            *footer = 0xFFFFFF;
        if (who == 2)
            *footer -= 1;
        if (who == 3)
            *tag ^= 0x100;
        if (who == 4)
            *fh_mark_of(block(ptr[5])) ^= 4;
        if (who == 5)
            rig.heap->first.check ^= 0x100;
        /* One that is free and one that is kept; all three; and two that are kept. */
        size_t wanted = who == 6 ? 2 * PART - 100 : 3 * PART - 100;
        void *got = fh_malloc(rig.heap, wanted);
        if (who == 0 || who == 6) {
            CHECK(got == ptr[3]);
            EQUAL(rig.heap->quarantine.slot[first.slot], 0);
            CHECK((rig.heap->quarantine.slot[last.slot] != 0) == (who == 6));
            CHECK(rig.heap->quarantine.slot[alone.slot] != 0);
            EQUAL(rig.faults, 0);
            rig_sound(&rig);
            continue;
        }
        CHECK(got == NULL);
        EQUAL(rig.faults, 0);
        CHECK(rig.heap->quarantine.slot[alone.slot] != 0 && rig.heap->quarantine.slot[first.slot] != 0 && rig.heap->quarantine.slot[last.slot] != 0);
        /* Nor is what lies behind a block given back for it, if the region cannot be asked for. */
        if (who == 5) {
            CHECK(!fh_resize(rig.heap, ptr[0], 2 * PART - 100));
            EQUAL(rig.faults, 0);
            rig.heap->first.check ^= 0x100;
            CHECK(fh_resize(rig.heap, ptr[0], 2 * PART - 100));
            rig_sound(&rig);
        }
    }
}

/* What a freed block is filled with is no text and no small number, and as an address it is odd. */
static void poison_is_no_text(void)
{
    open_rig();
    unsigned char *ptr = take(300);
    take(10);
    fh_free(rig.heap, ptr);
    for (size_t at = 16; at < 300; at += 4) {
        /* Where a tag could be is a dead one. */
        if ((at + 4) % FH_GRANULE == 0)
            continue;
        CHECK((rig_peek(ptr + at) & 1) != 0);
        for (size_t i = 0; i < 4; i++)
            CHECK(ptr[at + i] > 0xF4);
    }
}

/* No free writes more poison than was promised, and what lies behind it is the program's until it is handed out. */
static void poison_is_bounded(void)
{
    open_rig();
    unsigned char *ptr = take(2 * FH_POISON_BYTES);
    for (size_t i = 0; i < 2 * FH_POISON_BYTES; i++)
        ptr[i] = 0x11;
    take(10);
    fh_free(rig.heap, ptr);
    for (int trimmed = 0; trimmed < 2; trimmed++) {
        CHECK(ptr[FH_POISON_BYTES - 1] != 0x11);
        EQUAL(ptr[FH_POISON_BYTES], 0x11);
        EQUAL(ptr[FH_POISON_BYTES + 1000], 0x11);
        rig_sound(&rig);
        fh_trim(rig.heap);
    }
}

/* What is joined stays watched: the block that was freed, the free one before it, and the one behind. */
static void poison_survives_joins(void)
{
    for (unsigned who = 1; who < 4; who++) {
        open_rig();
        unsigned char *part[3];
        for (unsigned i = 0; i < 3; i++)
            part[i] = take(200);
        take(10);
        for (unsigned i = 0; i < 3; i += 2) {
            if ((who >> i / 2 & 1) != 0)
                fh_free(rig.heap, part[i]);
            fh_trim(rig.heap);
        }
        fh_free(rig.heap, part[1]);
        fh_trim(rig.heap);
        for (unsigned i = 0; i < 3; i++) {
            bool is_free = i == 1 || (who >> i / 2 & 1) != 0;
            part[i][100] ^= 1;
            EQUAL(fh_check(rig.heap), is_free ? FH_BAD_POISON : FH_OK);
            part[i][100] ^= 1;
            EQUAL(fh_check(rig.heap), FH_OK);
        }
    }
}

/* The word that counts a free block's clean granules is overwritten, and the one behind it: reported once, with what was found, when the block
 * is handed out or joined. */
static void damaged_clean_word(void)
{
    for (unsigned joined = 0; joined < 2; joined++) {
        open_rig();
        unsigned char *ptr = take(200);
        unsigned char *other = take(200);
        take(10);
        uint32_t granules = fh_used_size(fh_tag_open(secret(), block(ptr)));
        fh_free(rig.heap, ptr);
        fh_trim(rig.heap);
        rig_poke(ptr + 8, 0x61616161);
        rig_poke(ptr + 12, 0x61616161);
        EQUAL(fh_check(rig.heap), FH_BAD_POISON);
        if (joined) {
            fh_free(rig.heap, other);
            fh_trim(rig.heap);
        } else {
            CHECK(take(200) == ptr);
        }
        faults_were(1, FH_BAD_POISON, ptr);
        EQUAL(rig.fault.expected, granules);
        CHECK(rig.fault.found > granules);
        rig_sound(&rig);
    }
}

/* A call looks at what it hands out, and at as much behind as the words of the rest may cover: what is written to beyond that waits. */
static void looks_at_what_it_hands_out(void)
{
    const size_t covered = 32;
    for (unsigned far = 0; far < 2; far++) {
        open_rig();
        unsigned char *ptr = take(3000);
        take(10);
        fh_free(rig.heap, ptr);
        fh_trim(rig.heap);
        rig_poke(ptr + fh_granules_for(100) * FH_GRANULE + covered - (far ? 0 : 8), 0x61616161);
        CHECK(take(100) == ptr);
        if (far)
            EQUAL(rig.faults, 0);
        else
            faults_were(1, FH_BAD_POISON, ptr);
        EQUAL(fh_check(rig.heap), FH_BAD_POISON);
    }
}

/* The first report since open_noting, where a later one is not the last word. */
static struct fh_fault first_fault;

static void note_first(void *ctx, const struct fh_fault *fault)
{
    struct rig *r = ctx;
    if (r->faults == 0)
        first_fault = *fault;
    r->fault = *fault;
    r->faults++;
}

/* A kept block whose tag is none, or that of a free one, does not go to the pool, whatever size the tag names. */
static void kept_with_a_wrong_tag(void)
{
    need_quarantine();
    for (unsigned i = 0; i < 3; i++) {
        open_rig();
        rig.port.fault = note_first;
        struct kept kept = keep(take(100));
        take(100);
        const uint32_t tags[] = { FH_TAG_LIMIT | fh_tag_for(FH_USED, kept.granules), fh_tag_for(FH_FREE, kept.granules), fh_tag_for(FH_USED, FH_MIN_GRANULES - 1) };
        uint32_t was = *fh_tag_of(block(kept.ptr));
        *fh_tag_of(block(kept.ptr)) = (tags[i] * FH_SEAL) ^ ((uint32_t)(uintptr_t)kept.ptr ^ secret());
        EQUAL(fh_check(rig.heap), FH_BAD_CONTROL);
        fh_trim(rig.heap);
        faults_were(2, FH_BAD_CONTROL, NULL);
        EQUAL(first_fault.kind, FH_BAD_TAG);
        CHECK(first_fault.block == kept.ptr);
        EQUAL(first_fault.expected, FH_USED);
        EQUAL(first_fault.found, tags[i]);
        *fh_tag_of(block(kept.ptr)) = was;
        EQUAL(rig_sum(&rig).used_blocks, 2);
    }

    /* Where there is no block there is no tag to show. */
    open_rig();
    rig.port.fault = note_first;
    struct kept kept = keep(take(100));
    forge_slot(kept.slot, rig_memory + 524288);
    fh_trim(rig.heap);
    faults_were(2, FH_BAD_CONTROL, NULL);
    EQUAL(first_fault.kind, FH_BAD_TAG);
    EQUAL(first_fault.found, 0);
    rig_sound(&rig);
}

/* A slot that should be empty is not: reported once, and empty then. */
static void a_slot_filled(void)
{
    need_quarantine();
    open_rig();
    struct kept kept = keep(take(100));
    rig.heap->quarantine.slot[kept.slot + 1] = HEAP_BYTES;
    fh_trim(rig.heap);
    faults_were(1, FH_BAD_CONTROL, NULL);
    EQUAL(rig.fault.expected, 0);
    EQUAL(rig.heap->quarantine.slot[kept.slot + 1], 0);
    EQUAL(rig_sum(&rig).used_blocks, 0);
    rig_sound(&rig);
}

/* Looks like a kept block of that slot. */
static void forge_kept(void *place, uintptr_t slot)
{
    fh_tag_seal(secret(), block(place), fh_tag_for(FH_USED, 4));
    fh_quick_push(secret(), block(place), (const struct fh_block *)slot);
}

/* While slots are made anew, nothing inside of a block is taken for one, nor a block that only begins as a kept one, or whose mark names no slot. */
static void nothing_else_is_collected(void)
{
    need_quarantine();
    open_rig();
    unsigned char *data = take(200);
    unsigned char *large = take(FH_POISON_BYTES + 2000);
    unsigned char *behind_all = take(100);
    unsigned char *itself = take(100);
    fh_free(rig.heap, large);
    fh_trim(rig.heap);
    struct kept kept = keep(take(100));
    take(100);
    size_t used = rig_sum(&rig).used_blocks - 1;
    *fh_quick_link_of(block(data)) = 7;
    forge_kept(data + 64, 5);
    forge_kept(large + FH_POISON_BYTES + 1024, 6);
    fh_quick_push(secret(), block(behind_all), (const struct fh_block *)(uintptr_t)FH_QUARANTINE_SLOTS);
    fh_quick_push(secret(), block(itself), block(itself));
    rig.heap->quarantine.slot[kept.slot] ^= 1;
    fh_trim(rig.heap);
    faults_were(1, FH_BAD_CONTROL, NULL);
    EQUAL(cached_bytes(), 0);
    fh_unmark(block(behind_all));
    fh_unmark(block(itself));
    EQUAL(rig_sum(&rig).used_blocks, used);
    rig_sound(&rig);
}

/* Each region is walked by its own bounds: a tag there that names more than what is left of it leads nowhere. */
static void collected_from_two_regions(void)
{
    need_quarantine();
    open_rig();
    unsigned char *low[3];
    for (unsigned i = 0; i < 3; i++)
        low[i] = take(100);
    while (fh_malloc(rig.heap, 4000) != NULL)
        continue;
    CHECK(fh_add_region(rig.heap, rig_memory + 524288, 32768) != 0);
    unsigned char *high = take(4100);
    REQUIRE(high > rig_memory + 524288);
    take(100);
    size_t used = rig_sum(&rig).used_blocks;
    keep(low[1]);
    struct kept kept = keep(high);
    uint32_t tag = *fh_tag_of(block(low[0]));
    fh_tag_seal(secret(), block(low[0]), fh_tag_for(FH_USED, HEAP_BYTES / FH_GRANULE));
    for (size_t i = 0; i < 100; i++)
        low[0][i] = 0;
    rig.heap->quarantine.slot[kept.slot] ^= 1;
    rig.heap->quarantine.next = kept.slot;
    fh_trim(rig.heap);
    faults_were(1, FH_BAD_CONTROL, NULL);
    EQUAL(cached_bytes(), 0);
    *fh_tag_of(block(low[0])) = tag;
    EQUAL(rig_sum(&rig).used_blocks, used - 2);
    rig_sound(&rig);
}

/* Half of the heap's memory is kept back, and not a granule more: of one block, and of two. */
static void kept_up_to_the_share(void)
{
    need_quarantine();
    for (uint32_t more = 0; more < 2; more++) {
        open_rig();
        uint32_t limit = (uint32_t)(rig.heap->total / 2);
        unsigned char *ptr = take(fh_payload_bytes(limit + more));
        fh_free(rig.heap, ptr);
        EQUAL(cached_bytes(), more ? 0 : limit * FH_GRANULE);

        open_rig();
        unsigned char *first = take(fh_payload_bytes(limit / 2));
        unsigned char *second = take(fh_payload_bytes(limit - limit / 2 + more));
        struct kept kept = keep(first);
        keep(second);
        CHECK((rig.heap->quarantine.slot[kept.slot] == 0) == (more != 0));
        rig_sound(&rig);
    }
}

/* A free that pushes out what cannot be joined reports that, and not as a fault of its own block. */
static void not_its_own_fault(void)
{
    need_quarantine();
    open_rig();
    unsigned char *ptr = take(100);
    unsigned char *behind = take(100);
    keep(ptr);
    *fh_tag_of(block(behind)) ^= 0x100;
    push_out();
    CHECK(rig_reported(&rig, FH_OVERRUN, NULL, behind));
    *fh_tag_of(block(behind)) ^= 0x100;
    /* It is lost, but is not shown as kept. */
    CHECK(!fh_is_marked(secret(), block(ptr)));
}

/* What a deferred free meets is reported as of its block, and only what was freed counts. */
static void deferred_beside_damage(void)
{
    open_rig();
    unsigned char *ptr = take(100);
    unsigned char *behind = take(100);
    unsigned char *other = take(100);
    *fh_tag_of(block(behind)) ^= 0x100;
    CHECK(fh_free_deferred(rig.heap, ptr));
    take(10);
    CHECK(rig_reported(&rig, FH_OVERRUN, ptr, behind));
    EQUAL(rig.heap->deferrals, 0);
    *fh_tag_of(block(behind)) ^= 0x100;
    CHECK(fh_free_deferred(rig.heap, other));
    take(10);
    EQUAL(rig.heap->deferrals, 1);
    EQUAL(rig.faults, 0);
}

/* A port with a region just as large as is asked for. */
static void *give_region(void *ctx, size_t bytes, size_t *got)
{
    struct rig *r = ctx;
    r->acquires++;
    *got = bytes;
    return rig_memory + 524288;
}

static void take_region(void *ctx, void *mem, size_t bytes)
{
    struct rig *r = ctx;
    (void)bytes;
    CHECK(mem == rig_memory + 524288);
    r->releases++;
}

/* The last block of a region leaves the quarantine because of another free: that one gives the region back. */
static void region_of_a_pushed_out_block(void)
{
    open_rig();
    rig.port.acquire = give_region;
    rig.port.release = take_region;
    unsigned char *most = take(50000);
    unsigned char *elsewhere = take(30000);
    EQUAL(rig.acquires, 1);
    REQUIRE(elsewhere > rig_memory + 524288);
    fh_free(rig.heap, most);
    unsigned char *small[FH_QUARANTINE_SLOTS];
    for (unsigned i = 0; i < FH_QUARANTINE_SLOTS; i++)
        small[i] = take(40);
    fh_free(rig.heap, elsewhere);
    for (unsigned i = 0; i < FH_QUARANTINE_SLOTS; i++)
        fh_free(rig.heap, small[i]);
    EQUAL(rig.releases, 1);
    rig_sound(&rig);
}

/* Eight blocks in a row of so many granules each, and nothing else that is free. */
enum { ROW = 8, ROW_GRANULES = 125 };
static void open_row(void *place, unsigned char *ptr[ROW])
{
    rig_open(&rig, place, HEAP_BYTES);
    for (unsigned i = 0; i < ROW; i++)
        ptr[i] = take(fh_payload_bytes(ROW_GRANULES));
    while (fh_malloc(rig.heap, 4000) != NULL || fh_malloc(rig.heap, 200) != NULL || fh_malloc(rig.heap, 0) != NULL)
        continue;
}

static bool is_kept(struct kept kept)
{
    return rig.heap->quarantine.slot[kept.slot] != 0;
}

static void *take_granules(uint32_t granules)
{
    return fh_malloc(rig.heap, fh_payload_bytes(granules));
}

/* A port that never has memory, but is asked. */
static void *give_nothing(void *ctx, size_t bytes, size_t *got)
{
    struct rig *r = ctx;
    (void)bytes;
    *got = 0;
    r->acquires++;
    return NULL;
}

/* A free block between two that are kept is no end; a used one is, for the last granule, too. The port is asked last. */
static void given_to_the_granule(void)
{
    need_quarantine();
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    rig.port.acquire = give_nothing;
    fh_free(rig.heap, ptr[4]);
    fh_trim(rig.heap);
    struct kept first = keep(ptr[3]);
    struct kept last = keep(ptr[5]);
    CHECK(take_granules(3 * ROW_GRANULES + 1) == NULL);
    EQUAL(rig.acquires, 1);
    CHECK(is_kept(first) && is_kept(last));
    CHECK(take_granules(3 * ROW_GRANULES) == ptr[3]);
    EQUAL(rig.acquires, 1);
    CHECK(!is_kept(first) && !is_kept(last));
    rig_sound(&rig);
}

/* Of two runs that are enough, the one with what was kept longest. */
static void given_the_oldest_first(void)
{
    need_quarantine();
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    struct kept first = keep(ptr[5]);
    struct kept second = keep(ptr[1]);
    CHECK(take_granules(ROW_GRANULES) == ptr[5]);
    CHECK(!is_kept(first) && is_kept(second));
    rig_sound(&rig);
}

/* As many blocks are kept as can be, and only the oldest is large enough. */
static void given_from_a_full_quarantine(void)
{
    need_quarantine();
    unsigned char *ptr[FH_QUARANTINE_SLOTS];
    open_rig();
    ptr[0] = take(2000);
    for (unsigned i = 1; i < FH_QUARANTINE_SLOTS; i++) {
        take(40);
        ptr[i] = take(40);
    }
    while (fh_malloc(rig.heap, 4000) != NULL || fh_malloc(rig.heap, 200) != NULL || fh_malloc(rig.heap, 0) != NULL)
        continue;
    for (unsigned i = 0; i < FH_QUARANTINE_SLOTS; i++)
        keep(ptr[i]);
    CHECK(fh_malloc(rig.heap, 2000) == ptr[0]);
    rig_sound(&rig);
}

/* An aligned request is met from a run in which it surely finds its place; if there is none, everything is given back, and a smaller one may do. */
static void given_to_an_aligned_request(void)
{
    need_quarantine();
    const size_t align = 2 * FH_GRANULE;
    const size_t size = fh_payload_bytes(ROW_GRANULES) - 4;
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    rig.port.acquire = give_nothing;
    /* The parts are an odd number of granules long. */
    unsigned odd = (uintptr_t)ptr[1] % align != 0 ? 1 : 2;
    struct kept askew = keep(ptr[odd]);
    struct kept first = keep(ptr[5]);
    struct kept second = keep(ptr[6]);
    unsigned char *got = fh_aligned_alloc(rig.heap, align, size);
    CHECK(got >= ptr[5] && got < ptr[7] && (uintptr_t)got % align == 0);
    CHECK(is_kept(askew) && !is_kept(first) && !is_kept(second));
    EQUAL(rig.acquires, 0);
    rig_sound(&rig);

    open_row(rig_memory + 8, ptr);
    rig.port.acquire = give_nothing;
    first = keep(ptr[odd + 1]);
    second = keep(ptr[odd + 3]);
    got = fh_aligned_alloc(rig.heap, align, size);
    CHECK(got == first.ptr || got == second.ptr);
    CHECK(!is_kept(first) && !is_kept(second));
    EQUAL(rig.acquires, 0);
    rig_sound(&rig);

    /* A granule too many in the count is found on that way. */
    open_row(rig_memory + 8, ptr);
    keep(ptr[odd + 1]);
    rig.heap->quarantine.granules += 1;
    CHECK(fh_aligned_alloc(rig.heap, align, size) != NULL);
    faults_were(1, FH_BAD_CONTROL, NULL);
    EQUAL(rig.heap->quarantine.granules, 0);
    rig_sound(&rig);
}

/* Where what lies before a kept block is used, or a footer leads out of the region, no word there makes the run longer. */
static void no_run_from_forged_words(void)
{
    need_quarantine();
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    struct kept kept = keep(ptr[4]);
    uint32_t *const footer = fh_footer_of(block(ptr[4]));
    uint32_t was = *footer;
    *footer = FH_MIN_GRANULES;
    fh_tag_seal(secret(), fh_before(block(ptr[4]), FH_MIN_GRANULES), fh_tag_for(FH_FREE, FH_MIN_GRANULES));
    CHECK(take_granules(ROW_GRANULES + FH_MIN_GRANULES) == NULL);
    CHECK(is_kept(kept));
    *footer = was;
    rig_sound(&rig);

    unsigned char *outside = rig_memory + 65536;
    open_row(rig_memory + 131072, ptr);
    fh_free(rig.heap, ptr[3]);
    fh_trim(rig.heap);
    kept = keep(ptr[4]);
    uint32_t *const before = fh_footer_of(block(ptr[4]));
    was = *before;
    *before = (uint32_t)((ptr[4] - outside) / FH_GRANULE);
    fh_tag_seal(secret(), block(outside), fh_tag_for(FH_FREE, *before));
    CHECK(take_granules(*before + ROW_GRANULES) == NULL);
    CHECK(is_kept(kept));
    *before = was;
    rig_sound(&rig);
}

/* A slot names the inside of a block, and the sum does not show it: reported when the run around it is given back, and empty then. */
static void a_slot_that_leads_inside(void)
{
    need_quarantine();
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    struct kept kept = keep(ptr[3]);
    forge_slot(kept.slot + 1, ptr[3] + 16 * FH_GRANULE);
    CHECK(take_granules(ROW_GRANULES) == ptr[3]);
    faults_were(1, FH_BAD_TAG, ptr[3] + 16 * FH_GRANULE);
    EQUAL(rig.heap->quarantine.slot[kept.slot + 1], 0);
    rig_sound(&rig);
}

/* To grow in place takes what lies behind as far as is needed, or nothing. */
static void given_behind_as_needed(void)
{
    need_quarantine();
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    struct kept first = keep(ptr[2]);
    CHECK(!fh_resize(rig.heap, ptr[1], fh_payload_bytes(2 * ROW_GRANULES + 1)));
    CHECK(is_kept(first));
    struct kept second = keep(ptr[3]);
    CHECK(fh_resize(rig.heap, ptr[1], fh_payload_bytes(2 * ROW_GRANULES)));
    CHECK(!is_kept(first) && is_kept(second));
    rig_sound(&rig);
}

/* A block in any slot is known as one that was written to late, and so is one whose mark names a slot that there is not. */
static void named_by_any_slot(void)
{
    need_quarantine();
    for (unsigned who = 0; who < 2; who++) {
        open_rig();
        if (who == 0)
            keep(take(100));
        struct kept kept = keep(take(100));
        take(100);
        if (who == 0)
            *fh_mark_of(block(kept.ptr)) ^= 4;
        else
            fh_quick_push(secret(), block(kept.ptr), (const struct fh_block *)(uintptr_t)FH_QUARANTINE_SLOTS);
        struct fh_cursor cursor = { 0 };
        EQUAL(fh_check_step(rig.heap, &cursor, 1000), FH_BAD_POISON);
        CHECK(cursor.block == rig.heap);
        EQUAL(fh_check_step(rig.heap, &cursor, 1000), FH_BAD_POISON);
        CHECK(cursor.block == kept.ptr);
    }
}

/* What looks like the mark of a kept block is none unless its slot says so: of such a block nothing is refused. */
static void looks_kept(void)
{
    for (unsigned which = 0; which < 4; which++) {
        const uintptr_t slot = which < 2 ? which : FH_QUARANTINE_SLOTS + which - 3;
        open_rig();
        if (FH_QUARANTINE_BLOCKS != 0)
            keep(take(100));
        unsigned char *ptr = take(100);
        fh_quick_push(secret(), block(ptr), (const struct fh_block *)slot);
        EQUAL(fh_usable_size(rig.heap, ptr), 100);
        CHECK(fh_resize(rig.heap, ptr, 90));
        fh_quick_push(secret(), block(ptr), (const struct fh_block *)slot);
        unsigned char *moved = fh_realloc(rig.heap, ptr, 3000);
        CHECK(moved != NULL);
        fh_quick_push(secret(), block(moved), (const struct fh_block *)slot);
        fh_free(rig.heap, moved);
        faults_were(0, FH_OK, NULL);
        fh_free(rig.heap, moved);
        faults_were(1, FH_DOUBLE_FREE, moved);
        ptr = take(100);
        fh_quick_push(secret(), block(ptr), (const struct fh_block *)slot);
        CHECK(fh_free_deferred(rig.heap, ptr));
        fh_free(rig.heap, ptr);
        faults_were(1, FH_DOUBLE_FREE, ptr);
        rig_sound(&rig);
    }
}

/* A kept block is not deferred once more. */
static void deferred_while_kept(void)
{
    need_quarantine();
    open_rig();
    struct kept kept = keep(take(100));
    CHECK(!fh_free_deferred(rig.heap, kept.ptr));
    EQUAL(rig.heap->deferred, 0);
    CHECK(is_kept(kept));
    rig_sound(&rig);
}

/* Leaves the lock, and looks at the heap as any other thread could. */
static void (*leave)(void *ctx, uintptr_t state);

static void leave_and_check(void *ctx, uintptr_t state)
{
    static bool inside;
    leave(ctx, state);
    if (inside)
        return;
    inside = true;
    EQUAL(fh_check(rig.heap), FH_OK);
    inside = false;
}

/* A block that is not to be had at once is written its exact size later, but is whole whenever the lock is left. */
static void whole_when_left(void)
{
    need_quarantine();
    unsigned char *ptr[ROW];
    open_row(rig_memory + 8, ptr);
    keep(ptr[3]);
    leave = rig.port.unlock;
    rig.port.unlock = leave_and_check;
    CHECK(fh_malloc(rig.heap, fh_payload_bytes(ROW_GRANULES) - 5) == ptr[3]);
    EQUAL(fh_usable_size(rig.heap, ptr[3]), fh_payload_bytes(ROW_GRANULES) - 5);
    rig_sound(&rig);
}

/* The last 64 freed blocks wait, if nobody said otherwise. */
static void as_it_comes(void)
{
    if (!AS_IT_COMES)
        test_does_not_apply();
    enum { MANY = 100 };
    unsigned char *ptr[MANY];
    open_rig();
    for (unsigned i = 0; i < MANY; i++)
        ptr[i] = take(40);
    size_t block_bytes = fh_used_size(fh_tag_open(secret(), block(ptr[0]))) * FH_GRANULE;
    for (unsigned i = 0; i < MANY; i++) {
        fh_free(rig.heap, ptr[i]);
        EQUAL(cached_bytes(), (i < 64 ? i + 1 : 64) * block_bytes);
    }
}

/* The smallest block has room for link and mark, between tag and tail; and an aligned one for the word of its alignment, too. */
static void smallest_blocks(void)
{
    size_t least = sizeof(uintptr_t) + 4;
    size_t asked[] = { 0, least, least + 1, fh_payload_bytes(5) - 4, fh_payload_bytes(5) - 3 };
    for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
        for (unsigned aligned = 0; aligned < 2; aligned++) {
            open_rig();
            unsigned char *ptr = aligned ? fh_aligned_alloc(rig.heap, 64, asked[i]) : take(asked[i]);
            REQUIRE(ptr != NULL);
            size_t bytes = 8 + (asked[i] < least ? least : asked[i]) + (aligned ? 4 : 0);
            EQUAL(fh_used_size(fh_tag_open(secret(), block(ptr))), (bytes + FH_GRANULE - 1) / FH_GRANULE);
        }
    }
}

/* However much is left behind the exact size, no more than the first 64 bytes of it are guarded. */
static void canary_is_bounded(void)
{
    enum { SLACK = 100 };
    open_rig();
    unsigned char *ptr = take(30000);
    size_t user = fh_user_bytes(FH_USED, fh_used_size(fh_tag_open(secret(), block(ptr))));
    uint32_t *tail = (uint32_t *)(void *)(ptr + user);
    rig_poke(tail, (SLACK * 2 * FH_SEAL) ^ (~(uint32_t)(uintptr_t)tail ^ secret()));
    for (size_t i = user - SLACK; i < user; i++)
        ptr[i] = 0xF9;
    for (size_t i = user - SLACK; i < user; i++) {
        ptr[i] = 0;
        EQUAL(fh_check(rig.heap), i < user - SLACK + 64 ? FH_OVERRUN : FH_OK);
        ptr[i] = 0xF9;
    }
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
    { "looks_kept", looks_kept },
    { "deferred_while_kept", deferred_while_kept },
    { "deferred", deferred },
    { "a_zero_shows_with_any_secret", a_zero_shows_with_any_secret },
    { "a_tail_that_counts_too_much", a_tail_that_counts_too_much },
    { "overrun_of_a_deferred_block", overrun_of_a_deferred_block },
    { "two_stains", two_stains },
    { "slots_that_lead_nowhere", slots_that_lead_nowhere },
    { "what_the_check_says_of_slots", what_the_check_says_of_slots },
    { "miscounted", miscounted },
    { "collected_past_damage", collected_past_damage },
    { "neighbours_damaged_meanwhile", neighbours_damaged_meanwhile },
    { "looked_at_when_freed", looked_at_when_freed },
    { "given_in_one_piece", given_in_one_piece },
    { "poison_is_no_text", poison_is_no_text },
    { "poison_is_bounded", poison_is_bounded },
    { "poison_survives_joins", poison_survives_joins },
    { "damaged_clean_word", damaged_clean_word },
    { "looks_at_what_it_hands_out", looks_at_what_it_hands_out },
    { "kept_with_a_wrong_tag", kept_with_a_wrong_tag },
    { "a_slot_filled", a_slot_filled },
    { "nothing_else_is_collected", nothing_else_is_collected },
    { "collected_from_two_regions", collected_from_two_regions },
    { "kept_up_to_the_share", kept_up_to_the_share },
    { "not_its_own_fault", not_its_own_fault },
    { "deferred_beside_damage", deferred_beside_damage },
    { "region_of_a_pushed_out_block", region_of_a_pushed_out_block },
    { "given_to_the_granule", given_to_the_granule },
    { "given_the_oldest_first", given_the_oldest_first },
    { "given_from_a_full_quarantine", given_from_a_full_quarantine },
    { "given_to_an_aligned_request", given_to_an_aligned_request },
    { "no_run_from_forged_words", no_run_from_forged_words },
    { "a_slot_that_leads_inside", a_slot_that_leads_inside },
    { "given_behind_as_needed", given_behind_as_needed },
    { "named_by_any_slot", named_by_any_slot },
    { "whole_when_left", whole_when_left },
    { "as_it_comes", as_it_comes },
    { "smallest_blocks", smallest_blocks },
    { "canary_is_bounded", canary_is_bounded },
    TESTS_END
};
