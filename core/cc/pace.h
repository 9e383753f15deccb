/* Pacing: what the window allows leaves in pieces of a quantum, spread over time.
 *
 * `due_ns` says when the next piece may leave; each byte sent moves it on by the byte's time at the
 * rate, remainder included, so that the schedule does not drift from the rate. A sender that was
 * held back and comes late catches up by at most a quantum; one that had nothing to send has saved
 * up nothing: it may send one quantum, and then the rate holds again.
 *
 * The calls, when there is something to send and the window allows it:
 *
 *   budget = pace_budget(&p, now)     0: come back at p.due_ns
 *   ... send something, at most `budget` bytes, then pace_sent(&p, bytes)
 *   ... ask again; a piece may leave in parts, as long as that is in the same instant */
#ifndef CC_PACE_H
#define CC_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t bps;        /* bits a second; 0: not paced */
    uint64_t due_ns;     /* when the next piece may leave */
    uint64_t granted_ns; /* when the last one was allowed */
    uint64_t rest;       /* behind due_ns, in bps-ths of a nanosecond */
    uint32_t quantum;    /* bytes of a piece */
    uint32_t left;       /* of the last piece */
    bool held;           /* a sender was told to wait since then */
};

/* Sets the rate, 0: not paced. */
void pace_set(struct pace *p, uint64_t bps, uint32_t mss);

/* Bytes that may leave now, 0: none before p->due_ns. */
uint32_t pace_budget(struct pace *p, uint64_t now_ns);

/* So many of them left. */
void pace_sent(struct pace *p, uint32_t bytes);

/* A piece at this rate: about a millisecond's worth of whole segments, at least two of them, at
 * most 64 KiB (draft-ietf-ccwg-bbr: BBRSetSendQuantum). */
uint32_t pace_quantum(uint64_t bps, uint32_t mss);

/* The rate that spreads a window over the round trip, faster than the ACKs come so that the window
 * stays what limits: twice as fast in slow start, else 1.2 times. 0: the round trip is unknown. */
uint64_t pace_rate_of_window(uint32_t cwnd, uint32_t srtt_us, bool slow_start);

#endif
