/* Arithmetic of windows that the algorithms share. */
#ifndef CC_WINDOW_H
#define CC_WINDOW_H

#include "cc/cc.h"

/* No window is larger (RFC 7323 2.3), so nothing grows beyond it. */
#define CWND_MAX (1U << 30)

static inline uint32_t least_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t most_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline void cc_grow(struct cc *cc, uint32_t by)
{
    if (cc->cwnd < CWND_MAX) {
        cc->cwnd += least_u32(by, CWND_MAX - cc->cwnd);
    }
}

/* Slow start: at most `most` bytes an ACK, and not beyond ssthresh. What is left of `acked` counts
 * for congestion avoidance. */
static inline uint32_t cc_slow_start(struct cc *cc, uint32_t acked, uint32_t most)
{
    uint32_t room = cc->cwnd < cc->ssthresh ? cc->ssthresh - cc->cwnd : 0;
    if (room == 0) {
        return acked;
    }
    cc_grow(cc, least_u32(least_u32(acked, most), room));
    return cc->cwnd < cc->ssthresh || acked < room ? 0 : acked - room;
}

/* The most that one ACK adds in slow start: `own`, or what the style says. */
static inline uint32_t cc_slow_start_most(const struct cc_style *style, const struct cc *cc,
                                          uint32_t own)
{
    uint32_t segs = style->slow_start_segs;
    return segs == 0 ? own : segs == UINT8_MAX ? CWND_MAX : segs * cc->mss;
}

/* A part of a window, in hundredths, but at least two segments (RFC 5681 3.1, equation 4). */
static inline uint32_t cc_part(const struct cc *cc, uint32_t bytes, uint32_t percent)
{
    uint32_t part = (uint32_t)((uint64_t)bytes * percent / 100);
    return most_u32(part, 2 * cc->mss);
}

#endif
