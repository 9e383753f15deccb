/* Delivery rate samples and packet-timed rounds (draft-ietf-ccwg-bbr 4.1, before that
 * draft-cheng-iccrg-delivery-rate-estimation). Integers in, a sample out. */
#ifndef LOSS_RATE_H
#define LOSS_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* Per connection (C.*). Times are nanoseconds of the stack. */
struct rate {
    uint64_t delivered;       /* C.delivered, bytes */
    uint64_t delivered_ns;    /* C.delivered_time */
    uint64_t first_sent_ns;   /* C.first_send_time */
    uint64_t app_limited;     /* C.app_limited: `delivered` at which the bubble is over, 0: none */
    uint64_t round_delivered; /* BBR.next_round_delivered: the round ends when a packet that was
                                 sent behind it is delivered */
    uint32_t lost;            /* C.lost, modulo 2^32 */
    uint32_t rounds;          /* rounds begun */
};

/* What a packet takes along when it leaves (kept in its run) and what comes back of it. */
struct rate_stamp {
    uint32_t delivered;    /* low half */
    uint32_t delivered_us; /* modulo 2^32 */
    uint32_t first_us;
    uint32_t flight; /* in flight with it */
    uint32_t lost;
    bool app_limited;
};

/* A packet of `bytes` leaves at `now_ns` with `flight` bytes in flight before it. */
struct rate_stamp rate_sent(struct rate *r, uint32_t flight, uint32_t bytes, uint64_t now_ns);

/* Bytes were marked lost. */
static inline void rate_lost(struct rate *r, uint32_t bytes)
{
    r->lost += bytes;
}

/* The application had no more to send than what is in flight now (C.app_limited is set). */
void rate_app_limited(struct rate *r, uint32_t flight);

/* Collects over one ACK. */
struct rate_ack {
    struct rate_stamp newest; /* of the delivered packet that was sent last */
    uint64_t newest_sent_ns;
    uint64_t prior_delivered; /* full count when it left */
    uint32_t acked;
    bool any;
};
void rate_ack_begin(struct rate_ack *a);
/* A packet was delivered, for the first time. Of packets that left at the same time the one that is
 * told of last counts as the newest. */
void rate_delivered(struct rate *r, struct rate_ack *a, const struct rate_stamp *s,
                    uint64_t sent_ns, uint32_t bytes, uint64_t now_ns);

/* RS.*: `interval_us` 0: no valid sample (too short for min_rtt_us, or nothing delivered). The rest
 * counts whenever something was delivered. */
struct rate_sample {
    uint32_t delivered, interval_us;
    uint32_t flight, lost; /* RS.tx_in_flight, RS.lost */
    bool app_limited;
    bool round_start;
};
struct rate_sample rate_ack_end(struct rate *r, const struct rate_ack *a, uint32_t min_rtt_us,
                                uint64_t now_ns);

/* A windowed minimum over about 10 s for the round-trip time (three best samples, as in Kathleen
 * Nichols' algorithm). */
struct min_rtt {
    struct {
        uint32_t at_ms, us;
    } best[3];
};
void min_rtt_sample(struct min_rtt *m, uint32_t now_ms, uint32_t us);
static inline uint32_t min_rtt_us(const struct min_rtt *m)
{
    return m->best[0].us;
}

#endif
