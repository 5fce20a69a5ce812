/* The digits view (digits.h) of one stream. */
#ifndef RUNNERLIB_DIGITING_H
#define RUNNERLIB_DIGITING_H

#include "view.h"

/* As view_scan; the rest of a view is the same for both. */
enum scan_result digiting_scan(struct view *view, const struct folding *folding, const struct view_text *text, bool last);

#endif
