/* Around TCP: echo, UDP, ICMP errors and path MTU, Ethernet with neighbours, and packets that must
 * be dropped, each with its reason and without an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/packets.h"
#include "support/stack_peer.h"
#include "support/two_stacks.h"

static struct peer p;
static struct pair pair;

#define S0 (pair.end[0].stack)
#define S1 (pair.end[1].stack)

/* Rewrites the addresses of a packet from packets.h: from `src` to the stack, checksums redone. */
static void addressed(uint8_t *ip, size_t len, struct la_addr src, struct la_addr dst,
                      uint8_t proto, size_t field)
{
    bool v6 = ip[0] >> 4 == 6;
    size_t head = v6 ? 40 : 20;
    memcpy(ip + (v6 ? 8 : 12), src.b + (v6 ? 0 : 12), v6 ? 16 : 4);
    memcpy(ip + (v6 ? 24 : 16), dst.b + (v6 ? 0 : 12), v6 ? 16 : 4);
    if (!v6) {
        store_be16(ip + 10, 0);
        store_be16(ip + 10, (uint16_t)~packet_sum(ip, 20, 0));
    }
    packet_finish(ip, head, len, proto, field, false);
}

/* RFC 1122 3.2.2.6, RFC 4443 4.2: the same bytes come back. */
static void test_echo(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 8, 1400};
    uint8_t bytes[2048];
    peer_init(&p, NULL);
    for (unsigned i = 0; i < 8; i++) {
        bool v6 = (i & 1) != 0;
        uint8_t proto = v6 ? PACKET_ICMPV6 : PACKET_ICMP;
        size_t len = packet_ping(bytes, v6, sizes[i / 2]);
        addressed(bytes, len, peer_addr(v6, 2), peer_addr(v6, 1), proto, 2);
        assert_int_equal(peer_raw(&p, bytes, len), LA_TAKE_ICMP_ECHO);
        assert_int_equal(peer_pull(&p), 1);
        assert_int_equal(p.out[0].reason, LA_ICMP_ECHO_REPLY);
        assert_true(packet_is_pong(p.out[0].bytes, p.out[0].len, v6, sizes[i / 2]));
        size_t head = v6 ? 40 : 20;
        assert_memory_equal(p.out[0].bytes + head + 4, bytes + head + 4, len - head - 4);
    }
    peer_end(&p);
}

static void begin_pair(enum la_link_type type, uint32_t mtu)
{
    struct pair_options o = pair_defaults();
    o.type = type;
    o.mtu = mtu;
    assert_true(pair_init(&pair, &o));
}

/* Datagrams both ways, whole and in fragments; the source is told; what does not fit is cut. */
static void test_udp(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1472, 1473, 9000, 65507};
    static uint8_t out[65507], in[65507];
    begin_pair(LA_LINK_IP, 1500);
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7 >> 2);
    }
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle a, b;
        struct la_endpoint at = pair_at(&pair, 1, v6 != 0, 53), from, name;
        assert_int_equal(la_udp_open(S1, &at, &b), 0);
        assert_int_equal(la_udp_open(S1, &at, &a), LA_EADDRINUSE);
        struct la_endpoint any = {.addr = v6 ? la_addr_any_v6() : la_addr_any_v4()};
        assert_int_equal(la_udp_open(S0, &any, &a), 0);
        assert_int_equal(la_udp_send(S0, a, NULL, "x", 1), LA_ENOTCONN);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            assert_int_equal(la_udp_send(S0, a, &at, out, sizes[i]), sizes[i]);
            pair_settle(&pair);
            assert_true(la_stack_ready(S1, b) & LA_EV_READABLE);
            assert_int_equal(la_udp_recv(S1, b, &from, in, sizeof(in)), sizes[i]);
            assert_true(sizes[i] == 0 || memcmp(in, out, sizes[i]) == 0);
            assert_true(la_addr_equal(&from.addr, v6 ? &pair.end[0].v6 : &pair.end[0].v4));
            assert_int_equal(la_udp_recv(S1, b, &from, in, 1), LA_EAGAIN);
        }
        assert_int_equal(la_udp_local(S0, a, &name), 0);
        assert_int_equal(name.port, from.port);
        assert_int_equal(la_udp_send(S1, b, &from, "back", 4), 4);
        pair_settle(&pair);
        assert_int_equal(la_udp_recv(S0, a, NULL, in, 2), 4); /* cut, the whole length told */
        assert_int_equal(la_udp_send(S0, a, &at, out, 65528), LA_EMSGSIZE);
        assert_int_equal(la_udp_close(S0, a), 0);
        assert_int_equal(la_udp_close(S1, b), 0);
    }
    assert_int_equal(la_stack_memory(S1, LA_MEM_BUFFERS), 0);
    pair_end_all(&pair);
}

/* RFC 1122 4.1.3.1, 4.1.3.3: nobody has the port, and a connected endpoint is told. */
static void test_port_unreachable(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle a;
        char text[4];
        struct la_event ev;
        begin_pair(LA_LINK_IP, 1500);
        struct la_endpoint here = pair_at(&pair, 0, v6 != 0, 1000);
        struct la_endpoint at = pair_at(&pair, 1, v6 != 0, 53);
        assert_int_equal(la_udp_open(S0, &here, &a), 0);
        assert_int_equal(la_udp_send(S0, a, &at, "x", 1), 1);
        pair_settle(&pair);
        assert_int_equal(la_stack_counter(S1, LA_ICMP_PORT_UNREACHABLE) +
                             la_stack_counter(S1, LA_DROP_UDP_PORT),
                         1);
        assert_int_equal(la_stack_counter(S0, LA_DROP_ICMP_STALE), 1); /* not connected */
        assert_int_equal(la_udp_recv(S0, a, NULL, text, 4), LA_EAGAIN);
        assert_int_equal(la_udp_connect(S0, a, &at), 0);
        assert_int_equal(la_udp_send(S0, a, NULL, "x", 1), 1);
        pair_settle(&pair);
        assert_int_equal(la_stack_poll(S0, &ev, 1), 1);
        assert_true(ev.handle == a && (ev.events & LA_EV_ERROR));
        assert_int_equal(ev.error, LA_ECONNREFUSED);
        assert_int_equal(la_udp_recv(S0, a, NULL, text, 4), LA_ECONNREFUSED);
        assert_int_equal(la_udp_recv(S0, a, NULL, text, 4), LA_EAGAIN); /* told once */
        assert_int_equal(la_udp_send(S0, a, NULL, "x", 1), 1);
        pair_settle(&pair);
        assert_int_equal(la_udp_send(S0, a, NULL, "x", 1), LA_ECONNREFUSED);
        assert_int_equal(la_udp_close(S0, a), 0);
        pair_end_all(&pair);
    }
}

/* An ICMP error that quotes the packet `about`, as the stack sent it, but with number `seq`. */
static enum la_reason icmp_error(const struct peer_packet *about, uint32_t seq, uint8_t type,
                                 uint8_t code, uint32_t word)
{
    uint8_t bytes[256];
    bool v6 = about->v6;
    size_t inner = v6 ? 40 : 20;
    uint8_t proto = v6 ? PACKET_ICMPV6 : PACKET_ICMP;
    size_t head = packet_ip(bytes, v6, proto, 8 + inner + 8, true);
    uint8_t *icmp = bytes + head;
    memset(icmp, 0, 8);
    icmp[0] = type;
    icmp[1] = code;
    store_be32(icmp + 4, word);
    memcpy(icmp + 8, about->bytes, inner + 8);
    store_be32(icmp + 8 + inner + 4, seq);
    size_t len = head + 8 + inner + 8;
    addressed(bytes, len, peer_addr(v6, 7), peer_addr(v6, 1), proto, 2);
    return peer_raw(&p, bytes, len);
}

static la_handle open_to(bool v6, uint32_t *iss)
{
    la_handle c;
    struct la_endpoint to = {.addr = peer_addr(v6, 2), .port = 99};
    assert_int_equal(la_tcp_open(p.stack, NULL, &to, NULL, &c), 0);
    assert_int_equal(peer_pull(&p), 1);
    *iss = p.out[0].tcp.seq;
    return c;
}

static void establish(bool v6, la_handle *c, uint32_t *iss)
{
    *c = open_to(v6, iss);
    struct peer_segment s =
        peer_segment(peer_addr(v6, 2), 99, 5000, *iss + 1, LA_TH_SYN | LA_TH_ACK);
    s.h.dst_port = p.out[0].tcp.src_port;
    s.h.options = WIRE_TCP_MSS;
    s.h.mss = v6 ? 1440 : 1460;
    assert_int_equal(peer_send(&p, &s), LA_TAKE_SYN_ACK);
}

/* RFC 1191, RFC 8201, RFC 5927: an error about something in flight makes segments smaller and sends
 * them again at once; one about anything else is not believed; the floor holds. */
static void test_path_mtu(void **state)
{
    (void)state;
    static uint8_t bytes[2800];
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle c;
        uint32_t iss;
        struct la_tcp_info info;
        size_t head = v6 ? 60 : 40;
        uint8_t type = v6 ? 2 : 3, code = v6 ? 0 : 4;
        peer_init(&p, NULL);
        establish(v6 != 0, &c, &iss);
        assert_int_equal(la_tcp_send(p.stack, c, bytes, sizeof(bytes), 0), sizeof(bytes));
        assert_true(peer_pull(&p) >= 1);
        struct peer_packet first = p.out[0];
        assert_int_equal(first.len, 1500);
        assert_int_equal(icmp_error(&first, iss, type, code, 1300), LA_DROP_ICMP_STALE);
        assert_int_equal(icmp_error(&first, first.tcp.seq + 5000, type, code, 1300),
                         LA_DROP_ICMP_STALE);
        /* The packet it quotes would have fitted. */
        assert_int_equal(icmp_error(&first, first.tcp.seq, type, code, 1500),
                         LA_DROP_ICMP_MALFORMED);
        assert_int_equal(peer_pull(&p), 0);
        assert_int_equal(icmp_error(&first, first.tcp.seq, type, code, 1300), LA_TAKE_ICMP_MTU);
        assert_true(peer_pull(&p) >= 1);
        assert_int_equal(p.out[0].reason, LA_RTX_MTU);
        assert_int_equal(p.out[0].tcp.seq, first.tcp.seq);
        for (size_t i = 0; i < p.count; i++) {
            assert_true(p.out[i].len <= 1300);
        }
        assert_int_equal(la_tcp_info(p.stack, c, &info), 0);
        assert_int_equal(info.mss, 1300 - head);
        assert_int_equal(info.path_mtu, 1300);
        assert_int_equal(info.state, LA_TCP_ESTABLISHED);
        /* A lie about tiny packets stops at the floor. */
        (void)icmp_error(&first, first.tcp.seq, type, code, 68);
        assert_int_equal(la_tcp_info(p.stack, c, &info), 0);
        assert_true(info.path_mtu >= (v6 ? 1280U : 552U));
        /* The next connection to there begins with what was learned. */
        la_handle next;
        (void)peer_pull(&p);
        establish(v6 != 0, &next, &iss);
        assert_int_equal(la_tcp_info(p.stack, next, &info), 0);
        assert_true(info.path_mtu <= 1300);
        peer_end(&p);
    }
}

/* RFC 5461, RFC 9293 MUST-54 to MUST-56, SHLD-25, SHLD-26: hard errors end only what is opening,
 * soft ones nothing; source quench is ignored; the number must be in flight. */
static void test_icmp_errors(void **state)
{
    (void)state;
    static const struct {
        uint8_t v4[2], v6[2];
        int error;
        bool hard;
    } rows[] = {
        {{3, 0}, {1, 0}, LA_ENETUNREACH, false},   {{3, 1}, {1, 3}, LA_EHOSTUNREACH, false},
        {{3, 3}, {1, 4}, LA_ECONNREFUSED, true},   {{3, 2}, {4, 1}, LA_ECONNREFUSED, true},
        {{3, 5}, {1, 2}, LA_ENETUNREACH, false},   {{11, 0}, {3, 0}, LA_EHOSTUNREACH, false},
        {{12, 0}, {4, 0}, LA_EHOSTUNREACH, false}, {{3, 13}, {1, 1}, LA_EACCES, false},
    };
    for (unsigned i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
        bool v6 = (i & 1) != 0, established = (i & 2) != 0;
        const uint8_t *kind = v6 ? rows[i / 4].v6 : rows[i / 4].v4;
        la_handle c;
        uint32_t iss;
        struct la_tcp_info info;
        struct la_event ev;
        peer_init(&p, NULL);
        if (established) {
            establish(v6, &c, &iss);
            while (la_stack_poll(p.stack, &ev, 1)) {
            }
            assert_int_equal(la_tcp_send(p.stack, c, "x", 1, 0), 1);
            assert_int_equal(peer_pull(&p), 1);
        } else {
            c = open_to(v6, &iss);
        }
        struct peer_packet about = p.out[0];
        assert_int_equal(icmp_error(&about, about.tcp.seq - 1, kind[0], kind[1], 0),
                         LA_DROP_ICMP_STALE);
        assert_int_equal(icmp_error(&about, about.tcp.seq, kind[0], kind[1], 0),
                         LA_TAKE_ICMP_ERROR);
        assert_int_equal(la_stack_poll(p.stack, &ev, 1), 1);
        assert_int_equal(ev.error, rows[i / 4].error);
        assert_int_equal(la_tcp_info(p.stack, c, &info), 0);
        if (rows[i / 4].hard && !established) {
            assert_true(ev.events & LA_EV_ERROR);
            assert_int_equal(info.state, LA_TCP_CLOSED);
            assert_int_equal(info.error, LA_ECONNREFUSED);
        } else {
            assert_int_equal(ev.events, LA_EV_SOFT_ERROR);
            assert_int_equal(info.state, established ? LA_TCP_ESTABLISHED : LA_TCP_SYN_SENT);
            assert_int_equal(info.soft_error, rows[i / 4].error);
            assert_int_equal(info.error, 0);
        }
        if (!v6) { /* MUST-55 */
            assert_int_equal(icmp_error(&about, about.tcp.seq, 4, 0, 0), LA_DROP_ICMP_QUENCH);
        }
        peer_end(&p);
    }
}

/* On Ethernet the neighbour is asked for first; nobody there is EHOSTUNREACH after three askings.
 */
static void test_ethernet(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        la_handle c, s, l;
        char text[8];
        begin_pair(LA_LINK_ETHERNET, 1500);
        pair_connect(&pair, v6 != 0, &c, &s, &l);
        assert_int_equal(la_stack_counter(S0, v6 ? LA_ND_SOLICIT : LA_ARP_REQUEST) +
                                 la_stack_counter(S0, LA_TAKE_NEIGHBOUR) >
                             0,
                         1);
        assert_int_equal(la_tcp_send(S0, c, "hello", 5, 0), 5);
        pair_settle(&pair);
        assert_int_equal(la_tcp_recv(S1, s, text, 8, 0), 5);
        struct la_endpoint nobody = {.addr = peer_addr(v6 != 0, 77), .port = 80};
        assert_int_equal(la_tcp_open(S0, NULL, &nobody, NULL, &c), 0);
        pair_run(&pair, 10 * LA_NS_PER_S);
        assert_int_equal(pair_state(&pair, 0, c), LA_TCP_CLOSED);
        assert_int_equal(la_tcp_send(S0, c, "x", 1, 0), LA_EHOSTUNREACH);
        assert_true(la_stack_counter(S0, LA_DROP_UNRESOLVED) > 0);
        assert_int_equal(la_tcp_close(S0, c), 0);
        pair_end_all(&pair);
    }
}

/* A link-local address needs its link, and then works as any other. */
static void test_link_local(void **state)
{
    (void)state;
    la_handle c, s, l;
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80}, to = {.port = 80}, local;
    char text[8];
    begin_pair(LA_LINK_ETHERNET, 1500);
    assert_int_equal(la_addr_parse("fe80::ff:fe00:2", &to.addr), 0); /* of 02:00:00:00:00:02 */
    assert_int_equal(la_tcp_listen(S1, &any, NULL, &l), 0);
    to.scope = (uint16_t)pair.end[0].link;
    assert_int_equal(la_tcp_open(S0, NULL, &to, NULL, &c), 0);
    pair_settle(&pair);
    assert_int_equal(pair_state(&pair, 0, c), LA_TCP_ESTABLISHED);
    assert_int_equal(la_tcp_accept(S1, l, &s), 0);
    assert_int_equal(la_tcp_local(S1, s, &local), 0);
    assert_true(la_addr_equal(&local.addr, &to.addr));
    assert_int_equal(local.scope, pair.end[1].link);
    struct la_tcp_info info;
    assert_int_equal(la_tcp_info(S0, c, &info), 0);
    assert_int_equal(info.remote.scope, pair.end[0].link);
    assert_true(la_addr_is_link_local(&info.local.addr));
    assert_int_equal(la_tcp_send(S1, s, "hello", 5, 0), 5);
    pair_settle(&pair);
    assert_int_equal(la_tcp_recv(S0, c, text, 8, 0), 5);
    to.scope = 5; /* no such link */
    assert_true(la_tcp_open(S0, NULL, &to, NULL, &c) < 0);
    pair_end_all(&pair);
}

/* What must not be answered, each with its reason (RFC 9293 MUST-3, MUST-7, MUST-57, MUST-63). */
static void test_dropped(void **state)
{
    (void)state;
    la_handle l;
    struct la_endpoint any = {.addr = la_addr_any_v6(), .port = 80};
    static const struct {
        const char *src, *dst;
        enum la_reason reason;
    } rows[] = {
        {"10.0.0.1", "10.0.0.1", LA_DROP_IP_SOURCE}, /* LAND, and any packet from ourselves */
        {"fd00::1", "fd00::1", LA_DROP_IP_SOURCE},
        {"10.0.0.2", "10.0.0.255", LA_DROP_TCP_NOT_UNICAST},
        {"10.0.0.2", "255.255.255.255", LA_DROP_TCP_NOT_UNICAST},
        {"10.0.0.2", "224.0.0.1", LA_DROP_TCP_NOT_UNICAST},
        {"fd00::2", "ff02::1", LA_DROP_TCP_NOT_UNICAST},
        {"10.0.0.2", "10.0.0.3", LA_DROP_NOT_OURS},
        {"0.0.0.0", "10.0.0.1", LA_DROP_IP_SOURCE},
        {"255.255.255.255", "10.0.0.1", LA_DROP_IP_SOURCE},
        {"224.0.0.1", "10.0.0.1", LA_DROP_IP_SOURCE},
        {"127.0.0.1", "10.0.0.1", LA_DROP_IP_SOURCE},
        {"10.0.0.255", "10.0.0.1", LA_DROP_IP_SOURCE},
        {"ff02::1", "fd00::1", LA_DROP_IP_SOURCE},
        {"::1", "fd00::1", LA_DROP_IP_SOURCE},
    };
    peer_init(&p, NULL);
    assert_int_equal(la_tcp_listen(p.stack, &any, NULL, &l), 0);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer_segment s = peer_segment(peer_addr(false, 2), 80, 5, 0, LA_TH_SYN);
        assert_int_equal(la_addr_parse(rows[i].src, &s.src), 0);
        assert_int_equal(la_addr_parse(rows[i].dst, &s.dst), 0);
        uint64_t before = la_stack_counter(p.stack, rows[i].reason);
        enum la_reason verdict = peer_send(&p, &s);
        if (verdict == LA_DROP_LAND || verdict == LA_DROP_TCP_NOT_UNICAST) {
            before = la_stack_counter(p.stack, verdict) - 1; /* the same, found one layer up */
            assert_true(rows[i].reason == LA_DROP_IP_SOURCE || verdict == rows[i].reason);
        } else {
            assert_int_equal(verdict, rows[i].reason);
        }
        assert_int_equal(la_stack_counter(p.stack, verdict), before + 1);
        assert_int_equal(p.count, 0);
    }
    struct peer_segment s = peer_segment(peer_addr(true, 2), 1000, 5, 0, LA_TH_SYN);
    uint8_t bytes[128];
    size_t len = peer_bytes(&p, &s, bytes);
    bytes[41] ^= 1; /* IPv6: the source port, so that the checksum is wrong */
    assert_int_equal(peer_raw(&p, bytes, len), LA_DROP_TCP_CHECKSUM);
    bytes[41] ^= 1;
    memset(bytes + 8, 0, 10); /* ::ffff:10.0.0.2 in an IPv6 header */
    memset(bytes + 18, 0xff, 2);
    assert_int_equal(peer_raw(&p, bytes, len), LA_DROP_IP_MAPPED);
    s.src = peer_addr(false, 2);
    s.h.options = WIRE_TCP_MSS;
    len = peer_bytes(&p, &s, bytes);
    static const uint8_t wrong[] = {0, 1, 5, 41};
    for (unsigned i = 0; i < 4; i++) {
        bytes[41] = wrong[i]; /* the length of the MSS option */
        packet_finish(bytes, 20, len, PACKET_TCP, 16, false);
        assert_int_equal(peer_raw(&p, bytes, len), LA_DROP_TCP_HEADER);
    }
    bytes[32] = 0x40; /* data offset 4 */
    packet_finish(bytes, 20, len, PACKET_TCP, 16, false);
    assert_int_equal(peer_raw(&p, bytes, len), LA_DROP_TCP_HEADER);
    bytes[32] = 0xf0; /* longer than the segment */
    packet_finish(bytes, 20, len, PACKET_TCP, 16, false);
    assert_int_equal(peer_raw(&p, bytes, len), LA_DROP_TCP_HEADER);
    assert_int_equal(peer_pull(&p), 0);
    struct la_stack_stats st;
    la_stack_stats(p.stack, &st);
    assert_int_equal(st.half_open + st.conns, 0);
    peer_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_port_unreachable),
        cmocka_unit_test(test_path_mtu),
        cmocka_unit_test(test_icmp_errors),
        cmocka_unit_test(test_ethernet),
        cmocka_unit_test(test_link_local),
        cmocka_unit_test(test_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
