/* Congestion control: a const table of functions and a small state.
 *
 * An algorithm is fed integers and knows neither the TCP header nor the connection. Sizes are
 * bytes, times nanoseconds or microseconds as their names say.
 *
 * Who does what. The connection detects losses, counts what is in flight and decides when an
 * episode of recovery begins and ends; the algorithm says how fast to send. Most algorithms answer
 * an episode with a new ssthresh and leave the window during fast recovery to PRR (RFC 9937), which
 * the connection runs; one with CC_OWN_CWND sets cwnd at every time itself.
 *
 * The private state is memory that the connection lends while it is busy: it is there, zeroed, from
 * begin() on, and gone when the connection has been idle for long; cwnd and ssthresh stay.
 *
 * Invariants: cwnd >= mss; ssthresh >= 2 * mss (RFC 5681 3.1). */
#ifndef CC_CC_H
#define CC_CC_H

#include <stdbool.h>
#include <stdint.h>

struct cc;

/* What an ACK told (RFC 5681 2; rate sample: draft-ietf-ccwg-bbr 4.1). Built once for each ACK that
 * delivers something, in every phase, after loss detection ran. */
struct cc_ack {
    uint64_t now_ns;
    uint64_t delivered;        /* bytes delivered since the connection began, this ACK's included */
    uint32_t acked;            /* newly delivered: acknowledged cumulatively or selectively */
    uint32_t lost;             /* newly marked lost */
    uint32_t prior_flight;     /* in flight before this ACK (RFC 6675's pipe) */
    uint32_t flight;           /* in flight after it */
    uint32_t rtt_us;           /* this ACK's sample, 0: none (Karn) */
    uint32_t min_rtt_us;       /* smallest of the last 10 s, 0: unknown */
    uint32_t srtt_us;          /* 0: unknown */
    uint32_t sample_delivered; /* rate sample: bytes delivered within sample_us; 0: no sample */
    uint32_t sample_us;
    uint32_t sample_flight;  /* in flight when the sampled packet left, itself included */
    uint32_t sample_lost;    /* bytes lost between its sending and now */
    uint32_t ce;             /* newly acknowledged bytes that met congestion (CE marks) */
    bool sample_app_limited; /* the sampled packet left when the application had no more */
    bool round_start;        /* a packet-timed round trip begins */
    bool limited;            /* the sender used all of cwnd: growing it is justified (RFC 7661 4) */
    bool paced;              /* the connection paces: no limit on an ACK's growth (RFC 9406 4.3) */
    bool no_sack;            /* the peer does no SACK: at most one loss a round trip is seen */
    uint8_t phase;           /* enum cc_phase after this ACK */
};

/* The connection's phases: no trouble; after an ECN signal; fast recovery; after a timeout. */
enum cc_phase { CC_OPEN, CC_CWR, CC_RECOVERY, CC_LOSS };

enum cc_cause { CC_CAUSE_LOSS, CC_CAUSE_ECN, CC_CAUSE_TIMEOUT };

/* A packet that was marked lost. */
struct cc_lost {
    uint64_t now_ns;
    uint64_t delivered;      /* in all, now */
    uint32_t bytes;          /* of the packet */
    uint32_t flight;         /* in flight when it left, itself included */
    uint32_t lost;           /* bytes lost between its sending and now, itself included */
    uint32_t delivered_then; /* low half of `delivered` when it left */
    bool app_limited;        /* it left when the application had no more */
};

#define CC_OWN_CWND   0x01 /* sets cwnd in every phase: no PRR, no loss window */
#define CC_PACED      0x02 /* must be paced: `pacing_bps` is its rate */
#define CC_WANTS_ECN  0x04 /* asks for ECN when the connection opens (RFC 8257 3) */
#define CC_SCALES_ECN 0x08 /* answers CE marks by itself in acked(): no CWR episodes */

/* What a controller may be told to do otherwise; all zero: as its RFC says. */
struct cc_style {
    uint32_t initial_window; /* bytes, for idle_restart */
    uint8_t slow_start_segs; /* 0: its own bound of an ACK's growth; 255: none */
    uint8_t hystart;         /* enum la_hystart (lastack/persona.h) */
    bool no_validation;      /* without RFC 7661 */
    bool loss_by_window;     /* a loss reduces the window, not what was outstanding */
    bool idle_restart;       /* without RFC 7661: RFC 5681 4.1 */
};

struct cc_ops {
    const char *name;
    uint8_t traits;       /* CC_* */
    uint16_t state_bytes; /* of its private state, at most CC_STATE_BYTES */

    /* The private state is there, zeroed: the first data, or the first after long idleness. cwnd
     * and ssthresh are set. */
    void (*begin)(struct cc *cc, uint64_t now_ns);

    /* Right after that, when not all is zero. May be NULL. */
    void (*style)(struct cc *cc, const struct cc_style *style);

    /* An ACK delivered data. In CC_OPEN and CC_LOSS the algorithm may grow cwnd; in CC_CWR and
     * CC_RECOVERY the connection sets it, but for CC_OWN_CWND. */
    void (*acked)(struct cc *cc, const struct cc_ack *ack);

    /* A packet was marked lost; before acked() of the same ACK. May be NULL. */
    void (*lost)(struct cc *cc, const struct cc_lost *lost);

    /* An episode begins with `flight` bytes outstanding: sets ssthresh; for CC_CAUSE_TIMEOUT also
     * cwnd (RFC 5681 3.1: the loss window; `flight` is then what was outstanding). A second timeout
     * of the same data does not come here. `rtt_us`: srtt, 0 unknown. */
    void (*congestion)(struct cc *cc, enum cc_cause cause, uint32_t flight, uint64_t now_ns);

    /* The episode is over; cwnd is what PRR left, `ssthresh` holds. */
    void (*recovered)(struct cc *cc, uint64_t now_ns);

    /* The episode was a mistake (RFC 4015, RFC 5682): cwnd and ssthresh have been put back. */
    void (*undo)(struct cc *cc, uint64_t now_ns);

    /* Sending begins again after `idle_ns` with nothing outstanding (RFC 5681 4.1, RFC 7661). */
    void (*restart)(struct cc *cc, uint64_t idle_ns, uint64_t now_ns);
};

#define CC_STATE_BYTES 256

struct cc {
    const struct cc_ops *ops;
    void *state; /* private, NULL while the connection is idle for long */
    uint32_t cwnd;
    uint32_t ssthresh;
    uint32_t mss;
    uint32_t srtt_us;                    /* of the connection, from the handshake on; 0: unknown */
    uint64_t pacing_bps;                 /* bits a second; 0: none of its own */
    uint32_t prior_cwnd, prior_ssthresh; /* before the episode, for undo */
};
_Static_assert(sizeof(struct cc) <= 64, "one cache line");

extern const struct cc_ops cc_newreno, cc_cubic, cc_bbr, cc_dctcp;

/* The `n`-th, the default first; NULL behind the last: for lists of what exists. */
const struct cc_ops *cc_nth(unsigned n);
/* The number of the one named so, -1: none is. */
int cc_number(const char *name);

/* Initial window of 10 segments (RFC 6928 2), with RFC 6928's byte bound for large segments. */
static inline uint32_t cc_initial_window(uint32_t mss)
{
    uint32_t bound = 2 * mss > 14600 ? 2 * mss : 14600;
    return 10 * mss < bound ? 10 * mss : bound;
}

#endif
