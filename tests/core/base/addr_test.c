/* Addresses as text: what is read, what is refused, what is written; and the questions about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <lastack/addr.h>
#include <lastack/err.h>

static struct la_addr addr(const char *text)
{
    struct la_addr a;
    assert_int_equal(la_addr_parse(text, &a), LA_OK);
    return a;
}

static void assert_writes(const char *text, const char *expected)
{
    char buf[LA_ADDR_TEXT_MAX];
    struct la_addr a = addr(text);
    assert_int_equal(la_addr_format(&a, buf), strlen(expected));
    assert_string_equal(buf, expected);
}

/* RFC 5952 4 and 5, RFC 4291 2.2 */
static void test_shortest_form(void **state)
{
    static const char *const cases[][2] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"2001:0db8::0001", "2001:db8::1"},               /* 4.1 */
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        /* 4.2.1 */
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: one group stays */
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  /* read, but not written */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3: the longest */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3: the first */
        {"2001:DB8::ABCD", "2001:db8::abcd"},             /* 4.3 */
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"0:0:3:4:5:6:0:0", "::3:4:5:6:0:0"},
        {"1:0:0:4:5:6:0:0", "1::4:5:6:0:0"},
        {"1:2:3:4:5:0:0:0", "1:2:3:4:5::"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
        {"::ffff:a00:1", "10.0.0.1"},
        {"0:0:0:0:0:ffff:255.255.255.255", "255.255.255.255"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"::1.2.3.4", "::102:304"},
        {"0.0.0.0", "0.0.0.0"},
        {"192.0.2.255", "192.0.2.255"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_writes(cases[i][0], cases[i][1]);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        ":",
        ":::",
        "1",
        "1:",
        ":1",
        "::1:",
        "1:::2",
        "1::2::3",
        "12345::",
        "g::",
        "::g",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "1:2:3:4:5:6:7:8:",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "::1:2:3:4:5:6:1.2.3.4",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "::1.2.3",
        "::1.2.3.256",
        "fe80::1%2",
        "[::1]",
        "::1 ",
        " ::1",
        "::1/64",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.4 ",
        "0x1.2.3.4",
        "-1.2.3.4",
        "1.2.3.4294967297",
        "1,2,3,4",
        "\xff::",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct la_addr a = la_addr_v4(9, 9, 9, 9);
        if (la_addr_parse(cases[i], &a) != LA_EINVAL) {
            fail_msg("accepted \"%s\"", cases[i]);
        }
        assert_int_equal(a.b[12], 9); /* left alone */
    }
}

/* Every pattern of zero and non-zero groups reads back. */
static void test_reads_back(void **state)
{
    for (unsigned mask = 0; mask < 256; mask++) {
        char text[LA_ADDR_TEXT_MAX];
        struct la_addr a = {{0}};
        struct la_addr b;
        for (unsigned i = 0; i < 8; i++) {
            a.b[i * 2 + 1] = mask >> i & 1 ? (uint8_t)(i + 0x0a) : 0;
            a.b[i * 2] = mask >> i & 1 ? (uint8_t)(i * 17) : 0;
        }
        assert_true(la_addr_format(&a, text) < sizeof(text));
        assert_null(strstr(text, ":::"));
        assert_int_equal(la_addr_parse(text, &b), LA_OK);
        assert_true(la_addr_equal(&a, &b));
    }
}

static void test_endpoints(void **state)
{
    char buf[LA_ENDPOINT_TEXT_MAX];
    struct la_endpoint e = {addr("10.0.0.1"), 80, 0};
    assert_int_equal(la_endpoint_format(&e, buf), 11);
    assert_string_equal(buf, "10.0.0.1:80");
    e = (struct la_endpoint){addr("fd00::2"), 65535, 0};
    la_endpoint_format(&e, buf);
    assert_string_equal(buf, "[fd00::2]:65535"); /* RFC 5952 6 */
    e = (struct la_endpoint){addr("fe80::1"), 0, 7};
    la_endpoint_format(&e, buf);
    assert_string_equal(buf, "[fe80::1%7]:0");
    e = (struct la_endpoint){addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 65535, 65535};
    assert_true(la_endpoint_format(&e, buf) < sizeof(buf));
}

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        bool v4, unspecified, multicast, loopback, link_local;
    } cases[] = {
        {"0.0.0.0", true, true, false, false, false},
        {"::", false, true, false, false, false},
        {"::1", false, false, false, true, false},
        {"::2", false, false, false, false, false},
        {"127.255.0.1", true, false, false, true, false},
        {"128.0.0.1", true, false, false, false, false},
        {"224.0.0.1", true, false, true, false, false},
        {"239.255.255.255", true, false, true, false, false},
        {"240.0.0.1", true, false, false, false, false},
        {"223.255.255.255", true, false, false, false, false},
        {"255.255.255.255", true, false, true, false, false},
        {"255.255.255.254", true, false, false, false, false},
        {"ff02::1", false, false, true, false, false},
        {"169.254.1.1", true, false, false, false, true},
        {"169.253.1.1", true, false, false, false, false},
        {"fe80::1", false, false, false, false, true},
        {"febf::1", false, false, false, false, true},
        {"fec0::1", false, false, false, false, false},
        {"::fffe:1.2.3.4", false, false, false, false, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct la_addr a = addr(cases[i].text);
        assert_int_equal(la_addr_is_v4(&a), cases[i].v4);
        assert_int_equal(la_addr_is_unspecified(&a), cases[i].unspecified);
        assert_int_equal(la_addr_is_multicast(&a), cases[i].multicast);
        assert_int_equal(la_addr_is_loopback(&a), cases[i].loopback);
        assert_int_equal(la_addr_is_link_local(&a), cases[i].link_local);
    }
}

static void test_prefixes(void **state)
{
    static const struct {
        const char *addr, *net;
        uint8_t prefix;
        bool in;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0", 8, true},     {"11.1.2.3", "10.0.0.0", 8, false},
        {"10.0.0.127", "10.0.0.0", 25, true},  {"10.0.0.128", "10.0.0.0", 25, false},
        {"10.0.0.1", "10.0.0.1", 32, true},    {"10.0.0.2", "10.0.0.1", 32, false},
        {"1.2.3.4", "0.0.0.0", 0, true},       {"fd00::1", "0.0.0.0", 0, false},
        {"1.2.3.4", "::", 0, false},           {"fd00::1", "::", 0, true},
        {"fd00::1", "fd00::", 64, true},       {"fd00:0:0:1::1", "fd00::", 64, false},
        {"fd00:0:0:1::1", "fd00::", 63, true}, {"fd00::1", "fd00::1", 128, true},
        {"fd00::", "fd00::1", 128, false},     {"fd00::", "fd00::1", 127, true},
        {"1.2.3.4", "1.2.3.4", 33, false},     {"fd00::1", "fd00::1", 129, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct la_addr a = addr(cases[i].addr);
        struct la_addr net = addr(cases[i].net);
        assert_int_equal(la_addr_in_prefix(&a, &net, cases[i].prefix), cases[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shortest_form), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_reads_back),    cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
