/* SPDX-License-Identifier: MIT
 *
 * poison.h - for tests under AddressSanitizer or Valgrind: what was freed, and what was never handed out, is out of bounds.
 *
 * Build `make poison` and link build/libfreehold-poison.a in place of build/libfreehold.a. That is all: no call, no flag, no
 * other header. Or, in a build of your own, compile the core with
 *
 *     -include port/posix/poison.h -fno-sanitize=address
 *
 * and link port/posix/poison.c and port/posix/lock.c. The one library serves every program: linked with -fsanitize=address it
 * tells the sanitizer, run under Valgrind it tells memcheck (if Valgrind's header was there when it was built), else each call goes
 * straight on.
 *
 * What is found then: a read or a write of freed memory, past the exact size that was asked for, before the block, of a region
 * or of the heap's own structure (AddressSanitizer: use-after-poison; Valgrind: invalid read, invalid write). Valgrind knows
 * the blocks too: where they were allocated and freed, values that were never written, leaks, wrong frees. What
 * freehold reports itself is reported as ever.
 *
 * What is different, the rest being as freehold.h says:
 *
 * - The core itself must not be compiled with -fsanitize=address: it keeps tags and links in memory that is out of bounds for
 *   everyone else. fh_create says so and aborts if it is.
 * - A block is exactly as long as was asked for: fh_usable_size says so too.
 * - A heap's memory is the program's again after fh_destroy, not before, unless a new heap is made on it.
 * - A freed block is handed out again as soon as ever: a use after free is found until then.
 * - Two frees of one block at the same time may pass for a use of freed memory before freehold reports them.
 * - Valgrind looks for pointers in all memory but malloc's. So a block that only a lost block leads to counts as reachable, unless the
 *   heap lies in memory from malloc. The blocks of a heap that lies in a block of another heap are watched, but not known by name.
 *
 * Below are the names that the core bears in this library. Not for programs to include.
 */
#ifndef FH_POISON_H
#define FH_POISON_H

#define fh_create fh_core_create
#define fh_destroy fh_core_destroy
#define fh_add_region fh_core_add_region
#define fh_malloc fh_core_malloc
#define fh_calloc fh_core_calloc
#define fh_realloc fh_core_realloc
#define fh_aligned_alloc fh_core_aligned_alloc
#define fh_free fh_core_free
#define fh_free_deferred fh_core_free_deferred
#define fh_resize fh_core_resize
#define fh_usable_size fh_core_usable_size
#define fh_trim fh_core_trim
#define fh_check fh_core_check
#define fh_check_step fh_core_check_step
#define fh_stats fh_core_stats
#define fh_walk fh_core_walk
#define fh_cache_open fh_core_cache_open
#define fh_cache_close fh_core_cache_close
#define fh_cache_malloc fh_core_cache_malloc
#define fh_cache_try fh_core_cache_try
#define fh_cache_free fh_core_cache_free

#endif
