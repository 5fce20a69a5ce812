/*
 * From the occurrences in a run of folded text to the bytes of the stream that they cover.
 *
 * An occurrence covers its bytes and what was removed between them, but no escape sequence. By the newline
 * rule (run.h) it may begin to cover later than it begins.
 */
#ifndef RUNNERLIB_COVER_H
#define RUNNERLIB_COVER_H

#include "view.h"

/* Adds to `spans` what the longest occurrences that end at each place of the run cover, and forgets them. `joined`:
 * only those that have a soft wrap in them count. 0, or -1: no memory. */
int cover(const struct run *run, const struct view_text *text, bool joined, struct longest *longest,
          struct spans *spans);

#endif
