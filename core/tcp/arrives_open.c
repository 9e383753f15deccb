/* SEGMENT ARRIVES in SYN-SENT (RFC 9293 3.10.7.3), and what every SYN of a peer brings along. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/quick.h"
#include "tcp/rtt.h"

void tcp_take_syn_options(struct tcb *t, struct tcp_env *env, const struct wire_tcp *h)
{
    t->peer_mss = (h->options & WIRE_TCP_MSS) ? h->mss : 0; /* MUST-14, MUST-15 */
    if ((h->options & WIRE_TCP_WSCALE) && (t->opt.bits & TCP_OPT_WSCALE)) {
        t->flags |= TCP_F_WSCALE;
        t->snd_wscale = h->wscale > 14 ? 14 : h->wscale; /* RFC 7323 2.3 */
    } else {
        t->rcv_wscale = 0; /* RFC 7323 2.2: both or none */
    }
    if ((h->options & WIRE_TCP_TS) && (t->opt.bits & TCP_OPT_TS)) {
        t->flags |= TCP_F_TS;
        t->ts_recent = h->tsval;
        t->ts_recent_s = (uint32_t)(env->now_ns / 1000000000);
    }
    if ((h->options & WIRE_TCP_SACK_OK) && (t->opt.bits & TCP_OPT_SACK)) {
        t->flags |= TCP_F_SACK;
    }
    tcp_set_mss(t, t->path_mtu);
}

void tcp_establish(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg,
                   bool congested, enum la_reason why)
{
    bool scaled = !(seg->h.flags & LA_TH_SYN) && !seg->syn_cut; /* RFC 7323 2.2 */
    t->snd_wnd = (uint32_t)seg->h.wnd << (scaled ? t->snd_wscale : 0);
    t->snd_wnd_max = t->snd_wnd;
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    if (!(t->flags & TCP_F_FASTOPENED)) { /* whose window is in use already */
        t->cc.cwnd = tcp_initial_window(env, t->cc.mss);
    }
    if (congested) {
        t->cc.cwnd = t->cc.mss; /* a marked SYN or SYN-ACK, as if it had been lost */
    }
    if (t->flags & TCP_F_SYN_RTX) {
        /* RFC 5681 3.1: a lost SYN or SYN-ACK leaves an initial window of one segment; RFC 6298
         * 5.7: and a timeout of 3 s. */
        t->cc.cwnd = t->cc.mss;
        t->rto_ms = 3000;
        t->flags &= ~(uint32_t)TCP_F_SYN_RTX;
    }
    t->flags &= ~(uint32_t)TCP_F_FASTOPENED;
    tcp_set_state(t, env, LA_TCP_ESTABLISHED, why);
    t->todo |= TCP_DO_CONNECTED | TCP_DO_OUTPUT;
    if (t->opt.sndbuf) {
        t->todo |= TCP_DO_WRITABLE;
    }
    tcp_arm_keepalive(t, env);
    if (t->flags & TCP_F_FIN_QUEUED) {
        /* RFC 9293 3.10.4: a CLOSE that was queued before the connection was there. */
        tcp_set_state(t, env, LA_TCP_FIN_WAIT_1, LA_CALL_CLOSE);
    }
}

/* RFC 9293 3.10.7.3, fourth: "the connection is open" when our SYN is acknowledged. */
static enum la_reason syn_ack_arrived(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    t->last_in_ms = tcp_now_ms(env);
    bool fell_back = ecn_syn_flags(LA_ECN_CLASSIC, t->backoff) == 0; /* to a SYN without ECN */
    tcp_take_ack(t, env, seg, false);
    bool congested = tcp_ecn_answered(t, env, seg, fell_back);
    if (t->extra) {
        tcp_tfo_answered(t, env, seg);
    }
    tcp_establish(t, env, seg, congested, LA_TAKE_SYN_ACK);
    tcp_ack_now(t, LA_HANDSHAKE_ACK);
    if (t->extra) {
        tcp_quick_opened(t, env);
    }
    return LA_TAKE_SYN_ACK;
}

/* The peer's SYN crossed ours: simultaneous open (figure 7, MUST-10). */
static enum la_reason syn_crossed(struct tcb *t, struct tcp_env *env, const struct tcp_segment *seg)
{
    t->snd_wnd = seg->h.wnd;
    t->snd_wnd_max = t->snd_wnd;
    t->snd_wl1 = seg->seq;
    tcp_ecn_crossed(t, env, seg);
    tcp_set_state(t, env, LA_TCP_SYN_RECEIVED, LA_TAKE_SYN_CROSSED);
    t->snd_nxt = t->iss; /* the SYN goes again, now with an ACK */
    t->todo |= TCP_DO_OUTPUT;
    return LA_TAKE_SYN_CROSSED;
}

/* Is the timestamp that the SYN-ACK echoes none that a SYN of ours can have had? */
static bool echoes_nothing(const struct tcb *t, const struct tcp_env *env, const struct wire_tcp *h)
{
    uint32_t first = (uint32_t)(t->una_at_ns / 1000000) + t->ts_offset;
    uint32_t last = tcp_now_ms(env) + t->ts_offset;
    bool echo = (h->options & WIRE_TCP_TS) && (t->opt.bits & TCP_OPT_TS) && h->tsecr != 0;
    return echo && h->tsecr - first > last - first;
}

enum la_reason tcp_syn_sent_arrives(struct tcb *t, struct tcp_env *env, struct tcp_segment *seg)
{
    bool has_ack = (seg->h.flags & LA_TH_ACK) != 0;

    /* "First, check the ACK bit" */
    if (has_ack && (seq_le(seg->ack, t->iss) || seq_gt(seg->ack, t->snd_max))) {
        seg->reset = !(seg->h.flags & LA_TH_RST);
        return LA_DROP_SYN_SENT_ACK;
    }
    /* "Second, check the RST bit": it must acknowledge our SYN (RFC 5961 3.2). */
    if (seg->h.flags & LA_TH_RST) {
        if (!has_ack) {
            return LA_DROP_SYN_SENT;
        }
        tcp_end(t, env, LA_ECONNREFUSED, LA_TAKE_RST_REFUSED);
        return LA_TAKE_RST_REFUSED;
    }
    /* "Fourth, check the SYN bit" */
    if (!(seg->h.flags & LA_TH_SYN)) {
        return LA_DROP_SYN_SENT;
    }
    if (has_ack && env->persona.echo_checked && echoes_nothing(t, env, &seg->h)) {
        seg->reset = true; /* an answer to another SYN than ours */
        return LA_DROP_PAWS;
    }
    t->irs = seg->seq;
    t->rcv_nxt = seq_add(seg->seq, 1);
    t->rcv_adv = seq_add(t->rcv_nxt, t->opt.rcvbuf < 65535 ? t->opt.rcvbuf : 65535);
    t->last_ack_sent = t->rcv_nxt;
    tcp_take_syn_options(t, env, &seg->h);
    if (!has_ack) {
        /* Data or a FIN on the SYN: "queue for processing after ESTABLISHED"; they are not
         * acknowledged here, so the peer sends them again. */
        return syn_crossed(t, env, seg);
    }
    enum la_reason verdict = syn_ack_arrived(t, env, seg);
    if (seg->len != 0 || (seg->h.flags & LA_TH_FIN)) {
        seg->seq = seq_add(seg->seq, 1); /* one behind the SYN */
        seg->seg_len--;
        tcp_steps_from_urg(t, env, seg, &verdict);
    }
    return verdict;
}
