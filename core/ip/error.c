/* The ICMP errors that we send: when, and what stands in them.
 *
 * Never about an ICMP error, never to or about a group or broadcast, never to an address that is
 * not one host's (RFC 1122 3.2.2, RFC 4443 2.4 e), and no faster than the limit (RFC 1812 4.3.2.8,
 * RFC 4443 2.4 f). Fragments behind the first never get here: what is reported is a whole packet or
 * a first fragment. */
#include "base/mem.h"
#include "ip/icmp.h"
#include "wire/ip.h"

/* The whole error stays within what every host takes (RFC 1812 4.3.2.3, RFC 4443 2.4 c). */
#define ERROR_MAX_V4 576
#define ERROR_MAX_V6 1280

#define ERROR_TTL 64 /* RFC 1122 3.2.1.7: the configured default */

static bool is_icmp_error(const struct ip_packet *p, bool v4)
{
    struct wire_icmp icmp;
    if (p->proto != (v4 ? WIRE_PROTO_ICMP : WIRE_PROTO_ICMPV6)) {
        return false;
    }
    /* what cannot be read may have been one */
    return !wire_icmp_parse(p->data, p->len, !v4, &icmp) || wire_icmp_is_error(&icmp);
}

static bool may_report(const struct ip *ip, const struct ip_packet *p, bool multicast_too)
{
    return (p->to_unicast || multicast_too) && ip_is_unicast(ip, &p->src) &&
           !ip_routes_local(&ip->routes, &p->src) && !is_icmp_error(p, ip_packet_is_v4(p));
}

/* Header of the error, then as much of the packet as there is room for. */
static struct la_buf *quote(struct ip *ip, const struct ip_packet *p, const struct wire_icmp *icmp)
{
    bool v4 = ip_packet_is_v4(p);
    uint32_t max = v4 ? ERROR_MAX_V4 - WIRE_IPV4_HEADER : ERROR_MAX_V6 - WIRE_IPV6_HEADER;
    uint32_t quoted = p->header_len + p->len;
    if (quoted > max - WIRE_ICMP_HEADER) {
        quoted = max - WIRE_ICMP_HEADER;
    }
    struct la_buf *buf = buf_get(ip->pool, IP_OUT_ROOM + WIRE_ICMP_HEADER + quoted);
    if (buf) {
        buf->data = buf->mem + IP_OUT_ROOM;
        buf->len = WIRE_ICMP_HEADER + quoted;
        wire_icmp_emit(buf->data, icmp);
        mem_copy(buf->data + WIRE_ICMP_HEADER, p->header, quoted);
    }
    return buf;
}

enum la_reason ip_icmp_error(struct ip *ip, const struct ip_packet *p,
                             const struct ip_problem *problem, uint64_t now_ns)
{
    bool v4 = ip_packet_is_v4(p);
    struct ip_path path;
    if (!may_report(ip, p, problem->multicast_too)) {
        return LA_NONE;
    }
    if (!ip_limit_take(&ip->errors, ip->prng, now_ns)) {
        return LA_DROP_ICMP_RATE;
    }
    /* RFC 4443 2.2: from the address the packet was sent to, when it is one of ours */
    const struct la_addr *from = ip_routes_local(&ip->routes, &p->dst) ? &p->dst : NULL;
    if (ip_route(ip, &p->src, 0, from, now_ns, &path) < 0) {
        return LA_NONE;
    }
    struct la_buf *buf = quote(ip, p, &problem->icmp);
    if (!buf) {
        return LA_DROP_NO_MEMORY;
    }
    struct ip_out_info info = {.path = &path,
                               .dst = &p->src,
                               .proto = v4 ? WIRE_PROTO_ICMP : WIRE_PROTO_ICMPV6,
                               .ttl = ERROR_TTL,
                               .reason = problem->reason};
    ip_out_init(ip, buf, &info);
    uint32_t sum = v4 ? 0 : ip_template_pseudo(&ip_out_of(buf)->template, buf->len);
    sum = ip->kernel->sum(buf->data, buf->len, sum);
    wire_checksum_store(buf->data + WIRE_ICMP_CHECKSUM_OFFSET, (uint16_t)~wire_fold(sum));
    return ip_out_push(ip, buf) ? (enum la_reason)problem->reason : LA_DROP_ICMP_RATE;
}

enum la_reason ip_reply_port_unreachable(struct ip *ip, const struct ip_packet *packet,
                                         uint64_t now_ns)
{
    bool v4 = ip_packet_is_v4(packet);
    uint8_t code = v4 ? WIRE_ICMP4_PORT : WIRE_ICMP6_PORT;
    struct ip_problem problem = {.icmp = wire_icmp_make(!v4, WIRE_ICMP_UNREACHABLE, code, 0),
                                 .reason = LA_ICMP_PORT_UNREACHABLE};
    return ip_icmp_error(ip, packet, &problem, now_ns);
}
