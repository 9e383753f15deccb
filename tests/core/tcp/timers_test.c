/* Timers (RFC 9293 3.8.1, 3.8.3, 3.8.4, 3.10.8): retransmission and its back-off, R1 and R2, the
 * user timeout, keep-alive. Delayed ACKs are in data_test.c, probes in window_test.c. */
#include "support/tcp_harness.h"

/* RFC 9293 MUST-22, MUST-23: SYNs go again under R1 and R2, for three minutes at least; MUST-19:
 * exponentially. */
static void syn_is_repeated(struct tcp_harness *h)
{
    static const uint64_t gaps[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000};
    uint64_t begin = h->env.now_ns;
    tcp_start(h);
    tcp_expect(h, SYN, 0, 0, 0);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(tcp_fire(h), gaps[i]);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->h.flags, SYN);
        assert_int_equal(o->seq, 0);
        assert_int_equal(o->reason, LA_SYN_AGAIN);
        /* RFC 9293 MUST-20, SHLD-10: R1 after three retransmissions. */
        assert_int_equal((h->t.todo & TCP_DO_DOUBT) != 0, i >= 3);
    }
    tcp_fire(h);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ETIMEDOUT);
    assert_true(h->env.now_ns - begin >= 180 * SECOND);
    tcp_silent(h);
}

/* A lost SYN leaves a window of one segment (RFC 5681 3.1) and an RTO of 3 s (RFC 6298 5.7). */
static void after_a_lost_syn(struct tcp_harness *h)
{
    tcp_start(h);
    tcp_fire(h);
    h->out_head = h->out_tail;
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    tcp_expect(h, ACK, 1, 1, 0);
    tcp_say(h, 3000, 0);
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_silent(h);
    assert_int_equal(tcp_fire(h), 3000);
    tcp_expect(h, ACK, 1, 1, 1000);
}

static void syn_ack_is_repeated(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_RECEIVED);
    for (unsigned i = 0; i < 3; i++) {
        tcp_fire(h);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->h.flags, SYN | ACK);
        assert_int_equal(o->reason, LA_SYN_ACK_AGAIN);
        tcp_silent(h);
    }
}

/* RFC 6298 2, RFC 9293 MUST-18: from the first sample on SRTT + 4 RTTVAR; 5.5: doubled each time.
 */
static void data_are_repeated(struct tcp_harness *h)
{
    tcp_start(h);
    h->env.now_ns += 300 * MS;
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    h->out_head = h->out_tail;
    assert_int_equal(h->t.rto_ms, 900); /* 300 + 4 * 150 */
    tcp_say(h, 2500, 0);
    h->out_head = h->out_tail;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(tcp_fire(h), 900U << i);
        struct tcp_out *o = tcp_next(h); /* RFC 5681 3.1: the loss window is one segment */
        assert_int_equal(o->seq, 1);
        assert_int_equal(o->len, 1000);
        assert_int_equal(o->reason, LA_RTX_TIMEOUT);
        tcp_silent(h);
        assert_int_equal(h->t.cc.cwnd, 1000);
        assert_int_equal(h->t.cc.ssthresh, 2000);
    }
    tcp_ack_in(h, 1001); /* slow start from one */
    tcp_expect(h, ACK, 1001, 1, 1000);
    tcp_ack_in(h, 2001);
    tcp_expect(h, ACK | PSH, 2001, 1, 500);
    tcp_ack_in(h, 2501);
    assert_false(tcp_timer_due(h)); /* 5.2 */
}

/* RFC 6298 5.3: an ACK of new data starts the timer over. */
static void restarted_by_an_ack(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 3000, 0);
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 150);
    tcp_silent(h);
    tcp_ack_in(h, 1001);
    uint32_t rto = h->t.rto_ms;
    tcp_wait_ms(h, rto - 1);
    tcp_silent(h);
    tcp_wait_ms(h, 1);
    tcp_expect(h, ACK, 1001, 1, 1000);
}

/* Karn (RFC 9293 MUST-18): no sample from what was sent twice; the backed-off timeout stays until
 * there is one, so that a path slower than the timeout is found out. */
static void karn(struct tcp_harness *h)
{
    tcp_connect(h);
    uint32_t srtt = h->t.srtt_us8;
    tcp_say(h, 100, 0);
    assert_int_equal(tcp_fire(h), 200);
    assert_int_equal(tcp_fire(h), 400);
    tcp_wait_ms(h, 600);
    tcp_ack_in(h, 101);
    assert_int_equal(h->t.srtt_us8, srtt);
    h->out_head = h->out_tail;
    tcp_say(h, 100, 0);
    tcp_wait_ms(h, 799); /* 200 << 2 */
    assert_int_equal(tcp_waiting(h), 1);
    tcp_ack_in(h, 201); /* now there is a sample */
    assert_in_range(h->t.rto_ms, 800, 60000);
    assert_true(h->t.srtt_us8 > srtt);
    h->out_head = h->out_tail;
}

/* With timestamps a repeated segment is measured too (RFC 7323 4.1). */
static void timestamps_measure(struct tcp_harness *h)
{
    h->options.timestamps = true;
    h->syn_options |= WIRE_TCP_TS;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    tcp_fire(h);
    tcp_wait_ms(h, 150);
    h->out_head = h->out_tail;
    tcp_ack_in(h, 101); /* echoes the second one */
    assert_in_range(h->t.srtt_us8 / 8, 10000, 40000);
}

/* RFC 9293 3.8.3, SHLD-9, SHLD-10, SHLD-11, MUST-20, MUST-47: doubt at R1, the end at R2. */
static void r1_and_r2(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 100, 0);
    uint64_t begin = h->env.now_ns;
    for (unsigned i = 1; i <= 15; i++) {
        tcp_fire(h);
        assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
        assert_int_equal((h->t.todo & TCP_DO_DOUBT) != 0, i > 3);
        assert_int_equal((h->t.todo & TCP_DO_SOFT_ERROR) != 0, i > 3);
    }
    tcp_fire(h);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ETIMEDOUT);
    assert_true(h->env.now_ns - begin >= 100 * SECOND);
    assert_int_equal(tcp_waiting(h), 16);
    h->out_head = h->out_tail;
}

/* RFC 9293 SHLD-20: the application may switch the reports off. */
static void r1_in_silence(struct tcp_harness *h)
{
    h->options.soft_errors = false;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    for (unsigned i = 0; i < 6; i++) {
        tcp_fire(h);
    }
    assert_true(h->t.todo & TCP_DO_DOUBT);
    assert_false(h->t.todo & TCP_DO_SOFT_ERROR);
    h->out_head = h->out_tail;
}

/* RFC 9293 MUST-21: R2 is the application's: fewer retransmissions, a time, or never. */
static void r2_is_set(struct tcp_harness *h)
{
    h->options.r2_retries = 2;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    tcp_fire(h);
    tcp_fire(h);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_fire(h);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    h->out_head = h->out_tail;
}

static void user_timeout(struct tcp_harness *h)
{
    h->options.user_timeout_ms = 5000;
    tcp_connect(h);
    tcp_wait_ms(h, 100000); /* idle time does not count */
    tcp_say(h, 100, 0);
    tcp_wait_ms(h, 4999);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_wait_ms(h, 1);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ETIMEDOUT);
    while (tcp_waiting(h) > 1) {
        (void)tcp_next(h);
    }
    struct tcp_out *o = tcp_next(h);
    assert_true(o->h.flags & RST);
    assert_int_equal(o->reason, LA_RST_USER_TIMEOUT);
    assert_int_equal(h->trace.counters[LA_CALL_ABORT], 0); /* nobody called */
}

static void user_timeout_never(struct tcp_harness *h)
{
    h->options.user_timeout_ms = UINT32_MAX;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_in_range(tcp_fire(h), 1, 60000); /* MUST-19: bounded back-off */
        h->out_head = h->out_tail;
    }
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
}

/* Progress starts the count over. */
static void progress(struct tcp_harness *h)
{
    h->options.r2_retries = 3;
    tcp_connect(h);
    tcp_say(h, 5000, 0);
    for (uint32_t i = 1; i <= 5; i++) {
        tcp_fire(h);
        tcp_fire(h);
        tcp_ack_in(h, 1 + 1000 * i);
        h->out_head = h->out_tail;
    }
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_false(tcp_timer_due(h));
}

/* FINs are repeated in every state that waits for their ACK. */
static void fin_is_repeated(struct tcp_harness *h)
{
    static const enum la_tcp_state states[] = {LA_TCP_FIN_WAIT_1, LA_TCP_CLOSING, LA_TCP_LAST_ACK};
    for (unsigned i = 0; i < 3; i++) {
        tcp_to_state(h, states[i]);
        for (unsigned k = 0; k < 3; k++) {
            tcp_fire(h);
            struct tcp_out *o = tcp_next(h);
            assert_int_equal(o->h.flags, FIN | ACK);
            assert_int_equal(o->seq, 1);
            assert_int_equal(o->reason, LA_FIN_AGAIN);
            tcp_silent(h);
            assert_int_equal(h->t.state, states[i]);
        }
        tcp_again(h);
    }
}

/* ---- keep-alive ----------------------------------------------------------------------------- */

/* RFC 9293 MUST-25: off by default. */
static void keepalive_is_off(struct tcp_harness *h)
{
    struct la_tcp_options o;
    la_tcp_options_init(&o);
    assert_false(o.keepalive);
    assert_true(o.keepidle_s >= 7200); /* MUST-28 */
    tcp_connect(h);
    assert_false(tcp_timer_due(h));
}

/* RFC 9293 MAY-5, MUST-24, MUST-26, MUST-27, MUST-29, SHLD-12. */
static void keepalive(struct tcp_harness *h)
{
    h->options.keepalive = true;
    h->options.keepidle_s = 100;
    h->options.keepintvl_s = 10;
    h->options.keepcnt = 3;
    tcp_connect(h);
    tcp_wait_ms(h, 60000);
    tcp_segment_in(h, ACK, 1, 1, 10); /* something came: the interval begins anew */
    tcp_wait_ms(h, 99999);
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 1);
    tcp_expect(h, ACK, 0, 11, 0); /* SEG.SEQ = SND.NXT - 1, no data */
    tcp_ack_in(h, 1);
    tcp_wait_ms(h, 99999);
    tcp_silent(h);
    for (unsigned i = 0; i < 3; i++) {
        tcp_wait_ms(h, 10000);
        assert_int_equal(tcp_next(h)->reason, LA_PROBE_KEEPALIVE);
        tcp_silent(h);
        assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    }
    tcp_wait_ms(h, 10000);
    assert_int_equal(tcp_next(h)->reason, LA_RST_KEEPALIVE);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ETIMEDOUT);
}

/* RFC 9293 MAY-6: with one garbage octet. */
static void keepalive_garbage(struct tcp_harness *h)
{
    h->options.keepalive = h->options.keepalive_garbage = true;
    tcp_connect(h);
    tcp_wait_ms(h, 7200000);
    tcp_expect(h, ACK, 0, 1, 1);
}

/* RFC 9293 MUST-26: not while data are outstanding. */
static void keepalive_and_data(struct tcp_harness *h)
{
    h->options.keepalive = true;
    h->options.keepidle_s = 1;
    tcp_connect(h);
    tcp_say(h, 10, 0);
    for (unsigned i = 0; i < 10; i++) {
        tcp_fire(h);
        while (tcp_waiting(h) != 0) {
            assert_int_not_equal(tcp_next(h)->reason, LA_PROBE_KEEPALIVE);
        }
    }
}

/* The peer's probe is answered (RFC 9293 3.8.4), with its octet or without. */
static void answers_keepalive(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 0, 1, 0);
    tcp_expect(h, ACK, 1, 1, 0);
    tcp_segment_in(h, ACK, 0, 1, 1);
    tcp_expect(h, ACK, 1, 1, 0);
    assert_int_equal(h->t.rcv_queued, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(syn_is_repeated),
        EVERYWHERE(after_a_lost_syn),
        EVERYWHERE(syn_ack_is_repeated),
        EVERYWHERE(data_are_repeated),
        EVERYWHERE(restarted_by_an_ack),
        EVERYWHERE(karn),
        EVERYWHERE(timestamps_measure),
        EVERYWHERE(r1_and_r2),
        EVERYWHERE(r1_in_silence),
        EVERYWHERE(r2_is_set),
        EVERYWHERE(user_timeout),
        EVERYWHERE(user_timeout_never),
        EVERYWHERE(progress),
        EVERYWHERE(fin_is_repeated),
        EVERYWHERE(keepalive_is_off),
        EVERYWHERE(keepalive),
        EVERYWHERE(keepalive_garbage),
        EVERYWHERE(keepalive_and_data),
        EVERYWHERE(answers_keepalive),
    };
    return cmocka_run_group_tests_name("core/tcp/timers", tests, NULL, NULL);
}
