#include "fragment.h"

#include <string.h>

#include "rarity.h"

enum { BUCKETS = 8 };

/* Numbers of patterns up to which a kind of test tells them well enough from ordinary text. */
enum { FEW = 20, SOME = 40, SEVERAL = 160 };

static enum fragment_shape choose_shape(const struct patterns *p)
{
    if (p->count <= FEW)
        return p->shortest < 3 ? (enum fragment_shape)p->shortest : FRAGMENT_BYTES_3;
    if (p->shortest < 3)
        return (enum fragment_shape)p->shortest;
    if (p->shortest < 5)
        return FRAGMENT_BIGRAMS_2;
    if (p->count <= SOME)
        return FRAGMENT_BYTES_4;
    return p->count <= SEVERAL ? FRAGMENT_BIGRAMS_4 : FRAGMENT_BIGRAMS_4W;
}

static unsigned lookups_of(enum fragment_shape shape)
{
    return shape <= FRAGMENT_BYTES_4 ? (unsigned)shape : shape == FRAGMENT_BIGRAMS_2 ? 2 : 4;
}

unsigned fragment_width(const struct patterns *p, bool wide_tables)
{
    unsigned wanted = p->count <= FEW ? 4 : p->count <= SOME ? 5 : wide_tables ? 5 : 6;
    return wanted < p->shortest ? wanted : p->shortest;
}

/* The entry that a text with `window` looks up at place k. */
static uint8_t entry_of(enum fragment_shape shape, const uint8_t *window, unsigned k)
{
    if (shape <= FRAGMENT_BYTES_4)
        return window[k] & 0x7F;
    uint8_t hash = fragment_hash(window[k], window[k + 1]);
    return shape == FRAGMENT_BIGRAMS_4 ? hash & 0x7F : hash;
}

static void add_wide(struct fragment *f, const uint8_t *window, uint8_t bit)
{
    for (unsigned k = 0; k < f->lookups; k++)
        f->table[k][entry_of(f->shape, window, k)] |= bit;
}

static void add_nibbles(struct fragment *f, const uint8_t *window, uint8_t bit)
{
    for (unsigned k = 0; k < f->lookups; k++) {
        f->low[k][window[k] & 15] |= bit;
        f->high[k][window[k] >> 4] |= bit;
    }
}

/* How often each entry is looked up in ordinary text. */
static void entry_frequencies(enum fragment_shape shape, double *frequency)
{
    memset(frequency, 0, 256 * sizeof *frequency);
    for (unsigned a = 0; a < 128; a++)
        for (unsigned b = 0; b < 128; b++) {
            int bits = rarity_of_byte((uint8_t)a) + rarity_after((uint8_t)a, (uint8_t)b);
            uint8_t pair[2] = {(uint8_t)a, (uint8_t)b};
            frequency[entry_of(shape, pair, 0)] += rarity_to_frequency(bits);
        }
}

static bool allows(const struct fragment *f, bool wide_tables, unsigned k, unsigned entry, unsigned bucket)
{
    uint8_t buckets = wide_tables ? f->table[k][entry] : f->low[k][entry & 15] & f->high[k][entry >> 4];
    return buckets >> bucket & 1;
}

/* As if look-ups were independent of each other. */
static double estimate(const struct fragment *f, bool wide_tables)
{
    double frequency[256], sum = 0;
    entry_frequencies(wide_tables ? f->shape : FRAGMENT_BYTES_1, frequency);
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        double all = 1;
        for (unsigned k = 0; k < f->lookups; k++) {
            double share = 0;
            for (unsigned entry = 0; entry < 256; entry++)
                share += allows(f, wide_tables, k, entry, bucket) ? frequency[entry] : 0;
            all *= share;
        }
        sum += all;
    }
    return sum;
}

double fragment_build(struct fragment *f, const struct patterns *p, unsigned width,
                      const uint32_t *offsets, bool wide_tables)
{
    memset(f, 0, sizeof *f);
    f->shape = choose_shape(p);
    unsigned most = p->count <= FEW ? 3 : 4;
    f->lookups = wide_tables ? lookups_of(f->shape) : width < most ? width : most;
    for (uint32_t i = 0; i < p->count; i++) {
        /* patterns are sorted: neighbours, which have much in common, share a bucket */
        uint8_t bit = (uint8_t)(1 << ((uint64_t)i * BUCKETS / p->count));
        const uint8_t *window = p->bytes + p->start[i] + offsets[i];
        if (wide_tables)
            add_wide(f, window, bit);
        else
            add_nibbles(f, window, bit);
    }
    return estimate(f, wide_tables);
}
