/* SPDX-License-Identifier: MIT
 *
 * host_posix.c - host.h over the C library; see there.
 */
#define _GNU_SOURCE
#include "host.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct host_end host_run(void (*run)(void *), void *arg, unsigned seconds)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(seconds);
        run(arg);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return (struct host_end){ .status = 127 };
    if (WIFSIGNALED(status))
        return (struct host_end){ .timed_out = WTERMSIG(status) == SIGALRM, .signal = WTERMSIG(status) };
    return (struct host_end){ .status = WEXITSTATUS(status) };
}

bool host_trapped(struct host_end end)
{
    return end.signal == SIGILL || end.signal == SIGTRAP || end.signal == SIGABRT;
}

void *host_map(void *place, size_t bytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *mem = mmap(place, bytes, PROT_READ | PROT_WRITE, flags | (place != NULL ? MAP_FIXED_NOREPLACE : 0), -1, 0);
    return mem != MAP_FAILED ? mem : NULL;
}

void *host_map_shared(size_t bytes)
{
    void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return mem != MAP_FAILED ? mem : NULL;
}

void host_unmap(void *mem, size_t bytes)
{
    munmap(mem, bytes);
}

const char *host_env(const char *name)
{
    return getenv(name);
}

void host_write(int stream, const char *text, size_t length)
{
    while (length != 0) {
        ssize_t n = write(stream, text, length);
        if (n <= 0)
            return;
        text += n;
        length -= (size_t)n;
    }
}

_Noreturn void host_exit(int status)
{
    _exit(status);
}

int main(int argc, char **argv)
{
    return test_main(argc, argv);
}
