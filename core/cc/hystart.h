/* HyStart++ (RFC 9406): leaves the first slow start when the round-trip time grows, before the
 * queue overflows.
 *
 * Rounds are packet-timed. When the smallest of eight samples in a row exceeds the last round's
 * smallest by a threshold, conservative slow start (CSS) begins: a quarter of the growth. It ends
 * in congestion avoidance after five rounds, the one it began in included; or, when the round-trip
 * time falls below what it was at its beginning, in slow start again: the exit was a mistake.
 *
 * Three things go beyond the RFC, for a window that doubles can leap from below what the path holds
 * to where its queue overflows within one round (docs/deviations.md). Every eight samples of a
 * round are looked at, not the first eight alone, so that the queue is seen while the round builds
 * it. CSS ends at once in a later round that stands behind a queue of half a round trip. And CSS
 * begins as well when the ACKs of one round come as a train of half a round trip without a gap: the
 * window, which the next round doubles, then fills the path before any queue shows. That CSS goes
 * on for its five rounds: they triple a window that is at least half of what the path holds.
 *
 * For the first slow start only (4.3), that is while ssthresh is still UINT32_MAX. All zero is the
 * state at the beginning; 0 stands for the RFC's infinity, but for css_baseline_us. */
#ifndef CC_HYSTART_H
#define CC_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

struct cc_ack;

struct hystart {
    uint32_t last_min_us;     /* lastRoundMinRTT */
    uint32_t current_min_us;  /* currentRoundMinRTT */
    uint32_t block_min_us;    /* of the samples since the last eight */
    uint32_t css_baseline_us; /* cssBaselineMinRtt; 0: a train began CSS */
    uint32_t least_us;        /* smallest of all samples */
    uint32_t train_us;        /* when the round began, low half of the clock */
    uint32_t last_ack_us;     /* when the last ACK came */
    uint8_t samples;          /* rttSampleCount, of these eight */
    uint8_t css_rounds;       /* rounds in CSS, this one included; 0: in slow start */
    bool train_over;          /* there was a gap in this round */
};

/* An ACK in slow start; of `ack` the clock, the sample, whether a round begins, and whether the
 * sender is limited by its window and paced. True: slow start is over, ssthresh becomes cwnd. */
bool hystart_acked(struct hystart *h, const struct cc_ack *ack);

/* The first HyStart (Ha and Rhee 2011) without its ACK trains: slow start is over when the smallest
 * of at least eight samples of a round exceeds the smallest of all by an eighth, 4 to 16 ms, and
 * the window is at least 16 segments. */
bool hystart_delayed(struct hystart *h, bool round_start, uint32_t rtt_us, uint32_t cwnd_segs);

/* By how much the window grows for `acked` bytes (4.2); paced senders are not held to L. */
uint32_t hystart_growth(const struct hystart *h, uint32_t acked, uint32_t mss, bool paced);

#endif
