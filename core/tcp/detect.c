/* Who is lost? With SACK the judge is RACK (RFC 8985), which contains the three duplicate ACKs of
 * RFC 5681 and RFC 6675; without SACK it is NewReno (RFC 6582). See flight.h. */
#include "tcp/flight.h"

#include "tcp/path.h"
#include "tcp/tcp.h"

/* The reordering timer is for the case that no ACK comes any more. While they come, an ACK is the
 * better moment: it tells that something has left the network, and what is sent again takes its
 * place. A timer that runs out shortly before the next ACK sends one more into a queue that is full
 * perhaps. */
#define REO_SLACK_NS (2 * UINT64_C(1000000))

/* A run is lost: it goes again, and the congestion control hears of it. */
static void lose(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n, uint32_t index,
                 enum la_reason why)
{
    struct tcp_flight *f = t->flight;
    const struct run *r = board_at(&f->board, index);
    uint32_t len = seq_len(r->seq, r->end);

    if (why != LA_RTX_TIMEOUT && tcp_mtu_lost(t, env, n, r)) {
        board_lose(&f->board, index, LA_RTX_PROBE_MTU, false);
        return; /* RFC 4821 7.6.2: lost alone it is no sign of congestion */
    }
    rate_lost(&f->rate, len);
    n->lost += len;
    if (t->cc.ops->lost) {
        struct cc_lost lost = {.now_ns = env->now_ns,
                               .delivered = f->rate.delivered,
                               .bytes = len,
                               .flight = r->flight,
                               .lost = f->rate.lost - r->lost_then,
                               .delivered_then = r->delivered,
                               .app_limited = (r->flags & RUN_APP_LIMITED) != 0};
        t->cc.ops->lost(&t->cc, &lost);
    }
    /* What is lost for the second time goes first: all that comes behind it waits for it. But a
     * timeout takes everything in order. */
    board_lose(&f->board, index, (uint8_t)why, (r->flags & RUN_RTX) && why != LA_RTX_TIMEOUT);
}

/* RFC 6675 4, IsLost(): three segments, or more than two segments' worth of bytes. */
static bool many_sacked(const struct tcp_flight *f, uint32_t mss)
{
    return f->board.sacked_runs >= f->dup_thresh ||
           f->board.sacked_bytes > (f->dup_thresh - 1U) * mss;
}

uint32_t tcp_reordering_window_us(const struct tcb *t)
{
    const struct tcp_flight *f = t->flight;
    bool thresh = many_sacked(f, t->mss);
    struct rack_window_in in = {.min_rtt_us = min_rtt_us(&f->min_rtt),
                                .srtt_us = t->srtt_us8 / 8,
                                .recovering = t->phase == CC_RECOVERY || t->phase == CC_LOSS,
                                .dup_thresh = thresh};
    return rack_reo_wnd_us(&f->rack, &in);
}

/* RFC 8985 6.2, step 5. The flying stand in the order in which they left, so what cannot be judged
 * yet ends the search. */
static void rack_detect(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;
    uint32_t window_us = tcp_reordering_window_us(t);
    uint32_t next;

    f->reo_at_ns = TCP_NEVER;
    if (!env->persona.rack && !many_sacked(f, t->mss)) {
        return; /* no timer: duplicates alone show a loss */
    }
    for (uint32_t i = f->board.flying.head; i; i = next) {
        const struct run *r = board_at(&f->board, i);
        uint64_t wait_ns = 0;
        next = r->next;
        switch (rack_judge(&f->rack, r->sent_ns, r->end, window_us, env->now_ns, &wait_ns)) {
        case RACK_LATER:
            if (r->sent_ns > f->rack.xmit_ns) {
                return;
            }
            break; /* of those that left at the same time others may be lost */
        case RACK_WAIT:
            tcp_arm(t, &f->reo_at_ns, env->now_ns + wait_ns + REO_SLACK_NS);
            return;
        case RACK_IS_LOST:
            lose(t, env, n, i, (r->flags & RUN_EVER_RTX) ? LA_RTX_AGAIN : LA_RTX_RACK);
        }
    }
}

/* Without SACK: the segment at SND.UNA. */
static void lose_first(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n,
                       enum la_reason why)
{
    struct board *b = &t->flight->board;
    uint32_t index = b->first;
    if (!index || ((board_at(b, index)->flags & (RUN_LOST | RUN_RTX)) == RUN_LOST)) {
        return;
    }
    const struct run *r = board_at(b, index);
    if (seq_len(r->seq, r->end) > t->mss) {
        (void)board_split(b, index, seq_add(r->seq, t->mss));
    }
    lose(t, env, n, index, why);
}

/* RFC 6582 3.2 with the estimate of what has left the network by the duplicate ACKs. */
static void newreno_detect(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;

    if (n->duplicate) {
        f->dup_acks = f->dup_acks < UINT8_MAX ? (uint8_t)(f->dup_acks + 1) : f->dup_acks;
        if (board_flight(&f->board) >= f->dup_bytes + 2U * t->mss) {
            f->dup_bytes += t->mss;
            n->delivered += t->mss;
        }
        /* Step 2: only when this ACK covers more than the last recovery, which an ECN reaction is
         * none of: nothing left twice. */
        bool beyond = t->phase == CC_CWR || seq_gt(t->snd_una, f->recover);
        if (f->dup_acks == f->dup_thresh && t->phase <= CC_CWR && beyond) {
            lose_first(t, env, n, LA_RTX_FAST);
        }
        return;
    }
    if (n->acked == 0) {
        return;
    }
    uint32_t counted = n->acked > t->mss ? n->acked - t->mss : 0; /* by duplicate ACKs before */
    counted = counted < f->dup_bytes ? counted : f->dup_bytes;
    f->dup_bytes -= counted;
    n->delivered -= counted < n->delivered ? counted : n->delivered;
    f->dup_acks = 0;
    if (t->phase == CC_RECOVERY && seq_lt(t->snd_una, f->recover)) {
        lose_first(t, env, n, LA_RTX_PARTIAL); /* step 3 */
        n->partial = true;
    }
    if (f->dup_bytes > board_flight(&f->board)) {
        f->dup_bytes = board_flight(&f->board);
    }
}

/* RFC 2018 8: the peer acknowledges up to a byte that it has SACKed, so it has dropped it. */
void tcp_check_reneging(struct tcb *t, struct tcp_env *env)
{
    struct board *b = &t->flight->board;
    if (b->first && (board_at(b, b->first)->flags & RUN_SACKED)) {
        tcp_note(t, env, LA_TRACE_EVENT, LA_RENEGED, board_at(b, b->first)->seq.v, 0);
        board_renege(b, b->first);
    }
}

void tcp_detect(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n)
{
    if (t->flags & TCP_F_SACK) {
        rack_detect(t, env, n);
    } else {
        newreno_detect(t, env, n);
    }
}

/* RFC 8985 6.3: the first one and what RACK would judge lost by now; without SACK everything. */
void tcp_detect_timeout(struct tcb *t, struct tcp_env *env, struct tcp_ack_news *n)
{
    struct tcp_flight *f = t->flight;
    uint32_t window_us = tcp_reordering_window_us(t);
    bool sack = (t->flags & TCP_F_SACK) != 0;

    for (uint32_t i = f->board.first; i; i = board_next(&f->board, i)) {
        const struct run *r = board_at(&f->board, i);
        bool waits = (r->flags & (RUN_LOST | RUN_RTX)) == RUN_LOST;
        if (waits) {
            board_lose(&f->board, i, LA_RTX_TIMEOUT, false);
        } else if (!(r->flags & RUN_SACKED) &&
                   (!sack || rack_lost_at_timeout(&f->rack, i == f->board.first, r->sent_ns,
                                                  window_us, env->now_ns))) {
            lose(t, env, n, i, LA_RTX_TIMEOUT);
        }
    }
}

void tcp_repair_all(struct tcb *t, enum la_reason why)
{
    struct board *b = &t->flight->board;
    while (b->flying.head) {
        board_lose(b, b->flying.head, (uint8_t)why, false);
    }
}
