/* Cutting super-segments: exact bytes, for both IP versions, with and without a link header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/cut.h"
#include "support/packets.h"

#define MSS 1448

static uint8_t super[70000];
static uint8_t wire[70000];

/* Cuts a super-segment of `payload` bytes and compares every segment with one built anew. */
static void cut_and_compare(bool v6, size_t link_header, size_t payload, enum la_csum csum)
{
    static uint8_t expected[3000];
    const uint16_t flags = LA_TH_ACK | LA_TH_PSH | LA_TH_FIN | LA_TH_CWR;
    struct la_frame frame;
    struct cut cut;
    memset(super, 0xee, link_header);
    size_t len = link_header + packet_tcp(super + link_header, v6, 0xfffffff0, flags, payload,
                                          csum == LA_CSUM_PARTIAL);
    size_t headers = link_header + (v6 ? 40 : 20) + 32;
    packet_frame(&frame, super, len, headers);
    packet_gso(&frame, v6, link_header, MSS);
    frame.csum = (uint8_t)csum;

    assert_true(cut_begin(&cut, &frame, link_header ? LA_LINK_ETHERNET : LA_LINK_IP));
    size_t at = 0;
    for (uint16_t i = 0; at < payload; i++) {
        size_t part = payload - at < MSS ? payload - at : MSS;
        bool last = at + part == payload;
        assert_int_equal(cut_size(&cut), headers + part);
        cut_next(&cut, wire);

        uint16_t left = LA_TH_ACK;
        left |= last ? LA_TH_PSH | LA_TH_FIN : 0;
        left |= i == 0 ? LA_TH_CWR : 0;
        memset(expected, 0xee, link_header);
        uint8_t *ip = expected + link_header;
        size_t head = v6 ? 40 : 20;
        packet_tcp(ip, v6, 0xfffffff0 + (uint32_t)at, left, part, false);
        memcpy(expected + headers, super + headers + at, part);
        if (!v6) {
            store_be16(ip + 4, (uint16_t)(0xfffe + i));
            store_be16(ip + 10, 0);
            store_be16(ip + 10, (uint16_t)~packet_sum(ip, 20, 0));
        }
        packet_finish(ip, head, head + 32 + part, PACKET_TCP, 16, false);
        assert_memory_equal(wire, expected, headers + part);
        assert_true(packet_good(wire + link_header, head + 32 + part));
        at += part;
    }
    assert_int_equal(cut_size(&cut), 0);
}

static void test_every_segment_is_what_a_sender_would_build(void **state)
{
    const size_t payloads[] = {1, MSS - 1, MSS, MSS + 1, 2 * MSS, 10000, 45 * MSS};
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        for (int v6 = 0; v6 < 2; v6++)
            for (size_t link_header = 0; link_header <= 14; link_header += 14) {
                cut_and_compare(v6, link_header, payloads[i], LA_CSUM_PARTIAL);
                cut_and_compare(v6, link_header, payloads[i], LA_CSUM_VALID);
            }
}

static void test_whole_completes_the_checksum(void **state)
{
    struct la_frame frame;
    for (int v6 = 0; v6 < 2; v6++)
        for (size_t payload = 0; payload < 60000; payload = payload * 3 + 1) {
            size_t len = packet_tcp(super, v6, 9, LA_TH_ACK, payload, true);
            packet_frame(&frame, super, len, (v6 ? 40 : 20) + 32);
            packet_gso(&frame, v6, 0, 0);
            cut_whole(&frame, wire);
            assert_true(packet_good(wire, len));
        }
}

/* A UDP sum that comes out as zero is sent as 0xffff (RFC 768). */
static void test_udp_zero(void **state)
{
    struct la_frame frame;
    size_t head = packet_ip(super, false, PACKET_UDP, 10, true);
    uint8_t *udp = super + head;
    memset(udp, 0, 10);
    store_be16(udp + 4, 10);
    uint32_t pseudo = packet_pseudo(super, PACKET_UDP, 10);
    store_be16(udp + 6, (uint16_t)pseudo);
    store_be16(udp + 8, (uint16_t)~packet_sum(udp, 10, 0)); /* makes the whole sum 0xffff */
    packet_frame(&frame, super, head + 10, head + 8);
    frame.csum = LA_CSUM_PARTIAL;
    frame.csum_start = (uint16_t)head;
    frame.csum_offset = 6;
    cut_whole(&frame, wire);
    assert_int_equal(load_be16(wire + head + 6), 0xffff);
    assert_true(packet_good(wire, head + 10));
}

static void test_nonsense_is_refused(void **state)
{
    struct la_frame good, frame;
    struct cut cut;
    size_t len = packet_tcp(super, false, 9, LA_TH_ACK, 5000, true);
    packet_frame(&good, super, len, 52);
    packet_gso(&good, false, 0, MSS);

    frame = good;
    frame.gso_size = 0;
    assert_false(cut_begin(&cut, &frame, LA_LINK_IP));
    frame = good;
    frame.frag[0].len = 39;
    assert_false(cut_begin(&cut, &frame, LA_LINK_IP));
    frame = good;
    frame.csum_start = 50;
    assert_false(cut_begin(&cut, &frame, LA_LINK_IP));
    frame = good;
    frame.csum_start = 0;
    assert_false(cut_begin(&cut, &frame, LA_LINK_IP));
    frame = good;
    frame.csum_start = 60000; /* beyond the packet: left alone */
    frame.gso = LA_GSO_NONE;
    cut_whole(&frame, wire);
    assert_memory_equal(wire, super, len);
    super[32] = 0x40; /* a TCP header of 16 bytes */
    assert_false(cut_begin(&cut, &good, LA_LINK_IP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_segment_is_what_a_sender_would_build),
        cmocka_unit_test(test_whole_completes_the_checksum),
        cmocka_unit_test(test_udp_zero),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
