#include "digiting.h"

#include <stdlib.h>
#include <string.h>

#include "cover.h"
#include "settle.h"
#include "sift.h"

/* A run is cut when it is so much longer than four times the longest pattern, as in view.c. */
enum { CUT = 4096 };

/* ---- runs of digits ------------------------------------------------------------------------------ */

static enum scan_result search_run(struct scan *c, const struct run *part, size_t known)
{
    struct longest *longest = c->view->longest;
    struct spans found = {.longest = longest};
    memset(longest, 0, (part->count + 1) * sizeof *longest);
    for (unsigned i = 0; i < c->folding->set.count; i++) {
        enum scan_result result =
            search_text(c->folding->set.groups[i], part->bytes, part->count, 0, &found, &c->view->course[i]);
        if (result != SCAN_DONE)
            return result;
    }
    memset(longest, 0, (known + 1) * sizeof *longest); /* what ends there was found before */
    return SCAN_DONE;
}

/* Searches what is new in the run. */
static enum scan_result settle_digits(struct scan *c)
{
    struct digits *d = &c->state->digits;
    const struct run *run = &c->state->run;
    size_t before = c->folding->set.longest - 1, from = d->searched > before ? d->searched - before : 0;
    struct run part = {run->bytes + from, run->places + from, run->count - from, 0, 0};
    if (run->count == d->searched || run->count < c->folding->shortest)
        return SCAN_DONE;
    if (settle_reserve(c->view, part.count + 1) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    enum scan_result result = search_run(c, &part, d->searched - from);
    if (result != SCAN_DONE)
        return result;
    d->searched = run->count;
    struct spans *spans = &c->state->spans;
    if (cover(&part, c->text, false, c->view->longest, spans))
        return SCAN_NO_MEMORY;
    if (spans->count > spans->head && spans->at[spans->count - 1].end > d->covered) {
        d->covered = spans->at[spans->count - 1].end;
        d->rule = spans->at[spans->count - 1].rule;
    }
    return SCAN_DONE;
}

static void keep_digits(struct view_state *state, size_t count)
{
    size_t dropped = state->run.count - count;
    run_keep(&state->run, count);
    state->digits.searched -= state->digits.searched < dropped ? state->digits.searched : dropped;
    state->digits.least -= state->digits.least < dropped ? state->digits.least : dropped;
}

/* Puts a digit behind the run. */
static enum scan_result push_digit(struct scan *c, uint8_t digit, uint64_t at)
{
    struct digits *d = &c->state->digits;
    struct run *run = &c->state->run;
    size_t longest = c->folding->set.longest;
    if (run->count >= CUT + 4 * longest) {
        enum scan_result result = settle_digits(c);
        if (result != SCAN_DONE)
            return result;
        keep_digits(c->state, longest - 1);
    }
    if (run_reserve(run, 1) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    run->bytes[run->count] = digit;
    run->places[run->count] = place_of(at, run->count > 0 && d->lines > 0);
    run->count++;
    d->gap = d->lines = d->blanks = 0;
    d->since += d->since < 2;
    return SCAN_DONE;
}

/* Nothing goes on here. */
static enum scan_result stop(struct scan *c)
{
    struct digits *d = &c->state->digits;
    enum scan_result result = c->state->run.count ? settle_digits(c) : SCAN_DONE;
    keep_digits(c->state, 0);
    *d = (struct digits){.place = DIGITS_PLAIN, .line = d->line, .covered = d->covered, .rule = d->rule};
    return result;
}

/* ---- what is between them ------------------------------------------------------------------------ */

static inline int digit_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte;
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte : 0;
}

static inline bool is_x(uint8_t byte)
{
    return byte == 'x' || byte == 'X';
}

/* A gap that is too long ends the run and nothing else: what a line is does not depend on what was kept of a run. */
static enum scan_result removed(struct scan *c, unsigned count)
{
    struct digits *d = &c->state->digits;
    enum scan_result result = SCAN_DONE;
    if (d->gap + count > DIGITS_GAP) {
        result = settle_digits(c);
        keep_digits(c->state, 0);
    }
    d->gap = c->state->run.count ? (uint8_t)(d->gap + count) : 0;
    return result;
}

/* The digits that wait are no offset, and no zero before an x. */
static enum scan_result give_up(struct scan *c, uint64_t at)
{
    struct digits *d = &c->state->digits;
    unsigned count = d->waiting;
    enum scan_result result = SCAN_DONE;
    d->waiting = 0;
    d->place = DIGITS_PLAIN;
    for (unsigned i = 0; i < count && result == SCAN_DONE; i++)
        result = push_digit(c, d->lead[i], at - count + i);
    return result;
}

static enum scan_result open_column(struct scan *c)
{
    struct digits *d = &c->state->digits;
    enum scan_result result = settle_digits(c);
    d->place = DIGITS_TEXT;
    d->length = 0;
    d->hidden = d->covered > d->line;
    return result;
}

static enum scan_result end_line(struct scan *c, uint64_t at)
{
    struct digits *d = &c->state->digits;
    enum scan_result result = d->lines ? stop(c) : removed(c, 1);
    d->lines = 1;
    d->place = DIGITS_LINE;
    d->line = at + 1;
    d->blanks = d->since = 0;
    d->numbered = d->colon = false;
    return result;
}

static enum scan_result take_plain(struct scan *c, uint8_t byte, uint64_t at)
{
    struct digits *d = &c->state->digits;
    bool columns = d->numbered && d->since == 2;
    int digit = digit_of(byte);
    if (digit == '0') {
        d->lead[0] = '0';
        d->waiting = 1;
        d->place = DIGITS_ZERO;
        return SCAN_DONE;
    }
    if (digit)
        return push_digit(c, (uint8_t)digit, at);
    switch (byte) {
    case '\n': return end_line(c, at);
    case ' ':
        d->blanks += d->blanks < 2;
        return columns && d->colon && d->blanks == 2 ? open_column(c) : removed(c, 1);
    case '|':
    case '>': return columns && d->blanks == 2 ? open_column(c) : stop(c);
    case '\\': d->place = DIGITS_BACKSLASH; break;
    case '#': d->place = DIGITS_HASH; break;
    case '\t': case '\r': case ',': case ':': case ';': case '-': case '=': case '%': case '&': case '\'': case '"': break;
    default: return stop(c);
    }
    d->blanks = 0;
    return removed(c, 1);
}

/* At the beginning of a line: whether the byte is done with. */
static bool take_offset(struct scan *c, uint8_t byte, uint64_t at, enum scan_result *result)
{
    struct digits *d = &c->state->digits;
    int digit = digit_of(byte);
    if (digit && d->waiting < DIGITS_OFFSET) {
        d->lead[d->waiting++] = (uint8_t)digit;
        return true;
    }
    if (d->waiting && d->lead[d->waiting - 1] == '0' && is_x(byte)) {
        d->waiting--;
        *result = give_up(c, at - 1);
        if (*result == SCAN_DONE)
            *result = removed(c, 2);
        d->blanks = 0;
        return true;
    }
    if (d->waiting < DIGITS_OFFSET_LEAST || (byte != ' ' && byte != ':'))
        return false;
    *result = removed(c, d->waiting + 1U);
    d->waiting = 0;
    d->place = DIGITS_PLAIN;
    d->numbered = true;
    d->colon = byte == ':';
    d->blanks = byte == ' ';
    d->since = 0;
    return true;
}

static enum scan_result take_text(struct scan *c, uint64_t at)
{
    struct digits *d = &c->state->digits;
    if (d->hidden && spans_add_span(&c->state->spans, (struct span){at, at + 1, 1, d->rule}))
        return SCAN_NO_MEMORY;
    d->length++;
    return SCAN_DONE;
}

/* Whether the byte is done with by what came before it. */
static bool take_special(struct scan *c, uint8_t byte, uint64_t at, enum scan_result *result)
{
    struct digits *d = &c->state->digits;
    uint8_t place = d->place;
    if (place == DIGITS_TEXT && byte != '\n') {
        if (d->length < DIGITS_COLUMN) {
            *result = take_text(c, at);
            return true;
        }
        *result = stop(c);
        return false;
    }
    if (place == DIGITS_LINE && take_offset(c, byte, at, result))
        return true;
    if (place == DIGITS_ZERO && is_x(byte)) {
        d->waiting = 0;
        d->blanks = 0;
        *result = removed(c, 2);
    } else if ((place == DIGITS_BACKSLASH || place == DIGITS_HASH) && is_x(byte)) {
        *result = removed(c, 1);
    } else if ((place == DIGITS_BACKSLASH && byte == 'u') || ((place == DIGITS_U || place == DIGITS_U0) && byte == '0')) {
        *result = removed(c, 1);
        if (place != DIGITS_U0) {
            d->place = byte == 'u' ? DIGITS_U : DIGITS_U0;
            return true;
        }
    } else {
        if (place == DIGITS_U || place == DIGITS_U0)
            *result = stop(c);
        else
            *result = give_up(c, at);
        return false;
    }
    d->place = DIGITS_PLAIN;
    return true;
}

static enum scan_result step(struct scan *c, uint8_t byte, uint64_t at)
{
    enum scan_result result = SCAN_DONE;
    if (c->state->digits.place != DIGITS_PLAIN && (take_special(c, byte, at, &result) || result != SCAN_DONE))
        return result;
    return take_plain(c, byte, at);
}

/* ---- texts ------------------------------------------------------------------------------------------ */

static bool is_idle(const struct view_state *state)
{
    return state->run.count == 0 && state->digits.place == DIGITS_PLAIN && !state->digits.numbered;
}

static enum scan_result feed(struct scan *c, const uint8_t *text, size_t length, uint64_t base)
{
    struct sift sift;
    sift_begin(&sift, c->folding, text, length);
    enum scan_result result = SCAN_DONE;
    for (size_t at = 0; at < length && result == SCAN_DONE; at++) {
        if (is_idle(c->state)) {
            c->state->digits.gap = c->state->digits.lines = 0;
            at = sift_next(&sift, at);
        }
        if (at < length)
            result = step(c, text[at], base + at);
    }
    return result;
}

static uint64_t end_of(const struct view_text *text)
{
    return text->start + text->held_length + text->length;
}

/* After a registration: what is complete in the held text. */
static enum scan_result search_held(struct scan *c)
{
    struct view_state *state = c->state;
    struct digits kept = state->digits;
    struct run run = {0};
    enum scan_result result = run_copy(&run, &state->run);
    keep_digits(state, 0);
    state->digits = (struct digits){.place = DIGITS_PLAIN};
    if (result == SCAN_DONE)
        result = feed(c, c->text->held, c->text->held_length, c->text->start);
    if (result == SCAN_DONE)
        result = give_up(c, c->text->start + c->text->held_length);
    if (result == SCAN_DONE)
        result = settle_digits(c);
    if (result == SCAN_DONE)
        result = run_copy(&state->run, &run);
    run_free(&run);
    state->digits = kept;
    state->digits.searched = 0;
    return result;
}

static enum scan_result begin(struct scan *c)
{
    const struct view_state *kept = &c->view->kept;
    struct view_state *work = c->state;
    spans_clear(&work->spans);
    work->digits = kept->digits;
    if (spans_copy(&work->spans, &kept->spans) || run_copy(&work->run, &kept->run) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    /* Of what can begin nothing only that is kept which is held for others: they may yet be registered. */
    size_t first = 0;
    while (first < work->digits.least && place_at(work->run.places[first]) < c->text->start)
        first++;
    keep_digits(work, work->run.count - first);
    return c->view->forgotten && c->text->held_length ? search_held(c) : SCAN_DONE;
}

/* Where the earliest beginning of an occurrence that is under way would begin to cover; what waits is `waiting` bytes. */
static enum scan_result find_live(struct scan *c, unsigned waiting, size_t *least)
{
    const struct run *run = &c->state->run;
    *least = run->count;
    for (unsigned i = 0; i < c->folding->set.count; i++) {
        size_t start;
        enum scan_result result = search_live(c->folding->set.groups[i], run->bytes, run->count, &start);
        if (result != SCAN_DONE)
            return result;
        *least = start < *least ? start : *least;
    }
    if (*least == run->count)
        return SCAN_DONE;
    size_t from = run_covered_from(run, *least, run->count);
    bool wrapped = !waiting && c->state->digits.lines > 0;
    bool let_go = from == *least && wrapped && run_bytes(run, *least, run->count) < RUN_BEFORE_WRAP;
    uint64_t at = let_go ? end_of(c->text) - c->state->digits.waiting : place_at(run->places[from]);
    at = at < c->text->start ? c->text->start : at;
    c->view->live = at < c->view->live ? at : c->view->live;
    return SCAN_DONE;
}

/* Finds what must be held, if the digits that wait are digits of a secret, and if they are not. */
static enum scan_result finish(struct scan *c)
{
    struct run *run = &c->state->run;
    struct digits *d = &c->state->digits;
    size_t count = run->count, least = count;
    if (run_reserve(run, d->waiting) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    for (unsigned i = 0; i < d->waiting; i++) {
        run->bytes[count + i] = d->lead[i];
        run->places[count + i] = place_of(end_of(c->text) - d->waiting + i, i == 0 && count && d->lines > 0);
    }
    enum scan_result result = SCAN_DONE;
    for (unsigned taken = 0; taken <= d->waiting && result == SCAN_DONE; taken++) {
        size_t live;
        if (taken && taken < d->waiting && (taken + 1U < d->waiting || d->lead[taken] != '0'))
            continue; /* but the last one may be the zero before an x */
        run->count = count + taken;
        result = find_live(c, taken, &live);
        least = live < least ? live : least;
    }
    run->count = count;
    d->least = least;
    return result;
}

enum scan_result digiting_scan(struct view *view, const struct folding *folding, const struct view_text *text, bool last)
{
    struct scan c = {view, &view->work, folding, text};
    view->scanned = true;
    view->live = end_of(text);
    enum scan_result result = begin(&c);
    if (result == SCAN_DONE)
        result = feed(&c, text->data, text->length, text->start + text->held_length);
    if (result == SCAN_DONE && last)
        result = give_up(&c, view->live);
    if (result == SCAN_DONE)
        result = settle_digits(&c);
    return result == SCAN_DONE && !last ? finish(&c) : result;
}
