/* SPDX-License-Identifier: MIT
 *
 * eva.c - scripts of calls for Frama-C's abstract interpreter, which looks for any run-time error in them: a read or a write of
 * what is no memory, a word used that was never written, an overflow, a shift too far.
 *
 * The heap lies at a fixed address. The core computes with addresses as numbers - a tag holds its place, exclusive-ored - and
 * the interpreter knows nothing of the number of an array's address; at a fixed one, numbers are all there is. What the memory
 * holds before is not known to it: each script is true of whatever was there. -DSCRIPT=N chooses the script.
 */
#include <__fc_builtin.h>
#include <freehold.h>

/* The interpreter has no number for the address of fh_rescue, so that it cannot see that its seal holds: the path on which the heap traps
 * stays open to it, and ends there. What a script asserts is of the other one. */
/*@ assigns \nothing;
    ensures never: \false; */
_Noreturn void fh_trap(void);

#define PLACE ((uintptr_t)0x100000)
#define BYTES ((size_t)4096)
#define SECOND (PLACE + BYTES)
#define THIRD (SECOND + BYTES + 512)

static int faults;

static void fault(void *ctx, const struct fh_fault *f)
{
    (void)ctx;
    (void)f;
    faults++;
}

static struct fh_heap *made(void)
{
    /* Its address is sealed, so that it must be a number too. */
    struct fh_port *port = (struct fh_port *)(PLACE - 4096);
    *port = (struct fh_port){ .fault = fault };
    struct fh_heap *h = fh_create((void *)PLACE, BYTES, port);
    /*@ assert made: h != (struct fh_heap *)0; */
    return h;
}

static void whole(struct fh_heap *h, int reported)
{
    enum fh_fault_kind kind = fh_check(h);
    /*@ assert whole: kind == FH_OK; */
    /*@ assert reported: faults == reported; */
}

#if SCRIPT == 1
/* Three blocks, of one or two granules each, freed in every order. */
int main(void)
{
    struct fh_heap *h = made();
    char *p[3];
    for (int i = 0; i < 3; i++) {
        int granules = Frama_C_interval(1, 2);
        /*@ split granules; */
        p[i] = fh_malloc(h, (size_t)granules * FH_GRANULE - 4);
        /*@ assert there: p[i] != (char *)0; */
        p[i][0] = 1;
        p[i][granules * FH_GRANULE - 5] = 2;
    }
    int first = Frama_C_interval(0, 2);
    int second = Frama_C_interval(1, 2);
    /*@ split first; */
    /*@ split second; */
    fh_free(h, p[first]);
    fh_free(h, p[(first + second) % 3]);
    fh_free(h, p[(first + 3 - second) % 3]);
    whole(h, 0);
    return 0;
}
#elif SCRIPT == 2
/* Every size up to 40 bytes, behind a block, in front of one, given back. */
int main(void)
{
    struct fh_heap *h = made();
    void *before = fh_malloc(h, 40);
    int size = Frama_C_interval(0, 40);
    /*@ split size; */
    char *p = fh_malloc(h, (size_t)size);
    /*@ assert there: p != (char *)0; */
    for (int i = 0; i < size; i += 37)
        p[i] = 1;
    size_t usable = fh_usable_size(h, p);
    /*@ assert usable: usable >= size; */
    void *behind = fh_malloc(h, 8);
    fh_free(h, p);
    fh_free(h, behind);
    fh_free(h, before);
    whole(h, 0);
    return 0;
}
#elif SCRIPT == 3
/* A block that grows, shrinks and moves, from every size to every size of some. */
int main(void)
{
    struct fh_heap *h = made();
    int from = Frama_C_interval(0, 2);
    int to = Frama_C_interval(0, 3);
    int walled = Frama_C_interval(0, 1);
    /*@ split from; */
    /*@ split to; */
    /*@ split walled; */
    unsigned char *p = fh_malloc(h, (size_t)from * 20 + 1);
    p[0] = 77;
    void *wall = walled != 0 ? fh_malloc(h, 1) : (void *)0;
    unsigned char *q = fh_realloc(h, p, (size_t)to * 20 + 1);
    /*@ assert there: q != (unsigned char *)0; */
    unsigned char kept = q[0];
    /*@ assert kept: kept == 77; */
    q[to * 20] = 1;
    bool resized = fh_resize(h, q, 1);
    /*@ assert resized: resized == 1; */
    fh_free(h, wall);
    fh_free(h, q);
    whole(h, 0);
    return 0;
}
#elif SCRIPT == 4
/* Aligned blocks, zeroed blocks, and requests that no heap can meet. */
int main(void)
{
    struct fh_heap *h = made();
    int power = Frama_C_interval(0, 9);
    /*@ split power; */
    char *p = fh_aligned_alloc(h, (size_t)1 << power, 50);
    /*@ assert there: p != (char *)0; */
    /*@ assert aligned: (uintptr_t)p % (1 << power) == 0; */
    p[49] = 1;
    char *z = fh_calloc(h, 7, 9);
    /*@ assert zero: z != (char *)0; */
    for (int i = 0; i < 63; i++) {
        char zero = z[i];
        /*@ assert zeroed: zero == 0; */
    }
    void *none = fh_malloc(h, SIZE_MAX);
    /*@ assert none: none == (void *)0; */
    none = fh_malloc(h, SIZE_MAX - 64);
    /*@ assert none: none == (void *)0; */
    none = fh_calloc(h, SIZE_MAX / 2, 3);
    /*@ assert none: none == (void *)0; */
    none = fh_aligned_alloc(h, SIZE_MAX / 2 + 1, 8);
    /*@ assert none: none == (void *)0; */
    none = fh_aligned_alloc(h, 24, 8);
    /*@ assert none: none == (void *)0; */
    none = fh_realloc(h, p, SIZE_MAX - 3);
    /*@ assert none: none == (void *)0; */
    fh_free(h, z);
    fh_free(h, p);
    whole(h, 0);
    return 0;
}
#elif SCRIPT == 5
/* A region that touches, one behind a gap, and a block larger than the first region. */
int main(void)
{
    struct fh_heap *h = made();
    size_t added = fh_add_region(h, (void *)THIRD, BYTES);
    /*@ assert taken: added != 0; */
    added = fh_add_region(h, (void *)SECOND, BYTES);
    /*@ assert taken: added != 0; */
    added = fh_add_region(h, (void *)(SECOND + 64), 64);
    /*@ assert refused: added == 0; */
    char *large = fh_malloc(h, BYTES + 1000);
    /*@ assert there: large != (char *)0; */
    large[BYTES + 999] = 1;
    char *other = fh_malloc(h, BYTES - 300);
    /*@ assert there: other != (char *)0; */
    other[BYTES - 301] = 1;
    fh_free(h, large);
    fh_free(h, other);
    struct fh_stats stats;
    fh_stats(h, &stats);
    /*@ assert counted: stats.regions == 2 && stats.blocks_used == 0; */
    whole(h, 0);
    return 0;
}
#elif SCRIPT == 6
/* Wrong pointers of every kind: each is refused and reported, once. */
int main(void)
{
    struct fh_heap *h = made();
    char *p = fh_malloc(h, 100);
    char *q = fh_malloc(h, 100);
    fh_free(h, p);
    int offset = Frama_C_interval(0, 8);
    /*@ split offset; */
    /* Zeroed, so that what lies there is no tag by chance. */
    for (int i = 0; i < 100; i++)
        q[i] = 0;
    if (offset != 0)
        fh_free(h, q + offset * (FH_GRANULE / 2));
    else
        fh_free(h, p);
    fh_free(h, (void *)(PLACE - 4096));
    fh_free(h, (void *)(PLACE + 2 * BYTES));
    void *moved = fh_realloc(h, p, 10);
    /*@ assert refused: moved == (void *)0; */
    fh_free(h, (void *)0);
    fh_free(h, q);
    whole(h, 4);
    return 0;
}
#endif
