/* Scenario files become plans; a plan that is written down is the same plan again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/menu.h"
#include "sim/options.h"
#include "sim/support.h"

static struct plan plan, again;
static struct sim_result result;

#define GOOD "host a\nhost b\nlink a b delay=5ms rate=10mbit\nflow f a b:80 bytes=1000\n"

static void takes(const char *text)
{
    struct scenario_fault fault = {.text = ""};
    if (!plan_of_text("t", text, strlen(text), &plan, &fault))
        fail_msg("%s", fault.text);
}

static void refuses(const char *text, uint32_t line, uint32_t column, const char *says)
{
    struct scenario_fault fault = {.text = ""};
    assert_false(plan_of_text("t", text, strlen(text), &plan, &fault));
    if (fault.line != line || fault.column != column || !strstr(fault.text, says))
        fail_msg("%s (expected %u:%u: %s)", fault.text, line, column, says);
}

static void test_plan(void **state)
{
    (void)state;
    takes("seed 7\nrun for=9s\n"
          "host c1..3 mtu=1400 sack=off cc=newreno jitter=3us\nhost s offload=on\nrouter r\n"
          "link c1..3 r delay=1ms\nlink r s rate=8mbit queue=20 delay=2ms\n"
          "lane r s loss=1% mark=5\n"
          "flow f1..3 c1..3 s:90 bytes=endless client.chunk=100 server.rcvbuf=64kb ip=6\n"
          "at 1s link r s down\nat 2s link r s heal\nat 3s lose r s 3,5..7 data\n"
          "at 3s late r s 2 7ms data\nat 3s mask r s 0x15\nat 4s host c1 clock -5ms\nat 4s host s "
          "memory off\n"
          "at 5s f2 send 10kb\nat 5s f2 pause server\nat 6s lane s r loss=2%\n"
          "at 7s c2 connect s:99 as late bytes=5 end=both\n"
          "expect f1 goodput >= 1mbit\nexpect at 3s all no timeouts\nexpect jain > 0.5\n"
          "expect f2 server state == CLOSE-WAIT\n");
    assert_int_equal(plan.seed, 7);
    assert_int_equal(plan.end_ns, 9 * LA_NS_PER_S);
    assert_int_equal(plan.nodes_count, 5);
    assert_string_equal(plan.nodes[1].name, "c2");
    assert_int_equal(plan.nodes[1].mtu, 1400);
    assert_false(plan.nodes[1].options.sack);
    assert_string_equal(option_get_cc(&plan.nodes[1].options), "newreno");
    assert_int_equal(plan.links_count, 4);
    assert_int_equal(plan.links[3].lane[0].loss_ppm, 10000);
    assert_int_equal(plan.links[3].lane[1].loss_ppm, 0);
    assert_int_equal(plan.links[3].lane[1].rate_bps, 8000000);
    assert_int_equal(plan.flows_count, 4);
    assert_int_equal(plan.flows[2].node[0], 2);
    assert_int_equal(plan.flows[2].port, 90);
    assert_int_equal(plan.flows[0].chunk[0], 100);
    assert_int_equal(plan.flows[0].chunk[1], 0);
    assert_int_equal(plan.flows[0].options[1].rcvbuf_bytes, 64000);
    assert_false(plan.flows[0].options[0].sack);
    assert_true(plan.flows[0].v6);
    assert_string_equal(plan.flows[3].name, "late");
    assert_int_equal(plan.flows[3].at_ns, 7 * LA_NS_PER_S);
    assert_int_equal(plan.flows[3].ending, PLAN_END_BOTH);
    assert_int_equal(plan.acts_count, 12);
    assert_int_equal(plan.acts[4].kind, PLAN_ACT_MASK);
    assert_int_equal(plan.acts[4].value, 0x74);
    assert_true(plan.acts[4].data_only);
    assert_int_equal(plan.acts[5].kind, PLAN_ACT_LATE);
    assert_int_equal(plan.acts[5].value, 2);
    assert_int_equal(plan.acts[5].late_ns, 7 * LA_NS_PER_MS);
    assert_int_equal((int64_t)plan.acts[7].value, -5 * LA_NS_PER_MS);
    assert_int_equal(plan.acts[11].lane.loss_ppm, 20000);
    assert_int_equal(plan.acts[11].lane.rate_bps, 8000000); /* the rest stays */
    assert_int_equal(plan.expects_count, 4);
    assert_int_equal(plan.expects[1].at_ns, 3 * LA_NS_PER_S);
    assert_int_equal(plan.expects[3].end, 1);
    assert_int_equal(plan.expects[3].value, LA_TCP_CLOSE_WAIT);
}

static void test_mistakes(void **state)
{
    (void)state;
    refuses("hsot a\n", 1, 1, "no keyword \"hsot\": there are param, seed, run, host");
    refuses("host a speed=3\n", 1, 8, "no setting \"speed\" here: there are mtu, ethernet");
    refuses("host a cc=turbo\n", 1, 11, "no congestion control \"turbo\": there are");
    refuses("host a mtu=fast\n", 1, 12, "\"fast\" cannot be read: write it like mtu=10");
    refuses("host a mtu=100\n", 1, 6, "an MTU is from 576");
    refuses("host a cookies=some\n", 1, 16, "no cookies \"some\": there are auto, always, never");
    refuses("host a\nhost a\n", 2, 6, "there is a \"a\" already");
    refuses("host a\nhost b\nlink a c\n", 3, 8, "no host or router \"c\": there are a, b");
    refuses("host a\nhost b\nlink a b rain=1%\n", 3, 10, "no impairment \"rain\": use");
    refuses("host a\nhost b\nlink a b loss=much\n", 3, 10, "cannot be read");
    refuses("host a\nhost b\nlink a b queue=1bdp\n", 3, 1, "bdp needs rate");
    refuses("host a\nhost b\nlink a b\nlink b a\n", 4, 6, "joined already");
    refuses(GOOD "lane a c loss=1%\n", 5, 8, "no host or router \"c\"");
    refuses(GOOD "flow f a b:81 bytes=1\n", 5, 6, "there is a flow \"f\" already");
    refuses(GOOD "flow g a b:81 end=never\n", 5, 19,
            "no end \"never\": there are half-close, both");
    refuses(GOOD "flow g a b:81 bytes=lots\n", 5, 21, "write it like bytes=64kb or bytes=endless");
    refuses(GOOD "flow g a b:x bytes=1\n", 5, 10, "is no HOST:PORT");
    refuses(GOOD "flow g a b:81 bytes=endless\n", 5, 1, "needs a size");
    refuses(GOOD "flow g a a:81 bytes=1\n", 5, 1, "no way between");
    refuses(GOOD "flow g a b:81 colour=red\n", 5, 15, "no setting \"colour\"");
    refuses(GOOD "at soon f abort\n", 5, 4, "\"soon\" is no time");
    refuses(GOOD "at 1s g abort\n", 5, 7, "\"g\" is no flow");
    refuses(GOOD "at 1s f explode\n", 5, 9, "write it like: at 2s FLOW send");
    refuses(GOOD "at 1s lose a b 0,3\n", 5, 16, "are no packets");
    refuses(GOOD "at 1s lose a b 3..65\n", 5, 16, "are no packets");
    refuses(GOOD "at 1s late a b 3 soon\n", 5, 18, "write it like: at 1s late A B");
    refuses(GOOD "at 1s host a clock soon\n", 5, 14, "write it like: at 3s host");
    refuses(GOOD "expect f speed >= 3\n", 5, 10, "no figure \"speed\": there are goodput");
    refuses(GOOD "expect f goodput about 3mbit\n", 5, 18, "write it like: goodput >= 9mbit");
    refuses(GOOD "expect f goodput >= fast\n", 5, 21, "\"fast\" cannot be read");
    refuses("host a\n", 1, 1, "a has 0 links");
    refuses("host a\nhost b\nhost c\nlink a b\nlink a c\n", 5, 1, "a has 2 links");
    refuses("", 1, 1, "there is no host");
}

/* Keywords of others are passed over. */
static void test_also(void **state)
{
    (void)state;
    static const char *const also[] = {"say", NULL};
    struct scenario s;
    struct scenario_fault fault;
    const char *text = GOOD "say \"hello\"\n";
    assert_true(scenario_read(&s, "t", text, strlen(text), NULL, 0, &fault));
    assert_true(sim_read(&s, also, &plan, &fault));
    assert_false(sim_read(&s, NULL, &plan, &fault));
    scenario_free(&s);
}

static void write_and_read(void)
{
    char *text = NULL;
    size_t len = 0;
    struct scenario_fault fault = {.text = ""};
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    sim_write(&plan, out);
    fclose(out);
    if (!plan_of_text("t", text, len, &again, &fault))
        fail_msg("%s\n%s", fault.text, text);
    free(text);
}

/* What is written down runs as what it was written from, to the byte. */
static void test_write(void **state)
{
    (void)state;
    for (unsigned menu = 0; menu_name(menu); menu++) {
        for (uint64_t seed = 1; seed <= (SANITIZED ? 4 : 25); seed++) {
            menu_draw(menu, seed, &plan);
            assert_true(sim_run(&plan, NULL, &result));
            uint64_t hash = result.hash, packets = result.packets;
            write_and_read();
            assert_true(sim_run(&again, NULL, &result));
            assert_int_equal(result.packets, packets);
            assert_int_equal(result.hash, hash);
        }
    }
}

static void test_draw(void **state)
{
    (void)state;
    struct scenario s;
    struct scenario_fault fault;
    struct scenario_given given[4];
    char memory[4][SIM_DRAWN_TEXT];
    const char *text = "param a=1ms from=1ms to=64ms\nparam b=3\nparam c=x any=x,yy,z\n";
    bool seen[3] = {false};
    double least = 1e9, most = 0;
    assert_true(scenario_read(&s, "t", text, strlen(text), NULL, 0, &fault));
    for (uint64_t seed = 0; seed < 500; seed++) {
        assert_int_equal(sim_draw_params(&s, seed, given, memory, 4), 2);
        double a = atof(given[0].value);
        least = a < least ? a : least;
        most = a > most ? a : most;
        assert_true(a >= 1 && a <= 64);
        assert_string_equal(strstr(given[0].value, "ms"), "ms");
        seen[given[1].value[0] - 'x'] = true;
        assert_true(given[1].value[0] != 'y' || strcmp(given[1].value, "yy") == 0);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_true(least < 2 && most > 40);
    scenario_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),  cmocka_unit_test(test_mistakes), cmocka_unit_test(test_also),
        cmocka_unit_test(test_write), cmocka_unit_test(test_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
