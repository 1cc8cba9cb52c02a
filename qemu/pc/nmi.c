/* SPDX-License-Identifier: MIT
 *
 * nmi.c - a periodic NMI on the PC: the old timer, through the old interrupt controller, to the local APIC's input 0, which
 * makes an NMI of it; the way in which watchdogs used to be built.
 *
 * Source: Intel 8254 and 8259A data sheets; Software Developer's Manual, volume 3, 11.5.1.
 */
#include "pc.h"

#include "../arch.h"

#define NMI_VECTOR 2
#define HERTZ 1000
#define MASTER 0x20

void pc_nmi(void)
{
    kernel_nmi();
    /* Polled, because nobody acknowledges an NMI: without it the line would stay up and no edge would follow. */
    outb(MASTER, 0x0C);
    inb(MASTER);
    outb(MASTER, 0x20);
}

bool arch_nmi_start(void)
{
    const uint16_t divisor = 1193182 / HERTZ;
    pc_gate(NMI_VECTOR, pc_nmi_entry);
    *pc_apic(0xF0) = 0x1FF;
    *pc_apic(0x350) = 0x400;
    outb(MASTER, 0x11);
    outb(MASTER + 1, 32);
    outb(MASTER + 1, 4);
    outb(MASTER + 1, 1);
    outb(0x43, 0x34);
    outb(0x40, (uint8_t)divisor);
    outb(0x40, divisor >> 8);
    outb(MASTER + 1, 0xFE);
    return true;
}

void arch_nmi_stop(void)
{
    outb(MASTER + 1, 0xFF);
    *pc_apic(0x350) = 0x10000;
}
