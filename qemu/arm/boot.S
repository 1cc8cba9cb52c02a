/* SPDX-License-Identifier: MIT
 *
 * boot.S - from reset to C on AArch32, for the first core and for the others; the vectors. Interrupts use a stack of
 * their own, on the first core only.
 */
    .syntax unified
    .arm
    .section .boot, "ax"
    .globl start, next_core
start:
    cps #0x12                            /* interrupt mode */
    ldr sp, =interrupt_stack
    cps #0x13                            /* supervisor mode */
    ldr sp, =first_stack
    ldr r0, =bss_start
    ldr r1, =bss_end
    mov r2, #0
1:  cmp r0, r1
    strlo r2, [r0], #4
    blo 1b
    ldr r0, =vectors
    mcr p15, 0, r0, c12, c0, 0
    bl virt_main
2:  wfi
    b 2b

next_core:                               /* r0: its number, as CPU_ON was told */
    ldr r1, =first_stack
    add sp, r1, r0, lsl #14              /* the stacks lie above each other, the first core's lowest */
    bl kernel_core
3:  wfi
    b 3b
    .ltorg

    .text
    .arm
    .balign 32
vectors:
    b stop
    b stop
    b stop
    b stop
    b stop
    b stop
    b interrupt
    b stop
stop:
    ldr sp, =interrupt_stack
    bl virt_stop

interrupt:
    sub lr, lr, #4
    push {r0-r3, r12, lr}
    bl virt_interrupt
    pop {r0-r3, r12, lr}
    movs pc, lr
    .ltorg

    .section .stacks, "aw", %nobits
    .balign 16
    .skip 8192
interrupt_stack:
    .skip 16384
first_stack:
    .skip 16384 * 3
