/* Invariants of TCP as pure functions: facts of a connection before and after an event, and of the
 * segment between them. Each returns NULL, or the name of what does not hold, its number in
 * docs/simulator.md first.
 *
 * Who fills the facts in is check.c, for connections, and check_wire.c, for segments. */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include <stdbool.h>
#include <stdint.h>

/* A connection between two events, from ESTABLISHED on. */
struct rule_view {
    uint8_t state;   /* enum la_tcp_state */
    uint8_t phase;   /* enum cc_phase */
    uint8_t backoff; /* timeouts in a row */
    bool ts;         /* timestamps were agreed */
    bool own_cwnd;   /* its controller has rules of its own (CC_OWN_CWND) */
    bool persists;   /* the timer is the persist timer */
    bool held_back;  /* the stack has something to send for it, and no way or no memory */
    bool loses;      /* the next hop may not answer: what leaves is lost before it is a packet */
    uint8_t wnd_shift;
    uint16_t mss, rcv_mss;
    uint16_t recoveries, undone;
    uint32_t iss, irs, snd_una, snd_max, snd_wnd_max;
    uint32_t rcv_nxt, rcv_adv, rcvbuf;
    uint32_t rcv_unacked; /* payload since our last ACK */
    uint32_t segs_out;
    uint32_t ts_recent, ts_recent_s, last_ack_sent;
    uint32_t cwnd, ssthresh;
    uint32_t srtt_us8, rto_ms;
    uint64_t delivered;            /* bytes, acknowledged in order or not; 0: nobody counts */
    uint64_t una_at_ns;            /* SND.UNA moved, or data were queued and none outstanding */
    uint64_t rtx_at_ns, ack_at_ns; /* UINT64_MAX: the timer does not run */
};

/* A segment. */
struct rule_segment {
    uint32_t seq, ack, tsval;
    uint32_t payload;
    uint16_t flags;  /* LA_TH_* */
    uint16_t reason; /* enum la_reason: its verdict, or why it leaves */
    bool ts;         /* it has a timestamp */
};

/* Both ends of one connection at the same moment, whatever is on its way between them. I7: the
 * states can stand beside each other. I8: who is open has the other's numbers, exactly. */
const char *rules_pair(const struct rule_view *a, const struct rule_view *b);

/* A segment came, alone. `after` NULL: the connection is gone. I17, I18, I19, I25, I28. `rtx_from`
 * to `rtx_to`: what was sent twice, without a gap. */
const char *rules_taken(const struct rule_view *before, const struct rule_view *after,
                        const struct rule_segment *seg, uint32_t rtx_from, uint32_t rtx_to);

/* Between two events, at `now_ns` of its host. I14, I24, I25, I29. */
const char *rules_step(const struct rule_view *before, const struct rule_view *after,
                       uint64_t now_ns, uint32_t rto_max_ms);

/* I29: may a segment of new data be so small? RFC 9293 3.8.6.2.1, and Nagle's 3.7.4. `waited_ns`:
 * for so long there were data to send and none outstanding, when this event began. */
struct rule_small {
    uint32_t missing;     /* bytes more would have been a full segment */
    uint32_t payload;     /* bytes it has */
    uint32_t snd_wnd_max; /* the largest window ever offered */
    uint64_t waited_ns;
    bool last;    /* nothing is queued behind it */
    bool alone;   /* nothing before it is outstanding */
    bool nodelay; /* TCP_NODELAY */
    bool fin;     /* a FIN follows the last byte */
    bool cut;     /* the application said where segments end, or that it is urgent */
};
bool rules_small_ok(const struct rule_small *s);

#endif
