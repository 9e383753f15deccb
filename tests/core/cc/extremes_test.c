/* Every controller and every call with values that no sane connection would give, and long random
 * walks: nothing overflows, and the invariants of cc.h hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cc/cc.h"
#include "support/cc_path.h"
#include "support/cc_rig.h"
#include "support/core_memory.h"

#include <cmocka.h> /* last: it makes `fail` a macro */

static uint64_t seed = 1;

/* Small, large, the edges of types, and anything. */
static uint32_t wild(void)
{
    const uint32_t edges[] = {0,         1, 2, 1459, 65535, 1U << 30, INT32_MAX, UINT32_MAX - 1,
                              UINT32_MAX};
    switch (random_below(&seed, 3)) {
    case 0:
        return edges[random_below(&seed, sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return random_below(&seed, 200000);
    default:
        return random_below(&seed, UINT32_MAX) >> random_below(&seed, 32);
    }
}

static uint32_t at_most(uint32_t most)
{
    uint32_t n = wild();
    return n < most ? n : most;
}

static void holds(const struct cc *cc)
{
    assert_true(cc->cwnd >= cc->mss);
    assert_true(cc->ssthresh >= 2 * cc->mss);
    if (cc->ops->traits & CC_PACED) {
        assert_true(cc->pacing_bps > 0);
    }
}

static struct cc_ack wild_ack(struct rig *r, bool sane)
{
    uint32_t acked = sane ? 1 + random_below(&seed, 50 * r->cc.mss) : wild();
    struct cc_ack ack = rig_ack(r, acked);
    ack.rtt_us = wild() % 100000001; /* up to 100 s */
    ack.srtt_us = wild() % 100000001;
    ack.min_rtt_us = ack.rtt_us;
    ack.flight = wild();
    ack.prior_flight = wild();
    ack.lost = wild();
    uint64_t most = ack.delivered < UINT32_MAX ? ack.delivered : UINT32_MAX;
    ack.sample_delivered = at_most((uint32_t)most);
    ack.sample_us = wild();
    ack.sample_flight = wild();
    ack.sample_lost = wild();
    ack.ce = at_most(acked);
    ack.phase = (uint8_t)random_below(&seed, 4);
    uint32_t bits = wild();
    ack.sample_app_limited = bits & 1;
    ack.round_start = random_below(&seed, 4) == 0;
    ack.limited = random_below(&seed, 4) != 0;
    ack.paced = bits & 2;
    ack.no_sack = bits & 4;
    return ack;
}

static void wild_call(struct rig *r, bool sane)
{
    struct cc *cc = &r->cc;
    struct cc_ack ack;
    struct cc_lost lost = {.now_ns = r->now_ns,
                           .delivered = r->delivered,
                           .bytes = wild(),
                           .flight = wild(),
                           .lost = wild(),
                           .delivered_then = at_most((uint32_t)r->delivered),
                           .app_limited = random_below(&seed, 2)};
    switch (random_below(&seed, 24)) {
    case 0:
        cc->ops->congestion(cc, random_below(&seed, 3), wild(), r->now_ns);
        break;
    case 1:
        cc->ops->recovered(cc, r->now_ns);
        break;
    case 2:
        cc->ops->undo(cc, r->now_ns);
        break;
    case 3:
        cc->ops->restart(cc, random_u64(&seed) >> random_below(&seed, 64), r->now_ns);
        break;
    case 4:
    case 5:
        cc->ops->lost(cc, &lost);
        break;
    default:
        ack = wild_ack(r, sane);
        cc->ops->acked(cc, &ack);
        break;
    }
}

static void wild_calls(void **state)
{
    const uint32_t sizes[] = {1, 2, 48, 536, 1460, 9000, 65535};
    (void)state;
    for (unsigned n = 0; cc_nth(n); n++) {
        for (unsigned walk = 0; walk < 400; walk++) {
            struct rig r;
            rig_init(&r, cc_nth(n), sizes[walk % (sizeof(sizes) / sizeof(sizes[0]))]);
            r.cc.cwnd = walk % 3 ? r.cc.cwnd : walk % 2 ? r.cc.mss : 1U << 30;
            r.cc.srtt_us = wild() % 100000001;
            bool sane = walk % 2;
            for (unsigned i = 0; i < 500; i++) {
                uint32_t shift = random_below(&seed, 40);
                r.now_ns += random_u64(&seed) >> (24 + shift);
                r.srtt_us = r.cc.srtt_us;
                wild_call(&r, sane);
                holds(&r.cc);
            }
            rig_free(&r);
        }
    }
}

/* No ACK adds more than it acknowledges, or the segment that was counted together. (BBR restores
 * its window at the end of ProbeRTT.) */
static void growth(void **state)
{
    (void)state;
    for (unsigned n = 0; cc_nth(n); n++) {
        for (unsigned walk = 0; walk < 200 && !(cc_nth(n)->traits & CC_OWN_CWND); walk++) {
            struct rig r;
            rig_init(&r, cc_nth(n), 1460);
            r.srtt_us = 1 + random_below(&seed, 300000);
            for (unsigned i = 0; i < 1000; i++) {
                r.now_ns += random_below(&seed, 10000000);
                uint32_t acked = 1 + random_below(&seed, 4 * r.cc.mss), before = r.cc.cwnd;
                struct cc_ack ack = rig_ack(&r, acked);
                ack.round_start = random_below(&seed, 20) == 0;
                r.cc.ops->acked(&r.cc, &ack);
                assert_true(r.cc.cwnd <= before + (acked > r.cc.mss ? acked : r.cc.mss));
                if (random_below(&seed, 100) == 0) {
                    rig_episode(&r, random_below(&seed, 3));
                }
            }
            rig_free(&r);
        }
    }
}

/* All of them fill a path that has a buffer. */
static void all_fill_a_path(void **state)
{
    (void)state;
    for (unsigned n = 0; cc_nth(n); n++) {
        struct path p;
        path_init(&p, cc_nth(n), 50000000, 20000, 125000);
        path_run(&p, 8000);
        path_watch(&p);
        path_run(&p, 10000);
        assert_true(path_percent(&p) >= 93);
        assert_int_equal(p.timeouts, 0);
        path_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wild_calls),
        cmocka_unit_test(growth),
        cmocka_unit_test(all_fill_a_path),
    };
    return cmocka_run_group_tests_name("core/cc/extremes", tests, NULL, NULL);
}
