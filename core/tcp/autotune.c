/* Buffers that follow the path: see autotune.h. */
#include "tcp/autotune.h"

#define TICK_US   1000 /* a timestamp counts milliseconds: a sample of 0 is up to one of them */
#define SLOP_SEGS 16   /* segments on top of it: for what an application reads unevenly */

enum tune_pressure tune_pressure(uint64_t used, uint64_t max)
{
    if (used < max / 2) {
        return TUNE_FREE;
    }
    if (used < max - max / 4) {
        return TUNE_SLOW;
    }
    return used < max - max / 8 ? TUNE_STOP : TUNE_SHED;
}

/* `want` up to the cap, never less than `now`. */
static uint32_t grown(uint32_t now, uint64_t want, const struct tune_limits *l)
{
    if (want > l->cap) {
        want = l->cap;
    }
    return want > now ? (uint32_t)want : now;
}

/* ---- receiving ------------------------------------------------------------------------------ */

void tune_rcv_begin(struct tune_rcv *r, seq32 read, uint32_t first, uint32_t rtt_us,
                    uint32_t now_us)
{
    *r = (struct tune_rcv){
        .rtt_us = rtt_us,
        .round_us = now_us,
        .round_seq = read,
        .space = first ? first : 1,
    };
}

void tune_rcv_echo(struct tune_rcv *r, uint32_t tsecr, uint32_t age_us)
{
    if (tsecr == r->tsecr) {
        return;
    }
    r->tsecr = tsecr;
    uint32_t sample = age_us ? age_us : TICK_US;
    if (r->rtt_us == 0 || sample <= r->rtt_us) {
        r->rtt_us =
            sample; /* nothing makes a sample too short: a smaller one is believed at once */
    } else {
        r->rtt_us += (sample - r->rtt_us) / 8; /* a sender that paused makes it long */
    }
}

void tune_rcv_arrived(struct tune_rcv *r, seq32 rcv_nxt, uint32_t wnd, uint32_t now_us)
{
    if (r->timing && seq_lt(rcv_nxt, r->window_seq)) {
        return;
    }
    if (r->timing) {
        uint32_t sample = now_us - r->window_us;
        sample = sample ? sample : 1;
        if (r->rtt_us == 0 || sample < r->rtt_us) {
            r->rtt_us = sample;
        }
    }
    r->timing = wnd != 0;
    r->window_seq = seq_add(rcv_nxt, wnd);
    r->window_us = now_us;
}

/* The buffer for a round in which `copied` was read, after ones with at most `before`. */
static uint64_t wanted(uint32_t copied, uint32_t before, uint32_t mss)
{
    uint64_t twice = 2 * (uint64_t)copied + SLOP_SEGS * (uint64_t)mss;
    uint64_t more = copied > before ? copied - before : 0;
    if (more > before) {
        more = before; /* a sender doubles in a round, and no more */
    }
    return twice + 2 * (twice * more / before);
}

uint32_t tune_rcv_read(struct tune_rcv *r, const struct tune_read *in)
{
    if (in->now_us - r->round_us < r->rtt_us) {
        return in->rcvbuf;
    }
    uint32_t copied = seq_len(r->round_seq, in->read);
    r->round_us = in->now_us;
    r->round_seq = in->read;
    if (r->rtt_us == 0) {
        return in->rcvbuf;
    }
    uint64_t want = wanted(copied, r->space, in->mss);
    r->space = copied > r->space ? copied : r->space;
    if (in->waiting > copied || in->limits.pressure >= TUNE_STOP || want <= in->rcvbuf) {
        return in->rcvbuf;
    }
    if (in->limits.pressure == TUNE_SLOW) {
        want = in->rcvbuf + (want - in->rcvbuf) / 4;
    }
    return grown(in->rcvbuf, want, &in->limits);
}

uint32_t tune_rcv_size(uint32_t rcvbuf, const struct tune_limits *l)
{
    return l->pressure >= TUNE_STOP && rcvbuf > l->initial ? l->initial : rcvbuf;
}

bool tune_rcv_takes(const struct tune_take *in)
{
    uint32_t size = in->rcvbuf;
    if (!in->early && in->limits.pressure < TUNE_SHED) {
        return true; /* the window was offered, and what waits behind a gap waits for it */
    }
    if (in->limits.pressure >= TUNE_STOP && size > in->limits.initial) {
        size = in->limits.initial;
    }
    return (uint64_t)in->charge + in->more <= 2 * (uint64_t)size + in->slack;
}

/* ---- sending -------------------------------------------------------------------------------- */

uint32_t tune_snd(const struct tune_send *in)
{
    if (in->limits.pressure >= TUNE_STOP) {
        uint32_t least = in->queued > in->limits.initial ? in->queued : in->limits.initial;
        return in->sndbuf < least ? in->sndbuf : least;
    }
    uint64_t most = in->held > in->cwnd ? in->held : in->cwnd;
    uint32_t ahead = in->limits.pressure == TUNE_SLOW ? in->cwnd / 4 : in->cwnd;
    return grown(in->sndbuf, most + ahead, &in->limits);
}
