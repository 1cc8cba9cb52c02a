/* SPDX-License-Identifier: MIT
 *
 * before.c - a library whose constructor runs before the recorder's, and whose fork handlers allocate: the recorder must stand both.
 */
#include <pthread.h>
#include <stdlib.h>

void *volatile fh_before;

static void allocate(void)
{
    void *volatile block = malloc(100);
    free(block);
}

__attribute__((constructor)) static void start(void)
{
    fh_before = calloc(1, 10000);
    pthread_atfork(allocate, allocate, allocate);
}
