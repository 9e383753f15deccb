/* BBR version 3 (draft-ietf-ccwg-bbr-06): a model of the path, and sending at what it says.
 *
 * The parts, in the order in which an ACK passes them:
 *
 *   bbr_model.c   bandwidth, round-trip time, aggregation, what losses say
 *   bbr_state.c   the state machine: Startup, Drain, ProbeBW, ProbeRTT
 *   bbr.c         the window, the pacing rate, the calls of cc_ops
 *
 * Names are the draft's, in its order. Rates are bytes a second, at most 2^40; gains are percent;
 * INFINITE and INFINITE_BW stand for its Infinity. Numbers of sections below are the draft's. */
#ifndef CC_BBR_H
#define CC_BBR_H

#include "cc/cc.h"

#define INFINITE    UINT32_MAX
#define INFINITE_BW UINT64_MAX

#define BBR_BETA_PERCENT 70 /* Beta, 2.8 */

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_DOWN,
    BBR_CRUISE,
    BBR_REFILL,
    BBR_UP,
    BBR_PROBE_RTT,
    BBR_NONE, /* for undo_state */
};

enum bbr_ack_phase { ACKS_INIT, ACKS_REFILLING, ACKS_STARTING, ACKS_FEEDBACK, ACKS_STOPPING };

struct bbr {
    /* 2.9.1, 2.10, 2.11: bandwidth. The filter has two slots, this ProbeBW cycle's and the one's
     * before. */
    uint64_t max_bw_filter[2];
    uint64_t bw_shortterm;
    uint64_t bw;
    uint64_t bw_latest;
    uint64_t full_bw;
    uint64_t undo_bw_shortterm;
    /* Moments, ns. */
    uint64_t cycle_stamp;
    uint64_t min_rtt_stamp;
    uint64_t probe_rtt_min_stamp;
    uint64_t probe_rtt_done_stamp; /* 0: not set */
    uint64_t extra_acked_interval_start;
    /* Counts of delivered bytes. */
    uint64_t delivered; /* C.delivered */
    uint64_t next_round_delivered;
    uint64_t loss_round_delivered;
    uint64_t app_limited_until; /* samples of packets sent before it are ProbeRTT's */
    uint64_t extra_acked_delivered;
    /* 2.9.2: volumes. */
    uint32_t inflight_latest;
    uint32_t inflight_longterm;
    uint32_t inflight_shortterm;
    uint32_t undo_inflight_longterm;
    uint32_t undo_inflight_shortterm;
    uint32_t prior_cwnd;
    uint32_t extra_acked[2]; /* the filter, as above; the slots are rounds long */
    uint32_t bw_probe_up_acked;
    uint32_t probe_up_acked_per_inc;
    /* Times, us. */
    uint32_t min_rtt_us; /* INFINITE: none yet */
    uint32_t probe_rtt_min_us;
    uint32_t bw_probe_wait_us;
    /* Counts. */
    uint32_t round_count;
    uint32_t drain_start_round;
    uint32_t rounds_since_probe_up;
    uint32_t random;
    uint8_t state;      /* enum bbr_state */
    uint8_t undo_state; /* enum bbr_state */
    uint8_t ack_phase;  /* enum bbr_ack_phase */
    uint8_t full_bw_count;
    uint8_t bw_probe_up_rounds;
    uint8_t loss_events; /* ACKs with losses in this loss round */
    uint8_t extra_acked_rounds;
    bool round_start;
    bool loss_round_start;
    bool loss_in_round;
    bool loss_since_ack;
    bool full_bw_reached;
    bool full_bw_now;
    bool idle_restart;
    bool is_bw_probe_sample;
    bool prev_probe_too_high;
    bool prev_probe_precautionary;
    bool probe_rtt_expired;
    bool probe_rtt_round_done;
    bool saved;      /* the undo state is this episode's */
    bool recovering; /* in an episode of loss recovery */
    bool has_rtt;    /* the pacing rate was set from a round-trip time */
    bool no_sack;
};
_Static_assert(sizeof(struct bbr) <= CC_STATE_BYTES, "the state is lent");

/* RS: the rate sample of an ACK, or of a lost packet. Nothing but zeros: there is none. */
struct bbr_sample {
    uint64_t bw;              /* delivery_rate */
    uint64_t prior_delivered; /* delivered when the packet left */
    uint32_t delivered;
    uint32_t tx_in_flight;
    uint32_t lost;
    bool app_limited;
};

/* ---- bbr_model.c ----------------------------------------------------------------------------- */

struct bbr_sample bbr_sample_of(const struct bbr *b, const struct cc_ack *ack);
uint64_t bbr_max_bw(const struct bbr *b);
/* bw * time, in bytes, at most CWND_MAX. */
uint32_t bbr_volume(uint64_t bw, uint64_t us);
/* BDPMultiple() and Inflight(): 5.6.4.2. */
uint32_t bbr_bdp(const struct cc *cc, uint64_t bw, uint32_t percent);
uint32_t bbr_inflight(const struct cc *cc, uint64_t bw, uint32_t percent);
/* Adds the offload budget and the least window. */
uint32_t bbr_quantized(const struct cc *cc, uint32_t inflight);
uint32_t bbr_target_inflight(const struct cc *cc);
uint32_t bbr_inflight_with_headroom(const struct cc *cc);

void bbr_start_round(struct bbr *b);
void bbr_reset_full_bw(struct bbr *b);
void bbr_reset_shortterm(struct bbr *b);
bool bbr_inflight_too_high(const struct bbr *b, const struct bbr_sample *rs);
/* What the ACK says of the path, but for the round-trip time. */
void bbr_update_model(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs);
void bbr_advance_latest(struct bbr *b, const struct bbr_sample *rs);
void bbr_update_min_rtt(struct bbr *b, const struct cc_ack *ack);
void bbr_note_loss(struct cc *cc);
void bbr_save_cwnd(struct cc *cc);

/* ---- bbr_state.c ----------------------------------------------------------------------------- */

/* Gains of the state it is in. */
uint32_t bbr_pacing_percent(const struct bbr *b);
uint32_t bbr_cwnd_percent(const struct bbr *b);

bool bbr_in_probe_bw(const struct bbr *b);
/* The state machine's part of an ACK. */
void bbr_update_state(struct cc *cc, const struct cc_ack *ack, const struct bbr_sample *rs);
void bbr_start_refill(struct bbr *b);
void bbr_startup_too_high(struct cc *cc);
void bbr_handle_too_high(struct cc *cc, const struct bbr_sample *rs, uint64_t now_ns);
void bbr_check_probe_rtt_done(struct cc *cc, uint64_t now_ns);
uint32_t bbr_probe_rtt_cwnd(const struct cc *cc);

#endif
