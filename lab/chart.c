/* From the record of a scene to a chart.
 *
 * A chart has two ends. Hosts that are the server of some flow stand at the right one, all others
 * at the left; several hosts at one end share its line. Records, packets and calls are told in the
 * order in which they happened, so that the chart need not guess. */
#include "lab/chart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/wrong.h"

#define SENTENCE_MAX 4000
#define EVENTS_MAX   20000

enum la_chart_end lab_chart_end(const struct plan *plan, unsigned node)
{
    for (unsigned i = 0; i < plan->flows_count; i++)
        if (plan->flows[i].node[1] == node)
            return LA_CHART_RIGHT;
    return LA_CHART_LEFT;
}

static void tell_ends(struct la_chart *c, const struct plan *plan, enum la_lang lang)
{
    for (unsigned end = 0; end < 2; end++) {
        char names[120] = "";
        size_t at = 0;
        for (unsigned i = 0; i < plan->nodes_count; i++) {
            const struct plan_node *n = &plan->nodes[i];
            if (n->router || lab_chart_end(plan, i) != (enum la_chart_end)end)
                continue;
            if (at < sizeof(names))
                at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", at ? ", " : "",
                                       n->name);
            if (n->wrong)
                la_chart_end_wrong(c, (enum la_chart_end)end, lab_wrong_text(n->wrong, lang));
        }
        la_chart_end(c, (enum la_chart_end)end, names, NULL);
    }
}

/* A host's connections have numbers of their own; at an end with several hosts they must not be
 * taken for each other. */
static uint32_t conn_at(unsigned node, uint32_t conn)
{
    return conn == 0 ? 0 : (conn & 0xffffffU) | node << 24;
}

static void tell_packet(struct la_chart *c, const struct plan *plan, const struct lab_event *e)
{
    struct la_chart_packet p = {.from = lab_chart_end(plan, e->node),
                                .sent_ns = e->time_ns,
                                .conn = conn_at(e->node, e->conn),
                                .reason = (enum la_reason)e->reason};
    if (e->len < e->link_header ||
        !la_chart_header_read(&p.h, e->frame + e->link_header, e->len - e->link_header))
        return;
    if (e->forged)
        p.marks |= LA_CHART_WRONG;
    if (e->late)
        p.marks |= LA_CHART_LATE;
    uint32_t number = la_chart_packet(c, &p);
    if (e->fate == LAB_ARRIVED)
        la_chart_arrived(c, number, e->over_ns, conn_at((unsigned)e->to, e->conn_there),
                         (enum la_reason)e->verdict);
    else if (e->fate == LAB_LOST)
        la_chart_lost(c, number, e->over_ns, LA_CHART_LOST, NULL);
}

static void tell_call(struct la_chart *c, const struct plan *plan, const struct lab_event *e)
{
    char bytes[40];
    bool sized = e->result > 0;
    struct la_chart_call call = {.end = lab_chart_end(plan, e->node),
                                 .time_ns = e->time_ns,
                                 .conn = conn_at(e->node, e->conn),
                                 .verb = e->verb,
                                 .argument = sized ? bytes : NULL,
                                 .result = e->result};
    snprintf(bytes, sizeof(bytes), "%lld", (long long)e->result);
    if (strcmp(e->verb, "crash") == 0 || strcmp(e->verb, "boot") == 0)
        la_chart_event(c, call.end, e->time_ns, 0, e->verb);
    else
        la_chart_call(c, &call);
}

/* Trace records up to this place in the order of the run; returns how many have been told. */
static size_t tell_records(struct la_chart *c, const struct lab_record *r, size_t from,
                           uint32_t order)
{
    for (; from < r->kept_count && r->kept[from].order < order; from++) {
        struct la_trace_record record = r->kept[from].record;
        record.conn = conn_at(r->kept[from].node, record.conn);
        la_chart_records(c, lab_chart_end(r->plan, r->kept[from].node), &record, 1, false);
    }
    return from;
}

static void tell_notes(struct la_chart *c, struct lab *lab, unsigned scene, enum la_lang lang)
{
    static char text[SENTENCE_MAX];
    for (unsigned i = 0; i < lab->says_count; i++) {
        const struct lab_say *s = &lab->says[i];
        if (s->scene != scene || !s->said || s->kind == LAB_SAY_CONCLUSION)
            continue;
        lab_sentence(lab, s, lang, text, sizeof(text));
        la_chart_note(c,
                      s->node < 0 ? LA_CHART_MIDDLE
                                  : lab_chart_end(lab->scenes[scene].plan, (unsigned)s->node),
                      s->time_ns, text);
    }
}

struct la_chart *lab_chart(struct lab *lab, unsigned scene, enum la_lang lang, bool notes,
                           bool title)
{
    struct la_chart_options options;
    const struct lab_scene *s = &lab->scenes[scene];
    la_chart_options_init(&options);
    options.lang = lang;
    options.events_max = EVENTS_MAX;
    struct la_chart *c = la_chart_new(&options);
    if (!c)
        return NULL;
    tell_ends(c, s->plan, lang);
    if (title)
        la_chart_title(c, lab->scenes_count > 1 ? s->title.say[lang] : lab->title.say[lang],
                       lab->scenes_count > 1 ? NULL : lab->question.say[lang]);
    la_chart_begins(c, 0);
    size_t told = 0;
    for (size_t i = 0; i < s->record.count; i++) {
        const struct lab_event *e = &s->record.events[i];
        told = tell_records(c, &s->record, told, e->order);
        if (e->what == LAB_PACKET)
            tell_packet(c, s->plan, e);
        else if (e->what == LAB_CALL)
            tell_call(c, s->plan, e);
    }
    (void)tell_records(c, &s->record, told, UINT32_MAX);
    if (notes)
        tell_notes(c, lab, scene, lang);
    (void)la_chart_finish(c, s->record.end_ns);
    return c;
}
