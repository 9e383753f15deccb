/* Default settings fill a long fat path: buffers follow it, within the memory of the stack (RFC
 * 7323 1.1; docs/windows.md). And the path's MTU is found when routers drop what is too large,
 * whether they say so or not (RFC 4821). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"

static struct plan plan;
static struct sim_result result;

/* a - b, or with `routers` a - r - b. */
static void two_hosts(uint32_t mtu)
{
    plan_init(&plan);
    for (unsigned i = 0; i < 2; i++) {
        int n = plan_add_node(&plan, i == 0 ? "a" : "b", false);
        plan.nodes[n].mtu = mtu;
        plan.nodes[n].offload = true;
    }
}

/* With a queue of two round trips. */
static void link_of(unsigned a, unsigned b, uint64_t rate_bps, uint64_t delay_ns, uint32_t mtu,
                    bool icmp)
{
    int l = plan_add_link(&plan, a, b);
    for (unsigned lane = 0; lane < 2; lane++) {
        struct la_impair *how = &plan.links[l].lane[lane];
        how->rate_bps = rate_bps;
        how->delay_ns = delay_ns;
        how->queue_bytes = (uint32_t)(rate_bps / 8 * 4 * delay_ns / LA_NS_PER_S);
        how->mtu = icmp ? 0 : mtu;
        how->mtu_icmp = icmp ? mtu : 0;
    }
}

static struct plan_flow *flow_of(uint64_t bytes)
{
    int f = plan_add_flow(&plan, "f", 0, 1);
    plan.flows[f].bytes[0] = bytes;
    return &plan.flows[f];
}

/* ---- windows --------------------------------------------------------------------------------- */

struct seen {
    uint32_t flight;
};

static void look(void *ctx, unsigned flow, unsigned end, const struct sim_sample *s)
{
    struct seen *seen = ctx;
    seen->flight = s->flight > seen->flight ? s->flight : seen->flight;
}

/* 10 Gbit/s x 100 ms: 125 MB in flight, and the line is full once slow start is over. The queue
 * takes what the buffers allow at most, so that nothing but they could hold the sender back. */
static void long_fat_path(void **state)
{
    struct seen seen = {0};
    struct sim_watch watch = {.ctx = &seen,
                              .sample = look,
                              .every_ns = LA_NS_PER_MS,
                              .unchecked = true,
                              .measure_from_ns = 1700 * LA_NS_PER_MS};
    two_hosts(9000); /* fewer packets: the run is shorter */
    link_of(0, 1, 10000000000, 50 * LA_NS_PER_MS, 0, false);
    flow_of(1200000000);
    assert_true(sim_run(&plan, &watch, &result));
    if (result.broken)
        fail_msg("%s", result.violation);
    const struct sim_flow_result *f = &result.flows[0];
    assert_int_equal(f->bytes[0], 1200000000);
    assert_true(seen.flight >= 125000000);
    double seconds = (double)(f->ended_ns - watch.measure_from_ns) / LA_NS_PER_S;
    double bps = 8 * (double)f->measured[0] / seconds;
    if (bps < 0.98e10) /* headers take 0.7 % of it */
        fail_msg("%.2f Gbit/s in the last %.2f s", bps / 1e9, seconds);
    assert_int_equal(f->rtx_bytes[0], 0);
}

/* ---- black holes ----------------------------------------------------------------------------- */

/* The path takes `mtu` bytes; 100 kB are enough to find out. */
static void narrow(uint32_t mtu, bool icmp, bool v6, uint32_t timeouts)
{
    struct sim_watch watch = {.measure_from_ns = 0};
    two_hosts(1500);
    int r = plan_add_node(&plan, "r", true);
    link_of(0, (unsigned)r, 100000000, 5 * LA_NS_PER_MS, 0, false);
    link_of((unsigned)r, 1, 100000000, 5 * LA_NS_PER_MS, mtu, icmp);
    flow_of(1000000)->v6 = v6;
    assert_true(sim_run(&plan, &watch, &result));
    if (result.broken)
        fail_msg("mtu %u icmp %d v6 %d: %s", mtu, icmp, v6, result.violation);
    const struct sim_flow_result *f = &result.flows[0];
    assert_int_equal(f->bytes[0], 1000000);
    assert_true(f->timeouts[0] <= timeouts);
    /* Each probe that fails costs a segment, the black hole a window or two. */
    if (f->rtx_bytes[0] > 60000)
        fail_msg("mtu %u icmp %d v6 %d: %llu bytes again", mtu, icmp, v6,
                 (unsigned long long)f->rtx_bytes[0]);
}

static void black_hole(void **state)
{
    static const uint32_t mtus[] = {1280, 1300, 1400, 1420, 1450, 1480, 1492, 1499};
    for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        narrow(mtus[i], false, false, 4);
        narrow(mtus[i], false, true, 4);
    }
}

static void with_icmp(void **state)
{
    static const uint32_t mtus[] = {1280, 1300, 1400, 1480, 1499};
    for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        narrow(mtus[i], true, false, 0);
        narrow(mtus[i], true, true, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_fat_path),
        cmocka_unit_test(black_hole),
        cmocka_unit_test(with_icmp),
    };
    return cmocka_run_group_tests_name("sim/windows", tests, NULL, NULL);
}
