/* SPDX-License-Identifier: MIT
 *
 * arch.c - QEMU's MIPS board "malta", big-endian: serial port, the processor's own timer, the end by UHI, memory from the
 * environment that the loader leaves as YAMON does.
 *
 * Source: MIPS32 Privileged Resource Architecture, release 2; Malta User's Manual; MIPS Unified Hosting Interface, 1.1.
 */
#include "../arch.h"

#include "../text.h"

/* The first serial port of the PC-like bus behind the system controller, uncached. */
#define UART 0xB80003F8

#define TICK_CYCLES 30000
#define STATUS_IE 1u
#define STATUS_TIMER (1u << 15)
#define CAUSE_CODE 0x7C

const char arch_name[] = "mips";
const char arch_machine[] = "QEMU's malta, memory from the loader's environment";
/* What kseg0 shows of physical memory, cached and without translation. */
const uint64_t arch_reach = 0x20000000;
const uintptr_t arch_offset = 0x80000000;
/* The exception vectors of the board's firmware, and the environment itself. */
const uint64_t arch_low = 0x10000;

/* Pairs of pointers to names and values, 32 bits each, ended by NULL. */
static const char *const *environment;

void mips_main(const char *const *left_by_loader);
void mips_exception(void);
_Noreturn void mips_exit(int status);

void arch_putc(char c)
{
    while ((*(volatile uint8_t *)(UART + 5) & 0x20) == 0)
        continue;
    *(volatile uint8_t *)UART = (uint8_t)c;
}

_Noreturn void arch_exit(bool passed)
{
    mips_exit(passed ? 0 : 1);
}

static bool is(const char *a, const char *b)
{
    for (; *a == *b; a++, b++) {
        if (*a == '\0')
            return true;
    }
    return false;
}

static uint32_t decimal(const char *s)
{
    uint32_t n = 0;
    for (; *s >= '0' && *s <= '9'; s++)
        n = n * 10 + (uint32_t)(*s - '0');
    return n;
}

void arch_memory(arch_span *span)
{
    for (const char *const *pair = environment; pair != NULL && pair[0] != NULL && pair[1] != NULL; pair += 2) {
        if (is(pair[0], "memsize"))
            span(0, decimal(pair[1]), true, "usable");
    }
}

static uint32_t status(void)
{
    uint32_t s;
    __asm__ volatile("mfc0 %0, $12" : "=r"(s));
    return s;
}

uintptr_t arch_irq_save(void)
{
    uint32_t before;
    __asm__ volatile("di %0\n ehb" : "=r"(before) : : "memory");
    return before & STATUS_IE;
}

void arch_irq_restore(uintptr_t state)
{
    if (state != 0)
        __asm__ volatile("ei\n ehb" : : : "memory");
}

static uint32_t count(void)
{
    uint32_t now;
    __asm__ volatile("mfc0 %0, $9" : "=r"(now));
    return now;
}

/* The interrupt comes when the count is equal, not when it is beyond: set too late, it would come once around. */
static void tick_in(uint32_t cycles)
{
    uint32_t then;
    do {
        then = count() + cycles;
        __asm__ volatile("mtc0 %0, $11\n ehb" : : "r"(then));
        cycles <<= 1;
    } while ((int32_t)(then - count()) <= 0);
}

void mips_exception(void)
{
    uint32_t cause;
    __asm__ volatile("mfc0 %0, $13" : "=r"(cause));
    if ((cause & CAUSE_CODE) != 0) {
        text("\nFAIL  the processor raised an exception\n");
        arch_exit(false);
    }
    tick_in(TICK_CYCLES);
    kernel_tick();
}

bool arch_timer_start(void)
{
    tick_in(TICK_CYCLES);
    __asm__ volatile("mtc0 %0, $12\n ehb" : : "r"(status() | STATUS_TIMER | STATUS_IE) : "memory");
    return true;
}

void arch_timer_stop(void)
{
    __asm__ volatile("mtc0 %0, $12\n ehb" : : "r"(status() & ~(STATUS_TIMER | STATUS_IE)) : "memory");
}

void mips_main(const char *const *left_by_loader)
{
    environment = left_by_loader;
    kernel_main();
}
