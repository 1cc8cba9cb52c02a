/* SPDX-License-Identifier: MIT
 *
 * kernel.h - the chapters of the kernel's show, in the order in which they run, and what they share.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <freehold.h>

/* States a fact; if it does not hold, says so, and the kernel will not pass. Returns held. */
bool must(bool held, const char *fact);

/* Reports of misuse: how many there were, and the last one. */
struct fault_log {
    unsigned count;
    struct fh_fault last;
};
extern struct fault_log fault_log;

/* The stress workload on heaps of each kind, one line each. */
void show_stress(void);

/* The workload once more on that heap, while a timer interrupt uses it too; and on all cores at once. */
void show_interrupts(struct fh_heap *heap, const char *where);
void show_cores(struct fh_heap *heap, const char *where);

/* The timer interrupt at work on a heap; stop takes its blocks back and tells how often it came. start is false without a timer. */
bool ticks_start(struct fh_heap *heap);
unsigned ticks_stop(void);

/* Called within the heap's lock, just before it is left. */
void inside_lock(void);

/* Fills a heap with blocks and holes to look at; takes them back. */
void scene_set(struct fh_heap *heap);
void scene_clear(struct fh_heap *heap);

void show_map(struct fh_heap *heap);
void show_statistics(struct fh_heap *heap);
void show_misuse(struct fh_heap *heap);

/* One line of the table of workloads. Used by the chapters above. */
struct stress_plan;
struct stress_report;
void stress_line(const struct stress_plan *plan, const struct stress_report *report, const char *where);

#endif
