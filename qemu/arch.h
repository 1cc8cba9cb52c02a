/* SPDX-License-Identifier: MIT
 *
 * arch.h - what an architecture provides to the kernel, and the three places at which it calls the kernel.
 *
 * Promise: a new architecture is one folder with these functions, a start, a linker script and flags.mk; no other file
 * changes. What a machine does not have is provided by the no_*.c files, chosen in flags.mk.
 * Must not know: the heap.
 */
#ifndef ARCH_H
#define ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char arch_name[];      /* as in make qemu-NAME */
extern const char arch_machine[];   /* the machine, and how it told us of its memory */

void arch_putc(char c);

/* Ends the machine, with the status that stands for passed or failed. */
_Noreturn void arch_exit(bool passed);

/* Disables interrupts on this core and returns what they were; puts that back. Nests. */
uintptr_t arch_irq_save(void);
void arch_irq_restore(uintptr_t state);

/* Memory as the machine describes it, for targets that link memory_frames.c: calls span for each stretch, in the
 * machine's order. */
typedef void arch_span(uint64_t start, uint64_t bytes, bool usable, const char *kind);
void arch_memory(arch_span *span);

/* The addresses below this cannot be reached as they are: what the page tables or the segment cover. */
extern const uint64_t arch_reach;

/* Where the machine's physical addresses show for the kernel: physical + arch_offset. */
extern const uintptr_t arch_offset;

/* Frames below this are left alone. */
extern const uint64_t arch_low;

/* A periodic interrupt that calls kernel_tick. False: there is none. */
bool arch_timer_start(void);
void arch_timer_stop(void);

/* A periodic interrupt that nothing holds off, on the first core, and that calls kernel_nmi. False: there is none. */
bool arch_nmi_start(void);
void arch_nmi_stop(void);

/* The cores. start lets all but the first one call kernel_core with their numbers. */
unsigned arch_cores(void);
unsigned arch_core(void);
void arch_cores_start(void);

/* The kernel's side: called once, on the first core, with interrupts off, a stack and a zeroed .bss; in the handler of the
 * timer; and on each further core. */
void kernel_main(void);
void kernel_tick(void);
void kernel_nmi(void);
void kernel_core(unsigned core);

/* From the linker script: what the image covers, stacks included. */
extern unsigned char image_start[];
extern unsigned char image_end[];

#endif
