/* The sequence chart: a packet's bytes as the numbers that are drawn. */
#include <string.h>

#include <lastack/chart.h>

#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static void read_tcp(struct la_chart_header *h, const uint8_t *p, size_t len)
{
    struct wire_tcp t;

    if (!wire_tcp_parse(p, len, &t))
        return;
    h->src_port = t.src_port;
    h->dst_port = t.dst_port;
    h->seq = t.seq;
    h->ack = (t.flags & LA_TH_ACK) != 0 ? t.ack : 0;
    h->wnd = t.wnd;
    h->flags = t.flags;
    h->len = (uint32_t)(len - t.hdr_len);
    if ((t.options & WIRE_TCP_MSS) != 0) {
        h->options |= LA_CHART_OPT_MSS;
        h->mss = t.mss;
    }
    if ((t.options & WIRE_TCP_WSCALE) != 0) {
        h->options |= LA_CHART_OPT_WSCALE;
        h->wscale = t.wscale;
    }
    if ((t.options & WIRE_TCP_TS) != 0) {
        h->options |= LA_CHART_OPT_TS;
        h->tsval = t.tsval;
        h->tsecr = t.tsecr;
    }
    if ((t.options & WIRE_TCP_SACK_OK) != 0)
        h->options |= LA_CHART_OPT_SACK_OK;
    for (unsigned i = 0; (t.options & WIRE_TCP_SACK) != 0 && i < t.sack_n; i++) {
        if (i == LA_CHART_SACK_MAX)
            break;
        h->options |= LA_CHART_OPT_SACK;
        h->sack[i][0] = t.sack[i].left;
        h->sack[i][1] = t.sack[i].right;
        h->sack_n = (uint8_t)(i + 1);
    }
}

static void read_other(struct la_chart_header *h, const uint8_t *p, size_t len)
{
    h->len = (uint32_t)len;
    if (h->protocol == WIRE_PROTO_UDP && len >= 8) {
        h->src_port = (uint16_t)(p[0] << 8 | p[1]);
        h->dst_port = (uint16_t)(p[2] << 8 | p[3]);
        h->len = (uint32_t)len - 8;
    } else if ((h->protocol == WIRE_PROTO_ICMP || h->protocol == WIRE_PROTO_ICMPV6) && len >= 8) {
        h->icmp_type = p[0];
        h->icmp_code = p[1];
    }
}

static void read_transport(struct la_chart_header *h, const uint8_t *p, size_t len)
{
    if (h->protocol == WIRE_PROTO_TCP)
        read_tcp(h, p, len);
    else
        read_other(h, p, len);
}

static bool read_v4(struct la_chart_header *h, const uint8_t *p, size_t len)
{
    struct wire_ipv4 ip;

    if (wire_ipv4_parse(p, len, &ip) != WIRE_IP_OK)
        return false;
    h->src = ip.src;
    h->dst = ip.dst;
    h->protocol = ip.proto;
    h->ecn = ip.tos & 3;
    if (!wire_ipv4_is_fragment(&ip))
        read_transport(h, p + ip.hdr_len, (size_t)ip.total_len - ip.hdr_len);
    return true;
}

static bool read_v6(struct la_chart_header *h, const uint8_t *p, size_t len)
{
    struct wire_ipv6 ip;

    if (wire_ipv6_parse(p, len, &ip) != WIRE_IP_OK)
        return false;
    h->src = ip.src;
    h->dst = ip.dst;
    h->protocol = ip.next;
    h->ecn = ip.tclass & 3;
    read_transport(h, p + WIRE_IPV6_HEADER, ip.payload_len);
    return true;
}

bool la_chart_header_read(struct la_chart_header *h, const uint8_t *ip, size_t len)
{
    memset(h, 0, sizeof(*h));
    switch (wire_ip_version(ip, len)) {
    case 4:
        return read_v4(h, ip, len);
    case 6:
        return read_v6(h, ip, len);
    default:
        return false;
    }
}
