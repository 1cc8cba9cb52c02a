/* SPDX-License-Identifier: MIT
 *
 * main.c - fh-replay: the command line.
 *
 * Promise: status 0 if every trace was replayed to its end, 1 if an allocator refused or broke something, 2 if an input or an
 * argument is bad. Complaints go to stderr, one line each.
 */
#define _GNU_SOURCE
#include "report.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: fh-replay [options] TRACE...\n"
    "\n"
    "Replays recorded allocations on freehold, or on other allocators, and reports time per operation.\n"
    "\n"
    "  -a ADAPTER      on this allocator: a shared object (tests/bench/adapter.h says what it must export), or `system' for the\n"
    "                  malloc of this process, whichever is preloaded. May be repeated. Without it: freehold\n"
    "  --fit           the smallest region in which the whole trace succeeds, and what it is made of\n"
    "  --picture FILE  with --fit: draws the heap over the course of the program in that region as an SVG\n"
    "  --check         fill and verify every block, and ask the allocator whether its heap is whole\n"
    "  --refuse        like --check, with each allocation refused once before it is met, and then with the program giving up at\n"
    "                  several places: whether the heap is whole, and whether as much can be had afterwards as before\n"
    "  --memory        how many bytes of pages the allocator holds at most, every payload written\n"
    "  --info          what the trace holds\n"
    "  --region BYTES  the size of the region for times and checks (default: twice what the trace needs, and 1 MiB)\n"
    "  --passes N      how many passes the time is the minimum of (default 5)\n"
    "  --cut           take a trace without an end as far as it goes\n"
    "  --tsv           one line of tab-separated values for each replay, without a title\n"
    "  --import NAME   TRACE is a ring buffer filled by tests/bench/ring.h; write it as the trace NAME\n"
    "  --help          this text\n";

static int bad(const char *what, const char *arg)
{
    fprintf(stderr, "fh-replay: %s%s%s\n%s", what, arg != NULL ? " " : "", arg != NULL ? arg : "", "try fh-replay --help\n");
    return 2;
}

/* A positive number up to most; 0 if it is none. */
static size_t number(const char *text, size_t most)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && n <= most ? (size_t)n : 0;
}

/* A build of freehold as an adapter lies next to the program. */
static void own_adapter(char path[4096], const char *build)
{
    ssize_t length = readlink("/proc/self/exe", path, 4096 - 64);
    if (length < 0)
        length = 0;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    snprintf(slash != NULL ? slash + 1 : path, 64, "fh-adapter-%s.so", build);
}

enum { MOST_ADAPTERS = 32 };

struct arguments {
    struct fh_request request;
    const char *adapters[MOST_ADAPTERS];
    size_t adapter_count;
    const char *import;
    const char **traces;
    size_t trace_count;
    bool cut;
    bool own;                /* no adapter was named: freehold's own */
};

/* The option at argv[*i], its value included. Returns 0, or the status to end with. */
static int take_option(struct arguments *a, char **argv, int argc, int *i)
{
    const char *option = argv[*i];
    if (strcmp(option, "--fit") == 0)
        a->request.task = FH_FIT;
    else if (strcmp(option, "--check") == 0)
        a->request.task = FH_CHECK;
    else if (strcmp(option, "--refuse") == 0)
        a->request.task = FH_REFUSE;
    else if (strcmp(option, "--memory") == 0)
        a->request.task = FH_MEMORY;
    else if (strcmp(option, "--info") == 0)
        a->request.task = FH_INFO;
    else if (strcmp(option, "--tsv") == 0)
        a->request.tsv = true;
    else if (strcmp(option, "--cut") == 0)
        a->cut = true;
    else {
        const char *value = *i + 1 < argc ? argv[++*i] : NULL;
        if (value == NULL)
            return bad("unknown option, or one without its value:", option);
        if (strcmp(option, "-a") == 0) {
            if (a->adapter_count == MOST_ADAPTERS)
                return bad("too many adapters", NULL);
            a->adapters[a->adapter_count++] = value;
        } else if (strcmp(option, "--picture") == 0) {
            a->request.picture = value;
        } else if (strcmp(option, "--import") == 0) {
            a->import = value;
        } else if (strcmp(option, "--passes") == 0) {
            if ((a->request.passes = number(value, 1000000)) == 0)
                return bad("not a number of passes:", value);
        } else if (strcmp(option, "--region") == 0) {
            if ((a->request.region = number(value, SIZE_MAX / 4)) == 0)
                return bad("not a number of bytes:", value);
        } else {
            return bad("unknown option", option);
        }
    }
    return 0;
}

/* The other settings that `make fit` has built: what they would change is part of the answer to --fit. */
static size_t load_settings(struct fh_allocator *settings)
{
    static const char *const builds[] = { "k1", "k8", "k16", "classes4", "classes16", "granule8", "cache" };
    static char path[sizeof builds / sizeof *builds][4096];
    size_t count = 0;
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        own_adapter(path[i], builds[i]);
        if (access(path[i], R_OK) == 0 && fh_allocator_load(&settings[count], path[i]))
            count++;
    }
    return count;
}

static int replay_all(const struct arguments *args)
{
    struct fh_allocator allocators[MOST_ADAPTERS];
    struct fh_allocator settings[MOST_ADAPTERS];
    bool compare = args->request.task == FH_FIT && !args->request.tsv && args->own;
    size_t setting_count = compare ? load_settings(settings) : 0;
    for (size_t i = 0; i < args->adapter_count; i++)
        if (!fh_allocator_load(&allocators[i], args->adapters[i]))
            return 2;
    int status = 0;
    fh_report_title(&args->request);
    for (size_t i = 0; i < args->trace_count; i++) {
        struct fh_trace t;
        if (!fh_load(&t, args->traces[i], args->cut)) {
            status = 2;
            continue;
        }
        int s = fh_report(&args->request, &t, args->traces[i], allocators, args->adapter_count);
        status = s > status ? s : status;
        if (compare && s == 0)
            fh_report_settings(&t, &allocators[0], settings, setting_count);
        fh_unload(&t);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct arguments args = { .request = { .task = FH_TIME, .passes = 5 } };
    const char **traces = fh_map((size_t)argc * sizeof *traces);
    args.traces = traces;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (argv[i][0] != '-') {
            traces[args.trace_count++] = argv[i];
            continue;
        }
        int status = take_option(&args, argv, argc, &i);
        if (status != 0)
            return status;
    }
    if (args.trace_count == 0)
        return bad("no trace given", NULL);
    if (args.import != NULL) {
        if (args.trace_count != 1)
            return bad("--import takes one ring buffer", NULL);
        return fh_import(traces[0], args.import) ? 0 : 2;
    }
    if (args.request.picture != NULL && (args.request.task != FH_FIT || args.trace_count != 1 || args.adapter_count > 1))
        return bad("--picture goes with --fit, one trace and one adapter", NULL);
    static char path[4096];
    args.own = args.adapter_count == 0;
    if (args.own) {
        own_adapter(path, "freehold");
        args.adapters[args.adapter_count++] = path;
    }
    return replay_all(&args);
}
