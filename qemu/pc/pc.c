/* SPDX-License-Identifier: MIT
 *
 * pc.c - the console on the first serial port, QEMU's exit device, the interrupt flag and the vectors; 32 and 64 bits.
 */
#include "pc.h"

#include "../arch.h"
#include "../text.h"

#define COM1 0x3F8

/* isa-debug-exit ends QEMU with 2 * value + 1: 33 for passed, 35 for failed. */
#define EXIT_PORT 0xF4

void arch_putc(char c)
{
    if (c == '\n')
        arch_putc('\r');
    while ((inb(COM1 + 5) & 0x20) == 0)
        continue;
    outb(COM1, (uint8_t)c);
}

_Noreturn void arch_exit(bool passed)
{
    outl(EXIT_PORT, passed ? 16 : 17);
    for (;;)
        __asm__ volatile("cli; hlt");
}

uintptr_t arch_irq_save(void)
{
    uintptr_t flags;
    __asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
    return flags & 0x200;
}

void arch_irq_restore(uintptr_t state)
{
    if (state != 0)
        __asm__ volatile("sti" : : : "memory");
}

/* The gates as the processor reads them: the address in pieces, 8 bytes with 32 bits and 16 with 64, where the upper half of
 * an address below 4 GiB stays zero. */
#define GATE_WORDS sizeof(void *)
static uint16_t gates[256][GATE_WORDS];

void pc_gate(unsigned vector, void (*entry)(void))
{
    uintptr_t address = (uintptr_t)entry;
    gates[vector][0] = (uint16_t)address;
    gates[vector][1] = 8;
    gates[vector][2] = 0x8E00;
    gates[vector][3] = (uint16_t)(address >> 16);
}

void pc_stop(void)
{
    text("\nFAIL  the processor raised an exception\n");
    arch_exit(false);
}

void pc_main(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uintptr_t base;
    } table = { sizeof gates - 1, (uintptr_t)gates };
    for (unsigned vector = 0; vector < 32; vector++)
        pc_gate(vector, pc_stop_entry);
    __asm__ volatile("lidt %0" : : "m"(table));
    /* The serial port without interrupts, both old interrupt controllers silent. */
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 3);
    outb(0x21, 0xFF);
    outb(0xA1, 0xFF);
    kernel_main();
}
