/* SPDX-License-Identifier: MIT
 *
 * linked.c - a heap between two symbols of the linker script; see static.h for the promise.
 */
#include "static.h"

/* Addresses, not objects: nothing is stored at the symbols themselves. */
extern unsigned char __heap_start[];
extern unsigned char __heap_end[];

struct fh_heap *fh_static_linked(const struct fh_port *port)
{
    /* Where other sections grew past the end, the difference wraps, and fh_create refuses memory that does. */
    return fh_static_array(__heap_start, (uintptr_t)__heap_end - (uintptr_t)__heap_start, port);
}
