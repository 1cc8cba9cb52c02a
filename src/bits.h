/* SPDX-License-Identifier: MIT
 *
 * bits.h - words, rounding, bit scans, copy and zero.
 *
 * Promise: nothing here calls a library function, whatever the compiler makes of a loop: the core links without libc
 * and without libgcc, on chips that have neither a divider nor a count-zeros instruction.
 * Must not know: what a block is.
 */
#ifndef FH_BITS_H
#define FH_BITS_H

#include <freehold.h>

/* Wide enough for an address and for 32 bits. */
#if UINTPTR_MAX < 0xFFFFFFFFu
typedef uint32_t fh_wide;
#else
typedef uintptr_t fh_wide;
#endif

/* The words of tags, links and footers. They lie in memory that the program sees as objects of any other type, so an
 * access must not take part in type-based alias analysis: without this the core would need -fno-strict-aliasing. */
#if defined(__GNUC__)
typedef uint32_t __attribute__((may_alias)) fh_word;
typedef fh_wide __attribute__((may_alias)) fh_long;
#else
typedef uint32_t fh_word;
typedef fh_wide fh_long;
#endif

/* Words that one CPU may read without the lock while another writes them with it: tags, and the bounds in a cache. The reader
 * takes either value as good; only a torn or reordered access by the compiler would be wrong. */
#if defined(__GCC_ATOMIC_INT_LOCK_FREE) && __GCC_ATOMIC_INT_LOCK_FREE == 2 && __GCC_ATOMIC_POINTER_LOCK_FREE == 2
static inline uint32_t fh_load(const fh_word *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void fh_store(fh_word *p, uint32_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

static inline void fh_store_long(fh_long *p, fh_wide value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}
#else
static inline uint32_t fh_load(const fh_word *p)
{
    return *p;
}

static inline void fh_store(fh_word *p, uint32_t value)
{
    *p = value;
}

static inline void fh_store_long(fh_long *p, fh_wide value)
{
    *p = value;
}
#endif

/* Reads a word that others only ever set to zero, or of which nothing is asked but whether it is zero. Whichever value the compiler reads,
 * and however often, is right, so a plain access will do, which an instruction may take as its operand; the race detector must be
 * told. */
#if defined(__SANITIZE_THREAD__)
#define FH_RACE_DETECTOR 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FH_RACE_DETECTOR 1
#endif
#endif
#ifdef FH_RACE_DETECTOR
static inline fh_wide fh_peek_long(const fh_long *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uintptr_t fh_peek_swapped(const uintptr_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}
#else
static inline fh_wide fh_peek_long(const fh_long *p)
{
    return *p;
}

static inline uintptr_t fh_peek_swapped(const uintptr_t *word)
{
    return *word;
}
#endif

/* Replaces a word if it is what it is expected to be; answers whether it was. Where the chip has no instruction for it there is
 * no such function, and FH_HAS_SWAP is false: a port may supply one. */
#if defined(__GCC_ATOMIC_POINTER_LOCK_FREE) && __GCC_ATOMIC_POINTER_LOCK_FREE == 2
#define FH_HAS_SWAP true
static inline bool fh_swap(uintptr_t *word, uintptr_t expected, uintptr_t wanted)
{
    return __atomic_compare_exchange_n(word, &expected, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Reads a word that fh_swap writes; what was written before it is read after it. */
static inline uintptr_t fh_load_swapped(const uintptr_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
#else
#define FH_HAS_SWAP false
static inline bool fh_swap(uintptr_t *word, uintptr_t expected, uintptr_t wanted)
{
    (void)word;
    (void)expected;
    (void)wanted;
    return false;
}

static inline uintptr_t fh_load_swapped(const uintptr_t *word)
{
    return *(const volatile uintptr_t *)word;
}
#endif

/* What is expected to hardly ever happen; moves the code out of the straight path. */
#if defined(__GNUC__)
static inline bool fh_rarely(bool condition)
{
    return __builtin_expect(condition, 0);
}

static inline bool fh_likely(bool condition)
{
    return __builtin_expect(condition, 1);
}
#else
static inline bool fh_rarely(bool condition)
{
    return condition;
}

static inline bool fh_likely(bool condition)
{
    return condition;
}
#endif

/* Contract between our own functions, in debug builds only. Misuse by the caller is not checked here: see block.h. */
#if defined(FH_DEBUG) && defined(__GNUC__)
#define FH_EXPECT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define FH_EXPECT(condition) ((void)0)
#endif

/* Kept out of line, for code that the fast paths call rarely: inlined, it costs them registers and the build size. */
#if defined(__GNUC__)
#define FH_COLD __attribute__((noinline, cold))
#else
#define FH_COLD
#endif

/* A function of its own where the compiler would inline it: what it needs in registers is then not saved on every other path. */
#if defined(__GNUC__)
#define FH_APART __attribute__((noinline))
#else
#define FH_APART
#endif

/* The verbs of the fast paths, which are to become one straight piece of code: left to itself gcc 12 calls half of them,
 * which doubles the instructions of malloc. Where size counts, the compiler decides. */
#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
#define FH_HOT static inline __attribute__((always_inline))
#else
#define FH_HOT static inline
#endif

static inline uintptr_t fh_align_up(uintptr_t x, uintptr_t align)
{
    return (x + (align - 1)) & ~(align - 1);
}

/* Of which the second may be more than memory can be where a size_t has 16 bits. */
static inline size_t fh_lesser(size_t a, fh_wide b)
{
    return a < b ? a : (size_t)b;
}

static inline bool fh_is_power_of_two(size_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/* The number of shifts that bring x below 16. That is all the class mapping needs of a logarithm. */
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || (defined(__ARM_FEATURE_CLZ) && __ARM_FEATURE_CLZ)
static inline unsigned fh_shift_below_16(uint32_t x)
{
    return (unsigned)(31 ^ __builtin_clz(x | 8)) - 3;
}
#else
/* No instruction to count zeros, and libgcc's function is not to be had. */
static inline unsigned fh_shift_below_16(uint32_t x)
{
    unsigned shift = 0;
    if (x >= (uint32_t)16 << 16) {
        x >>= 16;
        shift = 16;
    }
    for (; x >= 16; x >>= 1)
        shift++;
    return shift;
}
#endif

/* The place of the lowest set bit of x, which is not zero. */
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || (defined(__ARM_FEATURE_CLZ) && __ARM_FEATURE_CLZ)
static inline unsigned fh_lowest_bit(uint32_t x)
{
    return (unsigned)__builtin_ctz(x);
}
#else
static inline unsigned fh_lowest_bit(uint32_t x)
{
    unsigned place = 0;
    if ((x & 0xFFFF) == 0) {
        x >>= 16;
        place = 16;
    }
    if ((x & 0xFF) == 0) {
        x >>= 8;
        place += 8;
    }
    for (; (x & 1) == 0; x >>= 1)
        place++;
    return place;
}
#endif

/* Keeps the compiler from moving memory accesses across it. */
#if defined(__GNUC__)
static inline void fh_compiler_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}
#else
static inline void fh_compiler_barrier(void)
{
}
#endif

/* Makes a value opaque to the optimizer; a pointer, so that it cannot turn the loop that advances it into memcpy or memset:
 * gcc and clang do so at -O2 and -O3 even when freestanding, and the core would not link. */
#if defined(__GNUC__)
#define FH_OPAQUE(value) __asm__("" : "+r"(value))
#else
#define FH_OPAQUE(value) ((void)0)
#endif

/* A factor that the compiler takes as it is. Of half of the multiplications gcc makes some 20 shifts and additions on the smallest
 * Cortex-M, as if the one instruction took as long: a tenth of malloc. */
#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
static inline uint32_t fh_factor(uint32_t factor)
{
    FH_OPAQUE(factor);
    return factor;
}
#else
static inline uint32_t fh_factor(uint32_t factor)
{
    return factor;
}
#endif

/* Copies bytes, a multiple of 4, between places aligned to 8 that do not overlap. */
static inline void fh_copy(void *to, const void *from, size_t bytes)
{
    fh_long *d = (fh_long *)to;
    const fh_long *s = (const fh_long *)from;
    for (size_t n = bytes / sizeof *d; n != 0; n--) {
        FH_OPAQUE(d);
        *d++ = *s++;
    }
    if (bytes % sizeof *d != 0)
        *(fh_word *)d = *(const fh_word *)s;
}

/* Zeroes bytes, rounded up to a multiple of 4, from a place aligned to 8. */
static inline void fh_zero(void *to, size_t bytes)
{
    fh_long *d = (fh_long *)to;
    for (size_t n = bytes / sizeof *d; n != 0; n--) {
        FH_OPAQUE(d);
        *d++ = 0;
    }
    fh_word *w = (fh_word *)d;
    for (size_t n = (bytes % sizeof *d + 3) / 4; n != 0; n--) {
        FH_OPAQUE(w);
        *w++ = 0;
    }
}

/* count * size, or false if it does not fit. In half words: a product of twice the width is a library call on the
 * smallest chips, and so is the division that would check it. */
static inline bool fh_multiply(size_t count, size_t size, size_t *product)
{
    const unsigned half = sizeof(size_t) * 4;
    const size_t mask = ((size_t)1 << half) - 1;
    size_t high = count >> half;
    size_t other_high = size >> half;
    if ((high | other_high) == 0) {
        *product = count * size;
        return true;
    }
    if (high != 0 && other_high != 0)
        return false;
    size_t cross = high * (size & mask) + other_high * (count & mask);
    size_t low = (count & mask) * (size & mask);
    *product = (cross << half) + low;
    return cross <= mask && *product >= low;
}

#endif
