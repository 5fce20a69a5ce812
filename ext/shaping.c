#include "shaping.h"

#include <stdlib.h>
#include <string.h>

#include "matching.h"
#include "search.h"

/* The text is searched for literals in blocks, so that the list of them stays short. */
enum { BLOCK = 1 << 16, OVERLAP = SHAPE_LITERAL_LONGEST - 1 };

/* What is held, and so searched again, is less; the bytes before and behind it come on top. */
enum { SEAM_MOST = SHAPE_BEFORE + SHAPE_HEADER_MOST + 64 + OVERLAP };

struct scan {
    struct shaping *shaping;
    const struct shapes *shapes;
    struct matching m;
    uint64_t url_seen;  /* an URL that begins with :// up to here was gone into */
    uint64_t held_from; /* the first byte that may begin a token or a private key */
};

/* ---- compiling ------------------------------------------------------------------------------- */

struct group *shapes_group(uint32_t enabled, const struct kernel *kernel)
{
    struct pattern patterns[SHAPE_LITERALS];
    size_t count = 0;
    for (unsigned i = 0; i < SHAPE_LITERALS; i++)
        if (enabled >> shape_literals[i].shape & 1) {
            const char *text = shape_literals[i].text;
            patterns[count++] = (struct pattern){(const uint8_t *)text, strlen(text), i};
        }
    return group_new(patterns, count, kernel);
}

/* ---- literals -------------------------------------------------------------------------------- */

static void hold(struct scan *c, uint64_t at)
{
    c->held_from = at < c->held_from ? at : c->held_from;
}

/* Whether a shape that begins like this may begin here, and would cover what nothing else does. */
static bool may_begin(const struct scan *c, unsigned literal, uint64_t at)
{
    const struct matching *m = &c->m;
    if (at < m->from)
        return false;
    if (shape_literals[literal].shape == SHAPE_PEM)
        return at >= m->state->block.from;
    if (at < m->tail_end && match_class(literal) <= m->tail_class)
        return false;
    return match_boundary(m, at);
}

static bool url_may_begin(const struct scan *c, uint64_t at)
{
    return at > 0 && at + 3 > c->url_seen && shape_is(matching_byte(&c->m, at - 1), SHAPE_SCHEME);
}

static void take_hit(struct scan *c, const struct span *hit)
{
    unsigned literal = hit->rule;
    bool url = shape_literals[literal].shape == SHAPE_URL;
    if (!(url ? url_may_begin(c, hit->start) : may_begin(c, literal, hit->start)))
        return;
    if (match_literal(&c->m, literal, hit->start) == MATCH_MORE)
        hold(c, hit->start);
}

/* Hits come nearly in order. */
static void sort_hits(struct spans *hits)
{
    for (size_t i = 1; i < hits->count; i++) {
        struct span hit = hits->at[i];
        size_t j = i;
        for (; j > 0 && hits->at[j - 1].start > hit.start; j--)
            hits->at[j] = hits->at[j - 1];
        hits->at[j] = hit;
    }
}

/* Takes the literals in a text that begins at `base` which begin before `stop`. */
static enum scan_result take_hits(struct scan *c, const uint8_t *text, size_t length, uint64_t base, uint64_t stop)
{
    struct spans *hits = &c->shaping->hits;
    hits->single = true;
    spans_clear(hits);
    enum scan_result result = search_text(c->shapes->group, text, length, base, hits, &c->shaping->course);
    if (result != SCAN_DONE)
        return result;
    sort_hits(hits);
    for (size_t i = 0; i < hits->count && hits->at[i].start < stop; i++)
        take_hit(c, &hits->at[i]);
    return c->m.no_memory ? SCAN_NO_MEMORY : SCAN_DONE;
}

/* Takes those that begin before the chunk, in a copy of what is around its beginning. */
static enum scan_result take_seam(struct scan *c, uint64_t end)
{
    const struct matching *m = &c->m;
    uint8_t last = m->before[SHAPE_BEFORE - 1];
    if (m->from == end && last != ':' && last != '/')
        return SCAN_DONE;
    uint8_t seam[SEAM_MOST];
    uint64_t before = m->from < SHAPE_BEFORE ? m->from : SHAPE_BEFORE, start = m->from - before;
    uint64_t stop = m->stop - end < OVERLAP ? m->stop : end + OVERLAP;
    for (uint64_t at = start; at < stop; at++)
        seam[at - start] = matching_byte(m, at);
    return take_hits(c, seam, stop - start, start, end);
}

static enum scan_result take_chunk(struct scan *c, uint64_t end)
{
    const struct view_text *text = c->m.text;
    for (size_t at = 0; at < text->length; at += BLOCK) {
        size_t rest = text->length - at, size = rest < BLOCK + OVERLAP ? rest : BLOCK + OVERLAP;
        uint64_t stop = rest > BLOCK ? end + at + BLOCK : c->m.stop;
        enum scan_result result = take_hits(c, text->data + at, size, end + at, stop);
        if (result != SCAN_DONE)
            return result;
    }
    return SCAN_DONE;
}

/* Whether [at, stop) is the beginning of the literal. */
static bool is_beginning(const struct matching *m, unsigned literal, uint64_t at)
{
    const char *text = shape_literals[literal].text;
    if (m->stop - at >= strlen(text))
        return false;
    for (uint64_t i = at; i < m->stop; i++)
        if (matching_byte(m, i) != (uint8_t)text[i - at])
            return false;
    return true;
}

/* Holds the end of the text from where it may be the beginning of a literal that something is covered with. */
static void hold_beginning(struct scan *c)
{
    const struct matching *m = &c->m;
    uint64_t at = m->stop - m->from < OVERLAP ? m->from : m->stop - OVERLAP;
    for (; at < m->stop; at++)
        for (unsigned i = 0; i < SHAPE_LITERALS; i++) {
            enum shape shape = shape_literals[i].shape;
            if (shape_literals[i].text[0] == matching_byte(m, at) && shape != SHAPE_URL &&
                c->shapes->enabled >> shape & 1 && is_beginning(m, i, at) && may_begin(c, i, at)) {
                hold(c, at);
                return;
            }
        }
}

/* ---- a scan ---------------------------------------------------------------------------------- */

static enum scan_result begin(struct scan *c)
{
    const struct shape_state *kept = &c->shaping->kept;
    struct shape_state *work = &c->shaping->work;
    struct spans spans = work->spans;
    spans_clear(&spans);
    *work = *kept;
    work->spans = spans;
    return spans_copy(&work->spans, &kept->spans) ? SCAN_NO_MEMORY : SCAN_DONE;
}

static void go_on(struct scan *c)
{
    c->url_seen = c->m.state->url.at;
    match_tail(&c->m);
    match_block(&c->m);
    match_url(&c->m);
}

/* What the next scan is to know. */
static void finish(struct scan *c)
{
    struct shape_state *state = c->m.state;
    const struct matching *m = &c->m;
    if (!m->last)
        hold_beginning(c);
    if (state->tail.class)
        hold(c, state->tail.at);
    for (unsigned i = 0; i < SHAPE_BEFORE; i++) {
        uint64_t back = SHAPE_BEFORE - i;
        state->before[i] = c->held_from < back ? 0 : matching_byte(m, c->held_from - back);
    }
    state->from = c->held_from;
    state->url.at = m->stop;
    uint64_t url = match_url_hold(m), block = match_block_hold(m), live = url < block ? url : block;
    c->shaping->live = live < c->held_from ? live : c->held_from;
}

enum scan_result shaping_scan(struct shaping *shaping, const struct shapes *shapes, const struct view_text *text,
                              bool last)
{
    struct scan c = {.shaping = shaping, .shapes = shapes};
    shaping->scanned = true;
    enum scan_result result = begin(&c);
    struct shape_state *state = &shaping->work;
    uint64_t end = text->start + text->held_length;
    c.m.state = state;
    c.m.text = text;
    c.m.from = state->from;
    c.m.stop = c.held_from = end + text->length;
    c.m.last = last;
    memcpy(c.m.before, state->before, SHAPE_BEFORE);
    if (result == SCAN_DONE) {
        go_on(&c);
        result = take_seam(&c, end);
    }
    if (result == SCAN_DONE)
        result = take_chunk(&c, end);
    if (result == SCAN_DONE)
        finish(&c);
    return c.m.no_memory ? SCAN_NO_MEMORY : result;
}

void shaping_commit(struct shaping *shaping, size_t next)
{
    if (!shaping->scanned)
        return; /* most streams look for no shapes */
    struct shape_state kept = shaping->kept;
    shaping->scanned = false;
    shaping->kept = shaping->work;
    shaping->work = kept;
    shaping->kept.spans.head = next;
}

void shaping_reset(struct shaping *shaping)
{
    struct spans spans = shaping->kept.spans;
    spans_clear(&spans);
    shaping->kept = (struct shape_state){.spans = spans};
}

void shaping_free(struct shaping *shaping)
{
    spans_free(&shaping->kept.spans);
    spans_free(&shaping->work.spans);
    spans_free(&shaping->hits);
}
