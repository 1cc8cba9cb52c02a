/* SPDX-License-Identifier: MIT
 *
 * boot.S - from a Multiboot 1 loader to C with 32 bits, for the first core and for the others. No paging.
 */
    .set MAGIC, 0x1BADB002
    .set WANTED, 0x00010002              /* a memory map; the addresses below hold */

    .section .multiboot, "a"
    .balign 4
header:
    .long MAGIC, WANTED, -(MAGIC + WANTED)
    .long header, image_start, image_loaded, image_cleared, start

    .section .text
    .globl start
start:
    cli
    cld
    mov %eax, %ebp
    lgdt table
    ljmp $8, $1f
1:  mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $first_stack, %esp
    mov $image_loaded, %edi
    mov $image_cleared, %ecx
    sub %edi, %ecx
    xor %eax, %eax
    rep stosb
    mov %ebp, boot_magic
    mov %ebx, boot_info
    call pc_main
2:  hlt
    jmp 2b

next_core:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov 0xFEE00020, %eax                 /* the number of this core, from its APIC */
    shr $24, %eax
    mov %eax, %ecx
    shl $14, %ecx
    lea first_stack(%ecx), %esp          /* the stacks lie above each other, the first core's lowest */
    sub $12, %esp
    push %eax
    call kernel_core
3:  cli
    hlt
    jmp 3b

/* Copied below 1 MiB, where the other cores begin with 16 bits. */
    .code16
    .globl pc_trampoline, pc_trampoline_end
pc_trampoline:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl 0x8000 + (low_table - pc_trampoline)
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $8, $next_core
    .balign 4
low_table:
    .word 23
    .long descriptors
pc_trampoline_end:

    .code32
    .macro interrupt handler
    pusha
    cld
    mov %esp, %ebp
    and $-16, %esp
    call \handler
    mov %ebp, %esp
    popa
    iret
    .endm

    .globl pc_timer_entry, pc_nmi_entry, pc_stop_entry
pc_timer_entry:
    interrupt pc_timer
pc_nmi_entry:
    interrupt pc_nmi
pc_stop_entry:
    and $-16, %esp
    call pc_stop

    .section .rodata
    .balign 8
descriptors:                             /* none, code, data */
    .quad 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF
table:
    .word 23
    .long descriptors

    .section .bss
    .globl boot_magic, boot_info
    .balign 16
    .skip 16384
first_stack:
    .skip 16384 * 3
boot_magic: .skip 4
boot_info: .skip 4
