/* BBR: window, pacing rate and the calls of cc_ops: draft-ietf-ccwg-bbr-06, 5.2 and 5.6. */
#include "cc/bbr.h"

#include "cc/window.h"

#define STARTUP_PERCENT 277
#define LOSS_PERCENT    2 /* LossThresh */

/* 5.6.2: SetPacingRateWithGain(), with the margin of one percent. */
static void set_pacing_rate(struct cc *cc, uint32_t percent)
{
    struct bbr *b = cc->state;
    uint64_t bps = b->bw * 8 * percent / 100 * 99 / 100;
    if (b->full_bw_reached || bps > cc->pacing_bps) {
        /* Not nothing at all: a segment a second. */
        cc->pacing_bps = bps > 8 * (uint64_t)cc->mss ? bps : 8 * (uint64_t)cc->mss;
    }
}

/* 5.6.2: InitPacingRate(). */
static void init_pacing_rate(struct cc *cc, uint32_t srtt_us)
{
    uint64_t bits = (uint64_t)cc_initial_window(cc->mss) * 8 * STARTUP_PERCENT / 100;
    cc->pacing_bps = bits * 1000000 / (srtt_us ? srtt_us : 1000) + 1;
}

/* 5.6.4.5, 5.6.4.7: BoundCwndForProbeRTT(), BoundCwndForModel(). */
static void bound_cwnd(struct cc *cc)
{
    struct bbr *b = cc->state;
    uint32_t cap = INFINITE;
    if (b->state == BBR_PROBE_RTT) {
        cc->cwnd = least_u32(cc->cwnd, bbr_probe_rtt_cwnd(cc));
    }
    if (b->state == BBR_PROBE_RTT || b->state == BBR_CRUISE) {
        cap = bbr_inflight_with_headroom(cc);
    } else if (bbr_in_probe_bw(b)) {
        cap = b->inflight_longterm;
    }
    cap = most_u32(least_u32(cap, b->inflight_shortterm), 4 * cc->mss);
    cc->cwnd = least_u32(cc->cwnd, cap);
}

static uint32_t max_inflight(const struct cc *cc)
{
    const struct bbr *b = cc->state;
    uint32_t extra = most_u32(b->extra_acked[0], b->extra_acked[1]);
    return bbr_quantized(cc, bbr_bdp(cc, b->bw, bbr_cwnd_percent(b)) + extra);
}

/* 5.6.4.6: SetCwnd(). */
static void set_cwnd(struct cc *cc, const struct cc_ack *ack)
{
    struct bbr *b = cc->state;
    uint32_t most = max_inflight(cc);
    if (b->full_bw_reached) {
        cc_grow(cc, ack->acked);
        cc->cwnd = least_u32(cc->cwnd, most);
    } else if (cc->cwnd < most || ack->delivered < cc_initial_window(cc->mss)) {
        cc_grow(cc, ack->acked);
    }
    cc->cwnd = most_u32(cc->cwnd, 4 * cc->mss);
    bound_cwnd(cc);
}

/* 5.2.1: OnInit(). */
static void bbr_begin(struct cc *cc, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    b->min_rtt_us = cc->srtt_us ? cc->srtt_us : INFINITE;
    b->probe_rtt_min_us = INFINITE;
    b->min_rtt_stamp = now_ns;
    b->probe_rtt_min_stamp = now_ns;
    b->extra_acked_interval_start = now_ns;
    b->inflight_longterm = INFINITE;
    b->probe_up_acked_per_inc = INFINITE;
    b->undo_state = BBR_NONE;
    b->random = (uint32_t)(now_ns ^ now_ns >> 32) ^ cc->cwnd;
    b->has_rtt = cc->srtt_us != 0;
    bbr_reset_shortterm(b);
    init_pacing_rate(cc, cc->srtt_us);
}

/* 5.2.3: UpdateOnACK(). */
static void bbr_acked(struct cc *cc, const struct cc_ack *ack)
{
    struct bbr *b = cc->state;
    struct bbr_sample rs = bbr_sample_of(b, ack);
    if (!b->has_rtt && ack->srtt_us != 0) {
        b->has_rtt = true;
        init_pacing_rate(cc, ack->srtt_us);
    }
    bbr_update_model(cc, ack, &rs);
    bbr_update_state(cc, ack, &rs);
    bbr_advance_latest(b, &rs);
    b->bw = bbr_max_bw(b) < b->bw_shortterm ? bbr_max_bw(b) : b->bw_shortterm;
    set_pacing_rate(cc, bbr_pacing_percent(b));
    set_cwnd(cc, ack);
}

/* 5.5.10.2: InflightAtLoss(): where within the packet did the losses cross the threshold? */
static uint32_t inflight_at_loss(const struct bbr_sample *rs, uint32_t bytes)
{
    uint32_t before = rs->tx_in_flight > bytes ? rs->tx_in_flight - bytes : 0;
    uint32_t lost_before = rs->lost > bytes ? rs->lost - bytes : 0;
    uint64_t allowed = (uint64_t)before * LOSS_PERCENT;
    uint64_t met = (uint64_t)lost_before * 100;
    uint64_t prefix = allowed > met ? (allowed - met) / (100 - LOSS_PERCENT) : 0;
    return (uint32_t)least_u32(CWND_MAX, before) + (uint32_t)(prefix < bytes ? prefix : bytes);
}

/* 5.5.10.2: HandleLostPacket(). */
static void bbr_lost(struct cc *cc, const struct cc_lost *lost)
{
    struct bbr *b = cc->state;
    b->delivered = lost->delivered;
    b->loss_since_ack = true;
    bbr_note_loss(cc);
    if (!b->is_bw_probe_sample) {
        return;
    }
    uint64_t prior = lost->delivered - ((uint32_t)lost->delivered - lost->delivered_then);
    struct bbr_sample rs = {
        .tx_in_flight = lost->flight,
        .lost = lost->lost,
        .app_limited = lost->app_limited || prior < b->app_limited_until,
    };
    if (bbr_inflight_too_high(b, &rs)) {
        rs.tx_in_flight = inflight_at_loss(&rs, lost->bytes);
        bbr_handle_too_high(cc, &rs, lost->now_ns);
    }
}

/* 5.6.4.4; and 3.7: whatever answer there is to ECN, a mark must count as congestion. It counts as
 * a loss above the threshold. */
static void bbr_congestion(struct cc *cc, enum cc_cause cause, uint32_t flight, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    bbr_note_loss(cc);
    if (cause != CC_CAUSE_ECN) {
        b->recovering = true;
    } else if (b->is_bw_probe_sample) {
        bbr_handle_too_high(cc, &(struct bbr_sample){.tx_in_flight = flight}, now_ns);
    } else if (b->state == BBR_STARTUP && !b->full_bw_reached) {
        bbr_startup_too_high(cc);
    }
    if (cause == CC_CAUSE_TIMEOUT) {
        cc->cwnd = cc->mss;
    }
}

static void bbr_recovered(struct cc *cc, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    (void)now_ns;
    if (b->recovering) {
        cc->cwnd = most_u32(cc->cwnd, b->prior_cwnd); /* RestoreCwnd() */
        bound_cwnd(cc);
    }
    b->recovering = false;
    b->saved = false;
}

/* 5.5.11.2: HandleSpuriousLossDetection(). */
static void bbr_undo(struct cc *cc, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    if (b->saved) {
        b->loss_in_round = false;
        bbr_reset_full_bw(b);
        if (b->undo_bw_shortterm > b->bw_shortterm) {
            b->bw_shortterm = b->undo_bw_shortterm;
        }
        b->inflight_shortterm = most_u32(b->inflight_shortterm, b->undo_inflight_shortterm);
        b->inflight_longterm = most_u32(b->inflight_longterm, b->undo_inflight_longterm);
        if (b->undo_state == BBR_STARTUP && b->state != BBR_STARTUP) {
            b->full_bw_reached = false;
            b->state = b->state == BBR_PROBE_RTT ? BBR_PROBE_RTT : BBR_STARTUP;
        } else if (b->undo_state == BBR_UP && b->state != BBR_UP && b->state != BBR_PROBE_RTT) {
            bbr_start_refill(b);
        }
        b->undo_state = BBR_NONE;
    }
    bbr_recovered(cc, now_ns);
}

/* 5.4.1: HandleRestartFromIdle(). */
static void bbr_restart(struct cc *cc, uint64_t idle_ns, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    (void)idle_ns;
    b->idle_restart = true;
    b->extra_acked_interval_start = now_ns;
    if (bbr_in_probe_bw(b)) {
        set_pacing_rate(cc, 100);
    } else if (b->state == BBR_PROBE_RTT) {
        bbr_check_probe_rtt_done(cc, now_ns);
        bound_cwnd(cc);
    }
}

const struct cc_ops cc_bbr = {
    .name = "bbr",
    .traits = CC_OWN_CWND | CC_PACED,
    .state_bytes = sizeof(struct bbr),
    .begin = bbr_begin,
    .acked = bbr_acked,
    .lost = bbr_lost,
    .congestion = bbr_congestion,
    .recovered = bbr_recovered,
    .undo = bbr_undo,
    .restart = bbr_restart,
};
