/* TUN and TAP against the kernel, in a namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/wire.h"

static void say(const struct la_message *why, int rc)
{
    if (rc < 0)
        print_message("%s\n", why->text);
    assert_int_equal(rc, 0);
}

/* Opens `spec` with the kernel's addresses on its other side. */
static void open_and_address(const char *spec, uint32_t mtu)
{
    const struct la_addr v4 = la_addr_v4(10, 87, 0, 1);
    struct la_addr v6;
    struct la_link *link;
    struct la_message why;
    const char *ifname = strchr(spec, ':') + 1;
    assert_int_equal(la_addr_parse("fd87::1", &v6), 0);
    say(&why, la_link_open(spec, mtu, &link, &why));
    say(&why, la_net_link_up(ifname, 0, &why));
    say(&why, la_net_addr_add(ifname, &v4, 24, &why));
    say(&why, la_net_addr_add(ifname, &v6, 64, &why));
    wire_open(link);
}

static void test_ping(void **state)
{
    const char *specs[] = {"tun:lt0", "tun-plain:lt1"};
    for (size_t i = 0; i < 2; i++) {
        open_and_address(specs[i], 9000);
        assert_string_equal(wire.link->name, i == 0 ? "tun:lt0" : "tun:lt1");
        assert_int_equal(wire.link->info.mtu, 9000);
        assert_int_equal(wire.link->info.offloads != 0, i == 0);
        for (int v6 = 0; v6 < 2; v6++) {
            wire_check_ping(v6, 0);
            wire_check_ping(v6, 8000);
        }
        wire_close();
    }
}

static void test_ping_over_tap(void **state)
{
    open_and_address("tap:lt2", 0);
    assert_int_equal(wire.link->info.type, LA_LINK_ETHERNET);
    assert_int_equal(wire.link->info.mac[0] & 3, 2);
    wire_check_ping(false, 100);
    wire_check_ping(false, 1400);
    wire_close();
}

static void test_tcp_with_super_segments(void **state)
{
    open_and_address("tun:lt3", 1500);
    wire_check_tcp(true);
    wire_close();
}

static void test_tcp_packet_by_packet(void **state)
{
    open_and_address("tun-plain:lt4", 1500);
    uint8_t *ip = wire_ip();
    size_t len = packet_tcp(ip, false, 1, LA_TH_SYN, 0, false);
    wire_send(len, false, 0); /* nobody listens: the kernel resets */
    assert_true(wire_recv(PACKET_TCP));
    assert_int_equal(wire.in[33], LA_TH_RST | LA_TH_ACK);
    assert_int_equal(wire.frame.csum, LA_CSUM_FULL);
    wire_close();
}

/* A budget without a big buffer: packets still come, and are lost only when there is none. */
static void test_small_budget(void **state)
{
    struct la_frame frames[4];
    open_and_address("tun:lt5", 1500);
    wire.stack.bufs_max = 1;
    wire.stack.bufs = 1;
    wire_send(packet_ping(wire_ip(), false, 10), false, 0);
    assert_int_equal(wire.link->ops->recv(wire.link, &wire.stack, frames, 4, 0), 0);
    assert_true(wire.link->dropped > 0);
    wire.stack.bufs = 0;
    wire.stack.bufs_max = 2;
    wire.link->dropped = 0;
    wire_check_ping(false, 10);
    wire_close();
}

static void test_drops_are_counted(void **state)
{
    struct la_net_drops drops;
    struct la_message why;
    open_and_address("tun:lt6", 1500);
    say(&why, la_net_link_drops("lt6", &drops, &why));
    assert_int_equal(drops.from_us, 0);
    wire_close();
    assert_int_equal(la_net_link_drops("lt6", &drops, &why), LA_ENODEV);
}

static void test_failures_say_what_to_do(void **state)
{
    struct la_link *link;
    struct la_message why;
    open_and_address("tun:lt7", 1500);
    assert_int_equal(la_link_open("tun:lt7", 0, &link, &why), LA_EBUSY);
    assert_non_null(strstr(why.text, "lt7 is in use"));
    assert_int_equal(la_link_open("tun:lo", 0, &link, &why), LA_EINVAL);
    assert_non_null(strstr(why.text, "lo exists"));
    assert_int_equal(la_link_open("tun:lt8", 7, &link, &why), LA_EINVAL);
    assert_non_null(strstr(why.text, "MTU"));
    assert_int_equal(la_link_open("tun:a-name-that-is-too-long", 0, &link, &why), LA_EINVAL);
    assert_non_null(strstr(why.text, "1 to 15 characters"));
    wire_close();
}

int main(void)
{
    struct la_message why;
    struct la_link *link;
    const struct la_tun_options any = {0};
    if (la_ns_enter_new(&why) < 0 || la_link_tun(&any, &link, &why) < 0) {
        printf("SKIP: link/tun: %s\n", why.text);
        return 77;
    }
    la_link_close(link);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_ping_over_tap),
        cmocka_unit_test(test_tcp_with_super_segments),
        cmocka_unit_test(test_tcp_packet_by_packet),
        cmocka_unit_test(test_small_budget),
        cmocka_unit_test(test_drops_are_counted),
        cmocka_unit_test(test_failures_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
