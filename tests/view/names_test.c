/* Names and numbers as text, and text in columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/view.h>

#include "view/text.h"

static void test_states(void **state)
{
    assert_string_equal(la_tcp_state_name(LA_TCP_CLOSED), "CLOSED");
    assert_string_equal(la_tcp_state_name(LA_TCP_FIN_WAIT_1), "FIN-WAIT-1");
    assert_string_equal(la_tcp_state_name(LA_TCP_TIME_WAIT), "TIME-WAIT");
    assert_string_equal(la_tcp_state_name((enum la_tcp_state)LA_TCP_STATE_COUNT), "?");
}

static void test_flags(void **state)
{
    char text[LA_NUMBER_TEXT_MAX];

    la_flags_format(0, text);
    assert_string_equal(text, "");
    la_flags_format(LA_TH_SYN | LA_TH_ACK, text);
    assert_string_equal(text, "SYN,ACK");
    la_flags_format(0xffff, text);
    assert_string_equal(text, "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR,AE");
}

#define NS_S UINT64_C(1000000000)

static void test_numbers(void **state)
{
    static const struct {
        void (*format)(uint64_t, char *);
        uint64_t value;
        const char *text;
    } cases[] = {
        {la_duration_format, 0, "0 ns"},
        {la_duration_format, 999, "999 ns"},
        {la_duration_format, 12000, "12 us"},
        {la_duration_format, 1500000, "1.5 ms"},
        {la_duration_format, 250000000, "250 ms"},
        {la_duration_format, NS_S - 1, "999 ms"},
        {la_duration_format, NS_S, "1.0 s"},
        {la_duration_format, NS_S + 234567890, "1.234 s"},
        {la_duration_format, 60 * NS_S, "60.0 s"},
        {la_duration_format, UINT64_MAX, "18446744073.709 s"},
        {la_bytes_format, 0, "0 B"},
        {la_bytes_format, 999, "999 B"},
        {la_bytes_format, 1024, "1 KiB"},
        {la_bytes_format, 1460, "1.5 kB"},
        {la_bytes_format, 64 << 20, "64 MiB"},
        {la_bytes_format, 5932101, "5.9 MB"},
        {la_bytes_format, 999999, "1.0 MB"},
        {la_bytes_format, UINT64_MAX, "18.4 EB"},
        {la_count_format, 7, "7"},
        {la_count_format, 999, "999"},
        {la_count_format, 4096, "4,096"},
        {la_count_format, 1234567, "1,234,567"},
        {la_count_format, UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    char text[LA_NUMBER_TEXT_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cases[i].format(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
    la_rate_format(UINT64_C(1537500000), NS_S, text);
    assert_string_equal(text, "12.3 Gbit/s");
    la_rate_format(100, NS_S, text);
    assert_string_equal(text, "800 bit/s");
    la_rate_format(UINT64_MAX, 0, text);
    assert_true(strlen(text) < LA_NUMBER_TEXT_MAX);
}

static void test_columns(void **state)
{
    assert_int_equal(view_columns("plain"), 5);
    assert_int_equal(view_columns("─▶◀✗·▸⋮╌"), 8);
    assert_int_equal(view_columns("重传：RTO"), 9);
    assert_int_equal(view_columns("\xff\xe9\x87"), 3); /* no UTF-8: a column each */
    assert_int_equal(view_columns("\xf0\x9f\x98\x80"), 2);
    assert_int_equal(view_columns(""), 0);
}

static void test_wrap(void **state)
{
    assert_int_equal(view_wrap("one two three", 9), 7);
    assert_int_equal(view_wrap("one two", 7), 7);
    assert_int_equal(view_wrap("unbreakable", 5), 5);
    assert_int_equal(view_wrap("重传定时器", 5), 6);   /* two characters, three bytes each */
    assert_int_equal(view_wrap("重传，定时器", 4), 3); /* a comma begins no line */
    assert_int_equal(view_wrap("重", 1), 3);           /* progress, even so */
    assert_int_equal(view_wrap("", 5), 0);
}

static void test_line_never_overflows(void **state)
{
    struct view_line line;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    view_line_begin(&line, true);
    for (int i = 0; i < 3000; i++)
        view_line_put(&line, STYLE_BAD, "重\n");
    view_line_to(&line, 5000);
    assert_true(line.len < sizeof(line.bytes));
    view_line_end(&line, out);
    fclose(out);
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),  cmocka_unit_test(test_flags),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_wrap),    cmocka_unit_test(test_line_never_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
