/* SPDX-License-Identifier: MIT
 *
 * arch.c - the instructions of AArch32 that the kernel needs; the machine is in ../virt-arm.
 *
 * Source: Arm Architecture Reference Manual for Armv7-A; PSCI 1.1; Semihosting 2.0.
 */
#include "../arch.h"

#include "../virt-arm/virt.h"

const char arch_name[] = "arm";

_Noreturn void arch_exit(bool passed)
{
    /* SYS_EXIT_EXTENDED: ADP_Stopped_ApplicationExit and the status. */
    const uint32_t parameters[2] = { 0x20026, passed ? 0 : 1 };
    register uint32_t number __asm__("r0") = 0x20;
    register const void *block __asm__("r1") = parameters;
    for (;;)
        __asm__ volatile("svc 0x123456" : "+r"(number) : "r"(block) : "memory", "lr");
}

uintptr_t arch_irq_save(void)
{
    uintptr_t flags;
    __asm__ volatile("mrs %0, cpsr\n cpsid i" : "=r"(flags) : : "memory");
    return flags & 0x80;
}

void arch_irq_restore(uintptr_t state)
{
    if (state == 0)
        virt_irq_on();
}

unsigned arch_core(void)
{
    uint32_t id;
    __asm__ volatile("mrc p15, 0, %0, c0, c0, 5" : "=r"(id));
    return id & 3;
}

void virt_tick_in(uint32_t cycles)
{
    __asm__ volatile("mcr p15, 0, %0, c14, c2, 0\n mcr p15, 0, %1, c14, c2, 1\n isb" : : "r"(cycles), "r"(1));
}

void virt_no_tick(void)
{
    __asm__ volatile("mcr p15, 0, %0, c14, c2, 1" : : "r"(0));
}

void virt_irq_on(void)
{
    __asm__ volatile("cpsie i" : : : "memory");
}

void virt_irq_off(void)
{
    __asm__ volatile("cpsid i" : : : "memory");
}

bool virt_core_on(uintptr_t core, uintptr_t entry)
{
    register uint32_t r0 __asm__("r0") = 0x84000003;    /* CPU_ON */
    register uint32_t r1 __asm__("r1") = core;
    register uint32_t r2 __asm__("r2") = entry;
    register uint32_t r3 __asm__("r3") = core;
    __asm__ volatile(".arch_extension virt\n hvc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : : "memory");
    return r0 == 0;
}
