/* SPDX-License-Identifier: MIT
 *
 * arch.c - an ATmega1284P: its serial port, its interrupt flag, its tick, and the two ends that simavr tells apart.
 *
 * Source: ATmega1284P data sheet, 16 (timer 1), 19 (USART).
 */
#include "../arch.h"
#include "../text.h"

const char arch_name[] = "avr";
const char arch_machine[] = "simavr's ATmega1284P";

static volatile uint8_t *const status_register = (volatile uint8_t *)0x5F;
static volatile uint8_t *const sleep_control = (volatile uint8_t *)0x53;

static volatile uint8_t *const serial_status = (volatile uint8_t *)0xC0;
static volatile uint8_t *const serial_control = (volatile uint8_t *)0xC1;
static volatile uint8_t *const serial_data = (volatile uint8_t *)0xC6;

static volatile uint8_t *const timer_mask = (volatile uint8_t *)0x6F;
static volatile uint8_t *const timer_control = (volatile uint8_t *)0x81;
static volatile uint8_t *const timer_high = (volatile uint8_t *)0x89;
static volatile uint8_t *const timer_low = (volatile uint8_t *)0x88;

enum { INTERRUPTS = 0x80, TRANSMITTER = 0x08, EMPTY = 0x20, COMPARE_A = 0x02, CLEAR_ON_MATCH_BY_8 = 0x0A, SLEEP = 0x01 };

/* At 16 MHz and an eighth of it, one tick in 2.5 milliseconds: about as often as the microcontrollers beside it. */
enum { TICK_COUNT = 5000 };

void arch_stray(void);

void arch_putc(char c)
{
    *serial_control = TRANSMITTER;
    while ((*serial_status & EMPTY) == 0)
        continue;
    *serial_data = (uint8_t)c;
}

/* To sleep with interrupts off is the end for simavr; so is a jump to where there is no flash, and it tells them apart. */
_Noreturn void arch_exit(bool passed)
{
    *status_register = 0;
    *sleep_control = SLEEP;
    if (passed)
        __asm__ volatile("sleep");
    for (;;)
        __asm__ volatile("ldi r30, 0xFF\n ldi r31, 0xFF\n ijmp" : : : "r30", "r31", "memory");
}

void arch_stray(void)
{
    text("\nFAIL  an interrupt that nobody asked for\n");
    arch_exit(false);
}

uintptr_t arch_irq_save(void)
{
    uintptr_t state = *status_register & INTERRUPTS;
    __asm__ volatile("cli" : : : "memory");
    return state;
}

void arch_irq_restore(uintptr_t state)
{
    if (state != 0)
        __asm__ volatile("sei" : : : "memory");
}

bool arch_timer_start(void)
{
    *timer_high = TICK_COUNT >> 8;
    *timer_low = TICK_COUNT & 0xFF;
    *timer_mask = COMPARE_A;
    *timer_control = CLEAR_ON_MATCH_BY_8;
    __asm__ volatile("sei" : : : "memory");
    return true;
}

void arch_timer_stop(void)
{
    __asm__ volatile("cli" : : : "memory");
    *timer_control = 0;
    *timer_mask = 0;
}
