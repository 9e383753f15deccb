/* Marking, and the errors of routers. */
#include "link/lane_ip.h"

#include <string.h>

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#define ECN_MASK   3
#define ERROR_TTL  64
#define V4_TOS_AT  1
#define V4_SRC_AT  12
#define V6_SRC_AT  8
#define V4_GROUPS  224 /* and above in the first byte: no one host's address */
#define V6_GROUPS  0xff
#define QUOTE_MAX4 (576 - WIRE_IPV4_HEADER - WIRE_ICMP_HEADER)  /* RFC 1812 4.3.2.3 */
#define QUOTE_MAX6 (1280 - WIRE_IPV6_HEADER - WIRE_ICMP_HEADER) /* RFC 4443 2.4 c */

bool lane_ip_transport(const uint8_t *ip, size_t len, struct lane_ip_transport *transport)
{
    struct wire_ipv4 v4;
    struct wire_ipv6 v6;
    struct wire_ipv6_ext ext;
    size_t at, end;
    if (wire_ipv4_parse(ip, len, &v4) == WIRE_IP_OK) {
        if (v4.frag_offset > 0)
            return false;
        at = v4.hdr_len;
        end = v4.total_len;
        transport->proto = v4.proto;
    } else if (wire_ipv6_parse(ip, len, &v6) == WIRE_IP_OK) {
        end = WIRE_IPV6_HEADER + (size_t)v6.payload_len;
        enum wire_ipv6_chain chain = wire_ipv6_walk(ip, end, &v6, &ext);
        if (chain != WIRE_IPV6_WHOLE)
            return false;
        at = ext.transport_at;
        transport->proto = ext.proto;
    } else {
        return false;
    }
    transport->at = ip + at;
    transport->len = end - at;
    return true;
}

void lane_ip_addrs(const uint8_t *ip, struct la_addr *src, struct la_addr *dst)
{
    if (wire_ip_version(ip, 1) == 4) {
        *src = wire_load_v4(ip + V4_SRC_AT);
        *dst = wire_load_v4(ip + V4_SRC_AT + 4);
    } else {
        *src = wire_load_v6(ip + V6_SRC_AT);
        *dst = wire_load_v6(ip + V6_SRC_AT + 16);
    }
}

bool lane_ip_tcp_data(const uint8_t *ip, size_t len)
{
    struct lane_ip_transport transport;
    if (!lane_ip_transport(ip, len, &transport) || transport.proto != WIRE_PROTO_TCP ||
        transport.len < WIRE_TCP_HEADER)
        return false;
    return transport.len > (size_t)(transport.at[12] >> 4) * 4;
}

/* RFC 1624 3, equation 3: HC' = ~(~HC + ~m + m'). */
static void checksum_update(uint8_t *field, uint16_t was, uint16_t is)
{
    uint32_t sum = (uint16_t)~load_be16(field) + (uint32_t)(uint16_t)~was + is;
    store_be16(field, (uint16_t)~wire_fold(sum));
}

bool lane_ip_mark(uint8_t *ip, size_t len)
{
    struct wire_ipv4 v4;
    struct wire_ipv6 v6;
    if (wire_ipv4_parse(ip, len, &v4) == WIRE_IP_OK) {
        if ((v4.tos & ECN_MASK) == 0)
            return false;
        uint16_t was = load_be16(ip);
        ip[V4_TOS_AT] |= ECN_MASK;
        checksum_update(ip + WIRE_IPV4_CHECKSUM_OFFSET, was, load_be16(ip));
        return true;
    }
    if (wire_ipv6_parse(ip, len, &v6) != WIRE_IP_OK || (v6.tclass & ECN_MASK) == 0)
        return false;
    ip[1] |= ECN_MASK << 4; /* behind the version stand eight bits of traffic class */
    return true;
}

/* Errors are never answered with an error (RFC 1122 3.2.2, RFC 4443 2.4 e). A first fragment of
 * IPv6 is not answered either: no sender of ours makes one. */
static bool may_answer(const uint8_t *ip, size_t len)
{
    struct lane_ip_transport transport;
    struct wire_icmp icmp;
    if (!lane_ip_transport(ip, len, &transport))
        return false;
    if (transport.proto != WIRE_PROTO_ICMP && transport.proto != WIRE_PROTO_ICMPV6)
        return true;
    return wire_icmp_parse(transport.at, transport.len, transport.proto == WIRE_PROTO_ICMPV6,
                           &icmp) &&
           !wire_icmp_is_error(&icmp);
}

/* Writes ICMP header and quotation; returns their length. */
static size_t error_body(const uint8_t *ip, size_t len, bool v6, uint32_t mtu, uint8_t *to)
{
    struct wire_icmp icmp = wire_icmp_make(v6, WIRE_ICMP_TOO_BIG, 0, mtu);
    size_t max = v6 ? QUOTE_MAX6 : QUOTE_MAX4;
    size_t quoted = len < max ? len : max;
    size_t head = wire_icmp_emit(to, &icmp);
    memcpy(to + head, ip, quoted);
    return head + quoted;
}

size_t lane_ip_too_big(const uint8_t *ip, size_t len, uint32_t mtu, uint8_t *to)
{
    struct wire_ipv4 v4;
    struct wire_ipv6 v6;
    if (!may_answer(ip, len))
        return 0;
    if (wire_ipv4_parse(ip, len, &v4) == WIRE_IP_OK) {
        if (!v4.dont_fragment || v4.dst.b[12] >= V4_GROUPS)
            return 0;
        uint8_t *icmp = to + WIRE_IPV4_HEADER;
        size_t body = error_body(ip, v4.total_len, false, mtu, icmp);
        uint16_t sum = wire_fold(wire_sum(icmp, body, 0));
        wire_checksum_store(icmp + WIRE_ICMP_CHECKSUM_OFFSET, (uint16_t)~sum);
        struct wire_ipv4 head = {.src = v4.dst,
                                 .dst = v4.src,
                                 .total_len = (uint16_t)(WIRE_IPV4_HEADER + body),
                                 .ttl = ERROR_TTL,
                                 .proto = WIRE_PROTO_ICMP};
        return wire_ipv4_emit(to, &head) + body;
    }
    if (wire_ipv6_parse(ip, len, &v6) != WIRE_IP_OK || v6.dst.b[0] == V6_GROUPS)
        return 0;
    uint8_t *icmp = to + WIRE_IPV6_HEADER;
    size_t body = error_body(ip, WIRE_IPV6_HEADER + (size_t)v6.payload_len, true, mtu, icmp);
    uint32_t pseudo = wire_sum_pseudo(&v6.dst, &v6.src, WIRE_PROTO_ICMPV6, (uint32_t)body);
    wire_checksum_store(icmp + WIRE_ICMP_CHECKSUM_OFFSET,
                        (uint16_t)~wire_fold(wire_sum(icmp, body, pseudo)));
    struct wire_ipv6 head = {.src = v6.dst,
                             .dst = v6.src,
                             .payload_len = (uint16_t)body,
                             .next = WIRE_PROTO_ICMPV6,
                             .hop_limit = ERROR_TTL};
    return wire_ipv6_emit(to, &head) + body;
}
