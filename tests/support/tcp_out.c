/* What left a connection in a test's hand: taken out, verified, parsed back, held against what no
 * segment may do. See tcp_harness.h. */
#include "support/tcp_harness.h"

#include "tcp/reass.h"
#include "wire/checksum.h"

void tcp_mix(struct tcp_harness *h, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++) {
        h->digest = (h->digest ^ p[i]) * UINT64_C(0x100000001b3);
    }
}

unsigned tcp_waiting(const struct tcp_harness *h)
{
    return h->out_tail - h->out_head;
}

struct tcp_out *tcp_push_out(struct tcp_harness *h)
{
    assert_true(tcp_waiting(h) < TCP_OUT_MAX);
    struct tcp_out *o = &h->out[h->out_tail++ % TCP_OUT_MAX];
    memset(o, 0, sizeof(*o));
    o->at_ns = h->env.now_ns;
    return o;
}

struct tcp_out *tcp_next_out(struct tcp_harness *h, const char *file, int line)
{
    if (tcp_waiting(h) == 0) {
        print_error("no segment left\n");
        _fail(file, line);
    }
    return &h->out[h->out_head++ % TCP_OUT_MAX];
}

void tcp_expect_at(struct tcp_harness *h, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len,
                   const char *file, int line)
{
    const struct tcp_out *o = tcp_next_out(h, file, line);
    bool acks = (o->h.flags & ACK) != 0;
    if (o->h.flags != flags || o->seq != seq || (acks && o->ack != ack) || o->len != len) {
        print_error("left: flags %#x seq %u ack %u len %u (reason %d)\n"
                    "want: flags %#x seq %u ack %u len %u\n",
                    o->h.flags, o->seq, o->ack, o->len, (int)o->reason, flags, seq, ack, len);
        _fail(file, line);
    }
}

static uint8_t flat[70000];

static uint32_t flatten(const struct la_frame *frame)
{
    uint32_t at = 0;
    assert_in_range(frame->nfrags, 1, LA_FRAGS_MAX);
    for (unsigned i = 0; i < frame->nfrags; i++) {
        assert_true(at + frame->frag[i].len <= sizeof(flat));
        memcpy(flat + at, frame->frag[i].data, frame->frag[i].len);
        at += frame->frag[i].len;
    }
    assert_int_equal(at, frame->len);
    return at;
}

/* RFC 9293 MUST-2: the checksum is right, over the pseudo-header too. */
static void check_sum(const struct tcp_harness *h, const uint8_t *p, uint32_t len)
{
    uint32_t pseudo = wire_sum_pseudo(&h->key.laddr, &h->key.raddr, 6, len);
    assert_int_equal(wire_fold(wire_sum_add(pseudo, wire_sum(p, len, 0))), 0xffff);
}

/* RFC 9293 SHLD-14: the right edge never moves left, but for what scaling rounds (RFC 7323 2.4). */
static void check_edge(struct tcp_harness *h, const struct wire_tcp *w)
{
    uint8_t shift = (w->flags & SYN) ? 0 : h->t.rcv_wscale;
    uint32_t edge = w->ack + ((uint32_t)w->wnd << shift);
    if (h->edge_known) {
        assert_true((int32_t)(edge - h->edge_seen) > -(1 << shift));
    }
    if (!h->edge_known || (int32_t)(edge - h->edge_seen) > 0) {
        h->edge_seen = edge;
    }
    h->edge_known = true;
}

/* What no segment may do, whatever the test is about. `before` is the block before it left. */
static void check_segment(struct tcp_harness *h, const struct tcb *before, const struct wire_tcp *w,
                          uint32_t len, enum la_reason reason)
{
    const struct tcb *t = &h->t;
    bool syn = (w->flags & SYN) != 0, rst = (w->flags & RST) != 0;
    bool garbage = reason == LA_PROBE_KEEPALIVE;
    assert_int_equal(w->src_port, h->key.lport);
    assert_int_equal(w->dst_port, h->key.rport);
    /* RFC 9293 MUST-65: the MSS option in a SYN alone; MAY-3, SHLD-5: in every SYN. */
    assert_int_equal((w->options & WIRE_TCP_MSS) != 0, syn);
    assert_false(w->options & WIRE_TCP_MALFORMED);
    if (!syn && !rst) {
        assert_int_equal((w->options & WIRE_TCP_TS) != 0, (t->flags & TCP_F_TS) != 0);
    }
    if (w->flags & ACK) {
        if (reason != LA_ACK_BEFORE_MARK) {
            assert_int_equal(w->ack, t->rcv_nxt.v);
        }
        if (!rst) {
            check_edge(h, w);
        }
    }
    if (w->options & WIRE_TCP_TS) {
        h->tsval_seen = w->tsval;
    }
    if (h->most == 0 && !garbage && !syn) {
        uint32_t most = reason == LA_PROBE_MTU ? t->link_mtu : t->mss;
        if (w->options & WIRE_TCP_SACK) { /* RFC 9293 MUST-16 */
            most -= 4 + 8U * w->sack_n;
        }
        if (w->options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) {
            most -= (2U + 3U * w->ecn_n + 3U) & ~3U;
        }
        assert_true(len <= most);
    }
    /* New data stay in the peer's window (but for a probe) and in the congestion window. */
    seq32 end = seq_of(w->seq + len);
    if (len != 0 && !garbage && !syn && seq_gt(end, before->snd_max) && reason != LA_PROBE_WINDOW) {
        uint32_t flight = seq_len(before->snd_una, end);
        assert_true(flight <= before->snd_wnd);
        if (reason != LA_RTX_PROBE) { /* RFC 8985 7.3 */
            assert_true(tcp_in_flight(t) <= before->cc.cwnd);
        }
    }
}

static void check_payload(const struct tcp_harness *h, const uint8_t *p, uint32_t seq, uint32_t len)
{
    for (uint32_t i = 0; i < len && !h->own_bytes; i++) {
        if (p[i] != tcp_our_byte(seq - 1 + i)) {
            print_error("byte %u of the stream differs\n", seq - 1 + i);
            fail();
        }
    }
}

static bool flush_one(struct tcp_harness *h)
{
    static struct la_frame frame;
    struct tcb before = h->t;
    uint32_t ip_len = h->v4 ? 20 : 40;
    struct wire_tcp built, parsed;
    struct tcp_plan plan = tcp_next_segment(&h->t, &h->env, h->most ? h->most : 1);

    if (plan.reason == LA_NONE) {
        return false;
    }
    memset(&frame, 0xa5, sizeof(frame));
    memset(&built, 0xa5, sizeof(built));
    uint32_t len = tcp_build(&h->t, &h->env, &plan, &frame, ip_len, false, &built);
    enum ecn_field field = tcp_ecn_field(&h->t, &plan);
    tcp_sent(&h->t, &h->env, &plan, &built);
    assert_int_equal(flatten(&frame), ip_len + len);
    const uint8_t *p = flat + ip_len;
    check_sum(h, p, len);
    assert_true(wire_tcp_parse(p, len, &parsed));
    assert_int_equal(frame.csum, LA_CSUM_FULL);
    assert_int_equal(frame.csum_start, ip_len);
    assert_int_equal(frame.hdr_len, ip_len + parsed.hdr_len);
    assert_int_equal(frame.reason, plan.reason);
    uint32_t payload = len - parsed.hdr_len;
    check_segment(h, &before, &parsed, payload, plan.reason);
    if (plan.reason != LA_PROBE_KEEPALIVE) {
        uint32_t first = parsed.seq - h->iss + ((parsed.flags & LA_TH_SYN) ? 1 : 0);
        check_payload(h, p + parsed.hdr_len, first, payload);
    }
    struct tcp_out *o = tcp_push_out(h);
    o->h = parsed;
    o->seq = parsed.seq - h->iss;
    o->ack = (parsed.flags & ACK) ? parsed.ack - h->irs : 0;
    o->len = payload;
    o->reason = plan.reason;
    o->field = field;
    tcp_mix(h, p, len);
    tcp_mix(h, &o->field, 1);
    tcp_mix(h, &h->env.now_ns, sizeof(h->env.now_ns));
    tcp_mix(h, &frame.reason, sizeof(frame.reason));
    for (unsigned i = 0; i < frame.nfrags; i++) {
        if (frame.frag[i].buf) {
            buf_put(&h->pool, frame.frag[i].buf);
        }
    }
    return true;
}

/* Ranges behind a gap: sorted, disjoint, not adjacent, and charged as they are. */
static uint32_t check_reassembly(const struct tcp_harness *h)
{
    const struct tcp_reass *q = tcp_reass_of(&h->t);
    uint32_t charge = 0;
    seq32 last = h->t.rcv_nxt;
    assert_true(!q || (q->count >= 1 && q->count <= REASS_RANGES));
    for (uint32_t i = 0; q && i < q->count; i++) {
        const struct reass_range *r = &q->range[i];
        uint32_t at = r->start.v;
        assert_true(seq_gt(r->start, last));
        for (const struct la_buf *b = r->head; b; b = b->next) {
            assert_int_equal(b->seq, at);
            at += b->len;
            charge += buf_charge(b);
            assert_true(b->next != NULL || b == r->tail);
        }
        assert_int_equal(at, r->end.v);
        last = r->end;
    }
    return charge;
}

void tcp_check(struct tcp_harness *h)
{
    const struct tcb *t = &h->t;
    assert_true(tcp_invariants(t) && tcp_invariants_deep(t));
    uint32_t charge = check_reassembly(h);
    for (const struct la_buf *b = t->rcv_head; b; b = b->next) {
        charge += buf_charge(b);
    }
    assert_int_equal(t->rcv_charge, charge);
    uint8_t state = t->state;
    tcp_mix(h, &state, 1);
    tcp_mix(h, &t->rcv_queued, sizeof(t->rcv_queued));
    if (h->hold || t->state < LA_TCP_ESTABLISHED || t->state == LA_TCP_TIME_WAIT) {
        return;
    }
    /* Nobody waits for ever: what is unsent or unacknowledged has a timer; an idle connection has
     * none for it. */
    bool fin_waits = (t->flags & TCP_F_FIN_QUEUED) && !(t->flags & TCP_F_FIN_SENT);
    bool work = tcp_outstanding(t) || seq_lt(t->snd_nxt, t->snd_end) || fin_waits;
    assert_int_equal(work, t->rtx_at_ns != TCP_NEVER);
}

void tcp_flush(struct tcp_harness *h)
{
    bool said = (h->t.todo & TCP_DO_OUTPUT) != 0;
    while (!h->hold && flush_one(h)) {
        assert_true(said); /* the stack asks nobody who did not say so */
    }
    if (!h->hold) {
        h->t.todo &= ~(uint32_t)TCP_DO_OUTPUT;
    }
    tcp_check(h);
}
