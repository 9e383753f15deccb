/* Tests of recovery speak of segments: the n-th counts from 0 and is a full one, whatever options
 * take of it. */
#ifndef SUPPORT_SEGMENTS_H
#define SUPPORT_SEGMENTS_H

#include "support/tcp_harness.h"

/* Where the n-th segment begins. */
static inline uint32_t nth(const struct tcp_harness *h, uint32_t n)
{
    return 1 + n * h->t.mss;
}

/* A SACK block over the segments from `a` on, before `b`. */
#define SEGS(h, a, b)        \
    {                        \
        nth(h, a), nth(h, b) \
    }

/* The next to leave is segment `n`, in full, for this reason. */
static inline struct tcp_out *expect_nth_at(struct tcp_harness *h, uint32_t n, enum la_reason why,
                                            const char *file, int line)
{
    struct tcp_out *o = tcp_next_out(h, file, line);
    if (o->seq != nth(h, n) || o->len != h->t.mss || o->reason != why) {
        print_error("left: seq %u len %u reason %d; want: seq %u len %u reason %d\n", o->seq,
                    o->len, (int)o->reason, nth(h, n), h->t.mss, (int)why);
        _fail(file, line);
    }
    return o;
}
#define expect_nth(h, n, why) expect_nth_at((h), (n), (why), __FILE__, __LINE__)

/* `n` more segments are queued and leave at once. */
static inline void segments_out(struct tcp_harness *h, uint32_t n)
{
    uint32_t first = h->said / h->t.mss;
    tcp_say(h, n * h->t.mss, 0);
    for (uint32_t i = 0; i < n; i++) {
        expect_nth(h, first + i, LA_DATA);
    }
    tcp_silent(h);
}

/* A connection over a path of 100 ms with `out` segments outstanding, which are about to be
 * acknowledged, and `queued` more that wait. */
#define RTT_MS 100
static inline void segments_between(struct tcp_harness *h, uint32_t out, uint32_t queued)
{
    tcp_connect_over(h, RTT_MS);
    h->t.cc.cwnd = out > 10 ? out * h->t.mss : h->t.cc.cwnd;
    segments_out(h, out);
    if (queued != 0) {
        tcp_say(h, queued * h->t.mss, 0);
    }
    tcp_wait_ms(h, RTT_MS);
}

static inline void forget_out(struct tcp_harness *h)
{
    h->out_head = h->out_tail;
}

static inline const struct board *board_of(const struct tcp_harness *h)
{
    return &h->t.flight->board;
}

#endif
