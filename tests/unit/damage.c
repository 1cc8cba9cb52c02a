/* SPDX-License-Identifier: MIT
 *
 * damage.c - src/cache.c: each bit of a cache's structure damaged, and runs of its bytes.
 *
 * Apart from cache.c because it takes ten times as long as all of that, and named so that `program CONFIG unit cache` does not run it.
 */
#include "harness/caches.h"

#include "cache.h"

static struct rig rig;

/* The structure of a cache, damaged by one bit, or by a run of bytes of all ones that begins at its tag or at its first word. Work goes on
 * after it; no block overlaps another, nothing crashes, and what cannot be had again at the end was reported. */
struct damage {
    size_t bit;
    size_t run;               /* bytes from there; 0: the bit alone */
    size_t before;            /* and so many before the structure */
    bool by_cpu;
    bool done;                /* it came to its end, or a trap */
    bool sound;
    unsigned faults;
};

static void *take(struct fh_cache *c, size_t size)
{
    return c != NULL ? fh_cache_malloc(c, size) : fh_malloc(rig.heap, size);
}

static void give(struct fh_cache *c, void *ptr)
{
    if (c != NULL)
        fh_cache_free(c, ptr);
    else
        fh_free(rig.heap, ptr);
}

static void commit(void *arg)
{
    struct damage *d = arg;
    struct dice dice = dice_from(test_seed() + (uint32_t)d->bit);
    unsigned char *ptr[40] = { 0 };
    size_t size[40];
    open_with_caches(&rig, RIG_MEMORY);
    if (!d->by_cpu)
        cpu_now = CPUS;       /* none */
    struct fh_cache *c = d->by_cpu ? NULL : fh_cache_open(rig.heap);
    REQUIRE(d->by_cpu || c != NULL);
    for (cpu_now = 0; d->by_cpu && cpu_now < CPUS; cpu_now++)
        fh_free(rig.heap, fh_malloc(rig.heap, 40));
    cpu_now = 0;
    size_t total = RIG_MEMORY / 4;
    d->sound = true;
    for (unsigned i = 0; i < 900; i++) {
        uint32_t k = dice_below(&dice, 40);
        if (i == 300) {
            struct fh_cache *victim = d->by_cpu ? rig.heap->by_cpu[0] : c;
            if (d->run == 0)
                ((unsigned char *)victim)[d->bit / 8] ^= (unsigned char)(1u << d->bit % 8);
            for (size_t at = 0; at < d->run; at++)
                ((unsigned char *)victim - d->before)[at] = 0xFF;
        }
        if (d->by_cpu)
            cpu_now = dice_below(&dice, 8) == 0 ? 1 : 0;
        if (ptr[k] != NULL) {
            d->sound &= rig_filled(ptr[k], size[k], k);
            give(c, ptr[k]);
            ptr[k] = NULL;
            continue;
        }
        size[k] = dice_below(&dice, 200);
        ptr[k] = take(c, size[k]);
        if (ptr[k] != NULL)
            rig_fill(ptr[k], size[k], k);
    }
    for (unsigned k = 0; k < 40; k++)
        give(c, ptr[k]);
    if (c != NULL)
        fh_cache_close(c);
    for (cpu_now = 0; cpu_now < CPUS; cpu_now++)
        fh_free(rig.heap, fh_malloc(rig.heap, 2 * RIG_MEMORY));
    d->faults = rig.faults;
    /* A tag that was run over stays broken. */
    d->sound &= fh_check(rig.heap) == (d->before == 0 ? FH_OK : FH_BAD_TAG);
    size_t left = tally_of(rig.heap).cached_blocks;
    bool whole = fh_malloc(rig.heap, total) != NULL && left == 0;
    d->sound &= whole || rig.faults != 0;
    d->done = true;
}

/* The bits that are tried of a structure; shared with the children that try them. */
struct sweep {
    struct damage damage;
    unsigned step;
    unsigned known;
};

static bool is_tried(const struct sweep *s, size_t bit)
{
    size_t at = bit / 8;
    bool is_bound = at >= offsetof(struct fh_cache, most) && at < offsetof(struct fh_cache, lo);
    /* See cache.h: between two slow calls, the bounds of a cache that its user holds are believed. A bool that is neither cannot be read. */
    if ((!s->damage.by_cpu && is_bound) || (at == offsetof(struct fh_cache, incomplete) && bit % 8 != 0))
        return false;
    /* A head that is not aligned is read where the hardware does that, and the sanitizers do not know of it. */
    return at < sizeof(struct fh_cache) || bit % (8 * sizeof(void *)) >= 3;
}

/* The first words are the mark of the heap's own blocks: without it, a block is shown as used, or cached, and that is all. */
static size_t bit_of(const struct sweep *s, unsigned number)
{
    return 8 * sizeof(struct fh_own) + (size_t)number * s->step;
}

static void conclude(struct sweep *s, bool trapped)
{
    const struct damage *d = &s->damage;
    s->known += trapped || d->faults != 0;
    if (!CHECK(trapped || (d->done && d->sound)))
        say("  bit %z of the word at %z of a cache, %s\n", d->bit % 32, d->bit / 32 * 4, d->done ? "unsound" : "did not end well");
}

static void try_bit(void *arg, unsigned number)
{
    struct sweep *s = arg;
    const size_t bit = bit_of(s, number);
    if (!is_tried(s, bit))
        return;
    s->damage = (struct damage){ .bit = bit, .by_cpu = s->damage.by_cpu };
    /* A head that leads to what waited in a cache of the heap before would not be known: whatever the secret, it is as it should be. */
    fh_zero(rig_memory, RIG_MEMORY);
    commit(&s->damage);
    conclude(s, false);
}

static void bit_ended(void *arg, unsigned number, struct host_end end)
{
    struct sweep *s = arg;
    (void)number;
    conclude(s, !s->damage.by_cpu && !s->damage.done && host_trapped(end));
}

static void damaged_structure(bool by_cpu)
{
    struct sweep *s = host_map_shared(sizeof *s);
    REQUIRE(s != NULL);
    s->damage.by_cpu = by_cpu;
    s->step = by_cpu ? 1 : 3;
    const size_t bits = 8 * (sizeof(struct fh_cache) + 12 * sizeof(void *) - sizeof(struct fh_own));
    test_in_turn(&(struct test_turns){ try_bit, bit_ended, s, (unsigned)((bits + s->step - 1) / s->step), 30 });
    CHECK(s->known > 50);
}

static void damaged_structure_of_a_cpu(void)
{
    damaged_structure(true);
}

static void damaged_structure_of_a_user(void)
{
    damaged_structure(false);
}

/* What runs over into a CPU's cache from below meets a bound first, which the next call looks at: no word behind it is believed. */
static void overrun_into_structure(void)
{
    struct damage *d = host_map_shared(sizeof *d);
    REQUIRE(d != NULL);
    for (size_t before = 0; before <= FH_TAG_BYTES; before += FH_TAG_BYTES) {
        for (size_t end = offsetof(struct fh_cache, most) + 4; end <= sizeof(struct fh_cache); end += 4) {
            *d = (struct damage){ .run = before + end, .before = before, .by_cpu = true };
            host_run(commit, d, 10);
            if (!CHECK(d->done && d->sound && d->faults != 0))
                say("  %z bytes over the first ones of a cache and %z before it, %s\n", end, before, d->done ? "unsound" : "did not end well");
        }
    }
}

TESTS(unit_damage) = {
    { "damaged_structure_of_a_cpu", damaged_structure_of_a_cpu },
    { "damaged_structure_of_a_user", damaged_structure_of_a_user },
    { "overrun_into_structure", overrun_into_structure },
    TESTS_END
};
