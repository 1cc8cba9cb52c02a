/* SPDX-License-Identifier: MIT
 *
 * shadow.h - what AddressSanitizer and Valgrind know of a byte: whether the program may touch it, and of which block it is.
 *
 * Promise: the same verbs for both tools, and no effect without one. Nothing here needs a header of the sanitizer, whose
 * functions are there if the program is linked with it; Valgrind's header is used if it is installed.
 * Must not know: heaps.
 */
#ifndef FH_POSIX_SHADOW_H
#define FH_POSIX_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void __asan_poison_memory_region(const volatile void *start, size_t bytes) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *start, size_t bytes) __attribute__((weak));
void *__asan_region_is_poisoned(void *start, size_t bytes) __attribute__((weak));
void __lsan_register_root_region(const void *start, size_t bytes) __attribute__((weak));
void __lsan_unregister_root_region(const void *start, size_t bytes) __attribute__((weak));

static inline bool fh_shadow_has_asan(void)
{
    return __asan_poison_memory_region != NULL;
}

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#define FH_SHADOW_KNOWS_VALGRIND 1
#endif
#endif

#ifdef FH_SHADOW_KNOWS_VALGRIND
#include <valgrind/memcheck.h>

/* The bytes beside a block that are the heap's: a tag. */
#define FH_SHADOW_TAG 4

static inline bool fh_memcheck_is_there(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* From here on this thread may touch what it likes, or may not any more. */
static inline void fh_memcheck_pause(void)
{
    VALGRIND_DISABLE_ERROR_REPORTING;
}

static inline void fh_memcheck_resume(void)
{
    VALGRIND_ENABLE_ERROR_REPORTING;
}

static inline void fh_memcheck_close(void *start, size_t bytes)
{
    VALGRIND_MAKE_MEM_NOACCESS(start, bytes);
}

/* May be touched, and is as good as written if it is zero. */
static inline void fh_memcheck_open(void *start, size_t bytes, bool is_zeroed)
{
    if (is_zeroed)
        VALGRIND_MAKE_MEM_DEFINED(start, bytes);
    else
        VALGRIND_MAKE_MEM_UNDEFINED(start, bytes);
}

/* A pool is a set of blocks, which end with it; any address will do as its name. */
static inline void fh_memcheck_begin_pool(const void *pool)
{
    VALGRIND_CREATE_MEMPOOL(pool, FH_SHADOW_TAG, 0);
}

static inline void fh_memcheck_end_pool(const void *pool)
{
    VALGRIND_DESTROY_MEMPOOL(pool);
}

static inline void fh_memcheck_allocated(const void *pool, void *ptr, size_t size)
{
    VALGRIND_MEMPOOL_ALLOC(pool, ptr, size);
}

static inline void fh_memcheck_freed(const void *pool, void *ptr)
{
    VALGRIND_MEMPOOL_FREE(pool, ptr);
}

/* Says nothing of the bytes. */
static inline void fh_memcheck_resized(const void *pool, void *ptr, size_t size)
{
    VALGRIND_MEMPOOL_CHANGE(pool, ptr, ptr, size);
}

static inline void *fh_memcheck_first_closed(void *start, size_t bytes)
{
    VALGRIND_DISABLE_ERROR_REPORTING;
    void *first = (void *)(uintptr_t)VALGRIND_CHECK_MEM_IS_ADDRESSABLE(start, bytes);
    VALGRIND_ENABLE_ERROR_REPORTING;
    return first;
}

/* Which bits of the memory were ever written, a byte for each byte. */
static inline void fh_memcheck_save(const void *start, void *bits, size_t bytes)
{
    (void)VALGRIND_GET_VBITS(start, bits, bytes);
}

static inline void fh_memcheck_restore(void *start, const void *bits, size_t bytes)
{
    (void)VALGRIND_SET_VBITS(start, bits, bytes);
}
#else
static inline bool fh_memcheck_is_there(void) { return false; }
static inline void fh_memcheck_pause(void) { }
static inline void fh_memcheck_resume(void) { }
static inline void fh_memcheck_close(void *start, size_t bytes) { (void)start; (void)bytes; }
static inline void fh_memcheck_open(void *start, size_t bytes, bool is_zeroed) { (void)start; (void)bytes; (void)is_zeroed; }
static inline void fh_memcheck_begin_pool(const void *pool) { (void)pool; }
static inline void fh_memcheck_end_pool(const void *pool) { (void)pool; }
static inline void fh_memcheck_allocated(const void *pool, void *ptr, size_t size) { (void)pool; (void)ptr; (void)size; }
static inline void fh_memcheck_freed(const void *pool, void *ptr) { (void)pool; (void)ptr; }
static inline void fh_memcheck_resized(const void *pool, void *ptr, size_t size) { (void)pool; (void)ptr; (void)size; }
static inline void *fh_memcheck_first_closed(void *start, size_t bytes) { (void)bytes; return start; }
static inline void fh_memcheck_save(const void *start, void *bits, size_t bytes) { (void)start; (void)bits; (void)bytes; }
static inline void fh_memcheck_restore(void *start, const void *bits, size_t bytes) { (void)start; (void)bits; (void)bytes; }
#endif

/* Does anybody look? */
static inline bool fh_shadow_is_there(void)
{
    return fh_shadow_has_asan() || fh_memcheck_is_there();
}

/* Memory that becomes a heap's: nobody may touch it, but it may hold the program's only pointers to other memory. */
static inline void fh_shadow_close(void *start, size_t bytes)
{
    if (fh_shadow_has_asan())
        __asan_poison_memory_region(start, bytes);
    if (__lsan_register_root_region != NULL)
        __lsan_register_root_region(start, bytes);
    fh_memcheck_close(start, bytes);
}

/* The same memory when it is the program's again; what is in it means nothing. */
static inline void fh_shadow_open(void *start, size_t bytes)
{
    if (fh_shadow_has_asan())
        __asan_unpoison_memory_region(start, bytes);
    if (__lsan_unregister_root_region != NULL)
        __lsan_unregister_root_region(start, bytes);
    fh_memcheck_open(start, bytes, false);
}

/* How many bytes from ptr on may be touched, at most limit. */
static inline size_t fh_shadow_extent(void *ptr, size_t limit)
{
    if (limit == 0)
        return 0;
    void *end = fh_shadow_has_asan() ? __asan_region_is_poisoned(ptr, limit) : fh_memcheck_first_closed(ptr, limit);
    return end != NULL ? (size_t)((uintptr_t)end - (uintptr_t)ptr) : limit;
}

/* A block is handed out. pool: the heap's name; NULL: memcheck knows the bytes only, not the block. */
static inline void fh_shadow_allocated(const void *pool, void *ptr, size_t size, bool is_zeroed)
{
    if (fh_shadow_has_asan())
        __asan_unpoison_memory_region(ptr, size);
    if (pool != NULL)
        fh_memcheck_allocated(pool, ptr, size);
    fh_memcheck_open(ptr, size, is_zeroed);
}

/* A block is given back; size: its extent. */
static inline void fh_shadow_freed(const void *pool, void *ptr, size_t size)
{
    if (fh_shadow_has_asan() && size != 0)
        __asan_poison_memory_region(ptr, size);
    if (pool != NULL)
        fh_memcheck_freed(pool, ptr);
    fh_memcheck_close(ptr, size);
}

/* Bytes that were out of bounds by mistake may be touched again. That they had been written must be taken for granted. */
static inline void fh_shadow_reopen(void *start, size_t bytes)
{
    if (bytes == 0)
        return;
    if (fh_shadow_has_asan())
        __asan_unpoison_memory_region(start, bytes);
    fh_memcheck_open(start, bytes, true);
}

/* A block has another size where it is. */
static inline void fh_shadow_resized(const void *pool, void *ptr, size_t from, size_t to)
{
    char *tail = (char *)ptr + (to < from ? to : from);
    if (fh_shadow_has_asan()) {
        __asan_unpoison_memory_region(ptr, to);
        if (to < from)
            __asan_poison_memory_region(tail, from - to);
    }
    if (pool != NULL)
        fh_memcheck_resized(pool, ptr, to);
    if (to < from)
        fh_memcheck_close(tail, from - to);
    else
        fh_memcheck_open(tail, to - from, false);
}

#endif
