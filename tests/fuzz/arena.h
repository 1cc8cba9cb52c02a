/* SPDX-License-Identifier: MIT
 *
 * arena.h - the memory that all heaps of one fuzzed run are given, and who holds which part of it.
 *
 * Promise: a byte that no heap was given is poisoned for the address sanitizer, as far as its granularity of 8 bytes goes; what
 * it cannot poison holds a pattern that is looked at. A part that comes back must be the union of whole parts that were given.
 * Invariant: no two parts overlap.
 * Must not know: freehold.
 */
#ifndef FUZZ_ARENA_H
#define FUZZ_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Large enough for blocks that are huge to the core: 1 MiB and more. */
#define ARENA_BYTES ((size_t)3 << 20)
#define ARENA_NOBODY 0

/* Ends the run with a message unless the fact holds. */
void require(bool fact, const char *text);

/* Takes everything back from everybody. */
void arena_reset(void);

/* The first byte, for those who choose a place. */
uintptr_t arena_start(void);

/* Gives the bytes from start on to an owner; false if they are not all nobody's, or there are too many parts. */
bool arena_give(unsigned owner, uintptr_t start, size_t bytes, bool acquired);

/* Takes one part that was given, or the union of several, back from its owner. */
void arena_take_back(unsigned owner, uintptr_t start, size_t bytes, bool acquired);

/* Takes all that is left from an owner; returns how much of it was acquired. */
size_t arena_take_all(unsigned owner);

/* Do all the bytes belong to that owner? */
bool arena_owns(unsigned owner, uintptr_t start, size_t bytes);

/* How many bytes belong to that owner. */
size_t arena_total(unsigned owner);

/* One part of that owner, any number will do; false if it has none. */
bool arena_part(unsigned owner, unsigned number, uintptr_t *start, size_t *bytes);

/* Looks at the pattern around all parts. */
void arena_check_edges(void);

#endif
