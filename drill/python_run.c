/* Running code blocks: see python.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/names.h"
#include "drill/python_tree.h"

#define VARIABLES_MAX 256

struct variable {
    char name[48];
    struct py_value value;
    bool given; /* by the runner: py_world_set() */
};

/* A piece of text that an expression made. */
struct piece {
    struct piece *next;
    union {
        char text[400];
        struct py_value items[PY_TUPLE_MAX];
    };
};

struct py_world {
    struct variable variables[VARIABLES_MAX];
    unsigned count;
    struct piece *pieces;
    /* while it runs */
    const struct drill_script *s;
    struct drill_fault *fault;
    char *out;
    size_t out_size;
};

struct py_world *py_world_new(void)
{
    return calloc(1, sizeof(struct py_world));
}

void py_world_free(struct py_world *w)
{
    while (w && w->pieces) {
        struct piece *next = w->pieces->next;
        free(w->pieces);
        w->pieces = next;
    }
    free(w);
}

static struct piece *piece_new(struct py_world *w)
{
    struct piece *piece = calloc(1, sizeof(*piece));
    if (piece) {
        piece->next = w->pieces;
        w->pieces = piece;
    }
    return piece;
}

static struct variable *lookup(struct py_world *w, const char *name)
{
    for (unsigned i = 0; i < w->count; i++)
        if (strcmp(w->variables[i].name, name) == 0)
            return &w->variables[i];
    return NULL;
}

static struct variable *variable(struct py_world *w, const char *name)
{
    struct variable *v = lookup(w, name);
    if (v || w->count == VARIABLES_MAX || strlen(name) >= sizeof(v->name))
        return v;
    v = &w->variables[w->count++];
    *v = (struct variable){0};
    snprintf(v->name, sizeof(v->name), "%s", name);
    return v;
}

void py_world_set(struct py_world *w, const char *name, int64_t number)
{
    struct variable *v = variable(w, name);
    if (v) {
        v->value = (struct py_value){.kind = PY_INT, .number = number};
        v->given = true;
    }
}

void py_world_clear(struct py_world *w)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < w->count; i++)
        if (!w->variables[i].given)
            w->variables[kept++] = w->variables[i];
    w->count = kept;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool failed(struct py_world *w, struct drill_place place, const char *sentence)
{
    return drill_fault(w->s, w->fault, place, "%s", sentence);
}

static bool is_number(const struct py_value *v)
{
    return v->kind == PY_INT || v->kind == PY_BOOL || v->kind == PY_FLOAT;
}

static double real_of(const struct py_value *v)
{
    return v->kind == PY_FLOAT ? v->real : (double)v->number;
}

static bool truth(const struct py_value *v)
{
    switch (v->kind) {
    case PY_NONE:
        return false;
    case PY_FLOAT:
        return v->real != 0;
    case PY_TEXT:
        return v->text[0] != '\0';
    case PY_TUPLE:
        return v->count > 0;
    default:
        return v->number != 0;
    }
}

static struct py_value integer(int64_t number)
{
    return (struct py_value){.kind = PY_INT, .number = number};
}

static struct py_value boolean(bool b)
{
    return (struct py_value){.kind = PY_BOOL, .number = b};
}

static struct py_value real_number(double real)
{
    return (struct py_value){.kind = PY_FLOAT, .real = real};
}

static void value_format(const struct py_value *v, char *text, size_t size)
{
    size_t at = 0;
    switch (v->kind) {
    case PY_NONE:
        snprintf(text, size, "None");
        break;
    case PY_BOOL:
        snprintf(text, size, "%s", v->number ? "True" : "False");
        break;
    case PY_INT:
        snprintf(text, size, "%" PRId64, v->number);
        break;
    case PY_FLOAT:
        snprintf(text, size, v->real == floor(v->real) && fabs(v->real) < 1e15 ? "%.1f" : "%.12g",
                 v->real);
        break;
    case PY_TEXT:
        snprintf(text, size, "%s", v->text);
        break;
    case PY_TUPLE:
        at = (size_t)snprintf(text, size, "(");
        for (unsigned i = 0; i < v->count && at + 1 < size; i++) {
            char item[80];
            value_format(&v->items[i], item, sizeof(item));
            int n = snprintf(text + at, size - at, "%s%s", i ? ", " : "", item);
            at += n > 0 ? (size_t)n : 0;
        }
        if (at + 1 < size)
            snprintf(text + at, size - at, ")");
        break;
    }
}

static bool text_value(struct py_world *w, const char *text, struct py_value *out)
{
    struct piece *piece = piece_new(w);
    if (!piece)
        return false;
    snprintf(piece->text, sizeof(piece->text), "%s", text);
    *out = (struct py_value){.kind = PY_TEXT, .text = piece->text};
    return true;
}

/* -1, 0, 1, or 2: they cannot be put in order (but may be unequal). */
static int order(const struct py_value *a, const struct py_value *b)
{
    if (a->kind == PY_TEXT && b->kind == PY_TEXT) {
        int c = strcmp(a->text, b->text);
        return (c > 0) - (c < 0);
    }
    if (!is_number(a) || !is_number(b))
        return a->kind == PY_NONE && b->kind == PY_NONE ? 0 : 2;
    if (a->kind == PY_FLOAT || b->kind == PY_FLOAT)
        return (real_of(a) > real_of(b)) - (real_of(a) < real_of(b));
    return (a->number > b->number) - (a->number < b->number);
}

static bool equal(const struct py_value *a, const struct py_value *b)
{
    if (a->kind != PY_TUPLE || b->kind != PY_TUPLE)
        return order(a, b) == 0;
    bool same = a->count == b->count;
    for (unsigned i = 0; same && i < a->count; i++)
        same = equal(&a->items[i], &b->items[i]);
    return same;
}

/* ---- operators ------------------------------------------------------------------------------ */

static bool eval(struct py_world *w, const struct py_node *n, struct py_value *out);

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static bool integer_power(int64_t base, int64_t exponent, int64_t *out)
{
    int64_t result = 1;
    if (exponent > 4096)
        return base == 0 || base == 1 ? (*out = base, true) : false;
    for (int64_t i = 0; i < exponent; i++)
        if (__builtin_mul_overflow(result, base, &result))
            return false;
    *out = result;
    return true;
}

static bool shift(enum py_op op, int64_t a, int64_t by, int64_t *out)
{
    if (by < 0)
        return false;
    if (op == PY_SHIFT_RIGHT) {
        *out = floor_div(a, by > 61 ? INT64_C(1) << 62 : INT64_C(1) << by);
        return true;
    }
    return by < 63 && !__builtin_mul_overflow(a, INT64_C(1) << by, out);
}

static bool of_integers(struct py_world *w, const struct py_node *n, int64_t a, int64_t b,
                        struct py_value *out)
{
    int64_t r = 0;
    bool good = true;
    if ((n->op == PY_FLOOR_DIV || n->op == PY_MOD) && (b == 0 || (a == INT64_MIN && b == -1)))
        return failed(w, n->place, "division by zero");
    switch (n->op) {
    case PY_ADD:
        good = !__builtin_add_overflow(a, b, &r);
        break;
    case PY_SUB:
        good = !__builtin_sub_overflow(a, b, &r);
        break;
    case PY_MUL:
        good = !__builtin_mul_overflow(a, b, &r);
        break;
    case PY_FLOOR_DIV:
        r = floor_div(a, b);
        break;
    case PY_MOD:
        r = a - b * floor_div(a, b);
        break;
    case PY_POWER:
        good = b >= 0 && integer_power(a, b, &r);
        break;
    case PY_BIT_OR:
        r = a | b;
        break;
    case PY_BIT_XOR:
        r = a ^ b;
        break;
    case PY_BIT_AND:
        r = a & b;
        break;
    default:
        good = shift(n->op, a, b, &r);
        break;
    }
    *out = integer(r);
    return good || failed(w, n->place, "a number of more than 64 bits");
}

static bool of_reals(struct py_world *w, const struct py_node *n, double a, double b,
                     struct py_value *out)
{
    if ((n->op == PY_DIV || n->op == PY_FLOOR_DIV || n->op == PY_MOD) && b == 0)
        return failed(w, n->place, "division by zero");
    switch (n->op) {
    case PY_ADD:
        *out = real_number(a + b);
        return true;
    case PY_SUB:
        *out = real_number(a - b);
        return true;
    case PY_MUL:
        *out = real_number(a * b);
        return true;
    case PY_DIV:
        *out = real_number(a / b);
        return true;
    case PY_FLOOR_DIV:
        *out = real_number(floor(a / b));
        return true;
    case PY_MOD:
        *out = real_number(a - b * floor(a / b));
        return true;
    case PY_POWER:
        *out = real_number(pow(a, b));
        return true;
    default:
        return failed(w, n->place, "bits of a number that is not whole");
    }
}

/* One "%d" of a format with its value. */
static bool format_one(const char *spec, size_t len, const struct py_value *v, char *text,
                       size_t size)
{
    char form[24], shown[200];
    char kind = spec[len - 1];
    if (len + 4 > sizeof(form))
        return false;
    if (kind == 's' || kind == 'r') {
        memcpy(form, spec, len - 1);
        memcpy(form + len - 1, "s", 2);
        value_format(v, shown, sizeof(shown));
        snprintf(text, size, form, shown);
        return true;
    }
    if (!is_number(v))
        return false;
    memcpy(form, spec, len - 1);
    if (strchr("feEgG", kind)) {
        memcpy(form + len - 1, (char[]){kind, '\0'}, 2);
        snprintf(text, size, form, real_of(v));
        return true;
    }
    if (!strchr("dixXou", kind))
        return false;
    memcpy(form + len - 1, (char[]){'l', 'l', kind == 'u' ? 'd' : kind, '\0'}, 4);
    snprintf(text, size, form, v->kind == PY_FLOAT ? (long long)v->real : (long long)v->number);
    return true;
}

static bool format(struct py_world *w, const struct py_node *n, const char *form,
                   const struct py_value *right, struct py_value *out)
{
    char text[400];
    size_t at = 0;
    unsigned used = 0, count = right->kind == PY_TUPLE ? right->count : 1;
    const struct py_value *values = right->kind == PY_TUPLE ? right->items : right;
    text[0] = '\0';
    while (*form != '\0' && at + 1 < sizeof(text)) {
        if (*form != '%' || form[1] == '%') {
            form += *form == '%';
            text[at++] = *form++;
            text[at] = '\0';
            continue;
        }
        size_t len = 1 + strspn(form + 1, "0123456789+- .#");
        bool good = form[len] != '\0' && used < count &&
                    format_one(form, len + 1, &values[used], text + at, sizeof(text) - at);
        if (!good)
            return failed(w, n->place, "this format and these values do not fit together");
        used++;
        form += len + 1;
        at += strlen(text + at);
    }
    if (used != count)
        return failed(w, n->place, "more values than the format has places");
    return text_value(w, text, out);
}

static bool binary(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    struct py_value a, b;
    if (!eval(w, n->first, &a) || !eval(w, n->first->next, &b))
        return false;
    if (n->op == PY_MOD && a.kind == PY_TEXT)
        return format(w, n, a.text, &b, out);
    if (n->op == PY_ADD && a.kind == PY_TEXT && b.kind == PY_TEXT) {
        char text[400];
        snprintf(text, sizeof(text), "%.199s%.199s", a.text, b.text);
        return text_value(w, text, out);
    }
    if (!is_number(&a) || !is_number(&b))
        return failed(w, n->place, "this operator is for numbers");
    bool power_below_one = n->op == PY_POWER && b.kind != PY_FLOAT && b.number < 0;
    if (a.kind == PY_FLOAT || b.kind == PY_FLOAT || n->op == PY_DIV || power_below_one)
        return of_reals(w, n, real_of(&a), real_of(&b), out);
    return of_integers(w, n, a.number, b.number, out);
}

static bool contains(struct py_world *w, const struct py_node *n, const struct py_value *a,
                     const struct py_value *b, bool *held)
{
    *held = false;
    if (a->kind == PY_TEXT && b->kind == PY_TEXT) {
        *held = strstr(b->text, a->text) != NULL;
        return true;
    }
    if (b->kind != PY_TUPLE)
        return failed(w, n->place, "\"in\" needs a list or a text");
    for (unsigned i = 0; i < b->count; i++)
        *held = *held || equal(a, &b->items[i]);
    return true;
}

static bool compare_two(struct py_world *w, const struct py_node *n, enum py_compare which,
                        const struct py_value *a, const struct py_value *b, bool *held)
{
    if (which == PY_IN || which == PY_NOT_IN) {
        bool good = contains(w, n, a, b, held);
        *held = *held == (which == PY_IN);
        return good;
    }
    if (which == PY_EQ || which == PY_NE) {
        *held = equal(a, b) == (which == PY_EQ);
        return true;
    }
    int o = order(a, b);
    if (o == 2)
        return failed(w, n->place, "these values have no order");
    *held = which == PY_LT ? o < 0 : which == PY_LE ? o <= 0 : which == PY_GT ? o > 0 : o >= 0;
    return true;
}

static bool compare(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    struct py_value left, right;
    bool held = true;
    if (!eval(w, n->first, &left))
        return false;
    for (const struct py_node *next = n->first->next; held && next; next = next->next) {
        if (!eval(w, next, &right) || !compare_two(w, n, next->compare, &left, &right, &held))
            return false;
        left = right;
    }
    *out = boolean(held);
    return true;
}

/* ---- names and functions -------------------------------------------------------------------- */

static bool name_value(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    const struct variable *v = lookup(w, n->name);
    int64_t number;
    if (v) {
        *out = v->value;
        return true;
    }
    if (drill_constant(n->name, false, &number)) {
        *out = integer(number);
        return true;
    }
    const char *near = NULL;
    unsigned least = 4;
    for (unsigned i = 0; i < w->count; i++) {
        unsigned d = drill_distance(n->name, w->variables[i].name);
        if (d < least) {
            least = d;
            near = w->variables[i].name;
        }
    }
    return drill_fault(w->s, w->fault, n->place, "no name \"%s\" here%s%s%s", n->name,
                       near ? "; is it \"" : "", near ? near : "", near ? "\"?" : "");
}

static void print(struct py_world *w, const struct py_value *values, unsigned count)
{
    size_t at = strlen(w->out);
    for (unsigned i = 0; i <= count && at + 1 < w->out_size; i++) {
        char text[400] = "\n";
        if (i < count)
            value_format(&values[i], text, sizeof(text));
        int n =
            snprintf(w->out + at, w->out_size - at, "%s%s", i > 0 && i < count ? " " : "", text);
        at += n > 0 ? (size_t)n : 0;
    }
}

static bool smallest(struct py_world *w, const struct py_node *n, const struct py_value *values,
                     unsigned count, bool least, struct py_value *out)
{
    if (count == 1 && values[0].kind == PY_TUPLE) {
        count = values[0].count;
        values = values[0].items;
    }
    if (count == 0)
        return failed(w, n->place, "min() and max() need a value");
    *out = values[0];
    for (unsigned i = 1; i < count; i++) {
        int o = order(&values[i], out);
        if (o == 2)
            return failed(w, n->place, "these values have no order");
        if (least ? o < 0 : o > 0)
            *out = values[i];
    }
    return true;
}

static bool of_text(struct py_world *w, const char *name, const struct py_value *v,
                    struct py_value *out)
{
    char text[400];
    if (strcmp(name, "hex") == 0)
        snprintf(text, sizeof(text), "0x%" PRIx64, (uint64_t)v->number);
    else
        value_format(v, text, sizeof(text));
    return text_value(w, text, out);
}

static bool to_integer(struct py_world *w, const struct py_node *n, double real,
                       struct py_value *out)
{
    if (!(real > -9e18 && real < 9e18))
        return failed(w, n->place, "a number of more than 64 bits");
    *out = integer((int64_t)real);
    return true;
}

static bool call(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    struct py_value v[PY_TUPLE_MAX] = {{0}};
    unsigned count = 0;
    for (const struct py_node *a = n->first; a; a = a->next)
        if (!eval(w, a, &v[count++]))
            return false;
    *out = (struct py_value){.kind = PY_NONE};
    if (strcmp(n->name, "print") == 0) {
        print(w, v, count);
        return true;
    }
    if (strcmp(n->name, "min") == 0 || strcmp(n->name, "max") == 0)
        return smallest(w, n, v, count, n->name[1] == 'i', out);
    if (strcmp(n->name, "str") == 0 || strcmp(n->name, "hex") == 0)
        return of_text(w, n->name, &v[0], out);
    if (strcmp(n->name, "len") == 0 && (v[0].kind == PY_TEXT || v[0].kind == PY_TUPLE)) {
        *out = integer(v[0].kind == PY_TEXT ? (int64_t)strlen(v[0].text) : v[0].count);
        return true;
    }
    if (!is_number(&v[0]))
        return failed(w, n->place, "this function is for numbers");
    if (strcmp(n->name, "abs") == 0 && v[0].kind != PY_FLOAT) {
        if (v[0].number == INT64_MIN)
            return failed(w, n->place, "a number of more than 64 bits");
        *out = integer(v[0].number < 0 ? -v[0].number : v[0].number);
        return true;
    }
    if (strcmp(n->name, "abs") == 0 || strcmp(n->name, "float") == 0) {
        *out = real_number(n->name[0] == 'a' ? fabs(v[0].real) : real_of(&v[0]));
        return true;
    }
    if (v[0].kind != PY_FLOAT) {
        *out = integer(v[0].number);
        return true;
    }
    return to_integer(w, n, n->name[0] == 'r' ? nearbyint(v[0].real) : v[0].real, out);
}

static bool tuple(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    struct piece *piece = piece_new(w);
    unsigned count = 0;
    if (!piece)
        return failed(w, n->place, "no memory");
    for (const struct py_node *a = n->first; a; a = a->next)
        if (!eval(w, a, &piece->items[count++]))
            return false;
    *out = (struct py_value){.kind = PY_TUPLE, .items = piece->items, .count = count};
    return true;
}

static bool unary(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    struct py_value v;
    if (!eval(w, n->first, &v))
        return false;
    if (n->op == PY_NOT) {
        *out = boolean(!truth(&v));
        return true;
    }
    if (!is_number(&v) || (v.kind == PY_FLOAT && n->op == PY_INVERT))
        return failed(w, n->place, "this operator is for numbers");
    if (v.kind == PY_FLOAT) {
        *out = real_number(-v.real);
        return true;
    }
    if (n->op == PY_NEGATE && v.number == INT64_MIN)
        return failed(w, n->place, "a number of more than 64 bits");
    *out = integer(n->op == PY_NEGATE ? -v.number : ~v.number);
    return true;
}

/* "and" and "or" give the operand that decides, as in Python. */
static bool logic(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    if (!eval(w, n->first, out))
        return false;
    return truth(out) == (n->op == PY_OR) || eval(w, n->first->next, out);
}

static bool eval(struct py_world *w, const struct py_node *n, struct py_value *out)
{
    struct py_value condition;
    switch (n->op) {
    case PY_OR:
    case PY_AND:
        return logic(w, n, out);
    case PY_NOT:
    case PY_NEGATE:
    case PY_INVERT:
        return unary(w, n, out);
    case PY_COMPARE:
        return compare(w, n, out);
    case PY_COND:
        return eval(w, n->first->next, &condition) &&
               eval(w, truth(&condition) ? n->first : n->first->next->next, out);
    case PY_CONST:
        *out = n->value;
        return true;
    case PY_NAME:
        return name_value(w, n, out);
    case PY_CALL:
        return call(w, n, out);
    case PY_MAKE_TUPLE:
        return tuple(w, n, out);
    default:
        return binary(w, n, out);
    }
}

/* ---- statements ----------------------------------------------------------------------------- */

static bool assertion(struct py_world *w, const struct py_statement *s)
{
    struct py_value v, said;
    char text[300] = "";
    if (!eval(w, s->expr, &v))
        return false;
    if (truth(&v))
        return true;
    if (s->message) {
        if (!eval(w, s->message, &said))
            return false;
        value_format(&said, text, sizeof(text));
    }
    return drill_fault(w->s, w->fault, s->place, "does not hold: %s%s%s%s", s->text,
                       s->message ? " (" : "", text, s->message ? ")" : "");
}

static bool assign(struct py_world *w, const struct py_statement *s)
{
    struct py_value v;
    struct variable *to;
    if (s->augmented) {
        struct py_node name = {.op = PY_NAME, .place = s->place, .name = s->name};
        struct py_node right = *s->expr;
        struct py_node both = {.op = s->op, .place = s->place, .first = &name};
        right.next = NULL;
        name.next = &right;
        if (!binary(w, &both, &v))
            return false;
    } else if (!eval(w, s->expr, &v)) {
        return false;
    }
    to = variable(w, s->name);
    if (!to)
        return failed(w, s->place, "too many variables, or too long a name");
    to->value = v;
    to->given = false;
    return true;
}

static bool statements(struct py_world *w, const struct py_statement *s)
{
    struct py_value v;
    bool good = true;
    for (; good && s; s = s->next) {
        switch (s->kind) {
        case PY_ASSERT:
            good = assertion(w, s);
            break;
        case PY_EXPRESSION:
            good = eval(w, s->expr, &v);
            break;
        case PY_ASSIGN:
            good = assign(w, s);
            break;
        case PY_IF:
            good = eval(w, s->expr, &v) && (!truth(&v) || statements(w, s->body));
            break;
        case PY_PASS:
            break;
        }
    }
    return good;
}

bool py_run(struct py_world *w, const struct drill_script *s, const struct drill_code *code,
            struct drill_fault *fault, char *out, size_t size)
{
    w->s = s;
    w->fault = fault;
    w->out = out;
    w->out_size = size;
    return statements(w, code->first);
}
