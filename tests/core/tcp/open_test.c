/* Opening (RFC 9293 3.5, 3.10.1, 3.10.7.3): three segments, crossing SYNs, refusals, and what the
 * two SYNs agree on. */
#include "support/tcp_harness.h"
#include "tcp/decide.h"

/* Figure 6. */
static void three_segments(struct tcp_harness *h)
{
    tcp_start(h);
    assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    struct tcp_out *syn = tcp_next(h);
    assert_int_equal(syn->h.flags, SYN);
    assert_int_equal(syn->seq, 0);
    assert_int_equal(syn->h.ack, 0);
    assert_int_equal(syn->reason, LA_SYN);
    assert_int_equal(tcp_segment_in(h, SYN | ACK, 0, 1, 0), LA_TAKE_SYN_ACK);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_true(h->t.todo & TCP_DO_CONNECTED);
    assert_true(tcp_ready(&h->t, &h->env) & LA_EV_CONNECTED);
    struct tcp_out *third = tcp_next(h);
    assert_int_equal(third->h.flags, ACK);
    assert_int_equal(third->seq, 1);
    assert_int_equal(third->ack, 1);
    assert_int_equal(third->reason, LA_HANDSHAKE_ACK);
    assert_int_equal(h->t.irs.v, h->irs);
    assert_int_equal(h->t.snd_wnd, 60000);
    assert_false(tcp_timer_due(h)); /* idle: no timer at all */
}

static void passive_open(struct tcp_harness *h)
{
    tcp_start_passive(h);
    assert_int_equal(h->t.state, LA_TCP_SYN_RECEIVED);
    assert_true(h->t.flags & TCP_F_PASSIVE); /* RFC 9293 MUST-11 */
    assert_int_equal(tcp_segment_in(h, ACK, 1, 1, 0), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_silent(h);
    assert_int_equal(h->t.snd_una.v, h->iss + 1);
    assert_int_equal(h->t.snd_wnd, 60000);
}

/* The third segment may carry data and a FIN at once. */
static void passive_open_with_data(struct tcp_harness *h)
{
    tcp_start_passive(h);
    tcp_segment_in(h, ACK | FIN, 1, 1, 100);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
    tcp_expect(h, ACK, 1, 102, 0);
    assert_int_equal(tcp_hear(h, 1000), 100);
    assert_int_equal(tcp_hear(h, 1000), 0);
}

/* RFC 9293 3.5, figure 7, MUST-10: crossing SYNs open one connection. */
static void simultaneous_open(struct tcp_harness *h)
{
    tcp_start(h);
    tcp_expect(h, SYN, 0, 0, 0);
    assert_int_equal(tcp_segment_in(h, SYN, 0, 0, 0), LA_TAKE_SYN_CROSSED);
    assert_int_equal(h->t.state, LA_TCP_SYN_RECEIVED);
    assert_false(h->t.flags & TCP_F_PASSIVE); /* RFC 9293 MUST-11 */
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.flags, SYN | ACK);
    assert_int_equal(o->seq, 0);
    assert_int_equal(o->ack, 1);
    assert_int_equal(o->reason, LA_SYN_CROSSED);
    assert_int_equal(tcp_segment_in(h, SYN | ACK, 0, 1, 0), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_silent(h);
    /* Nothing was lost, so nothing is slowed down (RFC 5681 3.1, RFC 6298 5.7). */
    assert_int_equal(h->t.cc.cwnd, 10 * TCP_TEST_MSS);
    tcp_say(h, 10, 0);
    tcp_expect(h, ACK | PSH, 1, 1, 10);
}

/* The same when the peer answers with a bare ACK of the SYN (RFC 9293 MUST-10). */
static void simultaneous_open_bare_ack(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_RECEIVED);
    assert_int_equal(tcp_segment_in(h, ACK, 1, 1, 0), LA_TAKE_HANDSHAKE_ACK);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    tcp_silent(h);
    /* Its SYN-ACK comes late: it lies before the window, and is acknowledged. */
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    tcp_expect(h, ACK, 1, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
}

/* RFC 7323 2.2: the window of a SYN-ACK is never scaled, also when it crosses ours. RFC 9293
 * MUST-1: and unsigned. */
static void simultaneous_open_scales_no_syn(struct tcp_harness *h)
{
    h->options.window_scale = true;
    h->syn_options |= WIRE_TCP_WSCALE;
    h->peer_wscale = 7;
    h->peer_wnd = 40000;
    tcp_to_state(h, LA_TCP_SYN_RECEIVED);
    assert_int_equal(h->t.snd_wnd, 40000);
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_ESTABLISHED);
    assert_int_equal(h->t.snd_wnd, 40000);
    tcp_window_in(h, 1, 400);
    assert_int_equal(h->t.snd_wnd, 400 << 7); /* RFC 9293 REC-1 */
}

/* 3.10.7.3, first: an ACK of something else than our SYN is answered with <SEQ=SEG.ACK><CTL=RST>.
 */
static void syn_sent_bad_ack(struct tcp_harness *h)
{
    static const uint32_t bad[] = {0, 2, 0x80000001, UINT32_MAX, 1000};
    static const uint16_t flags[] = {ACK, SYN | ACK, FIN | ACK};
    tcp_to_state(h, LA_TCP_SYN_SENT);
    for (unsigned i = 0; i < 15; i++) {
        assert_int_equal(tcp_segment_in(h, flags[i % 3], 0, bad[i / 3], 0), LA_DROP_SYN_SENT_ACK);
        tcp_expect(h, RST, bad[i / 3], 0, 0);
        tcp_silent(h);
        assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    }
    for (unsigned i = 0; i < 5; i++) { /* "unless the RST bit is set" */
        tcp_segment_in(h, RST | ACK, 0, bad[i], 0);
        tcp_silent(h);
        assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    }
}

/* 3.10.7.3, second; RFC 5961 3.2: a reset counts when it acknowledges our SYN. SHLD-2: its data are
 * allowed. */
static void syn_sent_reset(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_SENT);
    assert_int_equal(tcp_segment_in(h, RST, 0, 0, 0), LA_DROP_SYN_SENT);
    assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    assert_int_equal(tcp_segment_in(h, RST | ACK, 0, 1, 20), LA_TAKE_RST_REFUSED);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ECONNREFUSED);
    assert_true(h->t.todo & TCP_DO_ERROR);
    assert_true(h->t.todo & TCP_DO_GONE);
    tcp_silent(h);
    assert_false(tcp_timer_due(h));
}

/* 3.10.7.3, fifth: "if neither of the SYN or RST bits is set, then drop the segment and return." */
static void syn_sent_other(struct tcp_harness *h)
{
    static const struct tcp_in others[] = {
        {.flags = ACK, .ack = 1},
        {.flags = ACK | FIN, .ack = 1},
        {.flags = FIN},
        {.flags = 0},
        {.flags = URG | PSH, .urg = 5},
        {.flags = ACK | PSH, .ack = 1, .len = 50},
        {.flags = 0, .len = 50},
    };
    tcp_to_state(h, LA_TCP_SYN_SENT);
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(tcp_feed(h, &others[i]), LA_DROP_SYN_SENT);
        tcp_silent(h);
        assert_int_equal(h->t.state, LA_TCP_SYN_SENT);
    }
}

/* Data and FIN on the SYN-ACK are "queued for processing after the ESTABLISHED state has been
 * reached" (RFC 9293 3.10.7.3): here, at once. */
static void data_on_syn_ack(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_SENT);
    tcp_segment_in(h, SYN | ACK | FIN, 0, 1, 30);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
    tcp_expect(h, ACK, 1, 32, 0);
    tcp_segment_in(h, ACK | FIN, 1, 1, 30); /* again: nothing is taken twice */
    tcp_expect(h, ACK, 1, 32, 0);
    assert_int_equal(tcp_hear(h, 100), 30);
    assert_int_equal(tcp_hear(h, 100), 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
}

/* SEND in SYN-SENT queues (3.10.2); the data ride on the third segment or follow it. */
static void data_before_the_connection(struct tcp_harness *h)
{
    tcp_start(h);
    tcp_expect(h, SYN, 0, 0, 0);
    tcp_say(h, 300, LA_SEND_URGENT);
    tcp_silent(h);
    tcp_wait_ms(h, 1000);
    tcp_expect(h, SYN, 0, 0, 0); /* no URG on a SYN */
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    tcp_expect(h, ACK | PSH | URG, 1, 1, 300);
    tcp_silent(h);
}

static void open_with(struct tcp_harness *h, uint8_t offered, bool passive)
{
    h->syn_options = offered;
    h->peer_wscale = 20; /* more than allowed: 14 is used (RFC 7323 2.3) */
    h->options.window_scale = h->options.timestamps = h->options.sack = true;
    h->options.rcvbuf_bytes = 1 << 20;
    if (passive) {
        tcp_accept(h);
    } else {
        tcp_connect(h);
    }
    assert_int_equal((h->t.flags & TCP_F_TS) != 0, (offered & WIRE_TCP_TS) != 0);
    assert_int_equal((h->t.flags & TCP_F_SACK) != 0, (offered & WIRE_TCP_SACK_OK) != 0);
    assert_int_equal((h->t.flags & TCP_F_WSCALE) != 0, (offered & WIRE_TCP_WSCALE) != 0);
    assert_int_equal(h->t.snd_wscale, offered & WIRE_TCP_WSCALE ? 14 : 0);
    assert_int_equal(h->t.rcv_wscale, offered & WIRE_TCP_WSCALE ? 5 : 0);
    /* RFC 9293 MUST-15, MUST-16: the peer's MSS or 536 and 1220, less the options. */
    uint32_t mss = offered & WIRE_TCP_MSS ? TCP_TEST_MSS : h->v4 ? 536 : 1220;
    assert_int_equal(h->t.mss, offered & WIRE_TCP_TS ? mss - 12 : mss);
    tcp_say(h, 3000, 0);
    assert_int_equal(tcp_next(h)->len, h->t.mss);
}

#define OPTIONS_CASE(name, offered, passive)       \
    static void name(struct tcp_harness *h)        \
    {                                              \
        open_with(h, (uint8_t)(offered), passive); \
    }
OPTIONS_CASE(no_options, 0, false)
OPTIONS_CASE(mss_only, WIRE_TCP_MSS, false)
OPTIONS_CASE(timestamps_only, WIRE_TCP_TS, false)
OPTIONS_CASE(all_options, 0x0f, false)
OPTIONS_CASE(scale_only, WIRE_TCP_WSCALE, false)
OPTIONS_CASE(passive_no_options, 0, true)
OPTIONS_CASE(passive_all_options, 0x0f, true)
OPTIONS_CASE(passive_sack_only, WIRE_TCP_SACK_OK, true)

/* RFC 9293 MUST-14, SHLD-5, MAY-3, MUST-67: our SYN says what our link takes. */
static void our_syn(struct tcp_harness *h)
{
    h->options.window_scale = h->options.timestamps = h->options.sack = true;
    h->options.rcvbuf_bytes = 1 << 20;
    tcp_start(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.options, 0x0f);
    assert_int_equal(o->h.mss, h->v4 ? 1460 : 1440);
    assert_int_equal(o->h.wscale, 5);
    assert_int_equal(o->h.wnd, 65535); /* not scaled in a SYN */
    assert_int_equal(o->h.tsecr, 0);
}

static void our_syn_bounded(struct tcp_harness *h)
{
    h->options.mss_max = 700;
    h->options.rcvbuf_bytes = 3000;
    tcp_start(h);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->h.options, WIRE_TCP_MSS);
    assert_int_equal(o->h.mss, 700);
    assert_int_equal(o->h.wnd, 3000);
}

/* Options that we did not offer are not agreed on, whatever the peer says. */
static void not_offered(struct tcp_harness *h)
{
    h->syn_options = 0x0f;
    tcp_connect(h);
    assert_int_equal(h->t.flags & (TCP_F_TS | TCP_F_SACK | TCP_F_WSCALE), 0);
    assert_int_equal(h->t.snd_wscale, 0);
}

/* A tiny MSS cannot make us send a segment per byte. */
static void tiny_mss(struct tcp_harness *h)
{
    h->peer_mss = 1;
    tcp_connect(h);
    assert_int_equal(h->t.mss, TCP_MSS_LEAST);
}

/* 3.10.4 in SYN-SENT deletes the block; in SYN-RECEIVED the FIN follows the handshake. */
static void close_while_opening(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_RECEIVED);
    tcp_say(h, 50, 0);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    tcp_segment_in(h, SYN | ACK, 0, 1, 0);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_1);
    tcp_expect(h, FIN | ACK | PSH, 1, 1, 50);
    tcp_ack_in(h, 52);
    assert_int_equal(h->t.state, LA_TCP_FIN_WAIT_2);
}

static void close_in_syn_sent(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_SENT);
    tcp_say(h, 50, 0);
    tcp_close(&h->t, &h->env);
    tcp_flush(h);
    tcp_silent(h);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, 0);
    assert_false(tcp_timer_due(h));
}

/* RFC 9293 MUST-11: a reset in SYN-RECEIVED says "refused" to who opened actively. */
static void reset_while_opening(struct tcp_harness *h)
{
    tcp_to_state(h, LA_TCP_SYN_RECEIVED);
    tcp_segment_in(h, RST, 1, 0, 0);
    assert_int_equal(h->t.state, LA_TCP_CLOSED);
    assert_int_equal(h->t.error, LA_ECONNREFUSED);
    tcp_silent(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(three_segments),
        EVERYWHERE(passive_open),
        EVERYWHERE(passive_open_with_data),
        EVERYWHERE(simultaneous_open),
        EVERYWHERE(simultaneous_open_bare_ack),
        EVERYWHERE(simultaneous_open_scales_no_syn),
        EVERYWHERE(syn_sent_bad_ack),
        EVERYWHERE(syn_sent_reset),
        EVERYWHERE(syn_sent_other),
        EVERYWHERE(data_on_syn_ack),
        EVERYWHERE(data_before_the_connection),
        EVERYWHERE(no_options),
        EVERYWHERE(mss_only),
        EVERYWHERE(timestamps_only),
        EVERYWHERE(all_options),
        EVERYWHERE(scale_only),
        EVERYWHERE(passive_no_options),
        EVERYWHERE(passive_all_options),
        EVERYWHERE(passive_sack_only),
        EVERYWHERE(our_syn),
        EVERYWHERE(our_syn_bounded),
        EVERYWHERE(not_offered),
        EVERYWHERE(tiny_mss),
        EVERYWHERE(close_while_opening),
        EVERYWHERE(close_in_syn_sent),
        EVERYWHERE(reset_while_opening),
    };
    return cmocka_run_group_tests_name("core/tcp/open", tests, NULL, NULL);
}
