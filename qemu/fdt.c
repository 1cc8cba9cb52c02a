/* SPDX-License-Identifier: MIT
 *
 * fdt.c - see fdt.h for the promise.
 */
#include "fdt.h"

#define MAGIC 0xD00DFEED
enum token { BEGIN_NODE = 1, END_NODE, PROPERTY, NOP, END };

/* The tree while it is read: big-endian words, whatever the machine. */
struct reader {
    const unsigned char *tree;
    uint32_t bytes;
    uint32_t at;
};

static uint32_t word_at(const struct reader *r, uint32_t at)
{
    if (r->bytes < 4 || at > r->bytes - 4)
        return 0;
    const unsigned char *p = r->tree + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t next_word(struct reader *r)
{
    uint32_t word = word_at(r, r->at);
    r->at += 4;
    return word;
}

/* Does the text at that place begin so? whole: and end there too. */
static bool says(const struct reader *r, uint32_t at, const char *what, bool whole)
{
    for (; *what != '\0'; what++, at++) {
        if (at >= r->bytes || r->tree[at] != (unsigned char)*what)
            return false;
    }
    return !whole || (at < r->bytes && r->tree[at] == '\0');
}

static void skip(struct reader *r, uint32_t bytes)
{
    if (bytes > r->bytes - r->at)
        bytes = r->bytes - r->at;
    r->at = (r->at + bytes + 3) & ~(uint32_t)3;
}

static void skip_text(struct reader *r)
{
    while (r->at < r->bytes && r->tree[r->at] != '\0')
        r->at++;
    r->at = (r->at + 4) & ~(uint32_t)3;
}

static uint64_t cells(const struct reader *r, uint32_t at, uint32_t count)
{
    uint64_t value = 0;
    for (; count != 0; count--, at += 4)
        value = value << 32 | word_at(r, at);
    return value;
}

/* One stretch of memory, around the tree. */
static void around_tree(const struct reader *r, uint64_t start, uint64_t bytes, arch_span *span)
{
    uint64_t tree = (uintptr_t)r->tree;
    uint64_t after = tree + r->bytes;
    if (tree < start || after > start + bytes) {
        span(start, bytes, true, "usable");
        return;
    }
    if (tree > start)
        span(start, tree - start, true, "usable");
    span(tree, r->bytes, false, "device tree");
    if (after < start + bytes)
        span(after, start + bytes - after, true, "usable");
}

void fdt_memory(const void *tree, arch_span *span)
{
    struct reader r = { tree, 40, 0 };
    if (tree == NULL || word_at(&r, 0) != MAGIC)
        return;
    r.bytes = word_at(&r, 4);
    r.at = word_at(&r, 8);
    uint32_t names = word_at(&r, 12);
    uint32_t address_cells = 2;
    uint32_t size_cells = 1;
    unsigned depth = 0;
    bool memory = false;
    while (r.at < r.bytes) {
        switch (next_word(&r)) {
        case BEGIN_NODE:
            depth++;
            memory = depth == 2 && (says(&r, r.at, "memory@", false) || says(&r, r.at, "memory", true));
            skip_text(&r);
            break;
        case END_NODE:
            depth--;
            memory = false;
            break;
        case PROPERTY: {
            uint32_t bytes = next_word(&r);
            uint32_t name = names + next_word(&r);
            if (depth == 1 && says(&r, name, "#address-cells", true))
                address_cells = word_at(&r, r.at);
            if (depth == 1 && says(&r, name, "#size-cells", true))
                size_cells = word_at(&r, r.at);
            uint32_t pair = (address_cells + size_cells) * 4;
            if (memory && says(&r, name, "reg", true) && pair != 0) {
                for (uint32_t i = 0; i + pair <= bytes; i += pair)
                    around_tree(&r, cells(&r, r.at + i, address_cells), cells(&r, r.at + i + address_cells * 4, size_cells), span);
            }
            skip(&r, bytes);
            break;
        }
        case NOP:
            break;
        default:
            return;
        }
    }
}
