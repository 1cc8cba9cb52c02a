/* SPDX-License-Identifier: MIT
 *
 * model.h - memory as the proof of the lists sees it.
 *
 * A block is a place, and its link is the place's number: WP's memory does not follow a number to an address. Places are apart, as
 * free blocks are. Some are in regions (held), some of these on lists (listed). The heads are a table apart from all of them. place
 * is the block that a verb is given.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Not known to the front end, and without meaning for a proof that never looks at an offset. */
#define _Alignas(x)

extern uint32_t heads[256];
extern uint32_t map[8];

/*@ axiomatic places {
      logic integer place;
      predicate held(integer i);
      predicate listed(integer i);
      axiom within_reach: \forall integer i; held(i) ==> 0 < i < 1073741824 || 3221225472 <= i <= 4294967295;
      axiom in_regions: \forall integer i; listed(i) ==> held(i);
    }
    predicate is_in(integer i, integer plus, integer minus) = i != minus && (listed(i) || (i == plus && plus != 0));
*/

/* The heap, one for all: the marks are no links, and there is a list. */
#define SOUND(l, v) ((l) == &the_lists && (v) == &the_view && 1 <= (l)->classes <= FH_MAX_CLASSES \
    && 1073741824 <= (l)->mark < 2147483648 && (l)->mark % 256 == 0)

/* Whole lists, of the listed blocks and plus, without minus; 0 for none:
 *
 *   HEADS_HOLD    a head leads to a block that says so
 *   NEXTS_HOLD    a block leads to another one of them, or to the end
 *   BACKS_HOLD    which leads back
 *   FIRSTS_HOLD   a block that says it is the first of a list is
 *   PREVS_HOLD    any other has one before it that leads to it */
#define HEADS_HOLD(l, plus, minus) (\forall integer c; 0 <= c < (l)->classes ==> heads[c] == 0 \
    || (is_in(heads[c], plus, minus) && memory[heads[c]].prev == (l)->mark + c))
#define NEXTS_HOLD(l, plus, minus) (\forall integer i; is_in(i, plus, minus) ==> memory[i].next == (l)->mark + 255 \
    || is_in(memory[i].next, plus, minus))
#define BACKS_HOLD(l, plus, minus) (\forall integer i, j; is_in(i, plus, minus) && is_in(j, plus, minus) && memory[i].next == j \
    ==> memory[j].prev == i)
#define FIRSTS_HOLD(l, plus, minus) (\forall integer i, c; is_in(i, plus, minus) && 0 <= c < (l)->classes \
    && memory[i].prev == (l)->mark + c ==> heads[c] == i)
#define PREVS_HOLD(l, plus, minus) (\forall integer i; is_in(i, plus, minus) ==> 0 <= memory[i].prev - (l)->mark < (l)->classes \
    || (is_in(memory[i].prev, plus, minus) && memory[memory[i].prev].next == i))
