/* Invariants of segments, as they leave a host and as it takes them, and of TIME-WAIT, which only
 * segments touch: see check.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/siphash.h"
#include "sim/check.h"
#include "sim/ledger.h"
#include "stack/stack.h"
#include "tcp/flight.h"
#include "tcp/listen.h"
#include "wire/tcp.h"

/* More bare ACKs in a row than this, each answering one that asked for it, are a war (I21). */
#define WAR 12

#define TS_BYTES 12 /* the timestamps option, aligned */

/* ---- what every segment has ----------------------------------------------------------------- */

/* Both ends of a segment; `back`: as the answer to it would have them. */
static uint64_t who_of(const uint8_t *ip, uint32_t head, bool back)
{
    static const struct sip_key key;
    uint8_t name[36] = {0};
    uint32_t len = head == 20 ? 4 : 16, at = head == 20 ? 12 : 8;
    memcpy(name + (back ? len : 0), ip + at, len);
    memcpy(name + (back ? 0 : len), ip + at + len, len);
    memcpy(name + 2 * len + (back ? 2 : 0), ip + head, 2);
    memcpy(name + 2 * len + (back ? 0 : 2), ip + head + 2, 2);
    return siphash13(&key, name, sizeof(name));
}

static uint32_t ports_of(const struct wire_tcp *h, bool back)
{
    return back ? (uint32_t)h->dst_port << 16 | h->src_port
                : (uint32_t)h->src_port << 16 | h->dst_port;
}

/* The header of TCP without extension headers before it; its offset, or 0. */
static uint32_t tcp_at(const uint8_t *ip, uint32_t len, struct wire_tcp *h)
{
    uint32_t head = len > 0 && ip[0] >> 4 == 4 ? (ip[0] & 15U) * 4 : 40;
    uint8_t protocol = len < head || head < 20 ? 0 : ip[0] >> 4 == 4 ? ip[9] : ip[6];
    return protocol == 6 && wire_tcp_parse(ip + head, len - head, h) ? head : 0;
}

/* ---- as they leave -------------------------------------------------------------------------- */

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
        check_broken(w, e, "I22 an option of the SYN");
    if (((h->options & WIRE_TCP_TS) != 0) != ((t->flags & TCP_F_TS) != 0))
        check_broken(w, e, "I22 timestamps and no agreement");
    if ((h->options & WIRE_TCP_SACK) && !(t->flags & TCP_F_SACK))
        check_broken(w, e, "I22 SACK and no agreement");
}

/* RFC 7323 5.4; a retransmission may have an older one (docs/deviations.md). */
static void check_timestamp(struct world *w, struct flow_end *e, const struct wire_tcp *h)
{
    struct end_memory *m = &e->memory;
    if (!(h->options & WIRE_TCP_TS) || (h->flags & LA_TH_RST))
        return;
    if (m->tsval_known && (int32_t)(h->tsval - m->tsval) < 0)
        check_broken(w, e, "I28 TSval goes back");
    m->tsval = h->tsval;
    m->tsval_known = true;
}

static bool holds(const struct wire_sack *block, uint32_t seq)
{
    return (int32_t)(seq - block->left) >= 0 && (int32_t)(seq - block->right) < 0;
}

/* RFC 2018 4: the first block holds what came last; before it only a D-SACK (RFC 2883 4), which is
 * acknowledged or lies within the second. That of another segment may stand there when several came
 * at once. */
static void check_sack(struct world *w, struct flow_end *e, const struct wire_tcp *h)
{
    const struct end_memory *m = &e->memory;
    if (!(h->options & WIRE_TCP_SACK) || !m->early_known || (int32_t)(m->early - h->ack) < 0)
        return;
    const struct wire_sack *a = &h->sack[0], *b = &h->sack[1];
    bool old = (int32_t)(h->ack - a->right) >= 0;
    bool within =
        h->sack_n > 1 && (int32_t)(a->left - b->left) >= 0 && (int32_t)(b->right - a->right) >= 0;
    if (holds(a, m->early) || (old && h->sack_n == 1))
        return;
    bool second = h->sack_n > 1 && (old || within || !m->early_alone);
    if (!second || !holds(b, m->early))
        check_broken(w, e, "I27 the first SACK block is not of the last");
}

static void check_small(struct world *w, struct flow_end *e, const struct tcb *t,
                        const struct wire_tcp *h, uint32_t payload)
{
    uint32_t options = h->hdr_len - WIRE_TCP_HEADER - ((t->flags & TCP_F_TS) ? TS_BYTES : 0U);
    uint32_t has = payload + options;
    const struct rule_view *last = &e->memory.last;
    bool waited =
        e->memory.known && last->snd_una == t->snd_una.v && last->snd_max == last->snd_una;
    struct rule_small small = {
        .missing = has < t->mss ? t->mss - has : 0,
        .payload = payload,
        .snd_wnd_max = t->snd_wnd_max,
        .waited_ns = waited ? e->host->stack->env.now_ns - last->una_at_ns : 0,
        .last = h->seq + payload == t->snd_end.v,
        .alone = h->seq == t->snd_una.v,
        .nodelay = (t->opt.bits & TCP_OPT_NODELAY) != 0,
        .fin = (t->flags & TCP_F_FIN_QUEUED) != 0,
        .cut = (t->flags & (TCP_F_RECORDS | TCP_F_PUSH_CALLS | TCP_F_SND_URG)) != 0,
    };
    /* Without memory a segment is what fits the pieces of a frame. */
    if (!rules_small_ok(&small) && e->host->memory.failed == 0)
        check_broken(w, e, "I29 a small segment");
}

/* What goes again: the range without a gap that the last ones make up. Behind the byte of a window
 * probe new data may follow in the segment. */
static void note_again(struct end_memory *m, uint32_t seq, uint32_t end)
{
    if (m->rtx_from == m->rtx_to || seq != m->rtx_to)
        m->rtx_from = seq;
    m->rtx_to = (int32_t)(end - m->last.snd_max) < 0 ? end : m->last.snd_max;
}

static void check_payload(struct world *w, struct flow_end *e, const struct tcb *t,
                          const struct wire_tcp *h, const uint8_t *data, uint32_t payload,
                          enum la_reason reason)
{
    /* A probe for a larger MTU is larger than the rest, and no larger than the link (RFC 4821 7.5).
     */
    if (payload > t->mss && (reason != LA_PROBE_MTU || payload > t->link_mtu))
        check_broken(w, e, "I22 longer than the MSS");
    const struct stream *s = &e->flow->stream[e->side];
    uint64_t offset = offset_of(e, t, h->seq);
    if (offset + payload > s->written || !ledger_right(s->id, offset, data, payload))
        check_broken(w, e, "I6 other bytes than written");
    if (reason == LA_DATA)
        check_small(w, e, t, h, payload);
}

/* RFC 9293 3.6, RFC 1122 4.2.2.13: both ends have sent their FIN, and all was read. What is no
 * matter of the close is the application's abort, and a timer that gives up. */
static void check_reset(struct world *w, struct flow_end *e, const struct tcb *t,
                        enum la_reason reason)
{
    const struct stream *in = &e->flow->stream[1 - e->side];
    bool orderly = (t->flags & TCP_F_FIN_SENT) && (t->flags & TCP_F_FIN_RCVD);
    bool of_close = reason == LA_RST_UNREAD || reason == LA_RST_DATA_AFTER_CLOSE;
    if (of_close && orderly && in->read == in->written)
        check_broken(w, e, "I10 a reset after an orderly close");
}

/* RFC 9293 3.5.2: a reset that is an answer, answers one segment, and no RST. */
static void check_answer(struct world *w, struct host *h, const struct wire_tcp *tcp)
{
    struct host_checks *c = &h->checks;
    uint32_t n = c->asked_count < CHECK_ASKED ? c->asked_count : CHECK_ASKED;
    for (uint32_t i = 1; i <= n; i++) {
        struct check_asked *a = &c->asked[(c->asked_count - i) % CHECK_ASKED];
        bool fits = a->has_ack ? tcp->seq == a->ack
                               : (tcp->flags & LA_TH_ACK) != 0 && tcp->ack == a->seq_end;
        if (a->answered || a->ports != ports_of(tcp, true) || !fits)
            continue;
        a->answered = true;
        return;
    }
    world_broken(w, "I20 a reset that answers nothing", "%s: to port %u", h->plan->name,
                 tcp->dst_port);
}

static struct check_cookie *cookie_of(struct host *h, uint64_t who)
{
    return &h->checks.cookies[who % CHECK_COOKIES];
}

static void note_cookie(struct world *w, struct host *h, uint64_t who, uint32_t iss)
{
    if (!h->checks.cookies &&
        !(h->checks.cookies = calloc(CHECK_COOKIES, sizeof(*h->checks.cookies))))
        world_broken(w, "memory", "%s: no memory to remember cookies", h->plan->name);
    struct check_cookie *c = cookie_of(h, who);
    if (c->who == who && c->iss[0] != iss) {
        c->iss[1] = c->iss[0];
        c->at_ns[1] = c->at_ns[0];
    } else if (c->who != who) {
        *c = (struct check_cookie){.who = who};
    }
    c->iss[0] = iss;
    c->at_ns[0] = h->stack->env.now_ns;
}

static void peace(struct flow_end *e)
{
    e->memory.refused = 0;
    e->flow->end[1 - e->side].memory.refused = 0;
}

void check_packet(struct world *w, struct host *host, struct flow_end *e, const uint8_t *ip,
                  uint32_t len, enum la_reason reason)
{
    struct wire_tcp h;
    uint32_t head = tcp_at(ip, len, &h);
    if (head == 0)
        return;
    if (reason == LA_SYN_COOKIE)
        note_cookie(w, host, who_of(ip, head, true), h.seq);
    if (reason == LA_RST_NO_CONNECTION || reason == LA_RST_BAD_ACK)
        check_answer(w, host, &h);
    const struct tcb *t = e ? check_tcb(e) : NULL;
    if (!t)
        return;
    if (e->conn > host->checks.last_conn)
        host->checks.last_conn = e->conn;
    if (h.flags & LA_TH_RST)
        check_reset(w, e, t, reason);
    check_options(w, e, t, &h);
    uint32_t payload = len - head - h.hdr_len;
    bool again = e->memory.known && payload != 0 && (int32_t)(h.seq - e->memory.last.snd_max) < 0;
    if (again)
        note_again(&e->memory, h.seq, h.seq + payload);
    else
        check_timestamp(w, e, &h);
    check_sack(w, e, &h);
    if (payload == 0 || reason == LA_PROBE_KEEPALIVE || (h.flags & (LA_TH_SYN | LA_TH_RST)))
        return;
    peace(e);
    check_payload(w, e, t, &h, ip + head + h.hdr_len, payload, reason);
}

/* ---- as they are taken ---------------------------------------------------------------------- */

struct check_seen check_seen(const struct host *host, const uint8_t *ip, uint32_t len)
{
    struct wire_tcp h;
    uint32_t head = tcp_at(ip, len, &h);
    if (head == 0)
        return (struct check_seen){.tcp = false};
    uint32_t payload = len - head - h.hdr_len;
    return (struct check_seen){.tcp = true,
                               .who = host->checks.cookies ? who_of(ip, head, false) : 0,
                               .ports = ports_of(&h, false),
                               .seg = {.seq = h.seq,
                                       .ack = h.ack,
                                       .tsval = h.tsval,
                                       .payload = payload,
                                       .flags = h.flags,
                                       .ts = (h.options & WIRE_TCP_TS) != 0}};
}

static void note_asked(struct host_checks *c, const struct check_seen *seen)
{
    const struct rule_segment *s = &seen->seg;
    uint32_t len = s->payload + ((s->flags & LA_TH_SYN) != 0) + ((s->flags & LA_TH_FIN) != 0);
    if (s->flags & LA_TH_RST)
        return;
    c->asked[c->asked_count++ % CHECK_ASKED] =
        (struct check_asked){.ports = seen->ports,
                             .seq_end = s->seq + len,
                             .ack = s->ack,
                             .has_ack = (s->flags & LA_TH_ACK) != 0};
}

/* RFC 4987 3.6: that cookie was sent there, at most two periods ago. Many senders may have pushed
 * each other out of the memory; then there is nothing to compare with. */
static void check_cookie_taken(struct world *w, struct host *h, const struct check_seen *seen)
{
    const struct check_cookie *c = h->checks.cookies ? cookie_of(h, seen->who) : NULL;
    if (c && c->who != seen->who && c->who != 0)
        return;
    for (unsigned i = 0; c && i < 2; i++) {
        uint64_t age_ns = h->stack->env.now_ns - c->at_ns[i];
        if (c->who == seen->who && c->iss[i] + 1 == seen->seg.ack &&
            age_ns <= 2 * TCP_COOKIE_PERIOD_S * (uint64_t)LA_NS_PER_S)
            return;
    }
    world_broken(w, "I34 a cookie that was not sent", "%s: ack %u", h->plan->name, seen->seg.ack);
}

/* RFC 5961 7, 9293 3.10.7.4: two ends whose numbers disagree must not answer each other for ever.
 */
static void check_war(struct world *w, struct flow_end *e, const struct rule_segment *s)
{
    const uint16_t more = LA_TH_SYN | LA_TH_FIN | LA_TH_RST;
    const struct end_memory *other = &e->flow->end[1 - e->side].memory;
    bool refused = s->reason == LA_DROP_SEQUENCE || s->reason == LA_DROP_ACK_RANGE;
    if (s->payload != 0 || (s->flags & more) || !refused)
        return;
    if (e->memory.refused < UINT8_MAX)
        e->memory.refused++;
    if (e->memory.refused > WAR && other->refused > WAR)
        check_broken(w, e, "I21 the ends answer each other's ACKs");
}

void check_taken(struct world *w, struct host *h, struct flow_end *e, const struct check_seen *seen,
                 bool alone)
{
    const struct rule_segment *s = &seen->seg;
    if (!seen->tcp)
        return;
    note_asked(&h->checks, seen);
    /* A half-open connection has its identifier from the SYN on: what gets one without is made from
     * a cookie. */
    if (seen->conn > h->checks.last_conn) {
        h->checks.last_conn = seen->conn;
        if (!e && !(s->flags & LA_TH_SYN))
            check_cookie_taken(w, h, seen);
    }
    if (!e)
        return;
    struct end_memory *m = &e->memory;
    const struct tcb *t = check_tcb(e);
    bool again = s->reason == LA_TAKE_DATA_OLD && s->payload != 0 && t &&
                 (int32_t)(s->seq - t->rcv_nxt.v) >= 0;
    if (s->reason == LA_TAKE_DATA_EARLY || again) {
        m->early = s->seq;
        m->early_known = true;
        m->early_alone = alone;
    } else if (s->reason == LA_DROP_REASSEMBLY_FULL || s->reason == LA_DROP_NO_MEMORY) {
        m->early_known = false;
    }
    check_war(w, e, s);
    if (s->reason == LA_TAKE_FIN_AGAIN)
        check_wait(w, h, e, true);
    if (!alone || !m->known || m->last.state == LA_TCP_TIME_WAIT)
        return; /* for TIME-WAIT there is check_wait() */
    struct rule_view after = t ? check_view(e) : (struct rule_view){0};
    const char *why = rules_taken(&m->last, t && t->state != LA_TCP_CLOSED ? &after : NULL, s,
                                  m->rtx_from, m->rtx_to);
    if (why)
        check_broken(w, e, why);
    if (t && (after.snd_una != m->last.snd_una || after.rcv_nxt != m->last.rcv_nxt))
        peace(e);
}

/* ---- TIME-WAIT ------------------------------------------------------------------------------ */

/* Records that ended early for a reason: the table was full, or a new SYN took one over. */
static uint64_t excuses(const struct host *h)
{
    return la_stack_counter(h->stack, LA_TIME_WAIT_EVICTED) +
           la_stack_counter(h->stack, LA_TIME_WAIT_REUSED);
}

/* The latest first: what was just begun stands at the end. */
static const struct tcp_time_wait *record_of(const struct host *h, uint32_t conn)
{
    const struct la_stack *s = h->stack;
    for (uint32_t i = s->waits.tail; i; i = index_link_at(&s->waits, i)->prev) {
        const struct tcp_time_wait *r = stack_time_wait_at(s, i);
        if (tcp_time_wait_conn(r) == conn)
            return r;
    }
    return NULL;
}

static struct check_wait *wait_of(struct host *h, uint32_t conn)
{
    for (unsigned i = 0; i < CHECK_WAITS; i++)
        if (h->checks.waits[i].conn == conn)
            return &h->checks.waits[i];
    return NULL;
}

void check_wait(struct world *w, struct host *h, const struct flow_end *e, bool again)
{
    const struct la_stack *s = h->stack;
    const struct tcb *t = check_tcb(e);
    if (e->conn == 0 || (t && t->state != LA_TCP_TIME_WAIT))
        return;
    struct check_wait *wait = wait_of(h, e->conn);
    if (wait && !again)
        return;
    const struct tcp_time_wait *r = record_of(h, e->conn);
    if (!r)
        return;
    /* RFC 9293 3.6.1, MUST-13: 2 MSL, and again from the repeated FIN on. */
    if (r->deadline_ms - tcp_now_ms(&s->env) != s->time_wait_ms)
        world_broken(w, "I15 TIME-WAIT that does not last 2 MSL", "%s: connection %u",
                     h->plan->name, e->conn);
    if (!wait)
        wait = &h->checks.waits[h->checks.waits_next++ % CHECK_WAITS];
    *wait = (struct check_wait){.conn = e->conn,
                                .until_ns = s->env.now_ns + s->time_wait_ms * LA_NS_PER_MS,
                                .excuses = excuses(h)};
}

void check_waits(struct world *w, struct host *h)
{
    for (unsigned i = 0; i < CHECK_WAITS; i++) {
        struct check_wait *wait = &h->checks.waits[i];
        if (wait->conn == 0)
            continue;
        bool over = h->stack->env.now_ns + LA_NS_PER_MS >= wait->until_ns;
        if (!over && wait->excuses == excuses(h) && !record_of(h, wait->conn))
            world_broken(w, "I15 TIME-WAIT ends early", "%s: connection %u", h->plan->name,
                         wait->conn);
        if (over || wait->excuses != excuses(h))
            *wait = (struct check_wait){.conn = 0};
    }
}

void check_forget(struct host *h)
{
    free(h->checks.cookies);
    memset(&h->checks, 0, sizeof(h->checks));
}
