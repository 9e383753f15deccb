/* Delivery rate samples (draft-ietf-ccwg-bbr 4.1): flows whose rate is known, application-limited
 * phases, rounds, the wraps of what a packet keeps, random runs against the draft's pseudocode with
 * full numbers, and the windowed minimum against all samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "loss/rate.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MS    UINT64_C(1000000) /* in nanoseconds */
#define BYTES 1000U

/* Times and sums at which flows begin: zero, and just before 32 bits of microseconds and of bytes
 * wrap, once and for the hundredth time. */
static const uint64_t begins_ns[] = {0, (UINT64_C(1) << 32) * 1000 - 37 * MS,
                                     (UINT64_C(100) << 32) * 1000 - 37 * MS};
static const uint64_t begins_delivered[] = {0, (UINT64_C(1) << 32) - 30 * BYTES,
                                            (UINT64_C(7) << 32) - 7};
#define BEGINS 9

static uint64_t begin(struct rate *r, unsigned n)
{
    *r = (struct rate){.delivered = begins_delivered[n % 3]};
    r->round_delivered = r->delivered;
    return begins_ns[n / 3];
}

static struct rate_sample ack_one(struct rate *r, const struct rate_stamp *s, uint64_t sent_ns,
                                  uint32_t min_rtt_us, uint64_t now_ns)
{
    struct rate_ack a;
    rate_ack_begin(&a);
    rate_delivered(r, &a, s, sent_ns, BYTES, now_ns);
    return rate_ack_end(r, &a, min_rtt_us, now_ns);
}

/* ---- flows whose rate is known --------------------------------------------------------------- */

/* A packet each millisecond, 20 ms there and back: from the second round trip on each sample is one
 * packet a millisecond over a round trip, and a round begins every 20 ms. */
static void paced(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BEGINS; b++) {
        struct rate r;
        struct rate_stamp stamp[200];
        uint64_t t0 = begin(&r, b);
        uint32_t flight = 0;
        for (unsigned ms = 0; ms < 200; ms++) {
            uint64_t now_ns = t0 + ms * MS;
            if (ms >= 20) {
                struct rate_sample s =
                    ack_one(&r, &stamp[ms - 20], t0 + (ms - 20) * MS, 20000, now_ns);
                flight -= BYTES;
                if (ms >= 41) {
                    assert_int_equal(s.delivered, 20 * BYTES);
                    assert_int_equal(s.interval_us, 20000);
                    assert_int_equal(s.flight, 20 * BYTES);
                    assert_int_equal(s.lost, 0);
                    assert_false(s.app_limited);
                }
                assert_int_equal(s.round_start, ms % 20 == 0);
                assert_int_equal(r.rounds, ms / 20);
            }
            stamp[ms] = rate_sent(&r, flight, BYTES, now_ns);
            flight += BYTES;
            assert_int_equal(stamp[ms].flight, flight);
        }
    }
}

/* 4.1.1.2.2: ACKs that were held back and come at once do not raise the rate above that of
 * sending. */
static void compressed(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BEGINS; b++) {
        struct rate r;
        struct rate_stamp stamp[60];
        uint64_t t0 = begin(&r, b);
        for (unsigned n = 0; n < 60; n++) {
            stamp[n] = rate_sent(&r, n * BYTES, BYTES, t0 + n * MS);
        }
        /* The first alone, the others 60 ms later all in one moment. */
        ack_one(&r, &stamp[0], t0, 0, t0 + 60 * MS);
        struct rate_ack a;
        rate_ack_begin(&a);
        for (unsigned n = 1; n < 60; n++) {
            rate_delivered(&r, &a, &stamp[n], t0 + n * MS, BYTES, t0 + 61 * MS);
        }
        assert_int_equal(a.acked, 59 * BYTES);
        struct rate_sample s = rate_ack_end(&r, &a, 0, t0 + 61 * MS);
        assert_int_equal(s.delivered, 60 * BYTES);
        assert_int_equal(s.interval_us, 61000);
        /* Sent over 59 ms, acknowledged within 2: the send rate counts. */
        struct rate_stamp late = {.delivered = (uint32_t)r.delivered,
                                  .delivered_us = (uint32_t)((t0 + 119 * MS) / 1000),
                                  .first_us = (uint32_t)((t0 + 61 * MS) / 1000)};
        s = ack_one(&r, &late, t0 + 120 * MS, 0, t0 + 121 * MS);
        assert_int_equal(s.interval_us, 59000);
    }
}

/* Of one ACK the packet that left last counts; told last among those of one time. */
static void newest(void **state)
{
    (void)state;
    struct rate r = {0};
    struct rate_stamp a = {.flight = 1}, b = {.flight = 2}, c = {.flight = 3};
    struct rate_ack ack;
    rate_ack_begin(&ack);
    rate_delivered(&r, &ack, &a, 20 * MS, BYTES, 50 * MS);
    rate_delivered(&r, &ack, &b, 10 * MS, BYTES, 50 * MS);
    assert_int_equal(ack.newest.flight, 1);
    rate_delivered(&r, &ack, &c, 20 * MS, BYTES, 50 * MS);
    assert_int_equal(ack.newest.flight, 3);
    assert_int_equal(rate_ack_end(&r, &ack, 0, 50 * MS).flight, 3);
    assert_int_equal(r.first_sent_ns, 20 * MS);
    assert_int_equal(r.delivered, 3 * BYTES);
}

/* 4.1.2.2: after silence the interval begins when the next packet leaves. */
static void idle(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BEGINS; b++) {
        struct rate r;
        uint64_t t0 = begin(&r, b);
        struct rate_stamp s = rate_sent(&r, 0, BYTES, t0);
        ack_one(&r, &s, t0, 0, t0 + 10 * MS);
        uint64_t t1 = t0 + 3600000 * MS; /* an hour */
        s = rate_sent(&r, 0, BYTES, t1);
        struct rate_sample rs = ack_one(&r, &s, t1, 10000, t1 + 10 * MS);
        assert_int_equal(rs.interval_us, 10000);
        assert_int_equal(rs.delivered, BYTES);
    }
}

/* ---- no sample ------------------------------------------------------------------------------- */

static void unreliable(void **state)
{
    (void)state;
    struct rate r = {0};
    struct rate_ack a;
    rate_ack_begin(&a);
    struct rate_sample rs = rate_ack_end(&r, &a, 0, MS); /* nothing was delivered */
    assert_int_equal(rs.interval_us, 0);
    assert_int_equal(rs.delivered, 0);
    assert_false(rs.round_start);
    struct rate_stamp s = rate_sent(&r, 0, BYTES, 5 * MS);
    struct rate copy = r;
    rs = ack_one(&copy, &s, 5 * MS, 10000, 15 * MS - 1000); /* faster than the path */
    assert_int_equal(rs.interval_us, 0);
    assert_int_equal(rs.delivered, BYTES); /* the rest counts */
    assert_int_equal(rs.flight, BYTES);
    assert_true(rs.round_start);
    copy = r;
    assert_int_equal(ack_one(&copy, &s, 5 * MS, 10000, 15 * MS).interval_us, 10000);
    copy = r;
    assert_int_equal(ack_one(&copy, &s, 5 * MS, 0, 5 * MS).interval_us, 0); /* no time passed */
}

/* What was out for more than 71 minutes gives no sample, rather than one of a short interval. */
static void out_too_long(void **state)
{
    (void)state;
    uint64_t wrap_ns = (UINT64_C(1) << 32) * 1000;
    for (unsigned b = 0; b < BEGINS; b++) {
        struct rate r;
        uint64_t t0 = begin(&r, b);
        struct rate_stamp s = rate_sent(&r, 0, BYTES, t0);
        struct rate copy = r;
        assert_int_equal(ack_one(&copy, &s, t0, 0, t0 + wrap_ns - 1000).interval_us, UINT32_MAX);
        copy = r;
        assert_int_equal(ack_one(&copy, &s, t0, 0, t0 + wrap_ns).interval_us, 0);
        copy = r;
        assert_int_equal(ack_one(&copy, &s, t0, 0, t0 + wrap_ns + 20 * MS).interval_us, 0);
    }
}

/* ---- the application ------------------------------------------------------------------------- */

/* 4.1.2.4 and 4.1.2.3: packets that leave while the bubble is in the pipe are marked; it is over
 * when something behind it is delivered. */
static void application_limited(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BEGINS; b++) {
        struct rate r;
        uint64_t t0 = begin(&r, b);
        struct rate_stamp s[4];
        s[0] = rate_sent(&r, 0, BYTES, t0);
        s[1] = rate_sent(&r, BYTES, BYTES, t0 + MS);
        assert_false(s[1].app_limited);
        rate_app_limited(&r, 2 * BYTES); /* that was all */
        s[2] = rate_sent(&r, 2 * BYTES, BYTES, t0 + 5 * MS);
        assert_true(s[2].app_limited);
        assert_false(ack_one(&r, &s[0], t0, 0, t0 + 10 * MS).app_limited);
        assert_false(ack_one(&r, &s[1], t0 + MS, 0, t0 + 11 * MS).app_limited);
        assert_int_not_equal(r.app_limited, 0); /* up to it, not behind it */
        s[3] = rate_sent(&r, BYTES, BYTES, t0 + 12 * MS);
        assert_true(s[3].app_limited);
        assert_true(ack_one(&r, &s[2], t0 + 5 * MS, 0, t0 + 15 * MS).app_limited);
        assert_int_equal(r.app_limited, 0);
        assert_true(ack_one(&r, &s[3], t0 + 12 * MS, 0, t0 + 22 * MS).app_limited);
        assert_false(rate_sent(&r, 0, BYTES, t0 + 23 * MS).app_limited);
    }
    struct rate r = {0};
    rate_app_limited(&r, 0); /* before anything: 0 would mean none */
    assert_int_equal(r.app_limited, 1);
}

static void losses(void **state)
{
    (void)state;
    struct rate r = {.lost = UINT32_MAX - 500};
    struct rate_stamp s = rate_sent(&r, 0, BYTES, MS);
    rate_lost(&r, 400);
    rate_lost(&r, 3000);
    assert_int_equal(ack_one(&r, &s, MS, 0, 2 * MS).lost, 3400); /* over the wrap */
}

/* ---- against the pseudocode ------------------------------------------------------------------ */

#define PACKETS 64

/* 4.1.2.1.1 and 4.1.2.1.2, with full numbers. */
struct draft {
    uint64_t delivered, delivered_us, first_us, app_limited, inflight, lost, next_round;
};
struct packet {
    uint64_t delivered, delivered_us, first_us, sent_us, flight, lost;
    bool app_limited, out;
    struct rate_stamp stamp;
};

static void send(struct draft *c, struct rate *r, struct packet *p, uint64_t now_us)
{
    p->stamp = rate_sent(r, (uint32_t)c->inflight, BYTES, now_us * 1000);
    if (c->inflight == 0) {
        c->first_us = c->delivered_us = now_us;
    }
    c->inflight += BYTES;
    p->out = true;
    p->sent_us = now_us;
    p->delivered = c->delivered;
    p->delivered_us = c->delivered_us;
    p->first_us = c->first_us;
    p->flight = c->inflight;
    p->lost = c->lost;
    p->app_limited = c->app_limited != 0;
}

static void draft_ack(struct draft *c, struct rate *r, struct packet *p, uint64_t set,
                      uint32_t min_rtt_us, uint64_t now_us)
{
    struct rate_ack a;
    const struct packet *last = NULL;
    rate_ack_begin(&a);
    for (unsigned n = 0; n < PACKETS; n++) {
        if ((set >> n & 1) == 0 || !p[n].out) {
            continue;
        }
        rate_delivered(r, &a, &p[n].stamp, p[n].sent_us * 1000, BYTES, now_us * 1000);
        c->delivered += BYTES;
        c->delivered_us = now_us;
        c->inflight -= BYTES;
        p[n].out = false;
        if (last == NULL || p[n].sent_us >= last->sent_us) {
            last = &p[n];
            c->first_us = last->sent_us;
        }
    }
    struct rate_sample s = rate_ack_end(r, &a, min_rtt_us, now_us * 1000);
    if (c->app_limited != 0 && c->delivered > c->app_limited) {
        c->app_limited = 0;
    }
    assert_int_equal(r->app_limited, c->app_limited);
    assert_int_equal(r->delivered, c->delivered);
    if (last == NULL) {
        assert_int_equal(s.delivered, 0);
        assert_false(s.round_start);
        return;
    }
    uint64_t send_us = last->sent_us - last->first_us, ack_us = now_us - last->delivered_us;
    uint64_t interval_us = send_us > ack_us ? send_us : ack_us;
    if (interval_us <= UINT32_MAX) {
        assert_int_equal(s.interval_us, interval_us < min_rtt_us ? 0 : interval_us);
    } else { /* at least it is not shorter than the packet was out */
        assert_true(s.interval_us == 0 || s.interval_us >= now_us - last->sent_us);
    }
    assert_int_equal(a.prior_delivered, last->delivered);
    assert_int_equal(s.delivered, c->delivered - last->delivered);
    assert_int_equal(s.flight, last->flight);
    assert_int_equal(s.lost, c->lost - last->lost);
    assert_int_equal(s.app_limited, last->app_limited);
    assert_int_equal(s.round_start, last->delivered >= c->next_round);
    if (last->delivered >= c->next_round) {
        c->next_round = c->delivered;
    }
}

static void random_runs(void **state)
{
    (void)state;
    uint64_t seed = 41;
    for (unsigned walk = 0; walk < 1000; walk++) {
        struct rate r;
        uint64_t now_us = begin(&r, walk % BEGINS) / 1000 + 1;
        struct draft c = {.delivered = r.delivered, .next_round = r.delivered};
        struct packet p[PACKETS] = {{0}};
        uint32_t longest = walk % 4 == 0 ? 600000000 : 3000;
        for (unsigned event = 0; event < 200; event++) {
            now_us += random_below(&seed, longest);
            unsigned n = random_below(&seed, PACKETS);
            switch (random_below(&seed, 6)) {
            case 0:
                rate_app_limited(&r, (uint32_t)c.inflight);
                c.app_limited = c.delivered + c.inflight != 0 ? c.delivered + c.inflight : 1;
                break;
            case 1: /* one is lost and leaves no trace but this */
                if (p[n].out) {
                    p[n].out = false;
                    c.inflight -= BYTES;
                    c.lost += BYTES;
                    rate_lost(&r, BYTES);
                }
                break;
            case 2:
                draft_ack(&c, &r, p, random_u64(&seed) | random_u64(&seed), 500, now_us);
                break;
            case 3:
                draft_ack(&c, &r, p, UINT64_C(1) << n, 0, now_us);
                break;
            default:
                if (!p[n].out) {
                    send(&c, &r, &p[n], now_us);
                }
                break;
            }
        }
    }
}

/* ---- the windowed minimum -------------------------------------------------------------------- */

static void minimum(void **state)
{
    (void)state;
    struct min_rtt m = {0};
    assert_int_equal(min_rtt_us(&m), 0); /* none is known */
    min_rtt_sample(&m, 100, 0);
    assert_int_equal(min_rtt_us(&m), 1); /* but a sample is one */
    m = (struct min_rtt){0};
    min_rtt_sample(&m, 0xfffff000, 500); /* over the wrap of the clock */
    min_rtt_sample(&m, 0xfffff000 + 5000, 700);
    assert_int_equal(min_rtt_us(&m), 500);
    min_rtt_sample(&m, 0xfffff000 + 10000, 800);
    assert_int_equal(min_rtt_us(&m), 500);
    min_rtt_sample(&m, 0xfffff000 + 10001, 900); /* the path became longer */
    assert_int_equal(min_rtt_us(&m), 700);
    min_rtt_sample(&m, 0xfffff000 + 15001, 950);
    assert_int_equal(min_rtt_us(&m), 800);
    min_rtt_sample(&m, 0xfffff000 + 90000, 1000); /* after silence */
    assert_int_equal(min_rtt_us(&m), 1000);
    min_rtt_sample(&m, 0xfffff000 + 90001, 3);
    assert_int_equal(min_rtt_us(&m), 3);
    min_rtt_sample(&m, 0xfffff000 + 90002, 3); /* as little again: it is young again */
    assert_int_equal(m.best[0].at_ms, 0xfffff000 + 90002);
}

/* A path that becomes longer is seen after the window, one that becomes shorter at once. */
static void path_changes(void **state)
{
    (void)state;
    for (uint32_t every = 1; every < 2500; every = every * 2 + 1) {
        struct min_rtt m = {0};
        uint32_t now = 0xffffa000;
        for (uint32_t t = 0; t < 15000; t += every, now += every) {
            min_rtt_sample(&m, now, 100);
        }
        uint32_t last = now - every;
        for (uint32_t t = 0; t < 20000; t += every, now += every) {
            min_rtt_sample(&m, now, 200);
            assert_int_equal(min_rtt_us(&m), now - last <= 10000 ? 100 : 200);
        }
        min_rtt_sample(&m, now, 150);
        assert_int_equal(min_rtt_us(&m), 150);
    }
}

#define SAMPLES 400

/* Each of the three is the least since it came; the first is of the last 10 s, and no sample of now
 * is less. */
static void minimum_of_all(void **state)
{
    (void)state;
    uint64_t seed = 10;
    for (unsigned walk = 0; walk < 500; walk++) {
        struct min_rtt m = {0};
        static uint32_t at[SAMPLES], us[SAMPLES];
        uint32_t now = (uint32_t)random_u64(&seed), step = 1 + random_below(&seed, 3000);
        uint32_t spread = 1 + random_below(&seed, 5000);
        for (unsigned n = 0; n < SAMPLES; n++) {
            now += 1 + random_below(&seed, step);
            at[n] = now;
            us[n] = 1000 + random_below(&seed, spread) + (walk % 2 ? n * 20 : 0);
            min_rtt_sample(&m, now, us[n]);
            assert_true(now - m.best[0].at_ms <= 10000);
            for (unsigned i = 0; i < 3; i++) {
                bool there = false;
                for (unsigned k = n + 1; k-- > 0 && now - at[k] <= now - m.best[i].at_ms;) {
                    assert_true(m.best[i].us <= us[k]);
                    there = at[k] == m.best[i].at_ms && us[k] == m.best[i].us;
                }
                assert_true(there);
                assert_true(i == 0 || m.best[i - 1].us <= m.best[i].us);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paced),
        cmocka_unit_test(compressed),
        cmocka_unit_test(newest),
        cmocka_unit_test(idle),
        cmocka_unit_test(unreliable),
        cmocka_unit_test(out_too_long),
        cmocka_unit_test(application_limited),
        cmocka_unit_test(losses),
        cmocka_unit_test(random_runs),
        cmocka_unit_test(minimum),
        cmocka_unit_test(path_changes),
        cmocka_unit_test(minimum_of_all),
    };
    return cmocka_run_group_tests_name("core/loss/rate", tests, NULL, NULL);
}
