/* Buffers that follow the path: the estimates, the growth against senders in models of a path, the
 * limits under pressure, extremes and wraps. Integers alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "support/core_memory.h"
#include "tcp/autotune.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS     1448U
#define INITIAL (256U * 1024)
#define CAP     (255U * 1024 * 1024)

static const struct tune_limits free_limits = {
    .initial = INITIAL, .cap = CAP, .pressure = TUNE_FREE};

/* ---- pressure ------------------------------------------------------------------------------- */

static void levels(void **state)
{
    static const uint64_t maxes[] = {8, 1024, UINT64_C(1) << 30, UINT64_MAX};
    for (unsigned i = 0; i < sizeof(maxes) / sizeof(maxes[0]); i++) {
        uint64_t max = maxes[i], eighth = max / 8;
        assert_int_equal(tune_pressure(0, max), TUNE_FREE);
        assert_int_equal(tune_pressure(max / 2 - 1, max), TUNE_FREE);
        assert_int_equal(tune_pressure(max / 2, max), TUNE_SLOW);
        assert_int_equal(tune_pressure(max - max / 4 - 1, max), TUNE_SLOW);
        assert_int_equal(tune_pressure(max - max / 4, max), TUNE_STOP);
        assert_int_equal(tune_pressure(max - eighth - 1, max), TUNE_STOP);
        assert_int_equal(tune_pressure(max - eighth, max), TUNE_SHED);
        assert_int_equal(tune_pressure(max, max), TUNE_SHED);
    }
    assert_int_equal(tune_pressure(0, 0), TUNE_SHED); /* no budget at all */
}

/* ---- the receiver's round trip -------------------------------------------------------------- */

static void echoes(void **state)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(1), 10 * MSS, 0, 0);
    assert_int_equal(r.rtt_us, 0);
    tune_rcv_echo(&r, 7, 50000);
    assert_int_equal(r.rtt_us, 50000);
    tune_rcv_echo(&r, 7, 10); /* of the same flight: not asked again */
    assert_int_equal(r.rtt_us, 50000);
    tune_rcv_echo(&r, 8, 20000); /* shorter: at once */
    assert_int_equal(r.rtt_us, 20000);
    tune_rcv_echo(&r, 9, 100000); /* longer: an eighth of the way */
    assert_int_equal(r.rtt_us, 30000);
    tune_rcv_echo(&r, 10, 0); /* below the clock's tick */
    assert_int_equal(r.rtt_us, 1000);
    tune_rcv_echo(&r, 11, UINT32_MAX);
    assert_int_equal(r.rtt_us, 1000 + (UINT32_MAX - 1000) / 8);
    /* A path that became longer is learned. */
    for (uint32_t i = 0; i < 100; i++) {
        tune_rcv_echo(&r, 12 + i, 200000);
    }
    assert_int_equal(r.rtt_us, 200000);
}

/* Without timestamps: the shortest time in which a windowful arrived. */
static void windowfuls(void **state)
{
    static const uint32_t begins[] = {0, 1000, UINT32_MAX - 5000};
    for (unsigned i = 0; i < 3; i++) {
        struct tune_rcv r;
        uint32_t t = begins[i];
        seq32 nxt = seq_of(begins[i]);
        tune_rcv_begin(&r, nxt, 10 * MSS, 0, t);
        tune_rcv_arrived(&r, nxt, 10000, t); /* the window's end is noted */
        tune_rcv_arrived(&r, seq_add(nxt, 9999), 10000, t + 3000);
        assert_int_equal(r.rtt_us, 0); /* not all of it yet */
        tune_rcv_arrived(&r, seq_add(nxt, 10000), 10000, t + 4000);
        assert_int_equal(r.rtt_us, 4000);
        tune_rcv_arrived(&r, seq_add(nxt, 20000), 10000, t + 9000);
        assert_int_equal(r.rtt_us, 4000); /* longer says nothing */
        tune_rcv_arrived(&r, seq_add(nxt, 30000), 10000, t + 11000);
        assert_int_equal(r.rtt_us, 2000);
        tune_rcv_arrived(&r, seq_add(nxt, 40000), 0, t + 11000); /* closed: nothing to time */
        assert_int_equal(r.rtt_us, 1);                           /* and never 0, which is none */
        tune_rcv_arrived(&r, seq_add(nxt, 40000), 10000, t + 12000);
        tune_rcv_arrived(&r, seq_add(nxt, 50000), 10000, t + 12000);
        assert_int_equal(r.rtt_us, 1);
    }
}

/* What the handshake measured serves until there is better. */
static void handshake_sample(void **state)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(5), 0, 80000, 17);
    assert_int_equal(r.rtt_us, 80000);
    assert_int_not_equal(r.space, 0); /* nothing is divided by it */
    tune_rcv_arrived(&r, seq_of(5), 1000, 17);
    tune_rcv_arrived(&r, seq_of(1005), 1000, 60017);
    assert_int_equal(r.rtt_us, 60000);
}

/* ---- growth --------------------------------------------------------------------------------- */

static struct tune_read reading(uint32_t read, uint32_t rcvbuf, uint32_t now_us)
{
    return (struct tune_read){.limits = free_limits,
                              .read = seq_of(read),
                              .rcvbuf = rcvbuf,
                              .mss = MSS,
                              .now_us = now_us};
}

static void only_after_a_round(void **state)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(0), 10 * MSS, 10000, 0);
    struct tune_read in = reading(1000000, INITIAL, 9999);
    assert_int_equal(tune_rcv_read(&r, &in), INITIAL);
    in.now_us = 10000;
    assert_true(tune_rcv_read(&r, &in) >= 2000000);
    in.read = seq_of(1000000); /* nothing read in the next round */
    in.now_us = 20000;
    assert_int_equal(tune_rcv_read(&r, &in), INITIAL);
}

static void unknown_round_trip(void **state)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(0), 10 * MSS, 0, 0);
    for (uint32_t i = 1; i < 100; i++) {
        struct tune_read in = reading(i * 0x10000000U, INITIAL, i * 1000000);
        assert_int_equal(tune_rcv_read(&r, &in), INITIAL);
    }
    tune_rcv_echo(&r, 1, 1000); /* and the first known round counts what was read in it alone */
    struct tune_read in = reading(99 * 0x10000000U + 1000, INITIAL, 100 * 1000000);
    assert_int_equal(tune_rcv_read(&r, &in), INITIAL);
}

/* An application that leaves more than it takes is the bottleneck. */
static void slow_application(void **state)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(0), 10 * MSS, 10000, 0);
    struct tune_read in = reading(200000, INITIAL, 10000);
    in.waiting = 200001;
    assert_int_equal(tune_rcv_read(&r, &in), INITIAL);
    in.read = seq_of(400000); /* once it keeps up, the same amount is enough to grow */
    in.waiting = 200000;
    in.now_us = 20000;
    assert_true(tune_rcv_read(&r, &in) >= 400000);
}

/* A sender with a window in rounds: slow start up to what the path holds; the application reads as
 * it arrives. How many rounds until the path is full? */
static unsigned rounds_until_full(uint64_t bdp, uint32_t rtt_us, const struct tune_limits *limits,
                                  uint32_t *rcvbuf)
{
    struct tune_rcv r;
    uint64_t cwnd = 10 * MSS;
    uint32_t at = UINT32_MAX - 12345, now = UINT32_MAX - 3 * rtt_us;
    tune_rcv_begin(&r, seq_of(at), 10 * MSS, rtt_us, now);
    for (unsigned round = 0; round < 200; round++) {
        uint64_t flight = cwnd < *rcvbuf ? cwnd : *rcvbuf;
        if (flight >= bdp) {
            return round;
        }
        at += (uint32_t)flight;
        now += rtt_us;
        struct tune_read in = {
            .limits = *limits, .read = seq_of(at), .rcvbuf = *rcvbuf, .mss = MSS, .now_us = now};
        *rcvbuf = tune_rcv_read(&r, &in);
        cwnd += flight; /* each byte acknowledged opens the window by one */
    }
    return 200;
}

/* 10 Gbit/s x 100 ms: the window never holds slow start back. */
static void fills_a_long_fat_path(void **state)
{
    static const uint64_t bdps[] = {100000, 1250000, 12500000, 125000000};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t rcvbuf = INITIAL;
        unsigned slow_start = 0;
        for (uint64_t w = 10 * MSS; w < bdps[i]; w *= 2) {
            slow_start++;
        }
        assert_int_equal(rounds_until_full(bdps[i], 100000, &free_limits, &rcvbuf), slow_start);
        assert_true(rcvbuf <= CAP);
        assert_true(rcvbuf <= 6 * bdps[i] + 64 * MSS || rcvbuf == INITIAL);
    }
}

/* A steady stream: the buffer comes to rest at what it needs, jitter or not. */
static void rests(void **state)
{
    uint64_t seed = 3;
    struct tune_rcv r;
    uint32_t rcvbuf = INITIAL, at = 0, now = 0;
    tune_rcv_begin(&r, seq_of(0), 10 * MSS, 20000, 0);
    for (unsigned i = 0; i < 20000; i++) {
        at += 10000 + random_below(&seed, 10000); /* 15 kB a millisecond: 300 kB a round trip */
        now += 1000;
        struct tune_read in = reading(at, rcvbuf, now);
        uint32_t was = rcvbuf;
        rcvbuf = tune_rcv_read(&r, &in);
        assert_true(rcvbuf >= was);
    }
    assert_in_range(rcvbuf, 2 * 300000, 6 * 420000);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void the_cap_holds(void **state)
{
    struct tune_limits low = {.initial = 1000, .cap = 5000, .pressure = TUNE_FREE};
    uint32_t rcvbuf = 1000;
    rounds_until_full(1000000, 5000, &low, &rcvbuf);
    assert_int_equal(rcvbuf, 5000);
    rcvbuf = 8000; /* it was larger when the cap came down: nothing is taken back */
    rounds_until_full(1000000, 5000, &low, &rcvbuf);
    assert_int_equal(rcvbuf, 8000);
}

static uint32_t one_round(uint8_t pressure, uint32_t copied)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(0), copied, 10000, 0);
    struct tune_read in = reading(copied, INITIAL, 10000);
    in.limits.pressure = pressure;
    return tune_rcv_read(&r, &in);
}

static void growth_under_pressure(void **state)
{
    uint32_t want = 2 * 1000000 + 16 * MSS;
    assert_int_equal(one_round(TUNE_FREE, 1000000), want);
    assert_int_equal(one_round(TUNE_SLOW, 1000000), INITIAL + (want - INITIAL) / 4);
    assert_int_equal(one_round(TUNE_STOP, 1000000), INITIAL);
    assert_int_equal(one_round(TUNE_SHED, 1000000), INITIAL);
}

/* What was missed under pressure is made up for later, though nothing grows any more. */
static void growth_after_pressure(void **state)
{
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(0), 1000, 10000, 0);
    struct tune_read in = reading(1000000, INITIAL, 10000);
    in.limits.pressure = TUNE_STOP;
    assert_int_equal(tune_rcv_read(&r, &in), INITIAL);
    in.limits.pressure = TUNE_FREE;
    in.read = seq_of(2000000);
    in.now_us = 20000;
    assert_int_equal(tune_rcv_read(&r, &in), 2 * 1000000 + 16 * MSS);
}

static void windows_under_pressure(void **state)
{
    for (uint8_t p = TUNE_FREE; p <= TUNE_SHED; p++) {
        struct tune_limits l = {.initial = 1000, .cap = 9000, .pressure = p};
        assert_int_equal(tune_rcv_size(500, &l), 500);
        assert_int_equal(tune_rcv_size(8000, &l), p >= TUNE_STOP ? 1000 : 8000);
    }
}

static void takes_by_memory(void **state)
{
    for (uint8_t p = TUNE_FREE; p <= TUNE_SHED; p++) {
        for (int early = 0; early <= 1; early++) {
            struct tune_take in = {
                .limits = {.initial = 1000, .cap = 9000, .pressure = p},
                .rcvbuf = 5000,
                .slack = 100,
                .early = early != 0,
            };
            uint32_t most = p >= TUNE_STOP ? 2100 : 10100;
            bool limited = early || p == TUNE_SHED;
            in.more = 50;
            in.charge = most - 50;
            assert_true(tune_rcv_takes(&in));
            in.charge++;
            assert_int_equal(tune_rcv_takes(&in), !limited);
            in.charge = UINT32_MAX;
            in.more = UINT32_MAX;
            assert_int_equal(tune_rcv_takes(&in), !limited);
        }
    }
    struct tune_take whole = {
        .limits = free_limits, .rcvbuf = 1U << 30, .slack = 70000, .early = true};
    whole.charge = (1U << 31) + 1;
    assert_true(tune_rcv_takes(&whole));
}

/* ---- sending -------------------------------------------------------------------------------- */

static uint32_t sndbuf(uint8_t pressure, uint32_t now, uint32_t cwnd, uint32_t held,
                       uint32_t queued)
{
    struct tune_send in = {
        .limits = free_limits, .sndbuf = now, .cwnd = cwnd, .held = held, .queued = queued};
    in.limits.pressure = pressure;
    return tune_snd(&in);
}

static void send_buffer(void **state)
{
    assert_int_equal(sndbuf(TUNE_FREE, INITIAL, 10 * MSS, 0, 0), INITIAL);
    assert_int_equal(sndbuf(TUNE_FREE, INITIAL, 1000000, 900000, 1000000), 2000000);
    assert_int_equal(sndbuf(TUNE_FREE, 3000000, 1000000, 900000, 0), 3000000);
    /* Recovery: what is SACKed must be kept as well. */
    assert_int_equal(sndbuf(TUNE_FREE, 2000000, 700000, 1600000, 2000000), 2300000);
    /* 10 Gbit/s x 100 ms. */
    assert_true(sndbuf(TUNE_FREE, INITIAL, 125000000, 125000000, 125000000) >= 250000000);
    assert_int_equal(sndbuf(TUNE_FREE, INITIAL, UINT32_MAX, UINT32_MAX, UINT32_MAX), CAP);
    assert_int_equal(sndbuf(TUNE_SLOW, INITIAL, 1000000, 900000, 0), 1250000);
    assert_int_equal(sndbuf(TUNE_SLOW, INITIAL, 1000000, 1100000, 0), 1350000);
    assert_int_equal(sndbuf(TUNE_STOP, INITIAL, 1000000, 900000, 0), INITIAL);
    /* Smaller under pressure, as what it holds goes. */
    assert_int_equal(sndbuf(TUNE_STOP, 3000000, 1000000, 900000, 1500000), 1500000);
    assert_int_equal(sndbuf(TUNE_SHED, 1500000, 1000000, 10, 20), INITIAL);
    assert_int_equal(sndbuf(TUNE_SHED, 1000, 1000000, 10, 20), 1000);
}

/* Anything in: nothing above the cap, nothing smaller, but the send buffer under pressure. */
static void random_input(void **state)
{
    uint64_t seed = 11;
    struct tune_rcv r;
    tune_rcv_begin(&r, seq_of(0), 0, 0, 0);
    for (unsigned i = 0; i < 200000; i++) {
        struct tune_limits l = {.initial = random_below(&seed, 1U << 20),
                                .pressure = (uint8_t)random_below(&seed, 4)};
        l.cap = l.initial + random_below(&seed, 1U << 30);
        uint32_t size = random_below(&seed, 1U << 30);
        struct tune_read in = {.limits = l,
                               .read = seq_of((uint32_t)random_u64(&seed)),
                               .waiting = random_below(&seed, UINT32_MAX),
                               .rcvbuf = size,
                               .mss = random_below(&seed, 65536),
                               .now_us = (uint32_t)random_u64(&seed)};
        uint32_t got = tune_rcv_read(&r, &in);
        assert_true(got >= size && (got == size || got <= l.cap));
        if (random_below(&seed, 2)) {
            tune_rcv_echo(&r, (uint32_t)random_u64(&seed), (uint32_t)random_u64(&seed));
        } else {
            tune_rcv_arrived(&r, seq_of((uint32_t)random_u64(&seed)), random_below(&seed, 1U << 30),
                             (uint32_t)random_u64(&seed));
        }
        struct tune_send out = {.limits = l,
                                .sndbuf = size,
                                .cwnd = (uint32_t)random_u64(&seed),
                                .held = (uint32_t)random_u64(&seed),
                                .queued = (uint32_t)random_u64(&seed)};
        got = tune_snd(&out);
        assert_true(got <= size || got <= l.cap);
        if (got < size) {
            assert_true(l.pressure >= TUNE_STOP && got >= l.initial && got >= out.queued);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(echoes),
        cmocka_unit_test(windowfuls),
        cmocka_unit_test(handshake_sample),
        cmocka_unit_test(only_after_a_round),
        cmocka_unit_test(unknown_round_trip),
        cmocka_unit_test(slow_application),
        cmocka_unit_test(fills_a_long_fat_path),
        cmocka_unit_test(rests),
        cmocka_unit_test(the_cap_holds),
        cmocka_unit_test(growth_under_pressure),
        cmocka_unit_test(growth_after_pressure),
        cmocka_unit_test(windows_under_pressure),
        cmocka_unit_test(takes_by_memory),
        cmocka_unit_test(send_buffer),
        cmocka_unit_test(random_input),
    };
    return cmocka_run_group_tests_name("core/tcp/autotune", tests, NULL, NULL);
}
