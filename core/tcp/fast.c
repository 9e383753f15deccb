/* The fast path: in-order data and pure ACKs on an established connection.
 *
 * Semantically redundant: it uses the functions of the steps and must leave the same block and the
 * same bytes as they do; every test runs with it on and off. Its gate is a few compares. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/path.h"

#define SLOW_FLAGS (TCP_F_APP_CLOSED | TCP_F_FIN_KNOWN | TCP_F_FIN_SENT | TCP_F_PERSIST)

static bool gate(const struct tcb *t, const struct tcp_env *env, const struct tcp_segment *seg)
{
    if (t->state != LA_TCP_ESTABLISHED || (t->flags & SLOW_FLAGS) != 0 || t->reass) {
        return false;
    }
    if ((seg->h.flags & ~(unsigned)(LA_TH_PSH | ECN_FLAGS)) != LA_TH_ACK ||
        !seq_eq(seg->seq, t->rcv_nxt)) {
        return false;
    }
    uint8_t agreed = (t->flags & TCP_F_TS) ? WIRE_TCP_TS : 0;
    if ((seg->h.options & ~(unsigned)(WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) != agreed ||
        (agreed && (int32_t)(seg->h.tsval - t->ts_recent) < 0)) {
        return false;
    }
    /* Memory is asked about once, for all the pieces of a merged segment. */
    return seg->len <= tcp_rcv_wnd(t) && tcp_rcv_wnd(t) != 0 &&
           (seg->len == 0 || !tcp_rcv_refuses(t, env, seg->segs * buf_charge(seg->buf), false));
}

/* Data in order; of a merged segment piece by piece, so that trace and ACKs are those of segments
 * that came apart. */
static void take_data(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    struct la_buf *buf = seg->buf;
    bool merged = buf->next != NULL;

    tcp_update_window(t, env, seg);
    seg->buf = NULL;
    while (buf) {
        struct la_buf *next = buf->next;
        if (merged) {
            seg->h.flags = (uint16_t)((seg->h.flags & ~LA_TH_PSH) |
                                      ((buf->flags & TCP_BUF_PSH) ? LA_TH_PSH : 0));
        }
        tcp_ecn_arrived(t, seg, buf->len, merged ? 1 : seg->segs);
        buf->next = NULL;
        buf->seq = seg->h.seq = t->rcv_nxt.v;
        tcp_trace_segment(t, env, LA_TRACE_IN, &seg->h, buf->len, LA_TAKE_DATA);
        tcp_queue_in_order(t, env, buf, merged ? 1 : seg->segs);
        buf = next;
    }
    tcp_tune_arrived(t, env, seg);
}

bool tcp_fast_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg,
                      enum la_reason *verdict)
{
    if (!gate(t, env, seg)) {
        return false;
    }
    bool data = seg->len != 0 && seq_eq(seg->ack, t->snd_una);
    bool pure_ack = seg->len == 0 && seq_gt(seg->ack, t->snd_una) && seq_le(seg->ack, t->snd_max);
    if (!data && !pure_ack) {
        return false;
    }
    t->segs_in += seg->segs;
    tcp_heard(t, env);
    if ((t->flags & TCP_F_TS) && seq_le(seg->seq, t->last_ack_sent)) {
        t->ts_recent = seg->h.tsval; /* RFC 7323 4.3 */
        t->ts_recent_s = (uint32_t)(env->now_ns / 1000000000);
    }
    if (data) {
        take_data(t, env, seg);
        *verdict = LA_TAKE_DATA;
        return true;
    }
    tcp_take_ack(t, env, seg, false);
    tcp_update_window(t, env, seg);
    tcp_ecn_arrived(t, seg, 0, seg->segs);
    tcp_trace_segment(t, env, LA_TRACE_IN, &seg->h, 0, LA_TAKE_ACK);
    *verdict = LA_TAKE_ACK;
    return true;
}
