/*
 * A list of spans: the union of the byte ranges added to it, kept as disjoint intervals in rising
 * order. Ranges that overlap or touch become one, because one marker stands for each interval.
 *
 * Positions are absolute offsets in a stream, so a list may outlive the chunk it was found in.
 *
 * Each interval is put down to one range, its opener: of those that cover its first byte the one whose
 * occurrence is complete first. A mark goes out no sooner than that and with nothing complete before it, so the
 * opener does not depend on how the text was cut.
 */
#ifndef RUNNERLIB_SPAN_H
#define RUNNERLIB_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    uint64_t start, end;
    uint32_t first; /* the opener is complete so many bytes behind the start */
    uint32_t rule;  /* of the opener */
};

/* What a search in a table finds for one end: the longest occurrence, 0 for none. */
struct longest {
    uint32_t length, rule;
};

struct spans {
    struct span *at;
    size_t head;    /* intervals before this one are consumed */
    size_t count;   /* end of the list, as an index into `at` */
    size_t room;
    uint64_t moved; /* intervals stepped over so far: what out-of-order additions have cost */

    /* If not NULL, nothing is listed: longest[end] becomes the longest range that ends there. */
    struct longest *longest;
    bool single; /* ranges are listed as they come, one by one: at[0, count), and head is count */
};

void spans_free(struct spans *list);

static inline void spans_clear(struct spans *list)
{
    list->head = list->count = 0;
}

/* Puts what is not consumed of one list into another, an empty one. 0, or -1: no memory. */
int spans_copy(struct spans *to, const struct spans *from);

/* The general case of spans_add. */
int spans_insert(struct spans *list, struct span added);

/* Whether a range opens nothing, being in or right behind the last interval: then that goes on to its end. */
static inline bool spans_extend(struct spans *list, uint64_t start, uint64_t end, uint32_t first)
{
    if (list->count == list->head)
        return false;
    struct span *last = &list->at[list->count - 1];
    if (start < last->start || start > last->end || (start == last->start && first < last->first))
        return false;
    if (end > last->end)
        last->end = end;
    return true;
}

/* Adds a range. Returns 0, or -1 when memory ran out (the list is then unchanged). */
static inline int spans_add_span(struct spans *list, struct span added)
{
    return spans_extend(list, added.start, added.end, added.first) ? 0 : spans_insert(list, added);
}

/* Adds the occurrence [start, end) of a pattern of the rule. */
static inline int spans_add(struct spans *list, uint64_t start, uint64_t end, uint32_t rule)
{
    if (list->longest) {
        struct longest *longest = &list->longest[end];
        if (longest->length < end - start)
            *longest = (struct longest){(uint32_t)(end - start), rule};
        return 0;
    }
    return spans_add_span(list, (struct span){start, end, (uint32_t)(end - start), rule});
}

#endif
