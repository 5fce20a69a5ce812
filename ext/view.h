/*
 * The folded view of one stream: occurrences of patterns that are interrupted by what folding removes
 * (fold.h), or that mix the case of percent escapes.
 *
 * An occurrence lies in the folded text, between two barriers. It covers its bytes and what was removed
 * between them, but no escape sequence: colours survive. Newline rule: if fewer than RUN_BEFORE_WRAP of
 * its bytes lie before its first soft wrap, it only covers what lies behind that. So the end of a line is
 * not held back for the few bytes by which it resembles the beginning of a pattern.
 *
 * A joined view (fold.h) is one of its own, of the patterns with blanks in them. There an occurrence must have a soft
 * wrap in it; and what may become one is held before it has, because with other blanks the search of the text itself
 * does not know it.
 *
 * What is kept between two chunks is the end of the folded text from which on it may be the beginning of
 * an occurrence, with its offsets, and the state of the folding. A scan works on a copy of these, so it
 * can be repeated; view_commit makes the copy the truth.
 */
#ifndef RUNNERLIB_VIEW_H
#define RUNNERLIB_VIEW_H

#include "digits.h"
#include "fold.h"
#include "folding.h"
#include "run.h"
#include "search.h"

struct view_state {
    struct fold fold;
    struct digits digits; /* instead of `fold` in a digits view */
    struct run run;
    struct spans spans; /* what is covered and not yet put out, and perhaps some more */
};

struct view {
    struct view_state kept, work;
    struct longest *longest; /* while a run is searched: the longest occurrence that ends at each place */
    size_t room;       /* of `longest` */
    uint64_t live;     /* nothing that begins before this offset can still become an occurrence */
    struct search_course course[SET_LIMIT];
    bool forgotten;    /* the held text is to be folded anew */
    bool scanned;      /* there is something to commit */
};

/* The text of a stream that can be read: [start, start + held + length). */
struct view_text {
    uint64_t start;
    const uint8_t *held, *data;
    size_t held_length, length;
};

void view_free(struct view *view);

/* The pattern set has changed: the next scan begins with the held text, as if no sequence were open there. */
void view_forget(struct view *view);

/* Finds what is covered, in view->work.spans, and sets view->live. `last`: nothing may be held. */
enum scan_result view_scan(struct view *view, const struct folding *folding, const struct view_text *text,
                           bool last);

/* The scan counts; `next` is the first of its spans that is not put out. */
void view_commit(struct view *view, size_t next);

/* The stream ends, and may be used again. */
void view_reset(struct view *view);

#endif
