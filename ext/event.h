/*
 * The finder of events: the bytes with which everything begins that the folded view (fold.h) removes or
 * alters. Between two of them the view is the text itself, so this is all that is asked of most bytes.
 */
#ifndef RUNNERLIB_EVENT_H
#define RUNNERLIB_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVENT_BLOCK = 64 };

/* 1 for an event, else 0. */
extern const uint8_t event_table[256];

static inline bool event_is(uint8_t byte)
{
    return event_table[byte];
}

/* Bit i of masks[b] is set if text[64 * b + i] is such a byte. Exactly the blocks are read. */
void event_portable(const uint8_t *text, size_t blocks, uint64_t *masks);
#if defined(__x86_64__)
void event_ssse3(const uint8_t *text, size_t blocks, uint64_t *masks);
void event_avx2(const uint8_t *text, size_t blocks, uint64_t *masks);
void event_avx512(const uint8_t *text, size_t blocks, uint64_t *masks);
#elif defined(__aarch64__)
void event_neon(const uint8_t *text, size_t blocks, uint64_t *masks);
#endif

#endif
