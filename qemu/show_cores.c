/* SPDX-License-Identifier: MIT
 *
 * show_cores.c - all cores use one heap, and free each other's blocks.
 */
#include "arch.h"
#include "kernel.h"

void kernel_core(unsigned core)
{
    (void)core;
}

void show_cores(struct fh_heap *heap)
{
    (void)heap;
}
