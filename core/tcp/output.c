/* What to send next (RFC 9293 3.8), as a description; building its bytes is build.c's job.
 *
 * One function a cause, asked in a fixed order: reset, SYN, retransmission, probe, data and FIN,
 * ACK. None changes anything; tcp_sent() does when the segment leaves. */
#include "tcp/tcp.h"

#include "tcp/decide.h"
#include "tcp/fastopen.h"
#include "tcp/flight.h"
#include "tcp/path.h"

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

/* The FIN rides on the segment that carries the last byte, and goes alone when none is left. */
static void add_fin(const struct tcb *t, struct tcp_plan *plan)
{
    if ((t->flags & TCP_F_FIN_QUEUED) && seq_eq(seq_add(plan->seq, plan->len), t->snd_end) &&
        tcp_synchronized(t)) { /* RFC 9293 3.10.4: a CLOSE in SYN-RECEIVED waits */
        plan->flags |= LA_TH_FIN;
    }
}

/* MUST-60, MUST-61: without a PUSH call, the segment with the last byte of the queue is pushed.
 * Where calls are pushed, tcp_build() sees to it. */
static void add_push(const struct tcb *t, struct tcp_plan *plan)
{
    bool marked = (t->flags & TCP_F_PUSH_CALLS) && !(t->flags & TCP_F_OVERRIDE);
    if (plan->len != 0 && !marked && seq_eq(seq_add(plan->seq, plan->len), t->snd_end)) {
        plan->flags |= LA_TH_PSH;
    }
}

/* A segment that covers [seq, end) of what has left before, in `most` payload bytes at most. */
static struct tcp_plan plan_again(const struct tcb *t, seq32 seq, seq32 end, uint32_t most,
                                  enum la_reason why)
{
    struct tcp_plan plan = {.reason = why, .seq = seq, .flags = LA_TH_ACK};
    seq32 data_end = seq_min(end, t->snd_end);
    plan.len = seq_lt(seq, data_end) ? seq_len(seq, data_end) : 0;
    if (plan.len == 0) {
        plan.reason = LA_FIN_AGAIN;
    } else {
        uint32_t before = seq_len(t->snd_una, seq);
        uint32_t window = t->snd_wnd > before ? t->snd_wnd - before : 0;
        plan.len = plan.len < window ? plan.len : window;
        plan.len = plan.len < most ? plan.len : most;
        if (plan.len == 0) {
            return nothing; /* the window closed: it is probed */
        }
    }
    if (seq_gt(end, t->snd_end)) {
        add_fin(t, &plan);
    }
    add_push(t, &plan);
    return plan;
}

/* What is lost goes again, in the order in which it was found out, as far as the congestion window
 * has room for it (RFC 6675 5, (C); RFC 9937). Neither Nagle nor the avoidance of silly windows
 * holds it back (SHLD-16). */
static struct tcp_plan plan_retransmit(const struct tcb *t, uint32_t most)
{
    const struct tcp_flight *f = t->flight;
    if (!f || !f->board.lost.head || f->hold_rtx || (t->flags & TCP_F_PERSIST) || most == 0) {
        return nothing;
    }
    const struct run *r = board_at(&f->board, f->board.lost.head);
    uint32_t flight = tcp_in_flight(t);
    uint32_t mss = tcp_current_mss(t);
    uint32_t len = seq_len(r->seq, r->end);
    uint32_t room = t->cc.cwnd > flight ? t->cc.cwnd - flight : 0;
    if (room < (len < mss ? len : mss)) {
        return nothing;
    }
    room = room < most ? room : most;
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): an MSS is TCP_MSS_LEAST at least */
    return plan_again(t, r->seq, r->end, room > mss ? room - room % mss : mss,
                      (enum la_reason)r->why);
}

/* RFC 8985 7.3: the probe is new data if there are any, else the last segment. The congestion
 * window does not hold it back. */
static struct tcp_plan plan_tail_probe(const struct tcb *t)
{
    const struct tcp_flight *f = t->flight;
    if (!f || !f->probe_due || !f->board.last) {
        return nothing;
    }
    uint32_t mss = tcp_current_mss(t);
    uint32_t before = seq_len(t->snd_una, t->snd_nxt);
    if (seq_lt(t->snd_nxt, t->snd_end) && t->snd_wnd > before && f->board.spare) {
        uint32_t len = seq_len(t->snd_nxt, t->snd_end);
        len = len < mss ? len : mss;
        len = len < t->snd_wnd - before ? len : t->snd_wnd - before;
        struct tcp_plan plan = {
            .reason = LA_RTX_PROBE, .seq = t->snd_nxt, .len = len, .flags = LA_TH_ACK};
        add_fin(t, &plan);
        add_push(t, &plan);
        return plan;
    }
    const struct run *r = board_at(&f->board, f->board.last);
    seq32 data_end = seq_min(r->end, t->snd_end); /* the FIN takes no room in a segment */
    bool whole = seq_le(data_end, seq_add(r->seq, mss));
    seq32 from = whole ? r->seq : seq_sub(data_end, mss);
    return plan_again(t, from, r->end, mss, LA_RTX_PROBE);
}

/* RFC 9293 3.8.6.1 (MUST-36): one byte, or the FIN, into a window that is closed; 3.8.4: a segment
 * without data whose number was acknowledged already (SHLD-12), or one garbage octet (MAY-6). */
static struct tcp_plan plan_probe(const struct tcb *t, const struct tcp_env *env)
{
    if ((t->flags & TCP_F_PROBE) && env->persona.probe_empty) {
        return (struct tcp_plan){
            .reason = LA_PROBE_WINDOW, .seq = seq_sub(t->snd_una, 1), .flags = LA_TH_ACK};
    }
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
           t->state == LA_TCP_LAST_ACK || (t->flags & TCP_F_FASTOPENED) != 0;
}

/* Of data: a SYN takes no room in the window. */
static seq32 first_unacked(const struct tcb *t)
{
    return (t->flags & TCP_F_FASTOPENED) ? seq_add(t->iss, 1) : t->snd_una;
}

/* Room for new data in the peer's window and ours. SACKed bytes and duplicate ACKs have left the
 * network, so each lets one segment more go: limited transmit (RFC 3042 2, RFC 6675 5). */
static uint32_t usable_window(const struct tcb *t, uint32_t cwnd)
{
    uint32_t out = seq_len(first_unacked(t), t->snd_nxt);
    return tcp_usable_window(out, t->snd_wnd, tcp_in_flight(t), cwnd);
}

static bool nagle_waits(const struct tcb *t)
{
    const struct tcp_flight *f = t->flight;
    return seq_lt(first_unacked(t), f && f->nagle_small ? f->small_end : t->snd_nxt);
}

/* SHLD-27, SHLD-28: as much as fits goes in full segments, whatever pieces it was queued in.
 * SHLD-15: nothing new into a window that shrank. */
static uint32_t sendable(const struct tcb *t, uint32_t cwnd)
{
    struct tcp_send_question q = {
        .unsent = seq_len(t->snd_nxt, t->snd_end),
        .usable = usable_window(t, cwnd),
        .mss = tcp_current_mss(t),
        .snd_wnd_max = t->snd_wnd_max,
        .nodelay = (t->opt.bits & TCP_OPT_NODELAY) != 0, /* MUST-17 */
        .hold = (t->opt.bits & TCP_OPT_CORK) != 0 || (t->flags & TCP_F_MORE) != 0,
        .fin = (t->flags & TCP_F_FIN_QUEUED) != 0,
        .outstanding = nagle_waits(t),
        .override = (t->flags & TCP_F_OVERRIDE) != 0,
    };
    return tcp_may_send(&q);
}

bool tcp_new_data_would_go(const struct tcb *t)
{
    return may_send_data(t) && seq_lt(t->snd_nxt, t->snd_end) && sendable(t, UINT32_MAX) != 0;
}

/* The partial segment at the end of a super-segment: the whole ones before it are outstanding by
 * then (MUST-17). */
static bool tail_waits(const struct tcb *t)
{
    const uint32_t goes = TCP_F_FIN_QUEUED | TCP_F_OVERRIDE | TCP_F_RECORDS;
    return !(t->opt.bits & TCP_OPT_NODELAY) && !(t->flags & goes) && !t->flight->nagle_small;
}

static enum la_reason data_reason(const struct tcb *t)
{
    const struct tcp_flight *f = t->flight;
    bool trouble = f->dup_acks != 0 || f->board.sacked_bytes != 0;
    return trouble && t->phase == CC_OPEN ? LA_RTX_LIMITED : LA_DATA;
}

static struct tcp_plan plan_data(const struct tcb *t, uint32_t most)
{
    const struct tcp_flight *f = t->flight;
    if (!may_send_data(t) || seq_ge(t->snd_nxt, t->snd_end) || !f || most == 0 || !f->board.spare) {
        return nothing;
    }
    if (f->board.lost.head && !f->hold_rtx) {
        return nothing; /* RFC 6675 4, NextSeg(): what is lost goes before what is new */
    }
    uint32_t len = sendable(t, t->cc.cwnd);
    if (t->flags & TCP_F_RECORDS) {
        len = tcp_within_record(t, len, usable_window(t, t->cc.cwnd));
    }
    if (len == 0) {
        return nothing;
    }
    uint32_t mss = tcp_current_mss(t);
    most = most > mss ? most - most % mss : mss;
    if (len > most) {
        len = most;
    } else if (len > mss && tail_waits(t)) {
        len -= len % mss;
    }
    struct tcp_plan plan = {
        .reason = data_reason(t), .seq = t->snd_nxt, .len = len, .flags = LA_TH_ACK};
    add_fin(t, &plan);
    add_push(t, &plan);
    return plan;
}

/* RFC 4821 7.4: a probe for a larger MTU is due, nothing is lost, and there are data and window for
 * it and for the three segments behind it that show its loss. Its payload, or 0. */
static uint32_t mtu_probe_len(const struct tcb *t, const struct tcp_env *env)
{
    const struct tcp_flight *f = t->flight;
    bool data = f && may_send_data(t) && seq_lt(t->snd_nxt, t->snd_end);
    uint32_t len = t->path && data ? tcp_mtu_probe_len(t, env) : 0;
    if (len == 0 || tcp_current_mss(t) != t->mss || !(t->flags & TCP_F_SACK) ||
        t->phase != CC_OPEN || !f->board.spare || f->board.lost.head ||
        f->board.sacked_bytes != 0 || f->tlp.outstanding || f->probe_due || f->hold_rtx) {
        return 0;
    }
    uint32_t need = len + TCP_DUP_THRESH * (uint32_t)t->mss;
    uint32_t out = seq_len(t->snd_una, t->snd_nxt);
    bool fits = t->snd_wnd >= out && t->snd_wnd - out >= need && t->cc.cwnd >= need;
    return fits && seq_len(t->snd_nxt, t->snd_end) >= need ? len : 0;
}

/* It waits until the congestion window has room for it; so do other data meanwhile (7.4). */
static struct tcp_plan plan_mtu_probe(const struct tcb *t, uint32_t len)
{
    if (tcp_in_flight(t) + len > t->cc.cwnd) {
        return nothing;
    }
    return (struct tcp_plan){
        .reason = LA_PROBE_MTU, .seq = t->snd_nxt, .len = len, .flags = LA_TH_ACK};
}

static struct tcp_plan plan_fin(const struct tcb *t)
{
    if (!(t->flags & TCP_F_FIN_QUEUED) || !may_send_data(t) || !tcp_synchronized(t) ||
        !seq_eq(t->snd_nxt, t->snd_end) || !t->flight || !t->flight->board.spare) {
        return nothing;
    }
    /* A window probe may have carried it before. */
    return (struct tcp_plan){.reason = (t->flags & TCP_F_FIN_SENT) ? LA_FIN_AGAIN : LA_FIN,
                             .seq = t->snd_end,
                             .flags = LA_TH_FIN | LA_TH_ACK};
}

static struct tcp_plan plan_ack(const struct tcb *t)
{
    if (!(t->flags & TCP_F_ACK_NOW)) {
        return nothing;
    }
    return (struct tcp_plan){
        .reason = (enum la_reason)t->reason, .seq = ack_seq(t), .flags = LA_TH_ACK};
}

static struct tcp_plan plan_new(const struct tcb *t, const struct tcp_env *env, uint32_t most)
{
    uint32_t probe = most ? mtu_probe_len(t, env) : 0;
    return probe ? plan_mtu_probe(t, probe) : plan_data(t, most);
}

/* ACKs that may not ride on data: RFC 8257 3.2, RFC 9768 3.2.2.1. */
static struct tcp_plan plan_ecn_ack(const struct tcb *t)
{
    if (tcp_ecn_before(t)) {
        return (struct tcp_plan){
            .reason = LA_ACK_BEFORE_MARK, .seq = ack_seq(t), .flags = LA_TH_ACK};
    }
    return tcp_ecn_handshake_first(t) ? plan_ack(t) : nothing;
}

static struct tcp_plan next_segment(const struct tcb *t, const struct tcp_env *env, uint32_t most)
{
    struct tcp_plan plan = plan_reset(t);
    if (plan.reason == LA_NONE && t->state != LA_TCP_CLOSED) {
        plan = t->state <= LA_TCP_SYN_RECEIVED ? tcp_plan_syn(t, env) : nothing;
        if (most != 0 && (t->flags & TCP_F_SND_URG)) {
            most = 1; /* who cuts a super-segment gives each part the pointer of the first */
        }
        if (t->ecn && plan.reason == LA_NONE) {
            most = most != 0 && ecn_single(t->ecn) ? 1 : most;
            plan = plan_ecn_ack(t);
        }
        bool open = t->state >= LA_TCP_ESTABLISHED || (t->flags & TCP_F_FASTOPENED);
        if (plan.reason == LA_NONE && open) {
            plan = plan_retransmit(t, most);
            plan = plan.reason == LA_NONE ? plan_tail_probe(t) : plan;
            plan = plan.reason == LA_NONE ? plan_probe(t, env) : plan;
            plan = plan.reason == LA_NONE ? plan_new(t, env, most) : plan;
            plan = plan.reason == LA_NONE ? plan_fin(t) : plan;
        }
        plan = plan.reason == LA_NONE ? plan_ack(t) : plan;
    }
    return plan;
}

/* What the congestion window lets go is spread over time; probes, FINs and ACKs are not. */
struct tcp_plan tcp_next_segment(struct tcb *t, const struct tcp_env *env, uint32_t most)
{
    struct tcp_plan plan = next_segment(t, env, most);
    struct tcp_flight *f = t->flight;
    if (!f || f->pace.bps == 0 || plan.len == 0 || plan.reason == LA_RTX_PROBE ||
        plan.reason == LA_PROBE_WINDOW || (plan.flags & LA_TH_SYN)) {
        return plan;
    }
    uint32_t budget = pace_budget(&f->pace, env->now_ns);
    if (budget == 0) {
        tcp_arm(t, &f->pace_at_ns, f->pace.due_ns);
        return next_segment(t, env, 0);
    }
    return budget < plan.len ? next_segment(t, env, budget > t->mss ? budget : t->mss) : plan;
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
    t->rtx_segs += len > t->mss ? (len + t->mss - 1) / t->mss : 1;
    t->bytes_rtx += len;
}

/* The SYN, and when it left: the first round trip (RFC 6298 2.2; Karn, MUST-18). */
static void syn_left(struct tcb *t, struct tcp_env *env, uint32_t len)
{
    if (t->extra) {
        tcp_tfo_syn_left(t, env, len);
    }
    if (seq_eq(t->snd_max, t->iss)) {
        t->syn_at_us = (uint32_t)(env->now_ns / 1000);
        t->flags |= TCP_F_SYN_TIMED;
    } else {
        t->flags &= ~(uint32_t)TCP_F_SYN_TIMED;
        count_retransmission(t, 0);
        if (t->backoff != 0) { /* not when it answers a SYN that crossed it */
            t->flags |= TCP_F_SYN_RTX;
        }
    }
    /* RFC 7413 4.2.2: SND.NXT includes the data. They go again from snd_nxt if they are not taken.
     */
    t->snd_nxt = seq_max(t->snd_nxt, seq_add(t->iss, 1));
    t->snd_max = seq_max(t->snd_max, seq_add(t->iss, 1 + len));
}

static void text_left(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan, seq32 end)
{
    bool again = seq_lt(plan->seq, t->snd_max); /* or begins with the byte of a window probe */
    if (again) {
        seq32 data_end = seq_add(plan->seq, plan->len);
        count_retransmission(t, seq_len(plan->seq, seq_min(data_end, t->snd_max)));
    }
    t->snd_max = seq_max(t->snd_max, end);
    if (plan->reason == LA_PROBE_WINDOW) {
        tcp_flight_probed(t, plan->seq);
        return; /* SND.NXT stays: what is probed with goes again with what follows it */
    }
    if (plan->reason == LA_RTX_PROBE || t->flight->probe_due) {
        t->flight->probe_due = false;
        tlp_sent(&t->flight->tlp, seq_max(t->snd_nxt, end), seq_lt(plan->seq, t->snd_nxt));
        t->rtx_at_ns = TCP_NEVER; /* RFC 8985 7.3: the RTO counts from the probe */
    }
    if (seq_lt(plan->seq, t->snd_nxt)) {
        tcp_flight_resent(t, env, plan, end);
    } else {
        tcp_flight_sent(t, env, plan, end, again);
        t->snd_nxt = end;
        t->flags &= ~(uint32_t)TCP_F_OVERRIDE;
    }
    if (plan->reason == LA_PROBE_MTU) {
        tcp_mtu_probe_left(t, env, plan);
    }
    if (plan->len != 0) {
        pace_sent(&t->flight->pace, plan->len);
        t->last_send_ms = tcp_now_ms(env);
        bool full = tcp_in_flight(t) + t->mss > t->cc.cwnd;
        t->flags = full ? t->flags | TCP_F_CWND_USED : t->flags & ~(uint32_t)TCP_F_CWND_USED;
        if (env->persona.growth != LA_GROWTH_FULL || t->flight->nagle_small) {
            tcp_note_usage(t, end, plan->len, full);
        }
    }
}

static void sent_sequence(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan)
{
    uint32_t fin = (plan->flags & LA_TH_FIN) ? 1 : 0;

    if (!tcp_outstanding(t)) {
        t->una_at_ns = env->now_ns;
        /* RFC 6298 5.5 counts timeouts. Until now there was none: tries without memory were. */
        t->backoff = plan->reason == LA_PROBE_WINDOW ? t->backoff : 0;
    }
    if (plan->flags & LA_TH_SYN) {
        syn_left(t, env, plan->len);
    } else {
        text_left(t, env, plan, seq_add(plan->seq, plan->len + fin));
    }
    if (fin) {
        fin_left(t, env);
    }
    tcp_arm_rtx(t, env); /* RFC 6298 5.1 */
    if (t->flight) {
        tcp_arm_probe(t, env);
    }
}

void tcp_sent(struct tcb *t, struct tcp_env *env, const struct tcp_plan *plan,
              const struct wire_tcp *h)
{
    bool single = plan->reason == LA_PROBE_MTU || plan->reason == LA_SYN_DATA;
    bool super = plan->len > t->mss && !single;
    t->segs_out += super ? (plan->len + t->mss - 1) / t->mss : 1;
    tcp_trace_segment(t, env, LA_TRACE_OUT, h, plan->len, plan->reason);
    if (plan->flags & LA_TH_RST) {
        t->flags &= ~(uint32_t)TCP_F_RST_QUEUED;
        return;
    }
    if (plan->reason == LA_ACK_BEFORE_MARK) {
        t->last_ack_sent = seq_of(h->ack);
        ecn_before_sent(t->ecn);
        return; /* the one that tells all comes next */
    }
    if (plan->flags & LA_TH_ACK) {
        acknowledged(t);
        if (!(plan->flags & LA_TH_SYN)) {
            tcp_ecn_sent(t, plan, h);
        }
    }
    if (plan->reason == LA_PROBE_KEEPALIVE) {
        t->flags &= ~(uint32_t)TCP_F_KEEP_PROBE;
        return;
    }
    if (plan->reason == LA_PROBE_WINDOW) {
        t->flags &= ~(uint32_t)TCP_F_PROBE;
    }
    if (plan->len != 0 || (plan->flags & (LA_TH_SYN | LA_TH_FIN))) {
        sent_sequence(t, env, plan);
    }
}
