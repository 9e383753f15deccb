/* Step 7 of 3.10.7.4: the segment text (RFC 9293): trimming to the window, the receive queue,
 * when to acknowledge (3.8.6.3), and the room that is left. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/path.h"
#include "tcp/quick.h"
#include "tcp/reass.h"

/* 0 as long as the application does not read: MAY-8. */
uint32_t tcp_rcv_room(const struct tcb *t, const struct tcp_env *env)
{
    uint32_t rcvbuf = tcp_rcv_size(t, env);
    /* Real memory counts too: many small payloads in large buffers must not exceed the budget. */
    if (t->rcv_queued >= rcvbuf || t->rcv_charge >= 2 * rcvbuf + BUF_HUGE) {
        return 0;
    }
    uint32_t room = rcvbuf - t->rcv_queued;
    return room < TCP_WINDOW_MAX ? room : TCP_WINDOW_MAX;
}

/* The queue's real memory stays below twice what it holds, and one large buffer: small payloads
 * leave large buffers, and when that is not enough, all that fill less than half of theirs. */
static struct la_buf *pack(const struct tcb *t, struct tcp_env *env, struct la_buf *buf)
{
    bool tight = t->rcv_charge > 2 * t->rcv_queued + BUF_HUGE;
    return buf_pack(env->bufs, t->rcv_tail, buf, tight ? 2 : 4);
}

static void append(struct tcb *t, struct tcp_env *env, struct la_buf *buf)
{
    uint32_t len = buf->len;

    buf = pack(t, env, buf);
    if (buf) {
        buf->next = NULL;
        if (t->rcv_tail) {
            t->rcv_tail->next = buf;
        } else {
            t->rcv_head = buf;
        }
        t->rcv_tail = buf;
        t->rcv_charge += buf_charge(buf);
    }
    t->rcv_queued += len;
    t->rcv_nxt = seq_add(t->rcv_nxt, len);
    t->bytes_in += len;
}

/* What waited behind the gap and is in order now; true: the gap was filled. */
static bool pull_early(struct tcb *t, struct tcp_env *env)
{
    struct la_buf *buf = tcp_reass_pull(t, env);
    bool any = buf != NULL;

    while (buf) {
        struct la_buf *next = buf->next;
        seq32 end = seq_add(seq_of(buf->seq), buf->len);
        if (seq_le(end, t->rcv_nxt)) {
            buf_put(env->bufs, buf);
        } else {
            uint32_t known = seq_len(seq_of(buf->seq), t->rcv_nxt);
            buf->data += known;
            buf->seq += known;
            buf->len -= known;
            append(t, env, buf);
        }
        buf = next;
    }
    return any;
}

static void acknowledge(struct tcb *t, struct tcp_env *env)
{
    uint32_t after = (uint32_t)env->persona.ack_segs * t->rcv_mss;
    after -= env->persona.ack_partial ? t->rcv_mss - 1U : 0;
    bool quick = (t->extra || env->persona.quick_acks) && tcp_quick_data(t, env);
    if (quick || tcp_ack_policy(t->rcv_unacked, after) == TCP_ACK_NOW) {
        tcp_ack_now(t, LA_ACK_NOW);
    } else if (t->ack_at_ns == TCP_NEVER) {
        tcp_arm(t, &t->ack_at_ns, env->now_ns + (uint64_t)tcp_quick_delay_ms(t, env) * 1000000);
    }
}

/* RFC 2883 4.2: of a segment that repeats a part of what waits behind a gap, that part. */
static void note_overlap(struct tcb *t, const struct la_buf *buf)
{
    if ((t->flags & (TCP_F_SACK | TCP_F_DSACK)) == TCP_F_SACK &&
        tcp_reass_overlap(t, buf, &t->dsack)) {
        t->flags |= TCP_F_DSACK;
    }
}

/* What is longer than our SYN allowed was put together on the way, from segments that it did. */
static uint16_t largest_segment(const struct tcb *t, uint32_t len)
{
    bool v4 = la_addr_is_v4(&t->key.raddr);
    uint32_t most = tcp_advertised_mss(t->link_mtu, v4, t->opt.mss_max);
    most = most > t->rcv_mss ? most : t->rcv_mss;
    return (uint16_t)(len < most ? len : most);
}

void tcp_queue_in_order(struct tcb *t, struct tcp_env *env, struct la_buf *buf, uint32_t segs)
{
    uint32_t len = buf->len;
    uint32_t each = len / segs;

    if (each > t->rcv_mss) {
        t->rcv_mss = largest_segment(t, each);
    }
    t->rcv_unacked += len;
    if (t->reass) {
        note_overlap(t, buf);
        tcp_reass_keep_first(t, buf);
    }
    append(t, env, buf);
    t->todo |= TCP_DO_READABLE;
    if (t->reass) {
        pull_early(t, env);
        tcp_ack_now(t, LA_ACK_FILLED); /* RFC 5681 4.2 */
        return;
    }
    acknowledge(t, env);
}

/* Cuts the payload to the window. Left: bytes that came before; right: beyond what we offered. */
static void trim(struct tcb *t, const struct tcp_env *env, struct tcp_segment *seg)
{
    struct la_buf *buf = seg->buf;
    seq32 edge = seq_max(t->rcv_adv, t->rcv_nxt);

    if (env->persona.lenient_window && !t->rcv_head && seq_le(seg->seq, edge)) {
        edge = seq_max(edge, seq_add(seg->seq, buf->len));
    }

    if (seq_lt(seg->seq, t->rcv_nxt)) {
        uint32_t known = seq_len(seg->seq, t->rcv_nxt);
        if (t->flags & TCP_F_SACK) {
            t->dsack = (struct wire_sack){.left = seg->seq.v, .right = t->rcv_nxt.v};
            t->flags |= TCP_F_DSACK; /* RFC 2883 4.2 */
        }
        known = known < seg->len ? known : seg->len;
        buf->data += known;
        buf->len -= known;
        seg->seq = seq_add(seg->seq, known);
    }
    if (seq_gt(seq_add(seg->seq, buf->len), edge)) {
        buf->len = seq_le(seg->seq, edge) ? seq_len(seg->seq, edge) : 0;
        if (t->flags & TCP_F_FIN_KNOWN && seq_gt(t->fin_seq, edge)) {
            t->flags &= ~(uint32_t)TCP_F_FIN_KNOWN; /* the FIN was cut off with it */
        }
    }
    buf->seq = seg->seq.v;
}

static void take_early(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                       enum la_reason *verdict)
{
    struct la_buf *buf = seg->buf;
    uint32_t left = buf->seq;
    uint32_t right = buf->seq + buf->len;

    seg->buf = NULL;
    note_overlap(t, buf);
    *verdict = tcp_reass_add(t, env, buf);
    if (*verdict == LA_TAKE_DATA_OLD && (t->flags & TCP_F_SACK)) {
        t->dsack = (struct wire_sack){.left = left, .right = right};
        t->flags |= TCP_F_DSACK;
    }
    /* RFC 5681 4.2: a segment behind a gap is acknowledged at once (MAY-13, SHLD-31). */
    tcp_ack_now(t, *verdict == LA_TAKE_DATA_OLD ? LA_ACK_DUPLICATE : LA_ACK_GAP);
}

void tcp_step_text(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                   enum la_reason *verdict)
{
    if (t->flags & TCP_F_FIN_RCVD) {
        /* "This should not occur, since a FIN has been received from the remote side." */
        *verdict = LA_DROP_DATA_AFTER_FIN;
        return;
    }
    trim(t, env, seg);
    if (seg->buf->len == 0) {
        *verdict = LA_TAKE_DATA_OLD;
        tcp_ack_now(t, LA_ACK_DUPLICATE);
        return;
    }
    if (seq_gt(seg->seq, t->rcv_nxt)) {
        take_early(t, env, seg, verdict);
        return;
    }
    struct la_buf *buf = seg->buf;
    if (tcp_rcv_refuses(t, env, buf_charge(buf), false)) {
        *verdict = LA_DROP_NO_MEMORY; /* the peer sends it again when there may be some */
        return;
    }
    seg->buf = NULL;
    *verdict = LA_TAKE_DATA;
    tcp_queue_in_order(t, env, buf, seg->segs);
    tcp_tune_arrived(t, env, seg);
}
