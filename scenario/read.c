/* Lines, words and parameters: see scenario.h.
 *
 * The text is copied once and cut at blanks; a word in which a parameter stands is written anew
 * into a second memory, which grows by pieces and never moves. So words stay where they are as
 * long as the scenario lives. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/scenario.h"

#define WORD_MAX     2048
#define NAME_MAX_LEN 32
#define UNIT_MAX     16

/* A piece of memory for words that were worked out. */
struct piece {
    struct piece *next;
    char text[WORD_MAX];
};

bool scenario_fault(const struct scenario *s, struct scenario_fault *fault, uint32_t line,
                    uint32_t column, const char *format, ...)
{
    va_list args;
    int n = snprintf(fault->text, sizeof(fault->text), "%s:%u:%u: ", s->name, line, column);
    size_t at = n < 0 ? 0 : (size_t)n < sizeof(fault->text) ? (size_t)n : sizeof(fault->text) - 1;
    va_start(args, format);
    vsnprintf(fault->text + at, sizeof(fault->text) - at, format, args);
    va_end(args);
    fault->line = line;
    fault->column = column;
    return false;
}

const struct scenario_setting *scenario_setting(const struct scenario_line *line, const char *key)
{
    for (unsigned i = 0; i < line->settings_count; i++)
        if (strcmp(line->settings[i].key, key) == 0)
            return &line->settings[i];
    return NULL;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reader {
    struct scenario *s;
    const struct scenario_given *given;
    unsigned given_count;
    struct scenario_fault *fault;
    uint32_t line;
};

static const char *keep(struct scenario *s, const char *text)
{
    struct piece *piece = malloc(sizeof(*piece));
    if (!piece)
        return NULL;
    size_t len = strlen(text);
    memcpy(piece->text, text, len + 1);
    piece->next = s->pieces;
    s->pieces = piece;
    return piece->text;
}

static const struct scenario_param *param_find(const struct scenario *s, const char *name)
{
    for (unsigned i = 0; i < s->params_count; i++)
        if (strcmp(s->params[i].name, name) == 0)
            return &s->params[i];
    return NULL;
}

static void list_params(const struct scenario *s, char *text, size_t len)
{
    size_t at = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < s->params_count && at < len; i++) {
        int n = snprintf(text + at, len - at, "%s%s", i ? ", " : "", s->params[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
    if (s->params_count == 0)
        snprintf(text, len, "none");
}

/* Puts the values of parameters into a word. */
static bool put_in(struct reader *r, const char *word, uint32_t column, char out[WORD_MAX])
{
    size_t n = 0;
    for (const char *at = word; *at != '\0';) {
        if (*at != '$') {
            if (n + 1 >= WORD_MAX)
                return scenario_fault(r->s, r->fault, r->line, column, "this word is too long");
            out[n++] = *at++;
            continue;
        }
        bool braces = at[1] == '{';
        const char *name = at + (braces ? 2 : 1);
        size_t len = 0;
        while (isalnum((unsigned char)name[len]) || name[len] == '_')
            len++;
        char copy[NAME_MAX_LEN + 1] = "";
        if (len <= NAME_MAX_LEN)
            memcpy(copy, name, len);
        const struct scenario_param *p = param_find(r->s, copy);
        if (!p || (braces && name[len] != '}')) {
            char names[200];
            list_params(r->s, names, sizeof(names));
            return scenario_fault(r->s, r->fault, r->line, column + (uint32_t)(at - word),
                                  "no parameter \"%.*s\" up to here: there are %s", (int)len, name,
                                  names);
        }
        size_t value_len = strlen(p->value);
        if (n + value_len >= WORD_MAX)
            return scenario_fault(r->s, r->fault, r->line, column, "this word is too long");
        memcpy(out + n, p->value, value_len);
        n += value_len;
        at = name + len + (braces ? 1 : 0);
    }
    out[n] = '\0';
    return true;
}

/* The next number and its unit ("1.5s"); false: there is none. */
static bool take_number(const char **at, double *number, char unit[UNIT_MAX])
{
    char *rest;
    if (**at < '0' || **at > '9')
        return false;
    *number = strtod(*at, &rest);
    size_t len = strspn(rest, "abcdefghijklmnopqrstuvwxyz%");
    if (len >= UNIT_MAX)
        return false;
    memcpy(unit, rest, len);
    unit[len] = '\0';
    *at = rest + len;
    return true;
}

/* A product of numbers, of which one may have a unit, from left to right. */
static bool take_product(const char **at, double *value, char unit[UNIT_MAX])
{
    double number;
    char more[UNIT_MAX];
    if (!take_number(at, value, unit))
        return false;
    while (**at == '*' || **at == '/') {
        char sign = *(*at)++;
        if (!take_number(at, &number, more) || (*more != '\0' && *unit != '\0') ||
            (sign == '/' && number == 0))
            return false;
        if (*more != '\0')
            memcpy(unit, more, UNIT_MAX);
        *value = sign == '/' ? *value / number : *value * number;
    }
    return true;
}

/* Numbers of different units can be added when both are times. */
static bool to_ns(double *value, char unit[UNIT_MAX])
{
    char text[60];
    uint64_t one_ns;
    snprintf(text, sizeof(text), "1%s", unit);
    if (!scenario_time(text, &one_ns))
        return false;
    *value *= (double)one_ns;
    snprintf(unit, UNIT_MAX, "ns");
    return true;
}

/* "50ms/2" becomes "25ms", "3*100kb" 300kb, "2*50ms+1s" 1100000000ns. Anything else stays. */
static void work_out(char text[WORD_MAX])
{
    char unit[UNIT_MAX], more[UNIT_MAX];
    const char *at = text;
    double value, number;
    if (!take_product(&at, &value, unit))
        return;
    while (*at == '+' || *at == '-') {
        char sign = *at++;
        if (!take_product(&at, &number, more))
            return;
        bool zero = value == 0 && *unit == '\0', zero_more = number == 0 && *more == '\0';
        if (zero)
            memcpy(unit, more, UNIT_MAX);
        if (!zero && !zero_more && strcmp(unit, more) != 0 &&
            (!to_ns(&value, unit) || !to_ns(&number, more)))
            return;
        value = sign == '+' ? value + number : value - number;
    }
    if (*at == '\0' && strpbrk(text, "*/+-") && value >= 0)
        snprintf(text, WORD_MAX, "%.15g%s", value, unit);
}

static const char *finish_word(struct reader *r, const char *word, uint32_t column)
{
    char out[WORD_MAX];
    bool changes = strchr(word, '$') != NULL;
    if (!changes && !(strpbrk(word, "*/+-") && *word >= '0' && *word <= '9'))
        return word;
    if (!put_in(r, word, column, out))
        return NULL;
    work_out(out);
    const char *kept = keep(r->s, out);
    if (!kept)
        scenario_fault(r->s, r->fault, r->line, column, "no memory");
    return kept;
}

/* Ends the word that begins at `*at` with a NUL and moves behind it. Quotes are taken off. */
static bool next_word(struct reader *r, char **at, char *line, char **word)
{
    char *from = *at, *to = *at;
    bool quoted = false;
    for (; *from != '\0' && (quoted || (!isblank((unsigned char)*from) && *from != '#')); from++) {
        if (*from == '"')
            quoted = !quoted;
        else
            *to++ = *from;
    }
    if (quoted)
        return scenario_fault(r->s, r->fault, r->line, (uint32_t)(*at - line) + 1,
                              "a quotation that does not end on this line");
    *word = *at;
    bool more = *from != '\0' && *from != '#';
    *at = more ? from + 1 : from + strlen(from);
    *to = '\0';
    return true;
}

/* Where a setting's "=" stands; NULL: it is a word (">=" and "==" are words, too). */
static char *equals_of(char *word)
{
    char *equals = strchr(word, '=');
    if (!equals || equals == word || equals[1] == '=')
        return NULL;
    for (const char *c = word; c < equals; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-' && *c != '.')
            return NULL;
    return equals;
}

static bool add_word(struct reader *r, struct scenario_line *l, char *word, uint32_t column)
{
    char *equals = equals_of(word);
    if (l->words_count == SCENARIO_WORDS || l->settings_count == SCENARIO_WORDS)
        return scenario_fault(r->s, r->fault, r->line, column, "too many words on a line");
    if (!equals || l->words_count == 0) {
        const char *text = finish_word(r, word, column);
        l->words[l->words_count++] = (struct scenario_word){.text = text, .column = column};
        return text != NULL;
    }
    *equals = '\0';
    struct scenario_setting *s = &l->settings[l->settings_count];
    *s = (struct scenario_setting){.key = word, .column = column};
    s->value_column = column + (uint32_t)(equals + 1 - word);
    if (scenario_setting(l, word))
        return scenario_fault(r->s, r->fault, r->line, column, "\"%s\" is set twice", word);
    s->value = finish_word(r, equals + 1, s->value_column);
    l->settings_count++;
    return s->value != NULL;
}

/* ---- parameters ----------------------------------------------------------------------------- */

static bool add_param(struct reader *r, const struct scenario_line *l)
{
    struct scenario *s = r->s;
    const struct scenario_setting *from = scenario_setting(l, "from");
    const struct scenario_setting *to = scenario_setting(l, "to");
    const struct scenario_setting *any = scenario_setting(l, "any");
    const struct scenario_setting *en = scenario_setting(l, "en");
    const struct scenario_setting *zh = scenario_setting(l, "zh");
    if (l->settings_count == 0 || l->words_count > 1)
        return scenario_fault(s, r->fault, r->line, l->words[0].column,
                              "write param NAME=VALUE, perhaps with from= and to=, or any=");
    const struct scenario_setting *first = &l->settings[0];
    if (s->params_count == SCENARIO_PARAMS)
        return scenario_fault(s, r->fault, r->line, first->column, "too many parameters");
    if (param_find(s, first->key))
        return scenario_fault(s, r->fault, r->line, first->column,
                              "there is a parameter \"%s\" already", first->key);
    for (unsigned i = 1; i < l->settings_count; i++)
        if (&l->settings[i] != from && &l->settings[i] != to && &l->settings[i] != any &&
            &l->settings[i] != en && &l->settings[i] != zh)
            return scenario_fault(
                s, r->fault, r->line, l->settings[i].column,
                "no \"%s\" here: there are from=, to=, any=, en= and zh=", l->settings[i].key);
    struct scenario_param *p = &s->params[s->params_count++];
    *p = (struct scenario_param){.name = first->key, .value = first->value, .line = r->line};
    p->from = from ? from->value : NULL;
    p->to = to ? to->value : NULL;
    p->any = any ? any->value : NULL;
    p->says[0] = en ? en->value : NULL;
    p->says[1] = zh ? zh->value : NULL;
    for (unsigned i = 0; i < r->given_count; i++)
        if (strcmp(r->given[i].name, p->name) == 0) {
            p->value = keep(s, r->given[i].value);
            p->given = true;
        }
    return p->value != NULL;
}

static bool all_given_exist(struct reader *r)
{
    for (unsigned i = 0; i < r->given_count; i++) {
        if (param_find(r->s, r->given[i].name))
            continue;
        char names[200];
        list_params(r->s, names, sizeof(names));
        snprintf(r->fault->text, sizeof(r->fault->text), "%s has no parameter \"%s\": there are %s",
                 r->s->name, r->given[i].name, names);
        return false;
    }
    return true;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool read_line(struct reader *r, char *text)
{
    struct scenario *s = r->s;
    struct scenario_line l = {.number = r->line};
    char *at = text;
    for (;;) {
        char *word = at;
        while (isblank((unsigned char)*at) || *at == '\r')
            at++;
        if (*at == '\0' || *at == '#')
            break;
        uint32_t column = (uint32_t)(at - text) + 1;
        if (!next_word(r, &at, text, &word) || !add_word(r, &l, word, column))
            return false;
    }
    if (l.words_count == 0)
        return true;
    if (strcmp(l.words[0].text, "param") == 0)
        return add_param(r, &l);
    struct scenario_line *lines = realloc(s->lines, (s->lines_count + 1) * sizeof(*lines));
    if (!lines)
        return scenario_fault(s, r->fault, r->line, 1, "no memory");
    s->lines = lines;
    s->lines[s->lines_count++] = l;
    return true;
}

static bool read_all(struct reader *r)
{
    char *at = r->s->text;
    while (at) {
        char *end = strchr(at, '\n');
        if (end)
            *end = '\0';
        r->line++;
        if (!read_line(r, at))
            return false;
        at = end ? end + 1 : NULL;
    }
    return all_given_exist(r);
}

bool scenario_read(struct scenario *s, const char *name, const char *text, size_t len,
                   const struct scenario_given *given, unsigned given_count,
                   struct scenario_fault *fault)
{
    memset(s, 0, sizeof(*s));
    s->name = name;
    s->text = malloc(len + 1);
    if (!s->text)
        return scenario_fault(s, fault, 1, 1, "no memory");
    memcpy(s->text, text, len);
    s->text[len] = '\0';
    struct reader r = {.s = s, .given = given, .given_count = given_count, .fault = fault};
    bool good = memchr(text, '\0', len) == NULL ? read_all(&r)
                                                : scenario_fault(s, fault, 1, 1, "this is no text");
    if (!good)
        scenario_free(s);
    return good;
}

void scenario_free(struct scenario *s)
{
    while (s->pieces) {
        struct piece *next = s->pieces->next;
        free(s->pieces);
        s->pieces = next;
    }
    free(s->lines);
    free(s->text);
    memset(s, 0, sizeof(*s));
}
