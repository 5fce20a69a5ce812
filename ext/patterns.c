#include "patterns.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { HEAD_BYTES = 4 };

void patterns_free(struct patterns *self)
{
    free(self->bytes);
    free(self->start);
    free(self->rule);
    free(self->key);
    free(self->pairs);
    free(self->heads);
    memset(self, 0, sizeof *self);
}

size_t patterns_bytes(const struct patterns *self)
{
    return self->start[self->count] + self->count * (sizeof *self->start + sizeof *self->rule + sizeof *self->key) +
           65536 / 8 + ((size_t)1 << (64 - self->head_shift)) / 8;
}

/* ---- building -------------------------------------------------------------------------------- */

static uint64_t sort_key(const uint8_t *bytes, size_t length)
{
    return __builtin_bswap64(length >= 8 ? load64(bytes) : load_short(bytes, length));
}

struct item {
    uint64_t key;
    struct pattern pattern;
};

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    size_t common = a->pattern.length < b->pattern.length ? a->pattern.length : b->pattern.length;
    int order = memcmp(a->pattern.bytes, b->pattern.bytes, common);
    if (order)
        return order;
    if (a->pattern.length != b->pattern.length)
        return a->pattern.length < b->pattern.length ? -1 : 1;
    return (a->pattern.rule > b->pattern.rule) - (a->pattern.rule < b->pattern.rule);
}

static bool same(const struct pattern *a, const struct pattern *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static inline uint64_t head_slot(const struct patterns *self, uint32_t head, size_t length)
{
    return mix(head | (uint64_t)length << 32) * UINT64_C(0xD6E8FEB86659FD93) >> self->head_shift;
}

static inline bool has_bit(const uint8_t *bitmap, uint64_t bit)
{
    return bitmap[bit >> 3] >> (bit & 7) & 1;
}

static inline void set_bit(uint8_t *bitmap, uint64_t bit)
{
    bitmap[bit >> 3] |= (uint8_t)(1 << (bit & 7));
}

static void index_pattern(struct patterns *self, const uint8_t *bytes, size_t length)
{
    for (size_t i = 1; i < length; i++)
        set_bit(self->pairs, (uint64_t)bytes[i - 1] << 8 | bytes[i]);
    for (size_t i = 1; i <= HEAD_BYTES && i < length; i++)
        set_bit(self->heads, head_slot(self, (uint32_t)load_short(bytes, i), i));
}

static bool fill(struct patterns *self, const struct item *items, size_t count, size_t total)
{
    self->head_shift = 64 - 12;
    while ((size_t)1 << (64 - self->head_shift) < 64 * count)
        self->head_shift--;
    self->bytes = calloc(total + PATTERNS_SLACK, 1);
    self->start = malloc((count + 1) * sizeof *self->start);
    self->rule = malloc(count * sizeof *self->rule);
    self->key = malloc(count * sizeof *self->key);
    self->pairs = calloc(65536 / 8, 1);
    self->heads = calloc(((size_t)1 << (64 - self->head_shift)) / 8, 1);
    if (!self->bytes || !self->start || !self->rule || !self->key || !self->pairs || !self->heads)
        return false;

    uint32_t at = 0;
    self->shortest = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct pattern *p = &items[i].pattern;
        if (i && same(&items[i - 1].pattern, p))
            continue;
        memcpy(self->bytes + at, p->bytes, p->length);
        index_pattern(self, p->bytes, p->length);
        self->start[self->count] = at;
        self->rule[self->count] = p->rule;
        self->key[self->count++] = items[i].key;
        at += (uint32_t)p->length;
        if (p->length < self->shortest)
            self->shortest = (uint32_t)p->length;
        if (p->length > self->longest)
            self->longest = (uint32_t)p->length;
    }
    self->start[self->count] = at;
    return true;
}

int patterns_build(struct patterns *self, const struct pattern *list, size_t count)
{
    memset(self, 0, sizeof *self);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += list[i].length;
        if (list[i].length == 0 || total >= UINT32_MAX)
            return -1;
    }
    struct item *items = count ? malloc(count * sizeof *items) : NULL;
    if (!items)
        return -1;
    for (size_t i = 0; i < count; i++)
        items[i] = (struct item){sort_key(list[i].bytes, list[i].length), list[i]};
    qsort(items, count, sizeof *items, compare_items);
    bool done = fill(self, items, count, total);
    free(items);
    if (!done)
        patterns_free(self);
    return done ? 0 : -1;
}

size_t patterns_divide(struct pattern *list, size_t count, size_t length)
{
    size_t front = 0;
    for (size_t i = 0; i < count; i++) {
        struct pattern pattern = list[i];
        if (pattern.length < length) {
            list[i] = list[front];
            list[front++] = pattern;
        }
    }
    return front;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Whether pattern i sorts before the text or is the text. */
static bool up_to(const struct patterns *self, uint32_t i, uint64_t key, const uint8_t *text,
                   size_t length)
{
    if (self->key[i] != key)
        return self->key[i] < key;
    size_t own = patterns_length(self, i);
    int order = memcmp(self->bytes + self->start[i], text, own < length ? own : length);
    return order ? order < 0 : own <= length;
}

/* The first pattern that sorts after the text. */
static uint32_t after(const struct patterns *self, const uint8_t *text, size_t length)
{
    uint64_t key = sort_key(text, length);
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (up_to(self, middle, key, text, length))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool patterns_contain(const struct patterns *self, const uint8_t *text, size_t length)
{
    uint32_t i = after(self, text, length);
    return i > 0 && same(&(struct pattern){text, length, 0},
                         &(struct pattern){self->bytes + self->start[i - 1], patterns_length(self, i - 1), 0});
}

static bool is_proper_prefix(const struct patterns *self, const uint8_t *text, size_t length)
{
    uint32_t i = after(self, text, length);
    return i < self->count && patterns_length(self, i) > length &&
           memcmp(self->bytes + self->start[i], text, length) == 0;
}

static bool may_be_head(const struct patterns *self, const uint8_t *text, size_t length)
{
    size_t part = length < HEAD_BYTES ? length : HEAD_BYTES;
    uint32_t head = part == HEAD_BYTES ? load32(text) : (uint32_t)load_short(text, part);
    return has_bit(self->heads, head_slot(self, head, part));
}

bool patterns_begin(const struct patterns *self, const uint8_t *text, size_t length)
{
    return may_be_head(self, text, length) &&
           (is_proper_prefix(self, text, length) || patterns_contain(self, text, length));
}

/* The earliest position from which every two bytes are neighbours in some pattern. */
static size_t walk_back(const struct patterns *self, const uint8_t *text, size_t length)
{
    size_t low = length >= self->longest ? length - (self->longest - 1) : 0, p = length;
    if (p > low)
        p--;
    while (p > low && has_bit(self->pairs, (uint64_t)text[p - 1] << 8 | text[p]))
        p--;
    return p;
}

size_t patterns_live(const struct patterns *self, const uint8_t *text, size_t length, uint64_t budget,
                     uint64_t *work)
{
    enum { SEARCH_COST = 32, BYTES_PER_UNIT = 8 };
    size_t p = walk_back(self, text, length);
    *work += length - p;
    for (; p < length; p++) {
        if (!may_be_head(self, text + p, length - p))
            continue;
        *work += SEARCH_COST + (length - p) / BYTES_PER_UNIT;
        if (is_proper_prefix(self, text + p, length - p))
            break;
        if (*work > budget)
            return SIZE_MAX;
    }
    return p;
}
