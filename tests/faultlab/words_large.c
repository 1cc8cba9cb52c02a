/* SPDX-License-Identifier: MIT
 *
 * words_large.c - the words of a heap of the core in src/.
 */
#include "words.h"

#include "../../src/cache.h"

const bool words_one_span = false;
const size_t words_huge_bytes = (size_t)FH_HUGE * FH_GRANULE;

bool words_hold(const struct fh_heap *heap, uintptr_t address)
{
    return fh_region_over(&heap->lists.space, address, address) != NULL;
}

/* The header of a region that is not the first. */
static bool place_region(struct fh_heap *heap, uint64_t random, struct lab_span *span)
{
    const struct fh_region *r;
    uint64_t count = 0;
    for (r = fh_region_from(&heap->lists.space, 0); r != NULL; r = fh_region_from(&heap->lists.space, r->last))
        count += r != &heap->first;
    uint64_t chosen = count != 0 ? random % count : 0;
    for (r = fh_region_from(&heap->lists.space, 0); r != NULL; r = fh_region_from(&heap->lists.space, r->last)) {
        if (r != &heap->first && chosen-- == 0)
            return span_at(span, (uintptr_t)r, sizeof *r);
    }
    return false;
}

static bool place_cache(struct fh_heap *heap, uint64_t random, struct lab_span *span)
{
    const struct fh_cache *c = heap->caches;
    if (c == NULL)
        return false;
    if (c->next != NULL && random % 2 != 0)
        c = c->next;
    return span_at(span, (uintptr_t)c, sizeof *c + (c->most + 1) * sizeof(void *));
}

bool words_place(struct fh_heap *heap, enum lab_part part, uint64_t random, struct lab_span *span)
{
    uintptr_t h = (uintptr_t)heap;
    size_t table = sizeof(fh_word) * fh_table_words(heap->lists.classes);
    size_t heads = sizeof(fh_word) * heap->lists.classes;
    switch (part) {
    case LAB_CACHES: return place_cache(heap, random, span);
    case LAB_REGION: return place_region(heap, random, span);
    case LAB_HEADS: return span_at(span, h + FH_CONTROL_BYTES, heads);
    case LAB_MAP: return span_at(span, h + FH_CONTROL_BYTES + heads, table - heads);
    case LAB_COUNTS: return span_at(span, h + offsetof(struct fh_heap, used), offsetof(struct fh_heap, total) + sizeof heap->total - offsetof(struct fh_heap, used));
    case LAB_PORT: return span_at(span, h + offsetof(struct fh_heap, port), sizeof heap->port);
    case LAB_CONTROL: return span_at(span, h, FH_CONTROL_BYTES + table);
    default: return false;
    }
}

const char *words_name(const struct fh_heap *heap, const void *address)
{
#define FIELD(path, name) { offsetof(struct fh_heap, path), sizeof heap->path, name }
    static const struct words_field fields[] = {
        FIELD(first, "first"), FIELD(port, "port"), FIELD(caches, "caches"), FIELD(by_cpu, "by_cpu"), FIELD(used, "used"),
        FIELD(peak, "peak"), FIELD(total, "total"), FIELD(cache_count, "cache_count"), FIELD(growing, "growing"),
        FIELD(lists.space.lo, "space.lo"), FIELD(lists.space.span, "space.span"),
        FIELD(lists.space.root, "space.root"), FIELD(lists.space.secret, "space.secret"), FIELD(lists.blame, "blame"),
        FIELD(lists.classes, "classes"),
        FIELD(top, "top"), FIELD(victim, "victim"), FIELD(victim_size, "victim_size"),
        FIELD(lists.summary, "summary"), FIELD(deferred, "deferred"), FIELD(finish, "finish"),
    };
#undef FIELD
    size_t offset = (uintptr_t)address - (uintptr_t)heap;
    const char *name = words_field_at(fields, sizeof fields / sizeof *fields, offset);
    if (name != NULL)
        return name;
    if (offset < FH_CONTROL_BYTES)
        return "other or padding";
    return offset - FH_CONTROL_BYTES < sizeof(fh_word) * fh_table_words(heap->lists.classes) ? "table" : NULL;
}
