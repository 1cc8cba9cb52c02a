/* SPDX-License-Identifier: MIT
 *
 * steps.h - counts the steps that a call takes: basic blocks entered, the same number on every run of one program.
 *
 * In programs that are built for it (TEST_STEPS), the compiler puts a call to the counter into every basic block. Time would
 * depend on the machine and its load.
 */
#ifndef TEST_STEPS_H
#define TEST_STEPS_H

#include "host.h"

extern uintptr_t test_steps;

/* Was this program built to count? */
bool test_counts_steps(void);

#endif
