/* ICMP: echo, the errors we send and when, the errors we get, Neighbour Discovery's guards. */
#include "core/ip/world.h"

static struct world w;
static uint8_t p[70000];
static uint8_t body[66000];

static void begin(void)
{
    memset(&w.tm, 0, sizeof(w.tm));
    assert_true(world_make(&w));
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (uint8_t)(i * 31 + i / 251);
    }
}

static void end(void)
{
    world_give_back(&w);
    world_end(&w);
}

static uint8_t echo_type(bool v6)
{
    return v6 ? 128 : 8;
}

static void test_echo(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 56, 57, 100, 1400, 1452, 1472};
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t head = v6 ? 40 : 20;
        for (size_t i = 0; i < LA_ARRAY_LEN(sizes); i++) {
            if (v6 && sizes[i] > 1452) {
                continue;
            }
            size_t len = put_icmp(p, &src, &dst, echo_type(v6), 0, 0x12345678, body, sizes[i]);
            feed(&w, 1, p, len);
            assert_done(&w, LA_TAKE_ICMP_ECHO);
            assert_true(ip_has_output(&w.ip, 1));
            assert_true(take_frame(&w, 1));
            assert_int_equal(w.sent_reason, LA_ICMP_ECHO_REPLY);
            assert_int_equal(w.sent_len, len);
            assert_true(packet_good(w.sent, w.sent_len));
            assert_int_equal(w.sent[head], v6 ? 129 : 0);
            assert_int_equal(load_be32(w.sent + head + 4), 0x12345678);
            assert_memory_equal(w.sent + head + 8, body, sizes[i]);
            assert_memory_equal(w.sent + (v6 ? 8 : 12), p + (v6 ? 24 : 16), v6 ? 16 : 4);
            assert_memory_equal(w.sent + (v6 ? 24 : 16), p + (v6 ? 8 : 12), v6 ? 16 : 4);
            assert_silent(&w, 1);
        }
    }
    end();
    (void)state;
}

/* An echo request in fragments is answered in fragments, to the last byte. */
static void test_echo_fragmented(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t head = v6 ? 40 : 20, sizes[] = {1473, 5000, v6 ? 65527 : 65507};
        for (size_t s = 0; s < LA_ARRAY_LEN(sizes); s++) {
            static uint8_t echo[70000], back[70000];
            size_t len = put_icmp(echo, &src, &dst, echo_type(v6), 0, 7, body, sizes[s]);
            for (size_t at = 0; at < len - head; at += 1024) {
                size_t n = len - head - at < 1024 ? len - head - at : 1024;
                bool more = at + n < len - head;
                put_ip(p, &src, &dst, v6 ? 44 : PACKET_ICMP, n + (v6 ? 8 : 0));
                if (v6) {
                    memcpy(p + 40, (uint8_t[]){58, 0, 0, 0, 0, 0, 0, (uint8_t)s}, 8);
                    store_be16(p + 42, (uint16_t)(at | more));
                } else {
                    store_be16(p + 4, (uint16_t)s);
                    store_be16(p + 6, (uint16_t)(at / 8 | (more ? 0x2000 : 0)));
                    store_be16(p + 10, 0);
                    store_be16(p + 10, (uint16_t)~packet_sum(p, 20, 0));
                }
                memcpy(p + head + (v6 ? 8 : 0), echo + head + at, n);
                feed(&w, 1, p, head + (v6 ? 8 : 0) + n);
            }
            assert_done(&w, LA_TAKE_ICMP_ECHO);
            size_t got = 0;
            uint32_t id = 0;
            bool more = true;
            while (take_frame(&w, 1)) {
                size_t h = v6 ? 48 : 20;
                assert_true(w.sent_len <= 1500);
                uint16_t field = load_be16(w.sent + (v6 ? 42 : 6));
                assert_int_equal(v6 ? field & 0xfff8 : (field & 0x1fff) * 8, got);
                uint32_t this_id = v6 ? load_be32(w.sent + 44) : load_be16(w.sent + 4);
                assert_true(got == 0 || id == this_id);
                id = this_id;
                if (!v6) {
                    assert_int_equal(packet_sum(w.sent, 20, 0), 0xffff);
                    assert_int_equal(field & 0x4000, 0);
                }
                more = v6 ? field & 1 : field & 0x2000;
                assert_int_equal((w.sent_len - h) % 8 == 0 || !more, true);
                memcpy(back + head + got, w.sent + h, w.sent_len - h);
                got += w.sent_len - h;
            }
            assert_false(more);
            assert_int_equal(got, len - head);
            put_ip(back, &dst, &src, v6 ? PACKET_ICMPV6 : PACKET_ICMP, got);
            assert_true(packet_good(back, head + got));
            assert_memory_equal(back + head + 8, body, sizes[s]);
        }
    }
    end();
    (void)state;
}

static void test_echo_ignored(void **state)
{
    static const struct la_addr groups[] = {{{[10] = 255, 255, 10, 0, 0, 255}},
                                            {{[10] = 255, 255, 255, 255, 255, 255}},
                                            {{[10] = 255, 255, 224, 0, 0, 1}},
                                            {{0xff, 2, [15] = 1}}};
    begin();
    for (size_t i = 0; i < LA_ARRAY_LEN(groups); i++) {
        bool v6 = !la_addr_is_v4(&groups[i]);
        struct la_addr src = peer(v6, 1);
        size_t len = put_icmp(p, &src, &groups[i], echo_type(v6), 0, 1, body, 8);
        feed(&w, 1, p, len);
        assert_done(&w, LA_DROP_ICMP);
    }
    for (int v6 = 0; v6 <= 1; v6++) { /* what asks for nothing */
        static const uint8_t types[2][6] = {{0, 5, 13, 17, 9, 40}, {129, 130, 133, 134, 137, 143}};
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        for (int i = 0; i < 6; i++) {
            size_t len = put_icmp(p, &src, &dst, types[v6][i], 0, 1, body, 40);
            feed(&w, 1, p, len);
            assert_done(&w, LA_DROP_ICMP);
        }
    }
    struct la_addr src = peer(false, 1), dst = ours(false, 1);
    size_t len = put_icmp(p, &src, &dst, 4, 0, 1, body, 40);
    feed(&w, 1, p, len);
    assert_done(&w, LA_DROP_ICMP_QUENCH);
    assert_silent(&w, 1);
    end();
    (void)state;
}

static void test_checksum_and_length(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t head = v6 ? 40 : 20;
        size_t len = put_icmp(p, &src, &dst, echo_type(v6), 0, 1, body, 9);
        for (size_t i = head; i < len; i++) {
            p[i] ^= 0x10;
            feed(&w, 1, p, len);
            assert_done(&w, LA_DROP_ICMP_CHECKSUM);
            p[i] ^= 0x10;
        }
        for (size_t n = 0; n < 8; n++) {
            put_ip(p, &src, &dst, v6 ? PACKET_ICMPV6 : PACKET_ICMP, n);
            feed(&w, 1, p, head + n);
            assert_done(&w, LA_DROP_ICMP_MALFORMED);
        }
        assert_silent(&w, 1);
    }
    end();
    (void)state;
}

static void test_port_unreachable(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        size_t head = v6 ? 40 : 20, sizes[] = {0, 5, 2000};
        for (int i = 0; i < 3; i++) {
            size_t len = put_udp(p, &src, &dst, sizes[i]);
            assert_int_equal(feed(&w, 1, p, len), IP_UDP);
            assert_int_equal(ip_reply_port_unreachable(&w.ip, &w.out, w.now),
                             LA_ICMP_PORT_UNREACHABLE);
            size_t total = 0;
            assert_true(take_frame(&w, 1));
            total = w.sent_len;
            assert_true(packet_good(w.sent, total));
            assert_int_equal(w.sent[head], v6 ? 1 : 3);
            assert_int_equal(w.sent[head + 1], v6 ? 4 : 3);
            size_t quoted = total - head - 8;
            assert_memory_equal(w.sent + head + 8, p, quoted);
            size_t most = (v6 ? 1280 : 576) - head - 8;
            assert_int_equal(quoted, len < most ? len : most);
        }
        /* protocol unreachable; over IPv6 a Parameter Problem at the Next Header field */
        put_ip(p, &src, &dst, 132, 30);
        feed(&w, 1, p, head + 30);
        assert_done(&w, LA_DROP_IP_PROTOCOL);
        assert_true(take_frame(&w, 1));
        assert_int_equal(w.sent_reason, LA_ICMP_PROTOCOL_UNREACHABLE);
        assert_int_equal(w.sent[head], v6 ? 4 : 3);
        assert_int_equal(w.sent[head + 1], v6 ? 1 : 2);
        assert_int_equal(load_be32(w.sent + head + 4), v6 ? 6 : 0);
    }
    end();
    (void)state;
}

/* Two hundred a second and fifty at once, whoever asks. */
static void test_rate(void **state)
{
    begin();
    struct la_addr src = peer(false, 1), dst = ours(false, 1);
    size_t len = put_udp(p, &src, &dst, 5);
    unsigned sent = 0;
    for (int i = 0; i < 10000; i++) { /* in one second */
        w.now += SECOND / 10000;
        feed(&w, 1, p, len);
        sent += ip_reply_port_unreachable(&w.ip, &w.out, w.now) == LA_ICMP_PORT_UNREACHABLE;
        while (take_frame(&w, 1)) {
        }
    }
    assert_in_range(sent, 200, 260);
    assert_int_equal(ip_reply_port_unreachable(&w.ip, &w.out, w.now), LA_DROP_ICMP_RATE);
    w.now += 10 * SECOND;
    unsigned burst = 0;
    while (ip_reply_port_unreachable(&w.ip, &w.out, w.now) == LA_ICMP_PORT_UNREACHABLE) {
        burst++;
        take_frame(&w, 1);
    }
    assert_in_range(burst, 40, 50);
    end();
    (void)state;
}

/* An error about a TCP segment or datagram of ours, with `quoted` bytes of its transport. */
static size_t put_error(bool v6, uint8_t type, uint8_t code, uint32_t word, uint8_t proto,
                        size_t quoted)
{
    uint8_t quote[200] = {0};
    struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
    size_t at = put_ip(quote, &dst, &src, proto, 1400);
    store_be16(quote + at, 4000);
    store_be16(quote + at + 2, 80);
    store_be32(quote + at + 4, 0xdeadbeef);
    return put_icmp(p, &src, &dst, type, code, word, quote, at + quoted);
}

static void test_errors_in(void **state)
{
    static const struct {
        bool v6;
        uint8_t type, code;
        uint32_t word;
        uint8_t kind;
        uint32_t mtu;
    } cases[] = {
        {false, 3, 0, 0, IP_ERR_NET_UNREACHABLE, 0},  {false, 3, 1, 0, IP_ERR_HOST_UNREACHABLE, 0},
        {false, 3, 2, 0, IP_ERR_PROTOCOL, 0},         {false, 3, 3, 0, IP_ERR_PORT, 0},
        {false, 3, 4, 1300, IP_ERR_MTU, 1300},        {false, 3, 4, 100, IP_ERR_MTU, 552},
        {false, 3, 4, 0, IP_ERR_MTU, 1006},           {false, 3, 5, 0, IP_ERR_NET_UNREACHABLE, 0},
        {false, 3, 7, 0, IP_ERR_HOST_UNREACHABLE, 0}, {false, 3, 13, 0, IP_ERR_PROHIBITED, 0},
        {false, 11, 0, 0, IP_ERR_TIME_EXCEEDED, 0},   {false, 12, 0, 0, IP_ERR_PARAMETER, 0},
        {true, 1, 0, 0, IP_ERR_NET_UNREACHABLE, 0},   {true, 1, 1, 0, IP_ERR_PROHIBITED, 0},
        {true, 1, 3, 0, IP_ERR_HOST_UNREACHABLE, 0},  {true, 1, 4, 0, IP_ERR_PORT, 0},
        {true, 2, 0, 1300, IP_ERR_MTU, 1300},         {true, 3, 0, 0, IP_ERR_TIME_EXCEEDED, 0},
        {true, 4, 0, 0, IP_ERR_PARAMETER, 0},         {true, 4, 1, 6, IP_ERR_PROTOCOL, 0},
    };
    begin();
    for (size_t i = 0; i < LA_ARRAY_LEN(cases); i++) {
        bool v6 = cases[i].v6;
        struct la_addr mine = ours(v6, 1), his = peer(v6, 1);
        size_t len = put_error(v6, cases[i].type, cases[i].code, cases[i].word, PACKET_TCP, 8);
        assert_int_equal(feed(&w, 1, p, len), IP_ICMP_ERROR);
        assert_int_equal(w.out.error.kind, cases[i].kind);
        assert_int_equal(w.out.error.mtu, cases[i].mtu);
        assert_int_equal(w.out.error.seq, 0xdeadbeef);
        assert_int_equal(w.out.error.lport, 4000);
        assert_int_equal(w.out.error.rport, 80);
        assert_memory_equal(w.out.error.laddr.b, mine.b, 16);
        assert_memory_equal(w.out.error.raddr.b, his.b, 16);
        for (size_t quoted = 0; quoted < 8; quoted++) { /* RFC 792: eight bytes, or no belief */
            len = put_error(v6, cases[i].type, cases[i].code, cases[i].word, PACKET_TCP, quoted);
            feed(&w, 1, p, len);
            assert_done(&w, LA_DROP_ICMP_MALFORMED);
        }
        /* cut inside the quoted IP header */
        len = put_icmp(p, &his, &mine, cases[i].type, cases[i].code, 0, body, v6 ? 39 : 19);
        feed(&w, 1, p, len);
        assert_done(&w, LA_DROP_ICMP_MALFORMED);
    }
    assert_silent(&w, 1); /* no answer to any */
    end();
    (void)state;
}

/* Reports that mean nothing. */
static void test_mtu_nonsense(void **state)
{
    begin();
    feed(&w, 1, p, put_error(false, 3, 4, 1420, PACKET_TCP, 8)); /* not smaller than the packet */
    assert_done(&w, LA_DROP_ICMP_MALFORMED);
    feed(&w, 1, p, put_error(true, 2, 0, 1279, PACKET_TCP, 8)); /* RFC 8201 4 */
    assert_done(&w, LA_DROP_ICMP_MALFORMED);
    feed(&w, 1, p, put_error(true, 2, 0, 0xffffffff, PACKET_TCP, 8));
    assert_done(&w, LA_DROP_ICMP_MALFORMED);
    feed(&w, 1, p, put_error(false, 3, 3, 0, PACKET_ICMP, 8)); /* about our ICMP: nobody cares */
    assert_done(&w, LA_DROP_ICMP);

    struct la_addr src = peer(false, 1), dst = ours(false, 1); /* about somebody else's packet */
    uint8_t quote[64];
    put_ip(quote, &src, &dst, PACKET_TCP, 44);
    feed(&w, 1, p, put_icmp(p, &src, &dst, 3, 3, 0, quote, 28));
    assert_done(&w, LA_DROP_ICMP_STALE);
    end();
    (void)state;
}

/* RFC 1122 3.2.2: no error about an error, nor about what came to many. */
static void test_no_error_about_error(void **state)
{
    begin();
    for (int v6 = 0; v6 <= 1; v6++) {
        static const uint8_t types[2][4] = {{3, 11, 12, 5}, {1, 2, 3, 4}};
        struct la_addr src = peer(v6, 1), dst = ours(v6, 1);
        for (int i = 0; i < 4; i++) { /* an error that claims to be undeliverable */
            feed(&w, 1, p, put_icmp(p, &src, &dst, types[v6][i], 0, 0, body, 60));
            assert_int_equal(w.verdict, IP_DONE);
            struct ip_packet packet = {.src = src,
                                       .dst = dst,
                                       .data = p + (v6 ? 40 : 20),
                                       .len = 68,
                                       .header = p,
                                       .header_len = v6 ? 40 : 20,
                                       .proto = v6 ? PACKET_ICMPV6 : PACKET_ICMP,
                                       .link = 1,
                                       .to_unicast = true};
            assert_int_equal(ip_reply_port_unreachable(&w.ip, &packet, w.now), LA_NONE);
        }
        assert_silent(&w, 1);
    }
    end();
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_echo_fragmented),
        cmocka_unit_test(test_echo_ignored),
        cmocka_unit_test(test_checksum_and_length),
        cmocka_unit_test(test_port_unreachable),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_errors_in),
        cmocka_unit_test(test_mtu_nonsense),
        cmocka_unit_test(test_no_error_about_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
