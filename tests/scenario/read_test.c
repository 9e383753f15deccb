/* The language: words, settings, parameters, and where a mistake is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/scenario.h"

static bool read_text(struct scenario *s, const char *text, const struct scenario_given *given,
                      unsigned given_count, struct scenario_fault *fault)
{
    return scenario_read(s, "t.scn", text, strlen(text), given, given_count, fault);
}

static void fails(const char *text, uint32_t line, uint32_t column, const char *says)
{
    struct scenario s;
    struct scenario_fault fault;
    assert_false(read_text(&s, text, NULL, 0, &fault));
    assert_int_equal(fault.line, line);
    assert_int_equal(fault.column, column);
    assert_non_null(strstr(fault.text, says));
    assert_memory_equal(fault.text, "t.scn:", 6);
}

/* Values that are worked out; what is none stays as it is. */
static void test_sums(void **state)
{
    static const struct {
        const char *word, *is;
    } cases[] = {
        {"$rtt/2", "20ms"},
        {"$rtt*2+1s", "1080000000ns"},
        {"3*100kb", "300kb"},
        {"$rtt+$rtt/2", "60ms"},
        {"1s-$rtt*5", "800000000ns"},
        {"$n+1", "4"},
        {"0s+$rtt", "40000000ns"},
        {"0+$rtt", "40ms"},
        {"2-3", "2-3"},
        {"5/0", "5/0"},
        {"1s+5kb", "1s+5kb"},
        {"1..4", "1..4"},
        {"c1-x", "c1-x"},
        {"10%*2", "20%"},
    };
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scenario s;
        struct scenario_fault fault;
        snprintf(text, sizeof(text), "param rtt=40ms en=\"a\" zh=\"b\"\nparam n=3\nx %s\n",
                 cases[i].word);
        assert_true(read_text(&s, text, NULL, 0, &fault));
        assert_string_equal(s.lines[0].words[1].text, cases[i].is);
        assert_string_equal(s.params[0].says[0], "a");
        assert_null(s.params[1].says[0]);
        scenario_free(&s);
    }
}

static void test_lines(void **state)
{
    (void)state;
    struct scenario s;
    struct scenario_fault fault;
    const char *text = "# a comment\n"
                       "\n"
                       "  host client mtu=1500\tcc=cubic # why not\r\n"
                       "say \"two words\" x=\"a b\"\n"
                       "expect f goodput >= 3mbit\n"
                       "last one";
    assert_true(read_text(&s, text, NULL, 0, &fault));
    assert_int_equal(s.lines_count, 4);
    const struct scenario_line *l = &s.lines[0];
    assert_int_equal(l->number, 3);
    assert_int_equal(l->words_count, 2);
    assert_string_equal(l->words[0].text, "host");
    assert_int_equal(l->words[0].column, 3);
    assert_string_equal(l->words[1].text, "client");
    assert_int_equal(l->words[1].column, 8);
    assert_int_equal(l->settings_count, 2);
    assert_string_equal(scenario_setting(l, "mtu")->value, "1500");
    assert_string_equal(scenario_setting(l, "cc")->value, "cubic");
    assert_int_equal(scenario_setting(l, "cc")->column, 24);
    assert_int_equal(scenario_setting(l, "cc")->value_column, 27);
    assert_null(scenario_setting(l, "rtt"));
    assert_string_equal(s.lines[1].words[1].text, "two words");
    assert_string_equal(s.lines[1].settings[0].value, "a b");
    assert_int_equal(s.lines[2].words_count, 5); /* ">=" is a word */
    assert_string_equal(s.lines[3].words[1].text, "one");
    scenario_free(&s);
}

static void test_params(void **state)
{
    (void)state;
    struct scenario s;
    struct scenario_fault fault;
    const char *text = "param rtt=50ms from=1ms to=200ms\n"
                       "param cc=cubic any=cubic,newreno\n"
                       "link a b delay=$rtt/2 x=2*${rtt} y=${rtt}s z=$cc w=100kb*3/2\n";
    assert_true(read_text(&s, text, NULL, 0, &fault));
    const struct scenario_line *l = &s.lines[0];
    assert_string_equal(scenario_setting(l, "delay")->value, "25ms");
    assert_string_equal(scenario_setting(l, "x")->value, "100ms");
    assert_string_equal(scenario_setting(l, "y")->value, "50mss");
    assert_string_equal(scenario_setting(l, "z")->value, "cubic");
    assert_string_equal(scenario_setting(l, "w")->value, "150kb");
    assert_int_equal(s.params_count, 2);
    assert_string_equal(s.params[0].from, "1ms");
    assert_string_equal(s.params[0].to, "200ms");
    assert_string_equal(s.params[1].any, "cubic,newreno");
    scenario_free(&s);

    const struct scenario_given given[] = {{"rtt", "10ms"}};
    assert_true(read_text(&s, text, given, 1, &fault));
    assert_string_equal(scenario_setting(&s.lines[0], "delay")->value, "5ms");
    scenario_free(&s);

    const struct scenario_given wrong[] = {{"rto", "10ms"}};
    assert_false(read_text(&s, text, wrong, 1, &fault));
    assert_non_null(strstr(fault.text, "no parameter \"rto\": there are rtt, cc"));
}

static void test_mistakes(void **state)
{
    (void)state;
    fails("a b\n say \"never ends\n", 2, 6, "quotation");
    fails("x y=1 z=2 y=3\n", 1, 11, "\"y\" is set twice");
    fails("x y=$speed\n", 1, 5, "no parameter \"speed\" up to here: there are none");
    fails("param a=1\nx y=1$b\n", 2, 6, "no parameter \"b\" up to here: there are a");
    fails("param a=1\nparam a=2\n", 2, 7, "there is a parameter \"a\" already");
    fails("param\n", 1, 1, "write param NAME=VALUE");
    fails("param a=1 below=3\n", 1, 11, "no \"below\" here");
    char text[2 * SCENARIO_WORDS + 4] = "";
    for (unsigned i = 0; i <= SCENARIO_WORDS; i++)
        memcpy(text + 2 * i, "a ", 3);
    fails(text, 1, 2 * SCENARIO_WORDS + 1, "too many words");
}

static void test_values(void **state)
{
    (void)state;
    uint64_t u;
    int64_t i;
    double d;
    bool b;
    assert_true(scenario_time("1.5s", &u) && u == 1500000000);
    assert_true(scenario_time("2min", &u) && u == UINT64_C(120000000000));
    assert_true(scenario_time("0", &u) && u == 0);
    assert_false(scenario_time("5", &u));
    assert_false(scenario_time("-5s", &u));
    assert_false(scenario_time("inf", &u));
    assert_false(scenario_time("1e30s", &u));
    assert_true(scenario_signed_time("-5ms", &i) && i == -5000000);
    assert_true(scenario_signed_time("+5ms", &i) && i == 5000000);
    assert_true(scenario_bytes("64kib", &u) && u == 65536);
    assert_true(scenario_bytes("64kb", &u) && u == 64000);
    assert_true(scenario_rate("1.5mbit", &u) && u == 1500000);
    assert_false(scenario_rate("1.5", &u));
    assert_true(scenario_number("0x1f", 100, &u) && u == 31);
    assert_false(scenario_number("101", 100, &u));
    assert_false(scenario_number("1x", 100, &u));
    assert_true(scenario_fraction("0.95", &d) && d > 0.949 && d < 0.951);
    assert_true(scenario_flag("on", &b) && b);
    assert_true(scenario_flag("no", &b) && !b);
    assert_false(scenario_flag("maybe", &b));
}

/* Whatever the bytes are, a reader says yes or no. */
static void test_garbage(void **state)
{
    (void)state;
    static const char some[] = "ab =\"$#{}\n\t.12/*param host=";
    uint64_t random = 1;
    for (unsigned round = 0; round < 20000; round++) {
        char text[80];
        struct scenario s;
        struct scenario_fault fault;
        size_t len = round % sizeof(text);
        for (size_t i = 0; i < len; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            text[i] = some[(random >> 40) % (sizeof(some) - 1)];
        }
        if (scenario_read(&s, "t", text, len, NULL, 0, &fault))
            scenario_free(&s);
        else
            assert_int_not_equal(fault.text[0], '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_sums),
        cmocka_unit_test(test_params), cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_values), cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
