/* SPDX-License-Identifier: MIT
 *
 * caches.pml - how the caches of a heap are opened, found and closed, as a model for Spin.
 *
 * Two CPUs as in cache.pml: on the first a thread, interrupted anywhere by a handler and this by a second one, on the other a thread.
 * Each opens its CPU's cache if there is none, uses it, and asks all caches of the heap to empty themselves. The steps are those of
 * src/cache.c: open_for, fh_cache_open, fh_cache_close, cache_at, drain, one read or write of a link at a time. A handler makes
 * one call, the threads CALLS.
 *
 * Held to: with the lock held, the list of caches leads through open caches only, and each link agrees with its complement; a cache
 * is not closed while a call is inside; in the end each CPU has one cache, and these are the caches in the list.
 * Not in the model: what is in a cache (cache.pml), no memory for one, damage.
 *
 * Broken on purpose, each of which must be found:
 *   -DSECOND_UNSEEN     whoever opens a cache does not look whether there is one by now
 *   -DCLOSED_LINKED     a cache that is closed stays in the list
 *   -DLINKED_UNLOCKED   a cache enters the list without the lock
 */

#define NIL 7
#define CONTEXTS 4
#define CPU(me) ((me) / 3)
#ifndef CALLS
#define CALLS 2
#endif

/* The cache that a context opens has its number. Each opens one at most: there is one for its CPU then. */
byte first = NIL;
byte next[CONTEXTS];
byte again[CONTEXTS];             /* the complement of next */
bool open[CONTEXTS];
bool busy[CONTEXTS];
bool asked[CONTEXTS];
byte by_cpu[2] = NIL;
byte count;

bool locked;
bool masked;                      /* interrupts on the first CPU */
byte level;                       /* who runs there: 0 the thread, 1 and 2 the handlers */

inline enter(me, state)
{
    atomic {
        state = masked;
        if
        :: CPU(me) == 0 -> masked = true
        :: else
        fi
    };
    atomic { !locked -> locked = true }
}

inline leave(me, state)
{
    atomic {
        locked = false;
        if
        :: CPU(me) == 0 -> masked = state
        :: else
        fi
    }
}

inline lead_to(c, to)
{
    next[c] = to;
    again[c] = NIL - to
}

/* What cache_at asks of a cache before it is followed; this heap has no damage, so that it must be so. */
inline look_at(c)
{
    assert(open[c] && again[c] == NIL - next[c])
}

inline open_cache(me, state)
{
#ifndef LINKED_UNLOCKED
    enter(me, state);
#endif
    assert(!open[me]);
    open[me] = true;
    lead_to(me, first);
    first = me;
    count++;
#ifndef LINKED_UNLOCKED
    leave(me, state)
#endif
}

inline close_cache(by, gone, at, kept)
{
    enter(by, kept);
    look_at(gone);
#ifndef CLOSED_LINKED
    if
    :: first == gone -> first = next[gone]
    :: else ->
        at = first;
        do
        :: next[at] == gone -> break
        :: else ->
            look_at(at);
            at = next[at]
        od;
        lead_to(at, next[gone])
    fi;
#endif
    count--;
    assert(!busy[gone]);
    open[gone] = false;
    leave(by, kept)
}

inline open_for(me, c, ahead, state)
{
    open_cache(me, state);
    enter(me, state);
    c = by_cpu[CPU(me)];
#ifdef SECOND_UNSEEN
    c = NIL;
#endif
    if
    :: c == NIL -> by_cpu[CPU(me)] = me
    :: else
    fi;
    leave(me, state);
    if
    :: c == NIL -> c = me
    :: else -> close_cache(me, me, ahead, state)
    fi
}

/* A call for a CPU: none of the others is inside its cache meanwhile, and it stays open. */
inline use(me, c, ahead, state)
{
    c = by_cpu[CPU(me)];
    if
    :: c == NIL -> open_for(me, c, ahead, state)
    :: else
    fi;
    if
    :: busy[c]
    :: else ->
        busy[c] = true;
        d_step { assert(open[c]); asked[c] = false };
        d_step { assert(open[c]); busy[c] = false }
    fi;
    c = NIL
}

inline drain(me, c, ahead, state)
{
    enter(me, state);
    ahead = by_cpu[CPU(me)];
    c = first;
    do
    :: c == NIL -> break
    :: else ->
        d_step {
            look_at(c);
            asked[c] = !(c == ahead && !busy[c]);
            c = next[c]
        }
    od;
    leave(me, state)
}

byte finished;

inline work(me, most)
{
    do
    :: calls == most -> break
    :: calls < most -> calls++; use(me, c, ahead, state)
    :: calls < most -> calls++; drain(me, c, ahead, state)
    od
}

#define LOCALS byte c = NIL; byte ahead; byte calls; bool state

proctype thread() provided (level == 0)
{
    byte me = 0;
    LOCALS;
    work(me, CALLS);
    finished++
}

proctype other_cpu()
{
    byte me = 3;
    LOCALS;
    work(me, CALLS);
    finished++
}

proctype first_handler() provided (level <= 1)
{
    byte me = 1;
    LOCALS;
    atomic { level == 0 && !masked -> level = 1 };
    work(me, 1);
    atomic { level = 0; finished++ }
}

proctype second_handler()
{
    byte me = 2;
    byte interrupted;
    LOCALS;
    atomic { !masked -> interrupted = level; level = 2 };
    work(me, 1);
    atomic { level = interrupted; finished++ }
}

init
{
    byte c, steps;
    atomic {
        run thread();
        run other_cpu();
        run first_handler();
        run second_handler()
    };
    finished == CONTEXTS;
    d_step {
        c = first;
        do
        :: c == NIL -> break
        :: else ->
            assert(steps < count && open[c] && !busy[c] && (by_cpu[0] == c || by_cpu[1] == c));
            steps++;
            c = next[c]
        od;
        assert(steps == count && count == (by_cpu[0] != NIL) + (by_cpu[1] != NIL));
        assert(!locked && !masked)
    }
}
