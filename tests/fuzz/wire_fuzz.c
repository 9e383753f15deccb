/* Fuzzing of the header parsers: every input goes to every parser. What parses must keep the
 * promises of its header file, and what is written from it must parse to the same again. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/nd.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define REQUIRE(e)   \
    do {             \
        if (!(e)) {  \
            abort(); \
        }            \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fuzz_tcp(const uint8_t *p, size_t len)
{
    struct wire_tcp h;
    struct wire_tcp back;
    uint8_t out[WIRE_TCP_HEADER_MAX];
    uint8_t again[WIRE_TCP_HEADER_MAX];

    if (!wire_tcp_parse(p, len, &h)) {
        return;
    }
    REQUIRE(h.hdr_len >= WIRE_TCP_HEADER && h.hdr_len <= len && h.sack_n <= WIRE_SACK_MAX);
    bool accurate = (h.options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) != 0;
    REQUIRE(h.ecn_n <= WIRE_ECN_MAX && (accurate || h.ecn_n == 0));
    REQUIRE((~h.options & (WIRE_TCP_ECN0 | WIRE_TCP_ECN1)) != 0);
    for (unsigned i = 0; i < h.ecn_n; i++) {
        REQUIRE(h.ecn[i] <= WIRE_ECN_MASK);
    }
    REQUIRE(((h.options & WIRE_TCP_SACK) != 0) == (h.sack_n != 0));
    size_t size = wire_tcp_emit(out, &h);
    REQUIRE(size == wire_tcp_size(&h));
    REQUIRE(wire_tcp_parse(out, size, &back) && back.hdr_len == size);
    REQUIRE(back.seq == h.seq && back.ack == h.ack && back.flags == h.flags && back.wnd == h.wnd);
    REQUIRE(!(back.options & WIRE_TCP_MALFORMED));
    REQUIRE(back.ecn_n == h.ecn_n && memcmp(back.ecn, h.ecn, h.ecn_n * sizeof(h.ecn[0])) == 0);
    REQUIRE(wire_tcp_emit(again, &back) == size && memcmp(out, again, size) == 0);
}

static void fuzz_ipv4(const uint8_t *p, size_t len)
{
    struct wire_ipv4 h;
    struct wire_ipv4 back;
    uint8_t out[WIRE_IPV4_HEADER];

    if (wire_ipv4_parse_quoted(p, len, &h) != WIRE_IP_OK) {
        REQUIRE(wire_ipv4_parse(p, len, &h) != WIRE_IP_OK);
        return;
    }
    REQUIRE(h.hdr_len >= WIRE_IPV4_HEADER && h.hdr_len <= len && h.hdr_len <= h.total_len);
    REQUIRE(h.frag_offset % 8 == 0 && la_addr_is_v4(&h.src) && la_addr_is_v4(&h.dst));
    REQUIRE(!(h.options & WIRE_IPV4_MALFORMED) || h.problem_at < h.hdr_len);
    REQUIRE(wire_ipv4_emit(out, &h) == sizeof(out));
    REQUIRE(wire_ipv4_parse_quoted(out, sizeof(out), &back) == WIRE_IP_OK);
    REQUIRE(back.frag_offset == h.frag_offset && back.total_len == h.total_len);
    /* With the right checksum, which no mutation would hit, only the length can be wrong. */
    uint8_t header[WIRE_IPV4_HEADER_MAX];
    memcpy(header, p, h.hdr_len);
    wire_checksum_store(header + WIRE_IPV4_CHECKSUM_OFFSET, 0);
    uint16_t sum = (uint16_t)~wire_fold(wire_sum(header, h.hdr_len, 0));
    wire_checksum_store(header + WIRE_IPV4_CHECKSUM_OFFSET, sum);
    enum wire_ip_verdict expected = h.total_len > h.hdr_len ? WIRE_IP_TRUNCATED : WIRE_IP_OK;
    REQUIRE(wire_ipv4_parse(header, h.hdr_len, &back) == expected);
}

static void fuzz_ipv6(const uint8_t *p, size_t len)
{
    struct wire_ipv6 h;
    struct wire_ipv6_ext ext;
    struct wire_nd nd;
    uint8_t out[WIRE_IPV6_HEADER];

    if (wire_ipv6_parse_quoted(p, len, &h) != WIRE_IP_OK) {
        return;
    }
    REQUIRE(wire_ipv6_emit(out, &h) == sizeof(out) && memcmp(p, out, sizeof(out)) == 0);
    enum wire_ipv6_chain chain = wire_ipv6_walk(p, len, &h, &ext);
    REQUIRE(ext.transport_at >= WIRE_IPV6_HEADER && ext.transport_at <= len);
    REQUIRE(ext.next_at < len && ext.problem_at < len && ext.frag.offset % 8 == 0);
    if (chain == WIRE_IPV6_WHOLE || chain == WIRE_IPV6_FRAGMENT) {
        REQUIRE(p[ext.next_at] == ext.proto);
        REQUIRE(!ext.has_frag || p[ext.frag.next_at] == WIRE_PROTO_FRAGMENT);
    }
    if (wire_nd_parse(p + ext.transport_at, len - ext.transport_at, &h, &nd)) {
        uint8_t message[WIRE_ND_LEN_MAX];
        struct wire_nd back;
        size_t size = wire_nd_emit(message, &nd);
        REQUIRE(wire_nd_parse(message, size, &h, &back));
        REQUIRE(back.has_mac == nd.has_mac && la_addr_equal(&back.target, &nd.target));
    }
}

static void fuzz_icmp(const uint8_t *p, size_t len, bool v6)
{
    struct wire_icmp h;
    struct wire_icmp_quote q;

    if (wire_icmp_parse(p, len, v6, &h)) {
        uint8_t out[WIRE_ICMP_HEADER];
        REQUIRE(wire_icmp_emit(out, &h) == sizeof(out));
        REQUIRE(memcmp(p, out, 2) == 0 && memcmp(p + 4, out + 4, 4) == 0);
        (void)wire_icmp_is_error(&h);
    }
    if (wire_icmp_quote(p, len, v6, &q)) {
        REQUIRE(q.transport_at <= len && la_addr_is_v4(&q.src) == !v6);
        REQUIRE(!q.has_ports || q.transport_at + 4U <= len);
        REQUIRE(!q.has_seq || (q.has_ports && q.transport_at + 8U <= len));
    }
}

static void fuzz_small(const uint8_t *p, size_t len)
{
    struct wire_eth eth;
    struct wire_arp arp;
    struct wire_udp udp;

    if (wire_eth_parse(p, len, &eth)) {
        uint8_t out[WIRE_ETH_HEADER];
        REQUIRE(wire_eth_emit(out, &eth) == sizeof(out) && memcmp(p, out, sizeof(out)) == 0);
    }
    if (wire_arp_parse(p, len, &arp)) {
        uint8_t out[WIRE_ARP_LEN];
        REQUIRE(wire_arp_emit(out, &arp) == sizeof(out) && memcmp(p, out, sizeof(out)) == 0);
    }
    if (wire_udp_parse(p, len, &udp)) {
        REQUIRE(udp.len >= WIRE_UDP_HEADER && udp.len <= len);
    }
}

static void fuzz_checksum(const uint8_t *p, size_t len)
{
    const struct wire_sum_kernel *kernels[8];
    size_t n = wire_sum_kernels(kernels, 8);
    uint16_t expected = wire_fold(wire_sum(p, len, 0));
    uint8_t *copy = malloc(len ? len : 1);

    REQUIRE(copy);
    for (size_t i = 0; i < n; i++) {
        REQUIRE(wire_fold(kernels[i]->sum(p, len, 0)) == expected);
        REQUIRE(wire_fold(kernels[i]->copy_sum(copy, p, len, 0)) == expected);
        REQUIRE(len == 0 || memcmp(copy, p, len) == 0);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_small(data, len);
    fuzz_tcp(data, len);
    fuzz_ipv4(data, len);
    fuzz_ipv6(data, len);
    fuzz_icmp(data, len, false);
    fuzz_icmp(data, len, true);
    fuzz_checksum(data, len);
    return 0;
}
