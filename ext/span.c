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
    if (list->head > 0 && list->head >= live) {
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

int spans_insert(struct spans *list, uint64_t start, uint64_t end)
{
    if (make_room(list))
        return -1;

    /* [low, high) are the intervals that the new one overlaps or touches. Scans find spans nearly in
     * order, so both ends are close to the end of the list. */
    size_t high = list->count;
    while (high > list->head && list->at[high - 1].start > end)
        high--;
    size_t low = high;
    while (low > list->head && list->at[low - 1].end >= start) {
        low--;
        if (list->at[low].start < start)
            start = list->at[low].start;
        if (list->at[low].end > end)
            end = list->at[low].end;
    }
    list->moved += list->count - low;

    size_t after = list->count - high;
    if (after && high != low + 1)
        memmove(list->at + low + 1, list->at + high, after * sizeof *list->at);
    list->at[low] = (struct span){start, end};
    list->count = low + 1 + after;
    return 0;
}
