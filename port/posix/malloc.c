/* SPDX-License-Identifier: MIT
 *
 * malloc.c - the C malloc family over one heap and the posix port: what a program gets that links this, or preloads it.
 *
 * Promise: every function does what C and POSIX say, in constructors before main, in any thread and across fork. Nothing is
 * printed but the one line of a fault, before abort. Where the standards leave a choice, it is the GNU C library's, which
 * programs have been tested with: malloc(0) is a pointer of its own, and realloc(p, 0) frees p and returns NULL.
 * Large requests are spans, mapped on their own; see span.h. free knows the two apart by address.
 * Invariant: errno is written only when a function fails, and then only as documented.
 * Must not know: what a block looks like.
 *
 * Compile it with -fno-builtin: a compiler that knows malloc and memset makes a calloc of them, which would call itself.
 */
#include "sys.h"
#include "posix.h"
#include "span.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What stdlib.h may not declare. */
void *memalign(size_t align, size_t size);
void *valloc(size_t size);
void *pvalloc(size_t size);
size_t malloc_usable_size(void *ptr);
void free_sized(void *ptr, size_t size);
void free_aligned_sized(void *ptr, size_t align, size_t size);
int malloc_trim(size_t pad);

/* From here on a request may be a span: it costs calls to the system and a fault for each page, but goes back when it is freed
 * and grows without a copy. */
#define FH_LARGE ((size_t)256 << 10)

/* Where spans begin rises to the largest span that was freed, up to here: a program that frees large memory and asks for it
 * again gets it from the heap, with its pages in place. Measured with 64 buffers of 256 to 768 KiB in random order: 36.9 us
 * for each as a span, 0.5 us as a block. */
#define FH_LARGE_MOST ((size_t)32 << 20)

/* So much free memory in large blocks keeps its pages; what is freed beyond gives them back. */
#define FH_IDLE_MOST ((size_t)32 << 20)

/* A span that is made smaller than this becomes a block. */
#define FH_SMALL_AGAIN (FH_LARGE / 4)

/* Large blocks begin at a page, like spans: free looks at them more closely, and they consist of pages to give back. */
#define FH_PAGE ((size_t)4096)

static struct fh_posix posix;
static struct fh_spans spans;
static struct fh_heap *heap;
static struct fh_lock start_lock;
static size_t span_least = FH_LARGE;      /* where spans begin now, */
static size_t clear_least = FH_LARGE;     /* and where they do for calloc */
static size_t idle;                       /* about how much free memory in large blocks has its pages */

/* A thread that has a cache. The record lies in the heap, not in the thread's own memory, which may be gone when the child of
 * a fork gives back what the threads it lacks had cached. Taken before the heap's lock where both are. */
struct seat {
    struct fh_cache *cache;
    struct seat *next;
};

static struct fh_lock seats_lock;
static struct seat *seats;
static pthread_key_t seat_key;
static bool seats_are_ready;

static __thread struct fh_cache *cache;   /* NULL: none yet, or none any more */
static __thread struct seat *seat;
static __thread bool stands;              /* gets no cache: it is being made, or the thread is ending */

/* Inlines the cache's fast path, which the compiler leaves out of line because it has several callers. */
#define FLAT __attribute__((flatten))

static bool rarely(bool condition)
{
    return __builtin_expect(condition, 0);
}

/* ---- the start, threads and forks ------------------------------------------------------------------------------------ */

/* A span freed twice is foreign to the heap; here it is known by its name. */
static void report(void *ctx, const struct fh_fault *fault)
{
    struct fh_fault known = *fault;
    if (known.kind == FH_FOREIGN && fh_span_was_freed(&spans, known.ptr)) {
        known.kind = FH_DOUBLE_FREE;
        known.block = known.ptr;
    }
    fh_posix_fault(ctx, &known);
}

/* Ends a cache and its record. */
static void vacate(struct seat *old)
{
    struct seat **at = &seats;
    while (*at != old)
        at = &(*at)->next;
    *at = old->next;
    fh_cache_close(old->cache);
    fh_free(heap, old);
}

/* The thread ends. What it allocates and frees after this, in the destructors of others, goes to the heap itself. */
static void stand_up(void *arg)
{
    uintptr_t state = fh_lock_enter(&seats_lock);
    cache = NULL;
    seat = NULL;
    stands = true;
    vacate((struct seat *)arg);
    fh_lock_leave(&seats_lock, state);
}

/* The child has one thread; what the others had cached goes back. If that thread forked from a signal handler while it held this lock, it
 * stays with them. */
static void after_fork_in_child(void)
{
    if (__atomic_load_n(&seats_lock.word, __ATOMIC_RELAXED) != 0)
        return;
    uintptr_t state = fh_lock_enter(&seats_lock);
    for (struct seat *each = seats, *next; each != NULL; each = next) {
        next = each->next;
        if (each != seat)
            vacate(each);
    }
    fh_lock_leave(&seats_lock, state);
}

/* Gives the thread a cache, if there is memory for one; it is tried again with the next request otherwise. */
static __attribute__((noinline, cold)) struct fh_cache *sit_down(struct fh_heap *h)
{
    if (stands || !__atomic_load_n(&seats_are_ready, __ATOMIC_ACQUIRE))
        return NULL;
    stands = true;
    uintptr_t state = fh_lock_enter(&seats_lock);
    struct seat *mine = (struct seat *)fh_malloc(h, sizeof *mine);
    struct fh_cache *c = mine != NULL ? fh_cache_open(h) : NULL;
    if (c != NULL) {
        *mine = (struct seat){ c, seats };
        seats = mine;
    }
    fh_lock_leave(&seats_lock, state);
    if (c != NULL && pthread_setspecific(seat_key, mine) == 0) {
        cache = c;
        seat = mine;
    } else if (c != NULL) {
        stand_up(mine);
        return NULL;
    } else if (mine != NULL) {
        fh_free(h, mine);
    }
    stands = false;
    return c;
}

/* Makes the heap, once. The heap is in place before anything is called that may allocate. */
static __attribute__((noinline, cold)) struct fh_heap *start(void)
{
    uintptr_t state = fh_lock_enter(&start_lock);
    struct fh_heap *h = heap;
    bool first = h == NULL;
    if (first) {
        fh_posix_prepare(&posix);
        posix.port.fault = report;
        posix.port.cache = &fh_cpu_cache;
        h = fh_create(NULL, 0, &posix.port);
        __atomic_store_n(&heap, h, __ATOMIC_RELEASE);
    }
    fh_lock_leave(&start_lock, state);
    if (!first || h == NULL)
        return h;
    int saved = errno;
    fh_lock_watch(&seats_lock);
    fh_lock_watch(&posix.lock);
    fh_lock_watch(&spans.lock);
    if (pthread_key_create(&seat_key, stand_up) == 0 && pthread_atfork(NULL, NULL, after_fork_in_child) == 0)
        __atomic_store_n(&seats_are_ready, true, __ATOMIC_RELEASE);
    errno = saved;
    return h;
}

static inline struct fh_heap *heap_now(void)
{
    struct fh_heap *h = __atomic_load_n(&heap, __ATOMIC_ACQUIRE);
    return rarely(h == NULL) ? start() : h;
}

/* ---- allocating ------------------------------------------------------------------------------------------------------ */

static void *or_enomem(void *ptr)
{
    if (rarely(ptr == NULL))
        errno = ENOMEM;
    return ptr;
}

static __attribute__((noinline, cold)) void *refuse(int error)
{
    errno = error;
    return NULL;
}

/* A block of the ordinary alignment from the heap, for a thread that may have no cache. */
static __attribute__((noinline)) void *take_without_cache(size_t size)
{
    struct fh_heap *h = heap_now();
    if (h == NULL)
        return NULL;
    struct fh_cache *c = cache != NULL ? cache : sit_down(h);
    return c != NULL ? fh_cache_malloc(c, size) : fh_malloc(h, size);
}

static inline void *take_block(size_t size)
{
    struct fh_cache *c = cache;
    return rarely(c == NULL) ? take_without_cache(size) : fh_cache_malloc(c, size);
}

/* After the heap has asked all caches: this thread's gives what it holds with its next call. */
static void empty_cache(void)
{
    if (cache != NULL)
        fh_cache_free(cache, fh_cache_malloc(cache, 1));
}

static void *take_aligned_block(size_t align, size_t size)
{
    struct fh_heap *h = heap_now();
    if (align <= FH_GRANULE)
        return take_block(size);
    if (h == NULL)
        return NULL;
    void *ptr = fh_aligned_alloc(h, align, size);
    if (ptr != NULL)
        return ptr;
    empty_cache();
    return fh_aligned_alloc(h, align, size);
}

static size_t load(const size_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(size_t *word, size_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* So much of what was idle is in use again. */
static void use_idle(size_t bytes)
{
    size_t before = load(&idle);
    store(&idle, before > bytes ? before - bytes : 0);
}

static void *take_large_block(size_t align, size_t size)
{
    void *ptr = take_aligned_block(align < FH_PAGE ? FH_PAGE : align, size);
    if (ptr != NULL)
        use_idle(size);
    return ptr;
}

/* A large block, or a span if it has that many bytes, and whether it is known to hold zeros. Each steps in for the other: the kernel maps so
 * many spans and no more, and the heap reaches so far. */
static __attribute__((noinline)) void *take_large(size_t align, size_t size, size_t least, bool *zeroed)
{
    *zeroed = false;
    /* Larger objects than a pointer difference can measure are none. */
    if (size > PTRDIFF_MAX || heap_now() == NULL)
        return NULL;
    bool as_span = size >= least;
    void *ptr = as_span ? NULL : take_large_block(align, size);
    if (ptr != NULL)
        return ptr;
    ptr = fh_span_map(&spans, size, align);
    *zeroed = ptr != NULL;
    return ptr != NULL || !as_span ? ptr : take_large_block(align, size);
}

/* In place of a small block, where the heap reaches no further: a span of a page or more. */
static __attribute__((noinline)) void *map_small(size_t align, size_t size)
{
    return heap_now() != NULL ? fh_span_map(&spans, size != 0 ? size : 1, align) : NULL;
}

static void *take_aligned(size_t align, size_t size)
{
    bool zeroed;
    if (size >= FH_LARGE)
        return take_large(align, size, load(&span_least), &zeroed);
    void *ptr = take_aligned_block(align, size);
    return rarely(ptr == NULL) ? map_small(align, size) : ptr;
}

static inline void *take(size_t size)
{
    if (rarely(size >= FH_LARGE))
        return take_aligned(FH_GRANULE, size);
    void *ptr = take_block(size);
    return rarely(ptr == NULL) ? map_small(FH_GRANULE, size) : ptr;
}

static inline bool is_span(const void *ptr)
{
    return rarely(fh_span_may_start(&spans, ptr)) && fh_span_bytes(&spans, ptr) != 0;
}

static __attribute__((noinline)) void *malloc_slowly(size_t size)
{
    return or_enomem(take(size));
}

/* One straight path, without a frame, for a small request of a thread that has its cache. */
FLAT void *malloc(size_t size)
{
    struct fh_cache *c = cache;
    void *ptr = rarely(c == NULL) ? NULL : fh_cache_try(c, size);
    return rarely(ptr == NULL) ? malloc_slowly(size) : ptr;
}

static void free_large_pages(struct fh_heap *h, void *ptr)
{
    size_t bytes = fh_usable_size(h, ptr);
    if (bytes < FH_LARGE)
        return;
    size_t before = load(&idle);
    if (before + bytes <= FH_IDLE_MOST)
        store(&idle, before + bytes);
    else
        fh_sys_empty(ptr, bytes & ~(posix.page - 1));
}

/* The next request of this size gets a block. A span smaller than malloc's came from calloc, or grew: calloc has a limit of its own, because
 * a block must be cleared, which touches pages that the program may never touch. */
static void learn_from_span(size_t bytes)
{
    size_t *least = bytes >= load(&span_least) ? &span_least : &clear_least;
    if (bytes >= load(least) && bytes <= FH_LARGE_MOST)
        store(least, bytes + 1);
}

/* What begins a page may be a span, a large block, another block that happens to, or nothing. A thread that only frees needs
 * no cache. */
static __attribute__((noinline)) void free_slowly(void *ptr)
{
    if (ptr == NULL)
        return;
    size_t bytes = fh_span_may_start(&spans, ptr) ? fh_span_free(&spans, ptr) : 0;
    if (bytes != 0) {
        learn_from_span(bytes);
        return;
    }
    /* Before anything was handed out, the heap is made only to report the pointer. */
    struct fh_heap *h = heap_now();
    if (h == NULL)
        return;
    if (fh_span_starts_page(ptr) && load(&span_least) != FH_LARGE)
        free_large_pages(h, ptr);
    if (cache != NULL)
        fh_cache_free(cache, ptr);
    else
        fh_free(h, ptr);
}

FLAT void free(void *ptr)
{
    struct fh_cache *c = cache;
    if (rarely(fh_span_starts_page(ptr)) || rarely(c == NULL))
        free_slowly(ptr);
    else
        fh_cache_free(c, ptr);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (rarely(__builtin_mul_overflow(count, size, &bytes)))
        return refuse(ENOMEM);
    bool zeroed = false;
    void *ptr = bytes >= FH_LARGE ? take_large(FH_GRANULE, bytes, load(&clear_least), &zeroed) : take(bytes);
    if (rarely(ptr == NULL))
        return refuse(ENOMEM);
    return zeroed ? ptr : memset(ptr, 0, bytes);
}

size_t malloc_usable_size(void *ptr)
{
    size_t bytes = 0;
    if (rarely(fh_span_may_start(&spans, ptr)) && (bytes = fh_span_bytes(&spans, ptr)) != 0)
        return bytes;
    struct fh_heap *h = heap_now();
    return h != NULL ? fh_usable_size(h, ptr) : 0;
}

/* Moves what is at ptr, of which old bytes may be read, to a new block or span. */
static void *move(void *ptr, size_t old, size_t size)
{
    void *moved = take(size);
    if (moved == NULL)
        return refuse(ENOMEM);
    memcpy(moved, ptr, old < size ? old : size);
    free(ptr);
    return moved;
}

static __attribute__((noinline)) void *resize_span(void *ptr, size_t size)
{
    void *resized = NULL;
    if (size > PTRDIFF_MAX)
        return refuse(ENOMEM);
    if (size >= FH_SMALL_AGAIN && (resized = fh_span_resize(&spans, ptr, size)) != NULL)
        return resized;
    return move(ptr, fh_span_bytes(&spans, ptr), size);
}

static __attribute__((noinline)) void *resize_large_block(struct fh_heap *h, void *ptr, size_t size)
{
    size_t old = fh_usable_size(h, ptr);
    if (!fh_resize(h, ptr, size))
        return move(ptr, old, size);
    if (size > old)
        use_idle(size - old);
    return ptr;
}

void *realloc(void *ptr, size_t size)
{
    if (ptr == NULL)
        return malloc(size);
    if (rarely(size == 0)) {
        free(ptr);
        return NULL;
    }
    if (is_span(ptr))
        return resize_span(ptr, size);
    struct fh_heap *h = heap_now();
    if (h == NULL || size > PTRDIFF_MAX)
        return refuse(ENOMEM);
    if (size >= FH_LARGE)
        return resize_large_block(h, ptr, size);
    if (fh_resize(h, ptr, size))
        return ptr;
    return move(ptr, fh_usable_size(h, ptr), size);
}

void *reallocarray(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (rarely(__builtin_mul_overflow(count, size, &bytes)))
        return refuse(ENOMEM);
    return realloc(ptr, bytes);
}

static bool is_power_of_two(size_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

void *aligned_alloc(size_t align, size_t size)
{
    if (!is_power_of_two(align))
        return refuse(EINVAL);
    return or_enomem(take_aligned(align, size));
}

/* Older than the standards: the next power of two will do. */
void *memalign(size_t align, size_t size)
{
    size_t power = 1;
    while (power < align && power <= SIZE_MAX / 2)
        power *= 2;
    return aligned_alloc(power >= align ? power : 0, size);
}

/* The only one that returns its error and leaves errno alone, and *out too when it fails. */
int posix_memalign(void **out, size_t align, size_t size)
{
    if (!is_power_of_two(align) || align % sizeof(void *) != 0)
        return EINVAL;
    void *ptr = take_aligned(align, size);
    if (ptr == NULL)
        return ENOMEM;
    *out = ptr;
    return 0;
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *valloc(size_t size)
{
    return or_enomem(take_aligned(page_size(), size));
}

/* Whole pages, at least one. */
void *pvalloc(size_t size)
{
    size_t page = page_size();
    if (size > SIZE_MAX - (page - 1))
        return refuse(ENOMEM);
    size_t whole = (size + (page - 1)) & ~(page - 1);
    return or_enomem(take_aligned(page, whole != 0 ? whole : page));
}

/* C23: the size that was asked for. Nothing here needs it. */
void free_sized(void *ptr, size_t size)
{
    (void)size;
    free(ptr);
}

void free_aligned_sized(void *ptr, size_t align, size_t size)
{
    (void)align;
    (void)size;
    free(ptr);
}

/* The whole pages of a free block go back, but for those with the words that the heap keeps at both its ends. */
static bool empty_pages(void *arg, const struct fh_block_info *block)
{
    bool *emptied = (bool *)arg;
    uintptr_t page = posix.page;
    uintptr_t start = ((uintptr_t)block->payload + FH_FREE_ENDS + (page - 1)) & ~(page - 1);
    uintptr_t end = ((uintptr_t)block->payload + block->bytes - FH_FREE_ENDS) & ~(page - 1);
    if (!block->used && start < end) {
        fh_sys_empty((void *)start, end - start);
        *emptied = true;
    }
    return true;
}

/* GNU: gives idle memory back to the system; 1 if there was any. What pad would keep is kept by no one. */
int malloc_trim(size_t pad)
{
    (void)pad;
    struct fh_heap *h = heap_now();
    if (h == NULL)
        return 0;
    size_t released = fh_trim(h);
    empty_cache();
    bool emptied = released + fh_trim(h) != 0;
    fh_walk(h, empty_pages, &emptied);
    store(&idle, 0);
    return emptied;
}
