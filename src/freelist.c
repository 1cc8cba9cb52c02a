/* SPDX-License-Identifier: MIT
 *
 * freelist.c - what the list verbs of freelist.h need rarely: the blame, huge blocks, and a search beyond a list's first block.
 */
#include "freelist.h"

FH_COLD void fh_note(struct fh_lists *l, enum fh_fault_kind kind, const struct fh_block *block, uint32_t expected)
{
    l->blame.kind = kind;
    l->blame.block = block;
    l->blame.expected = expected;
}

FH_COLD void fh_note_link(struct fh_lists *l, const struct fh_block *from, const struct fh_block *to, uint32_t expected)
{
    uint32_t tag = fh_tag_open(l->space.secret, to);
    bool is_block = fh_is_tag(tag) && fh_is_free(tag) && tag != FH_DEAD;
    fh_note(l, FH_BAD_LINK, is_block || from == NULL ? to : from, expected);
}

FH_COLD uint32_t fh_open_huge(struct fh_lists *l, const struct fh_block *b)
{
    uint32_t tag = fh_tag_open(l->space.secret, b);
    uint32_t size = 0;
    if (tag == (FH_FREE | FH_IS_HUGE) && fh_space_has(&l->space, b))
        size = fh_free_size(&l->space, b, tag);
    /* A flipped bit may leave a size that fits its region too: the footer knows better. */
    if (size == 0 || *fh_footer_of(fh_after(b, size)) != size)
        return fh_blame(l, FH_BAD_TAG, b, FH_FREE, tag);
    return size;
}

struct fh_block *fh_list_deeper(struct fh_lists *l, const struct fh_block *first, uint32_t class, uint32_t granules, uint32_t *size)
{
    struct fh_view v;
    fh_look(&l->space, &v);
    uint32_t tries = class + 1 == l->classes ? UINT32_MAX : FH_SEARCH_DEPTH - 1;
    const struct fh_block *b = first;
    for (; tries != 0 && b->next != fh_list_end(l); tries--) {
        /* Looked at from both sides, so that a link overwritten with another block's cannot close a circle. */
        struct fh_block *behind = fh_link_at(l, b->next);
        if (!fh_leads_back(l, &v, b, behind, &behind->prev, fh_link_to(l, b)))
            return NULL;
        *size = fh_open_free(l, &v, behind);
        if (*size == 0)
            return NULL;
        if (*size >= granules)
            return behind;
        b = behind;
    }
    return NULL;
}

struct fh_block *fh_list_find(struct fh_lists *l, uint32_t granules, uint32_t *size)
{
    struct fh_view v;
    fh_look(&l->space, &v);
    uint32_t class = fh_class_of(l, granules);
    if (*fh_head_of(l, class) == 0)
        class = fh_class_above(l, class);
    return class != FH_NO_CLASS ? fh_list_find_from(l, &v, class, granules, size) : NULL;
}
