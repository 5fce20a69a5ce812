/*
 * What is done with a run (run.h) that is complete: its occurrences, and what they cover.
 */
#ifndef RUNNERLIB_SETTLE_H
#define RUNNERLIB_SETTLE_H

#include "view.h"

/* A scan of the folded view that is under way. */
struct scan {
    struct view *view;
    struct view_state *state; /* view->work */
    const struct folding *folding;
    const struct view_text *text;
};

/* Searches the run, if it can have an occurrence that the search of the text itself does not find, and adds what
 * is covered to the spans of the state. */
enum scan_result settle(struct scan *scan);

/* Makes room for what a search of so many places finds. */
enum scan_result settle_reserve(struct view *view, size_t room);

#endif
