#include "shape.h"

const struct shape_literal shape_literals[SHAPE_LITERALS] = {
    {"ghp_", SHAPE_GITHUB},  {"gho_", SHAPE_GITHUB},  {"ghu_", SHAPE_GITHUB},  {"ghs_", SHAPE_GITHUB},
    {"ghr_", SHAPE_GITHUB},  {"github_pat_", SHAPE_GITHUB}, {"glpat-", SHAPE_GITLAB}, {"AKIA", SHAPE_AWS},
    {"ASIA", SHAPE_AWS},     {"xoxa-", SHAPE_SLACK},  {"xoxb-", SHAPE_SLACK},  {"xoxp-", SHAPE_SLACK},
    {"xoxr-", SHAPE_SLACK},  {"xoxs-", SHAPE_SLACK},  {"eyJ", SHAPE_JWT},      {"-----BEGIN ", SHAPE_PEM},
    {"://", SHAPE_URL},
};

static const char *const names[SHAPE_COUNT] = {
    "github-token", "gitlab-token", "aws-key-id", "slack-token", "jwt", "private-key", "url-password",
};

const char *shape_name(size_t i)
{
    return i < SHAPE_COUNT ? names[i] : NULL;
}

enum {
    USER = SHAPE_USER | SHAPE_PASSWORD,
    BETWEEN = USER | SHAPE_BETWEEN,
    LOWER = SHAPE_ALNUM | SHAPE_DASHED | SHAPE_WORD | USER | SHAPE_SCHEME | SHAPE_KEY,
    UPPER = LOWER | SHAPE_UPPER | SHAPE_LABEL,
};

const uint16_t shape_classes[256] = {
    ['0' ... '9'] = UPPER,
    ['A' ... 'Z'] = UPPER,
    ['a' ... 'z'] = LOWER,
    ['-'] = SHAPE_DASHED | SHAPE_WORD | USER | SHAPE_SCHEME | SHAPE_MARK,
    ['_'] = SHAPE_WORD | USER,
    ['+'] = USER | SHAPE_SCHEME | SHAPE_KEY,
    ['.'] = USER | SHAPE_SCHEME,
    [' '] = SHAPE_LABEL | SHAPE_MARK,
    ['\t'] = SHAPE_MARK,
    ['!'] = BETWEEN,
    ['"'] = SHAPE_QUOTE,
    ['#'] = SHAPE_MARK,
    ['$'] = BETWEEN,
    ['%'] = USER,
    ['&'] = BETWEEN,
    ['\''] = SHAPE_PASSWORD | SHAPE_QUOTE,
    ['(' ... ')'] = BETWEEN,
    ['*'] = BETWEEN | SHAPE_MARK,
    [','] = BETWEEN,
    ['/'] = SHAPE_KEY,
    [':'] = SHAPE_PASSWORD | SHAPE_MARK,
    [';'] = BETWEEN,
    ['='] = BETWEEN | SHAPE_MARK,
    ['>'] = SHAPE_MARK,
    ['`'] = SHAPE_QUOTE,
    ['|'] = SHAPE_MARK,
    ['~'] = USER,
    [0x80 ... 0xFF] = USER,
};
