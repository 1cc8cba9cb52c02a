/* SPDX-License-Identifier: MIT
 *
 * x86-64.c - QEMU's PC, entered in 32-bit mode by its direct boot (PVH): long mode, console on the first serial port, exit
 * through isa-debug-exit. A fault resets the machine (there is no table of interrupts), which ends QEMU without `done`.
 */
#include "board.h"
#include <stdint.h>

extern char __bss_start[], __bss_end[];
_Noreturn void x86_reset(void);

/* Four tables of page directories map the first 4 GiB to themselves; the entries are written here, before paging is on. */
__asm__(".section .note.pvh, \"a\", @note\n"
        ".balign 4\n"
        ".long 4, 4, 18\n"
        ".asciz \"Xen\"\n"
        ".long _start\n"
        ".section .start, \"ax\"\n"
        ".code32\n"
        ".globl _start\n"
        "_start:\n"
        "    cli\n"
        "    cld\n"
        "    movl $__stack_top, %esp\n"
        "    movl $__bss_start, %edi\n"
        "    movl $__bss_end, %ecx\n"
        "    subl %edi, %ecx\n"
        "    xorl %eax, %eax\n"
        "    rep stosb\n"
        "    movl $x86_directories + 3, x86_root\n"
        "    movl $0, %ecx\n"
        "1:  movl %ecx, %eax\n"
        "    shll $12, %eax\n"
        "    addl $x86_pages + 3, %eax\n"
        "    movl %eax, x86_directories(, %ecx, 8)\n"
        "    incl %ecx\n"
        "    cmpl $4, %ecx\n"
        "    jb 1b\n"
        "    movl $0, %ecx\n"
        "2:  movl %ecx, %eax\n"
        "    shll $21, %eax\n"
        "    orl $0x83, %eax\n"
        "    movl %eax, x86_pages(, %ecx, 8)\n"
        "    incl %ecx\n"
        "    cmpl $2048, %ecx\n"
        "    jb 2b\n"
        "    movl $x86_root, %eax\n"
        "    movl %eax, %cr3\n"
        "    movl $0x20, %eax\n"
        "    movl %eax, %cr4\n"
        "    movl $0xC0000080, %ecx\n"
        "    rdmsr\n"
        "    orl $0x100, %eax\n"
        "    wrmsr\n"
        "    movl %cr0, %eax\n"
        "    orl $0x80000001, %eax\n"
        "    movl %eax, %cr0\n"
        "    lgdt x86_gdt_pointer\n"
        "    ljmp $8, $3f\n"
        ".code64\n"
        "3:  movl $16, %eax\n"
        "    movl %eax, %ds\n"
        "    movl %eax, %es\n"
        "    movl %eax, %ss\n"
        "    call x86_reset\n"
        ".section .rodata\n"
        ".balign 8\n"
        "x86_gdt: .quad 0, 0x00209A0000000000, 0x0000920000000000\n"
        "x86_gdt_pointer: .word 23\n"
        "    .long x86_gdt\n"
        ".bss\n"
        ".balign 4096\n"
        "x86_root: .skip 4096\n"
        "x86_directories: .skip 4096\n"
        "x86_pages: .skip 4 * 4096\n"
        ".text\n"
        ".globl board_known\n"
        ".type board_known, @function\n"
        "board_known: movl $10, %eax\n"
        "4:  decl %eax\n"
        "    jnz 4b\n"
        "    ret\n"
        ".size board_known, . - board_known\n");

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

void board_put(char c)
{
    while ((in8(0x3FD) & 0x20) == 0)
        continue;
    out8(0x3F8, (uint8_t)c);
}

_Noreturn void x86_reset(void)
{
    int status = board_main();
    /* QEMU ends with twice the value plus one: 33 is success. */
    out8(0xF4, status == 0 ? 16 : 17);
    for (;;)
        continue;
}
