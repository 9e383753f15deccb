/* NewReno (RFC 9293 MUST-19, MAY-18; RFC 5681, RFC 6582, RFC 3465, RFC 6928), in bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS 1000U

static struct cc fresh(uint32_t mss)
{
    struct cc cc = {.ops = &cc_newreno, .mss = mss};
    cc.ops->init(&cc);
    return cc;
}

/* RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)). */
static void initial_window(void **state)
{
    for (uint32_t mss = 48; mss < 65535; mss += 7) {
        uint32_t bound = 2 * mss > 14600 ? 2 * mss : 14600;
        struct cc cc = fresh(mss);
        assert_int_equal(cc.cwnd, 10 * mss < bound ? 10 * mss : bound);
        assert_true(cc.ssthresh >= 1U << 30);
    }
}

/* RFC 5681 3.1: by what was acknowledged, at most two segments (RFC 3465 2.2), only when the window
 * was used. */
static void slow_start(void **state)
{
    for (uint32_t acked = 1; acked < 10 * MSS; acked += 13) {
        struct cc cc = fresh(MSS);
        cc.ops->acked(&cc, acked, 1);
        assert_int_equal(cc.cwnd, 10 * MSS + (acked < 2 * MSS ? acked : 2 * MSS));
        cc = fresh(MSS);
        cc.ops->acked(&cc, acked, 0);
        assert_int_equal(cc.cwnd, 10 * MSS);
    }
}

/* RFC 5681 3.1: one segment a window. */
static void congestion_avoidance(void **state)
{
    struct cc cc = fresh(MSS);
    cc.ssthresh = cc.cwnd;
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t before = cc.cwnd;
        for (uint32_t i = 0; i < before / MSS; i++) {
            assert_int_equal(cc.cwnd, before);
            cc.ops->acked(&cc, MSS, 1);
        }
        assert_int_equal(cc.cwnd, before + MSS);
    }
}

/* RFC 5681 3.2, equation 4; RFC 6582 3.2. */
static void recovery(void **state)
{
    struct cc cc = fresh(MSS);
    cc.cwnd = 20 * MSS;
    cc.ops->enter_recovery(&cc, 16 * MSS);
    assert_int_equal(cc.ssthresh, 8 * MSS);
    assert_int_equal(cc.cwnd, 11 * MSS);
    cc.ops->duplicate_ack(&cc);
    assert_int_equal(cc.cwnd, 12 * MSS);
    cc.ops->partial_ack(&cc, 3 * MSS);
    assert_int_equal(cc.cwnd, 10 * MSS);
    cc.ops->partial_ack(&cc, MSS / 2); /* below a segment: none is added back */
    assert_int_equal(cc.cwnd, 10 * MSS - MSS / 2);
    cc.ops->leave_recovery(&cc, 20 * MSS);
    assert_int_equal(cc.cwnd, 8 * MSS);
    cc.cwnd = 20 * MSS;
    cc.ops->leave_recovery(&cc, 2 * MSS); /* no burst */
    assert_int_equal(cc.cwnd, 3 * MSS);
    cc.ops->leave_recovery(&cc, 0);
    assert_int_equal(cc.cwnd, 2 * MSS);
}

static void at_least(void **state)
{
    struct cc cc = fresh(MSS);
    cc.ops->enter_recovery(&cc, MSS);
    assert_int_equal(cc.ssthresh, 2 * MSS);
    cc.ops->partial_ack(&cc, 100 * MSS);
    assert_int_equal(cc.cwnd, MSS);
}

/* RFC 5681 3.1: the loss window is one segment; ssthresh is set once for the same data. */
static void timeout(void **state)
{
    struct cc cc = fresh(MSS);
    cc.ops->timeout(&cc, 10 * MSS, 0);
    assert_int_equal(cc.cwnd, MSS);
    assert_int_equal(cc.ssthresh, 5 * MSS);
    cc.ops->timeout(&cc, MSS, 1);
    assert_int_equal(cc.ssthresh, 5 * MSS);
    cc.ops->timeout(&cc, MSS, 0);
    assert_int_equal(cc.ssthresh, 2 * MSS);
}

/* RFC 5681 4.1. */
static void restart_idle(void **state)
{
    struct cc cc = fresh(MSS);
    cc.cwnd = 50 * MSS;
    cc.ops->restart_idle(&cc);
    assert_int_equal(cc.cwnd, 10 * MSS);
    cc.cwnd = 3 * MSS;
    cc.ops->restart_idle(&cc);
    assert_int_equal(cc.cwnd, 3 * MSS);
}

/* Whatever happens: cwnd >= mss, ssthresh >= 2 mss, and no ACK adds more than it acknowledges. */
static void invariants(void **state)
{
    uint64_t seed = 1;
    for (unsigned walk = 0; walk < 200; walk++) {
        uint32_t mss = 48 + random_below(&seed, 9000);
        struct cc cc = fresh(mss);
        for (unsigned i = 0; i < 500; i++) {
            uint32_t bytes = random_below(&seed, 100 * mss), before = cc.cwnd;
            switch (random_below(&seed, 7)) {
            case 0:
                cc.ops->enter_recovery(&cc, bytes);
                break;
            case 1:
                cc.ops->duplicate_ack(&cc);
                break;
            case 2:
                cc.ops->partial_ack(&cc, bytes);
                break;
            case 3:
                cc.ops->leave_recovery(&cc, bytes);
                break;
            case 4:
                cc.ops->timeout(&cc, bytes, i % 2);
                break;
            case 5:
                cc.ops->restart_idle(&cc);
                break;
            default:
                cc.ops->acked(&cc, bytes, 1);
                assert_true(cc.cwnd - before <= 2 * mss);
                break;
            }
            assert_true(cc.cwnd >= mss);
            assert_true(cc.ssthresh >= 2 * mss);
        }
    }
}

/* A peer that sends duplicate ACKs without end does not make the window wrap. */
static void inflation_ends(void **state)
{
    struct cc cc = fresh(65000);
    (void)state;
    cc.ops->enter_recovery(&cc, 20 * 65000);
    for (unsigned i = 0; i < 200000; i++) {
        cc.ops->duplicate_ack(&cc);
    }
    assert_in_range(cc.cwnd, 1U << 30, (1U << 30) + 65000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_window),
        cmocka_unit_test(slow_start),
        cmocka_unit_test(congestion_avoidance),
        cmocka_unit_test(recovery),
        cmocka_unit_test(at_least),
        cmocka_unit_test(timeout),
        cmocka_unit_test(restart_idle),
        cmocka_unit_test(invariants),
        cmocka_unit_test(inflation_ends),
    };
    return cmocka_run_group_tests_name("core/cc/newreno", tests, NULL, NULL);
}
