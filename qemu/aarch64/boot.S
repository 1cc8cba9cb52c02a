/* SPDX-License-Identifier: MIT
 *
 * boot.S - from reset to C on AArch64, in either byte order, for the first core and for the others; the vectors.
 */
#ifdef __AARCH64EB__
    .macro byte_order
    mrs x1, sctlr_el1
    orr x1, x1, #(1 << 25)               /* EE: data is big-endian */
    msr sctlr_el1, x1
    isb
    .endm
#else
    .macro byte_order
    .endm
#endif

    .macro address register, symbol
    adrp \register, \symbol
    add \register, \register, :lo12:\symbol
    .endm

    .section .boot, "ax"
    .globl start, next_core
start:
    byte_order
    address x1, first_stack
    mov sp, x1
    address x1, bss_start
    address x2, bss_end
1:  cmp x1, x2
    b.hs 2f
    stp xzr, xzr, [x1], #16
    b 1b
2:  address x1, vectors
    msr vbar_el1, x1
    bl virt_main
3:  wfi
    b 3b

next_core:                               /* x0: its number, as CPU_ON was told */
    byte_order
    address x1, first_stack
    add x1, x1, x0, lsl #14              /* the stacks lie above each other, the first core's lowest */
    mov sp, x1
    address x1, vectors
    msr vbar_el1, x1
    bl kernel_core
4:  wfi
    b 4b

    .text
    .balign 2048
vectors:
    .rept 5
    b stop
    .balign 128
    .endr
    b interrupt                          /* the current level, with its own stack pointer */
    .balign 128
    .rept 10
    b stop
    .balign 128
    .endr
stop:
    bl virt_stop

interrupt:
    sub sp, sp, #160
    stp x0, x1, [sp]
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x30, [sp, #144]
    bl virt_interrupt
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x30, [sp, #144]
    add sp, sp, #160
    eret

    .section .stacks, "aw", %nobits
    .balign 16
    .skip 16384
first_stack:
    .skip 16384 * 3
