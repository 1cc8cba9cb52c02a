/* SPDX-License-Identifier: MIT
 *
 * bare_i386.c - the stress plans with 32-bit addresses on a 64-bit Linux: a program without any library, so that a compiler
 * that knows -m32 is all it takes.
 *
 * Promise: prints what hosted.c prints for granules of 8, and ends with its status.
 */
#include "stress.h"

#include "../../qemu/text.h"

static _Alignas(FH_GRANULE) unsigned char small_memory[8192];
static _Alignas(FH_GRANULE) unsigned char large_memory[8 << 20];
static struct stress_slot slots[STRESS_LARGE_SLOTS];

void arch_putc(char c);
void bare_start(void);

static int call(int number, int a, const void *b, int c)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

void arch_putc(char c)
{
    call(4, 1, &c, 1);
}

static bool run(struct stress_plan plan, void *memory, size_t bytes)
{
    struct stress_report report = { .broken = "the heap was not made" };
    struct fh_heap *heap = fh_create(memory, bytes, NULL);
    const char *broken = heap != NULL && stress_run(heap, &plan, slots, &report)
                             ? stress_exhaust(heap, plan.seed, plan.largest < 65536 ? plan.largest : 65536)
                             : report.broken;
    text(plan.name);
    text("-");
    text_number(FH_GRANULE, 1);
    text(" ");
    if (broken != NULL) {
        text(broken);
        text("\n");
        return false;
    }
    text_number(report.steps, 1);
    text(" ");
    text_hex(report.digest, 8);
    text("\n");
    return true;
}

void bare_start(void)
{
    bool good = run(stress_brief(STRESS_SEED), small_memory, sizeof small_memory)
        && run(stress_small(STRESS_SEED), small_memory, sizeof small_memory)
        && run(stress_large(STRESS_SEED), large_memory, sizeof large_memory);
    call(1, good ? 0 : 1, NULL, 0);
}

/* The kernel leaves the stack aligned, a call does not. */
__asm__(".globl _start\n_start: and $-16, %esp\n call bare_start\n hlt\n");
