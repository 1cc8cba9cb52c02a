/* SPDX-License-Identifier: MIT
 *
 * text.h - lines of text in columns, over arch_putc.
 *
 * Promise: no memory, no division, so that it runs before there is a heap and on chips without a divider.
 * Must not know: what is printed.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

void text(const char *s);

/* The string, then blanks up to width. */
void text_left(const char *s, unsigned width);

/* A decimal number with blanks before it up to width. */
void text_number(uint32_t n, unsigned width);

/* 0x and that many digits. */
void text_hex(uint64_t n, unsigned digits);

/* An address, with as many digits as all addresses have. */
void text_address(uintptr_t address);

/* A number of bytes in the largest unit that leaves no remainder worth showing, up to width. */
void text_bytes(uint64_t bytes, unsigned width);

/* A heading: the title, and what the section is about. */
void text_section(const char *title, const char *about);

#endif
