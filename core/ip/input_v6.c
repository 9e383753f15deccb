/* IPv6 packets that need a closer look (RFC 8200): extension headers, fragments, groups, link-local
 * addresses, ICMPv6, and everything that is wrong. */
#include "base/bytes.h"
#include "ip/input.h"

/* RFC 4291 2.5.6: bytes 2 and 3 of a link-local address are zero on the wire; inside they are the
 * scope, so they must not be the sender's to choose. */
static bool scope_on_wire(const struct la_addr *a)
{
    return addr_scope_of(a) != 0;
}

/* Whom a packet may come from and go to (RFC 4291 2.5.3, 2.7; RFC 8200 3). */
static enum la_reason check_addresses(struct arrival *a, struct wire_ipv6 *h)
{
    const struct ip_routes *r = &a->ip->routes;
    uint8_t link = a->out->link;
    if (scope_on_wire(&h->dst)) {
        return LA_DROP_NOT_OURS;
    }
    addr_scope_enter(&h->dst, link);
    enum ip_target target = ip_routes_target(r, link, &h->dst);
    if (target == IP_TARGET_NONE) {
        return LA_DROP_NOT_OURS;
    }
    if (scope_on_wire(&h->src) || la_addr_is_multicast(&h->src) || la_addr_is_loopback(&h->src)) {
        return LA_DROP_IP_SOURCE;
    }
    addr_scope_enter(&h->src, link);
    if (ip_routes_local(r, &h->src)) {
        return la_addr_equal(&h->src, &h->dst) ? LA_DROP_LAND : LA_DROP_IP_SOURCE;
    }
    a->out->to_unicast = target == IP_TARGET_OURS && !a->group;
    return LA_NONE;
}

static enum la_reason verdict_reason(enum wire_ip_verdict verdict)
{
    switch (verdict) {
    case WIRE_IP_TRUNCATED:
        return LA_DROP_TRUNCATED;
    case WIRE_IP_VERSION:
        return LA_DROP_IP_VERSION;
    case WIRE_IP_MAPPED:
        return LA_DROP_IP_MAPPED;
    case WIRE_IP_OK:
    case WIRE_IP_HEADER:
    case WIRE_IP_CHECKSUM:
        break;
    }
    return LA_DROP_IP_HEADER;
}

static enum ip_verdict chain_problem(struct arrival *a, const struct wire_ipv6_ext *ext)
{
    struct ip_problem problem = {
        .icmp = wire_icmp_make(true, WIRE_ICMP_PARAMETER_PROBLEM, ext->problem_code,
                               wire_icmp_pointer_word(true, ext->problem_at)),
        .reason = LA_ICMP_PARAMETER_PROBLEM,
        .multicast_too = ext->problem_code == WIRE_IPV6_PROBLEM_OPTION && ext->problem_multicast};
    ip_icmp_error(a->ip, a->out, &problem, a->now_ns);
    if (ext->problem_code == WIRE_IPV6_PROBLEM_INCOMPLETE) {
        return arrival_done(a, LA_DROP_FRAGMENT); /* RFC 7112 5 */
    }
    return arrival_done(a, LA_DROP_IP_EXTENSION);
}

static enum ip_verdict fragment(struct arrival *a, const struct wire_ipv6_ext *ext)
{
    struct ip_packet *out = a->out;
    struct ip_fragment f = {.src = out->src,
                            .dst = out->dst,
                            .id = ext->frag.id,
                            .offset = ext->frag.offset,
                            .len = out->len,
                            .buf = out->buf,
                            .header = out->header,
                            .data = out->data,
                            .header_len = ext->frag.header_at,
                            .next_at = ext->frag.next_at,
                            .next = out->proto,
                            .link = out->link,
                            .more = ext->frag.more,
                            .to_unicast = out->to_unicast};
    return ip_input_fragment(a, &f);
}

/* The transport as the walk found it. */
static void describe(struct arrival *a, const struct wire_ipv6_ext *ext, uint8_t *p, size_t end)
{
    struct ip_packet *out = a->out;
    out->header_len = ext->transport_at;
    out->data = p + ext->transport_at;
    out->len = (uint32_t)(end - ext->transport_at);
    out->proto = ext->proto;
    a->next_at = ext->next_at;
}

enum ip_verdict ip_input_v6(struct arrival *a, uint8_t *p, size_t len)
{
    struct ip_packet *out = a->out;
    struct wire_ipv6_ext ext;
    struct wire_ipv6 h;
    enum wire_ip_verdict verdict = wire_ipv6_parse(p, len, &h);
    if (verdict != WIRE_IP_OK) {
        return arrival_done(a, verdict_reason(verdict));
    }
    enum la_reason reason = check_addresses(a, &h);
    if (reason != LA_NONE) {
        return arrival_done(a, reason);
    }
    out->src = h.src;
    out->dst = h.dst;
    out->tos = h.tclass;
    out->ttl = h.hop_limit;

    size_t end = (size_t)WIRE_IPV6_HEADER + h.payload_len;
    enum wire_ipv6_chain chain = wire_ipv6_walk(p, end, &h, &ext);
    describe(a, &ext, p, end);
    if (a->whole && ext.has_frag) {
        return arrival_done(a,
                            LA_DROP_FRAGMENT); /* a fragment header inside a datagram made whole */
    }
    switch (chain) {
    case WIRE_IPV6_DISCARD:
        return arrival_done(a, LA_DROP_IP_EXTENSION);
    case WIRE_IPV6_PROBLEM:
        return chain_problem(a, &ext);
    case WIRE_IPV6_FRAGMENT:
        return fragment(a, &ext);
    case WIRE_IPV6_WHOLE:
        break;
    }
    /* only Neighbour Discovery comes from nowhere (RFC 4291 2.5.2), which ip_icmp_input() sees to
     */
    if (la_addr_is_unspecified(&out->src) && out->proto != WIRE_PROTO_ICMPV6) {
        return arrival_done(a, LA_DROP_IP_SOURCE);
    }
    out->reassembled = out->reassembled || ext.has_frag;
    out->pseudo = ip_sum_pseudo_at(p + 8, 32, out->proto, out->len);
    return ip_deliver(a);
}
