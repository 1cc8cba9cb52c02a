/* SPDX-License-Identifier: MIT
 *
 * no_cores.c - for machines with one core.
 */
#include "arch.h"

unsigned arch_cores(void)
{
    return 1;
}

unsigned arch_core(void)
{
    return 0;
}

void arch_cores_start(void)
{
}
