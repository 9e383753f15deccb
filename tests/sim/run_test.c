/* The engine: times, topologies, repeatability, acts, and that what does not hold is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/ledger.h"
#include "sim/menu.h"
#include "sim/support.h"

static struct plan plan;
static struct sim_result result;

static void run_text(const char *text)
{
    struct scenario_fault fault = {.text = ""};
    if (!plan_of_text("t", text, strlen(text), &plan, &fault))
        fail_msg("%s", fault.text);
    assert_true(sim_run(&plan, NULL, &result));
}

static void holds(const char *text)
{
    run_text(text);
    if (result.broken)
        fail_msg("%s: %s", result.kind, result.violation);
}

static void breaks(const char *text, const char *kind, const char *violation)
{
    run_text(text);
    assert_true(result.broken);
    assert_non_null(strstr(result.kind, kind));
    if (!strstr(result.violation, violation))
        fail_msg("%s", result.violation);
}

#define LINK "host a\nhost b\nlink a b delay=10ms\n"

/* The three ways of the handshake and a byte: the times are the line's. */
static void test_times(void **state)
{
    (void)state;
    holds(LINK "flow f a b bytes=1 at=1s\n");
    assert_int_equal(result.flows[0].began_ns, LA_NS_PER_S);
    assert_int_equal(result.flows[0].connected_ns, LA_NS_PER_S + 20 * LA_NS_PER_MS);
    assert_int_equal(result.flows[0].fct_ns, 30 * LA_NS_PER_MS);
    assert_int_equal(result.flows[0].bytes[0], 1);
    assert_int_equal(result.dropped, 0);

    /* Three links in a row add up; the slowest sets the pace. */
    holds("host a\nrouter r1..2\nhost b\nlink a r1 delay=1ms rate=1gbit\n"
          "link r1 r2 delay=5ms rate=8mbit\nlink r2 b delay=4ms rate=1gbit\n"
          "flow f a b bytes=1mb\n");
    assert_int_equal(result.flows[0].connected_ns / LA_NS_PER_MS, 20);
    assert_in_range(result.flows[0].fct_ns, LA_NS_PER_S, 1200 * LA_NS_PER_MS);

    holds(LINK "flow f a b bytes=1\nflow g b a bytes=1 ip=6\nflow h a b bytes=1 crossed=on\n");
    assert_int_equal(result.flows_count, 3);
    assert_int_equal(result.flows[2].bytes[0], 1);
}

static void test_repeats(void **state)
{
    (void)state;
    static struct sim_result again;
    for (unsigned menu = 0; menu_name(menu); menu++) {
        menu_draw(menu, 42, &plan);
        assert_true(sim_run(&plan, NULL, &result));
        assert_true(sim_run(&plan, NULL, &again));
        assert_memory_equal(&result, &again, sizeof(result));
        uint64_t hash = result.hash;
        plan.seed++;
        assert_true(sim_run(&plan, NULL, &result));
        assert_int_not_equal(result.hash, hash);
    }
}

/* Every way of writing, reading and ending. */
static void test_habits(void **state)
{
    (void)state;
    static const char *const forms[] = {"copy", "in-place", "lent"};
    static const char *const endings[] = {"half-close", "both",  "together",
                                          "server",     "abort", "unread"};
    for (unsigned form = 0; form < 3; form++) {
        for (unsigned end = 0; end < 6; end++) {
            char text[400];
            snprintf(text, sizeof(text),
                     LINK "flow f a b bytes=30000 reply=20000 form=%s end=%s abort-after=20000 "
                          "repeat=2\n"
                          "flow g a b bytes=300 reply=200 rounds=5 form=%s end=%s chunk=70\n",
                     forms[form], endings[end], forms[form], endings[end]);
            holds(text);
            assert_int_equal(result.flows[0].connections, 2);
            if (end < 4) {
                assert_int_equal(result.flows[0].bytes[0], 60000);
                assert_int_equal(result.flows[0].bytes[1], 40000);
                assert_int_equal(result.flows[1].bytes[0], 1500);
                assert_int_equal(result.flows[1].bytes[1], 1000);
            }
        }
    }
}

static void test_pace(void **state)
{
    (void)state;
    /* 20 chunks, one each 100 ms: 1.9 s from the first to the last, and the way there. */
    holds(LINK "flow f a b bytes=2000 chunk=100 every=100ms nodelay=on\n");
    assert_in_range(result.flows[0].fct_ns, 1900 * LA_NS_PER_MS, 2000 * LA_NS_PER_MS);
    holds(LINK "flow f a b bytes=2000 server.read=100 server.read-every=100ms\n");
    assert_in_range(result.flows[0].fct_ns, 1900 * LA_NS_PER_MS, 2100 * LA_NS_PER_MS);
    holds(LINK "flow f a b bytes=2000 server.read-late=3s\n");
    assert_in_range(result.flows[0].fct_ns, 3000 * LA_NS_PER_MS, 3100 * LA_NS_PER_MS);
    holds(LINK "flow f a b bytes=endless for=1s\n");
    assert_in_range(result.flows[0].fct_ns, 1000 * LA_NS_PER_MS, 3000 * LA_NS_PER_MS);
}

static void test_acts(void **state)
{
    (void)state;
    holds(LINK "flow f a b bytes=100 end=stay\nat 1s f send 50\nat 2s f shutdown\n"
               "at 3s f shutdown server\nexpect at 900ms f bytes == 100\n"
               "expect at 1500ms f bytes == 150\nexpect at 1500ms f state == ESTABLISHED\n"
               "expect at 2500ms f client state == FIN-WAIT-2\nrun for=9s\n");
    /* The first packet and its first repetition (after a second) are lost. */
    holds(LINK "flow f a b bytes=100 at=1ms\nat 0s lose a b 1..2\n"
               "expect f bytes == 100\nexpect dropped == 2\nexpect f fct >= 3s\n");
    holds(LINK "flow f a b bytes=100 at=1ms\nat 0s mask a b 0x1 data\n"
               "expect f bytes == 100\nexpect dropped == 1\nexpect f rtx-segments >= 1\n");
    /* The only data segment is late by 5 ms: 30 ms become 35. */
    holds(LINK "flow f a b bytes=100 at=1ms\nat 0s late a b 1 5ms data\n"
               "expect f fct == 35ms\nexpect f no rtx-segments\n");
    holds(LINK "flow f a b bytes=100 at=1s\nat 0s link a b down\nat 5s link a b heal\n"
               "expect f bytes == 100\nexpect f fct >= 4s\n");
    holds(LINK "flow f a b bytes=100kb\nat 30ms host a clock +3s\nat 40ms host b clock -3s\n"
               "expect f bytes == 100kb\n");
    holds(LINK "flow f a b bytes=100kb\nat 25ms host b memory off\nat 2s host b memory on\n");
    assert_true(result.flows[0].bytes[0] == 100000 || result.flows[0].failed == 1);
    holds(LINK "flow f a b bytes=200kb server.rcvbuf=20kb\nat 25ms f pause server\n"
               "at 2s f resume server\nexpect at 1s f bytes < 100kb\nexpect f bytes == 200kb\n");
    holds(LINK "flow f a b bytes=1mb\nat 100ms f abort\n");
    assert_int_equal(result.flows[0].failed, 1);
}

static void test_broken(void **state)
{
    (void)state;
    breaks(LINK "flow f a b bytes=100\nexpect f bytes > 100\n", "expectation in line 5",
           "expect f bytes > 100: it is 100");
    breaks(LINK "flow f a b bytes=100\nexpect at 5ms f bytes == 100\n", "expectation in line 5",
           "it is 0");
    /* Nobody answers, and nothing in the plan excuses it. */
    breaks(LINK "flow f a b bytes=100 syn-retries=0\nat 0s lose a b 1\n", "connection fails",
           "f: the client's connection ends with ETIMEDOUT");
    /* An end that stays open forever is a deadlock when nothing says how long. */
    breaks(LINK "flow f a b bytes=100 end=stay\n", "I11 does not end", "100 of 100 bytes up");
    assert_int_equal(result.violated_ns / LA_NS_PER_S, 0);
}

static void test_ledger(void **state)
{
    (void)state;
    static uint8_t bytes[200000];
    const uint8_t *at;
    ledger_init();
    for (size_t done = 0; done < sizeof(bytes);) {
        size_t n = ledger_at(3, 1000 + done, &at);
        n = n < sizeof(bytes) - done ? n : sizeof(bytes) - done;
        memcpy(bytes + done, at, n);
        done += n;
    }
    assert_true(ledger_right(3, 1000, bytes, sizeof(bytes)));
    /* Another stream, another offset, one byte: each is seen. */
    assert_false(ledger_right(4, 1000, bytes, 16));
    for (uint64_t offset = 0; offset < 3000; offset++)
        if (offset != 1000)
            assert_false(ledger_right(3, offset, bytes, 16));
    assert_false(ledger_right(3, 1000 + 65521, bytes, 16));
    for (size_t i = 0; i < sizeof(bytes); i += 997) {
        bytes[i] ^= 1;
        assert_false(ledger_right(3, 1000, bytes, sizeof(bytes)));
        bytes[i] ^= 1;
    }
}

struct counts {
    unsigned out, in, samples;
    uint64_t last_ns;
};

static void count_packet(void *ctx, unsigned node, bool out, const struct la_frame *frame,
                         const uint8_t *bytes, uint64_t now_ns)
{
    struct counts *c = ctx;
    assert_true(frame->len >= 40 && bytes[0] == 0x45);
    assert_int_not_equal(frame->reason, LA_NONE);
    assert_true(node < 2 && now_ns >= c->last_ns);
    c->last_ns = now_ns;
    c->out += out;
    c->in += !out;
}

static void count_sample(void *ctx, unsigned flow, unsigned end, const struct sim_sample *sample)
{
    struct counts *c = ctx;
    assert_int_equal(flow, 0);
    assert_true(sample->cwnd > 0);
    c->samples += end == 0;
}

/* Watching changes nothing. */
static void test_watch(void **state)
{
    (void)state;
    struct counts c = {0};
    struct sim_watch watch = {.ctx = &c, .packet = count_packet, .sample = count_sample};
    watch.every_ns = LA_NS_PER_MS;
    holds(LINK "flow f a b bytes=100kb\n");
    uint64_t hash = result.hash;
    assert_true(sim_run(&plan, &watch, &result));
    assert_int_equal(result.hash, hash);
    assert_int_equal(c.out, result.packets);
    assert_int_equal(c.in, result.packets);
    assert_true(c.samples > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),  cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_habits), cmocka_unit_test(test_pace),
        cmocka_unit_test(test_acts),   cmocka_unit_test(test_broken),
        cmocka_unit_test(test_ledger), cmocka_unit_test(test_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
