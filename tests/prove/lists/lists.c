/* SPDX-License-Identifier: MIT
 *
 * lists.c - the verbs of freelist.h on a model of memory, for lists.sh.
 */
#include "model.h"

#include "block.h"
#include "freelist.h"

/* Unused, static functions are left out by the front end. */
void uses(struct fh_lists *l, struct fh_view *v, struct fh_block *b);
void uses(struct fh_lists *l, struct fh_view *v, struct fh_block *b)
{
    fh_list_insert(l, v, b, 3);
    fh_list_remove(l, v, b);
}
