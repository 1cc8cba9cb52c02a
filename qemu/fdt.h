/* SPDX-License-Identifier: MIT
 *
 * fdt.h - the machine's memory from a flattened device tree.
 *
 * Promise: reads bytes only, never past the tree's own size; a tree that is none yields nothing.
 * Must not know: the machine.
 *
 * Source: Devicetree Specification 0.4, chapters 2.3, 3.4 and 5.
 */
#ifndef FDT_H
#define FDT_H

#include "arch.h"

/* Calls span for each stretch of memory, the tree itself taken out of it. */
void fdt_memory(const void *tree, arch_span *span);

#endif
