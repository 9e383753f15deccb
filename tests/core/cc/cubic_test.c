/* CUBIC against the formulas of RFC 9438, computed here in floating point; ABE (RFC 8511); its slow
 * start (RFC 9406). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"
#include "support/cc_rig.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS 1000U

static struct rig fresh(uint32_t mss, uint32_t rtt_us)
{
    struct rig r;
    rig_init(&r, &cc_cubic, mss);
    r.srtt_us = rtt_us;
    return r;
}

/* Loss at a window of so many segments. */
static struct rig after_loss(uint32_t segments, uint32_t mss, uint32_t rtt_us)
{
    struct rig r = fresh(mss, rtt_us);
    r.cc.cwnd = segments * mss;
    rig_episode(&r, CC_CAUSE_LOSS);
    return r;
}

static double cube_root(double n)
{
    double low = 0, high = n + 1;
    for (unsigned i = 0; i < 200; i++) {
        double mid = (low + high) / 2;
        *(mid * mid * mid < n ? &low : &high) = mid;
    }
    return low;
}

static void assert_near(double is, double should, double part)
{
    double off = is > should ? is - should : should - is;
    if (off > part * should) {
        fail_msg("%f instead of %f", is, should);
    }
}

/* 4.2, equations 1 and 2, over the concave and into the convex region. The window lags behind a
 * target that lies a round trip ahead, so it is the curve but for the second order. */
static void the_curve(void **state)
{
    const uint32_t windows[] = {1000, 5000, 40000, 300000};
    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        for (uint32_t mss = 536; mss <= 1460; mss += 924) {
            double max = windows[i], k = cube_root(max * 0.3 / 0.4);
            struct rig r = after_loss(windows[i], mss, 100000);
            assert_int_equal(r.cc.cwnd, windows[i] * mss / 10 * 7);
            uint64_t began = r.now_ns;
            for (unsigned round = 0; (double)(r.now_ns - began) < 1.3e9 * k; round++) {
                rig_round(&r);
                double t = (double)(r.now_ns - began) / 1e9 - k;
                assert_near((double)r.cc.cwnd / mss, max + 0.4 * t * t * t, 0.002);
            }
            rig_free(&r);
        }
    }
}

/* The plateau is reached after K seconds. K is good to a thousandth. */
static void time_to_plateau(void **state)
{
    (void)state;
    for (uint32_t segments = 9000; segments < 700000; segments = segments * 7 / 3) {
        double k = cube_root(segments * 0.3 / 0.4);
        struct rig r = after_loss(segments, MSS, 100000);
        uint64_t began = r.now_ns;
        /* Just below the plateau the curve is flat: look where it crosses 99.9 %. */
        while (r.cc.cwnd < segments * (MSS / 1000) * 999) {
            rig_round(&r);
        }
        double should = k - cube_root(segments * 0.001 / 0.4);
        assert_near((double)(r.now_ns - began) / 1e9, should, 0.005);
        rig_free(&r);
    }
}

/* 4.3: with a short round trip Reno grows faster: 9/17 of a segment a round trip, and a whole one
 * once the window is what it was before. */
static void reno_friendly(void **state)
{
    (void)state;
    struct rig r = after_loss(100, MSS, 1000);
    double est = 70;
    for (unsigned round = 0; round < 500; round++) {
        double before = est;
        double acked = (double)(r.cc.cwnd / MSS);
        est += (est < 100 ? 9.0 / 17 : 1) * acked / ((double)r.cc.cwnd / MSS);
        rig_round(&r);
        assert_near((double)r.cc.cwnd / MSS, est, 0.01);
        assert_true(est > before);
    }
    assert_near((double)r.cc.cwnd / MSS, 100 + 443, 0.01);
    rig_free(&r);
}

/* Where the regions meet: at 100 segments the curve is slower than Reno at 1 ms, and faster at
 * 100 ms with 5000. */
static void crossover(void **state)
{
    (void)state;
    struct rig fast = after_loss(100, MSS, 1000), slow = after_loss(5000, MSS, 100000);
    for (unsigned round = 0; round < 10; round++) {
        uint32_t before_fast = fast.cc.cwnd, before_slow = slow.cc.cwnd;
        rig_round(&fast);
        rig_round(&slow);
        assert_in_range(fast.cc.cwnd - before_fast, MSS / 2 - 20, MSS * 9 / 17 + 20);
        assert_true(slow.cc.cwnd - before_slow > 10 * MSS);
    }
    rig_free(&fast);
    rig_free(&slow);
}

/* 4.2: never more than half as much again in a round trip, however far ahead the curve is. */
static void target_is_clamped(void **state)
{
    (void)state;
    struct rig r = after_loss(100, MSS, 30000000);
    rig_round(&r);
    for (unsigned round = 0; round < 20 && r.cc.cwnd < 100000 * MSS; round++) {
        uint32_t before = r.cc.cwnd;
        rig_round(&r);
        assert_true(r.cc.cwnd <= (uint64_t)before * 165 / 100); /* continuously: e^0.5 */
        assert_true(r.cc.cwnd >= (uint64_t)before * 14 / 10);
    }
    rig_free(&r);
}

/* 4.6, 4.7: what an event leaves. */
static void multiplicative_decrease(void **state)
{
    (void)state;
    struct rig r = fresh(MSS, 100000);
    r.cc.cwnd = 1000 * MSS;
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 1000 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 700 * MSS);
    assert_int_equal(r.cc.cwnd, 1000 * MSS); /* PRR's */
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 800 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 560 * MSS); /* what is outstanding counts */
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 1200 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 700 * MSS); /* but not what limited transmit added */
    r.cc.ops->congestion(&r.cc, CC_CAUSE_ECN, 1000 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 850 * MSS); /* RFC 8511 3.1 */
    r.cc.cwnd = MSS;
    r.cc.ops->congestion(&r.cc, CC_CAUSE_ECN, MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 2 * MSS);
    rig_free(&r);
}

/* With RFC 7661: what was delivered in a round trip lately counts as well as what is outstanding
 * just now; W_max is what was used of a window that was not validated. */
static void measured_volume(void **state)
{
    (void)state;
    struct rig r = after_loss(2000, MSS, 50000);
    for (unsigned round = 0; round < 5; round++) {
        rig_round(&r);
    }
    uint32_t cwnd = r.cc.cwnd;
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 300 * MSS, r.now_ns);
    assert_near(r.cc.ssthresh, cwnd * 0.7, 0.02); /* the last round's window */
    rig_free(&r);

    r = fresh(MSS, 50000);
    r.cc.cwnd = 2000 * MSS;
    r.cc.ssthresh = 2000 * MSS;
    for (unsigned round = 0; round < 60; round++) {
        r.now_ns += 50000000;
        struct cc_ack ack = rig_ack(&r, 600 * MSS);
        ack.round_start = true;
        ack.limited = false;
        r.cc.ops->acked(&r.cc, &ack);
    }
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 100 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 420 * MSS);
    r.cc.cwnd = 420 * MSS;
    r.cc.ops->recovered(&r.cc, r.now_ns);
    assert_int_equal(r.cc.cwnd, 420 * MSS);
    uint64_t began = r.now_ns;
    double max = 600, k = cube_root((max - 420) / 0.4);
    while ((double)(r.now_ns - began) < 1.2e9 * k) {
        rig_round(&r);
        double t = (double)(r.now_ns - began) / 1e9, off = t - k;
        double curve = max + 0.4 * off * off * off, reno = 420 + 9.0 / 17 * t / 0.05;
        assert_near((double)r.cc.cwnd / MSS, curve > reno ? curve : reno, 0.01);
    }
    rig_free(&r);
}

/* A window that was taken below ssthresh meanwhile: slow start, then a new curve from there. */
static void slow_start_begins_anew(void **state)
{
    (void)state;
    struct rig r = after_loss(10000, MSS, 100000);
    for (unsigned round = 0; round < 100; round++) {
        rig_round(&r);
    }
    r.cc.cwnd = 3000 * MSS;
    r.cc.ssthresh = 4000 * MSS;
    while (r.cc.cwnd < r.cc.ssthresh) {
        rig_acked(&r, MSS);
    }
    uint64_t began = r.now_ns;
    double max = 10000, k = cube_root((max - 4000) / 0.4);
    while ((double)(r.now_ns - began) < 1.2e9 * k) {
        rig_round(&r);
        double t = (double)(r.now_ns - began) / 1e9 - k;
        assert_near((double)r.cc.cwnd / MSS, max + 0.4 * t * t * t, 0.003);
    }
    rig_free(&r);
}

/* 4.7: a second event below W_max lowers the plateau to (1 + beta) / 2 of the window. */
static void fast_convergence(void **state)
{
    (void)state;
    struct rig r = after_loss(10000, MSS, 100000); /* W_max 10000 */
    rig_episode(&r, CC_CAUSE_LOSS);                /* at 7000: W_max 5950, window 4900 */
    uint64_t began = r.now_ns;
    double max = 7000 * 0.85, k = cube_root((max - 4900) / 0.4);
    while ((double)(r.now_ns - began) < 1.5e9 * k) {
        rig_round(&r);
        double t = (double)(r.now_ns - began) / 1e9 - k;
        assert_near((double)r.cc.cwnd / MSS, max + 0.4 * t * t * t, 0.002);
    }
    rig_free(&r);
}

/* 4.8: after a timeout slow start to ssthresh, then the curve from there with K = 0. */
static void timeout(void **state)
{
    (void)state;
    struct rig r = after_loss(4000, MSS, 100000);
    rig_episode(&r, CC_CAUSE_TIMEOUT);
    assert_int_equal(r.cc.cwnd, MSS);
    assert_int_equal(r.cc.ssthresh, 1960 * MSS);
    while (r.cc.cwnd < r.cc.ssthresh) {
        rig_acked(&r, MSS);
    }
    assert_int_equal(r.cc.cwnd, 1960 * MSS);
    uint64_t began = r.now_ns;
    for (unsigned round = 0; round < 100; round++) {
        rig_round(&r);
        double t = (double)(r.now_ns - began) / 1e9;
        double curve = 1960 + 0.4 * t * t * t, reno = 1960 + 9.0 / 17 * t / 0.1;
        assert_near((double)r.cc.cwnd / MSS, curve > reno ? curve : reno, 0.003);
    }
    rig_free(&r);
}

/* 4.9.2: after an undo the curve goes on as if nothing had been. */
static void spurious(void **state)
{
    (void)state;
    for (unsigned cause = 0; cause <= CC_CAUSE_TIMEOUT; cause++) {
        struct rig a = after_loss(2000, MSS, 50000), b = after_loss(2000, MSS, 50000);
        for (unsigned round = 0; round < 200; round++) {
            if (round == 60) {
                uint32_t cwnd = b.cc.cwnd, ssthresh = b.cc.ssthresh;
                b.cc.ops->congestion(&b.cc, cause, cwnd, b.now_ns);
                b.cc.cwnd = cwnd;
                b.cc.ssthresh = ssthresh;
                b.cc.ops->undo(&b.cc, b.now_ns);
            }
            rig_round(&a);
            rig_round(&b);
            assert_int_equal(a.cc.cwnd, b.cc.cwnd);
        }
        rig_free(&a);
        rig_free(&b);
    }
}

/* 4.2, 5.8: time in which the window was not used does not count, nor does idle time. */
static void application_limited(void **state)
{
    (void)state;
    struct rig a = after_loss(2000, MSS, 50000), b = after_loss(2000, MSS, 50000);
    for (unsigned round = 0; round < 100; round++) {
        rig_round(&a);
        rig_round(&b);
        uint32_t before = b.cc.cwnd;
        for (unsigned i = 0; i < 20; i++) { /* a second of little sending */
            b.now_ns += 50000000;
            struct cc_ack ack = rig_ack(&b, MSS);
            ack.limited = false;
            b.cc.ops->acked(&b.cc, &ack);
        }
        b.now_ns += 700000000; /* and of none */
        b.cc.ops->restart(&b.cc, 700000000, b.now_ns);
        assert_int_equal(b.cc.cwnd, before);
        assert_near(b.cc.cwnd, a.cc.cwnd, 0.001);
    }
    /* Without an end in idleness: a round trip at most counts wrongly. */
    for (unsigned round = 0; round < 10; round++) {
        rig_round(&a);
        rig_round(&b);
        for (unsigned i = 0; i < 20; i++) {
            b.now_ns += 50000000;
            struct cc_ack ack = rig_ack(&b, MSS);
            ack.limited = false;
            b.cc.ops->acked(&b.cc, &ack);
        }
        assert_near(b.cc.cwnd, a.cc.cwnd, 0.001);
    }
    rig_free(&a);
    rig_free(&b);
}

/* The first slow start is HyStart++'s: eight segments an ACK at most, a quarter in CSS; out of it
 * the curve begins with K = 0 (4.10). */
static void hystart(void **state)
{
    (void)state;
    struct rig r = fresh(MSS, 50000);
    r.cc.cwnd = 100 * MSS;
    rig_acked(&r, 20 * MSS);
    assert_int_equal(r.cc.cwnd, 108 * MSS);
    struct cc_ack ack = rig_ack(&r, 20 * MSS);
    ack.paced = true;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(r.cc.cwnd, 128 * MSS);
    rig_train(&r, 20000);
    assert_int_equal(r.cc.cwnd, 256 * MSS);
    r.srtt_us = 60000;
    rig_train(&r, 20000); /* 8 ACKs to see it, the rest in CSS, the eighth included */
    assert_int_equal(r.cc.cwnd, 256 * MSS + 7 * MSS + 249 * MSS / 4);
    uint32_t before = r.cc.cwnd;
    for (unsigned round = 0; round < 4; round++) {
        assert_true(r.cc.ssthresh == UINT32_MAX);
        rig_round(&r);
        assert_in_range(r.cc.cwnd - before, before / 4 - MSS, before / 4);
        before = r.cc.cwnd;
    }
    rig_acked(&r, MSS);
    assert_true(r.cc.ssthresh == UINT32_MAX);
    ack = rig_ack(&r, MSS);
    ack.round_start = true;
    r.cc.ops->acked(&r.cc, &ack);
    assert_in_range(r.cc.ssthresh, before, before + 2 * MSS);
    uint64_t began = r.now_ns;
    before = r.cc.cwnd;
    for (unsigned round = 0; round < 200; round++) {
        rig_round(&r);
        double t = (double)(r.now_ns - began) / 1e9, w = (double)before / MSS;
        double curve = w + 0.4 * t * t * t, reno = w + t / 0.06;
        assert_near((double)r.cc.cwnd / MSS, curve > reno ? curve : reno, 0.01);
    }
    rig_free(&r);
}

/* ACKs that fill half of a round trip (50 of 100): what comes behind them is in CSS. */
static void train(void **state)
{
    (void)state;
    struct rig r = fresh(MSS, 50000);
    rig_acked(&r, MSS); /* the round-trip time is known */
    r.cc.cwnd = 100 * MSS;
    rig_round(&r);
    assert_int_equal(r.cc.cwnd, 150 * MSS + 50 * MSS / 4);
    assert_true(r.cc.ssthresh == UINT32_MAX);
    rig_free(&r);
}

/* Later slow starts are RFC 5681's. */
static void later_slow_start(void **state)
{
    (void)state;
    struct rig r = after_loss(1000, MSS, 50000);
    r.cc.cwnd = 10 * MSS;
    rig_acked(&r, 20 * MSS);
    assert_int_equal(r.cc.cwnd, 12 * MSS);
    struct cc_ack ack = rig_ack(&r, 20 * MSS);
    ack.phase = CC_LOSS;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(r.cc.cwnd, 13 * MSS);
    ack.limited = false;
    r.cc.ops->acked(&r.cc, &ack);
    ack.limited = true;
    ack.phase = CC_RECOVERY;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(r.cc.cwnd, 13 * MSS);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_curve),         cmocka_unit_test(time_to_plateau),
        cmocka_unit_test(reno_friendly),     cmocka_unit_test(crossover),
        cmocka_unit_test(target_is_clamped), cmocka_unit_test(multiplicative_decrease),
        cmocka_unit_test(measured_volume),   cmocka_unit_test(slow_start_begins_anew),
        cmocka_unit_test(fast_convergence),  cmocka_unit_test(timeout),
        cmocka_unit_test(spurious),          cmocka_unit_test(application_limited),
        cmocka_unit_test(hystart),           cmocka_unit_test(train),
        cmocka_unit_test(later_slow_start),
    };
    return cmocka_run_group_tests_name("core/cc/cubic", tests, NULL, NULL);
}
