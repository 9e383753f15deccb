/* What to send next (RFC 9293 3.8), as a description; building its bytes is build.c's job.
 *
 * One function a cause, asked in a fixed order: reset, SYN, retransmission, probe, data and FIN,
 * ACK. None changes anything; tcp_sent() does when the segment leaves. */
#include "tcp/tcp.h"

#include "tcp/decide.h"

static const struct tcp_plan nothing = {.reason = LA_NONE};

/* Our acknowledgments and resets carry SND.NXT, but never a number the peer's window does not reach
 * (a window that shrank, or the byte of a probe, would have the peer drop them). */
static seq32 ack_seq(const struct tcb *t)
{
    seq32 edge = seq_add(t->snd_una, t->snd_wnd);
    bool numbered = (t->flags & TCP_F_FIN_SENT) || seq_eq(t->snd_una, t->iss); /* FIN or SYN */
    return seq_gt(t->snd_max, edge) && !numbered ? edge : t->snd_max;
}

static struct tcp_plan plan_reset(const struct tcb *t)
{
    if (!(t->flags & TCP_F_RST_QUEUED)) {
        return nothing;
    }
    return (struct tcp_plan){
        .reason = (enum la_reason)t->reason, .seq = ack_seq(t), .flags = LA_TH_RST | LA_TH_ACK};
}

static struct tcp_plan plan_syn(const struct tcb *t)
{
    if ((t->state != LA_TCP_SYN_SENT && t->state != LA_TCP_SYN_RECEIVED) ||
        !seq_eq(t->snd_nxt, t->iss)) {
        return nothing;
    }
    struct tcp_plan plan = {.reason = LA_SYN, .seq = t->iss, .flags = LA_TH_SYN};
    if (t->state == LA_TCP_SYN_RECEIVED) {
        plan.reason = t->backoff ? LA_SYN_ACK_AGAIN : LA_SYN_CROSSED;
        plan.flags |= LA_TH_ACK;
    } else if (t->backoff) {
        plan.reason = LA_SYN_AGAIN;
    }
    return plan;
}

/* The FIN rides on the segment that carries the last byte, and goes alone when none is left. */
static void add_fin(const struct tcb *t, struct tcp_plan *plan)
{
    if ((t->flags & TCP_F_FIN_QUEUED) && seq_eq(seq_add(plan->seq, plan->len), t->snd_end)) {
        plan->flags |= LA_TH_FIN;
    }
}

/* MUST-60, MUST-61: without a PUSH call, the segment with the last byte of the queue is pushed. */
static void add_push(const struct tcb *t, struct tcp_plan *plan)
{
    if (plan->len != 0 && seq_eq(seq_add(plan->seq, plan->len), t->snd_end)) {
        plan->flags |= LA_TH_PSH;
    }
}

/* One segment at SND.UNA: fast retransmit, a partial ACK's hole, or a smaller path MTU. */
static struct tcp_plan plan_retransmit(const struct tcb *t)
{
    if (!(t->flags & TCP_F_RTX_ONE) || !tcp_outstanding(t)) {
        return nothing;
    }
    struct tcp_plan plan = {.seq = t->snd_una, .flags = LA_TH_ACK};
    plan.reason = (t->flags & TCP_F_RTX_MTU) ? LA_RTX_MTU
                  : t->dup_acks != 0         ? LA_RTX_FAST
                                             : LA_RTX_PARTIAL;
    if (seq_ge(t->snd_una, t->snd_end)) {
        plan.reason = LA_FIN_AGAIN;
    } else {
        uint32_t left = seq_len(t->snd_una, seq_min(t->snd_max, t->snd_end));
        left = left < t->snd_wnd ? left : t->snd_wnd;
        if (left == 0) {
            return nothing; /* the window closed: it is probed */
        }
        plan.len = left < tcp_current_mss(t) ? left : tcp_current_mss(t);
    }
    if (t->flags & TCP_F_FIN_SENT) {
        add_fin(t, &plan);
    }
    add_push(t, &plan);
    return plan;
}

/* RFC 9293 3.8.6.1 (MUST-36): one byte, or the FIN, into a window that is closed; 3.8.4: a segment
 * without data whose number was acknowledged already (SHLD-12), or one garbage octet (MAY-6). */
static struct tcp_plan plan_probe(const struct tcb *t)
{
    if (t->flags & TCP_F_PROBE) {
        struct tcp_plan plan = {.reason = LA_PROBE_WINDOW, .seq = t->snd_una, .flags = LA_TH_ACK};
        plan.len = seq_lt(t->snd_una, t->snd_end) ? 1 : 0;
        add_fin(t, &plan);
        return plan;
    }
    if (t->flags & TCP_F_KEEP_PROBE) {
        return (struct tcp_plan){
            .reason = LA_PROBE_KEEPALIVE, .seq = seq_sub(t->snd_max, 1), .flags = LA_TH_ACK};
    }
    return nothing;
}

static bool may_send_data(const struct tcb *t)
{
    return t->state == LA_TCP_ESTABLISHED || t->state == LA_TCP_CLOSE_WAIT ||
           t->state == LA_TCP_FIN_WAIT_1 || t->state == LA_TCP_CLOSING ||
           t->state == LA_TCP_LAST_ACK;
}

/* The congestion window, with limited transmit's two segments on the first duplicate ACKs. */
static uint32_t send_window(const struct tcb *t)
{
    uint32_t extra = 0;
    if (t->dup_acks != 0 && !(t->flags & TCP_F_RECOVERY)) {
        extra = (t->dup_acks < 2U ? t->dup_acks : 2U) * t->mss; /* RFC 3042 2 */
    }
    return t->cc.cwnd + extra;
}

/* What was sent before goes again as far as the window allows (SHLD-16): neither Nagle nor the
 * avoidance of silly windows holds it back, or a window below a segment would stop it for ever. In
 * segments of its own, so that the reason is true. */
static uint32_t sendable_again(const struct tcb *t)
{
    uint32_t again = seq_len(t->snd_nxt, seq_min(t->snd_max, t->snd_end));
    uint32_t usable = tcp_usable_window(t->snd_una, t->snd_nxt, t->snd_wnd, send_window(t));
    uint32_t mss = tcp_current_mss(t);
    if (usable >= again) {
        return again;
    }
    return usable > mss ? usable - usable % mss : usable;
}

/* SHLD-27, SHLD-28: as much as fits goes in full segments, whatever pieces it was queued in.
 * SHLD-15: nothing new into a window that shrank. */
static uint32_t sendable(const struct tcb *t)
{
    struct tcp_send_question q = {
        .unsent = seq_len(t->snd_nxt, t->snd_end),
        .usable = tcp_usable_window(t->snd_una, t->snd_nxt, t->snd_wnd, send_window(t)),
        .mss = tcp_current_mss(t),
        .snd_wnd_max = t->snd_wnd_max,
        .nodelay = (t->opt.bits & TCP_OPT_NODELAY) != 0, /* MUST-17 */
        .hold = (t->opt.bits & TCP_OPT_CORK) != 0 || (t->flags & TCP_F_MORE) != 0,
        .fin = (t->flags & TCP_F_FIN_QUEUED) != 0,
        .outstanding = seq_lt(t->snd_una, t->snd_nxt),
        .override = (t->flags & TCP_F_OVERRIDE) != 0,
    };
    return tcp_may_send(&q);
}

/* The window opened after a probe: its byte is not a segment of its own. */
static bool only_probed(const struct tcb *t)
{
    return t->backoff == 0 && seq_eq(t->snd_nxt, t->snd_una) &&
           seq_eq(seq_add(t->snd_una, 1), t->snd_max);
}

static enum la_reason data_reason(const struct tcb *t, seq32 end)
{
    if (seq_lt(t->snd_nxt, t->snd_max) && seq_le(end, t->snd_max)) {
        return LA_RTX_TIMEOUT;
    }
    bool beyond = seq_len(t->snd_una, end) > t->cc.cwnd;
    return beyond && t->dup_acks != 0 && !(t->flags & TCP_F_RECOVERY) ? LA_RTX_LIMITED : LA_DATA;
}

static struct tcp_plan plan_data(const struct tcb *t, uint32_t most)
{
    if (!may_send_data(t) || seq_ge(t->snd_nxt, t->snd_end)) {
        return nothing;
    }
    bool again = seq_lt(t->snd_nxt, t->snd_max) && !only_probed(t);
    uint32_t len = again ? sendable_again(t) : sendable(t);
    if (len == 0) {
        return nothing;
    }
    uint32_t mss = tcp_current_mss(t);
    most = most > mss ? most - most % mss : mss;
    if (len > most) {
        len = most;
    }
    struct tcp_plan plan = {.seq = t->snd_nxt, .len = len, .flags = LA_TH_ACK};
    plan.reason = data_reason(t, seq_add(t->snd_nxt, len));
    add_fin(t, &plan);
    add_push(t, &plan);
    return plan;
}

static struct tcp_plan plan_fin(const struct tcb *t)
{
    if (!(t->flags & TCP_F_FIN_QUEUED) || !may_send_data(t) || !seq_eq(t->snd_nxt, t->snd_end)) {
        return nothing;
    }
    bool again = (t->flags & TCP_F_FIN_SENT) != 0;
    return (struct tcp_plan){
        .reason = again ? LA_FIN_AGAIN : LA_FIN, .seq = t->snd_end, .flags = LA_TH_FIN | LA_TH_ACK};
}

static struct tcp_plan plan_ack(const struct tcb *t)
{
    if (!(t->flags & TCP_F_ACK_NOW)) {
        return nothing;
    }
    return (struct tcp_plan){
        .reason = (enum la_reason)t->reason, .seq = ack_seq(t), .flags = LA_TH_ACK};
}

struct tcp_plan tcp_next_segment(const struct tcb *t, const struct tcp_env *env, uint32_t most)
{
    (void)env;
    struct tcp_plan plan = plan_reset(t);
    if (plan.reason == LA_NONE && t->state != LA_TCP_CLOSED) {
        plan = plan_syn(t);
        if (plan.reason == LA_NONE && t->state >= LA_TCP_ESTABLISHED) {
            plan = plan_retransmit(t);
            plan = plan.reason == LA_NONE ? plan_probe(t) : plan;
            plan = plan.reason == LA_NONE ? plan_data(t, most) : plan;
            plan = plan.reason == LA_NONE ? plan_fin(t) : plan;
        }
        plan = plan.reason == LA_NONE ? plan_ack(t) : plan;
    }
    return plan;
}

/* Every segment with an ACK tells all there is to tell about receiving. */
static void acknowledged(struct tcb *t)
{
    t->flags &= ~(uint32_t)(TCP_F_ACK_NOW | TCP_F_DSACK);
    t->rcv_unacked = 0;
    t->ack_at_ns = TCP_NEVER;
    t->last_ack_sent = t->rcv_nxt;
}

/* The states a FIN that leaves leads to; the others were entered at the call (3.10.4). */
static void fin_left(struct tcb *t, struct tcp_env *env)
{
    t->flags |= TCP_F_FIN_SENT;
    if (t->state == LA_TCP_CLOSE_WAIT) {
        tcp_set_state(t, env, LA_TCP_LAST_ACK, LA_FIN);
    }
}

static void count_retransmission(struct tcb *t, uint32_t len)
{
    t->rtx_segs++;
    t->bytes_rtx += len;
    t->flags &= ~(uint32_t)TCP_F_RTT_TIMED; /* Karn (MUST-18) */
}

static void sent_sequence(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan)
{
    uint32_t syn = (plan->flags & LA_TH_SYN) ? 1 : 0;
    uint32_t fin = (plan->flags & LA_TH_FIN) ? 1 : 0;
    seq32 end = seq_add(plan->seq, plan->len + syn + fin);

    if (seq_lt(plan->seq, t->snd_max)) {
        count_retransmission(t, plan->len);
        if (syn && t->backoff != 0) { /* not when it answers a SYN that crossed it */
            t->flags |= TCP_F_SYN_RTX;
        }
    } else if (!(t->flags & TCP_F_RTT_TIMED)) {
        t->rtt_seq = plan->seq;
        t->rtt_at_us = (uint32_t)(env->now_ns / 1000);
        t->flags |= TCP_F_RTT_TIMED;
    }
    if (!tcp_outstanding(t)) {
        t->una_at_ns = env->now_ns;
    }
    t->snd_max = seq_max(t->snd_max, end);
    if (plan->reason == LA_PROBE_WINDOW) {
        t->flags &= ~(uint32_t)TCP_F_PROBE;
        /* SND.NXT stays: what is probed with goes again with what follows it. */
    } else if (t->flags & TCP_F_RTX_ONE) {
        t->flags &= ~(uint32_t)(TCP_F_RTX_ONE | TCP_F_RTX_MTU);
        t->snd_nxt = seq_max(t->snd_nxt, end);
    } else {
        t->snd_nxt = end;
        t->flags &= ~(uint32_t)TCP_F_OVERRIDE;
    }
    if (fin) {
        fin_left(t, env);
    }
    if (plan->len != 0) {
        t->last_send_ms = tcp_now_ms(env);
        bool full = seq_len(t->snd_una, t->snd_nxt) + t->mss > t->cc.cwnd;
        t->flags = full ? t->flags | TCP_F_CWND_USED : t->flags & ~(uint32_t)TCP_F_CWND_USED;
    }
    tcp_arm_rtx(t, env); /* RFC 6298 5.1 */
}

void tcp_sent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan,
              const struct wire_tcp *h)
{
    t->segs_out += plan->len > t->mss ? (plan->len + t->mss - 1) / t->mss : 1;
    tcp_trace_segment(t, env, LA_TRACE_OUT, h, plan->len, plan->reason);
    if (plan->flags & LA_TH_RST) {
        t->flags &= ~(uint32_t)TCP_F_RST_QUEUED;
        return;
    }
    if (plan->flags & LA_TH_ACK) {
        acknowledged(t);
    }
    if (plan->reason == LA_PROBE_KEEPALIVE) {
        t->flags &= ~(uint32_t)TCP_F_KEEP_PROBE;
        return;
    }
    if (plan->len != 0 || (plan->flags & (LA_TH_SYN | LA_TH_FIN))) {
        sent_sequence(t, env, plan);
    }
}
