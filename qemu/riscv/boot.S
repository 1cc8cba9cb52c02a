/* SPDX-License-Identifier: MIT
 *
 * boot.S - from reset to C on RISC-V in machine mode, 32 and 64 bits, for the first hart and for the others; the trap.
 *
 * All harts begin here. Those but the first one sleep until it sends them a software interrupt.
 */
#if __riscv_xlen == 64
    .set W, 8
    .macro put register, place
    sd \register, \place
    .endm
    .macro get register, place
    ld \register, \place
    .endm
#else
    .set W, 4
    .macro put register, place
    sw \register, \place
    .endm
    .macro get register, place
    lw \register, \place
    .endm
#endif

    .section .boot, "ax"
    .globl start
start:
    la sp, first_stack
    la t0, trap
    csrw mtvec, t0
    csrr a0, mhartid
    bnez a0, other
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    put zero, (t0)
    addi t0, t0, W
    j 1b
2:  mv a0, a1                            /* the device tree */
    call riscv_main
3:  wfi
    j 3b

other:
    slli t0, a0, 14
    add sp, sp, t0                       /* the stacks lie above each other, the first hart's lowest */
    li t0, 8
    csrw mie, t0                         /* a software interrupt wakes it; mstatus stays off */
4:  wfi
    csrr t1, mip
    and t1, t1, t0
    beqz t1, 4b
    csrw mie, zero
    fence
    call kernel_core
5:  wfi
    j 5b

    .text
    .balign 4
trap:
    addi sp, sp, -16 * W
    put ra, 0 * W(sp)
    put t0, 1 * W(sp)
    put t1, 2 * W(sp)
    put t2, 3 * W(sp)
    put t3, 4 * W(sp)
    put t4, 5 * W(sp)
    put t5, 6 * W(sp)
    put t6, 7 * W(sp)
    put a0, 8 * W(sp)
    put a1, 9 * W(sp)
    put a2, 10 * W(sp)
    put a3, 11 * W(sp)
    put a4, 12 * W(sp)
    put a5, 13 * W(sp)
    put a6, 14 * W(sp)
    put a7, 15 * W(sp)
    call riscv_trap
    get ra, 0 * W(sp)
    get t0, 1 * W(sp)
    get t1, 2 * W(sp)
    get t2, 3 * W(sp)
    get t3, 4 * W(sp)
    get t4, 5 * W(sp)
    get t5, 6 * W(sp)
    get t6, 7 * W(sp)
    get a0, 8 * W(sp)
    get a1, 9 * W(sp)
    get a2, 10 * W(sp)
    get a3, 11 * W(sp)
    get a4, 12 * W(sp)
    get a5, 13 * W(sp)
    get a6, 14 * W(sp)
    get a7, 15 * W(sp)
    addi sp, sp, 16 * W
    mret

    .section .stacks, "aw", @nobits
    .balign 16
    .skip 16384
first_stack:
    .skip 16384 * 3
