/*
 * Events at a glance: where each event of a window ends, as far as the few bytes behind it tell without any
 * branch, and how events that follow each other directly become one entry (gap.h).
 *
 * `window` is readable for GLANCE_BEHIND bytes behind the last event; what is behind the text is NUL. Offsets
 * count from it. Arrays have room for GLANCE_SPARE numbers behind the last one, which may be written, and
 * behind the last event there are as many offsets in the window, of no importance.
 */
#ifndef RUNNERLIB_GLANCE_H
#define RUNNERLIB_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GLANCE_BEHIND = 9, GLANCE_SPARE = 32, GLANCE_UNKNOWN = 0xFFFF };

/* Sets stops[i] to where events[i] ends: to itself, if the event is plain text, or to GLANCE_UNKNOWN. Returns
 * whether any is unknown. Nothing that is known has another event in it. */
bool glance_portable(const uint8_t *window, const uint16_t *events, size_t count, uint16_t *stops);

/* Drops the events that end where they begin, and makes one of those that touch: entry i is
 * [start[i], stop[i + 1]), stop[0] is of no importance. Returns the number of entries. Alters its input. */
size_t glance_join_portable(uint16_t *events, uint16_t *stops, size_t count, uint16_t *start, uint16_t *stop);

#if defined(__x86_64__)
bool glance_avx512(const uint8_t *window, const uint16_t *events, size_t count, uint16_t *stops);
size_t glance_join_avx512(uint16_t *events, uint16_t *stops, size_t count, uint16_t *start, uint16_t *stop);
#endif

#endif
