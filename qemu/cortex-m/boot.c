/* SPDX-License-Identifier: MIT
 *
 * boot.c - from reset to C on a Cortex-M, its vectors, its interrupt flag, its tick, and the end by semihosting.
 *
 * Source: Armv6-M and Armv7-M Architecture Reference Manuals; Semihosting for AArch32 and AArch64, 2.0.
 */
#include "../arch.h"
#include "../text.h"

#include "uart.h"

extern uint32_t data_start[];
extern uint32_t data_end[];
extern const uint32_t data_load[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];
extern uint32_t stack_end[];

void reset(void);

_Noreturn void arch_exit(bool passed)
{
    /* SYS_EXIT_EXTENDED: ADP_Stopped_ApplicationExit and the status. */
    uint32_t parameters[2] = { 0x20026, passed ? 0 : 1 };
    register uint32_t number __asm__("r0") = 0x20;
    register const void *block __asm__("r1") = parameters;
    for (;;)
        __asm__ volatile("bkpt 0xAB" : "+r"(number) : "r"(block) : "memory");
}

uintptr_t arch_irq_save(void)
{
    uintptr_t mask;
    __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(mask) : : "memory");
    return mask;
}

void arch_irq_restore(uintptr_t state)
{
    __asm__ volatile("msr primask, %0" : : "r"(state) : "memory");
}

/* SysTick. */
static volatile uint32_t *const tick_control = (volatile uint32_t *)0xE000E010;
static volatile uint32_t *const tick_reload = (volatile uint32_t *)0xE000E014;
static volatile uint32_t *const tick_current = (volatile uint32_t *)0xE000E018;

static void tick(void)
{
    kernel_tick();
}

bool arch_timer_start(void)
{
    *tick_reload = TICK_CYCLES;
    *tick_current = 0;
    *tick_control = 7;
    __asm__ volatile("cpsie i" : : : "memory");
    return true;
}

void arch_timer_stop(void)
{
    __asm__ volatile("cpsid i" : : : "memory");
    *tick_control = 0;
}

static void stop(void)
{
    text("\nFAIL  the processor raised an exception\n");
    arch_exit(false);
}

void reset(void)
{
    __asm__ volatile("cpsid i" : : : "memory");
    const uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    uart_start();
    kernel_main();
}

typedef void entry(void);
__attribute__((section(".vectors"), used)) static entry *const vectors[16] = {
    (entry *)(uintptr_t)stack_end, reset, stop, stop, stop, stop, stop, NULL, NULL, NULL, NULL, stop, stop, NULL, stop, tick,
};
