/* Closing (RFC 9293 3.6, 3.10.4, 3.10.5): four segments and three, both at once, half-closed in
 * both roles, and the ends that are not orderly. */
#include "support/tcp_harness.h"

/* Figure 12. */
static void four_segments(struct tcp_harness *h)
{
    tcp_connect(h);
    assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1); /* at the call: "in any case" */
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, 1, 1, 0);
    tcp_ack_in(h, 2);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    assert_int_equal(tcp_segment_in(h, FIN | ACK, 1, 2, 0), LA_TAKE_FIN);
    tcp_expect(h, ACK, 2, 2, 0);
    assert_int_equal(h->t.state, LA_TCP_TIME_WAIT);
    assert_true(h->t.todo & TCP_DO_CLOSED);
    assert_true(h->t.todo & TCP_DO_PEER_CLOSED);
    assert_int_equal(tcp_hear(h, 10), 0);
    assert_int_equal(h->t.error, 0);
    tcp_silent(h);
}

static void four_segments_passive(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, FIN | ACK, 1, 1, 0);
    tcp_expect(h, ACK, 1, 2, 0); /* at once */
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
    assert_int_equal(tcp_hear(h, 10), 0);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, 1, 2, 0);
    assert_int_equal(h->t.state, LA_TCP_LAST_ACK);
    tcp_ack_in(h, 2);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_true(h->t.todo & TCP_DO_CLOSED);
    assert_int_equal(h->t.error, 0); /* RFC 9293 MUST-12 */
    assert_false(tcp_timer_due(h));
    tcp_silent(h);
}

/* The FIN rides on the ACK of the peer's: the application closed before the ACK left. */
static void three_segments_passive(struct tcp_harness *h)
{
    tcp_connect(h);
    h->hold = true;
    tcp_segment_in(h, FIN | ACK, 1, 1, 0);
    tcp_close(&h->t, &h->env);
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, 1, 2, 0);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_LAST_ACK);
}

/* Note 2 of figure 5: one segment acknowledges our FIN and carries the peer's. */
static void three_segments_active(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_FIN_WAIT_1);
    tcp_segment_in(h, FIN | ACK, 1, 2, 0);
    tcp_expect(h, ACK, 2, 2, 0);
    assert_int_equal(h->t.state, LA_TCP_TIME_WAIT);
}

/* Figure 13. */
static void simultaneous_close(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_FIN_WAIT_1);
    tcp_segment_in(h, FIN | ACK, 1, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSING);
    tcp_expect(h, ACK, 2, 2, 0);
    tcp_ack_in(h, 2);
    assert_int_equal(h->t.state, LA_TCP_TIME_WAIT);
    tcp_silent(h);
}

/* Both ACKs are lost: the FINs go again, and each is answered once. */
static void simultaneous_close_lost(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_CLOSING);
    tcp_fire(h);
    tcp_expect(h, FIN | ACK, 1, 2, 0);
    tcp_segment_in(h, FIN | ACK, 1, 1, 0);
    tcp_expect(h, ACK, 2, 2, 0);
    tcp_silent(h);
    tcp_ack_in(h, 2);
    assert_int_equal(h->t.state, LA_TCP_TIME_WAIT);
}

/* Half-closed by us: the peer may send as long as it likes. */
static void half_close_receiving(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_FIN_WAIT_2);
    for (unsigned i = 0; i < 20; i++) {
        tcp_segment_in(h, ACK | PSH, 1 + i * 1000, 2, 1000);
        assert_int_equal(tcp_hear(h, 5000), 1000);
        tcp_wait_ms(h, 10000); /* no timer ends it: the application is still there */
    }
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    assert_int_equal(tcp_send(&h->t, &h->env, "x", 1, 0), LA_EPIPE);
    tcp_segment_in(h, FIN | ACK, 20001, 2, 0);
    assert_int_equal(h->t.state, LA_TCP_TIME_WAIT);
    assert_int_equal(tcp_hear(h, 10), 0);
}

/* Half-closed by the peer: we may send as long as we like. */
static void half_close_sending(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_CLOSE_WAIT);
    assert_int_equal(tcp_hear(h, 10), 0);
    for (unsigned i = 0; i < 20; i++) {
        tcp_say(h, 1000, 0);
        tcp_expect(h, ACK | PSH, 1 + i * 1000, 2, 1000);
        tcp_segment_in(h, ACK, 2, 1001 + i * 1000, 0);
    }
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, 20001, 2, 0);
    assert_int_equal(h->t.state, LA_TCP_LAST_ACK);
    tcp_segment_in(h, ACK, 2, 20002, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

/* 3.10.4: "queue this until all preceding SENDs have been segmentized". */
static void fin_behind_the_data(struct tcp_harness *h)
{
    h->peer_wnd = 2500;
    tcp_to_state(h, LA_TCP_CLOSE_WAIT);
    tcp_say(h, 4300, 0);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT); /* until the FIN has left */
    tcp_expect(h, ACK, 1, 2, 1000);
    tcp_expect(h, ACK, 1001, 2, 1000);
    tcp_silent(h);
    tcp_segment_in(h, ACK, 2, 2001, 0);
    tcp_expect(h, ACK, 2001, 2, 1000);
    tcp_expect(h, ACK, 3001, 2, 1000);
    /* The last byte and the FIN in one segment; they end Nagle's wait. */
    tcp_expect(h, FIN | ACK | PSH, 4001, 2, 300);
    assert_int_equal(h->t.state, LA_TCP_LAST_ACK);
    tcp_segment_in(h, ACK, 2, 4301, 0);
    assert_int_equal(h->t.state, LA_TCP_LAST_ACK); /* the data, not yet the FIN */
    tcp_segment_in(h, ACK, 2, 4302, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

/* The data are acknowledged in FIN-WAIT-1 before the FIN is. */
static void fin_wait_1_partly_acknowledged(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 500, 0);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_expect(h, ACK | PSH, 1, 1, 500);
    tcp_expect(h, FIN | ACK, 501, 1, 0);
    tcp_ack_in(h, 501);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1);
    tcp_ack_in(h, 502);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
}

/* A second close or shutdown sends no second FIN (3.10.4, FIN-WAIT). */
static void closing_twice(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_FIN_WAIT_1);
    assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
    tcp_close(&h->t, &h->env);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1);
}

/* A FIN that arrives behind a gap counts when the gap is filled. */
static void fin_behind_a_gap(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, FIN | ACK, 101, 1, 50);
    tcp_expect(h, ACK, 1, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_expect(h, ACK, 1, 152, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
    assert_int_equal(tcp_hear(h, 1000), 150);
    assert_int_equal(tcp_hear(h, 1000), 0);
}

static void bare_fin_behind_a_gap(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, FIN | ACK, 101, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_expect(h, ACK, 1, 1, 0); /* RFC 5681 4.2 */
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_expect(h, ACK, 1, 102, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
}

/* A FIN that the window cuts off with its data does not count. */
static void fin_beyond_the_window(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 1000;
    tcp_connect(h);
    tcp_segment_in(h, FIN | ACK, 1, 1, 1100);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    h->out_head = h->out_tail;
    assert_int_equal(tcp_hear(h, 2000), 1000);
    h->out_head = h->out_tail;
    tcp_segment_in(h, FIN | ACK, 1001, 1, 100);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
    tcp_expect(h, ACK, 1, 1102, 0);
    assert_int_equal(tcp_hear(h, 2000), 100);
}

/* RFC 9293 3.6.1, SHLD-3, MAY-1: data that nobody will read make it a reset. */
static void close_with_unread_data(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    struct tcp_out *o = tcp_next(h);
    assert_true(o->h.flags & RST);
    assert_int_equal(o->reason, LA_RST_UNREAD);
    assert_int_equal(o->seq, 1);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    tcp_silent(h);
}

static void close_with_data_behind_a_gap(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 11, 1, 100);
    tcp_expect(h, ACK, 1, 1, 0);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    assert_int_equal(tcp_next(h)->reason, LA_RST_UNREAD);
}

/* SHLD-3: and so do data that come after the close. */
static void data_after_close(struct tcp_harness *h)
{
    static const enum la_tcp_state states[] = {LA_TCP_FIN_WAIT_1, LA_TCP_FIN_WAIT_2};
    for (unsigned i = 0; i < 2; i++) {
        tcp_to_state(h, states[i]);
        tcp_close(&h->t, &h->env);
        tcp_segment_in(h, ACK, 1, tcp_rel(h, h->t.snd_una), 100);
        assert_int_equal(h->verdict, LA_DROP_DATA_AFTER_CLOSE);
        struct tcp_out *o = tcp_next(h);
        assert_true(o->h.flags & RST);
        assert_int_equal(o->reason, LA_RST_DATA_AFTER_CLOSE);
        assert_int_equal(o->seq, 2);
        assert_int_equal(h->t.state, LA_TCP_CLOSED);
        tcp_silent(h);
        tcp_again(h);
    }
}

/* Data that came before the close and come again are no reason for it. */
static void old_data_after_close(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_hear(h, 100);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    h->out_head = h->out_tail;
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_expect(h, ACK, 2, 101, 0);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1);
}

/* RFC 1122 4.2.2.20: nobody reads any more, so FIN-WAIT-2 does not last for ever. */
static void fin_wait_2_ends(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_FIN_WAIT_1);
    tcp_close(&h->t, &h->env);
    tcp_ack_in(h, 2);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    tcp_wait_ms(h, 59999);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    tcp_wait_ms(h, 1);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    tcp_silent(h);
}

static void fin_wait_2_ends_when_closed_late(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_FIN_WAIT_2);
    tcp_wait_ms(h, 1000000);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    tcp_close(&h->t, &h->env);
    tcp_wait_ms(h, 60000);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

/* Linger 0 resets what is not delivered; with everything delivered it closes. */
static void linger_zero(struct tcp_harness *h)
{
    h->options.linger_s = 0;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 100);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    struct tcp_out *o = tcp_next(h);
    assert_true(o->h.flags & RST);
    assert_int_equal(o->seq, 101); /* <SEQ=SND.NXT><CTL=RST> */
    assert_int_equal(o->reason, LA_RST_LINGER);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

static void linger_runs_out(struct tcp_harness *h)
{
    h->options.linger_s = 3;
    tcp_connect(h);
    tcp_say(h, 100, 0);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_wait_ms(h, 2999);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1);
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 1);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    while (tcp_waiting(h) > 1) {
        (void)tcp_next(h);
    }
    assert_int_equal(tcp_next(h)->reason, LA_RST_LINGER);
}

/* What arrived before a reset can still be read; then comes the error (RFC 9293 MUST-12). */
static void reset_keeps_what_came(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_segment_in(h, ACK, 201, 1, 100); /* behind a gap: given back at the end */
    tcp_segment_in(h, RST, 101, 0, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_true(tcp_ready(&h->t, &h->env) & LA_EV_ERROR);
    assert_int_equal(tcp_hear(h, 1000), 100);
    assert_int_equal(tcp_hear(h, 1000), LA_ECONNRESET);
    assert_int_equal(tcp_send(&h->t, &h->env, "x", 1, 0), LA_ECONNRESET);
    assert_int_equal(tcp_shutdown(&h->t, &h->env), LA_ECONNRESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(four_segments),
        EVERYWHERE(four_segments_passive),
        EVERYWHERE(three_segments_passive),
        EVERYWHERE(three_segments_active),
        EVERYWHERE(simultaneous_close),
        EVERYWHERE(simultaneous_close_lost),
        EVERYWHERE(half_close_receiving),
        EVERYWHERE(half_close_sending),
        EVERYWHERE(fin_behind_the_data),
        EVERYWHERE(fin_wait_1_partly_acknowledged),
        EVERYWHERE(closing_twice),
        EVERYWHERE(fin_behind_a_gap),
        EVERYWHERE(bare_fin_behind_a_gap),
        EVERYWHERE(fin_beyond_the_window),
        EVERYWHERE(close_with_unread_data),
        EVERYWHERE(close_with_data_behind_a_gap),
        EVERYWHERE(data_after_close),
        EVERYWHERE(old_data_after_close),
        EVERYWHERE(fin_wait_2_ends),
        EVERYWHERE(fin_wait_2_ends_when_closed_late),
        EVERYWHERE(linger_zero),
        EVERYWHERE(linger_runs_out),
        EVERYWHERE(reset_keeps_what_came),
    };
    return cmocka_run_group_tests_name("core/tcp/close", tests, NULL, NULL);
}
