/* SPDX-License-Identifier: MIT
 *
 * words.c - see words.h. Uses each allocating call: malloc for words, calloc for the table, realloc and resize for the list, an
 * aligned block for the sort.
 */
#include "words.h"

struct word {
    struct word *next;        /* in its bucket */
    uint32_t count;
    uint32_t length;
    char text[];
};

struct words {
    struct fh_heap *heap;
    words_wait *wait;
    void *arg;
    struct word **buckets;
    size_t bucket_count;
    struct word **list;       /* all, in the order of their first appearance */
    size_t listed, room;
    bool gave_up;
};

/* After a refusal: try again? */
static bool again(struct words *w)
{
    if (!w->gave_up && !w->wait(w->arg))
        w->gave_up = true;
    return !w->gave_up;
}

static uint32_t hash_of(const char *text, uint32_t length)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h;
}

static bool is_same(const struct word *word, const char *text, uint32_t length)
{
    bool same = word->length == length;
    for (uint32_t i = 0; same && i < length; i++)
        same = word->text[i] == text[i];
    return same;
}

/* A table of twice the size, the words hung into it anew. */
static bool grow_table(struct words *w)
{
    size_t count = w->bucket_count != 0 ? 2 * w->bucket_count : 8;
    struct word **buckets;
    while ((buckets = fh_calloc(w->heap, count, sizeof *buckets)) == NULL) {
        if (!again(w))
            return false;
    }
    for (size_t i = 0; i < w->listed; i++) {
        struct word **bucket = &buckets[hash_of(w->list[i]->text, w->list[i]->length) % count];
        w->list[i]->next = *bucket;
        *bucket = w->list[i];
    }
    fh_free(w->heap, w->buckets);
    w->buckets = buckets;
    w->bucket_count = count;
    return true;
}

/* In place if possible, else moved. */
static bool grow_list(struct words *w)
{
    size_t room = w->room + 7;
    if (w->list != NULL && fh_resize(w->heap, w->list, room * sizeof *w->list)) {
        w->room = room;
        return true;
    }
    struct word **list;
    while ((list = fh_realloc(w->heap, w->list, room * sizeof *list)) == NULL) {
        if (!again(w))
            return false;
    }
    w->list = list;
    w->room = room;
    return true;
}

static bool add_word(struct words *w, const char *text, uint32_t length)
{
    if (w->listed == w->room && !grow_list(w))
        return false;
    if (w->listed >= w->bucket_count && !grow_table(w))
        return false;
    struct word *word;
    while ((word = fh_malloc(w->heap, sizeof *word + length)) == NULL) {
        if (!again(w))
            return false;
    }
    struct word **bucket = &w->buckets[hash_of(text, length) % w->bucket_count];
    word->next = *bucket;
    word->count = 1;
    word->length = length;
    for (uint32_t i = 0; i < length; i++)
        word->text[i] = text[i];
    *bucket = word;
    w->list[w->listed++] = word;
    return true;
}

static bool count_word(struct words *w, const char *text, uint32_t length)
{
    struct word *word = w->bucket_count != 0 ? w->buckets[hash_of(text, length) % w->bucket_count] : NULL;
    while (word != NULL && !is_same(word, text, length))
        word = word->next;
    if (word == NULL)
        return add_word(w, text, length);
    word->count++;
    return true;
}

static bool is_before(const struct word *a, const struct word *b)
{
    uint32_t i = 0;
    while (i < a->length && i < b->length && a->text[i] == b->text[i])
        i++;
    return i < a->length && i < b->length ? a->text[i] < b->text[i] : a->length < b->length;
}

/* Merges pairs of sorted runs from one list into the other, runs twice as long each time. */
static struct word **merge_sort(struct word **from, struct word **to, size_t count)
{
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t left = start, right = start + run, out = start;
            size_t middle = right < count ? right : count;
            size_t end = right + run < count ? right + run : count;
            while (out < end) {
                bool take_left = left < middle && (right >= end || !is_before(from[right], from[left]));
                to[out++] = take_left ? from[left++] : from[right++];
            }
        }
        struct word **swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static uint32_t digest_of_sorted(struct words *w)
{
    struct word **other;
    while ((other = fh_aligned_alloc(w->heap, 64, w->listed * sizeof *other)) == NULL) {
        if (!again(w))
            return 0;
    }
    struct word **sorted = merge_sort(w->list, other, w->listed);
    uint32_t digest = 1;
    for (size_t i = 0; i < w->listed; i++)
        digest = (digest ^ hash_of(sorted[i]->text, sorted[i]->length) ^ sorted[i]->count) * 16777619u;
    fh_free(w->heap, other);
    return digest != 0 ? digest : 1;
}

static void give_back(struct words *w)
{
    for (size_t i = 0; i < w->listed; i++)
        fh_free(w->heap, w->list[i]);
    fh_free(w->heap, w->list);
    fh_free(w->heap, w->buckets);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

uint32_t words_digest(struct fh_heap *heap, const char *text, words_wait *wait, void *arg)
{
    struct words w = { .heap = heap, .wait = wait, .arg = arg };
    bool going = true;
    while (going && *text != '\0') {
        uint32_t length = 0;
        while (is_letter(text[length]))
            length++;
        going = length == 0 || count_word(&w, text, length);
        text += length != 0 ? length : 1;
    }
    uint32_t digest = going ? digest_of_sorted(&w) : 0;
    give_back(&w);
    return digest;
}
