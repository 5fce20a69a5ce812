#include "cores.h"

#include <string.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void core_write(const uint8_t *value, size_t length, unsigned before, unsigned bits, uint8_t *text, size_t count)
{
    const char *alphabet = bits == 6 ? base64 : base32;
    /* The first bits of the value belong to a character that the text before it decides, too. */
    unsigned shared = (8 * before + bits - 1) / bits * bits - 8 * before, left = 0;
    uint32_t pending = 0;
    size_t at = 0;
    if (count) {
        pending = value[at++];
        left = 8 - shared;
    }
    for (size_t i = 0; i < count; i++) {
        if (left < bits) {
            pending = pending << 8 | (at < length ? value[at] : 0);
            at++;
            left += 8;
        }
        left -= bits;
        text[i] = (uint8_t)alphabet[pending >> left & ((1U << bits) - 1)];
    }
}

bool core_is_searchable(const uint8_t *text, size_t length, size_t least)
{
    return length >= least && (length < 2 || memcmp(text, text + 1, length - 1) != 0);
}
