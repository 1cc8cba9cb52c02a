/* SPDX-License-Identifier: MIT
 *
 * words.h - what freehold.c must know of a core beyond its public calls: where the words of its control structure lie. One file for each
 * core: words_large.c, words_small.c.
 */
#ifndef LAB_WORDS_H
#define LAB_WORDS_H

#include "subject.h"
#include <freehold.h>

/* Has a heap one region only, which grows by what touches it, and no port to grow by? */
extern const bool words_one_span;

/* A free block so large holds its size in a word of its own. SIZE_MAX: none does. */
extern const size_t words_huge_bytes;

/* Does any of the heap's memory lie at that address? */
bool words_hold(const struct fh_heap *heap, uintptr_t address);

/* A word of that kind outside the blocks; false: there is none. */
bool words_place(struct fh_heap *heap, enum lab_part part, uint64_t random, struct lab_span *span);

/* What lies at an address in the control structure, for whoever reads the lines of --verbose; NULL: that is elsewhere. */
const char *words_name(const struct fh_heap *heap, const void *address);

/* The name of the field of a table that holds the byte at that offset; NULL: none does. */
struct words_field {
    size_t offset, bytes;
    const char *name;
};

static inline const char *words_field_at(const struct words_field *fields, size_t count, size_t offset)
{
    for (size_t i = 0; i < count; i++) {
        if (offset - fields[i].offset < fields[i].bytes)
            return fields[i].name;
    }
    return NULL;
}

static inline bool span_at(struct lab_span *span, uintptr_t start, size_t bytes)
{
    *span = (struct lab_span){ (unsigned char *)start, bytes };
    return bytes != 0;
}

#endif
