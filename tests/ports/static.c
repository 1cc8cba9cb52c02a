/* SPDX-License-Identifier: MIT
 *
 * static.c - tests port/static: arrays of any alignment, and linker symbols, which a line of assembly stands for here. With
 * SYMBOLS_CROSSED the end lies before the start, as after a section that grew too large.
 */
#include <static/static.h>

#include "check.h"

#define SPACE 4096

#ifdef SYMBOLS_CROSSED
__asm__(".globl __heap_start, __heap_end\n.bss\n__heap_end: .skip 4096\n__heap_start: .skip 4096\n.text\n");
#else
__asm__(".globl __heap_start, __heap_end\n.bss\n.skip 3\n__heap_start: .skip 4096\n__heap_end: .skip 64\n.text\n");
#endif
extern unsigned char __heap_start[];
extern unsigned char __heap_end[];

static void *never(void *ctx, size_t bytes, size_t *got)
{
    (void)ctx;
    (void)bytes;
    (void)got;
    CHECK(!"a static heap asked for memory");
    return NULL;
}

static bool within(const void *p, const unsigned char *start, const unsigned char *end)
{
    return (uintptr_t)p >= (uintptr_t)start && (uintptr_t)p < (uintptr_t)end;
}

static void test_array(void)
{
    static unsigned char array[SPACE + 64];
    for (unsigned skew = 0; skew < 32; skew++) {
        for (size_t i = 0; i < sizeof array; i++)
            array[i] = 0xEE;
        struct fh_heap *heap = fh_static_array(array + skew, SPACE - 7, NULL);
        CHECK(heap != NULL);
        void *p = fh_malloc(heap, 1000);
        CHECK(within(p, array + skew, array + skew + SPACE - 7));
        CHECK(fh_malloc(heap, SPACE) == NULL && fh_check(heap) == FH_OK);
        fh_free(heap, p);
        CHECK(fh_destroy(heap) == 0);
        for (size_t i = 0; i < skew; i++)
            CHECK(array[i] == 0xEE);
        for (size_t i = skew + SPACE - 7; i < sizeof array; i++)
            CHECK(array[i] == 0xEE);
    }
}

static void test_array_refused(void)
{
    static unsigned char array[SPACE];
    static const struct fh_port grows = { .acquire = never };
    CHECK(fh_static_array(NULL, SPACE, NULL) == NULL);
    CHECK(fh_static_array(array, 40, NULL) == NULL);
    CHECK(fh_static_array(array, 0, NULL) == NULL);
    CHECK(fh_static_array(array, SPACE, &grows) == NULL);
}

static void test_linked(void)
{
    struct fh_heap *heap = fh_static_linked(NULL);
#ifdef SYMBOLS_CROSSED
    CHECK(heap == NULL);
#else
    CHECK(heap != NULL && within(heap, __heap_start, __heap_end));
    void *p = heap != NULL ? fh_malloc(heap, 2000) : NULL;
    CHECK(within(p, __heap_start, __heap_end) && fh_check(heap) == FH_OK);
#endif
}

int main(void)
{
    RUN(test_array);
    RUN(test_array_refused);
    RUN(test_linked);
    return 0;
}
