/*
 * What may be a private key behind the line that begins one, line by line. A line ends with CR, LF, or one of these as
 * it is escaped in a string: backslashes and n, r or t. At its beginning marks do not count, as those of a diff or of a
 * list. A line is
 *     of a key    if it is a run of 16 letters of base64 or more, = behind it, or of less right behind such a line; or has
 *                 anywhere a run of 32 with small letters, capitals and digits: certain then, or when 129 are at its
 *                 beginning, and else at its end
 *     uncertain   if it is empty, a shorter run, or, before any of a key, a header: [A-Za-z0-9-]+:␣. Behind one that had
 *                 something in front of it, of a key or "Proc-Type: ", all lines are: they will have it as well
 *     another     else: the key is over
 * Uncertain lines, BLOCK_UNCERTAIN bytes at most, belong to it if one of a key or the -----END line comes behind them.
 * A quote ends the last line, and the key; so does another beginning.
 */
#include "matching.h"

enum { BLOCK_SHORT = 16, BLOCK_RUN = 32, BLOCK_LONG = 128, BLOCK_UNCERTAIN = 512 };

enum phase { DASHES, BEGIN, END, LABEL, CLOSE };
enum border { NO_BORDER, BEGUN, ENDED };
enum form { MARKS, RUN, PADDED, TRAILING, OTHER };
enum name { NAME_START, NAME_IN, NAME_COLON, NAME_YES, NAME_NO };
enum kind { DIGIT = 1, SMALL = 2, CAPITAL = 4, ALL_KINDS = 7 };

/* ---- -----BEGIN and -----END --------------------------------------------------------------------- */

static void begin_border(struct shape_block *b, uint8_t byte)
{
    b->phase = DASHES;
    b->count = byte == '-';
    b->border = b->at;
}

static void count_dash(struct shape_block *b)
{
    if (b->count == 5)
        b->border++;
    else if (b->count++ == 0)
        b->border = b->at;
}

/* The bytes of a word behind the dashes. */
static bool goes_on(struct shape_block *b, const char *word, uint8_t byte)
{
    bool same = byte == (uint8_t)word[b->count];
    b->count += same;
    return same;
}

/* Takes a byte that may belong to a border: whether it is the last one. */
static enum border step_border(struct shape_block *b, uint8_t byte)
{
    switch (b->phase) {
    case DASHES:
        if (byte == '-') {
            count_dash(b);
            return NO_BORDER;
        }
        if (b->count < 5 || (byte != 'B' && byte != 'E'))
            break;
        b->phase = byte == 'B' ? BEGIN : END;
        b->count = 1;
        return NO_BORDER;
    case BEGIN:
        if (!goes_on(b, "BEGIN ", byte))
            break;
        return b->count == 6 ? BEGUN : NO_BORDER;
    case END:
        if (!goes_on(b, "END ", byte))
            break;
        if (b->count == 4) {
            b->phase = LABEL;
            b->count = 0;
        }
        return NO_BORDER;
    case LABEL:
        if (shape_is(byte, SHAPE_LABEL) && b->count < SHAPE_LABEL_MOST) {
            b->count++;
            return NO_BORDER;
        }
        if (byte != '-' || b->count == 0)
            break;
        b->phase = CLOSE;
        b->count = 1;
        return NO_BORDER;
    default:
        if (byte != '-')
            break;
        return ++b->count == 5 ? ENDED : NO_BORDER;
    }
    begin_border(b, byte);
    return NO_BORDER;
}

/* ---- lines ----------------------------------------------------------------------------------------- */

static void begin_line(struct shape_block *b)
{
    b->form = MARKS;
    b->name = NAME_START;
    b->run = b->first = b->kinds = b->typed = 0;
    b->escape = 0;
    b->certain = false;
}

static void take_name(struct shape_block *b, uint8_t byte)
{
    bool letter = shape_is(byte, SHAPE_ALNUM);
    switch (b->name) {
    case NAME_START:
        if (letter || !shape_is(byte, SHAPE_MARK))
            b->name = letter ? NAME_IN : NAME_NO;
        break;
    case NAME_IN:
        if (!letter && byte != '-')
            b->name = byte == ':' ? NAME_COLON : NAME_NO;
        break;
    case NAME_COLON: b->name = byte == ' ' ? NAME_YES : NAME_NO; break;
    default: break;
    }
}

static void take_type(struct shape_block *b, uint8_t byte)
{
    static const char type[] = "Proc-Type: ";
    b->typed = byte == (uint8_t)type[b->typed] ? b->typed + 1 : byte == (uint8_t)type[0];
    if (b->typed < sizeof type - 1)
        return;
    b->typed = 0;
    b->loose |= !b->keyed;
}

static void take_key(struct shape_block *b, uint8_t byte)
{
    if (b->run == 0)
        b->kinds = 0;
    b->run += b->run <= BLOCK_LONG;
    if (byte >= '0' && byte <= '9')
        b->kinds |= DIGIT;
    else if (shape_is(byte, SHAPE_ALNUM))
        b->kinds |= byte >= 'a' ? SMALL : CAPITAL;
    b->form = b->form == MARKS || b->form == RUN ? RUN : OTHER;
    if (b->form == RUN)
        b->first = b->run;
    if (b->certain || !((b->run >= BLOCK_RUN && b->kinds == ALL_KINDS) || b->first > BLOCK_LONG))
        return;
    b->certain = b->keyed = true;
    b->loose = b->form != RUN;
}

static void take_other(struct shape_block *b, uint8_t byte)
{
    b->run = 0;
    if (b->form == MARKS && shape_is(byte, SHAPE_MARK))
        return;
    bool inside = b->form == RUN || b->form == PADDED;
    if (inside && byte == '=')
        b->form = PADDED;
    else if ((inside || b->form == TRAILING) && (byte == ' ' || byte == '\t'))
        b->form = TRAILING;
    else
        b->form = OTHER;
}

/* Everything before `end` belongs to the key. */
static void settle(struct matching *m, uint64_t end)
{
    struct shape_block *b = &m->state->block;
    match_cover(m, SHAPE_PEM, b->from, end, b->from);
    b->from = end > b->from ? end : b->from;
}

/* The line ends, and what belongs to it at `end`. Returns whether the key may go on. */
static bool end_line(struct matching *m, uint64_t end)
{
    struct shape_block *b = &m->state->block;
    bool run = b->form != MARKS && b->form != OTHER, goes_on = true;
    if (b->certain) {
        settle(m, end);
        b->followed = !b->loose;
    } else if (run && (b->first >= BLOCK_SHORT || b->followed)) {
        settle(m, end);
        b->keyed = true;
        b->loose = false;
        b->followed = b->first >= BLOCK_SHORT;
    } else {
        b->followed &= b->form == MARKS;
        goes_on = run || b->form == MARKS || (b->name == NAME_YES && !b->keyed) || b->loose;
    }
    begin_line(b);
    return goes_on;
}

/* ---- bytes ----------------------------------------------------------------------------------------- */

/* Takes a byte behind backslashes; whether it ends the line. */
static bool ends_escape(struct shape_block *b, uint8_t byte)
{
    if (byte == 'n' || byte == 'r' || byte == 't')
        return true;
    b->escape = 0;
    if (byte != '/') {
        take_other(b, '\\');
        take_name(b, '\\');
        b->typed = 0;
    }
    return false;
}

static void take(struct shape_block *b, uint8_t byte)
{
    take_name(b, byte);
    take_type(b, byte);
    if (shape_is(byte, SHAPE_KEY))
        take_key(b, byte);
    else
        take_other(b, byte);
}

/* Takes the next byte; whether the key may go on. */
static bool step(struct matching *m, uint8_t byte)
{
    struct shape_block *b = &m->state->block;
    if (b->at - b->from >= BLOCK_UNCERTAIN)
        return false;
    if (shape_is(byte, SHAPE_QUOTE)) {
        end_line(m, b->escape ? b->escape : b->at);
        return false;
    }
    enum border border = step_border(b, byte);
    if (border != NO_BORDER) {
        if (border == ENDED)
            settle(m, b->at + 1);
        return false;
    }
    if (byte == '\\') {
        b->escape = b->escape ? b->escape : b->at;
        return true;
    }
    if (byte == '\n' || byte == '\r' || (b->escape && ends_escape(b, byte)))
        return end_line(m, b->at + 1);
    take(b, byte);
    if (b->certain)
        settle(m, b->phase != DASHES || b->count ? b->border : b->at + 1);
    return true;
}

void match_block(struct matching *m)
{
    struct shape_block *b = &m->state->block;
    while (b->left && b->at < m->stop) {
        if (!step(m, matching_byte(m, b->at))) {
            b->left = 0;
            return;
        }
        b->at++;
        b->left--;
        if (b->left == 0)
            end_line(m, b->escape ? b->escape : b->at);
    }
    if (m->last && b->left) {
        end_line(m, b->escape ? b->escape : b->at);
        b->left = 0;
    }
}

uint64_t match_block_hold(const struct matching *m)
{
    const struct shape_block *b = &m->state->block;
    return b->left ? b->from : m->stop;
}
