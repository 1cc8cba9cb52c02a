/* SPDX-License-Identifier: MIT
 *
 * proof.c - the annotated headers as one program, and what several of their functions come to together.
 */
#include "logic.h"
#include "pool.h"

/*@ requires \valid(TAG_OF(b));
    requires tag < FH_TAG_LIMIT;
    assigns *TAG_OF(b);
    ensures reads_back: \result == tag; */
uint32_t seal_then_open(uint32_t secret, struct fh_block *b, uint32_t tag)
{
    fh_tag_seal(secret, b, tag);
    /*@ assert unmixed: (*TAG_OF(b) ^ MASK_OF(secret, b)) == (uint32_t)(tag * FH_SEAL); */
    /*@ assert wrapped: (uint32_t)(tag * FH_SEAL) == (tag * 606337341) % 4294967296; */
    /*@ assert product: product_of(*TAG_OF(b) ^ MASK_OF(secret, b), tag); */
    /*@ assert opens: OPENED(*TAG_OF(b), secret, b) == ((*TAG_OF(b) ^ MASK_OF(secret, b)) * 3692799509) % 4294967296; */
    return fh_tag_open(secret, b);
}

/*@ requires (uintptr_t)(b - heap) % FH_GRANULE == 0;
    requires (uintptr_t)(b - heap) < 1073741824 * FH_GRANULE || (uintptr_t)(heap - b) < 1073741824 * FH_GRANULE;
    assigns \nothing;
    ensures leads_back: (uintptr_t)\result == b; */
struct fh_block *link_then_follow(uintptr_t heap, uintptr_t b)
{
    return fh_link_at((const void *)heap, fh_link_to((const void *)heap, (const struct fh_block *)b));
}

/* Unused, static functions are left out by the front end. */
size_t uses(struct fh_space *space, struct fh_view *v, struct fh_block *b, size_t x, size_t y);
size_t uses(struct fh_space *space, struct fh_view *v, struct fh_block *b, size_t x, size_t y)
{
    fh_multiply(x, y, &x);
    fh_make_top(0, b);
    fh_tag_flip_prev(0, b, true);
    fh_store_long((fh_long *)&space->lo, fh_peek_long((fh_long *)&space->span));
    fh_copy(space, v, 8);
    fh_zero(b, 8);
    fh_look(space, v);
    return fh_align_up(x, 16) + fh_is_power_of_two(y) + fh_shift_below_16(x) + fh_lowest_bit(x) + fh_is_tag(x)
           + fh_space_has(space, b) + fh_used_size(x) + fh_huge_round(x) + fh_before(b, 1)->size + fh_likely(x) + fh_rotate_right(x)
           + fh_is_top(0, b) + fh_sees(v, space, b) + fh_sees_tag(v, b) + fh_granules_with(x, y) + fh_aligned_slack(x)
           + fh_user_bytes(x, y) + fh_peek_swapped(&space->span) + fh_lesser(x, y);
}
