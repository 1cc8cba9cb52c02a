/* SPDX-License-Identifier: MIT
 *
 * virt.c - the serial port (PL011), the interrupt controller (GICv2) and the device tree of QEMU's machine "virt".
 *
 * Source: Arm PrimeCell UART (PL011) and Generic Interrupt Controller 2.0 manuals; QEMU's documentation of the machine: the
 * device tree lies at the start of memory for a kernel that is no Linux.
 */
#include "virt.h"

#include "../arch.h"
#include "../fdt.h"
#include "../text.h"

#define UART 0x09000000
#define DISTRIBUTOR 0x08000000
#define CPU_INTERFACE 0x08010000
#define TREE 0x40000000

#define TIMER_INTERRUPT 30
#define TICK_CYCLES 30000

const char arch_machine[] = "QEMU's virt, memory from the device tree";
const uint64_t arch_reach = 0xFFFFF000;
const uintptr_t arch_offset = 0;
const uint64_t arch_low = 0;

static void write32(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = little32(value);
}

static uint32_t read32(uintptr_t address)
{
    return little32(*(volatile uint32_t *)address);
}

void arch_putc(char c)
{
    write32(UART, (unsigned char)c);
}

void arch_memory(arch_span *span)
{
    fdt_memory((const void *)TREE, span);
}

void virt_stop(void)
{
    text("\nFAIL  the processor raised an exception\n");
    arch_exit(false);
}

void virt_interrupt(void)
{
    uint32_t id = read32(CPU_INTERFACE + 0x0C);
    if ((id & 1023) == TIMER_INTERRUPT) {
        virt_tick_in(TICK_CYCLES);
        kernel_tick();
    }
    write32(CPU_INTERFACE + 0x10, id);
}

bool arch_timer_start(void)
{
    write32(DISTRIBUTOR, 1);
    write32(DISTRIBUTOR + 0x100, (uint32_t)1 << TIMER_INTERRUPT);
    write32(CPU_INTERFACE + 0x04, 0xFF);    /* all priorities */
    write32(CPU_INTERFACE, 1);
    virt_tick_in(TICK_CYCLES);
    virt_irq_on();
    return true;
}

void arch_timer_stop(void)
{
    virt_irq_off();
    virt_no_tick();
}

unsigned arch_cores(void)
{
    return VIRT_CORES;
}

void arch_cores_start(void)
{
    for (uintptr_t core = 1; core < VIRT_CORES; core++) {
        if (!virt_core_on(core, (uintptr_t)next_core))
            virt_stop();
    }
}

void virt_main(void)
{
    kernel_main();
}
