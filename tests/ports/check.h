/* SPDX-License-Identifier: MIT
 *
 * check.h - for the tests of the ports: RUN prints `pass NAME` or `fail NAME` for the tally, CHECK says on stderr what failed.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static unsigned check_failures;

#define CHECK(condition) \
    ((condition) ? (void)0 : (void)(check_failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition)))

#define RUN(test) run(#test, test)

static inline void run(const char *name, void (*test)(void))
{
    check_failures = 0;
    test();
    printf("%s %s\n", check_failures == 0 ? "pass" : "fail", name);
}

#endif
