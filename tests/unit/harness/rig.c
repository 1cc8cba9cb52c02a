/* SPDX-License-Identifier: MIT
 *
 * rig.c - the recording port and the oracle; see rig.h for the promise.
 */
#include "rig.h"

_Alignas(RIG_MEMORY) unsigned char rig_memory[RIG_MEMORY];

static uintptr_t rig_lock(void *ctx)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 0);
    rig->depth++;
    return 0xC0DE0000u + ++rig->locks;
}

static void rig_unlock(void *ctx, uintptr_t state)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 1);
    EQUAL(state, 0xC0DE0000u + rig->locks);
    rig->depth--;
}

static void rig_fault(void *ctx, const struct fh_fault *fault)
{
    struct rig *rig = ctx;
    EQUAL(rig->depth, 1);
    rig->fault = *fault;
    rig->faults++;
}

/* A tag's seal depends on its address exclusive-or the secret, so that this secret makes tags depend on where they lie in rig_memory, not on
 * where that lies: of all garbage that a test writes, one word in 4096 opens as a tag, and it must not be another one in each build. */
static uintptr_t rig_random(void *ctx)
{
    struct rig *rig = ctx;
    struct dice d = dice_from(test_seed() ^ (uint32_t)rig->locks);
    return dice_roll(&d) ^ (uint32_t)(uintptr_t)rig_memory;
}

void rig_large_only(void)
{
    if (RIG_SMALL)
        test_does_not_apply();
}

void rig_prepare(struct rig *rig)
{
    *rig = (struct rig){ 0 };
    rig->port = (struct fh_port){ .ctx = rig, .lock = rig_lock, .unlock = rig_unlock, .fault = rig_fault, .random = rig_random };
}

void rig_open(struct rig *rig, void *mem, size_t size)
{
    rig_prepare(rig);
    rig->heap = fh_create(mem, size, &rig->port);
    REQUIRE(rig->heap != NULL);
}

unsigned rig_only_cpu(void *ctx)
{
    (void)ctx;
    return 0;
}

struct walk {
    struct rig_sum sum;
    uintptr_t next;           /* where the next block must begin; 0 at the start of a region */
    uintptr_t highest;
    bool before_free;
};

static bool add_up(void *arg, const struct fh_block_info *info)
{
    struct walk *w = arg;
    uintptr_t at = (uintptr_t)info->payload;
    bool first = w->next == 0;
    w->sum.ordered &= at % FH_GRANULE == 0 && info->bytes % FH_GRANULE == 0;
    w->sum.ordered &= first ? at > w->highest || w->highest == 0 : at == w->next;
    w->highest = at;
    if (info->bytes == 0) {
        w->sum.ordered &= info->used && !info->cached;
        w->sum.regions++;
        w->next = 0;
        w->before_free = false;
        return true;
    }
    w->next = at + info->bytes;
    if (info->used) {
        w->sum.used_blocks++;
        w->sum.used_bytes += info->bytes;
    } else {
        w->sum.ordered &= !w->before_free;
        w->sum.free_blocks++;
        w->sum.free_bytes += info->bytes;
        if (info->bytes > w->sum.largest)
            w->sum.largest = info->bytes;
    }
    w->before_free = !info->used;
    return true;
}

struct rig_sum rig_sum(struct rig *rig)
{
    struct walk w = { .sum.ordered = true };
    fh_walk(rig->heap, add_up, &w);
    return w.sum;
}

bool rig_scribble(void *arg, const struct fh_block_info *info)
{
    unsigned char *payload = (unsigned char *)(uintptr_t)info->payload;
    if (!info->used) {
        ++*(unsigned *)arg;
        for (size_t i = FH_FREE_ENDS; i + FH_FREE_ENDS < info->bytes; i++)
            payload[i] = 0x5A;
    }
    return true;
}

bool rig_sound(struct rig *rig)
{
    struct fh_stats stats;
    bool ok = EQUAL(fh_check(rig->heap), FH_OK);
    struct rig_sum sum = rig_sum(rig);
    fh_stats(rig->heap, &stats);
    ok &= CHECK(sum.ordered);
    ok &= EQUAL(stats.bytes_used, sum.used_bytes);
    ok &= EQUAL(stats.bytes_free, sum.free_bytes);
    ok &= EQUAL(stats.blocks_used, sum.used_blocks);
    ok &= EQUAL(stats.blocks_free, sum.free_blocks);
    ok &= EQUAL(stats.regions, sum.regions);
    ok &= CHECK(stats.bytes_regions >= sum.used_bytes + sum.free_bytes);
    ok &= CHECK(stats.bytes_cached <= stats.bytes_used);
    /* What malloc can have lies between nothing and the largest free block without its tag; nothing only if there is none, or none in which
     * the hardened build's two tags, link and mark have room. */
    size_t least = RIG_EXACT ? 12 + sizeof(void *) : 1;
    ok &= CHECK((stats.largest_free != 0) == (sum.largest >= least) && stats.largest_free + 4 <= sum.largest + (sum.largest == 0 ? 4 : 0));
    if (sum.used_bytes > rig->peak)
        rig->peak = sum.used_bytes;
    ok &= CHECK(stats.bytes_peak >= rig->peak);
    ok &= EQUAL(rig->depth, 0);
    ok &= EQUAL(rig->faults, 0);
    return ok;
}

bool rig_reported(struct rig *rig, enum fh_fault_kind kind, const void *ptr, const void *block)
{
    bool ok = EQUAL(rig->faults, 1);
    if (rig->faults != 0) {
        ok &= EQUAL(rig->fault.kind, kind);
        ok &= EQUAL(rig->fault.ptr, ptr);
        ok &= EQUAL(rig->fault.block, block);
    }
    rig->faults = 0;
    return ok;
}

struct sought {
    const void *payload;
    size_t bytes;
    bool used;
};

static bool seek(void *arg, const struct fh_block_info *info)
{
    struct sought *s = arg;
    if (info->payload != s->payload)
        return true;
    s->bytes = info->bytes;
    s->used = info->used;
    return false;
}

size_t rig_block_at(struct rig *rig, const void *payload, bool *used)
{
    struct sought s = { .payload = payload };
    fh_walk(rig->heap, seek, &s);
    *used = s.used;
    return s.bytes;
}

static unsigned char pattern(size_t i, uint32_t key)
{
    return (unsigned char)((i * 0x9Du + (i >> 8)) ^ key ^ key >> 8);
}

void rig_fill(void *ptr, size_t bytes, uint32_t key)
{
    unsigned char *p = ptr;
    for (size_t i = 0; i < bytes; i++)
        p[i] = pattern(i, key);
}

bool rig_filled(const void *ptr, size_t bytes, uint32_t key)
{
    const unsigned char *p = ptr;
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != pattern(i, key))
            return false;
    }
    return true;
}

bool rig_zero(const void *ptr, size_t bytes)
{
    const unsigned char *p = ptr;
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

void rig_poke(void *place, uint32_t word)
{
    unsigned char *p = place;
    for (size_t i = 0; i < sizeof word; i++)
        p[i] = ((const unsigned char *)&word)[i];
}

uint32_t rig_peek(const void *place)
{
    const unsigned char *p = place;
    uint32_t word = 0;
    for (size_t i = 0; i < sizeof word; i++)
        ((unsigned char *)&word)[i] = p[i];
    return word;
}

void *rig_launder(const void *ptr)
{
    const void *volatile hidden = ptr;
    return (void *)(uintptr_t)hidden;
}
