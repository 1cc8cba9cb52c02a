/* SPDX-License-Identifier: MIT
 *
 * signals.c - fork in a signal handler, whatever it interrupted: both processes go on in the allocator, and both heaps are whole.
 *
 * A program of one thread, without fork handlers that allocate, which may not be interrupted so. It is given 30 seconds: an allocator that
 * waits for the thread that it interrupted does not end.
 */
#include "case.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { CHILDREN = 300 };

static volatile sig_atomic_t forks;
static volatile sig_atomic_t failures;
static volatile sig_atomic_t is_child;
static void *slots[64];

static void fork_now(int number)
{
    (void)number;
    if (is_child)
        return;
    int saved = errno;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        is_child = 1;
        errno = saved;
        return;
    }
    int status = -1;
    failures += child < 0 || waitpid(child, &status, 0) != child || status != 0;
    forks++;
    errno = saved;
}

static size_t size_at(unsigned i)
{
    return i % 3 == 0 ? 10 + i % 100 : 2100 + i % 5000;
}

static void use_slot(unsigned i)
{
    unsigned at = i * 7 % COUNT(slots);
    free(slots[at]);
    slots[at] = malloc(size_at(i));
    if (EXPECT(slots[at] != NULL))
        paint(slots[at], 10, at);
}

/* The child goes on from where its parent was interrupted, and ends after some rounds. */
static void test_fork_in_handler(void)
{
    struct sigaction action = { .sa_handler = fork_now, .sa_flags = SA_RESTART };
    struct itimerval often = { { 0, 700 }, { 0, 700 } }, never = { { 0, 0 }, { 0, 0 } };
    EXPECT(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    unsigned left = 1000;
    for (unsigned i = 0; forks < CHILDREN; i++) {
        use_slot(i);
        if (is_child && --left == 0)
            break;
    }
    EXPECT(is_child || setitimer(ITIMER_REAL, &never, NULL) == 0);
    for (unsigned at = 0; at < COUNT(slots); at++) {
        EXPECT(slots[at] == NULL || is_painted(slots[at], 10, 10, at));
        free(slots[at]);
        slots[at] = NULL;
    }
    if (is_child)
        _exit(has_failed());
    EXPECT(failures == 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    static const struct test_case cases[] = {
        { "fork-in-handler", test_fork_in_handler },
    };
    return run_cases(cases, COUNT(cases), argv + 1);
}
