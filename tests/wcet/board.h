/* SPDX-License-Identifier: MIT
 *
 * board.h - what a measurement needs of a machine. One file a machine implements it.
 *
 * Must not know: the allocator.
 */
#ifndef WCET_BOARD_H
#define WCET_BOARD_H

/* The memory to measure in, from the linker script: 16 MiB at least. */
extern char __heap_start[];
extern char __heap_end[];

/* Where run.sh puts what was recorded from programs; zero if there is nothing. */
extern char __traces_start[];

/* The machine's start calls it once, with interrupts off, static memory initialised and a stack. */
int board_main(void);

/* A function of 22 instructions, written in assembler: one, a loop of two that runs ten times, and the return. What counts
 * instructions must find just that. */
void board_known(void);

/* One character to the console. */
void board_put(char c);

#endif
