/* SPDX-License-Identifier: MIT
 *
 * boot.S - from reset to C on an AVR: vectors, stack, data and bss; and the timer's interrupt.
 *
 * Source: AVR Instruction Set Manual; ATmega1284P data sheet, 11 (vectors), 16 (timer 1).
 */
#define SPL 0x3D
#define SPH 0x3E
#define SREG 0x3F
#define RAMPZ 0x3B

    .section .vectors, "ax", @progbits
    .global reset
reset:
    jmp start
    .rept 12
    jmp stop
    .endr
    jmp tick                      ; 13: timer 1, compare match A
    .rept 21
    jmp stop
    .endr

    .text
start:
    cli
    clr r1                        ; the compiler's zero
    out SREG, r1
    ldi r28, lo8(stack_end - 1)
    ldi r29, hi8(stack_end - 1)
    out SPH, r29
    out SPL, r28
    ldi r16, hh8(data_load)
    out RAMPZ, r16
    ldi r30, lo8(data_load)
    ldi r31, hi8(data_load)
    ldi r26, lo8(data_start)
    ldi r27, hi8(data_start)
    ldi r17, hi8(data_end)
    rjmp 2f
1:  elpm r0, Z+
    st X+, r0
2:  cpi r26, lo8(data_end)
    cpc r27, r17
    brne 1b
    ldi r17, hi8(bss_end)
    rjmp 4f
3:  st X+, r1
4:  cpi r26, lo8(bss_end)
    cpc r27, r17
    brne 3b
    call kernel_main

; Reached by a vector that nobody asked for, too.
stop:
    call arch_stray

; All that a C function may use, for an interrupt that calls one.
tick:
    push r0
    in r0, SREG
    push r0
    push r1
    clr r1
    .irp r, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31
    push r\r
    .endr
    call kernel_tick
    .irp r, 31, 30, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18
    pop r\r
    .endr
    pop r1
    pop r0
    out SREG, r0
    pop r0
    reti
