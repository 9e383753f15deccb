/* BBR's state machine: draft-ietf-ccwg-bbr-06, 5.3. */
#include "cc/bbr.h"
#include "cc/window.h"

#define PROBE_RTT_DURATION_NS UINT64_C(200000000)
#define PROBE_RTT_PERCENT     50 /* ProbeRTTCwndGain */
#define FULL_LOSS_COUNT       6  /* BBRStartupFullLossCnt */
#define RENO_ROUNDS_MAX       63

/* 5.6.1: the table of gains. */
static const struct {
    uint16_t pacing, cwnd;
} gains[] = {
    [BBR_STARTUP] = {277, 200},
    [BBR_DRAIN] = {50, 200},
    [BBR_DOWN] = {90, 200},
    [BBR_CRUISE] = {100, 200},
    [BBR_REFILL] = {100, 200},
    [BBR_UP] = {125, 225},
    [BBR_PROBE_RTT] = {100, PROBE_RTT_PERCENT},
};

uint32_t bbr_pacing_percent(const struct bbr *b)
{
    return gains[b->state].pacing;
}

uint32_t bbr_cwnd_percent(const struct bbr *b)
{
    return gains[b->state].cwnd;
}

bool bbr_in_probe_bw(const struct bbr *b)
{
    return b->state >= BBR_DOWN && b->state <= BBR_UP;
}

/* ---- ProbeBW, 5.3.3 -------------------------------------------------------------------------- */

/* 5.3.3.8: PickProbeWait(). The generator (xorshift) takes in what the connection went through, so
 * that flows that began alike do not stay in step. */
static void pick_probe_wait(struct bbr *b, uint64_t now_ns)
{
    uint32_t x = b->random ^ (uint32_t)now_ns ^ (uint32_t)b->delivered;
    x = x ? x : 1;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    b->random = x;
    b->rounds_since_probe_up = x >> 31;
    b->bw_probe_wait_us = 2000000 + (uint32_t)((uint64_t)(x << 1) * 1000000 >> 32);
}

static void start_down(struct bbr *b, uint64_t now_ns)
{
    b->loss_in_round = false;
    b->bw_latest = 0;
    b->inflight_latest = 0;
    b->probe_up_acked_per_inc = INFINITE;
    pick_probe_wait(b, now_ns);
    b->cycle_stamp = now_ns;
    b->ack_phase = ACKS_STOPPING;
    bbr_start_round(b);
    b->state = BBR_DOWN;
}

void bbr_start_refill(struct bbr *b)
{
    bbr_reset_shortterm(b);
    b->bw_probe_up_rounds = 0;
    b->bw_probe_up_acked = 0;
    b->prev_probe_precautionary = false;
    b->ack_phase = ACKS_REFILLING;
    bbr_start_round(b);
    b->state = BBR_REFILL;
}

/* 5.3.3.9: RaiseInflightLongtermSlope(). */
static void raise_slope(struct cc *cc)
{
    struct bbr *b = cc->state;
    b->probe_up_acked_per_inc = most_u32(cc->cwnd >> b->bw_probe_up_rounds, cc->mss);
    b->bw_probe_up_rounds = (uint8_t)least_u32(b->bw_probe_up_rounds + 1, 30);
}

static void start_up(struct cc *cc, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    b->is_bw_probe_sample = true;
    b->ack_phase = ACKS_STARTING;
    bbr_start_round(b);
    bbr_reset_full_bw(b);
    b->full_bw = rs->bw;
    b->state = BBR_UP;
    raise_slope(cc);
}

/* 5.3.3.8: IsTimeToProbeBW(). */
static bool time_to_probe(struct cc *cc, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    /* At least MinPipeCwnd: the window of a short path is never less, and the filter of the
     * bandwidth needs a round trip in ProbeBW_DOWN. */
    uint32_t reno_rounds = least_u32(bbr_target_inflight(cc) / cc->mss, RENO_ROUNDS_MAX);
    reno_rounds = most_u32(reno_rounds, 4);
    return now_ns > b->cycle_stamp + (uint64_t)b->bw_probe_wait_us * 1000 ||
           b->rounds_since_probe_up >= reno_rounds;
}

/* 5.3.3.9: IsTimeToGoDown(). */
static bool time_to_go_down(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    if (b->prev_probe_too_high && ack->flight >= b->inflight_longterm) {
        b->prev_probe_precautionary = true;
        return true;
    }
    if (ack->limited && cc->cwnd >= b->inflight_longterm) {
        /* inflight_longterm is in the way: the bandwidth cannot be judged. */
        bbr_reset_full_bw(b);
        b->full_bw = rs->bw;
        return false;
    }
    return b->full_bw_now;
}

/* 5.3.3.9: ProbeInflightLongtermUpward(). */
static void raise_longterm(struct cc *cc, const struct cc_ack *ack)
{
    struct bbr *b = cc->state;
    if (!ack->limited || cc->cwnd < b->inflight_longterm) {
        return;
    }
    uint64_t acked = (uint64_t)b->bw_probe_up_acked + ack->acked;
    uint64_t steps = acked / b->probe_up_acked_per_inc;
    b->bw_probe_up_acked = (uint32_t)(acked % b->probe_up_acked_per_inc);
    uint64_t raised = b->inflight_longterm + steps * cc->mss;
    b->inflight_longterm = raised < CWND_MAX ? (uint32_t)raised : CWND_MAX;
    if (b->round_start) {
        raise_slope(cc);
    }
}

/* 5.3.3.9: AdaptLongTermModel(). True: the state was changed. */
static bool adapt_longterm(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    if (b->ack_phase == ACKS_STARTING && b->round_start) {
        b->ack_phase = ACKS_FEEDBACK;
    }
    if (b->ack_phase == ACKS_STOPPING && b->round_start) {
        b->is_bw_probe_sample = false;
        b->ack_phase = ACKS_INIT;
        if (bbr_in_probe_bw(b) && !rs->app_limited && b->max_bw_filter[1] != 0) {
            /* 5.5.6: AdvanceMaxBwFilter(). */
            b->max_bw_filter[0] = b->max_bw_filter[1];
            b->max_bw_filter[1] = 0;
        }
        if (bbr_in_probe_bw(b) && b->prev_probe_precautionary && !b->prev_probe_too_high) {
            bbr_start_refill(b);
            return true;
        }
    }
    if (!bbr_inflight_too_high(b, rs) && b->inflight_longterm != INFINITE) {
        b->inflight_longterm = most_u32(b->inflight_longterm, rs->tx_in_flight);
        if (b->state == BBR_UP) {
            raise_longterm(cc, ack);
        }
    }
    return false;
}

/* 5.3.3.9: UpdateProbeBWCyclePhase(). */
static void update_cycle(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    if (!b->full_bw_reached || adapt_longterm(cc, ack, rs)) {
        return;
    }
    if (b->state == BBR_DOWN || b->state == BBR_CRUISE) {
        if (time_to_probe(cc, ack->now_ns)) {
            bbr_start_refill(b);
        } else if (b->state == BBR_DOWN && ack->flight <= bbr_inflight_with_headroom(cc) &&
                   ack->flight <= bbr_inflight(cc, bbr_max_bw(b), 100)) {
            b->state = BBR_CRUISE;
        }
    } else if (b->state == BBR_REFILL && b->round_start) {
        start_up(cc, rs);
    } else if (b->state == BBR_UP && time_to_go_down(cc, ack, rs)) {
        b->prev_probe_too_high = false; /* no high loss, so far */
        start_down(b, ack->now_ns);
    }
}

/* 5.5.10.2: HandleInflightTooHigh(). */
void bbr_handle_too_high(struct cc *cc, const struct bbr_sample *rs, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    b->prev_probe_too_high = true;
    b->is_bw_probe_sample = false;
    if (!rs->app_limited) {
        uint64_t least = (uint64_t)bbr_target_inflight(cc) * BBR_BETA_PERCENT / 100;
        b->inflight_longterm = most_u32(rs->tx_in_flight, (uint32_t)least);
    }
    if (b->state == BBR_UP) {
        b->undo_state = BBR_UP;
        start_down(b, now_ns);
    }
}

/* ---- Startup and Drain, 5.3.1, 5.3.2 --------------------------------------------------------- */

/* The end of 5.3.1.3. */
void bbr_startup_too_high(struct cc *cc)
{
    struct bbr *b = cc->state;
    b->undo_state = BBR_STARTUP;
    b->full_bw_reached = true;
    b->inflight_longterm = most_u32(bbr_bdp(cc, b->bw, 100), b->inflight_latest);
}

/* 5.3.1.3: CheckStartupHighLoss(): a round trip of recovery is over. */
static void check_startup_loss(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    if (ack->phase == CC_RECOVERY && b->loss_round_start && bbr_inflight_too_high(b, rs) &&
        (b->no_sack || b->loss_events >= FULL_LOSS_COUNT)) {
        bbr_startup_too_high(cc);
    }
}

static void check_startup_and_drain(struct cc *cc, const struct cc_ack *ack,
                                    const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    if (b->state == BBR_STARTUP && !b->full_bw_reached) {
        check_startup_loss(cc, ack, rs);
    }
    if (b->loss_round_start) {
        b->loss_events = 0;
    }
    if (b->state == BBR_STARTUP && b->full_bw_reached) {
        b->state = BBR_DRAIN;
        b->drain_start_round = b->round_count;
    }
    if (b->state == BBR_DRAIN && (ack->flight <= bbr_inflight(cc, b->bw, 100) ||
                                  b->round_count - b->drain_start_round > 3)) {
        start_down(b, ack->now_ns);
    }
}

/* ---- ProbeRTT, 5.3.4 ------------------------------------------------------------------------- */

uint32_t bbr_probe_rtt_cwnd(const struct cc *cc)
{
    const struct bbr *b = cc->state;
    return most_u32(bbr_bdp(cc, b->bw, PROBE_RTT_PERCENT), 4 * cc->mss);
}

void bbr_check_probe_rtt_done(struct cc *cc, uint64_t now_ns)
{
    struct bbr *b = cc->state;
    if (b->probe_rtt_done_stamp == 0 || now_ns <= b->probe_rtt_done_stamp) {
        return;
    }
    b->probe_rtt_min_stamp = now_ns; /* schedules the next one */
    cc->cwnd = most_u32(cc->cwnd, b->prior_cwnd);
    bbr_reset_shortterm(b);
    if (b->full_bw_reached) {
        start_down(b, now_ns);
        b->state = BBR_CRUISE; /* in flight is little: there is nothing to drain */
    } else {
        b->state = BBR_STARTUP;
    }
}

/* HandleProbeRTT(). */
static void handle_probe_rtt(struct cc *cc, const struct cc_ack *ack)
{
    struct bbr *b = cc->state;
    /* MarkConnectionAppLimited(): what leaves until now is delivered says nothing of the rate. */
    b->app_limited_until = ack->delivered + ack->flight;
    if (b->probe_rtt_done_stamp == 0) {
        if (ack->flight <= bbr_probe_rtt_cwnd(cc)) {
            b->probe_rtt_done_stamp = ack->now_ns + PROBE_RTT_DURATION_NS;
            b->probe_rtt_round_done = false;
            bbr_start_round(b);
        }
        return;
    }
    b->probe_rtt_round_done |= b->round_start;
    if (b->probe_rtt_round_done) {
        bbr_check_probe_rtt_done(cc, ack->now_ns);
    }
}

/* CheckProbeRTT(). */
static void check_probe_rtt(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    if (b->state != BBR_PROBE_RTT && b->probe_rtt_expired && !b->idle_restart) {
        bbr_save_cwnd(cc);
        b->state = BBR_PROBE_RTT;
        b->probe_rtt_done_stamp = 0;
        b->ack_phase = ACKS_STOPPING;
        bbr_start_round(b);
    }
    if (b->state == BBR_PROBE_RTT) {
        handle_probe_rtt(cc, ack);
    }
    if (rs->delivered > 0) {
        b->idle_restart = false;
    }
}

/* The middle of 5.2.3: UpdateModelAndState(). */
void bbr_update_state(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    check_startup_and_drain(cc, ack, rs);
    update_cycle(cc, ack, rs);
    bbr_update_min_rtt(cc->state, ack);
    check_probe_rtt(cc, ack, rs);
}
