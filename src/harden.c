/* SPDX-License-Identifier: MIT
 *
 * harden.c - canary, poison and quarantine; see harden.h for the promise. Empty unless built with -DFH_HARDENED.
 *
 * Poison is no structure of the heap's: damage to it never refuses a call. It is noted, and reported when the lock is left.
 */
#include "lock.h"

#ifdef FH_HARDENED

/* No byte of them is ever part of UTF-8 text, and neither is a small number. As an address the poison is odd, and outside of what a
 * 64-bit machine can reach. */
#define CANARY ((unsigned char)0xF9)
#define POISON ((uint32_t)0xFBF7FDF5)

/* Where link and mark of a block that waits end: of one that is kept back, or that a later call is to free. */
#define MARK_END (sizeof(uintptr_t) + sizeof(fh_word))

#define SLOT_MASK ((uint32_t)FH_QUARANTINE_SLOTS - 1)
_Static_assert(((FH_QUARANTINE_BLOCKS) & (FH_QUARANTINE_BLOCKS - 1)) == 0, "FH_QUARANTINE_BLOCKS must be a power of two, or 0");
_Static_assert(FH_POISON_BYTES % 16 == 0, "FH_POISON_BYTES must be a multiple of 16");

static uint32_t secret_of(const struct fh_heap *h)
{
    return h->lists.space.secret;
}

static fh_word *word_at(const struct fh_block *b, size_t offset)
{
    return (fh_word *)((uintptr_t)b + offset);
}

/* The size of the used block at b, in the region asked for last; 0: none there. */
static uint32_t used_at(const struct fh_heap *h, const struct fh_block *b, uint32_t *tag)
{
    *tag = fh_tag_open(secret_of(h), b);
    uint32_t n = fh_is_tag(*tag) && !fh_is_free(*tag) ? fh_used_size(*tag) : 0;
    return n >= FH_MIN_GRANULES && fh_space_holds(&h->lists.space, b, n) ? n : 0;
}

/* The same of a free one. */
static uint32_t free_at(const struct fh_heap *h, const struct fh_block *b)
{
    uint32_t tag = fh_tag_open(secret_of(h), b);
    return fh_is_tag(tag) && fh_is_free(tag) ? fh_free_size(&h->lists.space, b, tag) : 0;
}

static void note(struct fh_heap *h, const struct fh_block *b, uint32_t expected, uint32_t found)
{
    struct fh_quarantine *q = &h->quarantine;
    if (q->stained != NULL)
        return;
    q->stained = b;
    q->expected = expected;
    q->found = found;
}

FH_COLD static void report_note(struct fh_heap *h)
{
    struct fh_quarantine *q = &h->quarantine;
    fh_blame(&h->lists, FH_BAD_POISON, q->stained, q->expected, q->found);
    q->stained = NULL;
    fh_report(h, NULL);
}

void fh_harden_leave(struct fh_heap *h)
{
    if (fh_rarely(h->quarantine.stained != NULL))
        report_note(h);
}

/* The canary. The tail holds twice the number of canary bytes, sealed as a tag is but with its own place, plus one where that is
 * needed to keep its first byte from being zero, which is what a string that is one too long writes. */

/* What a sealed word of this file is mixed with: not what a tag or a mark at that place is, for what is left of one may come to lie where
 * another is looked for. */
static uint32_t place_of(uint32_t secret, const fh_word *word)
{
    return ~(uint32_t)(uintptr_t)word ^ secret;
}

/* How large the rest behind the exact size can be: the rounding to granules, a rest too small for a block, the least block, and for a
 * huge block the step of its sizes. */
static size_t most_slack(size_t user)
{
    return 48 + user / 256;
}

static void put_canary(struct fh_block *b, size_t from, size_t to)
{
    unsigned char *byte = (unsigned char *)b + from;
    for (size_t n = to - from; n != 0; n--) {
        FH_OPAQUE(byte);
        *byte++ = CANARY;
    }
}

void fh_canary_set(struct fh_heap *h, struct fh_block *b, size_t size)
{
    uint32_t tag = fh_tag_open(secret_of(h), b);
    size_t user = fh_user_bytes(tag, fh_used_size(tag));
    size = fh_lesser(size, user);
    put_canary(b, size, fh_lesser(user, size + FH_CANARY_BYTES));
    fh_word *tail = word_at(b, user);
    uint32_t product = (uint32_t)(user - size) * 2 * FH_SEAL;
    *tail = product ^ place_of(secret_of(h), tail);
    if (*(const unsigned char *)tail == 0)
        *tail = (product + FH_SEAL) ^ place_of(secret_of(h), tail);
}

/* The canary bytes of a block with room for user bytes, as its tail has them; more than can be: the tail is damaged. */
static size_t slack_of(const struct fh_heap *h, const struct fh_block *b, size_t user)
{
    const fh_word *tail = word_at(b, user);
    return ((*tail ^ place_of(secret_of(h), tail)) * FH_OPEN) / 2;
}

/* The first byte behind the exact size, and not before another offset, that is not as it was left; or NULL. */
static const unsigned char *find_overrun(const struct fh_heap *h, const struct fh_block *b, size_t user, size_t from)
{
    const unsigned char *bytes = (const unsigned char *)b;
    size_t slack = slack_of(h, b, user);
    if (slack > user || slack > most_slack(user))
        return bytes + user;
    size_t size = user - slack;
    size_t end = fh_lesser(user, size + FH_CANARY_BYTES);
    for (size_t i = size < from ? from : size; i < end; i++) {
        if (bytes[i] != CANARY)
            return bytes + i;
    }
    return NULL;
}

uint32_t fh_canary_open(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    const unsigned char *bad = find_overrun(h, b, fh_user_bytes(tag, granules), 0);
    if (fh_likely(bad == NULL))
        return granules;
    fh_blame(&h->lists, FH_OVERRUN, b, CANARY, *bad);
    return 0;
}

void fh_canary_mend(struct fh_heap *h, struct fh_block *b)
{
    uint32_t tag;
    uint32_t n = used_at(h, b, &tag);
    if (n == 0)
        return;
    size_t size = fh_exact_bytes(h, b, fh_user_bytes(tag, n));
    if (size < MARK_END)
        put_canary(b, size, MARK_END);
}

size_t fh_exact_bytes(const struct fh_heap *h, const struct fh_block *b, size_t user)
{
    return user - slack_of(h, b, user);
}

/* The poison. */

static bool is_tag_place(size_t offset)
{
    return (offset + FH_TAG_BYTES) % FH_GRANULE == 0;
}

static uint32_t poison_at(uint32_t secret, const struct fh_block *b, size_t offset)
{
    if (!is_tag_place(offset))
        return POISON;
    return (FH_DEAD * FH_SEAL) ^ ((uint32_t)((uintptr_t)b + offset + FH_TAG_BYTES) ^ secret);
}

static void fill(uint32_t secret, struct fh_block *b, size_t from, size_t to)
{
    for (size_t offset = from; offset < to; offset += sizeof(fh_word))
        *word_at(b, offset) = poison_at(secret, b, offset);
}

/* The first word between two offsets that is no poison, the one at but apart; NULL if there is none. */
static fh_word *find_stain(uint32_t secret, const struct fh_block *b, size_t from, size_t to, size_t but)
{
    for (size_t offset = from; offset < to; offset += sizeof(fh_word)) {
        if (fh_rarely(*word_at(b, offset) != poison_at(secret, b, offset)) && offset != but)
            return word_at(b, offset);
    }
    return NULL;
}

static void note_stain(struct fh_heap *h, const struct fh_block *b, const fh_word *stain)
{
    if (stain != NULL)
        note(h, b, poison_at(secret_of(h), b, (uintptr_t)stain - (uintptr_t)b), *stain);
}

/* A free block of that size: where its clean word is, never where a tag could be; how many bytes of it are the heap's own, in front,
 * and where the last of them is, at its end. One of 16 bytes has no room for the word, and nothing to poison. */
static fh_word *clean_word(const struct fh_block *b, uint32_t size)
{
    return word_at(b, size >= FH_HUGE ? 16 : 8);
}

static size_t head_bytes(uint32_t size)
{
    return size >= FH_HUGE ? 20 : 12;
}

static size_t footer_offset(uint32_t size)
{
    return (size_t)size * FH_GRANULE - 2 * sizeof(fh_word);
}

static bool has_clean_word(uint32_t size)
{
    return (size_t)size * FH_GRANULE > 16;
}

static void set_clean(uint32_t secret, struct fh_block *b, uint32_t size, uint32_t clean)
{
    fh_word *word = clean_word(b, size);
    if (has_clean_word(size))
        *word = (clean * FH_SEAL) ^ place_of(secret, word);
}

/* More than the size: the word is damaged. Of no block at all, 0. */
static uint32_t read_clean(uint32_t secret, const struct fh_block *b, uint32_t size)
{
    const fh_word *word = clean_word(b, size);
    return has_clean_word(size) ? (*word ^ place_of(secret, word)) * FH_OPEN : size;
}

static uint32_t open_clean(struct fh_heap *h, const struct fh_block *b, uint32_t size)
{
    uint32_t clean = read_clean(secret_of(h), b, size);
    if (fh_likely(clean <= size))
        return clean;
    note(h, b, size, clean);
    return 0;
}

/* Up to where a block's poison reaches, if so many of its granules are clean: not over the tag behind it. */
static size_t poison_end(uint32_t size, uint32_t clean)
{
    return (size_t)clean * FH_GRANULE - (clean == size ? FH_TAG_BYTES : 0);
}

uint32_t fh_poison_cut(struct fh_heap *h, struct fh_block *b, uint32_t size, uint32_t n)
{
    uint32_t clean = open_clean(h, b, size);
    /* What is handed out, and what the rest's own words are about to cover. */
    uint32_t looked = n + (uint32_t)(32 / FH_GRANULE);
    size_t end = fh_lesser(poison_end(size, (uint32_t)fh_lesser(clean, looked)), FH_POISON_BYTES);
    note_stain(h, b, find_stain(secret_of(h), b, head_bytes(size), end, footer_offset(size)));
    return clean;
}

void fh_poison_rest(struct fh_heap *h, struct fh_block *rest, uint32_t size, uint32_t clean, uint32_t n)
{
    set_clean(secret_of(h), rest, size, clean > n ? clean - n : 0);
}

/*   [ before: m, clean? ][ b ][ behind: k, clean? ]   =>   [------ clean up to the first gap ------] */
void fh_poison_join(struct fh_heap *h, struct fh_block *before, uint32_t m, struct fh_block *b, uint32_t granules, uint32_t k)
{
    uint32_t secret = secret_of(h);
    struct fh_block *behind = fh_after(b, granules);
    uint32_t clean_before = open_clean(h, before, m);
    uint32_t clean_behind = open_clean(h, behind, k);
    uint32_t poisoned = (uint32_t)fh_lesser(granules, FH_POISON_BYTES / FH_GRANULE);
    /* Its first two words are links by now, if it is the first. */
    fill(secret, b, m != 0 ? 0 : 2 * sizeof(fh_word), poison_end(granules, poisoned));
    if (m != 0)
        *fh_footer_of(b) = POISON;
    if (k != 0)
        fill(secret, behind, 0, head_bytes(k));
    uint32_t clean = m + poisoned;
    if (clean_before < m)
        clean = clean_before;
    else if (poisoned == granules)
        clean += clean_behind;
    set_clean(secret, before, m + granules + k, clean);
}

/* The quarantine. */

/* Does the block bear the mark of that slot? */
static bool bears(const struct fh_heap *h, const struct fh_block *b, uint32_t slot)
{
    return *fh_quick_link_of(b) == slot && fh_is_marked(secret_of(h), b);
}

bool fh_quarantine_has(const struct fh_heap *h, const struct fh_block *b)
{
    uintptr_t slot = *fh_quick_link_of(b);
    return slot < FH_QUARANTINE_SLOTS && h->quarantine.slot[slot] == fh_link_to(&h->lists, b) && fh_is_marked(secret_of(h), b);
}

static void set_slot(struct fh_quarantine *q, uint32_t i, uint32_t link)
{
    q->check ^= q->slot[i] ^ link;
    q->slot[i] = link;
}

static bool slots_are_whole(const struct fh_quarantine *q)
{
    uint32_t sum = q->check;
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS; i++)
        sum ^= q->slot[i];
    return sum == 0;
}

/* The block in a slot, and its size; NULL: nothing there, or something is wrong. */
static struct fh_block *kept_in(struct fh_heap *h, uint32_t i, uint32_t *tag, uint32_t *n)
{
    uint32_t link = h->quarantine.slot[i];
    struct fh_block *b = fh_link_at(&h->lists, link);
    /* unreached: 64-bit addresses have room for every link; the 32-bit program of tests/harden damages the bits that lead nowhere there. */
    if (fh_link_to(&h->lists, b) != link)
        return NULL;
    if (link == 0 || !fh_space_has(&h->lists.space, b) || (*n = used_at(h, b, tag)) == 0)
        return NULL;
    return bears(h, b, i) ? b : NULL;
}

/* Enters the marked blocks of a region into the slots that their marks name. */
static void collect(struct fh_heap *h, const struct fh_region *r)
{
    struct fh_quarantine *q = &h->quarantine;
    uint32_t tag;
    fh_space_find(&h->lists.space, r->lo);
    for (struct fh_block *b = (struct fh_block *)r->lo; (uintptr_t)b < fh_hi_for(r->last);) {
        uint32_t n = used_at(h, b, &tag);
        uintptr_t slot = n != 0 ? *fh_quick_link_of(b) : FH_QUARANTINE_SLOTS;
        if (slot < FH_QUARANTINE_SLOTS && bears(h, b, (uint32_t)slot)) {
            q->slot[slot] = fh_link_to(&h->lists, b);
            q->granules += n;
        }
        if (n == 0)
            n = free_at(h, b);
        b = fh_after(b, n != 0 ? n : 1);
    }
}

/* Makes the slots anew from the marks, after damage to one. */
FH_COLD static void mend(struct fh_heap *h)
{
    struct fh_quarantine *q = &h->quarantine;
    fh_blame(&h->lists, FH_BAD_CONTROL, NULL, 0, q->check);
    fh_report(h, NULL);
    fh_zero(q->slot, sizeof q->slot);
    q->granules = 0;
    const struct fh_region *r = fh_region_from(&h->lists.space, 0);
    for (; r != NULL; r = fh_region_from(&h->lists.space, r->last))
        collect(h, r);
    q->check = 0;
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS; i++)
        q->check ^= q->slot[i];
}

/* The slot names a block that does not bear its mark. Either may have been written to. Answers whether the block is ours all the same; what is
 * blamed else, the caller's caller reports. */
FH_COLD static bool is_ours(struct fh_heap *h, uint32_t i)
{
    struct fh_quarantine *q = &h->quarantine;
    struct fh_block *b = fh_link_at(&h->lists, q->slot[i]);
    if (!slots_are_whole(q)) {
        mend(h);
        return false;
    }
    uint32_t tag = 0;
    if (fh_space_has(&h->lists.space, b) && used_at(h, b, &tag) != 0) {
        note(h, b, fh_mark_for(secret_of(h), b), *fh_mark_of(b));
        return true;
    }
    fh_blame(&h->lists, FH_BAD_TAG, b, FH_USED, tag);
    set_slot(q, i, 0);
    return false;
}

/* Gives a block that was kept to the pool, looked at for writes. NULL: it was none, or the blame. */
static struct fh_block *release(struct fh_heap *h, uint32_t i)
{
    struct fh_quarantine *q = &h->quarantine;
    uint32_t tag;
    uint32_t n;
    if (q->slot[i] == 0)
        return NULL;
    struct fh_block *b = kept_in(h, i, &tag, &n);
    if (fh_rarely(b == NULL)) {
        if (is_ours(h, i)) {
            b = fh_link_at(&h->lists, q->slot[i]);
            n = used_at(h, b, &tag);
        } else if ((b = kept_in(h, i, &tag, &n)) == NULL) {
            return NULL;
        }
    }
    size_t end = fh_lesser(poison_end(n, n), FH_POISON_BYTES);
    note_stain(h, b, find_stain(secret_of(h), b, MARK_END, end, 0));
    set_slot(q, i, 0);
    q->granules -= n;
    fh_unmark(b);
    struct fh_block *joined = fh_pool_give(h, b, tag, n);
    if (fh_rarely(joined == NULL) && h->lists.blame.kind != FH_OVERRUN) {
        /* The report mends what a neighbour's links had to do with it. */
        fh_report(h, NULL);
        joined = fh_pool_give(h, b, tag, n);
    }
    return joined;
}

/* Releases, and reports: for those whose own call it is not about. */
static void release_quietly(struct fh_heap *h, uint32_t i)
{
    release(h, i);
    fh_report(h, NULL);
}

static void release_oldest(struct fh_heap *h, size_t limit)
{
    const struct fh_quarantine *q = &h->quarantine;
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS && q->granules > limit; i++)
        release_quietly(h, (q->next + i) & SLOT_MASK);
}

/* Lets go of what was kept longest until the rest is within the limit. If there is nothing left and still too much, a slot was cleared, or the
 * sum is wrong. */
static void trim(struct fh_heap *h, size_t limit)
{
    release_oldest(h, limit);
    if (fh_likely(h->quarantine.granules <= limit))
        return;
    mend(h);
    release_oldest(h, limit);
}

/* Keeps a used block back and gives another one to the pool for it. False: the blame. *joined: the free block that holds the other
 * one now, or NULL. */
static bool keep(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules, struct fh_block **joined)
{
    struct fh_quarantine *q = &h->quarantine;
    size_t limit = h->total / FH_QUARANTINE_SHARE;
    if (FH_QUARANTINE_BLOCKS == 0 || granules > limit) {
        *joined = fh_pool_give(h, b, tag, granules);
        return *joined != NULL;
    }
    /* What a free looks at is looked at now, although nothing is joined yet. */
    if (!fh_pool_look(h, b, tag, granules))
        return false;
    trim(h, limit - granules);
    uint32_t i = q->next & SLOT_MASK;
    *joined = release(h, i);
    fh_report(h, NULL);
    fill(secret_of(h), b, MARK_END, fh_lesser(poison_end(granules, granules), FH_POISON_BYTES));
    fh_quick_push(secret_of(h), b, (const struct fh_block *)(uintptr_t)i);
    set_slot(q, i, fh_link_to(&h->lists, b));
    q->granules += granules;
    q->next = i + 1;
    return true;
}

bool fh_harden_give(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules)
{
    struct fh_block *joined;
    return keep(h, b, tag, granules, &joined);
}

struct fh_block *fh_harden_free(struct fh_heap *h, void *ptr)
{
    struct fh_block *b = (struct fh_block *)ptr;
    struct fh_block *joined = NULL;
    uint32_t tag;
    uint32_t granules = fh_pool_open(h, b, &tag);
    if (granules != 0)
        keep(h, b, tag, granules, &joined);
    return joined;
}

/* A straight run of blocks that are free or kept. */
struct run {
    uintptr_t from;
    uintptr_t to;
};

static bool is_enough(const struct run *run, uint32_t granules)
{
    return (run->to - run->from) / FH_GRANULE >= granules;
}

/* Lets a run, in the region asked for last, go on over blocks that are free or kept until it is enough. At the region's end there is neither. */
static void extend_run(const struct fh_heap *h, struct run *run, uint32_t granules)
{
    uint32_t tag;
    while (!is_enough(run, granules)) {
        const struct fh_block *b = (const struct fh_block *)run->to;
        uint32_t n = free_at(h, b);
        if (n == 0 && (n = used_at(h, b, &tag)) != 0 && !fh_quarantine_has(h, b))
            n = 0;
        if (n == 0)
            return;
        run->to = (uintptr_t)fh_after(b, n);
    }
}

/* The run that a kept block is in, from a free block before it on, no longer than is needed. */
static struct run run_of(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    struct run run;
    run.from = (uintptr_t)b;
    run.to = run.from;
    /* Asked afresh: a walk goes on until the region ends. */
    if (fh_space_find(&h->lists.space, run.from) == 0)
        return run;
    uint32_t m = (tag & FH_PREV_FREE) != 0 ? *fh_footer_of(b) : 0;
    if (m <= ((uintptr_t)b - h->lists.space.lo) / FH_GRANULE && free_at(h, fh_before(b, m)) == m)
        run.from = (uintptr_t)fh_before(b, m);
    extend_run(h, &run, granules);
    return run;
}

/* An empty slot leads to the heap itself, which lies in no run. */
static void release_run(struct fh_heap *h, struct run run)
{
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS; i++) {
        uintptr_t address = (uintptr_t)fh_link_at(&h->lists, h->quarantine.slot[i]);
        if (address >= run.from && address < run.to)
            release_quietly(h, i);
    }
}

bool fh_quarantine_yield(struct fh_heap *h, uint32_t granules, size_t align)
{
    struct fh_quarantine *q = &h->quarantine;
    uint32_t wanted = align != 0 ? granules + fh_aligned_slack(align) : granules;
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS; i++) {
        uint32_t tag;
        uint32_t n;
        const struct fh_block *b = kept_in(h, (q->next + i) & SLOT_MASK, &tag, &n);
        if (b == NULL)
            continue;
        struct run run = run_of(h, b, tag, wanted);
        if (is_enough(&run, wanted)) {
            release_run(h, run);
            return true;
        }
    }
    /* A smaller run may happen to lie well. */
    if (align != 0)
        trim(h, 0);
    return align != 0;
}

bool fh_quarantine_yield_behind(struct fh_heap *h, const struct fh_block *b, uint32_t granules, uint32_t wanted)
{
    if (h->lists.blame.kind != FH_OK || fh_space_find(&h->lists.space, (uintptr_t)b) == 0)
        return false;
    struct run run;
    run.from = (uintptr_t)fh_after(b, granules);
    run.to = run.from;
    extend_run(h, &run, wanted - granules);
    if (!is_enough(&run, wanted - granules))
        return false;
    release_run(h, run);
    return true;
}

void fh_harden_trim(struct fh_heap *h)
{
    uintptr_t state = fh_enter(h);
    trim(h, 0);
    fh_leave(h, state);
}

size_t fh_quarantine_held(const struct fh_heap *h)
{
    return h->quarantine.granules;
}

/* For fh_check, which writes nothing: not even which region was asked for last. */

static bool names_slot(const struct fh_heap *h, const struct fh_block *b)
{
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS; i++) {
        if (h->quarantine.slot[i] == fh_link_to(&h->lists, b))
            return true;
    }
    return false;
}

enum fh_fault_kind fh_harden_check_block(const struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    uint32_t secret = secret_of(h);
    if (fh_is_free(tag)) {
        uint32_t clean = read_clean(secret, b, granules);
        bool whole = clean <= granules
                     && find_stain(secret, b, head_bytes(granules), poison_end(granules, clean), footer_offset(granules)) == NULL;
        return whole ? FH_OK : FH_BAD_POISON;
    }
    if (fh_quarantine_has(h, b)) {
        size_t end = fh_lesser(poison_end(granules, granules), FH_POISON_BYTES);
        return find_stain(secret, b, MARK_END, end, 0) == NULL ? FH_OK : FH_BAD_POISON;
    }
    /* A block that waits for a deferred free bears its mark where canary bytes may have been. */
    if (find_overrun(h, b, fh_user_bytes(tag, granules), fh_is_marked(secret, b) ? MARK_END : 0) == NULL)
        return FH_OK;
    return names_slot(h, b) ? FH_BAD_POISON : FH_OVERRUN;
}

enum fh_fault_kind fh_harden_check(const struct fh_heap *h)
{
    const struct fh_quarantine *q = &h->quarantine;
    size_t granules = 0;
    for (uint32_t i = 0; i < FH_QUARANTINE_SLOTS; i++) {
        const struct fh_block *b = fh_link_at(&h->lists, q->slot[i]);
        if (q->slot[i] == 0)
            continue;
        const struct fh_region *r = fh_region_over(&h->lists.space, (uintptr_t)b, (uintptr_t)b);
        if (r == NULL || (uintptr_t)b < r->lo || (uintptr_t)b >= fh_hi_for(r->last) || !bears(h, b, i))
            return slots_are_whole(q) ? FH_BAD_POISON : FH_BAD_CONTROL;
        uint32_t tag = fh_tag_open(secret_of(h), b);
        if (!fh_is_tag(tag) || fh_is_free(tag))
            return FH_BAD_CONTROL;
        granules += fh_used_size(tag);
    }
    return granules == q->granules && slots_are_whole(q) && q->stained == NULL ? FH_OK : FH_BAD_CONTROL;
}

#endif
