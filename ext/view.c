#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "gap.h"
#include "settle.h"

/* A run is searched when it is so much longer than four times the longest pattern, and goes on with what may
 * be the beginning of an occurrence: so memory is bounded, and a byte is searched little more than once. */
enum { CUT = 4096 };

/* A gram more would cross the end of what is looked at. */
enum { CONTEXT = FOLDING_GRAM - 1 };

/* ---- from text to runs ----------------------------------------------------------------------- */

/* Puts a byte behind the run. If the last four occur in no pattern, no occurrence has them all: the run ends
 * before that byte, and another one begins with the last three. */
static enum scan_result push(struct scan *c, uint8_t byte, place place)
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

/* The same for as much of the text as is folded as it stands, has its grams in patterns, and gives no reason to
 * settle; the rest is for `push`. Returns how much it is in `*taken`. */
static enum scan_result push_text(struct scan *c, const uint8_t *text, size_t length, uint64_t at, size_t *taken)
{
    struct run *run = &c->state->run;
    size_t longest = c->folding->set.longest, limit = CUT + 4 * longest, i = 0;
    if (run->eventful && run->eventful + longest < limit)
        limit = run->eventful + longest;
    limit = run->count < CONTEXT || run->count > limit ? 0 : limit - run->count;
    limit = limit < length ? limit : length;
    if (limit && run_reserve(run, 1) != SCAN_DONE)
        return SCAN_NO_MEMORY; /* so that four bytes can be loaded */
    uint32_t gram = limit ? load32(run->bytes + run->count - CONTEXT) << 8 : 0;
    for (; i < limit && !event_is(text[i]) && !(c->folding->joined && fold_is_blank(text[i])); i++) {
        gram = gram >> 8 | (uint32_t)text[i] << 24;
        if (!folding_has(c->folding, gram))
            break;
    }
    *taken = i;
    return i ? run_append(run, text, i, at) : SCAN_DONE;
}

/* Takes a byte of text. */
static enum scan_result take(struct scan *c, uint8_t byte, uint64_t at)
{
    struct view_state *state = c->state;
    place place = place_of(at, state->fold.lines > 0);
    bool gap = c->folding->joined ? state->fold.lines > 0 : state->fold.gap > 0, letter;
    byte = fold_text(&state->fold, byte, &letter);
    enum scan_result result = SCAN_DONE;
    if (letter) {
        result = push(c, FOLD_LETTER, place);
        place = place_of(at, false);
    }
    if (result == SCAN_DONE)
        result = push(c, byte, place);
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

/* Where what leads up to `to` begins in a joined text. */
static size_t joined_from(const struct scan *c, const uint8_t *text, size_t from, size_t to)
{
    size_t start = to, at = to, count = 0, most = c->folding->set.longest - 1;
    uint32_t gram = 0;
    while (at > from) {
        uint8_t byte = text[--at];
        if (fold_is_blank(byte)) {
            if (start - at > FOLD_GAP)
                return start;
            continue;
        }
        gram = gram << 8 | byte;
        if (count == most || (++count >= FOLDING_GRAM && !folding_has(c->folding, gram)))
            return start;
        start = at;
    }
    return from;
}

/* As lead_up. */
static enum scan_result lead_up_joined(struct scan *c, const uint8_t *text, uint64_t base, size_t from, size_t to)
{
    size_t start = joined_from(c, text, from, to);
    enum scan_result result = SCAN_DONE;
    if (start > from)
        run_keep(&c->state->run, 0);
    for (; start < to && result == SCAN_DONE; start++)
        result = (fold_is_blank(text[start]) ? step : take)(c, text[start], base + start);
    return result;
}

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
    while (start < to && result == SCAN_DONE) {
        size_t taken;
        result = push_text(c, text + start, to - start, base + start, &taken);
        start += taken;
        if (result == SCAN_DONE && start < to) {
            result = push(c, text[start], place_of(base + start, false));
            start++;
        }
    }
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
            result = (c->folding->joined ? lead_up_joined : lead_up)(c, text, base, from, at);
        } else if (fold_is_idle(&c->state->fold)) {
            size_t taken;
            result = push_text(c, text + at, length - at, base + at, &taken);
            at += taken;
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
    memset(view->course, 0, sizeof view->course);
}

/* Before the held text only the bytes remain that the newline rule has let go. A line end between may be in the held
 * text, and then comes again. */
static void forget_held(struct view_state *state, const struct view_text *text)
{
    struct run *run = &state->run;
    size_t count = 0;
    while (count < run->count && place_at(run->places[count]) < text->start)
        count++;
    bool held = memchr(text->held, '\n', text->held_length), wrapped = state->fold.lines && !held;
    state->fold = (struct fold){.joined = state->fold.joined};
    if (count) {
        state->fold.gap = 1;
        state->fold.lines = count < run->count ? place_is_wrapped(run->places[count]) : wrapped;
    }
    run->count = count;
    run->eventful = run->eventful < count ? run->eventful : count;
}

static enum scan_result begin(struct scan *c)
{
    const struct view_state *kept = &c->view->kept;
    struct view_state *work = c->state;
    spans_clear(&work->spans);
    if (spans_copy(&work->spans, &kept->spans))
        return SCAN_NO_MEMORY;
    work->fold = kept->fold;
    work->fold.joined = c->folding->joined;
    enum scan_result result = run_copy(&work->run, &kept->run);
    if (result != SCAN_DONE || !c->view->forgotten || c->text->held_length == 0)
        return result;
    forget_held(work, c->text);
    return feed(c, c->text->held, c->text->held_length, c->text->start);
}

static uint64_t end_of(const struct view_text *text)
{
    return text->start + text->held_length + text->length;
}

/* Where an occurrence that begins in the run at `least` and is under way would begin to cover. */
static uint64_t hold_from(const struct scan *c, size_t least)
{
    const struct run *run = &c->state->run;
    const struct fold *fold = &c->state->fold;
    size_t from = run_covered_from(run, least, run->count);
    bool let_go = from == least && fold->lines && run_bytes(run, least, run->count) < RUN_BEFORE_WRAP;
    uint64_t at = let_go ? end_of(c->text) - fold->waiting : place_at(run->places[from]);
    return at < c->text->start ? c->text->start : at;
}

/* Keeps what may be the beginning of an occurrence, and finds what must be held for it. */
static enum scan_result finish(struct scan *c)
{
    struct run *run = &c->state->run;
    const struct fold *fold = &c->state->fold;
    size_t least = run->count, longest = c->folding->set.longest;
    bool apart = c->folding->joined || fold->gap || fold->waiting; /* the search of the text may not know of it */
    if (run->eventful == 0 && !apart) {
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
    if (c->folding->joined)
        c->view->live -= fold->waiting; /* it may begin what the text itself has a blank before */
    if (least < run->count && (apart || least < run->eventful))
        c->view->live = hold_from(c, least);
    run_keep(run, run->count - least);
    return SCAN_DONE;
}

enum scan_result view_scan(struct view *view, const struct folding *folding, const struct view_text *text,
                           bool last)
{
    struct scan c = {view, &view->work, folding, text};
    uint64_t base = text->start + text->held_length;
    view->scanned = true;
    view->live = end_of(text);
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
    if (!view->scanned)
        return; /* few sets have a joined view */
    struct view_state kept = view->kept;
    view->scanned = false;
    view->kept = view->work;
    view->work = kept;
    view->kept.spans.head = next;
    view->forgotten = false;
}

void view_reset(struct view *view)
{
    view->kept.fold = (struct fold){0};
    view->kept.digits = (struct digits){0};
    run_keep(&view->kept.run, 0);
    spans_clear(&view->kept.spans);
    view->forgotten = false;
}
