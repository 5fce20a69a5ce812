#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "digiting.h"
#include "emit.h"

/* A hold up to this long may be scanned again with each chunk: it is cheaper than carrying states. */
enum { SHORT_HOLD = 64 };

/* A chunk longer than this is not appended to the held bytes: only its beginning is, see scan_seam. */
enum { SEAM_LIMIT = 2048 };

void stream_free(struct stream *s)
{
    spans_free(&s->spans);
    view_free(&s->view);
    view_free(&s->joined);
    view_free(&s->digits);
    shaping_free(&s->shaping);
    tally_free(&s->tally);
    free(s->store);
    memset(s, 0, sizeof *s);
}

static void forget_states(struct stream *s)
{
    s->carried = false;
    s->debt = 0;
}

void stream_forget(struct stream *s)
{
    forget_states(s);
    memset(s->course, 0, sizeof s->course);
    view_forget(&s->view);
    view_forget(&s->joined);
    view_forget(&s->digits);
}

void stream_unscan(struct stream *s)
{
    forget_states(s); /* all else is made anew from what is kept */
}

/* Makes room for `more` bytes behind the kept ones. They move to the front only when they are fewer
 * than those given up before them, so that a byte moves once on average. */
static int reserve(struct stream *s, size_t more)
{
    if (more > SIZE_MAX / 2 - s->kept)
        return -1;
    if (more <= s->room - s->first - s->kept)
        return 0;
    if (s->kept <= s->first && s->kept + more <= s->room) {
        memmove(s->store, s->store + s->first, s->kept);
        s->first = 0;
        return 0;
    }
    size_t room = s->kept + more + s->kept / 2 + 64;
    uint8_t *store = malloc(room);
    if (!store)
        return -1;
    if (s->kept)
        memcpy(store, s->store + s->first, s->kept);
    free(s->store);
    s->store = store;
    s->first = 0;
    s->room = room;
    return 0;
}

/* ---- scanning -------------------------------------------------------------------------------- */

static enum scan_result scan_text(struct stream *s, const struct set *set, const uint8_t *text,
                                  size_t length, uint64_t base)
{
    for (unsigned i = 0; i < set->count; i++) {
        enum scan_result result = search_text(set->groups[i], text, length, base, &s->spans, &s->course[i]);
        if (result != SCAN_DONE)
            return result;
    }
    return SCAN_DONE;
}

/* Where the earliest live prefix in the text begins, for any group. */
static enum scan_result live_start(const struct set *set, const uint8_t *text, size_t length, size_t *live)
{
    *live = length;
    for (unsigned i = 0; i < set->count; i++) {
        size_t start;
        enum scan_result result = search_live(set->groups[i], text, length, &start);
        if (result != SCAN_DONE)
            return result;
        *live = start < *live ? start : *live;
    }
    return SCAN_DONE;
}

/* Scans a text that begins at `base`, and finds the limit in it: then, when its end is in the cache. */
static enum scan_result scan_to_end(struct stream *s, const struct set *set, const uint8_t *text,
                                    size_t length, uint64_t base)
{
    size_t live = length;
    enum scan_result result = scan_text(s, set, text, length, base);
    if (result == SCAN_DONE && !s->last)
        result = live_start(set, text, length, &live);
    s->limit = base + live;
    return result;
}

/* Puts the beginning of the chunk behind the held bytes; what is held does not change. */
static uint8_t *join(struct stream *s, size_t part)
{
    if (reserve(s, part))
        return NULL;
    uint8_t *text = s->store + s->first;
    if (part)
        memcpy(text + s->kept, s->data, part);
    return text;
}

/* Held bytes and a long chunk: instead of joining them, scan the held bytes with just enough of the
 * chunk that no pattern can begin in them and end beyond, and then the chunk by itself. */
static enum scan_result scan_seam(struct stream *s, const struct set *set)
{
    for (size_t part = 64;; part *= 2) {
        part = part < set->longest ? part : set->longest; /* scan_afresh: the chunk is not shorter */
        const uint8_t *text = join(s, part);
        if (!text)
            return SCAN_NO_MEMORY;
        size_t live;
        enum scan_result result = live_start(set, text, s->kept + part, &live);
        if (result != SCAN_DONE)
            return result;
        if (live >= s->kept)
            return scan_text(s, set, text, s->kept + part, s->live);
    }
}

static enum scan_result scan_afresh(struct stream *s, const struct set *set)
{
    spans_clear(&s->spans);
    if (s->kept == 0)
        return scan_to_end(s, set, s->data, s->length, s->end);
    if (s->length <= SEAM_LIMIT || s->length < set->longest) {
        const uint8_t *text = join(s, s->length);
        return text ? scan_to_end(s, set, text, s->kept + s->length, s->live) : SCAN_NO_MEMORY;
    }
    enum scan_result result = scan_seam(s, set);
    return result == SCAN_DONE ? scan_to_end(s, set, s->data, s->length, s->end) : result;
}

static enum scan_result run_automata(struct stream *s, const struct set *set, const uint8_t *text,
                                     size_t length, uint64_t base)
{
    for (unsigned i = 0; i < set->count; i++)
        if (automaton_scan(group_automaton(set->groups[i]), &s->states[i], text, length, base, &s->spans))
            return SCAN_NO_MEMORY;
    return SCAN_DONE;
}

static enum scan_result scan_onwards(struct stream *s, const struct set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (!group_automaton(set->groups[i]))
            return SCAN_NEEDS_AUTOMATON;
    enum scan_result result = SCAN_DONE;
    if (!s->carried) {
        spans_clear(&s->spans);
        memset(s->states, 0, sizeof s->states);
        result = run_automata(s, set, s->store + s->first, s->kept, s->live);
    }
    s->carried = false; /* until this scan is committed */
    if (result == SCAN_DONE)
        result = run_automata(s, set, s->data, s->length, s->end);
    if (result != SCAN_DONE)
        return result;
    uint64_t held = 0;
    for (unsigned i = 0; i < set->count; i++) {
        uint32_t live = automaton_live(group_automaton(set->groups[i]), s->states[i]);
        held = live > held ? live : held;
    }
    s->limit = s->end + s->length - held;
    s->carried = true;
    return SCAN_DONE;
}

static enum scan_result scan_views(struct stream *s, const struct set *set)
{
    if (!set->folding && !set->digits && !set->shapes)
        return SCAN_DONE;
    struct view_text text = {
        .start = s->live,
        .held = s->store + s->first,
        .data = s->data,
        .held_length = s->kept,
        .length = s->length,
    };
    enum scan_result result = SCAN_DONE;
    if (set->folding)
        result = view_scan(&s->view, set->folding, &text, s->last);
    if (set->joined && result == SCAN_DONE)
        result = view_scan(&s->joined, set->joined, &text, s->last);
    if (set->digits && result == SCAN_DONE)
        result = digiting_scan(&s->digits, set->digits, &text, s->last);
    if (set->shapes && result == SCAN_DONE)
        result = shaping_scan(&s->shaping, set->shapes, &text, s->last);
    return result;
}

/* How many bytes may be scanned again before states are carried: until that has cost what building the
 * automata will, or, where they exist, what going over the held bytes once more will. */
static uint64_t debt_limit(const struct set *set)
{
    enum { AGAIN = 4096, BYTES_PER_PATTERN_BYTE = 1024 };
    uint64_t limit = AGAIN;
    for (unsigned i = 0; i < set->count; i++) {
        const struct patterns *patterns = &set->groups[i]->patterns;
        if (!group_automaton(set->groups[i]))
            limit += (uint64_t)patterns->start[patterns->count] * BYTES_PER_PATTERN_BYTE;
    }
    return limit;
}

enum scan_result stream_scan(struct stream *s, const struct set *set, const uint8_t *data,
                             size_t length, bool last)
{
    s->data = data;
    s->length = length;
    s->last = last;
    bool long_hold = s->kept > SHORT_HOLD && length < s->kept;
    if (long_hold && !s->carried)
        s->debt += s->kept;
    else if (!long_hold)
        forget_states(s);
    bool carry = s->carried || s->debt > debt_limit(set);
    /* Either is repeated if the other one needs an automaton: not what changes the states of automata. And the
     * search of the text waits for memory less than the views do. */
    enum scan_result result = carry ? scan_views(s, set) : scan_afresh(s, set);
    if (result == SCAN_DONE)
        result = carry ? scan_onwards(s, set) : scan_views(s, set);
    if (result != SCAN_DONE)
        return result;
    if (last)
        s->limit = s->end + length; /* as scan_onwards does not know */
    if (set->folding && s->view.live < s->limit)
        s->limit = s->view.live;
    if (set->joined && s->joined.live < s->limit)
        s->limit = s->joined.live;
    if (set->digits && s->digits.live < s->limit)
        s->limit = s->digits.live;
    if (set->shapes && s->shaping.live < s->limit)
        s->limit = s->shaping.live;
    return result;
}

/* ---- output ---------------------------------------------------------------------------------- */

bool stream_is_unchanged(const struct stream *s)
{
    return s->kept == 0 && s->limit == s->end + s->length && !emit_anything(s);
}

size_t stream_size(const struct stream *s, const struct marker *markers)
{
    struct emission e = emit(s, markers, NULL, NULL);
    return e.overflow ? SIZE_MAX : e.size;
}

int stream_reserve(struct stream *s)
{
    uint64_t from = s->limit > s->end ? s->limit : s->end;
    return reserve(s, s->end + s->length - from);
}

/* Gives up what is before the limit and keeps the rest. */
static void keep(struct stream *s)
{
    uint64_t end = s->end + s->length, from = s->limit > s->end ? s->limit : s->end;
    if (end > from)
        memcpy(s->store + s->first + s->kept, s->data + (from - s->end), end - from);
    size_t dropped = s->limit < s->end ? s->limit - s->live : s->kept;
    s->first += dropped;
    s->kept += end - from;
    s->kept -= dropped;
    if (s->kept == 0)
        s->first = 0;
    s->live = s->limit;
    s->end = end;
}

/* The chunk is settled, and `released` bytes went out. */
static void finish(struct stream *s, size_t released)
{
    s->received += s->length;
    s->released += released;
    if (s->end - s->done > s->most_held)
        s->most_held = s->end - s->done;
    s->data = NULL;
    s->length = 0;
    if (s->last) { /* the stream may be used again, as new */
        s->live = s->done = s->end = 0;
        s->masking = false;
        spans_clear(&s->spans);
        forget_states(s);
        view_reset(&s->view);
        view_reset(&s->joined);
        view_reset(&s->digits);
        shaping_reset(&s->shaping);
    }
}

void stream_pass(struct stream *s)
{
    if (s->limit > s->done)
        s->masking = false;
    s->live = s->done = s->end = s->limit;
    view_commit(&s->view, s->view.work.spans.head);
    view_commit(&s->joined, s->joined.work.spans.head);
    view_commit(&s->digits, s->digits.work.spans.head);
    shaping_commit(&s->shaping, s->shaping.work.spans.head);
    finish(s, s->length);
}

void stream_commit(struct stream *s, const struct marker *markers, uint8_t *output)
{
    struct emission e = emit(s, markers, &s->tally, output);
    s->done = e.done;
    s->masking = e.masking;
    s->rule = e.rule;
    s->marks = e.marks;
    s->spans.head = e.next[EMIT_RAW];
    view_commit(&s->view, e.next[EMIT_FOLDED]);
    view_commit(&s->joined, e.next[EMIT_JOINED]);
    view_commit(&s->digits, e.next[EMIT_DIGITS]);
    shaping_commit(&s->shaping, e.next[EMIT_SHAPES]);
    keep(s);
    finish(s, e.size);
}
