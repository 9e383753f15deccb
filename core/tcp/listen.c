/* LISTEN and half-open connections: see listen.h. */
#include "tcp/listen.h"

#include "base/mem.h"
#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/isn.h"
#include "tcp/path.h"

struct tcp_listen_verdict tcp_listen_arrives(const struct tcp_segment *seg, bool cookies)
{
    uint16_t flags = seg->h.flags;

    /* "First, check for a RST": "an incoming RST segment could not be valid, ignored" */
    if (flags & LA_TH_RST) {
        return (struct tcp_listen_verdict){TCP_LISTEN_DROP, LA_DROP_LISTEN_RST};
    }
    /* "Second, check for an ACK": "any acknowledgment is bad", but for a cookie's */
    if (flags & LA_TH_ACK) {
        enum tcp_listen_action action =
            cookies && !(flags & LA_TH_SYN) ? TCP_LISTEN_COOKIE : TCP_LISTEN_RESET;
        return (struct tcp_listen_verdict){action, LA_DROP_LISTEN_ACK};
    }
    /* "Third, check for a SYN" */
    if (flags & LA_TH_SYN) {
        return (struct tcp_listen_verdict){TCP_LISTEN_SYN, LA_TAKE_SYN};
    }
    /* "Fourth, other data or control": "drop the segment, and return" */
    return (struct tcp_listen_verdict){TCP_LISTEN_DROP, LA_DROP_LISTEN_OTHER};
}

struct tcp_handshake tcp_handshake_of(const struct tcp_segment *syn, const struct flow_key *key,
                                      const struct la_tcp_options *o, const struct tcp_env *env)
{
    struct tcp_handshake s = {.irs = syn->seq};
    s.iss = tcp_isn(&env->isn_key, key, env->now_ns);
    s.peer_mss = (syn->h.options & WIRE_TCP_MSS) ? syn->h.mss : 0;
    if ((syn->h.options & WIRE_TCP_WSCALE) && o->window_scale) {
        s.flags |= TCP_F_WSCALE;
        s.snd_wscale = syn->h.wscale > 14 ? 14 : syn->h.wscale; /* RFC 7323 2.3 */
    }
    if ((syn->h.options & WIRE_TCP_TS) && o->timestamps) {
        s.flags |= TCP_F_TS;
        s.ts_recent = syn->h.tsval;
    }
    if ((syn->h.options & WIRE_TCP_SACK_OK) && o->sack) {
        s.flags |= TCP_F_SACK;
    }
    s.ecn = ecn_shake_of((enum la_ecn)o->ecn, syn->h.flags, ECN_FIELD(syn->tos));
    return s;
}

struct tcp_half_open_verdict tcp_half_open_arrives(const struct tcp_half_open *h, uint32_t rcv_wnd,
                                                   const struct tcp_segment *seg)
{
    seq32 rcv_nxt = seq_add(h->shake.irs, 1);
    uint16_t flags = seg->h.flags;

    /* The peer's SYN again: our answer was lost, or is late. */
    if ((flags & (LA_TH_SYN | LA_TH_ACK | LA_TH_RST)) == LA_TH_SYN &&
        seq_eq(seg->seq, h->shake.irs)) {
        return (struct tcp_half_open_verdict){TCP_HALF_ANSWER, LA_TAKE_SYN_AGAIN};
    }
    /* 3.10.7.4, second */
    if (flags & LA_TH_RST) {
        switch (tcp_rst_verdict(rcv_nxt, rcv_wnd, seg->seq)) {
        case TCP_RST_ACCEPT:
            return (struct tcp_half_open_verdict){TCP_HALF_REMOVE, LA_TAKE_RST}; /* MUST-11 */
        case TCP_RST_CHALLENGE:
            return (struct tcp_half_open_verdict){TCP_HALF_CHALLENGE, LA_DROP_RST_INEXACT};
        case TCP_RST_DROP:
            break;
        }
        return (struct tcp_half_open_verdict){TCP_HALF_DROP, LA_DROP_RST_SEQUENCE};
    }
    /* 3.10.7.4, first */
    if (!tcp_seq_acceptable(rcv_nxt, rcv_wnd, seg->seq, seg->seg_len)) {
        return (struct tcp_half_open_verdict){TCP_HALF_CHALLENGE, LA_DROP_SEQUENCE};
    }
    if ((h->shake.flags & TCP_F_TS) && !(seg->h.options & WIRE_TCP_TS)) {
        /* RFC 7323 3.2, as the control block would: no block for a segment that it drops. */
        return (struct tcp_half_open_verdict){TCP_HALF_DROP, LA_DROP_TIMESTAMP_MISSING};
    }
    if ((h->shake.flags & TCP_F_TS) && !tcp_paws_ok(h->shake.ts_recent, seg->h.tsval, 0)) {
        return (struct tcp_half_open_verdict){TCP_HALF_CHALLENGE, LA_DROP_PAWS};
    }
    /* 3.10.7.4, fourth and fifth */
    if (flags & LA_TH_SYN) {
        return (struct tcp_half_open_verdict){TCP_HALF_CHALLENGE, LA_DROP_SYN_SYNCHRONIZED};
    }
    if (!(flags & LA_TH_ACK)) {
        return (struct tcp_half_open_verdict){TCP_HALF_DROP, LA_DROP_NO_ACK};
    }
    if (!seq_eq(seg->ack, seq_add(h->shake.iss, 1))) {
        return (struct tcp_half_open_verdict){TCP_HALF_RESET, LA_DROP_HALF_OPEN};
    }
    return (struct tcp_half_open_verdict){TCP_HALF_ESTABLISH, LA_TAKE_HANDSHAKE_ACK};
}

void tcp_syn_ack(const struct tcp_handshake *s, const struct flow_key *key,
                 const struct la_tcp_options *o, uint32_t path_mtu, const struct tcp_env *env,
                 bool cookie, struct wire_tcp *h)
{
    uint32_t clock = tcp_now_ms(env) + tcp_ts_offset(&env->ts_key, key);

    h->src_port = key->lport;
    h->dst_port = key->rport;
    h->seq = s->iss.v;
    h->ack = seq_add(s->irs, 1).v;
    h->flags = LA_TH_SYN | LA_TH_ACK;
    uint32_t rcvbuf = tcp_rcvbuf_first(o, env);
    h->wnd = (uint16_t)(rcvbuf < UINT16_MAX ? rcvbuf : UINT16_MAX);
    h->urg = 0;
    h->syn_order = env->persona.syn_order;
    h->options = WIRE_TCP_MSS;
    h->mss = tcp_advertised_mss(path_mtu, la_addr_is_v4(&key->raddr), o->mss_max);
    if (s->flags & TCP_F_WSCALE) {
        h->options |= WIRE_TCP_WSCALE;
        h->wscale = tcp_rcv_shift(o, env);
    }
    if (s->flags & TCP_F_SACK) {
        h->options |= WIRE_TCP_SACK_OK;
    }
    if (s->flags & TCP_F_TS) {
        h->options |= WIRE_TCP_TS;
        /* A cookie's timestamp lies up to 255 ms in the past, so that later ones are newer. */
        uint32_t past = (clock & ~TCP_COOKIE_BITS) - TCP_COOKIE_BITS - 1;
        h->tsval = cookie ? past | tcp_cookie_bits(s) : clock;
        h->tsecr = s->ts_recent;
    }
    if (s->fastopen & SHAKE_COOKIE) {
        struct tfo_cookie c = tfo_make(&env->tfo->keys[0], &key->raddr, &key->laddr);
        h->options |=
            (s->fastopen & SHAKE_EXPERIMENTAL) ? WIRE_TCP_FASTOPEN_EXP : WIRE_TCP_FASTOPEN;
        h->fastopen_n = c.len;
        mem_copy(h->fastopen, c.bytes, c.len);
    }
}

bool tcp_accept_init(struct tcb *t, struct tcp_env *env, const struct flow_key *key, uint32_t conn,
                     const struct la_tcp_options *o, uint32_t path_mtu,
                     const struct tcp_handshake *s, bool retransmitted)
{
    tcp_init(t, env, key, conn, o, path_mtu);
    t->flags |= TCP_F_PASSIVE | s->flags;
    t->flags |= retransmitted ? TCP_F_SYN_RTX : 0;
    t->iss = s->iss;
    t->irs = s->irs;
    t->snd_una = s->iss;
    t->snd_nxt = t->snd_max = t->snd_end = seq_add(s->iss, 1);
    t->rcv_nxt = t->last_ack_sent = seq_add(s->irs, 1);
    t->rcv_adv = seq_add(t->rcv_nxt, t->opt.rcvbuf < UINT16_MAX ? t->opt.rcvbuf : UINT16_MAX);
    t->snd_wscale = s->snd_wscale;
    if (!(s->flags & TCP_F_WSCALE)) {
        t->rcv_wscale = 0; /* RFC 7323 2.2: both or none */
    }
    t->ts_recent = s->ts_recent;
    t->ts_recent_s = (uint32_t)(env->now_ns / 1000000000);
    t->peer_mss = s->peer_mss;
    tcp_set_mss(t, t->path_mtu);
    t->rcv_mss = t->mss;
    t->state = LA_TCP_SYN_RECEIVED; /* as its record was: no arc, so no tcp_set_state() */
    return tcp_ecn_accept(t, env, &s->ecn);
}
