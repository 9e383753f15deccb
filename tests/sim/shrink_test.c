/* A plan that fails becomes small, and the command says how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/menu.h"
#include "sim/shrink.h"
#include "sim/support.h"

static struct plan plan, small;
static struct sim_result result;

static void test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; cut_name(i); i++)
        assert_int_equal(cut_find(cut_name(i)), i);
    assert_int_equal(cut_find("rain"), -1);
}

static void test_cuts(void **state)
{
    (void)state;
    struct plan_cut cut = {0};
    for (uint64_t seed = 1; seed < 200; seed++) {
        menu_draw((unsigned)menu_find("wild"), seed, &plan);
        for (unsigned i = 0; cut_name(i); i++) {
            cut = (struct plan_cut){.without = UINT64_C(1) << i};
            small = plan;
            cut_apply(&small, &cut);
            struct la_message why;
            assert_true(plan_check(&small, &why));
        }
    }
    cut = (struct plan_cut){.without = UINT64_MAX, .bytes_most = 7, .flows = 2, .repeat_most = 1};
    menu_draw((unsigned)menu_find("wild"), 3, &plan);
    while (plan.flows_count < 2)
        menu_draw((unsigned)menu_find("wild"), plan.seed + 1, &plan);
    uint32_t number = plan.flows[1].number;
    cut_apply(&plan, &cut);
    assert_int_equal(plan.flows_count, 1);
    assert_int_equal(plan.flows[0].number, number);
    assert_int_equal(plan.acts_count, 0);
    assert_true(plan.flows[0].bytes[0] <= 7);
    assert_int_equal(plan.links[0].lane[0].loss_ppm, 0);
}

/* Of four flows and much trouble the fault needs one flow and nothing else. */
static void test_shrink(void **state)
{
    (void)state;
    const char *text =
        "host a offload=on\nhost b jitter=3us\nlink a b delay=10ms loss=1% dup=1% rate=10mbit\n"
        "flow f1..4 a b bytes=100kb repeat=2 client.chunk=999\n"
        "at 1s host a clock +3s\nat 2s link a b down\nat 3s link a b up\n"
        "expect f3 bytes < 30kb\n";
    struct scenario_fault fault = {.text = ""};
    struct plan_cut cut = {0};
    char command[400], kind[48];
    if (!plan_of_text("t", text, strlen(text), &plan, &fault))
        fail_msg("%s", fault.text);
    assert_true(sim_run(&plan, NULL, &result));
    assert_true(result.broken);
    memcpy(kind, result.kind, sizeof(kind));
    unsigned runs = shrink(&plan, kind, &cut, 300, &result);
    assert_in_range(runs, 10, 300);
    assert_string_equal(result.kind, kind);
    assert_int_equal(cut.flows, 1 << 2);
    assert_int_equal(cut.bytes_most, 50000);
    cut_apply(&plan, &cut);
    assert_int_equal(plan.links[0].lane[0].loss_ppm, 0);
    assert_int_equal(plan.links[0].lane[0].rate_bps, 0);
    assert_int_equal(plan.acts_count, 0);
    assert_int_equal(plan.flows[0].chunk[0], 0);
    cut_format(&cut, command, sizeof(command));
    assert_non_null(strstr(command, " --without loss,dup,"));
    assert_non_null(strstr(command, " --flows 2 --bytes 50000 --repeat 1"));
    assert_null(strstr(command, "ipv6")); /* changes nothing here, so it is not named */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_shrink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
