/* Expressions and the words of events: values, units, faults with their place, and why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lab/support.h"

static struct lab lab;

/* A handshake, 100 bytes, a close: what the expressions are about. */
static int setup(void **state)
{
    static const char text[] = HEAD PAIR "at 0s client connect server:80 as f end=stay bytes=100\n"
                                         "at 100ms f close client\nat 200ms f close server\n";
    struct scenario_fault fault = {.text = ""};
    (void)state;
    if (!lab_read(&lab, "t", text, strlen(text), NULL, 0, false, &fault))
        fail_msg("%s", fault.text);
    assert_true(lab_run(&lab));
    assert_false(lab.broken);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lab_free(&lab);
    return 0;
}

static const char *said(const char *expression)
{
    static char text[80];
    struct lab_expr_fault why;
    if (!lab_expr_check(&lab, 0, expression, &why))
        fail_msg("%s: at %zu: %s", expression, why.at, why.text);
    struct lab_value v = lab_expr_value(&lab, 0, expression);
    lab_value_format(&v, text, sizeof(text));
    return text;
}

static void test_arithmetic(void **state)
{
    (void)state;
    assert_string_equal(said("1 + 2 * 3"), "7");
    assert_string_equal(said("(1 + 2) * 3"), "9");
    assert_string_equal(said("7 - 2 - 1"), "4");
    assert_string_equal(said("1 / 4"), "0.25");
    assert_string_equal(said("2 * 30s"), "60.0 s");
    assert_string_equal(said("60s / 30s"), "2");
    assert_string_equal(said("64kb + 1"), "64,001");
    assert_string_equal(said("1 / 0"), "-");
    assert_string_equal(said("1 == 1 and not 1 == 2"), "yes");
    assert_string_equal(said("1 == 2 or 3 > 2"), "yes");
    assert_string_equal(said("100ms ~ 100500us"), "yes");
    assert_string_equal(said("100ms ~ 102ms"), "no");
    assert_string_equal(said("'a' == 'a' and 'a' != 'b'"), "yes");
    assert_string_equal(said("5% * 100"), "5");
    assert_string_equal(said("ip"), "4");
}

static void test_events(void **state)
{
    (void)state;
    assert_string_equal(said("count(client sends SYN)"), "1");
    assert_string_equal(said("count(segment)"), "8");
    assert_string_equal(said("time(client gets SYN-ACK)"), "20 ms");
    assert_string_equal(said("time(server gets DATA) - time(client sends DATA)"), "10 ms");
    assert_string_equal(said("ack(server sends SYN-ACK) - seq(client sends SYN)"), "1");
    assert_string_equal(said("flags(client sends SYN)"), "SYN");
    assert_string_equal(said("len(client sends DATA)"), "100");
    assert_string_equal(said("size(client sends DATA)"), "152");
    assert_string_equal(said("mss(client sends SYN)"), "1,460");
    assert_string_equal(said("reason(client sends FIN)"), "FIN");
    assert_string_equal(said("result(server calls recv)"), "100");
    assert_string_equal(said("result(server calls recv last)"), "0");
    assert_string_equal(said("happens(client enters CLOSING)"), "no");
    assert_string_equal(said("time(client enters CLOSING)"), "-");
    assert_string_equal(said("time(client enters CLOSING) == 1s"), "no");
    assert_string_equal(said("count(server sends ACK after server gets FIN)"), "1");
    assert_string_equal(said("count(client sends ANY of f)"), "4");
    assert_string_equal(said("figure(f server bytes)"), "100");
}

static void test_states(void **state)
{
    (void)state;
    assert_string_equal(said("state(server at 0)"), "LISTEN");
    assert_string_equal(said("state(server on server sends SYN-ACK)"), "SYN-RECEIVED");
    assert_string_equal(said("state(client of f at 50ms)"), "ESTABLISHED");
    assert_string_equal(said("state(server on client gets ACK 2)"), "CLOSE-WAIT");
    assert_string_equal(said("state(client at 1s)"), "TIME-WAIT");
    assert_string_equal(said("state(client at 1s) == TIME-WAIT"), "yes");
    assert_string_equal(said("EADDRINUSE"), "EADDRINUSE");
    assert_string_equal(said("time(client leaves TIME-WAIT) - time(client enters TIME-WAIT)"),
                        "60.0 s");
}

static void test_why_not(void **state)
{
    struct lab_miss miss;
    (void)state;
    assert_true(lab_expr_holds(&lab, 0, "count(client sends SYN) == 1", &miss));
    assert_false(lab_expr_holds(&lab, 0, "1 == 1 and count(client sends SYN) == 2", &miss));
    assert_string_equal(miss.left, "count(client sends SYN)");
    assert_string_equal(miss.left_value, "1");
    assert_string_equal(miss.relation, "==");
    assert_string_equal(miss.right_value, "2");
    assert_false(lab_expr_holds(&lab, 0, "not happens(client sends SYN)", &miss));
    assert_false(lab_expr_holds(&lab, 0, "time(client sends RST) > 0s", &miss));
    assert_string_equal(miss.left_value, "-");
}

static void refused(const char *expression, size_t at, const char *part)
{
    struct lab_expr_fault why;
    if (lab_expr_check(&lab, 0, expression, &why))
        fail_msg("%s is taken", expression);
    if (why.at != at || !strstr(why.text, part))
        fail_msg("%s: at %zu: %s", expression, why.at, why.text);
}

static void test_faults(void **state)
{
    char deep[300];
    (void)state;
    refused("", 0, "a value is missing");
    refused("1 +", 3, "a value is missing");
    refused("(1", 2, "\")\" is missing");
    refused("1 1", 2, "left over");
    refused("5furlongs", 0, "no number");
    refused("TIMEWAIT", 0, "there are states");
    refused("counts(client sends SYN)", 0, "no function \"counts\"");
    refused("count(client sends SYN", 6, "not closed");
    refused("count(clint sends SYN)", 6, "no host \"clint\"");
    refused("count(client send SYN)", 13, "no verb \"send\"");
    refused("count(client sends SYM)", 19, "no kind of packet");
    refused("count(client enters OPEN)", 20, "no state");
    refused("count(client sends SYN 0)", 23, "a number from 1 on");
    refused("count(client sends SYN of g)", 26, "no flow \"g\"");
    refused("count(two:client sends SYN)", 6, "no scene \"two\"");
    refused("count(client sends SYN after server get FIN)", 36, "no verb \"get\"");
    refused("state(client 2s)", 6, "write it like state(");
    refused("figure(f byte)", 7, "write it like figure(");
    refused("'word", 0, "does not end");
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    refused(deep, 40, "too deep");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_events),
        cmocka_unit_test(test_states),     cmocka_unit_test(test_why_not),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
