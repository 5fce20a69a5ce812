/*
 * The search of one text for the patterns of one group: prefilter, index, comparison, and the automaton
 * where those do not pay.
 */
#ifndef RUNNERLIB_SEARCH_H
#define RUNNERLIB_SEARCH_H

#include "group.h"

/* What texts that are searched one after the other have told: zeros before the first. */
struct search_course {
    size_t run;  /* how much text is left to the automaton when the prefilter does not pay */
    size_t left; /* of that */
};

/* Adds every occurrence within text[0, length), whose first byte has the offset `base`, to `found`. It is one of
 * many texts, which are alike: so not each of them pays for the prefilter anew.
 * SCAN_NEEDS_AUTOMATON: build it and search again; what was found so far is true. */
enum scan_result search_text(struct group *group, const uint8_t *text, size_t length, uint64_t base,
                             struct spans *found, struct search_course *course);

/* Where the earliest proper prefix of a pattern that runs to the end of the text begins: `length` if there
 * is none. */
enum scan_result search_live(struct group *group, const uint8_t *text, size_t length, size_t *start);

#endif
