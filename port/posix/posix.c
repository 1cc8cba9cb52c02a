/* SPDX-License-Identifier: MIT
 *
 * posix.c - the port's callbacks; see posix.h for the contract.
 *
 * Invariant: held is the sum of what acquire gave and release did not take; base, next and first are hints, and only they may be
 * stale when two threads acquire at once.
 * Must not know: what the heap does with the memory.
 */
#include "sys.h"
#include "posix.h"

#include <stdlib.h>

static uintptr_t load(const uintptr_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(uintptr_t *word, uintptr_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* A region as large as half of what there is: the number of regions grows with the logarithm of the heap. */
static size_t step_for(const struct fh_posix *posix)
{
    size_t step = __atomic_load_n(&posix->held, __ATOMIC_RELAXED) / 2;
    if (step < FH_POSIX_LEAST)
        return FH_POSIX_LEAST;
    return step < FH_POSIX_MOST ? step & ~(posix->page - 1) : FH_POSIX_MOST;
}

/* Are there so many free addresses at that place, or at any if it is NULL? Returns where. They are asked for without memory and given back at
 * once: nothing stays reserved. */
static uintptr_t look_for(uintptr_t wanted, size_t room)
{
    int saved = errno;
    void *mem = mmap((void *)wanted, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem != MAP_FAILED)
        munmap(mem, room);
    errno = saved;
    return mem != MAP_FAILED ? (uintptr_t)mem : 0;
}

/* A place with free addresses above it. Where there are many, half way down from where the kernel would put it: what it places by itself comes
 * from the top, and a program that maps large files would soon wall the heap in. Else where it would put half of the reach, so that
 * what it places above is in reach too. Where addresses are limited, less is asked for. */
static uintptr_t find_place(void)
{
    size_t room = FH_POSIX_REACH < SIZE_MAX ? FH_POSIX_REACH / 2 : (size_t)1 << 29;
    uintptr_t place = 0;
    for (; place == 0 && room > FH_POSIX_LEAST; room /= 2)
        place = look_for(0, room);
    if (FH_POSIX_REACH == SIZE_MAX || place / 4 < FH_POSIX_REACH)
        return place;
    uintptr_t lower = place / 2 & ~(uintptr_t)(FH_POSIX_LEAST - 1);
    return look_for(lower, 2 * room) == lower ? lower : place;
}

/* The links count from the control structure, which begins somewhere in the first page. */
static bool in_reach(const struct fh_posix *posix, uintptr_t start, size_t bytes)
{
    uintptr_t base = load(&posix->base);
    if (base == 0)
        return true;
    uintptr_t farthest = start >= base ? start - base + bytes : base - start;
    return farthest < FH_POSIX_REACH - posix->page;
}

/* Pages at that place if it is free, or elsewhere; NULL if there are none in reach. */
static void *map_at(struct fh_posix *posix, uintptr_t wanted, size_t bytes)
{
    void *mem = fh_sys_map((void *)wanted, bytes);
    if (mem == NULL || in_reach(posix, (uintptr_t)mem, bytes))
        return mem;
    fh_sys_unmap(mem, bytes);
    return NULL;
}

/* Pages next to the last region, or below the lowest one. */
static void *map_near(struct fh_posix *posix, size_t bytes)
{
    void *mem = map_at(posix, load(&posix->next), bytes);
    uintptr_t first = load(&posix->first);
    return mem != NULL || first <= bytes ? mem : map_at(posix, first - bytes, bytes);
}

static void *acquire(void *ctx, size_t min_bytes, size_t *got)
{
    struct fh_posix *posix = (struct fh_posix *)ctx;
    if (min_bytes > SIZE_MAX - (posix->page - 1))
        return NULL;
    size_t least = (min_bytes + (posix->page - 1)) & ~(posix->page - 1);
    size_t bytes = step_for(posix);
    if (bytes < least)
        bytes = least;
    if (load(&posix->next) == 0)
        store(&posix->next, find_place());
    void *mem = map_near(posix, bytes);
    if (mem == NULL && least < bytes) {
        bytes = least;
        mem = map_near(posix, bytes);
    }
    if (mem == NULL)
        return NULL;
    if (load(&posix->base) == 0)
        store(&posix->base, (uintptr_t)mem);
    uintptr_t first = load(&posix->first);
    if ((uintptr_t)mem + bytes != first)
        store(&posix->next, (uintptr_t)mem + bytes);
    if (first == 0 || (uintptr_t)mem < first)
        store(&posix->first, (uintptr_t)mem);
    __atomic_fetch_add(&posix->held, bytes, __ATOMIC_RELAXED);
    *got = bytes;
    return mem;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    struct fh_posix *posix = (struct fh_posix *)ctx;
    fh_sys_unmap(mem, bytes);
    __atomic_fetch_sub(&posix->held, bytes, __ATOMIC_RELAXED);
    if ((uintptr_t)mem + bytes == load(&posix->next))
        store(&posix->next, (uintptr_t)mem);
    if ((uintptr_t)mem == load(&posix->first))
        store(&posix->first, (uintptr_t)mem + bytes);
    if ((uintptr_t)mem == load(&posix->base))
        store(&posix->base, 0);
}

static uintptr_t lock(void *ctx)
{
    return fh_lock_enter(&((struct fh_posix *)ctx)->lock);
}

static void unlock(void *ctx, uintptr_t state)
{
    fh_lock_leave(&((struct fh_posix *)ctx)->lock, state);
}

/* Where the kernel gives no random bytes, where it put things must do. */
static uintptr_t random_word(void *ctx)
{
    int saved = errno;
    uintptr_t word;
    if (getentropy(&word, sizeof word) != 0)
        word = (uintptr_t)ctx ^ ((uintptr_t)&word << 7) ^ ((uintptr_t)getpid() << 13);
    errno = saved;
    return word;
}

static char *put_text(char *at, char *end, const char *text)
{
    while (*text != '\0' && at < end)
        *at++ = *text++;
    return at;
}

static char *put_hex(char *at, char *end, uintptr_t number)
{
    char digits[sizeof number * 2];
    size_t n = 0;
    do {
        digits[n++] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number != 0);
    at = put_text(at, end, "0x");
    while (n != 0 && at < end)
        *at++ = digits[--n];
    return at;
}

size_t fh_posix_describe(char *text, const struct fh_fault *fault)
{
    char *end = text + FH_POSIX_LINE - 1;
    char *at = put_text(text, end, "freehold: ");
    at = put_text(at, end, fh_fault_name(fault->kind));
    at = put_text(at, end, ": pointer ");
    at = put_hex(at, end, (uintptr_t)fault->ptr);
    at = put_text(at, end, ", block ");
    at = put_hex(at, end, (uintptr_t)fault->block);
    at = put_text(at, end, ", expected ");
    at = put_hex(at, end, fault->expected);
    at = put_text(at, end, ", found ");
    at = put_hex(at, end, fault->found);
    *at++ = '\n';
    return (size_t)(at - text);
}

/* The heap is whole, but its lock is held here. A handler of SIGABRT that allocates must find it free. */
void fh_posix_fault(void *ctx, const struct fh_fault *fault)
{
    struct fh_posix *posix = (struct fh_posix *)ctx;
    char text[FH_POSIX_LINE];
    size_t length = fh_posix_describe(text, fault);
    ssize_t written = write(STDERR_FILENO, text, length);
    (void)written;
    if (posix != NULL)
        fh_lock_leave(&posix->lock, 0);
    abort();
}

void fh_posix_prepare(struct fh_posix *posix)
{
    *posix = (struct fh_posix){ .page = (size_t)sysconf(_SC_PAGESIZE) };
    posix->port = (struct fh_port){
        .ctx = posix,
        .acquire = acquire,
        .release = release,
        .lock = lock,
        .unlock = unlock,
        .fault = fh_posix_fault,
        .cpus = FH_POSIX_GROWING,
        .random = random_word,
    };
}

void fh_posix_init(struct fh_posix *posix)
{
    fh_posix_prepare(posix);
    fh_lock_watch(&posix->lock);
}

void fh_posix_end(struct fh_posix *posix)
{
    fh_lock_unwatch(&posix->lock);
}
