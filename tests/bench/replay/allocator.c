/* SPDX-License-Identifier: MIT
 *
 * allocator.c - loads an adapter; see allocator.h for the promise and ../adapter.h for what an adapter is.
 */
#include "allocator.h"
#include "../adapter.h"

#include <dlfcn.h>
#include <stdio.h>

/* A function of the shared object. ISO C has no conversion from dlsym's answer to a function, so its bytes are copied. */
static bool find(void *object, const char *name, void *where)
{
    void *symbol = dlsym(object, name);
    memcpy(where, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool need(void *object, const char *path, const char *name, void *where)
{
    if (find(object, name, where))
        return true;
    fprintf(stderr, "fh-replay: %s: an adapter without %s\n", path, name);
    return false;
}

bool fh_allocator_load(struct fh_allocator *a, const char *path)
{
    if (strcmp(path, "system") == 0) {
        *a = fh_system_allocator;
        return true;
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        fprintf(stderr, "fh-replay: %s\n", dlerror());
        return false;
    }
    unsigned (*abi)(void);
    const char *(*name)(void);
    size_t (*bytes)(void);
    bool (*region)(void);
    *a = (struct fh_allocator){ .path = path, .granule = 2 * sizeof(void *), .tag = 4, .region = true };
    if (!need(object, path, "fh_adapter_abi", &abi))
        return false;
    if (abi() != FH_ADAPTER_ABI) {
        fprintf(stderr, "fh-replay: %s: an adapter of version %u; this program takes version %u\n", path, abi(), FH_ADAPTER_ABI);
        return false;
    }
    if (!need(object, path, "fh_adapter_name", &name) || !need(object, path, "fh_adapter_open", &a->open)
        || !need(object, path, "fh_adapter_close", &a->close) || !need(object, path, "fh_adapter_malloc", &a->malloc)
        || !need(object, path, "fh_adapter_free", &a->free) || !need(object, path, "fh_adapter_realloc", &a->realloc)
        || !need(object, path, "fh_adapter_aligned_alloc", &a->aligned_alloc))
        return false;
    a->name = name();
    find(object, "fh_adapter_calloc", &a->calloc);
    find(object, "fh_adapter_control", &a->control);
    find(object, "fh_adapter_broken", &a->broken);
    if (find(object, "fh_adapter_granule", &bytes))
        a->granule = bytes();
    if (find(object, "fh_adapter_tag", &bytes))
        a->tag = bytes();
    if (find(object, "fh_adapter_region", &region))
        a->region = region();
    if (a->granule == 0 || (a->granule & (a->granule - 1)) != 0) {
        fprintf(stderr, "fh-replay: %s: a granule of %zu is no power of two\n", path, a->granule);
        return false;
    }
    return true;
}
