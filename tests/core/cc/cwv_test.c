/* Congestion window validation, RFC 7661, through NewReno; pipeACK against an obvious model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cwv.h"
#include "support/cc_rig.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS    1000U
#define S      UINT64_C(1000000000)
#define MINUTE (60 * S)

static struct rig fresh(uint32_t segments)
{
    struct rig r;
    rig_init(&r, &cc_newreno, MSS);
    r.cc.cwnd = segments * MSS;
    r.cc.ssthresh = segments * MSS;
    return r;
}

static const struct cwv *cwv_of(const struct rig *r)
{
    return r->cc.state;
}

/* A round trip in which the application sent so many segments. */
static void light_round(struct rig *r, uint32_t segments)
{
    for (uint32_t i = 0; i < segments; i++) {
        struct cc_ack ack = rig_ack(r, MSS);
        ack.round_start = i == 0;
        ack.limited = false;
        r->cc.ops->acked(&r->cc, &ack);
    }
    r->now_ns += (uint64_t)r->srtt_us * 1000;
}

/* For so long. */
static void light_rounds(struct rig *r, uint32_t segments, uint64_t ns)
{
    for (uint64_t end = r->now_ns + ns; r->now_ns < end;) {
        light_round(r, segments);
    }
}

/* 4.3: a sender that uses its window stays validated, in slow start and after. */
static void used_windows_are_validated(void **state)
{
    (void)state;
    struct rig r = fresh(10);
    r.cc.ssthresh = UINT32_MAX;
    for (unsigned round = 0; round < 12; round++) {
        rig_round(&r);
        assert_false(cwv_of(&r)->nonvalidated);
        assert_int_equal(r.cc.pacing_bps, 0);
    }
    r.cc.ssthresh = r.cc.cwnd;
    for (unsigned round = 0; round < 20; round++) {
        rig_round(&r);
        assert_false(cwv_of(&r)->nonvalidated);
    }
    rig_free(&r);
}

/* Nor does a little jitter bring it onto the threshold: a window that doubles while nine tenths of
 * it are delivered in a round trip. */
static void jitter_in_slow_start(void **state)
{
    (void)state;
    struct rig r = fresh(10);
    for (unsigned round = 0; round < 12; round++) {
        light_round(&r, r.cc.cwnd / MSS * 9 / 10);
        assert_false(cwv_of(&r)->nonvalidated);
        r.cc.cwnd *= 2;
    }
    rig_free(&r);
}

/* 4.2: no samples during recovery: neither what is delivered in it, nor a round that spans it. */
static void no_samples_in_recovery(void **state)
{
    (void)state;
    struct rig r = fresh(100);
    light_rounds(&r, 20, 3 * S);
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 20 * MSS, r.now_ns);
    for (unsigned i = 0; i < 50; i++) {
        struct cc_ack ack = rig_ack(&r, MSS);
        ack.round_start = i % 25 == 0;
        ack.phase = CC_RECOVERY;
        r.cc.ops->acked(&r.cc, &ack);
    }
    assert_int_equal(cwv_pipe_ack(cwv_of(&r)), 20 * MSS);
    r.cc.ops->recovered(&r.cc, r.now_ns);
    light_round(&r, 5);
    assert_int_equal(cwv_pipe_ack(cwv_of(&r)), 0);
    light_round(&r, 5);
    assert_int_equal(cwv_pipe_ack(cwv_of(&r)), 5 * MSS);

    /* A timeout's recovery has no end that resets the samples before its ACKs come. */
    r.cc.ops->congestion(&r.cc, CC_CAUSE_TIMEOUT, 5 * MSS, r.now_ns);
    struct cc_ack ack = rig_ack(&r, 90 * MSS);
    ack.phase = CC_LOSS;
    r.cc.ops->acked(&r.cc, &ack);
    light_round(&r, 5);
    assert_int_equal(cwv_pipe_ack(cwv_of(&r)), 5 * MSS);
    rig_free(&r);
}

/* 4.3, 4.4: one that does not enters the other phase when the sampling period has passed; the
 * window is kept, grows only when it is used, and what is sent is paced (4.4.2). */
static void phases(void **state)
{
    (void)state;
    struct rig r = fresh(100);
    rig_round(&r);
    rig_round(&r);
    uint32_t cwnd = r.cc.cwnd;
    light_rounds(&r, 10, 700000000);
    assert_false(cwv_of(&r)->nonvalidated);
    light_rounds(&r, 10, 600000000);
    assert_true(cwv_of(&r)->nonvalidated);
    assert_int_equal(cwv_pipe_ack(cwv_of(&r)), 10 * MSS);
    assert_int_equal(r.cc.cwnd, cwnd);
    assert_int_equal(r.cc.pacing_bps, (uint64_t)cwnd * 8 * 10 * 12 / 10); /* 1.2 windows in 0.1 s */

    rig_acked(&r, cwnd);
    assert_int_equal(r.cc.cwnd, cwnd + MSS); /* it was limited: 4.4 allows it */

    /* As much as half of the window. */
    light_round(&r, 60);
    light_round(&r, 60);
    assert_false(cwv_of(&r)->nonvalidated);
    assert_int_equal(r.cc.pacing_bps, 0);
    rig_free(&r);
}

/* 4.4.1. */
static void congestion(void **state)
{
    (void)state;
    struct rig r = fresh(100);
    light_rounds(&r, 30, 3 * S);
    assert_true(cwv_of(&r)->nonvalidated);
    for (unsigned i = 0; i < 4; i++) {
        r.cc.ops->lost(&r.cc, &(struct cc_lost){.bytes = MSS});
    }
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 20 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 15 * MSS); /* Max(pipeACK, LossFlightSize) / 2 */
    r.cc.ops->lost(&r.cc, &(struct cc_lost){.bytes = MSS});
    r.cc.ops->lost(&r.cc, &(struct cc_lost){.bytes = MSS});
    r.cc.cwnd = 15 * MSS;
    r.cc.ops->recovered(&r.cc, r.now_ns);
    assert_int_equal(r.cc.cwnd, 12 * MSS); /* (30 - 6) / 2 */
    assert_int_equal(r.cc.ssthresh, 12 * MSS);
    assert_int_equal(cwv_pipe_ack(cwv_of(&r)), 0); /* undefined: */
    light_round(&r, 1);
    assert_false(cwv_of(&r)->nonvalidated);

    /* R begins anew. */
    r.cc.cwnd = 100 * MSS;
    light_rounds(&r, 30, 3 * S);
    r.cc.ops->lost(&r.cc, &(struct cc_lost){.bytes = MSS});
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 20 * MSS, r.now_ns);
    r.cc.ops->recovered(&r.cc, r.now_ns);
    assert_int_equal(r.cc.cwnd, 14500);

    /* More in flight than was delivered before; the least window. */
    light_rounds(&r, 2, 3 * S);
    assert_true(cwv_of(&r)->nonvalidated);
    r.cc.ops->congestion(&r.cc, CC_CAUSE_LOSS, 10 * MSS, r.now_ns);
    assert_int_equal(r.cc.ssthresh, 5 * MSS);
    r.cc.ops->lost(&r.cc, &(struct cc_lost){.bytes = 10 * MSS});
    r.cc.ops->recovered(&r.cc, r.now_ns);
    assert_int_equal(r.cc.cwnd, MSS);
    assert_int_equal(r.cc.ssthresh, 2 * MSS);
    rig_free(&r);
}

/* In the validated phase, after a timeout (4.4) and after an undo nothing follows at the end. */
static void standard_answers(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 3; variant++) {
        struct rig r = fresh(100);
        light_rounds(&r, variant == 0 ? 60 : 10, 3 * S);
        assert_int_equal(cwv_of(&r)->nonvalidated, variant != 0);
        r.cc.ops->lost(&r.cc, &(struct cc_lost){.bytes = 40 * MSS});
        r.cc.ops->congestion(&r.cc, variant == 1 ? CC_CAUSE_TIMEOUT : CC_CAUSE_LOSS, 50 * MSS,
                             r.now_ns);
        assert_int_equal(r.cc.ssthresh, 25 * MSS);
        r.cc.cwnd = 25 * MSS;
        if (variant == 2) {
            r.cc.ops->undo(&r.cc, r.now_ns);
        } else {
            r.cc.ops->recovered(&r.cc, r.now_ns);
        }
        assert_int_equal(r.cc.cwnd, 25 * MSS);
        assert_int_equal(r.cc.ssthresh, 25 * MSS);
        assert_int_equal(cwv_of(&r)->lost, 0);
        rig_free(&r);
    }
}

/* 4.4.3: once for each five minutes; not below the initial window. */
static void end_of_period(void **state)
{
    (void)state;
    struct rig r = fresh(100);
    r.cc.ssthresh = 50 * MSS;
    light_rounds(&r, 5, 4 * MINUTE);
    assert_true(cwv_of(&r)->nonvalidated);
    assert_int_equal(r.cc.cwnd, 100 * MSS);
    light_rounds(&r, 5, 65 * S);
    assert_int_equal(r.cc.cwnd, 50 * MSS);
    assert_int_equal(r.cc.ssthresh, 75 * MSS);
    light_rounds(&r, 5, 5 * MINUTE);
    assert_int_equal(r.cc.cwnd, 25 * MSS);
    assert_int_equal(r.cc.ssthresh, 75 * MSS);
    light_rounds(&r, 5, 5 * MINUTE);
    assert_int_equal(r.cc.cwnd, 12500);
    light_rounds(&r, 5, 10 * MINUTE);
    assert_int_equal(r.cc.cwnd, 10 * MSS);
    rig_free(&r);
}

/* Idle time is like little sending; also when the private state was given back meanwhile. */
static void idleness(void **state)
{
    const struct {
        uint64_t ns;
        uint32_t segments, ssthresh;
        bool nonvalidated;
    } cases[] = {
        {S / 2, 100, 10, false},       {2 * S, 100, 10, true},         {4 * MINUTE, 100, 10, true},
        {5 * MINUTE, 50, 75, true},    {9 * MINUTE, 50, 75, true},     {10 * MINUTE, 25, 75, true},
        {600 * MINUTE, 10, 75, false}, {INT64_MAX / 2, 10, 75, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned gone = 0; gone < 2; gone++) {
            struct rig r = fresh(100);
            if (!gone) {
                rig_round(&r);
                rig_round(&r);
            }
            r.cc.cwnd = 100 * MSS;
            r.cc.ssthresh = 10 * MSS;
            r.now_ns += cases[i].ns;
            r.cc.ops->restart(&r.cc, cases[i].ns, r.now_ns);
            assert_int_equal(r.cc.cwnd, cases[i].segments * MSS);
            assert_int_equal(r.cc.ssthresh, cases[i].ssthresh * MSS);
            if (cases[i].segments > 10) {
                assert_int_equal(cwv_of(&r)->nonvalidated, cases[i].nonvalidated);
                assert_int_equal(r.cc.pacing_bps != 0, cases[i].nonvalidated);
            }
            rig_free(&r);
        }
    }
}

/* pipeACK is the largest sample of the sampling period, in steps of a fifth of it. */
static void sampling_period(void **state)
{
    struct {
        uint64_t at_ns;
        uint32_t bytes;
    } samples[400];
    uint64_t seed = 7;
    (void)state;
    for (unsigned walk = 0; walk < 20; walk++) {
        struct rig r = fresh(1000);
        r.srtt_us = 1000 + random_below(&seed, 800000);
        uint64_t period = 3 * (uint64_t)r.srtt_us * 1000 > S ? 3 * (uint64_t)r.srtt_us * 1000 : S;
        unsigned n = 0;
        uint32_t before = 0;
        for (unsigned i = 0; i < 400; i++) {
            uint32_t segments = 1 + random_below(&seed, 1000) * random_below(&seed, 1000) / 1000;
            if (i > 0) {
                samples[n].at_ns = r.now_ns;
                samples[n++].bytes = before * MSS;
            }
            before = segments;
            light_round(&r, segments);
            uint32_t least = 0, most = 0;
            for (unsigned k = 0; k < n; k++) {
                uint64_t age = r.now_ns - (uint64_t)r.srtt_us * 1000 - samples[k].at_ns;
                if (age < period - period / 5) {
                    least = samples[k].bytes > least ? samples[k].bytes : least;
                }
                if (age <= period) {
                    most = samples[k].bytes > most ? samples[k].bytes : most;
                }
            }
            assert_in_range(cwv_pipe_ack(cwv_of(&r)), least, most);
            r.now_ns += random_below(&seed, 300000000);
        }
        rig_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_windows_are_validated),
        cmocka_unit_test(jitter_in_slow_start),
        cmocka_unit_test(no_samples_in_recovery),
        cmocka_unit_test(phases),
        cmocka_unit_test(congestion),
        cmocka_unit_test(standard_answers),
        cmocka_unit_test(end_of_period),
        cmocka_unit_test(idleness),
        cmocka_unit_test(sampling_period),
    };
    return cmocka_run_group_tests_name("core/cc/cwv", tests, NULL, NULL);
}
