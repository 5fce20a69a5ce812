#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "gap.h"
#include "search.h"

/* A run is searched when it is so much longer than four times the longest pattern, and goes on with what may
 * be the beginning of an occurrence: so memory is bounded, and a byte is searched little more than once. */
enum { CUT = 4096 };

/* A gram more would cross the end of what is looked at. */
enum { CONTEXT = FOLDING_GRAM - 1 };

struct scan {
    struct view *view;
    struct view_state *state; /* view->work */
    const struct folding *folding;
    const struct view_text *text;
};

/* ---- runs ------------------------------------------------------------------------------------ */

static void run_free(struct run *run)
{
    free(run->bytes);
    free(run->places);
}

static enum scan_result run_reserve(struct run *run, size_t more)
{
    if (more <= run->room - run->count)
        return SCAN_DONE;
    size_t room = run->count + more + run->count / 2 + 64;
    uint8_t *bytes = realloc(run->bytes, room);
    run->bytes = bytes ? bytes : run->bytes;
    struct place *places = bytes ? realloc(run->places, room * sizeof *places) : NULL;
    if (!places)
        return SCAN_NO_MEMORY;
    run->places = places;
    run->room = room;
    return SCAN_DONE;
}

/* Gives up all but the last bytes. */
static void run_keep(struct run *run, size_t count)
{
    size_t dropped = run->count - count;
    if (count && dropped) {
        memmove(run->bytes, run->bytes + dropped, count);
        memmove(run->places, run->places + dropped, count * sizeof *run->places);
    }
    run->count = count;
    run->eventful = run->eventful > dropped ? run->eventful - dropped : 0;
}

static enum scan_result run_copy(struct run *to, const struct run *from)
{
    to->count = to->eventful = 0;
    if (run_reserve(to, from->count) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    if (from->count) {
        memcpy(to->bytes, from->bytes, from->count);
        memcpy(to->places, from->places, from->count * sizeof *to->places);
    }
    to->count = from->count;
    to->eventful = from->eventful;
    return SCAN_DONE;
}

/* Where an occurrence in [start, end) begins to cover: the newline rule. */
static size_t covered_from(const struct run *run, size_t start, size_t end)
{
    for (size_t i = start + 1; i < start + VIEW_BEFORE_WRAP && i < end; i++)
        if (run->places[i].wrapped)
            return i;
    return start;
}

/* ---- what is found --------------------------------------------------------------------------- */

static uint8_t byte_at(const struct view_text *text, uint64_t at)
{
    uint64_t i = at - text->start;
    return i < text->held_length ? text->held[i] : text->data[i - text->held_length];
}

/* Covers [from, to) of the run but the escape sequences in it, which folding the text once more tells. It
 * begins with a byte of text, so outside of any sequence. Text before the start is out of reach. */
static enum scan_result cover(struct scan *c, size_t from, size_t to)
{
    const struct place *places = c->state->run.places;
    uint64_t start = places[from].at, end = places[to - 1].at + 1;
    start = start < c->text->start ? c->text->start : start;
    struct fold fold = {0};
    for (uint64_t at = start; at < end; at++) {
        uint8_t byte = byte_at(c->text, at);
        if (fold.waiting && !fold_goes_on(&fold, byte))
            fold.waiting = 0;
        if (fold_step(&fold, byte) != FOLD_ESCAPE)
            continue;
        if (start < at && spans_add(&c->state->spans, start, at))
            return SCAN_NO_MEMORY;
        start = at + 1;
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
        size_t from = covered_from(run, i - longest[i], i);
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

/* Searches the run, if it can have an occurrence that the search of the text itself does not find. */
static enum scan_result settle(struct scan *c)
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
        result = search_text(c->folding->set.groups[i], run->bytes, run->count, 0, &found);
    if (result != SCAN_DONE)
        return result;
    unite(run, longest);
    for (size_t end = 1; end <= run->count && result == SCAN_DONE; end++)
        if (longest[end])
            result = cover(c, end - longest[end], end);
    return result;
}

/* ---- from text to runs ----------------------------------------------------------------------- */

/* Puts a byte behind the run. If the last four occur in no pattern, no occurrence has them all: the run ends
 * before that byte, and another one begins with the last three. */
static enum scan_result push(struct scan *c, uint8_t byte, struct place place)
{
    struct run *run = &c->state->run;
    enum scan_result result = SCAN_DONE;
    size_t longest = c->folding->set.longest;
    if (run->count >= CUT + 4 * longest || (run->eventful && run->count >= run->eventful + longest)) {
        if ((result = settle(c)) != SCAN_DONE)
            return result;
        run_keep(run, longest - 1);
    }
    if ((result = run_reserve(run, 1)) != SCAN_DONE)
        return result;
    run->bytes[run->count] = byte;
    run->places[run->count] = place;
    if (run->count < CONTEXT || folding_has(c->folding, load32(run->bytes + run->count - CONTEXT))) {
        run->count++;
        return SCAN_DONE;
    }
    result = settle(c);
    run->count++;
    run_keep(run, CONTEXT);
    return result;
}

/* Takes a byte of text. */
static enum scan_result take(struct scan *c, uint8_t byte, uint64_t at)
{
    struct view_state *state = c->state;
    struct place place = {.at = at, .wrapped = state->fold.lines > 0};
    bool gap = state->fold.gap > 0, letter;
    byte = fold_text(&state->fold, byte, &letter);
    enum scan_result result = push(c, byte, place);
    if (letter)
        state->run.eventful = state->run.count;
    else if (gap)
        state->run.eventful = state->run.count - 1;
    return result;
}

/* The bytes that wait are text. */
static enum scan_result give_up_waiting(struct scan *c, uint64_t at)
{
    struct fold *fold = &c->state->fold;
    unsigned count = fold->waiting;
    enum scan_result result = SCAN_DONE;
    fold->waiting = 0;
    for (unsigned i = 0; i < count && result == SCAN_DONE; i++)
        result = take(c, fold->lead[i], at - count + i);
    return result;
}

static enum scan_result step(struct scan *c, uint8_t byte, uint64_t at)
{
    struct view_state *state = c->state;
    enum scan_result result = SCAN_DONE;
    if (state->fold.waiting && !fold_goes_on(&state->fold, byte))
        result = give_up_waiting(c, at);
    if (result != SCAN_DONE)
        return result;
    if (fold_step(&state->fold, byte) == FOLD_TEXT)
        return take(c, byte, at);
    if (state->run.count && fold_is_barrier(&state->fold)) {
        result = settle(c);
        run_keep(&state->run, 0);
    }
    return result;
}

/* ---- between gaps ------------------------------------------------------------------------------ */

/* Makes the run what leads up to `to`: the text before it as far as patterns may have it. Text is folded as it
 * stands in [from, to), and what is in the run lies before `from`. */
static enum scan_result lead_up(struct scan *c, const uint8_t *text, uint64_t base, size_t from, size_t to)
{
    struct run *run = &c->state->run;
    size_t most = c->folding->set.longest - 1, low = to - from < most ? from : to - most;
    size_t start = to - from < CONTEXT ? from : to - CONTEXT;
    while (start > low && folding_has(c->folding, load32(text + start - 1)))
        start--;
    enum scan_result result = SCAN_DONE;
    if (start > from)
        run_keep(run, 0);
    for (; start < to && result == SCAN_DONE; start++)
        result = push(c, text[start], (struct place){.at = base + start, .wrapped = 0});
    return result;
}

static enum scan_result feed(struct scan *c, const uint8_t *text, size_t length, uint64_t base)
{
    struct gaps gaps; /* not all of it is to be cleared for each small chunk */
    gaps_begin(&gaps, c->folding, text, length);
    enum scan_result result = SCAN_DONE;
    for (size_t at = 0; at < length && result == SCAN_DONE; at++) {
        if (c->state->run.eventful == 0 && fold_is_idle(&c->state->fold)) {
            size_t from, start = at;
            at = gaps_next(&gaps, start, &from);
            if (from > start)
                run_keep(&c->state->run, 0);
            result = lead_up(c, text, base, from, at);
        }
        if (result == SCAN_DONE && at < length)
            result = step(c, text[at], base + at);
    }
    return result;
}

/* ---- between chunks -------------------------------------------------------------------------- */

void view_free(struct view *view)
{
    run_free(&view->kept.run);
    run_free(&view->work.run);
    spans_free(&view->kept.spans);
    spans_free(&view->work.spans);
    free(view->longest);
    memset(view, 0, sizeof *view);
}

void view_forget(struct view *view)
{
    view->forgotten = true;
}

/* Before the held text only the bytes remain that the newline rule has let go. */
static void forget_held(struct view_state *state, uint64_t start)
{
    struct run *run = &state->run;
    size_t count = 0;
    while (count < run->count && run->places[count].at < start)
        count++;
    state->fold = (struct fold){0};
    if (count && count < run->count) {
        state->fold.gap = 1;
        state->fold.lines = run->places[count].wrapped;
    }
    run->count = count;
    run->eventful = run->eventful < count ? run->eventful : count;
}

static enum scan_result begin(struct scan *c)
{
    const struct view_state *kept = &c->view->kept;
    struct view_state *work = c->state;
    spans_clear(&work->spans);
    for (size_t i = kept->spans.head; i < kept->spans.count; i++)
        if (spans_add(&work->spans, kept->spans.at[i].start, kept->spans.at[i].end))
            return SCAN_NO_MEMORY;
    work->fold = kept->fold;
    enum scan_result result = run_copy(&work->run, &kept->run);
    if (result != SCAN_DONE || !c->view->forgotten || c->text->held_length == 0)
        return result;
    forget_held(work, c->text->start);
    return feed(c, c->text->held, c->text->held_length, c->text->start);
}

/* Where an occurrence that begins in the run at `least` and is under way would begin to cover. */
static uint64_t hold_from(const struct scan *c, size_t least)
{
    const struct run *run = &c->state->run;
    const struct fold *fold = &c->state->fold;
    size_t from = covered_from(run, least, run->count);
    bool let_go = from == least && fold->lines && run->count - least < VIEW_BEFORE_WRAP;
    uint64_t at = let_go ? c->view->live - fold->waiting : run->places[from].at;
    return at < c->text->start ? c->text->start : at;
}

/* Keeps what may be the beginning of an occurrence, and finds what must be held for it. */
static enum scan_result finish(struct scan *c)
{
    struct run *run = &c->state->run;
    const struct fold *fold = &c->state->fold;
    size_t least = run->count, longest = c->folding->set.longest;
    bool gap = fold->gap || fold->waiting;
    if (run->eventful == 0 && !gap) {
        run_keep(run, run->count < longest ? run->count : longest - 1);
        return SCAN_DONE;
    }
    for (unsigned i = 0; i < c->folding->set.count; i++) {
        size_t start;
        enum scan_result result = search_live(c->folding->set.groups[i], run->bytes, run->count, &start);
        if (result != SCAN_DONE)
            return result;
        least = start < least ? start : least;
    }
    if (least < run->count && (gap || least < run->eventful))
        c->view->live = hold_from(c, least);
    run_keep(run, run->count - least);
    return SCAN_DONE;
}

enum scan_result view_scan(struct view *view, const struct folding *folding, const struct view_text *text,
                           bool last)
{
    struct scan c = {view, &view->work, folding, text};
    uint64_t base = text->start + text->held_length;
    view->live = base + text->length;
    enum scan_result result = begin(&c);
    if (result == SCAN_DONE)
        result = feed(&c, text->data, text->length, base);
    if (result == SCAN_DONE && last)
        result = give_up_waiting(&c, view->live);
    if (result == SCAN_DONE)
        result = settle(&c);
    return result == SCAN_DONE && !last ? finish(&c) : result;
}

void view_commit(struct view *view, size_t next)
{
    struct view_state kept = view->kept;
    view->kept = view->work;
    view->work = kept;
    view->kept.spans.head = next;
    view->forgotten = false;
}

void view_reset(struct view *view)
{
    view->kept.fold = (struct fold){0};
    run_keep(&view->kept.run, 0);
    spans_clear(&view->kept.spans);
    view->forgotten = false;
}
