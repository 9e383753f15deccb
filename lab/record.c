/* The record of a scene: see record.h. */
#include "lab/record.h"

#include <stdlib.h>
#include <string.h>

#include "sim/kind.h"

static struct lab_event *add(struct lab_record *r, enum lab_what what, unsigned node,
                             uint64_t time_ns)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        struct lab_event *events = realloc(r->events, room * sizeof(*events));
        if (!events) {
            r->no_memory = true;
            return NULL;
        }
        r->events = events;
        r->room = room;
    }
    struct lab_event *e = &r->events[r->count++];
    *e = (struct lab_event){.what = (uint8_t)what,
                            .node = (uint16_t)node,
                            .to = -1,
                            .flow = -1,
                            .time_ns = time_ns,
                            .over_ns = time_ns,
                            .order = ++r->order};
    e->over_order = e->order;
    return e;
}

/* ---- packets -------------------------------------------------------------------------------- */

static struct lab_event *of_serial(struct lab_record *r, uint32_t serial)
{
    for (size_t i = r->count; serial != 0 && i-- > 0;)
        if (r->events[i].what == LAB_PACKET && r->events[i].serial == serial)
            return &r->events[i];
    return NULL;
}

static void take_header(struct lab_event *e, const uint8_t *ip, uint32_t len)
{
    size_t head = len > 0 && ip[0] >> 4 == 4 ? 20 : 40;
    uint8_t protocol = len < head ? 0 : head == 20 ? ip[9] : ip[6];
    if (len >= head + 8 && protocol == 17)
        e->payload = len - (uint32_t)head - 8;
    if (protocol != 6 || len < head || !wire_tcp_parse(ip + head, len - head, &e->tcp))
        return;
    e->is_tcp = true;
    e->payload = len - (uint32_t)head - e->tcp.hdr_len;
}

static void left(struct lab_record *r, const struct sim_wire *w)
{
    struct lab_event *e = add(r, LAB_PACKET, w->node, w->time_ns);
    if (!e)
        return;
    e->serial = w->serial;
    e->late = w->late;
    e->forged = w->forged;
    e->flow = w->flow;
    e->conn = w->conn;
    e->reason = w->reason;
    e->kinds = sim_kinds(w->ip, w->len);
    e->link_header = w->link_header;
    e->len = w->len + w->link_header;
    take_header(e, w->ip, w->len);
    e->frame = malloc(e->len ? e->len : 1);
    if (!e->frame) {
        r->no_memory = true;
        e->len = e->link_header = 0;
        return;
    }
    memcpy(e->frame, w->ip - w->link_header, e->len);
}

/* The first router of a plan: errors come from one, whichever it was. */
static unsigned router_of(const struct plan *plan)
{
    unsigned i = 0;
    while (i < plan->nodes_count && !plan->nodes[i].router)
        i++;
    return i < plan->nodes_count ? i : 0;
}

static void on_wire(void *ctx, const struct sim_wire *w)
{
    struct lab_record *r = ctx;
    if (w->what == SIM_LEFT) {
        left(r, w);
        return;
    }
    struct lab_event *e = of_serial(r, w->serial);
    if (!e && w->what == SIM_TAKEN) { /* a router made it: it has no other beginning */
        struct sim_wire from = *w;
        from.node = (uint16_t)router_of(r->plan);
        from.reason = LA_NONE;
        left(r, &from);
        e = r->count > 0 ? &r->events[r->count - 1] : NULL;
    }
    if (!e || e->fate != LAB_FLYING)
        return; /* a second copy, made by the network */
    e->fate = w->what == SIM_LOST ? LAB_LOST : LAB_ARRIVED;
    e->over_ns = w->time_ns;
    e->over_order = ++r->order;
    e->why = w->why;
    if (w->what == SIM_LOST)
        return;
    e->to = w->node;
    e->conn_there = w->conn;
    e->verdict = w->reason;
    if (e->flow < 0)
        e->flow = w->flow;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void on_call(void *ctx, const struct sim_call *c)
{
    struct lab_event *e = add(ctx, LAB_CALL, c->node, c->time_ns);
    if (!e)
        return;
    e->flow = c->flow;
    e->conn = c->conn;
    e->verb = c->verb;
    e->result = c->result;
}

static void keep_record(struct lab_record *r, unsigned node, const struct la_trace_record *record)
{
    if (r->kept_count == r->kept_room) {
        size_t room = r->kept_room ? 2 * r->kept_room : 256;
        struct lab_kept *kept = realloc(r->kept, room * sizeof(*kept));
        if (!kept) {
            r->no_memory = true;
            return;
        }
        r->kept = kept;
        r->kept_room = room;
    }
    r->kept[r->kept_count++] =
        (struct lab_kept){.record = *record, .order = ++r->order, .node = node};
}

/* Half-open connections have no record of their states: what arrives at them and leaves shows it.
 */
static void state_shown(struct lab_record *r, unsigned node, const struct la_trace_record *t)
{
    uint8_t state = LA_TRACE_STATE_OF(t);
    if (t->conn == 0 || state != LA_TCP_SYN_RECEIVED)
        return;
    for (size_t i = r->count; i-- > 0;)
        if (r->events[i].what == LAB_STATE && r->events[i].node == node &&
            r->events[i].conn == t->conn)
            return;
    struct lab_event *e = add(r, LAB_STATE, node, t->time_ns);
    if (!e)
        return;
    e->conn = t->conn;
    e->state = state;
    e->state_before = LA_TCP_LISTEN;
    e->reason = t->reason;
}

static void on_records(void *ctx, unsigned node, const struct la_trace_record *records, size_t n)
{
    struct lab_record *r = ctx;
    for (size_t i = 0; i < n; i++) {
        const struct la_trace_record *t = &records[i];
        unsigned what = LA_TRACE_WHAT(t);
        keep_record(r, node, t);
        if (what == LA_TRACE_IN || what == LA_TRACE_OUT)
            state_shown(r, node, t);
        if (what != LA_TRACE_STATE && what != LA_TRACE_TIMER && what != LA_TRACE_EVENT)
            continue;
        struct lab_event *e = add(r,
                                  what == LA_TRACE_STATE   ? LAB_STATE
                                  : what == LA_TRACE_TIMER ? LAB_TIMER
                                                           : LAB_NOTE,
                                  node, t->time_ns);
        if (!e)
            return;
        e->conn = t->conn;
        e->reason = t->reason;
        e->value = t->seq;
        e->state = LA_TRACE_STATE_OF(t);
        e->state_before = (uint8_t)t->len;
    }
}

void lab_record_begin(struct lab_record *r, const struct plan *plan, struct sim_watch *watch)
{
    memset(r, 0, sizeof(*r));
    r->plan = plan;
    watch->ctx = r;
    watch->wire = on_wire;
    watch->call = on_call;
    watch->records = on_records;
}

/* The flow of a connection of a host, known from its packets and calls; -1: none. */
static int flow_of_conn_at(const struct lab_record *r, unsigned node, uint32_t conn)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct lab_event *e = &r->events[i];
        bool own = e->node == node && e->conn == conn;
        bool there = e->what == LAB_PACKET && e->to == (int)node && e->conn_there == conn;
        if (e->flow >= 0 && (e->what == LAB_PACKET || e->what == LAB_CALL) && (own || there))
            return e->flow;
    }
    return -1;
}

void lab_record_end(struct lab_record *r, uint64_t end_ns)
{
    r->end_ns = end_ns;
    for (size_t i = 0; i < r->count; i++) {
        struct lab_event *e = &r->events[i];
        if (e->what != LAB_PACKET && e->what != LAB_CALL && e->flow < 0 && e->conn != 0)
            e->flow = flow_of_conn_at(r, e->node, e->conn);
    }
}

void lab_record_free(struct lab_record *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->events[i].frame);
    free(r->events);
    free(r->kept);
    memset(r, 0, sizeof(*r));
}

/* Before anything happens a server listens. */
static uint8_t first_state(const struct lab_record *r, unsigned node, int flow)
{
    for (unsigned i = 0; i < r->plan->flows_count; i++) {
        const struct plan_flow *f = &r->plan->flows[i];
        if ((flow < 0 || flow == (int)i) && f->node[1] == node && !f->refused && !f->crossed &&
            !f->udp)
            return LA_TCP_LISTEN;
    }
    return LA_TCP_CLOSED;
}

uint8_t lab_state_at(const struct lab_record *r, unsigned node, int flow, uint64_t time_ns)
{
    uint8_t state = first_state(r, node, flow);
    for (size_t i = 0; i < r->count; i++) {
        const struct lab_event *e = &r->events[i];
        if (e->what == LAB_STATE && e->node == node && e->time_ns <= time_ns &&
            (flow < 0 || e->flow == flow))
            state = e->state;
    }
    return state;
}
