/* STATUS (RFC 9293 3.10.6): a snapshot of the control block. */
#include "tcp/tcp.h"

#include "base/mem.h"
#include "base/scope.h"
#include "tcp/decide.h"
#include "tcp/flight.h"
#include "tcp/path.h"

static struct la_endpoint endpoint(const struct la_addr *addr, uint16_t port)
{
    struct la_endpoint e = {.addr = *addr, .port = port};
    e.scope = addr_scope_leave(&e.addr);
    return e;
}

/* Without SYN and FIN, which are numbered as well. */
static uint32_t data_outstanding(const struct tcb *t)
{
    seq32 from = seq_max(t->snd_una, seq_add(t->iss, 1));
    seq32 to = seq_min(t->snd_max, t->snd_end);
    return seq_gt(to, from) ? seq_len(from, to) : 0;
}

/* Recovery, and what is known while the connection sends. */
static void flight_info(const struct tcb *t, struct la_tcp_info *info)
{
    const struct tcp_flight *f = t->flight;
    info->recoveries = t->recoveries;
    info->undone = t->undone;
    info->dsacks_in = t->dsacks_in;
    if (!f) {
        return;
    }
    info->flight_bytes = tcp_in_flight(t);
    info->sacked_bytes = f->board.sacked_bytes;
    info->lost_bytes = f->board.lost_bytes;
    info->rtx_out_bytes = f->board.rtx_bytes;
    info->min_rtt_us = min_rtt_us(&f->min_rtt);
    info->pacing_bps = f->pace.bps;
    info->reordering_seen = f->rack.reordering_seen;
}

void tcp_info(const struct tcb *t, const struct tcp_env *env, struct la_tcp_info *info)
{
    uint32_t read = t->rcv_nxt.v - t->rcv_queued - ((t->flags & TCP_F_FIN_RCVD) ? 1 : 0);
    const struct tcp_path *p = tcp_path_of(t, env);
    *info = (struct la_tcp_info){
        .local = endpoint(&t->key.laddr, t->key.lport),
        .remote = endpoint(&t->key.raddr, t->key.rport),
        .conn = t->conn,
        .state = t->state,
        .snd_wscale = t->snd_wscale,
        .rcv_wscale = t->rcv_wscale,
        .timestamps = (t->flags & TCP_F_TS) != 0,
        .sack = (t->flags & TCP_F_SACK) != 0,
        .window_scale = (t->flags & TCP_F_WSCALE) != 0,
        .recovery = t->phase == CC_RECOVERY,
        .tos_in = t->tos_in,
        .passive = (t->flags & TCP_F_PASSIVE) != 0,
        .backoff = t->backoff,
        .probes = t->probes,
        .iss = t->iss.v,
        .snd_una = t->snd_una.v,
        .snd_nxt = t->snd_max.v,
        .snd_wnd = t->snd_wnd,
        .irs = t->irs.v,
        .rcv_nxt = t->rcv_nxt.v,
        .rcv_wnd = tcp_rcv_wnd(t),
        .mss = t->mss,
        .rcv_mss = t->rcv_mss,
        .advertised_mss =
            tcp_advertised_mss(t->path_mtu, la_addr_is_v4(&t->key.raddr), t->opt.mss_max),
        .path_mtu = t->path_mtu,
        .link_mtu = t->link_mtu,
        .mtu_low = p ? p->mtu.low : t->path_mtu,
        .mtu_high = p ? p->mtu.high : t->path_mtu,
        .mtu_state = p ? p->mtu.state : (uint8_t)LA_MTU_COMPLETE,
        .sndbuf_bytes = t->opt.sndbuf,
        .rcvbuf_bytes = t->opt.rcvbuf,
        .rcv_rtt_us = p && p->tuning ? p->rcv.rtt_us : 0,
        .cwnd_bytes = t->cc.cwnd,
        .ssthresh_bytes = t->cc.ssthresh,
        .srtt_us = t->srtt_us8 / 8,
        .rttvar_us = t->rttvar_us4 / 4,
        .rto_us = t->rto_ms * 1000,
        .delack_us = t->opt.delack_ms * 1000U,
        .unacked_bytes = seq_len(t->snd_una, t->snd_max),
        .unsent_bytes = seq_gt(t->snd_end, t->snd_max) ? seq_len(t->snd_max, t->snd_end) : 0,
        .snd_queued = seq_gt(t->snd_end, t->snd_una) ? seq_len(t->snd_una, t->snd_end) : 0,
        .rcv_queued = t->rcv_queued,
        /* MUST-33 */
        .urgent_left = (t->flags & TCP_F_RCV_URG) ? t->rcv_up.v - read : 0,
        .last_received_ms = tcp_now_ms(env) - t->last_in_ms,
        .last_sent_ms = tcp_now_ms(env) - t->last_send_ms,
        .bytes_in = t->bytes_in,
        .bytes_acked = t->bytes_acked,
        .bytes_sent = t->bytes_acked + data_outstanding(t) + t->bytes_rtx,
        .bytes_rtx = t->bytes_rtx,
        .segs_in = t->segs_in,
        .segs_out = t->segs_out,
        .rtx_segs = t->rtx_segs,
        .rtx_timeouts = t->rtx_timeouts,
        .dup_acks_in = t->dup_acks_in,
        .ooo_segs_in = t->ooo_segs,
        .error = t->error,
        .soft_error = t->soft_error,
        .cc = t->cc.ops->name,
    };
    tcp_ecn_info(t, info);
    flight_info(t, info);
}
