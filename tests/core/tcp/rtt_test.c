/* RFC 6298: the estimator against its formulas in floating point, the bounds, the back-off (RFC
 * 9293 MUST-18, MUST-19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "support/core_memory.h"
#include "tcp/rtt.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

static double off(double a, double b)
{
    return a > b ? a - b : b - a;
}

/* 2.2: SRTT = R, RTTVAR = R/2, RTO = SRTT + max(G, 4 RTTVAR). */
static void first_sample(void **state)
{
    static const uint32_t samples[] = {1, 7, 1000, 123456, 1000000, 59000000, 200000000};
    for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct tcp_rtt r = tcp_rtt_sample((struct tcp_rtt){0}, samples[i]);
        assert_int_equal(r.srtt_us8 / 8, samples[i]);
        assert_int_equal(r.rttvar_us4 / 4, samples[i] / 2);
        double var = samples[i] * 2.0 > 1000 ? samples[i] * 2.0 : 1000;
        double want = (samples[i] + var) / 1000;
        double got = tcp_rto_ms(r, 0, 0, UINT32_MAX);
        assert_true(got >= want && got < want + 1.001);
    }
}

/* 2.3, over random walks. */
static void later_samples(void **state)
{
    uint64_t seed = 5;
    for (unsigned walk = 0; walk < 50; walk++) {
        uint32_t base = 1000 + random_below(&seed, 5000000);
        struct tcp_rtt r = tcp_rtt_sample((struct tcp_rtt){0}, base);
        double srtt = base, var = base / 2.0;
        for (unsigned i = 0; i < 200; i++) {
            uint32_t sample = base / 2 + random_below(&seed, base);
            var = 0.75 * var + 0.25 * off(srtt, sample);
            srtt = 0.875 * srtt + 0.125 * sample;
            r = tcp_rtt_sample(r, sample);
            assert_true(off(r.srtt_us8 / 8.0, srtt) < 10);
            assert_true(off(r.rttvar_us4 / 4.0, var) < 20);
        }
    }
}

static void extremes(void **state)
{
    struct tcp_rtt r = tcp_rtt_sample((struct tcp_rtt){0}, 0);
    assert_int_not_equal(r.srtt_us8, 0); /* it is a sample */
    for (unsigned i = 0; i < 100; i++) {
        r = tcp_rtt_sample(r, i % 2 ? 0 : UINT32_MAX);
        assert_in_range(tcp_rto_ms(r, 0, 200, 60000), 200, 60000);
    }
    for (unsigned i = 0; i < 300; i++) {
        r = tcp_rtt_sample(r, 0);
    }
    assert_in_range(tcp_rto_ms(r, 0, 0, 60000), 1, 2);
}

/* 2.4, 2.5. */
static void bounds(void **state)
{
    struct tcp_rtt small = tcp_rtt_sample((struct tcp_rtt){0}, 10);
    struct tcp_rtt large = tcp_rtt_sample((struct tcp_rtt){0}, 100000000);
    assert_int_equal(tcp_rto_ms(small, 0, 200, 60000), 200);
    assert_int_equal(tcp_rto_ms(small, 0, 1000, 60000), 1000);
    assert_int_equal(tcp_rto_ms(large, 0, 200, 60000), 60000);
}

/* 5.5: doubled, and bounded. */
static void backed_off(void **state)
{
    for (uint32_t rto = 1; rto <= 60000; rto = rto * 2 + 1) {
        for (uint32_t n = 0; n < 300; n++) {
            double want = (double)rto * (double)(UINT64_C(1) << (n < 40 ? n : 40));
            assert_int_equal(tcp_rto_backed_off(rto, n, 60000),
                             want > 60000 ? 60000 : (uint32_t)want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_sample), cmocka_unit_test(later_samples), cmocka_unit_test(extremes),
        cmocka_unit_test(bounds),       cmocka_unit_test(backed_off),
    };
    return cmocka_run_group_tests_name("core/tcp/rtt", tests, NULL, NULL);
}
