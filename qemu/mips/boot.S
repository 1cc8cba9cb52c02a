/* SPDX-License-Identifier: MIT
 *
 * boot.S - from a YAMON-like loader to C on MIPS32; the exception entry, at the base of kseg0.
 */
    .set noreorder
    .set noat

    .macro address register, symbol
    lui \register, %hi(\symbol)
    addiu \register, \register, %lo(\symbol)
    .endm

    .section .boot, "ax"
    .globl start
start:
    address $29, first_stack
    address $8, bss_start
    address $9, bss_end
1:  beq $8, $9, 2f
    nop
    sw $0, 0($8)
    b 1b
    addiu $8, $8, 4
2:  address $8, vectors                  /* EBase: exceptions at vectors + 0x180 */
    mtc0 $8, $15, 1
    ehb
    mfc0 $8, $12
    lui $9, 0xFFBF                       /* Status: not at boot, no exception, interrupts off */
    ori $9, $9, 0x00F8
    and $8, $8, $9
    mtc0 $8, $12
    ehb
    addiu $29, $29, -32
    address $25, mips_main
    jalr $25
    move $4, $6                          /* the environment */
3:  b 3b
    nop

    .globl mips_exit
mips_exit:                               /* UHI exit, the status in a0 */
    li $25, 1
    .word 0x7000007F                     /* sdbbp 1 */
4:  b 4b
    nop

    .text
    .balign 4096
vectors:
    .skip 0x180
    addiu $29, $29, -112
    sw $1, 16($29)
    sw $2, 20($29)
    sw $3, 24($29)
    sw $4, 28($29)
    sw $5, 32($29)
    sw $6, 36($29)
    sw $7, 40($29)
    sw $8, 44($29)
    sw $9, 48($29)
    sw $10, 52($29)
    sw $11, 56($29)
    sw $12, 60($29)
    sw $13, 64($29)
    sw $14, 68($29)
    sw $15, 72($29)
    sw $24, 76($29)
    sw $25, 80($29)
    sw $31, 84($29)
    mfhi $8
    mflo $9
    sw $8, 88($29)
    sw $9, 92($29)
    address $25, mips_exception
    jalr $25
    nop
    lw $8, 88($29)
    lw $9, 92($29)
    mthi $8
    mtlo $9
    lw $1, 16($29)
    lw $2, 20($29)
    lw $3, 24($29)
    lw $4, 28($29)
    lw $5, 32($29)
    lw $6, 36($29)
    lw $7, 40($29)
    lw $8, 44($29)
    lw $9, 48($29)
    lw $10, 52($29)
    lw $11, 56($29)
    lw $12, 60($29)
    lw $13, 64($29)
    lw $14, 68($29)
    lw $15, 72($29)
    lw $24, 76($29)
    lw $25, 80($29)
    lw $31, 84($29)
    addiu $29, $29, 112
    eret

    .section .stacks, "aw", @nobits
    .balign 16
    .skip 16384
first_stack:
