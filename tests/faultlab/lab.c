/* SPDX-License-Identifier: MIT
 *
 * lab.c - the fault lab: options, processes, verdicts. `lab --help` lists the options.
 *
 * A heap is opened and aged in a process of its own; each trial is a fork of that process, commits one crime, works on,
 * gives everything back, and is judged by what it left and by how it ended. lab.h defines the outcomes. Where all memory can be put
 * back after a trial (see memory.c), a fork goes on with the next one; the end of a process ends one trial only.
 *
 * Promise: the trial of a class with a number and a seed is the same in every run, alone or among thousands (address
 * randomization is turned off), so that `--class X --trial N` shows again what the table counted; and --apart tells nothing else.
 * Must not know: any allocator, what a crime does.
 */
#define _GNU_SOURCE
#include "lab.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { TRIALS_A_HEAP = 2, TRIALS_A_LARGE_HEAP = 8, MOST_WORKERS = 16, MOST_CLASSES = 64, EXAMPLES = 3 };

struct options {
    const char *subject;
    const char *only;          /* classes, or NULL for all */
    size_t heap_bytes;
    long trials;
    long trial;                /* this one alone, or -1 */
    long patience;             /* so many times the usual time is given to a trial */
    long sparse;               /* of the classes that make the subject read the whole heap, one trial in so many */
    uint64_t seed;
    long operations;           /* after the crime; 0: some hundred */
    unsigned workers;
    bool verbose;
    bool here;
    bool apart;                /* a process for each trial, whatever could be put back */
};

struct tally {
    unsigned long outcomes[LAB_OUTCOMES];
    unsigned long late;              /* detected, but after a call that touched a block at the damage */
    unsigned long missed;            /* found, and a call had touched a block at the damage */
    unsigned long calls;             /* sum over the detected */
    unsigned long most_calls;
    unsigned long went_on;           /* detected, and the trial came to its end */
    unsigned long kept;              /* sum over those of the memory that was left, in thousandths */
    long examples[LAB_OUTCOMES][EXAMPLES];
    char said[LAB_OUTCOMES][64];     /* what the first example showed */
};

/* What the processes share. */
struct board {
    struct tally tallies[MOST_WORKERS][MOST_CLASSES];
    struct lab_record records[MOST_WORKERS];
    long jobs[MOST_WORKERS];         /* which trial is running */
    unsigned unfit[MOST_WORKERS];    /* heaps that were not whole before any crime */
};

static const char *const outcome_names[LAB_OUTCOMES] = {
    "nothing", "hang", "crash", "broken", "detected", "silent", "found", "lost", "harmless",
};

static struct options options = { .heap_bytes = 65536, .trials = 100, .trial = -1, .patience = 1, .sparse = 1, .seed = 1, .workers = 2 };
static struct board *board;
static struct lab_model model;
static const struct lab_subject *subject;
static FILE *messages;             /* what standard error was: the subject's own is not wanted */
static void *subject_base;         /* where its code is */

/* A trial runs on a stack of its own: it can be left from anywhere, and the stack be put back while nobody stands on it. Not if its end
 * is the end of the process anyway: other allocators then find the memory as they would without the lab. */
static struct {
    ucontext_t outside;
    ucontext_t inside;
    const struct lab_crime *crime;
    long trial;
    bool is_on;
} stage;

static _Noreturn void give_up(const char *what, const char *which)
{
    fprintf(stderr, "lab: %s %s\n", what, which);
    exit(2);
}

static int status_of(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        continue;
    return status;
}

/* What the subject calls for each fault that it reports. */
static void hear(const char *kind)
{
    struct lab_record *r = model.record;
    if (r->reports++ != 0)
        return;
    r->first_report = r->operation;
    strncpy(r->report, kind, sizeof r->report - 1);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t state = options.seed ^ a * 0x9E3779B97F4A7C15u ^ b << 40;
    return lab_random(&state);
}

static bool is_large(void)
{
    return options.heap_bytes > (size_t)16 << 20;
}

/* An aged heap is used for more trials where it takes longer to make. */
static long trials_a_heap(void)
{
    return is_large() ? TRIALS_A_LARGE_HEAP : TRIALS_A_HEAP;
}

/* Opens heap number `number` and works on it for a random time. */
static bool age_heap(long number, struct lab_record *record)
{
    static const unsigned shifts[] = { 6, 9, 12, 14 };
    *record = (struct lab_record){ 0 };
    model = (struct lab_model){ .subject = subject, .record = record, .random = mix((uint64_t)number, 1) };
    struct lab_wish wish = { options.heap_bytes, mix((uint64_t)number, 2), hear };
    if (!subject->open(&wish))
        return false;
    model.heap_bytes = options.heap_bytes;
    model.target = 5 + (unsigned)lab_below(&model, 300);
    model.largest = options.heap_bytes / 65536 * ((size_t)1 << shifts[lab_below(&model, 4)]);
    if (lab_below(&model, 4) == 0)
        model.largest = 512;
    lab_measure(&model);
    lab_operate(&model, 50 + (unsigned)lab_below(&model, (uint64_t)50 << lab_below(&model, 7)));
    return record->reports == 0 && (subject->check == NULL || subject->check() == NULL);
}

/* An instruction that does not exist is a verdict where the subject's own code means it as one. A wild jump is not. */
static void hear_trap(int signal, siginfo_t *info, void *context)
{
    Dl_info at = { 0 };
    (void)signal;
    (void)context;
    if (dladdr(info->si_addr, &at) == 0 || at.dli_fbase != subject_base)
        return;   /* meets the same instruction again, with the default action */
    model.record->trapped = 1;
    model.record->reports++;
    if (model.record->reports == 1) {
        model.record->first_report = model.record->operation;
        strncpy(model.record->report, "a trap", sizeof model.record->report - 1);
    }
    _exit(0);
}

static void catch_traps(void)
{
    struct sigaction action = { .sa_sigaction = hear_trap, .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND) };
    sigaction(SIGILL, &action, NULL);
}

static void set_limits(void)
{
    bool large = is_large() || options.operations > 10000;
    struct itimerval limit = { .it_value = { (large ? 10 : 1) * options.patience, 0 } };
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(60 * (unsigned)options.patience);
}

static void run_trial(void)
{
    size_t class = (size_t)(stage.crime - lab_crimes);
    model.random = mix((uint64_t)stage.trial, 3 + class);
    if (!stage.crime->commit(&model, stage.crime->argument))
        lab_stop();
    model.record->applies = 1;
    long operations = options.operations != 0 ? options.operations : 100 + (long)lab_below(&model, 400);
    lab_operate(&model, (unsigned)operations);
    lab_finish(&model);
    lab_stop();
}

/* A thread of the trial's cannot leave for it. */
_Noreturn void lab_stop(void)
{
    if (stage.is_on && !model.record->spent)
        setcontext(&stage.outside);
    _exit(0);
}

static bool has_stage(void)
{
    return subject->mark != NULL || options.here;
}

static void build_stage(void)
{
    enum { ROOM = 64 << 10, GUARD = 4096 };
    char *stack = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD, PROT_NONE) != 0)
        give_up("no memory:", strerror(errno));
    getcontext(&stage.inside);
    stage.inside.uc_stack.ss_sp = stack;
    stage.inside.uc_stack.ss_size = ROOM;
    makecontext(&stage.inside, run_trial, 0);
}

static void try_here(const struct lab_crime *crime, long trial, struct lab_record *record)
{
    *record = (struct lab_record){ 0 };
    model.record = record;
    stage.crime = crime;
    stage.trial = trial;
    set_limits();
    if (!has_stage())
        run_trial();
    stage.is_on = true;
    swapcontext(&stage.outside, &stage.inside);
    stage.is_on = false;
}

static enum lab_outcome judge(const struct lab_record *r, int status)
{
    bool stopped = WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGTRAP);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGALRM))
        return LAB_HANG;
    if (stopped)
        return LAB_DETECTED;
    if (r->trapped)
        return LAB_DETECTED;
    if (WIFSIGNALED(status))
        return LAB_CRASH;
    if (!r->applies && r->breach[0] == '\0')
        return LAB_NOTHING;
    if (r->breach[0] != '\0')
        return r->reports != 0 ? LAB_BROKEN : LAB_SILENT;
    if (!r->done)
        return LAB_CRASH;   /* the subject ended the process by itself */
    if (r->reports != 0)
        return LAB_DETECTED;
    if (r->check[0] != '\0')
        return LAB_FOUND;
    return r->lost ? LAB_LOST : LAB_HARMLESS;
}

static void describe(const struct lab_record *r, enum lab_outcome outcome, int status, char *text, size_t room)
{
    if (WIFSIGNALED(status))
        snprintf(text, room, "%s%s%s", strsignal(WTERMSIG(status)), r->report[0] != '\0' ? " after " : "", r->report);
    else if (outcome == LAB_BROKEN)
        snprintf(text, room, "%.20s, then %.40s", r->report, r->breach);
    else if (r->breach[0] != '\0')
        snprintf(text, room, "%s", r->breach);
    else
        snprintf(text, room, "%s", r->report[0] != '\0' ? r->report : r->check);
}

static void count(struct tally *t, const struct lab_record *r, enum lab_outcome outcome, int status, long trial)
{
    unsigned long before = t->outcomes[outcome]++;
    if (before < EXAMPLES)
        t->examples[outcome][before] = trial;
    if (before == 0)
        describe(r, outcome, status, t->said[outcome], sizeof t->said[outcome]);
    if (outcome == LAB_FOUND && r->first_touch != 0)
        t->missed++;
    if (outcome != LAB_DETECTED)
        return;
    unsigned long calls = r->reports != 0 ? r->first_report : r->operation;
    t->calls += calls;
    if (calls > t->most_calls)
        t->most_calls = calls;
    if (r->done) {
        t->went_on++;
        t->kept += r->kept;
    }
    if (r->first_touch != 0 && calls > r->first_touch)
        t->late++;
}

static void show(const struct lab_crime *crime, long trial, const struct lab_record *r, enum lab_outcome outcome, int status)
{
    char text[96];
    describe(r, outcome, status, text, sizeof text);
    printf("%s trial %ld at %p%s%s: %s", crime->name, trial, r->place, r->field != NULL ? " " : "",
           r->field != NULL ? r->field : "", outcome_names[outcome]);
    if (text[0] != '\0')
        printf(" (%s)", text);
    printf("; report %u of %u at call %u, first touch at %u, ended at %u%s%s%s\n", r->reports != 0, r->reports, r->first_report,
           r->first_touch, r->operation, r->lost ? ", memory lost" : "", r->check[0] != '\0' ? ", check: " : "", r->check);
    if (r->lost)
        printf("    %u thousandths of the memory can still be had\n", r->kept);
    fflush(stdout);
}

/* Is it one of the names, separated by commas? */
static bool is_chosen(const struct lab_crime *crime)
{
    const size_t length = strlen(crime->name);
    const char *at = options.only;
    while (at != NULL && (strncmp(at, crime->name, length) != 0 || (at[length] != '\0' && at[length] != ','))) {
        at = strchr(at, ',');
        if (at == NULL)
            return false;
        at++;
    }
    return true;
}

static bool is_wanted(const struct lab_crime *crime, long trial)
{
    if (!is_chosen(crime))
        return false;
    if (options.trial >= 0)
        return trial == options.trial;
    return trial < options.trials && (!crime->reads_all || trial % options.sparse == 0);
}

/* The trials on a heap, numbered through: those of a class are neighbours. */
static const struct lab_crime *crime_of(long job)
{
    return &lab_crimes[job / trials_a_heap()];
}

static long trial_of(long number, long job)
{
    return number * trials_a_heap() + job % trials_a_heap();
}

/* The first one from there on that is wanted, or -1. */
static long job_from(long number, long job)
{
    for (; job < (long)lab_crime_count * trials_a_heap(); job++) {
        if (is_wanted(crime_of(job), trial_of(number, job)))
            return job;
    }
    return -1;
}

static void conclude(long number, long job, int status, unsigned worker)
{
    const struct lab_crime *crime = crime_of(job);
    const struct lab_record *record = &board->records[worker];
    enum lab_outcome outcome = judge(record, status);
    count(&board->tallies[worker][crime - lab_crimes], record, outcome, status, trial_of(number, job));
    if (options.verbose)
        show(crime, trial_of(number, job), record, outcome, status);
}

/* In a process of its own: trials from that one on, as long as all that they changed can be put back. The last one is left to who waits
 * for this process: it may have ended it. */
static _Noreturn void try_from(long number, long job, unsigned worker, bool can_go_on)
{
    struct lab_record *record = &board->records[worker];
    for (;;) {
        board->jobs[worker] = job;
        try_here(crime_of(job), trial_of(number, job), record);
        if (options.here)
            show(crime_of(job), trial_of(number, job), record, judge(record, 0), 0);
        long next = job_from(number, job + 1);
        if (!can_go_on || record->spent || next < 0 || !lab_put_back())
            _exit(0);
        conclude(number, job, 0, worker);
        job = next;
    }
}

/* In a process of its own: one heap, and the trials of all classes on it. */
static _Noreturn void one_heap(long number, unsigned worker)
{
    static struct lab_record aging;
    if (!age_heap(number, &aging)) {
        fprintf(messages, "lab: heap %ld: %s%s\n", number, aging.report, aging.breach);
        fflush(messages);
        _exit(3);
    }
    catch_traps();
    /* A large heap is too large to copy; and a copy costs as much as three forks, which a class by itself does not need. */
    bool is_worth_it = !is_large() && options.only == NULL;
    bool can_go_on = lab_survey(subject) && is_worth_it && !options.apart && lab_keep(__builtin_frame_address(0));
    bool is_prepared = !is_large();
    for (long job = job_from(number, 0); job >= 0; job = job_from(number, job + 1)) {
        if (crime_of(job)->reads_all && !is_prepared) {
            lab_expect_reading();
            is_prepared = true;
        }
        pid_t pid = options.here ? 0 : fork();
        if (pid < 0)
            give_up("cannot fork:", strerror(errno));
        if (pid == 0)
            try_from(number, job, worker, can_go_on);
        int status = status_of(pid);
        job = board->jobs[worker];
        conclude(number, job, status, worker);
    }
    _exit(4);
}

/* Exit 4 is the only good end of a heap's process: a breach while it ages ends it with 0. */
static void heap_process(long number, unsigned worker)
{
    pid_t pid = options.here ? 0 : fork();
    if (pid < 0)
        give_up("cannot fork:", strerror(errno));
    if (pid == 0)
        one_heap(number, worker);
    int status = status_of(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
        return;
    board->unfit[worker]++;
    fprintf(messages, "lab: %s, %u-bit: heap %ld of seed %llu was not whole before any crime, status %x\n", subject->name,
            (unsigned)sizeof(void *) * 8, number, (unsigned long long)options.seed, (unsigned)status);
    fflush(messages);
}

static void work(unsigned worker)
{
    long heaps = (options.trials + trials_a_heap() - 1) / trials_a_heap();
    for (long number = (long)worker; number < heaps; number += (long)options.workers)
        heap_process(number, worker);
}

static void run_workers(void)
{
    pid_t pids[MOST_WORKERS];
    for (unsigned w = 0; w < options.workers; w++) {
        pids[w] = fork();
        if (pids[w] < 0)
            give_up("cannot fork:", strerror(errno));
        if (pids[w] == 0) {
            work(w);
            _exit(0);
        }
    }
    for (unsigned w = 0; w < options.workers; w++) {
        int status = status_of(pids[w]);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            give_up("a worker", "ended early");
    }
}

static void add(struct tally *sum, const struct tally *t)
{
    for (int o = 0; o < LAB_OUTCOMES; o++) {
        for (unsigned long e = 0; e < EXAMPLES && e < t->outcomes[o]; e++) {
            if (sum->outcomes[o] + e < EXAMPLES)
                sum->examples[o][sum->outcomes[o] + e] = t->examples[o][e];
        }
        if (sum->outcomes[o] == 0)
            memcpy(sum->said[o], t->said[o], sizeof sum->said[o]);
        sum->outcomes[o] += t->outcomes[o];
    }
    sum->late += t->late;
    sum->missed += t->missed;
    sum->calls += t->calls;
    sum->went_on += t->went_on;
    sum->kept += t->kept;
    if (t->most_calls > sum->most_calls)
        sum->most_calls = t->most_calls;
}

static void print_examples(const struct tally *t)
{
    static const enum lab_outcome bad[] = { LAB_HANG, LAB_CRASH, LAB_BROKEN, LAB_SILENT, LAB_LOST, LAB_FOUND };
    bool any = false;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const unsigned long n = t->outcomes[bad[i]];
        if (n == 0)
            continue;
        printf("%s%s", any ? "; " : "", outcome_names[bad[i]]);
        for (unsigned long e = 0; e < EXAMPLES && e < n; e++)
            printf(" %ld", t->examples[bad[i]][e]);
        if (t->said[bad[i]][0] != '\0')
            printf(" (%s)", t->said[bad[i]]);
        any = true;
    }
    printf("%s\n", any ? "" : "-");
}

/* One line a class, fields separated by tabs: for a script to make a table of, or a verdict. */
static void print_tallies(void)
{
    unsigned unfit = 0;
    for (unsigned w = 0; w < options.workers; w++)
        unfit += board->unfit[w];
    for (unsigned class = 0; class < lab_crime_count; class++) {
        struct tally t = { 0 };
        for (unsigned w = 0; w < options.workers; w++)
            add(&t, &board->tallies[w][class]);
        if (!is_chosen(&lab_crimes[class]))
            continue;
        unsigned long trials = 0;
        for (int o = LAB_NOTHING + 1; o < LAB_OUTCOMES; o++)
            trials += t.outcomes[o];
        printf("%s\t%u\t%u\t%zu\t%s\t%s\t%lu", subject->name, (unsigned)sizeof(void *) * 8, (unsigned)subject->granule,
               options.heap_bytes >> 10, lab_crimes[class].name, lab_crimes[class].needs_past ? "past" : "-", trials);
        for (int o = LAB_HANG; o < LAB_OUTCOMES; o++)
            printf("\t%lu", t.outcomes[o]);
        unsigned long seen = t.outcomes[LAB_DETECTED];
        printf("\t%lu\t%lu\t%.1f\t%lu\t%.1f\t%u\t", t.late, t.missed, seen != 0 ? (double)t.calls / (double)seen : 0.0, t.most_calls,
               t.went_on != 0 ? (double)t.kept / 10.0 / (double)t.went_on : 100.0, unfit);
        print_examples(&t);
    }
}

static void print_help(void)
{
    puts("lab SUBJECT.so [options]\n"
         "  --heap BYTES     size of the heaps (65536)        --trials N   for each class (100)\n"
         "  --class NAMES    these classes only (a,b,c)       --trial N    this trial only\n"
         "  --seed N         another set of trials (1)        --ops N      calls after each crime (some hundred)\n"
         "  --workers N      processes side by side (2)       --verbose    a line for each trial\n"
         "  --sparse N       one trial in N (1) of the classes that make the subject read the whole heap\n"
         "  --patience N     time limits N times as long (1), for a machine that is emulated\n"
         "  --here           with --class and --trial: in this process, for a debugger\n"
         "  --apart          a process for each trial, though all memory could be put back after the one before\n"
         "prints a line for each class: subject, bits, granule, heap in KiB, class, - or past, trials, hang, crash,\n"
         "broken, detected, silent, found, lost, harmless, late, missed, mean and most calls to detection, percent of the\n"
         "memory that was left after a report, unfit heaps,\n"
         "examples.\n"
         "classes:");
    for (unsigned class = 0; class < lab_crime_count; class++)
        printf("  %-16s %s\n", lab_crimes[class].name, lab_crimes[class].what);
}

static long number_of(const char *text, const char *name)
{
    char *end;
    errno = 0;
    long value = strtol(text != NULL ? text : "", &end, 0);
    if (text == NULL || *text == '\0' || *end != '\0' || errno != 0 || value < 0)
        give_up("not a number for", name);
    return value;
}

static void read_options(char **arg)
{
    for (; *arg != NULL; arg++) {
        const char *name = *arg;
        if (strcmp(name, "--help") == 0) {
            print_help();
            exit(0);
        }
        if (strncmp(name, "--", 2) != 0) {
            options.subject = name;
            continue;
        }
        if (strcmp(name, "--verbose") == 0 || strcmp(name, "--here") == 0 || strcmp(name, "--apart") == 0) {
            options.verbose |= name[2] != 'a';
            options.here |= name[2] == 'h';
            options.apart |= name[2] == 'a';
            continue;
        }
        const char *value = arg[1];
        if (strcmp(name, "--class") == 0)
            options.only = value;
        else if (strcmp(name, "--heap") == 0)
            options.heap_bytes = (size_t)number_of(value, name);
        else if (strcmp(name, "--trials") == 0)
            options.trials = number_of(value, name);
        else if (strcmp(name, "--trial") == 0)
            options.trial = number_of(value, name);
        else if (strcmp(name, "--seed") == 0)
            options.seed = (uint64_t)number_of(value, name);
        else if (strcmp(name, "--ops") == 0)
            options.operations = number_of(value, name);
        else if (strcmp(name, "--sparse") == 0)
            options.sparse = number_of(value, name);
        else if (strcmp(name, "--patience") == 0)
            options.patience = number_of(value, name);
        else if (strcmp(name, "--workers") == 0)
            options.workers = (unsigned)number_of(value, name);
        else
            give_up("no such option:", name);
        arg++;
    }
}

static unsigned names_in(const char *list)
{
    unsigned names = 1;
    for (; *list != '\0'; list++)
        names += *list == ',';
    return names;
}

static void check_options(void)
{
    unsigned known = 0;
    for (unsigned class = 0; class < lab_crime_count; class++)
        known += is_chosen(&lab_crimes[class]);
    if (options.only != NULL && known != names_in(options.only))
        give_up("not all of these are classes, once each:", options.only);
    if (options.subject == NULL)
        give_up("no subject;", "try --help");
    if (options.workers == 0 || options.workers > MOST_WORKERS)
        give_up("workers must be 1 to 16,", "not that many");
    if (options.patience == 0 || options.patience > 1000)
        give_up("patience must be 1 to 1000,", "not that much");
    if (options.sparse == 0)
        give_up("one trial in", "none");
    if (options.heap_bytes < 65536)
        give_up("the heap must be 65536 bytes at least", "");
    if (options.here && (options.only == NULL || options.trial < 0))
        give_up("--here needs", "--class and --trial");
}

static void load_subject(void)
{
    void *object = dlopen(options.subject, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL)
        give_up("cannot load", dlerror());
    const struct lab_subject *(*get)(void);
    *(void **)&get = dlsym(object, "lab_subject");
    if (get == NULL)
        give_up("no lab_subject() in", options.subject);
    subject = get();
    Dl_info at;
    if (dladdr((void *)(uintptr_t)get, &at) != 0)
        subject_base = at.dli_fbase;
    if (subject->abi != LAB_ABI)
        give_up("made for another lab:", options.subject);
}

/* The same addresses in every run: without randomization, which takes a new start of the program. */
static void fix_addresses(char **argv)
{
    int now = personality(0xFFFFFFFF);
    if (now < 0 || (now & ADDR_NO_RANDOMIZE) != 0 || personality((unsigned long)now | ADDR_NO_RANDOMIZE) < 0)
        return;
    execv("/proc/self/exe", argv);
}

static void quiet(void)
{
    struct rlimit none = { 0, 0 };
    static char buffer[BUFSIZ];
    setrlimit(RLIMIT_CORE, &none);
    messages = fdopen(dup(2), "w");
    if (messages == NULL)
        give_up("no standard error:", strerror(errno));
    setvbuf(messages, buffer, _IOFBF, sizeof buffer);
    int sink = options.verbose ? -1 : open("/dev/null", O_WRONLY);
    if (sink >= 0)
        dup2(sink, 2);
}

int main(int argc, char **argv)
{
    static char buffer[BUFSIZ];
    (void)argc;
    read_options(argv + 1);
    check_options();
    fix_addresses(argv);
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);   /* stdio shall not allocate from the subject */
    load_subject();
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        give_up("no memory:", strerror(errno));
    quiet();
    if (has_stage()) {
        build_stage();
        malloc_trim(0);   /* what is not there need not be put back */
    }
    if (options.trial >= 0) {
        options.trials = options.trial + 1;
        options.workers = 1;
        heap_process(options.trial / trials_a_heap(), 0);
    } else {
        run_workers();
    }
    print_tallies();
    return 0;
}
