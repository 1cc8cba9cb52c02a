/* SPDX-License-Identifier: MIT
 *
 * gen.c - fh-gen NAME FILE: writes the trace of a made-up embedded workload.
 *
 *   queue    a node of a sensor network with 32 KB: four message queues of different lifetimes, sessions that stay, a log line
 *            now and then that outlives everything around it
 *   packet   a router's packet buffers: bursts of frames of the sizes that networks carry, passed on in order, some held back for
 *            retransmission, and a small descriptor for each
 *   holes    the adversary: fills the heap with small blocks, frees every second one and asks for blocks that are a little
 *            larger than the holes, then twice, then three times as large
 *   random   sizes from 16 to 4096, uniform in their logarithm, at 70 to 90 % of a fixed amount
 *
 * Promise: the same bytes on every machine: own random numbers, fixed seeds, no floating point.
 * Must not know: who replays it.
 */
#define _GNU_SOURCE
#include "../trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 1 << 18 };

static struct fh_trace_writer out;
static uint64_t blocks;                 /* allocated so far */
static uint64_t number_of[MOST];        /* by place: the block's number */
static uint32_t size_of[MOST];          /* by place: its size, 0 for none */
static uint64_t state = 0x9E3779B97F4A7C15u;

/* Marsaglia's xorshift. */
static uint32_t random_below(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

static void allocate(size_t place, uint32_t size)
{
    number_of[place] = blocks++;
    size_of[place] = size;
    fh_trace_put(&out, FH_T_MALLOC, size, 0);
}

static void release(size_t place)
{
    fh_trace_put(&out, FH_T_FREE, blocks - 1 - number_of[place], 0);
    size_of[place] = 0;
}

/* One of the four queues: a ring of places with a range of sizes and a number of messages that it holds at most. */
struct queue {
    uint32_t least, spread, most;
    uint32_t first, held;
};

/* What the messages may amount to, so that the whole fits in 32 KB with some room. */
enum { QUEUE_PAYLOAD = 22 * 1024 };

static void queue_step(struct queue *q, size_t base, uint32_t *payload)
{
    bool full = q->held == q->most;
    bool pop = q->held != 0 && (full || random_below(2) == 0);
    if (pop) {
        size_t place = base + q->first;
        *payload -= size_of[place];
        release(place);
        q->first = (q->first + 1) % q->most;
        q->held--;
        return;
    }
    uint32_t size = q->least + random_below(q->spread);
    if (*payload + size > QUEUE_PAYLOAD)
        return;
    allocate(base + (q->first + q->held) % q->most, size);
    *payload += size;
    q->held++;
}

static void queue_workload(void)
{
    struct queue queues[4] = {
        { 12, 24, 96, 0, 0 }, { 40, 90, 64, 0, 0 }, { 128, 384, 24, 0, 0 }, { 600, 900, 6, 0, 0 },
    };
    enum { SESSIONS = 1024, LOG = 2048 };
    uint32_t payload = 0;
    uint32_t logged = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        uint32_t which = random_below(20);
        queue_step(&queues[which < 9 ? 0 : which < 15 ? 1 : which < 19 ? 2 : 3], (which < 9 ? 0u : which < 15 ? 1u : which < 19 ? 2u : 3u) * 128,
                   &payload);
        if (i % 97 == 0) {
            size_t place = SESSIONS + random_below(12);
            if (size_of[place] != 0) {
                payload -= size_of[place];
                release(place);
            } else if (payload < QUEUE_PAYLOAD) {
                allocate(place, 88 + 4 * random_below(40));
                payload += size_of[place];
            }
        }
        if (i % 211 == 0) {
            size_t place = LOG + logged++ % 16;
            if (size_of[place] != 0) {
                payload -= size_of[place];
                release(place);
            }
            allocate(place, 20 + random_below(60));
            payload += size_of[place];
        }
    }
}

static uint32_t frame_size(void)
{
    uint32_t kind = random_below(10);
    return kind < 4 ? 64 + random_below(36) : kind < 6 ? 128 + random_below(448) : 1400 + random_below(115);
}

static void packet_workload(void)
{
    enum { RING = 512, HELD = 4096 };
    uint32_t head = 0;
    uint32_t tail = 0;
    uint32_t held = 0;
    for (uint32_t burst = 0; burst < 3000; burst++) {
        for (uint32_t n = 1 + random_below(48); n != 0 && head - tail < RING / 2; n--, head++) {
            allocate(head % RING * 2, frame_size());
            allocate(head % RING * 2 + 1, 40);
        }
        for (uint32_t n = 1 + random_below(48); n != 0 && tail != head; n--, tail++) {
            size_t place = tail % RING * 2;
            /* Held back for retransmission: another frame is dropped for it. */
            if (random_below(16) == 0) {
                size_t at = HELD + held++ % 32;
                if (size_of[at] != 0)
                    release(at);
                number_of[at] = number_of[place];
                size_of[at] = size_of[place];
                size_of[place] = 0;
            } else {
                release(place);
            }
            release(place + 1);
        }
    }
}

static void holes_workload(void)
{
    enum { SMALL = 2000 };
    for (uint32_t round = 0; round < 8; round++) {
        uint32_t small = 24 + round * 20;
        for (size_t i = 0; i < SMALL; i++)
            allocate(i, small + random_below(8));
        for (uint32_t factor = 1; factor <= 3; factor++) {
            for (size_t i = factor - 1; i < SMALL; i += 4)
                release(i);
            for (size_t i = 0; i < SMALL / 4 / factor; i++)
                allocate(SMALL * factor + i, small * factor + 16);
        }
        for (size_t i = 3; i < SMALL; i += 4)
            release(i);
        for (uint32_t factor = 1; factor <= 3; factor++)
            for (size_t i = 0; i < SMALL / 4 / factor; i++)
                release(SMALL * factor + i);
    }
}

static void random_workload(void)
{
    const uint32_t amount = 2000000;
    uint32_t payload = 0;
    uint32_t held = 0;
    bool filling = true;
    for (uint32_t i = 0; i < 200000; i++) {
        filling = payload < amount / 10 * 7 || (filling && payload < amount / 10 * 9);
        if (filling ? random_below(10) != 0 : random_below(10) == 0) {
            uint32_t doubling = 16u << random_below(8);
            uint32_t size = doubling + random_below(doubling);
            if (payload + size > amount)
                continue;
            allocate(held, size);
            payload += size;
            held++;
        } else if (held != 0) {
            size_t place = random_below(held);
            payload -= size_of[place];
            release(place);
            held--;
            number_of[place] = number_of[held];
            size_of[place] = size_of[held];
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(void);
    } all[] = { { "queue", queue_workload }, { "packet", packet_workload }, { "holes", holes_workload }, { "random", random_workload } };
    for (size_t i = 0; argc == 3 && i < sizeof all / sizeof *all; i++) {
        if (strcmp(argv[1], all[i].name) != 0)
            continue;
        int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (fd < 0) {
            perror(argv[2]);
            return 2;
        }
        fh_trace_begin(&out, fd, 4, argv[1]);
        all[i].make();
        bool written = fh_trace_end(&out) && close(fd) == 0;
        if (!written)
            perror(argv[2]);
        return written ? 0 : 2;
    }
    fprintf(stderr, "usage: fh-gen queue|packet|holes|random FILE\n");
    return 2;
}
