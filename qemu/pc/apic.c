/* SPDX-License-Identifier: MIT
 *
 * apic.c - the timer and the other cores, by the local APIC.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter 11.
 */
#include "pc.h"

#include "../arch.h"

#define TIMER_VECTOR 32
#define CORES 4

/* Where boot.S's trampoline is copied to: the page that the start-up message names. */
#define TRAMPOLINE 0x8000
extern const unsigned char pc_trampoline[];
extern const unsigned char pc_trampoline_end[];

void pc_timer(void)
{
    kernel_tick();
    *pc_apic(0xB0) = 0;
}

bool arch_timer_start(void)
{
    pc_gate(TIMER_VECTOR, pc_timer_entry);
    *pc_apic(0xF0) = 0x1FF;                      /* on, spurious vector 255 */
    *pc_apic(0x3E0) = 0xB;                       /* the bus clock undivided */
    *pc_apic(0x320) = 0x20000 | TIMER_VECTOR;    /* periodic */
    *pc_apic(0x380) = 100000;
    __asm__ volatile("sti");
    return true;
}

void arch_timer_stop(void)
{
    __asm__ volatile("cli");
    *pc_apic(0x320) = 0x10000;
    *pc_apic(0x380) = 0;
}

unsigned arch_cores(void)
{
    return CORES;
}

unsigned arch_core(void)
{
    return *pc_apic(0x20) >> 24;
}

static void wait(unsigned microseconds)
{
    while (microseconds-- != 0)
        inb(0x80);
}

void arch_cores_start(void)
{
    volatile unsigned char *to = (volatile unsigned char *)TRAMPOLINE;
    for (const unsigned char *from = pc_trampoline; from < pc_trampoline_end; from++)
        *to++ = *from;
    *pc_apic(0xF0) = 0x1FF;
    *pc_apic(0x300) = 0xC4500;                       /* INIT to all others */
    wait(10000);
    *pc_apic(0x300) = 0xC4600 | TRAMPOLINE >> 12;    /* start there */
    wait(1000);
}
