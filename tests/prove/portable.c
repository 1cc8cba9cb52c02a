/* SPDX-License-Identifier: MIT
 *
 * portable.c - the branches of bits.h for a chip without instructions that count zeros, to be compared with the others; it is
 * compiled with the names of the compiler and the chip undefined.
 */
#include "bits.h"

unsigned portable_shift_below_16(uint32_t x);
unsigned portable_lowest_bit(uint32_t x);

unsigned portable_shift_below_16(uint32_t x)
{
    return fh_shift_below_16(x);
}

unsigned portable_lowest_bit(uint32_t x)
{
    return fh_lowest_bit(x);
}
