/* Hosts that are wrong on purpose: see wrong.h. */
#include "lab/wrong.h"

#include <stdlib.h>
#include <string.h>

#include "sim/ledger.h"
#include "tcp/decide.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#define CONNS      8
#define WINDOW     65535
#define MSS        1200 /* fits any link of an experiment, over IPv6 as well */
#define RTO_NS     (100 * LA_NS_PER_MS)
#define RTO_MAX_NS (60 * LA_NS_PER_S)
#define FIRST_PORT 40000

struct wrong_conn {
    bool used;
    uint8_t state; /* enum la_tcp_state */
    uint8_t side;  /* of its flow */
    struct flow *flow;
    uint32_t id;
    struct la_addr here, there;
    uint16_t port_here, port_there;
    seq32 iss, una, nxt; /* nxt: what has been sent at least once */
    seq32 rcv_nxt;
    bool closing, fin_sent, fin_got;
    uint64_t rto_ns, rto_at_ns; /* when it runs out; UINT64_MAX: not running */
};

struct wrong {
    struct wrong_conn conns[CONNS];
    uint32_t ids;
};

static const char *const texts[PLAN_WRONGS][2] = {
    [PLAN_WRONG_TWO_WAY] = {"two-way handshake", "两次握手"},
    [PLAN_WRONG_NO_TIME_WAIT] = {"no TIME-WAIT", "没有 TIME-WAIT"},
};

const char *lab_wrong_text(unsigned wrong, unsigned lang)
{
    return wrong < PLAN_WRONGS ? texts[wrong][lang] : NULL;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void enter(struct world *w, struct host *h, struct wrong_conn *c, enum la_tcp_state to,
                  enum la_reason why)
{
    struct la_trace_record r = {.time_ns = w->now_ns,
                                .conn = c->id,
                                .len = c->state,
                                .reason = (uint8_t)why,
                                .what_state = LA_TRACE_PACK(LA_TRACE_STATE, to)};
    c->state = (uint8_t)to;
    if (w->watch->records)
        w->watch->records(w->watch->ctx, h->index, &r, 1);
    if (to == LA_TCP_CLOSED)
        c->used = false;
}

static void called(struct world *w, struct host *h, const struct wrong_conn *c, const char *verb,
                   int64_t result)
{
    struct flow_end *e = &c->flow->end[c->side];
    e->conn = c->id;
    host_called(w, h, e, verb, result);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void send_segment(struct world *w, struct host *h, struct wrong_conn *c, seq32 seq,
                         uint16_t flags, const uint8_t *bytes, size_t len, enum la_reason why)
{
    struct wire_tcp t = {.src_port = c->port_here,
                         .dst_port = c->port_there,
                         .seq = seq.v,
                         .ack = flags & LA_TH_ACK ? c->rcv_nxt.v : 0,
                         .wnd = WINDOW,
                         .flags = flags};
    if (flags & LA_TH_SYN) {
        t.options = WIRE_TCP_MSS;
        t.mss = MSS;
    }
    size_t size = forge_segment(w->packet, &c->here, &c->there, &t, bytes, len);
    struct lane_meta meta = {.conn = c->id, .reason = (uint16_t)why};
    host_insert(w, h, w->packet, (uint32_t)size, meta, true);
}

static struct stream *stream_of(const struct wrong_conn *c)
{
    return &c->flow->stream[c->side];
}

static seq32 fin_seq(const struct wrong_conn *c)
{
    return seq_add(c->iss, 1 + (uint32_t)stream_of(c)->written);
}

static void arm(struct world *w, struct host *h, struct wrong_conn *c)
{
    bool waits = seq_lt(c->una, c->nxt);
    c->rto_at_ns = waits ? w->now_ns + c->rto_ns : UINT64_MAX;
    queue_move(&w->queue, &h->node, h->node.ops->next_at(w, &h->node));
}

/* Sends bytes of the stream from `seq` up to `end`. */
static void send_bytes(struct world *w, struct host *h, struct wrong_conn *c, seq32 seq, seq32 end,
                       enum la_reason why)
{
    while (seq_lt(seq, end)) {
        const uint8_t *bytes;
        uint64_t offset = seq_len(seq_add(c->iss, 1), seq);
        size_t len = ledger_at(stream_of(c)->id, offset, &bytes);
        size_t left = seq_len(seq, end);
        len = len < left ? len : left;
        len = len < MSS ? len : MSS;
        send_segment(w, h, c, seq, LA_TH_ACK | LA_TH_PSH, bytes, len, why);
        seq = seq_add(seq, (uint32_t)len);
    }
}

/* What has not been sent yet: bytes that the application has, then the FIN. */
static void send_new(struct world *w, struct host *h, struct wrong_conn *c)
{
    struct stream *s = stream_of(c);
    if (c->state < LA_TCP_ESTABLISHED)
        return;
    if (s->written < s->total) {
        called(w, h, c, "send", (int64_t)(s->total - s->written));
        s->written = s->total;
    }
    seq32 end = fin_seq(c);
    if (seq_lt(c->nxt, end) && !c->fin_sent) {
        send_bytes(w, h, c, c->nxt, end, LA_DATA);
        c->nxt = end;
    }
    if (c->closing && !c->fin_sent) {
        send_segment(w, h, c, end, LA_TH_FIN | LA_TH_ACK, NULL, 0, LA_FIN);
        c->nxt = seq_add(end, 1);
        c->fin_sent = true;
        s->ended = true;
        enter(w, h, c, c->fin_got ? LA_TCP_LAST_ACK : LA_TCP_FIN_WAIT_1, LA_FIN);
    }
    arm(w, h, c);
}

static void send_again(struct world *w, struct host *h, struct wrong_conn *c)
{
    c->rto_ns = 2 * c->rto_ns < RTO_MAX_NS ? 2 * c->rto_ns : RTO_MAX_NS;
    if (c->state == LA_TCP_SYN_SENT)
        send_segment(w, h, c, c->iss, LA_TH_SYN, NULL, 0, LA_SYN_AGAIN);
    else if (seq_eq(c->una, c->iss))
        send_segment(w, h, c, c->iss, LA_TH_SYN | LA_TH_ACK, NULL, 0, LA_SYN_ACK_AGAIN);
    else if (c->fin_sent && seq_eq(c->una, fin_seq(c)))
        send_segment(w, h, c, fin_seq(c), LA_TH_FIN | LA_TH_ACK, NULL, 0, LA_FIN_AGAIN);
    else
        send_bytes(w, h, c, c->una, fin_seq(c), LA_RTX_TIMEOUT);
    arm(w, h, c);
}

/* ---- opening and closing -------------------------------------------------------------------- */

static struct wrong_conn *new_conn(struct world *w, struct host *h, struct flow *f, unsigned side)
{
    struct wrong *wrong = h->wrong;
    for (unsigned i = 0; i < CONNS; i++) {
        struct wrong_conn *c = &wrong->conns[i];
        if (c->used)
            continue;
        *c = (struct wrong_conn){.used = true, .flow = f, .side = (uint8_t)side};
        c->id = ++wrong->ids;
        c->iss.v = h->plan->iss ? h->plan->iss : prng_u32(&h->prng);
        c->una = c->iss;
        c->nxt = seq_add(c->iss, 1);
        c->rto_ns = RTO_NS;
        c->here = h->addr[f->plan->v6];
        c->there = f->end[1 - side].host->addr[f->plan->v6];
        return c;
    }
    world_broken(w, "wrong", "%s: more than %d connections", h->plan->name, CONNS);
}

static void wrong_start(struct world *w, struct flow *f)
{
    struct host *h = f->end[0].host;
    struct wrong_conn *c = new_conn(w, h, f, 0);
    f->client_port = (uint16_t)(f->plan->client_port ? f->plan->client_port : FIRST_PORT + c->id);
    c->port_here = f->client_port;
    c->port_there = f->plan->port;
    c->closing = false;
    called(w, h, c, "connect", 0);
    enter(w, h, c, LA_TCP_SYN_SENT, LA_SYN);
    send_segment(w, h, c, c->iss, LA_TH_SYN, NULL, 0, LA_SYN);
    arm(w, h, c);
}

static struct wrong_conn *conn_of_flow(struct host *h, const struct flow *f)
{
    struct wrong *wrong = h->wrong;
    for (unsigned i = 0; i < CONNS; i++)
        if (wrong->conns[i].used && wrong->conns[i].flow == f)
            return &wrong->conns[i];
    return NULL;
}

static void wrong_act(struct world *w, struct flow *f, const struct plan_act *act)
{
    unsigned side = act->kind == PLAN_ACT_REPLY || (act->kind != PLAN_ACT_SEND && act->end);
    struct host *h = f->end[side].host;
    struct wrong_conn *c = conn_of_flow(h, f);
    if (!c)
        return;
    if (act->kind == PLAN_ACT_SEND || act->kind == PLAN_ACT_REPLY) {
        stream_of(c)->total += act->value;
    } else if (act->kind == PLAN_ACT_CLOSE || act->kind == PLAN_ACT_SHUTDOWN) {
        called(w, h, c, "close", 0);
        c->closing = true;
    }
    send_new(w, h, c);
}

/* The application of such a host: it closes when it has written all, if the flow says so. */
static void application(struct world *w, struct host *h, struct wrong_conn *c)
{
    unsigned ending = c->flow->plan->ending;
    bool first = (ending == PLAN_END_CLOSE && c->side == 0) ||
                 (ending == PLAN_END_CLOSE_SERVER && c->side == 1);
    bool all_acked = seq_eq(c->una, seq_add(c->iss, 1 + (uint32_t)stream_of(c)->total));
    if (!c->closing && ending != PLAN_END_STAY && ((first && all_acked) || c->fin_got)) {
        called(w, h, c, "close", 0);
        c->closing = true;
    }
    send_new(w, h, c);
}

/* ---- segments that arrive ------------------------------------------------------------------- */

struct arrival_of {
    struct la_addr src, dst;
    struct wire_tcp t;
    const uint8_t *payload;
    uint32_t len, seg_len;
};

static bool parse(const uint8_t *ip, uint32_t len, struct arrival_of *a)
{
    size_t at;
    uint8_t protocol;
    if (wire_ip_version(ip, len) == 4) {
        struct wire_ipv4 h;
        if (wire_ipv4_parse(ip, len, &h) != WIRE_IP_OK)
            return false;
        a->src = h.src;
        a->dst = h.dst;
        at = h.hdr_len;
        protocol = h.proto;
    } else {
        struct wire_ipv6 h;
        if (wire_ipv6_parse(ip, len, &h) != WIRE_IP_OK)
            return false;
        a->src = h.src;
        a->dst = h.dst;
        at = WIRE_IPV6_HEADER;
        protocol = h.next;
    }
    if (protocol != WIRE_PROTO_TCP || !wire_tcp_parse(ip + at, len - at, &a->t))
        return false;
    a->payload = ip + at + a->t.hdr_len;
    a->len = len - (uint32_t)at - a->t.hdr_len;
    a->seg_len = wire_tcp_seglen(&a->t, a->len);
    return true;
}

static struct wrong_conn *conn_of(struct host *h, const struct arrival_of *a)
{
    struct wrong *wrong = h->wrong;
    for (unsigned i = 0; i < CONNS; i++) {
        struct wrong_conn *c = &wrong->conns[i];
        if (c->used && c->port_here == a->t.dst_port && c->port_there == a->t.src_port &&
            la_addr_equal(&c->there, &a->src))
            return c;
    }
    return NULL;
}

/* RFC 9293 3.5.2. */
static enum la_reason reset(struct world *w, struct host *h, const struct arrival_of *a)
{
    seq32 seq = {a->t.seq}, ack = {a->t.ack};
    struct tcp_reset r = tcp_reset_for(seq, ack, a->t.flags, a->seg_len);
    if (r.flags != 0) {
        struct wrong_conn nobody = {.here = a->dst,
                                    .there = a->src,
                                    .port_here = a->t.dst_port,
                                    .port_there = a->t.src_port,
                                    .rcv_nxt = r.ack};
        send_segment(w, h, &nobody, r.seq, r.flags, NULL, 0, LA_RST_NO_CONNECTION);
    }
    return LA_DROP_NO_CONNECTION;
}

/* A SYN for a flow whose server this is. The mistake of a two-way handshake is here: the
 * connection counts as open, and the application hears of it, before anything shows that the SYN
 * was of today. */
static enum la_reason listen_arrives(struct world *w, struct host *h, const struct arrival_of *a)
{
    struct flow *f = NULL;
    for (unsigned i = 0; i < w->plan->flows_count; i++)
        if (&w->hosts[w->plan->flows[i].node[1]] == h && w->plan->flows[i].port == a->t.dst_port)
            f = &w->flows[i];
    if (!f || (a->t.flags & (LA_TH_SYN | LA_TH_ACK | LA_TH_RST)) != LA_TH_SYN)
        return reset(w, h, a);
    struct wrong_conn *c = new_conn(w, h, f, 1);
    c->there = a->src;
    c->port_here = a->t.dst_port;
    c->port_there = a->t.src_port;
    c->rcv_nxt = (seq32){a->t.seq + 1};
    f->stream[1].written = 0;
    f->stream[1].total = f->plan->bytes[1];
    send_segment(w, h, c, c->iss, LA_TH_SYN | LA_TH_ACK, NULL, 0, LA_SYN_ACK);
    enter(w, h, c, LA_TCP_ESTABLISHED, LA_TAKE_SYN);
    called(w, h, c, "accept", 0);
    application(w, h, c);
    return LA_TAKE_SYN;
}

static enum la_reason syn_sent_arrives(struct world *w, struct host *h, struct wrong_conn *c,
                                       const struct arrival_of *a)
{
    if (a->t.flags & LA_TH_RST) {
        enter(w, h, c, LA_TCP_CLOSED, LA_TAKE_RST_REFUSED);
        return LA_TAKE_RST_REFUSED;
    }
    if ((a->t.flags & (LA_TH_SYN | LA_TH_ACK)) != (LA_TH_SYN | LA_TH_ACK) || a->t.ack != c->nxt.v)
        return LA_DROP_SYN_SENT;
    c->rcv_nxt = (seq32){a->t.seq + 1};
    c->una = c->nxt;
    c->rto_ns = RTO_NS;
    enter(w, h, c, LA_TCP_ESTABLISHED, LA_TAKE_SYN_ACK);
    called(w, h, c, "connected", 0);
    send_segment(w, h, c, c->nxt, LA_TH_ACK, NULL, 0, LA_HANDSHAKE_ACK);
    application(w, h, c);
    return LA_TAKE_SYN_ACK;
}

/* What its ACK does. */
static enum la_reason ack_arrives(struct world *w, struct host *h, struct wrong_conn *c,
                                  const struct arrival_of *a)
{
    seq32 ack = {a->t.ack};
    if (tcp_ack_verdict(c->una, c->nxt, WINDOW, ack) != TCP_ACK_NEW)
        return LA_TAKE_ACK_DUPLICATE;
    c->una = ack;
    c->rto_ns = RTO_NS;
    arm(w, h, c);
    if (!c->fin_sent || !seq_eq(ack, c->nxt))
        return LA_TAKE_ACK;
    if (c->state == LA_TCP_FIN_WAIT_1)
        enter(w, h, c, LA_TCP_FIN_WAIT_2, LA_TAKE_ACK_FIN);
    else if (c->state == LA_TCP_LAST_ACK || c->state == LA_TCP_CLOSING)
        enter(w, h, c, LA_TCP_CLOSED, LA_TAKE_ACK_FIN);
    return LA_TAKE_ACK_FIN;
}

/* The peer's FIN in its place. The mistake of a host without TIME-WAIT is here: after the last
 * ACK there is nothing that could send it again. */
static void fin_arrives(struct world *w, struct host *h, struct wrong_conn *c)
{
    c->rcv_nxt = seq_add(c->rcv_nxt, 1);
    c->fin_got = true;
    send_segment(w, h, c, c->nxt, LA_TH_ACK, NULL, 0, LA_ACK_FIN);
    if (c->state == LA_TCP_FIN_WAIT_2)
        enter(w, h, c, LA_TCP_CLOSED, LA_TAKE_FIN);
    else if (c->state == LA_TCP_FIN_WAIT_1)
        enter(w, h, c, LA_TCP_CLOSING, LA_TAKE_FIN);
    else if (c->state == LA_TCP_ESTABLISHED)
        enter(w, h, c, LA_TCP_CLOSE_WAIT, LA_TAKE_FIN);
}

static enum la_reason conn_arrives(struct world *w, struct host *h, struct wrong_conn *c,
                                   const struct arrival_of *a)
{
    seq32 seq = {a->t.seq};
    if (!tcp_seq_acceptable(c->rcv_nxt, WINDOW, seq, a->seg_len)) {
        if (!(a->t.flags & LA_TH_RST))
            send_segment(w, h, c, c->nxt, LA_TH_ACK, NULL, 0, LA_ACK_UNACCEPTABLE);
        return LA_DROP_SEQUENCE;
    }
    if (a->t.flags & LA_TH_RST) {
        called(w, h, c, "error", LA_ECONNRESET);
        enter(w, h, c, LA_TCP_CLOSED, LA_TAKE_RST);
        return LA_TAKE_RST;
    }
    enum la_reason verdict = ack_arrives(w, h, c, a);
    if (!c->used)
        return verdict;
    if (!seq_eq(seq, c->rcv_nxt)) /* nothing is kept behind a gap */
        return a->len > 0 ? LA_TAKE_DATA_OLD : verdict;
    if (a->len > 0) {
        c->rcv_nxt = seq_add(c->rcv_nxt, a->len);
        called(w, h, c, "recv", a->len);
        verdict = LA_TAKE_DATA;
        if (!(a->t.flags & LA_TH_FIN))
            send_segment(w, h, c, c->nxt, LA_TH_ACK, NULL, 0, LA_ACK_NOW);
    }
    if (a->t.flags & LA_TH_FIN) {
        fin_arrives(w, h, c);
        verdict = LA_TAKE_FIN;
    }
    if (c->used)
        application(w, h, c);
    return verdict;
}

static void wrong_forward(struct world *w, struct node *node, const uint8_t *bytes, uint32_t len,
                          struct lane_meta meta)
{
    static uint8_t copy[LA_BUF_MAX]; /* `bytes` may lie where answers are written */
    struct host *h = (struct host *)node;
    struct arrival_of a;
    memcpy(copy, bytes, len);
    if (!parse(copy, len, &a)) {
        world_lost(w, meta.serial, "not understood");
        return;
    }
    struct wrong_conn *c = conn_of(h, &a);
    struct la_frame f = {.len = len, .conn = c ? c->id : 0};
    /* What the segment is taken for is told before what it causes; so it is judged twice, the
     * first time by its flags alone. */
    f.reason = (uint16_t)(a.t.flags & LA_TH_RST   ? LA_TAKE_RST
                          : a.t.flags & LA_TH_SYN ? c ? LA_TAKE_SYN_ACK : LA_TAKE_SYN
                          : a.t.flags & LA_TH_FIN ? LA_TAKE_FIN
                          : a.len > 0             ? LA_TAKE_DATA
                                                  : LA_TAKE_ACK);
    if (!c && !(a.t.flags & LA_TH_SYN))
        f.reason = LA_DROP_NO_CONNECTION;
    host_taken(w, h, &f, meta.serial, copy, len);
    if (!c)
        (void)listen_arrives(w, h, &a);
    else if (c->state == LA_TCP_SYN_SENT)
        (void)syn_sent_arrives(w, h, c, &a);
    else
        (void)conn_arrives(w, h, c, &a);
}

/* ---- time ----------------------------------------------------------------------------------- */

static uint64_t wrong_next_at(const struct world *w, const struct node *node)
{
    const struct wrong *wrong = ((const struct host *)node)->wrong;
    uint64_t at_ns = UINT64_MAX;
    (void)w;
    for (unsigned i = 0; i < CONNS; i++)
        if (wrong->conns[i].used && wrong->conns[i].rto_at_ns < at_ns)
            at_ns = wrong->conns[i].rto_at_ns;
    return at_ns;
}

static void wrong_run(struct world *w, struct node *node)
{
    struct host *h = (struct host *)node;
    struct wrong *wrong = h->wrong;
    for (unsigned i = 0; i < CONNS; i++)
        if (wrong->conns[i].used && wrong->conns[i].rto_at_ns <= w->now_ns)
            send_again(w, h, &wrong->conns[i]);
    queue_move(&w->queue, node, wrong_next_at(w, node));
}

static const struct node_ops wrong_ops = {wrong_forward, wrong_next_at, wrong_run};

static bool wrong_open(struct world *w, struct host *h)
{
    (void)w;
    h->wrong = calloc(1, sizeof(struct wrong));
    h->node.ops = &wrong_ops;
    return h->wrong != NULL;
}

static void wrong_close(struct host *h)
{
    free(h->wrong);
    h->wrong = NULL;
}

const struct sim_wrong lab_wrong = {wrong_open, wrong_close, wrong_start, wrong_act};
