/* SPDX-License-Identifier: MIT
 *
 * trial.c - the scene and the trial; see crime.h.
 */
#include "../crime.h"

enum { HEAP_BYTES = 16384 };

static void furnish(struct scene *scene)
{
    scene->before = fh_malloc(scene->rig.heap, BLOCK_BYTES);
    scene->victim = fh_malloc(scene->rig.heap, BLOCK_BYTES);
    scene->behind = fh_malloc(scene->rig.heap, BLOCK_BYTES);
    scene->wall = fh_malloc(scene->rig.heap, BLOCK_BYTES);
    REQUIRE(scene->wall != NULL);
    REQUIRE(scene->before < scene->victim && scene->victim < scene->behind && scene->behind < scene->wall);
    rig_fill(scene->wall, BLOCK_BYTES, 77);
}

void scene_open(struct scene *scene)
{
    rig_open(&scene->rig, rig_memory, HEAP_BYTES);
    furnish(scene);
}

void scene_open_growing(struct scene *scene, acquire_memory *acquire, release_memory *release)
{
    rig_prepare(&scene->rig);
    scene->rig.port.acquire = acquire;
    scene->rig.port.release = release;
    scene->rig.heap = fh_create(rig_memory, HEAP_BYTES, &scene->rig.port);
    REQUIRE(scene->rig.heap != NULL);
    furnish(scene);
}

void scene_serves(struct scene *scene)
{
    enum { COUNT = 24 };
    unsigned char *ptr[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        ptr[i] = fh_malloc(scene->rig.heap, i * 13);
        REQUIRE(ptr[i] != NULL);
        rig_fill(ptr[i], i * 13, i);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK(rig_filled(ptr[i], i * 13, i));
        fh_free(scene->rig.heap, ptr[i]);
    }
    CHECK(rig_filled(scene->wall, BLOCK_BYTES, 77));
    EQUAL(scene->rig.faults, 0);
    EQUAL(scene->rig.depth, 0);
}

/* A copy of the heap's memory from the first block on. The control structure in front of it holds what was asked for last. */
static unsigned char copy[HEAP_BYTES];

static size_t blocks_from(const struct scene *scene)
{
    return (size_t)(scene->before - rig_memory) - 4;
}

static void photograph(const struct scene *scene)
{
    for (size_t i = blocks_from(scene); i < HEAP_BYTES; i++)
        copy[i] = rig_memory[i];
}

static bool is_untouched(const struct scene *scene)
{
    for (size_t i = blocks_from(scene); i < HEAP_BYTES; i++) {
        if (copy[i] != rig_memory[i])
            return false;
    }
    return true;
}

static void whole_as_left(struct scene *scene, const struct crime *crime)
{
    if (crime->lasting == FH_OK)
        rig_sound(&scene->rig);
    else
        EQUAL(fh_check(scene->rig.heap), crime->lasting);
}

static void refused(struct scene *scene, const struct crime *crime)
{
    rig_reported(&scene->rig, crime->kind, crime->ptr, crime->block);
    CHECK(is_untouched(scene));
    whole_as_left(scene, crime);
}

void crime_reported(deed *commit)
{
    struct scene scene;
    scene_open(&scene);
    struct fh_heap *heap = scene.rig.heap;
    struct crime crime = commit(&scene);
    EQUAL(scene.rig.faults, 0);
    whole_as_left(&scene, &crime);
    photograph(&scene);

    fh_free(heap, crime.ptr);
    refused(&scene, &crime);
    CHECK(fh_realloc(heap, crime.ptr, 8) == NULL);
    refused(&scene, &crime);
    CHECK(fh_realloc(heap, crime.ptr, 900) == NULL);
    refused(&scene, &crime);
    CHECK(!fh_resize(heap, crime.ptr, 8));
    refused(&scene, &crime);
    CHECK(!fh_resize(heap, crime.ptr, 100));
    refused(&scene, &crime);
    if (!crime.hidden) {
        EQUAL(fh_usable_size(heap, crime.ptr), 0);
        refused(&scene, &crime);
    }
    if (crime.later != FH_OK) {
        CHECK(fh_malloc(heap, BLOCK_BYTES) != NULL);
        rig_reported(&scene.rig, crime.later, NULL, crime.block);
    }
    scene_serves(&scene);
    whole_as_left(&scene, &crime);
}

struct trap {
    struct fh_heap *heap;
    void *ptr;
    unsigned call;
};

static void call(void *arg)
{
    struct trap *t = arg;
    if (t->call == 0)
        fh_free(t->heap, t->ptr);
    else if (t->call == 1)
        fh_realloc(t->heap, t->ptr, 900);
    else if (t->call == 2)
        fh_resize(t->heap, t->ptr, 8);
    else
        fh_usable_size(t->heap, t->ptr);
}

void crime_traps(deed *commit)
{
    struct scene scene;
    scene_open(&scene);
    struct crime crime = commit(&scene);
    scene.rig.port.fault = NULL;
    for (unsigned i = 0; i < (crime.hidden ? 3 : 4); i++) {
        struct trap trap = { scene.rig.heap, crime.ptr, i };
        CHECK(host_trapped(host_run(call, &trap, 10)));
    }
}
