/* SPDX-License-Identifier: MIT
 *
 * cortexm.c - QEMU's mps2-an386 (Cortex-M4, 16 MiB of PSRAM): start, console, exit through semihosting.
 *
 * Code for a Cortex-M0 runs here too, and takes the same instructions: ARMv7-M contains ARMv6-M. QEMU's one board with a
 * Cortex-M0 has 16 KiB of memory, too little for the sequences.
 */
#include "board.h"
#include <stdint.h>

#define UART_DATA (*(volatile uint32_t *)0x40004000u)
#define UART_STATE (*(volatile uint32_t *)0x40004004u)
#define UART_CTRL (*(volatile uint32_t *)0x40004008u)
#define UART_DIVIDER (*(volatile uint32_t *)0x40004010u)

extern uint32_t __bss_start[], __bss_end[], __stack_top[];

void board_put(char c)
{
    while ((UART_STATE & 1) != 0)
        continue;
    UART_DATA = (uint8_t)c;
}

__asm__(".text\n.syntax unified\n.thumb_func\n.globl board_known\n.type board_known, %function\n"
        "board_known: movs r0, #10\n1: subs r0, #1\n bne 1b\n bx lr\n.size board_known, . - board_known\n");

static _Noreturn void leave(int status)
{
    const uint32_t application_exit = 0x20026;
    const uint32_t exit_extended = 0x20;
    uint32_t block[2] = { application_exit, (uint32_t)status };
    register uint32_t r0 __asm__("r0") = exit_extended;
    register const uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    for (;;)
        continue;
}

static void fault(void)
{
    leave(97);
}

static void reset(void)
{
    for (volatile uint32_t *p = __bss_start; p < (volatile uint32_t *)__bss_end; p++)
        *p = 0;
    UART_DIVIDER = 16;
    UART_CTRL = 1;
    leave(board_main());
}

struct vectors {
    uint32_t *stack;
    void (*handler[15])(void);
};

__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    __stack_top, { reset, fault, fault, fault, fault, fault }
};
