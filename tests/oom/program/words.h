/* SPDX-License-Identifier: MIT
 *
 * words.h - a small program as a user writes it: counts the words of a text, in a table that grows, and sorts them.
 *
 * Promise: with every refusal it either gives everything back and says so, or waits for memory and goes on, as it is told.
 * Must not know: that its allocations are made to fail.
 */
#ifndef WORDS_H
#define WORDS_H

#include <freehold.h>

/* Called on each refusal: true to try again, false to give up. */
typedef bool words_wait(void *arg);

/* A number made of all words and counts in order; 0 if it gave up. Every block that it had is given back then, and in the end. */
uint32_t words_digest(struct fh_heap *heap, const char *text, words_wait *wait, void *arg);

#endif
