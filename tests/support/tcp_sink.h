/* The receiver of RFC 9293 and RFC 2018 as a model, for a connection in a test's hand: it takes the
 * segments that left, all but those that the test loses, and acknowledges each of them, with SACK
 * blocks, the newest first; what comes twice is told as RFC 2883 has it. The ACK is there a round
 * trip after its segment left, but no two of them at one time: a wire has a rate.
 *
 * Slow and obvious: one flag a byte. The test drives it with sink_run(). */
#ifndef SUPPORT_TCP_SINK_H
#define SUPPORT_TCP_SINK_H

#include "support/segments.h"

#define SINK_BYTES  120000
#define SINK_GAP_NS 10000

struct sink {
    bool got[SINK_BYTES + 2]; /* by relative sequence number; of the FIN as well */
    uint32_t next;            /* RCV.NXT */
    uint32_t high;            /* nothing came from there on */
    uint32_t ts_recent;       /* RFC 7323 4.3: of what came in order alone */
    uint32_t newest;          /* a byte of the block to tell first */
    uint64_t rtt_ns;
    uint64_t last_ns;     /* the last ACK came then */
    bool dsack;           /* tells of what comes twice */
    uint32_t taken, lost; /* segments */
    uint32_t in_vain;     /* of them came twice, and left neither as a probe nor by a timeout */
    /* Loses a segment: false takes it. NULL: nothing is lost. */
    bool (*lose)(void *ctx, const struct tcp_out *o);
    void *ctx;
};

/* For a connection that was just opened. */
static inline void sink_init(struct sink *s, const struct tcp_harness *h, uint32_t rtt_ms)
{
    memset(s, 0, sizeof(*s));
    s->next = 1;
    s->ts_recent = h->tsval_seen;
    s->rtt_ns = rtt_ms * MS;
    s->dsack = true;
}

static inline struct wire_sack sink_block(const struct sink *s, uint32_t at)
{
    struct wire_sack b = {at, at};
    while (s->got[b.left - 1] && b.left > s->next) {
        b.left--;
    }
    while (s->got[b.right]) {
        b.right++;
    }
    return b;
}

static inline void sink_blocks(const struct sink *s, struct tcp_in *in, unsigned n, unsigned max)
{
    if (s->newest > s->next && n < max) {
        in->sack[n++] = sink_block(s, s->newest);
    }
    for (uint32_t at = s->next; at < s->high && n < max; at++) {
        if (s->got[at]) {
            struct wire_sack b = sink_block(s, at);
            at = b.right;
            if (s->newest < b.left || s->newest >= b.right) {
                in->sack[n++] = b;
            }
        }
    }
}

/* A segment arrives and is acknowledged. */
static inline void sink_take(struct tcp_harness *h, struct sink *s, const struct tcp_out *o)
{
    struct tcp_in in = {.flags = ACK, .seq = tcp_peer_rel(h, h->t.rcv_nxt)};
    uint32_t end = o->seq + o->len + ((o->h.flags & FIN) ? 1 : 0);
    unsigned n = 0;
    if (o->seq <= s->next && (int32_t)(o->h.tsval - s->ts_recent) > 0) {
        s->ts_recent = o->h.tsval;
    }
    in.tsecr = s->ts_recent;
    bool twice = end > o->seq;
    assert_true(end <= SINK_BYTES);
    for (uint32_t at = o->seq; at < end; at++) {
        twice = twice && s->got[at];
        s->got[at] = true;
    }
    if (twice && s->dsack) {
        in.sack[n++] = (struct wire_sack){o->seq, end};
    }
    s->in_vain += twice && o->reason != LA_RTX_PROBE && o->reason != LA_RTX_TIMEOUT;
    s->high = end > s->high ? end : s->high;
    while (s->got[s->next]) {
        s->next++;
    }
    s->newest = o->seq;
    s->taken++;
    in.ack = s->next;
    sink_blocks(s, &in, n, (h->t.flags & TCP_F_TS) ? 3 : 4);
    tcp_feed(h, &in);
}

/* Lets time pass up to `until_ns`, or until nothing is under way and no timer is set. */
static inline void sink_run(struct tcp_harness *h, struct sink *s, uint64_t until_ns)
{
    while (h->t.state != LA_TCP_CLOSED) {
        uint64_t at = tcp_deadline(&h->t);
        bool arrives = false;
        if (tcp_waiting(h) != 0) {
            uint64_t comes = h->out[h->out_head % TCP_OUT_MAX].at_ns + s->rtt_ns;
            comes = comes > s->last_ns + SINK_GAP_NS ? comes : s->last_ns + SINK_GAP_NS;
            arrives = comes <= at;
            at = arrives ? comes : at;
        }
        if (at == TCP_NEVER) {
            return;
        }
        if (at > until_ns) {
            tcp_wait_until(h, until_ns);
            return;
        }
        tcp_wait_until(h, at);
        if (arrives) {
            s->last_ns = at;
            struct tcp_out o = *tcp_next(h);
            if (s->lose && s->lose(s->ctx, &o)) {
                s->lost++;
            } else {
                sink_take(h, s, &o);
            }
        }
    }
}

#endif
