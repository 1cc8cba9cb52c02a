/* SPDX-License-Identifier: MIT
 *
 * flawed.c - freehold as an adapter that does what fh-replay --refuse is to find: with FLAW_LEAKY it loses every second block that is
 * freed, with FLAW_GENEROUS it grants what it has not.
 */
#include "../adapter.h"

#define fh_adapter_free kept_free
#define fh_adapter_malloc kept_malloc
#include "../adapters/freehold.c"
#undef fh_adapter_free
#undef fh_adapter_malloc

#ifdef FLAW_LEAKY
enum { LOSES_EVERY = 2, GRANTS_ALL = 0 };
#else
enum { LOSES_EVERY = 0, GRANTS_ALL = 1 };
#endif

void fh_adapter_free(void *heap, void *ptr)
{
    static unsigned freed;
    if (LOSES_EVERY == 0 || ++freed % LOSES_EVERY != 0)
        kept_free(heap, ptr);
}

void *fh_adapter_malloc(void *heap, size_t size)
{
    void *ptr = kept_malloc(heap, size);
    return ptr == NULL && GRANTS_ALL ? kept_malloc(heap, 16) : ptr;
}
