/* SPDX-License-Identifier: MIT
 *
 * show_misuse.c - what a kernel does wrong some day, and what it hears of it.
 *
 * Promise: each crime is reported with its kind, as data, and the heap is whole after it.
 */
#include "kernel.h"
#include "text.h"

/* Tells what was reported since before, and whether it is what was expected. */
static void verdict(struct fh_heap *heap, const char *crime, unsigned before, enum fh_fault_kind kind, const void *ptr)
{
    bool told = fault_log.count == before + 1 && fault_log.last.kind == kind && fault_log.last.ptr == ptr;
    enum fh_fault_kind state = fh_check(heap);
    text("  ");
    text_left(crime, 26);
    text_left(fault_log.count != before ? fh_fault_name(fault_log.last.kind) : "nothing", 22);
    text_address((uintptr_t)fault_log.last.ptr);
    text("   ");
    text(state == FH_OK ? "whole" : fh_fault_name(state));
    text("\n");
    must(told, "the crime was reported as what it is");
    must(state == FH_OK, "the heap was whole after the report");
}

static void free_wrongly(struct fh_heap *heap, const char *crime, void *ptr, enum fh_fault_kind kind)
{
    unsigned before = fault_log.count;
    fh_free(heap, ptr);
    verdict(heap, crime, before, kind, ptr);
}

/* Four bytes too many. They are put back before the heap is looked at: until then, fh_check rightly finds the damage. */
static void overrun(struct fh_heap *heap)
{
    unsigned char *p = fh_malloc(heap, 40);
    if (!must(p != NULL, "there was memory for the overrun"))
        return;
    unsigned char *end = p + fh_usable_size(heap, p);
    unsigned char saved[4];
    for (unsigned i = 0; i < 4; i++) {
        saved[i] = end[i];
        end[i] = 'A';
    }
    unsigned before = fault_log.count;
    fh_free(heap, p);
    must(fh_check(heap) != FH_OK, "fh_check saw the overrun");
    for (unsigned i = 0; i < 4; i++)
        end[i] = saved[i];
    verdict(heap, "written past its end", before, FH_OVERRUN, p);
    before = fault_log.count;
    fh_free(heap, p);
    must(fault_log.count == before && fh_check(heap) == FH_OK, "the mended block was freed");
}

void show_misuse(struct fh_heap *heap)
{
    static _Alignas(FH_GRANULE) unsigned char a_static[64];
    _Alignas(FH_GRANULE) unsigned char a_stack[64];
    unsigned char *p = fh_malloc(heap, 100);
    if (!must(p != NULL, "there was memory for the misuse"))
        return;
    for (unsigned i = 0; i < 100; i++)
        p[i] = (unsigned char)i;
    text_section("Misuse", "reported as data and refused; the heap goes on");
    text("  freed                     reported as           pointer");
    text_left("", sizeof(void *) * 2 - 2);
    text("the heap after it\n");
    free_wrongly(heap, "stack memory", a_stack + FH_GRANULE, FH_FOREIGN);
    free_wrongly(heap, "static memory", a_static + FH_GRANULE, FH_FOREIGN);
    free_wrongly(heap, "the middle of a block", p + 2 * FH_GRANULE, FH_NOT_A_BLOCK);
    free_wrongly(heap, "a block, one byte off", p + 1, FH_MISALIGNED);
    overrun(heap);
    fh_free(heap, p);
    free_wrongly(heap, "a block, twice", p, FH_DOUBLE_FREE);
    unsigned before = fault_log.count;
    must(fh_realloc(heap, p, 200) == NULL, "realloc refused a freed block");
    verdict(heap, "realloc of a freed block", before, FH_DOUBLE_FREE, p);
}
