/* SPDX-License-Identifier: MIT
 *
 * names.c - src/names.c: every kind of fault has a name of its own.
 */
#include "harness/rig.h"

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    return *a == *b;
}

static void every_kind_has_its_own(void)
{
    for (unsigned i = 0; i < FH_FAULT_KINDS; i++) {
        const char *name = fh_fault_name((enum fh_fault_kind)i);
        REQUIRE(name != NULL);
        CHECK(name[0] != '\0' && !same(name, "unknown fault"));
        for (unsigned j = 0; j < i; j++)
            CHECK(!same(name, fh_fault_name((enum fh_fault_kind)j)));
    }
    CHECK(same(fh_fault_name(FH_DOUBLE_FREE), "double free"));
}

static void others_have_none(void)
{
    CHECK(same(fh_fault_name(FH_FAULT_KINDS), "unknown fault"));
    CHECK(same(fh_fault_name((enum fh_fault_kind)0x7FFFFFFF), "unknown fault"));
}

TESTS(unit_names) = {
    { "every_kind_has_its_own", every_kind_has_its_own },
    { "others_have_none", others_have_none },
    TESTS_END
};
