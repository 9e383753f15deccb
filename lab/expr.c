/* Expressions: see expr.h. A descent over the text, one function a level; with `dry` nothing is
 * evaluated but everything is read, so that a mistake is found before anything runs. */
#include "lab/expr.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/lab.h"
#include "sim/figure.h"

#define DEPTH_MAX 40

struct parser {
    struct lab *lab;
    unsigned scene;
    const char *text, *at;
    bool dry, broken;
    unsigned depth;
    struct lab_expr_fault *fault;
    struct lab_miss *miss; /* NULL: nobody asks */
    bool missed;
};

static struct lab_value any_of(struct parser *p);

static struct lab_value nothing(const char *what)
{
    struct lab_value v = {.type = LAB_MISSING};
    snprintf(v.word, sizeof(v.word), "%s", what);
    return v;
}

static struct lab_value of_type(enum lab_type type, double number)
{
    return (struct lab_value){.type = (uint8_t)type, .number = number};
}

static struct lab_value of_word(const char *word)
{
    struct lab_value v = {.type = LAB_WORD};
    snprintf(v.word, sizeof(v.word), "%s", word);
    return v;
}

static struct lab_value fault(struct parser *p, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static struct lab_value fault(struct parser *p, const char *at, const char *format, ...)
{
    if (!p->broken && p->fault) {
        va_list args;
        va_start(args, format);
        vsnprintf(p->fault->text, sizeof(p->fault->text), format, args);
        va_end(args);
        p->fault->at = (size_t)(at - p->text);
    }
    p->broken = true;
    return nothing("");
}

/* ---- tokens --------------------------------------------------------------------------------- */

static void blanks(struct parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool take(struct parser *p, const char *token)
{
    blanks(p);
    size_t len = strlen(token);
    if (strncmp(p->at, token, len) != 0)
        return false;
    if (isalpha((unsigned char)*token) &&
        (isalnum((unsigned char)p->at[len]) || p->at[len] == '-' || p->at[len] == '('))
        return false;
    p->at += len;
    return true;
}

/* "FIN-WAIT-1", "count"; false: there is none. */
static bool take_name(struct parser *p, char name[48])
{
    size_t n = 0;
    if (!isalpha((unsigned char)*p->at))
        return false;
    while (isalnum((unsigned char)*p->at) || *p->at == '_' ||
           (*p->at == '-' && isalnum((unsigned char)p->at[1]))) {
        if (n < 47)
            name[n++] = *p->at;
        p->at++;
    }
    name[n] = '\0';
    return true;
}

/* ---- functions of an event ------------------------------------------------------------------ */

enum function {
    COUNT,
    HAPPENS,
    TIME,
    SEQ,
    ACK,
    LEN,
    SIZE,
    WIN,
    MSS,
    WSCALE,
    FLAGS,
    REASON,
    RESULT,
    VALUE,
    FUNCTIONS
};

static const char *const functions[] = {"count", "happens", "time",   "seq",  "ack",
                                        "len",   "size",    "win",    "mss",  "wscale",
                                        "flags", "reason",  "result", "value"};

const char *lab_expr_functions(void)
{
    return "count, happens, time, seq, ack, len, size, win, mss, wscale, flags, reason, result, "
           "value (of an event), state, figure, end and ip";
}

static struct lab_value of_packet(const struct lab_event *e, unsigned function)
{
    char text[LA_NUMBER_TEXT_MAX];
    const struct wire_tcp *t = &e->tcp;
    if (e->what != LAB_PACKET)
        return nothing("no packet");
    if (function == LEN || function == SIZE)
        return of_type(LAB_BYTES, function == LEN ? e->payload : e->len);
    if (!e->is_tcp)
        return nothing("no TCP segment");
    switch (function) {
    case SEQ:
        return of_type(LAB_SEQ, t->seq);
    case ACK:
        return of_type(LAB_SEQ, t->ack);
    case WIN:
        return of_type(LAB_BYTES, t->wnd);
    case MSS:
        return t->options & WIRE_TCP_MSS ? of_type(LAB_BYTES, t->mss) : nothing("no MSS option");
    case WSCALE:
        return t->options & WIRE_TCP_WSCALE ? of_type(LAB_NUMBER, t->wscale)
                                            : nothing("no window scale option");
    default:
        la_flags_format(t->flags, text);
        return of_word(text);
    }
}

static struct lab_value of_event(struct parser *p, unsigned function, const char *words, size_t len)
{
    struct lab_found f = {.e = NULL};
    char missing[48];
    if (function == COUNT)
        return of_type(LAB_NUMBER, lab_event_count(p->lab, p->scene, words, len));
    f = lab_event_find(p->lab, p->scene, words, len);
    if (function == HAPPENS)
        return of_type(LAB_TRUTH, f.e != NULL);
    snprintf(missing, sizeof(missing), "%.*s", (int)len, words);
    if (!f.e)
        return nothing(missing);
    switch (function) {
    case TIME:
        return of_type(LAB_TIME, (double)f.time_ns);
    case REASON:
        return of_word(la_reason_name((enum la_reason)f.e->reason));
    case RESULT:
        if (f.e->what != LAB_CALL)
            return nothing("no call");
        return f.e->result < 0 ? of_type(LAB_ERROR, (double)f.e->result)
                               : of_type(LAB_BYTES, (double)f.e->result);
    case VALUE:
        return of_type(LAB_NUMBER, f.e->value);
    default:
        return of_packet(f.e, function);
    }
}

/* ---- state(HOST [of FLOW] at TIME | on EVENT), figure(FLOW [client|server] NAME) ------------- */

struct state_words {
    unsigned node, scene;
    int flow;
    uint64_t at_ns;
    bool on;
    const char *event;
    size_t event_len;
};

static bool state_words(struct parser *p, const char *words, size_t len, struct state_words *s)
{
    char copy[160], *save = NULL;
    const struct plan *plan = p->lab->scenes[p->scene].plan;
    *s = (struct state_words){.scene = p->scene, .flow = -1};
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, words, len);
    copy[len] = '\0';
    char *word = strtok_r(copy, " ", &save);
    char *colon = word ? strchr(word, ':') : NULL;
    if (colon) {
        *colon = '\0';
        for (unsigned i = 0; i < p->lab->scenes_count; i++)
            if (strcmp(p->lab->scenes[i].name, word) == 0)
                s->scene = i;
        plan = p->lab->scenes[s->scene].plan;
        word = colon + 1;
    }
    int node = word ? plan_find_node(plan, word) : -1;
    word = strtok_r(NULL, " ", &save);
    if (word && strcmp(word, "of") == 0) {
        word = strtok_r(NULL, " ", &save);
        s->flow = word ? plan_find_flow(plan, word) : -1;
        if (s->flow < 0)
            return false;
        word = strtok_r(NULL, " ", &save);
    }
    if (node < 0 || !word)
        return false;
    s->node = (unsigned)node;
    s->on = strcmp(word, "on") == 0;
    if (s->on) {
        s->event = words + (word - copy) + 3;
        s->event_len = len - (size_t)(word - copy) - 3;
        return true;
    }
    word = strcmp(word, "at") == 0 ? strtok_r(NULL, " ", &save) : NULL;
    return word && scenario_time(word, &s->at_ns);
}

static struct lab_value state_value(struct parser *p, const char *words, size_t len)
{
    struct state_words s;
    struct lab_expr_fault ignored;
    if (!state_words(p, words, len, &s) ||
        (s.on && !lab_event_check(p->lab, s.scene, s.event, s.event_len, &ignored)))
        return fault(p, words,
                     "write it like state(client at 2s) or state(server of f on client "
                     "gets FIN)");
    if (p->dry)
        return of_type(LAB_STATE_OF, 0);
    if (s.on) {
        struct lab_found f = lab_event_find(p->lab, s.scene, s.event, s.event_len);
        if (!f.e)
            return nothing("its event");
        s.at_ns = f.time_ns;
    }
    return of_type(LAB_STATE_OF,
                   lab_state_at(&p->lab->scenes[s.scene].record, s.node, s.flow, s.at_ns));
}

static struct lab_value figure_value(struct parser *p, const char *words, size_t len)
{
    char copy[100], *save = NULL;
    unsigned end = 2, scene = p->scene;
    if (len >= sizeof(copy))
        return fault(p, words, "%s", "write it like figure(f client bytes)");
    memcpy(copy, words, len);
    copy[len] = '\0';
    char *word = strtok_r(copy, " ", &save);
    char *colon = word ? strchr(word, ':') : NULL;
    if (colon) {
        *colon = '\0';
        for (unsigned i = 0; i < p->lab->scenes_count; i++)
            if (strcmp(p->lab->scenes[i].name, word) == 0)
                scene = i;
        word = colon + 1;
    }
    int flow = word ? plan_find_flow(p->lab->scenes[scene].plan, word) : -1;
    bool all = word && strcmp(word, "all") == 0;
    word = strtok_r(NULL, " ", &save);
    if (word && (strcmp(word, "client") == 0 || strcmp(word, "server") == 0)) {
        end = *word == 's';
        word = strtok_r(NULL, " ", &save);
    }
    int figure = word ? sim_figure_find(word) : -1;
    if ((flow < 0 && !all) || figure < 0)
        return fault(p, words, "%s",
                     "write it like figure(f client bytes): a flow, or all, perhaps "
                     "an end, and a figure as in expect");
    const char *unit = figure_unit((unsigned)figure);
    enum lab_type type = *unit == 'b'   ? LAB_BYTES
                         : *unit == 't' ? LAB_TIME
                         : *unit == 'r' ? LAB_RATE
                         : *unit == 's' ? LAB_STATE_OF
                                        : LAB_NUMBER;
    if (p->dry)
        return of_type(type, 0);
    return of_type(type,
                   sim_figure_value(p->lab->scenes[scene].result, (unsigned)figure, flow, end));
}

/* ---- primaries ------------------------------------------------------------------------------ */

static struct lab_value call(struct parser *p, const char *name, const char *name_at)
{
    const char *words = p->at;
    unsigned depth = 1;
    while (*p->at != '\0' && depth > 0) {
        depth += *p->at == '(';
        depth -= *p->at == ')';
        p->at++;
    }
    if (depth > 0)
        return fault(p, words, "%s", "a parenthesis that is not closed");
    size_t len = (size_t)(p->at - words) - 1;
    if (strcmp(name, "state") == 0)
        return state_value(p, words, len);
    if (strcmp(name, "figure") == 0)
        return figure_value(p, words, len);
    if (strcmp(name, "end") == 0)
        return of_type(LAB_TIME, (double)p->lab->scenes[p->scene].record.end_ns);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        struct lab_expr_fault why;
        if (strcmp(functions[i], name) != 0)
            continue;
        if (!lab_event_check(p->lab, p->scene, words, len, &why))
            return fault(p, words + why.at, "%s", why.text);
        return p->dry ? of_type(LAB_NUMBER, 0) : of_event(p, i, words, len);
    }
    return fault(p, name_at, "no function \"%s\": there are %s", name, lab_expr_functions());
}

/* A state, an error, or one of the words of the language. */
static struct lab_value named(struct parser *p, const char *name, const char *at)
{
    for (unsigned i = 0; i < LA_TCP_STATE_COUNT; i++)
        if (strcmp(la_tcp_state_name((enum la_tcp_state)i), name) == 0)
            return of_type(LAB_STATE_OF, i);
    if (strcmp(name, "ip") == 0)
        return of_type(LAB_NUMBER, p->lab->v6 ? 6 : 4);
    if (strcmp(name, "yes") == 0 || strcmp(name, "no") == 0)
        return of_type(LAB_TRUTH, *name == 'y');
    for (int err = -1; err > -200; err--)
        if (strcmp(la_err_name(err), name) == 0)
            return of_type(LAB_ERROR, err);
    return fault(p, at,
                 "no \"%s\": there are states, errors, 'words' in quotes, ip, yes, no, and "
                 "the functions %s",
                 name, lab_expr_functions());
}

/* "30s", "64kb", "1.5", "10mbit", "5%". */
static struct lab_value literal(struct parser *p)
{
    char text[40];
    size_t n = 0;
    const char *from = p->at;
    uint64_t number;
    while ((isalnum((unsigned char)*p->at) || *p->at == '.' || *p->at == '%') &&
           n < sizeof(text) - 1)
        text[n++] = *p->at++;
    text[n] = '\0';
    char *end;
    double value = strtod(text, &end);
    if (*end == '\0')
        return of_type(LAB_NUMBER, value);
    if (strcmp(end, "%") == 0)
        return of_type(LAB_NUMBER, value / 100);
    if (scenario_time(text, &number))
        return of_type(LAB_TIME, (double)number);
    if (scenario_bytes(text, &number))
        return of_type(LAB_BYTES, (double)number);
    if (scenario_rate(text, &number))
        return of_type(LAB_RATE, (double)number);
    return fault(p, from, "\"%s\" is no number: write it like 3, 1.5s, 64kb or 10mbit", text);
}

static struct lab_value primary(struct parser *p)
{
    char name[48];
    blanks(p);
    const char *from = p->at;
    if (take(p, "(")) {
        struct lab_value v = any_of(p);
        if (!take(p, ")"))
            return fault(p, p->at, "%s", "here a \")\" is missing");
        return v;
    }
    if (*p->at == '\'') {
        const char *end = strchr(p->at + 1, '\'');
        size_t len = end ? (size_t)(end - p->at) - 1 : 0;
        if (!end || len >= sizeof(name))
            return fault(p, from, "%s", "a word in quotes that does not end, or is too long");
        memcpy(name, p->at + 1, len);
        name[len] = '\0';
        p->at = end + 1;
        return of_word(name);
    }
    if (isdigit((unsigned char)*p->at))
        return literal(p);
    if (!take_name(p, name))
        return fault(p, from, "%s", "here a value is missing");
    if (*p->at == '(') {
        p->at++;
        return call(p, name, from);
    }
    return named(p, name, from);
}

/* ---- arithmetic ----------------------------------------------------------------------------- */

static bool can_reckon(const struct lab_value *v)
{
    return v->type == LAB_NUMBER || v->type == LAB_SEQ || v->type == LAB_TIME ||
           v->type == LAB_BYTES || v->type == LAB_RATE;
}

static struct lab_value reckon(struct parser *p, struct lab_value a, char sign, struct lab_value b,
                               const char *at)
{
    if (a.type == LAB_MISSING || b.type == LAB_MISSING)
        return a.type == LAB_MISSING ? a : b;
    if (!can_reckon(&a) || !can_reckon(&b))
        return p->dry ? of_type(LAB_NUMBER, 0)
                      : fault(p, at, "%s", "these cannot be reckoned with");
    enum lab_type type = (enum lab_type)(a.type == LAB_NUMBER ? b.type : a.type);
    switch (sign) {
    case '+':
        return of_type(type, a.number + b.number);
    case '-':
        return of_type(type, a.number - b.number);
    case '*':
        return of_type(type, a.number * b.number);
    default:
        if (b.number == 0)
            return nothing("division by zero");
        return of_type(b.type == a.type ? LAB_NUMBER : (enum lab_type)a.type, a.number / b.number);
    }
}

static struct lab_value product(struct parser *p)
{
    struct lab_value v = primary(p);
    for (;;) {
        blanks(p);
        const char *at = p->at;
        char sign = *p->at;
        if (p->broken || (sign != '*' && sign != '/'))
            return v;
        p->at++;
        v = reckon(p, v, sign, primary(p), at);
    }
}

static struct lab_value sum(struct parser *p)
{
    struct lab_value v = product(p);
    for (;;) {
        blanks(p);
        const char *at = p->at;
        char sign = *p->at;
        if (p->broken || (sign != '+' && sign != '-'))
            return v;
        p->at++;
        v = reckon(p, v, sign, product(p), at);
    }
}

/* ---- comparisons ---------------------------------------------------------------------------- */

#define ABOUT 0.01 /* "~" */

static const char *const relations[] = {"==", "!=", "<=", ">=", "<", ">", "~"};

static bool compare(const struct lab_value *a, unsigned relation, const struct lab_value *b)
{
    double x = a->number, y = b->number;
    if (a->type == LAB_WORD || b->type == LAB_WORD) {
        bool same = a->type == b->type && strcmp(a->word, b->word) == 0;
        return relation == 0 ? same : relation == 1 && !same;
    }
    switch (relation) {
    case 0:
        return fabs(x - y) < 1e-6;
    case 1:
        return fabs(x - y) >= 1e-6;
    case 2:
        return x <= y;
    case 3:
        return x >= y;
    case 4:
        return x < y;
    case 5:
        return x > y;
    default:
        return fabs(x - y) <= ABOUT * fabs(y);
    }
}

static void copy_part(char *to, size_t size, const char *from, const char *end)
{
    while (from < end && isspace((unsigned char)*from))
        from++;
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    snprintf(to, size, "%.*s", (int)(end - from), from);
}

static void note_miss(struct parser *p, const char *from, const char *relation_at, int relation,
                      const struct lab_value *a, const struct lab_value *b)
{
    struct lab_miss *m = p->miss;
    if (!m || p->missed)
        return;
    p->missed = true;
    memset(m, 0, sizeof(*m));
    copy_part(m->left, sizeof(m->left), from, relation < 0 ? p->at : relation_at);
    lab_value_format(a, m->left_value, sizeof(m->left_value));
    if (relation < 0)
        return;
    snprintf(m->relation, sizeof(m->relation), "%s", relations[relation]);
    copy_part(m->right, sizeof(m->right), relation_at + strlen(relations[relation]), p->at);
    lab_value_format(b, m->right_value, sizeof(m->right_value));
}

static struct lab_value comparison(struct parser *p)
{
    blanks(p);
    const char *from = p->at;
    struct lab_value a = sum(p);
    blanks(p);
    const char *at = p->at;
    for (unsigned i = 0; i < LA_ARRAY_LEN(relations) && !p->broken; i++) {
        if (!take(p, relations[i]))
            continue;
        struct lab_value b = sum(p);
        bool known = a.type != LAB_MISSING && b.type != LAB_MISSING;
        bool holds = known && compare(&a, i, &b);
        if (!holds && !p->dry)
            note_miss(p, from, at, (int)i, &a, &b);
        return of_type(LAB_TRUTH, holds);
    }
    if (a.type == LAB_TRUTH && a.number == 0 && !p->dry)
        note_miss(p, from, at, -1, &a, &a);
    return a;
}

static bool is_true(const struct lab_value *v)
{
    return (v->type == LAB_TRUTH || v->type == LAB_NUMBER) && v->number != 0;
}

static struct lab_value negation(struct parser *p)
{
    if (++p->depth > DEPTH_MAX)
        return fault(p, p->at, "%s", "too deep");
    struct lab_value v;
    blanks(p);
    const char *from = p->at;
    if (take(p, "not")) {
        struct lab_miss *miss = p->miss;
        p->miss = NULL;
        v = negation(p);
        p->miss = miss;
        v = of_type(LAB_TRUTH, !is_true(&v));
        if (v.number == 0 && !p->dry)
            note_miss(p, from, from, -1, &v, &v);
    } else {
        v = comparison(p);
    }
    p->depth--;
    return v;
}

static struct lab_value all_of(struct parser *p)
{
    struct lab_value v = negation(p);
    while (!p->broken && take(p, "and")) {
        struct lab_value w = negation(p);
        v = of_type(LAB_TRUTH, is_true(&v) && is_true(&w));
    }
    return v;
}

static struct lab_value any_of(struct parser *p)
{
    struct lab_value v = all_of(p);
    while (!p->broken && take(p, "or")) {
        struct lab_value w = all_of(p);
        v = of_type(LAB_TRUTH, is_true(&v) || is_true(&w));
    }
    return v;
}

static struct lab_value whole(struct parser *p)
{
    struct lab_value v = any_of(p);
    blanks(p);
    if (!p->broken && *p->at != '\0')
        return fault(p, p->at, "%s", "here something is left over");
    return v;
}

bool lab_expr_check(struct lab *lab, unsigned scene, const char *text, struct lab_expr_fault *why)
{
    struct parser p = {
        .lab = lab, .scene = scene, .text = text, .at = text, .dry = true, .fault = why};
    (void)whole(&p);
    return !p.broken;
}

struct lab_value lab_expr_value(struct lab *lab, unsigned scene, const char *text)
{
    struct parser p = {.lab = lab, .scene = scene, .text = text, .at = text};
    struct lab_value v = whole(&p);
    return p.broken ? nothing("") : v;
}

bool lab_expr_holds(struct lab *lab, unsigned scene, const char *text, struct lab_miss *miss)
{
    struct parser p = {.lab = lab, .scene = scene, .text = text, .at = text, .miss = miss};
    memset(miss, 0, sizeof(*miss));
    struct lab_value v = whole(&p);
    return !p.broken && is_true(&v);
}

/* A time as people would say it: timers tick, and nobody wants to read 59.999968 s. */
static uint64_t rounded(double ns)
{
    double unit = ns >= 1e9 ? 1e6 : ns >= 1e7 ? 1e4 : 1;
    return ns > 0 ? (uint64_t)(floor(ns / unit + 0.5) * unit) : 0;
}

void lab_value_format(const struct lab_value *v, char *text, size_t len)
{
    char said[LA_NUMBER_TEXT_MAX];
    switch (v->type) {
    case LAB_TIME:
        la_duration_format(rounded(v->number), said);
        break;
    case LAB_SEQ:
        snprintf(said, sizeof(said), "%.0f", v->number);
        break;
    case LAB_RATE:
        snprintf(said, sizeof(said), "%.4g Mbit/s", v->number / 1e6);
        break;
    case LAB_STATE_OF:
        snprintf(said, sizeof(said), "%s", la_tcp_state_name((enum la_tcp_state)v->number));
        break;
    case LAB_ERROR:
        snprintf(said, sizeof(said), "%s", la_err_name((int)v->number));
        break;
    case LAB_TRUTH:
        snprintf(said, sizeof(said), "%s", v->number != 0 ? "yes" : "no");
        break;
    case LAB_MISSING:
        snprintf(said, sizeof(said), "-");
        break;
    case LAB_WORD:
        snprintf(text, len, "%s", v->word);
        return;
    default:
        if (v->number == floor(v->number) && v->number >= 0 && v->number < 1e15)
            la_count_format((uint64_t)v->number, said);
        else
            snprintf(said, sizeof(said), "%.3g", v->number);
        break;
    }
    snprintf(text, len, "%s", said);
}
