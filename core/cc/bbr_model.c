/* BBR's model of the path: draft-ietf-ccwg-bbr-06, 5.5. */
#include "base/mem.h"
#include "cc/bbr.h"
#include "cc/pace.h"
#include "cc/window.h"

#define BW_MAX                (UINT64_C(1) << 40) /* 8.8 Tbit/s */
#define PROBE_RTT_INTERVAL_NS UINT64_C(5000000000)
#define MIN_RTT_FILTER_NS     UINT64_C(10000000000)
#define LOSS_PERCENT          2  /* LossThresh */
#define HEADROOM_PERCENT      15 /* Headroom */
#define EXTRA_ACKED_ROUNDS    5  /* of a slot: the filter covers the last five to ten */

static uint32_t percent_of(uint32_t bytes, uint32_t percent)
{
    uint64_t part = (uint64_t)bytes * percent / 100;
    return part < CWND_MAX ? (uint32_t)part : CWND_MAX;
}

static uint64_t most_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t bbr_max_bw(const struct bbr *b)
{
    return most_u64(b->max_bw_filter[0], b->max_bw_filter[1]);
}

uint32_t bbr_volume(uint64_t bw, uint64_t us)
{
    if (us > UINT32_MAX) {
        us = UINT32_MAX;
    }
    uint64_t bytes = bw / 1000000 * us + bw % 1000000 * us / 1000000;
    return bytes < CWND_MAX ? (uint32_t)bytes : CWND_MAX;
}

struct bbr_sample bbr_sample_of(const struct bbr *b, const struct cc_ack *ack)
{
    if (ack->sample_delivered == 0 || ack->sample_us == 0) {
        return (struct bbr_sample){0};
    }
    uint64_t bw = (uint64_t)ack->sample_delivered * 1000000 / ack->sample_us;
    uint64_t prior = ack->delivered - ack->sample_delivered;
    return (struct bbr_sample){
        .bw = bw < BW_MAX ? bw : BW_MAX,
        .prior_delivered = prior,
        .delivered = ack->sample_delivered,
        .tx_in_flight = ack->sample_flight,
        .lost = ack->sample_lost,
        .app_limited = ack->sample_app_limited || prior < b->app_limited_until,
    };
}

/* ---- volumes, 5.6.4.2 ------------------------------------------------------------------------ */

uint32_t bbr_bdp(const struct cc *cc, uint64_t bw, uint32_t percent)
{
    const struct bbr *b = cc->state;
    if (b->min_rtt_us == INFINITE) {
        return cc_initial_window(cc->mss);
    }
    return percent_of(bbr_volume(bw, b->min_rtt_us), percent);
}

uint32_t bbr_quantized(const struct cc *cc, uint32_t inflight)
{
    const struct bbr *b = cc->state;
    /* 5.5.8.1: a quantum waiting, one being cut, one being put together. */
    inflight = most_u32(inflight, 3 * pace_quantum(cc->pacing_bps, cc->mss));
    inflight = most_u32(inflight, 4 * cc->mss);
    return b->state == BBR_UP ? inflight + 2 * cc->mss : inflight;
}

uint32_t bbr_inflight(const struct cc *cc, uint64_t bw, uint32_t percent)
{
    return bbr_quantized(cc, bbr_bdp(cc, bw, percent));
}

uint32_t bbr_target_inflight(const struct cc *cc)
{
    const struct bbr *b = cc->state;
    return least_u32(bbr_bdp(cc, b->bw, 100), cc->cwnd);
}

uint32_t bbr_inflight_with_headroom(const struct cc *cc)
{
    const struct bbr *b = cc->state;
    if (b->inflight_longterm == INFINITE) {
        return INFINITE;
    }
    uint32_t headroom = most_u32(cc->mss, percent_of(b->inflight_longterm, HEADROOM_PERCENT));
    uint32_t rest = b->inflight_longterm > headroom ? b->inflight_longterm - headroom : 0;
    return most_u32(rest, 4 * cc->mss);
}

/* ---- rounds and signals ---------------------------------------------------------------------- */

void bbr_start_round(struct bbr *b)
{
    b->next_round_delivered = b->delivered;
}

void bbr_reset_full_bw(struct bbr *b)
{
    b->full_bw = 0;
    b->full_bw_count = 0;
    b->full_bw_now = false;
}

void bbr_reset_shortterm(struct bbr *b)
{
    b->bw_shortterm = INFINITE_BW;
    b->inflight_shortterm = INFINITE;
}

/* 5.5.10.2: IsInflightTooHigh(). */
bool bbr_inflight_too_high(const struct bbr *b, const struct bbr_sample *rs)
{
    return rs->lost > percent_of(rs->tx_in_flight, LOSS_PERCENT) || (b->no_sack && rs->lost > 0);
}

/* 5.5.10.3: UpdateLatestDeliverySignals(). */
static void update_latest(struct bbr *b, const struct bbr_sample *rs)
{
    b->bw_latest = most_u64(b->bw_latest, rs->bw);
    b->inflight_latest = most_u32(b->inflight_latest, rs->delivered);
    b->loss_round_start = rs->delivered > 0 && rs->prior_delivered >= b->loss_round_delivered;
    if (b->loss_round_start) {
        b->loss_round_delivered = b->delivered;
    }
}

void bbr_advance_latest(struct bbr *b, const struct bbr_sample *rs)
{
    if (b->loss_round_start) {
        b->bw_latest = rs->bw;
        b->inflight_latest = rs->delivered;
    }
}

/* 5.5.5: UpdateMaxBw(), and 5.5.1: UpdateRound(). */
static void update_max_bw(struct bbr *b, const struct bbr_sample *rs)
{
    b->round_start = rs->delivered > 0 && rs->prior_delivered >= b->next_round_delivered;
    if (b->round_start) {
        bbr_start_round(b);
        b->round_count++;
        b->rounds_since_probe_up++;
    }
    if (rs->bw >= bbr_max_bw(b) || !rs->app_limited) {
        b->max_bw_filter[1] = most_u64(b->max_bw_filter[1], rs->bw);
    }
}

/* 5.5.10.3: the short-term model follows what was delivered in a round trip with losses. */
static void adapt_lower_bounds(struct cc *cc)
{
    struct bbr *b = cc->state;
    bool probing = b->state == BBR_STARTUP || b->state == BBR_REFILL || b->state == BBR_UP;
    if (probing || !b->loss_in_round) {
        return;
    }
    if (b->bw_shortterm == INFINITE_BW) {
        b->bw_shortterm = bbr_max_bw(b);
    }
    if (b->inflight_shortterm == INFINITE) {
        b->inflight_shortterm = cc->cwnd;
    }
    b->bw_shortterm = most_u64(b->bw_latest, b->bw_shortterm * BBR_BETA_PERCENT / 100);
    b->inflight_shortterm =
        most_u32(b->inflight_latest, percent_of(b->inflight_shortterm, BBR_BETA_PERCENT));
}

/* 5.5.9: UpdateACKAggregation(). */
static void update_aggregation(struct cc *cc, const struct cc_ack *ack)
{
    struct bbr *b = cc->state;
    uint64_t interval_us = (ack->now_ns - b->extra_acked_interval_start) / 1000;
    uint64_t expected = bbr_volume(b->bw, interval_us);
    if (b->extra_acked_delivered <= expected) {
        b->extra_acked_delivered = 0;
        b->extra_acked_interval_start = ack->now_ns;
        expected = 0;
    }
    b->extra_acked_delivered += ack->acked;
    uint64_t extra = b->extra_acked_delivered - expected;
    uint8_t rounds = b->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1;
    if (b->round_start && ++b->extra_acked_rounds >= rounds) {
        b->extra_acked_rounds = 0;
        b->extra_acked[0] = b->extra_acked[1];
        b->extra_acked[1] = 0;
    }
    b->extra_acked[1] = most_u32(b->extra_acked[1], extra < cc->cwnd ? (uint32_t)extra : cc->cwnd);
}

/* 5.3.1.2: CheckFullBWReached(). */
static void check_full_bw(struct bbr *b, const struct bbr_sample *rs)
{
    if (b->full_bw_now || !b->round_start || rs->app_limited) {
        return;
    }
    if (rs->bw >= b->full_bw + b->full_bw / 4) {
        bbr_reset_full_bw(b);
        b->full_bw = rs->bw;
        return;
    }
    b->full_bw_count++;
    b->full_bw_now = b->full_bw_count >= 3;
    b->full_bw_reached |= b->full_bw_now;
}

void bbr_update_model(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs)
{
    struct bbr *b = cc->state;
    b->delivered = ack->delivered;
    b->no_sack = ack->no_sack;
    if (b->loss_since_ack) {
        b->loss_since_ack = false;
        b->loss_events = b->loss_events < UINT8_MAX ? b->loss_events + 1 : UINT8_MAX;
    }
    update_latest(b, rs);
    update_max_bw(b, rs);
    if (b->loss_round_start) {
        adapt_lower_bounds(cc);
        b->loss_in_round = false;
    }
    update_aggregation(cc, ack);
    check_full_bw(b, rs);
}

/* 5.3.4.3: UpdateMinRTT(). */
void bbr_update_min_rtt(struct bbr *b, const struct cc_ack *ack)
{
    uint64_t now = ack->now_ns;
    b->probe_rtt_expired = now > b->probe_rtt_min_stamp + PROBE_RTT_INTERVAL_NS;
    if (ack->rtt_us != 0 && (ack->rtt_us < b->probe_rtt_min_us || b->probe_rtt_expired)) {
        b->probe_rtt_min_us = ack->rtt_us;
        b->probe_rtt_min_stamp = now;
    }
    bool min_rtt_expired = now > b->min_rtt_stamp + MIN_RTT_FILTER_NS;
    if (b->probe_rtt_min_us < b->min_rtt_us || min_rtt_expired) {
        b->min_rtt_us = b->probe_rtt_min_us;
        b->min_rtt_stamp = b->probe_rtt_min_stamp;
    }
}

/* ---- losses, 5.5.10 and 5.5.11 --------------------------------------------------------------- */

/* 5.6.4.4: SaveCwnd(). */
void bbr_save_cwnd(struct cc *cc)
{
    struct bbr *b = cc->state;
    bool modulated = b->recovering || b->state == BBR_PROBE_RTT;
    b->prior_cwnd = modulated ? most_u32(b->prior_cwnd, cc->cwnd) : cc->cwnd;
}

/* 5.5.11.1: SaveStateUponLoss(), once an episode: what a later loss of the same episode finds has
 * been reduced already. */
static void save_state(struct cc *cc)
{
    struct bbr *b = cc->state;
    bbr_save_cwnd(cc);
    if (b->saved) {
        return;
    }
    b->saved = true;
    b->undo_state = BBR_NONE;
    b->undo_bw_shortterm = b->bw_shortterm;
    b->undo_inflight_shortterm = b->inflight_shortterm;
    b->undo_inflight_longterm = b->inflight_longterm;
}

/* 5.5.10.2: NoteLoss(). */
void bbr_note_loss(struct cc *cc)
{
    struct bbr *b = cc->state;
    if (!b->loss_in_round) {
        b->loss_round_delivered = b->delivered;
    }
    b->loss_in_round = true;
    save_state(cc);
}
