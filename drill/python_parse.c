/* Reading code blocks: see python.h. Recursive descent along Python's grammar of expressions, one
 * function for each level of precedence that has several operators. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/python_tree.h"

#define DEPTH_MAX 60
#define NODES_MAX 1000 /* of one statement: what runs it recurses as deep */

struct py_parser {
    struct drill_scan *sc;
    const char *at, *end, *line_start;
    uint32_t line, column_first; /* column of line_start, from 1 */
    unsigned brackets, depth, nodes;
};

static void *get(struct py_parser *p, size_t size)
{
    return drill_arena_get(p->sc->s->arena, size);
}

static struct drill_place here(const struct py_parser *p)
{
    return (struct drill_place){.line = p->line,
                                .column = p->column_first + (uint32_t)(p->at - p->line_start)};
}

static void new_line(struct py_parser *p)
{
    p->line++;
    p->line_start = p->at;
    p->column_first = 1;
}

/* Blanks, comments and joined lines; inside brackets line ends as well. */
static void blanks(struct py_parser *p)
{
    while (p->at < p->end) {
        char c = *p->at;
        if (c == '#') {
            while (p->at < p->end && *p->at != '\n')
                p->at++;
        } else if (c == '\\' && p->end - p->at > 1 && p->at[1] == '\n') {
            p->at += 2;
            new_line(p);
        } else if (c == '\n' && p->brackets > 0) {
            p->at++;
            new_line(p);
        } else if (c == ' ' || c == '\t' || c == '\r') {
            p->at++;
        } else {
            return;
        }
    }
}

static bool wrong(struct py_parser *p, const char *expected)
{
    blanks(p);
    struct drill_place place = here(p);
    size_t n = 0;
    while (p->at + n < p->end && n < 30 && !isspace((unsigned char)p->at[n]))
        n++;
    if (n == 0)
        return drill_fault(p->sc->s, p->sc->fault, place, "expected %s, but the line ends",
                           expected);
    return drill_fault(p->sc->s, p->sc->fault, place, "expected %s, found \"%.*s\"", expected,
                       (int)n, p->at);
}

static bool is(struct py_parser *p, const char *text)
{
    size_t len = strlen(text);
    blanks(p);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, text, len) != 0)
        return false;
    bool word = isalpha((unsigned char)text[0]);
    if (word && p->at + len < p->end && (isalnum((unsigned char)p->at[len]) || p->at[len] == '_'))
        return false;
    return true;
}

static bool take(struct py_parser *p, const char *text)
{
    if (!is(p, text))
        return false;
    p->at += strlen(text);
    return true;
}

static struct py_node *node(struct py_parser *p, enum py_op op, struct drill_place place)
{
    struct py_node *n = ++p->nodes < NODES_MAX ? get(p, sizeof(*n)) : NULL;
    if (!n) {
        drill_fault(p->sc->s, p->sc->fault, place, "too long a statement");
        return NULL;
    }
    n->op = op;
    n->place = place;
    return n;
}

static struct py_node *expression(struct py_parser *p);

/* ---- atoms ---------------------------------------------------------------------------------- */

static struct py_node *text_atom(struct py_parser *p)
{
    struct py_node *n = node(p, PY_CONST, here(p));
    char quote = *p->at++;
    char buffer[200];
    size_t len = 0;
    while (p->at < p->end && *p->at != quote && *p->at != '\n') {
        char c = *p->at++;
        if (c == '\\' && p->at < p->end) {
            c = *p->at++;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        if (len + 1 < sizeof(buffer))
            buffer[len++] = c;
    }
    if (p->at == p->end || *p->at != quote) {
        wrong(p, "the end of a text");
        return NULL;
    }
    p->at++;
    if (n)
        n->value = (struct py_value){.kind = PY_TEXT,
                                     .text = drill_arena_text(p->sc->s->arena, buffer, len)};
    return n;
}

static struct py_node *number_atom(struct py_parser *p)
{
    struct py_node *n = node(p, PY_CONST, here(p));
    char buffer[64];
    size_t len = 0;
    bool real = false;
    bool hex = p->end - p->at > 1 && p->at[0] == '0' && (p->at[1] == 'x' || p->at[1] == 'X');
    while (p->at + len < p->end && len + 1 < sizeof(buffer)) {
        char c = p->at[len];
        bool exponent_sign = !hex && len > 0 && (c == '+' || c == '-') &&
                             (p->at[len - 1] == 'e' || p->at[len - 1] == 'E');
        if (!isalnum((unsigned char)c) && c != '.' && !exponent_sign)
            break;
        real = real || (!hex && (c == '.' || c == 'e' || c == 'E'));
        buffer[len++] = c;
    }
    buffer[len] = '\0';
    char *rest = buffer;
    if (n && real)
        n->value = (struct py_value){.kind = PY_FLOAT, .real = strtod(buffer, &rest)};
    else if (n)
        n->value =
            (struct py_value){.kind = PY_INT, .number = strtoll(buffer, &rest, hex ? 16 : 10)};
    if (!n || *rest != '\0' || len == 0) {
        wrong(p, "a number");
        return NULL;
    }
    p->at += len;
    return n;
}

static const struct {
    const char *name;
    unsigned least, most;
} functions[] = {
    {"print", 0, PY_TUPLE_MAX},
    {"min", 1, PY_TUPLE_MAX},
    {"max", 1, PY_TUPLE_MAX},
    {"abs", 1, 1},
    {"int", 1, 1},
    {"float", 1, 1},
    {"len", 1, 1},
    {"str", 1, 1},
    {"hex", 1, 1},
    {"round", 1, 1},
};

static bool operands(struct py_parser *p, struct py_node *n, const char *closing, unsigned *count)
{
    struct py_node **link = &n->first;
    p->brackets++;
    while (!is(p, closing)) {
        if (*count == PY_TUPLE_MAX)
            return wrong(p, "fewer values");
        *link = expression(p);
        if (!*link)
            return false;
        link = &(*link)->next;
        ++*count;
        if (!take(p, ",") && !is(p, closing))
            return wrong(p, "\",\" or a closing bracket");
    }
    p->brackets--;
    return take(p, closing);
}

static struct py_node *call_atom(struct py_parser *p, const char *name, struct drill_place place)
{
    struct py_node *n = node(p, PY_CALL, place);
    unsigned count = 0;
    if (!n || !operands(p, n, ")", &count))
        return NULL;
    n->name = name;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0 && count >= functions[i].least &&
            count <= functions[i].most)
            return n;
    drill_fault(p->sc->s, p->sc->fault, place,
                "no function %s() with %u values: there are print, min, max, abs, int, float, len, "
                "str, hex, round",
                name, count);
    return NULL;
}

static struct py_node *constant_node(struct py_parser *p, struct drill_place place,
                                     enum py_kind kind, int64_t number)
{
    struct py_node *n = node(p, PY_CONST, place);
    if (n)
        n->value = (struct py_value){.kind = kind, .number = number};
    return n;
}

static struct py_node *name_atom(struct py_parser *p)
{
    struct drill_place place = here(p);
    size_t len = 0;
    while (p->at + len < p->end && (isalnum((unsigned char)p->at[len]) || p->at[len] == '_'))
        len++;
    const char *name = drill_arena_text(p->sc->s->arena, p->at, len);
    p->at += len;
    if (!name)
        return NULL;
    if (strcmp(name, "True") == 0 || strcmp(name, "False") == 0)
        return constant_node(p, place, PY_BOOL, name[0] == 'T');
    if (strcmp(name, "None") == 0)
        return constant_node(p, place, PY_NONE, 0);
    if (take(p, "("))
        return call_atom(p, name, place);
    struct py_node *n = node(p, PY_NAME, place);
    if (n)
        n->name = name;
    return n;
}

static struct py_node *atom(struct py_parser *p)
{
    blanks(p);
    char c = p->at < p->end ? *p->at : '\0';
    if (c == '\'' || c == '"')
        return text_atom(p);
    if (isdigit((unsigned char)c) || c == '.')
        return number_atom(p);
    if (isalpha((unsigned char)c) || c == '_')
        return name_atom(p);
    struct drill_place place = here(p);
    const char *closing = c == '(' ? ")" : c == '[' ? "]" : NULL;
    if (!closing) {
        wrong(p, "a value");
        return NULL;
    }
    p->at++;
    struct py_node *n = node(p, PY_MAKE_TUPLE, place);
    unsigned count = 0;
    const char *before = p->at;
    if (!n || !operands(p, n, closing, &count))
        return NULL;
    /* "(x)" is x; "(x,)" and "[x]" are not. */
    const char *last = p->at - 2;
    while (last > before && isspace((unsigned char)*last))
        last--;
    return count == 1 && c == '(' && *last != ',' ? n->first : n;
}

/* ---- operators ------------------------------------------------------------------------------ */

struct py_operator {
    const char *text;
    enum py_op op;
    const char *not_before; /* "<" is not the beginning of "<<" or "<=" */
};

static const struct py_operator *py_operator_at(struct py_parser *p,
                                                const struct py_operator *table)
{
    blanks(p);
    for (; table->text; table++) {
        size_t len = strlen(table->text);
        if ((size_t)(p->end - p->at) < len || memcmp(p->at, table->text, len) != 0)
            continue;
        char next = p->at + len < p->end ? p->at[len] : ' ';
        if (next == '=' || strchr(table->not_before, next))
            continue;
        return table;
    }
    return NULL;
}

static struct py_node *pair(struct py_parser *p, enum py_op op, struct drill_place place,
                            struct py_node *left, struct py_node *right)
{
    struct py_node *n = left && right ? node(p, op, place) : NULL;
    if (n) {
        n->first = left;
        left->next = right;
    }
    return n;
}

static struct py_node *unary(struct py_parser *p)
{
    blanks(p);
    struct drill_place place = here(p);
    enum py_op op = is(p, "-") ? PY_NEGATE : is(p, "~") ? PY_INVERT : PY_CONST;
    if (is(p, "+")) {
        p->at++;
        return unary(p);
    }
    if (op != PY_CONST) {
        p->at++;
        struct py_node *operand = ++p->depth < DEPTH_MAX ? unary(p) : NULL;
        struct py_node *n = operand ? node(p, op, place) : NULL;
        p->depth--;
        if (n)
            n->first = operand;
        return n;
    }
    struct py_node *base = atom(p);
    blanks(p);
    place = here(p);
    if (!base || !take(p, "**"))
        return base;
    return pair(p, PY_POWER, place, base, unary(p));
}

static const struct py_operator products[] = {{"*", PY_MUL, "*"},
                                              {"//", PY_FLOOR_DIV, ""},
                                              {"/", PY_DIV, "/"},
                                              {"%", PY_MOD, ""},
                                              {NULL, 0, NULL}};
static const struct py_operator sums[] = {{"+", PY_ADD, ""}, {"-", PY_SUB, ""}, {NULL, 0, NULL}};
static const struct py_operator shifts[] = {
    {"<<", PY_SHIFT_LEFT, ""}, {">>", PY_SHIFT_RIGHT, ""}, {NULL, 0, NULL}};
static const struct py_operator ands[] = {{"&", PY_BIT_AND, ""}, {NULL, 0, NULL}};
static const struct py_operator xors[] = {{"^", PY_BIT_XOR, ""}, {NULL, 0, NULL}};
static const struct py_operator ors[] = {{"|", PY_BIT_OR, ""}, {NULL, 0, NULL}};

static const struct py_operator *const levels[] = {ors, xors, ands, shifts, sums, products};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static struct py_node *binary(struct py_parser *p, size_t level)
{
    if (level == LEVELS)
        return unary(p);
    struct py_node *left = binary(p, level + 1);
    const struct py_operator *found;
    while (left && (found = py_operator_at(p, levels[level]))) {
        struct drill_place place = here(p);
        p->at += strlen(found->text);
        left = pair(p, found->op, place, left, binary(p, level + 1));
    }
    return left;
}

static bool compare_at(struct py_parser *p, enum py_compare *which)
{
    static const struct {
        const char *text;
        enum py_compare which;
    } table[] = {{"==", PY_EQ}, {"!=", PY_NE}, {"<=", PY_LE}, {">=", PY_GE},
                 {"<", PY_LT},  {">", PY_GT},  {"in", PY_IN}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (take(p, table[i].text)) {
            *which = table[i].which;
            return true;
        }
    }
    const char *before = p->at;
    *which = PY_NOT_IN;
    if (take(p, "not") && take(p, "in"))
        return true;
    p->at = before;
    return false;
}

static struct py_node *comparison(struct py_parser *p)
{
    struct py_node *left = binary(p, 0);
    enum py_compare which;
    blanks(p);
    struct drill_place place = here(p);
    if (!left || !compare_at(p, &which))
        return left;
    struct py_node *n = node(p, PY_COMPARE, place), *last = left;
    do {
        last->next = n ? binary(p, 0) : NULL;
        last = last->next;
        if (!last)
            return NULL;
        last->compare = which;
    } while (compare_at(p, &which));
    n->first = left;
    return n;
}

static struct py_node *negation(struct py_parser *p)
{
    blanks(p);
    struct drill_place place = here(p);
    if (!take(p, "not"))
        return comparison(p);
    struct py_node *operand = ++p->depth < DEPTH_MAX ? negation(p) : NULL;
    struct py_node *n = operand ? node(p, PY_NOT, place) : NULL;
    p->depth--;
    if (n)
        n->first = operand;
    return n;
}

static struct py_node *conjunction(struct py_parser *p)
{
    struct py_node *left = negation(p);
    while (left && is(p, "and")) {
        struct drill_place place = here(p);
        p->at += 3;
        left = pair(p, PY_AND, place, left, negation(p));
    }
    return left;
}

static struct py_node *disjunction(struct py_parser *p)
{
    struct py_node *left = conjunction(p);
    while (left && is(p, "or")) {
        struct drill_place place = here(p);
        p->at += 2;
        left = pair(p, PY_OR, place, left, conjunction(p));
    }
    return left;
}

static struct py_node *expression(struct py_parser *p)
{
    if (++p->depth >= DEPTH_MAX) {
        wrong(p, "fewer brackets");
        return NULL;
    }
    struct py_node *value = disjunction(p);
    struct drill_place place = here(p);
    if (value && take(p, "if")) {
        struct py_node *condition = disjunction(p);
        struct py_node *other = condition && take(p, "else") ? expression(p) : NULL;
        if (condition && !other && p->sc->fault->text[0] == '\0')
            wrong(p, "else");
        value = pair(p, PY_COND, place, value, condition);
        if (value)
            condition->next = other;
        value = other ? value : NULL;
    }
    p->depth--;
    if (!value && p->sc->fault->text[0] == '\0')
        wrong(p, "fewer signs before a value");
    return value;
}

/* ---- statements ----------------------------------------------------------------------------- */

static struct py_statement *simple_statement(struct py_parser *p);

static struct py_statement *statement_new(struct py_parser *p, enum py_statement_kind kind)
{
    struct py_statement *s = get(p, sizeof(*s));
    if (s) {
        s->kind = kind;
        s->place = here(p);
    }
    return s;
}

static struct py_statement *assertion(struct py_parser *p)
{
    struct py_statement *s = statement_new(p, PY_ASSERT);
    take(p, "assert");
    blanks(p);
    const char *begin = p->at;
    if (!s || !(s->expr = expression(p)))
        return NULL;
    size_t len = (size_t)(p->at - begin);
    while (len > 0 && isspace((unsigned char)begin[len - 1]))
        len--;
    s->text = drill_arena_text(p->sc->s->arena, begin, len);
    if (take(p, ",") && !(s->message = expression(p)))
        return NULL;
    return s;
}

static bool assignment_at(struct py_parser *p, struct py_statement *s)
{
    static const struct {
        const char *text;
        enum py_op op;
    } table[] = {{"+=", PY_ADD}, {"-=", PY_SUB}, {"*=", PY_MUL},    {"//=", PY_FLOOR_DIV},
                 {"/=", PY_DIV}, {"%=", PY_MOD}, {"|=", PY_BIT_OR}, {"&=", PY_BIT_AND}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (take(p, table[i].text)) {
            s->augmented = true;
            s->op = table[i].op;
            return true;
        }
    }
    return !is(p, "==") && take(p, "=");
}

static struct py_statement *one_if(struct py_parser *p)
{
    struct py_statement *s = statement_new(p, PY_IF);
    take(p, "if");
    if (!s || !(s->expr = expression(p)))
        return NULL;
    if (!take(p, ":")) {
        wrong(p, "\":\"");
        return NULL;
    }
    struct py_statement **link = &s->body;
    do {
        if (is(p, "\n") || p->at == p->end) {
            wrong(p, "a statement on the same line");
            return NULL;
        }
        *link = simple_statement(p);
        if (!*link)
            return NULL;
        link = &(*link)->next;
        blanks(p);
    } while (take(p, ";"));
    return s;
}

static bool is_keyword(struct py_parser *p)
{
    static const char *const words[] = {"for",    "while", "def",  "import", "from",  "class",
                                        "return", "try",   "with", "lambda", "raise", "del"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (is(p, words[i]))
            return true;
    return false;
}

static struct py_statement *simple_statement(struct py_parser *p)
{
    blanks(p);
    p->nodes = 0;
    if (is(p, "assert"))
        return assertion(p);
    if (is(p, "pass")) {
        struct py_statement *s = statement_new(p, PY_PASS);
        take(p, "pass");
        return s;
    }
    if (is_keyword(p)) {
        wrong(p, "assert, print(), an assignment or an expression (there is no more of Python)");
        return NULL;
    }
    struct py_statement *s = statement_new(p, PY_EXPRESSION);
    if (!s || !(s->expr = expression(p)))
        return NULL;
    if (s->expr->op == PY_NAME && assignment_at(p, s)) {
        s->kind = PY_ASSIGN;
        s->name = s->expr->name;
        s->expr = expression(p);
    }
    return s->expr ? s : NULL;
}

struct drill_code *py_parse(struct drill_scan *sc, const char *text, size_t len,
                            struct drill_place place)
{
    struct py_parser p = {.sc = sc,
                          .at = text,
                          .end = text + len,
                          .line_start = text,
                          .line = place.line,
                          .column_first = place.column};
    struct drill_code *code = drill_arena_get(sc->s->arena, sizeof(*code));
    struct py_statement **link = code ? &code->first : NULL;
    sc->fault->text[0] = '\0';
    while (link) {
        blanks(&p);
        if (p.at == p.end)
            return code;
        if (*p.at == ';') {
            p.at++;
        } else if (*p.at == '\n') {
            p.at++;
            new_line(&p);
        } else {
            *link = is(&p, "if") ? one_if(&p) : simple_statement(&p);
            if (!*link)
                break;
            link = &(*link)->next;
            blanks(&p);
            if (p.at < p.end && *p.at != ';' && *p.at != '\n') {
                wrong(&p, "the end of the statement");
                break;
            }
        }
    }
    if (sc->fault->text[0] == '\0')
        drill_fault(sc->s, sc->fault, place, "no memory");
    return NULL;
}
