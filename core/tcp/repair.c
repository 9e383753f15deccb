/* Losses: who is judged lost, when an episode of recovery begins and ends, and what the window is
 * meanwhile. See flight.h.
 *
 * With SACK the judge is RACK (RFC 8985), which contains the three duplicate ACKs of RFC 5681 and
 * RFC 6675; without SACK it is NewReno (RFC 6582). A judgement may turn out wrong: F-RTO (RFC
 * 5682), timestamps (RFC 3522) and D-SACK (RFC 3708) tell, and the window is put back (RFC 4015).
 * What is lost stands in the board's list, and output.c sends it again from there: the one place
 * from which anything leaves twice. */
#include "tcp/flight.h"

#include "tcp/path.h"
#include "tcp/rtt.h"
#include "tcp/tcp.h"

static bool own_cwnd(const struct tcb *t)
{
    return (t->cc.ops->traits & CC_OWN_CWND) != 0;
}

static void set_cwnd(struct tcb *t, uint32_t cwnd)
{
    t->cc.cwnd = cwnd > t->cc.mss ? cwnd : t->cc.mss;
}

/* ---- episodes -------------------------------------------------------------------------------- */

/* What was outstanding before the ACK, without what limited transmit sent beyond the window
 * (RFC 5681 3.2, step 2). */
static uint32_t flight_size(const struct tcb *t, const struct tcp_ack_news *n)
{
    uint32_t bytes = seq_len(n->una, t->snd_nxt);
    return bytes < t->cc.cwnd ? bytes : t->cc.cwnd;
}

static void remember_window(struct tcb *t)
{
    if (t->phase == CC_OPEN) {
        t->cc.prior_cwnd = t->cc.cwnd;
        t->cc.prior_ssthresh = t->cc.ssthresh;
    }
}

static void enter(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n,
                  enum cc_phase phase, enum cc_cause cause)
{
    struct tcp_flight *f = t->flight;
    remember_window(t);
    t->cc.ops->congestion(&t->cc, cause, flight_size(t, n), env->now_ns);
    tcp_ecn_reduced(t);
    prr_begin(&f->prr, f->board.bytes - f->board.sacked_bytes + n->delivered);
    tlp_reset(&f->tlp);
    f->recover = t->snd_nxt; /* RFC 6675 5 (2): RecoveryPoint */
    t->phase = (uint8_t)phase;
}

static void enter_recovery(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n)
{
    enter(t, env, n, CC_RECOVERY, CC_CAUSE_LOSS);
    undo_begin(&t->flight->undo);
    t->flight->episode_ns = env->now_ns;
    t->flight->episode_una = t->snd_una;
    t->flight->sacked_since = n->sacked != 0;
    t->recoveries++;
    tcp_note(t, env, LA_TRACE_EVENT, LA_RECOVERY_ENTERED, t->cc.ssthresh, 0);
}

/* RFC 3168 6.1.2: congestion that was marked is answered like a loss, once a window (the controller
 * may answer less, RFC 8511), but for controllers that do so themselves. What was answered so is
 * never taken back. */
static void answer_marks(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n)
{
    if (n->congested && t->phase == CC_OPEN && seq_gt(t->snd_una, t->flight->recover) &&
        !(t->cc.ops->traits & CC_SCALES_ECN)) {
        enter(t, env, n, CC_CWR, CC_CAUSE_ECN);
        t->cc.prior_cwnd = t->cc.prior_ssthresh = t->cc.ssthresh;
        tcp_note(t, env, LA_TRACE_EVENT, LA_MARKS_ANSWERED, t->cc.ssthresh, n->ce);
    }
}

static void leave(struct tcb *t, struct tcp_env *env, bool widened)
{
    struct tcp_flight *f = t->flight;
    if (t->phase != CC_LOSS && !own_cwnd(t)) {
        set_cwnd(t, t->cc.ssthresh); /* RFC 9937: at the end of recovery */
    }
    if (t->phase != CC_CWR && !widened) {
        rack_recovered(&f->rack);
    }
    t->phase = CC_OPEN;
    f->dup_bytes = 0;
    f->hold_rtx = false;
    t->cc.ops->recovered(&t->cc, env->now_ns);
    tcp_note(t, env, LA_TRACE_EVENT, LA_RECOVERY_LEFT, t->cc.cwnd, 0);
}

/* The episode was a mistake: what waits to go again does not, and the window is as before. */
static void take_back(struct tcb *t, struct tcp_env *env, enum la_reason why)
{
    struct tcp_flight *f = t->flight;
    while (f->board.lost.head) {
        board_unlose(&f->board, f->board.lost.head);
    }
    if (t->cc.cwnd < t->cc.prior_cwnd) {
        t->cc.cwnd = t->cc.prior_cwnd;
    }
    uint32_t least = 2U * t->mss; /* segments may have become larger meanwhile */
    t->cc.ssthresh = t->cc.prior_ssthresh > least ? t->cc.prior_ssthresh : least;
    t->cc.ops->undo(&t->cc, env->now_ns);
    rack_retract(&f->rack);
    undo_end(&f->undo);
    tcp_ecn_restored(t);
    t->phase = CC_OPEN;
    f->hold_rtx = false;
    f->frto.step = 0;
    t->undone++;
    tcp_note(t, env, LA_TRACE_EVENT, why, t->cc.cwnd, 0);
}

/* RFC 4015 3.1, steps 0 and 11: the timeout came too early, so the round trip is longer than was
 * thought. The first sample of data that left after it counts. */
static void adapt_rtt(struct tcb *t, const struct tcp_env *env, const struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;
    if (!f->adapt || n->rtt_us == 0 || !seq_gt(t->snd_una, f->adapt_seq)) {
        return;
    }
    f->adapt = false;
    struct undo_rtt r = undo_adapt_rtt(f->rtt_before, n->rtt_us);
    struct tcp_rtt rtt = {.srtt_us8 = r.srtt_us8, .rttvar_us4 = r.rttvar_us4};
    t->srtt_us8 = r.srtt_us8;
    t->rttvar_us4 = r.rttvar_us4;
    t->cc.srtt_us = r.srtt_us8 / 8;
    t->rto_ms =
        tcp_rto_ms(rtt, env->persona.rto_var_min_ms, t->opt.rto_min_ms, env->persona.rto_max_ms);
}

/* RFC 4015 3.1, step 7: not a whole window at once into a network that has been silent; slow start
 * leads back to where it was. */
static void timeout_was_spurious(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;
    f->adapt = true;
    f->adapt_seq = t->snd_nxt;
    take_back(t, env, LA_TIMEOUT_SPURIOUS);
    uint32_t initial = tcp_initial_window(env, t->mss);
    uint32_t cwnd = tcp_in_flight(t) + (n->acked < initial ? n->acked : initial);
    if (!own_cwnd(t) && cwnd < t->cc.cwnd) {
        t->cc.ssthresh = t->cc.ssthresh > t->cc.cwnd ? t->cc.ssthresh : t->cc.cwnd;
        set_cwnd(t, cwnd);
    }
}

static void ask_frto(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;
    struct frto_ack in = {.snd_una = t->snd_una,
                          .advanced = n->acked != 0,
                          .sack_high = seq_max(n->sack_high, t->snd_una),
                          .duplicate = n->duplicate || n->sacked != 0,
                          .rtx_left = seq_lt(t->snd_una, f->rtx_high),
                          .acked_original = n->original,
                          .new_data_left = tcp_new_data_would_go(t),
                          .sack = (t->flags & TCP_F_SACK) != 0};
    switch (frto_acked(&f->frto, &in)) {
    case FRTO_NOTHING:
        break;
    case FRTO_SEND_NEW:
        f->hold_rtx = true;
        if (!own_cwnd(t)) {
            set_cwnd(t, tcp_in_flight(t) + 2U * t->mss);
        }
        break;
    case FRTO_GENUINE:
        f->hold_rtx = false;
        break;
    case FRTO_SPURIOUS:
        timeout_was_spurious(t, env, n);
        break;
    }
}

static void ask_undo(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n,
                     const struct tcp_segment *seg)
{
    struct tcp_flight *f = t->flight;
    if (n->congested && !(t->cc.ops->traits & CC_SCALES_ECN)) {
        undo_end(&f->undo); /* nothing was lost, perhaps, but there was congestion */
    }
    struct undo_ack in = {.advanced = n->acked != 0,
                          .has_ts = (t->flags & TCP_F_TS) && (seg->h.options & WIRE_TCP_TS),
                          .tsecr = seg->h.tsecr,
                          .covers_rtx = n->covers_episode,
                          .covers_all = f->board.first == 0,
                          .dsack = n->dsacks != 0,
                          .dsack_before = t->dsacks_in != 0};
    if (n->dsacks != 0) {
        t->dsacks_in = (uint16_t)(t->dsacks_in + n->dsacks);
        undo_dsack(&f->undo, n->dsacks, n->dsack_ours);
    }
    bool timeout = t->phase == CC_LOSS;
    switch (undo_acked(&f->undo, &in)) {
    case UNDO_NO:
        break;
    case UNDO_BY_TIMESTAMP:
        if (timeout) {
            timeout_was_spurious(t, env, n);
        } else {
            rack_reordered(&f->rack);
            take_back(t, env, LA_RECOVERY_UNDONE);
        }
        break;
    case UNDO_BY_DSACK:
        rack_reordered(&f->rack);
        take_back(t, env, LA_RECOVERY_UNDONE_DSACK);
        break;
    }
}

/* RFC 8985 7.4: the probe repaired a loss that nobody else has seen. */
static void ask_probe(struct tcb *t, struct tcp_env *env, const struct tcp_ack_news *n,
                      const struct tcp_segment *seg)
{
    struct tlp_ack in = {.ack = seg->ack,
                         .dsack_of_probe = n->dsack_of_probe,
                         .sacked = n->sacked != 0,
                         .same_ack = n->duplicate};
    if (tlp_acked(&t->flight->tlp, &in) == TLP_LOSS_REPAIRED && t->phase == CC_OPEN) {
        enter(t, env, n, CC_CWR, CC_CAUSE_LOSS);
        tcp_note(t, env, LA_TRACE_EVENT, LA_PROBE_REPAIRED, t->cc.ssthresh, 0);
    }
}

/* ---- the window ------------------------------------------------------------------------------ */

static void proportional(struct tcb *t, const struct tcp_ack_news *n, bool first)
{
    uint32_t flight = tcp_in_flight(t);
    struct prr_ack in = {.delivered = n->delivered,
                         .flight = flight,
                         .ssthresh = t->cc.ssthresh,
                         .mss = t->mss,
                         .una_advanced = n->acked != 0,
                         .lost_more = n->lost != 0,
                         .first = first};
    uint32_t more = prr_acked(&t->flight->prr, &in);
    /* RFC 6582 3.2, step 3: a partial ACK is answered by a retransmission. */
    set_cwnd(t, flight + (n->partial && more < t->mss ? t->mss : more));
}

static bool used_up(const struct tcb *t, const struct tcp_env *env)
{
    if (env->persona.growth == LA_GROWTH_FULL) {
        return (t->flags & TCP_F_CWND_USED) != 0;
    }
    const struct tcp_flight *f = t->flight;
    return f->out_full || (t->cc.cwnd < t->cc.ssthresh && t->cc.cwnd / 2 < f->out_most);
}

/* RFC 5681 3.1: only an ACK of new data lets the window grow, and only when it was used up; RFC
 * 5682 2.1, step 2b: two new segments and no more. On a path that reorders half of the ACKs may be
 * of data behind a gap: there they are progress as well. */
static bool may_grow(const struct tcb *t, const struct tcp_env *env, const struct tcp_ack_news *n)
{
    const struct tcp_flight *f = t->flight;
    bool progress = n->acked != 0 || (n->sacked != 0 && f->rack.reordering_seen);
    return used_up(t, env) && progress && !n->ended && !f->hold_rtx;
}

static void tell_congestion_control(struct tcb *t, struct tcp_env *env,
                                    const struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;
    uint32_t min_us = min_rtt_us(&f->min_rtt);
    struct rate_sample s = rate_ack_end(&f->rate, &n->rate, min_us, env->now_ns);
    struct cc_ack ack = {.now_ns = env->now_ns,
                         .delivered = f->rate.delivered,
                         .acked = n->delivered,
                         .lost = n->lost,
                         .prior_flight = n->flight,
                         .flight = tcp_in_flight(t),
                         .rtt_us = n->last_rtt_us,
                         .min_rtt_us = min_us,
                         .srtt_us = t->srtt_us8 / 8,
                         .sample_delivered = s.interval_us ? s.delivered : 0,
                         .sample_us = s.interval_us,
                         .sample_flight = s.flight,
                         .sample_lost = s.lost,
                         .sample_app_limited = s.app_limited,
                         .round_start = s.round_start,
                         .limited = may_grow(t, env, n),
                         .ce = n->ce,
                         .paced = f->pace.bps != 0,
                         .no_sack = !(t->flags & TCP_F_SACK),
                         .phase = t->phase};
    t->cc.ops->acked(&t->cc, &ack);
    tcp_set_pace(t);
}

/* Most ACKs say that all is well: then there is nobody to ask. */
static bool nothing_wrong(const struct tcb *t, const struct tcp_ack_news *n)
{
    const struct tcp_flight *f = t->flight;
    return t->phase == CC_OPEN && !n->duplicate && n->dsacks == 0 && f->board.sacked_bytes == 0 &&
           f->board.lost_bytes == 0 && !f->tlp.outstanding && f->frto.step == 0 &&
           !f->undo.possible && !f->adapt && f->dup_acks == 0 && f->reo_at_ns == TCP_NEVER;
}

void tcp_repair(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                const struct tcp_segment *seg)
{
    struct tcp_flight *f = t->flight;
    bool entered = false;
    bool widened = n->dsacks != 0 && rack_dsack(&f->rack, t->snd_una, t->snd_nxt);

    if (n->last_rtt_us != 0) {
        min_rtt_sample(&f->min_rtt, tcp_now_ms(env), n->last_rtt_us);
        tlp_rtt_sample(&f->tlp);
    }
    if (!nothing_wrong(t, n)) {
        adapt_rtt(t, env, n);
        tcp_check_reneging(t, env);
        ask_probe(t, env, n, seg);
        ask_undo(t, env, n, seg);
        ask_frto(t, env, n);
        tcp_detect(t, env, n);
    }
    if (n->mtu_probe_lost || n->mtu_news != 0) {
        tcp_mtu_judged(t, env, n);
    }
    if (t->phase != CC_OPEN && seq_ge(t->snd_una, f->recover)) {
        n->ended = t->phase != CC_LOSS || env->persona.growth == LA_GROWTH_FULL;
        leave(t, env, widened);
    }
    if (n->lost != 0 && t->phase <= CC_CWR) {
        enter_recovery(t, env, n);
        entered = true;
    }
    answer_marks(t, env, n);
    if (n->delivered != 0 || n->lost != 0) {
        if ((t->phase == CC_CWR || t->phase == CC_RECOVERY) && !own_cwnd(t)) {
            proportional(t, n, entered);
        }
        tell_congestion_control(t, env, n);
    }
    if (t->phase == CC_OPEN && seq_gt(t->snd_una, f->recover)) {
        f->recover = seq_sub(t->snd_una, 1); /* as far behind as any, and never 2^31 */
    }
    tcp_arm_probe(t, env);
    t->todo |= TCP_DO_OUTPUT;
}

/* ---- timers ---------------------------------------------------------------------------------- */

void tcp_repair_reorder(struct tcb *t, struct tcp_env *env)
{
    struct tcp_ack_news n;
    tcp_news_begin(t, &n);
    tcp_note(t, env, LA_TRACE_TIMER, LA_TIMEOUT_REORDER, tcp_reordering_window_us(t) / 1000, 0);
    tcp_detect(t, env, &n);
    tcp_mtu_judged(t, env, &n);
    t->todo |= TCP_DO_OUTPUT;
    if (n.lost == 0) {
        return;
    }
    bool entered = t->phase <= CC_CWR;
    if (entered) {
        enter_recovery(t, env, &n);
    }
    if (t->phase == CC_RECOVERY && !own_cwnd(t)) {
        proportional(t, &n, entered);
    }
    tell_congestion_control(t, env, &n);
    t->todo |= TCP_DO_OUTPUT;
}

void tcp_repair_timeout(struct tcb *t, struct tcp_env *env)
{
    struct tcp_flight *f = t->flight;
    struct tcp_ack_news n;
    if (!f || !f->board.first) {
        return; /* the byte of a window probe */
    }
    bool recovering = t->phase == CC_RECOVERY || t->phase == CC_LOSS;
    bool again = t->backoff != 0 && recovering; /* not behind one that was taken back */
    bool fin = (t->flags & TCP_F_FIN_SENT) != 0;
    bool ask = env->persona.frto && !fin && (!recovering || frto_waiting(&f->frto));
    frto_begin(&f->frto, t->snd_nxt, ask);
    tcp_news_begin(t, &n);
    if (!recovering) {
        undo_begin(&f->undo); /* within a recovery it goes on */
        f->episode_ns = env->now_ns;
        f->episode_una = t->snd_una;
        f->sacked_since = f->board.sacked_bytes != 0;
    }
    if (!again) {
        remember_window(t);
        f->rtt_before = (struct undo_rtt){.srtt_us8 = t->srtt_us8, .rttvar_us4 = t->rttvar_us4};
        t->cc.ops->congestion(&t->cc, CC_CAUSE_TIMEOUT, flight_size(t, &n), env->now_ns);
    } else if (!own_cwnd(t)) {
        t->cc.cwnd = t->cc.mss; /* RFC 5681 3.1: ssthresh is set once */
    }
    if (board_at(&f->board, f->board.first)->flags & RUN_SACKED) {
        tcp_check_reneging(t, env);
    }
    tcp_ecn_reduced(t);
    f->dup_acks = 0;
    f->dup_bytes = 0;
    f->hold_rtx = f->probe_due = false;
    f->reo_at_ns = f->pto_at_ns = TCP_NEVER;
    f->rtx_high = t->snd_una;
    tlp_reset(&f->tlp);
    if (tcp_mtu_timeout(t, env)) {
        f->frto.step = 0; /* RFC 5682 asks whether it was too early; it was too large */
    }
    tcp_detect_timeout(t, env, &n);
    if (!own_cwnd(t)) {
        set_cwnd(t, tcp_in_flight(t) + t->mss); /* the first one goes, whatever else is under way */
    }
    f->recover = t->snd_nxt;
    t->phase = CC_LOSS;
}

void tcp_arm_probe(struct tcb *t, const struct tcp_env *env)
{
    struct tcp_flight *f = t->flight;
    struct tlp_question q = {.sack = (t->flags & TCP_F_SACK) != 0,
                             .open = t->phase == CC_OPEN && t->backoff == 0,
                             .outstanding = f->board.first != 0,
                             .probe_pending = f->tlp.outstanding || f->probe_due,
                             .sacked = f->board.sacked_bytes != 0};
    if (!env->persona.tlp || !tlp_may_schedule(&q) || (t->flags & TCP_F_PERSIST) ||
        t->rtx_at_ns == TCP_NEVER) {
        f->pto_at_ns = TCP_NEVER;
        return;
    }
    uint64_t left_us = t->rtx_at_ns > env->now_ns ? (t->rtx_at_ns - env->now_ns) / 1000 : 0;
    uint32_t segments = tcp_in_flight(t) > t->mss ? 2 : 1; /* more make no difference */
    uint32_t pto_us = tlp_pto_us(t->srtt_us8 / 8, segments, TCP_MAX_ACK_DELAY_US,
                                 left_us > UINT32_MAX ? UINT32_MAX : (uint32_t)left_us);
    tcp_arm(t, &f->pto_at_ns, env->now_ns + (uint64_t)pto_us * 1000);
}
