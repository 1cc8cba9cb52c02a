/* SPDX-License-Identifier: MIT
 *
 * no_cores.c - for machines with one core.
 */
#include "arch.h"
#include "kernel.h"

unsigned arch_cores(void)
{
    return 1;
}

unsigned arch_core(void)
{
    return 0;
}

void arch_cores_start(void)
{
}

void show_cores(struct fh_heap *heap, const char *where)
{
    (void)heap;
    (void)where;
}
