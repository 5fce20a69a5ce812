/*
 * Shapes: credentials that are known by their look, not by their value. This is what they look like; shaping.h
 * has how they are found in a stream.
 *
 * In the notation of regular expressions, A = [A-Za-z0-9], W = [A-Za-z0-9_-], U = any byte above a space but
 * DEL and / ? # @ : [ ] { } < > " ' ` \ ^ |
 *     github-token  gh[pousr]_A{36,} or github_pat_A{22}_A{59,}
 *     gitlab-token  glpat-W{20,}(\.W+)*
 *     aws-key-id    A[KS]IA[A-Z0-9]{16}, and no A behind it
 *     slack-token   xox[abprs]-[A-Za-z0-9-]{10,}
 *     jwt           eyJW{7,2048}\.eyJW*(\.W+)*
 *     private-key   -----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----, and what may be a key behind it (block.c), up to the
 *                   end of -----END [A-Z0-9 ]+-----, but not more than 32 KiB; labels have 64 bytes at most
 *     url-password  of [A-Za-z0-9+.-]://U{0,128}:password@ the password: [U:@']+, at most 256 bytes, up to the
 *                   last @ of them behind which there is no sha[0-9]{3}:. It does not begin like the port of a host:
 *                   one to five digits and a ', or, where the user is localhost or has a dot, one of ! $ & ( ) * , ; =
 * Before a token there is no A.
 */
#ifndef RUNNERLIB_SHAPE_H
#define RUNNERLIB_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shape {
    SHAPE_GITHUB, SHAPE_GITLAB, SHAPE_AWS, SHAPE_SLACK, SHAPE_JWT, SHAPE_PEM, SHAPE_URL, SHAPE_COUNT
};

/* The rule of a shape is its number and this bit. */
#define SHAPE_RULE UINT32_C(0x80000000)

/* What a shape begins with: where it may be is found by looking for these. */
struct shape_literal {
    const char *text;
    enum shape shape;
};
enum { SHAPE_LITERALS = 17, SHAPE_LITERAL_LONGEST = 11 };
extern const struct shape_literal shape_literals[SHAPE_LITERALS];

/* NULL behind the last one. */
const char *shape_name(size_t i);

/* Sets of bytes. The first three are those a token may go on with, each is part of the next. */
enum shape_class {
    SHAPE_ALNUM = 1, SHAPE_DASHED = 2, SHAPE_WORD = 4, /* in the last one, a dot with one of them behind it too */
    SHAPE_UPPER = 8, SHAPE_LABEL = 16, SHAPE_USER = 32, SHAPE_SCHEME = 64, SHAPE_PASSWORD = 128, SHAPE_BETWEEN = 256,
    SHAPE_KEY = 512, SHAPE_MARK = 1024, SHAPE_QUOTE = 2048
};
extern const uint16_t shape_classes[256];

static inline bool shape_is(uint8_t byte, enum shape_class class)
{
    return shape_classes[byte] & class;
}

enum { SHAPE_HEADER_LEAST = 7, SHAPE_HEADER_MOST = 2048, SHAPE_LABEL_MOST = 64, SHAPE_BLOCK_MOST = 32 << 10 };
enum { SHAPE_USER_MOST = 128, SHAPE_PASSWORD_MOST = 256 };

#endif
