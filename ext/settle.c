#include "settle.h"

#include <stdlib.h>
#include <string.h>

#include "cover.h"

enum scan_result settle_reserve(struct view *view, size_t room)
{
    if (room <= view->room)
        return SCAN_DONE;
    room += room / 2;
    struct longest *longest = realloc(view->longest, room * sizeof *longest);
    if (!longest)
        return SCAN_NO_MEMORY;
    view->longest = longest;
    view->room = room;
    return SCAN_DONE;
}

enum scan_result settle(struct scan *c)
{
    const struct run *run = &c->state->run;
    if (run->eventful == 0 || run->count < c->folding->shortest)
        return SCAN_DONE;
    enum scan_result result = settle_reserve(c->view, run->count + 1);
    if (result != SCAN_DONE)
        return result;
    struct longest *longest = c->view->longest;
    memset(longest, 0, (run->count + 1) * sizeof *longest);
    struct spans found = {.longest = longest};
    for (unsigned i = 0; i < c->folding->set.count && result == SCAN_DONE; i++)
        result = search_text(c->folding->set.groups[i], run->bytes, run->count, 0, &found, &c->view->course[i]);
    if (result != SCAN_DONE)
        return result;
    return cover(run, c->text, c->folding->joined, longest, &c->state->spans) ? SCAN_NO_MEMORY : SCAN_DONE;
}
