/* A path for a congestion controller: a bottleneck with a rate and a buffer, a round trip, and a
 * sender that has always something to send. Packet by packet, in virtual time.
 *
 * Packets stay in order, so a packet is known to be lost when a later one is acknowledged. Lost
 * bytes are not sent again: the controller sees no difference. Recovery is over when a packet that
 * left after its beginning arrives. */
#ifndef SUPPORT_CC_PATH_H
#define SUPPORT_CC_PATH_H

#include <stdlib.h>
#include <string.h>

#include "cc/cc.h"
#include "cc/pace.h"
#include "support/core_memory.h"

#define PATH_PACKETS 65536U
#define PATH_NEVER   UINT64_MAX

struct path_packet {
    uint64_t sent_ns, ack_ns; /* ack_ns PATH_NEVER: dropped */
    uint64_t delivered, delivered_ns, first_ns, lost;
    uint32_t flight;
    bool ce;
};

struct path {
    struct cc cc;
    struct pace pace;
    uint64_t now_ns;
    /* The path. */
    uint64_t rate_bps;
    uint64_t rtt_ns; /* without queueing */
    uint64_t buffer; /* bytes */
    uint64_t mark_above;
    uint32_t loss_ppm;
    uint64_t link_free_ns;
    uint64_t seed;
    /* The sender. */
    struct path_packet *packets;
    uint64_t head, tail; /* [head, tail) are outstanding */
    uint64_t delivered, delivered_ns, first_sent_ns, lost;
    uint64_t round_delivered;
    uint64_t recover; /* the episode is over when this packet is acknowledged */
    uint64_t progress_ns;
    uint32_t flight, srtt_us, min_rtt_us;
    uint8_t phase;
    /* What was seen since path_watch(). */
    uint64_t watch_delivered, watch_ns, queue_most, drops, episodes, timeouts;
    uint32_t rtt_least_us;
};

static inline void path_init(struct path *p, const struct cc_ops *ops, uint64_t rate_bps,
                             uint32_t rtt_us, uint64_t buffer)
{
    *p = (struct path){
        .cc = {.ops = ops,
               .state = calloc(1, ops->state_bytes),
               .cwnd = cc_initial_window(1500),
               .ssthresh = UINT32_MAX,
               .mss = 1500},
        .now_ns = 1000000000,
        .rate_bps = rate_bps,
        .rtt_ns = (uint64_t)rtt_us * 1000,
        .buffer = buffer,
        .mark_above = UINT64_MAX,
        .seed = 1,
        .packets = calloc(PATH_PACKETS, sizeof(struct path_packet)),
        .min_rtt_us = UINT32_MAX,
    };
    p->progress_ns = p->now_ns;
    ops->begin(&p->cc, p->now_ns);
}

static inline void path_free(struct path *p)
{
    free(p->cc.state);
    free(p->packets);
}

static inline struct path_packet *path_at(struct path *p, uint64_t n)
{
    return &p->packets[n % PATH_PACKETS];
}

static inline void path_watch(struct path *p)
{
    p->watch_delivered = p->delivered;
    p->watch_ns = p->now_ns;
    p->queue_most = p->drops = p->episodes = p->timeouts = 0;
    p->rtt_least_us = UINT32_MAX;
}

/* Delivered since path_watch(), in percent of what the rate allows. */
static inline unsigned path_percent(const struct path *p)
{
    double most = (double)p->rate_bps / 8 * (double)(p->now_ns - p->watch_ns) / 1e9;
    return (unsigned)((double)(p->delivered - p->watch_delivered) * 100 / most + 0.5);
}

static inline void path_emit(struct path *p)
{
    struct path_packet *k = path_at(p, p->tail++);
    if (p->flight == 0) {
        p->first_sent_ns = p->delivered_ns = p->now_ns;
        p->progress_ns = p->now_ns;
    }
    p->flight += p->cc.mss;
    *k = (struct path_packet){.sent_ns = p->now_ns,
                              .ack_ns = PATH_NEVER,
                              .delivered = p->delivered,
                              .delivered_ns = p->delivered_ns,
                              .first_ns = p->first_sent_ns,
                              .lost = p->lost,
                              .flight = p->flight};
    uint64_t free_ns = p->link_free_ns > p->now_ns ? p->link_free_ns : p->now_ns;
    uint64_t queue = (uint64_t)((double)(free_ns - p->now_ns) * (double)p->rate_bps / 8e9);
    if (queue + p->cc.mss > p->buffer || random_below(&p->seed, 1000000) < p->loss_ppm) {
        p->drops++;
        return;
    }
    p->queue_most = queue > p->queue_most ? queue : p->queue_most;
    k->ce = queue > p->mark_above;
    p->link_free_ns = free_ns + p->cc.mss * UINT64_C(8000000000) / p->rate_bps;
    k->ack_ns = p->link_free_ns + p->rtt_ns;
}

/* Sends what window and pacing allow now. */
static inline void path_send(struct path *p)
{
    while (p->flight + p->cc.mss <= p->cc.cwnd) {
        pace_set(&p->pace, p->cc.pacing_bps, p->cc.mss);
        uint32_t budget = pace_budget(&p->pace, p->now_ns), sent = 0;
        if (budget == 0) {
            return;
        }
        while (sent < budget && p->flight + p->cc.mss <= p->cc.cwnd &&
               p->tail - p->head < PATH_PACKETS) {
            path_emit(p);
            sent += p->cc.mss;
        }
        pace_sent(&p->pace, sent);
        if (sent == 0) {
            return;
        }
    }
}

static inline void path_episode(struct path *p, enum cc_cause cause, uint32_t flight)
{
    p->cc.prior_cwnd = p->cc.cwnd;
    p->cc.prior_ssthresh = p->cc.ssthresh;
    p->cc.ops->congestion(&p->cc, cause, flight, p->now_ns);
    if (!(p->cc.ops->traits & CC_OWN_CWND) && cause != CC_CAUSE_TIMEOUT) {
        p->cc.cwnd = p->cc.ssthresh;
    }
    p->phase = cause == CC_CAUSE_TIMEOUT ? CC_LOSS : cause == CC_CAUSE_ECN ? CC_CWR : CC_RECOVERY;
    p->recover = p->tail;
    p->episodes++;
}

static inline uint32_t path_lose(struct path *p, struct path_packet *k)
{
    p->lost += p->cc.mss;
    struct cc_lost lost = {.now_ns = p->now_ns,
                           .delivered = p->delivered,
                           .bytes = p->cc.mss,
                           .flight = k->flight,
                           .lost = (uint32_t)(p->lost - k->lost),
                           .delivered_then = (uint32_t)k->delivered};
    if (p->cc.ops->lost) {
        p->cc.ops->lost(&p->cc, &lost);
    }
    p->flight -= p->cc.mss;
    p->head++;
    return p->cc.mss;
}

static inline void path_acked(struct path *p, uint64_t n)
{
    uint32_t prior_flight = p->flight, lost = 0;
    struct path_packet k = *path_at(p, n);
    while (p->head < n) {
        lost += path_lose(p, path_at(p, p->head));
    }
    if (lost > 0 && p->phase != CC_RECOVERY && p->phase != CC_LOSS) {
        path_episode(p, CC_CAUSE_LOSS, prior_flight);
    } else if (k.ce && p->phase == CC_OPEN && !(p->cc.ops->traits & CC_SCALES_ECN)) {
        path_episode(p, CC_CAUSE_ECN, prior_flight);
    }
    p->head++;
    p->flight -= p->cc.mss;
    p->delivered += p->cc.mss;
    p->delivered_ns = p->progress_ns = p->now_ns;
    p->first_sent_ns = k.sent_ns;
    uint32_t rtt_us = (uint32_t)((p->now_ns - k.sent_ns) / 1000);
    p->srtt_us = p->srtt_us ? p->srtt_us - p->srtt_us / 8 + rtt_us / 8 : rtt_us;
    p->min_rtt_us = rtt_us < p->min_rtt_us ? rtt_us : p->min_rtt_us;
    p->rtt_least_us = rtt_us < p->rtt_least_us ? rtt_us : p->rtt_least_us;
    p->cc.srtt_us = p->srtt_us;
    bool over = p->phase != CC_OPEN && n >= p->recover;
    uint64_t sending = k.sent_ns - k.first_ns, acking = p->now_ns - k.delivered_ns;
    struct cc_ack ack = {
        .now_ns = p->now_ns,
        .delivered = p->delivered,
        .acked = p->cc.mss,
        .lost = lost,
        .prior_flight = prior_flight,
        .flight = p->flight,
        .rtt_us = rtt_us,
        .min_rtt_us = p->min_rtt_us,
        .srtt_us = p->srtt_us,
        .sample_delivered = (uint32_t)(p->delivered - k.delivered),
        .sample_us = (uint32_t)((sending > acking ? sending : acking) / 1000),
        .sample_flight = k.flight,
        .sample_lost = (uint32_t)(p->lost - k.lost),
        .ce = k.ce ? p->cc.mss : 0,
        .round_start = k.delivered >= p->round_delivered,
        .limited = prior_flight + 2 * p->cc.mss > p->cc.cwnd,
        .paced = p->cc.pacing_bps != 0,
        .phase = over ? CC_OPEN : p->phase,
    };
    if (ack.round_start) {
        p->round_delivered = p->delivered;
    }
    if (over) {
        p->phase = CC_OPEN;
        p->cc.ops->recovered(&p->cc, p->now_ns);
    }
    p->cc.ops->acked(&p->cc, &ack);
}

/* One event: an ACK, a release of the pacer, a timeout, or the end. */
static inline void path_step(struct path *p, uint64_t end_ns)
{
    path_send(p);
    uint64_t n = p->head;
    while (n < p->tail && path_at(p, n)->ack_ns == PATH_NEVER) {
        n++;
    }
    uint64_t ack_ns = n < p->tail ? path_at(p, n)->ack_ns : PATH_NEVER;
    uint64_t rto_ns = p->head < p->tail ? p->progress_ns + 1000000000 : PATH_NEVER;
    bool room = p->flight + p->cc.mss <= p->cc.cwnd;
    uint64_t send_ns = room && p->pace.due_ns > p->now_ns ? p->pace.due_ns : PATH_NEVER;
    uint64_t next = ack_ns < send_ns ? ack_ns : send_ns;
    if (n < p->tail) {
        rto_ns = PATH_NEVER;
    }
    next = rto_ns < next ? rto_ns : next;
    if (next >= end_ns) {
        p->now_ns = end_ns;
        return;
    }
    p->now_ns = next > p->now_ns ? next : p->now_ns;
    if (next == ack_ns) {
        path_acked(p, n);
    } else if (next == rto_ns) {
        uint32_t flight = p->flight;
        while (p->head < p->tail) {
            path_lose(p, path_at(p, p->head));
        }
        path_episode(p, CC_CAUSE_TIMEOUT, flight);
        p->timeouts++;
        p->progress_ns = p->now_ns;
    }
}

static inline void path_run(struct path *p, uint64_t ms)
{
    uint64_t end_ns = p->now_ns + ms * 1000000;
    while (p->now_ns < end_ns) {
        path_step(p, end_ns);
    }
}

#endif
