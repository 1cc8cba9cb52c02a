/* SPDX-License-Identifier: MIT
 *
 * report.h - what is asked of a replay, and the answers in words and figures.
 *
 * Must not know: how an allocator or a trace was loaded.
 */
#ifndef FH_REPORT_H
#define FH_REPORT_H

#include "run.h"

enum fh_task { FH_TIME, FH_FIT, FH_CHECK, FH_REFUSE, FH_MEMORY, FH_INFO };

struct fh_request {
    enum fh_task task;
    size_t passes;
    size_t region;           /* 0: as much as is ample */
    const char *picture;     /* NULL: none */
    bool tsv;
};

/* The line above the figures, where there is one. */
void fh_report_title(const struct fh_request *request);

/* Does what is asked on each allocator. Returns 0, 1 if an allocator refused or broke something, 2 if it could not be done. */
int fh_report(const struct fh_request *request, const struct fh_trace *t, const char *path, const struct fh_allocator *a, size_t count);

/* What other builds of the allocator would change about the smallest region. */
void fh_report_settings(const struct fh_trace *t, const struct fh_allocator *a, const struct fh_allocator *others, size_t count);

/* Draws the heap over the course of the trace, replayed in a region of that many bytes. */
bool fh_picture(const char *path, const struct fh_allocator *a, const struct fh_trace *t, size_t bytes);

/* Turns a ring buffer into a trace. */
bool fh_import(const char *ring_path, const char *trace_path);

#endif
