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
    uintptr_t start = (uintptr_t)__heap_start;
    uintptr_t end = (uintptr_t)__heap_end;
    /* A linker script whose other sections grew past the end must not make a heap of all memory. */
    if (end <= start)
        return NULL;
    return fh_static_array(__heap_start, end - start, port);
}
