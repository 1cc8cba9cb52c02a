/* SPDX-License-Identifier: MIT
 *
 * words_small.c - the words of a heap of the small core.
 */
#include "words.h"

#include "../../src/small/small.h"

const bool words_one_span = true;
const size_t words_huge_bytes = SIZE_MAX;

static size_t control_bytes(const struct fh_heap *heap)
{
    return (size_t)heap->end * FH_LINK_BYTES;
}

bool words_hold(const struct fh_heap *heap, uintptr_t address)
{
    return address - (uintptr_t)heap < (size_t)fh_end_link(heap) * FH_LINK_BYTES;
}

bool words_place(struct fh_heap *heap, enum lab_part part, uint64_t random, struct lab_span *span)
{
    uintptr_t h = (uintptr_t)heap;
    (void)random;
    switch (part) {
    case LAB_HEADS: return span_at(span, (uintptr_t)heap->heads, control_bytes(heap) - offsetof(struct fh_heap, heads));
    case LAB_MAP: return FH_HAS_MAP && span_at(span, h + offsetof(struct fh_heap, map), sizeof heap->map);
    case LAB_COUNTS: return span_at(span, h + offsetof(struct fh_heap, used), 2 * sizeof heap->used);
    case LAB_PORT: return span_at(span, h + offsetof(struct fh_heap, port), sizeof heap->port);
    case LAB_CONTROL: return span_at(span, h, control_bytes(heap));
    default: return false;
    }
}

const char *words_name(const struct fh_heap *heap, const void *address)
{
#define FIELD(name) { offsetof(struct fh_heap, name), sizeof heap->name, #name }
    static const struct words_field fields[] = {
        FIELD(port), FIELD(rare), FIELD(last), FIELD(end), FIELD(seal), FIELD(secret), FIELD(map), FIELD(ptr), FIELD(state),
        FIELD(used), FIELD(peak), FIELD(deferred), FIELD(deferrals), FIELD(bytes), FIELD(skip), FIELD(given),
    };
#undef FIELD
    size_t offset = (uintptr_t)address - (uintptr_t)heap;
    const char *name = words_field_at(fields, sizeof fields / sizeof *fields, offset);
    if (name != NULL)
        return name;
    return offset < control_bytes(heap) ? "heads or padding" : NULL;
}
