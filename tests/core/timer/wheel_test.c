/* The timing wheel: exact times, far times, jumps, re-arming, and a model that keeps all timers in
 * one array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/core_memory.h"
#include "timer/wheel.h"

#define TICK ((uint64_t)1 << WHEEL_TICK_SHIFT)
#define MS   UINT64_C(1000000)
#define S    (1000 * MS)
#define HOUR (3600 * S)

/* When the wheel would fire it, if it is driven by wheel_next() alone. */
static uint64_t fires(struct wheel *w, struct timer *t)
{
    for (unsigned i = 0; i < WHEEL_LEVELS + 2; i++) {
        uint64_t next = wheel_next(w);
        struct timer *popped = wheel_pop(w, next);
        if (popped) {
            assert_ptr_equal(popped, t);
            assert_int_equal(t->at_ns, UINT64_MAX);
            return next;
        }
    }
    fail();
    return 0;
}

static void test_never_early_one_tick_late(void **state)
{
    static const uint64_t delays[] = {0,
                                      1,
                                      TICK - 1,
                                      TICK,
                                      TICK + 1,
                                      63 * TICK,
                                      64 * TICK,
                                      MS,
                                      40 * MS,
                                      200 * MS,
                                      S,
                                      60 * S,
                                      2 * HOUR,
                                      24 * HOUR,
                                      30 * 24 * HOUR,
                                      1000 * 24 * HOUR,
                                      (uint64_t)1 << 60};
    static const uint64_t starts[] = {0,      1, TICK, 63 * TICK, 4095 * TICK, 12345678901234567,
                                      S << 32};

    for (unsigned s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        for (unsigned d = 0; d < sizeof(delays) / sizeof(delays[0]); d++) {
            struct wheel w;
            struct timer t;
            uint64_t at = starts[s] + delays[d];
            uint64_t fired;

            wheel_init(&w, starts[s]);
            timer_init(&t);
            assert_true(wheel_next(&w) == UINT64_MAX);
            wheel_arm(&w, &t, at);
            fired = fires(&w, &t);
            assert_true(fired >= at && fired <= at + TICK);
            assert_true(wheel_next(&w) == UINT64_MAX);
        }
    }
}

static void test_never(void **state)
{
    struct wheel w;
    struct timer t;

    wheel_init(&w, 5 * S);
    timer_init(&t);
    wheel_arm(&w, &t, UINT64_MAX);
    assert_true(t.at_ns == UINT64_MAX);
    assert_true(wheel_next(&w) == UINT64_MAX);
    assert_null(wheel_pop(&w, UINT64_MAX));
    wheel_cancel(&w, &t);

    /* At the end of time nothing breaks either. */
    wheel_arm(&w, &t, UINT64_MAX - 1);
    assert_null(wheel_pop(&w, UINT64_MAX));
    assert_true(wheel_next(&w) >= UINT64_MAX - 1);
    wheel_cancel(&w, &t);
    assert_true(wheel_next(&w) == UINT64_MAX);

    wheel_init(&w, 5 * S);
    wheel_arm(&w, &t, UINT64_MAX - 2 * TICK);
    assert_true(wheel_next(&w) <= UINT64_MAX - TICK);
    assert_ptr_equal(wheel_pop(&w, UINT64_MAX), &t);
}

static void test_lazy(void **state)
{
    struct wheel w;
    struct timer t;

    wheel_init(&w, 0);
    timer_init(&t);
    wheel_arm(&w, &t, 100 * MS);
    wheel_arm(&w, &t, 300 * MS); /* filed earlier: stays */
    assert_true(t.at_ns == 100 * MS);
    wheel_arm(&w, &t, 50 * MS);
    assert_true(t.at_ns == 50 * MS);
    assert_null(wheel_pop(&w, 50 * MS - 1));
    assert_ptr_equal(wheel_pop(&w, 50 * MS + TICK), &t);
    wheel_arm(&w, &t, 300 * MS);
    wheel_cancel(&w, &t);
    wheel_cancel(&w, &t);
    assert_true(wheel_next(&w) == UINT64_MAX);
    assert_null(wheel_pop(&w, S));
}

/* A timer that is armed for the past does not come out in the loop that popped it, whatever the
 * clock did. */
static void test_past(void **state)
{
    static const uint64_t jumps[] = {TICK, MS, S, 5 * HOUR, 400 * 24 * HOUR};

    for (unsigned j = 0; j < sizeof(jumps) / sizeof(jumps[0]); j++) {
        struct wheel w;
        struct timer t[3];
        uint64_t now = 7 * S;

        wheel_init(&w, now);
        for (unsigned i = 0; i < 3; i++) {
            timer_init(&t[i]);
            wheel_arm(&w, &t[i], now + TICK + i * MS);
        }
        now += 3 * MS + jumps[j];
        for (unsigned round = 0; round < 4; round++) {
            struct timer *popped;
            unsigned n = 0;
            while ((popped = wheel_pop(&w, now)) != NULL) {
                wheel_arm(&w, popped, now - n * MS);
                wheel_arm(&w, popped, 1);
                assert_true(++n <= 3);
            }
            assert_int_equal(n, 3);
            assert_true(wheel_next(&w) > now && wheel_next(&w) <= now + TICK);
            now = wheel_next(&w);
        }
    }
}

/* Cancelling and re-arming a timer that has fired but was not popped yet. */
static void test_due(void **state)
{
    struct wheel w;
    struct timer t[4];

    wheel_init(&w, 0);
    for (unsigned i = 0; i < 4; i++) {
        timer_init(&t[i]);
        wheel_arm(&w, &t[i], MS);
    }
    assert_ptr_equal(wheel_pop(&w, 2 * MS), &t[0]);
    assert_true(wheel_next(&w) == 2 * MS); /* at once */
    wheel_cancel(&w, &t[1]);
    wheel_arm(&w, &t[2], 0); /* is due already */
    wheel_arm(&w, &t[3], S);
    assert_ptr_equal(wheel_pop(&w, 2 * MS), &t[2]);
    assert_ptr_equal(wheel_pop(&w, 2 * MS), &t[3]);
    assert_null(wheel_pop(&w, 2 * MS));
    assert_null(wheel_pop(&w, MS)); /* a clock that goes back */
    wheel_arm(&w, &t[0], 0);
    assert_true(wheel_next(&w) >= 2 * MS);
}

/* Hours pass in a few steps, not in 100 million ticks: this would not end otherwise. */
static void test_jumps(void **state)
{
    struct wheel w;
    struct timer t;
    uint64_t now = 0;

    wheel_init(&w, now);
    timer_init(&t);
    for (unsigned i = 0; i < 20000; i++) {
        now += 10 * HOUR;
        wheel_arm(&w, &t, now - HOUR);
        assert_ptr_equal(wheel_pop(&w, now), &t);
        assert_null(wheel_pop(&w, now));
    }
}

/* ---- against an array ------------------------------------------------------------------------ */

#define TIMERS 500

struct model {
    struct wheel wheel;
    struct timer timers[TIMERS];
    uint64_t at[TIMERS]; /* UINT64_MAX: not filed */
    uint64_t now;
    uint64_t rng;
};

static uint64_t earliest(const struct model *m)
{
    uint64_t min = UINT64_MAX;

    for (unsigned i = 0; i < TIMERS; i++) {
        min = m->at[i] < min ? m->at[i] : min;
    }
    return min;
}

/* Pops everything: each is due, in order of time to the tick, and none that is due stays. */
static void pop_all(struct model *m)
{
    uint64_t last = 0;
    struct timer *t;

    while ((t = wheel_pop(&m->wheel, m->now)) != NULL) {
        unsigned i = (unsigned)(t - m->timers);
        assert_true(m->at[i] <= m->now);
        assert_true(m->at[i] / TICK + 1 >= last);
        last = m->at[i] / TICK;
        m->at[i] = UINT64_MAX;
    }
    assert_true(earliest(m) > m->now - m->now % TICK);
}

static uint64_t random_delay(struct model *m)
{
    return random_u64(&m->rng) >> (8 + random_below(&m->rng, 50));
}

static void model_arm(struct model *m, unsigned i)
{
    uint64_t at = m->now + random_delay(m);

    if (random_below(&m->rng, 10) == 0) {
        at = m->now - random_below(&m->rng, 1000000);
    }
    wheel_arm(&m->wheel, &m->timers[i], at);
    if (at < m->at[i]) {
        m->at[i] = m->timers[i].at_ns;
        assert_true(m->at[i] >= at && (m->at[i] == at || m->at[i] <= m->now + TICK));
    }
}

static void test_model(void **state)
{
    static struct model m;

    m.rng = 42;
    m.now = 3 * S;
    wheel_init(&m.wheel, m.now);
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_init(&m.timers[i]);
        m.at[i] = UINT64_MAX;
    }
    pop_all(&m);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = random_below(&m.rng, TIMERS);
        unsigned what = random_below(&m.rng, 100);
        if (what < 60) {
            model_arm(&m, i);
        } else if (what < 75) {
            wheel_cancel(&m.wheel, &m.timers[i]);
            m.at[i] = UINT64_MAX;
        } else {
            uint64_t next = wheel_next(&m.wheel);
            uint64_t first = earliest(&m);
            assert_true(next >= m.now);
            assert_true(first == UINT64_MAX ? next == UINT64_MAX : next < first + TICK);
            if (what < 90 && next != UINT64_MAX) {
                m.now = next;
            } else {
                m.now += random_delay(&m) >> 10;
            }
            pop_all(&m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_early_one_tick_late),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_lazy),
        cmocka_unit_test(test_past),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
