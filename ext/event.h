/*
 * The finder of events: the bytes with which everything begins that the folded view (fold.h) removes or
 * alters. Between two of them the view is the text itself, so this is all that is asked of most bytes.
 */
#ifndef RUNNERLIB_EVENT_H
#define RUNNERLIB_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVENT_BLOCK = 64, EVENT_SPARE = 16 };

/* 1 for an event, else 0. */
extern const uint8_t event_table[256];

static inline bool event_is(uint8_t byte)
{
    return event_table[byte];
}

/*
 * Lists the events of text[0, 64 * blocks), at most 1024 blocks, and returns how many there are. Exactly the
 * blocks are read; up to EVENT_SPARE numbers are written behind the last one.
 */
size_t event_portable(const uint8_t *text, size_t blocks, uint16_t *events);
#if defined(__x86_64__)
size_t event_ssse3(const uint8_t *text, size_t blocks, uint16_t *events);
size_t event_avx2(const uint8_t *text, size_t blocks, uint16_t *events);
size_t event_avx512(const uint8_t *text, size_t blocks, uint16_t *events);
#elif defined(__aarch64__)
size_t event_neon(const uint8_t *text, size_t blocks, uint16_t *events);
#endif

#endif
