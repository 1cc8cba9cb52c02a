/* SPDX-License-Identifier: MIT
 *
 * map.c - the replayer's own memory, from mmap; see load.h.
 *
 * A file of its own, so that a test may put memory in its place that notices every stray access.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void *fh_map(size_t bytes)
{
    void *mem = mmap(NULL, bytes != 0 ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED) {
        fprintf(stderr, "fh-replay: no memory for %zu bytes: %s\n", bytes, strerror(errno));
        exit(2);
    }
    return mem;
}

void fh_unmap(void *mem, size_t bytes)
{
    if (mem != NULL)
        munmap(mem, bytes != 0 ? bytes : 1);
}

void *fh_shrink(void *mem, size_t bytes, size_t kept)
{
    void *shrunk = mremap(mem, bytes, kept != 0 ? kept : 1, 0);
    return shrunk != MAP_FAILED ? shrunk : mem;
}
