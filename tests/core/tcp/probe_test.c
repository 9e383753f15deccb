/* The tail loss probe in the connection (RFC 8985 7): when it is armed and for how long, what it
 * sends, and what its acknowledgement tells. */
#include "support/tcp_sink.h"

/* RFC 6298 2.2, after the handshake's sample of 100 ms: SRTT + 4 * RTTVAR. */
#define RTO_MS (RTT_MS + 4 * (RTT_MS / 2))
#define PTO_MS (2 * RTT_MS)

/* `n` segments leave over a path of 100 ms. */
static void sent(struct tcp_harness *h, uint32_t n)
{
    tcp_connect_over(h, RTT_MS);
    segments_out(h, n);
}

static bool armed(const struct tcp_harness *h)
{
    return h->t.flight->pto_at_ns != TCP_NEVER;
}

static uint64_t left_ms(const struct tcp_harness *h, uint64_t at_ns)
{
    return (at_ns - h->env.now_ns) / MS;
}

/* ---- 7.2: when ------------------------------------------------------------------------------- */

/* Two round trips; a single segment may wait for the peer's delayed ACK as well, but not longer
 * than to the RTO. Each new segment, and each ACK that acknowledges something, begins anew. */
static void probe_timeout(struct tcp_harness *h)
{
    sent(h, 2);
    assert_int_equal(left_ms(h, h->t.flight->pto_at_ns), PTO_MS);
    tcp_wait_ms(h, 50);
    segments_out(h, 1);
    assert_int_equal(left_ms(h, h->t.flight->pto_at_ns), PTO_MS);
    tcp_wait_ms(h, 50);
    tcp_ack_in(h, nth(h, 1));
    assert_int_equal(left_ms(h, h->t.flight->pto_at_ns), 2 * (h->t.srtt_us8 / 8000));
    assert_true(h->t.flight->pto_at_ns < h->t.rtx_at_ns);
    tcp_ack_in(h, nth(h, 2)); /* one segment is left */
    assert_int_equal(h->t.flight->pto_at_ns / 1000, h->t.rtx_at_ns / 1000);
    tcp_ack_in(h, nth(h, 3));
    assert_false(tcp_timer_due(h));

    /* Without the bound: RTO of 1 s, the peer's 200 ms. */
    tcp_again(h);
    h->options.rto_min_ms = 1000;
    sent(h, 1);
    assert_int_equal(left_ms(h, h->t.flight->pto_at_ns), PTO_MS + TCP_MAX_ACK_DELAY_US / 1000);
}

/* Not without SACK, not while something is SACKed, in recovery or after a timeout, nor with nothing
 * outstanding. */
static void not_armed(struct tcp_harness *h)
{
    sent(h, 10);
    assert_true(armed(h));
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 6, 7));
    assert_false(armed(h));
    tcp_sack_in(h, 1, SEGS(h, 6, 9)); /* recovery */
    assert_int_equal(h->t.phase, CC_RECOVERY);
    tcp_ack_in(h, nth(h, 1));
    assert_false(armed(h));
    forget_out(h);
    tcp_ack_in(h, nth(h, 10));
    assert_false(armed(h));
    segments_out(h, 2);
    assert_true(armed(h)); /* recovery is over */

    tcp_again(h);
    sent(h, 10);
    tcp_wait_ms(h, PTO_MS + RTO_MS);
    forget_out(h);
    assert_int_equal(h->t.phase, CC_LOSS);
    assert_false(armed(h));
    tcp_ack_in(h, nth(h, 1));
    assert_false(armed(h));
}

static void not_without_sack(struct tcp_harness *h)
{
    sent(h, 10);
    assert_false(armed(h));
    assert_int_equal(tcp_fire(h), RTO_MS);
    expect_nth(h, 0, LA_RTX_TIMEOUT);
}

/* A closed window is probed by the other probe (RFC 9293 3.8.6.1), after it as well as before. */
static void not_with_a_closed_window(struct tcp_harness *h)
{
    sent(h, 4);
    tcp_wait_ms(h, RTT_MS);
    tcp_window_in(h, nth(h, 2), 0);
    assert_false(armed(h));
    tcp_fire(h);
    assert_int_equal(tcp_next(h)->reason, LA_PROBE_WINDOW);
    tcp_silent(h);
    assert_false(armed(h));
}

/* ---- 7.3: what ------------------------------------------------------------------------------- */

/* The last segment goes again; the RTO counts from there, so it stays behind the probe. Only one
 * probe: then the timeout. */
static void last_segment_once(struct tcp_harness *h)
{
    sent(h, 5);
    assert_int_equal(tcp_fire(h), PTO_MS);
    expect_nth(h, 4, LA_RTX_PROBE);
    tcp_silent(h);
    assert_int_equal(h->t.rtx_timeouts, 0);
    assert_int_equal(h->t.phase, CC_OPEN); /* nothing is known yet */
    assert_int_equal(h->t.rtx_segs, 1);
    assert_false(armed(h));
    assert_int_equal(tcp_fire(h), RTO_MS);
    expect_nth(h, 0, LA_RTX_TIMEOUT);
    assert_int_equal(h->t.rtx_timeouts, 1);
}

/* New data go first, even when the congestion window is full; no more than a segment. */
static void new_data_first(struct tcp_harness *h)
{
    sent(h, 10);
    tcp_say(h, 5 * h->t.mss, 0);
    tcp_silent(h);
    uint32_t cwnd = h->t.cc.cwnd;
    assert_int_equal(tcp_fire(h), PTO_MS);
    expect_nth(h, 10, LA_RTX_PROBE);
    tcp_silent(h);
    assert_int_equal(h->t.rtx_segs, 0);
    assert_int_equal(h->t.cc.cwnd, cwnd);
    assert_int_equal(left_ms(h, h->t.rtx_at_ns), RTO_MS);
    tcp_ack_in(h, nth(h, 11)); /* 7.4: nothing was lost */
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_true(h->t.cc.cwnd >= cwnd);
}

/* The peer's window has room for a part of the next segment, or for none: then an old one goes. */
static void the_windows_end(struct tcp_harness *h)
{
    tcp_connect_over(h, RTT_MS);
    uint32_t mss = h->t.mss;
    h->peer_wnd = (uint16_t)(4 * mss + 100);
    tcp_window_in(h, 1, h->peer_wnd);
    tcp_say(h, 10 * mss, 0);
    assert_int_equal(tcp_waiting(h), 4); /* silly windows are avoided */
    forget_out(h);
    assert_int_equal(tcp_fire(h), PTO_MS);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->reason, LA_RTX_PROBE);
    assert_int_equal(o->seq, nth(h, 4));
    assert_int_equal(o->len, 100);

    tcp_again(h);
    tcp_connect_over(h, RTT_MS);
    h->peer_wnd = (uint16_t)(4 * mss);
    tcp_window_in(h, 1, h->peer_wnd);
    tcp_say(h, 10 * mss, 0);
    assert_int_equal(tcp_waiting(h), 4);
    forget_out(h);
    assert_int_equal(tcp_fire(h), PTO_MS);
    expect_nth(h, 3, LA_RTX_PROBE);
    tcp_silent(h);
}

/* The last segment was not a full one: the probe ends where the data end, and is no longer than a
 * segment. */
static void partial_segment(struct tcp_harness *h)
{
    static const uint16_t tail[] = {1, 100, 987};
    for (unsigned i = 0; i < 3; i++) {
        h->most = (i & 1) ? 60000 : 0;
        tcp_connect_over(h, RTT_MS);
        uint32_t end = 1 + 3 * h->t.mss + tail[i];
        h->options.nodelay = true;
        h->t.opt.bits |= TCP_OPT_NODELAY;
        tcp_say(h, end - 1, 0);
        forget_out(h);
        assert_int_equal(tcp_fire(h), PTO_MS);
        struct tcp_out *o = tcp_next(h);
        tcp_silent(h);
        assert_int_equal(o->reason, LA_RTX_PROBE);
        assert_int_equal(o->seq + o->len, end);
        assert_in_range(o->len, tail[i], h->t.mss);
        assert_true(o->h.flags & PSH);
        /* It arrives, as the only one: RACK has all others sent again. */
        uint32_t hole = o->seq;
        tcp_wait_ms(h, RTT_MS);
        tcp_sack_in(h, 1, {hole, end});
        assert_int_equal(board_of(h)->lost_bytes, hole - 1);
        assert_int_equal(tcp_next(h)->seq, 1);
        assert_int_equal(h->t.rtx_timeouts, 0);
        tcp_again(h);
    }
}

/* A FIN at the end of the flight belongs to the probe; alone it goes again alone. */
static void with_fin(struct tcp_harness *h)
{
    sent(h, 3);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, nth(h, 3), 1, 0);
    tcp_fire(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq + o->len, nth(h, 3));
    assert_true(o->h.flags & FIN);
    tcp_silent(h);
    assert_int_equal(h->t.rtx_timeouts, 0);
    assert_false(armed(h));
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, {o->seq, nth(h, 3) + 1});
    expect_nth(h, 0, LA_RTX_RACK);
    forget_out(h);
    tcp_ack_in(h, nth(h, 3) + 1);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    assert_int_equal(h->t.bytes_acked, 3 * h->t.mss);

    /* New data that end with the FIN. */
    tcp_again(h);
    sent(h, 10);
    tcp_say(h, 100, 0);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    tcp_fire(h);
    o = tcp_next(h);
    assert_int_equal(o->reason, LA_RTX_PROBE);
    assert_int_equal(o->len, 100);
    assert_true(o->h.flags & FIN);
    tcp_ack_in(h, nth(h, 10) + 101);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
}

/* 7.3: between two probes a round trip must have been measured; of what was sent again none is
 * (Karn), unless timestamps tell it. */
static void none_without_a_sample(struct tcp_harness *h)
{
    sent(h, 1);
    h->t.rto_ms = 1000; /* so that probe and timeout are apart */
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 1));
    segments_out(h, 2);
    h->t.flight->tlp.sampled = false;
    tcp_fire(h);
    tcp_silent(h); /* no probe: but the RTO runs from here */
    assert_true(h->t.rtx_at_ns != TCP_NEVER);
    assert_int_equal(left_ms(h, h->t.rtx_at_ns), h->t.rto_ms);
    tcp_fire(h);
    expect_nth(h, 1, LA_RTX_TIMEOUT);
}

/* No memory to tell the probe from the burst whose end it is: it leaves all the same, and the burst
 * counts as sent again. Its SACK cannot be noted either, and the timeout repairs what is lost. */
static void no_memory_to_split(struct tcp_harness *h)
{
    sent(h, 10);
    h->runs.max = h->runs.used;
    assert_int_equal(tcp_fire(h), PTO_MS);
    expect_nth(h, 9, LA_RTX_PROBE);
    assert_int_equal(board_of(h)->count, 1);
    assert_int_equal(tcp_in_flight(&h->t), 10 * h->t.mss);
    tcp_wait_ms(h, RTT_MS);
    tcp_sack_in(h, 1, SEGS(h, 9, 10));
    assert_int_equal(board_of(h)->sacked_bytes, 0);
    forget_out(h);
    while (h->t.rtx_timeouts == 0) {
        tcp_fire(h);
    }
    assert_int_equal(tcp_next(h)->seq, 1);
    h->runs.max = 1U << 20;
    tcp_ack_in(h, nth(h, 1));
    tcp_ack_in(h, nth(h, 10));
    assert_false(tcp_timer_due(h));
}

/* ---- 7.4: what its ACK tells ----------------------------------------------------------------- */

static void probe_is_out(struct tcp_harness *h)
{
    sent(h, 5);
    tcp_wait_ms(h, PTO_MS);
    expect_nth(h, 4, LA_RTX_PROBE);
    assert_true(h->t.flight->tlp.outstanding);
    tcp_wait_ms(h, RTT_MS);
}

/* 7.4.2: the ACK of what was sent behind the probe, and no sign of the segment having come twice:
 * it repaired a loss, and congestion control hears of it, once. */
static void repaired_a_loss(struct tcp_harness *h)
{
    probe_is_out(h);
    tcp_ack_in(h, nth(h, 5)); /* original or probe: who knows */
    assert_true(h->t.flight->tlp.outstanding);
    assert_int_equal(h->t.cc.ssthresh, UINT32_MAX);
    segments_out(h, 4);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 9));
    assert_false(h->t.flight->tlp.outstanding);
    assert_int_equal(h->t.cc.ssthresh, 2 * h->t.mss); /* half of four in flight */
    assert_int_equal(h->t.recoveries, 0);
    tcp_silent(h);
}

/* 7.4.2, case 1: a D-SACK of the probe. */
static void arrived_twice(struct tcp_harness *h)
{
    probe_is_out(h);
    uint32_t cwnd = h->t.cc.cwnd;
    tcp_ack_in(h, nth(h, 5));
    tcp_sack_in(h, nth(h, 5), SEGS(h, 4, 5));
    assert_false(h->t.flight->tlp.outstanding);
    segments_out(h, 4);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 9));
    assert_int_equal(h->t.cc.ssthresh, UINT32_MAX);
    assert_true(h->t.cc.cwnd >= cwnd);

    /* Both in one ACK. */
    tcp_again(h);
    probe_is_out(h);
    tcp_sack_in(h, nth(h, 5), SEGS(h, 4, 5));
    assert_false(h->t.flight->tlp.outstanding);
    assert_int_equal(h->t.cc.ssthresh, UINT32_MAX);
    assert_int_equal(h->t.dsacks_in, 1);
}

/* 7.4.2, case 2: a peer that does not tell D-SACKs answers the second copy with a duplicate ACK,
 * while something is outstanding. */
static void duplicate_ack(struct tcp_harness *h)
{
    probe_is_out(h);
    tcp_ack_in(h, nth(h, 5));
    segments_out(h, 4);
    tcp_ack_in(h, nth(h, 5));
    assert_false(h->t.flight->tlp.outstanding);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 9));
    assert_int_equal(h->t.cc.ssthresh, UINT32_MAX);
}

/* The usual end: the probe alone arrives, its SACK wakes RACK, and everything is repaired in fast
 * recovery. 7.1: the probe is forgotten with that. */
static void wakes_rack(struct tcp_harness *h)
{
    probe_is_out(h);
    tcp_sack_in(h, 1, SEGS(h, 4, 5));
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
    assert_int_equal(board_of(h)->lost_bytes, 4 * h->t.mss);
    assert_int_equal(h->t.phase, CC_RECOVERY);
    assert_false(h->t.flight->tlp.outstanding);
    for (uint32_t at = 1; at < 4; at++) {
        tcp_wait_ms(h, RTT_MS);
        tcp_sack_in(h, nth(h, at), SEGS(h, 4, 5));
        if (tcp_waiting(h) == 2) { /* RFC 9937: SafeACK */
            expect_nth(h, at++, LA_RTX_RACK);
        }
        expect_nth(h, at, LA_RTX_RACK);
        tcp_silent(h);
    }
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 5));
    assert_int_equal(h->t.rtx_timeouts, 0);
    assert_int_equal(h->t.recoveries, 1);
}

/* Against the model of the receiver: the last `n` segments of a flow are lost, each once. */
struct tail {
    uint32_t from;
    uint32_t mask; /* one bit a segment */
};

static bool lose_tail(void *ctx, const struct tcp_out *o)
{
    struct tail *tail = ctx;
    uint32_t n = (o->seq - 1) / 900; /* a bit for each, whatever the MSS is */
    if (o->seq < tail->from || !(tail->mask >> (n % 32) & 1)) {
        return false;
    }
    tail->mask &= ~(1U << (n % 32));
    return true;
}

static void any_tail(struct tcp_harness *h)
{
    static struct sink sink;
    for (uint32_t n = 1; n <= 8; n++) {
        tcp_connect_over(h, RTT_MS);
        sink_init(&sink, h, RTT_MS);
        struct tail tail = {.from = nth(h, 10 - n), .mask = UINT32_MAX};
        sink.lose = lose_tail;
        sink.ctx = &tail;
        tcp_say(h, 10 * h->t.mss, 0);
        sink_run(h, &sink, h->env.now_ns + 60 * SECOND);
        assert_int_equal(sink.next, nth(h, 10));
        assert_true(sink.lost >= n);
        assert_int_equal(h->t.rtx_timeouts, 0);
        assert_int_equal(sink.in_vain, 0);
        tcp_again(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE_SACK(probe_timeout),      EVERYWHERE_SACK(not_armed),
        EVERYWHERE(not_without_sack),        EVERYWHERE_SACK(not_with_a_closed_window),
        EVERYWHERE_SACK(last_segment_once),  EVERYWHERE_SACK(new_data_first),
        EVERYWHERE_SACK(the_windows_end),    EVERYWHERE_SACK(partial_segment),
        EVERYWHERE_SACK(with_fin),           EVERYWHERE_SACK(none_without_a_sample),
        EVERYWHERE_SACK(no_memory_to_split), EVERYWHERE_SACK(repaired_a_loss),
        EVERYWHERE_SACK(arrived_twice),      EVERYWHERE_SACK(duplicate_ack),
        EVERYWHERE_SACK(wakes_rack),         EVERYWHERE_SACK(any_tail),
    };
    return cmocka_run_group_tests_name("core/tcp/probe", tests, NULL, NULL);
}
