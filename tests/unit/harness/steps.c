/* SPDX-License-Identifier: MIT
 *
 * steps.c - the counter that the compiler's calls lead to; see steps.h.
 */
#include "steps.h"

uintptr_t test_steps;

#ifdef TEST_STEPS
void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
    test_steps++;
}

bool test_counts_steps(void)
{
    return true;
}
#else
bool test_counts_steps(void)
{
    return false;
}
#endif
