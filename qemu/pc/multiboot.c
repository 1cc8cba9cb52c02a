/* SPDX-License-Identifier: MIT
 *
 * multiboot.c - the memory map as a Multiboot 1 loader leaves it.
 *
 * Source: Multiboot Specification 0.6.96, 3.3.
 */
#include "pc.h"

#include "../arch.h"

#define LOADED_BY_MULTIBOOT 0x2BADB002
#define HAS_MAP (1u << 6)

struct info {
    uint32_t flags;
    uint32_t other[10];
    uint32_t map_bytes;
    uint32_t map;
};

struct __attribute__((packed)) entry {
    uint32_t bytes;          /* of what follows */
    uint64_t start;
    uint64_t length;
    uint32_t type;
};

static const char *kind_of(uint32_t type)
{
    static const char *const kinds[] = { "reserved", "usable", "reserved", "ACPI tables", "ACPI, kept asleep", "defective" };
    return type < sizeof kinds / sizeof *kinds ? kinds[type] : kinds[0];
}

void arch_memory(arch_span *span)
{
    const struct info *info = (const struct info *)(uintptr_t)boot_info;
    if (boot_magic != LOADED_BY_MULTIBOOT || (info->flags & HAS_MAP) == 0)
        return;
    uintptr_t at = info->map;
    while (at < (uintptr_t)info->map + info->map_bytes) {
        const struct entry *e = (const struct entry *)at;
        span(e->start, e->length, e->type == 1, kind_of(e->type));
        at += e->bytes + sizeof e->bytes;
    }
}
