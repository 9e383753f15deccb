/* Proportional rate reduction (RFC 9937): the scenarios of RFC 6937 3.1 under the rules of its
 * successor, each rule for itself, and random episodes against the
 * formulas with a division of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/prr.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS 1000U

/* ---- an episode of whole segments ------------------------------------------------------------ */

struct episode {
    struct prr prr;
    uint32_t flight;   /* segments */
    uint32_t ssthresh; /* segments */
    bool first;
};

static void begin(struct episode *e, uint32_t recover_fs, uint32_t flight, uint32_t ssthresh)
{
    *e = (struct episode){.flight = flight, .ssthresh = ssthresh, .first = true};
    prr_begin(&e->prr, recover_fs * MSS);
}

/* An ACK that delivers `delivered` and marks `lost` segments lost. Sends all that may leave; how
 * many segments. */
static uint32_t ack(struct episode *e, uint32_t delivered, uint32_t lost, bool una_advanced)
{
    e->flight -= delivered + lost;
    struct prr_ack in = {.delivered = delivered * MSS,
                         .flight = e->flight * MSS,
                         .ssthresh = e->ssthresh * MSS,
                         .mss = MSS,
                         .una_advanced = una_advanced,
                         .lost_more = lost != 0,
                         .first = e->first};
    e->first = false;
    uint32_t count = prr_acked(&e->prr, &in), segs = count / MSS;
    assert_int_equal(e->prr.cwnd, in.flight + count);
    e->flight += segs;
    prr_sent(&e->prr, segs * MSS);
    return segs;
}

/* RFC 6937 3.1, first scenario: cwnd 20, segment 0 lost, limited transmit of two. RecoverFS: 22
 * outstanding, 3 SACKed, 1 of them by the ACK that begins it. */
static void one_loss(void **state)
{
    (void)state;
    static const uint32_t sent[] = {1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1};
    static const uint32_t flight[] = {19, 18, 17, 17, 16, 16, 15, 15, 14,
                                      14, 13, 13, 12, 12, 11, 10, 10};
    struct episode e;
    begin(&e, 20, 20, 10);
    for (unsigned n = 0; n < 17; n++) { /* the ACKs of segments 3 to 19 */
        assert_int_equal(ack(&e, 1, n == 0, false), sent[n]);
        assert_int_equal(e.flight, flight[n]);
    }
    /* The two of limited transmit, the retransmission, and the rest: one for one. */
    for (unsigned n = 0; n < 8; n++) {
        assert_int_equal(ack(&e, 1, 0, n == 2), 1);
        assert_int_equal(e.flight, 10);
    }
}

/* RFC 6937 3.1, second scenario: segments 0 to 14 of 20 are lost. While SND.UNA stands still, one
 * for one (PRR-CRB); when retransmissions are acknowledged, one more for each (PRR-SSRB), up to
 * ssthresh. */
static void burst_loss(void **state)
{
    (void)state;
    struct episode e;
    begin(&e, 20, 20, 10); /* the ACK of 17, after two of limited transmit */
    assert_int_equal(ack(&e, 1, 15, false), 1);
    assert_int_equal(e.flight, 5);
    assert_int_equal(ack(&e, 1, 0, false), 1);
    assert_int_equal(ack(&e, 1, 0, false), 1);
    assert_int_equal(e.flight, 5);
    for (unsigned n = 6; n <= 10; n++) {
        assert_int_equal(ack(&e, 1, 0, true), 2);
        assert_int_equal(e.flight, n);
    }
    assert_int_equal(ack(&e, 1, 0, true), 1); /* caught up */
    assert_int_equal(e.flight, 10);
    assert_int_equal(ack(&e, 1, 2, true), 1); /* a further loss: not safe */
    assert_int_equal(e.flight, 8);
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* SafeACK, all combinations: a segment more when SND.UNA advances and nothing more is lost. */
static void safe_ack(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct prr p;
        prr_begin(&p, 20 * MSS);
        prr_sent(&p, MSS);
        struct prr_ack in = {.delivered = 3 * MSS,
                             .flight = 5 * MSS,
                             .ssthresh = 50 * MSS,
                             .mss = MSS,
                             .una_advanced = (bits & 1) != 0,
                             .lost_more = (bits & 2) != 0};
        assert_int_equal(prr_acked(&p, &in), bits == 1 ? 4 * MSS : 3 * MSS);
        in.flight = 60 * MSS; /* above ssthresh it means nothing */
        in.delivered = MSS;
        assert_int_equal(prr_acked(&p, &in), 9 * MSS);
    }
}

/* The reduction bound: what was delivered and not used is banked, but never beyond ssthresh. */
static void bound(void **state)
{
    (void)state;
    struct prr p;
    prr_begin(&p, 20 * MSS);
    struct prr_ack in = {.delivered = 4 * MSS, .flight = 2 * MSS, .ssthresh = 10 * MSS, .mss = MSS};
    assert_int_equal(prr_acked(&p, &in), 4 * MSS);
    prr_sent(&p, MSS); /* the application had no more */
    in.delivered = MSS;
    assert_int_equal(prr_acked(&p, &in), 4 * MSS);
    in.flight = 9 * MSS;
    assert_int_equal(prr_acked(&p, &in), MSS);
    in.flight = 10 * MSS;
    assert_int_equal(prr_acked(&p, &in), 0);
    /* More was sent than delivered: what this ACK delivers may leave. */
    prr_sent(&p, 100 * MSS);
    in.flight = 2 * MSS;
    assert_int_equal(prr_acked(&p, &in), MSS);
    in.flight = 11 * MSS; /* and above ssthresh nothing */
    assert_int_equal(prr_acked(&p, &in), 0);
}

/* One segment at least, as long as nothing left; also when a timer began it. */
static void fast_retransmit(void **state)
{
    (void)state;
    struct prr p;
    prr_begin(&p, 20 * MSS);
    struct prr_ack in = {.delivered = 1, .flight = 10 * MSS, .ssthresh = 10 * MSS, .mss = MSS};
    assert_int_equal(prr_acked(&p, &in), MSS);
    assert_int_equal(prr_acked(&p, &in), MSS); /* it could not leave */
    prr_sent(&p, 1);
    assert_int_equal(prr_acked(&p, &in), 0);
    prr_begin(&p, 20 * MSS);
    in = (struct prr_ack){.flight = 15 * MSS, .ssthresh = 10 * MSS, .mss = MSS, .first = true};
    assert_int_equal(prr_acked(&p, &in), MSS);
    /* A part of a segment would hold it back; more is left as it is. */
    prr_begin(&p, 20 * MSS);
    in.delivered = MSS;
    assert_int_equal(prr_acked(&p, &in), MSS);
    in.delivered = 2 * MSS;
    assert_int_equal(prr_acked(&p, &in), 3 * MSS / 2);
}

/* An ACK that delivers nothing leaves the window as it is; what it marks lost makes room. */
static void nothing_delivered(void **state)
{
    (void)state;
    struct prr p;
    prr_begin(&p, 20 * MSS);
    struct prr_ack in = {
        .delivered = 8 * MSS, .flight = 12 * MSS, .ssthresh = 10 * MSS, .mss = MSS, .first = true};
    assert_int_equal(prr_acked(&p, &in), 4 * MSS); /* cwnd 16 */
    in = (struct prr_ack){.flight = 12 * MSS, .ssthresh = 10 * MSS, .mss = MSS};
    assert_int_equal(prr_acked(&p, &in), 4 * MSS);
    prr_sent(&p, 3 * MSS);
    in.flight = 15 * MSS;
    assert_int_equal(prr_acked(&p, &in), MSS);
    in.flight = 3 * MSS; /* 12 more are lost: the reordering timer */
    in.lost_more = true;
    assert_int_equal(prr_acked(&p, &in), 13 * MSS);
    in.flight = 17 * MSS;
    assert_int_equal(prr_acked(&p, &in), 0);
    assert_int_equal(p.delivered, 8 * MSS);
}

static void extremes(void **state)
{
    (void)state;
    struct prr p;
    prr_begin(&p, 0); /* no division by zero */
    struct prr_ack in = {.delivered = UINT32_MAX, .flight = 10, .ssthresh = 9, .mss = MSS};
    for (unsigned n = 0; n < 100; n++) {
        assert_int_equal(prr_acked(&p, &in), UINT32_MAX - 10);
    }
    prr_begin(&p, UINT32_MAX);
    in = (struct prr_ack){
        .delivered = UINT32_MAX, .flight = UINT32_MAX, .ssthresh = UINT32_MAX - 1, .mss = 1};
    assert_int_equal(prr_acked(&p, &in), 0); /* cwnd cannot be larger */
    assert_int_equal(p.cwnd, UINT32_MAX);
    prr_begin(&p, 1);
    p.delivered = UINT64_MAX / 2;
    in.ssthresh = UINT32_MAX;
    in.flight = 0;
    assert_int_equal(prr_acked(&p, &in), UINT32_MAX);
}

/* ---- without SACK ---------------------------------------------------------------------------- */

/* ---- at random ------------------------------------------------------------------------------- */

/* CEIL(a * b / c), bit by bit of a. */
static uint64_t mul_div_up(uint64_t a, uint32_t b, uint32_t c)
{
    uint64_t quotient = 0, rest = 0;
    for (unsigned bit = 64; bit-- > 0;) {
        rest = 2 * rest + (a >> bit & 1) * b;
        quotient = 2 * quotient + rest / c;
        rest %= c;
    }
    return quotient + (rest != 0);
}

/* RFC 9937 6.2 as it is written. */
static uint32_t model(uint64_t delivered, uint64_t out, uint32_t fs, const struct prr_ack *in)
{
    int64_t count;
    if (in->flight > in->ssthresh) {
        count = (int64_t)mul_div_up(delivered, in->ssthresh, fs) - (int64_t)out;
    } else {
        count = (int64_t)delivered - (int64_t)out;
        count = count > in->delivered ? count : in->delivered;
        if (in->una_advanced && !in->lost_more) {
            count += in->mss;
        }
        int64_t room = (int64_t)in->ssthresh - in->flight;
        count = count < room ? count : room;
    }
    count = count > 0 ? count : 0;
    if (out == 0 && count < in->mss) {
        count = in->mss;
    }
    int64_t most = (int64_t)UINT32_MAX - in->flight;
    return (uint32_t)(count < most ? count : most);
}

static uint32_t any_size(uint64_t *seed)
{
    static const uint32_t max[] = {3, 5000, 100000, 1U << 30, UINT32_MAX};
    return random_below(seed, max[random_below(seed, 5)]) + random_below(seed, 2);
}

static void formulas(void **state)
{
    (void)state;
    uint64_t seed = 9937;
    for (unsigned n = 0; n < 3000; n++) {
        struct prr p;
        uint32_t fs = any_size(&seed) | 64, ssthresh = any_size(&seed), mss = any_size(&seed);
        uint64_t delivered = 0, out = 0;
        prr_begin(&p, fs);
        for (unsigned k = 0; k < 40; k++) {
            struct prr_ack in = {.delivered = any_size(&seed),
                                 .flight = any_size(&seed),
                                 .ssthresh = ssthresh,
                                 .mss = mss,
                                 .una_advanced = random_below(&seed, 2) == 0,
                                 .lost_more = random_below(&seed, 2) == 0,
                                 .first = k == 0};
            if (in.delivered == 0 && !in.first) {
                continue;
            }
            delivered += in.delivered;
            uint32_t got = prr_acked(&p, &in);
            assert_int_equal(got, model(delivered, out, fs, &in));
            uint32_t sent = random_below(&seed, 3) ? got : any_size(&seed);
            prr_sent(&p, sent);
            out += sent;
        }
    }
}

/* Episodes of 20 to 200 segments with few losses, an ACK for each segment that arrives: what is in
 * flight falls to ssthresh, never below it by more than what an ACK took, and no ACK lets more than
 * two segments leave. */
static void smooth(void **state)
{
    (void)state;
    uint64_t seed = 6937;
    for (unsigned n = 0; n < 2000; n++) {
        uint32_t fs = 20 + random_below(&seed, 180);
        uint32_t ssthresh = fs / 2 + random_below(&seed, fs / 3);
        uint32_t losses = 1 + random_below(&seed, (fs - ssthresh) / 2);
        struct episode e;
        begin(&e, fs, fs, ssthresh);
        assert_true(ack(&e, 1, losses, false) >= 1);
        uint32_t least = fs;
        for (uint32_t k = losses + 1; k < fs; k++) {
            assert_true(ack(&e, 1, 0, false) <= 2);
            least = e.flight < least ? e.flight : least;
        }
        assert_true(least + 1 >= ssthresh);
        for (uint32_t k = 0; k < 10; k++) { /* of what left in the episode */
            ack(&e, 1, 0, true);
            assert_in_range(e.flight, ssthresh - 1, ssthresh + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_loss),        cmocka_unit_test(burst_loss),
        cmocka_unit_test(safe_ack),        cmocka_unit_test(bound),
        cmocka_unit_test(fast_retransmit), cmocka_unit_test(nothing_delivered),
        cmocka_unit_test(extremes),        cmocka_unit_test(formulas),
        cmocka_unit_test(smooth),
    };
    return cmocka_run_group_tests_name("core/loss/prr", tests, NULL, NULL);
}
