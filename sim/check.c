/* Invariants: see check.h. */
#include "sim/check.h"

#include "stack/stack.h"
#include "tcp/flight.h"

#define WALK_SEGMENTS 64
#define WALK_EVERY    1024
#define LOOK_EVERY    64 /* events after which connections that were not touched are looked at */

static const char *side_name(const struct flow_end *e)
{
    return e->side == 0 ? "client" : "server";
}

void check_broken(struct world *w, const struct flow_end *e, const char *kind)
{
    const struct tcb *t = check_tcb(e);
    if (!t)
        world_broken(w, kind, "%s, %s: its connection is gone", e->flow->plan->name, side_name(e));
    world_broken(w, kind, "%s, %s: una +%u, nxt +%u, max +%u, end +%u, rcv_nxt +%u, state %u",
                 e->flow->plan->name, side_name(e), t->snd_una.v - t->iss.v,
                 t->snd_nxt.v - t->iss.v, t->snd_max.v - t->iss.v, t->snd_end.v - t->iss.v,
                 t->rcv_nxt.v - t->irs.v, t->state);
}

static const struct conn *conn_of(const struct flow_end *e)
{
    if (e->index == 0 || !e->host->stack)
        return NULL;
    const struct slab *slab = &e->host->stack->conns;
    if (e->index >> slab->shift >= slab->chunk_count ||
        !slab->chunks[e->index >> slab->shift].objects)
        return NULL;
    const struct conn *c = stack_conn_at(e->host->stack, e->index);
    return c->tcb.conn == e->conn && e->conn != 0 ? c : NULL;
}

const struct tcb *check_tcb(const struct flow_end *e)
{
    const struct conn *c = conn_of(e);
    return c ? &c->tcb : NULL;
}

/* ---- connections, in constant time ---------------------------------------------------------- */

struct rule_view check_view(const struct flow_end *e)
{
    const struct conn *c = conn_of(e);
    const struct tcb *t = &c->tcb;
    return (struct rule_view){
        .state = t->state,
        .phase = t->phase,
        .backoff = t->backoff,
        .ts = (t->flags & TCP_F_TS) != 0,
        .own_cwnd = (t->cc.ops->traits & CC_OWN_CWND) != 0,
        .persists = (t->flags & TCP_F_PERSIST) != 0,
        .held_back = (c->bits & (CONN_OUT | CONN_WAITING)) != 0,
        .loses = e->host->plan->ethernet,
        .wnd_shift = t->rcv_wscale,
        .mss = t->mss,
        .rcv_mss = t->rcv_mss,
        .recoveries = t->recoveries,
        .undone = t->undone,
        .iss = t->iss.v,
        .irs = t->irs.v,
        .snd_una = t->snd_una.v,
        .snd_max = t->snd_max.v,
        .snd_wnd_max = t->snd_wnd_max,
        .rcv_nxt = t->rcv_nxt.v,
        .rcv_adv = t->rcv_adv.v,
        .rcvbuf = t->opt.rcvbuf,
        .rcv_unacked = t->rcv_unacked,
        .segs_out = t->segs_out,
        .ts_recent = t->ts_recent,
        .ts_recent_s = t->ts_recent_s,
        .last_ack_sent = t->last_ack_sent.v,
        .cwnd = t->cc.cwnd,
        .ssthresh = t->cc.ssthresh,
        .srtt_us8 = t->srtt_us8,
        .rto_ms = t->rto_ms,
        .delivered = t->flight ? t->flight->rate.delivered : 0,
        .una_at_ns = t->una_at_ns,
        .rtx_at_ns = t->rtx_at_ns,
        .ack_at_ns = t->ack_at_ns,
    };
}

static void remember(struct end_memory *m, const struct tcb *t, const struct rule_view *now)
{
    uint32_t edge = t->snd_una.v + t->snd_wnd;
    if (!m->known || (int32_t)(edge - m->edge) > 0)
        m->edge = edge;
    m->last = *now;
    m->known = true;
}

static void check_monotone(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct rule_view *last = &e->memory.last;
    if ((int32_t)(t->snd_una.v - last->snd_una) < 0 || (int32_t)(t->snd_max.v - last->snd_max) < 0)
        check_broken(w, e, "I2 sending goes back");
    if ((int32_t)(t->rcv_nxt.v - last->rcv_nxt) < 0)
        check_broken(w, e, "I4 RCV.NXT goes back");
    if ((int32_t)(t->rcv_adv.v - last->rcv_adv) < 0)
        check_broken(w, e, "I3 the window shrinks");
}

/* What the two control blocks say about each other: both are in our hands. */
static void check_peer(struct world *w, struct flow_end *e, const struct tcb *t,
                       const struct rule_view *now)
{
    const struct flow_end *other = &e->flow->end[1 - e->side];
    const struct tcb *p = check_tcb(other);
    if (!p || p->iss.v != t->irs.v || p->state == LA_TCP_CLOSED)
        return;
    struct rule_view theirs = check_view(other);
    const char *why = rules_pair(now, &theirs);
    if (why)
        check_broken(w, e, why);
    if (p->irs.v != t->iss.v || p->state < LA_TCP_ESTABLISHED)
        return;
    if (seq_gt(t->snd_una, p->rcv_nxt))
        check_broken(w, e, "I5 acknowledged before it was received");
    if (seq_gt(p->rcv_nxt, t->snd_max))
        check_broken(w, e, "I4 received before it was sent");
}

/* RFC 9293 3.8.6: no further than the window, but for a probe and the FIN; RFC 5681 3: new data
 * within cwnd, but for limited transmit, a probe of the tail and what rounding to segments adds. */
static void check_windows(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct end_memory *m = &e->memory;
    uint32_t edge = t->snd_una.v + t->snd_wnd;
    if ((int32_t)(edge - m->edge) < 0)
        edge = m->edge;
    if ((int32_t)(t->snd_max.v - edge) > 2)
        check_broken(w, e, "I23 beyond the peer's window");
    uint32_t cwnd = t->cc.cwnd > m->last.cwnd ? t->cc.cwnd : m->last.cwnd;
    uint32_t added = t->snd_max.v - m->last.snd_max;
    if (added > 2U * t->mss && t->phase == CC_OPEN &&
        tcp_in_flight(t) > (uint64_t)cwnd + 4U * t->mss)
        check_broken(w, e, "I23 beyond the congestion window");
}

static void check_timers(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct conn *c = conn_of(e);
    bool work = seq_lt(t->snd_una, t->snd_max) || seq_lt(t->snd_max, t->snd_end) ||
                ((t->flags & TCP_F_FIN_QUEUED) && !tcp_fin_acked(t));
    bool waits = c->timer.at_ns != UINT64_MAX || (c->bits & (CONN_OUT | CONN_WAITING)) != 0;
    if (work && !waits && t->state >= LA_TCP_ESTABLISHED && t->state != LA_TCP_TIME_WAIT)
        check_broken(w, e, "I12 work to do and no timer");
}

/* ---- connections, walking ------------------------------------------------------------------- */

/* The send queue: contiguous, from snd_una's buffer to snd_end (I5: what is not acknowledged is
 * there). */
static bool send_queue_right(const struct tcb *t)
{
    if (!seq_lt(t->snd_una, t->snd_end))
        return true;
    const struct la_buf *buf = t->snd_head;
    seq32 first = seq_max(t->snd_una, seq_add(t->iss, 1));
    if (!buf || (int32_t)(buf->seq - first.v) > 0)
        return !buf && seq_eq(first, t->snd_end);
    uint32_t at = buf->seq;
    for (; buf; buf = buf->next) {
        if (buf->seq != at)
            return false;
        at += buf->len;
    }
    return at == t->snd_end.v;
}

static void check_step(struct world *w, struct flow_end *e, const struct rule_view *now)
{
    const struct tcp_env *env = &e->host->stack->env;
    const char *why = rules_step(&e->memory.last, now, env->now_ns, env->persona.rto_max_ms);
    if (why)
        check_broken(w, e, why);
}

static void check_end(struct world *w, struct flow_end *e, bool walk)
{
    const struct tcb *t = check_tcb(e);
    if (!t || t->state < LA_TCP_ESTABLISHED || (t->flags & TCP_F_RST_QUEUED)) {
        e->memory.known = false;
        return;
    }
    uint64_t queued = (uint64_t)seq_len(t->snd_una, t->snd_end) + t->rcv_queued;
    bool few = queued < (uint64_t)WALK_SEGMENTS * t->mss;
    struct rule_view now = check_view(e);
    if (e->memory.known) {
        check_monotone(w, e, t);
        check_windows(w, e, t);
        check_step(w, e, &now);
    }
    check_peer(w, e, t, &now);
    check_timers(w, e, t);
    if (!tcp_invariants(t))
        check_broken(w, e, "tcp_invariants");
    if (few || walk) {
        if (!tcp_invariants_deep(t))
            check_broken(w, e, "tcp_invariants_deep");
        if (!send_queue_right(t))
            check_broken(w, e, "I5 the send queue has a hole");
    }
    remember(&e->memory, t, &now);
}

void check_host(struct world *w, struct host *h)
{
    bool walk = ++h->walked % WALK_EVERY == 0;
    bool look = h->walked % LOOK_EVERY == 0;
    for (unsigned i = 0; i < h->touched_count; i++)
        check_wait(w, h, h->touched[i], false);
    if (look) {
        check_waits(w, h);
        for (struct flow_end *e = h->ends; e; e = e->next)
            check_end(w, e, walk);
    } else {
        for (unsigned i = 0; i < h->touched_count; i++)
            check_end(w, h->touched[i], walk);
    }
    if (la_stack_next_deadline(h->stack) < h->stack->wheel.now_ns)
        world_broken(w, "I33 a deadline in the past", "%s", h->plan->name);
}

void check_idle(struct world *w, struct host *h)
{
    struct la_stack_stats st;
    la_stack_stats(h->stack, &st);
    if (st.conns + st.half_open + st.time_wait != 0)
        world_broken(
            w, "I11 connections are left",
            "%s: %u connections, %u half-open, %u in TIME-WAIT after everything was closed",
            h->plan->name, st.conns, st.half_open, st.time_wait);
    if (la_stack_next_deadline(h->stack) != UINT64_MAX)
        world_broken(w, "I13 a timer is left", "%s", h->plan->name);
    struct la_trace_record records[64];
    while (la_stack_trace(h->stack, records, 64) != 0)
        ;
    for (unsigned kind = LA_MEM_BUFFERS; kind < LA_MEM_KINDS; kind++) {
        uint64_t left = la_stack_memory(h->stack, (enum la_memory_kind)kind);
        if (left != 0)
            world_broken(w, "I31 memory is left", "%s: %llu bytes of kind %u", h->plan->name,
                         (unsigned long long)left, kind);
    }
    if (h->lent != 0)
        world_broken(w, "I31 lent buffers are left", "%s: %u", h->plan->name, h->lent);
}
