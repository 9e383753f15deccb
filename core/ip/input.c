/* A frame comes in: link header, the short way for what comes most, delivery.
 *
 * The short way takes an IPv4 packet without options or fragmentation, or an IPv6 packet of TCP or
 * UDP right behind the fixed header, from a global unicast address to one of ours. It only decides
 * that nothing is special; whatever is goes to input_v4.c and input_v6.c, which would come to the
 * same result. */
#include "ip/input.h"

#include "base/bytes.h"
#include "wire/eth.h"
#include "wire/ip.h"

/* ---- the short way -------------------------------------------------------------------------- */

static bool header_sum_ok(const uint8_t *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < WIRE_IPV4_HEADER; i += 4) {
        uint32_t word;
        mem_copy(&word, p + i, sizeof(word));
        sum += word;
    }
    sum = (sum & UINT32_MAX) + (sum >> 32);
    return wire_fold((uint32_t)(sum + (sum >> 32))) == 0xffff;
}

/* Is the destination ours, and the source neither ours nor a broadcast address? */
static bool addresses_plain_v4(const struct ip_routes *r, uint32_t src, uint32_t dst)
{
    bool ours = false;
    for (uint32_t i = 0; i < r->addr_count; i++) {
        const struct ip_local *l = &r->addrs[i];
        ours = ours || l->v4 == dst;
        if (src == l->v4 || src == l->broadcast || src == l->subnet) {
            return false;
        }
    }
    return ours && dst != 0 && ip_is_host_v4(src);
}

static bool plain_v4(struct arrival *a, uint8_t *p, size_t len)
{
    struct ip_packet *out = a->out;
    if (len < WIRE_IPV4_HEADER || p[0] != 0x45 || (load_be16(p + 6) & 0xbfff) != 0) {
        return false;
    }
    uint32_t total = load_be16(p + 2);
    if (total < WIRE_IPV4_HEADER || total > len || !header_sum_ok(p) ||
        !addresses_plain_v4(&a->ip->routes, load_be32(p + 12), load_be32(p + 16))) {
        return false;
    }
    out->src = wire_load_v4(p + 12);
    out->dst = wire_load_v4(p + 16);
    out->header_len = WIRE_IPV4_HEADER;
    out->len = total - WIRE_IPV4_HEADER;
    out->proto = p[9];
    out->tos = p[1];
    out->ttl = p[8];
    out->pseudo = ip_sum_pseudo_at(p + 12, 8, out->proto, out->len);
    return true;
}

/* First bytes of addresses that need a closer look: ::/8 (mapped, unspecified, loopback),
 * link-local and groups. */
static bool plain_v6_addr(const uint8_t *addr)
{
    return addr[0] != 0 && addr[0] < 0xfe;
}

static bool plain_v6(struct arrival *a, uint8_t *p, size_t len)
{
    struct ip_packet *out = a->out;
    if (len < WIRE_IPV6_HEADER || p[0] >> 4 != 6 ||
        (p[6] != WIRE_PROTO_TCP && p[6] != WIRE_PROTO_UDP) || !plain_v6_addr(p + 8) ||
        !plain_v6_addr(p + 24) || load_be16(p + 4) > len - WIRE_IPV6_HEADER) {
        return false;
    }
    out->src = wire_load_v6(p + 8);
    out->dst = wire_load_v6(p + 24);
    if (!ip_routes_local(&a->ip->routes, &out->dst) || ip_routes_local(&a->ip->routes, &out->src)) {
        return false;
    }
    out->header_len = WIRE_IPV6_HEADER;
    out->len = load_be16(p + 4);
    out->proto = p[6];
    out->tos = (uint8_t)(load_be16(p) >> 4);
    out->ttl = p[7];
    out->pseudo = ip_sum_pseudo_at(p + 8, 32, out->proto, out->len);
    return true;
}

/* ---- delivery ------------------------------------------------------------------------------- */

/* RFC 1122 3.2.2.1 and RFC 8200 4: nobody here speaks it. */
static enum ip_verdict unknown_protocol(struct arrival *a)
{
    const struct ip_packet *p = a->out;
    struct ip_problem problem = {.reason = LA_ICMP_PROTOCOL_UNREACHABLE};
    if (ip_packet_is_v4(p)) {
        problem.icmp = wire_icmp_make(false, WIRE_ICMP_UNREACHABLE, WIRE_ICMP4_PROTOCOL, 0);
    } else if (p->proto == WIRE_PROTO_NONE) { /* RFC 8200 4.7: nothing follows, nothing is wrong */
        return arrival_done(a, LA_DROP_IP_PROTOCOL);
    } else {
        problem.icmp = wire_icmp_make(true, WIRE_ICMP_PARAMETER_PROBLEM, WIRE_IPV6_PROBLEM_NEXT,
                                      wire_icmp_pointer_word(true, a->next_at));
    }
    ip_icmp_error(a->ip, p, &problem, a->now_ns);
    return arrival_done(a, LA_DROP_IP_PROTOCOL);
}

enum ip_verdict ip_deliver(struct arrival *a)
{
    struct ip_packet *out = a->out;
    switch (out->proto) {
    case WIRE_PROTO_TCP:
        return IP_TCP;
    case WIRE_PROTO_UDP:
        return IP_UDP;
    case WIRE_PROTO_ICMP:
    case WIRE_PROTO_ICMPV6:
        if ((out->proto == WIRE_PROTO_ICMP) == ip_packet_is_v4(out)) {
            return ip_icmp_input(a->ip, a->frame, out, a->now_ns);
        }
        break;
    default:
        break;
    }
    return unknown_protocol(a);
}

static enum ip_verdict packet_input(struct arrival *a, uint8_t *p, size_t len)
{
    struct ip_packet *out = a->out;
    out->header = p;
    if (!a->group && (plain_v4(a, p, len) || plain_v6(a, p, len))) {
        out->data = p + out->header_len;
        out->to_unicast = true;
        return ip_deliver(a);
    }
    switch (wire_ip_version(p, len)) {
    case 4:
        return ip_input_v4(a, p, len);
    case 6:
        return ip_input_v6(a, p, len);
    default:
        return arrival_done(a, len ? LA_DROP_IP_VERSION : LA_DROP_TRUNCATED);
    }
}

/* ---- fragments ------------------------------------------------------------------------------ */

enum ip_verdict ip_input_fragment(struct arrival *a, const struct ip_fragment *f)
{
    struct ip_packet *out = a->out;
    struct ip_whole whole;
    out->buf = NULL;
    enum la_reason reason = ip_reass_input(&a->ip->reass, f, a->now_ns, &whole);
    if (!whole.buf) {
        return arrival_done(a, reason);
    }
    out->buf = whole.buf;
    out->csum = LA_CSUM_FULL;
    out->reassembled = true;
    a->group = !whole.to_unicast;
    a->whole = true;
    return packet_input(a, whole.buf->data, whole.buf->len);
}

/* ---- link ----------------------------------------------------------------------------------- */

static enum ip_verdict arp_input(struct arrival *a, const uint8_t *p, size_t len)
{
    struct ip *ip = a->ip;
    struct wire_arp arp;
    struct neigh_frame answer;
    uint8_t link = a->out->link;
    if (!wire_arp_parse(p, len, &arp)) {
        return arrival_done(a, LA_DROP_NEIGHBOUR);
    }
    /* RFC 5227 2.4: somebody else uses our address; defending it is for later */
    if (ip_routes_local(&ip->routes, &arp.sender) ||
        ip_routes_broadcast(&ip->routes, &arp.sender)) {
        return arrival_done(a, LA_DROP_NEIGHBOUR);
    }
    const struct ip_local *local = ip_routes_local(&ip->routes, &arp.target);
    bool ours = local && local->link == link;
    enum la_reason reason = neigh_arp_input(&ip->neigh, link, &arp, ours, a->now_ns, &answer);
    ip_answer_neighbour(ip, link, &answer);
    return arrival_done(a, reason);
}

static enum ip_verdict ethernet_input(struct arrival *a, uint8_t *p, size_t len)
{
    struct wire_eth eth;
    const struct la_link_info *link = ip_link(a->ip, a->out->link);
    if (!wire_eth_parse(p, len, &eth)) {
        return arrival_done(a, LA_DROP_TRUNCATED);
    }
    a->group = wire_mac_is_group(eth.dst);
    if (!a->group && !mem_equal(eth.dst, link->mac, WIRE_MAC_LEN)) {
        return arrival_done(a, LA_DROP_NOT_OUR_MAC);
    }
    p += WIRE_ETH_HEADER;
    len -= WIRE_ETH_HEADER;
    uint8_t version = wire_ip_version(p, len);
    switch (eth.type) {
    case WIRE_ETHERTYPE_IPV4:
    case WIRE_ETHERTYPE_IPV6:
        if (len && version != (eth.type == WIRE_ETHERTYPE_IPV4 ? 4 : 6)) {
            return arrival_done(a, LA_DROP_IP_VERSION);
        }
        return packet_input(a, p, len);
    case WIRE_ETHERTYPE_ARP:
        return arp_input(a, p, len);
    default:
        return arrival_done(a, LA_DROP_ETHERTYPE);
    }
}

enum ip_verdict ip_input(struct ip *ip, uint8_t link, struct la_frame *frame, uint64_t now_ns,
                         struct ip_packet *out)
{
    struct arrival a = {.ip = ip, .frame = frame, .out = out, .now_ns = now_ns};
    uint8_t *p = frame->frag[0].data;
    uint32_t len = frame->frag[0].len;

    out->buf = frame->frag[0].buf;
    out->link = link;
    out->csum = frame->csum;
    out->reassembled = false;
    enum ip_verdict verdict = ip_link(ip, link)->type == LA_LINK_ETHERNET
                                  ? ethernet_input(&a, p, len)
                                  : packet_input(&a, p, len);
    if (verdict == IP_DONE || verdict == IP_ICMP_ERROR) {
        if (out->buf) {
            buf_put(ip->pool, out->buf);
        }
        out->buf = NULL;
    }
    return verdict;
}
