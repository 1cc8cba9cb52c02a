/* SPDX-License-Identifier: MIT
 *
 * record.c - libfreehold-record.so: writes the trace of any program.
 *
 *   LD_PRELOAD=build/libfreehold-record.so program
 *
 * leaves PROGRAM.PID.fht in the current directory, or in the directory that FH_TRACE_DIR names; with FH_TRACE_ONLY=NAME only
 * processes of that name are recorded. The format is in ../trace.h.
 *
 * Promise: the program runs as before on the allocator it had (the next one in link order), with any number of threads. A child
 * of fork gets a trace of its own, which begins with the blocks that its parent held then; one that only calls exec leaves
 * none. The trace is ended at exit, _exit and exec; a program that is killed leaves whole chunks without an end.
 * Invariant: a block is in the table from before its first to after its last record; whatever is not there (memory from before
 * the recorder began) is passed on and not recorded. A free is recorded before it happens and an allocation after, so that
 * no other thread can be seen to get the same memory in between.
 * Must not know: how the allocator works. Allocates nothing but by mmap.
 */
#define _GNU_SOURCE
#include "../trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* What was there before. */
static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
    void (*exit_now)(int);
    int (*execve)(const char *, char *const *, char *const *);
    int (*execvpe)(const char *, char *const *, char *const *);
} next;

/* Looking the functions up may itself allocate: that comes from here and is never freed. */
static _Alignas(16) unsigned char early[8192];
static size_t early_used;

struct entry {
    uintptr_t ptr;
    uint64_t number;
    uint64_t size;
};

static struct {
    pthread_mutex_t mutex;
    bool on;                 /* recording, as far as this process is concerned */
    bool opened;
    pid_t pid;
    unsigned thread;         /* who wrote the last record */
    unsigned threads;
    uint64_t blocks;         /* the number of the next block */
    struct entry *table;     /* open addressing, linear probing */
    size_t slots;
    size_t live;
    dev_t device;            /* of the trace's file, */
    ino_t inode;             /* by which a descriptor is known that the program has closed and opened for itself */
    struct fh_trace_writer writer;
} rec = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static __thread unsigned thread_number __attribute__((tls_model("initial-exec")));

/* Does this thread hold the mutex? What it calls meanwhile, from a signal handler or another library's fork handler, passes unrecorded. */
static __thread bool inside __attribute__((tls_model("initial-exec")));
static __thread bool inside_fork __attribute__((tls_model("initial-exec")));

static bool enter(void)
{
    if (inside)
        return false;
    inside = true;
    pthread_mutex_lock(&rec.mutex);
    return true;
}

static void leave(void)
{
    pthread_mutex_unlock(&rec.mutex);
    inside = false;
}

static size_t home_of(uintptr_t ptr)
{
    return (size_t)((ptr >> 3) * 0x9E3779B97F4A7C15u >> 20) & (rec.slots - 1);
}

/* The entry of ptr, or the free one where it would be. */
static struct entry *entry_of(uintptr_t ptr)
{
    size_t i = home_of(ptr);
    while (rec.table[i].ptr != 0 && rec.table[i].ptr != ptr)
        i = (i + 1) & (rec.slots - 1);
    return &rec.table[i];
}

static bool table_grow(void)
{
    struct entry *old = rec.table;
    size_t slots = rec.slots;
    size_t wanted = slots != 0 ? slots * 2 : 4096;
    void *mem = mmap(NULL, wanted * sizeof *old, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED)
        return false;
    rec.table = mem;
    rec.slots = wanted;
    for (size_t i = 0; i < slots; i++)
        if (old[i].ptr != 0)
            *entry_of(old[i].ptr) = old[i];
    if (old != NULL)
        munmap(old, slots * sizeof *old);
    return true;
}

/* Enters or moves a block. Without memory for the table nothing more can be recorded truly: recording ends. */
static void table_put(uintptr_t ptr, uint64_t number, uint64_t size)
{
    if (rec.live * 2 >= rec.slots && !table_grow()) {
        rec.on = false;
        return;
    }
    struct entry *e = entry_of(ptr);
    if (e->ptr == 0)
        rec.live++;
    *e = (struct entry){ ptr, number, size };
}

/* Takes the entry out and closes the gap: what was displaced past it moves back. */
static void table_drop(struct entry *e)
{
    size_t mask = rec.slots - 1;
    size_t gap = (size_t)(e - rec.table);
    for (size_t i = (gap + 1) & mask; rec.table[i].ptr != 0; i = (i + 1) & mask) {
        if (((i - home_of(rec.table[i].ptr)) & mask) < ((i - gap) & mask))
            continue;
        rec.table[gap] = rec.table[i];
        gap = i;
    }
    rec.table[gap].ptr = 0;
    rec.live--;
}

/* Blocks of the parent, in the order of their birth, as the first records of a child. */
static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct entry *)a)->number;
    uint64_t y = ((const struct entry *)b)->number;
    return (x > y) - (x < y);
}

/* Heapsort: qsort allocates. */
static void sift(struct entry *a, size_t root, size_t count)
{
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && by_number(&a[child], &a[child + 1]) < 0)
            child++;
        if (by_number(&a[root], &a[child]) >= 0)
            return;
        struct entry t = a[root];
        a[root] = a[child];
        a[child] = t;
    }
}

static void sort(struct entry *a, size_t count)
{
    for (size_t i = count / 2; i-- != 0;)
        sift(a, i, count);
    for (size_t end = count; end-- > 1;) {
        struct entry t = a[0];
        a[0] = a[end];
        a[end] = t;
        sift(a, 0, end);
    }
}

static void write_inherited(void)
{
    size_t bytes = (rec.live + 1) * sizeof(struct entry);
    struct entry *list = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (list == MAP_FAILED) {
        rec.on = false;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < rec.slots; i++)
        if (rec.table[i].ptr != 0)
            list[n++] = rec.table[i];
    sort(list, n);
    for (size_t i = 0; i < n; i++) {
        entry_of(list[i].ptr)->number = i;
        fh_trace_put(&rec.writer, FH_T_MALLOC, list[i].size, 0);
    }
    rec.blocks = n;
    munmap(list, bytes);
}

/* Opened at the first record: most children of fork write none. */
static void open_trace(void)
{
    char path[4096];
    const char *dir = getenv("FH_TRACE_DIR");
    rec.opened = true;
    for (int again = 0; again < 100; again++) {
        int length = again == 0 ? snprintf(path, sizeof path, "%s/%s.%ld.fht", dir != NULL ? dir : ".",
                                           program_invocation_short_name, (long)rec.pid)
                                : snprintf(path, sizeof path, "%s/%s.%ld-%d.fht", dir != NULL ? dir : ".",
                                           program_invocation_short_name, (long)rec.pid, again);
        if (length < 0 || (size_t)length >= sizeof path)
            break;
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            break;
        struct stat file;
        if (fstat(fd, &file) != 0) {
            close(fd);
            break;
        }
        rec.device = file.st_dev;
        rec.inode = file.st_ino;
        /* Out of the way of programs that count on low numbers. */
        int high = fcntl(fd, F_DUPFD_CLOEXEC, 200);
        if (high >= 0) {
            close(fd);
            fd = high;
        }
        fh_trace_begin(&rec.writer, fd, sizeof(void *), program_invocation_short_name);
        write_inherited();
        return;
    }
    static const char complaint[] = "libfreehold-record: cannot write a trace here; FH_TRACE_DIR names another directory\n";
    if (write(2, complaint, sizeof complaint - 1) < 0)
        rec.on = false;
    rec.on = false;
}

/* A program that closes all descriptors may have a file of its own there now. */
static bool is_ours(int fd)
{
    struct stat file;
    return fstat(fd, &file) == 0 && file.st_dev == rec.device && file.st_ino == rec.inode;
}

/* With the mutex held. */
static void put(enum fh_trace_op op, uint64_t value, uint64_t then)
{
    if (!rec.opened)
        open_trace();
    if (!rec.on)
        return;
    if (rec.writer.used + 2 * FH_TRACE_RECORD > FH_TRACE_CHUNK && !is_ours(rec.writer.fd)) {
        rec.on = false;
        return;
    }
    if (thread_number == 0)
        thread_number = ++rec.threads;
    if (rec.thread != thread_number) {
        fh_trace_put(&rec.writer, FH_T_THREAD, thread_number - 1, 0);
        rec.thread = thread_number;
    }
    fh_trace_put(&rec.writer, op, value, then);
}

static void finish(void)
{
    /* A child of vfork shares this memory: it must not end its parent's trace. */
    if (rec.pid != getpid() || !enter())
        return;
    if (rec.on && rec.opened && is_ours(rec.writer.fd)) {
        fh_trace_end(&rec.writer);
        close(rec.writer.fd);
    }
    rec.on = false;
    leave();
}

static void before_fork(void)
{
    inside_fork = enter();
}

static void after_fork_in_parent(void)
{
    if (inside_fork)
        leave();
}

/* A child that was made from a signal handler, amid a record, is not recorded. */
static void after_fork_in_child(void)
{
    if (!inside_fork) {
        rec.on = false;
        return;
    }
    if (rec.on) {
        if (rec.opened && is_ours(rec.writer.fd))
            close(rec.writer.fd);
        rec.opened = false;
        rec.pid = getpid();
        rec.thread = 1;
        rec.threads = 1;
        thread_number = 1;
    }
    leave();
}

/* A symbol as a function of any type: ISO C has no conversion for it. */
static void look_up(void *where, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(where, &symbol, sizeof symbol);
}

static void find_next(void)
{
    look_up(&next.calloc, "calloc");
    look_up(&next.free, "free");
    look_up(&next.realloc, "realloc");
    look_up(&next.memalign, "memalign");
    look_up(&next.exit_now, "_exit");
    look_up(&next.execve, "execve");
    look_up(&next.execvpe, "execvpe");
    look_up(&next.malloc, "malloc");
}

/* Are the functions known? They are looked up once, by the first call, whichever it is: constructors of other libraries run before ours. */
static bool is_ready(void)
{
    static bool looking;
    if (next.malloc == NULL && !looking) {
        looking = true;
        find_next();
    }
    return next.malloc != NULL;
}

__attribute__((constructor)) static void start(void)
{
    const char *only = getenv("FH_TRACE_ONLY");
    is_ready();
    if (only != NULL && strcmp(only, program_invocation_short_name) != 0)
        return;
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    at_quick_exit(finish);
    rec.pid = getpid();
    rec.thread = 1;
    rec.on = table_grow();
}

__attribute__((destructor)) static void at_exit(void)
{
    finish();
}

static bool is_early(const void *ptr)
{
    return (uintptr_t)ptr - (uintptr_t)early < sizeof early;
}

static void *early_alloc(size_t size)
{
    size_t at = early_used;
    if (size > sizeof early - at)
        abort();
    early_used = (at + size + 15) & ~(size_t)15;
    return early + at;
}

static void note_new(void *ptr, enum fh_trace_op op, uint64_t value, uint64_t size)
{
    if (ptr == NULL || !rec.on || !enter())
        return;
    int saved = errno;
    if (rec.on) {
        put(op, value, size);
        table_put((uintptr_t)ptr, rec.blocks++, op == FH_T_ALIGNED ? size : value);
    }
    leave();
    errno = saved;
}

void *malloc(size_t size)
{
    if (!is_ready())
        return early_alloc(size);
    void *ptr = next.malloc(size);
    note_new(ptr, FH_T_MALLOC, size, 0);
    return ptr;
}

void *calloc(size_t count, size_t size)
{
    if (!is_ready())
        return size == 0 || count <= sizeof early / size ? early_alloc(count * size) : NULL;
    void *ptr = next.calloc(count, size);
    note_new(ptr, FH_T_CALLOC, (uint64_t)count * size, 0);
    return ptr;
}

void free(void *ptr)
{
    if (ptr == NULL || is_early(ptr))
        return;
    if (rec.on && enter()) {
        int saved = errno;
        struct entry *e = rec.on ? entry_of((uintptr_t)ptr) : NULL;
        if (e != NULL && e->ptr != 0) {
            /* Opening the trace may give the blocks new numbers, so it comes before the number is used. */
            if (!rec.opened)
                open_trace();
            put(FH_T_FREE, rec.blocks - 1 - e->number, 0);
            table_drop(e);
        }
        leave();
        errno = saved;
    }
    next.free(ptr);
}

void *realloc(void *ptr, size_t size)
{
    if (ptr == NULL)
        return malloc(size);
    if (is_early(ptr)) {
        void *moved = malloc(size);
        size_t most = (size_t)(early + sizeof early - (unsigned char *)ptr);
        if (moved != NULL)
            memcpy(moved, ptr, size < most ? size : most);
        return moved;
    }
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    if (!rec.on || !enter())
        return next.realloc(ptr, size);
    void *moved = next.realloc(ptr, size);
    int saved = errno;
    struct entry *e = rec.on ? entry_of((uintptr_t)ptr) : NULL;
    if (moved != NULL && e != NULL && e->ptr != 0) {
        if (!rec.opened)
            open_trace();
        uint64_t number = e->number;
        put(FH_T_REALLOC, rec.blocks - 1 - number, size);
        table_drop(e);
        table_put((uintptr_t)moved, number, size);
    }
    leave();
    errno = saved;
    return moved;
}

static unsigned logarithm(size_t align)
{
    unsigned log = 0;
    while (log < 63 && (size_t)1 << log < align)
        log++;
    return log;
}

void *memalign(size_t align, size_t size)
{
    is_ready();
    void *ptr = next.memalign(align, size);
    note_new(ptr, FH_T_ALIGNED, logarithm(align), size);
    return ptr;
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **where, size_t align, size_t size)
{
    if (align % sizeof(void *) != 0 || (align & (align - 1)) != 0 || align == 0)
        return EINVAL;
    void *ptr = memalign(align, size);
    if (ptr == NULL)
        return ENOMEM;
    *where = ptr;
    return 0;
}

void *valloc(size_t size)
{
    return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return memalign(page, (size + page - 1) & ~(page - 1));
}

void *reallocarray(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(ptr, bytes);
}

/* The ways out that run no destructor. */
void _exit(int status)
{
    finish();
    next.exit_now(status);
    __builtin_unreachable();
}

void _Exit(int status)
{
    _exit(status);
}

/* The memory is replaced only if exec succeeds; if it fails, the trace has its end and nothing more is recorded. */
int execve(const char *path, char *const *argv, char *const *envp)
{
    finish();
    return next.execve(path, argv, envp);
}

int execv(const char *path, char *const *argv)
{
    return execve(path, argv, environ);
}

int execvpe(const char *file, char *const *argv, char *const *envp)
{
    finish();
    return next.execvpe(file, argv, envp);
}

int execvp(const char *file, char *const *argv)
{
    return execvpe(file, argv, environ);
}

/* The arguments of execl and its kin as a vector, on the caller's stack. */
enum { MOST_ARGUMENTS = 4096 };

static bool gather(const char **argv, const char *first, va_list *rest)
{
    size_t n = 0;
    for (const char *arg = first; arg != NULL; arg = va_arg(*rest, const char *)) {
        if (n == MOST_ARGUMENTS) {
            errno = E2BIG;
            return false;
        }
        argv[n++] = arg;
    }
    argv[n] = NULL;
    return true;
}

int execl(const char *path, const char *first, ...)
{
    const char *argv[MOST_ARGUMENTS + 1];
    va_list rest;
    va_start(rest, first);
    bool fits = gather(argv, first, &rest);
    va_end(rest);
    return fits ? execve(path, (char *const *)(uintptr_t)argv, environ) : -1;
}

int execlp(const char *file, const char *first, ...)
{
    const char *argv[MOST_ARGUMENTS + 1];
    va_list rest;
    va_start(rest, first);
    bool fits = gather(argv, first, &rest);
    va_end(rest);
    return fits ? execvpe(file, (char *const *)(uintptr_t)argv, environ) : -1;
}

int execle(const char *path, const char *first, ...)
{
    const char *argv[MOST_ARGUMENTS + 1];
    va_list rest;
    va_start(rest, first);
    bool fits = gather(argv, first, &rest);
    char *const *envp = fits ? va_arg(rest, char *const *) : NULL;
    va_end(rest);
    return fits ? execve(path, (char *const *)(uintptr_t)argv, envp) : -1;
}
