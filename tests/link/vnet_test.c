/* virtio-net headers: what a frame says comes through and back; CWR is told (RFC 3168 6.1.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link/vnet.h"
#include "support/packets.h"

static uint8_t bytes[4000];

static struct la_frame super_segment(bool v6, size_t link_header, uint16_t flags)
{
    struct la_frame frame;
    size_t len = link_header + packet_tcp(bytes + link_header, v6, 9, flags, 3000, true);
    packet_frame(&frame, bytes, len, link_header + (v6 ? 40 : 20) + 32);
    packet_gso(&frame, v6, link_header, 1000);
    frame.csum = LA_CSUM_PARTIAL;
    return frame;
}

static void test_there_and_back(void **state)
{
    for (unsigned i = 0; i < 64; i++) {
        bool v6 = i & 1, ethernet = i & 2;
        uint16_t flags = LA_TH_ACK | (i & 4 ? LA_TH_CWR : 0) | (i & 8 ? LA_TH_ECE : 0) |
                         (i & 16 ? LA_TH_AE : 0) | (i & 32 ? LA_TH_PSH : 0);
        struct la_frame frame = super_segment(v6, ethernet ? 14 : 0, flags), back = {0};
        struct virtio_net_hdr header;
        vnet_from_frame(&header, &frame);
        assert_int_equal((header.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0, (flags & LA_TH_CWR) != 0);
        assert_true(vnet_to_frame(&header, &back));
        assert_int_equal(back.gso, frame.gso);
        assert_int_equal(back.gso_size, 1000);
        assert_int_equal(back.csum, LA_CSUM_PARTIAL);
        assert_int_equal(back.csum_start, frame.csum_start);
        assert_int_equal(back.csum_offset, 16);
        frame.gso = LA_GSO_NONE; /* a single segment needs no care */
        vnet_from_frame(&header, &frame);
        assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    }
}

/* A frame whose headers are not where it says is not read beyond its first piece. */
static void test_short(void **state)
{
    struct la_frame frame = super_segment(false, 0, LA_TH_ACK | LA_TH_CWR);
    struct virtio_net_hdr header;
    for (uint32_t len = 0; len < 40; len++) {
        frame.frag[0].len = len;
        vnet_from_frame(&header, &frame);
        assert_int_equal((header.gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0, len > 33);
    }
}

static void test_unknown_kinds(void **state)
{
    struct la_frame frame = {0};
    for (unsigned kind = 0; kind < 256; kind++) {
        struct virtio_net_hdr header = {.gso_type = (uint8_t)kind, .gso_size = 1000};
        unsigned plain = kind & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
        bool known = plain == VIRTIO_NET_HDR_GSO_NONE || plain == VIRTIO_NET_HDR_GSO_TCPV4 ||
                     plain == VIRTIO_NET_HDR_GSO_TCPV6;
        assert_int_equal(vnet_to_frame(&header, &frame), known);
        header.gso_size = 0;
        assert_int_equal(vnet_to_frame(&header, &frame), plain == VIRTIO_NET_HDR_GSO_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_unknown_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
