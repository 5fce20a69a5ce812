#include "settle.h"

#include <stdlib.h>
#include <string.h>

static uint8_t byte_at(const struct view_text *text, uint64_t at)
{
    uint64_t i = at - text->start;
    return i < text->held_length ? text->held[i] : text->data[i - text->held_length];
}

/* Covers what was removed in [at, end) but the escape sequences, and the text before it from `*start` on. What is
 * not covered yet begins at `*start` again. Text before a gap is outside of any sequence. */
static enum scan_result cover_gap(struct scan *c, uint64_t *start, uint64_t at, uint64_t end)
{
    struct fold fold = {0};
    for (; at < end; at++) {
        uint8_t byte = byte_at(c->text, at);
        if (fold.waiting && !fold_goes_on(&fold, byte))
            fold.waiting = 0;
        if (fold_step(&fold, byte) != FOLD_ESCAPE)
            continue;
        if (*start < at && spans_add(&c->state->spans, *start, at))
            return SCAN_NO_MEMORY;
        *start = at + 1;
    }
    return SCAN_DONE;
}

/* The first i in [i, to) before which something was removed, as far as eight places at once can tell. */
static size_t skip_text(const place *places, size_t i, size_t to)
{
    for (; i + 8 <= to; i += 8) {
        place other = 0;
        for (size_t j = i; j < i + 8; j++)
            other |= (places[j] - places[j - 1]) ^ PLACE_NEXT;
        if (other)
            break;
    }
    return i;
}

/* Covers [from, to) of the run but the escape sequences in it, which folding the gaps once more tells. Text before
 * the start is out of reach. */
static enum scan_result cover(struct scan *c, size_t from, size_t to)
{
    const place *places = c->state->run.places;
    uint64_t start = place_at(places[from]), end = place_at(places[to - 1]) + 1, least = c->text->start;
    start = start < least ? least : start;
    for (size_t i = from + 1; i < to;) {
        size_t stop = i + 8 < to ? i + 8 : to;
        for (; i < stop; i++) {
            uint64_t at = place_at(places[i - 1]) + 1, next = place_at(places[i]);
            if (next == at || next <= least)
                continue;
            if (cover_gap(c, &start, at < least ? least : at, next) != SCAN_DONE)
                return SCAN_NO_MEMORY;
        }
        i = skip_text(places, i, to);
    }
    return start < end && spans_add(&c->state->spans, start, end) ? SCAN_NO_MEMORY : SCAN_DONE;
}

static void unite_into(uint32_t *longest, size_t start, size_t end)
{
    if (end)
        longest[end] = (uint32_t)(end - start);
}

/* Applies the newline rule to each occurrence, then unites those that have a byte in common: what lies between
 * two that only touch is in neither. From the end, so that a union is complete when the next one begins. */
static void unite(const struct run *run, uint32_t *longest)
{
    size_t start = SIZE_MAX, end = 0;
    for (size_t i = run->count; i > 0; i--) {
        if (longest[i] == 0)
            continue;
        size_t from = run_covered_from(run, i - longest[i], i);
        longest[i] = 0;
        if (i <= start) {
            unite_into(longest, start, end);
            end = i;
            start = from;
        } else if (from < start) {
            start = from;
        }
    }
    unite_into(longest, start, end);
}

static enum scan_result reserve_longest(struct view *view, size_t room)
{
    if (room <= view->room)
        return SCAN_DONE;
    room += room / 2;
    uint32_t *longest = realloc(view->longest, room * sizeof *longest);
    if (!longest)
        return SCAN_NO_MEMORY;
    view->longest = longest;
    view->room = room;
    return SCAN_DONE;
}

enum scan_result settle(struct scan *c)
{
    const struct run *run = &c->state->run;
    if (run->eventful == 0 || run->count < c->folding->shortest)
        return SCAN_DONE;
    enum scan_result result = reserve_longest(c->view, run->count + 1);
    if (result != SCAN_DONE)
        return result;
    uint32_t *longest = c->view->longest;
    memset(longest, 0, (run->count + 1) * sizeof *longest);
    struct spans found = {.longest = longest};
    for (unsigned i = 0; i < c->folding->set.count && result == SCAN_DONE; i++)
        result = search_next_text(c->folding->set.groups[i], run->bytes, run->count, 0, &found,
                                  &c->view->course[i]);
    if (result != SCAN_DONE)
        return result;
    unite(run, longest);
    for (size_t end = 1; end <= run->count && result == SCAN_DONE; end++)
        if (longest[end])
            result = cover(c, end - longest[end], end);
    return result;
}
