/* SPDX-License-Identifier: MIT
 *
 * fault.c - what becomes of a blame: a report to the port, or a trap; then the lists are mended.
 *
 * Promise: no misuse and no damage that was noticed goes by in silence. The only place that calls the fault hook.
 */
#include "lock.h"

/* Does not return; without an instruction for it, stands still, where a debugger finds it. */
#if defined(__GNUC__) && !defined(__AVR__)
FH_COLD _Noreturn void fh_trap(void)
{
    __builtin_trap();
}
#else
FH_COLD _Noreturn void fh_trap(void)
{
    for (;;)
        continue;
}
#endif

FH_COLD void fh_report(struct fh_heap *h, const void *ptr)
{
    struct fh_blame blame = h->lists.blame;
    if (blame.kind == FH_OK)
        return;
    h->lists.blame.kind = FH_OK;
    struct fh_fault fault = { (enum fh_fault_kind)blame.kind, ptr, blame.block, blame.expected, blame.found };
    if (h->port->fault == NULL)
        fh_trap();
    h->port->fault(h->port->ctx, &fault);
    /* An allocation that met an overrun found it behind a free block: while that block is listed, each request that it suits
     * would be refused again. */
    bool allocating = ptr == NULL && fault.kind == FH_OVERRUN;
    if (fault.kind == FH_BAD_TAG || fault.kind == FH_BAD_LINK || fault.kind == FH_BAD_FOOTER
        || fault.kind == FH_BAD_CONTROL || allocating)
        fh_rescue_of(h)->mend(h);
}

/* Without a function to finish them nobody has deferred anything: one of these words is damaged. */
FH_COLD void fh_finish_deferred(struct fh_heap *h)
{
    /* Whoever deferred wrote the function's words before this one. */
    uintptr_t first = fh_load_swapped(&h->deferred);
    fh_wide finish = fh_peek_long(&h->finish);
    if (finish != 0 && (finish ^ h->lists.space.secret) == fh_peek_long(&h->finish_seal)) {
        ((void (*)(struct fh_heap *))(uintptr_t)finish)(h);
        return;
    }
    fh_blame(&h->lists, FH_BAD_CONTROL, NULL, 0, (uint32_t)first);
    h->deferred = 0;
    fh_report(h, NULL);
}
