/* SPDX-License-Identifier: MIT
 *
 * name.c - the board's name, from flags.mk.
 */
#include "../arch.h"

const char arch_name[] = BOARD_NAME;
const char arch_machine[] = "QEMU's " BOARD;
