/* Pacing: quantum, exactness, catching up, idleness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/pace.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS 1448U
#define NOW UINT64_C(5000000000)

__extension__ typedef unsigned __int128 u128;

/* About a millisecond in whole segments, at least two, at most 64 KiB. */
static void quantum(void **state)
{
    (void)state;
    assert_int_equal(pace_quantum(1, MSS), 2 * MSS);
    assert_int_equal(pace_quantum(10000000, MSS), 2 * MSS);     /* 1250 bytes */
    assert_int_equal(pace_quantum(100000000, MSS), 8 * MSS);    /* 12500 bytes */
    assert_int_equal(pace_quantum(10000000000, MSS), 45 * MSS); /* 64 KiB */
    assert_int_equal(pace_quantum(UINT64_MAX, 48), 65536 / 48 * 48);
    assert_int_equal(pace_quantum(UINT64_MAX, 65535), 65536);
    assert_int_equal(pace_quantum(0, 1), 2);
    assert_int_equal(pace_quantum(8000000, 0), 1000);
}

/* 2 in slow start, 1.2 after. */
static void rate_of_window(void **state)
{
    (void)state;
    assert_int_equal(pace_rate_of_window(125000, 100000, true), 20000000);
    assert_int_equal(pace_rate_of_window(125000, 100000, false), 12000000);
    assert_int_equal(pace_rate_of_window(125000, 0, false), 0);
    assert_int_equal(pace_rate_of_window(UINT32_MAX, 1, true), UINT64_C(4294967295) * 16000000);
    assert_int_equal(pace_rate_of_window(1, UINT32_MAX, false), 0);
}

static void unpaced(void **state)
{
    (void)state;
    struct pace p = {0};
    assert_int_equal(pace_budget(&p, NOW), UINT32_MAX);
    pace_sent(&p, 100000);
    assert_int_equal(pace_budget(&p, NOW), UINT32_MAX);
    pace_set(&p, 8000000, MSS);
    assert_int_equal(pace_budget(&p, NOW), 2 * MSS);
    pace_set(&p, 0, MSS);
    assert_int_equal(pace_budget(&p, NOW), UINT32_MAX);
}

/* A sender that is there in time sends exactly at the rate, at rates that do not divide. */
static void no_drift(void **state)
{
    const uint64_t rates[] = {1000,      56000,       999983,          10000000,
                              123456789, 10000000019, 100000000003ULL, 1ULL << 42};
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct pace p = {0};
        uint64_t now = NOW, sent = 0;
        pace_set(&p, rates[i], MSS);
        for (unsigned n = 0; n < 2000; n++) {
            if (pace_budget(&p, now) == 0) {
                now = p.due_ns;
            }
            uint32_t budget = pace_budget(&p, now);
            assert_int_not_equal(budget, 0);
            uint32_t bytes = 1 + random_below(&seed, budget);
            assert_int_equal(pace_budget(&p, now), budget); /* to ask changes nothing */
            pace_sent(&p, bytes);
            sent += bytes;
            /* due = NOW + floor(bits / rate) */
            uint64_t whole = sent * 8 / rates[i], part = sent * 8 % rates[i];
            uint64_t due =
                NOW + whole * 1000000000 + (uint64_t)((u128)part * 1000000000 / rates[i]);
            assert_int_equal(p.due_ns, due);
        }
    }
}

/* A piece leaves in parts, and as much as the piece. */
static void in_parts(void **state)
{
    struct pace p = {0};
    (void)state;
    pace_set(&p, 100000000, MSS);
    for (uint32_t left = 8 * MSS; left > 0; left -= MSS) {
        assert_int_equal(pace_budget(&p, NOW), left);
        pace_sent(&p, MSS);
    }
    assert_int_equal(pace_budget(&p, NOW), 0);
    assert_int_equal(p.due_ns, NOW + 8 * MSS * 80);
    /* Later there is no more of it, but the time of what left. */
    assert_int_equal(pace_budget(&p, p.due_ns), 8 * MSS);
    pace_sent(&p, MSS);
    assert_int_equal(pace_budget(&p, NOW + 8 * MSS * 80 + 1), 0);
    assert_int_equal(p.due_ns, NOW + 9 * MSS * 80);
}

/* A timer that is late does not lower the rate, as long as it is late by less than a piece; however
 * small the parts are. */
static void lateness_is_caught_up(void **state)
{
    (void)state;
    for (unsigned parts = 1; parts <= 8; parts *= 2) {
        struct pace p = {0};
        uint64_t now = NOW, sent = 0, seed = 2;
        pace_set(&p, 100000000, MSS); /* a piece of 8 segments takes 926 us */
        for (unsigned n = 0; n < 1000; n++) {
            for (uint32_t budget; (budget = pace_budget(&p, now)) != 0;) {
                uint32_t bytes = budget < 8 * MSS / parts ? budget : 8 * MSS / parts;
                pace_sent(&p, bytes);
                sent += bytes;
            }
            now = p.due_ns + random_below(&seed, 900000);
        }
        assert_int_equal(p.due_ns - NOW, sent * 80);
    }
}

/* One that is late by more gets one quantum on top, not all that it missed. */
static void great_lateness_is_not(void **state)
{
    struct pace p = {0};
    (void)state;
    pace_set(&p, 100000000, MSS);
    pace_sent(&p, pace_budget(&p, NOW));
    assert_int_equal(pace_budget(&p, NOW), 0);
    unsigned pieces = 0;
    for (uint32_t budget; (budget = pace_budget(&p, NOW + 1000000000)) != 0; pieces++) {
        assert_int_equal(budget, 8 * MSS);
        pace_sent(&p, budget);
    }
    assert_int_equal(pieces, 2);
}

/* One that had nothing to send saved nothing up: a quantum, then the rate. */
static void idleness_saves_nothing(void **state)
{
    struct pace p = {0};
    (void)state;
    pace_set(&p, 100000000, MSS);
    pace_sent(&p, pace_budget(&p, NOW));
    for (uint64_t now = NOW + 1000000; now < NOW + 100000000; now += 3000000) {
        assert_int_equal(pace_budget(&p, now), 8 * MSS);
        pace_sent(&p, 8 * MSS);
        assert_int_equal(p.due_ns, now + 8 * MSS * 80);
        assert_int_equal(pace_budget(&p, now), 0);
        now = p.due_ns;
        assert_int_equal(pace_budget(&p, now), 8 * MSS);
        pace_sent(&p, 8 * MSS); /* and idle from here on */
    }
}

static void extremes(void **state)
{
    const uint64_t rates[] = {1, 7, 8, 1ULL << 33, (1ULL << 42) - 1, UINT64_MAX};
    const uint32_t sizes[] = {0, 1, 65535, 1U << 30, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            struct pace p = {0};
            pace_set(&p, rates[i], sizes[k]);
            p.rest = p.bps - 1;
            pace_sent(&p, sizes[k]);
            pace_budget(&p, 0);
            pace_budget(&p, UINT64_MAX);
            pace_budget(&p, UINT64_MAX);
            assert_true(p.rest < p.bps);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantum),
        cmocka_unit_test(rate_of_window),
        cmocka_unit_test(unpaced),
        cmocka_unit_test(no_drift),
        cmocka_unit_test(in_parts),
        cmocka_unit_test(lateness_is_caught_up),
        cmocka_unit_test(great_lateness_is_not),
        cmocka_unit_test(idleness_saves_nothing),
        cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests_name("core/cc/pace", tests, NULL, NULL);
}
