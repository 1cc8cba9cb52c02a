/* SPDX-License-Identifier: MIT
 *
 * percpu.c - freehold with one CPU's cache as an adapter: as a kernel uses it, which asks the port for the CPU at each call.
 *
 * All but the port is freehold.c.
 * Must not know: the core beyond its public interface.
 */
#include <freehold.h>

#ifndef ADAPTER_NAME
#define ADAPTER_NAME "percpu"
#endif
#define ADAPTER_CACHE .cpus = 1, .cpu = first_cpu, .cache = &fh_cpu_cache

static unsigned first_cpu(void *ctx)
{
    (void)ctx;
    return 0;
}

#include "freehold.c"
