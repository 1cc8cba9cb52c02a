/* SPDX-License-Identifier: MIT
 *
 * freehold.h - the whole public interface of freehold, and the contract with the port below it.
 *
 * freehold hands out blocks of memory from regions that the caller, or a port, gives to a heap. It needs no operating
 * system, no C library and no global: everything a heap knows lies at the start of its first region.
 *
 * Rules that hold for every call, stated once:
 *
 * - heap is what fh_create returned, never NULL, and not after fh_destroy. Nor is NULL what a call fills or calls (stats, visit), or a
 *   cache; the pointer to a block may be. Memory of zeros for a heap, or one that was destroyed and not written over, traps.
 * - Sizes are in bytes. A returned pointer is a multiple of FH_GRANULE, unless a larger alignment was asked for.
 * - NULL from an allocating call means: nothing was allocated and the heap is as it was. It is returned when memory ran
 *   out and for requests that no heap can meet (a size near SIZE_MAX, an alignment that is no power of two).
 * - A request for 0 bytes gets a pointer of its own, which must be freed like any other.
 * - Misuse (a pointer that this heap did not hand out, one freed already, a block written past its end) is reported to
 *   port->fault as data. If the hook returns, the operation is refused: nothing was written, at worst one block leaks.
 *   Without a hook the call traps.
 * - Every call may be made from any context in which the port's lock may be taken: with an interrupt-saving lock, that
 *   includes interrupt handlers. Without a lock, one context at a time may use a heap. Heaps do not know each other.
 * - Work: fh_malloc, fh_calloc (plus the zeroing), fh_aligned_alloc, fh_free, fh_resize and fh_realloc (plus the copy) take a
 *   bounded number of steps whatever the number of blocks, and a number of steps that grows with the logarithm of the
 *   number of regions. In a build with FH_SINGLE_LIST the search for a block is linear in the number of free blocks; so is, among
 *   the blocks on its last list, the search for a block larger than the heap was made for (see fh_create). A call that empties a
 *   cache (see fh_cpu_cache) takes steps for each block in it, with the lock held.
 * - The core never calls itself through the port, and with the lock held it calls nothing of the port but unlock, fault, cpu and swap.
 */
#ifndef FREEHOLD_H
#define FREEHOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The alignment of every payload in bytes, 8 or 16. No structure here depends on it: what counts is the value that the library
 * was compiled with. */
#ifndef FH_GRANULE
#if UINTPTR_MAX > 0xFFFFFFFFu
#define FH_GRANULE 16
#else
#define FH_GRANULE 8
#endif
#endif

/* How far from a heap its regions may lie, in granules to either side: where its links end. */
#define FH_REACH ((uint32_t)1 << 30)

/* The library built with -DFH_HARDENED (src/harden.h) finds more and costs more: four bytes a block and a canary, so that one byte written
 * past the size that was asked for is known when the block is named again; poison in free memory, looked at when it is handed out again; a
 * quarantine of the last 64 freed blocks, given back before a request is refused or the port is asked. fh_usable_size answers the
 * size that was asked for; fh_free and the allocating calls also take time for each byte of the block, up to 4096; fh_check reads what
 * is poisoned; fh_trim empties the quarantine; there are no caches: fh_cache_open answers NULL and port->cache is not used. Its caller
 * needs no switch. */

/* The small core (src/small) keeps these promises for one span of memory of at most 65,535 granules. What is different there: fh_create refuses
 * more; fh_add_region takes only memory that begins where the heap ends, and none beside memory that goes back to a port; the port
 * is asked for memory by fh_create alone; fh_trim has nothing to give back; there is no fh_check_step and there are no caches. */

/* A heap. What is in it is private; it lies at the start of the heap's first region. */
struct fh_heap;

/* What can be wrong: what a fault report names, and what fh_check answers. */
enum fh_fault_kind {
    FH_OK = 0,
    /* Misuse, found by the call that was given the pointer. */
    FH_MISALIGNED,    /* the pointer is no multiple of FH_GRANULE: this heap never returned it */
    FH_FOREIGN,       /* the pointer is in no region of this heap: stack, static, another heap, a region given back */
    FH_NOT_A_BLOCK,   /* no sealed tag below the pointer: the middle of a block, or a tag overwritten from below */
    FH_DOUBLE_FREE,   /* the block is free already */
    FH_OVERRUN,       /* the tag after the block is damaged: the block was written past its end */
    /* Damage, found when a call was about to rely on the word. */
    FH_BAD_TAG,       /* the tag of a free block is damaged, or does not fit its region */
    FH_BAD_LINK,      /* a link of a free block, or the head of a list, leads nowhere: a write after free */
    FH_BAD_FOOTER,    /* the footer of a free block does not lead to its tag */
    /* What the port did. */
    FH_BAD_REGION,    /* acquire returned memory that overlaps this heap, wraps, or lies beyond its span */
    /* Facts that only fh_check and fh_check_step establish. */
    FH_NOT_COALESCED, /* two free blocks touch, or a block's notion of its neighbour is wrong */
    FH_BAD_LIST,      /* a list holds a block of another class, one twice, or misses one */
    FH_BAD_MAP,       /* the bitmap of non-empty lists is wrong */
    FH_BAD_COUNT,     /* the statistics are not the sum over the blocks */
    FH_BAD_CONTROL,   /* the control structure or a region's header is damaged */
    /* What only a hardened build sees; see FH_HARDENED. */
    FH_BAD_POISON,    /* a free block was written to behind its links. The call that met it is not refused */
    FH_FAULT_KINDS
};

/* One report. Only data: the hook may print it, store it or halt. */
struct fh_fault {
    enum fh_fault_kind kind;
    const void *ptr;      /* what the caller passed, or NULL where the caller passed no pointer */
    const void *block;    /* the payload address of the block whose words are wrong, ptr itself where it is none, or NULL */
    uintptr_t expected;   /* what the word should have been, as far as that is known */
    uintptr_t found;      /* what it was */
};

struct fh_cache_layer;    /* the per-CPU caches as a thing to link; see fh_cpu_cache */

/* The port: where a heap's memory comes from, how it locks, and who hears of misuse. Every member may be zero. The
 * structure must stay valid and unchanged as long as the heap lives; ctx is passed to every callback as it is.
 *
 * acquire   Returns the start of at least min_bytes of memory and stores its true size in *got, or returns NULL. No
 *           alignment is required and the memory need not be zeroed. Called without the lock. It may use the heap it
 *           serves: a request made inside it is met from what the heap has, and calls acquire again only a bounded
 *           number of times. Less than min_bytes is taken too, but then the request may fail. Memory that is returned
 *           belongs to the heap until release; memory too small to hold a block is released at once.
 * release   Takes back memory that acquire gave, never less than one whole acquisition. Where two acquisitions touched,
 *           they became one region and come back in one call. Called without the lock. NULL: nothing is ever returned.
 * lock      Enters the critical section and returns the state to restore (the interrupt flag, say). Called once per
 *           public call or step of it, never nested by the core.
 * unlock    Leaves it.
 * fault     Hears of misuse and damage, with the lock held: it must not call the heap. NULL: the core traps. It may return: the
 *           operation is refused (but for FH_BAD_POISON, where it goes on), damaged lists are made anew, the rest of the heap goes
 *           on. It may note fault->block, so that the program never names that block again. It may halt, or jump to a recovery
 *           point; then nothing has been mended, the lock is still held, which is the jumper's to leave, and the cache of the CPU, if
 *           there are caches, stays out of use, with what it holds.
 * cpus, cpu How many caches to keep, and which one the caller is to use now (below cpus). cpus is also how many calls may
 *           be inside acquire at once, and 4 more: set it to the number of threads of a port without caches too. A
 *           cache has no lock: until the call returns, nobody else may be told the same number, unless it interrupts the
 *           call and finishes first, as an interrupt handler does. A kernel that preempts its threads disables preemption
 *           around the calls, or numbers its threads instead of its CPUs.
 * random    A word that an attacker cannot guess, for the seal of the tags; called once by fh_create. NULL: a constant
 *           mixed with the heap's address, which catches accidents but not attacks.
 * cache     &fh_cpu_cache for caches, NULL for none. Naming it is what links the cache into a program.
 * swap      Replaces *word by wanted if it is expected, answers whether it was, and cannot be interrupted meanwhile. Only
 *           for fh_free_deferred, only on chips without such an instruction (Cortex-M0); ignored elsewhere. */
struct fh_port {
    void *ctx;
    void *(*acquire)(void *ctx, size_t min_bytes, size_t *got);
    void (*release)(void *ctx, void *mem, size_t bytes);
    uintptr_t (*lock)(void *ctx);
    void (*unlock)(void *ctx, uintptr_t state);
    void (*fault)(void *ctx, const struct fh_fault *fault);
    unsigned cpus;
    unsigned (*cpu)(void *ctx);
    uintptr_t (*random)(void *ctx);
    const struct fh_cache_layer *cache;
    bool (*swap)(void *ctx, uintptr_t *word, uintptr_t expected, uintptr_t wanted);
};

/* Makes a heap of the size bytes at mem, any alignment, and keeps its control structure there. With mem NULL the first
 * region is asked of port->acquire, size bytes of it or as much as the smallest heap needs. port may be NULL: no more
 * memory, no lock, misuse traps. Returns NULL, with nothing written, if the memory is too small, larger than 2^30 granules (16 GiB
 * on 64-bit), or wraps around the address space. The lists are sized for mem alone if the port cannot acquire, else for anything.
 * Cost: the size of the control structure. Call it from one context. */
struct fh_heap *fh_create(void *mem, size_t size, const struct fh_port *port);

/* Gives all memory that was acquired back to the port and forgets the heap; every pointer into it is dead. Memory that the
 * caller gave (fh_create with mem, fh_add_region) is the caller's again. Returns the bytes released. */
size_t fh_destroy(struct fh_heap *heap);

/* Adds the size bytes at mem, any alignment and any place, at any time. A region that touches another one becomes one
 * with it, so that blocks coalesce across; one with a gap never does. Returns the bytes that became usable, 0 if the memory
 * is refused: too small for a block, wrapping around, overlapping a region of this heap, or farther from the heap than
 * its links reach (16 GiB on 64-bit). Nothing outside [mem, mem + size) is written, and nothing at all on refusal. */
size_t fh_add_region(struct fh_heap *heap, void *mem, size_t size);

/* Returns size bytes aligned to FH_GRANULE, or NULL. */
void *fh_malloc(struct fh_heap *heap, size_t size);

/* Returns count * size bytes, zeroed, or NULL; also when the product overflows. */
void *fh_calloc(struct fh_heap *heap, size_t count, size_t size);

/* Makes ptr's block size bytes large, in place where it shrinks or where the memory behind it is free, else by moving it.
 * Returns the block's address, or NULL with the old block untouched. ptr NULL: fh_malloc. Size 0: a block of size 0, not
 * a free. A block from fh_aligned_alloc keeps its alignment when it moves. A size that no heap can meet is refused before ptr is
 * looked at. */
void *fh_realloc(struct fh_heap *heap, void *ptr, size_t size);

/* Returns size bytes at a multiple of align, or NULL. align: any power of two; size: any, no multiple of align needed. */
void *fh_aligned_alloc(struct fh_heap *heap, size_t align, size_t size);

/* Gives the block at ptr back. NULL: nothing happens. A region that is idle after it may go back to the port: never the last
 * idle one that could serve the same request again, so that a loop at the edge does not call the port. */
void fh_free(struct fh_heap *heap, void *ptr);

/* Gives the block at ptr back at the next call that takes the heap's lock, on any CPU. For contexts that must not take it: an
 * interrupt above the lock's level, an NMI that interrupted the allocator itself. Takes no lock, calls no hook (but swap),
 * loops only while others defer at the same time. The payload must not be touched afterwards. NULL: nothing happens, true.
 * False, with nothing done: the pointer cannot be a used block of this heap, or the chip has no atomic compare-and-swap and the
 * port supplies none; or the block begins with an address in the heap, and with what looks like the mark of one that waits already, as
 * one content in 2^32 does. What only the heap's lock makes visible is found later, and reported then, by the call that frees:
 * the pointer is held against the heap's outermost addresses, not against gaps between its regions. */
bool fh_free_deferred(struct fh_heap *heap, void *ptr);

/* Makes ptr's block size bytes large without moving it, or returns false with nothing changed. ptr NULL: false. A size that no heap
 * can meet is refused before ptr is looked at. */
bool fh_resize(struct fh_heap *heap, void *ptr, size_t size);

/* How many bytes of the block at ptr may be used: at least what was asked for. 0 for NULL and for a pointer refused. */
size_t fh_usable_size(struct fh_heap *heap, const void *ptr);

/* Gives every idle region that came from port->acquire back to it, the first one apart. Returns the bytes released. */
size_t fh_trim(struct fh_heap *heap);

/* Reads the whole heap and returns FH_OK or the first broken fact. Writes nothing, calls no hook but the lock, ends on any
 * damage and follows no word that it has not validated. Cost: linear in the number of blocks, with the lock held. */
enum fh_fault_kind fh_check(struct fh_heap *heap);

/* Where a check in steps is. The caller sets it to zero once for a heap, and again for another one, also in the same memory, and keeps it as
 * long as it likes; only fh_check_step writes to it. */
struct fh_cursor {
    size_t passes;            /* whole passes that have ended: a call that ends one adds one */
    const void *block;        /* the payload address, or the head, where the call found a fault; NULL if it found none */
    uintptr_t at;             /* from here on private */
    size_t granules;
    size_t used_granules;
    size_t free_blocks;
    uint32_t stage;
    uint32_t list;
    uint32_t link;
    uint32_t before;
    uint32_t steps;
    bool quiet;
};

/* The work of fh_check in pieces, for an idle loop: looks at no more than budget blocks, regions and lists, keeps the lock that
 * long, and goes on there at its next call, whatever became of the heap meanwhile. Returns FH_OK or the first broken fact that it met,
 * which ends the call; the next one goes on behind it. No call does more than one pass; a budget of 0 does nothing. A heap that is whole is
 * never blamed, whatever the cursor holds.
 *
 * A pass finds the damage that is there when it begins and stays until it ends, in blocks, links, regions' headers, lists and map, but
 * for what a damaged tag or header hides: the rest of that region, or other regions. A wrong count, and a free block that no list leads to,
 * show only in the sum over all blocks: they are found by a pass between whose calls no other call asked the heap for a
 * region: no malloc or free but in a cache. A pass ends after as many calls as there is work for, even if each block
 * that it comes to is taken or freed in between.
 * One cursor at a time: where two take turns, each begins the region anew in which it was.
 * Cost: 8 to 12 bytes of the heap, and a search for a region by the call that follows. */
enum fh_fault_kind fh_check_step(struct fh_heap *heap, struct fh_cursor *cursor, size_t budget);

/* A name for a fault kind, such as "double free"; "unknown fault" for a number that is none. Static storage. */
const char *fh_fault_name(enum fh_fault_kind kind);

/* Counts in bytes include the tags of the blocks: bytes_used + bytes_free is what the regions hold between their ends. */
struct fh_stats {
    size_t bytes_used;    /* in blocks that were handed out, or are held in a cache */
    size_t bytes_free;    /* in free blocks */
    size_t bytes_peak;    /* the largest bytes_used so far */
    size_t largest_free;  /* the largest request that fh_malloc would meet without the port and without emptying a cache, in bytes; 0 if
                           * none. A CPU's first call may take a part of it for its cache */
    size_t blocks_used;   /* blocks handed out or cached */
    size_t blocks_free;
    size_t regions;
    size_t bytes_regions; /* the regions as they were given, control structure and ends included */
    size_t bytes_cached;  /* part of bytes_used: in blocks that wait in a cache */
    size_t frees_deferred; /* blocks that fh_free_deferred left to a later call, and that were freed by it */
};

/* Fills *stats. Cost: linear in the number of blocks, with the lock held; a tool, not a counter to poll from an interrupt. A damaged list ends the count early. */
void fh_stats(struct fh_heap *heap, struct fh_stats *stats);

/* One block as fh_walk shows it. A region's end is shown as a used block of zero bytes. */
struct fh_block_info {
    const void *payload;
    size_t bytes;         /* tag included */
    bool used;
    bool cached;          /* used, but waiting in a cache */
};
typedef bool fh_visit(void *arg, const struct fh_block_info *block);

/* Of a free block, the heap needs its tag and so many bytes at both ends. What lies between them is anybody's while the block is free, the
 * pages of it may be given back to a system: but for a build with FH_HARDENED, which keeps poison there. */
#define FH_FREE_ENDS 16

/* Calls visit for every block, regions in address order and blocks in address order within them, until visit returns
 * false or a damaged tag ends the region. The lock is held: visit must not call the heap. */
void fh_walk(struct fh_heap *heap, fh_visit *visit, void *arg);

/* The caches: name this in port->cache. Defined in cache.c, which is linked only then.
 *
 * A cache keeps freed small blocks in quick lists, without the heap's lock and without joining them. It takes blocks from
 * the heap and gives them back in batches, and holds a bounded share of the heap: three quarters of what is not in use; where
 * there are several caches, 1/16 of what is in use or a little for each, at most half of the heap (1/64, if it cannot grow): 256 KiB; in
 * a heap that can grow 1 MiB, half as much for each doubling of their number beyond 32, down to a sixteenth where large requests find no
 * place although half of it is free.
 * A heap that cannot grow and has used more than two thirds of its memory holds 1/2048 of what is in use, or 1/512 of what it
 * never used, in its caches; one of at most 128 KiB holds nothing there, and is faster without. Caches are emptied before the heap
 * grows or refuses a request: the caller's own at once, those of other CPUs at their next call. Where several have to be emptied for a
 * small request and less than half of the heap is idle then, and less than they may hold, the port is asked for more even if the request
 * is met: they would empty each other again soon. */
extern const struct fh_cache_layer fh_cpu_cache;

/* Caches held by their users instead of being looked up by CPU: for a hosted malloc, one for each thread. The heap's port
 * must name &fh_cpu_cache; cpus may be 0. fh_cache_open returns NULL without memory; try again later. fh_cache_close gives
 * everything back and ends the cache. fh_cache_malloc and fh_cache_free are fh_malloc and fh_free on the cache's heap; only
 * one context at a time may use a cache, but a block may be freed through another one than it came from. For a request too large for
 * a cache, the heap grows although the cache may hold something: 1/16 of what is in use; or the little of several, and 512 KiB, a quarter of the
 * heap at most, if it is alone. */
struct fh_cache;
struct fh_cache *fh_cache_open(struct fh_heap *heap);
void fh_cache_close(struct fh_cache *cache);
void *fh_cache_malloc(struct fh_cache *cache, size_t size);
void fh_cache_free(struct fh_cache *cache, void *ptr);

/* fh_cache_malloc as far as the quick lists go: NULL if it takes more than that, whether or not there is memory. For a malloc that has
 * a slow path of its own. */
void *fh_cache_try(struct fh_cache *cache, size_t size);

#ifdef __cplusplus
}
#endif
#endif
