/* SPDX-License-Identifier: MIT
 *
 * freelist.c - what the list verbs of freelist.h need rarely: the blame, and huge blocks.
 */
#include "freelist.h"

FH_COLD bool fh_blame(struct fh_lists *l, enum fh_fault_kind kind, const struct fh_block *block, uint32_t expected, uint32_t found)
{
    l->blame.kind = kind;
    l->blame.block = block;
    l->blame.expected = expected;
    l->blame.found = found;
    return false;
}

FH_COLD bool fh_blame_link(struct fh_lists *l, const struct fh_block *from, const struct fh_block *to, uint32_t expected, uint32_t found)
{
    uint32_t tag = fh_tag_open(l->space.secret, to);
    bool is_block = fh_is_tag(tag) && fh_is_free(tag) && tag != FH_DEAD;
    return fh_blame(l, FH_BAD_LINK, is_block || from == NULL ? to : from, expected, found);
}

FH_COLD uint32_t fh_open_huge(struct fh_lists *l, const struct fh_block *b, uint32_t tag)
{
    uint32_t size = 0;
    if (tag == (FH_FREE | FH_IS_HUGE))
        size = fh_free_size(&l->space, b, tag);
    /* A flipped bit may leave a size that fits its region too: the footer knows better. */
    if (size == 0 || *fh_footer_of(fh_after(b, size)) != size)
        return fh_blame(l, FH_BAD_TAG, b, FH_FREE, tag);
    return size;
}
