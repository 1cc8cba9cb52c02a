/* SPDX-License-Identifier: MIT
 *
 * virt.h - what QEMU's Arm machine "virt" has, for both widths; and what each width provides for it.
 */
#ifndef VIRT_H
#define VIRT_H

#include <stdbool.h>
#include <stdint.h>

#define VIRT_CORES 4

/* Device registers and semihosting blocks are little-endian, the kernel may not be. */
static inline uint32_t little32(uint32_t x)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(x) : x;
}

/* Called by boot.S on the first core, and in an interrupt. */
void virt_main(void);
void virt_interrupt(void);
void virt_stop(void);

/* In each width's arch.c: the next tick so many cycles from now, no more ticks, interrupts on and off, and the call of the
 * firmware that turns a core on, whose first instruction is at boot.S's next_core. */
void virt_tick_in(uint32_t cycles);
void virt_no_tick(void);
void virt_irq_on(void);
void virt_irq_off(void);
bool virt_core_on(uintptr_t core, uintptr_t entry);
void next_core(void);

#endif
