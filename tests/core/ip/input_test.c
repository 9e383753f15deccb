/* What ip_input() makes of packets: delivery, and every reason to drop one. */
#include "core/ip/world.h"

static struct world w;
static uint8_t p[70000];

static void begin(void)
{
    memset(&w.tm, 0, sizeof(w.tm));
    assert_true(world_make(&w));
}

static void end(void)
{
    world_give_back(&w);
    world_end(&w);
}

static void test_delivery(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t len = put_udp(p, &src, &dst, 33);
        /* padding behind the packet is not part of it */
        for (size_t pad = 0; pad < 40; pad += 13) {
            assert_int_equal(feed(&w, 1, p, len + pad), IP_UDP);
            assert_memory_equal(w.out.src.b, src.b, 16);
            assert_memory_equal(w.out.dst.b, dst.b, 16);
            assert_int_equal(w.out.len, 41);
            assert_int_equal(w.out.ttl, 64);
            assert_true(w.out.to_unicast);
            assert_false(w.out.reassembled);
            assert_int_equal(w.out.header_len, v6 ? 40 : 20);
            assert_int_equal(wire_fold(wire_sum(w.out.data, w.out.len, w.out.pseudo)), 0xffff);
        }
        put_ip(p, &src, &dst, PACKET_TCP, 41);
        assert_int_equal(feed(&w, 1, p, len), IP_TCP);
    }
    end();
    (void)state;
}

/* The short way and the long one come to the same result: an option, or a hop-by-hop header, forces
 * the long one. */
static void test_long_way(void **state)
{
    begin();
    struct la_addr src = peer(false, 1), dst = ours(false, 1);
    size_t len = put_udp(p, &src, &dst, 9);
    memmove(p + 24, p + 20, len - 20);
    memset(p + 20, 1, 4); /* no-operation */
    p[0] = 0x46;
    store_be16(p + 2, (uint16_t)(len + 4));
    store_be16(p + 10, 0);
    store_be16(p + 10, (uint16_t)~packet_sum(p, 24, 0));
    assert_int_equal(feed(&w, 1, p, len + 4), IP_UDP);
    assert_int_equal(w.out.header_len, 24);
    assert_int_equal(w.out.len, 17);
    assert_int_equal(wire_fold(wire_sum(w.out.data, w.out.len, w.out.pseudo)), 0xffff);

    src = peer(true, 1), dst = ours(true, 1);
    len = put_udp(p, &src, &dst, 9);
    memmove(p + 48, p + 40, len - 40);
    memcpy(p + 40, (uint8_t[]){PACKET_UDP, 0, 1, 4, 0, 0, 0, 0}, 8);
    p[6] = 0;
    store_be16(p + 4, (uint16_t)(len - 40 + 8));
    assert_int_equal(feed(&w, 1, p, len + 8), IP_UDP);
    assert_int_equal(w.out.header_len, 48);
    assert_int_equal(wire_fold(wire_sum(w.out.data, w.out.len, w.out.pseudo)), 0xffff);
    end();
    (void)state;
}

static void test_truncated(void **state)
{
    begin();
    for (int link = 1; link <= 2; link++) {
        for (int v6 = 0; v6 <= 1; v6++) {
            struct la_addr src = peer(v6, link), dst = ours(v6, link);
            size_t head = link == 2 ? put_eth(p, our_mac, peer_mac, v6 ? 0x86dd : 0x0800) : 0;
            size_t len = head + put_udp(p + head, &src, &dst, 20);
            for (size_t n = 0; n < len; n++) {
                feed(&w, link, p, n);
                assert_done(&w, LA_DROP_TRUNCATED);
            }
            assert_int_equal(feed(&w, link, p, len), IP_UDP);
            assert_silent(&w, link);
        }
    }
    end();
    (void)state;
}

static void test_addresses(void **state)
{
    static const struct {
        struct la_addr src, dst;
        enum la_reason reason; /* LA_NONE: delivered, but not to unicast */
    } cases[] = {
        {{{[10] = 0xff, [11] = 0xff}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, [12] = 0, [15] = 9}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, [12] = 224, [15] = 1}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, 255, 255, 255, 255}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 255}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 0}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}}, {{0}}, LA_DROP_LAND},
        {{{[10] = 0xff, [11] = 0xff, 10, 0, 1, 1}}, {{0}}, LA_DROP_IP_SOURCE},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 9}}, LA_DROP_NOT_OURS},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 0, 0, 0, 0}}, LA_DROP_NOT_OURS},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}}, LA_DROP_NOT_OURS},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 224, 0, 0, 9}}, LA_DROP_NOT_OURS},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 10, 0, 0, 255}}, LA_NONE},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 255, 255, 255, 255}}, LA_NONE},
        {{{0}}, {{[10] = 0xff, [11] = 0xff, 224, 0, 0, 1}}, LA_NONE},
        {{{[15] = 1}}, {{0xfd, [15] = 1}}, LA_DROP_IP_SOURCE},
        {{{0xff, 2, [15] = 1}}, {{0xfd, [15] = 1}}, LA_DROP_IP_SOURCE},
        {{{0xfd, [15] = 1}}, {{0xfd, [15] = 1}}, LA_DROP_LAND},
        {{{0xfd, [15] = 2}}, {{0xfd, [15] = 9}}, LA_DROP_NOT_OURS},
        {{{0xfd, [15] = 2}}, {{[15] = 1}}, LA_DROP_NOT_OURS},
        {{{0xfd, [15] = 2}}, {{0xff, 2, [15] = 1}}, LA_NONE},
        {{{0xfd, [15] = 2}}, {{0xff, 2, [15] = 2}}, LA_DROP_NOT_OURS},
        {{{0xfe, 0x80, 0, 1, [15] = 2}}, {{0xfd, [15] = 1}}, LA_DROP_IP_SOURCE},
        {{{0xfd, [15] = 2}}, {{0xfe, 0x80, 0, 1, [15] = 2}}, LA_DROP_NOT_OURS},
    };
    begin();
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        struct la_addr src = cases[i].src, dst = cases[i].dst, zero = {{0}};
        if (memcmp(&src, &zero, 16) == 0) {
            src = peer(false, 1);
        }
        if (memcmp(&dst, &zero, 16) == 0) {
            dst = ours(false, 1);
        }
        size_t len = put_udp(p, &src, &dst, 4);
        if (!la_addr_is_v4(&src)) { /* byte for byte, scope on the wire included */
            memcpy(p + 8, src.b, 16);
            memcpy(p + 24, dst.b, 16);
        }
        feed(&w, 1, p, len);
        if (cases[i].reason == LA_NONE) {
            assert_int_equal(w.verdict, IP_UDP);
            assert_false(w.out.to_unicast);
            assert_int_equal(ip_reply_port_unreachable(&w.ip, &w.out, w.now), LA_NONE);
        } else {
            assert_done(&w, cases[i].reason);
        }
        assert_silent(&w, 1);
    }
    end();
    (void)state;
}

/* RFC 4291 2.5.5.2, and the unspecified source that only Neighbour Discovery may use. */
static void test_mapped(void **state)
{
    begin();
    struct la_addr six = peer(true, 1), mine = ours(true, 1), four = peer(false, 1);
    size_t len = put_udp(p, &six, &mine, 4);
    memcpy(p + 8, four.b, 16);
    feed(&w, 1, p, len);
    assert_done(&w, LA_DROP_IP_MAPPED);
    memcpy(p + 8, six.b, 16);
    four = ours(false, 1);
    memcpy(p + 24, four.b, 16);
    feed(&w, 1, p, len);
    assert_done(&w, LA_DROP_IP_MAPPED);

    memcpy(p + 24, mine.b, 16);
    memset(p + 8, 0, 16);
    feed(&w, 1, p, len);
    assert_done(&w, LA_DROP_IP_SOURCE);
    six = (struct la_addr){{0}};
    len = put_icmp(p, &six, &mine, 128, 0, 1, "x", 1);
    feed(&w, 1, p, len);
    assert_done(&w, LA_DROP_IP_SOURCE);
    assert_silent(&w, 1);
    end();
    (void)state;
}

static void test_header_bits(void **state)
{
    begin();
    struct la_addr src = peer(false, 1), dst = ours(false, 1);
    size_t len = put_udp(p, &src, &dst, 4);
    for (size_t bit = 0; bit < 160;
         bit++) { /* any bit of the header wrong: nothing comes through */
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(feed(&w, 1, p, len), IP_DONE);
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_silent(&w, 1);
    feed(&w, 1, (const uint8_t *)"\x50", 1);
    assert_done(&w, LA_DROP_IP_VERSION);
    end();
    (void)state;
}

/* RFC 9293 MUST-50; RFC 7126 4.3. */
static void test_options(void **state)
{
    static const struct {
        uint8_t bytes[4];
        enum la_reason reason; /* LA_NONE: delivered */
        bool answered;
    } cases[] = {
        {{131, 3, 4, 0}, LA_DROP_IP_SOURCE_ROUTE, false},
        {{137, 3, 4, 0}, LA_DROP_IP_SOURCE_ROUTE, false},
        {{7, 3, 4, 0}, LA_NONE, false},   /* record route: not filled in */
        {{148, 4, 0, 0}, LA_NONE, false}, /* router alert */
        {{30, 0, 0, 0}, LA_DROP_IP_OPTION, true},
        {{30, 1, 0, 0}, LA_DROP_IP_OPTION, true},
        {{1, 1, 30, 9}, LA_DROP_IP_OPTION, true},
        {{1, 1, 1, 30}, LA_DROP_IP_OPTION, true},
    };
    begin();
    struct la_addr src = peer(false, 1), dst = ours(false, 1);
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        size_t len = put_udp(p, &src, &dst, 4);
        memmove(p + 24, p + 20, len - 20);
        memcpy(p + 20, cases[i].bytes, 4);
        p[0] = 0x46;
        store_be16(p + 2, (uint16_t)(len + 4));
        store_be16(p + 10, 0);
        store_be16(p + 10, (uint16_t)~packet_sum(p, 24, 0));
        feed(&w, 1, p, len + 4);
        if (cases[i].reason == LA_NONE) {
            assert_int_equal(w.verdict, IP_UDP);
        } else {
            assert_done(&w, cases[i].reason);
        }
        assert_int_equal(take_frame(&w, 1), cases[i].answered);
        if (cases[i].answered) {
            assert_true(packet_good(w.sent, w.sent_len));
            assert_int_equal(w.sent[20], 12); /* Parameter Problem, pointing into the options */
            assert_in_range(w.sent[24], 20, 23);
        }
    }
    end();
    (void)state;
}

static void test_extensions(void **state)
{
    static const struct {
        uint8_t next;
        uint8_t bytes[8];
        enum la_reason reason; /* LA_NONE: delivered */
        int answer;            /* code of the Parameter Problem, -1: silent */
        uint8_t pointer;
    } cases[] = {
        {0, {17, 0, 1, 4}, LA_NONE, -1, 0},
        {60, {17, 0, 1, 4}, LA_NONE, -1, 0},
        {43, {17, 0, 0, 0}, LA_NONE, -1, 0},               /* nothing left to visit */
        {43, {17, 0, 0, 1}, LA_DROP_IP_EXTENSION, 0, 42},  /* RFC 5095: type 0 */
        {43, {17, 0, 99, 1}, LA_DROP_IP_EXTENSION, 0, 42}, /* RFC 8200 4.4 */
        {60, {17, 0, 0x1e, 4}, LA_NONE, -1, 0},            /* unknown, skip */
        {60, {17, 0, 0x5e, 4}, LA_DROP_IP_EXTENSION, -1, 0},
        {60, {17, 0, 0x9e, 4}, LA_DROP_IP_EXTENSION, 2, 42},
        {60, {17, 0, 0xde, 4}, LA_DROP_IP_EXTENSION, 2, 42},
        {60, {17, 0, 1, 9}, LA_DROP_IP_EXTENSION, -1, 0}, /* padding longer than its header */
        {60, {17, 200, 1, 4}, LA_DROP_IP_EXTENSION, -1, 0},
        {60, {0, 0, 1, 4}, LA_DROP_IP_EXTENSION, 1, 40}, /* hop-by-hop not first */
        {60, {59, 0, 1, 4}, LA_DROP_IP_PROTOCOL, -1, 0}, /* no next header */
        {60, {4, 0, 1, 4}, LA_DROP_IP_PROTOCOL, 1, 40},  /* IP in IP is not unpacked */
        {60, {1, 0, 1, 4}, LA_DROP_IP_PROTOCOL, 1, 40},  /* ICMPv4 over IPv6 */
        {44, {17, 0, 0, 0, 1, 2, 3, 4}, LA_NONE, -1, 0}, /* atomic fragment (RFC 6946) */
    };
    begin();
    struct la_addr src = peer(true, 1), dst = ours(true, 1);
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        size_t len = put_udp(p, &src, &dst, 4);
        memmove(p + 48, p + 40, len - 40);
        memcpy(p + 40, cases[i].bytes, 8);
        if (cases[i].bytes[0] == 0) {
            memset(p + 48, 0, 8); /* a whole hop-by-hop header */
        }
        p[6] = cases[i].next;
        store_be16(p + 4, (uint16_t)(len - 40 + 8));
        feed(&w, 1, p, len + 8);
        if (cases[i].reason == LA_NONE) {
            assert_int_equal(w.verdict, IP_UDP);
        } else {
            assert_done(&w, cases[i].reason);
        }
        assert_int_equal(take_frame(&w, 1), cases[i].answer >= 0);
        if (cases[i].answer >= 0) {
            assert_true(packet_good(w.sent, w.sent_len));
            assert_int_equal(w.sent[40], 4);
            assert_int_equal(w.sent[41], cases[i].answer);
            assert_int_equal(load_be32(w.sent + 44), cases[i].pointer);
        }
    }
    end();
    (void)state;
}

/* To a group only the option that asks for it is answered (RFC 4443 2.4 e.3). */
static void test_extension_multicast(void **state)
{
    begin();
    struct la_addr src = peer(true, 1), dst = {{0xff, 2, [15] = 1}};
    for (int type = 0x9e; type <= 0xde; type += 0x40) {
        size_t len = put_udp(p, &src, &dst, 4);
        memmove(p + 48, p + 40, len - 40);
        memcpy(p + 40, (uint8_t[]){17, 0, (uint8_t)type, 4, 0, 0, 0, 0}, 8);
        p[6] = 60;
        store_be16(p + 4, (uint16_t)(len - 40 + 8));
        feed(&w, 1, p, len + 8);
        assert_done(&w, LA_DROP_IP_EXTENSION);
        assert_int_equal(take_frame(&w, 1), type == 0x9e);
    }
    end();
    (void)state;
}

static void test_ethernet(void **state)
{
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 9}, all[6] = {255, 255, 255, 255, 255, 255};
    begin();
    struct la_addr src = peer(false, 2), dst = ours(false, 2), bcast = la_addr_v4(10, 0, 1, 255);
    size_t len = 14 + put_udp(p + 14, &src, &dst, 4);
    put_eth(p, our_mac, peer_mac, 0x0800);
    assert_int_equal(feed(&w, 2, p, len), IP_UDP);
    assert_true(w.out.to_unicast);
    put_eth(p, other, peer_mac, 0x0800);
    feed(&w, 2, p, len);
    assert_done(&w, LA_DROP_NOT_OUR_MAC);
    put_eth(p, all, peer_mac, 0x0800); /* RFC 1122 3.3.6 */
    feed(&w, 2, p, len);
    assert_done(&w, LA_DROP_NOT_OUR_MAC);
    put_eth(p, our_mac, peer_mac, 0x86dd);
    feed(&w, 2, p, len);
    assert_done(&w, LA_DROP_IP_VERSION);
    put_eth(p, our_mac, peer_mac, 0x88cc);
    feed(&w, 2, p, len);
    assert_done(&w, LA_DROP_ETHERTYPE);
    put_udp(p + 14, &src, &bcast, 4);
    put_eth(p, all, peer_mac, 0x0800);
    assert_int_equal(feed(&w, 2, p, len), IP_UDP);
    assert_false(w.out.to_unicast);
    end();
    (void)state;
}

/* A link-local address belongs to its link; on the wire its scope is zero. */
static void test_link_local(void **state)
{
    begin();
    struct la_addr src = link_local(2, 2),
                   dst = {{0xfe, 0x80, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1}};
    size_t len = 14 + put_udp(p + 14, &src, &dst, 4);
    put_eth(p, our_mac, peer_mac, 0x86dd);
    assert_int_equal(feed(&w, 2, p, len), IP_UDP);
    assert_memory_equal(w.out.src.b, src.b, 16);
    assert_memory_equal(w.out.dst.b, dst.b, 16);
    assert_int_equal(addr_scope_of(&w.out.src), 2);
    assert_int_equal(wire_fold(wire_sum(w.out.data, w.out.len, w.out.pseudo)), 0xffff);
    feed(&w, 1, p + 14, len - 14); /* the same packet on the other link */
    assert_done(&w, LA_DROP_NOT_OURS);
    end();
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery),   cmocka_unit_test(test_long_way),
        cmocka_unit_test(test_truncated),  cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_mapped),     cmocka_unit_test(test_header_bits),
        cmocka_unit_test(test_options),    cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_ethernet),   cmocka_unit_test(test_extension_multicast),
        cmocka_unit_test(test_link_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
