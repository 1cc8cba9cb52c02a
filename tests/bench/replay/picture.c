/* SPDX-License-Identifier: MIT
 *
 * picture.c - the heap over the course of a program as an SVG: time to the right, addresses upwards, darker where more is used.
 *
 * Promise: shows any allocator alike: what is used is known from the calls, so nothing is asked of the heap. The file stays small even
 * where neighbouring cells hardly ever agree: a cell is as large as can be told apart at a glance, each column's neighbouring
 * cells of one shade are one stroke, and a stroke begins where the last one ended.
 * Must not know: blocks, tags.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>

/* The size of a cell is in the picture's units. */
enum { COLUMNS = 240, ROWS = 120, CELL = 3, WIDTH = COLUMNS * CELL, HEIGHT = ROWS * CELL, LEFT = 84, TOP = 56, SHADES = 5 };

/* From free to full. */
static const char *const colour[SHADES] = { "#f3efe4", "#cfe0d8", "#8fbfb4", "#4a8f8c", "#1d4f5c" };

struct canvas {
    struct fh_stage s;
    uint32_t *size_of;
    size_t *used;                        /* bytes used in each row, now */
    unsigned char (*shade)[ROWS];        /* by column */
    size_t *alive;                       /* payload in bytes, by column */
    size_t most_alive;
};

/* Adds or takes the bytes of a block to or from the rows that it covers. */
static void cover(struct canvas *c, const void *ptr, size_t size, bool add)
{
    size_t from = (size_t)((const char *)ptr - (const char *)c->s.region);
    size_t to = from + size;
    size_t bytes = c->s.region_bytes;
    while (from < to) {
        size_t row = from * ROWS / bytes;
        size_t end = ((row + 1) * bytes + ROWS - 1) / ROWS;
        size_t part = (to < end ? to : end) - from;
        c->used[row] += add ? part : 0 - part;
        from += part;
    }
}

static unsigned char shade_of(const struct canvas *c, size_t row)
{
    size_t whole = c->s.region_bytes / ROWS + 1;
    size_t used = c->used[row];
    if (used == 0)
        return 0;
    size_t shade = 1 + used * (SHADES - 1) / whole;
    return (unsigned char)(shade < SHADES ? shade : SHADES - 1);
}

static void take_column(struct canvas *c, size_t column, size_t alive)
{
    for (size_t row = 0; row < ROWS; row++)
        c->shade[column][row] = shade_of(c, row);
    c->alive[column] = alive;
}

/* Replays the trace and looks COLUMNS times. */
static bool paint(struct canvas *c)
{
    const struct fh_trace *t = c->s.t;
    size_t alive = 0;
    size_t column = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct fh_op *op = &t->ops[i];
        void *old = c->s.ptrs[op->slot];
        if (op->what == FH_T_FREE || op->what == FH_T_REALLOC) {
            cover(c, old, c->size_of[op->slot], false);
            alive -= c->size_of[op->slot];
        }
        if (!fh_replay_one(&c->s, i))
            return false;
        if (op->what != FH_T_FREE) {
            c->size_of[op->slot] = op->size;
            cover(c, c->s.ptrs[op->slot], op->size, true);
            alive += op->size;
        }
        if (alive > c->most_alive)
            c->most_alive = alive;
        while (column < COLUMNS && (i + 1) * COLUMNS >= (column + 1) * t->count)
            take_column(c, column++, alive);
    }
    return true;
}

/* The cells of one shade, run by run upwards, in cells. */
static void write_shade(FILE *f, const struct canvas *c, unsigned char shade)
{
    long pen_x = 0;
    long pen_y = 0;
    fprintf(f, "<path stroke=\"%s\" d=\"M0 0", colour[shade]);
    for (size_t x = 0; x < COLUMNS; x++) {
        for (size_t row = 0; row < ROWS;) {
            size_t from = row;
            while (row < ROWS && c->shade[x][row] == shade)
                row++;
            if (row == from) {
                row++;
                continue;
            }
            long y = (long)(ROWS - from);
            fprintf(f, y < pen_y ? "m%ld%ldv-%zu" : "m%ld %ldv-%zu", (long)x - pen_x, y - pen_y, row - from);
            pen_x = (long)x;
            pen_y = y - (long)(row - from);
        }
        fputc('\n', f);
    }
    fputs("\"/>\n", f);
}

/* Bytes in words: at most one decimal. */
static void bytes_text(char *text, size_t size, size_t bytes)
{
    if (bytes < 10240)
        snprintf(text, size, "%zu B", bytes);
    else if (bytes < (size_t)1 << 20)
        snprintf(text, size, "%.1f KiB", (double)bytes / 1024);
    else
        snprintf(text, size, "%.1f MiB", (double)bytes / 1048576);
}

static void write_axes(FILE *f, const struct canvas *c)
{
    char text[32];
    for (int i = 0; i <= 4; i++) {
        bytes_text(text, sizeof text, c->s.region_bytes * (size_t)i / 4);
        fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LEFT - 8, TOP + HEIGHT - HEIGHT / 4 * i + 4, text);
        fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%zu</text>\n", LEFT + WIDTH / 4 * i, TOP + HEIGHT + 18,
                c->s.t->count * (size_t)i / 4);
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">calls so far</text>\n", LEFT + WIDTH / 2, TOP + HEIGHT + 38);
    static const char *const meaning[SHADES] = { "free", "under a quarter used", "under a half", "under three quarters", "more" };
    int x = LEFT;
    for (int i = 0; i < SHADES; i++) {
        fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" fill=\"%s\" stroke=\"#888\" stroke-width=\"0.5\"/>"
                "<text x=\"%d\" y=\"%d\">%s</text>\n", x, TOP + HEIGHT + 52, colour[i], x + 20, TOP + HEIGHT + 63, meaning[i]);
        x += 36 + 7 * (int)strlen(meaning[i]);
    }
}

/* The payload alive on the scale of the region: the gap above it is tags, rounding and fragmentation. */
static void write_line(FILE *f, const struct canvas *c)
{
    fputs("<path stroke=\"#b0452f\" stroke-width=\"0.4\" d=\"", f);
    for (size_t x = 0; x < COLUMNS; x++)
        fprintf(f, "%s%zu %.2f", x == 0 ? "M" : "L", x, ROWS - (double)c->alive[x] * ROWS / (double)c->s.region_bytes);
    fputs("\"/>\n", f);
}

static bool write_svg(const char *path, const struct canvas *c)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        fprintf(stderr, "fh-replay: %s: %s\n", path, strerror(errno));
        return false;
    }
    char region[32];
    char peak[32];
    bytes_text(region, sizeof region, c->s.region_bytes);
    bytes_text(peak, sizeof peak, c->most_alive);
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<text x=\"%d\" y=\"24\" font-size=\"16\">%s on %s: a region of %s, peak payload %s</text>\n"
            "<text x=\"%d\" y=\"44\" fill=\"#555\">address in the region by time; a cell is %zu bytes high and %zu calls wide. "
            "<tspan fill=\"#b0452f\">Line: payload in use, on the same scale</tspan></text>\n",
            LEFT + WIDTH + 32, TOP + HEIGHT + 80, LEFT, c->s.t->name, c->s.a->name, region, peak, LEFT, c->s.region_bytes / ROWS,
            c->s.t->count / COLUMNS);
    fprintf(f, "<g transform=\"translate(%d %d) scale(%d)\" fill=\"none\" stroke-width=\"1.02\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#888\" stroke-width=\"0.3\"/>\n<g transform=\"translate(0.5 0)\">\n",
            LEFT, TOP, CELL, COLUMNS, ROWS, colour[0]);
    for (unsigned char shade = 1; shade < SHADES; shade++)
        write_shade(f, c, shade);
    write_line(f, c);
    fputs("</g></g>\n", f);
    write_axes(f, c);
    fputs("</svg>\n", f);
    bool good = !ferror(f);
    good = fclose(f) == 0 && good;
    if (!good)
        fprintf(stderr, "fh-replay: %s: could not be written whole\n", path);
    return good;
}

bool fh_picture(const char *path, const struct fh_allocator *a, const struct fh_trace *t, size_t bytes)
{
    struct canvas c = { 0 };
    if (!fh_stage_open(&c.s, a, t, bytes))
        return false;
    c.size_of = fh_map(t->slots * sizeof *c.size_of);
    c.used = fh_map((ROWS + 1) * sizeof *c.used);
    c.shade = fh_map(COLUMNS * sizeof *c.shade);
    c.alive = fh_map(COLUMNS * sizeof *c.alive);
    bool good = paint(&c);
    if (!good)
        fprintf(stderr, "fh-replay: %s: the trace did not succeed again in %zu bytes\n", t->name, bytes);
    good = good && write_svg(path, &c);
    fh_stage_close(&c.s);
    fh_unmap(c.size_of, t->slots * sizeof *c.size_of);
    fh_unmap(c.used, (ROWS + 1) * sizeof *c.used);
    fh_unmap(c.shade, COLUMNS * sizeof *c.shade);
    fh_unmap(c.alive, COLUMNS * sizeof *c.alive);
    return good;
}
