/* BBR: parts of the draft's pseudocode in numbers, and the whole over a path in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/bbr.h"
#include "support/cc_path.h"
#include "support/cc_rig.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

#define MSS   1500U
#define MBIT  UINT64_C(1000000)
#define MS_NS UINT64_C(1000000)

static struct bbr *bbr_of(struct path *p)
{
    return p->cc.state;
}

/* A path with a buffer of so many percent of what the path itself holds. */
static struct path path_of(uint64_t rate_bps, uint32_t rtt_us, unsigned buffer_percent)
{
    struct path p;
    uint64_t bdp = rate_bps / 8 * rtt_us / 1000000;
    path_init(&p, &cc_bbr, rate_bps, rtt_us, bdp * buffer_percent / 100);
    return p;
}

static uint64_t bdp_of(const struct path *p)
{
    return p->rate_bps / 8 * (p->rtt_ns / 1000) / 1000000;
}

/* Runs until the state is reached; false: not within so many ms. */
static bool run_until(struct path *p, enum bbr_state state, unsigned ms)
{
    uint64_t end_ns = p->now_ns + ms * MS_NS;
    while (p->now_ns < end_ns && bbr_of(p)->state != state) {
        path_step(p, end_ns);
    }
    return bbr_of(p)->state == state;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* With a buffer that holds Startup's queue: Startup doubles, Drain drains, and then the link is
 * full with hardly a queue but while probing. */
static void long_flow(void **state)
{
    (void)state;
    struct path p = path_of(100 * MBIT, 50000, 300);
    assert_int_equal(bbr_of(&p)->state, BBR_STARTUP);
    assert_true(run_until(&p, BBR_DRAIN, 1000));
    assert_in_range(bbr_max_bw(bbr_of(&p)) * 8, 99 * MBIT, 101 * MBIT);
    assert_true(run_until(&p, BBR_CRUISE, 300));
    assert_true(p.flight <= bdp_of(&p) * 11 / 10);
    path_watch(&p);
    path_run(&p, 30000);
    assert_true(path_percent(&p) >= 97);
    assert_true(p.queue_most < bdp_of(&p));
    assert_int_equal(p.drops, 0);
    assert_in_range(bbr_of(&p)->min_rtt_us, 50000, 51000);
    path_free(&p);
}

/* From a modem to a Gbit/s. */
static void every_size_of_path(void **state)
{
    const struct {
        unsigned mbit, rtt_us;
    } paths[] = {{1, 1000},   {1, 100000},  {10, 10000},  {10, 200000},
                 {100, 1000}, {100, 66000}, {1000, 1000}, {1000, 20000}};
    const unsigned buffers[] = {50, 100, 400};
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        for (size_t k = 0; k < sizeof(buffers) / sizeof(buffers[0]); k++) {
            struct path p = path_of(paths[i].mbit * MBIT, paths[i].rtt_us, buffers[k]);
            p.buffer += 20 * MSS;
            path_run(&p, 3000 + 10 * paths[i].rtt_us / 1000);
            path_watch(&p);
            path_run(&p, 6000);
            if (path_percent(&p) < 93) {
                fail_msg("%u Mbit/s, %u us, buffer %u %%: %u %%", paths[i].mbit, paths[i].rtt_us,
                         buffers[k], path_percent(&p));
            }
            assert_int_equal(p.timeouts, 0);
            path_free(&p);
        }
    }
}

/* 5.3.4: every 5 s a dip of 200 ms to half of what the path holds. */
static void probe_rtt(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 30000, 300);
    unsigned times = 0;
    uint64_t began = 0;
    for (uint64_t end_ns = p.now_ns + 26000 * MS_NS; p.now_ns < end_ns;) {
        uint8_t before = bbr_of(&p)->state;
        path_step(&p, end_ns);
        if (before != BBR_PROBE_RTT && bbr_of(&p)->state == BBR_PROBE_RTT) {
            times++;
            began = p.now_ns;
        }
        if (bbr_of(&p)->state == BBR_PROBE_RTT) {
            assert_true(p.cc.cwnd <= bdp_of(&p) * 55 / 100);
        } else if (before == BBR_PROBE_RTT) {
            assert_in_range((p.now_ns - began) / MS_NS, 200, 320);
            assert_int_equal(bbr_of(&p)->state, BBR_CRUISE);
        }
    }
    assert_in_range(times, 4, 5);
    path_free(&p);
}

/* A path that becomes longer is seen after the filter of 10 s, at the latest. */
static void longer_path(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 20000, 500);
    path_run(&p, 4000);
    p.rtt_ns = 40 * MS_NS;
    path_run(&p, 17000);
    assert_in_range(bbr_of(&p)->min_rtt_us, 40000, 42000);
    path_watch(&p);
    path_run(&p, 5000);
    assert_true(path_percent(&p) >= 95);
    path_free(&p);
}

/* Random loss that makes Reno crawl. */
static void random_loss(void **state)
{
    (void)state;
    struct path p = path_of(100 * MBIT, 40000, 100);
    p.loss_ppm = 5000;
    path_run(&p, 3000);
    path_watch(&p);
    path_run(&p, 20000);
    assert_true(path_percent(&p) >= 85);
    path_free(&p);
}

/* A shallow buffer: the probes find its end, and few packets are lost. */
static void shallow_buffer(void **state)
{
    (void)state;
    struct path p = path_of(100 * MBIT, 40000, 5);
    path_run(&p, 3000);
    path_watch(&p);
    path_run(&p, 20000);
    assert_true(path_percent(&p) >= 85);
    assert_true(bbr_of(&p)->inflight_longterm < 2 * bdp_of(&p));
    assert_true(p.drops * MSS * 100 < (p.delivered - p.watch_delivered) * 2);
    path_free(&p);
}

/* More bandwidth is found by the next probes; less drains the queue once the filter forgets. */
static void other_rates(void **state)
{
    (void)state;
    struct path p = path_of(40 * MBIT, 40000, 400);
    path_run(&p, 5000);
    p.rate_bps = 160 * MBIT;
    path_run(&p, 12000);
    path_watch(&p);
    path_run(&p, 5000);
    assert_true(path_percent(&p) >= 95);

    p.rate_bps = 40 * MBIT;
    path_run(&p, 15000);
    path_watch(&p);
    path_run(&p, 5000);
    assert_true(path_percent(&p) >= 95);
    assert_in_range(bbr_max_bw(bbr_of(&p)) * 8, 38 * MBIT, 42 * MBIT);
    assert_true(p.queue_most < bdp_of(&p));
    path_free(&p);
}

/* Two seconds in which everything is lost: the window becomes a segment, and comes back with the
 * first ACKs. */
static void black_hole(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 30000, 200);
    path_run(&p, 4000);
    p.loss_ppm = 1000000;
    path_run(&p, 2000);
    assert_true(p.timeouts > 0);
    assert_int_equal(p.cc.cwnd, MSS);
    p.loss_ppm = 0;
    path_run(&p, 4000);
    path_watch(&p);
    path_run(&p, 4000);
    assert_true(path_percent(&p) >= 93);
    path_free(&p);
}

/* 5.3.3.8: probes come after 2 to 3 s, or after as many round trips as Reno would need. */
static void time_between_probes(void **state)
{
    const struct {
        unsigned mbit, rtt_us, least_ms, most_ms;
    } cases[] = {{100, 100000, 1900, 3600},
                 {100, 10000, 550, 800}, /* 62 or 63 rounds of 10 ms, with some queueing */
                 {10, 20000, 250, 600}}; /* 16 rounds of 20 ms */
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct path p = path_of(cases[i].mbit * MBIT, cases[i].rtt_us, 300);
        path_run(&p, 6000);
        uint64_t last = 0;
        unsigned probes = 0;
        for (uint64_t end_ns = p.now_ns + 20000 * MS_NS; p.now_ns < end_ns;) {
            uint8_t before = bbr_of(&p)->state;
            path_step(&p, end_ns);
            if (bbr_of(&p)->state == BBR_PROBE_RTT) {
                last = p.now_ns; /* its end begins the cycle anew */
            } else if (before != BBR_DOWN && bbr_of(&p)->state == BBR_DOWN) {
                last = p.now_ns;
            } else if (before != BBR_REFILL && bbr_of(&p)->state == BBR_REFILL && last != 0) {
                assert_in_range((p.now_ns - last) / MS_NS, cases[i].least_ms, cases[i].most_ms);
                probes++;
            }
        }
        assert_true(probes >= 3);
        path_free(&p);
    }
}

/* The same input gives the same; what differs a little does not stay in step. */
static void deterministic(void **state)
{
    (void)state;
    struct path p[3];
    for (unsigned i = 0; i < 3; i++) {
        p[i] = path_of(20 * MBIT, 100000, 200);
        p[i].now_ns += i == 2 ? 1000 : 0;
        path_run(&p[i], 5000);
    }
    assert_int_equal(p[0].delivered, p[1].delivered);
    assert_int_equal(bbr_of(&p[0])->bw_probe_wait_us, bbr_of(&p[1])->bw_probe_wait_us);
    assert_int_not_equal(bbr_of(&p[0])->bw_probe_wait_us, bbr_of(&p[2])->bw_probe_wait_us);
    for (unsigned i = 0; i < 3; i++) {
        path_free(&p[i]);
    }
}

/* ---- parts ----------------------------------------------------------------------------------- */

/* 5.6.1, 5.6.2: gain, and the margin of one percent. */
static void pacing_rates(void **state)
{
    const unsigned percent[] = {277, 50, 90, 100, 100, 125, 100};
    (void)state;
    struct path p = path_of(100 * MBIT, 50000, 300);
    bool seen[BBR_NONE] = {false};
    for (uint64_t end_ns = p.now_ns + 12000 * MS_NS; p.now_ns < end_ns;) {
        path_step(&p, end_ns);
        struct bbr *b = bbr_of(&p);
        uint64_t should = b->bw * 8 * percent[b->state] / 100 * 99 / 100;
        if (b->full_bw_reached) {
            assert_int_equal(p.cc.pacing_bps, should);
        } else {
            assert_true(p.cc.pacing_bps >= should);
        }
        seen[b->state] = true;
    }
    for (unsigned i = 0; i < BBR_NONE; i++) {
        assert_true(seen[i]);
    }
    path_free(&p);
}

/* 5.6.1: the gains of the window; 5.6.4.2: what is added to it, and 5.5.8.1 the quanta of offload.
 */
static void volumes(void **state)
{
    const unsigned percent[] = {200, 200, 200, 200, 200, 225, 50};
    (void)state;
    struct path p = path_of(100 * MBIT, 50000, 300);
    struct bbr *b = bbr_of(&p);
    p.cc.pacing_bps = 1;
    assert_int_equal(bbr_inflight(&p.cc, 10000000, 100), 14600); /* no round-trip time yet */
    b->min_rtt_us = 50000;
    for (b->state = BBR_STARTUP; b->state < BBR_NONE; b->state++) {
        unsigned more = b->state == BBR_UP ? 2 * MSS : 0;
        assert_int_equal(bbr_cwnd_percent(b), percent[b->state]);
        p.cc.pacing_bps = 100 * MBIT; /* a quantum of 8 segments */
        assert_int_equal(bbr_inflight(&p.cc, 10000000, 100), 500000 + more);
        assert_int_equal(bbr_inflight(&p.cc, 1000, 100), 24 * MSS + more);
        p.cc.pacing_bps = 1;
        assert_int_equal(bbr_inflight(&p.cc, 1000, 100), 6 * MSS + more);
    }
    assert_int_equal(bbr_volume(UINT64_C(1) << 40, UINT64_MAX), 1U << 30);
    assert_int_equal(bbr_volume(999999, 1000001), 999999);
    path_free(&p);
}

/* 5.6.2: before anything is known, the initial window over the round trip, times 2.77. */
static void initial_pacing(void **state)
{
    (void)state;
    struct path p = path_of(100 * MBIT, 50000, 300);
    assert_int_equal(p.cc.pacing_bps, 14600 * 8 * 277 / 100 * UINT64_C(1000) + 1); /* in 1 ms */
    assert_true(cc_bbr.traits & CC_PACED);
    memset(p.cc.state, 0, cc_bbr.state_bytes);
    p.cc.srtt_us = 100000;
    cc_bbr.begin(&p.cc, p.now_ns);
    assert_int_equal(p.cc.pacing_bps, 14600 * 8 * 277 / 100 * 10 + 1);
    path_free(&p);
}

static struct cc_lost lost_of(struct path *p, uint32_t flight, uint32_t lost, uint32_t bytes)
{
    return (struct cc_lost){.now_ns = p->now_ns,
                            .delivered = p->delivered,
                            .bytes = bytes,
                            .flight = flight,
                            .lost = lost,
                            .delivered_then = (uint32_t)p->delivered};
}

/* 5.5.10.2: what was in flight when losses crossed 2 %, within the packet that did it. */
static void inflight_at_loss(void **state)
{
    (void)state;
    const uint32_t k = 100000;
    const struct {
        uint32_t flight, lost, bytes, longterm;
    } cases[] = {
        /* inflight_prev 900 k, lost_prev 0: 18 k / 0.98 more are allowed. */
        {10 * k, k, k, 9 * k + 18367},
        /* lost_prev 10 k of 890 k. */
        {10 * k, 120000, 110000, 890000 + 7959},
        /* Too much was lost before it: nothing of it fits. */
        {10 * k, 300000, 100000, 900000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct path p = path_of(50 * MBIT, 50000, 300);
        assert_true(run_until(&p, BBR_UP, 9000));
        struct cc_lost few = lost_of(&p, 10 * k, 2 * k / 10, 1500); /* exactly 2 % */
        cc_bbr.lost(&p.cc, &few);
        assert_int_equal(bbr_of(&p)->state, BBR_UP);
        assert_int_equal(bbr_of(&p)->inflight_longterm, INFINITE);

        struct cc_lost lost = lost_of(&p, cases[i].flight, cases[i].lost, cases[i].bytes);
        cc_bbr.lost(&p.cc, &lost);
        assert_int_equal(bbr_of(&p)->state, BBR_DOWN);
        assert_int_equal(bbr_of(&p)->inflight_longterm, cases[i].longterm);
        assert_true(bbr_of(&p)->prev_probe_too_high);

        lost.flight = 10 * MSS; /* once a probe */
        cc_bbr.lost(&p.cc, &lost);
        assert_int_equal(bbr_of(&p)->inflight_longterm, cases[i].longterm);
        path_free(&p);
    }
}

/* ... but never below Beta times what is wanted in flight; and not for the application's lack. */
static void longterm_is_bounded(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 50000, 300);
    assert_true(run_until(&p, BBR_UP, 9000));
    struct cc_lost lost = lost_of(&p, 10 * MSS, 5 * MSS, MSS);
    lost.app_limited = true;
    struct bbr copy = *bbr_of(&p);
    cc_bbr.lost(&p.cc, &lost);
    assert_int_equal(bbr_of(&p)->inflight_longterm, INFINITE);
    assert_int_equal(bbr_of(&p)->state, BBR_DOWN);
    *bbr_of(&p) = copy;
    lost.app_limited = false;
    cc_bbr.lost(&p.cc, &lost);
    assert_in_range(bbr_of(&p)->inflight_longterm, bdp_of(&p) * 69 / 100, bdp_of(&p) * 72 / 100);
    path_free(&p);
}

/* 5.5.10.3: a round trip with losses outside of probing: what was delivered, at least 0.7 of what
 * was thought before. 5.3.3.3: forgotten by the next refill. */
static void shortterm(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 50000, 300);
    assert_true(run_until(&p, BBR_CRUISE, 9000));
    path_run(&p, 200);
    assert_true(bbr_of(&p)->bw_shortterm == INFINITE_BW);
    struct cc_lost lost = lost_of(&p, p.flight, MSS, MSS);
    cc_bbr.lost(&p.cc, &lost);
    bbr_of(&p)->bw_latest = 0;
    bbr_of(&p)->inflight_latest = 0;
    uint32_t cwnd = p.cc.cwnd;
    path_run(&p, 120);
    assert_true(bbr_of(&p)->bw_shortterm <= bbr_max_bw(bbr_of(&p)));
    assert_true(bbr_of(&p)->bw_shortterm >= bbr_max_bw(bbr_of(&p)) * 7 / 10);
    assert_in_range(bbr_of(&p)->inflight_shortterm, cwnd / 10 * 7, cwnd);
    assert_true(run_until(&p, BBR_REFILL, 4000));
    assert_true(bbr_of(&p)->bw_shortterm == INFINITE_BW);
    assert_int_equal(bbr_of(&p)->inflight_shortterm, INFINITE);
    path_free(&p);
}

/* 5.6.4.7: the caps of the window: what was too much, less headroom while cruising; the short-term
 * volume. */
static void volume_caps(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 50000, 300);
    assert_true(run_until(&p, BBR_CRUISE, 9000));
    struct bbr *b = bbr_of(&p);
    b->inflight_longterm = 100 * MSS;
    path_run(&p, 10);
    assert_int_equal(b->state, BBR_CRUISE);
    assert_true(p.cc.cwnd <= b->inflight_longterm * 85 / 100);
    b->inflight_shortterm = 20 * MSS;
    path_run(&p, 10);
    assert_int_equal(p.cc.cwnd, 20 * MSS);
    b->inflight_shortterm = MSS;
    path_run(&p, 20);
    assert_int_equal(p.cc.cwnd, 4 * MSS); /* MinPipeCwnd */
    b->inflight_shortterm = INFINITE;
    path_run(&p, 500);
    assert_int_equal(b->state, BBR_CRUISE);
    assert_int_equal(p.cc.cwnd, b->inflight_longterm * 85 / 100);
    assert_true(run_until(&p, BBR_REFILL, 5000));
    path_run(&p, 45);
    assert_int_equal(b->state, BBR_REFILL);
    assert_true(p.cc.cwnd <= b->inflight_longterm);
    assert_true(p.cc.cwnd > b->inflight_longterm * 85 / 100);
    path_free(&p);
}

/* 5.5.9: ACKs that come in heaps: the window allows for the heap. */
static void aggregation(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 20000, 300);
    assert_true(run_until(&p, BBR_CRUISE, 9000));
    struct bbr *b = bbr_of(&p);
    uint32_t cwnd = p.cc.cwnd;
    b->extra_acked[1] = 50 * MSS;
    path_run(&p, 40);
    assert_in_range(p.cc.cwnd, cwnd + 40 * MSS, cwnd + 60 * MSS);
    path_run(&p, 2000); /* more than ten rounds without */
    assert_true(b->extra_acked[0] < 15 * MSS && b->extra_acked[1] < 15 * MSS);
    path_free(&p);
}

/* ---- by hand, a round an ACK ----------------------------------------------------------------- */

static struct cc_ack round_ack(struct rig *r, uint32_t bw)
{
    struct cc_ack ack = rig_ack(r, 20 * MSS);
    r->now_ns += 50 * MS_NS;
    ack.now_ns = r->now_ns;
    ack.sample_delivered = 20 * MSS; /* everything since the ACK before: a round */
    ack.sample_us = (uint32_t)(20 * MSS * UINT64_C(1000000) / bw);
    ack.sample_flight = 20 * MSS;
    ack.flight = 1000 * MSS;
    ack.limited = false;
    return ack;
}

static struct bbr *by_hand(struct rig *r, enum bbr_state state)
{
    rig_init(r, &cc_bbr, MSS);
    r->srtt_us = 50000;
    struct cc_ack ack = round_ack(r, 10000000);
    r->cc.ops->acked(&r->cc, &ack);
    struct bbr *b = r->cc.state;
    b->state = state;
    b->full_bw_reached = state != BBR_STARTUP;
    b->cycle_stamp = r->now_ns;
    b->bw_probe_wait_us = 2000000;
    return b;
}

static void rounds_of(struct rig *r, uint32_t bw, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct cc_ack ack = round_ack(r, bw);
        r->cc.ops->acked(&r->cc, &ack);
    }
}

/* 5.3.1.2: three rounds with less than a quarter more; 5.3.2: Drain ends after three more. */
static void plateau(void **state)
{
    (void)state;
    struct rig r;
    struct bbr *b = by_hand(&r, BBR_STARTUP);
    rounds_of(&r, 12000000, 2);
    rounds_of(&r, 12600000, 1); /* a quarter more than 10: begins anew */
    rounds_of(&r, 15000000, 2);
    for (unsigned i = 0; i < 5; i++) {
        struct cc_ack ack = round_ack(&r, 1000000);
        ack.sample_app_limited = true; /* says nothing */
        r.cc.ops->acked(&r.cc, &ack);
    }
    assert_false(b->full_bw_reached);
    assert_int_equal(b->state, BBR_STARTUP);
    rounds_of(&r, 15000000, 1);
    assert_true(b->full_bw_reached);
    assert_int_equal(b->state, BBR_DRAIN);
    rounds_of(&r, 15000000, 3);
    assert_int_equal(b->state, BBR_DRAIN);
    rounds_of(&r, 15000000, 1);
    assert_int_equal(b->state, BBR_DOWN);
    rig_free(&r);
}

/* 5.3.3.6: after a probe that went too high the next one only goes where that had been; if that is
 * well, another follows at once. */
static void precaution(void **state)
{
    (void)state;
    struct rig r;
    struct bbr *b = by_hand(&r, BBR_REFILL);
    b->inflight_longterm = 1000 * MSS;
    b->prev_probe_too_high = true;
    struct cc_ack ack = round_ack(&r, 10000000);
    ack.flight = 900 * MSS;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(b->state, BBR_UP);
    ack = round_ack(&r, 10000000);
    ack.flight = 999 * MSS;
    r.cc.ops->acked(&r.cc, &ack);
    assert_int_equal(b->state, BBR_UP);
    rounds_of(&r, 10000000, 1); /* 1000 */
    assert_int_equal(b->state, BBR_DOWN);
    assert_true(b->prev_probe_precautionary);
    assert_false(b->prev_probe_too_high);
    rounds_of(&r, 10000000, 1);
    assert_int_equal(b->state, BBR_REFILL);

    /* Not so if it was not well. */
    b->state = BBR_DOWN;
    b->ack_phase = ACKS_STOPPING;
    b->prev_probe_precautionary = true;
    b->prev_probe_too_high = true;
    b->cycle_stamp = r.now_ns;
    rounds_of(&r, 10000000, 1);
    assert_int_equal(b->state, BBR_DOWN);
    rig_free(&r);
}

/* 5.3.3.5: the long-term bound grows by 1, 2, 4, 8 ... segments in the rounds of a probe. */
static void slope(void **state)
{
    (void)state;
    struct rig r;
    struct bbr *b = by_hand(&r, BBR_REFILL);
    rounds_of(&r, 10000000, 1);
    assert_int_equal(b->state, BBR_UP);
    b->inflight_longterm = 640 * MSS;
    for (unsigned grown = 1; grown <= 16; grown *= 2) {
        uint32_t before = b->inflight_longterm;
        r.cc.cwnd = before;
        b->probe_up_acked_per_inc = r.cc.cwnd / grown;
        /* A window's ACKs of which the last begins the next round. */
        for (unsigned i = 0; i < 4; i++) {
            struct cc_ack ack = rig_ack(&r, r.cc.cwnd / 4);
            ack.now_ns = r.now_ns += 10 * MS_NS;
            ack.sample_delivered = i == 3 ? ack.acked : (uint32_t)r.delivered;
            ack.sample_us = 100000;
            ack.flight = r.cc.cwnd;
            bbr_reset_full_bw(b); /* the plateau is another test's */
            r.cc.ops->acked(&r.cc, &ack);
            assert_int_equal(b->state, BBR_UP);
            r.cc.cwnd = b->inflight_longterm;
        }
        assert_in_range(b->inflight_longterm - before, (grown - 1) * MSS, (grown + 1) * MSS);
        assert_in_range(b->probe_up_acked_per_inc, r.cc.cwnd / (2 * grown) - MSS,
                        r.cc.cwnd / (2 * grown) + MSS);
    }
    rig_free(&r);
}

/* 5.3.4.3: what left during ProbeRTT says nothing of the bandwidth. */
static void probe_rtt_samples(void **state)
{
    (void)state;
    struct rig r;
    struct bbr *b = by_hand(&r, BBR_CRUISE);
    r.now_ns += 6000 * MS_NS;
    rounds_of(&r, 10000000, 1);
    assert_int_equal(b->state, BBR_PROBE_RTT);
    uint64_t until = r.delivered + 1000 * MSS;
    for (unsigned above = 0; above < 2; above++) {
        struct cc_ack ack = {.delivered = until + 10 * MSS, .sample_us = 1};
        ack.sample_delivered = 10 * MSS + 1 - above;
        assert_int_equal(bbr_sample_of(b, &ack).app_limited, !above);
    }
    rig_free(&r);
}

/* ... and it lasts a round trip at least, however long that is. */
static void probe_rtt_round(void **state)
{
    (void)state;
    struct path p = path_of(10 * MBIT, 400000, 200);
    uint64_t low = 0;
    unsigned times = 0;
    for (uint64_t end_ns = p.now_ns + 20000 * MS_NS; p.now_ns < end_ns;) {
        uint8_t before = bbr_of(&p)->state;
        path_step(&p, end_ns);
        if (bbr_of(&p)->state == BBR_PROBE_RTT) {
            low = low || bbr_of(&p)->probe_rtt_done_stamp == 0 ? low : p.now_ns;
        } else if (before == BBR_PROBE_RTT) {
            assert_in_range((p.now_ns - low) / MS_NS, 395, 500);
            low = 0;
            times++;
        }
    }
    assert_true(times >= 2);
    path_free(&p);
}

/* On a path that holds less than a packet the filter forgets as well. */
static void short_path(void **state)
{
    (void)state;
    struct path p = path_of(10 * MBIT, 0, 0);
    p.buffer = 40 * MSS;
    path_run(&p, 3000);
    assert_true(bbr_max_bw(bbr_of(&p)) * 8 > 9 * MBIT);
    p.rate_bps = 2 * MBIT;
    path_run(&p, 3000);
    assert_true(bbr_max_bw(bbr_of(&p)) * 8 < 3 * MBIT);
    path_free(&p);

    /* For between two probes there are four rounds. */
    struct rig r;
    struct bbr *b = by_hand(&r, BBR_DOWN);
    b->min_rtt_us = b->probe_rtt_min_us = 1;
    b->rounds_since_probe_up = 0;
    rounds_of(&r, 10000000, 3);
    assert_int_equal(b->state, BBR_DOWN);
    rounds_of(&r, 10000000, 1);
    assert_int_equal(b->state, BBR_REFILL);
    rig_free(&r);
}

/* 5.3.1.3: a round trip of recovery with more than 2 % lost ends Startup, if ACKs told of losses
 * six times; without SACK any loss does. 5.5.11: an undo brings Startup back. */
static void startup_loss(void **state)
{
    (void)state;
    for (unsigned events = 5; events <= 6; events++) {
        for (unsigned no_sack = 0; no_sack < 2; no_sack++) {
            struct path p = path_of(1000 * MBIT, 50000, 300);
            path_run(&p, 200);
            struct bbr *b = bbr_of(&p);
            assert_int_equal(b->state, BBR_STARTUP);
            struct cc_ack ack = {.delivered = p.delivered,
                                 .rtt_us = 50000,
                                 .srtt_us = 50000,
                                 .phase = CC_RECOVERY,
                                 .no_sack = no_sack};
            uint32_t cwnd = p.cc.cwnd;
            uint64_t began = p.delivered;
            struct cc_lost lost = lost_of(&p, 100 * MSS, MSS, MSS);
            for (unsigned i = 0; i < events; i++) {
                cc_bbr.lost(&p.cc, &lost);
                if (i == 0) {
                    cc_bbr.congestion(&p.cc, CC_CAUSE_LOSS, 100 * MSS, p.now_ns);
                }
                ack.now_ns = p.now_ns += MS_NS;
                ack.delivered += MSS;
                ack.acked = MSS;
                ack.sample_delivered = (uint32_t)(ack.delivered - began) + 50 * MSS;
                ack.sample_us = 50000;
                cc_bbr.acked(&p.cc, &ack); /* packets from before the loss */
                assert_int_equal(b->state, BBR_STARTUP);
            }
            ack.now_ns = p.now_ns += 50 * MS_NS;
            ack.delivered += 80 * MSS;
            ack.sample_delivered = 80 * MSS;
            ack.sample_flight = 100 * MSS;
            ack.sample_lost = 3 * MSS;
            ack.flight = 100 * MSS;
            cc_bbr.acked(&p.cc, &ack);
            bool over = events == 6 || no_sack;
            assert_int_equal(b->full_bw_reached, over);
            assert_int_equal(b->state != BBR_STARTUP, over);
            assert_int_equal(b->inflight_longterm != INFINITE, over);

            cc_bbr.undo(&p.cc, p.now_ns);
            assert_int_equal(b->state, BBR_STARTUP);
            assert_false(b->full_bw_reached);
            assert_int_equal(b->inflight_longterm, INFINITE);
            assert_true(b->bw_shortterm == INFINITE_BW);
            assert_true(p.cc.cwnd >= cwnd);
            path_free(&p);
        }
    }
}

/* 5.5.11: an undo of a loss that ended a probe refills and goes on probing. */
static void undo_of_a_probe(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 50000, 300);
    assert_true(run_until(&p, BBR_UP, 9000));
    uint32_t cwnd = p.cc.cwnd;
    struct cc_lost lost = lost_of(&p, 200 * MSS, 10 * MSS, MSS);
    cc_bbr.lost(&p.cc, &lost);
    cc_bbr.congestion(&p.cc, CC_CAUSE_LOSS, 200 * MSS, p.now_ns);
    assert_int_equal(bbr_of(&p)->state, BBR_DOWN);
    cc_bbr.undo(&p.cc, p.now_ns);
    assert_int_equal(bbr_of(&p)->state, BBR_REFILL);
    assert_int_equal(bbr_of(&p)->inflight_longterm, INFINITE);
    assert_true(p.cc.cwnd >= cwnd);
    path_free(&p);
}

/* 5.6.4.4: a timeout leaves a segment; the end of recovery restores the window. */
static void timeout(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 50000, 300);
    path_run(&p, 4000);
    uint32_t cwnd = p.cc.cwnd;
    cc_bbr.congestion(&p.cc, CC_CAUSE_TIMEOUT, p.flight, p.now_ns);
    assert_int_equal(p.cc.cwnd, MSS);
    assert_true(p.cc.ssthresh >= 2 * MSS);
    cc_bbr.recovered(&p.cc, p.now_ns);
    assert_int_equal(p.cc.cwnd, cwnd);

    /* The next episode's undo is its own. */
    cc_bbr.recovered(&p.cc, p.now_ns);
    bbr_of(&p)->inflight_longterm = 77 * MSS;
    struct cc_lost lost = lost_of(&p, 100 * MSS, MSS, MSS);
    cc_bbr.lost(&p.cc, &lost);
    bbr_of(&p)->inflight_longterm = 55 * MSS;
    cc_bbr.lost(&p.cc, &lost); /* reduced already: not what an undo restores */
    bbr_of(&p)->loss_in_round = false;
    cc_bbr.lost(&p.cc, &lost);
    cc_bbr.undo(&p.cc, p.now_ns);
    assert_int_equal(bbr_of(&p)->inflight_longterm, 77 * MSS);
    path_free(&p);
}

/* 3.7: marks are congestion, though BBR does not ask for ECN. */
static void ecn(void **state)
{
    (void)state;
    assert_false(cc_bbr.traits & (CC_WANTS_ECN | CC_SCALES_ECN));
    struct path p = path_of(50 * MBIT, 50000, 300);
    path_run(&p, 100);
    assert_int_equal(bbr_of(&p)->state, BBR_STARTUP);
    cc_bbr.congestion(&p.cc, CC_CAUSE_ECN, p.flight, p.now_ns);
    cc_bbr.recovered(&p.cc, p.now_ns);
    path_run(&p, 100);
    assert_int_not_equal(bbr_of(&p)->state, BBR_STARTUP);
    path_free(&p);

    p = path_of(50 * MBIT, 50000, 300);
    p.mark_above = 30000;
    path_run(&p, 4000);
    path_watch(&p);
    path_run(&p, 10000);
    assert_true(path_percent(&p) >= 80);
    assert_true(p.queue_most < bdp_of(&p));
    path_free(&p);
}

/* 5.4.1: after idleness at exactly the bandwidth, and no ProbeRTT though its time has come. */
static void restart(void **state)
{
    (void)state;
    struct path p = path_of(50 * MBIT, 50000, 300);
    assert_true(run_until(&p, BBR_UP, 9000));
    uint32_t cwnd = p.cc.cwnd;
    uint64_t bw = bbr_of(&p)->bw;
    path_watch(&p);
    /* Silence: what was in flight arrives, nothing new leaves. */
    p.cc.cwnd = 0;
    while (p.flight > 0) {
        path_step(&p, UINT64_MAX - 1);
        p.cc.cwnd = 0;
    }
    p.cc.cwnd = cwnd;
    p.now_ns += 20000 * MS_NS;
    cc_bbr.restart(&p.cc, 20000 * MS_NS, p.now_ns);
    assert_int_equal(p.cc.cwnd, cwnd);
    assert_int_equal(p.cc.pacing_bps, bw * 8 * 99 / 100);
    path_run(&p, 100);
    assert_int_not_equal(bbr_of(&p)->state, BBR_PROBE_RTT);
    path_watch(&p);
    path_run(&p, 1000);
    assert_true(path_percent(&p) >= 95);
    path_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_flow),
        cmocka_unit_test(every_size_of_path),
        cmocka_unit_test(probe_rtt),
        cmocka_unit_test(longer_path),
        cmocka_unit_test(random_loss),
        cmocka_unit_test(shallow_buffer),
        cmocka_unit_test(other_rates),
        cmocka_unit_test(black_hole),
        cmocka_unit_test(time_between_probes),
        cmocka_unit_test(deterministic),
        cmocka_unit_test(pacing_rates),
        cmocka_unit_test(initial_pacing),
        cmocka_unit_test(inflight_at_loss),
        cmocka_unit_test(longterm_is_bounded),
        cmocka_unit_test(shortterm),
        cmocka_unit_test(startup_loss),
        cmocka_unit_test(undo_of_a_probe),
        cmocka_unit_test(volume_caps),
        cmocka_unit_test(aggregation),
        cmocka_unit_test(volumes),
        cmocka_unit_test(plateau),
        cmocka_unit_test(precaution),
        cmocka_unit_test(slope),
        cmocka_unit_test(probe_rtt_samples),
        cmocka_unit_test(probe_rtt_round),
        cmocka_unit_test(short_path),
        cmocka_unit_test(timeout),
        cmocka_unit_test(ecn),
        cmocka_unit_test(restart),
    };
    return cmocka_run_group_tests_name("core/cc/bbr", tests, NULL, NULL);
}
