/* HyStart++ (RFC 9406): leaves the first slow start when the round-trip time grows, before the
 * queue overflows.
 *
 * Rounds are packet-timed. When the smallest of eight samples in a row exceeds the last round's
 * smallest by a threshold, conservative slow start (CSS) begins: a quarter of the growth. It ends
 * in congestion avoidance after five rounds, the one it began in included; or, when the round-trip
 * time falls below what it was at its beginning, in slow start again: the exit was a mistake.
 *
 * Two things go beyond the RFC, for a window that doubles can leap from below what the path holds
 * to where its queue overflows within one round (docs/deviations.md). Every eight samples of a
 * round are looked at, not the first eight alone, so that the queue is seen while the round builds
 * it. And CSS ends at once in a later round that stands behind a queue of half a round trip.
 *
 * For the first slow start only (4.3), that is while ssthresh is still UINT32_MAX. All zero is the
 * state at the beginning; 0 stands for the RFC's infinity. */
#ifndef CC_HYSTART_H
#define CC_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

struct hystart {
    uint32_t last_min_us;     /* lastRoundMinRTT */
    uint32_t current_min_us;  /* currentRoundMinRTT */
    uint32_t block_min_us;    /* of the samples since the last eight */
    uint32_t css_baseline_us; /* cssBaselineMinRtt */
    uint32_t least_us;        /* smallest of all samples */
    uint8_t samples;          /* rttSampleCount, of these eight */
    uint8_t css_rounds;       /* rounds in CSS, this one included; 0: in slow start */
};

/* An ACK in slow start. `round_start`: it begins a round; `rtt_us`: its sample, 0: none. True: slow
 * start is over, ssthresh becomes cwnd. */
bool hystart_acked(struct hystart *h, bool round_start, uint32_t rtt_us);

/* The first HyStart (Ha and Rhee 2011) without its ACK trains: slow start is over when the smallest
 * of at least eight samples of a round exceeds the smallest of all by an eighth, 4 to 16 ms, and
 * the window is at least 16 segments. */
bool hystart_delayed(struct hystart *h, bool round_start, uint32_t rtt_us, uint32_t cwnd_segs);

/* By how much the window grows for `acked` bytes (4.2); paced senders are not held to L. */
uint32_t hystart_growth(const struct hystart *h, uint32_t acked, uint32_t mss, bool paced);

#endif
