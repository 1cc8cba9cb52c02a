/* SPDX-License-Identifier: MIT
 *
 * print.h - text and numbers on the board's console, without a division: not every machine here divides.
 */
#ifndef WCET_PRINT_H
#define WCET_PRINT_H

#include "board.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void put(const char *text)
{
    while (*text != 0)
        board_put(*text++);
}

/* A number with a blank before it. */
static inline void put_number(size_t number)
{
    static const uint32_t powers[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    bool begun = false;
    uint32_t n = (uint32_t)number;
    board_put(' ');
    for (unsigned i = 0; i < sizeof powers / sizeof *powers; i++) {
        char digit = '0';
        for (; n >= powers[i]; n -= powers[i])
            digit++;
        begun = begun || digit != '0' || powers[i] == 1;
        if (begun)
            board_put(digit);
    }
}

#endif
