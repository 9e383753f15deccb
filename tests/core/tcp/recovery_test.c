/* Loss recovery and congestion control in the connection (RFC 9293 MUST-19; RFC 5681, RFC 6582, RFC
 * 3042), and timestamps against old duplicates (RFC 7323 5). */
#include "support/tcp_harness.h"

/* `n` segments of 1000 bytes leave. */
static void outstanding(struct tcp_harness *h, uint32_t n)
{
    uint32_t from = h->said;
    tcp_say(h, 1000 * n, 0);
    for (uint32_t i = 0; i < n; i++) {
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->seq, 1 + from + 1000 * i);
        assert_int_equal(o->len, 1000);
    }
    tcp_silent(h);
}

/* RFC 3042 2: the first two duplicate ACKs let a new segment out each; RFC 5681 3.2: the third has
 * the missing one sent again. */
static void fast_retransmit(struct tcp_harness *h)
{
    tcp_connect(h);
    outstanding(h, 10);
    tcp_say(h, 5000, 0);
    tcp_silent(h); /* the window is full */
    assert_int_equal(tcp_ack_in(h, 1), LA_TAKE_ACK_DUPLICATE);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, 10001);
    assert_int_equal(o->reason, LA_RTX_LIMITED);
    tcp_ack_in(h, 1);
    tcp_expect(h, ACK, 11001, 1, 1000);
    tcp_silent(h);
    assert_int_equal(h->t.cc.cwnd, 10000); /* unchanged so far */
    tcp_ack_in(h, 1);
    o = tcp_next(h);
    assert_int_equal(o->seq, 1);
    assert_int_equal(o->len, 1000);
    assert_int_equal(o->reason, LA_RTX_FAST);
    /* Half of the 10 segments in flight: those of limited transmit do not count (RFC 5681 3.2). */
    assert_int_equal(h->t.cc.ssthresh, 5000);
    assert_int_equal(h->t.cc.cwnd, 9000); /* RFC 9937: what is in flight, this segment included */
    tcp_silent(h);
    for (unsigned i = 0; i < 4; i++) {
        tcp_ack_in(h, 1); /* each says that a segment left the network */
        tcp_silent(h);
    }
    tcp_ack_in(h, 1);
    tcp_expect(h, ACK, 12001, 1, 1000);
    /* A full acknowledgment ends it. */
    tcp_ack_in(h, 13001);
    assert_int_not_equal(h->t.phase, CC_RECOVERY);
    assert_true(h->t.cc.cwnd <= 5000);
}

/* RFC 6582 3.2, step 3: a partial ACK shows the next hole; recovery lasts until all that was in
 * flight when it began is acknowledged. */
static void partial_acks(struct tcp_harness *h)
{
    tcp_connect(h);
    outstanding(h, 10);
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, 1);
    }
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_silent(h);
    static const uint32_t holes[] = {3001, 5001, 8001};
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, holes[i]);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->seq, holes[i]);
        assert_int_equal(o->len, 1000);
        assert_int_equal(o->reason, LA_RTX_PARTIAL);
        tcp_silent(h);
        assert_int_equal(h->t.phase, CC_RECOVERY);
    }
    tcp_ack_in(h, 10001);
    assert_int_not_equal(h->t.phase, CC_RECOVERY);
    assert_int_equal(h->t.rtx_segs, 4);
}

/* RFC 5681 2: what is no duplicate ACK. */
static void no_duplicates(struct tcp_harness *h)
{
    tcp_connect(h);
    for (unsigned i = 0; i < 5; i++) {
        tcp_ack_in(h, 1); /* nothing is outstanding */
    }
    outstanding(h, 5);
    for (uint32_t i = 0; i < 5; i++) {
        tcp_window_in(h, 1, (uint16_t)(50000 + i)); /* the window changes */
    }
    for (uint32_t i = 0; i < 5; i++) {
        tcp_feed(h, &(struct tcp_in){/* with data */
                                     .flags = ACK,
                                     .seq = 1 + 10 * i,
                                     .ack = 1,
                                     .len = 10,
                                     .wnd = 50004});
    }
    tcp_silent(h);
    assert_int_equal(h->t.dup_acks_in, 0);
}

/* After a timeout duplicate ACKs of what was sent before it begin no recovery (RFC 6582 3.2). */
static void timeout_in_recovery(struct tcp_harness *h)
{
    tcp_connect(h);
    outstanding(h, 10);
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, 1);
    }
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_fire(h);
    assert_int_not_equal(h->t.phase, CC_RECOVERY);
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_silent(h);
    assert_int_equal(h->t.cc.cwnd, 1000);
    tcp_ack_in(h, 2001);
    tcp_expect(h, ACK, 2001, 1, 1000);
    tcp_expect(h, ACK, 3001, 1, 1000);
    for (unsigned i = 0; i < 5; i++) {
        tcp_ack_in(h, 2001);
    }
    assert_int_not_equal(h->t.phase, CC_RECOVERY);
    while (tcp_waiting(h) != 0) {
        assert_int_not_equal(tcp_next(h)->reason, LA_RTX_FAST);
    }
    tcp_ack_in(h, 10001);
    assert_false(tcp_timer_due(h));
}

/* Slow start doubles, congestion avoidance adds one segment a round (RFC 5681 3.1); an idle sender
 * does not grow, and keeps for a while what it had (RFC 7661 4.2, in place of RFC 5681 4.1). */
static void slow_start(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 40000, 0);
    assert_int_equal(tcp_waiting(h), 10);
    for (uint32_t i = 1; i <= 10; i++) {
        tcp_ack_in(h, 1 + 1000 * i);
    }
    assert_int_equal(h->t.cc.cwnd, 20000);
    assert_int_equal(tcp_waiting(h), 30);
    h->out_head = h->out_tail;
    tcp_ack_in(h, 40001 - 10000);
    tcp_ack_in(h, 40001);
    uint32_t cwnd = h->t.cc.cwnd;
    tcp_say(h, 1000, 0);
    tcp_ack_in(h, 41001);
    assert_int_equal(h->t.cc.cwnd, cwnd);
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 1000);
    tcp_say(h, 20000, 0);
    assert_int_equal(tcp_waiting(h), 20);
    h->out_head = h->out_tail;
}

/* The mark of the last recovery does not fall so far behind that it lies ahead: after more than
 * 2^31 bytes a loss is still seen. */
static void loss_after_2_gib(struct tcp_harness *h)
{
    static uint8_t bytes[1 << 20];
    if (h->iss != h->irs || !h->v4) {
        return;
    }
    h->own_bytes = true;
    h->options.window_scale = true;
    h->options.sndbuf_bytes = 1 << 20;
    h->syn_options |= WIRE_TCP_WSCALE;
    h->peer_wscale = 14;
    h->most = 60000;
    tcp_connect(h);
    tcp_ack_in(h, 1);
    uint64_t owner, cookie;
    for (uint32_t sent = 0; sent < 0x80100000U;) {
        h->t.cc.cwnd = 1 << 21;
        struct tcb *t = &h->t;
        assert_int_equal(tcp_lend(t, &h->env, bytes, sizeof(bytes), 0, 0, 0), sizeof(bytes));
        sent += sizeof(bytes);
        /* Skips the wire: a megabyte is as good as sent. */
        t->snd_nxt = t->snd_max = t->snd_end;
        tcp_arm_rtx(t, &h->env);
        tcp_ack_in(h, 1 + sent);
        assert_true(buf_released(&h->pool, &owner, &cookie));
    }
    assert_int_equal(tcp_lend(&h->t, &h->env, bytes, 100000, 0, 0, 0), 100000);
    tcp_flush(h);
    h->out_head = h->out_tail;
    uint32_t una = tcp_rel(h, h->t.snd_una);
    for (unsigned i = 0; i < 3; i++) {
        tcp_ack_in(h, una);
    }
    assert_int_equal(tcp_next(h)->reason, LA_RTX_FAST);
    tcp_release(&h->t, &h->env);
    assert_true(buf_released(&h->pool, &owner, &cookie));
}

/* ---- timestamps ----------------------------------------------------------------------------- */

static void with_timestamps(struct tcp_harness *h)
{
    h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_TS;
    tcp_connect(h);
}

/* RFC 7323 5.3: an old duplicate is answered and dropped, though its numbers fit. */
static void paws(struct tcp_harness *h)
{
    with_timestamps(h);
    tcp_wait_ms(h, 100);
    tcp_segment_in(h, ACK, 1, 1, 10);
    uint32_t recent = h->t.ts_recent;
    struct tcp_in old = {.flags = ACK, .seq = 11, .ack = 1, .len = 10, .tsval = recent - 1};
    assert_int_equal(tcp_feed(h, &old), LA_DROP_PAWS);
    tcp_expect(h, ACK, 1, 11, 0);
    assert_int_equal(h->t.rcv_queued, 10);
    assert_int_equal(h->t.ts_recent, recent);
    old.tsval = recent; /* equal is not old */
    assert_int_equal(tcp_feed(h, &old), LA_TAKE_DATA);
    /* Never for an RST. */
    old = (struct tcp_in){.flags = RST, .seq = 21, .tsval = recent - 100};
    tcp_feed(h, &old);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

/* RFC 7323 5.5: after 24 days of silence the last timestamp says nothing. */
static void paws_after_24_days(struct tcp_harness *h)
{
    with_timestamps(h);
    uint32_t recent = h->t.ts_recent;
    h->env.now_ns += UINT64_C(25) * 86400 * SECOND;
    assert_int_equal(
        tcp_feed(
            h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .tsval = recent - 5}),
        LA_TAKE_DATA);
    assert_int_equal(h->t.ts_recent, recent - 5);
}

/* RFC 7323 4.3: only a segment that covers Last.ACK.sent and lies in the window updates TS.Recent
 * (so none poisons it). */
static void ts_recent(struct tcp_harness *h)
{
    with_timestamps(h);
    uint32_t recent = h->t.ts_recent;
    tcp_feed(h,
             &(struct tcp_in){.flags = ACK, .seq = 101, .ack = 1, .len = 10, .tsval = recent + 50});
    assert_int_equal(h->t.ts_recent, recent); /* behind a gap */
    tcp_feed(h, &(struct tcp_in){
                    .flags = ACK, .seq = 90001, .ack = 1, .len = 10, .tsval = recent + 0x7fffffff});
    assert_int_equal(h->t.ts_recent, recent); /* beyond the window */
    h->out_head = h->out_tail;
    tcp_feed(h,
             &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .tsval = recent + 40});
    assert_int_equal(h->t.ts_recent, recent + 40);
    assert_int_equal(tcp_next(h)->h.tsecr, recent + 40);
}

/* RFC 7323 3.2: once agreed, a segment without them is dropped in silence, but an RST is not. */
static void timestamp_missing(struct tcp_harness *h)
{
    with_timestamps(h);
    struct tcp_in in = {.flags = ACK, .seq = 1, .ack = 1, .len = 10, .no_timestamp = true};
    assert_int_equal(tcp_feed(h, &in), LA_DROP_TIMESTAMP_MISSING);
    tcp_silent(h);
    in = (struct tcp_in){.flags = RST, .seq = 1, .no_timestamp = true};
    tcp_feed(h, &in);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(fast_retransmit),
        EVERYWHERE(partial_acks),
        EVERYWHERE(no_duplicates),
        EVERYWHERE(timeout_in_recovery),
        EVERYWHERE(slow_start),
        EVERYWHERE(loss_after_2_gib),
        EVERYWHERE(paws),
        EVERYWHERE(paws_after_24_days),
        EVERYWHERE(ts_recent),
        EVERYWHERE(timestamp_missing),
    };
    return cmocka_run_group_tests_name("core/tcp/recovery", tests, NULL, NULL);
}
