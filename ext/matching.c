#include "matching.h"

#include <string.h>

uint8_t matching_byte(const struct matching *m, uint64_t at)
{
    if (at < m->from)
        return m->before[SHAPE_BEFORE - (m->from - at)];
    uint64_t i = at - m->text->start;
    return i < m->text->held_length ? m->text->held[i] : m->text->data[i - m->text->held_length];
}

bool match_boundary(const struct matching *m, uint64_t at)
{
    return at == 0 || !shape_is(matching_byte(m, at - 1), SHAPE_ALNUM);
}

/* The text ends, and so it is not known what is behind it. */
static enum match at_end(const struct matching *m, uint64_t at)
{
    return at == m->stop && !m->last ? MATCH_MORE : MATCH_NO;
}

void match_cover(struct matching *m, enum shape shape, uint64_t start, uint64_t end, uint64_t certain)
{
    struct span span = {start, end, (uint32_t)(certain - start), SHAPE_RULE | shape};
    if (start < end && spans_add_span(&m->state->spans, span))
        m->no_memory = true;
}

/* Where the bytes of the class that begin at `at` end, of which no more than `most` are looked at. */
static uint64_t class_end(const struct matching *m, uint64_t at, enum shape_class class, uint64_t most)
{
    uint64_t end = m->stop - at < most ? m->stop : at + most;
    while (at < end && shape_is(matching_byte(m, at), class))
        at++;
    return at;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* Where the rest of a token ends. Sets the tail, if it may go on behind the text. */
static uint64_t go_on(struct matching *m, uint64_t at, enum shape_class class)
{
    for (;;) {
        at = class_end(m, at, class, UINT64_MAX);
        if (at == m->stop || class != SHAPE_WORD || matching_byte(m, at) != '.')
            break;
        if (at + 1 == m->stop || !shape_is(matching_byte(m, at + 1), class))
            break;
        at += 2;
    }
    bool dot = at + 1 == m->stop && class == SHAPE_WORD && matching_byte(m, at) == '.';
    bool open = !m->last && (at == m->stop || dot);
    if (open && class >= m->state->tail.class)
        m->state->tail = (struct shape_tail){at, class};
    if (at >= m->tail_end || class > m->tail_class) {
        m->tail_end = at;
        m->tail_class = class;
    }
    return at;
}

void match_tail(struct matching *m)
{
    struct shape_tail tail = m->state->tail;
    m->state->tail.class = 0;
    if (tail.class)
        match_cover(m, SHAPE_JWT, tail.at, go_on(m, tail.at, tail.class), tail.at);
}

/* `least` bytes of a class, and then the tail. */
static enum match match_run(struct matching *m, enum shape shape, uint64_t start, uint64_t at,
                            enum shape_class class, unsigned least)
{
    uint64_t certain = class_end(m, at, class, least);
    if (certain - at < least)
        return at_end(m, certain);
    match_cover(m, shape, start, go_on(m, certain, class), certain);
    return MATCH_YES;
}

static enum match match_pat(struct matching *m, uint64_t start, uint64_t at)
{
    enum { FIRST = 22, SECOND = 59 };
    uint64_t end = class_end(m, at, SHAPE_ALNUM, FIRST);
    if (end - at < FIRST || end == m->stop || matching_byte(m, end) != '_')
        return at_end(m, end);
    return match_run(m, SHAPE_GITHUB, start, end + 1, SHAPE_ALNUM, SECOND);
}

static enum match match_aws(struct matching *m, uint64_t start, uint64_t at)
{
    enum { LENGTH = 16 };
    uint64_t end = class_end(m, at, SHAPE_UPPER, LENGTH);
    if (end - at < LENGTH || (end == m->stop && !m->last))
        return at_end(m, end);
    if (end < m->stop && shape_is(matching_byte(m, end), SHAPE_ALNUM))
        return MATCH_NO;
    match_cover(m, SHAPE_AWS, start, end, end < m->stop ? end + 1 : end);
    return MATCH_YES;
}

/* Where the header that begins at `at` ends, or where it is too long. No byte is gone over twice. */
static uint64_t header_end(struct matching *m, uint64_t at)
{
    uint64_t most = at + SHAPE_HEADER_MOST + 1;
    if (at < m->word || at > m->word_end)
        m->word = m->word_end = at;
    if (m->word_end < most)
        m->word_end = class_end(m, m->word_end, SHAPE_WORD, most - m->word_end);
    return m->word_end < most ? m->word_end : most;
}

static enum match match_jwt(struct matching *m, uint64_t start, uint64_t at)
{
    static const char again[] = ".eyJ";
    uint64_t end = header_end(m, at), length = end - at;
    if (length > SHAPE_HEADER_MOST)
        return MATCH_NO;
    if (end < m->stop && length < SHAPE_HEADER_LEAST)
        return MATCH_NO;
    for (unsigned i = 0; i < sizeof again - 1; i++, end++)
        if (end == m->stop || matching_byte(m, end) != (uint8_t)again[i])
            return at_end(m, end);
    match_cover(m, SHAPE_JWT, start, go_on(m, end, SHAPE_WORD), end);
    return MATCH_YES;
}

/* ---- private keys ---------------------------------------------------------------------------- */

static bool ends_with(const struct matching *m, uint64_t start, uint64_t end, const char *text, size_t length)
{
    if (end - start < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (matching_byte(m, end - length + i) != (uint8_t)text[i])
            return false;
    return true;
}

/* Whether a label is that of a private key, or may become it with `more` bytes. */
static bool is_key(const struct matching *m, uint64_t start, uint64_t end, size_t more)
{
    static const char text[] = "PRIVATE KEY BLOCK";
    enum { KEY = 11, BLOCK = sizeof text - 1 };
    for (size_t length = 0; length <= BLOCK; length++) {
        size_t missing = (length <= KEY ? KEY : BLOCK) - length;
        if (missing <= more && ends_with(m, start, end, text, length))
            return true;
    }
    return false;
}

static enum match match_begin(struct matching *m, uint64_t start, uint64_t at)
{
    uint64_t end = class_end(m, at, SHAPE_LABEL, SHAPE_LABEL_MOST + 1);
    if (end - at > SHAPE_LABEL_MOST || !is_key(m, at, end, end == m->stop ? SHAPE_LABEL_MOST - (end - at) : 0))
        return MATCH_NO;
    for (unsigned i = 0; i < 5; i++, end++)
        if (end == m->stop || matching_byte(m, end) != '-')
            return at_end(m, end);
    match_cover(m, SHAPE_PEM, start, end, end);
    m->state->block = (struct shape_block){.at = end, .from = end, .left = SHAPE_BLOCK_MOST};
    match_block(m);
    return MATCH_YES;
}

/* ---- URLs ------------------------------------------------------------------------------------ */

enum { NO_URL, USER, PASSWORD, AFTER }; /* AFTER: behind an @, which may not be the last one */

/* Takes a byte of the user. Whether that may be a host, and what follows its port, is asked later. */
static void step_user(struct shape_url *u, uint8_t byte)
{
    static const char local[] = "localhost";
    if (byte == ':') {
        u->host = (u->dotted && !u->odd) || (u->local == sizeof local - 1 && u->count == u->local);
        u->phase = PASSWORD;
        u->start = u->at + 1;
        return;
    }
    u->local += u->local == u->count && u->count < sizeof local - 1 && byte == (uint8_t)local[u->count];
    u->dotted |= byte == '.';
    u->odd |= !(shape_is(byte, SHAPE_ALNUM) || byte == '-' || byte == '.');
    if (!shape_is(byte, SHAPE_USER) || ++u->count > SHAPE_USER_MOST)
        u->phase = NO_URL;
}

/* Whether this is the byte behind a port, which a host has and no password: a quote, or what is between two words
 * where the user looks like a host. */
static bool ends_port(struct shape_url *u, uint8_t byte)
{
    enum { DIGITS = 5, NONE = DIGITS + 1 };
    if (u->port < NONE && byte >= '0' && byte <= '9') {
        u->port++;
        return false;
    }
    bool port = u->port > 0 && u->port < NONE;
    u->port = NONE;
    return port && (byte == '\'' || (u->host && shape_is(byte, SHAPE_BETWEEN)));
}

/* Takes a byte behind the next @: whether "sha256:" or the like is complete, so that it begins a digest. */
static bool step_digest(struct shape_url *u, uint8_t byte)
{
    static const char name[] = "sha###:"; /* three digits */
    char want = name[u->digest];
    u->digest += want == '#' ? byte >= '0' && byte <= '9' : byte == (uint8_t)want;
    return u->digest == sizeof name - 1;
}

/* The next @, if it waits for what is behind it, ends a password. `at`: when that is known. */
static void take_at(struct matching *m, uint64_t at)
{
    struct shape_url *u = &m->state->url;
    if (!u->waits)
        return;
    match_cover(m, SHAPE_URL, u->start, u->next, at);
    u->last = u->next;
    u->waits = false;
    u->phase = AFTER;
}

/* Takes a byte of the password, or what is behind an @. */
static void step_password(struct matching *m, struct shape_url *u, uint8_t byte)
{
    uint64_t length = u->at - u->start;
    if (u->waits) {
        uint8_t known = u->digest;
        if (step_digest(u, byte))
            u->waits = false;
        else if (u->digest == known)
            take_at(m, u->at + 1);
    }
    if (ends_port(u, byte)) {
        u->phase = NO_URL;
    } else if (byte == '@' && length > 0 && length <= SHAPE_PASSWORD_MOST) {
        u->next = u->at;
        u->waits = true;
        u->digest = 0;
    } else if (!u->waits && (!shape_is(byte, SHAPE_PASSWORD) || length >= SHAPE_PASSWORD_MOST)) {
        u->phase = NO_URL;
    }
}

void match_url(struct matching *m)
{
    struct shape_url *u = &m->state->url;
    for (; u->phase && u->at < m->stop; u->at++) {
        uint8_t byte = matching_byte(m, u->at);
        if (u->phase == USER)
            step_user(u, byte);
        else
            step_password(m, u, byte);
    }
    if (m->last) {
        take_at(m, m->stop);
        u->phase = NO_URL;
    }
}

uint64_t match_url_hold(const struct matching *m)
{
    const struct shape_url *u = &m->state->url;
    return u->phase == PASSWORD ? u->start : u->phase == AFTER ? u->last : m->stop;
}

/* ---- all of them ----------------------------------------------------------------------------- */

enum shape_class match_class(unsigned literal)
{
    switch (shape_literals[literal].shape) {
    case SHAPE_SLACK: return SHAPE_DASHED;
    case SHAPE_GITHUB: /* its tail is narrower, but its literal is not */
    case SHAPE_GITLAB:
    case SHAPE_JWT: return SHAPE_WORD;
    default: return 0;
    }
}

enum match match_literal(struct matching *m, unsigned literal, uint64_t start)
{
    uint64_t at = start + strlen(shape_literals[literal].text);
    switch (shape_literals[literal].shape) {
    case SHAPE_GITHUB:
        if (at - start == SHAPE_LITERAL_LONGEST)
            return match_pat(m, start, at);
        return match_run(m, SHAPE_GITHUB, start, at, SHAPE_ALNUM, 36);
    case SHAPE_GITLAB: return match_run(m, SHAPE_GITLAB, start, at, SHAPE_WORD, 20);
    case SHAPE_SLACK: return match_run(m, SHAPE_SLACK, start, at, SHAPE_DASHED, 10);
    case SHAPE_AWS: return match_aws(m, start, at);
    case SHAPE_JWT: return match_jwt(m, start, at);
    case SHAPE_PEM: return match_begin(m, start, at);
    default: break;
    }
    m->state->url = (struct shape_url){.at = at, .phase = USER};
    match_url(m);
    return MATCH_YES;
}
