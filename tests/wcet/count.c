/* SPDX-License-Identifier: MIT
 *
 * count.c - a QEMU plugin: how many instructions each call of a function takes, exactly.
 *
 * Promise: every instruction that the guest executes from the first one of the function to its return is counted once,
 * those of the functions that it calls included, the call instruction itself not. The same program gives the same counts
 * in every run.
 * Invariant: a call ends when a translation block begins at the address behind the instruction that called. Blocks end at
 * jumps, so the block before a function's entry ends with its call, and a return begins a new block.
 * Must not know: what is being measured. It is told addresses:
 *
 *     -plugin count.so,out=FILE,fn=ADDRESS,fn=ADDRESS,...,next=ADDRESS,count=ADDRESS,pause=ADDRESS
 *
 * Executing `next` begins the next phase; `next` and `count` switch counting on, `pause` switches it off. Calls within a counted call are part
 * of it. FILE gets, phases and functions as numbers from 0:
 *
 *     count PHASE FN INSTRUCTIONS CALLS      one line for each count that occurred
 *     worst PHASE FN CALL INSTRUCTIONS       the dearest call of a function in a phase, and its number within it
 *     step PHASE FN ADDRESS INSTRUCTIONS     where that call spent them, block by block, in order
 *
 * One virtual CPU, no interrupts while a call is counted. Debian ships no header for plugins: the part of the interface
 * that is used (version 1) is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
typedef void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void on_execution(unsigned cpu, void *arg);
typedef void on_exit(qemu_plugin_id_t id, void *arg);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, on_translation *cb);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, on_execution *cb, int flags, void *arg);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *to, uint64_t add);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, on_exit *cb, void *arg);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t at);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
VISIBLE extern int qemu_plugin_version;
int qemu_plugin_version = 1;

#define FUNCTIONS 8
#define PHASES 128
#define COUNTS 4096       /* larger counts share the last line, which then shows the largest of them */
#define STEPS 2048        /* of the dearest call; the last one holds the rest */

struct step {
    uint64_t pc;
    uint64_t at;          /* instructions executed before it */
};

struct block {
    uint64_t pc;
    uint64_t end;
};

/* The dearest call of a function in a phase. */
struct worst {
    uint64_t insns;
    uint64_t call;
    size_t n_steps;
    struct step steps[STEPS];
};

static struct {
    uint64_t entry;
    uint64_t calls;       /* in this phase */
    struct worst *worst[PHASES];
} fns[FUNCTIONS];

static size_t n_fns;
static uint32_t counts[PHASES][FUNCTIONS][COUNTS];
static uint64_t next_entry, count_entry, pause_entry;
static const char *out;

static uint64_t executed;
static uint64_t last_end;
static int phase = -1;
static bool is_on;
static int running = -1;  /* the function whose call is being counted */
static uint64_t begun, returns_to;
static struct step steps[STEPS];
static size_t n_steps;

static void *obtain(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (p == NULL)
        abort();
    return p;
}

static void end_call(void)
{
    uint64_t n = executed - begun;
    size_t f = (size_t)running;
    running = -1;
    counts[phase][f][n < COUNTS ? n : COUNTS - 1]++;
    if (fns[f].worst[phase] == NULL)
        fns[f].worst[phase] = obtain(sizeof(struct worst));
    struct worst *w = fns[f].worst[phase];
    if (n > w->insns) {
        w->insns = n;
        w->call = fns[f].calls;
        w->n_steps = n_steps;
        memcpy(w->steps, steps, n_steps * sizeof *steps);
    }
    fns[f].calls++;
}

static void begin_call(size_t f)
{
    running = (int)f;
    begun = executed;
    returns_to = last_end;
    n_steps = 0;
}

static void on_block(unsigned cpu, void *arg)
{
    const struct block *b = arg;
    (void)cpu;
    if (running >= 0 && b->pc == returns_to)
        end_call();
    if (b->pc == next_entry) {
        phase++;
        for (size_t f = 0; f < n_fns; f++)
            fns[f].calls = 0;
    }
    if (b->pc == next_entry || b->pc == count_entry)
        is_on = phase >= 0 && phase < PHASES;
    if (b->pc == pause_entry)
        is_on = false;
    for (size_t f = 0; is_on && running < 0 && f < n_fns; f++) {
        if (b->pc == fns[f].entry)
            begin_call(f);
    }
    if (running >= 0 && n_steps < STEPS)
        steps[n_steps++] = (struct step){ b->pc, executed - begun };
    last_end = b->end;
}

static void on_new_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
    struct block *b = obtain(sizeof *b);  /* lives as long as QEMU */
    b->pc = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    b->end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0, b);
    /* By the instruction, not by the block: a block that is left in its middle, by a fault say, is then not counted whole. */
    for (size_t i = 0; i < n; i++)
        qemu_plugin_register_vcpu_insn_exec_inline(qemu_plugin_tb_get_insn(tb, i), 0, &executed, 1);
}

static void write_phase(FILE *file, int p, size_t f)
{
    const struct worst *w = fns[f].worst[p];
    if (w == NULL)
        return;
    for (unsigned n = 0; n < COUNTS; n++) {
        if (counts[p][f][n] != 0)
            fprintf(file, "count %d %zu %" PRIu64 " %" PRIu32 "\n", p, f, n < COUNTS - 1 ? n : w->insns, counts[p][f][n]);
    }
    fprintf(file, "worst %d %zu %" PRIu64 " %" PRIu64 "\n", p, f, w->call, w->insns);
    for (size_t i = 0; i < w->n_steps; i++) {
        uint64_t end = i + 1 < w->n_steps ? w->steps[i + 1].at : w->insns;
        fprintf(file, "step %d %zu 0x%" PRIx64 " %" PRIu64 "\n", p, f, w->steps[i].pc, end - w->steps[i].at);
    }
}

static void on_end(qemu_plugin_id_t id, void *arg)
{
    (void)id;
    (void)arg;
    FILE *file = fopen(out, "w");
    if (file == NULL) {
        perror(out);
        return;
    }
    for (int p = 0; p <= phase && p < PHASES; p++) {
        for (size_t f = 0; f < n_fns; f++)
            write_phase(file, p, f);
    }
    fclose(file);
}

VISIBLE int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        if (value == NULL)
            return 1;
        value++;
        if (strncmp(argv[i], "out=", 4) == 0)
            out = strdup(value);
        else if (strncmp(argv[i], "fn=", 3) == 0 && n_fns < FUNCTIONS)
            fns[n_fns++].entry = strtoull(value, NULL, 0);
        else if (strncmp(argv[i], "next=", 5) == 0)
            next_entry = strtoull(value, NULL, 0);
        else if (strncmp(argv[i], "count=", 6) == 0)
            count_entry = strtoull(value, NULL, 0);
        else if (strncmp(argv[i], "pause=", 6) == 0)
            pause_entry = strtoull(value, NULL, 0);
        else
            return 1;
    }
    if (out == NULL || n_fns == 0 || next_entry == 0)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_new_block);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
