/* SPDX-License-Identifier: MIT
 *
 * uart.h - what a board adds to a Cortex-M: its serial port. One file for each kind, uart_*.c, provides arch_putc too.
 */
#ifndef UART_H
#define UART_H

/* Processor cycles between two ticks: short enough for hundreds of them in a run, long enough to get something done. */
#define TICK_CYCLES 20000

void uart_start(void);

#endif
