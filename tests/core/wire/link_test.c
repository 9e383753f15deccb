/* Ethernet and ARP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/arp.h"
#include "wire/eth.h"

static const uint8_t mac_a[WIRE_MAC_LEN] = {0x02, 1, 2, 3, 4, 5};
static const uint8_t mac_b[WIRE_MAC_LEN] = {0x02, 9, 8, 7, 6, 5};

static void test_eth(void **state)
{
    struct wire_eth h = {.type = WIRE_ETHERTYPE_IPV6};
    struct wire_eth back;
    uint8_t p[WIRE_ETH_HEADER];

    memcpy(h.dst, mac_a, sizeof(mac_a));
    memcpy(h.src, mac_b, sizeof(mac_b));
    assert_int_equal(wire_eth_emit(p, &h), WIRE_ETH_HEADER);
    for (size_t len = 0; len <= WIRE_ETH_HEADER; len++) {
        uint8_t *input = exact(p, len);
        assert_int_equal(wire_eth_parse(input, len, &back), len == WIRE_ETH_HEADER);
        free(input);
    }
    assert_memory_equal(back.dst, mac_a, sizeof(mac_a));
    assert_memory_equal(back.src, mac_b, sizeof(mac_b));
    assert_int_equal(back.type, WIRE_ETHERTYPE_IPV6);
}

/* RFC 1112 6.4: the upper 5 bits of the group and one more are lost; RFC 2464 7. */
static void test_groups(void **state)
{
    static const struct {
        const char *group;
        uint8_t mac[WIRE_MAC_LEN];
    } cases[] = {
        {"224.0.0.1", {0x01, 0x00, 0x5e, 0x00, 0x00, 0x01}},
        {"239.255.255.255", {0x01, 0x00, 0x5e, 0x7f, 0xff, 0xff}},
        {"224.128.2.3", {0x01, 0x00, 0x5e, 0x00, 0x02, 0x03}},
        {"255.255.255.255", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {"ff02::1:ff12:3456", {0x33, 0x33, 0xff, 0x12, 0x34, 0x56}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct la_addr a;
        uint8_t mac[WIRE_MAC_LEN];
        assert_int_equal(la_addr_parse(cases[i].group, &a), 0);
        wire_mac_of_group(mac, &a);
        assert_memory_equal(mac, cases[i].mac, WIRE_MAC_LEN);
        assert_true(wire_mac_is_group(mac));
    }
    assert_false(wire_mac_is_group(mac_a));
    assert_false(wire_mac_is_zero(mac_a));
    assert_false(wire_mac_is_zero((const uint8_t[]){0, 0, 0, 0, 0, 1}));
    assert_true(wire_mac_is_zero((const uint8_t[WIRE_MAC_LEN]){0}));
}

static size_t arp_message(uint8_t *p, uint16_t op)
{
    struct wire_arp h = {
        .op = op, .sender = la_addr_v4(10, 0, 0, 1), .target = la_addr_v4(10, 0, 0, 2)};
    memcpy(h.sender_mac, mac_a, sizeof(mac_a));
    memcpy(h.target_mac, mac_b, sizeof(mac_b));
    return wire_arp_emit(p, &h);
}

static void test_arp(void **state)
{
    static const uint8_t expected[WIRE_ARP_LEN] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 1, 2,  3, 4, 5,
                                                   10, 0, 0, 1, 2, 9, 8, 7, 6, 5, 10, 0, 0, 2};
    uint8_t p[WIRE_ARP_LEN];
    struct wire_arp h;
    const struct la_addr target = la_addr_v4(10, 0, 0, 2);

    assert_int_equal(arp_message(p, WIRE_ARP_REQUEST), WIRE_ARP_LEN);
    assert_memory_equal(p, expected, sizeof(expected));
    for (size_t len = 0; len <= WIRE_ARP_LEN; len++) {
        uint8_t *input = exact(p, len);
        assert_int_equal(wire_arp_parse(input, len, &h), len == WIRE_ARP_LEN);
        free(input);
    }
    assert_int_equal(h.op, WIRE_ARP_REQUEST);
    assert_memory_equal(h.sender_mac, mac_a, sizeof(mac_a));
    assert_memory_equal(h.target_mac, mac_b, sizeof(mac_b));
    assert_true(la_addr_equal(&h.target, &target));
    (void)arp_message(p, WIRE_ARP_REPLY);
    assert_true(wire_arp_parse(p, sizeof(p), &h));
}

static void test_arp_refused(void **state)
{
    /* Hardware type, protocol type, lengths, operation; a sender that is a group or nobody. */
    static const struct {
        size_t at;
        uint8_t value;
    } cases[] = {{0, 1}, {1, 6}, {2, 9}, {3, 1}, {4, 8}, {5, 16}, {6, 1}, {7, 0}, {7, 3}, {8, 3}};
    uint8_t p[WIRE_ARP_LEN];
    struct wire_arp h;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)arp_message(p, WIRE_ARP_REQUEST);
        p[cases[i].at] = cases[i].value;
        assert_false(wire_arp_parse(p, sizeof(p), &h));
    }
    (void)arp_message(p, WIRE_ARP_REQUEST);
    memset(p + 8, 0, WIRE_MAC_LEN);
    assert_false(wire_arp_parse(p, sizeof(p), &h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eth),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_arp),
        cmocka_unit_test(test_arp_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
