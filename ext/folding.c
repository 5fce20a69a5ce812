#include "folding.h"

#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "fold.h"

/* Sparse enough that three grams in a row, as many as the shortest pattern has, are rarely there by chance. */
enum { BITS_PER_GRAM = 8, LEAST_LOG = 12, MOST_LOG = 22 };

/* How many bytes of a pattern are left in a joined text: 0 if those are all. */
static size_t joined_length(const struct pattern *p)
{
    size_t length = 0;
    for (size_t i = 0; i < p->length; i++)
        length += !fold_is_blank(p->bytes[i]);
    return length < p->length ? length : 0;
}

static bool can_occur(const struct pattern *p, bool joined)
{
    if (joined && joined_length(p) < FOLDING_JOINED_SHORTEST)
        return false;
    return p->length >= FOLDING_SHORTEST && p->length <= FOLDING_LONGEST &&
           !memchr(p->bytes, '\n', p->length) && !memchr(p->bytes, '\r', p->length) &&
           !memchr(p->bytes, 0x1B, p->length);
}

/* How a pattern may look in a folded text: behind a percent sign its first digits belong to an escape, of which
 * `digits` may still come. Each form is found there and nowhere else, if it differs from the others: then it has a
 * FOLD_LETTER. */
enum { FORMS = 3, GROWTH = 2 };

/* Returns the length. */
static size_t fold_pattern(const struct pattern *p, uint8_t digits, uint8_t *bytes)
{
    struct fold fold = {.digits = digits};
    size_t length = 0;
    bool letter;
    for (size_t i = 0; i < p->length; i++) {
        uint8_t byte = fold_text(&fold, p->bytes[i], &letter);
        if (letter)
            bytes[length++] = FOLD_LETTER;
        bytes[length++] = byte;
    }
    return length;
}

/* The one form of a pattern in a joined text. */
static size_t add_joined(const struct pattern *p, struct pattern *form, uint8_t **at)
{
    size_t length = 0;
    for (size_t i = 0; i < p->length; i++)
        if (!fold_is_blank(p->bytes[i]))
            (*at)[length++] = p->bytes[i];
    *form = (struct pattern){*at, length, p->rule};
    *at += length;
    return 1;
}

/* Whether a pattern may have a form that differs from it: an escape in it, or digits of one at its beginning. */
static bool may_differ(const struct pattern *p)
{
    return fold_is_letter(p->bytes[0]) || (fold_is_digit(p->bytes[0]) && p->length > 1 && fold_is_letter(p->bytes[1])) ||
           memchr(p->bytes, '%', p->length);
}

/* Puts the forms of a pattern at `*at`, moves that behind them, and returns how many they are. */
static size_t add_forms(const struct pattern *p, bool all, struct pattern *forms, uint8_t **at)
{
    size_t count = 0, plain = p->length;
    for (uint8_t digits = 0; digits < FORMS; digits++) {
        size_t length = fold_pattern(p, digits, *at);
        if (digits == 0)
            plain = length;
        if (digits ? length == plain : !all && length == p->length) /* no more letters: the same */
            continue;
        forms[count++] = (struct pattern){*at, length, p->rule};
        *at += length;
    }
    return count;
}

static bool is_digits(const struct pattern *p)
{
    if (p->length < DIGITS_SHORTEST || p->length > FOLDING_LONGEST || p->length % 2)
        return false;
    for (size_t i = 0; i < p->length; i += 2) {
        uint8_t first = p->bytes[i], second = p->bytes[i + 1];
        if (first < '2' || first > '7' || (!fold_is_digit(second) && !(second >= 'a' && second <= 'f')))
            return false;
    }
    return true;
}

static bool is_chosen(const struct pattern *p, enum folding_forms forms)
{
    if (forms == FOLDING_DIGITS)
        return is_digits(p);
    return can_occur(p, forms == FOLDING_JOINED) && (forms != FOLDING_DIFFERENT || may_differ(p));
}

/* As add_forms. */
static size_t put_forms(const struct pattern *p, enum folding_forms forms, struct pattern *made, uint8_t **at)
{
    if (forms == FOLDING_JOINED)
        return add_joined(p, made, at);
    if (forms != FOLDING_DIGITS)
        return add_forms(p, forms == FOLDING_ALL, made, at);
    *made = *p;
    return 1;
}

size_t folding_divide(struct pattern *list, size_t count)
{
    size_t front = 0;
    for (size_t i = 0; i < count; i++) {
        struct pattern pattern = list[i];
        if (!can_occur(&pattern, false)) {
            list[i] = list[front];
            list[front++] = pattern;
        }
    }
    return front;
}

int folding_group(const struct pattern *list, size_t count, const struct kernel *kernel, enum folding_forms forms,
                  struct group **group)
{
    size_t total = 0, chosen = 0, folded = 0;
    *group = NULL;
    for (size_t i = 0; i < count; i++)
        if (is_chosen(&list[i], forms)) {
            total += list[i].length;
            chosen++;
        }
    if (chosen == 0)
        return 0;
    struct pattern *patterns = malloc(FORMS * chosen * sizeof *patterns);
    uint8_t *bytes = malloc(FORMS * GROWTH * total), *at = bytes;
    for (size_t i = 0; patterns && bytes && i < count; i++)
        if (is_chosen(&list[i], forms))
            folded += put_forms(&list[i], forms, patterns + folded, &at);
    if (folded)
        *group = group_new(patterns, folded, kernel);
    bool failed = !patterns || !bytes || (folded && !*group);
    free(patterns);
    free(bytes);
    return failed ? -1 : 0;
}

static void add_grams(struct folding *f, const struct patterns *patterns)
{
    for (uint32_t i = 0; i < patterns->count; i++) {
        const uint8_t *at = patterns->bytes + patterns->start[i];
        for (size_t left = patterns_length(patterns, i); left >= FOLDING_GRAM; left--, at++) {
            uint32_t bit = folding_bit(f, load32(at));
            f->grams[bit >> 6] |= (uint64_t)1 << (bit & 63);
        }
    }
}

enum { PAIR_BYTES = 65536 / 8 };

static void add_pairs(struct folding *f, const struct patterns *patterns)
{
    for (size_t i = 0; i < PAIR_BYTES; i++)
        f->pairs[i] |= patterns->pairs[i];
}

/* A blank beside a gap tells nothing of what is behind it. */
static void add_blanks(struct folding *f)
{
    for (unsigned byte = 0; byte < 256; byte++)
        for (unsigned i = 0; i < 2; i++) {
            unsigned blank = i ? ' ' : '\t', pairs[] = {blank << 8 | byte, byte << 8 | blank};
            for (unsigned j = 0; j < 2; j++)
                f->pairs[pairs[j] >> 3] |= (uint8_t)(1 << (pairs[j] & 7));
        }
}

/* Whether it is worth nothing to begin with what is there: there is none, or it has become too dense. */
static bool is_outgrown(const struct folding *before, uint64_t total)
{
    enum { DENSEST = 4 }; /* times as dense as a new one would be, if that could be larger */
    unsigned log = before && before->grams ? 32 - before->shift : 0;
    return !log || (log < MOST_LOG && (uint64_t)1 << log < total * BITS_PER_GRAM / DENSEST);
}

static bool has_group(const struct set *set, const struct group *group)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->groups[i] == group)
            return true;
    return false;
}

static uint64_t measure(struct folding *f)
{
    uint64_t total = 0;
    f->shortest = UINT32_MAX;
    for (unsigned i = 0; i < f->set.count; i++) {
        const struct patterns *patterns = &f->set.groups[i]->patterns;
        total += patterns->start[patterns->count];
        f->shortest = patterns->shortest < f->shortest ? patterns->shortest : f->shortest;
        f->set.longest = patterns->longest > f->set.longest ? patterns->longest : f->set.longest;
    }
    return total;
}

int folding_build(struct folding *f, const struct kernel *kernel, bool joined, const struct folding *before)
{
    uint64_t total = measure(f);
    unsigned log = LEAST_LOG;
    f->kernel = kernel;
    f->joined = joined;
    if (is_outgrown(before, total))
        before = NULL;
    while (log < MOST_LOG && (uint64_t)1 << log < total * BITS_PER_GRAM)
        log++;
    f->shift = before ? before->shift : 32 - log;
    size_t bytes = ((size_t)1 << (32 - f->shift)) / 8;
    f->grams = before ? malloc(bytes) : calloc(bytes, 1);
    f->pairs = calloc(PAIR_BYTES, 1);
    if (!f->grams || !f->pairs)
        return -1;
    if (before)
        memcpy(f->grams, before->grams, bytes);
    for (unsigned i = 0; i < f->set.count; i++) {
        if (!before || !has_group(&before->set, f->set.groups[i]))
            add_grams(f, &f->set.groups[i]->patterns);
        add_pairs(f, &f->set.groups[i]->patterns);
    }
    if (joined)
        add_blanks(f);
    return 0;
}

void folding_build_digits(struct folding *f, const struct kernel *kernel)
{
    measure(f);
    f->kernel = kernel;
}

void folding_free(struct folding *f)
{
    free(f->grams);
    free(f->pairs);
    f->grams = NULL;
    f->pairs = NULL;
}

size_t folding_bytes(const struct folding *f)
{
    return f->grams ? ((size_t)1 << (32 - f->shift)) / 8 + PAIR_BYTES : 0;
}
