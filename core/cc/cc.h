/* Congestion control: a const table of functions and a small state.
 *
 * An algorithm is fed integers in bytes and knows neither the TCP header nor the connection. All
 * sizes are bytes. Invariants: cwnd >= mss; ssthresh >= 2 * mss (RFC 5681 3.1). */
#ifndef CC_CC_H
#define CC_CC_H

#include <stdint.h>

struct cc;

struct cc_ops {
    const char *name;
    void (*init)(struct cc *cc);
    /* `acked` new bytes were acknowledged outside recovery; `limited`: the sender used all of
     * cwnd, so that growing it is justified (RFC 7661 4). */
    void (*acked)(struct cc *cc, uint32_t acked, uint32_t limited);
    /* Loss seen by duplicate ACKs with `flight` bytes outstanding: recovery begins. */
    void (*enter_recovery)(struct cc *cc, uint32_t flight);
    /* Another duplicate ACK in recovery: a segment has left the network. */
    void (*duplicate_ack)(struct cc *cc);
    /* A partial ACK in recovery acknowledged `acked` bytes. */
    void (*partial_ack)(struct cc *cc, uint32_t acked);
    /* Recovery is over; `flight` bytes are outstanding. */
    void (*leave_recovery)(struct cc *cc, uint32_t flight);
    /* The retransmission timer ran out with `flight` bytes outstanding; `again`: the same data had
     * timed out before (RFC 5681 3.1: ssthresh is set once). */
    void (*timeout)(struct cc *cc, uint32_t flight, uint32_t again);
    /* Sending starts again after more than an RTO of silence (RFC 5681 4.1). */
    void (*restart_idle)(struct cc *cc);
};

struct cc {
    const struct cc_ops *ops;
    uint32_t cwnd;
    uint32_t ssthresh;
    uint32_t mss;
    uint32_t acked; /* bytes acknowledged towards the next step of congestion avoidance */
    uint32_t state[10];
};
_Static_assert(sizeof(struct cc) == 64, "one cache line");

extern const struct cc_ops cc_newreno;

/* Initial window of 10 segments (RFC 6928 2), with RFC 6928's byte bound for large segments. */
static inline uint32_t cc_initial_window(uint32_t mss)
{
    uint32_t bound = 2 * mss > 14600 ? 2 * mss : 14600;
    return 10 * mss < bound ? 10 * mss : bound;
}

#endif
