/*
 * A run: bytes of the folded text that follow each other, with where each of them comes from. Its grams are all
 * in some pattern, so an occurrence lies wholly in it or does not exist.
 */
#ifndef RUNNERLIB_RUN_H
#define RUNNERLIB_RUN_H

#include "fold.h"
#include "group.h"

/* The newline rule of view.h: so many bytes must be before a soft wrap for them to be covered. */
enum { RUN_BEFORE_WRAP = 4 };

/* Where a folded byte comes from, twice, and one more if a soft wrap is between it and the one before: so two
 * bytes that are neighbours in the text too, with no wrap before either, differ by PLACE_NEXT. */
typedef uint64_t place;

enum { PLACE_NEXT = 2 };

static inline place place_of(uint64_t at, bool wrapped)
{
    return at * 2 + wrapped;
}

static inline uint64_t place_at(place place)
{
    return place / 2;
}

static inline bool place_is_wrapped(place place)
{
    return place & 1;
}

/* FOLD_LETTER has the place of its letter, which is never wrapped then.
 * An event lies in every part that begins before `eventful`: between two of its bytes something was removed, or
 * one of them belongs to a percent escape. */
struct run {
    uint8_t *bytes;
    place *places;
    size_t count, room, eventful;
};

void run_free(struct run *run);

/* Makes room for more bytes. SCAN_DONE or SCAN_NO_MEMORY, like those below. */
enum scan_result run_reserve(struct run *run, size_t more);
enum scan_result run_copy(struct run *to, const struct run *from);

/* Puts text behind it that is folded as it stands and begins at the offset `at`. */
enum scan_result run_append(struct run *run, const uint8_t *text, size_t length, uint64_t at);

/* Gives up all but the last bytes. */
void run_keep(struct run *run, size_t count);

/* How many bytes of text are in [start, end), or RUN_BEFORE_WRAP if there are more. */
static inline unsigned run_bytes(const struct run *run, size_t start, size_t end)
{
    unsigned bytes = 0;
    for (size_t i = start; i < end && bytes < RUN_BEFORE_WRAP; i++)
        bytes += run->bytes[i] != FOLD_LETTER;
    return bytes;
}

/* Where an occurrence in [start, end) begins to cover: the newline rule. */
static inline size_t run_covered_from(const struct run *run, size_t start, size_t end)
{
    unsigned bytes = 0;
    for (size_t i = start; i < end && bytes < RUN_BEFORE_WRAP; i++) {
        if (bytes && place_is_wrapped(run->places[i]))
            return i;
        bytes += run->bytes[i] != FOLD_LETTER;
    }
    return start;
}

#endif
