/* SPDX-License-Identifier: MIT
 *
 * fault.c - what becomes of a blame: a report to the port, or a trap; then the lists are mended.
 *
 * Promise: no misuse and no damage that was noticed goes by in silence. The only place that calls the fault hook.
 */
#include "lock.h"

/* Does not return; without an instruction for it, stands still, where a debugger finds it. */
#if defined(__GNUC__) && !defined(__AVR__)
static _Noreturn void trap(void)
{
    __builtin_trap();
}
#else
static _Noreturn void trap(void)
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
        trap();
    h->port->fault(h->port->ctx, &fault);
    if (fault.kind == FH_BAD_TAG || fault.kind == FH_BAD_LINK || fault.kind == FH_BAD_FOOTER
        || fault.kind == FH_BAD_CONTROL)
        fh_pool_relist(h);
}
