/* SPDX-License-Identifier: MIT
 *
 * host_bare.h - host.h over bare Linux system calls, for the files that know how one is made: they define host_call, host_mmap and the
 * calls' numbers, include this, and enter host_start.
 *
 * Also what a compiler may call without being asked: memcpy and memset, for the tests alone. That the core needs neither
 * is shown elsewhere (tests/build).
 */
#include "host.h"

enum { SIG_ILL = 4, SIG_TRAP = 5, SIG_ABRT = 6, SIG_ALRM = 14 };

static char **environment;

struct host_end host_run(void (*run)(void *), void *arg, unsigned seconds)
{
    long child = host_call(SYS_FORK, 0, 0, 0, 0, 0, 0);
    if (child == 0) {
        host_call(SYS_ALARM, (long)seconds, 0, 0, 0, 0, 0);
        run(arg);
        host_exit(0);
    }
    int status = 0;
    if (child < 0 || host_call(SYS_WAIT, child, (long)&status, 0, 0, 0, 0) != child)
        return (struct host_end){ .status = 127 };
    int signal = status & 0x7F;
    if (signal != 0)
        return (struct host_end){ .timed_out = signal == SIG_ALRM, .signal = signal };
    return (struct host_end){ .status = status >> 8 & 0xFF };
}

bool host_trapped(struct host_end end)
{
    return end.signal == SIG_ILL || end.signal == SIG_TRAP || end.signal == SIG_ABRT;
}

static void *map(void *place, size_t bytes, long flags)
{
    long mem = host_mmap((long)place, (long)bytes, flags);
    return (unsigned long)mem < (unsigned long)-4095 ? (void *)mem : NULL;
}

void *host_map(void *place, size_t bytes)
{
    return map(place, bytes, 0x4022 /* private, anonymous, noreserve */ | (place != NULL ? 0x100000 /* fixed, no replace */ : 0));
}

void *host_map_shared(size_t bytes)
{
    return map(NULL, bytes, 0x21 /* shared, anonymous */);
}

void host_unmap(void *mem, size_t bytes)
{
    host_call(SYS_MUNMAP, (long)mem, (long)bytes, 0, 0, 0, 0);
}

const char *host_env(const char *name)
{
    for (char **e = environment; *e != NULL; e++) {
        const char *n = name;
        const char *v = *e;
        while (*n != '\0' && *n == *v)
            n++, v++;
        if (*n == '\0' && *v == '=')
            return v + 1;
    }
    return NULL;
}

void host_write(int stream, const char *text, size_t length)
{
    while (length != 0) {
        long n = host_call(SYS_WRITE, stream, (long)text, (long)length, 0, 0, 0);
        if (n <= 0)
            return;
        text += n;
        length -= (size_t)n;
    }
}

_Noreturn void host_exit(int status)
{
    for (;;)
        host_call(SYS_EXIT_GROUP, status, 0, 0, 0, 0, 0);
}

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

void *memcpy(void *to, const void *from, size_t bytes)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

_Noreturn void host_start(long *stack);

_Noreturn void host_start(long *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    environment = argv + argc + 1;
    host_exit(test_main(argc, argv));
}
