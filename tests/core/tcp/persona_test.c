/* Choices of a persona (lastack/persona.h), each against what happens without it. */
#include "support/tcp_harness.h"
#include "tcp/quick.h"

/* The same exchange with a choice and without. */
#define CHOICE(h, field, value)               \
    for (unsigned with = 0; with < 2; with++) \
        if (start_over((h), with), with == 0 || ((h)->env.persona.field = (value), true))

static void start_over(struct tcp_harness *h, unsigned with)
{
    if (with) {
        tcp_again(h);
    }
}

/* RFC 6298 2.3: the least part that the variance has. */
static void least_variance(struct tcp_harness *h)
{
    CHOICE(h, rto_var_min_ms, 200)
    {
        tcp_connect_over(h, 100);
        for (unsigned i = 0; i < 40; i++) {
            tcp_say(h, 10, 0);
            (void)tcp_next(h);
            tcp_wait_ms(h, 100);
            tcp_ack_in(h, 11 + 10 * i);
        }
        assert_in_range(h->t.rto_ms, with ? 300 : 200, with ? 301 : 210);
    }
}

/* RFC 9293 3.8.6.3: after the first byte of the second full segment. */
static void partial_ack(struct tcp_harness *h)
{
    CHOICE(h, ack_partial, true)
    {
        tcp_connect(h);
        tcp_segment_in(h, ACK, 1, 1, 1300);
        tcp_segment_in(h, ACK, 1301, 1, 1300);
        tcp_expect(h, ACK, 1, 2601, 0);
        tcp_segment_in(h, ACK, 2601, 1, 1300);
        tcp_silent(h);
        tcp_segment_in(h, ACK, 3901, 1, 1);
        assert_int_equal(tcp_waiting(h), with);
        tcp_wait_ms(h, 50);
        tcp_expect(h, ACK, 1, 3902, 0);
    }
}

/* The first segments are acknowledged at once; an application that answers ends it. */
static void quick(struct tcp_harness *h)
{
    CHOICE(h, quick_acks, 3)
    {
        tcp_connect(h);
        uint32_t seq = 1;
        for (unsigned i = 0; i < 3; i++, seq += 100) {
            tcp_segment_in(h, ACK, seq, 1, 100);
            assert_int_equal(tcp_waiting(h), with);
            if (with) {
                tcp_expect(h, ACK, 1, seq + 100, 0);
            }
        }
        tcp_segment_in(h, ACK, seq, 1, 100); /* the fourth waits */
        tcp_silent(h);
        tcp_wait_ms(h, 45);
        tcp_expect(h, ACK, 1, seq + 100, 0);
    }
    tcp_again(h);
    h->env.persona.quick_acks = 16;
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1, 1, 100);
    tcp_expect(h, ACK, 1, 101, 0);
    tcp_say(h, 10, 0); /* an answer within 40 ms */
    tcp_expect(h, ACK | PSH, 1, 101, 10);
    tcp_segment_in(h, ACK, 101, 11, 100);
    tcp_silent(h);
    assert_int_equal(tcp_quick_set(&h->t, &h->env, -1), 0);
    assert_int_equal(tcp_quick_set(&h->t, &h->env, 1), 0); /* TCP_QUICKACK: what waits goes now */
    tcp_flush(h);
    tcp_expect(h, ACK, 11, 201, 0);
    assert_int_equal(tcp_quick_set(&h->t, &h->env, 0), 1);
}

static void fin_waits(struct tcp_harness *h)
{
    CHOICE(h, fin_ack_waits, true)
    {
        tcp_connect(h);
        tcp_segment_in(h, ACK, 1, 1, 100);
        tcp_segment_in(h, FIN | ACK, 101, 1, 0);
        assert_int_equal(h->t.state, LA_TCP_CLOSE_WAIT);
        assert_int_equal(tcp_waiting(h), 1 - with);
        tcp_wait_ms(h, 45);
        tcp_expect(h, ACK, 1, 102, 0);
    }
}

/* All of a segment that begins in the window, and a FIN into a closed one. */
static void lenient(struct tcp_harness *h)
{
    CHOICE(h, lenient_window, true)
    {
        h->options.rcvbuf_bytes = 2000;
        tcp_connect(h);
        tcp_segment_in(h, ACK, 1, 1, 3000);
        tcp_wait_ms(h, 50);
        uint32_t taken = with ? 3000 : 2000;
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->ack, 1 + taken);
        assert_int_equal(o->h.wnd, 0);
        tcp_segment_in(h, FIN | ACK, 1 + taken, 1, 0);
        tcp_wait_ms(h, 50);
        o = tcp_next(h);
        assert_int_equal(o->ack, 1 + taken + with);
        assert_int_equal(h->t.state, with ? LA_TCP_CLOSE_WAIT : LA_TCP_ESTABLISHED);
        assert_int_equal(tcp_hear(h, 5000), taken);
        while (tcp_waiting(h) != 0) {
            (void)tcp_next(h);
        }
    }
}

/* PUSH at the end of each call (RFC 9293 3.9.1.2), and records that no segment crosses. */
static void calls(struct tcp_harness *h)
{
    CHOICE(h, push, LA_PUSH_WRITE)
    {
        h->options.nodelay = true;
        tcp_connect(h);
        h->hold = true;
        tcp_say(h, 1000, 0);
        tcp_say(h, 500, LA_SEND_MORE);
        tcp_say(h, 700, 0);
        h->hold = false;
        tcp_flush(h);
        tcp_expect(h, with ? ACK | PSH : ACK, 1, 1, 1000);
        tcp_expect(h, ACK, 1001, 1, 1000);
        tcp_expect(h, ACK | PSH, 2001, 1, 200);
        tcp_ack_in(h, 2201);
    }
}

static void records(struct tcp_harness *h)
{
    h->options.nodelay = false; /* Nagle waits for the last one alone */
    tcp_connect(h);
    h->hold = true;
    tcp_say(h, 300, LA_SEND_RECORD);
    tcp_say(h, 1700, LA_SEND_RECORD);
    tcp_say(h, 50, LA_SEND_RECORD);
    tcp_say(h, 60, 0);
    h->hold = false;
    tcp_flush(h);
    tcp_expect(h, ACK, 1, 1, 300);
    tcp_expect(h, ACK, 301, 1, 1000);
    tcp_expect(h, ACK, 1301, 1, 700);
    tcp_expect(h, ACK, 2001, 1, 50);
    tcp_silent(h);
    tcp_ack_in(h, 2051);
    tcp_expect(h, ACK | PSH, 2051, 1, 60);
    tcp_ack_in(h, 2111);
}

/* Minshall: only a partial segment outstanding holds the next one back. */
static void small_ones(struct tcp_harness *h)
{
    CHOICE(h, nagle_small, true)
    {
        tcp_connect(h);
        tcp_say(h, 1000, 0);
        (void)tcp_next(h);
        tcp_say(h, 10, 0);
        assert_int_equal(tcp_waiting(h), with);
        tcp_say(h, 10, 0);
        assert_int_equal(tcp_waiting(h), with);
        tcp_ack_in(h, with ? 1011 : 1001);
        while (tcp_waiting(h) != 0) {
            (void)tcp_next(h);
        }
        tcp_ack_in(h, 1021);
        assert_false(tcp_timer_due(h));
    }
}

/* A closed window is probed with an old number and nothing else. */
static void empty_probe(struct tcp_harness *h)
{
    CHOICE(h, probe_empty, true)
    {
        tcp_connect(h);
        tcp_window_in(h, 1, 0);
        tcp_say(h, 100, 0);
        tcp_silent(h);
        for (unsigned i = 0; i < 3; i++) {
            (void)tcp_fire(h);
            struct tcp_out *o = tcp_next(h);
            assert_int_equal(o->reason, LA_PROBE_WINDOW);
            assert_int_equal(o->len, 1 - with);
            assert_int_equal(o->seq, 1 - with);
            tcp_window_in(h, 1, 0);
        }
        tcp_window_in(h, 1, 1000);
        while (tcp_waiting(h) != 0) {
            (void)tcp_next(h);
        }
        tcp_ack_in(h, 101);
        assert_false(tcp_timer_due(h));
    }
}

/* RFC 6928 2 and its bound in bytes. */
static void initial_window(struct tcp_harness *h)
{
    CHOICE(h, initial_window_segs, 4)
    {
        tcp_connect(h);
        assert_int_equal(h->t.cc.cwnd, with ? 4000 : 10000);
    }
}

/* In slow start up to twice what was outstanding, though the window was never full. */
static void growth(struct tcp_harness *h)
{
    CHOICE(h, growth, LA_GROWTH_DOUBLE)
    {
        tcp_connect(h);
        tcp_say(h, 6000, 0);
        while (tcp_waiting(h) != 0) {
            (void)tcp_next(h);
        }
        for (unsigned i = 1; i <= 3; i++) {
            tcp_ack_in(h, 1 + 2000 * i);
        }
        assert_int_equal(h->t.cc.cwnd, with ? 12000 : 10000);
    }
}

/* RFC 9293 3.10.7.4 says nothing to the application in LAST-ACK. */
static void reset_tells(struct tcp_harness *h)
{
    CHOICE(h, reset_tells, true)
    {
        tcp_to_state(h, LA_TCP_LAST_ACK);
        tcp_segment_in(h, RST, 2, 0, 0);
        assert_int_equal(h->t.error, with ? LA_ECONNRESET : LA_OK);
    }
}

/* RFC 7323 3.2: a segment without the timestamp that was agreed. */
static void ts_optional(struct tcp_harness *h)
{
    CHOICE(h, ts_optional, true)
    {
        tcp_agree(h, WIRE_TCP_TS);
        tcp_connect(h);
        struct tcp_in in = {.flags = ACK, .seq = 1, .ack = 1, .len = 10, .no_timestamp = true};
        assert_int_equal(tcp_feed(h, &in), with ? LA_TAKE_DATA : LA_DROP_TIMESTAMP_MISSING);
        tcp_wait_ms(h, 50);
        assert_int_equal(tcp_waiting(h), with);
        while (tcp_waiting(h) != 0) {
            (void)tcp_next(h);
        }
    }
}

/* No tail loss probe: the retransmission timer alone. */
static void no_tlp(struct tcp_harness *h)
{
    CHOICE(h, tlp, false)
    {
        tcp_agree(h, WIRE_TCP_SACK_OK);
        tcp_connect_over(h, 50);
        tcp_say(h, 2000, 0);
        (void)tcp_next(h);
        (void)tcp_next(h);
        (void)tcp_fire(h);
        assert_int_equal(tcp_next(h)->reason, with ? LA_RTX_TIMEOUT : LA_RTX_PROBE);
    }
}

/* RFC 2883 4.2: what a segment repeats of what waits behind a gap. No choice, a rule. */
static void dsack_of_a_part(struct tcp_harness *h)
{
    tcp_agree(h, WIRE_TCP_SACK_OK);
    tcp_connect(h);
    tcp_segment_in(h, ACK, 1001, 1, 1000);
    (void)tcp_next(h);
    tcp_segment_in(h, ACK, 3001, 1, 1000);
    (void)tcp_next(h);
    tcp_segment_in(h, ACK, 1, 1, 2500); /* repeats 1001 to 2001 */
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->ack, 2501);
    assert_int_equal(o->h.sack_n, 2);
    assert_int_equal(o->h.sack[0].left - h->irs, 1001);
    assert_int_equal(o->h.sack[0].right - h->irs, 2001);
    assert_int_equal(o->h.sack[1].left - h->irs, 3001);
    tcp_segment_in(h, ACK, 2601, 1, 700); /* behind the gap, and repeats 3001 to 3301 */
    o = tcp_next(h);
    assert_int_equal(o->h.sack[0].left - h->irs, 3001);
    assert_int_equal(o->h.sack[0].right - h->irs, 3301);
    assert_int_equal(o->h.sack[1].left - h->irs, 2601);
    assert_int_equal(o->h.sack[1].right - h->irs, 4001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(least_variance), EVERYWHERE(partial_ack), EVERYWHERE(quick),
        EVERYWHERE(fin_waits),      EVERYWHERE(lenient),     EVERYWHERE(calls),
        EVERYWHERE(records),        EVERYWHERE(small_ones),  EVERYWHERE(empty_probe),
        EVERYWHERE(initial_window), EVERYWHERE(growth),      EVERYWHERE(reset_tells),
        EVERYWHERE(ts_optional),    EVERYWHERE(no_tlp),      EVERYWHERE(dsack_of_a_part),
    };
    return cmocka_run_group_tests_name("core/tcp/persona", tests, NULL, NULL);
}
