/* SPDX-License-Identifier: MIT
 *
 * random.c - random operations over the public calls against a shadow model, the whole oracle after each one.
 *
 * The model knows of each block its address, its size, its alignment and what was written into it. It learns overlap from the
 * contents and from the walk: as many used blocks as the model holds, each where the model says. Regions come touching,
 * with gaps, ascending and descending, from the caller and from the port.
 */
#include "harness/rig.h"

enum { SLOTS = 96, PIECES = 24 };

struct slot {
    unsigned char *ptr;
    size_t size;
    size_t align;
    uint32_t key;
};

struct model {
    struct rig rig;               /* first: the port's ctx is both */
    struct dice dice;
    struct slot slots[SLOTS];
    unsigned live;
    size_t largest;               /* request */
    /* Memory for the port: pieces of the rig's, with bytes between them that nobody may touch. */
    unsigned char *piece[PIECES];
    size_t piece_bytes[PIECES];
    bool lent[PIECES];
    unsigned pieces;
};

static size_t some_size(struct model *m)
{
    switch (dice_below(&m->dice, 10)) {
    case 0:
        return dice_below(&m->dice, 5);
    case 1:
        return dice_below(&m->dice, (uint32_t)m->largest);
    case 2:
        return ((size_t)1 << dice_below(&m->dice, 11)) + dice_below(&m->dice, 3) - 1;
    default:
        return dice_below(&m->dice, 300);
    }
}

/* A slot's block is where the walk says there is one, large enough, and alone. */
static void check_slot(struct model *m, struct slot *s)
{
    bool used;
    size_t bytes = rig_block_at(&m->rig, s->ptr, &used);
    CHECK(used && bytes >= s->size + 4);
    EQUAL((uintptr_t)s->ptr & (s->align - 1), 0);
    CHECK(rig_filled(s->ptr, s->size, s->key));
    size_t usable = fh_usable_size(m->rig.heap, s->ptr);
    /* An aligned block holds its alignment in a word behind what its user has. */
    CHECK(usable >= s->size && usable == (RIG_EXACT ? s->size : bytes - (s->align > FH_GRANULE ? 8 : 4)));
}

static void keep(struct model *m, struct slot *s, void *ptr, size_t size, size_t align)
{
    m->live += s->ptr == NULL;
    *s = (struct slot){ ptr, size, align, dice_roll(&m->dice) };
    rig_fill(ptr, size, s->key);
    check_slot(m, s);
}

static void drop(struct model *m, struct slot *s)
{
    check_slot(m, s);
    fh_free(m->rig.heap, s->ptr);
    m->live--;
    s->ptr = NULL;
}

static void allocate(struct model *m, struct slot *s)
{
    size_t size = some_size(m);
    size_t align = FH_GRANULE;
    void *ptr;
    switch (dice_below(&m->dice, 4)) {
    case 0:
        align = (size_t)1 << dice_below(&m->dice, 13);
        ptr = fh_aligned_alloc(m->rig.heap, align, size);
        if (align < FH_GRANULE)
            align = FH_GRANULE;
        break;
    case 1: {
        size_t count = 1 + dice_below(&m->dice, 4);
        ptr = fh_calloc(m->rig.heap, count, size);
        size *= count;
        CHECK(ptr == NULL || rig_zero(ptr, size));
        break;
    }
    default:
        ptr = fh_malloc(m->rig.heap, size);
    }
    if (ptr != NULL)
        keep(m, s, ptr, size, align);
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void reallocate(struct model *m, struct slot *s)
{
    size_t size = some_size(m);
    struct slot old = *s;
    unsigned char *ptr = fh_realloc(m->rig.heap, s->ptr, size);
    if (ptr == NULL) {
        check_slot(m, s);
        return;
    }
    CHECK(size > old.size || ptr == old.ptr);
    CHECK(rig_filled(ptr, lesser(size, old.size), old.key));
    keep(m, s, ptr, size, old.align);
}

static void resize(struct model *m, struct slot *s)
{
    size_t size = some_size(m);
    struct slot old = *s;
    if (!fh_resize(m->rig.heap, s->ptr, size)) {
        CHECK(size > old.size);
        check_slot(m, s);
        return;
    }
    CHECK(rig_filled(s->ptr, lesser(size, old.size), old.key));
    keep(m, s, old.ptr, size, old.align);
}

static void step(struct model *m)
{
    struct slot *s = &m->slots[dice_below(&m->dice, SLOTS)];
    struct fh_stats before;
    struct fh_stats after;
    fh_stats(m->rig.heap, &before);
    bool moves = false;
    if (s->ptr == NULL) {
        allocate(m, s);
    } else {
        switch (dice_below(&m->dice, 6)) {
        case 0:
            moves = true;
            reallocate(m, s);
            break;
        case 1:
            resize(m, s);
            break;
        case 2:
            fh_trim(m->rig.heap);
            break;
        default:
            drop(m, s);
        }
    }
    rig_sound(&m->rig);
    fh_stats(m->rig.heap, &after);
    EQUAL(after.blocks_used, m->live);
    /* The peak is the largest count ever; a block that moves is there twice for a moment. */
    size_t peak = before.bytes_peak > after.bytes_used ? before.bytes_peak : after.bytes_used;
    CHECK(after.bytes_peak >= peak && (after.bytes_peak == peak || (moves && after.bytes_peak <= before.bytes_used + after.bytes_used)));
}

static void run(struct model *m, unsigned steps)
{
    for (unsigned i = 0; i < steps && !test_failed(); i++) {
        step(m);
        if (test_failed())
            say("the first wrong step is number %u, SEED=%x\n", i, (uintptr_t)test_seed());
        for (unsigned k = 0; i % 64 == 0 && k < SLOTS; k++) {
            if (m->slots[k].ptr != NULL)
                check_slot(m, &m->slots[k]);
        }
    }
    for (unsigned k = 0; k < SLOTS && !test_failed(); k++) {
        if (m->slots[k].ptr != NULL)
            drop(m, &m->slots[k]);
        rig_sound(&m->rig);
    }
    fh_trim(m->rig.heap);
    struct rig_sum sum = rig_sum(&m->rig);
    EQUAL(sum.used_blocks, 0);
    EQUAL(sum.free_blocks, sum.regions);
}

static struct model model;

static void start(uint32_t salt, size_t largest)
{
    model = (struct model){ .dice = dice_from(test_seed() + salt), .largest = largest };
}

static void one_region(void)
{
    start(1, 6000);
    rig_open(&model.rig, rig_memory + 3, 20000);
    run(&model, 3000);
}

/* A heap of a kibibyte, always nearly full. */
static void tiny(void)
{
    start(2, 400);
    rig_open(&model.rig, rig_memory, 1024);
    run(&model, 3000);
}

/* Cuts the memory into pieces, some touching, some with a gap, at odd addresses. */
static void cut(struct model *m, unsigned char *from, size_t most)
{
    for (m->pieces = 0; m->pieces < PIECES; m->pieces++) {
        if (dice_below(&m->dice, 2) == 0)
            from += dice_below(&m->dice, 40);
        m->piece[m->pieces] = from;
        m->piece_bytes[m->pieces] = 200 + dice_below(&m->dice, (uint32_t)most);
        from += m->piece_bytes[m->pieces];
    }
    REQUIRE(from < rig_memory + RIG_MEMORY);
}

/* Adds all pieces in some order while the heap is in use, then goes on. */
static void add_pieces(uint32_t salt, unsigned order)
{
    rig_large_only();
    start(salt, 3000);
    unsigned char *first = order == 1 ? rig_memory + RIG_MEMORY / 2 : rig_memory;
    rig_open(&model.rig, first, 3000);
    cut(&model, order == 1 ? rig_memory + 100000 : rig_memory + 3000, 2500);
    for (unsigned i = 0; i < PIECES && !test_failed(); i++) {
        unsigned k = order == 0 ? i : order == 1 ? PIECES - 1 - i : i * 7 % PIECES;
        size_t added = fh_add_region(model.rig.heap, model.piece[k], model.piece_bytes[k]);
        /* A joined neighbour gives up its header and what it could not use. */
        CHECK(added != 0 && added <= model.piece_bytes[k] + 128);
        for (unsigned n = 0; n < 30; n++)
            step(&model);
    }
    run(&model, 1500);
}

static void regions_ascending(void)
{
    add_pieces(3, 0);
}

static void regions_descending(void)
{
    add_pieces(4, 1);
}

static void regions_shuffled(void)
{
    add_pieces(5, 2);
}

static void *acquire(void *ctx, size_t least, size_t *got)
{
    struct model *m = ctx;
    EQUAL(m->rig.depth, 0);
    m->rig.acquires++;
    for (unsigned n = 0, k = dice_below(&m->dice, PIECES); n < PIECES; n++, k = k + 1 < PIECES ? k + 1 : 0) {
        if (m->lent[k] || m->piece_bytes[k] < least)
            continue;
        m->lent[k] = true;
        *got = m->piece_bytes[k];
        return m->piece[k];
    }
    return NULL;
}

/* What comes back is a run of whole pieces that were lent. */
static void release(void *ctx, void *mem, size_t bytes)
{
    struct model *m = ctx;
    EQUAL(m->rig.depth, 0);
    m->rig.releases++;
    unsigned char *at = mem;
    for (unsigned k = 0; k < PIECES && bytes != 0; k++) {
        if (m->piece[k] != at)
            continue;
        CHECK(m->lent[k] && m->piece_bytes[k] <= bytes);
        m->lent[k] = false;
        at += m->piece_bytes[k];
        bytes -= m->piece_bytes[k];
    }
    EQUAL(bytes, 0);
}

static void growing_and_shrinking(void)
{
    rig_large_only();
    start(6, 5000);
    cut(&model, rig_memory, 6000);
    rig_prepare(&model.rig);
    model.rig.port.acquire = acquire;
    model.rig.port.release = release;
    model.rig.heap = fh_create(NULL, 0, &model.rig.port);
    REQUIRE(model.rig.heap != NULL);
    run(&model, 4000);
    CHECK(model.rig.acquires > 10 && model.rig.releases > 5);
    EQUAL(rig_sum(&model.rig).regions, 1);
    CHECK(fh_destroy(model.rig.heap) != 0);
    for (unsigned k = 0; k < PIECES; k++)
        CHECK(!model.lent[k]);
}

/* A port that never takes anything back. */
static void growing_only(void)
{
    rig_large_only();
    start(7, 5000);
    cut(&model, rig_memory, 6000);
    rig_prepare(&model.rig);
    model.rig.port.acquire = acquire;
    model.rig.heap = fh_create(NULL, 0, &model.rig.port);
    REQUIRE(model.rig.heap != NULL);
    run(&model, 3000);
    CHECK(model.rig.acquires > 3);
}

/* Blocks of a mebibyte and more, whose size the tag holds rounded. */
static void huge_blocks(void)
{
    rig_large_only();
    const size_t bytes = (size_t)96 << 20;
    void *mem = host_map(NULL, bytes);
    if (mem == NULL)
        test_skip("no memory");
    start(8, 0);
    rig_open(&model.rig, mem, bytes);
    for (unsigned i = 0; i < 1500 && !test_failed(); i++) {
        struct slot *s = &model.slots[dice_below(&model.dice, 16)];
        size_t size = ((size_t)FH_GRANULE << 16) / 2 + dice_below(&model.dice, 8 << 20);
        if (dice_below(&model.dice, 3) == 0)
            size = ((size_t)FH_GRANULE << 16) + dice_below(&model.dice, 64) - 32;
        void *ptr = s->ptr;
        uint32_t action = dice_below(&model.dice, 4);
        if (s->ptr == NULL)
            ptr = action == 0 ? fh_aligned_alloc(model.rig.heap, 1 << 16, size) : fh_malloc(model.rig.heap, size);
        else if (action == 0)
            ptr = fh_realloc(model.rig.heap, s->ptr, size);
        else if (action == 1)
            size = fh_resize(model.rig.heap, s->ptr, size) ? size : s->size;
        else
            fh_free(model.rig.heap, s->ptr), ptr = NULL;
        bool refused = ptr == NULL && (s->ptr == NULL || action == 0);
        if (!refused) {
            model.live += ptr != NULL;
            model.live -= s->ptr != NULL;
            *s = (struct slot){ ptr, size, 1, 0 };
        }
        for (unsigned k = 0; k < 16; k++) {
            bool used;
            if (model.slots[k].ptr != NULL)
                CHECK(rig_block_at(&model.rig, model.slots[k].ptr, &used) >= model.slots[k].size + 4 && used);
        }
        rig_sound(&model.rig);
        EQUAL(rig_sum(&model.rig).used_blocks, model.live);
    }
}

TESTS(unit_random) = {
    { "one_region", one_region },
    { "tiny", tiny },
    { "regions_ascending", regions_ascending },
    { "regions_descending", regions_descending },
    { "regions_shuffled", regions_shuffled },
    { "growing_and_shrinking", growing_and_shrinking },
    { "growing_only", growing_only },
    { "huge_blocks", huge_blocks },
    TESTS_END
};
