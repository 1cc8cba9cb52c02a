/* SPDX-License-Identifier: MIT
 *
 * region_end.c - the payload of a region's end tag, which is a used block of size zero.
 */
#include "crime.h"

static bool last(void *arg, const struct fh_block_info *info)
{
    *(const void **)arg = info->payload;
    return true;
}

static struct crime commit_region_end(struct scene *s)
{
    const void *end = NULL;
    fh_walk(s->rig.heap, last, &end);
    return (struct crime){ .kind = FH_FOREIGN, .ptr = rig_launder(end), .block = end };
}

CRIME(region_end);
