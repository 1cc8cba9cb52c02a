/* SPDX-License-Identifier: MIT
 *
 * memory.h - where the kernel's heaps get their memory from: memory_frames.c or memory_static.c.
 *
 * Promise: memory_close tells whether all memory came back.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "../tests/stress/stress.h"

/* Finds the machine's memory and shows it. */
void memory_find(void);

/* The ways in which heaps are supplied here, numbered from 0, and what they are called. */
unsigned memory_ways(void);
const char *memory_way(unsigned way);

/* A heap with the kernel's lock and its hook for faults, NULL if there is no memory; one that has a cache for each core on
 * top, if the core has caches; and its end. */
struct fh_heap *memory_open(unsigned way);
bool memory_has_caches(void);
struct fh_heap *memory_open_cached(void);
bool memory_close(struct fh_heap *heap);

/* Room for the stress workload's model; the number of slots says which plans fit. */
extern struct stress_slot memory_slots[];
extern const unsigned memory_slot_count;

/* Of main.c, for the ports. */
struct lock;
extern struct lock heap_lock;
uintptr_t heap_enter(void *ctx);
void heap_leave(void *ctx, uintptr_t state);
unsigned heap_cpu(void *ctx);
bool heap_swap(void *ctx, uintptr_t *word, uintptr_t expected, uintptr_t wanted);
void heap_fault(void *ctx, const struct fh_fault *fault);

#endif
