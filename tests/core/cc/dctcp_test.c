/* DCTCP (RFC 8257): alpha against the formula, and in a loop with a marking queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"
#include "support/cc_path.h"
#include "support/cc_rig.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS 1000U

static struct rig fresh(void)
{
    struct rig r;
    rig_init(&r, &cc_dctcp, MSS);
    return r;
}

/* A window of 1000 segments of which so many were marked; the cut that the next round begins with
 * says what alpha is. */
static double alpha_after(struct rig *r, uint32_t marked)
{
    r->cc.cwnd = r->cc.ssthresh = 1000 * MSS;
    for (uint32_t i = 0; i < 1000; i++) {
        struct cc_ack ack = rig_ack(r, MSS);
        ack.ce = i < marked ? MSS : 0;
        ack.limited = false;
        ack.round_start = i == 999;
        r->cc.ops->acked(&r->cc, &ack);
    }
    return 2 * (1 - (double)r->cc.cwnd / (1000 * MSS));
}

/* 3.3: alpha = alpha * (1 - g) + g * M, from 1, with g = 1/16. */
static void alpha(void **state)
{
    const uint32_t shares[] = {1, 10, 100, 500, 1000};
    (void)state;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct rig r = fresh();
        double should = 1;
        for (unsigned round = 0; round < 200; round++) {
            should = should * 15 / 16 + (double)shares[i] / 1000 / 16;
            double is = alpha_after(&r, shares[i]);
            assert_true(is - should < 0.0001 && should - is < 0.0001);
        }
        assert_true(should - (double)shares[i] / 1000 < 0.0001);
        rig_free(&r);
    }
}

/* Without marks alpha goes to nothing, and nothing is cut. */
static void no_marks(void **state)
{
    (void)state;
    struct rig r = fresh();
    for (unsigned round = 0; round < 400; round++) {
        assert_true(alpha_after(&r, 0) == 0);
    }
    assert_true(alpha_after(&r, 1) < 0.0002);
    rig_free(&r);
}

/* What was counted of the larger window says nothing of the smaller one. */
static void cut_counts_anew(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.cwnd = r.cc.ssthresh = 10 * MSS;
    rig_acked(&r, 9 * MSS);
    struct cc_ack ack = rig_ack(&r, MSS);
    ack.ce = MSS;
    ack.round_start = true;
    r.cc.ops->acked(&r.cc, &ack); /* alpha is about 1: the window is halved */
    uint32_t half = r.cc.cwnd;
    assert_in_range(half, 5 * MSS, 6 * MSS);
    rig_acked(&r, 4 * MSS);
    assert_int_equal(r.cc.cwnd, half);
    rig_free(&r);
}

/* More marked than acknowledged cannot be: alpha stays within 1. */
static void lies(void **state)
{
    (void)state;
    struct rig r = fresh();
    for (unsigned i = 0; i < 50; i++) {
        r.cc.cwnd = 1000 * MSS;
        struct cc_ack ack = rig_ack(&r, MSS);
        ack.ce = UINT32_MAX;
        ack.round_start = true;
        r.cc.ops->acked(&r.cc, &ack);
        assert_int_equal(r.cc.cwnd, 500 * MSS);
    }
    rig_free(&r);
}

/* The first mark ends slow start; at the end of the window everything marked halves it. */
static void first_marks(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.cwnd = 100 * MSS;
    struct cc_ack ack = rig_ack(&r, MSS);
    ack.ce = MSS;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(r.cc.cwnd, 100 * MSS);
    assert_int_equal(r.cc.ssthresh, 100 * MSS);
    ack = rig_ack(&r, MSS);
    ack.ce = MSS;
    ack.round_start = true;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(r.cc.cwnd, 50 * MSS);
    assert_int_equal(r.cc.ssthresh, 50 * MSS);

    /* Down to one segment, and ssthresh to two. */
    for (unsigned i = 0; i < 20; i++) {
        ack.delivered += MSS;
        r.cc.ops->acked(&r.cc, &ack);
    }
    assert_int_equal(r.cc.cwnd, MSS);
    assert_int_equal(r.cc.ssthresh, 2 * MSS);
    rig_free(&r);
}

/* 3.5: loss as NewReno has it; during its recovery marks cut nothing more. */
static void loss(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 80 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 40 * MSS);
    r.cc.cwnd = 40 * MSS;
    struct cc_ack ack = rig_ack(&r, MSS);
    ack.ce = MSS;
    ack.round_start = true;
    ack.phase = CC_RECOVERY;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(r.cc.cwnd, 40 * MSS);
    r.cc.ops->congestion(&r.cc, CC_CAUSE_TIMEOUT, 80 * MSS, r.now_ns);
    assert_int_equal(r.cc.cwnd, MSS);
    rig_free(&r);
}

/* A data centre's link that marks above 20 packets: full, the queue short, nothing dropped. */
static void in_a_loop(void **state)
{
    (void)state;
    struct path p;
    path_init(&p, &cc_dctcp, 1000000000, 200, 500000);
    p.mark_above = 30000;
    path_run(&p, 200);
    path_watch(&p);
    path_run(&p, 1000);
    assert_in_range(path_percent(&p), 98, 101);
    assert_true(p.queue_most < 45000);
    assert_int_equal(p.drops, 0);
    assert_int_equal(p.episodes, 0);
    path_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha),           cmocka_unit_test(no_marks),
        cmocka_unit_test(first_marks),     cmocka_unit_test(lies),
        cmocka_unit_test(cut_counts_anew), cmocka_unit_test(loss),
        cmocka_unit_test(in_a_loop),
    };
    return cmocka_run_group_tests_name("core/cc/dctcp", tests, NULL, NULL);
}
