/* SPDX-License-Identifier: MIT
 *
 * report.c - the answers; see report.h.
 *
 * The columns of --tsv, which the scripts of tests/bench read:
 *   time    trace allocator ops ns_per_op slowest_ns median_ns
 *   memory  trace allocator bytes bound
 *   fit     trace allocator region payload tags rounding control fragmentation bound
 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>

static double per(size_t a, size_t b)
{
    return (double)a / (double)b;
}

static int refused(const struct fh_trace *t, const struct fh_allocator *a, size_t at, size_t region)
{
    const struct fh_op *op = &t->ops[at];
    fprintf(stderr, "fh-replay: %s on %s: refused op %zu of %zu, %u bytes", t->name, a->name, at, t->count, op->size);
    if (a->region)
        fprintf(stderr, ", in a region of %zu", region);
    fputc('\n', stderr);
    return 1;
}

static int too_small(const struct fh_trace *t, const struct fh_allocator *a, size_t region)
{
    fprintf(stderr, "fh-replay: %s on %s: a region of %zu bytes is too small for a heap\n", t->name, a->name, region);
    return 1;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The time of each op, as the slowest one and the median. */
static void time_each(struct fh_stage *s, size_t passes, uint32_t *slowest, uint32_t *median)
{
    size_t count = s->t->count;
    uint32_t *ns = fh_map(count * sizeof *ns);
    memset(ns, 0xFF, count * sizeof *ns);
    for (size_t i = 0; i < passes; i++) {
        fh_replay_each(s, ns);
        fh_stage_clear(s);
    }
    qsort(ns, count, sizeof *ns, by_value);
    *slowest = ns[count - 1];
    *median = ns[count / 2];
    fh_unmap(ns, count * sizeof *ns);
}

static int report_time(const struct fh_request *request, const struct fh_trace *t, const struct fh_allocator *a)
{
    size_t bytes = request->region != 0 ? request->region : fh_ample(fh_bound_of(t, a->granule, a->tag).bound);
    struct fh_stage s;
    if (!fh_stage_open(&s, a, t, bytes))
        return too_small(t, a, bytes);
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < request->passes; i++) {
        uint64_t before = fh_cpu_ns();
        size_t done = fh_replay(&s);
        uint64_t took = fh_cpu_ns() - before;
        if (done != t->count) {
            fh_stage_close(&s);
            return refused(t, a, done, bytes);
        }
        fh_stage_clear(&s);
        best = took < best ? took : best;
    }
    uint32_t slowest = 0;
    uint32_t median = 0;
    time_each(&s, request->passes, &slowest, &median);
    fh_stage_close(&s);
    double ns = (double)best / (double)t->count;
    if (request->tsv)
        printf("%s\t%s\t%zu\t%.3f\t%u\t%u\n", t->name, a->name, t->count, ns, slowest, median);
    else
        printf("%-16s %-16s %9zu ops %8.2f ns/op   slowest %8u ns   median %5u ns (with the clock)\n", t->name, a->name, t->count,
               ns, slowest, median);
    return 0;
}

static int report_check(const struct fh_request *request, const struct fh_trace *t, const struct fh_allocator *a)
{
    size_t bytes = request->region != 0 ? request->region : fh_ample(fh_bound_of(t, a->granule, a->tag).bound);
    struct fh_stage s;
    size_t done;
    if (!fh_stage_open(&s, a, t, bytes))
        return too_small(t, a, bytes);
    bool good = fh_replay_checked(&s, &done);
    if (good)
        fh_stage_close(&s);
    if (!good)
        return 1;
    if (done != t->count)
        return refused(t, a, done, bytes);
    printf("%-16s %-16s %9zu ops, every block verified\n", t->name, a->name, t->count);
    return 0;
}

/* How many moments at which the program gives up are tried. */
enum { GIVE_UPS = 16 };

static int lost(const struct fh_trace *t, const struct fh_allocator *a, size_t before, size_t after)
{
    fprintf(stderr, "fh-replay: %s on %s: the largest block was %zu bytes at first, with nothing allocated, and is %zu now\n", t->name, a->name,
            before, after);
    return 1;
}

static int report_refuse(const struct fh_request *request, const struct fh_trace *t, const struct fh_allocator *a)
{
    size_t bytes = request->region != 0 ? request->region : fh_ample(fh_bound_of(t, a->granule, a->tag).bound);
    struct fh_stage s;
    size_t done;
    if (!fh_stage_open(&s, a, t, bytes))
        return too_small(t, a, bytes);
    size_t before = fh_largest(&s);
    s.refuse = true;
    if (!fh_replay_checked(&s, &done))
        return 1;
    if (done != t->count)
        return refused(t, a, done, bytes);
    fh_stage_clear(&s);
    for (size_t i = 0; i < GIVE_UPS && fh_largest(&s) == before; i++) {
        if (!fh_replay_given_up(&s, t->count / GIVE_UPS * i + i))
            return 1;
    }
    size_t after = fh_largest(&s);
    fh_stage_close(&s);
    if (after != before)
        return lost(t, a, before, after);
    printf("%-16s %-16s %9zu ops, each refused before it was met, and given up at %d places: nothing lost\n", t->name, a->name, t->count,
           GIVE_UPS);
    return 0;
}

static int report_memory(const struct fh_request *request, const struct fh_trace *t, const struct fh_allocator *a)
{
    struct fh_bound b = fh_bound_of(t, a->granule, a->tag);
    size_t bytes = request->region != 0 ? request->region : fh_ample(b.bound);
    struct fh_stage s;
    size_t most;
    if (!fh_stage_open(&s, a, t, bytes))
        return too_small(t, a, bytes);
    size_t done = fh_replay_memory(&s, b.at, &most);
    fh_stage_close(&s);
    if (done != t->count)
        return refused(t, a, done, bytes);
    if (request->tsv)
        printf("%s\t%s\t%zu\t%zu\n", t->name, a->name, most, b.bound);
    else
        printf("%-16s %-16s holds %zu bytes of pages at most, %.3f of the bound\n", t->name, a->name, most, per(most, b.bound));
    return 0;
}

static int report_info(const struct fh_trace *t, const char *path)
{
    size_t ops[FH_T_OPS] = { 0 };
    for (size_t i = 0; i < t->count; i++)
        ops[t->ops[i].what]++;
    struct fh_bound b = fh_bound_of(t, 2 * t->pointer_bytes, 4);
    printf("%s: %s, %u-bit, %zu ops (malloc %zu, free %zu, realloc %zu, calloc %zu, aligned %zu), %u threads, "
           "%u blocks, at most %zu at once, peak payload %zu, bound %zu\n",
           path, t->program, t->pointer_bytes * 8, t->count, ops[FH_T_MALLOC], ops[FH_T_FREE], ops[FH_T_REALLOC], ops[FH_T_CALLOC],
           ops[FH_T_ALIGNED], t->threads, t->blocks, b.blocks, b.payload, b.bound);
    return 0;
}

/* How many bytes of a heap of that size are neither blocks nor free; 0 if the allocator does not say. */
static size_t control_of(const struct fh_allocator *a, const struct fh_trace *t, size_t region)
{
    struct fh_stage s;
    if (a->control == NULL || !fh_stage_open(&s, a, t, region))
        return 0;
    size_t control = a->control(s.heap);
    fh_stage_close(&s);
    return control;
}

static void share(const char *what, size_t bytes, size_t of, const char *meaning)
{
    printf("    %-14s %11zu  %5.1f %%  %s\n", what, bytes, 100.0 * per(bytes, of), meaning);
}

static int report_fit(const struct fh_request *request, const struct fh_trace *t, const struct fh_allocator *a)
{
    if (!a->region) {
        fprintf(stderr, "fh-replay: %s: brings its own memory, so that no region can be fitted to it\n", a->name);
        return 2;
    }
    struct fh_bound b = fh_bound_of(t, a->granule, a->tag);
    size_t region = fh_fit(a, t, b.bound);
    if (region == 0) {
        fprintf(stderr, "fh-replay: %s on %s: no region up to 64 times the bound of %zu bytes suffices\n", t->name, a->name, b.bound);
        return 1;
    }
    size_t tags = b.at_blocks * a->tag;
    size_t rounding = b.bound - b.at_payload - tags;
    size_t control = control_of(a, t, region);
    size_t rest = region - b.bound - control;
    if (request->tsv) {
        printf("%s\t%s\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\t%zu\n", t->name, a->name, region, b.payload, tags, rounding, control, rest,
               b.bound);
    } else {
        printf("%s on %s: fits in %zu bytes, %.4f of its bound, %.4f of its peak payload\n", t->name, a->name, region,
               per(region, b.bound), per(region, b.payload));
        share("payload", b.at_payload, region, "what the program asked for, where it needs most");
        share("tags", tags, region, "of the blocks alive there");
        share("rounding", rounding, region, "of those blocks to granules");
        share("control", control, region, "control structure and ends");
        share("fragmentation", rest, region, "free, but not where it was needed");
    }
    if (request->picture != NULL && !fh_picture(request->picture, a, t, region))
        return 2;
    return 0;
}

void fh_report_settings(const struct fh_trace *t, const struct fh_allocator *a, const struct fh_allocator *others, size_t count)
{
    if (count == 0) {
        printf("    other settings: none built; `make fit' builds them and compares\n");
        return;
    }
    size_t base = fh_fit(a, t, fh_bound_of(t, a->granule, a->tag).bound);
    for (size_t i = 0; i < count; i++) {
        size_t region = fh_fit(&others[i], t, fh_bound_of(t, others[i].granule, others[i].tag).bound);
        if (region != 0)
            printf("    with %-9s %11zu  %+5.1f %%\n", others[i].name, region, 100.0 * (per(region, base) - 1));
    }
}

void fh_report_title(const struct fh_request *request)
{
    if (request->task == FH_TIME && !request->tsv)
        printf("CPU time per operation, minimum of %zu passes; slowest operation with what was not its own taken away\n",
               request->passes);
}

int fh_report(const struct fh_request *request, const struct fh_trace *t, const char *path, const struct fh_allocator *a, size_t count)
{
    int status = 0;
    if (request->task == FH_INFO)
        return report_info(t, path);
    for (size_t i = 0; i < count; i++) {
        int s = request->task == FH_FIT ? report_fit(request, t, &a[i])
              : request->task == FH_MEMORY ? report_memory(request, t, &a[i])
              : request->task == FH_CHECK ? report_check(request, t, &a[i])
              : request->task == FH_REFUSE ? report_refuse(request, t, &a[i])
                                          : report_time(request, t, &a[i]);
        status = s > status ? s : status;
        fflush(stdout);
    }
    return status;
}
