/* Routes, source addresses, path MTUs, templates, identifications. */
#include "core/ip/world.h"

static struct world w;

static void begin(void)
{
    memset(&w.tm, 0, sizeof(w.tm));
    assert_true(world_make(&w));
}

static struct la_addr parse(const char *text)
{
    struct la_addr a;
    assert_int_equal(la_addr_parse(text, &a), 0);
    return a;
}

static int route(const char *dst, uint16_t scope, const char *want, struct ip_path *path)
{
    struct la_addr to = parse(dst), from;
    if (want) {
        from = parse(want);
    }
    addr_scope_enter(&to, scope);
    return ip_route(&w.ip, &to, scope, want ? &from : NULL, w.now, path);
}

static void add_route(int link, const char *net, uint8_t prefix, const char *gateway)
{
    struct la_addr n = parse(net), g;
    if (gateway) {
        g = parse(gateway);
    }
    assert_int_equal(ip_route_add(&w.ip, link, &n, prefix, gateway ? &g : NULL), 0);
}

static void test_choice(void **state)
{
    static const struct {
        const char *dst;
        uint16_t scope;
        const char *want;
        int err;
        uint8_t link;
        const char *src, *hop;
        uint8_t cast;
    } cases[] = {
        {"10.0.0.9", 0, NULL, 0, 1, "10.0.0.1", "10.0.0.9", IP_UNICAST},
        {"10.0.1.9", 0, NULL, 0, 2, "10.0.1.1", "10.0.1.9", IP_UNICAST},
        {"10.0.1.9", 0, "10.0.0.1", 0, 2, "10.0.0.1", "10.0.1.9", IP_UNICAST},
        {"10.0.1.9", 0, "0.0.0.0", 0, 2, "10.0.1.1", "10.0.1.9", IP_UNICAST},
        {"10.0.1.9", 0, "10.0.0.7", LA_EADDRNOTAVAIL, 0, NULL, NULL, 0},
        {"10.0.1.9", 0, "fd00::1", LA_EADDRNOTAVAIL, 0, NULL, NULL, 0},
        {"10.0.1.9", 1, NULL, 0, 1, "10.0.0.1", "10.0.0.254", IP_UNICAST},
        {"192.0.2.1", 0, NULL, 0, 1, "10.0.0.1", "10.0.0.254", IP_UNICAST},
        {"198.51.100.1", 0, NULL, 0, 2, "10.0.1.1", "10.0.1.254", IP_UNICAST},
        {"198.51.100.129", 0, NULL, 0, 1, "10.0.0.1", "10.0.0.253", IP_UNICAST},
        {"10.0.1.255", 0, NULL, 0, 2, "10.0.1.1", "10.0.1.255", IP_BROADCAST},
        {"255.255.255.255", 0, NULL, 0, 1, "10.0.0.1", "255.255.255.255", IP_BROADCAST},
        {"255.255.255.255", 2, NULL, 0, 2, "10.0.1.1", "255.255.255.255", IP_BROADCAST},
        {"255.255.255.255", 9, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"224.0.0.251", 0, "10.0.1.1", 0, 2, "10.0.1.1", "224.0.0.251", IP_MULTICAST},
        {"10.0.0.1", 0, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"127.0.0.1", 0, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"0.0.0.0", 0, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"fd00::9", 0, NULL, 0, 1, "fd00::1", "fd00::9", IP_UNICAST},
        {"fd01::9", 0, NULL, 0, 2, "fd01::1", "fd01::9", IP_UNICAST},
        {"2001:db8::1", 0, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"ff02::1", 2, NULL, 0, 2, "fe80::ff:fe00:1", "ff02::1", IP_MULTICAST},
        {"ff02::1", 1, NULL, 0, 1, "fd00::1", "ff02::1", IP_MULTICAST},
        {"fe80::9", 2, NULL, 0, 2, "fe80::ff:fe00:1", "fe80::9", IP_UNICAST},
        {"fe80::9", 1, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"fe80::9", 0, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
        {"::1", 0, NULL, LA_ENETUNREACH, 0, NULL, NULL, 0},
    };
    begin();
    add_route(1, "0.0.0.0", 0, "10.0.0.254");
    add_route(2, "198.51.100.0", 24, "10.0.1.253");
    add_route(2, "198.51.100.7", 24, "10.0.1.254"); /* the same prefix: replaces */
    add_route(1, "198.51.100.128", 25, "10.0.0.253");
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        struct ip_path path;
        assert_int_equal(route(cases[i].dst, cases[i].scope, cases[i].want, &path), cases[i].err);
        if (cases[i].err) {
            continue;
        }
        struct la_addr src = parse(cases[i].src), hop = parse(cases[i].hop);
        addr_scope_enter(&src, path.link);
        addr_scope_enter(&hop, path.link);
        assert_int_equal(path.link, cases[i].link);
        assert_memory_equal(path.src.b, src.b, 16);
        assert_memory_equal(path.next_hop.b, hop.b, 16);
        assert_int_equal(path.cast, cases[i].cast);
        assert_int_equal(path.mtu, 1500);
    }
    world_end(&w);
    (void)state;
}

static void test_configuration(void **state)
{
    static const struct {
        const char *addr;
        int link;
        uint8_t prefix;
        int err;
    } cases[] = {
        {"10.0.0.1", 1, 24, LA_EEXIST}, {"10.9.0.1", 3, 24, LA_ENODEV},
        {"10.9.0.1", 0, 24, LA_ENODEV}, {"10.9.0.1", 1, 33, LA_EINVAL},
        {"0.0.0.0", 1, 24, LA_EINVAL},  {"224.0.0.1", 1, 24, LA_EINVAL},
        {"127.0.0.1", 1, 8, LA_EINVAL}, {"fd09::1", 1, 129, LA_EINVAL},
        {"ff02::1", 1, 64, LA_EINVAL},  {"fe80::1", 1, 64, 0},
        {"fe80::1", 2, 64, 0},          {"fe80::1", 2, 64, LA_EEXIST},
        {"10.9.0.1", 1, 32, 0},         {"10.9.0.3", 1, 31, 0},
    };
    begin();
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        struct la_addr a = parse(cases[i].addr);
        assert_int_equal(ip_addr_add(&w.ip, cases[i].link, &a, cases[i].prefix), cases[i].err);
    }
    struct la_addr end = parse("10.9.0.2"); /* of a /31: a host, not a broadcast (RFC 3021) */
    assert_true(ip_is_unicast(&w.ip, &end));

    static const struct la_link_info bad[] = {
        {.type = 2, .mtu = 1500},
        {.type = LA_LINK_IP, .mtu = 575},
        {.type = LA_LINK_IP, .mtu = 65536},
        {.type = LA_LINK_IP, .mtu = 1500, .gso_max = 65536},
        {.type = LA_LINK_ETHERNET, .mtu = 1500},
        {.type = LA_LINK_ETHERNET, .mtu = 1500, .mac = {1, 2, 3, 4, 5, 6}},
    };
    for (size_t i = 0; i < LA_ARRAY_LEN(bad); i++) {
        assert_int_equal(ip_link_add(&w.ip, &bad[i]), LA_EINVAL);
    }
    struct la_link_info small = {.type = LA_LINK_IP, .mtu = 576};
    for (int link = 3; link <= LA_LINKS_MAX; link++) {
        assert_int_equal(ip_link_add(&w.ip, &small), link);
    }
    assert_int_equal(ip_link_add(&w.ip, &small), LA_ENOBUFS);
    struct la_addr six = parse("fd09::1"); /* RFC 8200 5: no IPv6 below 1280 */
    assert_int_equal(ip_addr_add(&w.ip, 3, &six, 64), LA_EINVAL);
    assert_int_equal(ip_link_set_mtu(&w.ip, 3, 1280), 0);
    assert_int_equal(ip_link_set_mtu(&w.ip, 3, 575), LA_EINVAL);
    assert_int_equal(ip_link_set_mtu(&w.ip, 9, 1500), LA_ENODEV);
    assert_int_equal(ip_addr_add(&w.ip, 3, &six, 64), 0);
    int err = 0;
    for (uint8_t i = 1; i < 200 && err == 0; i++) {
        struct la_addr a = la_addr_v4(10, 8, i, 1);
        err = ip_addr_add(&w.ip, 1, &a, 24);
    }
    assert_int_equal(err, LA_ENOBUFS);
    world_end(&w);
    (void)state;
}

static void test_path_mtu(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr dst = peer(v6, 1), other = v6 ? addr_v6(0, 77) : la_addr_v4(10, 0, 0, 77);
        uint32_t floor = v6 ? 1280 : 552;
        assert_int_equal(ip_path_mtu(&w.ip, &dst, 1, w.now), 1500);
        assert_int_equal(ip_pmtu_learn(&w.ip, &dst, 1, 1400, w.now), 1400);
        assert_int_equal(ip_pmtu_learn(&w.ip, &dst, 1, 1450, w.now), 1400); /* never up */
        assert_int_equal(ip_pmtu_learn(&w.ip, &dst, 1, 1500, w.now), 1400);
        assert_int_equal(ip_pmtu_learn(&w.ip, &dst, 1, 68, w.now), floor);
        assert_int_equal(ip_path_mtu(&w.ip, &other, 1, w.now), 1500);
        struct ip_path path;
        assert_int_equal(ip_route(&w.ip, &dst, 0, NULL, w.now, &path), 0);
        assert_int_equal(path.mtu, floor);
        assert_int_equal(ip_path_mtu(&w.ip, &dst, 1, w.now + 599 * SECOND), floor);
        assert_int_equal(ip_path_mtu(&w.ip, &dst, 1, w.now + 600 * SECOND), 1500);
        w.now += 600 * SECOND;
        assert_int_equal(ip_pmtu_learn(&w.ip, &dst, 1, 1450, w.now), 1450); /* anew */
    }
    for (uint32_t i = 0; i < 1000; i++) { /* bounded; the newest are there */
        struct la_addr dst = la_addr_v4(1, 2, (uint8_t)(i >> 8), (uint8_t)i);
        w.now++;
        ip_pmtu_learn(&w.ip, &dst, 1, 1000, w.now);
        assert_int_equal(ip_path_mtu(&w.ip, &dst, 1, w.now), 1000);
    }
    assert_int_equal(w.ip.pmtu.count, IP_PMTU_MAX);
    world_end(&w);
    (void)state;
}

/* RFC 1191 7.1: the plateau below what was too big. */
static void test_reported(void **state)
{
    static const struct {
        bool v6;
        uint32_t reported, packet, means;
    } cases[] = {
        {false, 0, 1500, 1492},    {false, 0, 1492, 1006}, {false, 0, 1006, 552},
        {false, 0, 553, 552},      {false, 0, 552, 0},     {false, 0, 65535, 32000},
        {false, 0, 68, 0},         {false, 67, 1500, 552}, {false, 576, 1500, 576},
        {false, 1499, 1500, 1499}, {false, 1500, 1500, 0}, {false, 9000, 1500, 0},
        {true, 1280, 1500, 1280},  {true, 1279, 1500, 0},  {true, 0, 1500, 0},
        {true, 1499, 1500, 1499},  {true, 1500, 1500, 0},  {true, 1280, 1280, 0},
    };
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        assert_int_equal(ip_pmtu_reported(cases[i].v6, cases[i].reported, cases[i].packet),
                         cases[i].means);
    }
    (void)state;
}

/* What a template writes is what the emitters of wire/ would. */
static void test_template(void **state)
{
    static const uint32_t lens[] = {0, 1, 20, 1440, 65495};
    begin();
    for (int link = 1; link <= 2; link++) {
        for (int v6 = 0; v6 <= 1; v6++) {
            struct la_addr dst = peer(v6, link);
            struct ip_path path;
            struct ip_template t;
            assert_int_equal(ip_route(&w.ip, &dst, 0, NULL, w.now, &path), 0);
            ip_template_make(&t, &w.ip.routes, &path, &dst, PACKET_TCP, 0x2c, 61);
            ip_template_set_mac(&t, peer_mac);
            ip_template_set_tos(&t, 0xb9);
            for (size_t i = 0; i < LA_ARRAY_LEN(lens); i++) {
                uint8_t got[IP_TEMPLATE_MAX], want[IP_TEMPLATE_MAX];
                size_t at = link == 2 ? put_eth(want, peer_mac, our_mac, v6 ? 0x86dd : 0x0800) : 0;
                struct wire_ipv4 h4 = {.src = path.src,
                                       .dst = dst,
                                       .total_len = (uint16_t)(20 + lens[i]),
                                       .id = 0xabcd,
                                       .dont_fragment = true,
                                       .tos = 0xb9,
                                       .ttl = 61,
                                       .proto = PACKET_TCP};
                struct wire_ipv6 h6 = {.src = path.src,
                                       .dst = dst,
                                       .payload_len = (uint16_t)lens[i],
                                       .tclass = 0xb9,
                                       .next = PACKET_TCP,
                                       .hop_limit = 61};
                at += v6 ? wire_ipv6_emit(want + at, &h6) : wire_ipv4_emit(want + at, &h4);
                assert_int_equal(ip_template_write(&t, got, lens[i], 0xabcd), at);
                assert_memory_equal(got, want, at);
                /* from every ECN field to every other */
                for (uint8_t pair = 0; pair < 16; pair++) {
                    ip_template_put_ecn(&t, got, pair & 3);
                    ip_template_put_ecn(&t, got, pair >> 2);
                    h4.tos = h6.tclass = (uint8_t)(0xb8 | pair >> 2);
                    uint8_t *ip = want + (link == 2 ? 14 : 0);
                    (void)(v6 ? wire_ipv6_emit(ip, &h6) : wire_ipv4_emit(ip, &h4));
                    assert_memory_equal(got, want, at);
                }
                assert_int_equal(wire_fold(ip_template_pseudo(&t, lens[i])),
                                 wire_fold(wire_sum_pseudo(&path.src, &dst, PACKET_TCP, lens[i])));
            }
        }
    }
    world_end(&w);
    (void)state;
}

static void test_identification(void **state)
{
    begin();
    struct la_addr src = ours(true, 1), a = peer(true, 1), b = addr_v6(0, 99);
    uint32_t last = ip_next_id(&w.ip, &src, &a), other = ip_next_id(&w.ip, &src, &b);
    assert_int_not_equal(last, other);
    for (int i = 0; i < 1000; i++) { /* forward by small steps, so that none comes again soon */
        uint32_t id = ip_next_id(&w.ip, &src, &a);
        assert_in_range(id - last, 1, 4);
        last = id;
    }
    world_end(&w);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),   cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_path_mtu), cmocka_unit_test(test_reported),
        cmocka_unit_test(test_template), cmocka_unit_test(test_identification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
