/* SPDX-License-Identifier: MIT
 *
 * no_nmi.c - for machines without an interrupt that cannot be held off, or whose the kernel does not use.
 */
#include "arch.h"

bool arch_nmi_start(void)
{
    return false;
}

void arch_nmi_stop(void)
{
}
