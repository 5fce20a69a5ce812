#include "gap.h"

#include <string.h>

#include "fold.h"
#include "kernel.h"

/* ---- where an entry ends --------------------------------------------------------------------- */

/* What the byte behind an event may be, so that the event is understood at a glance. */
enum { FINAL = 1, NO_BLANK = 2, NO_CR = 4, NO_HEX = 8, NO_C2 = 16, NO_E2 = 32, NO_EF = 64 };

/* NUL is among the bytes that leave a character undecided: it fills up what is behind the text. */
#define IS_LETTER(b) (((b) | 0x20) >= 'a' && ((b) | 0x20) <= 'f')
#define IS_DIGIT(b) ((b) >= '0' && (b) <= '9')
#define IS_EVENT(b)                                                                                            \
    ((b) == '\n' || (b) == '\r' || (b) == 0x1B || (b) == '%' || (b) == 0xC2 || (b) == 0xE2 || (b) == 0xEF)
#define CLASS(b)                                                                                               \
    (((b) >= 0x40 && (b) <= 0x7E ? FINAL : 0) | ((b) != ' ' && (b) != '\t' ? NO_BLANK : 0) |                   \
     ((b) != '\r' ? NO_CR : 0) | ((b) && !IS_LETTER(b) && !IS_DIGIT(b) && !IS_EVENT(b) ? NO_HEX : 0) |         \
     ((b) && (b) != 0xAD ? NO_C2 : 0) | ((b) && (b) != 0x80 && (b) != 0x81 ? NO_E2 : 0) |                      \
     ((b) && (b) != 0xBB ? NO_EF : 0))
#define CLASS_4(b) CLASS(b), CLASS((b) + 1), CLASS((b) + 2), CLASS((b) + 3)
#define CLASS_16(b) CLASS_4(b), CLASS_4((b) + 4), CLASS_4((b) + 8), CLASS_4((b) + 12)
#define CLASS_64(b) CLASS_16(b), CLASS_16((b) + 16), CLASS_16((b) + 32), CLASS_16((b) + 48)

static const uint8_t classes[256] = {CLASS_64(0), CLASS_64(64), CLASS_64(128), CLASS_64(192)};

/* An event by its first byte: which bytes go on with it, and what must be behind those. */
struct kind {
    uint64_t flip, mask; /* a byte that goes on is zero in (bytes ^ flip) & mask */
    uint64_t end;        /* so that some byte does not */
    uint8_t wanted;      /* one of these classes is behind */
    uint8_t least;       /* so many bytes go on */
    uint8_t own;         /* how many others belong to it */
    uint8_t is_text;     /* then it is no gap */
};

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))
#define EIGHTH (UINT64_C(1) << 56)

enum { LF, CR, ESC, PERCENT, CHARACTER_C2, CHARACTER_E2, CHARACTER_EF };

static const struct kind kinds[] = {
    [LF] = {EVERY(' '), EVERY(0xFF), EIGHTH, NO_BLANK, 0, 1, 0},
    [CR] = {EVERY('\r'), EVERY(0xFF), EIGHTH, NO_CR, 0, 1, 0},
    [ESC] = {EVERY('0') - '0' + '[', EVERY(0xF0) | 0xFF, EIGHTH, FINAL, 1, 2, 0},
    [PERCENT] = {0, 0, 1, NO_HEX, 0, 0, 1},
    [CHARACTER_C2] = {0, 0, 1, NO_C2, 0, 0, 1},
    [CHARACTER_E2] = {0, 0, 1, NO_E2, 0, 0, 1},
    [CHARACTER_EF] = {0, 0, 1, NO_EF, 0, 0, 1},
};

static const uint8_t kind_of[256] = {
    ['\n'] = LF, ['\r'] = CR, [0x1B] = ESC, ['%'] = PERCENT,
    [0xC2] = CHARACTER_C2, [0xE2] = CHARACTER_E2, [0xEF] = CHARACTER_EF,
};

/* Whether a percent escape that comes to this byte is neither altered by it nor goes on behind it. */
static bool ends_escape(uint8_t byte)
{
    return !event_is(byte) && !IS_LETTER(byte);
}

/* Whether the event at `at`, which begins no gap by itself, removes and alters nothing. */
static bool is_plain(const struct gaps *g, size_t at)
{
    const uint8_t *text = g->text + at;
    if (g->length - at < 3)
        return false;
    if (text[0] == '%')
        return ends_escape(text[IS_DIGIT(text[1]) ? 2 : 1]);
    struct fold fold = {.waiting = 1, .lead = {text[0], text[1]}};
    if (!fold_goes_on(&fold, text[1]))
        return true;
    fold.waiting = 2;
    return text[0] != 0xC2 && !fold_goes_on(&fold, text[2]);
}

/* Where the sequence at `at` ends, or the limit. */
static size_t sequence_end(const uint8_t *text, size_t at, size_t limit)
{
    struct fold fold = {.sequence = FOLD_ESC};
    for (at++; at < limit && fold.sequence;)
        at += fold_in_sequence(&fold, text[at]);
    return at;
}

/* Where the state of the folding is idle again after the character at `at`, or the limit. */
static size_t character_end(const uint8_t *text, size_t at, size_t limit)
{
    struct fold fold = {0};
    bool letter;
    do {
        if (fold.waiting && !fold_goes_on(&fold, text[at])) {
            fold.waiting = 0;
            fold_text(&fold, fold.lead[0], &letter); /* what waits is no digit */
        }
        if (fold_step(&fold, text[at]) == FOLD_TEXT)
            fold_text(&fold, text[at], &letter);
        at++;
    } while (at < limit && !fold_is_idle(&fold));
    return at;
}

/* What the table tells for most events, for any: where the one at `at` in the window ends, or the window does.
 * `*is_text`: it is no gap. If it is neither that nor a gap alone, entry `i`, which it will be in, is odd. */
static int event_end(struct gaps *g, int at, int *is_text, size_t i)
{
    const uint8_t *text = g->text + g->begin;
    size_t limit = g->size, start = (size_t)at, end = start + 1;
    *is_text = 0;
    switch (text[start]) {
    case '\n':
        while (end < limit && end - start <= FOLD_INDENT && (text[end] == ' ' || text[end] == '\t'))
            end++;
        return (int)end;
    case '\r': return (int)end;
    case 0x1B: return (int)sequence_end(text, start, limit);
    default:
        *is_text = is_plain(g, g->begin + start);
        if (*is_text)
            return at;
        g->odd[g->odd_count++] = (uint16_t)i;
        return (int)character_end(text, start, limit);
    }
}

/* ---- from events to entries ------------------------------------------------------------------ */

/*
 * Makes entries of the events. `window` is the window, and readable for some bytes behind it. Events that
 * follow each other directly are one entry. Nothing about an event can be predicted but that the table knows
 * it, so what it becomes is computed: it is written as a new entry and as the end of the last one, and only
 * the counting tells which of these is true.
 */
static void list_entries(struct gaps *g, const uint8_t *window, const uint16_t *events, size_t event_count)
{
    uint16_t *restrict start = g->start, *restrict end = g->stop;
    size_t count = 0;
    int last = -1; /* the end of the last entry */
    g->odd_count = 0;
    for (size_t i = 0; i < event_count; i++) {
        int at = events[i];
        const struct kind *kind = &kinds[kind_of[window[at]]];
        uint64_t next = load64(window + at + 1);
        unsigned bit = (unsigned)__builtin_ctzll(((next ^ kind->flip) & kind->mask) | kind->end), more = bit / 8;
        unsigned class = classes[(uint8_t)(next >> (bit & 56))];
        int stop = at + kind->own + (int)more, is_text = kind->is_text;
        if (__builtin_expect(!(class & kind->wanted) | (more < kind->least), 0)) {
            if (at < last)
                continue;
            stop = event_end(g, at, &is_text, at > last ? count : count - 1);
        }
        int fresh = (at > last) & ~is_text, ignored = -((at < last) | is_text); /* all ones, or none */
        last = (last & ignored) | (stop & ~ignored);
        start[count] = (uint16_t)at;
        count += (unsigned)fresh;
        end[count] = (uint16_t)last;
    }
    end[0] = 0;
    g->count = count;
}

/* An entry that reaches the end of the window may go on behind it: the next window begins with it, unless this
 * one does. Returns whether it remains. */
static bool ends_open(struct gaps *g)
{
    if (g->count == 0 || g->stop[g->count] < g->size)
        return false;
    if (g->begin + g->size == g->length || g->start[g->count - 1] == 0) {
        g->stop[g->count] = (uint16_t)g->size;
        return true;
    }
    g->size = g->start[--g->count];
    while (g->odd_count && g->odd[g->odd_count - 1] == g->count)
        g->odd_count--;
    return false;
}

/* ---- over which nothing goes on -------------------------------------------------------------- */

/* Lists the gaps whose neighbours are such in some pattern. What is before the window may be folded as it does
 * not stand, and what is behind it may be in the gap. */
static size_t list_pairs(struct gaps *g, bool unfinished)
{
    const uint8_t *text = g->text + g->begin, *pairs = g->folding->pairs;
    size_t count = 0, i = 0, end = g->count - unfinished;
    if (end && g->start[0] == 0)
        g->open[count++] = (uint16_t)i++;
    for (; i < end; i++) {
        unsigned pair = (unsigned)text[g->start[i] - 1] << 8 | text[g->stop[i + 1]];
        g->open[count] = (uint16_t)i;
        count += pairs[pair >> 3] >> (pair & 7) & 1;
    }
    if (unfinished)
        g->open[count++] = (uint16_t)end;
    return count;
}

static size_t entry_start(const struct gaps *g, size_t i)
{
    return i < g->count ? g->start[i] : g->size;
}

enum { CONTEXT = FOLDING_GRAM - 1 };

/* Keeps those of the first `count` in `open` that are in a gram with a byte on either side, or of which that
 * is not known. */
static size_t keep_grams(struct gaps *g, size_t count)
{
    const uint8_t *text = g->text + g->begin;
    size_t kept = 0;
    for (size_t j = 0; j < count; j++) {
        unsigned i = g->open[j], start = g->start[i], stop = g->stop[i + 1];
        g->open[kept] = (uint16_t)i;
        if (start - g->stop[i] < CONTEXT + 1 || entry_start(g, i + 1) - stop < FOLDING_GRAM) {
            kept++;
            continue;
        }
        uint64_t bytes = load32(text + start - FOLDING_GRAM) | (uint64_t)load32(text + stop) << 32;
        kept += folding_has(g->folding, (uint32_t)(bytes >> 8)) |
                folding_has(g->folding, (uint32_t)(bytes >> 16)) |
                folding_has(g->folding, (uint32_t)(bytes >> 24));
    }
    return kept;
}

/*
 * Whether nothing goes on over a gap. An occurrence that does has FOLDING_SHORTEST bytes around it, and so
 * three grams in a row. Before the gap text is folded as it stands from `from` on.
 */
static bool is_broken(const struct gaps *g, size_t i, size_t from)
{
    enum { FAR = FOLDING_SHORTEST - 1 };
    size_t start = g->begin + g->start[i], stop = g->begin + g->stop[i + 1];
    if (start - from < FAR || entry_start(g, i + 1) - g->stop[i + 1] < FAR)
        return false;
    const uint8_t *before = g->text + start, *behind = g->text + stop;
    uint64_t around = load32(before - FOLDING_GRAM) | (uint64_t)load32(behind) << 32;
    unsigned found = folding_has(g->folding, load32(before - FAR));
    for (unsigned k = 0; k <= FOLDING_GRAM; k++)
        found |= folding_has(g->folding, (uint32_t)(around >> 8 * k)) << (k + 1);
    found |= folding_has(g->folding, load32(behind + 1)) << (FOLDING_GRAM + 2);
    return !(found & found >> 1 & found >> 2);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* So many bytes behind an event are looked at. */
enum { BEHIND = 9 };

static void find(struct gaps *g, size_t at)
{
    uint16_t events[GAP_WINDOW + EVENT_SPARE];
    uint8_t copy[EVENT_BLOCK + BEHIND + 7];
    size_t rest = g->length - at, blocks = rest < BEHIND ? 0 : (rest - BEHIND) / EVENT_BLOCK, count;
    const uint8_t *window = g->text + at;
    blocks = blocks < g->blocks ? blocks : g->blocks;
    g->size = blocks * EVENT_BLOCK;
    if (blocks == 0) {
        size_t size = rest < sizeof copy ? rest : sizeof copy;
        memcpy(copy, window, size);
        memset(copy + size, 0, sizeof copy - size);
        window = copy;
        blocks = 1;
        g->size = rest < EVENT_BLOCK ? rest : EVENT_BLOCK;
    }
    g->begin = at;
    g->blocks = g->blocks * 2 < GAP_BLOCKS ? g->blocks * 2 : GAP_BLOCKS;
    count = g->folding->kernel->event(window, blocks, events);
    list_entries(g, window, events, count);
    g->open_count = keep_grams(g, list_pairs(g, ends_open(g)));
    g->here = g->next_open = g->next_odd = 0;
}

void gaps_begin(struct gaps *g, const struct folding *folding, const uint8_t *text, size_t length)
{
    g->folding = folding;
    g->text = text;
    g->length = length;
    g->begin = g->size = g->count = 0;
    g->open_count = g->odd_count = 0;
    g->here = g->next_open = g->next_odd = 0;
    g->blocks = GAP_BLOCKS;
}

/* Has a window at hand that tells what follows at `at`. If the folding stopped in the middle of an entry, then
 * it was in a state that the window did not know of. */
static void move_on(struct gaps *g, size_t at)
{
    if (at < g->begin + g->size) {
        while (g->here < g->count && g->begin + g->stop[g->here + 1] <= at)
            g->here++;
        if (g->begin + entry_start(g, g->here) >= at)
            return;
        g->blocks = 1;
    }
    find(g, at);
}

/* The first entry that counts and is not passed, or the count. */
static size_t next_entry(struct gaps *g, bool *odd)
{
    while (g->next_open < g->open_count && g->open[g->next_open] < g->here)
        g->next_open++;
    while (g->next_odd < g->odd_count && g->odd[g->next_odd] < g->here)
        g->next_odd++;
    size_t open = g->next_open < g->open_count ? g->open[g->next_open] : g->count;
    size_t first = g->next_odd < g->odd_count ? g->odd[g->next_odd] : g->count;
    *odd = first <= open;
    return first < open ? first : open;
}

size_t gaps_next(struct gaps *g, size_t at, size_t *from)
{
    *from = at;
    while (at < g->length) {
        move_on(g, at);
        bool odd;
        size_t i = next_entry(g, &odd);
        if (i && g->begin + g->stop[i] > *from)
            *from = g->begin + g->stop[i];
        if (i == g->count) {
            at = g->begin + g->size;
        } else if (odd || !is_broken(g, i, *from)) {
            return g->begin + g->start[i];
        } else {
            *from = at = g->begin + g->stop[i + 1];
        }
    }
    return g->length;
}
