/* SPDX-License-Identifier: MIT
 *
 * boot.S - from a Multiboot 1 loader to C with 64 bits, for the first core and for the others.
 *
 * The header names load addresses, because loaders take a 64-bit ELF file only so. The first 4 GiB are mapped to themselves
 * in pages of 2 MiB.
 */
    .set MAGIC, 0x1BADB002
    .set WANTED, 0x00010002              /* a memory map; the addresses below hold */

    .section .multiboot, "a"
    .balign 4
header:
    .long MAGIC, WANTED, -(MAGIC + WANTED)
    .long header, image_start, image_loaded, image_cleared, start

    .section .text
    .code32
    .globl start
start:
    cli
    cld
    mov %eax, %ebp
    mov $first_stack, %esp
    mov $image_loaded, %edi
    mov $image_cleared, %ecx
    sub %edi, %ecx
    xor %eax, %eax
    rep stosb
    mov %ebp, boot_magic
    mov %ebx, boot_info

    movl $level3 + 3, level4
    mov $level3, %edi
    mov $level2 + 3, %eax
    mov $4, %ecx
1:  mov %eax, (%edi)
    add $8, %edi
    add $4096, %eax
    loop 1b
    mov $level2, %edi
    mov $0x83, %eax                      /* present, writable, 2 MiB */
    mov $2048, %ecx
2:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    loop 2b
    mov $first_core, %ebx

/* Turns on 64 bits and goes to %ebx. */
long_mode:
    mov $level4, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x20, %eax                       /* PAE */
    mov %eax, %cr4
    mov $0xC0000080, %ecx                /* EFER: long mode */
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000001, %eax                 /* paging, protection */
    mov %eax, %cr0
    lgdt table
    ljmp $8, $3f
    .code64
3:  mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    jmp *%rbx

first_core:
    mov $first_stack, %esp
    call pc_main
4:  hlt
    jmp 4b

next_core:
    mov $0xFEE00020, %eax                /* the number of this core, from its APIC */
    mov (%rax), %eax
    shr $24, %eax
    mov %eax, %edi
    shl $14, %eax
    lea first_stack(%rax), %rsp          /* the stacks lie above each other, the first core's lowest */
    call kernel_core
5:  cli
    hlt
    jmp 5b

    .code32
next_protected:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $next_core, %ebx
    jmp long_mode

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
    ljmpl $24, $next_protected
    .balign 4
low_table:
    .word 31
    .long descriptors
pc_trampoline_end:

    .code64
    .macro interrupt handler
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    cld
    call \handler
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    iretq
    .endm

    .globl pc_timer_entry, pc_nmi_entry, pc_stop_entry
pc_timer_entry:
    interrupt pc_timer
pc_nmi_entry:
    interrupt pc_nmi
pc_stop_entry:
    and $-16, %rsp
    call pc_stop

    .section .rodata
    .balign 8
descriptors:                             /* none, code 64, data, code 32 */
    .quad 0, 0x00209A0000000000, 0x00CF92000000FFFF, 0x00CF9A000000FFFF
table:
    .word 31
    .long descriptors

    .section .bss
    .globl boot_magic, boot_info
    .balign 4096
level4: .skip 4096
level3: .skip 4096
level2: .skip 4096 * 4
    .skip 16384
first_stack:
    .skip 16384 * 3
boot_magic: .skip 4
boot_info: .skip 4
