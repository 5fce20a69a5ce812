/*
 * A run: bytes of the folded text that follow each other, with where each of them comes from. Its grams are all
 * in some pattern, so an occurrence lies wholly in it or does not exist.
 */
#ifndef RUNNERLIB_RUN_H
#define RUNNERLIB_RUN_H

#include "group.h"

/* The newline rule of view.h: so many bytes must be before a soft wrap for them to be covered. */
enum { RUN_BEFORE_WRAP = 4 };

/* Where a folded byte comes from, and whether a soft wrap is between it and the one before. */
struct place {
    uint64_t at : 63, wrapped : 1;
};

/* An event lies in every part that begins before `eventful`: between two of its bytes something was removed, or
 * one of them belongs to a percent escape. */
struct run {
    uint8_t *bytes;
    struct place *places;
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

/* Where an occurrence in [start, end) begins to cover: the newline rule. */
size_t run_covered_from(const struct run *run, size_t start, size_t end);

#endif
