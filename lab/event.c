/* The words of an event, and where in the record it stands.
 *
 *     [SCENE:] HOST sends|gets|drops|loses KIND|REASON [N|last] [of FLOW] [after EVENT]
 *     [SCENE:] HOST enters|leaves STATE ...
 *     [SCENE:] HOST calls VERB ...            connect, accept, send, recv, close, error, ...
 *     [SCENE:] HOST timer|notes REASON ...
 *     [SCENE:] segment [N]                    the N-th packet that leaves any host
 *
 * `sends` is the moment at which a packet leaves, `gets` that at which it is taken; `drops` is
 * taken and found to be no good, `loses` sent and lost. "after EVENT" counts only from there on. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lab/lab.h"
#include "sim/kind.h"

#define WORD_LEN 48
#define DEPTH    4

enum verb { SENDS, GETS, DROPS, LOSES, ENTERS, LEAVES, CALLS, TIMER, NOTES, SEGMENT };

static const char *const verbs[] = {"sends",  "gets",  "drops", "loses", "enters",
                                    "leaves", "calls", "timer", "notes"};

/* An event as its words have it. */
struct pattern {
    unsigned scene;
    uint8_t verb; /* enum verb */
    unsigned node;
    unsigned kind; /* enum sim_kind; 0: by reason */
    int reason;    /* -1: any */
    int state;     /* -1: any */
    char call[WORD_LEN];
    int flow;        /* -1: any */
    unsigned number; /* 0: the last */
    bool has_after;
    const char *after; /* words */
    size_t after_len;
};

struct words {
    struct lab *lab;
    const char *text;
    size_t len, at;
    struct lab_expr_fault *why;
};

static bool wrong(struct words *w, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool wrong(struct words *w, size_t at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->why->text, sizeof(w->why->text), format, args);
    va_end(args);
    w->why->at = at;
    return false;
}

/* The next word; false: there is none. */
static bool next(struct words *w, char word[WORD_LEN], size_t *at)
{
    while (w->at < w->len && isblank((unsigned char)w->text[w->at]))
        w->at++;
    *at = w->at;
    size_t n = 0;
    while (w->at < w->len && !isblank((unsigned char)w->text[w->at])) {
        if (n < WORD_LEN - 1)
            word[n++] = w->text[w->at];
        w->at++;
    }
    word[n] = '\0';
    return n > 0;
}

static int reason_find(const char *name)
{
    for (int i = 0; i < LA_REASON_COUNT; i++)
        if (strcmp(la_reason_name((enum la_reason)i), name) == 0)
            return i;
    return -1;
}

static int state_find(const char *name)
{
    for (int i = 0; i < LA_TCP_STATE_COUNT; i++)
        if (strcmp(la_tcp_state_name((enum la_tcp_state)i), name) == 0)
            return i;
    return -1;
}

/* "two:client": the scene before the colon. */
static bool scene_of(struct words *w, struct pattern *p, char word[WORD_LEN], size_t at)
{
    char *colon = strchr(word, ':');
    if (!colon)
        return true;
    *colon = '\0';
    for (unsigned i = 0; i < w->lab->scenes_count; i++) {
        if (strcmp(w->lab->scenes[i].name, word) != 0)
            continue;
        p->scene = i;
        memmove(word, colon + 1, strlen(colon + 1) + 1);
        return true;
    }
    return wrong(w, at, "there is no scene \"%s\"", word);
}

static bool read_node(struct words *w, struct pattern *p, const char *word, size_t at)
{
    const struct plan *plan = w->lab->scenes[p->scene].plan;
    int node = plan_find_node(plan, word);
    if (node >= 0) {
        p->node = (unsigned)node;
        return true;
    }
    char names[200] = "";
    size_t n = 0;
    for (unsigned i = 0; i < plan->nodes_count && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, ", %s", plan->nodes[i].name);
    return wrong(w, at, "no host \"%s\": there are segment%s", word, names);
}

static bool read_verb(struct words *w, struct pattern *p)
{
    char word[WORD_LEN];
    size_t at;
    if (!next(w, word, &at))
        return wrong(w, at, "%s",
                     "an event goes on: sends, gets, drops, loses, enters, leaves, "
                     "calls, timer or notes");
    for (size_t i = 0; i < LA_ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i], word) == 0) {
            p->verb = (uint8_t)i;
            return true;
        }
    return wrong(w, at,
                 "no verb \"%s\": there are sends, gets, drops, loses, enters, leaves, calls, "
                 "timer and notes",
                 word);
}

static bool read_object(struct words *w, struct pattern *p)
{
    char word[WORD_LEN];
    size_t at;
    bool any = next(w, word, &at);
    switch (p->verb) {
    case SENDS:
    case GETS:
    case DROPS:
    case LOSES:
        p->kind = sim_kind_find(word);
        p->reason = p->kind ? -1 : reason_find(word);
        return p->kind || p->reason >= 0 ||
               wrong(w, at, "no kind of packet \"%s\": there are %s, and the reasons of packets",
                     word, sim_kind_names());
    case ENTERS:
    case LEAVES:
        p->state = state_find(word);
        return p->state >= 0 || wrong(w, at, "no state \"%s\"", word);
    case CALLS:
        snprintf(p->call, sizeof(p->call), "%s", word);
        return any || wrong(w, at, "%s", "calls what? connect, accept, send, recv, close, ...");
    default:
        p->reason = reason_find(word);
        return p->reason >= 0 || wrong(w, at, "no reason \"%s\"", word);
    }
}

static bool read_number(const char *word, unsigned *number)
{
    char *end;
    unsigned long n = strtoul(word, &end, 10);
    if (strcmp(word, "last") == 0)
        *number = 0;
    else if (*end == '\0' && n > 0 && n < 1000000)
        *number = (unsigned)n;
    else
        return false;
    return true;
}

static bool read_rest(struct words *w, struct pattern *p)
{
    char word[WORD_LEN];
    size_t at;
    while (next(w, word, &at)) {
        if (strcmp(word, "after") == 0) {
            p->has_after = true;
            p->after = w->text + w->at;
            p->after_len = w->len - w->at;
            w->at = w->len;
            return true;
        }
        if (strcmp(word, "of") == 0) {
            if (!next(w, word, &at) ||
                (p->flow = plan_find_flow(w->lab->scenes[p->scene].plan, word)) < 0)
                return wrong(w, at, "there is no flow \"%s\"", word);
            continue;
        }
        if (!read_number(word, &p->number))
            return wrong(w, at, "\"%s\" is none of: a number from 1 on, last, of FLOW, after EVENT",
                         word);
    }
    return true;
}

static bool read_pattern(struct words *w, unsigned scene, struct pattern *p)
{
    char word[WORD_LEN];
    size_t at;
    *p = (struct pattern){.scene = scene, .reason = -1, .state = -1, .flow = -1, .number = 1};
    if (!next(w, word, &at))
        return wrong(w, at, "%s", "an event is missing, like: client sends SYN");
    if (!scene_of(w, p, word, at))
        return false;
    if (strcmp(word, "segment") == 0) {
        p->verb = SEGMENT;
        return read_rest(w, p);
    }
    return read_node(w, p, word, at) && read_verb(w, p) && read_object(w, p) && read_rest(w, p);
}

static bool check(struct lab *lab, unsigned scene, const char *words, size_t len,
                  struct lab_expr_fault *why, unsigned depth)
{
    struct words w = {.lab = lab, .text = words, .len = len, .why = why};
    struct pattern p;
    if (!read_pattern(&w, scene, &p))
        return false;
    if (!p.has_after)
        return true;
    if (depth == DEPTH)
        return wrong(&w, 0, "%s", "too many events after each other");
    if (check(lab, p.scene, p.after, p.after_len, why, depth + 1))
        return true;
    why->at += (size_t)(p.after - words);
    return false;
}

bool lab_event_check(struct lab *lab, unsigned scene, const char *words, size_t len,
                     struct lab_expr_fault *why)
{
    return check(lab, scene, words, len, why, 0);
}

/* ---- finding -------------------------------------------------------------------------------- */

static bool packet_fits(const struct pattern *p, const struct lab_event *e)
{
    bool taken = p->verb == GETS || p->verb == DROPS;
    if (e->what != LAB_PACKET || (p->verb == LOSES && e->fate != LAB_LOST))
        return false;
    if (taken ? e->to != (int)p->node : e->node != p->node)
        return false;
    if (p->verb == DROPS && la_reason_kind((enum la_reason)e->verdict) != LA_KIND_DROP)
        return false;
    return p->kind
               ? (e->kinds & p->kind) != 0
               : (int)(taken ? e->verdict : e->reason) == p->reason || (int)e->reason == p->reason;
}

static bool fits(const struct pattern *p, const struct lab_event *e)
{
    if (p->flow >= 0 && e->flow != p->flow)
        return false;
    switch (p->verb) {
    case SEGMENT:
        return e->what == LAB_PACKET;
    case ENTERS:
        return e->what == LAB_STATE && e->node == p->node && e->state == p->state;
    case LEAVES:
        return e->what == LAB_STATE && e->node == p->node && e->state_before == p->state;
    case CALLS:
        return e->what == LAB_CALL && e->node == p->node && strcmp(e->verb, p->call) == 0;
    case TIMER:
        return e->what == LAB_TIMER && e->node == p->node && (int)e->reason == p->reason;
    case NOTES:
        return e->what == LAB_NOTE && e->node == p->node && (int)e->reason == p->reason;
    default:
        return packet_fits(p, e);
    }
}

static struct lab_found found_at(const struct pattern *p, const struct lab_event *e)
{
    bool taken = p->verb == GETS || p->verb == DROPS;
    bool over = taken || p->verb == LOSES;
    return (struct lab_found){.e = e,
                              .time_ns = over ? e->over_ns : e->time_ns,
                              .order = over ? e->over_order : e->order,
                              .node = taken ? (unsigned)e->to : e->node};
}

/* Finds the event and counts how many there are. Packets are taken in another order than they
 * left, so the N-th is looked for by the order of the moment that is meant. */
static struct lab_found find(struct lab *lab, unsigned scene, const char *words, size_t len,
                             unsigned *count)
{
    struct lab_expr_fault why;
    struct words w = {.lab = lab, .text = words, .len = len, .why = &why};
    struct lab_found best = {.e = NULL}, from = {.e = NULL};
    struct pattern p;
    *count = 0;
    if (!read_pattern(&w, scene, &p))
        return best;
    const struct lab_record *r = &lab->scenes[p.scene].record;
    if (p.has_after) {
        unsigned ignored;
        from = find(lab, p.scene, p.after, p.after_len, &ignored);
        if (!from.e)
            return best;
    }
    uint32_t behind = from.e ? from.order : 0;
    for (size_t i = 0; i < r->count; i++)
        if (fits(&p, &r->events[i]) && found_at(&p, &r->events[i]).order > behind)
            (*count)++;
    unsigned number = p.number ? p.number : *count;
    if (number == 0 || number > *count)
        return best;
    for (unsigned n = 0; n < number; n++) {
        best.e = NULL;
        for (size_t i = 0; i < r->count; i++) {
            if (!fits(&p, &r->events[i]))
                continue;
            struct lab_found f = found_at(&p, &r->events[i]);
            if (f.order > behind && (!best.e || f.order < best.order))
                best = f;
        }
        behind = best.order;
    }
    return best;
}

struct lab_found lab_event_find(struct lab *lab, unsigned scene, const char *words, size_t len)
{
    unsigned count;
    return find(lab, scene, words, len, &count);
}

unsigned lab_event_count(struct lab *lab, unsigned scene, const char *words, size_t len)
{
    unsigned count;
    (void)find(lab, scene, words, len, &count);
    return count;
}
