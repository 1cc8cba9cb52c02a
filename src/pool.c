/* SPDX-License-Identifier: MIT
 *
 * pool.c - take, give, resize, add, detach; see pool.h for the promise.
 *
 * When a verb fails on damage after it took a block off its list, it leaves the block free and unlisted: after every report of
 * such damage the lists are made anew, and that finds the block.
 */
#include "pool.h"

static inline uint32_t secret_of(const struct fh_heap *h)
{
    return h->lists.space.secret;
}

FH_HOT void look(const struct fh_heap *h, struct fh_view *v)
{
    fh_look(&h->lists.space, v);
}

/* Opens the tag behind a block, of which it must be known that it lies in a region: the end tag at the latest. */
FH_HOT bool open_behind(struct fh_heap *h, uint32_t secret, const struct fh_block *behind, uint32_t prev_free, uint32_t *tag)
{
    *tag = fh_tag_open(secret, behind);
    if (fh_rarely(!fh_is_tag(*tag) || (*tag & FH_PREV_FREE) != prev_free))
        return fh_blame(&h->lists, FH_OVERRUN, behind, prev_free, *tag);
    return true;
}

FH_HOT void count_used(struct fh_heap *h, uint32_t granules)
{
    h->used += granules;
    if (h->used > h->peak)
        h->peak = h->used;
}

static FH_COLD uint32_t blame_pointer(struct fh_heap *h, enum fh_fault_kind kind, const struct fh_block *b, uint32_t expected, uint32_t found)
{
    fh_blame(&h->lists, kind, b, expected, found);
    return 0;
}

/* Has somebody kept the block back that bears a mark? */
static FH_COLD bool is_kept_back(struct fh_heap *h, const struct fh_block *b)
{
    return FH_IS_HARDENED ? fh_quarantine_has(h, b) : h->port->cache != NULL && h->port->cache->has(h, b);
}

/* The size of the used block at b, whose tag is not the plain one of a small block: huge, aligned, or the blame. Or of one whose contents
 * look like a mark. */
static FH_COLD uint32_t open_other(struct fh_heap *h, const struct fh_block *b, uint32_t *tag)
{
    if ((uintptr_t)b % FH_GRANULE != 0)
        return blame_pointer(h, FH_MISALIGNED, b, 0, (uint32_t)((uintptr_t)b % FH_GRANULE));
    if (!fh_space_has(&h->lists.space, b))
        return blame_pointer(h, FH_FOREIGN, b, 0, 0);
    uint32_t t = fh_tag_open(secret_of(h), b);
    if (!fh_is_tag(t))
        return blame_pointer(h, FH_NOT_A_BLOCK, b, 0, t);
    if (fh_is_free(t))
        return blame_pointer(h, FH_DOUBLE_FREE, b, FH_USED, t & FH_FREE);
    if (fh_pool_is_cached(h, b) && is_kept_back(h, b))
        return blame_pointer(h, FH_DOUBLE_FREE, b, 0, fh_mark_for(secret_of(h), b));
    uint32_t n = fh_used_size(t);
    if (n < FH_MIN_GRANULES || !fh_space_holds(&h->lists.space, b, n))
        return blame_pointer(h, FH_NOT_A_BLOCK, b, 0, t);
    *tag = t;
    return n;
}

FH_HOT uint32_t open_used(struct fh_heap *h, struct fh_view *v, const struct fh_block *b, uint32_t *tag)
{
    if (fh_likely((uintptr_t)b - v->lo < v->span && (uintptr_t)b % FH_GRANULE == 0)) {
        uint32_t t = fh_tag_open(v->secret, b);
        uint32_t n = t >> FH_SIZE_SHIFT;
        if (fh_likely(n - FH_MIN_GRANULES <= FH_SIZE_MASK - FH_MIN_GRANULES && fh_sees_tag(v, fh_after(b, n)) && !fh_pool_is_cached(h, b))) {
            *tag = t;
            return n;
        }
    }
    uint32_t n = open_other(h, b, tag);
    look(h, v);
    return n;
}

uint32_t fh_pool_open(struct fh_heap *h, const void *ptr, uint32_t *tag)
{
    struct fh_view v;
    look(h, &v);
    uint32_t granules = open_used(h, &v, (const struct fh_block *)ptr, tag);
    return granules != 0 ? fh_canary_open(h, (const struct fh_block *)ptr, *tag, granules) : 0;
}

/* Makes the whole of a free block a used one, the tag behind which has been opened. */
FH_HOT void use_whole(const struct fh_view *v, struct fh_block *b, uint32_t size)
{
    fh_tag_flip_prev(v->secret, fh_after(b, size), false);
    fh_tag_seal(v->secret, b, fh_tag_for(FH_USED, size));
}

/* Cuts a used block out of the front of a free one and answers what is left, free.
 *
 *   [----- n + rest -----]   =>   [ n, used ][ rest, free ] */
FH_HOT struct fh_block *use_front(const struct fh_view *v, struct fh_block *b, uint32_t n, uint32_t rest)
{
    struct fh_block *behind = fh_after(b, n);
    fh_tag_seal(v->secret, b, fh_tag_for(FH_USED, n));
    fh_make_free(v->secret, behind, rest);
    return behind;
}

FH_HOT void no_top(struct fh_heap *h)
{
    h->top = NULL;
    h->top_end = 0;
}

FH_HOT void set_victim(struct fh_heap *h, struct fh_block *b, uint32_t size)
{
    h->victim = b;
    h->victim_size = size;
}

/* The victim, the tag of which does not say the size that the heap holds: it is a huge one, or false with the blame. */
static FH_COLD bool open_huge_victim(struct fh_heap *h, const struct fh_block *b, uint32_t tag)
{
    uint32_t size = h->victim_size;
    if (size >= FH_HUGE && fh_open_huge(&h->lists, b) == size)
        return true;
    return fh_blame(&h->lists, FH_BAD_TAG, b, fh_tag_for(FH_FREE, size), tag);
}

/* Is the victim what the heap holds it for? False with the blame if not. */
FH_HOT bool open_victim(struct fh_heap *h, struct fh_view *v)
{
    const struct fh_block *b = h->victim;
    if (fh_rarely((uintptr_t)b % FH_GRANULE != 0 || !fh_sees(v, &h->lists.space, b)))
        return fh_blame(&h->lists, FH_BAD_CONTROL, b, 0, 0);
    uint32_t tag = fh_tag_open(v->secret, b);
    uint32_t size = h->victim_size;
    if (fh_rarely(size != fh_rotate_right(tag ^ FH_FREE) || size > FH_SIZE_MASK))
        return open_huge_victim(h, b, tag);
    return true;
}

/* Cuts a used block out of the front of a free one that is on a list. A rest too small for a block stays with the used one; any other becomes
 * the victim, and the one before it goes to its list. Does not count the block as used. */
FH_HOT bool carve(struct fh_heap *h, struct fh_view *v, struct fh_block *b, uint32_t size, uint32_t *n)
{
    struct fh_lists *l = &h->lists;
    uint32_t rest = size - *n;
    uint32_t clean = fh_poison_cut(h, b, size, *n);
    uint32_t tag;
    if (rest < FH_MIN_GRANULES) {
        if (!open_behind(h, v->secret, fh_after(b, size), FH_PREV_FREE, &tag) || !fh_list_remove(l, v, b))
            return false;
        use_whole(v, b, size);
        *n = size;
        return true;
    }
    if (!fh_list_remove(l, v, b))
        return false;
    if (h->victim_size != 0 && (!open_victim(h, v) || !fh_list_insert(l, v, h->victim, h->victim_size)))
        return false;
    set_victim(h, use_front(v, b, *n, rest), rest);
    fh_poison_rest(h, h->victim, rest, clean, *n);
    return true;
}

FH_HOT bool carve_victim(struct fh_heap *h, struct fh_view *v, uint32_t *n)
{
    struct fh_block *b = h->victim;
    uint32_t size = h->victim_size;
    uint32_t rest = size - *n;
    uint32_t clean = fh_poison_cut(h, b, size, *n);
    uint32_t tag;
    if (rest >= FH_MIN_GRANULES) {
        set_victim(h, use_front(v, b, *n, rest), rest);
        fh_poison_rest(h, h->victim, rest, clean, *n);
        return true;
    }
    if (!open_behind(h, v->secret, fh_after(b, size), FH_PREV_FREE, &tag))
        return false;
    use_whole(v, b, size);
    set_victim(h, NULL, 0);
    *n = size;
    return true;
}

/* The size of the top, or 0: there is none, or, with the blame, what the heap holds for it is no top, or it is lost. Its end is held against what the
 * heap wrote down, because a region's bounds as the last search left them are not sealed. */
FH_HOT uint32_t open_top(struct fh_heap *h, struct fh_view *v)
{
    const struct fh_block *b = h->top;
    if (b == NULL && h->top_end == 0)
        return 0;
    if (fh_rarely((uintptr_t)b % FH_GRANULE != 0 || !fh_sees(v, &h->lists.space, b) || !fh_is_top(v->secret, b)
                  || v->lo + v->span != h->top_end)) {
        fh_blame(&h->lists, FH_BAD_CONTROL, b, 0, 0);
        return 0;
    }
    return (uint32_t)((v->span - ((uintptr_t)b - v->lo)) / FH_GRANULE);
}

/* Cuts a used block out of the front of the top, as carve does for the others. */
FH_HOT bool carve_top(struct fh_heap *h, struct fh_view *v, uint32_t size, uint32_t *n)
{
    struct fh_block *b = h->top;
    uint32_t clean = fh_poison_cut(h, b, size, *n);
    uint32_t tag;
    if (fh_rarely(size - *n < FH_MIN_GRANULES)) {
        if (!open_behind(h, v->secret, fh_after(b, size), FH_PREV_FREE, &tag))
            return false;
        use_whole(v, b, size);
        no_top(h);
        *n = size;
        return true;
    }
    struct fh_block *behind = fh_after(b, *n);
    fh_make_top(v->secret, behind);
    fh_poison_rest(h, behind, size - *n, clean, *n);
    h->top = behind;
    fh_tag_seal(v->secret, b, fh_tag_for(FH_USED, *n));
    return true;
}

/* In four functions, because none of them then needs so many registers that it must save them all. */
static FH_APART struct fh_block *take_top(struct fh_heap *h, uint32_t granules)
{
    struct fh_view v;
    look(h, &v);
    struct fh_block *b = h->top;
    uint32_t size = open_top(h, &v);
    if (fh_rarely(size < granules || !carve_top(h, &v, size, &granules)))
        return NULL;
    count_used(h, granules);
    fh_unmark(b);
    return b;
}

static FH_APART struct fh_block *take_victim(struct fh_heap *h, uint32_t granules)
{
    struct fh_view v;
    look(h, &v);
    struct fh_block *b = h->victim;
    if (fh_rarely(!open_victim(h, &v) || !carve_victim(h, &v, &granules)))
        return NULL;
    count_used(h, granules);
    fh_unmark(b);
    return b;
}

/* A block from the lists, of which that class's is not empty, or else from the victim or the top. */
static FH_APART struct fh_block *take_listed(struct fh_heap *h, uint32_t granules, uint32_t class)
{
    struct fh_view v;
    look(h, &v);
    uint32_t size;
    struct fh_block *b = fh_list_find_from(&h->lists, &v, class, granules, &size);
    if (fh_rarely(b == NULL)) {
        b = h->lists.blame.kind == FH_OK ? take_top(h, granules) : NULL;
        return b == NULL && h->lists.blame.kind == FH_OK && h->victim_size >= granules ? take_victim(h, granules) : b;
    }
    if (fh_rarely(!carve(h, &v, b, size, &granules)))
        return NULL;
    count_used(h, granules);
    fh_unmark(b);
    return b;
}

/* A listed block of at most so many classes above the request's own, two doublings, is cut rather than the victim: it wastes less. To
 * cut the victim first made malloc a tenth faster and a compiler's heap a seventh larger; any other number from 8 on made the
 * heaps of the recorded programs larger too. */
#define NEAR 16

struct fh_block *fh_pool_take(struct fh_heap *h, uint32_t granules)
{
    struct fh_lists *l = &h->lists;
    uint32_t class = fh_class_of(l, granules);
    if (*fh_head_of(l, class) == 0) {
        uint32_t above = fh_class_above(l, class);
        if (above == FH_NO_CLASS && fh_rarely(l->blame.kind != FH_OK))
            return NULL;
        if (h->victim_size >= granules && above - class > NEAR)
            return take_victim(h, granules);
        class = above;
    }
    return class != FH_NO_CLASS ? take_listed(h, granules, class) : take_top(h, granules);
}

/* The same in two steps, for what is not in such a hurry: finds a block, and cuts it. */
static struct fh_block *find(struct fh_heap *h, uint32_t granules, bool from_top, uint32_t *size)
{
    struct fh_block *b = fh_list_find(&h->lists, granules, size);
    if (b != NULL || h->lists.blame.kind != FH_OK)
        return b;
    struct fh_view v;
    look(h, &v);
    *size = h->victim_size;
    if (*size >= granules)
        return open_victim(h, &v) ? h->victim : NULL;
    if (!from_top)
        return NULL;
    *size = open_top(h, &v);
    return *size >= granules ? h->top : NULL;
}

static bool cut(struct fh_heap *h, struct fh_block *b, uint32_t size, uint32_t *n)
{
    struct fh_view v;
    look(h, &v);
    if (b == h->top)
        return carve_top(h, &v, size, n);
    if (b == h->victim) {
        /* Who extends a block over the victim has its size from the tag. */
        if (fh_rarely(size != h->victim_size))
            return fh_blame(&h->lists, FH_BAD_CONTROL, b, size, h->victim_size);
        return carve_victim(h, &v, n);
    }
    return carve(h, &v, b, size, n);
}

uint32_t fh_pool_take_run(struct fh_heap *h, uint32_t granules, uint32_t count, bool from_top, struct fh_block **first)
{
    uint32_t secret = secret_of(h);
    uint32_t size;
    struct fh_block *b = find(h, granules, from_top, &size);
    if (b == NULL)
        return 0;
    uint32_t n = 1;
    while (n < count && granules * (n + 1) <= size)
        n++;
    uint32_t left = granules * n;
    if (!cut(h, b, size, &left))
        return 0;
    count_used(h, left);
    *first = b;
    for (uint32_t i = 1; i < n; i++) {
        fh_tag_seal(secret, b, fh_tag_for(FH_USED, granules));
        b = fh_after(b, granules);
        left -= granules;
    }
    fh_tag_seal(secret, b, fh_tag_for(FH_USED, left));
    fh_unmark(b);
    return n;
}

/* How many granules must be left free in front of the payload at b to reach a multiple of align: none, or a block's worth. */
static uintptr_t pad_for(const struct fh_block *b, size_t align)
{
    uintptr_t pad = ((0 - (uintptr_t)b) & (align - 1)) / FH_GRANULE;
    if (pad != 0 && pad < FH_MIN_GRANULES)
        pad += align / FH_GRANULE;
    return pad;
}

struct fh_block *fh_pool_take_aligned(struct fh_heap *h, uint32_t granules, size_t align)
{
    /* A block this large has a good place in it wherever it lies. When there is none, a smaller one may still lie well. */
    uint32_t size;
    struct fh_block *b = find(h, granules + fh_aligned_slack(align), true, &size);
    if (b == NULL && h->lists.blame.kind == FH_OK)
        b = find(h, granules, true, &size);
    if (b == NULL)
        return NULL;
    uintptr_t distance = pad_for(b, align);
    if (distance > size - granules)
        return NULL;
    uint32_t pad = (uint32_t)distance;
    uint32_t n = pad + granules;
    if (!cut(h, b, size, &n))
        return NULL;
    /*   [ n, used ]   =>   [ pad, used ][ n - pad, used ]   and the pad is given back */
    struct fh_block *block = fh_after(b, pad);
    fh_tag_seal(secret_of(h), block, fh_tag_for(FH_ALIGNED, n - pad));
    if (pad != 0) {
        h->used += pad;
        fh_pool_give(h, b, FH_USED, pad);
    }
    count_used(h, n - pad);
    fh_unmark(block);
    uint32_t place = 0;
    while (align >> place != 1)
        place++;
    *fh_align_word(block, n - pad) = place;
    return block;
}

/* The same as open_before when the footer names no small free block. */
static FH_COLD struct fh_block *open_huge_before(struct fh_heap *h, const struct fh_block *b, uint32_t *size)
{
    struct fh_space *space = &h->lists.space;
    uint32_t m = *fh_footer_of(b);
    struct fh_block *before = fh_before(b, m);
    uint32_t tag = 0;
    if (m >= FH_MIN_GRANULES && fh_space_has(space, before)) {
        tag = fh_tag_open(secret_of(h), before);
        if (tag == (FH_FREE | FH_IS_HUGE) && fh_free_size(space, before, tag) == m) {
            *size = m;
            return before;
        }
    }
    fh_blame(&h->lists, FH_BAD_FOOTER, b, tag, m);
    return NULL;
}

/* The free block before b, by its footer, or NULL and the blame. */
FH_HOT struct fh_block *open_before(struct fh_heap *h, struct fh_view *v, const struct fh_block *b, uint32_t *size)
{
    uint32_t m = *fh_footer_of(b);
    struct fh_block *before = fh_before(b, m);
    if (fh_rarely(m - FH_MIN_GRANULES > FH_SIZE_MASK - FH_MIN_GRANULES || !fh_sees_tag(v, before)
                  || fh_tag_open(v->secret, before) != fh_tag_for(FH_FREE, m)))
        return open_huge_before(h, b, size);
    *size = m;
    return before;
}

/* The size of a free block that follows another one, its tag opened; 0 and the blame if it cannot be right. */
FH_HOT uint32_t size_behind(struct fh_heap *h, const struct fh_view *v, const struct fh_block *behind, uint32_t tag)
{
    uint32_t k = fh_rotate_right(tag ^ FH_FREE);
    if (fh_rarely(k - FH_MIN_GRANULES > FH_SIZE_MASK - FH_MIN_GRANULES || !fh_sees_tag(v, fh_after(behind, k))))
        return fh_open_huge(&h->lists, behind);
    return k;
}

/* Lets a stepwise check go on behind the block that absorbed the one it had come to: all of its words have just been looked at. */
static FH_COLD void step_over(struct fh_heap *h, const struct fh_block *into)
{
    uint32_t tag = fh_tag_open(secret_of(h), into);
    fh_space_find(&h->lists.space, (uintptr_t)into);
    h->watched = fh_after(into, fh_is_free(tag) ? fh_free_size(&h->lists.space, into, tag) : fh_used_size(tag));
}

/* Ends a block that another one has absorbed. */
FH_HOT void bury(struct fh_heap *h, const struct fh_view *v, struct fh_block *b, const struct fh_block *into)
{
    fh_tag_seal(v->secret, b, FH_DEAD);
    if (fh_rarely(b == h->watched))
        step_over(h, into);
}

/*   [ before, free? ][ b, used ][ behind, free? ]   =>   [------ free ------]
 *
 * The tags inside the joined block die, so that a pointer to them is known as one freed already. */
FH_HOT struct fh_block *give(struct fh_heap *h, struct fh_view *v, struct fh_block *b, uint32_t tag, uint32_t granules)
{
    struct fh_lists *l = &h->lists;
    struct fh_block *behind = fh_after(b, granules);
    struct fh_block *before = b;
    uint32_t behind_tag;
    uint32_t m = 0;
    uint32_t k = 0;
    if (!open_behind(h, v->secret, behind, 0, &behind_tag))
        return NULL;
    if ((tag & FH_PREV_FREE) != 0 && (before = open_before(h, v, b, &m)) == NULL)
        return NULL;
    if (fh_is_free(behind_tag) && behind_tag != FH_TOP && (k = size_behind(h, v, behind, behind_tag)) == 0)
        return NULL;
    uint32_t total = m + granules + k;
    /* Asked while the view shows their region: the lists may lead it elsewhere. */
    uint32_t top_size = (uint32_t)((v->span - ((uintptr_t)behind - v->lo)) / FH_GRANULE);
    bool stays = false;
    if (m != 0) {
        stays = before == h->victim;
        if (!stays && !fh_list_remove(l, v, before))
            return NULL;
    }
    if (k != 0) {
        bool held = behind == h->victim;
        if (!held && !fh_list_remove(l, v, behind))
            return NULL;
        stays |= held;
    }
    if (behind_tag == FH_TOP) {
        if (stays)
            set_victim(h, NULL, 0);
        h->top = before;
        fh_poison_join(h, before, m, b, granules, top_size);
        fh_make_top(v->secret, before);
    } else {
        if (stays)
            set_victim(h, before, total);
        else if (!fh_list_insert(l, v, before, total))
            return NULL;
        fh_poison_join(h, before, m, b, granules, k);
        fh_make_free(v->secret, before, total);
    }
    if (fh_is_free(behind_tag))
        bury(h, v, behind, before);
    else
        fh_tag_flip_prev(v->secret, behind, true);
    if (m != 0)
        bury(h, v, b, before);
    h->used -= granules;
    return before;
}

struct fh_block *fh_pool_give(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules)
{
    struct fh_view v;
    look(h, &v);
    if (!fh_sees(&v, &h->lists.space, b))
        return NULL;
    return give(h, &v, b, tag, granules);
}

struct fh_block *fh_pool_free(struct fh_heap *h, void *ptr)
{
    struct fh_view v;
    look(h, &v);
    uint32_t tag;
    uint32_t granules = open_used(h, &v, (struct fh_block *)ptr, &tag);
    return granules != 0 ? give(h, &v, (struct fh_block *)ptr, tag, granules) : NULL;
}

/*   [ b, used: granules ]   =>   [ b: wanted ][ rest, free ] */
static bool shrink(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules, uint32_t wanted)
{
    uint32_t rest = granules - wanted;
    if (rest < FH_MIN_GRANULES)
        return true;
    if (fh_pool_give(h, fh_after(b, wanted), FH_USED, rest) == NULL)
        return false;
    fh_tag_seal(secret_of(h), b, fh_tag_for(tag & (FH_ALIGNED | FH_PREV_FREE), wanted));
    return true;
}

/*   [ b, used ][ behind, free ]   =>   [ b: wanted ][ rest, free ] */
static bool extend(struct fh_heap *h, struct fh_view *v, struct fh_block *b, uint32_t tag, uint32_t granules, uint32_t wanted)
{
    struct fh_block *behind = fh_after(b, granules);
    uint32_t behind_tag = fh_tag_open(v->secret, behind);
    uint32_t k = behind_tag == FH_TOP ? open_top(h, v) : size_behind(h, v, behind, behind_tag);
    if (k < wanted - granules)
        return false;
    uint32_t more = wanted - granules;
    if (!cut(h, behind, k, &more))
        return false;
    count_used(h, more);
    fh_tag_seal(v->secret, b, fh_tag_for(tag & (FH_ALIGNED | FH_PREV_FREE), granules + more));
    bury(h, v, behind, b);
    return true;
}

bool fh_pool_resize(struct fh_heap *h, struct fh_block *b, uint32_t tag, uint32_t granules, uint32_t wanted)
{
    struct fh_view v;
    look(h, &v);
    uint32_t behind_tag;
    if (!fh_sees(&v, &h->lists.space, b) || !open_behind(h, v.secret, fh_after(b, granules), 0, &behind_tag))
        return false;
    uint32_t last = *fh_align_word(b, granules);
    bool done = wanted <= granules ? shrink(h, b, tag, granules, wanted)
                                   : fh_is_free(behind_tag) && extend(h, &v, b, tag, granules, wanted);
    if (done && (tag & FH_ALIGNED) != 0)
        *fh_align_word(b, fh_used_size(fh_tag_open(v.secret, b))) = last;
    return done;
}

/* May the memory be joined to that region? Memory of the port and memory of the caller are joined only if nothing ever
 * goes back to the port: what comes back must be what was given. */
static bool joins(const struct fh_heap *h, const struct fh_region *r, bool acquired)
{
    return fh_region_is_acquired(r) == acquired || fh_keeps_all(h);
}

/* Do links reach the address? */
static bool in_reach(const struct fh_heap *h, uintptr_t address)
{
    uintptr_t from = (uintptr_t)&h->lists;
    uintptr_t distance = address > from ? address - from : from - address;
    return distance / FH_GRANULE < FH_REACH;
}

/* Puts the top on its list like any other free block. */
static bool retire_top(struct fh_heap *h)
{
    struct fh_block *b = h->top;
    struct fh_view v;
    look(h, &v);
    uint32_t size = open_top(h, &v);
    if (b == NULL && h->top_end == 0)
        return true;
    /* Or one that is lost or damaged, and blamed: it has no footer and is on no list. */
    if (size == 0)
        return false;
    no_top(h);
    fh_make_free(v.secret, b, size);
    return fh_list_insert(&h->lists, &v, b, size);
}

uint32_t fh_pool_top_size(struct fh_heap *h)
{
    struct fh_view v;
    look(h, &v);
    return open_top(h, &v);
}

void fh_pool_promote(struct fh_heap *h, struct fh_block *b)
{
    struct fh_lists *l = &h->lists;
    uintptr_t room = fh_space_room(&l->space, b);
    if (room == 0)
        return;
    uint32_t size = fh_free_size(&l->space, b, fh_tag_open(secret_of(h), b));
    if (size <= fh_pool_top_size(h) || room / FH_GRANULE != size || !retire_top(h))
        return;
    struct fh_view v;
    look(h, &v);
    if (b == h->victim)
        set_victim(h, NULL, 0);
    else if (!fh_list_remove(l, &v, b))
        return;
    h->top = b;
    h->top_end = (uintptr_t)fh_after(b, size);
    fh_make_top(v.secret, b);
}

/* Is a region's end such that what touches it can be joined to it: its end tag whole, and the block before, if that is free? If
 * not, the blame says why, and the regions stay apart. To find out after they were joined would be too late. */
static bool ends_whole(struct fh_heap *h, const struct fh_region *r)
{
    const struct fh_block *end = (const struct fh_block *)fh_hi_for(r->last);
    fh_space_find(&h->lists.space, r->lo);
    struct fh_view v;
    look(h, &v);
    uint32_t tag = fh_tag_open(v.secret, end);
    uint32_t size;
    if (!fh_is_tag(tag))
        return fh_blame(&h->lists, FH_BAD_TAG, end, FH_USED, tag);
    return (tag & FH_PREV_FREE) == 0 || (uintptr_t)end == h->top_end || open_before(h, &v, end, &size) != NULL;
}

/* The same for a region's beginning. */
static bool begins_whole(struct fh_heap *h, const struct fh_region *r)
{
    const struct fh_block *b = (const struct fh_block *)r->lo;
    fh_space_find(&h->lists.space, r->lo);
    struct fh_view v;
    look(h, &v);
    uint32_t tag = fh_tag_open(v.secret, b);
    if ((tag & FH_PREV_FREE) != 0 || !fh_is_tag(tag))
        return fh_blame(&h->lists, FH_BAD_TAG, b, FH_USED, tag);
    return !fh_is_free(tag) || tag == FH_TOP || size_behind(h, &v, b, tag) != 0;
}

size_t fh_pool_add(struct fh_heap *h, uintptr_t start, uintptr_t last, bool acquired)
{
    struct fh_space *space = &h->lists.space;
    if (!in_reach(h, start) || !in_reach(h, last) || fh_region_over(space, start, last) != NULL) {
        fh_blame(&h->lists, FH_BAD_REGION, NULL, (uint32_t)space->lo, (uint32_t)start);
        return 0;
    }
    /* The neighbours that it touches: the first region cannot be joined from below, the control structure is in the way. */
    struct fh_region *below = fh_region_over(space, start - 1, start - 1);
    /* Behind the last address lies 0, where nobody has memory. */
    struct fh_region *above = fh_region_over(space, last + 1, last + 1);
    if (below != NULL && !joins(h, below, acquired))
        below = NULL;
    if (above != NULL && (above == &h->first || !joins(h, above, acquired)))
        above = NULL;

    if (below != NULL && !ends_whole(h, below))
        below = NULL;
    if (above != NULL && !begins_whole(h, above))
        above = NULL;

    uintptr_t header = fh_align_up(start, FH_GRANULE);
    /* Joined to a region below, the first block may begin before start: in that region's last, unfinished granule. */
    uintptr_t floor = below != NULL ? fh_hi_for(below->last) : start & ~(uintptr_t)(FH_GRANULE - 1);
    uintptr_t lo = below != NULL ? floor : header + FH_HEADER_BYTES;
    uintptr_t hi = above != NULL ? above->lo : fh_hi_for(last);
    /* Measured from the floor, which is never above hi: at the very top of the address space, lo wraps. */
    if (hi - floor < lo - floor + (uintptr_t)FH_MIN_GRANULES * FH_GRANULE)
        return 0;

    struct fh_block *old_top = h->top;
    if (!retire_top(h))
        return 0;

    /* The end tag of the region below becomes the tag of the new block. */
    uint32_t tag = below != NULL ? fh_tag_open(secret_of(h), (struct fh_block *)lo) : FH_USED;
    if (above != NULL) {
        last = above->last;
        fh_region_remove(space, above);
    } else {
        fh_tag_seal(secret_of(h), (struct fh_block *)hi, FH_USED);
    }
    if (below != NULL) {
        fh_region_extend(space, below, last);
    } else {
        struct fh_region *r = (struct fh_region *)header;
        r->lo = lo;
        r->last = last;
        fh_region_insert(space, r, (uint32_t)(header - start) | (acquired ? FH_CHECK_ACQUIRED : 0));
    }
    h->used += (hi - lo) / FH_GRANULE;
    h->total += (hi - lo) / FH_GRANULE;
    if (lo < h->lowest)
        h->lowest = lo;
    if (hi > h->highest)
        h->highest = hi;
    uint32_t granules = (uint32_t)((hi - lo) / FH_GRANULE);
    struct fh_block *joined = fh_pool_give(h, (struct fh_block *)lo, tag & FH_PREV_FREE, granules);
    if (joined == NULL) {
        /* A list is damaged. The region is entered already: mend first, so that it is not lost. The blame stays. What is lost all the same is
         * never given back: what is behind it may be in use. */
        fh_pool_relist(h);
        joined = fh_pool_give(h, (struct fh_block *)lo, tag & FH_PREV_FREE, granules);
    }
    /* The old top may be part of the new block now; then its tag is dead, and it is not promoted. */
    fh_pool_promote(h, joined);
    fh_pool_promote(h, old_top);
    return hi - lo;
}

bool fh_pool_begins_region(struct fh_heap *h, const struct fh_block *b)
{
    return fh_space_has(&h->lists.space, b) && (uintptr_t)b == h->lists.space.lo;
}

/* The size of the one free block that is the whole region, or 0 if the region is not idle. */
static uint32_t idle_size(struct fh_heap *h, const struct fh_region *r)
{
    const struct fh_block *b = (const struct fh_block *)r->lo;
    fh_space_find(&h->lists.space, r->lo);
    uint32_t tag = fh_tag_open(secret_of(h), b);
    if (!fh_is_tag(tag) || !fh_is_free(tag))
        return 0;
    uint32_t n = fh_free_size(&h->lists.space, b, tag);
    return (uintptr_t)fh_after(b, n) == fh_hi_for(r->last) ? n : 0;
}

bool fh_pool_is_spare(struct fh_heap *h, const struct fh_region *r)
{
    struct fh_lists *l = &h->lists;
    struct fh_block *b = (struct fh_block *)r->lo;
    uint32_t n = idle_size(h, r);
    uint32_t other_size;
    if (n == 0)
        return false;
    struct fh_view v;
    look(h, &v);
    if (b == h->top)
        return h->victim_size >= n || fh_list_find(l, n, &other_size) != NULL;
    if (fh_pool_top_size(h) >= n)
        return true;
    if (b == h->victim)
        return fh_list_find(l, n, &other_size) != NULL;
    if (h->victim_size >= n)
        return true;
    if (!fh_list_remove(l, &v, b))
        return false;
    bool spare = fh_list_find(l, n, &other_size) != NULL;
    return fh_list_insert(l, &v, b, n) && spare;
}

bool fh_pool_detach(struct fh_heap *h, struct fh_region *r)
{
    struct fh_lists *l = &h->lists;
    struct fh_block *b = (struct fh_block *)r->lo;
    uint32_t n = idle_size(h, r);
    if (n == 0)
        return false;
    struct fh_view v;
    look(h, &v);
    if (b == h->top)
        no_top(h);
    else if (b == h->victim)
        set_victim(h, NULL, 0);
    else if (!fh_list_remove(l, &v, b))
        return false;
    fh_region_remove(&l->space, r);
    h->total -= n;
    /* A stepwise check that stood in it goes on elsewhere, and learns from the shortcut that something changed. */
    if ((uintptr_t)h->watched - r->lo <= (uintptr_t)n * FH_GRANULE)
        h->watched = NULL;
    fh_space_find(&l->space, h->first.lo);
    return true;
}

/* The next block at or after b, below hi: the first place whose word opens as a tag with a size that fits. */
static struct fh_block *resync(struct fh_heap *h, struct fh_block *b, uintptr_t hi, uint32_t *tag, uint32_t *n)
{
    for (; (uintptr_t)b < hi; b = fh_after(b, 1)) {
        *tag = fh_tag_open(secret_of(h), b);
        if (!fh_is_tag(*tag))
            continue;
        *n = fh_is_free(*tag) ? fh_free_size(&h->lists.space, b, *tag) : fh_used_size(*tag);
        if (*n >= FH_MIN_GRANULES && fh_space_holds(&h->lists.space, b, *n)
            && fh_is_tag(fh_tag_open(secret_of(h), fh_after(b, *n))))
            return b;
    }
    return NULL;
}

void fh_pool_relist(struct fh_heap *h)
{
    fh_zero(fh_head_of(&h->lists, 0), fh_table_words(h->lists.classes) * sizeof(fh_word));
    h->lists.summary = 0;
    no_top(h);
    set_victim(h, NULL, 0);
    const struct fh_region *r = fh_region_from(&h->lists.space, 0);
    for (; r != NULL; r = fh_region_from(&h->lists.space, r->last)) {
        uintptr_t hi = fh_hi_for(r->last);
        uint32_t tag = 0;
        uint32_t n = 0;
        fh_space_find(&h->lists.space, r->lo);
        const struct fh_block *expected = (const struct fh_block *)r->lo;
        struct fh_block *b = (struct fh_block *)r->lo;
        for (; (b = resync(h, b, hi, &tag, &n)) != NULL; b = fh_after(b, n)) {
            bool in_step = b == expected;
            expected = in_step ? fh_after(b, n) : NULL;
            /* The top has no footer until it is one block among others again. */
            if (tag == FH_TOP)
                fh_make_free(secret_of(h), b, n);
            if (fh_is_free(tag) && *fh_footer_of(fh_after(b, n)) == n) {
                struct fh_view v;
                look(h, &v);
                fh_list_insert(&h->lists, &v, b, n);
                fh_pool_promote(h, b);
                /* The insertion may have asked for the region of another block. */
                fh_space_find(&h->lists.space, r->lo);
            } else if (fh_is_free(tag) && in_step) {
                /* On no list any more: its links shall not lead to what is handed out where its neighbours on the list were. */
                b->next = 0;
                b->prev = 0;
            }
        }
    }
}

#ifdef FH_HARDENED
bool fh_pool_look(struct fh_heap *h, const struct fh_block *b, uint32_t tag, uint32_t granules)
{
    struct fh_view v;
    look(h, &v);
    const struct fh_block *behind = fh_after(b, granules);
    uint32_t behind_tag;
    uint32_t m;
    if (!fh_sees(&v, &h->lists.space, b) || !open_behind(h, v.secret, behind, 0, &behind_tag))
        return false;
    if ((tag & FH_PREV_FREE) != 0 && open_before(h, &v, b, &m) == NULL)
        return false;
    return !fh_is_free(behind_tag) || behind_tag == FH_TOP || size_behind(h, &v, behind, behind_tag) != 0;
}
#endif
