/* SPDX-License-Identifier: MIT
 *
 * arch.c - what is particular about the 32-bit PC; the rest is in ../pc.
 */
#include "../arch.h"

const char arch_name[] = "i386";
const char arch_machine[] = "a PC, memory map from Multiboot";
const uint64_t arch_reach = 0xFFFFF000;    /* the last frame would end where the addresses do */
const uintptr_t arch_offset = 0;
const uint64_t arch_low = 1 << 20;
