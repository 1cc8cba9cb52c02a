/* SPDX-License-Identifier: MIT
 *
 * uart_nrf.c - the serial port of Nordic's nRF51, as on the BBC micro:bit.
 */
#include "uart.h"

#include "../arch.h"

static volatile uint32_t *reg(uintptr_t offset)
{
    return (volatile uint32_t *)(0x40002000 + offset);
}

void uart_start(void)
{
    *reg(0x500) = 4;    /* enable */
    *reg(0x008) = 1;    /* start to transmit */
}

void arch_putc(char c)
{
    *reg(0x11C) = 0;
    *reg(0x51C) = (uint8_t)c;
    while (*reg(0x11C) == 0)
        continue;
}
