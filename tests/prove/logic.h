/* SPDX-License-Identifier: MIT
 *
 * logic.h - words that the contracts use.
 */
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
/* Without the facts the lemmas are proved at once; with them the provers wander. */
#ifndef NO_FACTS
#include "facts.h"
#endif

/* Not known to the front end, and without meaning for a proof that never looks at an offset. */
#define _Alignas(x)

#if UINTPTR_MAX > 0xFFFFFFFFu
#define WORD_IS_POWER(x) power_of_two_64(x)
#define HALF 4294967296
#define MOST_EXPONENT 21
#define MANTISSA_LIMIT 2048
#define CODE_MANTISSA(code) ((code) % 2048)
#define CODE_ODD(code) 0
#else
#define WORD_IS_POWER(x) power_of_two_32(x)
#define HALF 65536
#define MOST_EXPONENT 22
#define MANTISSA_LIMIT 1024
#define CODE_MANTISSA(code) ((code) % 2048 / 2)
#define CODE_ODD(code) ((code) % 2)
#endif

/* Where a block's words lie, written as the functions of block.h compute it. */
#define TAG_OF(b) ((fh_word *)(uintptr_t)(b) - 1)
#define AFTER(b, n) ((struct fh_block *)(uintptr_t)((uintptr_t)(b) + (uintptr_t)((uintptr_t)(n) * FH_GRANULE)))
#define BEFORE(b, n) ((struct fh_block *)(uintptr_t)((uintptr_t)(b) - (uintptr_t)((uintptr_t)(n) * FH_GRANULE)))
#define FOOTER_OF(b, n) (TAG_OF(AFTER(b, n)) - 1)
#define ROOM(space, b) ((uintptr_t)((uintptr_t)((space)->lo + (space)->span) - (uintptr_t)(b)))
#define LINKED(heap, link) ((uintptr_t)((heap) + (uintptr_t)((uintptr_t)(intptr_t)(int32_t)(link) * FH_GRANULE)))

/* The seal: what a word opens as, and what a tag is stored as. */
#define MASK_OF(secret, b) ((uint32_t)(uintptr_t)(b) ^ (secret))
#define OPENED(word, secret, b) ((uint32_t)(((word) ^ MASK_OF(secret, b)) * FH_OPEN))
#define SEALED(tag, secret, b) ((uint32_t)((tag) * FH_SEAL) ^ MASK_OF(secret, b))

/* FH_TOP as a number. */
#define TOP 655362

/* No block has more granules: regions end 2^30 granules above the heap, and begin as many below. */
#define LARGEST 2147483648

#ifndef NO_FACTS
/* What a tag's product is before it is mixed with the place and the secret. The multipliers are inverse modulo 2^32. */
/*@ predicate product_of(integer y, integer tag) = y == (tag * 606337341) % 4294967296;
    lemma inverse: \forall integer y, tag; 0 <= tag < 4294967296 && product_of(y, tag) ==> (y * 3692799509) % 4294967296 == tag;
*/
#endif

/* A step of fh_huge_round: a power of two, and the size shifted by as much. */
#define STEP(k, step, m, n) ((step) == (1 << (k)) && (m) == (n) / (1 << (k)))
#define STEPS(s, m, n) (STEP(0, s, m, n) || STEP(1, s, m, n) || STEP(2, s, m, n) || STEP(3, s, m, n) || STEP(4, s, m, n) \
    || STEP(5, s, m, n) || STEP(6, s, m, n) || STEP(7, s, m, n) || STEP(8, s, m, n) || STEP(9, s, m, n) || STEP(10, s, m, n) \
    || STEP(11, s, m, n) || STEP(12, s, m, n) || STEP(13, s, m, n) || STEP(14, s, m, n) || STEP(15, s, m, n) \
    || STEP(16, s, m, n) || STEP(17, s, m, n) || STEP(18, s, m, n) || STEP(19, s, m, n) || STEP(20, s, m, n) \
    || STEP(21, s, m, n) || (MOST_EXPONENT > 21 && STEP(22, s, m, n)))

/* Products, for provers that are poor at them: a predicate is what makes them look at its lemma. */
/*@ predicate between(integer a, integer b, integer c) = 0 <= a && 0 <= b <= c;
    lemma product_grows: \forall integer a, b, c; between(a, b, c) ==> 0 <= a * b <= a * c;
    predicate both_large(integer a, integer b, integer c) = 0 < c && c <= a && c <= b;
    lemma product_large: \forall integer a, b, c; both_large(a, b, c) ==> a * b >= c * c;
    predicate halves(integer x, integer y, integer h, integer l, integer i, integer m) =
        (x == l && h == 0 && y == i * HALF + m) || (x == h * HALF + l && i == 0 && y == m);
    lemma product_of_halves: \forall integer x, y, h, l, i, m;
        halves(x, y, h, l, i, m) ==> x * y == (h * m + i * l) * HALF + l * m;
*/
