/* Invariants: see check.h. */
#include "sim/check.h"

#include "base/bytes.h"
#include "sim/ledger.h"
#include "stack/stack.h"
#include "tcp/flight.h"
#include "wire/tcp.h"

#define WALK_SEGMENTS 64
#define WALK_EVERY    1024
#define LOOK_EVERY    64 /* events after which connections that were not touched are looked at */

static const char *side_name(const struct flow_end *e)
{
    return e->side == 0 ? "client" : "server";
}

/* One sentence for all of them: which flow, which end, what. */
static void broken(struct world *w, const struct flow_end *e, const char *kind)
{
    const struct tcb *t = check_tcb(e);
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

/* ---- packets -------------------------------------------------------------------------------- */

/* The offset in the stream of a sequence number near snd_una. */
static uint64_t offset_of(struct flow_end *e, const struct tcb *t, uint32_t seq)
{
    struct end_memory *m = &e->memory;
    if (!m->una_known) {
        m->una_known = true;
        m->una = t->iss.v;
        m->una64 = 0;
    }
    m->una64 += t->snd_una.v - m->una;
    m->una = t->snd_una.v;
    return m->una64 + (uint64_t)(int64_t)(int32_t)(seq - t->snd_una.v) - 1;
}

static void check_options(struct world *w, struct flow_end *e, const struct tcb *t,
                          const struct wire_tcp *h)
{
    const uint8_t of_syn = WIRE_TCP_MSS | WIRE_TCP_WSCALE | WIRE_TCP_SACK_OK;
    if (h->flags & (LA_TH_SYN | LA_TH_RST))
        return;
    if (h->options & of_syn)
        broken(w, e, "I22 an option of the SYN");
    if (((h->options & WIRE_TCP_TS) != 0) != ((t->flags & TCP_F_TS) != 0))
        broken(w, e, "I22 timestamps and no agreement");
    if ((h->options & WIRE_TCP_SACK) && !(t->flags & TCP_F_SACK))
        broken(w, e, "I22 SACK and no agreement");
}

void check_packet(struct world *w, struct flow_end *e, const uint8_t *ip, uint32_t len,
                  enum la_reason reason)
{
    const struct tcb *t = check_tcb(e);
    struct wire_tcp h;
    uint32_t head = ip[0] >> 4 == 4 ? 20 : 40;
    if (!t || len < head + 20 || !wire_tcp_parse(ip + head, len - head, &h))
        return;
    check_options(w, e, t, &h);
    uint32_t payload = len - head - h.hdr_len;
    if (payload == 0 || reason == LA_PROBE_KEEPALIVE || (h.flags & (LA_TH_SYN | LA_TH_RST)))
        return;
    /* A probe for a larger MTU is larger than the rest, and no larger than the link (RFC 4821 7.5).
     */
    if (payload > t->mss && (reason != LA_PROBE_MTU || len > t->link_mtu))
        broken(w, e, "I22 longer than the MSS");
    const struct stream *s = &e->flow->stream[e->side];
    uint64_t offset = offset_of(e, t, h.seq);
    if (offset + payload > s->written ||
        !ledger_right(s->id, offset, ip + head + h.hdr_len, payload))
        broken(w, e, "I6 other bytes than written");
}

/* ---- connections, in constant time ---------------------------------------------------------- */

static void remember(struct end_memory *m, const struct tcb *t)
{
    m->snd_una = t->snd_una.v;
    m->snd_max = t->snd_max.v;
    m->rcv_nxt = t->rcv_nxt.v;
    m->rcv_adv = t->rcv_adv.v;
    m->cwnd = t->cc.cwnd;
    uint32_t edge = t->snd_una.v + t->snd_wnd;
    if (!m->known || (int32_t)(edge - m->edge) > 0)
        m->edge = edge;
    m->known = true;
}

static void check_monotone(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct end_memory *m = &e->memory;
    if ((int32_t)(t->snd_una.v - m->snd_una) < 0 || (int32_t)(t->snd_max.v - m->snd_max) < 0)
        broken(w, e, "I2 sending goes back");
    if ((int32_t)(t->rcv_nxt.v - m->rcv_nxt) < 0)
        broken(w, e, "I4 RCV.NXT goes back");
    if ((int32_t)(t->rcv_adv.v - m->rcv_adv) < 0)
        broken(w, e, "I3 the window shrinks");
}

/* What the two control blocks say about each other: both are in our hands. */
static void check_peer(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct tcb *p = check_tcb(&e->flow->end[1 - e->side]);
    if (!p || p->iss.v != t->irs.v || p->irs.v != t->iss.v || p->state < LA_TCP_ESTABLISHED)
        return;
    if (seq_gt(t->snd_una, p->rcv_nxt))
        broken(w, e, "I5 acknowledged before it was received");
    if (seq_gt(p->rcv_nxt, t->snd_max))
        broken(w, e, "I4 received before it was sent");
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
        broken(w, e, "I23 beyond the peer's window");
    uint32_t cwnd = t->cc.cwnd > m->cwnd ? t->cc.cwnd : m->cwnd;
    uint32_t added = t->snd_max.v - m->snd_max;
    if (added > 2U * t->mss && t->phase == CC_OPEN &&
        tcp_in_flight(t) > (uint64_t)cwnd + 4U * t->mss)
        broken(w, e, "I23 beyond the congestion window");
}

static void check_timers(struct world *w, struct flow_end *e, const struct tcb *t)
{
    const struct conn *c = conn_of(e);
    bool work = seq_lt(t->snd_una, t->snd_max) || seq_lt(t->snd_max, t->snd_end) ||
                ((t->flags & TCP_F_FIN_QUEUED) && !tcp_fin_acked(t));
    bool waits = c->timer.at_ns != UINT64_MAX || (c->bits & (CONN_OUT | CONN_WAITING)) != 0;
    if (work && !waits && t->state >= LA_TCP_ESTABLISHED && t->state != LA_TCP_TIME_WAIT)
        broken(w, e, "I12 work to do and no timer");
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

static void check_end(struct world *w, struct flow_end *e, bool walk)
{
    const struct tcb *t = check_tcb(e);
    if (!t || t->state < LA_TCP_ESTABLISHED || (t->flags & TCP_F_RST_QUEUED))
        return;
    uint64_t queued = (uint64_t)seq_len(t->snd_una, t->snd_end) + t->rcv_queued;
    bool few = queued < (uint64_t)WALK_SEGMENTS * t->mss;
    if (e->memory.known) {
        check_monotone(w, e, t);
        check_windows(w, e, t);
    }
    check_peer(w, e, t);
    check_timers(w, e, t);
    if (!tcp_invariants(t))
        broken(w, e, "tcp_invariants");
    if (few || walk) {
        if (!tcp_invariants_deep(t))
            broken(w, e, "tcp_invariants_deep");
        if (!send_queue_right(t))
            broken(w, e, "I5 the send queue has a hole");
    }
    remember(&e->memory, t);
}

void check_host(struct world *w, struct host *h)
{
    bool walk = ++h->walked % WALK_EVERY == 0;
    if (h->walked % LOOK_EVERY == 0) {
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
