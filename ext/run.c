#include "run.h"

#include <stdlib.h>
#include <string.h>

void run_free(struct run *run)
{
    free(run->bytes);
    free(run->places);
}

enum scan_result run_reserve(struct run *run, size_t more)
{
    if (more <= run->room - run->count)
        return SCAN_DONE;
    size_t room = run->count + more + run->count / 2 + 64;
    uint8_t *bytes = realloc(run->bytes, room);
    run->bytes = bytes ? bytes : run->bytes;
    place *places = bytes ? realloc(run->places, room * sizeof *places) : NULL;
    if (!places)
        return SCAN_NO_MEMORY;
    run->places = places;
    run->room = room;
    return SCAN_DONE;
}

void run_keep(struct run *run, size_t count)
{
    size_t dropped = run->count - count;
    if (count && dropped) {
        memmove(run->bytes, run->bytes + dropped, count);
        memmove(run->places, run->places + dropped, count * sizeof *run->places);
    }
    run->count = count;
    run->eventful = run->eventful > dropped ? run->eventful - dropped : 0;
}

enum scan_result run_copy(struct run *to, const struct run *from)
{
    to->count = to->eventful = 0;
    if (run_reserve(to, from->count) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    if (from->count) {
        memcpy(to->bytes, from->bytes, from->count);
        memcpy(to->places, from->places, from->count * sizeof *to->places);
    }
    to->count = from->count;
    to->eventful = from->eventful;
    return SCAN_DONE;
}

enum scan_result run_append(struct run *run, const uint8_t *text, size_t length, uint64_t at)
{
    if (run_reserve(run, length) != SCAN_DONE)
        return SCAN_NO_MEMORY;
    memcpy(run->bytes + run->count, text, length);
    for (size_t i = 0; i < length; i++)
        run->places[run->count + i] = place_of(at + i, false);
    run->count += length;
    return SCAN_DONE;
}
