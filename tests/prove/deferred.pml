/* SPDX-License-Identifier: MIT
 *
 * deferred.pml - the list of blocks that wait to be freed, as a model for Spin.
 *
 * Two CPUs. On the first a thread is interrupted anywhere, with the lock held or not, by one that no lock masks, and this by a
 * second one; both defer blocks. On the other a thread allocates, defers and frees under the lock. The steps are those of
 * src/deferred.c: the read of the word, the write of the link and the compare-and-swap are steps of their own.
 *
 * Held to: what was deferred is freed, once, by someone who holds the lock; nothing is lost; every run ends.
 * Not in the model: the seal and the mark, memory weaker than sequential consistency.
 *
 * Broken on purpose, each of which must be found:
 *   -DPUSH_WRITES     the word is written instead of swapped by the one who defers
 *   -DTAKE_WRITES     the word is read and then cleared by the one who frees
 *   -DLINK_ONCE       the link is not written again when the swap failed
 */

#define NIL 255
#define BLOCKS 5
#ifndef ROUNDS
#define ROUNDS 2
#endif

mtype = { used, waiting, idle };

mtype is[BLOCKS] = used;          /* what the specification knows */
byte next[BLOCKS] = NIL;
byte deferred = NIL;
bool locked;
byte level;                       /* who runs on the first CPU */
byte finished;

inline swap(expected, wanted, done)
{
    atomic {
        if
        :: deferred == expected -> deferred = wanted; done = true
        :: else -> done = false
        fi
    }
}

inline defer(b)
{
    d_step { assert(is[b] == used); is[b] = waiting };
#ifdef LINK_ONCE
    first = deferred;
    next[b] = first;
#endif
    do
    ::
        first = deferred;
#ifndef LINK_ONCE
        next[b] = first;
#endif
#ifdef PUSH_WRITES
        deferred = b;
        break
#else
        swap(first, b, done);
        if
        :: done -> break
        :: else
        fi
#endif
    od
}

/* Takes the lock and frees what waits: the beginning of every call. */
inline enter()
{
    atomic { !locked -> locked = true };
    if
    :: deferred != NIL ->
        do
        ::
            first = deferred;
#ifdef TAKE_WRITES
            deferred = NIL;
            break
#else
            swap(first, NIL, done);
            if
            :: done -> break
            :: else
            fi
#endif
        od;
        do
        :: first == NIL -> break
        :: else ->
            follow = next[first];
            d_step { assert(locked && is[first] == waiting); is[first] = idle };
            first = follow
        od
    :: else
    fi
}

inline leave()
{
    locked = false
}

/* With the lock held: a block from the pool. */
inline take(mine)
{
    d_step {
        mine = 0;
        do
        :: mine == BLOCKS -> mine = NIL; break
        :: mine < BLOCKS && is[mine] == idle -> is[mine] = used; break
        :: else -> mine++
        od
    }
}

#define LOCALS byte first = NIL; byte follow; bool done

/* Defers the block that it holds, and goes on with whatever the pool gives: the same block may be deferred again. */
inline work(block)
{
    mine = block;
    rounds = 0;
    do
    :: rounds == ROUNDS -> break
    :: else ->
        rounds++;
        if
        :: mine != NIL -> defer(mine)
        :: else
        fi;
        enter();
        take(mine);
        leave()
    od;
    if
    :: mine != NIL -> defer(mine)
    :: else
    fi
}

proctype thread() provided (level == 0)
{
    LOCALS; byte mine; byte rounds;
    work(0);
    finished++
}

proctype other_cpu()
{
    LOCALS; byte mine; byte rounds;
    work(1);
    finished++
}

/* Cannot be masked, takes no lock. */
proctype first_interrupt() provided (level <= 1)
{
    LOCALS;
    atomic { level == 0 -> level = 1 };
    defer(2);
    defer(4);
    atomic { level = 0; finished++ }
}

proctype second_interrupt()
{
    LOCALS; byte interrupted;
    atomic { interrupted = level; level = 2 };
    defer(3);
    atomic { level = interrupted; finished++ }
}

init
{
    LOCALS; byte b;
    atomic {
        run thread();
        run other_cpu();
        run first_interrupt();
        run second_interrupt()
    };
    finished == 4;
    enter();
    leave();
    d_step {
        b = 0;
        do
        :: b == BLOCKS -> break
        :: else -> assert(is[b] == idle); b++
        od
    }
}
