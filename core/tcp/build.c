/* From a plan to bytes: the TCP header with its options (RFC 9293 3.1, 3.2), references to the
 * payload, the checksum (MUST-2). */
#include "tcp/tcp.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/scope.h"
#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/flight.h"
#include "tcp/path.h"
#include "tcp/reass.h"

#define OPTIONS_MAX (WIRE_TCP_HEADER_MAX - WIRE_TCP_HEADER)

/* RFC 9293 3.8.6: the window field, and with it the right edge, which never moves left (SHLD-14):
 * scaling rounds up, and down when the buffer is full (RFC 7323 2.4). In a SYN it is not scaled
 * (RFC 7323 2.2). */
static uint16_t offer_window(struct tcb *t, const struct tcp_env *env, seq32 ack, bool syn)
{
    uint32_t offered = tcp_rcv_wnd(t);
    uint32_t wnd = tcp_window_to_offer(offered, tcp_rcv_room(t, env), t->opt.rcvbuf, t->rcv_mss);
    wnd += seq_len(ack, t->rcv_nxt); /* 0, but for an ACK that goes before another */
    uint8_t shift = syn ? 0 : t->rcv_wscale;
    uint32_t field = (wnd + (1U << shift) - 1) >> shift;
    uint32_t size = tcp_rcv_size(t, env);
    if (t->rcv_queued + (field << shift) > size + size / 8) {
        field = wnd >> shift; /* or who sends small segments would push the edge on for ever */
    }
    if (field > UINT16_MAX) {
        field = UINT16_MAX;
    }
    t->rcv_adv = seq_max(t->rcv_adv, seq_add(ack, field << shift));
    return (uint16_t)field;
}

static void syn_options(const struct tcb *t, struct wire_tcp *h)
{
    bool answer = (h->flags & LA_TH_ACK) != 0;
    h->options = WIRE_TCP_MSS;
    h->mss = tcp_advertised_mss(t->path_mtu, la_addr_is_v4(&t->key.raddr), t->opt.mss_max);
    /* Offered in a SYN; in an answer only when the peer offered it. */
    if (answer ? (t->flags & TCP_F_WSCALE) != 0 : (t->opt.bits & TCP_OPT_WSCALE) != 0) {
        h->options |= WIRE_TCP_WSCALE;
        h->wscale = t->rcv_wscale;
    }
    if (answer ? (t->flags & TCP_F_SACK) != 0 : (t->opt.bits & TCP_OPT_SACK) != 0) {
        h->options |= WIRE_TCP_SACK_OK;
    }
}

static uint8_t sack_max(const struct tcb *t)
{
    return (t->flags & TCP_F_TS) ? 3 : 4; /* RFC 2018 3 */
}

/* The options that are due besides timestamps. */
struct due {
    uint32_t blocks; /* of SACK */
    uint32_t ecn;    /* bytes of AccECN */
};

static uint32_t sack_bytes(uint32_t blocks)
{
    return blocks ? 4 + 8 * blocks : 0; /* NOP NOP kind length, then the blocks */
}

/* RFC 9768 3.2.3.3: two SACK blocks go before an AccECN option, which goes before the others. */
static struct due options_due(const struct tcb *t, bool data)
{
    struct due d = {0, 0};
    uint32_t room = OPTIONS_MAX - ((t->flags & TCP_F_TS) ? 12U : 0U);

    if (t->flags & TCP_F_SACK) {
        d.blocks = (t->flags & TCP_F_DSACK) ? 1 : 0;
        d.blocks += t->reass ? tcp_reass_of(t)->count : 0;
        d.blocks = d.blocks < sack_max(t) ? d.blocks : sack_max(t);
    }
    if (t->ecn) {
        d.ecn = ecn_option_bytes(t->ecn, data, room - sack_bytes(d.blocks < 2 ? d.blocks : 2));
        while (sack_bytes(d.blocks) > room - d.ecn) {
            d.blocks--;
        }
    }
    return d;
}

uint32_t tcp_current_mss(const struct tcb *t)
{
    struct due d = options_due(t, true);
    uint32_t bytes = sack_bytes(d.blocks) + d.ecn;
    return t->mss > TCP_MSS_LEAST + bytes ? t->mss - bytes : t->mss;
}

static void sack_option(struct tcb *t, uint8_t max, struct wire_tcp *h)
{
    uint8_t n = 0;
    if (t->flags & TCP_F_DSACK) {
        h->sack[n++] = t->dsack; /* RFC 2883 4: the first block */
    }
    n = (uint8_t)(n + tcp_reass_sack(t, &h->sack[n], (uint8_t)(max - n)));
    if (n != 0) {
        h->options |= WIRE_TCP_SACK;
        h->sack_n = n;
    }
}

/* Not where they would make the segment too long: tcp_current_mss() kept room, but for a tiny MSS.
 */
static void due_options(struct tcb *t, const struct tcp_plan *plan, struct wire_tcp *h)
{
    struct due d = options_due(t, plan->len != 0);
    if ((plan->len != 0 && tcp_current_mss(t) == t->mss) || plan->reason == LA_ACK_BEFORE_MARK) {
        return;
    }
    if (d.blocks != 0) {
        sack_option(t, (uint8_t)d.blocks, h);
    }
    if (d.ecn != 0) {
        ecn_option_fill(t->ecn, plan->len != 0, d.ecn, h);
    }
}

static void fill_header(struct tcb *t, const struct tcp_env *env, const struct tcp_plan *plan,
                        struct wire_tcp *h)
{
    bool syn = (plan->flags & LA_TH_SYN) != 0;
    h->src_port = t->key.lport;
    h->dst_port = t->key.rport;
    h->seq = plan->seq.v;
    h->flags = plan->flags;
    seq32 ack = plan->reason == LA_ACK_BEFORE_MARK ? t->ecn->before_ack : t->rcv_nxt;
    h->ack = (plan->flags & LA_TH_ACK) ? ack.v : 0;
    h->wnd = 0;
    h->urg = 0;
    h->options = 0;
    if (plan->flags & LA_TH_RST) {
        return;
    }
    h->wnd = syn && !(plan->flags & LA_TH_ACK)
                 ? (uint16_t)(tcp_rcv_room(t, env) < UINT16_MAX ? tcp_rcv_room(t, env) : UINT16_MAX)
                 : offer_window(t, env, ack, syn);
    if (syn) {
        syn_options(t, h); /* MUST-65: the MSS option in a SYN alone */
    }
    bool ts = syn && !(plan->flags & LA_TH_ACK) ? (t->opt.bits & TCP_OPT_TS) != 0
                                                : (t->flags & TCP_F_TS) != 0;
    if (ts) {
        h->options |= WIRE_TCP_TS; /* RFC 7323 3.2: on every segment but RST */
        h->tsval = tcp_tsval(t, env, plan->reason);
        h->tsecr = (plan->flags & LA_TH_ACK) ? t->ts_recent : 0;
    }
    if (syn) {
        h->flags |= tcp_ecn_syn_flags(t, (plan->flags & LA_TH_ACK) != 0);
        h->syn_order = env->persona.syn_order;
        if (t->extra) {
            tcp_tfo_option(t, env, h);
        }
    } else {
        due_options(t, plan, h);
        tcp_ecn_fill(t, plan, h);
    }
    if (!syn && (t->flags & TCP_F_SND_URG) && seq_gt(t->snd_up, plan->seq)) {
        uint32_t up = seq_len(plan->seq, t->snd_up); /* MUST-62 */
        if (up <= UINT16_MAX) {
            h->flags |= LA_TH_URG;
            h->urg = (uint16_t)up;
        }
    }
}

/* Where the byte `seq` of the send queue is looked for; NULL: at its head. Two places are
 * remembered: of what goes for the first time and what goes again. */
static struct la_buf **place_of(struct tcp_flight *f, const struct tcb *t, seq32 seq)
{
    return seq_lt(seq, t->snd_nxt) ? &f->rtx_cur : &f->snd_cur;
}

static struct la_buf *buffer_of(const struct tcb *t, struct la_buf *from, seq32 seq)
{
    struct la_buf *buf = from && seq_ge(seq, seq_of(from->seq)) ? from : t->snd_head;
    while (buf && seq_ge(seq, seq_add(seq_of(buf->seq), buf->len))) {
        buf = buf->next;
    }
    return buf;
}

/* Refers to `len` bytes of the send queue from `seq` on, of which `buf` holds the first; returns
 * how many fit the frame's pieces. `*last`: the buffer of the last one. */
static uint32_t add_pieces(struct la_frame *frame, struct la_buf *buf, seq32 seq, uint32_t len,
                           struct la_buf **last)
{
    uint32_t left = len;
    while (left != 0 && buf && frame->nfrags < LA_FRAGS_MAX) {
        uint32_t at = seq_len(seq_of(buf->seq), seq);
        uint32_t n = buf->len - at < left ? buf->len - at : left;
        frame->frag[frame->nfrags++] =
            (struct la_frag){.buf = buf_ref(buf), .data = buf->data + at, .len = n};
        *last = buf;
        seq = seq_add(seq, n);
        left -= n;
        buf = buf->next;
    }
    return len - left;
}

static void drop_pieces(struct tcp_env *env, struct la_frame *frame)
{
    while (frame->nfrags > 1) {
        buf_put(env->bufs, frame->frag[--frame->nfrags].buf);
    }
}

/* The same bytes as one piece, a copy. False: no memory. */
static bool add_copy(struct tcp_env *env, struct la_frame *frame, struct la_buf *buf, seq32 seq,
                     uint32_t len, struct la_buf **last)
{
    struct la_buf *copy = buf_get(env->bufs, len);
    if (!copy) {
        return false;
    }
    for (uint32_t done = 0; done < len; buf = buf->next) {
        uint32_t at = seq_len(seq_of(buf->seq), seq_add(seq, done));
        uint32_t n = buf->len - at < len - done ? buf->len - at : len - done;
        mem_copy(copy->data + done, buf->data + at, n);
        *last = buf;
        done += n;
    }
    frame->frag[frame->nfrags++] = (struct la_frag){.buf = copy, .data = copy->data, .len = len};
    return true;
}

/* The payload that was planned, or as much of it as a frame has pieces for. Buffers that the
 * application lent may be so small that this is no full segment, though more waits: then whole
 * segments go, or a copy of one (SHLD-28, MUST-38). Returns its length. */
static uint32_t add_payload(struct tcb *t, struct tcp_env *env, struct la_frame *frame,
                            const struct tcp_plan *plan, seq32 seq, struct la_buf **last)
{
    struct la_buf *nowhere = NULL; /* the byte of a window probe goes without the flight */
    struct la_buf **place = t->flight ? place_of(t->flight, t, seq) : &nowhere;
    struct la_buf *buf = buffer_of(t, *place, seq);
    uint32_t got = add_pieces(frame, buf, seq, plan->len, last);
    if (got < plan->len) {
        uint32_t mss = tcp_current_mss(t);
        bool single = plan->reason == LA_PROBE_MTU || plan->len < mss;
        uint32_t most = single ? plan->len : mss;
        drop_pieces(env, frame);
        if (got >= most) {
            /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): an MSS is TCP_MSS_LEAST at least */
            got = add_pieces(frame, buf, seq, got - got % mss, last);
        } else if (add_copy(env, frame, buf, seq, most, last)) {
            got = most;
        } else {
            got = add_pieces(frame, buf, seq, plan->len, last);
        }
    }
    *place = *last ? *last : *place;
    return got;
}

static uint32_t sum_payload(const struct tcp_env *env, const struct la_frame *frame, uint32_t sum)
{
    bool odd = false;
    for (unsigned i = 1; i < frame->nfrags; i++) {
        uint32_t part = env->sum->sum(frame->frag[i].data, frame->frag[i].len, 0);
        sum = wire_sum_add(sum, odd ? wire_sum_at_odd(part) : part);
        odd ^= frame->frag[i].len & 1;
    }
    return sum;
}

/* One garbage octet of a keep-alive probe stands in the frame's own head. */
static bool garbage_octet(const struct tcb *t, const struct tcp_plan *plan)
{
    return plan->reason == LA_PROBE_KEEPALIVE && (t->opt.bits & TCP_OPT_GARBAGE);
}

uint32_t tcp_build(struct tcb *t, struct tcp_env *env, struct tcp_plan *plan,
                   struct la_frame *frame, uint32_t ip_len, bool partial, struct wire_tcp *h)
{
    uint8_t *p = frame->head + ip_len;
    uint32_t mss = tcp_current_mss(t);

    frame->nfrags = 1;
    if (plan->len != 0) {
        seq32 first = (plan->flags & LA_TH_SYN) ? seq_add(plan->seq, 1) : plan->seq;
        struct la_buf *last = NULL;
        uint32_t got = add_payload(t, env, frame, plan, first, &last);
        if (got < plan->len) {
            plan->len = got; /* the rest goes next */
            plan->flags &= (uint16_t) ~(LA_TH_FIN | LA_TH_PSH);
        }
        if (plan->len > mss && env->persona.push_bursts && !(plan->flags & LA_TH_SYN)) {
            plan->flags |= LA_TH_PSH;
        }
        if ((t->flags & TCP_F_PUSH_CALLS) && !(plan->flags & LA_TH_SYN)) {
            plan->flags |= tcp_call_ends(last, seq_add(first, plan->len)) ? LA_TH_PSH : 0;
        }
    }
    fill_header(t, env, plan, h);
    h->hdr_len = (uint8_t)wire_tcp_emit(p, h);
    uint32_t head = h->hdr_len;
    if (garbage_octet(t, plan)) {
        p[head++] = 0;
    }
    uint32_t len = head + plan->len;
    frame->frag[0] = (struct la_frag){.buf = NULL, .data = frame->head, .len = ip_len + head};
    frame->len = ip_len + len;
    frame->hdr_len = (uint16_t)(ip_len + h->hdr_len);
    frame->csum_start = (uint16_t)ip_len;
    frame->csum_offset = WIRE_TCP_CHECKSUM_OFFSET;
    frame->reason = (uint16_t)plan->reason;
    frame->conn = t->conn;
    frame->gso = LA_GSO_NONE;
    frame->gso_size = 0;
    if (plan->len > mss && plan->reason != LA_PROBE_MTU && plan->reason != LA_SYN_DATA) {
        frame->gso = la_addr_is_v4(&t->key.raddr) ? LA_GSO_TCP4 : LA_GSO_TCP6;
        frame->gso_size = (uint16_t)mss;
    }
    struct la_addr src = addr_on_wire(&t->key.laddr);
    struct la_addr dst = addr_on_wire(&t->key.raddr);
    uint32_t sum = wire_sum_pseudo(&src, &dst, 6, len);
    frame->csum = partial ? LA_CSUM_PARTIAL : LA_CSUM_FULL;
    if (partial) {
        wire_checksum_store(p + WIRE_TCP_CHECKSUM_OFFSET, wire_fold(sum));
        return len;
    }
    sum = wire_sum_add(sum, wire_sum(p, head, 0));
    sum = sum_payload(env, frame, sum);
    wire_checksum_store(p + WIRE_TCP_CHECKSUM_OFFSET, (uint16_t)~wire_fold(sum));
    return len;
}
