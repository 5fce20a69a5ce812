#include "emit.h"

#include <string.h>

struct writer {
    struct emission e;
    const struct stream *stream;
    const struct spans *lists[EMIT_LISTS];
    unsigned begin, end; /* the lists in [begin, end) are those that are looked at: most scans fill one */
    const struct marker *markers;
    struct tally *tally;
    struct tally_row *row; /* of the present mark, once it was looked up */
    uint8_t *at;
};

static void find_lists(const struct stream *s, const struct spans *lists[EMIT_LISTS])
{
    lists[EMIT_RAW] = &s->spans;
    lists[EMIT_FOLDED] = &s->view.work.spans;
    lists[EMIT_JOINED] = &s->joined.work.spans;
    lists[EMIT_DIGITS] = &s->digits.work.spans;
    lists[EMIT_SHAPES] = &s->shaping.work.spans;
}

bool emit_anything(const struct stream *s)
{
    const struct spans *lists[EMIT_LISTS];
    bool found = false;
    find_lists(s, lists);
    for (unsigned i = 0; i < EMIT_LISTS; i++)
        found |= lists[i]->head != lists[i]->count;
    return found;
}

static void write_bytes(struct writer *w, const uint8_t *bytes, size_t length)
{
    if (length > PTRDIFF_MAX - w->e.size) {
        w->e.overflow = true;
        return;
    }
    if (w->at && length)
        memcpy(w->at + w->e.size, bytes, length);
    w->e.size += length;
}

/* Text up to `to`, which lies in the store and then in the chunk. */
static void write_text(struct writer *w, uint64_t to)
{
    const struct stream *s = w->stream;
    uint64_t from = w->e.done;
    if (from < s->end) {
        uint64_t stop = to < s->end ? to : s->end;
        write_bytes(w, s->store + s->first + (from - s->live), stop - from);
        from = stop;
    }
    if (from < to)
        write_bytes(w, s->data + (from - s->end), to - from);
    w->e.done = to;
}

static inline const struct span *span_of(const struct writer *w, unsigned list)
{
    size_t next = w->e.next[list];
    return next < w->lists[list]->count ? &w->lists[list]->at[next] : NULL;
}

/* The list with the next span, by where it begins: EMIT_LISTS if there is none. */
static unsigned next_list(const struct writer *w)
{
    unsigned next = EMIT_LISTS;
    uint64_t start = UINT64_MAX;
    for (unsigned i = w->begin; i < w->end; i++) {
        const struct span *span = span_of(w, i);
        if (span && span->start < start) {
            start = span->start;
            next = i;
        }
    }
    return next;
}

/* A mark begins; its opener is that of the lists which is complete first. */
static void open_mark(struct writer *w, uint64_t start)
{
    uint32_t first = UINT32_MAX;
    for (unsigned i = w->begin; i < w->end; i++) {
        const struct span *span = span_of(w, i);
        if (span && span->start == start && span->first < first) {
            first = span->first;
            w->e.rule = span->rule;
        }
    }
    const struct marker *marker = &w->markers[w->e.rule & SHAPE_RULE ? 1 + (w->e.rule ^ SHAPE_RULE) : 0];
    write_bytes(w, marker->bytes, marker->length);
    w->e.marks++;
    if (w->tally)
        w->row = tally_mark(w->tally, w->e.rule);
}

static void mask_up_to(struct writer *w, uint64_t end)
{
    if (w->tally) {
        w->row = w->row ? w->row : tally_find(w->tally, w->e.rule);
        w->row->bytes += end - w->e.done;
    }
    w->e.masking = true;
    w->e.done = end;
}

/* The spans that begin up to the limit become markers, the text between them passes. A span that begins
 * in or right behind what is already masked only extends it. A span beyond the limit must wait, because
 * a longer one may still begin before it. */
static void emit_spans(struct writer *w)
{
    for (unsigned list; (list = next_list(w)) < EMIT_LISTS; w->e.next[list]++) {
        struct span span = *span_of(w, list);
        if (span.start > w->e.done || (span.start == w->e.done && !w->e.masking)) {
            if (span.start > w->stream->limit)
                break;
            write_text(w, span.start);
            open_mark(w, span.start);
            mask_up_to(w, span.end);
        } else if (span.end > w->e.done) {
            mask_up_to(w, span.end);
        }
    }
}

struct emission emit(const struct stream *s, const struct marker *markers, struct tally *tally, uint8_t *output)
{
    struct writer w = {.stream = s, .markers = markers, .tally = tally, .at = output};
    w.e.done = s->done;
    w.e.masking = s->masking;
    w.e.rule = s->rule;
    w.e.marks = s->marks;
    find_lists(s, w.lists);
    w.begin = EMIT_LISTS;
    for (unsigned i = 0; i < EMIT_LISTS; i++) {
        w.e.next[i] = w.lists[i]->head;
        if (w.lists[i]->head == w.lists[i]->count)
            continue;
        w.begin = w.begin < i ? w.begin : i;
        w.end = i + 1;
    }
    emit_spans(&w);
    if (s->limit > w.e.done) {
        write_text(&w, s->limit);
        w.e.masking = false;
    }
    return w.e;
}
