/* Neighbour Discovery: the validity rules of RFC 4861 7.1, one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/nd.h"

static struct la_addr addr(const char *text)
{
    struct la_addr a;
    assert_int_equal(la_addr_parse(text, &a), 0);
    return a;
}

static struct wire_ipv6 from_to(const char *src, const char *dst)
{
    return (struct wire_ipv6){
        .src = addr(src), .dst = addr(dst), .hop_limit = WIRE_ND_HOP_LIMIT, .next = 58};
}

static bool parses(const uint8_t *p, size_t len, const struct wire_ipv6 *ip)
{
    struct wire_nd h;
    uint8_t *input = exact(p, len);
    bool ok = wire_nd_parse(input, len, ip, &h);
    free(input);
    return ok;
}

static size_t message(uint8_t *p, uint8_t type, bool with_mac)
{
    struct wire_nd h = {.type = type, .has_mac = with_mac, .mac = {2, 1, 2, 3, 4, 5}};
    h.target = addr("fe80::2");
    return wire_nd_emit(p, &h);
}

static void test_round_trip(void **state)
{
    const struct wire_ipv6 ip = from_to("fe80::1", "fe80::2");
    for (unsigned bits = 0; bits < 32; bits++) {
        uint8_t p[WIRE_ND_LEN_MAX];
        struct wire_nd back;
        bool advert = bits & 1;
        struct wire_nd h = {
            .type = advert ? WIRE_ND_NEIGHBOUR_ADVERT : WIRE_ND_NEIGHBOUR_SOLICIT,
            .router = advert && (bits & 2),
            .solicited = advert && (bits & 4),
            .override = advert && (bits & 8),
            .has_mac = bits & 16,
            .target = addr("fd00::1:2:3"),
        };
        if (h.has_mac) {
            memcpy(h.mac, (const uint8_t[]){2, 9, 8, 7, 6, 5}, WIRE_MAC_LEN);
        }
        size_t size = wire_nd_emit(p, &h);
        assert_int_equal(size, wire_nd_size(&h));
        for (size_t len = 0; len < size; len++) { /* 24 bytes alone are a message without option */
            assert_int_equal(parses(p, len, &ip), len == WIRE_ND_LEN);
        }
        assert_true(wire_nd_parse(p, size, &ip, &back));
        assert_int_equal(back.type, h.type);
        assert_int_equal(back.router, h.router);
        assert_int_equal(back.solicited, h.solicited);
        assert_int_equal(back.override, h.override);
        assert_int_equal(back.has_mac, h.has_mac);
        assert_memory_equal(back.mac, h.mac, WIRE_MAC_LEN);
        assert_true(la_addr_equal(&back.target, &h.target));
    }
}

/* RFC 4861 7.1.1 and 7.1.2, what both kinds have in common. */
static void test_common_rules(void **state)
{
    for (uint8_t type = WIRE_ND_NEIGHBOUR_SOLICIT; type <= WIRE_ND_NEIGHBOUR_ADVERT; type++) {
        const struct wire_ipv6 ip = from_to("fe80::1", "fe80::2");
        uint8_t p[WIRE_ND_LEN_MAX + 16] = {0};
        size_t len = message(p, type, true);
        struct wire_ipv6 routed = ip;

        assert_true(parses(p, len, &ip));
        for (unsigned hops = 0; hops < 255; hops++) {
            routed.hop_limit = (uint8_t)hops;
            assert_false(parses(p, len, &routed));
        }
        p[1] = 1; /* code */
        assert_false(parses(p, len, &ip));
        p[1] = 0;
        p[WIRE_ND_LEN + 1] = 0; /* option of length 0 */
        assert_false(parses(p, len, &ip));
        p[WIRE_ND_LEN + 1] = 2; /* and one that ends behind the message */
        assert_false(parses(p, len, &ip));
        memset(p + len, 0, 8);
        assert_true(parses(p, len + 8, &ip)); /* complete, but not an Ethernet address */
        (void)message(p, type, true);
        memcpy(p + 8, addr("ff02::1").b, 16); /* the target is a group */
        assert_false(parses(p, len, &ip));
        memcpy(p + 8, addr("10.0.0.1").b, 16); /* or would pass for an IPv4 address */
        assert_false(parses(p, len, &ip));
        (void)message(p, type, true);
        p[WIRE_ND_LEN + 2] = 0x33; /* nobody has a group as its own address */
        assert_false(parses(p, len, &ip));
        memset(p + WIRE_ND_LEN + 2, 0, WIRE_MAC_LEN);
        assert_false(parses(p, len, &ip));
        p[0] = WIRE_ND_ROUTER_ADVERT;
        assert_false(parses(p, WIRE_ND_LEN, &ip));
    }
}

/* RFC 4861 4.6: unknown options are skipped, and so is the other kind's. */
static void test_unknown_options(void **state)
{
    const struct wire_ipv6 ip = from_to("fe80::1", "fe80::2");
    uint8_t p[WIRE_ND_LEN + 32] = {0};
    struct wire_nd h;

    (void)message(p, WIRE_ND_NEIGHBOUR_SOLICIT, false);
    memcpy(p + 24, (const uint8_t[]){14, 2}, 2); /* nonce, two units */
    memcpy(p + 40, (const uint8_t[]){2, 1, 2, 6, 6, 6, 6, 6}, 8);
    memcpy(p + 48, (const uint8_t[]){1, 1, 2, 7, 7, 7, 7, 7}, 8);
    assert_true(wire_nd_parse(p, sizeof(p), &ip, &h));
    assert_true(h.has_mac);
    assert_memory_equal(h.mac, ((const uint8_t[]){2, 7, 7, 7, 7, 7}), WIRE_MAC_LEN);
    for (size_t len = 0; len < sizeof(p); len++) {
        assert_int_equal(parses(p, len, &ip), len == 24 || len == 40 || len == 48);
    }
}

/* RFC 4861 7.1.1: duplicate address detection comes from nobody, to the solicited-node group. */
static void test_solicit_from_unspecified(void **state)
{
    const struct wire_ipv6 good = from_to("::", "ff02::1:ff00:2");
    const struct wire_ipv6 elsewhere = from_to("::", "ff02::1");
    const struct wire_ipv6 near = from_to("::", "ff02::1:fe00:2");
    uint8_t p[WIRE_ND_LEN_MAX];

    size_t len = message(p, WIRE_ND_NEIGHBOUR_SOLICIT, false);
    assert_true(parses(p, len, &good));
    assert_false(parses(p, len, &elsewhere));
    assert_false(parses(p, len, &near));
    len = message(p, WIRE_ND_NEIGHBOUR_SOLICIT, true);
    assert_false(parses(p, len, &good));
}

/* RFC 4861 7.1.2: an advertisement to a group answers nobody. */
static void test_advert_to_group(void **state)
{
    const struct wire_ipv6 ip = from_to("fe80::1", "ff02::1");
    uint8_t p[WIRE_ND_LEN_MAX];
    size_t len = message(p, WIRE_ND_NEIGHBOUR_ADVERT, true);
    assert_true(parses(p, len, &ip));
    p[4] |= 0x40;
    assert_false(parses(p, len, &ip));
}

/* RFC 4291 2.7.1 */
static void test_groups(void **state)
{
    struct la_addr a = addr("4037::1:800:200e:8c6c");
    struct la_addr expected = addr("ff02::1:ff0e:8c6c");
    struct la_addr group = wire_nd_solicited_node(&a);
    assert_true(la_addr_equal(&group, &expected));
    group = wire_nd_all_nodes();
    expected = addr("ff02::1");
    assert_true(la_addr_equal(&group, &expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_common_rules),
        cmocka_unit_test(test_unknown_options), cmocka_unit_test(test_solicit_from_unspecified),
        cmocka_unit_test(test_advert_to_group), cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
