#include "search.h"

#include <string.h>

/* What the prefilter may cost beyond reading the text, in units of about a nanosecond for each byte of
 * it: the automaton needs about as much. */
enum { BUDGET = 6 };
enum { PROBE_COST = 1, LOOKUP_COST = 8, COMPARE_COST = 10 };

/* Text that overran the budget is left to the automaton for so many bytes before the prefilter is tried
 * again; the number doubles while it does not pay. */
enum { FIRST_RUN = 4096, LAST_RUN = 1 << 18 };

/* Candidates are settled in batches, so that the cache misses of one overlap with those of the others. */
enum { BATCH = 256 };

struct search {
    struct group *group;
    const uint8_t *text;
    size_t length;
    uint64_t base;
    struct spans *found;
    uint64_t work, budget; /* of the present piece */
    bool no_memory;
};

/* A piece of the text as the kernels see it: window[i] is text[origin + i], and readable for some bytes
 * before and behind the piece, which need not be those of the text. */
struct piece {
    const uint8_t *window;
    size_t origin, samples;
};

/* Equality, from the end: near misses are mostly beginnings of patterns, and those differ there. */
static bool equal(const uint8_t *a, const uint8_t *b, size_t length)
{
    enum { NEAR = 64 };
    size_t stop = length > NEAR ? length - NEAR : 0;
    while (length >= stop + 8) {
        length -= 8;
        if (load64(a + length) != load64(b + length))
            return false;
    }
    return memcmp(a, b, length) == 0;
}

/* The rule is far from everything else, and only what opens a span needs it. */
static inline bool add(struct search *s, size_t start, size_t length, const struct index_entry *entry)
{
    const struct index *index = &s->group->index;
    uint64_t from = s->base + start, to = from + length;
    return spans_extend(s->found, from, to, (uint32_t)length) ||
           spans_add(s->found, from, to, index->rules[entry - index->entries]) == 0;
}

/* Compares the patterns whose windows have this key. False: the budget is overrun or memory ran out. */
static bool compare(struct search *s, size_t position, uint64_t key, uint64_t bucket)
{
    const struct index *index = &s->group->index;
    const struct index_entry *entry = index->entries + index->buckets[bucket];
    const struct index_entry *end = index->entries + index->buckets[bucket + 1];
    for (; entry < end; entry++) {
        s->work += LOOKUP_COST;
        if (entry->key != key || position < entry->offset)
            continue;
        size_t start = position - entry->offset, length = entry->length;
        if (start > s->length || length > s->length - start)
            continue;
        s->work += COMPARE_COST + length / 32;
        if (equal(s->text + start, entry->bytes, length) && !add(s, start, length, entry)) {
            s->no_memory = true;
            return false;
        }
        if (s->work > s->budget)
            return false;
    }
    return true;
}

/* Lists the windows around sampled candidates. Positions count from the piece, and may be negative. Most
 * candidates have one window or none, and some two, unpredictably: so two are written without asking. */
static size_t list_windows(const struct search *s, const struct piece *piece, const int32_t *candidates,
                           size_t count, int32_t *windows)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned places = qgram_places(&s->group->qgram, piece->window + candidates[i]);
        if (piece->origin == 0 && candidates[i] < QGRAM_STRIDE_MOST)
            places &= (2U << candidates[i]) - 1; /* nothing is before the text */
        for (unsigned rest = places;;) {
            windows[kept] = candidates[i] - __builtin_ctz(rest | 256);
            kept += rest != 0;
            rest &= rest - 1;
            windows[kept] = candidates[i] - __builtin_ctz(rest | 256);
            kept += rest != 0;
            rest &= rest - 1;
            if (!rest)
                break;
        }
    }
    return kept;
}

/* Keeps the windows that the index may know. */
static size_t probe(const struct search *s, const struct piece *piece, int32_t *windows, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t window = windows[i];
        windows[kept] = window;
        kept += index_probe(&s->group->index, piece->window + window);
    }
    return kept;
}

/* Looks up and compares. Patterns and index may be far from the first level cache, so what all windows of
 * the batch need is asked for, step by step, before any of it is used. */
static bool settle_windows(struct search *s, const struct piece *piece, const int32_t *windows, size_t count)
{
    const struct index *index = &s->group->index;
    uint64_t keys[BATCH], buckets[BATCH];
    for (size_t i = 0; i < count; i++) {
        keys[i] = load64(piece->window + windows[i]) & index->mask;
        buckets[i] = index_bucket(index, keys[i]);
        __builtin_prefetch(index->entries + index->buckets[buckets[i]]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct index_entry *entry = index->entries + index->buckets[buckets[i]];
        __builtin_prefetch(entry->bytes + entry->length - 1);
    }
    for (size_t i = 0; i < count; i++)
        if (!compare(s, piece->origin + (size_t)windows[i], keys[i], buckets[i]))
            return false;
    return true;
}

static bool settle(struct search *s, const struct piece *piece, int32_t *candidates, size_t count)
{
    int32_t room[BATCH * QGRAM_STRIDE_MOST + 2], *windows = candidates;
    s->work += count * PROBE_COST;
    if (s->group->stride > 1) {
        count = list_windows(s, piece, candidates, count, room);
        windows = room;
    }
    count = probe(s, piece, windows, count);
    for (size_t i = 0; i < count; i += BATCH)
        if (!settle_windows(s, piece, windows + i, count - i < BATCH ? count - i : BATCH))
            return false;
    return s->work <= s->budget;
}

/* Searches a piece. False: the budget is overrun or memory ran out. */
static bool search_piece(struct search *s, const struct piece *piece)
{
    const struct group *g = s->group;
    int32_t candidates[KERNEL_SAMPLES + KERNEL_SPARE];
    size_t count = g->stride == 1
                       ? g->kernel->fragment(&g->fragment, piece->window, piece->samples, candidates)
                       : g->kernel->qgram(&g->qgram, piece->window, piece->samples, candidates);
    for (size_t i = 0; i < count; i += BATCH)
        if (!settle(s, piece, candidates + i, count - i < BATCH ? count - i : BATCH))
            return false;
    return true;
}

/* The number of samples is a multiple of this. */
static size_t unit(const struct search *s)
{
    return s->group->stride == 1 ? 4 * KERNEL_STEP : KERNEL_STEP;
}

/* How many samples follow where the kernels can read the text in its place. */
static size_t inner_samples(const struct search *s, size_t at)
{
    size_t rest = s->length - at;
    if (rest < KERNEL_SLACK)
        return 0;
    size_t samples = (rest - KERNEL_SLACK) / s->group->stride;
    return samples < KERNEL_SAMPLES ? samples - samples % unit(s) : KERNEL_SAMPLES;
}

enum {
    BEFORE = 8, /* windows begin up to stride - 1 bytes before a sample */
    TAIL_STEP = KERNEL_STEP * QGRAM_STRIDE_MOST, /* not less than a unit of stride 1 */
    TAIL_ROOM = BEFORE + KERNEL_SLACK + 2 * TAIL_STEP + KERNEL_SLACK,
};

/* The end of the text is searched in a copy with zeros behind it. */
static bool search_tail(struct search *s, size_t at)
{
    uint8_t copy[TAIL_ROOM];
    size_t rest = s->length - at, before = at < BEFORE ? at : BEFORE;
    size_t step = unit(s) * s->group->stride, size = (rest + step - 1) / step * step;
    memcpy(copy + BEFORE - before, s->text + at - before, before + rest);
    memset(copy + BEFORE + rest, 0, size + KERNEL_SLACK - rest);
    struct piece piece = {copy + BEFORE, at, size / s->group->stride};
    return search_piece(s, &piece);
}

/* Searches what begins at `*at`, and moves it on. False: the budget is overrun or memory ran out. */
static bool search_next(struct search *s, size_t *at)
{
    size_t samples = inner_samples(s, *at);
    size_t size = samples ? samples * s->group->stride : s->length - *at;
    uint64_t budget = BUDGET * (uint64_t)(size + 64), credit = group_credit(s->group);
    s->work = 0;
    s->budget = budget + credit;
    struct piece piece = {s->text + *at, *at, samples};
    bool within = samples ? search_piece(s, &piece) : search_tail(s, *at);
    if (s->work > budget)
        group_charge(s->group, s->work - budget);
    if (within)
        *at += size;
    return within;
}

/*
 * Leaves about `run` bytes at `*at` to the automaton. It starts early enough that it knows every
 * occurrence that ends behind `*at`; those that end before were found. Where it stops, occurrences that
 * are under way begin at most `live` bytes before: there the prefilter goes on.
 */
static enum scan_result search_with_automaton(struct search *s, size_t *at, size_t run)
{
    const struct automaton *automaton = group_automaton(s->group);
    if (!automaton)
        return SCAN_NEEDS_AUTOMATON;
    size_t longest = s->group->patterns.longest, rest = s->length - *at;
    run = run < 2 * longest ? 2 * longest : run; /* so that it gets on */
    size_t from = *at < longest ? 0 : *at - (longest - 1), to = run < rest ? *at + run : s->length;
    uint32_t state = 0;
    if (automaton_scan(automaton, &state, s->text + from, to - from, s->base + from, s->found))
        return SCAN_NO_MEMORY;
    *at = to == s->length ? to : to - automaton_live(automaton, state);
    return SCAN_DONE;
}

/* Begins or goes on with what is left to the automaton, and returns how much of the rest of the text that is. */
static size_t take_run(struct search_course *course, size_t rest)
{
    if (!course->left) {
        course->left = course->run ? course->run : FIRST_RUN;
        course->run = course->left < LAST_RUN ? course->left * 2 : course->left;
    }
    size_t run = course->left < rest ? course->left : rest;
    course->left = run == rest ? course->left - run : 0;
    return run;
}

enum scan_result search_text(struct group *group, const uint8_t *text, size_t length, uint64_t base,
                             struct spans *found, struct search_course *course)
{
    struct search s = {.group = group, .text = text, .length = length, .base = base, .found = found};
    for (size_t at = 0; at < length;) {
        if (!course->left || !group_automaton(group)) {
            course->left = 0;
            if (search_next(&s, &at)) {
                course->run = FIRST_RUN;
                continue;
            }
            if (s.no_memory)
                return SCAN_NO_MEMORY;
        }
        enum scan_result result = search_with_automaton(&s, &at, take_run(course, length - at));
        if (result != SCAN_DONE)
            return result;
    }
    return SCAN_DONE;
}

enum scan_result search_live(struct group *group, const uint8_t *text, size_t length, size_t *start)
{
    const struct patterns *patterns = &group->patterns;
    uint64_t work = 0, budget = BUDGET * (uint64_t)(length + 64);
    *start = patterns_live(patterns, text, length, budget + group_credit(group), &work);
    if (work > budget)
        group_charge(group, work - budget);
    if (*start != SIZE_MAX)
        return SCAN_DONE;
    const struct automaton *automaton = group_automaton(group);
    if (!automaton)
        return SCAN_NEEDS_AUTOMATON;
    size_t from = length < patterns->longest ? 0 : length - (patterns->longest - 1);
    uint32_t state = 0;
    automaton_scan(automaton, &state, text + from, length - from, 0, NULL);
    *start = length - automaton_live(automaton, state);
    return SCAN_DONE;
}
