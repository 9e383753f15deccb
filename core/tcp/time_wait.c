/* TIME-WAIT: see time_wait.h. */
#include "tcp/time_wait.h"

#include "tcp/decide.h"
#include "tcp/isn.h"

struct tcp_time_wait tcp_time_wait_of(const struct tcb *t)
{
    return (struct tcp_time_wait){
        .key = t->key,
        .conn = t->conn | ((t->flags & TCP_F_TS) ? TCP_TW_TS : 0),
        .snd_nxt = t->snd_max,
        .rcv_nxt = t->rcv_nxt,
        .ts_recent = t->ts_recent,
    };
}

struct tcp_time_wait_verdict tcp_time_wait_arrives(const struct tcp_time_wait *w,
                                                   const struct tcp_segment *seg)
{
    bool ts = (w->conn & TCP_TW_TS) != 0;
    bool seg_ts = (seg->h.options & WIRE_TCP_TS) != 0;

    /* RFC 1337 3, F1: a reset must not end the wait early. */
    if (seg->h.flags & LA_TH_RST) {
        return (struct tcp_time_wait_verdict){TCP_TW_DROP, LA_DROP_TIME_WAIT_RST};
    }
    if (seg->h.flags & LA_TH_SYN) {
        bool plain = !(seg->h.flags & LA_TH_ACK);
        if (plain &&
            tcp_time_wait_reusable(w->rcv_nxt, seg->seq, ts, w->ts_recent, seg_ts, seg->h.tsval)) {
            return (struct tcp_time_wait_verdict){TCP_TW_REUSE, LA_TAKE_SYN};
        }
        return (struct tcp_time_wait_verdict){TCP_TW_ACK, LA_DROP_SYN_SYNCHRONIZED};
    }
    if (ts && seg_ts && !tcp_paws_ok(w->ts_recent, seg->h.tsval, 0)) {
        /* RFC 7323 5.3: an old duplicate. */
        return (struct tcp_time_wait_verdict){seg->seg_len ? TCP_TW_ACK : TCP_TW_DROP,
                                              LA_DROP_PAWS};
    }
    if ((seg->h.flags & LA_TH_FIN) && seq_eq(seq_add(seg->seq, seg->seg_len), w->rcv_nxt)) {
        /* "The only thing that can arrive in this state is a retransmission of the remote FIN.
         * Acknowledge it, and restart the 2 MSL timeout." */
        return (struct tcp_time_wait_verdict){TCP_TW_RESTART, LA_TAKE_FIN_AGAIN};
    }
    /* "If an incoming segment is not acceptable, an acknowledgment should be sent in reply". Behind
     * the FIN nothing is, so only an ACK without data at RCV.NXT is: two ends in TIME-WAIT that
     * agree on their numbers never answer each other. */
    bool acceptable = seg->seg_len == 0 && seq_eq(seg->seq, w->rcv_nxt);
    return (struct tcp_time_wait_verdict){acceptable ? TCP_TW_DROP : TCP_TW_ACK, LA_DROP_TIME_WAIT};
}

void tcp_time_wait_ack(const struct tcp_time_wait *w, const struct tcp_env *env, struct wire_tcp *h)
{
    h->src_port = w->key.lport;
    h->dst_port = w->key.rport;
    h->seq = w->snd_nxt.v;
    h->ack = w->rcv_nxt.v;
    h->flags = LA_TH_ACK;
    h->wnd = UINT16_MAX; /* nothing can come any more: any window will do */
    h->urg = 0;
    h->options = 0;
    if (w->conn & TCP_TW_TS) {
        h->options = WIRE_TCP_TS;
        h->tsval = tcp_now_ms(env) + tcp_ts_offset(&env->ts_key, &w->key);
        h->tsecr = w->ts_recent;
    }
}
