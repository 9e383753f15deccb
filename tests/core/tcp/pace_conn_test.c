/* Pacing in the connection (cc/pace.h): what the window lets go leaves no faster than the rate;
 * ACKs, FINs and probes do not wait; the deadline is told. */
#include "support/tcp_sink.h"

/* A connection over 100 ms that paces as told by the option. NewReno in slow start: two windows a
 * round trip, a segment each 5 ms with the initial window of ten. */
#define SPACING_MS (RTT_MS / 20)

static void paced(struct tcp_harness *h)
{
    h->options.pacing = true;
    tcp_connect_over(h, RTT_MS);
}

static uint64_t spacing_ns(const struct tcp_harness *h)
{
    return (uint64_t)h->t.mss * 8 * SECOND / h->t.flight->pace.bps;
}

/* Ten segments in pieces of a quantum, which is two of them, one each 10 ms; the deadline says
 * when, and firing it early would be for nothing. */
static void spread_out(struct tcp_harness *h)
{
    paced(h);
    tcp_say(h, 20 * h->t.mss, 0);
    assert_int_equal(spacing_ns(h) / MS, SPACING_MS);
    uint64_t began_ns = h->env.now_ns;
    uint64_t piece_ns = 2 * spacing_ns(h);
    for (uint32_t i = 0; i < 5; i++) {
        struct tcp_out *o = expect_nth(h, 2 * i, LA_DATA);
        assert_in_range(o->at_ns, began_ns + i * piece_ns, began_ns + i * piece_ns + 2 * i);
        expect_nth(h, 2 * i + 1, LA_DATA);
        tcp_silent(h);
        if (i < 4) {
            assert_in_range(tcp_deadline(&h->t), o->at_ns + piece_ns, o->at_ns + piece_ns + 2);
            tcp_wait_until(h, tcp_deadline(&h->t) - 1);
            tcp_silent(h);
            tcp_wait_until(h, h->env.now_ns + 1);
        }
    }
    /* Now the window is full: pacing has nothing to do. */
    tcp_wait_ms(h, SPACING_MS);
    tcp_silent(h);
    assert_true(tcp_deadline(&h->t) > h->env.now_ns + SPACING_MS * MS);
}

/* Without the option, and while the round trip is not known, all leave at once. */
static void not_paced(struct tcp_harness *h)
{
    tcp_connect_over(h, RTT_MS);
    segments_out(h, 10);
}

/* Super-segments: pieces of a quantum, at their time. */
static void in_quanta(struct tcp_harness *h)
{
    h->most = 60000;
    paced(h);
    tcp_say(h, 20 * h->t.mss, 0);
    uint32_t quantum = h->t.flight->pace.quantum;
    assert_int_equal(quantum, 2 * h->t.mss); /* a millisecond's worth would be less */
    uint64_t at_ns = h->env.now_ns;
    for (uint32_t i = 0; i < 10; i += 2) {
        tcp_wait_until(h, at_ns);
        struct tcp_out *o = tcp_next(h);
        assert_int_equal(o->seq, nth(h, i));
        assert_int_equal(o->len, quantum);
        tcp_silent(h);
        at_ns = o->at_ns + 2 * spacing_ns(h) + 1;
    }
}

/* A host that comes late catches up by a quantum, not by what it missed. */
static void late_host(struct tcp_harness *h)
{
    paced(h);
    tcp_say(h, 20 * h->t.mss, 0);
    assert_int_equal(tcp_waiting(h), 2);
    forget_out(h);
    h->env.now_ns += 9 * SPACING_MS * MS;
    tcp_timeout(&h->t, &h->env);
    tcp_flush(h);
    assert_in_range(tcp_waiting(h), 2, 4);
    forget_out(h);
    tcp_wait_ms(h, 2 * SPACING_MS + 1);
    assert_in_range(tcp_waiting(h), 1, 2);
}

/* ACKs leave at once while data are held; so does a FIN behind the last byte. */
static void acks_and_fins(struct tcp_harness *h)
{
    paced(h);
    tcp_say(h, 3 * h->t.mss, 0);
    expect_nth(h, 0, LA_DATA);
    expect_nth(h, 1, LA_DATA);
    tcp_silent(h);
    tcp_segment_in(h, ACK, 1, 1, 1400);
    tcp_segment_in(h, ACK, 1401, 1, 1400);
    tcp_expect(h, ACK, nth(h, 2), 2801, 0); /* of two segments, at once */
    tcp_silent(h);
    tcp_segment_in(h, ACK, 5001, 1, 10); /* behind a gap: a duplicate ACK */
    assert_int_equal(tcp_next(h)->len, 0);
    tcp_silent(h);
    assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
    tcp_flush(h);
    tcp_silent(h); /* the last byte is held, and the FIN behind it */
    tcp_wait_ms(h, 2 * SPACING_MS + 1);
    struct tcp_out *o = tcp_next(h);
    assert_int_equal(o->seq, nth(h, 2));
    assert_true(o->h.flags & FIN);

    tcp_again(h);
    paced(h);
    segments_out(h, 1);
    assert_true(h->t.flight->pace.due_ns > h->env.now_ns);
    assert_int_equal(tcp_shutdown(&h->t, &h->env), 0);
    tcp_flush(h);
    tcp_expect(h, FIN | ACK, nth(h, 1), 1, 0);
    tcp_silent(h);
}

/* Retransmissions keep to the rate as well; a tail loss probe does not wait. */
static void retransmissions(struct tcp_harness *h)
{
    paced(h);
    tcp_say(h, 10 * h->t.mss, 0);
    tcp_wait_ms(h, 10 * SPACING_MS);
    assert_int_equal(tcp_waiting(h), 10);
    forget_out(h);
    tcp_wait_ms(h, RTT_MS - 10 * SPACING_MS);
    tcp_wait_ms(h, 5 * SPACING_MS);
    tcp_sack_in(h, 1, SEGS(h, 5, 9));
    uint64_t before[2] = {0, 0}; /* a quantum is two segments */
    for (uint32_t i = 0; i < 4; i++) {
        tcp_wait_ms(h, 2 * SPACING_MS);
        while (tcp_waiting(h) != 0) {
            struct tcp_out *o = tcp_next(h);
            assert_int_equal(o->reason, LA_RTX_RACK);
            assert_true(before[0] == 0 || o->at_ns >= before[0] + 2 * spacing_ns(h));
            before[0] = before[1];
            before[1] = o->at_ns;
        }
    }
    assert_true(h->t.rtx_segs >= 3);
}

static void probes(struct tcp_harness *h)
{
    paced(h);
    tcp_say(h, h->t.mss, 0);
    tcp_wait_ms(h, RTT_MS);
    forget_out(h);
    h->t.flight->pace.due_ns = h->env.now_ns + 10 * SECOND;
    while (tcp_waiting(h) == 0) {
        tcp_fire(h);
    }
    expect_nth(h, 0, LA_RTX_PROBE);
}

/* ---- a controller that paces ----------------------------------------------------------------- */

struct watch {
    uint64_t before[2]; /* when the last two left */
    uint64_t least_ns;  /* the smallest distance of a segment and the next but one: of quanta */
    uint32_t count;
};

static bool watched(void *ctx, const struct tcp_out *o)
{
    struct watch *w = ctx;
    if (o->len != 0 && w->before[0] != 0 && o->at_ns - w->before[0] < w->least_ns) {
        w->least_ns = o->at_ns - w->before[0];
    }
    w->before[0] = w->before[1];
    w->before[1] = o->at_ns;
    w->count++;
    return false;
}

/* BBR needs no option: each piece of two segments has its own time, the transfer ends, and nothing
 * is sent in vain. */
static void bbr_paces(struct tcp_harness *h)
{
    static struct sink sink;
    struct watch watch = {.least_ns = UINT64_MAX};
    h->options.cc = (uint8_t)la_cc_find("bbr");
    tcp_connect_over(h, RTT_MS);
    sink_init(&sink, h, RTT_MS);
    sink.lose = watched;
    sink.ctx = &watch;
    tcp_say(h, 60000, 0);
    uint64_t first_ns = spacing_ns(h);
    assert_true(h->t.flight->pace.bps != 0);
    assert_int_equal(tcp_waiting(h), 2);
    assert_in_range(tcp_deadline(&h->t), h->env.now_ns + 2 * first_ns,
                    h->env.now_ns + 2 * first_ns + 2);
    sink_run(h, &sink, h->env.now_ns + 20 * SECOND);
    assert_int_equal(sink.next, 60001);
    assert_int_equal(h->t.rtx_segs, 0);
    assert_true(watch.least_ns >= 100000); /* a path of a rate that no estimate came near to */
    assert_in_range(watch.count, 60, 62);
}

/* Of the two the controller's own rate counts, whatever the option says. */
static void option_and_controller(struct tcp_harness *h)
{
    h->options.cc = (uint8_t)la_cc_find("bbr");
    tcp_connect_over(h, RTT_MS);
    tcp_say(h, 10, 0);
    uint64_t bps = h->t.flight->pace.bps;
    tcp_again(h);
    h->options.cc = (uint8_t)la_cc_find("bbr");
    paced(h);
    tcp_say(h, 10, 0);
    assert_int_equal(h->t.flight->pace.bps, bps);
}

/* The option with losses: everything arrives. */
static bool every_seventh(void *ctx, const struct tcp_out *o)
{
    uint32_t *n = ctx;
    return ++*n % 7 == 0;
}

static void with_losses(struct tcp_harness *h)
{
    static const char *const names[] = {"newreno", "cubic", "bbr", "dctcp"};
    static struct sink sink;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t n = 0;
        h->options.cc = (uint8_t)la_cc_find(names[i]);
        h->options.ecn = LA_ECN_OFF; /* or DCTCP would ask for it */
        paced(h);
        sink_init(&sink, h, RTT_MS);
        sink.lose = every_seventh;
        sink.ctx = &n;
        tcp_say(h, 50000, 0);
        sink_run(h, &sink, h->env.now_ns + 60 * SECOND);
        assert_int_equal(sink.next, 50001);
        assert_int_equal(sink.in_vain, 0);
        assert_false(tcp_timer_due(h));
        tcp_again(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE_SACK(spread_out),
        EVERYWHERE_SACK(not_paced),
        EVERYWHERE_SACK(in_quanta),
        EVERYWHERE_SACK(late_host),
        EVERYWHERE(acks_and_fins),
        EVERYWHERE_SACK(retransmissions),
        EVERYWHERE_SACK(probes),
        EVERYWHERE_SACK(bbr_paces),
        EVERYWHERE_SACK(option_and_controller),
        EVERYWHERE_SACK(with_losses),
    };
    return cmocka_run_group_tests_name("core/tcp/pace_conn", tests, NULL, NULL);
}
