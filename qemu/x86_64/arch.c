/* SPDX-License-Identifier: MIT
 *
 * arch.c - what is particular about the 64-bit PC; the rest is in ../pc.
 */
#include "../arch.h"

const char arch_name[] = "x86_64";
const char arch_machine[] = "a PC, memory map from Multiboot";
const uint64_t arch_reach = (uint64_t)4 << 30;    /* what boot.S maps */
const uintptr_t arch_offset = 0;
const uint64_t arch_low = 1 << 20;
