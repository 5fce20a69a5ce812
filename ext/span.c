#include "span.h"

#include <stdlib.h>
#include <string.h>

void spans_free(struct spans *list)
{
    free(list->at);
    memset(list, 0, sizeof *list);
}

/* Makes room for one more interval: consumed ones are dropped before memory is asked for. */
static int make_room(struct spans *list)
{
    if (list->count < list->room)
        return 0;
    size_t live = list->count - list->head;
    if (!list->single && list->head > 0 && list->head >= live) {
        memmove(list->at, list->at + list->head, live * sizeof *list->at);
        list->head = 0;
        list->count = live;
        return 0;
    }
    size_t room = list->room ? list->room * 2 : 16;
    struct span *at = realloc(list->at, room * sizeof *at);
    if (!at)
        return -1;
    list->at = at;
    list->room = room;
    return 0;
}

int spans_copy(struct spans *to, const struct spans *from)
{
    for (size_t i = from->head; i < from->count; i++)
        if (spans_add_span(to, from->at[i]))
            return -1;
    return 0;
}

/* Makes one interval of two that overlap or touch. */
static struct span united(struct span a, struct span b)
{
    bool opens = b.start < a.start || (b.start == a.start && b.first < a.first);
    uint64_t end = a.end > b.end ? a.end : b.end;
    a = opens ? b : a;
    a.end = end;
    return a;
}

int spans_insert(struct spans *list, struct span added)
{
    if (make_room(list))
        return -1;
    if (list->single) {
        list->at[list->count++] = added;
        list->head = list->count;
        return 0;
    }

    /* [low, high) are the intervals that the new one overlaps or touches. Scans find spans nearly in
     * order, so both ends are close to the end of the list. */
    size_t high = list->count;
    while (high > list->head && list->at[high - 1].start > added.end)
        high--;
    size_t low = high;
    while (low > list->head && list->at[low - 1].end >= added.start)
        added = united(list->at[--low], added);
    list->moved += list->count - low;

    size_t after = list->count - high;
    if (after && high != low + 1)
        memmove(list->at + low + 1, list->at + high, after * sizeof *list->at);
    list->at[low] = added;
    list->count = low + 1 + after;
    return 0;
}
