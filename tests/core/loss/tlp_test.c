/* The tail loss probe (RFC 8985 7): when it is scheduled and sent, and what an ACK says of it, for
 * all combinations and near the wrap of sequence numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/rack.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

/* 7.2: the five conditions. */
static void schedule(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 32; bits++) {
        struct tlp_question q = {.sack = (bits & 1) != 0,
                                 .open = (bits & 2) != 0,
                                 .outstanding = (bits & 4) != 0,
                                 .probe_pending = (bits & 8) != 0,
                                 .sacked = (bits & 16) != 0};
        assert_int_equal(tlp_may_schedule(&q), bits == 7);
    }
}

/* 7.2, TLP_calc_PTO(). */
static void pto(void **state)
{
    (void)state;
    uint32_t far = UINT32_MAX;
    assert_int_equal(tlp_pto_us(0, 1, 200000, far), 1000000); /* no estimate */
    assert_int_equal(tlp_pto_us(0, 5, 200000, far), 1000000);
    assert_int_equal(tlp_pto_us(30000, 5, 200000, far), 60000);
    assert_int_equal(tlp_pto_us(30000, 2, 200000, far), 60000);
    assert_int_equal(tlp_pto_us(30000, 1, 200000, far), 260000); /* it may be delayed */
    assert_int_equal(tlp_pto_us(30000, 1, 200000, 230000), 230000);
    assert_int_equal(tlp_pto_us(30000, 5, 200000, 60001), 60000);
    assert_int_equal(tlp_pto_us(30000, 5, 200000, 60000), 60000);
    assert_int_equal(tlp_pto_us(30000, 5, 200000, 59999), 59999);
    assert_int_equal(tlp_pto_us(0, 1, 0, 200000), 200000);
    assert_int_equal(tlp_pto_us(30000, 1, 0, 0), 0);
    assert_int_equal(tlp_pto_us(20, 5, 200000, far), 1000); /* not finer than the clock */
    assert_int_equal(tlp_pto_us(UINT32_MAX, 1, UINT32_MAX, far), far); /* does not wrap */
    assert_int_equal(tlp_pto_us(0x80000000, 2, 0, far), far);
}

/* 7.3: one at a time, and a sample between two. */
static void one_at_a_time(void **state)
{
    (void)state;
    struct tlp p = {0};
    assert_false(tlp_may_send(&p)); /* no sample since the connection began */
    tlp_rtt_sample(&p);
    assert_true(tlp_may_send(&p));
    tlp_sent(&p, seq_of(1000), true);
    assert_false(tlp_may_send(&p));
    tlp_rtt_sample(&p); /* still out */
    assert_false(tlp_may_send(&p));
    struct tlp_ack in = {.ack = seq_of(1000), .dsack_of_probe = true};
    assert_int_equal(tlp_acked(&p, &in), TLP_ENDED);
    assert_true(tlp_may_send(&p));
    tlp_sent(&p, seq_of(1000), true);
    assert_int_equal(tlp_acked(&p, &in), TLP_ENDED);
    assert_false(tlp_may_send(&p)); /* over, but no sample came */
    tlp_rtt_sample(&p);
    assert_true(tlp_may_send(&p));
    tlp_sent(&p, seq_of(2000), false);
    tlp_reset(&p); /* 7.1: a recovery begins */
    assert_false(p.outstanding);
    in.ack = seq_of(3000);
    assert_int_equal(tlp_acked(&p, &in), TLP_NOTHING);
}

/* 7.4.2, TLP_process_ack() as it is written. */
static enum tlp_verdict model(bool is_rtx, int64_t ahead, const struct tlp_ack *in, bool *over)
{
    *over = false;
    if (ahead < 0) {
        return TLP_NOTHING;
    }
    *over = true;
    if (!is_rtx) {
        return TLP_ENDED;
    }
    if (in->dsack_of_probe) {
        return TLP_ENDED;
    }
    if (ahead > 0) {
        return TLP_LOSS_REPAIRED;
    }
    if (in->same_ack && !in->sacked) {
        return TLP_ENDED;
    }
    *over = false;
    return TLP_NOTHING;
}

static void acks(void **state)
{
    (void)state;
    static const uint32_t ends[] = {0, 1, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    static const int32_t aheads[] = {-0x40000000, -1000, -1, 0, 1, 1000, 0x40000000};
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        for (unsigned k = 0; k < sizeof(aheads) / sizeof(aheads[0]); k++) {
            for (unsigned bits = 0; bits < 16; bits++) {
                struct tlp p = {0};
                bool is_rtx = (bits & 1) != 0, over;
                struct tlp_ack in = {.ack = seq_of(ends[i] + (uint32_t)aheads[k]),
                                     .dsack_of_probe = (bits & 2) != 0,
                                     .sacked = (bits & 4) != 0,
                                     .same_ack = (bits & 8) != 0};
                tlp_sent(&p, seq_of(ends[i]), is_rtx);
                enum tlp_verdict want = model(is_rtx, aheads[k], &in, &over);
                assert_int_equal(tlp_acked(&p, &in), want);
                assert_int_equal(p.outstanding, !over);
            }
        }
    }
}

/* 7.4.2 told as stories. */
static void stories(void **state)
{
    (void)state;
    /* The last segment was lost, the probe repaired it: the ACK of the probe decides nothing, that
     * of the next data does. */
    struct tlp p = {0};
    struct tlp_ack in = {.ack = seq_of(1000)};
    tlp_sent(&p, seq_of(1000), true);
    assert_int_equal(tlp_acked(&p, &in), TLP_NOTHING);
    in.ack = seq_of(2000);
    assert_int_equal(tlp_acked(&p, &in), TLP_LOSS_REPAIRED);
    assert_int_equal(tlp_acked(&p, &in), TLP_NOTHING); /* once */
    /* It was not needed, the peer has no D-SACK: the original's ACK, then a duplicate. */
    tlp_sent(&p, seq_of(3000), true);
    in = (struct tlp_ack){.ack = seq_of(3000)};
    assert_int_equal(tlp_acked(&p, &in), TLP_NOTHING);
    in.same_ack = true;
    assert_int_equal(tlp_acked(&p, &in), TLP_ENDED);
    /* A probe of new data repairs nothing. */
    tlp_sent(&p, seq_of(4000), false);
    in = (struct tlp_ack){.ack = seq_of(5000)};
    assert_int_equal(tlp_acked(&p, &in), TLP_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule), cmocka_unit_test(pto),     cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(acks),     cmocka_unit_test(stories),
    };
    return cmocka_run_group_tests_name("core/loss/tlp", tests, NULL, NULL);
}
