#include "cover.h"

/* What one occurrence adds. */
struct adding {
    const struct run *run;
    const struct view_text *text;
    struct spans *spans;
    uint64_t start; /* what is not covered yet begins here */
    uint64_t end;   /* of the occurrence, as an offset */
    uint32_t rule;
};

static uint8_t byte_at(const struct view_text *text, uint64_t at)
{
    uint64_t i = at - text->start;
    return i < text->held_length ? text->held[i] : text->data[i - text->held_length];
}

/* Covers everything up to `end`. */
static int add_up_to(struct adding *a, uint64_t end)
{
    if (a->start >= end)
        return 0;
    return spans_add_span(a->spans, (struct span){a->start, end, (uint32_t)(a->end - a->start), a->rule});
}

/* Covers what was removed in [at, end) but the escape sequences, and the text before it. Text before a gap is
 * outside of any sequence. */
static int add_gap(struct adding *a, uint64_t at, uint64_t end)
{
    struct fold fold = {0};
    for (; at < end; at++) {
        uint8_t byte = byte_at(a->text, at);
        if (fold.waiting && !fold_goes_on(&fold, byte))
            fold.waiting = 0;
        if (fold_step(&fold, byte) != FOLD_ESCAPE)
            continue;
        if (add_up_to(a, at))
            return -1;
        a->start = at + 1;
    }
    return 0;
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

/* Covers what is between `start`, at or right behind a byte of the run, and `end` but the escape sequences, which
 * folding the gaps once more tells: those before the places in [i, to). Text before the start is out of reach. */
static int add_text(struct adding *a, uint64_t start, uint64_t end, size_t i, size_t to)
{
    const place *places = a->run->places;
    uint64_t least = a->text->start;
    a->start = start < least ? least : start;
    while (i < to) {
        size_t stop = i + 8 < to ? i + 8 : to;
        for (; i < stop; i++) {
            uint64_t at = place_at(places[i - 1]) + 1, next = place_at(places[i]);
            if (next == at || next <= least)
                continue;
            if (add_gap(a, at < least ? least : at, next))
                return -1;
        }
        i = skip_text(places, i, to);
    }
    return add_up_to(a, end);
}

/*
 * Covers what the occurrence in [from, end) covers and none that ends before it does: so each byte is gone over
 * once, and each is put down to the occurrence that is complete first. Of those before, longest[i] is the length
 * of what they cover without a break up to i; what lies between two that only touch is in neither.
 */
static int add_occurrence(struct adding *a, struct longest *longest, size_t from, size_t end)
{
    const place *places = a->run->places;
    size_t start = from, at = end;
    for (;;) {
        size_t low = at;
        while (low > from && longest[low].length == 0)
            low--;
        uint64_t begin = low > from ? place_at(places[low - 1]) + 1 : place_at(places[from]);
        uint64_t stop = at == end ? a->end : place_at(places[at]);
        if (add_text(a, begin, stop, low > from ? low : from + 1, at == end ? end : at + 1))
            return -1;
        if (low == from)
            break;
        at = low - longest[low].length;
        longest[low].length = 0;
        if (at <= from) {
            start = at;
            break;
        }
    }
    longest[end].length = (uint32_t)(end - start);
    return 0;
}

int cover(const struct run *run, const struct view_text *text, bool joined, struct longest *longest,
          struct spans *spans)
{
    size_t wrap = 0; /* the last byte behind one */
    for (size_t end = 1; end <= run->count; end++) {
        if (place_is_wrapped(run->places[end - 1]))
            wrap = end - 1;
        if (joined && end - longest[end].length >= wrap)
            longest[end].length = 0;
        if (longest[end].length == 0)
            continue;
        struct adding a = {
            .run = run,
            .text = text,
            .spans = spans,
            .end = place_at(run->places[end - 1]) + 1,
            .rule = longest[end].rule,
        };
        size_t from = run_covered_from(run, end - longest[end].length, end);
        longest[end].length = 0;
        if (add_occurrence(&a, longest, from, end))
            return -1;
    }
    return 0;
}
