/* Recovery with SACK at the level of the connection: RACK (RFC 8985 6) in place of the three
 * duplicate ACKs of RFC 6675, PRR (RFC 9937), limited transmit (RFC 3042), and what a peer may not
 * do with SACK blocks (RFC 2018 5 and 8). */
#include "support/tcp_sink.h"

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* What the reordering timer leaves to ACKs that come. */
#define SLACK_MS 2

/* ---- recovery begins ------------------------------------------------------------------------- */

/* RFC 8985 6.2, steps 4 and 5 (and RFC 6675 5, (C)): with three segments SACKed there is no window
 * for reordering, and the first hole goes again. Before that each SACKed segment lets a new one
 * leave (RFC 3042 2, RFC 6675 5). */
static void three_sacked(struct tcp_harness *h)
{
    segments_between(h, 10, 5);
    uint32_t mss = h->t.mss;
    tcp_silent(h); /* the window is full */
    assert_int_equal(tcp_sack_in(h, 1, SEGS(h, 1, 2)), LA_TAKE_ACK_DUPLICATE);
    expect_nth(h, 10, LA_RTX_LIMITED);
    tcp_silent(h);
    tcp_sack_in(h, 1, SEGS(h, 1, 3));
    expect_nth(h, 11, LA_RTX_LIMITED);
    tcp_silent(h);
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.cc.cwnd, 10 * mss);
    tcp_sack_in(h, 1, SEGS(h, 1, 4));
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
    assert_int_equal(h->t.phase, CC_RECOVERY);
    assert_int_equal(h->t.recoveries, 1);
    /* Half of what the window let out: limited transmit does not count (RFC 5681 3.2, step 2). */
    assert_int_equal(h->t.cc.ssthresh, 5 * mss);
    assert_int_equal(tcp_in_flight(&h->t), 9 * mss); /* 12 sent, 3 arrived, 1 lost, 1 again */
    struct la_tcp_info info;
    tcp_info(&h->t, &h->env, &info);
    assert_true(info.recovery && !info.reordering_seen);
    assert_int_equal(info.flight_bytes, 9 * mss);
    assert_int_equal(info.sacked_bytes, 3 * mss);
    assert_int_equal(info.lost_bytes, mss);
    assert_int_equal(info.rtx_out_bytes, mss);
    assert_int_equal(info.recoveries, 1);
    tcp_ack_in(h, nth(h, 12));
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.cc.cwnd, h->t.cc.ssthresh);
    assert_int_equal(h->t.rtx_segs, 1);
}

/* RFC 6675 4, IsLost(): three runs apart are as good as three in a row, and more than two segments'
 * worth of bytes. */
static void three_apart(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    tcp_sack_in(h, 1, SEGS(h, 2, 3));
    tcp_sack_in(h, 1, SEGS(h, 5, 6), SEGS(h, 2, 3));
    tcp_silent(h);
    tcp_sack_in(h, 1, SEGS(h, 7, 8), SEGS(h, 5, 6), SEGS(h, 2, 3));
    /* All holes below are lost, for all left at once: 0, 1, 3, 4 and 6. PRR lets one go. */
    assert_int_equal(board_of(h)->lost_bytes, 5 * h->t.mss);
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_sack_in(h, 1, SEGS(h, 7, 10), SEGS(h, 5, 6), SEGS(h, 2, 3));
    expect_nth(h, 1, LA_RTX_RACK);
    expect_nth(h, 3, LA_RTX_RACK);
    tcp_silent(h);

    tcp_again(h);
    segments_between(h, 10, 0);
    uint32_t mss = h->t.mss;
    tcp_sack_in(h, 1, SEGS(h, 2, 4));
    tcp_silent(h);
    tcp_sack_in(h, 1, {nth(h, 2), nth(h, 4) + 1}); /* 2 * mss and one byte */
    expect_nth(h, 0, LA_RTX_RACK);
    assert_int_equal(board_of(h)->lost_bytes, 2 * mss);
}

/* Two segments are not enough: the reordering timer waits for a quarter of the round trip (RFC 8985
 * 6.2, step 4), and an ACK that comes before ends the suspicion. */
static void two_sacked(struct tcp_harness *h)
{
    segments_between(h, 3, 0);
    tcp_sack_in(h, 1, SEGS(h, 1, 3));
    tcp_silent(h);
    assert_int_equal(tcp_fire(h), RTT_MS / 4 + SLACK_MS);
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
    assert_int_equal(h->t.phase, CC_RECOVERY);
    assert_int_equal(h->t.rtx_timeouts, 0);

    tcp_again(h);
    segments_between(h, 3, 0);
    tcp_sack_in(h, 1, SEGS(h, 1, 3));
    tcp_wait_ms(h, RTT_MS / 4 - 1);
    tcp_ack_in(h, nth(h, 3));
    assert_false(tcp_timer_due(h));
    tcp_silent(h);
    assert_int_equal(h->t.recoveries, 0);
}

/* While ACKs come they are the clock: one that comes when the window is over, but not the timer,
 * lets the retransmission leave in place of what it says has arrived. */
static void ack_before_timer(struct tcp_harness *h)
{
    segments_between(h, 10, 5);
    tcp_sack_in(h, 1, SEGS(h, 1, 2));
    expect_nth(h, 10, LA_RTX_LIMITED);
    tcp_wait_ms(h, RTT_MS / 4 + SLACK_MS - 1);
    tcp_silent(h);
    tcp_sack_in(h, 1, SEGS(h, 1, 4));
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
}

/* ---- during recovery ------------------------------------------------------------------------- */

/* Three holes, no more than one round trip from the first SACK to all of them being sent again, and
 * each once. NewReno would take a round trip for each. */
static void several_holes(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    uint64_t began_ns = h->env.now_ns;
    tcp_sack_in(h, 1, SEGS(h, 1, 2));
    tcp_sack_in(h, 1, SEGS(h, 3, 4), SEGS(h, 1, 2));
    tcp_silent(h);
    tcp_wait_ms(h, 1);
    for (uint32_t i = 6; i <= 10; i++) {
        tcp_sack_in(h, 1, SEGS(h, 5, i), SEGS(h, 3, 4), SEGS(h, 1, 2));
        tcp_wait_ms(h, 1);
    }
    expect_nth(h, 0, LA_RTX_RACK);
    expect_nth(h, 2, LA_RTX_RACK);
    struct tcp_out *o = expect_nth(h, 4, LA_RTX_RACK);
    assert_true(o->at_ns - began_ns < RTT_MS * MS);
    tcp_silent(h);
    /* Partial ACKs ask for nothing more. */
    tcp_wait_ms(h, RTT_MS - 10);
    tcp_sack_in(h, nth(h, 2), SEGS(h, 3, 4), SEGS(h, 5, 10));
    tcp_sack_in(h, nth(h, 4), SEGS(h, 5, 10));
    tcp_ack_in(h, nth(h, 10));
    tcp_silent(h);
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.rtx_segs, 3);
    assert_int_equal(h->t.recoveries, 1);
    assert_false(tcp_timer_due(h));
}

/* RFC 9937: of 20 segments `lost` from the front on are lost and the ACKs of the others come one by
 * one. No ACK that only SACKs lets more than one segment leave, the last one finds cwnd at
 * ssthresh, and never is more in flight than the larger of ssthresh and what was there. */
static void proportional(struct tcp_harness *h, uint32_t lost)
{
    segments_between(h, 20, 40);
    uint32_t mss = h->t.mss;
    uint32_t left = 0;
    for (uint32_t i = lost + 1; i <= 20; i++) {
        uint32_t flight = tcp_in_flight(&h->t);
        tcp_sack_in(h, 1, SEGS(h, lost, i));
        uint32_t burst = tcp_waiting(h);
        assert_true(burst <= 1);
        left += burst;
        forget_out(h);
        assert_true(tcp_in_flight(&h->t) <= most(flight, h->t.cc.ssthresh));
    }
    assert_int_equal(h->t.phase, CC_RECOVERY);
    assert_int_equal(h->t.cc.ssthresh, 10 * mss);
    assert_true(left <= 20 - lost);
    /* A round trip later the retransmissions arrive, and what was sent behind them. */
    tcp_wait_ms(h, RTT_MS);
    assert_int_equal(h->t.rtx_timeouts, 0);
    uint32_t before = tcp_waiting(h);
    tcp_ack_in(h, tcp_rel(h, h->t.flight->recover));
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.cc.cwnd, 10 * mss);
    assert_true(tcp_waiting(h) - before <= 10);
    forget_out(h);
}

static void proportional_rate(struct tcp_harness *h)
{
    static const uint32_t lost[] = {1, 4, 10, 16};
    for (unsigned i = 0; i < 4; i++) {
        proportional(h, lost[i]);
        tcp_again(h);
    }
}

/* RFC 9937 6.2 in figures: 20 in flight, one lost, ssthresh 10. Two ACKs let a new segment out each
 * by limited transmit, the third one the retransmission; then one leaves for two that arrive, until
 * with the 18th no more are in flight than ssthresh; from there on one leaves for each. */
static void rate_in_figures(struct tcp_harness *h)
{
    static const uint8_t want[20] = {[1] = 1,  [2] = 1,  [3] = 1,  [6] = 1,  [8] = 1,
                                     [10] = 1, [12] = 1, [14] = 1, [16] = 1, [19] = 1};
    segments_between(h, 20, 40);
    for (uint32_t i = 1; i < 20; i++) {
        tcp_sack_in(h, 1, SEGS(h, 1, i + 1));
        assert_int_equal(tcp_waiting(h), want[i]);
        forget_out(h);
    }
}

/* RFC 9937 6.1: RecoverFS counts what the ACK that begins the recovery delivers. Five of 20 arrive
 * at once: for those two and a half segments may leave. */
static void stretch_ack(struct tcp_harness *h)
{
    segments_between(h, 20, 40);
    tcp_sack_in(h, 1, SEGS(h, 1, 6));
    assert_int_equal(h->t.cc.ssthresh, 10 * h->t.mss);
    expect_nth(h, 0, LA_RTX_RACK);
    expect_nth(h, 20, LA_DATA);
    tcp_silent(h);
}

/* RFC 8985 6: what was sent again and lost again is found by what left after it, a round trip
 * later and long before the timeout, and goes first. */
static void lost_again(struct tcp_harness *h)
{
    segments_between(h, 10, 10);
    tcp_sack_in(h, 1, SEGS(h, 2, 3));
    tcp_sack_in(h, 1, SEGS(h, 2, 4));
    forget_out(h); /* 10 and 11 by limited transmit */
    tcp_sack_in(h, 1, SEGS(h, 2, 5));
    struct tcp_out *first = expect_nth(h, 0, LA_RTX_RACK);
    uint64_t again_ns = first->at_ns;
    tcp_wait_ms(h, 5);
    tcp_sack_in(h, 1, SEGS(h, 2, 9));
    expect_nth(h, 1, LA_RTX_RACK);
    tcp_wait_ms(h, 5);
    tcp_sack_in(h, 1, SEGS(h, 2, 10));
    expect_nth(h, 12, LA_DATA);
    tcp_silent(h);
    tcp_wait_ms(h, RTT_MS - 5);
    /* Segment 1 arrives the second time: 0 left before it. */
    tcp_sack_in(h, 1, SEGS(h, 1, 12));
    first = expect_nth(h, 0, LA_RTX_AGAIN);
    assert_true(first->at_ns - again_ns <= (RTT_MS + 10) * MS);
    assert_int_equal(h->t.rtx_timeouts, 0);
    assert_int_equal(h->t.recoveries, 1);
    forget_out(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, tcp_rel(h, h->t.snd_max));
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(h->t.rtx_timeouts, 0);
}

/* ---- reordering ------------------------------------------------------------------------------ */

/* A segment that comes late and was sent once: the network reorders. */
static void reorders(struct tcp_harness *h)
{
    segments_between(h, 3, 0);
    tcp_sack_in(h, 1, SEGS(h, 1, 2));
    tcp_ack_in(h, nth(h, 3));
    assert_true(h->t.flight->rack.reordering_seen);
    segments_out(h, 10);
    tcp_wait_ms(h, RTT_MS);
}

/* RFC 8985 6.2, step 4: once reordering was seen three SACKed segments are no sign of loss, time
 * is. */
static void reordering_timer(struct tcp_harness *h)
{
    reorders(h);
    for (uint32_t i = 5; i <= 13; i++) {
        tcp_sack_in(h, nth(h, 3), SEGS(h, 4, i));
        tcp_silent(h);
    }
    assert_int_equal(h->t.phase, CC_OPEN);
    assert_int_equal(tcp_fire(h), RTT_MS / 4 + SLACK_MS);
    expect_nth(h, 3, LA_RTX_RACK);
    assert_int_equal(h->t.phase, CC_RECOVERY);

    tcp_again(h);
    reorders(h);
    tcp_sack_in(h, nth(h, 3), SEGS(h, 4, 13));
    tcp_wait_ms(h, RTT_MS / 4 - 1);
    tcp_silent(h);
    tcp_ack_in(h, nth(h, 13)); /* it was late once more */
    assert_int_equal(h->t.recoveries, 0);
    assert_int_equal(h->t.rtx_segs, 0);
}

/* RFC 8985 6.2, step 4: a D-SACK makes the window longer by a quarter of the round trip, once in a
 * round trip. */
static void window_grows(struct tcp_harness *h)
{
    reorders(h);
    assert_int_equal(tcp_reordering_window_us(&h->t), RTT_MS * 1000 / 4);
    tcp_sack_in(h, nth(h, 4), SEGS(h, 2, 3));
    tcp_sack_in(h, nth(h, 4), SEGS(h, 2, 3));
    assert_int_equal(tcp_reordering_window_us(&h->t), RTT_MS * 1000 / 2);
    tcp_sack_in(h, nth(h, 4), SEGS(h, 5, 13));
    assert_int_equal(tcp_fire(h), RTT_MS / 2 + SLACK_MS);
    expect_nth(h, 4, LA_RTX_RACK);
    tcp_silent(h);
}

/* ---- timestamps of retransmissions ----------------------------------------------------------- */

#define LAG_MS (RTT_MS / 4 + 1)

static uint32_t clock_now(const struct tcp_harness *h)
{
    return tcp_now_ms(&h->env) + h->t.ts_offset;
}

/* Where the path reorders, what left in the window before a retransmission may be late: it must not
 * be older than that, or the peer would drop it (RFC 7323 5.3, R1). And none of them is older than
 * the one before. */
static void young_enough(struct tcp_harness *h)
{
    reorders(h);
    tcp_sack_in(h, nth(h, 3), SEGS(h, 5, 6), SEGS(h, 7, 13));
    assert_int_equal(tcp_fire(h), RTT_MS / 4 + SLACK_MS);
    uint32_t first = expect_nth(h, 3, LA_RTX_RACK)->h.tsval;
    assert_int_equal(first, clock_now(h) - LAG_MS);
    tcp_wait_ms(h, 3);
    tcp_sack_in(h, nth(h, 4), SEGS(h, 5, 6), SEGS(h, 7, 13));
    assert_int_equal(expect_nth(h, 4, LA_RTX_RACK)->h.tsval, first + 3);
    assert_int_equal(tcp_tsval(&h->t, &h->env, LA_DATA), clock_now(h));
    /* The timeout's has, too, and RACK's do not go below it. */
    while (h->t.rtx_timeouts == 0) {
        forget_out(h);
        tcp_fire(h);
    }
    uint32_t at = clock_now(h);
    assert_int_equal(expect_nth(h, 4, LA_RTX_TIMEOUT)->h.tsval, at);
    assert_int_equal(tcp_tsval(&h->t, &h->env, LA_RTX_RACK), at);
    h->env.now_ns += (LAG_MS - 1) * MS;
    assert_int_equal(tcp_tsval(&h->t, &h->env, LA_RTX_AGAIN), at);
    h->env.now_ns += 2 * MS;
    assert_int_equal(tcp_tsval(&h->t, &h->env, LA_RTX_RACK), at + 1);
    assert_int_equal(tcp_tsval(&h->t, &h->env, LA_RTX_PROBE), clock_now(h));
}

/* A path that keeps the order needs none of that. */
static void clock_in_order(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    tcp_sack_in(h, 1, SEGS(h, 1, 4));
    assert_int_equal(expect_nth(h, 0, LA_RTX_RACK)->h.tsval, clock_now(h));
}

/* RFC 3522 3.2 holds with these timestamps: the echo of the retransmission's is no mistake, an
 * older one is. */
static void echo_of_the_older(struct tcp_harness *h)
{
    for (uint32_t mistaken = 0; mistaken < 2; mistaken++) {
        reorders(h);
        tcp_sack_in(h, nth(h, 3), SEGS(h, 4, 13));
        tcp_fire(h);
        uint32_t tsval = expect_nth(h, 3, LA_RTX_RACK)->h.tsval;
        tcp_wait_ms(h, 10);
        struct tcp_in in = {.flags = ACK, .seq = 1, .ack = nth(h, 12), .tsecr = tsval - mistaken};
        tcp_feed(h, &in);
        assert_int_equal(h->t.undone, mistaken);
        assert_int_equal(h->t.phase, mistaken ? CC_OPEN : CC_RECOVERY);
        tcp_again(h);
    }
    tcp_connect(h);
}

/* RFC 8985 6.2, step 2: the echo of that timestamp is a witness for the retransmission, and one
 * that is older is none. */
static void echo_is_a_witness(struct tcp_harness *h)
{
    for (uint32_t older = 0; older < 2; older++) {
        reorders(h);
        tcp_sack_in(h, nth(h, 3), SEGS(h, 4, 13));
        tcp_fire(h);
        struct tcp_out *o = expect_nth(h, 3, LA_RTX_RACK);
        uint64_t sent_ns = o->at_ns;
        uint32_t tsval = o->h.tsval;
        tcp_wait_ms(h, RTT_MS);
        struct tcp_in in = {.flags = ACK, .seq = 1, .ack = nth(h, 12), .tsecr = tsval - older};
        tcp_feed(h, &in);
        assert_int_equal(h->t.flight->rack.xmit_ns == sent_ns, !older);
        tcp_again(h);
    }
    tcp_connect(h);
}

/* ---- blocks that are nonsense ---------------------------------------------------------------- */

/* RFC 2018 5: none of them says anything; what is told twice counts once. */
static void nonsense(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    tcp_ack_in(h, nth(h, 2));
    uint32_t una = nth(h, 2), nxt = nth(h, 10);
    const struct wire_sack bad[] = {
        {nxt, nxt + 1},                 /* behind what was sent */
        {nxt - 1, nxt + 1},             /* partly so */
        {nxt + 5000, nxt + 9000},       /* far behind it */
        {una + 100, una + 100},         /* empty */
        {una + 300, una + 200},         /* back to front */
        {nxt, una},                     /* everything, back to front */
        {una, una + 500},               /* touches what is acknowledged: then it would be, too */
        {una - 500, una + 500},         /* partly below */
        {una - 1, nxt},                 /* all that is out */
        {una + 100, una + 0x80000000U}, /* half the sequence space */
        {una + 0x80000001U, una + 500}, /* from the other half */
        {una - 0x7fff0000U, una - 1},   /* never sent */
    };
    uint64_t deadline = tcp_deadline(&h->t);
    uint32_t runs = board_of(h)->count;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned place = 0; place < WIRE_SACK_MAX - 1; place++) {
            struct tcp_in in = {.flags = ACK, .seq = 1, .ack = una};
            for (unsigned n = 0; n <= place; n++) {
                in.sack[n] = bad[(i + place - n) % (sizeof(bad) / sizeof(bad[0]))];
            }
            tcp_feed(h, &in);
            tcp_silent(h);
            assert_int_equal(board_of(h)->sacked_bytes, 0);
            assert_int_equal(board_of(h)->count, runs);
            assert_int_equal(tcp_deadline(&h->t), deadline);
            assert_int_equal(h->t.phase, CC_OPEN);
            assert_int_equal(h->t.dsacks_in, 0);
        }
    }
    /* A D-SACK is the first block (RFC 2883 4): elsewhere it is old news. */
    tcp_sack_in(h, una, SEGS(h, 5, 6), SEGS(h, 0, 1));
    assert_int_equal(h->t.dsacks_in, 0);
    assert_int_equal(board_of(h)->sacked_bytes, h->t.mss);
    tcp_sack_in(h, una, SEGS(h, 0, 1), SEGS(h, 5, 6));
    assert_int_equal(h->t.dsacks_in, 1);
    assert_int_equal(board_of(h)->sacked_bytes, h->t.mss);
    tcp_sack_in(h, una, SEGS(h, 5, 7), SEGS(h, 6, 7), SEGS(h, 4, 6)); /* overlapping */
    assert_int_equal(board_of(h)->sacked_bytes, 3 * h->t.mss);
    assert_int_equal(board_of(h)->sacked_runs, 1);
}

/* Without SACK in the handshake blocks mean nothing. */
static void not_agreed(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    for (uint32_t i = 2; i < 4; i++) {
        tcp_sack_in(h, 1, SEGS(h, 1, i));
    }
    tcp_silent(h);
    assert_int_equal(board_of(h)->sacked_bytes, 0);
    tcp_sack_in(h, 1, SEGS(h, 1, 4));
    expect_nth(h, 0, LA_RTX_FAST); /* the third duplicate ACK */
    tcp_silent(h);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

/* A block may begin and end at any byte, also of what left as one super-segment: what goes again is
 * exactly the holes below it. */
static void any_byte(struct tcp_harness *h)
{
    static const uint16_t cut[] = {1, 2, 499, 987, 988, 989, 1000, 1001, 1999, 3000, 3500};
    for (unsigned i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        h->most = (i & 1) ? 60000 : 0;
        tcp_connect_over(h, RTT_MS);
        uint32_t mss = h->t.mss, end = 1 + 10 * mss;
        tcp_say(h, 10 * mss, 0);
        forget_out(h);
        tcp_wait_ms(h, RTT_MS);
        uint32_t left = 1 + cut[i], right = end - cut[i];
        tcp_sack_in(h, 1, {left, right});
        assert_int_equal(board_of(h)->sacked_bytes, right - left);
        assert_int_equal(board_of(h)->lost_bytes, left - 1);
        assert_true(board_of(h)->count <= 3 + tcp_waiting(h)); /* cut where a segment ends */
        uint32_t at = 1;
        for (unsigned round = 0; round < 10 && at < left; round++) {
            while (tcp_waiting(h) != 0) {
                struct tcp_out *o = tcp_next(h);
                assert_int_equal(o->seq, at);
                assert_int_equal(o->reason, LA_RTX_RACK);
                at += o->len;
            }
            tcp_wait_ms(h, RTT_MS);
            if (at < left) {
                tcp_sack_in(h, at, {left, end});
            }
        }
        assert_int_equal(at, left);
        forget_out(h);
        tcp_ack_in(h, end);
        assert_int_equal(board_of(h)->count, 0);
        assert_int_equal(h->t.bytes_rtx, left - 1);
        tcp_again(h);
    }
    h->most = 0;
}

/* A hostile peer SACKs single bytes with a gap between them: each block costs two runs at most, and
 * being told the same again none; where they grow together they become one. */
static void bounded_runs(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    uint32_t told = 0;
    for (uint32_t at = 101; told < 200; told += 2, at += 8) {
        for (unsigned twice = 0; twice < 2; twice++) {
            tcp_sack_in(h, 1, {at, at + 1}, {at + 4, at + 5});
            assert_int_equal(board_of(h)->sacked_bytes, told + 2);
            assert_true(board_of(h)->count <= 1 + 2 * (told + 2) + 10);
        }
        forget_out(h);
    }
    assert_int_equal(board_of(h)->sacked_runs, 200);
    tcp_sack_in(h, 1, {101, 101 + 8 * 100});
    assert_int_equal(board_of(h)->sacked_runs, 1);
    assert_true(board_of(h)->count <= 12);
    forget_out(h);
    tcp_ack_in(h, nth(h, 10));
    assert_int_equal(h->runs.used, 1); /* the spare */
}

/* ---- reneging (RFC 2018 8) ------------------------------------------------------------------- */

/* I5: nothing leaves the send buffer on SACK alone; RFC 2018 8: the peer may drop what it SACKed,
 * and shows it by acknowledging no further than to where that begins. */
static void reneging(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    uint32_t mss = h->t.mss;
    uint32_t room = tcp_snd_room(&h->t);
    tcp_sack_in(h, 1, SEGS(h, 1, 10));
    assert_int_equal(tcp_snd_room(&h->t), room);
    assert_int_equal(tcp_rel(h, seq_of(h->t.snd_head->seq)), 1);
    expect_nth(h, 0, LA_RTX_RACK);
    tcp_silent(h);
    tcp_wait_ms(h, RTT_MS);
    tcp_ack_in(h, nth(h, 1)); /* and no block: the rest is gone */
    assert_int_equal(board_of(h)->sacked_bytes, 0);
    for (uint32_t at = 1, ack = 1; ack < 10; ack = at) {
        while (tcp_waiting(h) != 0) {
            expect_nth(h, at++, LA_RTX_RACK);
        }
        assert_true(at > ack);
        tcp_wait_ms(h, RTT_MS);
        tcp_ack_in(h, nth(h, at));
    }
    assert_int_equal(h->t.rtx_timeouts, 0);
    assert_int_equal(h->t.bytes_acked, 10 * mss);
    assert_int_equal(h->t.phase, CC_OPEN);
}

/* The same when only the timeout brings it out: everything that was dropped goes again. */
static void reneging_at_timeout(struct tcp_harness *h)
{
    segments_between(h, 10, 0);
    tcp_sack_in(h, 1, SEGS(h, 1, 4), SEGS(h, 5, 10));
    expect_nth(h, 0, LA_RTX_RACK);
    for (uint32_t fired = 0; h->t.rtx_timeouts == 0 && fired < 5; fired++) {
        tcp_fire(h);
    }
    forget_out(h);
    uint32_t ack = 1;
    for (unsigned round = 0; ack < 10 && round < 40; round++) {
        tcp_wait_ms(h, RTT_MS);
        tcp_ack_in(h, nth(h, ack));
        while (tcp_waiting(h) != 0) {
            const struct tcp_out *o = tcp_next(h);
            ack = o->seq == nth(h, ack) ? ack + 1 : ack;
        }
    }
    tcp_ack_in(h, nth(h, 10));
    assert_int_equal(h->t.bytes_acked, 10 * h->t.mss);
    assert_false(tcp_timer_due(h));
}

/* ---- against a model of the receiver --------------------------------------------------------- */

static struct sink sink;

struct coin {
    uint64_t state;
    uint32_t of; /* one segment of so many is lost */
};

static bool toss(void *ctx, const struct tcp_out *o)
{
    struct coin *c = ctx;
    return random_below(&c->state, c->of) == 0;
}

/* Random losses, retransmissions not excepted: every byte arrives, what has arrived does not go
 * again but as a probe or by a timeout, and in the end nothing is left behind. */
static void random_losses(struct tcp_harness *h)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct coin coin = {.state = seed * 77, .of = 4 + 8 * (uint32_t)seed};
        tcp_connect_over(h, RTT_MS);
        sink_init(&sink, h, RTT_MS);
        sink.lose = toss;
        sink.ctx = &coin;
        h->most = seed == 2 ? 4000 : 0;
        tcp_say(h, 60000, 0);
        sink_run(h, &sink, h->env.now_ns + 200 * SECOND);
        assert_int_equal(sink.next, 60001);
        assert_true(seq_eq(h->t.snd_una, h->t.snd_end));
        assert_false(tcp_timer_due(h));
        assert_true(sink.lost > 0);
        assert_int_equal(sink.in_vain, 0);
        assert_int_equal(h->runs.used, 1);
        tcp_again(h);
    }
}

/* Memory for runs ends at the N-th request and comes back later, for every N: nothing is lost, and
 * the connection goes on. */
static void no_memory_for_runs(struct tcp_harness *h)
{
    for (uint32_t n = 1; n <= 24; n++) {
        struct coin coin = {.state = n, .of = 5};
        tcp_connect_over(h, RTT_MS);
        sink_init(&sink, h, RTT_MS);
        sink.lose = toss;
        sink.ctx = &coin;
        h->runs.max = n;
        if (n % 4 == 2) {
            tcp_say(h, 25000, 0); /* bursts, which are one run each */
        } else {
            tcp_say(h, 700, LA_SEND_MORE); /* segments and holes of all sizes */
            for (uint32_t i = 1; i <= 20; i++) {
                tcp_say(h, 1000 + 10 * i, i % 3 == 0 ? LA_SEND_MORE : 0);
                sink_run(h, &sink, h->env.now_ns + 2 * MS);
            }
        }
        sink_run(h, &sink, h->env.now_ns + 20 * SECOND);
        assert_true(h->runs.used <= n);
        assert_true(h->t.state == LA_TCP_ESTABLISHED);
        h->runs.max = 1U << 20;
        sink_run(h, &sink, h->env.now_ns + 200 * SECOND);
        assert_int_equal(sink.next, h->said + 1);
        assert_true(seq_eq(h->t.snd_una, h->t.snd_end));
        tcp_again(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE_SACK(three_sacked),
        EVERYWHERE_SACK(three_apart),
        EVERYWHERE_SACK(two_sacked),
        EVERYWHERE_SACK(ack_before_timer),
        EVERYWHERE_SACK(several_holes),
        EVERYWHERE_SACK(proportional_rate),
        EVERYWHERE_SACK(rate_in_figures),
        EVERYWHERE_SACK(lost_again),
        EVERYWHERE_SACK(stretch_ack),
        EVERYWHERE_SACK(reordering_timer),
        EVERYWHERE_SACK(window_grows),
        SACK_CASE(young_enough, "young_enough", WIRE_TCP_TS),
        SACK_CASE(clock_in_order, "clock_in_order", WIRE_TCP_TS),
        SACK_CASE(echo_of_the_older, "echo_of_the_older", WIRE_TCP_TS),
        SACK_CASE(echo_is_a_witness, "echo_is_a_witness", WIRE_TCP_TS),
        EVERYWHERE_SACK(nonsense),
        EVERYWHERE(not_agreed),
        EVERYWHERE_SACK(any_byte),
        EVERYWHERE_SACK(bounded_runs),
        EVERYWHERE_SACK(reneging),
        EVERYWHERE_SACK(reneging_at_timeout),
        EVERYWHERE_SACK(random_losses),
        EVERYWHERE_SACK(no_memory_for_runs),
    };
    return cmocka_run_group_tests_name("core/tcp/sack", tests, NULL, NULL);
}
