/* Calls: arguments as values, structures and lists, the result, errno and a note. */
#include <stdio.h>
#include <string.h>

#include "drill/names.h"
#include "drill/parse.h"

#define DEPTH_MAX 20

static struct drill_expr *expr(struct drill_scan *sc, unsigned depth);

static struct drill_expr *expr_new(struct drill_scan *sc, enum drill_expr_kind kind)
{
    struct drill_expr *e = drill_arena_get(sc->s->arena, sizeof(*e));
    if (!e) {
        scan_wrong(sc, "less memory");
        return NULL;
    }
    e->kind = kind;
    e->place = scan_place(sc);
    return e;
}

static bool list(struct drill_scan *sc, struct drill_expr *e, const char *closing, unsigned depth)
{
    struct drill_expr **link = &e->first;
    while (!scan_take(sc, closing)) {
        *link = expr(sc, depth + 1);
        if (!*link)
            return false;
        link = &(*link)->next;
        e->children++;
        if (!scan_take(sc, ",") && !scan_is(sc, closing)) {
            char expected[32];
            snprintf(expected, sizeof(expected), "\",\" or \"%s\"", closing);
            return scan_wrong(sc, expected);
        }
    }
    return true;
}

static struct drill_expr *enclosed(struct drill_scan *sc, enum drill_expr_kind kind,
                                   const char *closing, unsigned depth)
{
    struct drill_expr *e = expr_new(sc, kind);
    scan_step(sc);
    return e && list(sc, e, closing, depth) ? e : NULL;
}

static struct drill_expr *quoted(struct drill_scan *sc)
{
    struct drill_expr *e = expr_new(sc, DRILL_TEXT);
    size_t len;
    scan_step(sc);
    const char *text = scan_until(sc, "\"", "a text", &len);
    if (!e || !text)
        return NULL;
    e->text = drill_arena_text(sc->s->arena, text, len);
    return e;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* "CODE" may be defined as another name, or as a number. */
static bool constant(struct drill_scan *sc, const char *word, struct drill_place place,
                     int64_t *value)
{
    const char *defined = parse_define(sc, word);
    if (drill_constant(defined ? defined : word, sc->s->ipv6, value))
        return true;
    if (defined) {
        struct drill_scan inner = *sc;
        uint64_t number;
        inner.at = defined;
        inner.end = defined + strlen(defined);
        if (!scan_number(&inner, INT64_MAX, "a number", &number))
            return false;
        *value = (int64_t)number;
        return true;
    }
    const char *like = drill_constant_like(word);
    return drill_fault(sc->s, sc->fault, place, "no constant \"%s\"%s%s%s", word,
                       like ? "; is it " : "", like ? like : "", like ? "?" : "");
}

static bool term(struct drill_scan *sc, int64_t *value)
{
    struct drill_place place = scan_place(sc);
    bool minus = scan_take(sc, "-"), not = !minus && scan_take(sc, "~");
    uint64_t number;
    const char *word = scan_word(sc);
    if (word) {
        if (!constant(sc, word, place, value))
            return false;
    } else {
        if (!scan_number(sc, INT64_MAX, "a value", &number))
            return false;
        *value = (int64_t)number;
    }
    *value = minus ? -*value : not ? ~*value : *value;
    return true;
}

/* "a | b | c", and of arguments products and sums, which sizes are written as. Behind a result "+"
 * and "*" are the time of the next event. */
static bool number_rest(struct drill_scan *sc, bool sums, int64_t *value)
{
    int64_t more;
    for (;;) {
        bool of = scan_take(sc, "|"), times = !of && sums && scan_take(sc, "*");
        bool plus = !of && !times && sums && scan_take(sc, "+");
        if (!of && !times && !plus)
            return true;
        struct drill_place place = scan_place(sc);
        if (!term(sc, &more))
            return false;
        bool over = times  ? __builtin_mul_overflow(*value, more, value)
                    : plus ? __builtin_add_overflow(*value, more, value)
                           : (*value |= more, false);
        if (over)
            return drill_fault(sc->s, sc->fault, place, "a number of more than 64 bits");
    }
}

static struct drill_expr *number(struct drill_scan *sc)
{
    struct drill_expr *e = expr_new(sc, DRILL_NUMBER);
    return e && term(sc, &e->number) && number_rest(sc, true, &e->number) ? e : NULL;
}

/* ---- words: constants, fields, functions ---------------------------------------------------- */

static struct drill_expr *named(struct drill_scan *sc, const char *field, struct drill_expr *count,
                                unsigned depth)
{
    struct drill_expr *e = expr(sc, depth + 1);
    if (e) {
        e->field = field;
        e->count = count;
    }
    return e;
}

/* "name(x)" is a function, "name(x) = y" a field with its length. */
static struct drill_expr *bracketed(struct drill_scan *sc, const char *word,
                                    struct drill_place place, unsigned depth)
{
    struct drill_expr *e = expr_new(sc, DRILL_FUNC);
    if (!e || !list(sc, e, ")", depth))
        return NULL;
    e->place = place;
    e->text = word;
    if (scan_is(sc, "=") && !scan_is(sc, "==")) {
        scan_step(sc);
        return named(sc, word, e->first, depth);
    }
    static const char *const functions[] = {"htons", "ntohs",     "htonl",
                                            "ntohl", "inet_addr", "inet6_addr"};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(word, functions[i]) == 0 && e->children == 1)
            return e;
    drill_fault(sc->s, sc->fault, place,
                "no function %s() with %u values here: there are htons, ntohs, htonl, ntohl, "
                "inet_addr and inet6_addr",
                word, e->children);
    return NULL;
}

static struct drill_expr *from_word(struct drill_scan *sc, unsigned depth)
{
    struct drill_scan before = *sc;
    struct drill_place place = scan_place(sc);
    const char *word = scan_word(sc);
    if (!word)
        return NULL;
    if (scan_take(sc, "("))
        return bracketed(sc, word, place, depth);
    if (scan_is(sc, "=") && !scan_is(sc, "==")) {
        scan_step(sc);
        return named(sc, word, NULL, depth);
    }
    if (strcmp(word, "NULL") == 0) {
        struct drill_expr *e = expr_new(sc, DRILL_NULL);
        if (e)
            e->place = place;
        return e;
    }
    *sc = before;
    return number(sc);
}

static struct drill_expr *expr(struct drill_scan *sc, unsigned depth)
{
    const char *word;
    if (depth > DEPTH_MAX) {
        scan_wrong(sc, "fewer brackets");
        return NULL;
    }
    if (scan_is(sc, "...")) {
        struct drill_expr *e = expr_new(sc, DRILL_ANY);
        scan_take(sc, "...");
        return e;
    }
    if (scan_is(sc, "["))
        return enclosed(sc, DRILL_LIST, "]", depth);
    if (scan_is(sc, "{"))
        return enclosed(sc, DRILL_STRUCT, "}", depth);
    if (scan_is(sc, "\""))
        return quoted(sc);
    if (scan_peek_word(sc, &word) > 0)
        return from_word(sc, depth);
    return number(sc);
}

/* ---- result --------------------------------------------------------------------------------- */

static bool result(struct drill_scan *sc, struct drill_call *c)
{
    c->result_place = scan_place(sc);
    c->result_any = scan_take(sc, "...") || scan_take(sc, "?");
    if (!c->result_any && (!term(sc, &c->result) || !number_rest(sc, false, &c->result)))
        return false;
    const char *at;
    size_t len = scan_peek_word(sc, &at);
    if (len > 1 && at[0] == 'E') {
        struct drill_place place = scan_place(sc);
        c->err_name = scan_word(sc);
        c->err = c->err_name ? drill_errno(c->err_name) : 0;
        if (c->err == 0)
            return drill_fault(sc->s, sc->fault, place, "no error \"%s\"",
                               c->err_name ? c->err_name : "");
        if (!c->result_any && c->result != -1)
            return drill_fault(sc->s, sc->fault, place, "an error, but the result is not -1");
    }
    size_t note;
    if (scan_take(sc, "("))
        return scan_until(sc, ")", "a note", &note) != NULL;
    return true;
}

struct drill_call *parse_call(struct drill_scan *sc)
{
    struct drill_call *c = drill_arena_get(sc->s->arena, sizeof(*c));
    if (!c) {
        scan_wrong(sc, "less memory");
        return NULL;
    }
    struct drill_expr args = {.kind = DRILL_LIST};
    c->place = scan_place(sc);
    c->name = scan_word(sc);
    if (!c->name || !scan_expect(sc, "(", "before the arguments of a call") ||
        !list(sc, &args, ")", 0))
        return NULL;
    c->args = args.first;
    c->args_count = args.children;
    return scan_expect(sc, "=", "and the result of the call") && result(sc, c) ? c : NULL;
}
