/* SPDX-License-Identifier: MIT
 *
 * region.c - the treap of regions; see region.h for the promise.
 *
 * A damaged header ends a search as if nothing were there: the address is then foreign, which is the safe answer.
 */
#include "region.h"

static uint32_t hash(uint32_t state, uint32_t word)
{
    return (state ^ word) * FH_OPEN;
}

static uint32_t low_word(uintptr_t x)
{
    return (uint32_t)x;
}

/* The upper half of an address, zero where there is none. */
static uint32_t high_word(uintptr_t x)
{
    return (uint32_t)((uint64_t)x >> 32);
}

/* A sum of products, one for each field, of which the upper bits are kept: every field has its own odd multiplier, so a change in
 * any one of them shows. Each step of a search computes it, so it is not a chain of hashes. */
static uint32_t check_for(const struct fh_space *space, const struct fh_region *r, uint32_t low_bits)
{
    const fh_wide a = (fh_wide)0x9E3779B97F4A7C15u;
    const fh_wide b = (fh_wide)0xC2B2AE3D27D4EB4Fu;
    const fh_wide c = (fh_wide)0xD6E8FEB86659FD93u;
    const fh_wide d = (fh_wide)0xA0761D6478BD642Fu;
    fh_wide sum = (r->lo ^ space->secret) * a + r->last * b + (fh_wide)r->left * c + (fh_wide)r->right * d;
    sum += ((fh_wide)(uintptr_t)r + low_bits) * (a ^ b ^ c);
    uint32_t h = (uint32_t)(sum >> (sizeof sum * 8 - 32));
    return (h & ~(FH_CHECK_SKIP | FH_CHECK_ACQUIRED)) | low_bits;
}

bool fh_region_is_whole(const struct fh_space *space, const struct fh_region *r)
{
    return r->check == check_for(space, r, r->check & (FH_CHECK_SKIP | FH_CHECK_ACQUIRED));
}

static void reseal(const struct fh_space *space, struct fh_region *r)
{
    r->check = check_for(space, r, r->check & (FH_CHECK_SKIP | FH_CHECK_ACQUIRED));
}

/* One multiplication is not enough: addresses at equal distances would get priorities at equal distances, and a tree three times
 * as deep. */
static uint32_t priority(const struct fh_region *r)
{
    uint32_t h = hash(low_word(r->lo / FH_GRANULE), high_word(r->lo));
    return (h ^ h >> 15) * FH_SEAL;
}

/* The header at a link, or NULL if the link is none or what is there is damaged. A link comes from a header whose check was
 * right, so it leads to memory of this heap. */
static struct fh_region *header_at(const struct fh_space *space, uint32_t link)
{
    if (link == 0)
        return NULL;
    struct fh_region *r = (struct fh_region *)(void *)fh_link_at(space, link);
    return fh_region_is_whole(space, r) ? r : NULL;
}

bool fh_region_leads_on(const struct fh_space *space, const struct fh_region *r)
{
    return (r->left == 0 || header_at(space, r->left) != NULL) && (r->right == 0 || header_at(space, r->right) != NULL);
}

static uint32_t root_check_for(const struct fh_space *space)
{
    return hash(hash(space->secret, low_word((uintptr_t)space->root)), high_word((uintptr_t)space->root));
}

static struct fh_region *root_of(const struct fh_space *space)
{
    struct fh_region *r = space->root;
    return r != NULL && space->root_check == root_check_for(space) && fh_region_is_whole(space, r) ? r : NULL;
}

uintptr_t fh_space_find(struct fh_space *space, uintptr_t address)
{
    struct fh_region *r = root_of(space);
    while (r != NULL) {
        if (address < r->lo) {
            r = header_at(space, r->left);
        } else if (address < fh_hi_for(r->last)) {
            space->lo = r->lo;
            space->span = fh_hi_for(r->last) - r->lo;
            return fh_hi_for(r->last) - address;
        } else {
            r = header_at(space, r->right);
        }
    }
    return 0;
}

struct fh_region *fh_region_from(const struct fh_space *space, uintptr_t address)
{
    struct fh_region *best = NULL;
    struct fh_region *r = root_of(space);
    while (r != NULL) {
        if (fh_region_start(r) >= address) {
            best = r;
            r = header_at(space, r->left);
        } else {
            r = header_at(space, r->right);
        }
    }
    return best;
}

struct fh_region *fh_region_over(const struct fh_space *space, uintptr_t start, uintptr_t last)
{
    struct fh_region *r = root_of(space);
    while (r != NULL) {
        if (last < fh_region_start(r))
            r = header_at(space, r->left);
        else if (start > r->last)
            r = header_at(space, r->right);
        else
            return r;
    }
    return NULL;
}

/* A place where a header hangs: the root, or a side of another header. */
struct hook {
    struct fh_region *parent;
    bool right;
};

/* Member by member: unoptimized, an initializer is a call to memset. */
static struct hook hook_at(struct fh_region *parent, bool right)
{
    struct hook at;
    at.parent = parent;
    at.right = right;
    return at;
}

static void hang(struct fh_space *space, struct hook at, struct fh_region *child)
{
    uint32_t link = child != NULL ? fh_link_to(space, (struct fh_block *)(void *)child) : 0;
    if (at.parent == NULL) {
        space->root = child;
        space->root_check = root_check_for(space);
        return;
    }
    if (at.right)
        at.parent->right = link;
    else
        at.parent->left = link;
    reseal(space, at.parent);
}

void fh_region_insert(struct fh_space *space, struct fh_region *r, uint32_t skip_and_flag)
{
    struct hook at = hook_at(NULL, false);
    struct fh_region *below = root_of(space);
    while (below != NULL && priority(below) >= priority(r)) {
        at.parent = below;
        at.right = below->lo < r->lo;
        below = header_at(space, at.right ? below->right : below->left);
    }
    /* Both links are set below, which seals the header. */
    r->check = skip_and_flag;
    hang(space, at, r);
    /* What hung there is split by address: the lower part to the left of r, the upper part to the right. */
    struct hook lower = hook_at(r, false);
    struct hook upper = hook_at(r, true);
    while (below != NULL) {
        bool is_lower = below->lo < r->lo;
        struct fh_region *rest = header_at(space, is_lower ? below->right : below->left);
        hang(space, is_lower ? lower : upper, below);
        if (is_lower)
            lower = hook_at(below, true);
        else
            upper = hook_at(below, false);
        below = rest;
    }
    hang(space, lower, NULL);
    hang(space, upper, NULL);
}

void fh_region_remove(struct fh_space *space, struct fh_region *r)
{
    struct hook at = hook_at(NULL, false);
    struct fh_region *above = root_of(space);
    while (above != NULL && above != r) {
        at.parent = above;
        at.right = above->lo < r->lo;
        above = header_at(space, at.right ? above->right : above->left);
    }
    if (above == NULL)
        return;
    struct fh_region *left = header_at(space, r->left);
    struct fh_region *right = header_at(space, r->right);
    while (left != NULL && right != NULL) {
        if (priority(left) >= priority(right)) {
            hang(space, at, left);
            at = hook_at(left, true);
            left = header_at(space, left->right);
        } else {
            hang(space, at, right);
            at = hook_at(right, false);
            right = header_at(space, right->left);
        }
    }
    hang(space, at, left != NULL ? left : right);
    /* The last region asked for may have been this one. */
    space->span = 0;
}

void fh_region_extend(struct fh_space *space, struct fh_region *r, uintptr_t last)
{
    r->last = last;
    reseal(space, r);
    space->span = 0;
}
