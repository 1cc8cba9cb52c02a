/* SPDX-License-Identifier: MIT
 *
 * host.h - all that the tests need from the system under them: a child process, memory, one stream, the environment.
 *
 * Promise: small enough to be had twice, over the C library (host_posix.c) and over bare Linux system calls (host_bare.h), so
 * that the 32-bit suite needs no 32-bit C library: Debian's gcc-multilib and its cross compilers remove one another, and
 * nothing of the kind exists for clang alone.
 * Must not know: what a test is.
 */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a child ended. */
struct host_end {
    bool timed_out;
    int signal;      /* 0: by exit */
    int status;
};

/* Calls run(arg) in a child process, which may crash, trap or hang; after so many seconds it is ended. */
struct host_end host_run(void (*run)(void *), void *arg, unsigned seconds);

/* Did the child end as a program does that executes a trap instruction? */
bool host_trapped(struct host_end end);

/* Memory of zeroes, not counted against what the machine has until it is touched; NULL if it is not to be had. place: where,
 * or NULL for anywhere. host_map_shared: what a child writes there, the parent sees. */
void *host_map(void *place, size_t bytes);
void *host_map_shared(size_t bytes);
void host_unmap(void *mem, size_t bytes);

/* The value of an environment variable or NULL. */
const char *host_env(const char *name);

/* stream 1: results; 2: messages. */
void host_write(int stream, const char *text, size_t length);

_Noreturn void host_exit(int status);

/* The tests' own main. */
int test_main(int argc, char **argv);

#endif
