/* SPDX-License-Identifier: MIT
 *
 * text.c - see text.h for the promise.
 */
#include "text.h"

#include "arch.h"

void text(const char *s)
{
    for (; *s != '\0'; s++)
        arch_putc(*s);
}

static void blanks(unsigned n)
{
    for (; n != 0; n--)
        arch_putc(' ');
}

void text_left(const char *s, unsigned width)
{
    unsigned n = 0;
    while (s[n] != '\0')
        n++;
    text(s);
    blanks(n < width ? width - n : 0);
}

/* Digits by subtraction of powers of ten. */
void text_number(uint32_t n, unsigned width)
{
    static const uint32_t powers[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    unsigned first = 0;
    while (first < 9 && n < powers[first])
        first++;
    blanks(width > 10 - first ? width - (10 - first) : 0);
    for (unsigned i = first; i < 10; i++) {
        char digit = '0';
        for (; n >= powers[i]; n -= powers[i])
            digit++;
        arch_putc(digit);
    }
}

void text_hex(uint64_t n, unsigned digits)
{
    /* In halves: a shift of 64 bits by a variable is a library call on some chips. */
    const uint32_t halves[2] = { (uint32_t)n, (uint32_t)(n >> 32) };
    text("0x");
    while (digits-- != 0)
        arch_putc("0123456789abcdef"[halves[digits / 8] >> (digits % 8 * 4) & 15]);
}

void text_address(uintptr_t address)
{
    text_hex(address, sizeof address * 2);
}

void text_bytes(uint64_t bytes, unsigned width)
{
    static const char *const units[] = { " B  ", " KiB", " MiB", " GiB" };
    unsigned unit = 0;
    while (unit < 3 && bytes >= 10240) {
        bytes >>= 10;
        unit++;
    }
    text_number((uint32_t)bytes, width - 4);
    text(units[unit]);
}

void text_section(const char *title, const char *about)
{
    text("\n");
    text_left(title, 14);
    text(about);
    text("\n");
}
