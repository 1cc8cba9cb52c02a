/* SPDX-License-Identifier: MIT
 *
 * system.c - the process's malloc as a subject of the fault lab: glibc's, or whatever LD_PRELOAD put in its place.
 *
 * LAB_NAME in the environment names it in the table, LAB_TAG how many bytes below a payload are the allocator's (8 for
 * glibc), LAB_LINK how many at the beginning of a free one. It has no report to hook: it stops the process, and the lab takes
 * that for a detection.
 * Must not know: what a trial does.
 */
#define _GNU_SOURCE
#include "subject.h"

#include <malloc.h>
#include <stdlib.h>

static bool open_heap(const struct lab_wish *wish)
{
    (void)wish;
    return true;
}

static void *take(size_t align, size_t size)
{
    void *ptr = NULL;
    if (align < sizeof(void *))
        return malloc(size);
    return posix_memalign(&ptr, align, size) == 0 ? ptr : NULL;
}

static void give(void *ptr)
{
    free(ptr);
}

/* Most C libraries take size 0 for a free; the lab does not. */
static void *resize(void *ptr, size_t size)
{
    return realloc(ptr, size != 0 ? size : 1);
}

static size_t usable(void *ptr)
{
    return malloc_usable_size(ptr);
}

static size_t number_from(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? (size_t)strtoul(text, NULL, 10) : 0;
}

const struct lab_subject *lab_subject(void)
{
    static struct lab_subject subject = {
        .abi = LAB_ABI,
        .name = "glibc",
        .granule = 8,   /* the least that the C library's may give for the smallest sizes */
        .open = open_heap,
        .take = take,
        .give = give,
        .resize = resize,
        .usable = usable,
    };
    const char *name = getenv("LAB_NAME");
    if (name != NULL)
        subject.name = name;
    subject.tag_bytes = number_from("LAB_TAG");
    subject.link_bytes = number_from("LAB_LINK");
    return &subject;
}
