#include "window.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "load.h"
#include "rarity.h"

/* Only this many places of a pattern are considered, spread over it: enough to find a good one. For many patterns what
 * is known of each place lies in memory far away, and is most of what compiling costs. */
enum { PLACES = 48, PLACES_OF_MANY = 16, MANY = 4096 };

/* Being shared by n patterns makes a window count as n^3 times more common, see the design notes: less
 * and all JSON web tokens are looked for by a piece of their common header. In eighths of a bit. */
enum { SHARED_POWER = 3 };

static int log2_eighths(unsigned n)
{
    int whole = 31 - __builtin_clz(n);
    return whole * 8 + (int)((((uint64_t)n << 3) >> whole) & 7);
}

static size_t places_of(const struct patterns *p)
{
    return p->count < MANY ? PLACES : PLACES_OF_MANY;
}

static size_t place(size_t i, size_t last, size_t most)
{
    return last < most ? i : i * last / (most - 1);
}

static size_t place_count(size_t last, size_t most)
{
    return last < most ? last + 1 : most;
}

/* What choosing needs: how many patterns share each window, by hash, and how rare the bytes of the present
 * pattern are, summed up, so that any run of them is known by a subtraction. */
struct choice {
    const struct patterns *patterns;
    unsigned width, gram, shift;
    uint16_t *shares;
    int32_t *bits; /* bits[i]: of all bytes before, back to where `sum_bits` began, each after the one before it */
};

static uint16_t *share_of(const struct choice *c, const uint8_t *window)
{
    return &c->shares[mix(load64(window) & load_mask(c->width)) >> c->shift];
}

static void count_shares(const struct choice *c)
{
    size_t most = places_of(c->patterns);
    for (uint32_t i = 0; i < c->patterns->count; i++) {
        size_t last = patterns_length(c->patterns, i) - c->width;
        for (size_t j = 0; j < place_count(last, most); j++) {
            uint16_t *share = share_of(c, c->patterns->bytes + c->patterns->start[i] + place(j, last, most));
            *share += *share < UINT16_MAX;
        }
    }
}

static void sum_bits(const struct choice *c, const uint8_t *bytes, size_t from, size_t to)
{
    c->bits[from] = 0;
    for (size_t i = from + 1; i < to; i++)
        c->bits[i] = c->bits[i - 1] + rarity_after(bytes[i - 1], bytes[i]);
}

/* How rare the window at `at` is: by its most common gram. */
static int window_bits(const struct choice *c, const uint8_t *bytes, size_t at)
{
    int least = INT_MAX;
    for (size_t i = at; i + c->gram <= at + c->width; i++) {
        int bits = rarity_of_byte(bytes[i]) + c->bits[i + c->gram - 1] - c->bits[i];
        least = bits < least ? bits : least;
    }
    return least;
}

static uint32_t choose(const struct choice *c, uint32_t pattern)
{
    const uint8_t *bytes = c->patterns->bytes + c->patterns->start[pattern];
    size_t length = patterns_length(c->patterns, pattern), last = length - c->width, best = 0;
    size_t most = places_of(c->patterns);
    int best_bits = INT_MIN;
    bool whole = length <= most * c->width;
    if (whole)
        sum_bits(c, bytes, 0, length);
    for (size_t i = 0; i < place_count(last, most); i++) {
        size_t at = place(i, last, most);
        if (!whole)
            sum_bits(c, bytes, at, at + c->width);
        int bits = window_bits(c, bytes, at) - SHARED_POWER * log2_eighths(*share_of(c, bytes + at));
        if (bits > best_bits) {
            best_bits = bits;
            best = at;
        }
    }
    return (uint32_t)best;
}

int windows_choose(const struct patterns *p, unsigned width, unsigned gram, uint32_t *offsets)
{
    enum { LEAST_LOG = 10, MOST_LOG = 20 };
    unsigned log = LEAST_LOG;
    while (log < MOST_LOG && (uint64_t)1 << log < (uint64_t)p->count * places_of(p) * 2)
        log++;
    struct choice c = {
        .patterns = p,
        .width = width,
        .gram = gram,
        .shift = 64 - log,
        .shares = calloc((size_t)1 << log, sizeof *c.shares),
        .bits = malloc(p->longest * sizeof *c.bits),
    };
    int failed = !c.shares || !c.bits;
    if (!failed) {
        count_shares(&c);
        for (uint32_t i = 0; i < p->count; i++)
            offsets[i] = choose(&c, i);
    }
    free(c.shares);
    free(c.bits);
    return failed ? -1 : 0;
}
