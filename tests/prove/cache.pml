/* SPDX-License-Identifier: MIT
 *
 * cache.pml - the protocol of the per-CPU caches, as a model for Spin.
 *
 * Two CPUs, each with a cache. On the first a thread is interrupted anywhere by a handler, and this by a second one, whenever
 * the lock does not mask them; all of them allocate and free. On the other CPU a thread does, which also drains. The steps are
 * those of src/cache.c: reads and writes of head, next, room, span, asked and busy one at a time, the pool under the lock. How caches
 * are opened and closed is in caches.pml.
 *
 * Held to: a block is handed out to one context only, is in one list only and is never lost; every run ends, and in its end all
 * blocks are in a list, in the pool or in someone's hand. No slow call finds more counted than is in use (which it would take for
 * damage), and no flush finds less than was counted. Wherever the first CPU's thread is stopped, by an interrupt or for good by a
 * fork of its process, its cache's list has no fewer blocks than were counted.
 * Not in the model: what the words of a block say (seal, mark), sizes, damage, memory weaker than sequential consistency (the words
 * that two CPUs share are span and asked, either value of which the reader takes as good).
 *
 * Broken on purpose, each of which must be found:
 *   -DBUSY_UNTESTED   a call that interrupted another one uses the cache all the same
 *   -DDRAIN_TAKES     draining empties the other CPU's cache instead of asking it to
 *   -DUNMASKED        the lock does not mask interrupts
 *   -DTAKE_COUNTS_LATE   a block leaves its list before it is no longer counted
 *   -DPUT_COUNTS_EARLY   a block is counted before it is in its list
 */

#define NIL 255
#define NOBODY 255
#ifndef BLOCKS
#define BLOCKS 3
#endif
#ifndef CALLS
#define CALLS 2
#endif

byte next[BLOCKS];
byte owner[BLOCKS] = NOBODY;      /* what the specification knows: who holds a block */
bool pooled[BLOCKS] = true;
byte head[2] = NIL;
byte held[2];                     /* blocks counted as cached: the limit less the room */
bool known[2];                    /* the span is not zero */
bool asked[2];
bool busy[2];

bool locked;
bool masked;                      /* interrupts on the first CPU */
byte level;                       /* who runs there: 0 the thread, 1 and 2 the handlers */

#define CONTEXTS 4
#define CPU(me) ((me) / 3)

inline enter(me, state)
{
    atomic {
        state = masked;
#ifndef UNMASKED
        if
        :: CPU(me) == 0 -> masked = true
        :: else
        fi;
#endif
    };
    atomic { !locked -> locked = true };
}

inline leave(me, state)
{
    atomic {
        locked = false;
#ifndef UNMASKED
        if
        :: CPU(me) == 0 -> masked = state
        :: else
        fi
#endif
    }
}

/* The pool is only touched with the lock held: one step. */
inline pool_take(b)
{
    atomic {
        assert(locked);
        b = NIL;
        if
        :: pooled[0] -> b = 0
        :: else ->
            if
            :: pooled[1] -> b = 1
            :: else ->
                if
                :: pooled[2] -> b = 2
                :: else
                fi
            fi
        fi;
        if
        :: b != NIL -> pooled[b] = false
        :: else
        fi
    }
}

inline pool_give(b)
{
    atomic {
        assert(locked && !pooled[b]);
        pooled[b] = true
    }
}

/* Links are read and written one at a time, with or without the lock: what must keep others out is the busy flag. The block is counted
 * once it can be found: see fh_cache_put. */
inline push(c, b, seen)
{
    seen = head[c];
    next[b] = seen;
#ifdef PUT_COUNTS_EARLY
    held[c]++;
    head[c] = b
#else
    head[c] = b;
    held[c]++
#endif
}

/* b is the first block of the list. No longer counted while it can still be found: see fh_cache_take. */
inline pop(c, b, seen)
{
    seen = next[b];
#ifdef TAKE_COUNTS_LATE
    head[c] = seen;
    held[c]--
#else
    held[c]--;
    head[c] = seen
#endif
}

inline flush_one(c, b, seen)
{
    b = head[c];
    head[c] = NIL;
    held[c]--;
    seen = next[b];
    pool_give(b);
    head[c] = seen
}

inline flush_all(c, b, seen)
{
    do
    :: head[c] == NIL -> break
    :: else -> flush_one(c, b, seen)
    od;
    assert(held[c] == 0);
    asked[c] = false
}

/* What count_anew would take for damage. */
inline look_at_count(c)
{
    assert(locked && held[c] + pooled[0] + pooled[1] + pooled[2] <= BLOCKS)
}

inline drain(me, b, seen, c)
{
    c = 0;
    do
    :: c == 2 -> break
    :: else ->
#ifdef DRAIN_TAKES
        flush_all(c, b, seen);
#else
        if
        :: c == CPU(me) && !busy[c] -> flush_all(c, b, seen)
        :: else ->
            asked[c] = true;
            known[c] = false
        fi;
#endif
        c++
    od;
    c = CPU(me)
}

/* The current CPU's cache, or none. */
inline enter_cache(c, inside)
{
    if
#ifdef BUSY_UNTESTED
    :: true -> busy[c] = true; inside = true
#else
    :: busy[c] -> inside = false
    :: else -> busy[c] = true; inside = true
#endif
    fi
}

inline allocate(me, mine)
{
    mine = NIL;
    enter_cache(c, inside);
    if
    :: inside ->
        b = head[c];
        if
        :: b != NIL && known[c] ->
            pop(c, b, seen);
            mine = b
        :: else ->
            enter(me, state);
            look_at_count(c);
            if
            :: asked[c] -> flush_all(c, b, seen)
            :: else
            fi;
            known[c] = true;
            b = head[c];
            if
            :: b != NIL ->
                pop(c, b, seen);
                mine = b
            :: else ->
                pool_take(mine);
                pool_take(b);
                if
                :: b != NIL -> push(c, b, seen)
                :: else
                fi;
                if
                :: mine == NIL ->
                    flush_all(c, b, seen);
                    /* Where the heap can grow and little is idle, as if the pool had nothing. */
                    if
                    :: drain(me, b, seen, c); pool_take(mine)
                    :: true
                    fi
                :: else
                fi
            fi;
            leave(me, state)
        fi;
        busy[c] = false
    :: else
    fi;
    if
    :: mine == NIL ->
        enter(me, state);
        pool_take(mine);
        if
        :: mine == NIL ->
            drain(me, b, seen, c);
            pool_take(mine)
        :: else
        fi;
        leave(me, state)
    :: else
    fi;
    d_step {
        if
        :: mine != NIL ->
            assert(owner[mine] == NOBODY);
            owner[mine] = me
        :: else
        fi
    }
}

inline give_back(me, mine)
{
    d_step {
        assert(owner[mine] == me);
        owner[mine] = NOBODY
    };
    enter_cache(c, inside);
    if
    :: inside ->
        if
        :: known[c] -> push(c, mine, seen); mine = NIL
        :: else ->
            enter(me, state);
            look_at_count(c);
            if
            :: asked[c] -> flush_all(c, b, seen)
            :: else
            fi;
            known[c] = true;
            leave(me, state);
            /* Another CPU may have drained since. */
            if
            :: known[c] -> push(c, mine, seen); mine = NIL
            :: else
            fi
        fi;
        if
        :: mine == NIL && held[c] > 1 ->
            enter(me, state);
            look_at_count(c);
            do
            :: head[c] != NIL && held[c] > 1 -> flush_one(c, b, seen)
            :: else -> break
            od;
            leave(me, state)
        :: else
        fi;
        busy[c] = false
    :: else
    fi;
    if
    :: mine != NIL ->
        enter(me, state);
        pool_give(mine);
        leave(me, state)
    :: else
    fi;
    mine = NIL
}

byte finished;

/* Allocates and frees in any order, and ends with or without a block in its hand. */
inline work(me)
{
    do
    :: calls == CALLS -> break
    :: calls < CALLS && mine == NIL -> calls++; allocate(me, mine)
    :: calls < CALLS && mine != NIL -> calls++; give_back(me, mine)
    od
}

#define LOCALS byte mine = NIL; byte b = NIL; byte seen; byte calls; byte c = CPU(me); bool inside; bool state

proctype thread() provided (level == 0)
{
    byte me = 0;
    LOCALS;
    work(me);
    finished++
}

proctype other_cpu()
{
    byte me = 3;
    LOCALS;
    work(me);
    finished++
}

/* The list of the first CPU's cache, as a process that forked here would find it. */
inline look_at_list(b, n)
{
    b = head[0];
    n = 0;
    do
    :: b == NIL || n > BLOCKS -> break
    :: else -> n++; b = next[b]
    od;
    assert(n >= held[0] && n <= BLOCKS);
    b = NIL;
    n = 0
}

/* A handler interrupts what runs, and this goes on when it is done. */
proctype first_handler() provided (level <= 1)
{
    byte me = 1;
    LOCALS;
    atomic {
        level == 0 && !masked -> level = 1;
        look_at_list(b, seen)
    };
    work(me);
    atomic { level = 0; finished++ }
}

proctype second_handler()
{
    byte me = 2;
    byte interrupted;
    LOCALS;
    atomic {
        !masked -> interrupted = level;
        level = 2;
        look_at_list(b, seen)
    };
    work(me);
    atomic { level = interrupted; finished++ }
}

/* Every block in one place, when all is done. */
inline count(c)
{
    b = head[c];
    steps = 0;
    do
    :: b == NIL -> break
    :: else ->
        assert(steps < BLOCKS);
        seen[b]++;
        steps++;
        b = next[b]
    od
}

init
{
    byte b, steps, seen[BLOCKS];
    atomic {
        run thread();
        run other_cpu();
        run first_handler();
        run second_handler()
    };
    finished == CONTEXTS;
    d_step {
        count(0);
        count(1);
        b = 0;
        do
        :: b == BLOCKS -> break
        :: else ->
            seen[b] = seen[b] + pooled[b] + (owner[b] != NOBODY);
            assert(seen[b] == 1);
            b++
        od;
        assert(!locked && !masked && !busy[0] && !busy[1])
    }
}
