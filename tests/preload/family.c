/* SPDX-License-Identifier: MIT
 *
 * family.c - every function of the C malloc family does what C and POSIX say: alignment, errno, zero sizes, overflow, contents.
 *
 * Run it with the library preloaded, or linked to it under other names. FAMILY_IS_LINKED leaves out what only holds of a
 * preloaded library.
 */
#include "case.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Declared by few headers. C23's, which the C library may lack: weak, so that the program links without it. */
void *pvalloc(size_t size);
void free_sized(void *ptr, size_t size) __attribute__((weak));
void free_aligned_sized(void *ptr, size_t align, size_t size) __attribute__((weak));

#define LARGE ((size_t)256 << 10)
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The compiler knows these functions: it removes a malloc whose block is unused, and takes errno as unchanged by free. What
 * goes through here it does not know. */
static void *opaque(void *ptr)
{
    __asm__ volatile("" : "+r"(ptr) : : "memory");
    return ptr;
}

static size_t opaque_size(size_t size)
{
    __asm__ volatile("" : "+r"(size));
    return size;
}

#ifndef FAMILY_IS_LINKED
static void test_exported(void)
{
    static const char *const names[] = { "malloc", "free", "calloc", "realloc", "reallocarray", "memalign", "posix_memalign",
        "aligned_alloc", "valloc", "pvalloc", "malloc_usable_size", "free_sized", "free_aligned_sized" };
    for (size_t i = 0; i < COUNT(names); i++) {
        Dl_info info = { 0 };
        void *symbol = dlsym(RTLD_DEFAULT, names[i]);
        bool ours = symbol != NULL && dladdr(symbol, &info) != 0 && strstr(info.dli_fname, "libfreehold-preload") != NULL;
        if (!EXPECT(ours))
            fprintf(stderr, "  %s comes from %s\n", names[i], symbol != NULL ? info.dli_fname : "nowhere");
    }
}
#endif

static void test_alignment(void)
{
    enum { N = 3000 };
    static unsigned char *blocks[N];
    for (size_t i = 0; i < N; i++) {
        blocks[i] = (unsigned char *)malloc(i);
        if (!EXPECT(blocks[i] != NULL))
            return;
        EXPECT(is_aligned(blocks[i], 16));
        EXPECT(malloc_usable_size(blocks[i]) >= i);
        paint(blocks[i], malloc_usable_size(blocks[i]), i);
    }
    for (size_t i = 0; i < N; i++) {
        size_t usable = malloc_usable_size(blocks[i]);
        EXPECT(is_painted(blocks[i], usable, usable, i));
        free(blocks[i]);
    }
}

static void test_zero_sizes(void)
{
    void *blocks[] = { malloc(0), malloc(0), calloc(0, 5), calloc(5, 0), realloc(NULL, 0), reallocarray(NULL, 0, 9),
        memalign(64, 0), aligned_alloc(32, 0), valloc(0), pvalloc(0) };
    for (size_t i = 0; i < COUNT(blocks); i++) {
        EXPECT(blocks[i] != NULL);
        for (size_t j = 0; j < i; j++)
            EXPECT(blocks[i] != blocks[j]);
    }
    EXPECT(malloc_usable_size(blocks[COUNT(blocks) - 1]) >= (size_t)sysconf(_SC_PAGESIZE));
    for (size_t i = 0; i < COUNT(blocks); i++)
        free(blocks[i]);
    free(opaque(NULL));
    free_sized(NULL, 0);
    free_aligned_sized(NULL, 16, 0);
    EXPECT(malloc_usable_size(NULL) == 0);
    /* As the GNU C library has it: a free. Whether it freed shows in the memory of the process. */
    for (int i = 0; i < 3000; i++) {
        void *p = malloc(LARGE);
        memset(p, 1, LARGE);
        EXPECT(realloc(p, opaque_size(0)) == NULL);
    }
    EXPECT(process_bytes(true) < (size_t)400 << 20);
}

/* A call that must fail with ENOMEM. */
#define EXPECT_ENOMEM(call) \
    do { \
        errno = 0; \
        EXPECT((call) == NULL); \
        EXPECT(errno == ENOMEM); \
    } while (0)

static void refuse_size(size_t size)
{
    size = opaque_size(size);
    char *p = (char *)malloc(100);
    paint(p, 100, size);
    EXPECT_ENOMEM(opaque(malloc(size)));
    EXPECT_ENOMEM(opaque(calloc(1, size)));
    EXPECT_ENOMEM(opaque(calloc(size, 1)));
    EXPECT_ENOMEM(opaque(realloc(opaque(p), size)));
    EXPECT_ENOMEM(opaque(reallocarray(opaque(p), 1, size)));
    EXPECT_ENOMEM(opaque(memalign(64, size)));
    EXPECT_ENOMEM(opaque(aligned_alloc(16, size)));
    EXPECT_ENOMEM(opaque(valloc(size)));
    EXPECT_ENOMEM(opaque(pvalloc(size)));
    void *out = &out;
    EXPECT(posix_memalign(&out, 64, size) == ENOMEM);
    EXPECT(out == &out);
    EXPECT(is_painted(p, 100, 100, size));
    free(p);
}

static void test_impossible_sizes(void)
{
    for (size_t i = 0; i < 5000; i += i < 40 ? 1 : 61) {
        refuse_size(SIZE_MAX - i);
        refuse_size((size_t)PTRDIFF_MAX + 1 + i);
    }
    refuse_size(SIZE_MAX / 4 * 3);
#if SIZE_MAX > 0xFFFFFFFF
    /* Half of a 32-bit address space may be there. */
    refuse_size((size_t)PTRDIFF_MAX);
    refuse_size((size_t)PTRDIFF_MAX - 4096);
#endif
    /* A span, too, stays what it was. */
    char *p = (char *)malloc(LARGE * 2);
    paint(p, LARGE * 2, 7);
    EXPECT_ENOMEM(opaque(realloc(opaque(p), opaque_size(SIZE_MAX))));
    EXPECT_ENOMEM(opaque(realloc(opaque(p), opaque_size(SIZE_MAX - 4096))));
    EXPECT(is_painted(p, LARGE * 2, LARGE * 2, 7));
    free(p);
}

static void test_overflowing_products(void)
{
    const size_t half = (size_t)1 << sizeof(size_t) * 4;
    const size_t pairs[][2] = { { half, half }, { half + 1, half }, { SIZE_MAX, 2 }, { SIZE_MAX / 2 + 1, 2 },
        { SIZE_MAX / 3 + 1, 3 }, { 16, SIZE_MAX / 16 + 1 }, { 3, SIZE_MAX / 3 + 2 }, { SIZE_MAX, SIZE_MAX } };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        size_t a = opaque_size(pairs[i][0]);
        size_t b = opaque_size(pairs[i][1]);
        void *p = malloc(50);
        paint(p, 50, i);
        EXPECT_ENOMEM(opaque(calloc(a, b)));
        EXPECT_ENOMEM(opaque(calloc(b, a)));
        EXPECT_ENOMEM(opaque(reallocarray(opaque(p), a, b)));
        EXPECT_ENOMEM(opaque(reallocarray(opaque(p), b, a)));
        EXPECT(is_painted(p, 50, 50, i));
        free(p);
    }
}

static void test_errno_kept(void)
{
    enum { N = 400 };
    static void *blocks[N];
    uint64_t random = 5;
    for (size_t i = 0; i < N; i++) {
        size_t size = i % 10 == 0 ? LARGE + random_size(&random, 1 << 20) : random_size(&random, 1 << 20);
        errno = 4711;
        void *p = i % 3 == 0 ? calloc(1, size) : i % 3 == 1 ? malloc(size) : NULL;
        if (i % 3 == 2)
            EXPECT(posix_memalign(&p, 128, size) == 0);
        EXPECT(p != NULL && errno == 4711);
        blocks[i] = opaque(realloc(opaque(p), size + size / 2 + 1));
        EXPECT(blocks[i] != NULL && errno == 4711);
        EXPECT(malloc_usable_size(blocks[i]) > size && errno == 4711);
    }
    for (size_t i = 0; i < N; i++) {
        errno = 4711;
        free(opaque(blocks[i]));
        EXPECT(errno == 4711);
    }
}

static void test_bad_alignments(void)
{
    static const size_t bad[] = { 0, 3, 24, 48, 100, 4095, 4097, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 17 };
    static const size_t next[] = { 1, 4, 32, 64, 128, 4096, 8192 };
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t align = opaque_size(bad[i]);
        errno = 0;
        void *rounded = memalign(align, 10);
        if (i < COUNT(next))
            EXPECT(rounded != NULL && is_aligned(rounded, next[i]));
        else
            EXPECT(rounded == NULL && errno == EINVAL);
        free(rounded);
        errno = 0;
        EXPECT(aligned_alloc(align, 10) == NULL && errno == EINVAL);
        void *out = &out;
        errno = 4711;
        EXPECT(posix_memalign(&out, align, 10) == EINVAL);
        EXPECT(out == &out && errno == 4711);
    }
    /* Powers of two, but no multiples of a pointer's size. */
    for (size_t align = 1; align < sizeof(void *); align *= 2) {
        void *out = &out;
        EXPECT(posix_memalign(&out, align, 10) == EINVAL && out == &out);
        void *p = memalign(align, 10);
        EXPECT(p != NULL);
        free(p);
    }
    /* Alignments that cannot be had. */
    EXPECT_ENOMEM(opaque(memalign(opaque_size(SIZE_MAX / 2 + 1), 10)));
    EXPECT_ENOMEM(opaque(memalign(opaque_size(SIZE_MAX / 2 + 1), LARGE)));
    EXPECT_ENOMEM(opaque(memalign(opaque_size(SIZE_MAX / 4 + 1), SIZE_MAX / 2)));
    void *out = &out;
    errno = 4711;
    EXPECT(posix_memalign(&out, SIZE_MAX / 2 + 1, 10) == ENOMEM);
    EXPECT(out == &out && errno == 4711);
}

static void test_alignments(void)
{
    static const size_t sizes[] = { 0, 1, 100, 5000, 100000, LARGE, LARGE + 1, LARGE * 5 };
    for (size_t align = 8; align <= (size_t)16 << 20; align *= 2) {
        void *blocks[COUNT(sizes)];
        for (size_t i = 0; i < COUNT(sizes); i++) {
            blocks[i] = NULL;
            if (i % 3 == 0)
                EXPECT(posix_memalign(&blocks[i], align, sizes[i]) == 0);
            else
                blocks[i] = i % 3 == 1 ? memalign(align, sizes[i]) : aligned_alloc(align, sizes[i]);
            if (!EXPECT(blocks[i] != NULL && is_aligned(blocks[i], align)))
                return;
            EXPECT(malloc_usable_size(blocks[i]) >= sizes[i]);
            paint(blocks[i], sizes[i], i + align);
        }
        for (size_t i = 0; i < COUNT(sizes); i++) {
            EXPECT(is_painted(blocks[i], sizes[i], sizes[i], i + align));
            if (i % 2 == 0)
                free(blocks[i]);
            else
                free_aligned_sized(blocks[i], align, sizes[i]);
        }
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 1; size < LARGE * 2; size = size * 3 + 1) {
        void *v = valloc(size);
        void *p = pvalloc(size);
        EXPECT(v != NULL && is_aligned(v, page));
        EXPECT(p != NULL && is_aligned(p, page));
        EXPECT(malloc_usable_size(p) >= (size + page - 1) / page * page);
        free(v);
        free_sized(p, size);
    }
}

static void test_calloc_zeroes(void)
{
    static const size_t sizes[] = { 1, 8, 24, 100, 1000, 5000, 40000, LARGE - 1, LARGE, LARGE * 3, LARGE * 40 };
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            void *dirty[3];
            for (size_t j = 0; j < 3; j++) {
                dirty[j] = malloc(sizes[i]);
                memset(dirty[j], 0xA5, malloc_usable_size(dirty[j]));
            }
            for (size_t j = 0; j < 3; j++)
                free(opaque(dirty[j]));
            char *p = (char *)calloc(round % 2 == 0 ? 1 : sizes[i], round % 2 == 0 ? sizes[i] : 1);
            EXPECT(p != NULL && is_zero(p, sizes[i]));
            free(p);
        }
    }
}

/* Up from a byte through the sizes of a block to a span that must move, and down again. */
static void test_realloc_contents(void)
{
    size_t size = 1;
    unsigned char *p = (unsigned char *)malloc(1);
    /* In the way, so that nothing grows where it is for ever. */
    void *fences[200];
    size_t fence = 0;
    paint(p, 1, 3);
    for (size_t next = 2; next < (size_t)24 << 20; next += next / 3 + 1) {
        p = (unsigned char *)realloc(p, next);
        if (!EXPECT(p != NULL && is_painted(p, size, size, 3)))
            return;
        EXPECT(is_aligned(p, 16) && malloc_usable_size(p) >= next);
        paint(p, next, 3);
        size = next;
        if (fence < COUNT(fences))
            fences[fence++] = malloc(size / 2);
    }
    EXPECT(fence > 20);
    for (size_t next = size - size / 3; next > 1; next -= next / 3 + 1) {
        p = (unsigned char *)realloc(p, next);
        EXPECT(p != NULL && is_painted(p, next, size, 3));
        paint(p, next, 3);
        size = next;
    }
    free(p);
    while (fence != 0)
        free(fences[--fence]);
}

/* A span that grows is moved by the kernel, page tables instead of bytes: two spans in turn, so that neither stays. */
static void test_realloc_of_spans(void)
{
    enum { N = 6 };
    unsigned char *spans[N];
    size_t size = LARGE;
    for (size_t i = 0; i < N; i++) {
        spans[i] = (unsigned char *)malloc(size);
        paint(spans[i], size, i);
    }
    for (size_t next = LARGE * 2; next <= LARGE * 64; next *= 2) {
        for (size_t i = 0; i < N; i++) {
            spans[i] = (unsigned char *)realloc(spans[i], next);
            EXPECT(spans[i] != NULL && is_painted(spans[i], size, size, i));
            paint(spans[i], next, i);
        }
        size = next;
    }
    for (size_t i = 0; i < N; i++) {
        spans[i] = (unsigned char *)realloc(spans[i], 1000);
        EXPECT(spans[i] != NULL && malloc_usable_size(spans[i]) < LARGE);
        EXPECT(is_painted(spans[i], 1000, size, i));
        free(spans[i]);
    }
}

/* Large memory goes back when it is freed, first as spans, then as blocks; a share of it stays for the next request. */
static void test_large_goes_back(void)
{
    enum { N = 200 };
    static void *large[N];
    for (int round = 0; round < 4; round++) {
        size_t before = process_bytes(true);
        for (size_t i = 0; i < N; i++) {
            large[i] = malloc((size_t)1 << 20);
            memset(large[i], 1, (size_t)1 << 20);
        }
        EXPECT(process_bytes(true) > before + ((size_t)100 << 20));
        for (size_t i = 0; i < N; i++)
            free(large[i]);
        EXPECT(process_bytes(true) < before + ((size_t)48 << 20));
    }
}

static long page_faults(void)
{
    struct rusage usage = { 0 };
    EXPECT(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

/* A loop that allocates and frees one large buffer faults its pages in once, not each time round. */
static void test_large_again(void)
{
    long warm = 0;
    for (int i = 0; i < 100; i++) {
        char *p = (char *)malloc((size_t)4 << 20);
        memset(p, i, (size_t)4 << 20);
        free(p);
        if (i == 9)
            warm = page_faults();
    }
    EXPECT(page_faults() - warm < 10 * 1024);
}

/* So does one that grows a buffer step by step to some megabytes. */
static void test_grown_again(void)
{
    long warm = 0;
    for (int i = 0; i < 200; i++) {
        char *p = NULL;
        for (size_t size = 1000; size <= (size_t)4 << 20; size *= 2) {
            p = (char *)realloc(p, size);
            if (!EXPECT(p != NULL))
                return;
            memset(p + size / 2, i, size / 2);
        }
        free(p);
        if (i == 9)
            warm = page_faults();
    }
    EXPECT(page_faults() - warm < 20 * 1024);
}

/* Large memory from calloc has no pages before they are touched, whatever was freed before; in a loop it gets them once. */
static void test_large_cleared(void)
{
    enum { N = 20, PAGES = 1024 };
    static char *sparse[N];
    const size_t size = (size_t)24 << 20;
    free(opaque(malloc(size + (1 << 20))));
    free(opaque(malloc(size + (1 << 20))));
    size_t before = process_bytes(true);
    for (size_t i = 0; i < N; i++) {
        sparse[i] = (char *)calloc(1, size);
        if (!EXPECT(sparse[i] != NULL))
            return;
        sparse[i][size / 2] = 1;
    }
    EXPECT(process_bytes(true) < before + size);
    for (size_t i = 0; i < N; i++)
        free(sparse[i]);
    long warm = 0;
    for (int i = 0; i < 50; i++) {
        unsigned char *p = (unsigned char *)calloc(PAGES, 4096);
        if (!EXPECT(p != NULL))
            return;
        for (size_t at = 0; at < PAGES * 4096; at += 1000) {
            EXPECT(p[at] == 0);
            p[at] = 1;
        }
        free(p);
        if (i == 9)
            warm = page_faults();
    }
    EXPECT(page_faults() - warm < 20 * PAGES);
}

/* What was freed goes back to the system when that is asked for, and what was not keeps its contents. */
static void test_trim(void)
{
    enum { N = 40000, EACH = 2000, KEPT = 100 };
    static unsigned char *blocks[N];
    size_t before = process_bytes(true);
    for (size_t i = 0; i < N; i++) {
        blocks[i] = (unsigned char *)malloc(EACH);
        if (!EXPECT(blocks[i] != NULL))
            return;
        paint(blocks[i], EACH, i);
    }
    size_t peak = process_bytes(true);
    EXPECT(peak > before + (size_t)N * EACH / 2);
    for (size_t i = 0; i < N; i++) {
        if (i % KEPT != 0)
            free(blocks[i]);
    }
    EXPECT(malloc_trim(0) == 1);
    EXPECT(process_bytes(true) < peak - (size_t)N * EACH / 10 * 9);
    for (size_t i = 0; i < N; i += KEPT) {
        EXPECT(is_painted(blocks[i], EACH, EACH, i));
        free(blocks[i]);
    }
    /* What has no pages any more serves again. */
    for (size_t i = 0; i < N; i++) {
        blocks[i] = (unsigned char *)malloc(EACH);
        if (!EXPECT(blocks[i] != NULL))
            return;
        paint(blocks[i], EACH, i);
    }
    for (size_t i = 0; i < N; i++) {
        EXPECT(is_painted(blocks[i], EACH, EACH, i));
        free(blocks[i]);
    }
}

/* The bounds of the mapping that holds a block. */
static bool find_mapping(const void *ptr, uintptr_t *start, uintptr_t *end)
{
    char line[512];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
        found = sscanf(line, "%" SCNxPTR "-%" SCNxPTR, start, end) == 2 && *start <= (uintptr_t)ptr && (uintptr_t)ptr < *end;
    if (f != NULL)
        fclose(f);
    return found;
}

static void *wall_at(uintptr_t place)
{
    return mmap((void *)place, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

/* A heap that can't grow upwards grows downwards, and where it can't do that either, a block is a mapping of its own. */
static void test_walled_in(void)
{
    enum { N = 3000, EACH = 10000 };
    static unsigned char *blocks[3][N];
    void *walls[2] = { MAP_FAILED, MAP_FAILED };
    unsigned char *first = (unsigned char *)malloc(EACH);
    for (size_t round = 0; round < 3; round++) {
        uintptr_t start, end;
        if (round != 0 && EXPECT(find_mapping(first, &start, &end))) {
            walls[round - 1] = wall_at(round == 1 ? end : start - 4096);
            EXPECT(walls[round - 1] != MAP_FAILED);
        }
        for (size_t i = 0; i < N; i++) {
            blocks[round][i] = (unsigned char *)(i % 3 == 0 ? calloc(1, EACH) : i % 3 == 1 ? aligned_alloc(64, EACH) : malloc(EACH));
            if (!EXPECT(blocks[round][i] != NULL && (i % 3 != 0 || is_zero(blocks[round][i], EACH))))
                return;
            paint(blocks[round][i], EACH, round + i);
        }
    }
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            EXPECT(is_painted(blocks[round][i], EACH, EACH, round + i));
            blocks[round][i] = (unsigned char *)realloc(blocks[round][i], EACH + 3000);
            EXPECT(blocks[round][i] != NULL && is_painted(blocks[round][i], EACH, EACH, round + i));
            free(blocks[round][i]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (walls[i] != MAP_FAILED)
            munmap(walls[i], 4096);
    }
    free(first);
}

#ifndef FAMILY_IS_LINKED
/* Under a limit of address space: the end is NULL and ENOMEM, what is there stays good, and what was freed serves again. */
static void exhaust(size_t size)
{
    enum { N = 200000 };
    static void *blocks[N];
    size_t n = 0;
    errno = 0;
    while (n < N && (blocks[n] = malloc(size)) != NULL) {
        paint(blocks[n], size < 64 ? size : 64, n);
        n++;
    }
    EXPECT(n > 10 && n < N && errno == ENOMEM);
    for (size_t i = 0; i < n; i++) {
        EXPECT(is_painted(blocks[i], size < 64 ? size : 64, size < 64 ? size : 64, i));
        free(blocks[i]);
    }
    for (size_t i = 0; i < n / 2; i++)
        EXPECT((blocks[i] = malloc(size)) != NULL);
    for (size_t i = 0; i < n / 2; i++)
        free(blocks[i]);
}

static void test_out_of_memory(void)
{
    pid_t child = fork();
    if (child == 0) {
        size_t most = process_bytes(false) + ((size_t)96 << 20);
        struct rlimit limit = { most, most };
        if (!EXPECT(setrlimit(RLIMIT_AS, &limit) == 0))
            _exit(1);
        exhaust(LARGE * 2);
        exhaust(5000);
        exhaust(100000);
        _exit(has_failed());
    }
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
}
#endif

/* Any of the functions on any of the slots, and the contents of every block checked whenever it is touched. */
static void test_random(void)
{
    enum { SLOTS = 500, STEPS = 300000 };
    static struct { void *ptr; size_t size; uint64_t key; } slots[SLOTS];
    uint64_t seed = case_seed();
    uint64_t random = seed;
    for (size_t step = 0; step < STEPS && !has_failed(); step++) {
        uint64_t r = next_random(&random);
        size_t at = r % SLOTS;
        size_t size = (r >> 20) % 500 == 0 ? LARGE + (r >> 30) % (LARGE * 8) : random_size(&random, LARGE);
        void *old = slots[at].ptr;
        if (old != NULL)
            EXPECT(is_painted(old, slots[at].size, slots[at].size, slots[at].key));
        if (old != NULL && (r >> 10) % 3 != 0) {
            free(old);
            slots[at].ptr = NULL;
            continue;
        }
        size_t align = (size_t)16 << (r >> 40) % 10;
        void *p = NULL;
        if (old != NULL) {
            size += size == 0;
            p = (r >> 12) % 2 == 0 ? realloc(old, size) : reallocarray(old, size, 1);
            size_t kept = size < slots[at].size ? size : slots[at].size;
            EXPECT(p != NULL && is_painted(p, kept, slots[at].size, slots[at].key));
        } else {
            switch ((r >> 12) % 8) {
            case 0: p = calloc(size, 1); EXPECT(p != NULL && is_zero(p, size)); break;
            case 1: p = memalign(align, size); EXPECT(is_aligned(p, align)); break;
            case 2: EXPECT(posix_memalign(&p, align, size) == 0 && is_aligned(p, align)); break;
            default: p = malloc(size); break;
            }
        }
        EXPECT(p != NULL && is_aligned(p, 16) && malloc_usable_size(p) >= size);
        slots[at].ptr = p;
        slots[at].size = size;
        slots[at].key = step;
        paint(p, size, step);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].ptr != NULL)
            EXPECT(is_painted(slots[i].ptr, slots[i].size, slots[i].size, slots[i].key));
        free(slots[i].ptr);
        slots[i].ptr = NULL;
    }
    if (has_failed())
        fprintf(stderr, "  again with SEED=%llu\n", (unsigned long long)seed);
}

int main(int argc, char **argv)
{
    (void)argc;
    static const struct test_case cases[] = {
#ifndef FAMILY_IS_LINKED
        { "exported", test_exported },
#endif
        { "alignment", test_alignment },
        { "zero-sizes", test_zero_sizes },
        { "impossible-sizes", test_impossible_sizes },
        { "overflowing-products", test_overflowing_products },
        { "errno-kept", test_errno_kept },
        { "bad-alignments", test_bad_alignments },
        { "alignments", test_alignments },
        { "calloc-zeroes", test_calloc_zeroes },
        { "realloc-contents", test_realloc_contents },
        { "realloc-of-spans", test_realloc_of_spans },
        { "large-again", test_large_again },
        { "grown-again", test_grown_again },
        { "large-cleared", test_large_cleared },
        { "large-goes-back", test_large_goes_back },
        { "trim", test_trim },
        { "walled-in", test_walled_in },
#ifndef FAMILY_IS_LINKED
        { "out-of-memory", test_out_of_memory },
#endif
        { "random", test_random },
    };
    return run_cases(cases, COUNT(cases), argv + 1);
}
