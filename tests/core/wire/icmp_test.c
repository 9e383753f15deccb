/* ICMP of both versions, and the packets that errors quote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wire/exact.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

static const struct {
    bool v6;
    enum wire_icmp_kind kind;
    uint8_t type, code;
    bool error;
} known[] = {
    {false, WIRE_ICMP_ECHO_REPLY, 0, 0, false},
    {false, WIRE_ICMP_UNREACHABLE, 3, WIRE_ICMP4_PORT, true},
    {false, WIRE_ICMP_UNREACHABLE, 3, WIRE_ICMP4_PRECEDENCE_CUT_OFF, true},
    {false, WIRE_ICMP_TOO_BIG, 3, WIRE_ICMP4_FRAG_NEEDED, true},
    {false, WIRE_ICMP_QUENCH, 4, 0, true},
    {false, WIRE_ICMP_REDIRECT, 5, 1, true},
    {false, WIRE_ICMP_ECHO_REQUEST, 8, 0, false},
    {false, WIRE_ICMP_TIME_EXCEEDED, 11, WIRE_ICMP_TIME_REASSEMBLY, true},
    {false, WIRE_ICMP_PARAMETER_PROBLEM, 12, 0, true},
    {true, WIRE_ICMP_UNREACHABLE, 1, WIRE_ICMP6_PORT, true},
    {true, WIRE_ICMP_TOO_BIG, 2, 0, true},
    {true, WIRE_ICMP_TIME_EXCEEDED, 3, WIRE_ICMP_TIME_TRANSIT, true},
    {true, WIRE_ICMP_PARAMETER_PROBLEM, 4, 1, true},
    {true, WIRE_ICMP_ECHO_REQUEST, 128, 0, false},
    {true, WIRE_ICMP_ECHO_REPLY, 129, 0, false},
    {true, WIRE_ICMP_REDIRECT, 137, 0, true},
};

static void test_kinds(void **state)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t p[WIRE_ICMP_HEADER];
        struct wire_icmp back;
        struct wire_icmp h = wire_icmp_make(known[i].v6, known[i].kind, known[i].code, 0x12345678);
        assert_int_equal(h.type, known[i].type);
        assert_int_equal(h.code, known[i].code);
        assert_int_equal(wire_icmp_emit(p, &h), WIRE_ICMP_HEADER);
        for (size_t len = 0; len <= sizeof(p); len++) {
            uint8_t *input = exact(p, len);
            assert_int_equal(wire_icmp_parse(input, len, known[i].v6, &back), len == sizeof(p));
            free(input);
        }
        assert_int_equal(back.v6, h.v6);
        assert_int_equal(back.kind, h.kind);
        assert_int_equal(back.type, h.type);
        assert_int_equal(back.code, h.code);
        assert_int_equal(back.word, h.word);
        assert_int_equal(wire_icmp_is_error(&back), known[i].error);
    }
}

/* Every type and code: emit is the inverse of parse; RFC 4443 2.1: errors are below 128. */
static void test_all_types(void **state)
{
    for (unsigned i = 0; i < 2 * 65536; i++) {
        const uint8_t p[WIRE_ICMP_HEADER] = {(uint8_t)(i >> 8), (uint8_t)i, 0, 0, 1, 2, 3, 4};
        uint8_t again[WIRE_ICMP_HEADER];
        bool v6 = i >= 65536;
        struct wire_icmp h;
        assert_true(wire_icmp_parse(p, sizeof(p), v6, &h));
        (void)wire_icmp_emit(again, &h);
        assert_memory_equal(p, again, sizeof(p));
        if (v6 && p[0] != 137) {
            assert_int_equal(wire_icmp_is_error(&h), p[0] < 128);
        }
    }
}

static void test_words(void **state)
{
    struct wire_icmp h =
        wire_icmp_make(false, WIRE_ICMP_ECHO_REQUEST, 0, wire_icmp_echo_word(7, 9));
    assert_int_equal(wire_icmp_id(&h), 7);
    assert_int_equal(wire_icmp_seq(&h), 9);
    h = wire_icmp_make(false, WIRE_ICMP_TOO_BIG, 0, 0xffff0000 | 1400); /* RFC 1191 4 */
    assert_int_equal(wire_icmp_mtu(&h), 1400);
    h = wire_icmp_make(true, WIRE_ICMP_TOO_BIG, 0, 70000); /* RFC 4443 3.2 */
    assert_int_equal(wire_icmp_mtu(&h), 70000);
    for (int v6 = 0; v6 < 2; v6++) {
        h = wire_icmp_make(v6, WIRE_ICMP_PARAMETER_PROBLEM, 0, wire_icmp_pointer_word(v6, 40));
        assert_int_equal(wire_icmp_pointer(&h), 40);
    }
}

/* An IPv4 packet with a TCP header of 20 bytes, as a host would have sent it. */
static size_t packet_v4(uint8_t *p, uint8_t proto, uint16_t frag_offset)
{
    const struct wire_ipv4 h = {.src = la_addr_v4(10, 0, 0, 1),
                                .dst = la_addr_v4(10, 0, 0, 2),
                                .total_len = 1500,
                                .proto = proto,
                                .frag_offset = frag_offset};
    const struct wire_tcp tcp = {.src_port = 1234, .dst_port = 80, .seq = 0xfffffffe};
    size_t n = wire_ipv4_emit(p, &h);
    return n + wire_tcp_emit(p + n, &tcp);
}

/* RFC 792: the header and 64 bits; RFC 5927 4.1 looks at the sequence number. */
static void test_quote_v4(void **state)
{
    const struct la_addr src = la_addr_v4(10, 0, 0, 1);
    uint8_t p[64];
    struct wire_icmp_quote q;
    size_t full = packet_v4(p, WIRE_PROTO_TCP, 0);

    for (size_t len = 0; len <= full; len++) {
        uint8_t *input = exact(p, len);
        assert_int_equal(wire_icmp_quote(input, len, false, &q), len >= 20);
        assert_int_equal(q.has_ports, len >= 24);
        assert_int_equal(q.has_seq, len >= 28);
        free(input);
    }
    assert_true(la_addr_equal(&q.src, &src));
    assert_int_equal(q.proto, WIRE_PROTO_TCP);
    assert_int_equal(q.src_port, 1234);
    assert_int_equal(q.dst_port, 80);
    assert_int_equal(q.seq, 0xfffffffe);
    assert_int_equal(q.packet, 1500);
    assert_int_equal(q.transport_at, 20);

    assert_false(wire_icmp_quote(p, full, true, &q));
    full = packet_v4(p, WIRE_PROTO_UDP, 0);
    assert_true(wire_icmp_quote(p, full, false, &q));
    assert_true(q.has_ports && !q.has_seq);
    full = packet_v4(p, WIRE_PROTO_TCP, 8); /* the ports are in another fragment */
    assert_true(wire_icmp_quote(p, full, false, &q));
    assert_false(q.has_ports || q.has_seq);
    full = packet_v4(p, WIRE_PROTO_ICMP, 0);
    assert_true(wire_icmp_quote(p, full, false, &q));
    assert_false(q.has_ports || q.has_seq);
}

static size_t packet_v6(uint8_t *p, bool extension, uint16_t frag_offset, bool more)
{
    const struct wire_ipv6_frag frag = {.offset = frag_offset, .more = more, .id = 1};
    const struct wire_tcp tcp = {.src_port = 1234, .dst_port = 80, .seq = 77};
    struct wire_ipv6 h = {.payload_len = 1232, .next = WIRE_PROTO_TCP, .hop_limit = 1};
    h.src.b[0] = h.dst.b[0] = 0xfd;
    if (extension) {
        h.next = WIRE_PROTO_FRAGMENT;
    }
    size_t n = wire_ipv6_emit(p, &h);
    if (extension) {
        n += wire_ipv6_frag_emit(p + n, WIRE_PROTO_TCP, &frag);
    }
    return n + wire_tcp_emit(p + n, &tcp);
}

static void test_quote_v6(void **state)
{
    uint8_t p[128];
    struct wire_icmp_quote q;
    size_t full = packet_v6(p, false, 0, false);

    for (size_t len = 0; len <= full; len++) {
        uint8_t *input = exact(p, len);
        assert_int_equal(wire_icmp_quote(input, len, true, &q), len >= 40);
        assert_int_equal(q.has_ports, len >= 44);
        assert_int_equal(q.has_seq, len >= 48);
        free(input);
    }
    assert_int_equal(q.proto, WIRE_PROTO_TCP);
    assert_int_equal(q.seq, 77);
    assert_int_equal(q.packet, 1272);
    assert_int_equal(q.transport_at, 40);

    full = packet_v6(p, true, 0, true);
    assert_true(wire_icmp_quote(p, full, true, &q));
    assert_true(q.has_seq);
    assert_int_equal(q.seq, 77);
    assert_int_equal(q.transport_at, 48);
    full = packet_v6(p, true, 8, true);
    assert_true(wire_icmp_quote(p, full, true, &q));
    assert_false(q.has_ports);
    assert_false(wire_icmp_quote(p, 47, true, &q)); /* within the fragment header */

    (void)packet_v6(p, false, 0, false);
    const struct la_addr mapped = la_addr_v4(10, 0, 0, 1);
    memcpy(p + 8, mapped.b, sizeof(mapped.b));
    assert_false(wire_icmp_quote(p, full, true, &q)); /* must not pass for an IPv4 connection */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_all_types),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_quote_v4),
        cmocka_unit_test(test_quote_v6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
