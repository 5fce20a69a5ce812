/*
 * A list of spans: the union of the byte ranges added to it, kept as disjoint intervals in rising
 * order. Ranges that overlap or touch become one, because one marker stands for each interval.
 *
 * Positions are absolute offsets in a stream, so a list may outlive the chunk it was found in.
 */
#ifndef RUNNERLIB_SPAN_H
#define RUNNERLIB_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
    uint64_t start, end;
};

struct spans {
    struct span *at;
    size_t head;    /* intervals before this one are consumed */
    size_t count;   /* end of the list, as an index into `at` */
    size_t room;
    uint64_t moved; /* intervals stepped over so far: what out-of-order additions have cost */

    /* If not NULL, nothing is listed: longest[end] becomes the length of the longest range that ends there. */
    uint32_t *longest;
};

void spans_free(struct spans *list);

static inline void spans_clear(struct spans *list)
{
    list->head = list->count = 0;
}

/* The general case of spans_add. */
int spans_insert(struct spans *list, uint64_t start, uint64_t end);

/* Adds [start, end). Returns 0, or -1 when memory ran out (the list is then unchanged). */
static inline int spans_add(struct spans *list, uint64_t start, uint64_t end)
{
    if (list->longest) {
        if (list->longest[end] < end - start)
            list->longest[end] = (uint32_t)(end - start);
        return 0;
    }
    if (list->count > list->head) {
        struct span *last = &list->at[list->count - 1];
        if (start >= last->start && start <= last->end) {
            if (end > last->end)
                last->end = end;
            return 0;
        }
    }
    return spans_insert(list, start, end);
}

#endif
