/* Code blocks: values, operators and statements against what Python gives. */
#include "script.h"

#include "drill/python.h"

/* Runs a block and compares what it prints. */
static void prints(const char *code, const char *expected)
{
    struct drill_script s;
    struct drill_fault fault = {.text = ""};
    char script[600], out[600] = "";
    snprintf(script, sizeof(script), "+0 %%{ %s }%%", code);
    script_read(&s, script);
    struct py_world *w = py_world_new();
    assert_non_null(w);
    py_world_set(w, "tcpi_snd_cwnd", 10);
    if (!py_run(w, &s, s.events->code, &fault, out, sizeof(out)))
        fail_msg("%s", fault.text);
    assert_string_equal(out, expected);
    py_world_free(w);
    drill_script_free(&s);
}

/* A block that fails, and with which sentence. */
static void fails(const char *code, const char *sentence)
{
    struct drill_script s;
    struct drill_fault fault = {.text = ""};
    char script[600], out[600] = "";
    snprintf(script, sizeof(script), "+0 %%{ %s }%%", code);
    script_read(&s, script);
    struct py_world *w = py_world_new();
    assert_non_null(w);
    py_world_set(w, "tcpi_snd_cwnd", 10);
    assert_false(py_run(w, &s, s.events->code, &fault, out, sizeof(out)));
    assert_string_equal(fault.text, sentence);
    py_world_free(w);
    drill_script_free(&s);
}

static void test_arithmetic(void **state)
{
    (void)state;
    prints("print(1 + 2 * 3 - 4)", "3\n");
    prints("print(-7 // 2, -7 % 2, 7 // -2, 7 % -2)", "-4 1 -4 -1\n");
    prints("print(7 / 2, 4 / 2, 1.5 * 2)", "3.5 2.0 3.0\n");
    prints("print(2 ** 10, -2 ** 2, 2 ** -1)", "1024 -4 0.5\n");
    prints("print(0x7fffffff, 1 << 4, 255 >> 4, 6 & 3, 6 | 3, 6 ^ 3, ~5)",
           "2147483647 16 15 2 7 5 -6\n");
    prints("print((1 + 2) * 3, -(4), +5)", "9 -4 5\n");
    prints("print(min(3, 1, 2), max([3, 1, 2]), abs(-4), int(2.9), round(2.6), len('abc'))",
           "1 3 4 2 3 3\n");
}

static void test_logic(void **state)
{
    (void)state;
    prints("print(1 == 1, 1 != 1, 2 > 1, 1 >= 2)", "True False True False\n");
    prints("print(1 < 2 < 3, 1 < 3 < 2, 5000 <= 7000 <= 20000)", "True False True\n");
    prints("print(True and False, True or False, not True)", "False True False\n");
    prints("print(0 or 5, 3 and 4, not 0)", "5 4 True\n");
    prints("print(2 in (1, 2), 3 not in [1, 2], 'b' in 'abc')", "True True True\n");
    prints("print(1 if tcpi_snd_cwnd > 5 else 2)", "1\n");
    prints("print(1 == True, 'a' == 'a', 'a' < 'b', (1, 2) == (1, 2))", "True True True True\n");
    /* What decides alone is looked at alone. */
    prints("print(False and nothing_there, True or nothing_there)", "False True\n");
}

static void test_texts(void **state)
{
    (void)state;
    prints("print('cwnd=%d' % tcpi_snd_cwnd)", "cwnd=10\n");
    prints("print('%d of %s, %5.2f%%' % (1, 'x', 2.5))", "1 of x,  2.50%\n");
    prints("print(\"a\" + 'b', str(5) + '!', hex(255))", "ab 5! 0xff\n");
}

static void test_statements(void **state)
{
    (void)state;
    prints("a = 5; a += 2; a *= 3; print(a)", "21\n");
    prints("a = 5\n\n# a comment\nassert a == 5, 'no'; \\\n  assert a != 6\nprint(a)", "5\n");
    prints("if tcpi_snd_cwnd == 10: print(1); print(2)\nif 0: print(3)", "1\n2\n");
    prints("pass; assert (1 ==\n 1), 'brackets join lines'", "");
    prints("print(TCP_CA_Recovery, TCPI_OPT_SYN_DATA, TCP_ESTABLISHED)", "3 32 1\n");
}

static void test_failures(void **state)
{
    (void)state;
    fails("assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd",
          "t.pkt:1:7: does not hold: tcpi_snd_cwnd == 11 (10)");
    fails("assert 1 > 2", "t.pkt:1:7: does not hold: 1 > 2");
    fails("a = 1\n  assert a == 2, 'a=%d' % a", "t.pkt:2:3: does not hold: a == 2 (a=1)");
    fails("print(tcpi_snd_cwn)",
          "t.pkt:1:13: no name \"tcpi_snd_cwn\" here; is it \"tcpi_snd_cwnd\"?");
    fails("print(1 // 0)", "t.pkt:1:15: division by zero");
    fails("print(1 % 0)", "t.pkt:1:15: division by zero");
    fails("print(0x7fffffffffffffff + 1)", "t.pkt:1:32: a number of more than 64 bits");
    fails("print(1 << 64)", "t.pkt:1:15: a number of more than 64 bits");
    fails("print('a' < 1)", "t.pkt:1:17: these values have no order");
    fails("print('%d' % 'a')", "t.pkt:1:18: this format and these values do not fit together");
    fails("print('a' * 2)", "t.pkt:1:17: this operator is for numbers");
}

/* Variables live on; what was given goes. */
static void test_world(void **state)
{
    struct drill_script s;
    struct drill_fault fault;
    char out[100] = "";
    (void)state;
    script_read(&s, "+0 %{ cwnd = tcpi_snd_cwnd }%\n+0 %{ cwnd += 1; print(cwnd) }%\n"
                    "+0 %{ print(tcpi_snd_cwnd) }%");
    struct py_world *w = py_world_new();
    py_world_set(w, "tcpi_snd_cwnd", 7);
    assert_true(py_run(w, &s, s.events->code, &fault, out, sizeof(out)));
    py_world_clear(w);
    assert_true(py_run(w, &s, s.events->next->code, &fault, out, sizeof(out)));
    assert_string_equal(out, "8\n");
    assert_false(py_run(w, &s, s.events->next->next->code, &fault, out, sizeof(out)));
    py_world_free(w);
    drill_script_free(&s);
}

/* Neither brackets nor chains lead to a deep recursion. */
static void test_depth(void **state)
{
    static char script[9000];
    const struct drill_reading reading = {.ipv6 = false};
    struct drill_script s;
    struct drill_fault fault;
    const char *const links[] = {"(", "-", "not ", "1+", "1 if ", "x("};
    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        size_t at = (size_t)snprintf(script, sizeof(script), "+0 %%{ ");
        while (at + 20 < sizeof(script))
            at += (size_t)snprintf(script + at, sizeof(script) - at, "%s", links[i]);
        snprintf(script + at, sizeof(script) - at, "1 }%%");
        assert_false(drill_parse(&s, "t.pkt", script, strlen(script), &reading, &fault));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_logic),
        cmocka_unit_test(test_texts),      cmocka_unit_test(test_statements),
        cmocka_unit_test(test_failures),   cmocka_unit_test(test_world),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
