/* SPDX-License-Identifier: MIT
 *
 * poison.c - the public calls for tests under AddressSanitizer or Valgrind; see poison.h for what a program sees of it.
 *
 * Promise: each call does what the core's does, and tells the tools what changed hands. A block is out of bounds before the core
 * can hand it to another thread, so no moment is left in which one thread's free takes another one's block away. The core's own
 * accesses are reported by neither tool; those of the port's callbacks and of a visitor are.
 * Invariant: in the memory of a heap only the bytes of its live blocks may be touched, each as many as were asked for; so where
 * a block ends need not be noted: it is the first byte from its beginning that is out of bounds.
 * Must not know: how the core works; it bears the names of poison.h and is called through them.
 */
#include "sys.h"
#include "shadow.h"
#include "lock.h"

#include <freehold.h>

#include <stdlib.h>
#include <string.h>

extern __typeof__(fh_create) fh_core_create;
extern __typeof__(fh_destroy) fh_core_destroy;
extern __typeof__(fh_add_region) fh_core_add_region;
extern __typeof__(fh_malloc) fh_core_malloc;
extern __typeof__(fh_calloc) fh_core_calloc;
extern __typeof__(fh_realloc) fh_core_realloc;
extern __typeof__(fh_aligned_alloc) fh_core_aligned_alloc;
extern __typeof__(fh_free) fh_core_free;
extern __typeof__(fh_free_deferred) fh_core_free_deferred;
extern __typeof__(fh_resize) fh_core_resize;
extern __typeof__(fh_usable_size) fh_core_usable_size;
extern __typeof__(fh_trim) fh_core_trim;
extern __typeof__(fh_check) fh_core_check;
extern __typeof__(fh_check_step) fh_core_check_step;
extern __typeof__(fh_stats) fh_core_stats;
extern __typeof__(fh_walk) fh_core_walk;
extern __typeof__(fh_cache_open) fh_core_cache_open;
extern __typeof__(fh_cache_close) fh_core_cache_close;
extern __typeof__(fh_cache_malloc) fh_core_cache_malloc;
extern __typeof__(fh_cache_try) fh_core_cache_try;
extern __typeof__(fh_cache_free) fh_core_cache_free;

/* Memory of a heap as it came, in one piece. Those of 0 bytes are unused. */
struct span {
    uintptr_t start;
    size_t bytes;
    struct span *next;
};

/* A heap, and the port between the core and the program's own. Neither this nor a span is ever freed, only used again: they
 * are read without the lock, were it from a signal handler. */
struct heap {
    struct fh_heap *core;     /* NULL: unused */
    struct fh_port port;
    const struct fh_port *below;
    struct span *spans;
    struct heap *next;
};

static struct heap *heaps;
static struct fh_lock writers;

static const struct fh_port no_port;

/* What a free or a resize has already put out of bounds, should the core refuse it. */
struct doubt {
    void *ptr;
    void *start;
    size_t bytes;
};

static _Thread_local struct doubt doubt;
static _Thread_local unsigned reports;

static void begin_doubt(void *ptr, void *start, size_t bytes)
{
    doubt = (struct doubt){ ptr, start, bytes };
}

static void end_doubt(void)
{
    doubt.ptr = NULL;
}

/* The core has refused what was in doubt: the bytes are the program's still. Valgrind, which was told of a free, has said by
 * itself whether that was a wrong one. */
static void take_back(const void *ptr)
{
    if (ptr == NULL || ptr != doubt.ptr)
        return;
    fh_shadow_reopen(doubt.start, doubt.bytes);
    end_doubt();
}

static size_t bytes_of(const struct span *s)
{
    return __atomic_load_n(&s->bytes, __ATOMIC_ACQUIRE);
}

static bool is_in(uintptr_t address, uintptr_t start, size_t bytes)
{
    return address - start < bytes;
}

/* Where a pointer points: the heap in whose span it lies, of the smaller span where that heap lies in another one's block, and how
 * many bytes there are to the end of it. */
struct place {
    const struct heap *heap;
    size_t room;
    bool is_nested;
};

static struct place place_of(const void *ptr)
{
    struct place place = { NULL, 0, false };
    for (struct heap *h = __atomic_load_n(&heaps, __ATOMIC_ACQUIRE); h != NULL; h = h->next) {
        for (struct span *s = __atomic_load_n(&h->spans, __ATOMIC_ACQUIRE); s != NULL; s = s->next) {
            size_t bytes = bytes_of(s);
            uintptr_t offset = (uintptr_t)ptr - __atomic_load_n(&s->start, __ATOMIC_RELAXED);
            if (offset >= bytes)
                continue;
            place.is_nested = place.heap != NULL;
            if (!place.is_nested || bytes - offset < place.room) {
                place.heap = h;
                place.room = bytes - offset;
            }
        }
    }
    return place;
}

/* How many bytes from ptr on may be touched. A block may reach over several spans that touch. */
static size_t extent_of(void *ptr)
{
    size_t extent = 0;
    for (;;) {
        char *at = (char *)ptr + extent;
        size_t room = place_of(at).room;
        size_t more = fh_shadow_extent(at, room);
        extent += more;
        if (more != room || room == 0)
            return extent;
    }
}

/* The set of blocks that Valgrind knows the block in. None where a heap lies in a block of another one: Valgrind gives up where one
 * block that it knows lies in another. */
static const void *pool_of(const void *ptr)
{
    if (!fh_memcheck_is_there())
        return NULL;
    struct place place = place_of(ptr);
    return place.is_nested ? NULL : place.heap;
}

/* The following are called with the writers' lock held. */

static struct span *unused_span(struct heap *h)
{
    struct span *s = h->spans;
    while (s != NULL && s->bytes != 0)
        s = s->next;
    if (s != NULL)
        return s;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->next = h->spans;
    __atomic_store_n(&h->spans, s, __ATOMIC_RELEASE);
    return s;
}

static struct heap *unused_heap(void)
{
    struct heap *h = heaps;
    while (h != NULL && (h->core != NULL || h->below != NULL))
        h = h->next;
    if (h != NULL)
        return h;
    h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->next = heaps;
    __atomic_store_n(&heaps, h, __ATOMIC_RELEASE);
    return h;
}

/* From here on the lock is taken inside. */

static void watch_forks(void)
{
    static bool watched;
    if (!__atomic_exchange_n(&watched, true, __ATOMIC_RELAXED))
        fh_lock_watch(&writers);
}

static void add_span(struct heap *h, void *mem, size_t bytes)
{
    if (bytes == 0)
        return;
    uintptr_t state = fh_lock_enter(&writers);
    struct span *s = unused_span(h);
    if (s != NULL) {
        s->start = (uintptr_t)mem;
        __atomic_store_n(&s->bytes, bytes, __ATOMIC_RELEASE);
    }
    fh_lock_leave(&writers, state);
    if (s != NULL)
        fh_shadow_close(mem, bytes);
}

/* Memory leaves a heap: one span, or several that had become one. */
static void drop_spans(struct heap *h, uintptr_t start, size_t bytes)
{
    for (struct span *s = h->spans; s != NULL; s = s->next) {
        uintptr_t state = fh_lock_enter(&writers);
        size_t own = is_in(s->start, start, bytes) ? s->bytes : 0;
        if (own != 0)
            __atomic_store_n(&s->bytes, 0, __ATOMIC_RELEASE);
        void *mem = (void *)s->start;
        fh_lock_leave(&writers, state);
        if (own != 0)
            fh_shadow_open(mem, own);
    }
}

/* The heap is no more; its memory is the program's again, and its blocks have ended with it. */
static void end_heap(struct heap *h)
{
    fh_memcheck_end_pool(h);
    drop_spans(h, 0, UINTPTR_MAX);
    uintptr_t state = fh_lock_enter(&writers);
    h->core = NULL;
    h->below = NULL;
    fh_lock_leave(&writers, state);
}

/* The heaps whose structure, of at least so many bytes, lay where a new heap has been made. */
#define STRUCTURE_BYTES 64

static void end_heaps_in(const void *mem, size_t bytes)
{
    uintptr_t start = (uintptr_t)mem;
    for (struct heap *h = __atomic_load_n(&heaps, __ATOMIC_ACQUIRE); h != NULL; h = h->next) {
        uintptr_t core = (uintptr_t)h->core;
        if (core != 0 && (is_in(core, start, bytes) || is_in(start, core, STRUCTURE_BYTES)))
            end_heap(h);
    }
}

static struct heap *record_of(const struct fh_heap *core)
{
    struct heap *h = __atomic_load_n(&heaps, __ATOMIC_ACQUIRE);
    while (h != NULL && h->core != core)
        h = h->next;
    return h;
}

/* The port in between. The program's own functions are watched like the rest of the program. */

static void *acquire(void *ctx, size_t min_bytes, size_t *got)
{
    struct heap *h = ctx;
    fh_memcheck_resume();
    size_t bytes = 0;
    void *mem = h->below->acquire(h->below->ctx, min_bytes, &bytes);
    fh_memcheck_pause();
    if (mem != NULL)
        add_span(h, mem, bytes);
    *got = bytes;
    return mem;
}

static void release(void *ctx, void *mem, size_t bytes)
{
    struct heap *h = ctx;
    drop_spans(h, (uintptr_t)mem, bytes);
    fh_memcheck_resume();
    h->below->release(h->below->ctx, mem, bytes);
    fh_memcheck_pause();
}

static uintptr_t lock(void *ctx)
{
    const struct heap *h = ctx;
    return h->below->lock(h->below->ctx);
}

static void unlock(void *ctx, uintptr_t state)
{
    const struct heap *h = ctx;
    h->below->unlock(h->below->ctx, state);
}

/* The hook may not return: nothing is left to be done after it then. */
static void fault(void *ctx, const struct fh_fault *fault)
{
    const struct heap *h = ctx;
    reports++;
    take_back(fault->ptr);
    fh_memcheck_resume();
    h->below->fault(h->below->ctx, fault);
    fh_memcheck_pause();
}

static unsigned cpu(void *ctx)
{
    const struct heap *h = ctx;
    return h->below->cpu(h->below->ctx);
}

static uintptr_t random_word(void *ctx)
{
    const struct heap *h = ctx;
    return h->below->random(h->below->ctx);
}

static bool swap(void *ctx, uintptr_t *word, uintptr_t expected, uintptr_t wanted)
{
    const struct heap *h = ctx;
    return h->below->swap(h->below->ctx, word, expected, wanted);
}

/* What the program's port does not have, this one has not either. */
static void interpose(struct heap *h, const struct fh_port *below)
{
    h->below = below;
    h->port = (struct fh_port){
        .ctx = h,
        .acquire = below->acquire != NULL ? acquire : NULL,
        .release = below->release != NULL ? release : NULL,
        .lock = below->lock != NULL ? lock : NULL,
        .unlock = below->unlock != NULL ? unlock : NULL,
        .fault = below->fault != NULL ? fault : NULL,
        .cpus = below->cpus,
        .cpu = below->cpu != NULL ? cpu : NULL,
        .random = below->random != NULL ? random_word : NULL,
        .cache = below->cache,
        .swap = below->swap != NULL ? swap : NULL,
    };
}

/* Where the sanitizer has compiled the core, it keeps the space behind each of its texts out of bounds. */
static void refuse_instrumented_core(void)
{
    static const char text[] = "freehold: poison.c is linked with a core that was compiled with -fsanitize=address; compile it without\n";
    const char *name = fh_fault_name(FH_OK);
    if (!fh_shadow_has_asan() || __asan_region_is_poisoned((char *)(uintptr_t)name + strlen(name) + 1, 1) == NULL)
        return;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    abort();
}

/* Part of port/fail, which a program need not link. */
bool fh_fail_passes(const struct fh_heap *heap) __attribute__((weak));

static bool passes(const struct fh_heap *heap)
{
    return fh_fail_passes == NULL || fh_fail_passes(heap);
}

/* Under the tools, and with the core's own accesses excused. */

static struct fh_heap *create(void *mem, size_t size, const struct fh_port *port)
{
    refuse_instrumented_core();
    watch_forks();
    uintptr_t state = fh_lock_enter(&writers);
    struct heap *h = unused_heap();
    if (h != NULL)
        interpose(h, port != NULL ? port : &no_port);
    fh_lock_leave(&writers, state);
    if (h == NULL)
        return NULL;
    fh_memcheck_begin_pool(h);
    fh_memcheck_pause();
    struct fh_heap *core = fh_core_create(mem, size, &h->port);
    if (core != NULL && mem != NULL) {
        end_heaps_in(mem, size);
        add_span(h, mem, size);
    }
    fh_memcheck_resume();
    h->core = core;
    if (core == NULL)
        end_heap(h);
    return core;
}

struct fh_heap *fh_create(void *mem, size_t size, const struct fh_port *port)
{
    return fh_shadow_is_there() ? create(mem, size, port) : fh_core_create(mem, size, port);
}

size_t fh_destroy(struct fh_heap *heap)
{
    struct heap *h = fh_shadow_is_there() ? record_of(heap) : NULL;
    if (h == NULL)
        return fh_core_destroy(heap);
    fh_memcheck_pause();
    size_t released = fh_core_destroy(heap);
    fh_memcheck_resume();
    end_heap(h);
    return released;
}

/* Is any of that memory a heap's already? Then the core refuses it, and it stays as it is. */
static bool is_taken(const struct heap *h, uintptr_t start, size_t bytes)
{
    for (const struct span *s = h->spans; s != NULL; s = s->next) {
        size_t own = bytes_of(s);
        if (own != 0 && (is_in(s->start, start, bytes) || is_in(start, s->start, own)))
            return true;
    }
    return false;
}

/* Out of bounds first: another thread may be given a block there at once. */
size_t fh_add_region(struct fh_heap *heap, void *mem, size_t size)
{
    struct heap *h = fh_shadow_is_there() ? record_of(heap) : NULL;
    uintptr_t start = (uintptr_t)mem;
    bool is_new = h != NULL && mem != NULL && size != 0 && start + (size - 1) >= start && !is_taken(h, start, size);
    if (is_new && size > SIZE_MAX / 4)
        is_new = false;
    if (is_new)
        add_span(h, mem, size);
    fh_memcheck_pause();
    size_t added = fh_core_add_region(heap, mem, size);
    fh_memcheck_resume();
    if (is_new && added == 0)
        drop_spans(h, start, size);
    return added;
}

static void *hand_out(void *ptr, size_t size, bool is_zeroed)
{
    fh_memcheck_resume();
    if (ptr != NULL)
        fh_shadow_allocated(pool_of(ptr), ptr, size, is_zeroed);
    return ptr;
}

void *fh_malloc(struct fh_heap *heap, size_t size)
{
    if (!passes(heap))
        return NULL;
    if (!fh_shadow_is_there())
        return fh_core_malloc(heap, size);
    fh_memcheck_pause();
    return hand_out(fh_core_malloc(heap, size), size, false);
}

void *fh_calloc(struct fh_heap *heap, size_t count, size_t size)
{
    if (!passes(heap))
        return NULL;
    if (!fh_shadow_is_there())
        return fh_core_calloc(heap, count, size);
    fh_memcheck_pause();
    return hand_out(fh_core_calloc(heap, count, size), count * size, true);
}

void *fh_aligned_alloc(struct fh_heap *heap, size_t align, size_t size)
{
    if (!passes(heap))
        return NULL;
    if (!fh_shadow_is_there())
        return fh_core_aligned_alloc(heap, align, size);
    fh_memcheck_pause();
    return hand_out(fh_core_aligned_alloc(heap, align, size), size, false);
}

/* Puts a block out of bounds until it is known that the core takes it. */
static void give_up(void *ptr)
{
    size_t size = extent_of(ptr);
    begin_doubt(ptr, ptr, size);
    fh_shadow_freed(pool_of(ptr), ptr, size);
    fh_memcheck_pause();
}

static void given_up(void)
{
    end_doubt();
    fh_memcheck_resume();
}

void fh_free(struct fh_heap *heap, void *ptr)
{
    if (ptr == NULL || !fh_shadow_is_there()) {
        fh_core_free(heap, ptr);
        return;
    }
    give_up(ptr);
    fh_core_free(heap, ptr);
    given_up();
}

bool fh_free_deferred(struct fh_heap *heap, void *ptr)
{
    if (ptr == NULL || !fh_shadow_is_there())
        return fh_core_free_deferred(heap, ptr);
    give_up(ptr);
    bool deferred = fh_core_free_deferred(heap, ptr);
    if (!deferred)
        take_back(ptr);
    given_up();
    return deferred;
}

/* May the block be resized? A wrong pointer is reported here, one that is refused for its size alone is not. */
static bool may_resize(struct fh_heap *heap, const void *ptr, size_t size)
{
    if (size / FH_GRANULE > FH_REACH)
        return false;
    fh_memcheck_pause();
    bool is_block = fh_core_usable_size(heap, ptr) != 0;
    fh_memcheck_resume();
    return is_block;
}

/* The tail of a block that shrinks belongs to others as soon as the core has it. */
static bool resize(struct fh_heap *heap, void *ptr, size_t size)
{
    size_t before = extent_of(ptr);
    bool shrinks = size < before;
    if (shrinks) {
        begin_doubt(ptr, (char *)ptr + size, before - size);
        fh_shadow_resized(pool_of(ptr), ptr, before, size);
    }
    fh_memcheck_pause();
    bool done = fh_core_resize(heap, ptr, size);
    end_doubt();
    fh_memcheck_resume();
    if (done != shrinks)
        fh_shadow_resized(pool_of(ptr), ptr, done ? before : size, done ? size : before);
    return done;
}

bool fh_resize(struct fh_heap *heap, void *ptr, size_t size)
{
    if (!passes(heap))
        return false;
    if (ptr == NULL || !fh_shadow_is_there())
        return fh_core_resize(heap, ptr, size);
    return may_resize(heap, ptr, size) && resize(heap, ptr, size);
}

/* The block moves, or stays after all. Which of its bytes were ever written moves with it. */
static void *move(struct fh_heap *heap, void *ptr, size_t size)
{
    size_t before = extent_of(ptr);
    void *bits = fh_memcheck_is_there() && before != 0 ? malloc(before) : NULL;
    if (bits != NULL)
        fh_memcheck_save(ptr, bits, before);
    give_up(ptr);
    void *moved = fh_core_realloc(heap, ptr, size);
    given_up();
    void *block = moved != NULL ? moved : ptr;
    size_t now = moved != NULL ? size : before;
    fh_shadow_allocated(pool_of(block), block, now, false);
    if (bits != NULL)
        fh_memcheck_restore(block, bits, now < before ? now : before);
    free(bits);
    return moved;
}

/* In place if possible: the tools are told of a move only where there is one. */
void *fh_realloc(struct fh_heap *heap, void *ptr, size_t size)
{
    if (!passes(heap))
        return NULL;
    if (!fh_shadow_is_there())
        return fh_core_realloc(heap, ptr, size);
    if (ptr == NULL) {
        fh_memcheck_pause();
        return hand_out(fh_core_malloc(heap, size), size, false);
    }
    unsigned reported = reports;
    if (!may_resize(heap, ptr, size))
        return NULL;
    if (resize(heap, ptr, size))
        return ptr;
    return reports == reported ? move(heap, ptr, size) : NULL;
}

size_t fh_usable_size(struct fh_heap *heap, const void *ptr)
{
    fh_memcheck_pause();
    size_t usable = fh_core_usable_size(heap, ptr);
    fh_memcheck_resume();
    return usable != 0 && fh_shadow_is_there() ? extent_of((void *)(uintptr_t)ptr) : usable;
}

size_t fh_trim(struct fh_heap *heap)
{
    fh_memcheck_pause();
    size_t released = fh_core_trim(heap);
    fh_memcheck_resume();
    return released;
}

enum fh_fault_kind fh_check(struct fh_heap *heap)
{
    fh_memcheck_pause();
    enum fh_fault_kind kind = fh_core_check(heap);
    fh_memcheck_resume();
    return kind;
}

enum fh_fault_kind fh_check_step(struct fh_heap *heap, struct fh_cursor *cursor, size_t budget)
{
    fh_memcheck_pause();
    enum fh_fault_kind kind = fh_core_check_step(heap, cursor, budget);
    fh_memcheck_resume();
    return kind;
}

void fh_stats(struct fh_heap *heap, struct fh_stats *stats)
{
    fh_memcheck_pause();
    fh_core_stats(heap, stats);
    fh_memcheck_resume();
}

struct visitor {
    fh_visit *visit;
    void *arg;
};

static bool show(void *arg, const struct fh_block_info *block)
{
    const struct visitor *v = arg;
    fh_memcheck_resume();
    bool more = v->visit(v->arg, block);
    fh_memcheck_pause();
    return more;
}

void fh_walk(struct fh_heap *heap, fh_visit *visit, void *arg)
{
    struct visitor visitor = { visit, arg };
    fh_memcheck_pause();
    fh_core_walk(heap, show, &visitor);
    fh_memcheck_resume();
}

struct fh_cache *fh_cache_open(struct fh_heap *heap)
{
    fh_memcheck_pause();
    struct fh_cache *cache = fh_core_cache_open(heap);
    fh_memcheck_resume();
    return cache;
}

void fh_cache_close(struct fh_cache *cache)
{
    fh_memcheck_pause();
    fh_core_cache_close(cache);
    fh_memcheck_resume();
}

void *fh_cache_malloc(struct fh_cache *cache, size_t size)
{
    if (!fh_shadow_is_there())
        return fh_core_cache_malloc(cache, size);
    fh_memcheck_pause();
    return hand_out(fh_core_cache_malloc(cache, size), size, false);
}

void *fh_cache_try(struct fh_cache *cache, size_t size)
{
    if (!fh_shadow_is_there())
        return fh_core_cache_try(cache, size);
    fh_memcheck_pause();
    return hand_out(fh_core_cache_try(cache, size), size, false);
}

void fh_cache_free(struct fh_cache *cache, void *ptr)
{
    if (ptr == NULL || !fh_shadow_is_there()) {
        fh_core_cache_free(cache, ptr);
        return;
    }
    give_up(ptr);
    fh_core_cache_free(cache, ptr);
    given_up();
}
