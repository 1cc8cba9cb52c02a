/* SPDX-License-Identifier: MIT
 *
 * no_timer.c - for machines whose timer interrupt the kernel does not use.
 */
#include "arch.h"

bool arch_timer_start(void)
{
    return false;
}

void arch_timer_stop(void)
{
}
