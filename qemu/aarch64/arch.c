/* SPDX-License-Identifier: MIT
 *
 * arch.c - the instructions of AArch64 that the kernel needs; the machine is in ../virt-arm.
 *
 * Source: Arm Architecture Reference Manual for A-profile; PSCI 1.1; Semihosting 2.0.
 */
#include "../arch.h"

#include "../virt-arm/virt.h"

const char arch_name[] = ARCH_NAME;

static uint64_t little64(uint64_t x)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(x) : x;
}

_Noreturn void arch_exit(bool passed)
{
    /* SYS_EXIT: ADP_Stopped_ApplicationExit and the status. */
    const uint64_t parameters[2] = { little64(0x20026), little64(passed ? 0 : 1) };
    register uint64_t number __asm__("x0") = 0x18;
    register const void *block __asm__("x1") = parameters;
    for (;;)
        __asm__ volatile("hlt #0xf000" : "+r"(number) : "r"(block) : "memory");
}

uintptr_t arch_irq_save(void)
{
    uintptr_t mask;
    __asm__ volatile("mrs %0, daif\n msr daifset, #2" : "=r"(mask) : : "memory");
    return mask;
}

void arch_irq_restore(uintptr_t state)
{
    __asm__ volatile("msr daif, %0" : : "r"(state) : "memory");
}

unsigned arch_core(void)
{
    uint64_t id;
    __asm__ volatile("mrs %0, mpidr_el1" : "=r"(id));
    return (unsigned)id & 0xFF;
}

void virt_tick_in(uint32_t cycles)
{
    __asm__ volatile("msr cntp_tval_el0, %0\n msr cntp_ctl_el0, %1\n isb" : : "r"((uint64_t)cycles), "r"((uint64_t)1));
}

void virt_no_tick(void)
{
    __asm__ volatile("msr cntp_ctl_el0, xzr");
}

void virt_irq_on(void)
{
    __asm__ volatile("msr daifclr, #2" : : : "memory");
}

void virt_irq_off(void)
{
    __asm__ volatile("msr daifset, #2" : : : "memory");
}

bool virt_core_on(uintptr_t core, uintptr_t entry)
{
    register uint64_t x0 __asm__("x0") = 0xC4000003;    /* CPU_ON */
    register uint64_t x1 __asm__("x1") = core;
    register uint64_t x2 __asm__("x2") = entry;
    register uint64_t x3 __asm__("x3") = core;
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0 == 0;
}
