/* SPDX-License-Identifier: MIT
 *
 * arch.c - QEMU's RISC-V machine "virt": serial port, tick and software interrupts of the CLINT, the end by the test
 * device, memory from the device tree.
 *
 * Source: RISC-V Privileged Architecture 1.12; SiFive's CLINT; QEMU's documentation of the machine.
 */
#include "../arch.h"

#include "../fdt.h"
#include "../text.h"

#define UART 0x10000000
#define TEST_DEVICE 0x100000
#define CLINT 0x2000000
#define CORES 4
#define TICK_CYCLES 3000

#define MSTATUS_MIE 8
#define MIE_SOFTWARE 8
#define MIE_TIMER 128

const char arch_name[] = ARCH_NAME;
const char arch_machine[] = "QEMU's virt, memory from the device tree";
const uint64_t arch_reach = UINTPTR_MAX > 0xFFFFFFFFu ? UINT64_MAX >> 8 : 0xFFFFF000;
const uintptr_t arch_offset = 0;
const uint64_t arch_low = 0;

static const void *tree;

void riscv_main(const void *device_tree);
void riscv_trap(void);
void riscv_wait(void);

void arch_putc(char c)
{
    while ((*(volatile uint8_t *)(UART + 5) & 0x20) == 0)
        continue;
    *(volatile uint8_t *)UART = (uint8_t)c;
}

_Noreturn void arch_exit(bool passed)
{
    *(volatile uint32_t *)TEST_DEVICE = passed ? 0x5555 : 1 << 16 | 0x3333;
    for (;;)
        __asm__ volatile("wfi");
}

void arch_memory(arch_span *span)
{
    fdt_memory(tree, span);
}

uintptr_t arch_irq_save(void)
{
    uintptr_t status;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(status) : : "memory");
    return status & MSTATUS_MIE;
}

void arch_irq_restore(uintptr_t state)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(state) : "memory");
}

/* The timer compares 64 bits, in halves so that one code serves both widths; the upper half is put out of reach meanwhile. */
static void tick_in(uint32_t cycles)
{
    volatile uint32_t *now = (volatile uint32_t *)(CLINT + 0xBFF8);
    volatile uint32_t *then = (volatile uint32_t *)(CLINT + 0x4000);
    uint32_t high = now[1];
    uint32_t low = now[0];
    if (now[1] != high) {
        high = now[1];
        low = now[0];
    }
    then[1] = UINT32_MAX;
    then[0] = low + cycles;
    then[1] = high + (low + cycles < low);
}

void riscv_trap(void)
{
    uintptr_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if ((intptr_t)cause >= 0) {
        uintptr_t at;
        uintptr_t value;
        __asm__ volatile("csrr %0, mepc\n csrr %1, mtval" : "=r"(at), "=r"(value));
        text("\nFAIL  the processor raised an exception: cause, place, value ");
        text_address(cause);
        text(" ");
        text_address(at);
        text(" ");
        text_address(value);
        text("\n");
        arch_exit(false);
    }
    tick_in(TICK_CYCLES);
    kernel_tick();
}

bool arch_timer_start(void)
{
    tick_in(TICK_CYCLES);
    __asm__ volatile("csrs mie, %0\n csrs mstatus, %1" : : "r"(MIE_TIMER), "r"(MSTATUS_MIE) : "memory");
    return true;
}

void arch_timer_stop(void)
{
    __asm__ volatile("csrc mstatus, %1\n csrc mie, %0" : : "r"(MIE_TIMER), "r"(MSTATUS_MIE) : "memory");
}

unsigned arch_cores(void)
{
    return CORES;
}

unsigned arch_core(void)
{
    uintptr_t hart;
    __asm__ volatile("csrr %0, mhartid" : "=r"(hart));
    return (unsigned)hart;
}

/* Lets the emulator go on with another hart: sleeping with an interrupt that is pending already is not sleeping at all, but
 * QEMU leaves the hart then, which it does not for a pause. */
void riscv_wait(void)
{
    volatile uint32_t *own = (volatile uint32_t *)CLINT + arch_core();
    uintptr_t state = arch_irq_save();
    uintptr_t enabled;
    *own = 1;
    __asm__ volatile("csrrw %0, mie, %1\n wfi\n csrw mie, %0" : "=&r"(enabled) : "r"(MIE_SOFTWARE) : "memory");
    *own = 0;
    arch_irq_restore(state);
}

void arch_cores_start(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned core = 1; core < CORES; core++)
        ((volatile uint32_t *)CLINT)[core] = 1;
}

void riscv_main(const void *device_tree)
{
    tree = device_tree;
    kernel_main();
}
