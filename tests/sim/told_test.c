/* What experiments need of the simulator: packets picked out by kind, hosts that crash, listeners
 * that come and go, datagrams, forged SYNs, and what a watcher is told of all that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/kind.h"
#include "sim/support.h"

static struct plan plan, again;
static struct sim_result result;

#define LINK "host a\nhost b\nlink a b delay=10ms\n"

static struct told {
    unsigned left[9], taken, lost, late, forged, calls, records;
    uint32_t serial;
    char verbs[2000];
    int64_t last_listen;
} told;

static unsigned bit_of(unsigned kinds)
{
    for (unsigned bit = 8; bit > 0; bit--)
        if (kinds & (1U << bit))
            return bit;
    return 0;
}

static void on_wire(void *ctx, const struct sim_wire *w)
{
    (void)ctx;
    if (w->what == SIM_LEFT) {
        assert_int_equal(w->serial, told.serial + 1);
        told.serial = w->serial;
        told.left[bit_of(sim_kinds(w->ip, w->len))]++;
        told.late += w->late;
        told.forged += w->forged;
    } else if (w->what == SIM_TAKEN) {
        told.taken++;
        assert_true(w->serial <= told.serial);
        assert_int_not_equal(w->reason, LA_NONE);
    } else {
        told.lost++;
        assert_non_null(w->why);
    }
}

static void on_call(void *ctx, const struct sim_call *c)
{
    (void)ctx;
    told.calls++;
    if (strcmp(c->verb, "listen") == 0)
        told.last_listen = c->result;
    size_t at = strlen(told.verbs);
    snprintf(told.verbs + at, sizeof(told.verbs) - at, "%s ", c->verb);
}

static void on_records(void *ctx, unsigned node, const struct la_trace_record *r, size_t n)
{
    (void)ctx;
    assert_true(node < plan.nodes_count);
    for (size_t i = 1; i < n; i++)
        assert_true((int32_t)(r[i].serial - r[i - 1].serial) > 0);
    told.records += (unsigned)n;
}

static void run_text(const char *text)
{
    const struct sim_watch watch = {.wire = on_wire, .call = on_call, .records = on_records};
    struct scenario_fault fault = {.text = ""};
    memset(&told, 0, sizeof(told));
    if (!plan_of_text("t", text, strlen(text), &plan, &fault))
        fail_msg("%s", fault.text);
    assert_true(sim_run(&plan, &watch, &result));
    if (result.broken)
        fail_msg("%s: %s", result.kind, result.violation);
    /* Who watches changes nothing. */
    uint64_t hash = result.hash;
    assert_true(sim_run(&plan, NULL, &result));
    assert_int_equal(result.hash, hash);
}

static unsigned of_kind(unsigned kind)
{
    return told.left[bit_of(kind)];
}

static void test_fates(void **state)
{
    (void)state;
    run_text(LINK "flow f a b bytes=1000\n");
    assert_int_equal(told.lost, 0);
    assert_int_equal(of_kind(SIM_KIND_SYN), 1);
    assert_int_equal(of_kind(SIM_KIND_SYN_ACK), 1);
    assert_int_equal(told.taken, told.serial);

    run_text(LINK "flow f a b bytes=1000\nlose a SYN 1..2\n");
    assert_int_equal(of_kind(SIM_KIND_SYN), 3);
    assert_int_equal(told.lost, 2);
    run_text(LINK "flow f a b bytes=1000\nlose a SYN 1..0\nlose b FIN none\n");
    assert_int_equal(told.lost, 0);
    run_text(LINK "flow f a b bytes=1000\nlose b SYN-ACK 1\nlose b FIN 1\nlose a FIN 1+0\n");
    assert_int_equal(told.lost, 3);
    run_text(LINK "flow f a b bytes=1000\nflow g a b bytes=1000\nlose a SYN 1 of=g\n");
    assert_int_equal(told.lost, 1);
    assert_true(result.flows[1].connected_ns > result.flows[0].connected_ns);
    run_text(LINK "flow f a b bytes=20000\nlate a DATA 3 by=30ms\nlate a DATA 5 by=0\n");
    assert_int_equal(told.late, 1);
    assert_int_equal(told.lost, 0);
}

static void test_endings(void **state)
{
    (void)state;
    run_text(LINK "flow f a b bytes=10 reply=10 end=close\n");
    assert_non_null(strstr(told.verbs, "connect connected send accept recv send recv close"));
    assert_int_equal(result.flows[0].bytes[0], 10);
    run_text(LINK "flow f a b bytes=10 reply=10 end=close-server client.think=1s\n");
    assert_int_equal(result.flows[0].bytes[1], 10);
    assert_int_equal(result.flows[0].failed, 0);
}

static void test_hosts(void **state)
{
    (void)state;
    run_text(LINK "flow f a b bytes=10 end=stay patience=0\nat 1s host b crash\nat 2s host b boot\n"
                  "at 3s f send 10\nat 4s b connect a:9 as g end=stay refused=on\n"
                  "run for=9s may-fail=on\n");
    assert_non_null(strstr(told.verbs, "crash boot send error close connect error"));
    assert_int_equal(result.flows[0].error, LA_ECONNRESET);
    assert_int_equal(result.flows[1].error, LA_ECONNREFUSED);

    run_text(LINK "flow f a b bytes=10 end=close-server\nat 1s host b unlisten 80\n"
                  "at 2s host b listen 80\nrun for=5s\n");
    assert_int_equal(told.last_listen, LA_EADDRINUSE);
    run_text(LINK "flow f a b bytes=10 end=close-server\nat 1s host b unlisten 80\n"
                  "at 2s host b listen 80 reuse-addr=on\nrun for=5s\n");
    assert_int_equal(told.last_listen, 0);

    run_text("host a\nhost b silent=on\nlink a b delay=10ms\n"
             "flow f a b refused=on end=stay\nrun for=500ms may-fail=on\n");
    assert_int_equal(of_kind(SIM_KIND_RST), 0);
    run_text("host a\nhost b accept-at=2s\nlink a b delay=10ms\nflow f a b bytes=10\n");
    assert_true(result.flows[0].ended_ns >= 2 * LA_NS_PER_S);
    run_text("host a ports=2\nhost b\nlink a b delay=10ms\n"
             "flow f a b bytes=10 end=close repeat=3\nrun for=1s may-fail=on\n");
    assert_int_equal(result.flows[0].failed, 1);
    assert_int_equal(result.flows[0].error, LA_EADDRNOTAVAIL);
}

static void test_datagrams(void **state)
{
    (void)state;
    run_text(LINK "flow f a b:53 udp=on bytes=3500 client.chunk=1000 client.every=5ms\n"
                  "lose a UDP 2\n");
    assert_int_equal(of_kind(SIM_KIND_UDP), 4);
    assert_int_equal(told.lost, 1);
    assert_int_equal(result.flows[0].bytes[0], 2500);
    assert_non_null(strstr(told.verbs, "sendto"));
    run_text(LINK "flow f a b:53 udp=on bytes=1000 refused=on ip=6\n");
    assert_int_equal(of_kind(SIM_KIND_ICMP), 1);
}

static void test_forged(void **state)
{
    (void)state;
    run_text("host a\nhost c\nrouter r\nhost b half-open=3 cookies=never\nlink a r\nlink c r\n"
             "link r b delay=5ms\nat 0s forge a b:80 5 every=1ms\n"
             "at 1s c connect b:80 as f bytes=10 end=stay\nrun for=1500ms may-fail=on\n");
    assert_int_equal(told.forged, 5);
    assert_int_equal(of_kind(SIM_KIND_SYN), 6);
    assert_int_equal(result.flows[0].bytes[0], 0);
}

/* What is new in plans is written down and read back. */
static void test_written(void **state)
{
    static const char text[] =
        "host a ports=9 accept-at=1s silent=on\nhost b wrong=two-way iss=7\nlink a b delay=1ms\n"
        "flow f a b:80 bytes=5 think=3ms patience=5s client-port=4000 refused=on end=close\n"
        "flow g a b:53 bytes=5 udp=on\nlose a SYN 1,3..4 of=f\nlate b ANY 2 by=5ms\nlose a FIN "
        "none\n"
        "at 1s host a crash\nat 2s host a boot\nat 3s host a listen 99 reuse-addr=on\n"
        "at 4s host a unlisten 99\nat 5s forge a b:80 2 every=1ms ip=6\nrun any-bytes=on for=9s\n";
    char *written = NULL;
    size_t len = 0;
    struct scenario_fault fault = {.text = ""};
    (void)state;
    if (!plan_of_text("t", text, sizeof(text) - 1, &plan, &fault))
        fail_msg("%s", fault.text);
    FILE *out = open_memstream(&written, &len);
    sim_write(&plan, out);
    fclose(out);
    if (!plan_of_text("w", written, len, &again, &fault))
        fail_msg("%s in\n%s", fault.text, written);
    assert_memory_equal(plan.nodes, again.nodes, sizeof(plan.nodes));
    assert_memory_equal(plan.flows, again.flows, sizeof(plan.flows));
    assert_memory_equal(plan.fates, again.fates, sizeof(plan.fates));
    assert_memory_equal(plan.acts, again.acts, sizeof(plan.acts));
    assert_int_equal(again.any_bytes, true);
    free(written);
    /* And a host that is wrong on purpose is for the lab. */
    assert_true(sim_run(&plan, NULL, &result));
    assert_true(result.broken);
    assert_non_null(strstr(result.violation, "only lastack lab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fates),  cmocka_unit_test(test_endings),
        cmocka_unit_test(test_hosts),  cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_forged), cmocka_unit_test(test_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
