/* AF_PACKET on one end of a veth pair against the kernel on the other, in a namespace of the
 * test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/wire.h"

static int pair_make(void **state)
{
    const struct la_addr v4 = la_addr_v4(10, 87, 0, 1);
    struct la_link *link;
    struct la_message why;
    int rc = la_net_veth_add("pk0", "pk1", &why);
    if (rc == 0)
        rc = la_net_link_quiet("pk1", &why);
    if (rc == 0)
        rc = la_net_link_up("pk1", 0, &why);
    if (rc == 0)
        rc = la_net_link_up("pk0", 0, &why);
    if (rc == 0)
        rc = la_net_addr_add("pk0", &v4, 24, &why);
    if (rc == 0)
        rc = la_net_link_wait("pk0", &why);
    if (rc == 0)
        rc = la_net_link_wait("pk1", &why);
    if (rc == 0)
        rc = la_link_open("packet:pk1", 0, &link, &why);
    if (rc < 0) {
        print_message("%s\n", why.text);
        return -1;
    }
    wire_open(link);
    return 0;
}

static int pair_end(void **state)
{
    struct la_message why;
    wire_close();
    return la_net_link_del("pk0", &why);
}

static void test_ping(void **state)
{
    assert_int_equal(wire.link->info.type, LA_LINK_ETHERNET);
    assert_int_equal(wire.link->info.mac[0] & 3, 2);
    wire_check_ping(false, 0);
    wire_check_ping(false, 1400);
}

static void test_tcp_with_super_segments(void **state)
{
    wire_check_tcp(true);
}

/* The kernel's own traffic on this end, and what we send, must not come back to us. */
static void test_outgoing_is_not_heard(void **state)
{
    wire_check_ping(false, 100);
    struct pollfd fd = {.fd = wire.link->fd, .events = POLLIN};
    while (poll(&fd, 1, 50) > 0)
        assert_false(wire_take(PACKET_ICMP) && wire.in[20] == 8);
}

static void test_mtu(void **state)
{
    struct la_link *link;
    struct la_message why;
    assert_int_equal(la_link_open("packet:pk1", 600, &link, &why), 0);
    assert_int_equal(link->info.mtu, 600);
    la_link_close(link);
    assert_int_equal(la_link_open("packet:pk1", 9000, &link, &why), LA_EINVAL);
    assert_non_null(strstr(why.text, "raise it there first"));
}

static void test_failures_say_what_to_do(void **state)
{
    struct la_link *link;
    struct la_message why;
    assert_int_equal(la_link_open("packet:nope", 0, &link, &why), LA_ENODEV);
    assert_non_null(strstr(why.text, "no interface nope"));
    assert_int_equal(la_link_open("smoke:x", 0, &link, &why), LA_EINVAL);
    assert_non_null(strstr(why.text, "tun:NAME"));
    assert_int_equal(la_link_open("tun", 0, &link, &why), LA_EINVAL);
    assert_non_null(strstr(why.text, "names no device"));
}

int main(void)
{
    struct la_message why;
    if (la_ns_enter_new(&why) < 0) {
        printf("SKIP: link/packet: %s\n", why.text);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_tcp_with_super_segments),
        cmocka_unit_test(test_outgoing_is_not_heard),
        cmocka_unit_test(test_mtu),
        cmocka_unit_test(test_failures_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, pair_make, pair_end);
}
