/* SPDX-License-Identifier: MIT
 *
 * show_heap.c - a heap with blocks and holes in it, as a map and in numbers.
 */
#include "kernel.h"
#include "memory.h"
#include "text.h"

/* The scene: blocks in a list through themselves, every third one freed again. */
struct piece {
    struct piece *next;
};
static struct piece *scene;

/* Enough to fill a good part of the smallest heap; where there are frames, ten times as much in ten times the size. */
#define SCENE_BLOCKS 44
#define SCENE_SCALE (memory_ways() > 1 ? 10u : 1u)

static size_t scene_size(unsigned i)
{
    return (16 + (i * 37 & 127) + (i % 8 == 7 ? 300 : 0)) * SCENE_SCALE;
}

void scene_set(struct fh_heap *heap)
{
    struct piece *holes = NULL;
    unsigned third = 0;    /* i modulo 3: no divider */
    for (unsigned i = 0; i < SCENE_BLOCKS * SCENE_SCALE; i++) {
        struct piece *p = fh_malloc(heap, scene_size(i));
        if (!must(p != NULL, "there was memory for the scene"))
            break;
        struct piece **list = third == 1 ? &holes : &scene;
        third = third == 2 ? 0 : third + 1;
        p->next = *list;
        *list = p;
    }
    while (holes != NULL) {
        struct piece *next = holes->next;
        fh_free(heap, holes);
        holes = next;
    }
}

void scene_clear(struct fh_heap *heap)
{
    while (scene != NULL) {
        struct piece *next = scene->next;
        fh_free(heap, scene);
        scene = next;
    }
}

/* The map while it is drawn. */
struct drawing {
    uintptr_t place;     /* payload address of the block to come; 0 before a region */
    size_t used;         /* bytes in the mark to come */
    size_t free;
    unsigned marks;      /* in this line */
    size_t mark_bytes;
};

#define LINE_MARKS 64
#define LINES_AT_MOST 12

static void mark(struct drawing *d)
{
    if (d->marks == LINE_MARKS) {
        text("\n");
        d->marks = 0;
    }
    if (d->marks == 0) {
        text("  ");
        text_address(d->place);
        text("  ");
    }
    text(d->free == 0 ? "#" : d->used == 0 ? "." : "+");
    d->marks++;
    d->used = 0;
    d->free = 0;
}

static bool draw(void *arg, const struct fh_block_info *b)
{
    struct drawing *d = arg;
    if (d->place == 0)
        d->place = (uintptr_t)b->payload;
    for (size_t left = b->bytes; left != 0;) {
        size_t room = d->mark_bytes - d->used - d->free;
        size_t part = left < room ? left : room;
        *(b->used ? &d->used : &d->free) += part;
        left -= part;
        if (part == room) {
            mark(d);
            d->place += d->mark_bytes;
        }
    }
    if (b->bytes == 0) {
        if (d->used + d->free != 0)
            mark(d);
        text("|\n");
        *d = (struct drawing){ .mark_bytes = d->mark_bytes };
    }
    return true;
}

void show_map(struct fh_heap *heap)
{
    struct fh_stats stats;
    struct drawing d = { .mark_bytes = 16 };
    fh_stats(heap, &stats);
    while (stats.bytes_regions > d.mark_bytes * LINE_MARKS * LINES_AT_MOST)
        d.mark_bytes <<= 1;
    text_section("Heap", "# used, . free, + both; | the end of a region");
    text("  each mark is ");
    text_number((uint32_t)d.mark_bytes, 1);
    text(" bytes\n");
    fh_walk(heap, draw, &d);
}

static void row(const char *name, size_t n, const char *unit)
{
    text("  ");
    text_left(name, 24);
    text_number((uint32_t)n, 10);
    text(unit);
    text("\n");
}

void show_statistics(struct fh_heap *heap)
{
    struct fh_stats s;
    const char *fact = stress_recount(heap, &s);
    text_section("Statistics", "recounted from a walk over the blocks");
    if (fact != NULL)
        must(false, fact);
    row("blocks in use", s.blocks_used, "");
    row("bytes in use", s.bytes_used, "  tags included");
    row("bytes in use at most", s.bytes_peak, "");
    row("blocks free", s.blocks_free, "");
    row("bytes free", s.bytes_free, "");
    row("largest request met", s.largest_free, "  without new memory");
    row("regions", s.regions, "");
    row("bytes in regions", s.bytes_regions, "  control structure and ends included");
}
