/* SPDX-License-Identifier: MIT
 *
 * pc.h - what the files of the PC share: ports, the vectors, the local APIC.
 */
#ifndef PC_H
#define PC_H

#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* A register of this core's local APIC. */
static inline volatile uint32_t *pc_apic(unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(0xFEE00000u + offset);
}

/* Lets an interrupt vector lead to an entry in boot.S. */
void pc_gate(unsigned vector, void (*entry)(void));

/* Entries in boot.S: the timer's, which calls pc_timer, the NMI's, which calls pc_nmi, and that of what should not happen,
 * which calls pc_stop. */
void pc_timer_entry(void);
void pc_nmi_entry(void);
void pc_stop_entry(void);
void pc_timer(void);
void pc_nmi(void);
void pc_stop(void);

/* Left by boot.S: what the boot loader passed. */
extern uint32_t boot_magic;
extern uint32_t boot_info;

/* Called by boot.S on the first core. */
void pc_main(void);

#endif
