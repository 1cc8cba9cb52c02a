/* SPDX-License-Identifier: MIT
 *
 * names.c - fault kinds in words, for those who print them; a program that does not is linked without the strings.
 */
#include <freehold.h>

const char *fh_fault_name(enum fh_fault_kind kind)
{
    static const char *const names[FH_FAULT_KINDS] = {
        [FH_OK] = "no fault",
        [FH_MISALIGNED] = "misaligned pointer",
        [FH_FOREIGN] = "foreign pointer",
        [FH_NOT_A_BLOCK] = "not a block",
        [FH_DOUBLE_FREE] = "double free",
        [FH_OVERRUN] = "overrun",
        [FH_BAD_TAG] = "damaged tag",
        [FH_BAD_LINK] = "damaged link",
        [FH_BAD_FOOTER] = "damaged footer",
        [FH_BAD_REGION] = "impossible region",
        [FH_NOT_COALESCED] = "neighbours not coalesced",
        [FH_BAD_LIST] = "damaged list",
        [FH_BAD_MAP] = "damaged map of lists",
        [FH_BAD_COUNT] = "wrong count",
        [FH_BAD_CONTROL] = "damaged control structure",
        [FH_BAD_POISON] = "write after free",
    };
    return (unsigned)kind < FH_FAULT_KINDS ? names[kind] : "unknown fault";
}
