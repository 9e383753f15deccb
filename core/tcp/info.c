/* STATUS (RFC 9293 3.10.6): a snapshot of the control block. */
#include "tcp/tcp.h"

#include "base/mem.h"
#include "base/scope.h"
#include "tcp/decide.h"
#include "tcp/extra.h"
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
    bool syn = t->state == LA_TCP_SYN_SENT || t->state == LA_TCP_SYN_RECEIVED;
    seq32 from = syn ? seq_add(t->iss, 1) : t->snd_una;
    seq32 to = seq_min(t->snd_max, t->snd_end);
    return seq_gt(to, from) ? seq_len(from, to) : 0;
}

static uint32_t segments(uint64_t bytes, uint32_t mss)
{
    uint64_t n = (bytes + mss - 1) / mss;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static enum la_ca_state ca_state(const struct tcb *t)
{
    static const uint8_t of_phase[] = {[CC_OPEN] = LA_CA_OPEN,
                                       [CC_CWR] = LA_CA_CWR,
                                       [CC_RECOVERY] = LA_CA_RECOVERY,
                                       [CC_LOSS] = LA_CA_LOSS};
    const struct tcp_flight *f = t->flight;
    bool trouble = f && (f->board.sacked_bytes != 0 || f->dup_acks != 0);
    return t->phase == CC_OPEN && trouble ? LA_CA_DISORDER : (enum la_ca_state)of_phase[t->phase];
}

/* Counted from bytes: a segment more than once delivered or shorter than the MSS is not told apart.
 */
static void segment_info(const struct tcb *t, const struct tcp_extra *x, uint32_t now_ms,
                         struct la_tcp_info *info)
{
    uint32_t sacked = t->flight ? t->flight->board.sacked_bytes : 0;
    bool syn_acked = t->state >= LA_TCP_ESTABLISHED || t->bytes_acked != 0;
    uint64_t with_syn = x && (x->tfo & TFO_TAKEN) ? x->syn_len : 0;
    uint64_t delivered = t->bytes_acked + sacked;
    delivered -= with_syn < delivered ? with_syn : delivered;
    info->delivered = (syn_acked ? 1 : 0) + segments(delivered, t->mss);
    info->delivered_ce = info->ce_acked;
    info->data_segs_in = segments(t->bytes_in, t->rcv_mss);
    info->data_segs_out = segments(info->bytes_sent, t->mss);
    info->last_data_in_ms = x && x->ato_ms ? now_ms - x->data_ms : info->last_received_ms;
    info->last_ack_in_ms = info->last_received_ms;
    if (x && (x->tfo & (TFO_CARRIED | TFO_TAKEN)) == TFO_CARRIED &&
        t->state >= LA_TCP_ESTABLISHED && t->bytes_acked < x->syn_len) {
        /* What of the SYN's data was not taken, and left once more. */
        seq32 end = seq_min(seq_add(t->iss, 1U + x->syn_len), t->snd_nxt);
        info->rtx_out_bytes += seq_lt(t->snd_una, end) ? seq_len(t->snd_una, end) : 0;
    }
    info->syn_waits = (t->flags & TCP_F_SYN_WAITS) != 0;
    info->syn_data = x && (x->tfo & TFO_TAKEN);
}

static void spent_info(const struct tcp_spent *s, uint64_t now_ns, struct la_tcp_info *info)
{
    uint64_t us[TCP_HOLDUPS];
    for (unsigned i = 0; i < TCP_HOLDUPS; i++) {
        us[i] = (s->ns[i] + (s->now == i ? now_ns - s->since_ns : 0)) / 1000;
    }
    info->busy_us = us[TCP_BUSY] + us[TCP_HELD_BY_PEER] + us[TCP_HELD_BY_BUFFER];
    info->rwnd_limited_us = us[TCP_HELD_BY_PEER];
    info->sndbuf_limited_us = us[TCP_HELD_BY_BUFFER];
}

/* Recovery, and what is known while the connection sends. */
static void flight_info(const struct tcb *t, uint64_t now_ns, struct la_tcp_info *info)
{
    const struct tcp_flight *f = t->flight;
    info->ca_state = (uint8_t)ca_state(t);
    info->reordering = TCP_DUP_THRESH;
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
    info->reordering = f->reordering;
    spent_info(&f->spent, now_ns, info);
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
    flight_info(t, env->now_ns, info);
    segment_info(t, tcp_extra_of(t, env), tcp_now_ms(env), info);
}
