/* SPDX-License-Identifier: MIT
 *
 * uart_cmsdk.c - the serial port of Arm's Cortex-M System Design Kit, as on the MPS2 boards. flags.mk says where it is.
 */
#include "uart.h"

#include "../arch.h"

static volatile uint32_t *reg(uintptr_t offset)
{
    return (volatile uint32_t *)(UART_ADDRESS + offset);
}

void uart_start(void)
{
    *reg(0x10) = 16;    /* the smallest divider */
    *reg(0x08) = 1;     /* transmitter on */
}

void arch_putc(char c)
{
    while ((*reg(0x04) & 1) != 0)
        continue;
    *reg(0x00) = (uint8_t)c;
}
