/* Settings by Linux's names: every one of them reads and takes what it reads. */
#include "posix/net.h"

#include <stdio.h>

static const char *read_setting(const char *name)
{
    static char text[128];
    assert_true(px_setting_get(net.hosts[0], name, text, sizeof(text)) >= 0);
    return text;
}

static int put(const char *name, const char *value)
{
    return px_setting(net.hosts[0], name, value);
}

static void test_all_of_them(void **state)
{
    const char *name;
    unsigned count = 0;
    for (; (name = px_setting_name(count)) != NULL; count++) {
        char before[128];
        snprintf(before, sizeof(before), "%s", read_setting(name));
        assert_true(strlen(before) > 0);
        int err = put(name, before);
        if (err != 0 && err != -EPERM)
            print_error("%s = %s: %d\n", name, before, err);
        assert_true(err == 0 || err == -EPERM);
        assert_string_equal(read_setting(name), before);
        assert_true(put(name, "not a value at all") < 0 || strstr(name, "flush"));
        assert_string_equal(read_setting(name), before);
        assert_true(put(name, NULL) == -EINVAL);
        for (unsigned other = 0; other < count; other++)
            assert_string_not_equal(px_setting_name(other), name);
    }
    assert_true(count > 60);
    /* The same when the stack exists, early ones included. */
    open_socket(0, AF_INET, SOCK_STREAM);
    for (unsigned i = 0; i < count; i++) {
        char before[128];
        name = px_setting_name(i);
        snprintf(before, sizeof(before), "%s", read_setting(name));
        int err = put(name, before);
        assert_true(err == 0 || err == -EPERM);
    }
}

static void test_names(void **state)
{
    assert_int_equal(put("net.ipv4.tcp_sack", "0"), 0);
    assert_string_equal(read_setting("net/ipv4/tcp_sack"), "0");
    assert_int_equal(put("/proc/sys/net/ipv4/tcp_sack", " 1\n"), 0);
    assert_string_equal(read_setting("net.ipv4.tcp_sack"), "1");
    assert_int_equal(put("net.ipv4.tcp_sakc", "1"), -ENOENT);
    assert_int_equal(put("", "1"), -ENOENT);
    char text[4];
    assert_int_equal(px_setting_get(net.hosts[0], "net.ipv4.nothing", text, 4), -ENOENT);
    assert_int_equal(put("net.ipv4.tcp_sack", "2"), -EINVAL);
    assert_int_equal(put("net.ipv4.tcp_sack", "1 1"), -EINVAL);
    assert_int_equal(put("net.ipv4.tcp_sack", "1x"), -EINVAL);
    /* What cannot be had is no question of form. */
    assert_int_equal(put("net.ipv4.tcp_dsack", "0"), -EOPNOTSUPP);
    assert_int_equal(put("net.ipv4.tcp_early_retrans", "1"), -EOPNOTSUPP);
    assert_int_equal(put("net.ipv4.tcp_congestion_control", "vegas?"), -ENOENT);
    assert_int_equal(put("net.ipv4.tcp_available_congestion_control", "cubic"), -EPERM);
    assert_non_null(strstr(read_setting("net.ipv4.tcp_available_congestion_control"), "cubic"));
}

static void test_forms(void **state)
{
    assert_int_equal(put("net.ipv4.tcp_rmem", "5000 90000 7000000"), 0);
    assert_string_equal(read_setting("net.ipv4.tcp_rmem"), "5000\t90000\t7000000");
    assert_int_equal(put("net.ipv4.tcp_rmem", "6000"), 0); /* the others stay */
    assert_string_equal(read_setting("net.ipv4.tcp_rmem"), "6000\t90000\t7000000");
    assert_int_equal(put("net.ipv4.tcp_rmem", "1 2 3 4"), -EINVAL);
    assert_int_equal(put("net.ipv4.ip_local_port_range", "40000 40010"), 0);
    assert_int_equal(put("net.ipv4.ip_local_port_range", "50000 40010"), -EINVAL);
    assert_int_equal(put("net.ipv4.tcp_fastopen", "0x70403"), 0);
    assert_string_equal(read_setting("net.ipv4.tcp_fastopen"), "459779");
    assert_int_equal(put("net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"), 0);
    assert_string_equal(read_setting("net.ipv4.tcp_fastopen_key"),
                        "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4");
    assert_int_equal(put("net.ipv4.tcp_fastopen_key",
                         "00010203-04050607-08090a0b-0c0d0e0f,10111213-14151617-18191a1b-1c1d1e1f"),
                     0);
    assert_string_equal(read_setting("net.ipv4.tcp_fastopen_key"),
                        "00010203-04050607-08090a0b-0c0d0e0f,10111213-14151617-18191a1b-1c1d1e1f");
    assert_int_equal(put("net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2"), -EINVAL);
    assert_int_equal(put("lastack.syn_order", "mss-ws-sack-ts"), 0);
    assert_string_equal(read_setting("lastack.syn_order"), "mss-ws-sack-ts");
    assert_int_equal(put("lastack.syn_order", "0"), 0);
    assert_string_equal(read_setting("lastack.syn_order"), "mss-sack-ts-ws");
    assert_int_equal(put("lastack.syn_order", "mss"), -EINVAL);
    const char *const ecn[] = {"0", "1", "2", "3"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(put("net.ipv4.tcp_ecn", ecn[i]), 0);
        assert_string_equal(read_setting("net.ipv4.tcp_ecn"), ecn[i]);
    }
    assert_int_equal(put("net.ipv4.tcp_ecn", "6"), -EINVAL);
    assert_int_equal(put("lastack.route_rto_min", "250ms"), 0);
    assert_string_equal(read_setting("lastack.rto_min_ms"), "250");
    assert_int_equal(put("lastack.route_mtu", "1400"), -EOPNOTSUPP);
    assert_int_equal(put("lastack.link_mtu", "1400"), 0);
    assert_int_equal(put("lastack.route_mtu", "1400"), 0);
}

/* Too late for what the stack was made with; in time for sockets to come. */
static void test_when(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    int before = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    assert_int_equal(put("net.ipv4.tcp_max_tw_buckets", "70000"), -EBUSY);
    assert_int_equal(put("net.ipv4.tcp_rmem", "4096 70000 7000000"), 0);
    assert_int_equal(put("net.ipv4.tcp_syn_retries", "3"), 0);
    assert_int_equal(put("net.ipv4.tcp_timestamps", "0"), 0);
    assert_int_equal(put("net.ipv4.tcp_rto_max_ms", "0"), -EINVAL);
    int after = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    assert_int_equal(get_int(0, after, IPPROTO_TCP, PX_TCP_SYNCNT), 3);
    now(0, c_connect(after, &to));
    now(0, c_connect(before, &to));
}

/* The link may lose everything, and has an MTU. */
static void test_link(void **state)
{
    struct sockaddr_storage to = address(AF_INET, 1, PORT);
    open_listener(1, AF_INET, PORT);
    assert_int_equal(put("lastack.link_queue", "none"), 0);
    int fd = (int)now(0, c_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    assert_int_equal(now(0, c_connect(fd, &to)), -EINPROGRESS);
    assert_int_equal(net.packets, 0);
    assert_int_equal(put("lastack.link_queue", "any"), 0);
    assert_int_equal(put("lastack.link_mtu", "1000"), 0);
    net_run(1500 * MS);
    assert_int_equal(net.packets, 3); /* the SYN again, and the handshake */
    assert_int_equal(get_int(0, fd, SOL_SOCKET, SO_ERROR), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, net_open, net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_of_them), TEST(test_names), TEST(test_forms),
        TEST(test_when),        TEST(test_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
