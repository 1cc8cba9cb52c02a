/* SPDX-License-Identifier: MIT
 *
 * static.h - a heap in memory that is known when the program is linked: an array, or what the linker script leaves over.
 *
 * Promise: the heap stays within that memory and never asks for more; a request that does not fit is refused.
 * Must not know: the core, the chip.
 *
 *     static unsigned char memory[8192];
 *     struct fh_heap *heap = fh_static_array(memory, sizeof memory, NULL);
 *
 * or, with `__heap_start = .;` and `__heap_end = ORIGIN(RAM) + LENGTH(RAM) - 2048;` in the linker script,
 *
 *     struct fh_heap *heap = fh_static_linked(NULL);
 *
 * port: lock, unlock, fault, random and caches as in freehold.h; its acquire and release must be NULL, for they are how a
 * heap would leave its memory. NULL: no lock, and misuse traps. Further memory is added with fh_add_region. */
#ifndef FREEHOLD_STATIC_H
#define FREEHOLD_STATIC_H

#include <freehold.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A heap in the bytes at array, any alignment; NULL if they are too few, or if array is NULL or the port could acquire. */
struct fh_heap *fh_static_array(void *array, size_t bytes, const struct fh_port *port);

/* A heap between the linker's symbols __heap_start and __heap_end; NULL if there is too little between them. In a file of its
 * own, so that only programs that call it need the symbols. */
struct fh_heap *fh_static_linked(const struct fh_port *port);

#ifdef __cplusplus
}
#endif
#endif
