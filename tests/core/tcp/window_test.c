/* Windows (RFC 9293 3.8.6): probing a closed one, living with one that shrinks, silly windows on
 * both sides, and what a closed window of ours still lets in. */
#include "support/tcp_harness.h"

/* ---- the peer's window ---------------------------------------------------------------------- */

/* RFC 9293 3.8.6.1, MUST-36; SHLD-29: the first probe after one RTO; SHLD-30: then exponentially.
 */
static void probes(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    assert_false(tcp_timer_due(h)); /* nothing to send: nothing to probe for */
    tcp_say(h, 500, 0);
    tcp_silent(h);
    uint64_t rto = h->t.rto_ms;
    for (unsigned i = 0; i < 12; i++) {
        uint64_t want = rto << i;
        assert_int_equal(tcp_fire(h), want < 60000 ? want : 60000);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->seq, 1);
        assert_int_equal(o->len, 1);
        assert_int_equal(o->reason, LA_PROBE_WINDOW);
        tcp_silent(h);
        tcp_window_in(h, 1, 0);
        tcp_silent(h);
    }
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_window_in(h, 1, 30000);
    tcp_expect(h, ACK | PSH, 1, 1, 500); /* with the byte that was probed with */
    tcp_ack_in(h, 501);
    assert_false(tcp_timer_due(h));
}

/* The window closes over data that are queued already. */
static void probes_after_data(struct tcp_harness *h)
{
    h->peer_wnd = 2000;
    tcp_connect(h);
    tcp_say(h, 5000, 0);
    tcp_expect(h, ACK, 1, 1, 1000);
    tcp_expect(h, ACK, 1001, 1, 1000);
    tcp_silent(h);
    tcp_window_in(h, 2001, 0);
    tcp_silent(h);
    tcp_fire(h);
    tcp_expect(h, ACK, 2001, 1, 1);
    tcp_window_in(h, 2002, 0); /* the byte is taken, the window stays closed */
    tcp_silent(h);
    tcp_fire(h);
    tcp_expect(h, ACK, 2002, 1, 1);
    tcp_window_in(h, 2002, 2000);
    tcp_expect(h, ACK, 2002, 1, 1000);
    tcp_expect(h, ACK, 3002, 1, 1000);
    tcp_silent(h);
}

/* RFC 9293 MUST-37: the connection stays while probes are answered, whatever an answer is lost in
 * between. */
static void probes_for_ever(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 500, 0);
    for (unsigned i = 0; i < 120; i++) {
        tcp_fire(h);
        tcp_expect(h, ACK, 1, 1, 1);
        if (i % 10 != 9) { /* each tenth answer is lost */
            tcp_window_in(h, 1, 0);
        }
    }
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_int_equal(h->t.error, 0);
}

/* Probes that nobody answers end after R2. */
static void probes_unanswered(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 500, 0);
    unsigned n = 0;
    while (h->t.state == LA_TCP_ESTABLISHED && n < 100) {
        tcp_fire(h);
        n++;
    }
    assert_in_range(n, 10, 30);
    assert_int_equal(h->t.error, LA_ETIMEDOUT);
    h->out_head = h->out_tail;
}

/* RFC 9293 MUST-21: a user timeout replaces R2 in this too; probing does not stop meanwhile. */
static void probes_with_a_user_timeout(struct tcp_harness *h)
{
    h->options.user_timeout_ms = 4000000000U;
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 500, 0);
    for (unsigned i = 0; i < 60; i++) {
        assert_in_range(tcp_fire(h), 1, 60000);
        tcp_expect(h, ACK, 1, 1, 1);
    }
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_window_in(h, 1, 1000);
    tcp_expect(h, ACK | PSH, 1, 1, 500);
}

/* The reset stands where the peer's window does, not behind the byte of a probe that was refused:
 * there the peer would drop it (RFC 9293 3.10.7.4, second). */
static void abort_while_probing(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 500, 0);
    tcp_fire(h);
    tcp_expect(h, ACK, 1, 1, 1);
    tcp_window_in(h, 1, 0);
    tcp_abort(&h->t, &h->env, LA_RST_ABORT);
    tcp_flush(h);
    tcp_expect(h, RST | ACK, 1, 1, 0);
    tcp_silent(h);
}

/* A FIN waits behind a closed window with its data, and is probed with when it is alone. */
static void fin_and_a_closed_window(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 1, 0);
    tcp_shutdown(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    tcp_fire(h);
    tcp_expect(h, FIN | ACK, 1, 1, 1);
    tcp_window_in(h, 2, 0);
    h->out_head = h->out_tail;
    tcp_fire(h);
    tcp_expect(h, FIN | ACK, 2, 1, 0);
    tcp_window_in(h, 3, 0);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
    assert_false(tcp_timer_due(h));
}

/* RFC 9293 3.8.6, MUST-34, SHLD-15: the window shrinks below what is outstanding: nothing new
 * leaves; SHLD-16: what lies in it goes again; SHLD-17: and nothing times out meanwhile. */
static void shrinks(struct tcp_harness *h)
{
    h->peer_wnd = 6000;
    tcp_connect(h);
    tcp_say(h, 9000, 0);
    assert_int_equal(tcp_waiting(h), 6);
    h->out_head = h->out_tail;
    tcp_window_in(h, 1001, 2500); /* the edge moves from 6001 to 3501 */
    tcp_silent(h);
    tcp_fire(h); /* RTO */
    tcp_expect(h, ACK, 1001, 1, 1000);
    tcp_silent(h);
    tcp_window_in(h, 2001, 1500);
    tcp_expect(h, ACK, 2001, 1, 1000);
    tcp_expect(h, ACK, 3001, 1, 500); /* as far as the window goes: sent before, so at once */
    tcp_silent(h);
    tcp_window_in(h, 3501, 0);
    tcp_silent(h);
    tcp_window_in(h, 3501, 6000);
    for (unsigned i = 0; i < 20 && tcp_rel(h, h->t.snd_una) != 9001; i++) {
        struct tcp_out *o = tcp_next(h);
        tcp_window_in(h, o->seq + o->len, 6000);
    }
    assert_int_equal(h->t.snd_una.v, h->t.snd_end.v);
    assert_false(tcp_timer_due(h));
}

/* SHLD-16: a window below one segment, and what lies in it is lost: it goes again. */
static void shrinks_below_a_segment(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 3000, 0);
    h->out_head = h->out_tail;
    tcp_window_in(h, 1, 400);
    tcp_silent(h);
    for (unsigned i = 0; i < 5; i++) {
        tcp_fire(h);
        tcp_expect(h, ACK, 1, 1, 400);
        tcp_silent(h);
    }
    tcp_window_in(h, 401, 400);
    tcp_expect(h, ACK, 401, 1, 400);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
}

/* RFC 9293 MUST-35, SHLD-17: it shrinks to nothing over outstanding data: that is probed, for as
 * long as the peer answers. */
static void shrinks_to_nothing(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 3000, 0);
    h->out_head = h->out_tail;
    tcp_window_in(h, 1, 0);
    tcp_silent(h);
    for (unsigned i = 0; i < 40; i++) {
        tcp_fire(h);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->reason, LA_PROBE_WINDOW);
        assert_int_equal(o->seq, 1);
        assert_int_equal(o->len, 1);
        tcp_silent(h);
        tcp_window_in(h, 1, 0);
    }
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_int_equal(h->t.cc.cwnd, 10 * TCP_TEST_MSS); /* no congestion: no back-off of it */
    tcp_window_in(h, 1, 60000);
    tcp_expect(h, ACK, 1, 1, 1000);
}

/* While the window is smaller than what was sent, ACKs carry a number the peer will accept. */
static void acks_while_shrunk(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_say(h, 3000, 0);
    h->out_head = h->out_tail;
    tcp_window_in(h, 1, 0);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1001, .ack = 1, .len = 100, .wnd = -1});
    tcp_expect(h, ACK, 1, 1, 0);
}

/* RFC 9293 3.10.7.4, MUST-1: old segments do not move the window. */
static void old_window_updates(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 101, .ack = 1, .wnd = 65535});
    assert_int_equal(h->t.snd_wnd, 65535);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 91, .ack = 1, .len = 15, .wnd = 10});
    assert_int_equal(h->t.snd_wnd, 65535);
    h->out_head = h->out_tail;
}

/* RFC 9293 3.8.6.2.1, MUST-38: a small opening is not used but when it is half of the largest
 * window ever seen, or the override timer says so. */
static void silly_window_of_the_peer(struct tcp_harness *h)
{
    h->peer_wnd = 10000;
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 5000, 0);
    tcp_window_in(h, 1, 300);
    tcp_silent(h);
    assert_in_range(tcp_fire(h), 100, 1000); /* case (4): 0.1 to 1 second */
    tcp_expect(h, ACK, 1, 1, 300);
    tcp_window_in(h, 301, 999);
    tcp_silent(h);
    tcp_window_in(h, 301, 1000);
    tcp_expect(h, ACK, 301, 1, 1000);
    tcp_silent(h);
}

/* Case (4) on a short path, where the retransmission timeout is less: 0.1 second at least. */
static void override_on_a_short_path(struct tcp_harness *h)
{
    h->options.rto_min_ms = 20;
    h->peer_wnd = 10000;
    tcp_connect(h);
    tcp_say(h, 1000, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 1000);
    tcp_wait_ms(h, 1);
    tcp_ack_in(h, 1001);
    assert_in_range(h->t.rto_ms, 20, 99);
    tcp_window_in(h, 1001, 300);
    tcp_say(h, 5000, 0);
    tcp_silent(h);
    assert_int_equal(tcp_fire(h), 100);
    tcp_expect(h, ACK, 1001, 1, 300);
}

/* Tries that had no memory were counted like timeouts; what leaves at last waits for one RTO. */
static void tries_are_no_timeouts(struct tcp_harness *h)
{
    tcp_connect(h);
    h->t.backoff = 6; /* as so many tries leave it */
    tcp_say(h, 500, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 500);
    assert_int_equal(h->t.backoff, 0);
    assert_int_equal(h->t.rtx_at_ns, h->env.now_ns + h->t.rto_ms * MS);
}

/* Karn (MUST-18, RFC 6298 3): the byte of a window probe goes twice, before the segment that begins
 * with it, or within one that is outstanding: its ACK says nothing of the round trip. */
static void probes_measure_nothing(struct tcp_harness *h)
{
    tcp_connect_over(h, 50);
    uint32_t srtt_us8 = h->t.srtt_us8;
    assert_int_equal(srtt_us8, 8 * 50000);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 500, 0);
    tcp_fire(h);
    assert_int_equal(tcp_next(h)->reason, LA_PROBE_WINDOW);
    tcp_wait_ms(h, 50);
    tcp_window_in(h, 1, 5000);
    tcp_expect(h, ACK | PSH, 1, 1, 500);
    tcp_wait_ms(h, 10);
    tcp_ack_in(h, 2); /* of the probe */
    assert_int_equal(h->t.srtt_us8, srtt_us8);
    tcp_ack_in(h, 501);
    assert_int_equal(h->t.srtt_us8, srtt_us8);

    tcp_again(h);
    tcp_connect_over(h, 50);
    tcp_say(h, 500, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 500);
    tcp_window_in(h, 1, 0); /* closes over what is outstanding */
    while (h->out_head == h->out_tail) {
        tcp_fire(h);
    }
    assert_int_equal(tcp_next(h)->reason, LA_PROBE_WINDOW);
    tcp_wait_ms(h, 50);
    tcp_window_in(h, 2, 0);
    assert_int_equal(h->t.srtt_us8, srtt_us8);
    h->out_head = h->out_tail;
}

/* Both windows are closed, both ends probe and take the other's byte: the peer's ACK of ours comes
 * with the number before its own. It counts, once; it is answered as any that lies before the
 * window. */
static void both_probe(struct tcp_harness *h)
{
    tcp_connect(h);
    tcp_window_in(h, 1, 0);
    tcp_say(h, 500, 0);
    tcp_fire(h);
    tcp_expect(h, ACK, 1, 1, 1);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 1, .len = 1, .wnd = -1});
    tcp_wait_ms(h, 50);
    tcp_expect(h, ACK, 1, 2, 0);
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 3, .wnd = -1}); /* never sent */
    assert_int_equal(tcp_rel(h, h->t.snd_una), 1);
    h->out_head = h->out_tail;
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 1, .ack = 2, .wnd = -1});
    assert_int_equal(tcp_rel(h, h->t.snd_una), 2);
    tcp_expect(h, ACK, 2, 2, 0); /* with the number behind the byte: the peer can hear it */
    tcp_feed(h, &(struct tcp_in){.flags = ACK, .seq = 0, .ack = 2, .wnd = -1});
    assert_int_equal(h->verdict, LA_DROP_SEQUENCE);
    h->out_head = h->out_tail;
    tcp_window_in(h, 2, 5000);
}

/* Case (3) for a peer whose whole window is less than a segment; with Nagle's condition. */
static void tiny_window(struct tcp_harness *h)
{
    h->peer_wnd = 600;
    tcp_connect(h);
    tcp_say(h, 5000, 0);
    tcp_expect(h, ACK, 1, 1, 600);
    tcp_ack_in(h, 301); /* 300 are half of the window, but 300 are outstanding */
    tcp_silent(h);
    tcp_ack_in(h, 601);
    tcp_expect(h, ACK, 601, 1, 600);
}

/* ---- our window ----------------------------------------------------------------------------- */

/* RFC 9293 3.8.6.2.2, MUST-39: it opens in steps; SHLD-14 is checked on every segment. */
static void silly_window_of_ours(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 10000;
    tcp_connect(h);
    for (uint32_t i = 0; i < 10; i++) {
        tcp_segment_in(h, ACK, 1 + i * 1000, 1, 1000);
    }
    h->out_head = h->out_tail;
    tcp_wait_ms(h, 100);
    h->out_head = h->out_tail;
    assert_int_equal(tcp_rcv_wnd(&h->t), 0);
    uint32_t step = h->t.rcv_mss;
    for (uint32_t read = 10; read < step; read += 10) {
        assert_int_equal(tcp_hear(h, 10), 10);
        tcp_silent(h);
        assert_int_equal(tcp_rcv_wnd(&h->t), 0);
    }
    tcp_hear(h, 10);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->reason, LA_ACK_WINDOW);
    assert_in_range(o->h.wnd, step, step + 10);
    tcp_silent(h);
}

/* A buffer below two segments opens in halves. */
static void silly_window_small_buffer(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 1000;
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 1000);
    tcp_wait_ms(h, 100);
    h->out_head = h->out_tail;
    tcp_hear(h, 490);
    tcp_silent(h);
    tcp_hear(h, 10);
    assert_int_equal(tcp_next(h)->h.wnd, 500);
}

/* RFC 9293 MUST-66, MAY-8: a closed window takes no text, but ACKs, URG and RST, and answers. */
static void closed_window(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 1000;
    tcp_connect(h);
    tcp_say(h, 3000, 0);
    tcp_segment_in(h, ACK, 1, 1, 1000);
    tcp_wait_ms(h, 100);
    h->out_head = h->out_tail;
    for (unsigned i = 0; i < 5; i++) { /* probes of the peer */
        tcp_segment_in(h, ACK, 1001, 1, 1);
        tcp_expect(h, ACK, 3001, 1001, 0);
        tcp_silent(h); /* they are no duplicate ACKs: nothing is retransmitted */
    }
    assert_int_not_equal(h->t.phase, CC_RECOVERY);
    tcp_feed(h, &(struct tcp_in){
                    .flags = ACK | URG | FIN, .seq = 1001, .ack = 2001, .len = 1, .urg = 50});
    tcp_expect(h, ACK, 3001, 1001, 0);
    assert_int_equal(tcp_rel(h, h->t.snd_una), 2001);
    assert_true(h->t.todo & TCP_DO_URGENT);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_int_equal(h->t.rcv_queued, 1000);
    tcp_segment_in(h, RST, 1001, 0, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
}

/* A peer that fills the window up to the last few bytes cannot push its edge on for ever, though
 * the field of a scaled window is rounded. */
static void edge_is_bounded(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 1 << 22;
    h->options.window_scale = true;
    h->syn_options |= WIRE_TCP_WSCALE;
    tcp_connect(h);
    uint32_t at = 1;
    for (unsigned i = 0; i < 4000 && tcp_rcv_wnd(&h->t) > 1; i++) {
        uint32_t len = tcp_rcv_wnd(&h->t) - 1;
        len = len > 30000 ? 30000 : len;
        tcp_segment_in(h, ACK, at, 1, len);
        tcp_segment_in(h, ACK, at, 1, 1); /* has it acknowledged at once */
        at += len;
        h->out_head = h->out_tail;
        assert_true(h->t.rcv_queued <= (1 << 22) + (1 << 19) + 128);
    }
    tcp_hear(h, 1 << 23);
}

static void edge_is_bounded_byte_by_byte(struct tcp_harness *h)
{
    h->options.rcvbuf_bytes = 100000;
    h->options.window_scale = true;
    h->syn_options |= WIRE_TCP_WSCALE;
    tcp_connect(h);
    uint32_t at = 1;
    for (unsigned i = 0; i < 60000 && tcp_rcv_wnd(&h->t) != 0; i++) {
        uint32_t len = tcp_rcv_wnd(&h->t) > 1000 ? 1000 : 1;
        tcp_segment_in(h, ACK, at, 1, len);
        tcp_segment_in(h, ACK, at, 1, 1);
        at += len;
        h->out_head = h->out_tail;
    }
    assert_int_equal(tcp_rcv_wnd(&h->t), 0);
    assert_true(h->t.rcv_queued <= 100000 + 100000 / 8 + 2);
    tcp_hear(h, 200000);
    h->out_head = h->out_tail;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(probes),
        EVERYWHERE(probes_after_data),
        EVERYWHERE(probes_for_ever),
        EVERYWHERE(probes_unanswered),
        EVERYWHERE(abort_while_probing),
        EVERYWHERE(probes_with_a_user_timeout),
        EVERYWHERE(fin_and_a_closed_window),
        EVERYWHERE(shrinks),
        EVERYWHERE(shrinks_below_a_segment),
        EVERYWHERE(shrinks_to_nothing),
        EVERYWHERE(acks_while_shrunk),
        EVERYWHERE(old_window_updates),
        EVERYWHERE(silly_window_of_the_peer),
        EVERYWHERE(override_on_a_short_path),
        EVERYWHERE(probes_measure_nothing),
        EVERYWHERE(both_probe),
        EVERYWHERE(tries_are_no_timeouts),
        EVERYWHERE(tiny_window),
        EVERYWHERE(silly_window_of_ours),
        EVERYWHERE(silly_window_small_buffer),
        EVERYWHERE(closed_window),
        EVERYWHERE(edge_is_bounded),
        EVERYWHERE(edge_is_bounded_byte_by_byte),
    };
    return cmocka_run_group_tests_name("core/tcp/window", tests, NULL, NULL);
}
