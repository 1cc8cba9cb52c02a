/* SPDX-License-Identifier: MIT
 *
 * crimes.c - one use of memory that is not the program's for each run, named on the command line.
 *
 * Says on standard output what each tool must say of it, an extended regular expression a line, `asan` or `memcheck` before it; without a name, lists
 * the crimes. Whatever is committed is committed through a volatile pointer, so that the compiler leaves it to happen.
 * What a tool must say of a crime that it cannot see is nothing: then it has no line here.
 */
#include <freehold.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 65536, SIZE = 40 };

static _Alignas(64) unsigned char memory[BYTES];
static _Alignas(64) unsigned char other_memory[BYTES];
static struct fh_heap *heap;
static volatile unsigned char sink;

static void say_fault(void *ctx, const struct fh_fault *fault)
{
    (void)ctx;
    fprintf(stderr, "fault: %s\n", fh_fault_name(fault->kind));
}

/* One region, handed over when asked for. */
static void *acquire(void *ctx, size_t least, size_t *got)
{
    (void)ctx;
    static bool given;
    if (given || least > BYTES)
        return NULL;
    given = true;
    *got = BYTES;
    return other_memory;
}

static unsigned first_cpu(void *ctx)
{
    (void)ctx;
    return 0;
}

static const struct fh_port port = { .fault = say_fault };
static const struct fh_port growing = { .fault = say_fault, .acquire = acquire };
static const struct fh_port caching = { .fault = say_fault, .cache = &fh_cpu_cache, .cpus = 1, .cpu = first_cpu };

/* Out of the compiler's sight: of an address in an array it knows that it is in the array, and asks no sanitizer. */
static unsigned char *unknown(unsigned char *at)
{
    unsigned char *volatile hidden = at;
    return hidden;
}

static void touch(unsigned char *at)
{
    sink = *(volatile unsigned char *)unknown(at);
}

static void scribble(unsigned char *at)
{
    *(volatile unsigned char *)unknown(at) = 1;
}

/* Said before the crime itself: what a tool reports earlier is wrong. */
static void now(void)
{
    fputs("now\n", stderr);
}

/* A block with something in it, between two others. */
static unsigned char *block_of(size_t size)
{
    unsigned char *before = fh_malloc(heap, SIZE);
    unsigned char *ptr = fh_malloc(heap, size);
    unsigned char *behind = fh_malloc(heap, SIZE);
    if (before == NULL || ptr == NULL || behind == NULL)
        abort();
    memset(before, 1, SIZE);
    memset(ptr, 2, size);
    memset(behind, 3, SIZE);
    return ptr;
}

static void read_after_free(void)
{
    unsigned char *ptr = block_of(SIZE);
    fh_free(heap, ptr);
    now();
    touch(ptr);
}

static void write_after_free(void)
{
    unsigned char *ptr = block_of(SIZE);
    fh_free(heap, ptr);
    now();
    scribble(ptr + SIZE - 1);
}

static void past_the_end(void)
{
    now();
    touch(block_of(37) + 37);
}

static void into_the_next_block(void)
{
    unsigned char *ptr = block_of(SIZE);
    now();
    for (size_t i = 0; i < SIZE + 8; i++)
        scribble(ptr + i);
}

static void before_the_block(void)
{
    now();
    scribble(block_of(SIZE) - 1);
}

static void never_allocated(void)
{
    block_of(SIZE);
    now();
    touch(memory + BYTES / 2);
}

static void the_heap_itself(void)
{
    now();
    touch((unsigned char *)heap + 8);
}

static void after_moving(void)
{
    unsigned char *ptr = block_of(SIZE);
    unsigned char *moved = fh_realloc(heap, ptr, 1000);
    if (moved == NULL || moved == ptr || moved[SIZE - 1] != 2)
        abort();
    memset(moved, 4, 1000);
    now();
    touch(ptr);
}

static void past_the_end_after_moving(void)
{
    unsigned char *moved = fh_realloc(heap, block_of(SIZE), 1001);
    now();
    touch(moved + 1001);
}

static void past_the_end_after_shrinking(void)
{
    unsigned char *ptr = block_of(100);
    if (fh_realloc(heap, ptr, 30) != ptr)
        abort();
    now();
    touch(ptr + 30);
}

static void past_the_end_after_resizing(void)
{
    unsigned char *ptr = block_of(100);
    if (!fh_resize(heap, ptr, 50))
        abort();
    now();
    touch(ptr + 50);
}

static void past_the_end_after_growing(void)
{
    unsigned char *ptr = fh_malloc(heap, SIZE);
    if (!fh_resize(heap, ptr, 777))
        abort();
    memset(ptr, 5, 777);
    now();
    touch(ptr + 777);
}

static void past_the_end_after_a_refusal(void)
{
    unsigned char *ptr = block_of(SIZE);
    if (fh_realloc(heap, ptr, 2 * BYTES) != NULL || fh_resize(heap, ptr, BYTES) || ptr[SIZE - 1] != 2)
        abort();
    now();
    touch(ptr + SIZE);
}

static void past_the_end_of_calloc(void)
{
    unsigned char *ptr = fh_calloc(heap, 3, 5);
    if (ptr[14] != 0)
        abort();
    now();
    touch(ptr + 15);
}

static void past_the_end_of_aligned(void)
{
    unsigned char *ptr = fh_aligned_alloc(heap, 256, 100);
    memset(ptr, 6, 100);
    now();
    touch(ptr + 100);
}

static void nothing_at_all(void)
{
    now();
    touch(fh_malloc(heap, 0));
}

static void what_was_added(void)
{
    if (fh_add_region(heap, other_memory, BYTES) == 0)
        abort();
    now();
    touch(other_memory + BYTES / 2);
}

static void what_the_port_gave(void)
{
    heap = fh_create(memory, BYTES, &growing);
    if (fh_malloc(heap, BYTES - 4096) == NULL || fh_malloc(heap, BYTES / 2) == NULL)
        abort();
    now();
    touch(other_memory + BYTES - 64);
}

static void in_the_cache(void)
{
    heap = fh_create(memory, BYTES, &caching);
    unsigned char *ptr = block_of(SIZE);
    fh_free(heap, ptr);
    now();
    touch(ptr + 20);
}

static void in_a_cache_of_ones_own(void)
{
    heap = fh_create(memory, BYTES, &caching);
    struct fh_cache *cache = fh_cache_open(heap);
    unsigned char *ptr = fh_cache_malloc(cache, SIZE);
    memset(ptr, 7, SIZE);
    fh_cache_free(cache, ptr);
    now();
    touch(ptr + 20);
}

static void past_the_end_from_a_cache(void)
{
    heap = fh_create(memory, BYTES, &caching);
    unsigned char *ptr = fh_cache_malloc(fh_cache_open(heap), 33);
    memset(ptr, 7, 33);
    now();
    touch(ptr + 33);
}

static void after_deferring(void)
{
    unsigned char *ptr = block_of(SIZE);
    if (!fh_free_deferred(heap, ptr))
        abort();
    now();
    scribble(ptr + 20);
}

static void heap_in_a_block(void)
{
    unsigned char *block = fh_malloc(heap, 8192);
    struct fh_heap *inner = fh_create(block, 8192, &port);
    unsigned char *ptr = fh_malloc(inner, SIZE);
    memset(ptr, 8, SIZE);
    now();
    touch(ptr + SIZE);
}

static void *free_it(void *ptr)
{
    fh_free(heap, ptr);
    return NULL;
}

static void freed_by_another_thread(void)
{
    unsigned char *ptr = block_of(SIZE);
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_it, ptr) != 0 || pthread_join(thread, NULL) != 0)
        abort();
    now();
    touch(ptr);
}

static void past_the_end_after_a_wrong_free(void)
{
    unsigned char *ptr = block_of(SIZE);
    fh_free(heap, ptr + 16);
    for (size_t i = 0; i < SIZE; i++)
        touch(ptr + i);
    now();
    touch(ptr + SIZE);
}

static void double_free(void)
{
    unsigned char *ptr = block_of(SIZE);
    fh_free(heap, ptr);
    now();
    fh_free(heap, ptr);
}

static bool peek(void *arg, const struct fh_block_info *block)
{
    (void)arg;
    touch((unsigned char *)(uintptr_t)block->payload);
    return false;
}

static void inside_a_visitor(void)
{
    fh_free(heap, fh_malloc(heap, SIZE));
    now();
    fh_walk(heap, peek, NULL);
}

static void by_the_library(void)
{
    unsigned char *ptr = block_of(SIZE);
    memset(other_memory, 0, SIZE);
    fh_free(heap, ptr);
    now();
    sink = (unsigned char)memcmp(ptr, other_memory, SIZE);
}

static void branch_on(const unsigned char *at)
{
    if (*(const volatile unsigned char *)at != 0)
        sink = 1;
}

static void never_written(void)
{
    now();
    branch_on((unsigned char *)fh_malloc(heap, SIZE) + 3);
}

static void never_written_after_moving(void)
{
    unsigned char *ptr = block_of(SIZE);
    unsigned char *moved = fh_realloc(heap, ptr, 1000);
    if (moved == ptr)
        abort();
    branch_on(moved + SIZE - 1);
    now();
    branch_on(moved + SIZE);
}

static void never_written_then_moved(void)
{
    unsigned char *ptr = fh_malloc(heap, SIZE);
    block_of(SIZE);
    memset(ptr, 9, 10);
    unsigned char *moved = fh_realloc(heap, ptr, 1000);
    if (moved == ptr)
        abort();
    branch_on(moved + 9);
    now();
    branch_on(moved + 10);
}

static void leak(void)
{
    fh_free(heap, block_of(SIZE));
    unsigned char *volatile ptr = fh_malloc(heap, 123);
    now();
    ptr = NULL;
    (void)ptr;
}

struct crime {
    const char *name;
    void (*commit)(void);
    const char *asan;
    const char *memcheck[3];
};

static const struct crime crimes[] = {
    { "read-after-free", read_after_free, "READ of size 1", { "Invalid read of size 1", "is 0 bytes inside a block of size 40 free'd", "Block was alloc'd at" } },
    { "write-after-free", write_after_free, "WRITE of size 1", { "Invalid write of size 1", "is 39 bytes inside a block of size 40 free'd" } },
    { "past-the-end", past_the_end, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 37 client-defined" } },
    { "into-the-next-block", into_the_next_block, "WRITE of size 1", { "Invalid write of size 1", "is 0 bytes after a block of size 40 client-defined" } },
    { "before-the-block", before_the_block, "WRITE of size 1", { "Invalid write of size 1", "is 1 bytes before a block of size 40 client-defined" } },
    { "never-allocated", never_allocated, "READ of size 1", { "Invalid read of size 1", "is 32768 bytes inside data symbol \"memory\"" } },
    { "the-heap-itself", the_heap_itself, "READ of size 1", { "Invalid read of size 1", "is 8 bytes inside data symbol \"memory\"" } },
    { "after-moving", after_moving, "READ of size 1", { "Invalid read of size 1", "is 0 bytes inside a block of size 40 free'd" } },
    { "past-the-end-after-moving", past_the_end_after_moving, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 1,001 client-defined" } },
    { "past-the-end-after-shrinking", past_the_end_after_shrinking, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 30 client-defined" } },
    { "past-the-end-after-resizing", past_the_end_after_resizing, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 50 client-defined" } },
    { "past-the-end-after-growing", past_the_end_after_growing, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 777 client-defined" } },
    { "past-the-end-after-a-refusal", past_the_end_after_a_refusal, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 40 client-defined" } },
    { "past-the-end-of-calloc", past_the_end_of_calloc, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 15 client-defined" } },
    { "past-the-end-of-aligned", past_the_end_of_aligned, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 100 client-defined" } },
    { "nothing-at-all", nothing_at_all, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 0 client-defined" } },
    { "what-was-added", what_was_added, "READ of size 1", { "Invalid read of size 1", "inside data symbol \"other_memory\"" } },
    { "what-the-port-gave", what_the_port_gave, "READ of size 1", { "Invalid read of size 1", "inside data symbol \"other_memory\"" } },
    { "in-the-cache", in_the_cache, "READ of size 1", { "Invalid read of size 1", "is 20 bytes inside a block of size 40 free'd" } },
    { "in-a-cache-of-ones-own", in_a_cache_of_ones_own, "READ of size 1", { "Invalid read of size 1", "is 20 bytes inside a block of size 40 free'd" } },
    { "past-the-end-from-a-cache", past_the_end_from_a_cache, "READ of size 1", { "Invalid read of size 1", "is 0 bytes after a block of size 33 client-defined" } },
    { "after-deferring", after_deferring, "WRITE of size 1", { "Invalid write of size 1", "is 20 bytes inside a block of size 40 free'd" } },
    { "heap-in-a-block", heap_in_a_block, "READ of size 1", { "Invalid read of size 1", "inside a block of size 8,192 client-defined" } },
    { "freed-by-another-thread", freed_by_another_thread, "READ of size 1", { "Invalid read of size 1", "is 0 bytes inside a block of size 40 free'd" } },
    { "past-the-end-after-a-wrong-free", past_the_end_after_a_wrong_free, "READ of size 1",
      { "Invalid free", "fault: not a block", "is 0 bytes after a block of size 40 client-defined" } },
    { "double-free", double_free, NULL, { "Invalid free", "is 0 bytes inside a block of size 40 free'd", "fault: double free" } },
    { "inside-a-visitor", inside_a_visitor, "READ of size 1", { "Invalid read of size 1", "inside a block of size 40 free'd" } },
    { "by-the-library", by_the_library, "READ of size", { "Invalid read of size", "inside a block of size 40 free'd" } },
    { "never-written", never_written, NULL, { "Conditional jump or move depends on uninitialised value" } },
    { "never-written-after-moving", never_written_after_moving, NULL, { "Conditional jump or move depends on uninitialised value" } },
    { "never-written-then-moved", never_written_then_moved, NULL, { "Conditional jump or move depends on uninitialised value" } },
    { "leak", leak, NULL, { "123 bytes in 1 blocks are definitely lost" } },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof crimes / sizeof *crimes; i++) {
        const struct crime *c = &crimes[i];
        if (argc < 2) {
            puts(c->name);
        } else if (strcmp(argv[1], c->name) == 0) {
            if (c->asan != NULL)
                printf("asan %s\n", c->asan);
            for (size_t n = 0; n < 3 && c->memcheck[n] != NULL; n++)
                printf("memcheck %s\n", c->memcheck[n]);
            fflush(stdout);
            heap = fh_create(memory, BYTES, &port);
            c->commit();
            return 0;
        }
    }
    return 0;
}
