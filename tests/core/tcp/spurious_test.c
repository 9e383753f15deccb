/* Recoveries that were a mistake, in the connection: found by timestamps (Eifel, RFC 3522), by
 * D-SACKs (RFC 3708) and by F-RTO (RFC 5682), and what is put back then (RFC 4015). */
#include "support/tcp_sink.h"

/* What there was before. */
struct before {
    uint32_t cwnd, ssthresh;
};

static struct before window_of(const struct tcp_harness *h)
{
    return (struct before){.cwnd = h->t.cc.cwnd, .ssthresh = h->t.cc.ssthresh};
}

static void back_to_normal(struct tcp_harness *h, const struct before *b)
{
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.undone, 1);
    assert_true(h->t.cc.cwnd >= b->cwnd);
    assert_int_equal(h->t.cc.ssthresh, b->ssthresh);
    assert_int_equal(board_of(h)->lost.head, 0); /* nothing waits to go again */
}

/* An ACK that echoes a certain timestamp. */
static void ack_echo(struct tcp_harness *h, uint32_t ack, uint32_t tsecr)
{
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = ack, .tsecr = tsecr});
}

/* Ten segments leave over 100 ms; returns the TSval they had. */
static uint32_t ten(struct tcp_harness *h)
{
    tcp_connect_over(h, RTT_MS);
    segments_out(h, 10);
    return h->tsval_seen;
}

/* ---- fast recovery --------------------------------------------------------------------------- */

/* Segment 0 is late by more than three others: it goes again for nothing. */
static uint32_t late_segment(struct tcp_harness *h, struct before *b)
{
    uint32_t tsval = ten(h);
    *b = window_of(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 1, 4));
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
    assert_int_equal(h->t.phase, CC_RECOVERY);
    assert_true(h->t.cc.ssthresh < b->ssthresh);
    tcp_wait_ms(h, 10);
    return tsval;
}

/* RFC 3522 3.2: the first ACK that covers the retransmission echoes what was before it. */
static void eifel(struct tcp_harness *h)
{
    struct before b;
    uint32_t tsval = late_segment(h, &b);
    ack_echo(h, nth(h, 4), tsval);
    back_to_normal(h, &b);
    assert_int_equal(h->t.recoveries, 1);
    /* RFC 8985 6.2: the network reorders, as is known now. */
    tcp_ack_in(h, nth(h, 10));
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.rtx_segs, 1);
}

/* The same without SACK: three duplicate ACKs, then the original's. */
static void eifel_newreno(struct tcp_harness *h)
{
    tcp_agree(h, WIRE_TCP_TS);
    uint32_t tsval = ten(h);
    const struct before b = window_of(h);
    tcp_wait_ms(h, RTT_MS);
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, 1);
    }
    expect_nth(h, 0, LA_RTX_FAST);
    tcp_silent(h);
    tcp_wait_ms(h, 10);
    ack_echo(h, nth(h, 4), tsval);
    back_to_normal(h, &b);
    assert_int_equal(tcp_in_flight(&h->t), 6 * h->t.mss);
    tcp_ack_in(h, nth(h, 10));
    assert_int_equal(tcp_in_flight(&h->t), 0);
    assert_int_equal(h->t.rtx_segs, 1);
}

/* What waited to go again, because the window held it back, does not. */
static void eifel_of_many(struct tcp_harness *h)
{
    uint32_t tsval = ten(h);
    struct before b = window_of(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 6, 7));
    tcp_sack_in(h, 1, SEGS(h, 6, 8));
    tcp_sack_in(h, 1, SEGS(h, 6, 9));
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
    assert_int_equal(board_of(h)->lost_bytes, 6 * h->t.mss);
    tcp_wait_ms(h, 10);
    tcp_sack_in(h, 1, SEGS(h, 6, 9)); /* nothing new */
    forget_out(h);
    struct tcp_in in = {.flags = ACK, .seq = 1, .ack = nth(h, 3), .tsecr = tsval};
    in.sack[0] = (struct wire_sack)SEGS(h, 6, 9);
    tcp_feed(h, &in);
    back_to_normal(h, &b);
    while (tcp_waiting(h) != 0) {
        assert_int_equal(tcp_next(h)->reason, LA_DATA);
    }
    ack_echo(h, nth(h, 9), tsval);
    assert_int_equal(h->t.rtx_segs, 1);
}

/* Not when the ACK echoes the retransmission, or a later one. */
static void eifel_not(struct tcp_harness *h)
{
    for (unsigned i = 0; i < 2; i++) {
        struct before b;
        uint32_t tsval = late_segment(h, &b);
        ack_echo(h, nth(h, 4), tsval + RTT_MS + i);
        assert_int_equal(h->t.phase, CC_RECOVERY);
        /* The first ACK decides (3.2, step 3): the next may echo what it will. */
        ack_echo(h, nth(h, 5), tsval);
        assert_int_equal(h->t.phase, CC_RECOVERY);
        ack_echo(h, nth(h, 10), tsval);
        assert_int_equal(h->t.phase, CC_OPEN);
        assert_int_equal(h->t.undone, 0);
        assert_int_equal(h->t.cc.cwnd, h->t.cc.ssthresh);
        tcp_again(h);
    }
    /* 3.3: it covers everything: all ACKs of the window may have been lost. */
    struct before b;
    uint32_t tsval = late_segment(h, &b);
    ack_echo(h, nth(h, 10), tsval);
    assert_int_equal(h->t.undone, 0);
}

/* RFC 3708: a D-SACK for each retransmission, here after recovery has ended. */
static void dsack_for_each(struct tcp_harness *h)
{
    ten(h);
    struct before b = window_of(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 2, 5));
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_sack_in(h, 1, SEGS(h, 2, 10));
    expect_nth(h, 1, LA_RTX_RACK);
    tcp_silent(h);
    tcp_wait_ms(h, 10);
    tcp_ack_in(h, nth(h, 10)); /* the originals, only late */
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.undone, 0);
    tcp_wait_ms(h, RTT_MS);
    segments_out(h, 3);
    tcp_sack_in(h, nth(h, 10), SEGS(h, 0, 1));
    assert_int_equal(h->t.undone, 0); /* one of two */
    tcp_sack_in(h, nth(h, 10), SEGS(h, 1, 2));
    back_to_normal(h, &b);
    assert_int_equal(h->t.dsacks_in, 2);
    assert_true(h->t.flight->rack.reo_wnd_mult > 1); /* RFC 8985 6.2, step 4 */
    tcp_ack_in(h, nth(h, 13));
}

/* One came twice, the other did not: a loss was among them. */
static void dsack_for_one(struct tcp_harness *h)
{
    ten(h);
    struct before b = window_of(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 2, 5));
    tcp_sack_in(h, 1, SEGS(h, 2, 10));
    forget_out(h);
    tcp_wait_ms(h, 10);
    tcp_ack_in(h, nth(h, 10));
    segments_out(h, 3);
    tcp_sack_in(h, nth(h, 10), SEGS(h, 0, 1));
    tcp_ack_in(h, nth(h, 11));
    assert_int_equal(h->t.undone, 0);
    assert_int_equal(h->t.cc.ssthresh, b.cwnd / 2);
}

/* A D-SACK of what left once is the network's, and one of before the episode is another's: neither
 * answers this episode's retransmission (RFC 3708 3). */
static void dsack_of_others(struct tcp_harness *h)
{
    ten(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 1));
    forget_out(h);
    tcp_sack_in(h, nth(h, 1), SEGS(h, 2, 5));
    expect_nth(h, 1, LA_RTX_RACK);
    forget_out(h);
    tcp_sack_in(h, nth(h, 1), SEGS(h, 3, 4), SEGS(h, 2, 5)); /* doubled by the network */
    assert_int_equal(h->t.undone, 0);
    assert_int_equal(h->t.flight->undo.pending, 1);
    tcp_sack_in(h, nth(h, 1), SEGS(h, 0, 1), SEGS(h, 2, 5)); /* acknowledged before it began */
    assert_int_equal(h->t.undone, 0);
    assert_int_equal(h->t.flight->undo.pending, 1);
    forget_out(h);
    tcp_ack_in(h, nth(h, 10));
    forget_out(h);
}

/* ---- timeouts -------------------------------------------------------------------------------- */

/* The path becomes slow: the timer runs out, segment 0 goes again. With SACK a probe goes before it
 * (RFC 8985 7), which F-RTO and Eifel have to bear. */
static uint32_t slow_path(struct tcp_harness *h, uint32_t queued)
{
    uint32_t tsval = ten(h);
    h->t.flight->tlp.sampled = false; /* no probe: its course has a test of its own */
    tcp_say(h, queued * h->t.mss, 0);
    tcp_silent(h);
    while (h->t.rtx_timeouts == 0) {
        tcp_fire(h);
    }
    expect_nth(h, 0, LA_RTX_TIMEOUT);
    tcp_silent(h);
    assert_int_equal(h->t.phase, CC_LOSS);
    assert_int_equal(h->t.cc.ssthresh, 5 * h->t.mss);
    tcp_wait_ms(h, 50);
    return tsval;
}

static const struct before first_window = {.cwnd = 10, .ssthresh = UINT32_MAX};

/* RFC 4015 3.1, step 7: cwnd is what is in flight and what was acknowledged, at most the initial
 * window: slow start leads back to where it was, without a burst. */
static void timeout_taken_back(struct tcp_harness *h, uint32_t acked)
{
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(board_of(h)->lost.head, 0);
    assert_true(h->t.cc.ssthresh >= first_window.cwnd * h->t.mss);
    unsigned left = 0;
    for (; tcp_waiting(h) != 0; left++) {
        assert_int_equal(tcp_next(h)->reason, LA_DATA);
    }
    assert_true(left <= acked);
    assert_int_equal(h->t.rtx_segs, 1);
}

/* Eifel: the first ACK after the timeout echoes the first transmission. */
static void eifel_timeout(struct tcp_harness *h)
{
    uint32_t tsval = slow_path(h, 20);
    ack_echo(h, nth(h, 1), tsval);
    timeout_taken_back(h, 2); /* its own and what slow start adds */
    ack_echo(h, nth(h, 2), tsval);
    timeout_taken_back(h, 2);
    ack_echo(h, nth(h, 10), tsval);
    timeout_taken_back(h, 10);

    /* The retransmission's ACK: it was right. */
    tcp_again(h);
    slow_path(h, 20);
    ack_echo(h, nth(h, 1), h->tsval_seen);
    assert_int_equal(h->t.phase, CC_LOSS);
    assert_int_equal(h->t.undone, 0);
}

/* RFC 4015 3.1, step 7, where it shows: of 20 segments 19 are acknowledged at once. The old window
 * would let 19 new ones go; it is the initial window, and what slow start adds to it. */
static void no_burst(struct tcp_harness *h)
{
    tcp_connect_over(h, RTT_MS);
    h->t.cc.cwnd = 20 * h->t.mss;
    segments_out(h, 20);
    uint32_t tsval = h->tsval_seen;
    h->t.flight->tlp.sampled = false;
    tcp_say(h, 30 * h->t.mss, 0);
    while (h->t.rtx_timeouts == 0) {
        tcp_fire(h);
    }
    expect_nth(h, 0, LA_RTX_TIMEOUT);
    tcp_wait_ms(h, 50);
    ack_echo(h, nth(h, 19), tsval);
    assert_int_equal(h->t.undone, 1);
    assert_in_range(tcp_waiting(h), 10, 12);
    assert_true(h->t.cc.ssthresh >= 20 * h->t.mss); /* slow start leads back */
    forget_out(h);
    tcp_wait_ms(h, RTT_MS);
    for (uint32_t i = 20; i <= 30; i++) {
        tcp_ack_in(h, nth(h, i));
    }
    assert_true(h->t.cc.cwnd >= 20 * h->t.mss);
    forget_out(h);
}

/* RFC 5682 2.1 and 3.1: the ACK of the segment that went again lets two new ones leave instead of
 * what is held for lost; an ACK of what did not go again shows that the originals only were late.
 */
static void frto_spurious(struct tcp_harness *h)
{
    slow_path(h, 20);
    tcp_ack_in(h, nth(h, 1));
    if (h->t.undone == 0) { /* with timestamps that ACK echoes the retransmission */
        expect_nth(h, 10, LA_DATA);
        expect_nth(h, 11, LA_DATA);
        tcp_silent(h);
        assert_int_equal(h->t.phase, CC_LOSS);
    }
    tcp_ack_in(h, nth(h, 2));
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(board_of(h)->lost.head, 0);
    assert_true(tcp_waiting(h) <= 2);
    while (tcp_waiting(h) != 0) {
        assert_int_equal(tcp_next(h)->reason, LA_DATA);
    }
    for (uint32_t i = 3; i <= 10; i++) {
        tcp_ack_in(h, nth(h, i));
        assert_true(tcp_waiting(h) <= 2);
        forget_out(h);
    }
    assert_int_equal(h->t.rtx_segs, 1);
}

/* The same without SACK and without timestamps: 2.1, step 3b; and 3a: a duplicate ACK. */
static void frto_basic_genuine(struct tcp_harness *h)
{
    slow_path(h, 20);
    tcp_ack_in(h, nth(h, 1));
    expect_nth(h, 10, LA_DATA);
    expect_nth(h, 11, LA_DATA);
    tcp_silent(h);
    tcp_ack_in(h, nth(h, 1)); /* of one of the two: segment 1 is lost */
    assert_int_equal(h->t.phase, CC_LOSS);
    assert_int_equal(h->t.undone, 0);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, nth(h, 1));
    assert_int_equal(o->reason, LA_RTX_TIMEOUT);
    forget_out(h);
    tcp_ack_in(h, nth(h, 12));
    assert_int_equal(h->t.undone, 0);

    /* Step 2a: a duplicate ACK before any. */
    tcp_again(h);
    slow_path(h, 20);
    tcp_ack_in(h, 1);
    tcp_ack_in(h, nth(h, 1));
    o = tcp_next(h);
    assert_int_equal(o->seq, nth(h, 1));
    assert_int_equal(o->reason, LA_RTX_TIMEOUT);
    forget_out(h);
    tcp_ack_in(h, nth(h, 2));
    assert_int_equal(h->t.undone, 0);

    /* Nothing new to send: nothing can be learnt. */
    tcp_again(h);
    slow_path(h, 0);
    tcp_ack_in(h, nth(h, 1));
    assert_int_equal(tcp_next(h)->seq, nth(h, 1));
    forget_out(h);
    tcp_ack_in(h, nth(h, 3));
    assert_int_equal(h->t.undone, 0);
}

/* 3.1: what is SACKed decides. Only the new segments: the rest is lost. Something that did not go
 * again, below: it was late. */
static void frto_sack(struct tcp_harness *h)
{
    slow_path(h, 20);
    tcp_ack_in(h, nth(h, 1));
    expect_nth(h, 10, LA_DATA);
    expect_nth(h, 11, LA_DATA);
    tcp_sack_in(h, nth(h, 1), SEGS(h, 10, 11));
    assert_int_equal(h->t.phase, CC_LOSS);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, nth(h, 1));
    assert_int_equal(o->reason, LA_RTX_TIMEOUT);
    assert_int_equal(h->t.undone, 0);

    tcp_again(h);
    slow_path(h, 20);
    tcp_ack_in(h, nth(h, 1));
    forget_out(h);
    tcp_sack_in(h, nth(h, 1), SEGS(h, 3, 4)); /* 1 and 2 are later still, or lost */
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_true(tcp_waiting(h) <= 2);
    forget_out(h);

    /* Step 2: duplicate ACKs before the first are waited out. */
    tcp_again(h);
    slow_path(h, 20);
    tcp_sack_in(h, 1, SEGS(h, 2, 3));
    forget_out(h);
    assert_int_equal(h->t.phase, CC_LOSS);
    tcp_sack_in(h, nth(h, 1), SEGS(h, 2, 3));
    assert_int_equal(tcp_waiting(h) != 0 ? tcp_next(h)->reason : LA_NONE, LA_DATA);
    forget_out(h);
    tcp_ack_in(h, nth(h, 4));
    assert_int_equal(h->t.undone, 1);
}

/* The original comes so late that it passes for the retransmission, without timestamps: RACK holds
 * all that left before that for lost. When F-RTO has taken the timeout back, this must not be
 * concluded again from the same delivery. */
static void misled_rack(struct tcp_harness *h)
{
    slow_path(h, 20);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 1));
    forget_out(h);
    tcp_ack_in(h, nth(h, 2));
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.phase, CC_OPEN);
    for (uint32_t i = 3; i <= 10; i++) {
        tcp_ack_in(h, nth(h, i));
        assert_int_equal(h->t.phase, CC_OPEN);
    }
    while (tcp_waiting(h) != 0) {
        assert_int_equal(tcp_next(h)->reason, LA_DATA);
    }
    assert_int_equal(h->t.rtx_segs, 1);
}

/* Segments became larger before a recovery is taken back: ssthresh is at least two of them. */
static void larger_segments_meanwhile(struct tcp_harness *h)
{
    uint32_t tsval = ten(h);
    h->t.cc.ssthresh = 2 * h->t.mss;
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 1, 4));
    expect_nth(h, 0, LA_RTX_RACK);
    uint32_t old = h->t.mss;
    h->t.cc.ssthresh = 2 * old;
    h->t.peer_mss = 8000;
    tcp_set_mss(&h->t, 1500);
    assert_true(h->t.mss > old);
    assert_int_equal(h->t.cc.ssthresh >= 2U * h->t.mss, 1);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1 + 4 * old, .tsecr = tsval});
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.cc.ssthresh, 2 * h->t.mss);
    forget_out(h);
}

/* The second timeout in a row: F-RTO begins anew (2.1, step 1), what is put back is what was before
 * the first. */
static void second_timeout(struct tcp_harness *h)
{
    slow_path(h, 20);
    while (h->t.rtx_timeouts == 1) {
        tcp_fire(h);
    }
    assert_int_equal(tcp_next(h)->seq, 1);
    tcp_silent(h);
    assert_int_equal(h->t.cc.ssthresh, 5 * h->t.mss);
    tcp_ack_in(h, nth(h, 1));
    forget_out(h);
    tcp_ack_in(h, nth(h, 2));
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_true(h->t.cc.ssthresh >= 10 * h->t.mss);
    assert_true(tcp_waiting(h) <= 2);
    forget_out(h);
}

/* RFC 4015 3.1, steps 0 and 11: the first sample of what left after the timeout was found wrong
 * counts in full: the same delay is no timeout next time. */
static void rto_adapts(struct tcp_harness *h)
{
    slow_path(h, 20);
    tcp_ack_in(h, nth(h, 1));
    tcp_ack_in(h, nth(h, 2));
    assert_int_equal(h->t.undone, 1);
    forget_out(h);
    tcp_ack_in(h, nth(h, 10));
    uint32_t mark = tcp_rel(h, h->t.flight->adapt_seq);
    assert_true(h->t.flight->adapt);
    forget_out(h);
    tcp_wait_ms(h, 250);
    tcp_ack_in(h, mark + h->t.mss); /* a segment that left after it, 250 ms ago */
    assert_false(h->t.flight->adapt);
    assert_int_equal(h->t.srtt_us8 / 8, 250000);
    assert_int_equal(h->t.rttvar_us4 / 4, 125000);
    assert_int_equal(h->t.rto_ms, 750);
    forget_out(h);
}

/* A probe goes before the timeout and is late as well: the same end, and the D-SACK of the probe
 * does no harm. */
static void probe_before_timeout(struct tcp_harness *h)
{
    uint32_t tsval = ten(h);
    tcp_wait_ms(h, 2 * RTT_MS);
    expect_nth(h, 9, LA_RTX_PROBE);
    while (h->t.rtx_timeouts == 0) {
        tcp_fire(h);
    }
    expect_nth(h, 0, LA_RTX_TIMEOUT);
    tcp_silent(h);
    tcp_say(h, 20 * h->t.mss, 0);
    for (uint32_t i = 1; i <= 10; i++) { /* the originals arrive */
        struct tcp_in in = {.flags = ACK, .seq = 1, .ack = nth(h, i), .tsecr = tsval};
        tcp_feed(h, &in);
        assert_true(tcp_waiting(h) <= 2);
        while (tcp_waiting(h) != 0) {
            assert_int_equal(tcp_next(h)->reason, LA_DATA);
        }
    }
    assert_int_equal(h->t.undone, 1);
    tcp_sack_in(h, nth(h, 10), SEGS(h, 9, 10)); /* the probe */
    tcp_sack_in(h, nth(h, 10), SEGS(h, 0, 1));
    assert_int_equal(h->t.undone, 1);
    assert_int_equal(h->t.phase, CC_OPEN);
    while (tcp_waiting(h) != 0) {
        assert_int_equal(tcp_next(h)->reason, LA_DATA);
    }
}

/* Against the model of the receiver: the path becomes slower by far more than the RTO allows for,
 * nothing is lost. Every mistake is found; at the end the windows stand as without. */
static void slower_path(struct tcp_harness *h)
{
    static struct sink sink;
    tcp_connect_over(h, RTT_MS);
    sink_init(&sink, h, RTT_MS);
    tcp_say(h, 30000, 0);
    sink_run(h, &sink, h->env.now_ns + 2 * RTT_MS * MS + MS);
    sink.rtt_ns = 700 * MS;
    tcp_say(h, 60000, 0);
    sink_run(h, &sink, h->env.now_ns + 60 * SECOND);
    assert_int_equal(sink.next, 90001);
    assert_true(h->t.rtx_timeouts >= 1);
    assert_int_equal(h->t.undone, 1);
    assert_true(h->t.rtx_segs <= 4); /* the probe, the first segment, and each once more */
    assert_true(h->t.rto_ms > 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SACK_CASE(eifel, "eifel", WIRE_TCP_TS),
        SACK_CASE(larger_segments_meanwhile, "larger_segments_meanwhile", WIRE_TCP_TS),
        EVERYWHERE(eifel_newreno),
        SACK_CASE(eifel_of_many, "eifel_of_many", WIRE_TCP_TS),
        SACK_CASE(eifel_not, "eifel_not", WIRE_TCP_TS),
        EVERYWHERE_SACK(dsack_for_each),
        EVERYWHERE_SACK(dsack_for_one),
        EVERYWHERE_SACK(dsack_of_others),
        SACK_CASE(eifel_timeout, "eifel_timeout", WIRE_TCP_TS),
        SACK_CASE(no_burst, "no_burst", WIRE_TCP_TS),
        EVERYWHERE(frto_spurious),
        EVERYWHERE_SACK(frto_spurious),
        EVERYWHERE(frto_basic_genuine),
        EVERYWHERE_SACK(frto_sack),
        EVERYWHERE_SACK(misled_rack),
        EVERYWHERE(second_timeout),
        EVERYWHERE_SACK(second_timeout),
        EVERYWHERE_SACK(rto_adapts),
        EVERYWHERE(rto_adapts),
        SACK_CASE(probe_before_timeout, "probe_before_timeout", WIRE_TCP_TS),
        EVERYWHERE(slower_path),
        EVERYWHERE_SACK(slower_path),
    };
    return cmocka_run_group_tests_name("core/tcp/spurious", tests, NULL, NULL);
}
