/* SPDX-License-Identifier: MIT
 *
 * memory.c - the memory of this process: what is mapped, and all of it put back to what it was.
 *
 * A trial changes a few dozen pages. To fork for it and to exit after it costs more than the trial; to compare what the process can
 * write with a copy, and to put back what differs, costs a tenth of that, and leaves nothing of a trial to the next one either.
 *
 * Promise: after lab_put_back each private page that could be written when lab_keep was called holds what it held then, whoever wrote
 * there: heap, statics, C library, stacks. Only the frames of those that wait for it are their own.
 * Invariant: nothing but the subject maps and unmaps.
 * Must not know: any allocator, what a trial is.
 */
#define _GNU_SOURCE
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, MOST_SPANS = 200 };
#define HUGE_PAGE ((uintptr_t)2 << 20)
/* Linux 6.1's, which the C library's headers may not know. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

struct mapping {
    uintptr_t start;
    uintptr_t end;
    bool is_ours;                    /* private, and can be written */
    const unsigned char *copy;
};

static struct mapping mappings[MOST_SPANS];
static unsigned mapping_count;
static const struct lab_subject *owner;
static const struct mapping *kept;   /* the list again, where no wild write reaches it, with copies; ends with a start of 0 */

static bool read_maps(char *text, size_t room)
{
    size_t got = 0;
    ssize_t n;
    int file = open("/proc/self/maps", O_RDONLY);
    if (file < 0)
        return false;
    while ((n = read(file, text + got, room - 1 - got)) > 0)
        got += (size_t)n;
    close(file);
    text[got] = '\0';
    return n == 0 && got < room - 1;
}

/* Each line begins `start-end rwxp`. */
bool lab_survey(const struct lab_subject *subject)
{
    char text[32768];
    if (subject->mark == NULL || !read_maps(text, sizeof text))
        return false;
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (mapping_count == MOST_SPANS)
            return false;
        struct mapping *m = &mappings[mapping_count++];
        m->start = (uintptr_t)strtoull(line, &line, 16);
        m->end = (uintptr_t)strtoull(line + 1, &line, 16);
        m->is_ours = line[2] == 'w' && line[4] == 'p';
        m->copy = NULL;
    }
    subject->mark();
    owner = subject;
    return true;
}

/* What was written becomes huge pages, what was not is the kernel's one huge page of zeros: a process forked from here that reads all of a
 * heap of 1 GiB then takes 512 page faults instead of 262,144, which were half of its time. Where it writes it gets a page of 4 KiB as ever.
 * A kernel without huge pages, or one that has no memory for them, refuses, and all is as it was. */
void lab_expect_reading(void)
{
    for (unsigned i = 0; i < mapping_count; i++) {
        const struct mapping *m = &mappings[i];
        if (!m->is_ours || m->end - m->start < 2 * HUGE_PAGE)
            continue;
        const uintptr_t start = (m->start + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
        madvise((void *)start, m->end - start, MADV_HUGEPAGE);
        for (uintptr_t at = start; at <= m->end - HUGE_PAGE; at += HUGE_PAGE) {
            (void)*(const volatile unsigned char *)at;
            madvise((void *)at, HUGE_PAGE, MADV_COLLAPSE);
        }
        madvise((void *)start, m->end - start, MADV_NOHUGEPAGE);
    }
}

static bool was_mapped(uintptr_t page)
{
    for (unsigned i = 0; i < mapping_count; i++) {
        if (page - mappings[i].start < mappings[i].end - mappings[i].start)
            return true;
    }
    return false;
}

/* Asked of the system, since a wild pointer must not be the lab's crash. What was there once is not asked for again: the calls to
 * the system would be a third of a trial. */
static bool is_there(uintptr_t page)
{
    static uintptr_t known[256];
    uintptr_t *slot = &known[page / PAGE % 256];
    unsigned char there;
    if (*slot == page && page != 0)
        return true;
    if (mincore((void *)page, 1, &there) != 0)
        return false;
    *slot = page;
    return true;
}

static bool page_is_mapped(uintptr_t page)
{
    return owner != NULL && owner->is_as_marked() ? was_mapped(page) : is_there(page);
}

bool lab_is_mapped(const void *start, size_t bytes)
{
    uintptr_t page = (uintptr_t)start & ~(uintptr_t)(PAGE - 1);
    uintptr_t last = ((uintptr_t)start + (bytes != 0 ? bytes - 1 : 0)) & ~(uintptr_t)(PAGE - 1);
    return last >= page && page_is_mapped(page) && page_is_mapped(last);
}

/* Where to put a copy of all that is ours; the part of the stack that the waiting functions use is not. */
static size_t lay_out(unsigned char *copy, uintptr_t frame)
{
    size_t total = 0;
    for (unsigned i = 0; i < mapping_count; i++) {
        struct mapping *m = &mappings[i];
        if (!m->is_ours)
            continue;
        if (frame - m->start < m->end - m->start)
            m->start = frame;
        m->copy = copy + total;
        total += m->end - m->start;
    }
    return total;
}

/* The copy is shared, so that those who are forked from here do not copy it, and comes to be read-only. It is not on the list itself. */
bool lab_keep(const void *frame)
{
    size_t room = sizeof mappings + lay_out(NULL, (uintptr_t)frame);
    unsigned char *shared = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    lay_out(shared + sizeof mappings, (uintptr_t)frame);
    struct mapping *list = (struct mapping *)(void *)shared;
    kept = list;
    for (unsigned i = 0; i < mapping_count; i++) {
        if (!mappings[i].is_ours)
            continue;
        *list++ = mappings[i];
        memcpy(shared + (mappings[i].copy - shared), (const void *)mappings[i].start, mappings[i].end - mappings[i].start);
    }
    return mprotect(shared, room, PROT_READ) == 0;
}

/* Page by page: most of them have not changed. */
bool lab_put_back(void)
{
    if (!owner->is_as_marked() && !owner->rewind())
        return false;
    for (const struct mapping *m = kept; m->start != 0; m++) {
        for (uintptr_t at = m->start; at < m->end; at = (at | (PAGE - 1)) + 1) {
            const size_t bytes = m->end - at < PAGE ? m->end - at : PAGE;
            const unsigned char *copy = m->copy + (at - m->start);
            if (memcmp((const void *)at, copy, bytes) != 0)
                memcpy((void *)at, copy, bytes);
        }
    }
    return true;
}
