/* SPDX-License-Identifier: MIT
 *
 * dump.c - writes a process's counters when it ends by _exit or by a trap, as the tests' children do; linked into the programs of
 * `make coverage`, which let no other file of the run-time do it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

int __llvm_profile_write_file(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
    __llvm_profile_write_file();
    __real__exit(status);
}

/* The handler is gone when it returns, and the same instruction ends the process. */
static void write_first(int signal)
{
    (void)signal;
    __llvm_profile_write_file();
}

__attribute__((constructor)) static void prepare(void)
{
    static const int deadly[] = { SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE };
    struct sigaction action = { .sa_handler = write_first, .sa_flags = (int)SA_RESETHAND };
    for (unsigned i = 0; i < sizeof deadly / sizeof *deadly; i++)
        sigaction(deadly[i], &action, NULL);
}
