/* A congestion controller on the bench: its struct cc with memory for the private state, which is
 * exactly as large as it says so that the sanitizer sees what lies beyond. */
#ifndef SUPPORT_CC_RIG_H
#define SUPPORT_CC_RIG_H

#include <stdlib.h>
#include <string.h>

#include "cc/cc.h"

struct rig {
    struct cc cc;
    uint64_t now_ns;
    uint64_t delivered;
    uint32_t srtt_us;
};

static inline void rig_init(struct rig *r, const struct cc_ops *ops, uint32_t mss)
{
    *r = (struct rig){
        .cc = {.ops = ops,
               .state = calloc(1, ops->state_bytes),
               .cwnd = cc_initial_window(mss),
               .ssthresh = UINT32_MAX,
               .mss = mss,
               .srtt_us = 100000},
        .now_ns = 1000000000,
        .srtt_us = 100000,
    };
    ops->begin(&r->cc, r->now_ns);
}

static inline void rig_free(struct rig *r)
{
    free(r->cc.state);
}

/* An ACK for `acked` bytes of a sender that uses its window. */
static inline struct cc_ack rig_ack(struct rig *r, uint32_t acked)
{
    r->delivered += acked;
    r->cc.srtt_us = r->srtt_us;
    return (struct cc_ack){
        .now_ns = r->now_ns,
        .delivered = r->delivered,
        .acked = acked,
        .prior_flight = r->cc.cwnd,
        .flight = r->cc.cwnd - (acked < r->cc.cwnd ? acked : r->cc.cwnd),
        .rtt_us = r->srtt_us,
        .min_rtt_us = r->srtt_us,
        .srtt_us = r->srtt_us,
        .limited = true,
        .phase = CC_OPEN,
    };
}

static inline void rig_acked(struct rig *r, uint32_t acked)
{
    struct cc_ack ack = rig_ack(r, acked);
    r->cc.ops->acked(&r->cc, &ack);
}

#define RIG_ACKS 2000

/* A whole window, segment by segment, or in RIG_ACKS pieces if it has more; its ACKs come within
 * `train_us`, at the end of a round trip. */
static inline void rig_train(struct rig *r, uint32_t train_us)
{
    uint32_t segments = r->cc.cwnd / r->cc.mss;
    uint32_t each = (segments + RIG_ACKS - 1) / RIG_ACKS;
    uint64_t step_ns = (uint64_t)train_us * 1000 * each / segments;
    r->now_ns += (uint64_t)(r->srtt_us - train_us) * 1000;
    for (uint32_t i = 0; i < segments; i += each) {
        r->now_ns += step_ns;
        uint32_t left = segments - i < each ? segments - i : each;
        struct cc_ack ack = rig_ack(r, left * r->cc.mss);
        ack.round_start = i == 0;
        r->cc.ops->acked(&r->cc, &ack);
    }
}

/* The same over all of the round trip. */
static inline void rig_round(struct rig *r)
{
    rig_train(r, r->srtt_us);
}

/* An episode that begins with the whole window outstanding and leaves cwnd at ssthresh. */
static inline void rig_episode(struct rig *r, enum cc_cause cause)
{
    r->cc.ops->congestion(&r->cc, cause, r->cc.cwnd, r->now_ns);
    if (cause != CC_CAUSE_TIMEOUT) {
        r->cc.cwnd = r->cc.ssthresh;
    }
    r->cc.ops->recovered(&r->cc, r->now_ns);
}

#endif
