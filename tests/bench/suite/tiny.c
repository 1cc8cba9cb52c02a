/* SPDX-License-Identifier: MIT
 *
 * tiny.c - a program whose allocations are known to the last one, for the recorder to be measured against.
 *
 *   tiny calls     one of each call: 4 malloc, 1 calloc, 2 aligned, 3 realloc, 5 free
 *   tiny fork      4 malloc, 1 free, then a child that does 2 malloc, frees 4 and ends by _exit; the parent frees 1
 *   tiny exec      2 malloc, then exec of itself as `tiny calls'
 *   tiny vfork     2 malloc, a vforked child that execs, then 1 free
 *   tiny threads   2 threads that each allocate and free 20,000 blocks, some of which the other one frees
 *   tiny many      30,000 malloc, then as many free in another order
 *   tiny kill      50,000 malloc, then ends itself by SIGKILL
 *   tiny leave     malloc and free, until a signal handler calls _exit
 *   tiny closed    closes all descriptors but the first three, and opens a file of its own for each: 100,000 malloc later, it is empty
 *
 * Invariant: it calls nothing that allocates by itself (no stdio).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the library that was started before the recorder. */
extern void *volatile fh_before;

/* Keeps the compiler from knowing that a block is not used. */
static void *volatile sink;

static void *keep(void *ptr)
{
    sink = ptr;
    if (ptr == NULL)
        _exit(3);
    return ptr;
}

static int calls(void)
{
    char *a = keep(malloc(100));
    char *b = keep(malloc(0));
    char *c = keep(calloc(10, 30));
    char *d = keep(realloc(NULL, 50));
    void *e;
    if (posix_memalign(&e, 256, 1000) != 0)
        return 3;
    char *f = keep(aligned_alloc(64, 128));
    strcpy(a, "kept");
    a = keep(realloc(a, 5000));
    c = keep(realloc(c, 10));
    d = keep(realloc(d, 60));
    if (strcmp(a, "kept") != 0)
        return 3;
    char *g = keep(malloc(7));
    free(b);
    free(e);
    free(f);
    free(realloc(g, 0));
    free(NULL);
    free(d);
    sink = a;
    sink = c;
    return 0;
}

static int with_fork(void)
{
    void *gone = keep(malloc(500));
    void *a = keep(malloc(1000));
    void *b = keep(malloc(2000));
    void *c = keep(malloc(3000));
    free(gone);
    pid_t child = fork();
    if (child == 0) {
        void *d = keep(malloc(4000));
        keep(malloc(5000));
        free(a);
        free(b);
        free(c);
        free(d);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 3;
    free(a);
    return status;
}

static int with_vfork(char **argv)
{
    void *a = keep(malloc(1000));
    keep(malloc(2000));
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(3);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 3;
    (void)argv;
    free(a);
    return status;
}

enum { BLOCKS = 20000, SHARED = 64 };
static _Atomic(void *) shared[SHARED];

static void *worker(void *arg)
{
    unsigned seed = (unsigned)(size_t)arg;
    for (unsigned i = 0; i < BLOCKS; i++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned char *p = keep(malloc(1 + (seed >> 16) % 300));
        p[0] = (unsigned char)i;
        free(atomic_exchange(&shared[(seed >> 8) % SHARED], p));
    }
    return NULL;
}

static int with_threads(void)
{
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, worker, (void *)(i + 1)) != 0)
            return 3;
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < SHARED; i++)
        free(shared[i]);
    return 0;
}

static int many(void)
{
    enum { COUNT = 30000, STRIDE = 7919 };
    static void *blocks[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        blocks[i] = keep(malloc(1 + i % 100));
    for (unsigned i = 0; i < COUNT; i++)
        free(blocks[(size_t)i * STRIDE % COUNT]);
    return 0;
}

static int killed(void)
{
    for (unsigned i = 0; i < 50000; i++)
        keep(malloc(i % 1000));
    return raise(SIGKILL);
}

static void leave_now(int number)
{
    (void)number;
    _exit(0);
}

static int leave(void)
{
    struct sigaction action = { .sa_handler = leave_now };
    struct itimerval soon = { .it_value.tv_usec = 20000 };
    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &soon, NULL) != 0)
        return 3;
    for (;;)
        free(keep(malloc(100)));
}

static int closed(void)
{
    enum { MANY = 300 };
    char path[] = "/tmp/fh-tiny.XXXXXX";
    struct stat file;
    keep(malloc(10));
    for (int fd = 3; fd < MANY; fd++)
        close(fd);
    int own = mkstemp(path);
    while (own >= 0 && own < MANY - 1)
        own = dup(own);
    unlink(path);
    for (unsigned i = 0; i < 100000; i++)
        keep(malloc(i % 1000));
    return own < 0 || fstat(own, &file) != 0 || file.st_size != 0 ? 4 : 0;
}

int main(int argc, char **argv)
{
    if (fh_before == NULL)
        return 3;
    const char *what = argc == 2 ? argv[1] : "";
    if (strcmp(what, "calls") == 0)
        return calls();
    if (strcmp(what, "fork") == 0)
        return with_fork();
    if (strcmp(what, "vfork") == 0)
        return with_vfork(argv);
    if (strcmp(what, "threads") == 0)
        return with_threads();
    if (strcmp(what, "many") == 0)
        return many();
    if (strcmp(what, "kill") == 0)
        return killed();
    if (strcmp(what, "leave") == 0)
        return leave();
    if (strcmp(what, "closed") == 0)
        return closed();
    if (strcmp(what, "exec") == 0) {
        keep(malloc(10));
        keep(malloc(20));
        execl(argv[0], argv[0], "calls", (char *)NULL);
    }
    return 3;
}
