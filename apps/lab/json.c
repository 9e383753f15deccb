/* A run as one JSON object: docs/lab-json.md describes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "apps/lab/lab.h"
#include "lab/chart.h"
#include "lab/wrong.h"
#include "sim/kind.h"

#define SENTENCE_MAX 4000
#define SCHEMA       1

static void number(cJSON *to, const char *name, double value)
{
    cJSON_AddNumberToObject(to, name, value);
}

static void text(cJSON *to, const char *name, const char *value)
{
    cJSON_AddStringToObject(to, name, value ? value : "");
}

/* {"en": ..., "zh": ...} */
static void both(cJSON *to, const char *name, const struct lab_text *t)
{
    cJSON *o = cJSON_AddObjectToObject(to, name);
    text(o, "en", t->say[0]);
    text(o, "zh", t->say[1]);
}

/* ---- events --------------------------------------------------------------------------------- */

static void add_tcp(cJSON *to, const struct wire_tcp *t)
{
    char flags[LA_NUMBER_TEXT_MAX];
    cJSON *o = cJSON_AddObjectToObject(to, "tcp");
    la_flags_format(t->flags, flags);
    number(o, "src_port", t->src_port);
    number(o, "dst_port", t->dst_port);
    number(o, "seq", t->seq);
    number(o, "ack", t->ack);
    number(o, "window", t->wnd);
    text(o, "flags", flags);
    if (t->options & WIRE_TCP_MSS)
        number(o, "mss", t->mss);
    if (t->options & WIRE_TCP_WSCALE)
        number(o, "window_scale", t->wscale);
    if (t->options & WIRE_TCP_SACK_OK)
        cJSON_AddBoolToObject(o, "sack_permitted", true);
    if (t->options & WIRE_TCP_TS) {
        number(o, "tsval", t->tsval);
        number(o, "tsecr", t->tsecr);
    }
    cJSON *sack = t->options & WIRE_TCP_SACK ? cJSON_AddArrayToObject(o, "sack") : NULL;
    for (unsigned i = 0; sack && i < t->sack_n; i++) {
        cJSON *block = cJSON_CreateArray();
        cJSON_AddItemToArray(block, cJSON_CreateNumber(t->sack[i].left));
        cJSON_AddItemToArray(block, cJSON_CreateNumber(t->sack[i].right));
        cJSON_AddItemToArray(sack, block);
    }
}

static void add_bytes(cJSON *to, const struct lab_event *e)
{
    char *hex = malloc(2 * (size_t)e->len + 1);
    if (!hex)
        return;
    hex[0] = '\0';
    for (uint32_t i = 0; i < e->len; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", e->frame[i]);
    text(to, "bytes", hex);
    free(hex);
}

static void add_reason(cJSON *to, const char *name, unsigned reason, enum la_lang lang)
{
    cJSON *o = cJSON_AddObjectToObject(to, name);
    text(o, "name", la_reason_name((enum la_reason)reason));
    text(o, "clause", la_reason_clause((enum la_reason)reason));
    text(o, "text", la_reason_text((enum la_reason)reason, lang));
}

static void add_packet(cJSON *o, const struct lab_event *e, const struct plan *plan,
                       enum la_lang lang)
{
    static const char *const fates[] = {"flying", "arrived", "lost"};
    text(o, "from", plan->nodes[e->node].name);
    if (e->to >= 0)
        text(o, "to", plan->nodes[e->to].name);
    text(o, "fate", fates[e->fate]);
    if (e->fate != LAB_FLYING)
        number(o, "over_ns", (double)e->over_ns);
    if (e->why)
        text(o, "lost_because", e->why);
    if (e->late)
        cJSON_AddBoolToObject(o, "late", true);
    if (e->forged)
        cJSON_AddBoolToObject(o, "wrong", true);
    number(o, "length", e->len);
    number(o, "link_header", e->link_header);
    number(o, "payload", e->payload);
    add_reason(o, "reason", e->reason, lang);
    if (e->to >= 0)
        add_reason(o, "verdict", e->verdict, lang);
    if (e->is_tcp)
        add_tcp(o, &e->tcp);
    add_bytes(o, e);
}

static cJSON *event_object(const struct lab_event *e, const struct plan *plan, enum la_lang lang)
{
    static const char *const kinds[] = {"packet", "state", "call", "timer", "note"};
    cJSON *o = cJSON_CreateObject();
    text(o, "kind", kinds[e->what]);
    number(o, "time_ns", (double)e->time_ns);
    number(o, "order", e->order);
    if (e->flow >= 0)
        text(o, "flow", plan->flows[e->flow].name);
    number(o, "connection", e->conn);
    if (e->what == LAB_PACKET) {
        add_packet(o, e, plan, lang);
        return o;
    }
    text(o, "host", plan->nodes[e->node].name);
    if (e->what == LAB_CALL) {
        text(o, "call", e->verb);
        number(o, "result", (double)e->result);
        if (e->result < 0)
            text(o, "error", la_err_name((int)e->result));
        return o;
    }
    if (e->what == LAB_STATE) {
        text(o, "state", la_tcp_state_name((enum la_tcp_state)e->state));
        text(o, "before", la_tcp_state_name((enum la_tcp_state)e->state_before));
    } else {
        number(o, "value", e->value);
    }
    add_reason(o, "reason", e->reason, lang);
    return o;
}

/* ---- scenes --------------------------------------------------------------------------------- */

static void add_hosts(cJSON *to, const struct plan *plan)
{
    cJSON *hosts = cJSON_AddArrayToObject(to, "hosts");
    for (unsigned i = 0; i < plan->nodes_count; i++) {
        const struct plan_node *n = &plan->nodes[i];
        cJSON *o = cJSON_CreateObject();
        text(o, "name", n->name);
        text(o, "side", lab_chart_end(plan, i) == LA_CHART_LEFT ? "left" : "right");
        if (n->router)
            cJSON_AddBoolToObject(o, "router", true);
        if (n->wrong) {
            cJSON *wrong = cJSON_AddObjectToObject(o, "wrong");
            text(wrong, "en", lab_wrong_text(n->wrong, 0));
            text(wrong, "zh", lab_wrong_text(n->wrong, 1));
        }
        cJSON_AddItemToArray(hosts, o);
    }
}

static cJSON *claim_object(const struct lab_claim *c)
{
    cJSON *o = cJSON_CreateObject();
    text(o, "expression", c->expression);
    number(o, "line", c->line);
    cJSON_AddBoolToObject(o, "holds", c->holds);
    if (!c->holds) {
        text(o, "failed_at", c->miss.left);
        text(o, "is", c->miss.left_value);
        text(o, "relation", c->miss.relation);
        text(o, "expected", c->miss.right_value);
    }
    return o;
}

static cJSON *sentence_object(struct lab *lab, const struct lab_say *s)
{
    static const char *const languages[] = {"en", "zh"};
    static char words[SENTENCE_MAX];
    cJSON *o = cJSON_CreateObject();
    const struct plan *plan = lab->scenes[s->scene].plan;
    number(o, "time_ns", (double)s->time_ns);
    text(o, "host", s->node >= 0 ? plan->nodes[s->node].name : NULL);
    if (s->event)
        text(o, "event", s->event);
    cJSON_AddBoolToObject(o, "said", s->said);
    cJSON_AddBoolToObject(o, "holds", s->holds);
    for (unsigned lang = 0; lang < 2; lang++) {
        lab_sentence(lab, s, (enum la_lang)lang, words, sizeof(words));
        text(o, languages[lang], words);
    }
    cJSON *claims = cJSON_AddArrayToObject(o, "claims");
    for (unsigned i = 0; i < s->claims_count; i++)
        cJSON_AddItemToArray(claims, claim_object(&lab->claims[s->claims_first + i]));
    return o;
}

static void add_flows(cJSON *to, const struct sim_result *r)
{
    cJSON *flows = cJSON_AddArrayToObject(to, "flows");
    for (unsigned i = 0; i < r->flows_count; i++) {
        const struct sim_flow_result *f = &r->flows[i];
        cJSON *o = cJSON_CreateObject();
        text(o, "name", f->name);
        number(o, "bytes_up", (double)f->bytes[0]);
        number(o, "bytes_down", (double)f->bytes[1]);
        number(o, "wrong_bytes", (double)f->wrong_bytes);
        number(o, "connections", f->connections);
        number(o, "failed", f->failed);
        number(o, "began_ns", (double)f->began_ns);
        number(o, "connected_ns", (double)f->connected_ns);
        number(o, "ended_ns", (double)f->ended_ns);
        if (f->error)
            text(o, "error", la_err_name(f->error));
        cJSON_AddItemToArray(flows, o);
    }
}

static cJSON *scene_object(struct job *job, struct lab *lab, unsigned scene)
{
    const struct lab_scene *s = &lab->scenes[scene];
    cJSON *o = cJSON_CreateObject();
    text(o, "name", s->name);
    both(o, "title", &s->title);
    number(o, "end_ns", (double)s->record.end_ns);
    add_hosts(o, s->plan);
    add_flows(o, s->result);
    cJSON *events = cJSON_AddArrayToObject(o, "events");
    for (size_t i = 0; i < s->record.count; i++)
        cJSON_AddItemToArray(events, event_object(&s->record.events[i], s->plan, job->say.lang));
    cJSON *sentences = cJSON_AddArrayToObject(o, "sentences");
    for (unsigned i = 0; i < lab->says_count; i++)
        if (lab->says[i].scene == scene && lab->says[i].kind != LAB_SAY_CONCLUSION)
            cJSON_AddItemToArray(sentences, sentence_object(lab, &lab->says[i]));
    return o;
}

/* ---- all ------------------------------------------------------------------------------------ */

static void add_params(cJSON *to, const struct lab *lab)
{
    cJSON *params = cJSON_AddArrayToObject(to, "parameters");
    for (unsigned i = 0; i < lab->scenario.params_count; i++) {
        const struct scenario_param *p = &lab->scenario.params[i];
        if (!p->says[0])
            continue;
        cJSON *o = cJSON_CreateObject();
        text(o, "name", p->name);
        text(o, "value", p->value);
        cJSON_AddBoolToObject(o, "given", p->given);
        text(o, "en", p->says[0]);
        text(o, "zh", p->says[1]);
        cJSON_AddItemToArray(params, o);
    }
}

static void add_quiz(cJSON *to, struct lab *lab)
{
    cJSON *quiz = cJSON_AddArrayToObject(to, "quiz");
    for (unsigned i = 0; i < lab->quiz_count; i++) {
        const struct lab_quiz *q = &lab->quiz[i];
        struct lab_value v = lab_expr_value(lab, q->scene, q->answer);
        char value[60];
        cJSON *o = cJSON_CreateObject();
        lab_value_format(&v, value, sizeof(value));
        both(o, "question", &q->question);
        text(o, "answer", value);
        cJSON *choices = cJSON_AddArrayToObject(o, "choices");
        for (unsigned c = 0; c < q->choices_count; c++) {
            v = lab_expr_value(lab, q->scene, q->choices[c]);
            lab_value_format(&v, value, sizeof(value));
            cJSON_AddItemToArray(choices, cJSON_CreateString(value));
        }
        cJSON_AddItemToArray(quiz, o);
    }
}

static void print(cJSON *o)
{
    char *words = cJSON_PrintUnformatted(o);
    if (words)
        puts(words);
    free(words);
    cJSON_Delete(o);
}

void json_run(struct job *job, struct lab *lab)
{
    cJSON *o = cJSON_CreateObject();
    number(o, "schema", SCHEMA);
    text(o, "experiment", lab->name);
    text(o, "group", lab->group);
    both(o, "title", &lab->title);
    both(o, "question", &lab->question);
    number(o, "ip", lab->v6 ? 6 : 4);
    add_params(o, lab);
    cJSON *scenes = cJSON_AddArrayToObject(o, "scenes");
    for (unsigned i = 0; i < lab->scenes_count; i++)
        if (!job->scene || strcmp(job->scene, lab->scenes[i].name) == 0)
            cJSON_AddItemToArray(scenes, scene_object(job, lab, i));
    cJSON *conclusion = cJSON_AddArrayToObject(o, "conclusion");
    for (unsigned i = 0; i < lab->says_count; i++)
        if (lab->says[i].kind == LAB_SAY_CONCLUSION)
            cJSON_AddItemToArray(conclusion, sentence_object(lab, &lab->says[i]));
    add_quiz(o, lab);
    number(o, "claims", lab->claims_count);
    number(o, "claims_held", lab_claims_held(lab));
    cJSON_AddBoolToObject(o, "holds", lab_holds(lab));
    if (lab->broken)
        text(o, "fault", lab->fault);
    print(o);
}

void json_list(const struct found *found, int count)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < count; i++) {
        cJSON *o = cJSON_CreateObject();
        text(o, "name", found[i].name);
        text(o, "group", found[i].group);
        cJSON *title = cJSON_AddObjectToObject(o, "title");
        text(title, "en", found[i].title[0]);
        text(title, "zh", found[i].title[1]);
        cJSON *question = cJSON_AddObjectToObject(o, "question");
        text(question, "en", found[i].question[0]);
        text(question, "zh", found[i].question[1]);
        cJSON_AddItemToArray(list, o);
    }
    print(list);
}
