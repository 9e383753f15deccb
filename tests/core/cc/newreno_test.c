/* NewReno (RFC 9293 MUST-19, MAY-18; RFC 5681, RFC 6582, RFC 3465, RFC 8511), in bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"
#include "support/cc_rig.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS 1000U

static struct rig fresh(void)
{
    struct rig r;
    rig_init(&r, &cc_newreno, MSS);
    return r;
}

/* RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)). */
static void initial_window(void **state)
{
    (void)state;
    for (uint32_t mss = 48; mss < 65535; mss += 7) {
        uint32_t bound = 2 * mss > 14600 ? 2 * mss : 14600;
        assert_int_equal(cc_initial_window(mss), 10 * mss < bound ? 10 * mss : bound);
    }
}

/* RFC 5681 3.1: by what was acknowledged, at most two segments (RFC 3465 2.2), only when the window
 * was used; at most one segment after a timeout (RFC 3465 2.3). */
static void slow_start(void **state)
{
    (void)state;
    for (uint32_t acked = 1; acked < 10 * MSS; acked += 13) {
        struct rig r = fresh();
        rig_acked(&r, acked);
        assert_int_equal(r.cc.cwnd, 10 * MSS + (acked < 2 * MSS ? acked : 2 * MSS));
        uint32_t before = r.cc.cwnd;
        struct cc_ack ack = rig_ack(&r, acked);
        ack.limited = false;
        r.cc.ops->acked(&r.cc, &ack);
        assert_int_equal(r.cc.cwnd, before);
        ack.limited = true;
        ack.phase = CC_LOSS;
        r.cc.ops->acked(&r.cc, &ack);
        assert_int_equal(r.cc.cwnd, before + (acked < MSS ? acked : MSS));
        rig_free(&r);
    }
}

/* Slow start ends at ssthresh; what is left of the ACK counts for congestion avoidance. */
static void slow_start_ends(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.ssthresh = 10 * MSS + 300;
    rig_acked(&r, 1000);
    assert_int_equal(r.cc.cwnd, 10 * MSS + 300);
    for (unsigned i = 0; i < 9; i++) {
        rig_acked(&r, MSS);
    }
    assert_int_equal(r.cc.cwnd, 10 * MSS + 300); /* 9700 bytes of 10300 */
    rig_acked(&r, 600);
    assert_int_equal(r.cc.cwnd, 11 * MSS + 300);
    rig_free(&r);
}

/* RFC 5681 3.1: one segment a window. */
static void congestion_avoidance(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.ssthresh = r.cc.cwnd;
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t before = r.cc.cwnd;
        for (uint32_t i = 0; i < before / MSS; i++) {
            assert_int_equal(r.cc.cwnd, before);
            rig_acked(&r, MSS);
        }
        assert_int_equal(r.cc.cwnd, before + MSS);
    }
    rig_free(&r);
}

/* In recovery and after an ECN signal the connection sets the window. */
static void hands_off_in_recovery(void **state)
{
    (void)state;
    struct rig r = fresh();
    for (unsigned phase = CC_CWR; phase <= CC_RECOVERY; phase++) {
        struct cc_ack ack = rig_ack(&r, 5 * MSS);
        ack.phase = (uint8_t)phase;
        r.cc.ops->acked(&r.cc, &ack);
        assert_int_equal(r.cc.cwnd, 10 * MSS);
    }
    rig_free(&r);
}

/* RFC 5681 3.1, equation 4; RFC 8511 3.1 for ECN; the loss window after a timeout. */
static void congestion(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.cwnd = 20 * MSS;
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 16 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 8 * MSS);
    assert_int_equal(r.cc.cwnd, 20 * MSS); /* PRR's */
    r.cc.cwnd = 8 * MSS;
    r.cc.ops->recovered(&r.cc, r.now_ns);
    assert_int_equal(r.cc.cwnd, 8 * MSS);
    assert_int_equal(r.cc.ssthresh, 8 * MSS);

    r.cc.ops->congestion(&r.cc, CC_CAUSE_ECN, 8 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 6400);

    r.cc.ops->congestion(&r.cc, CC_CAUSE_TIMEOUT, 8 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 4 * MSS);
    assert_int_equal(r.cc.cwnd, MSS);

    for (unsigned cause = 0; cause <= CC_CAUSE_TIMEOUT; cause++) {
        r.cc.ops->congestion(&r.cc, cause, MSS, r.now_ns);
        assert_int_equal(r.cc.ssthresh, 2 * MSS);
    }
    rig_free(&r);
}

/* What was counted towards the next segment does not outlive an episode. */
static void count_begins_anew(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.ssthresh = r.cc.cwnd;
    rig_acked(&r, 9 * MSS);
    rig_episode(&r, CC_CAUSE_LOSS);
    assert_int_equal(r.cc.cwnd, 5 * MSS);
    rig_acked(&r, 4 * MSS);
    assert_int_equal(r.cc.cwnd, 5 * MSS);
    rig_acked(&r, MSS);
    assert_int_equal(r.cc.cwnd, 6 * MSS);
    rig_free(&r);
}

/* Nor slow start: what was counted was of a larger window. */
static void slow_start_counts_nothing(void **state)
{
    (void)state;
    struct rig r = fresh();
    r.cc.ssthresh = r.cc.cwnd;
    rig_acked(&r, 9 * MSS);
    r.cc.cwnd = 5 * MSS; /* idle, say; ssthresh stays */
    r.cc.ssthresh = 6 * MSS;
    rig_acked(&r, MSS);
    assert_int_equal(r.cc.cwnd, 6 * MSS);
    rig_acked(&r, 5 * MSS);
    assert_int_equal(r.cc.cwnd, 6 * MSS);
    rig_acked(&r, MSS);
    assert_int_equal(r.cc.cwnd, 7 * MSS);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_window),        cmocka_unit_test(slow_start),
        cmocka_unit_test(slow_start_ends),       cmocka_unit_test(congestion_avoidance),
        cmocka_unit_test(hands_off_in_recovery), cmocka_unit_test(congestion),
        cmocka_unit_test(count_begins_anew),     cmocka_unit_test(slow_start_counts_nothing),
    };
    return cmocka_run_group_tests_name("core/cc/newreno", tests, NULL, NULL);
}
