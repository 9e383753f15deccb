/* IPv4 packets that need a closer look (RFC 791, RFC 1122 3.2.1): options, fragments, groups, and
 * everything that is wrong. */
#include "base/bytes.h"
#include "ip/input.h"

static enum la_reason verdict_reason(enum wire_ip_verdict verdict)
{
    switch (verdict) {
    case WIRE_IP_TRUNCATED:
        return LA_DROP_TRUNCATED;
    case WIRE_IP_VERSION:
        return LA_DROP_IP_VERSION;
    case WIRE_IP_CHECKSUM:
        return LA_DROP_IP_CHECKSUM;
    case WIRE_IP_OK:
    case WIRE_IP_HEADER:
    case WIRE_IP_MAPPED:
        break;
    }
    return LA_DROP_IP_HEADER;
}

/* RFC 1122 3.2.1.3: whom a packet may come from and go to. */
static enum la_reason check_addresses(struct arrival *a, const struct wire_ipv4 *h)
{
    const struct ip_routes *r = &a->ip->routes;
    enum ip_target target = ip_routes_target(r, a->out->link, &h->dst);
    if (target == IP_TARGET_NONE) {
        return LA_DROP_NOT_OURS;
    }
    if (target == IP_TARGET_OURS && a->group && !a->whole) {
        return LA_DROP_NOT_OUR_MAC; /* RFC 1122 3.3.6: a broadcast frame to one address */
    }
    if (!ip_is_host_v4(load_be32(h->src.b + 12)) || ip_routes_broadcast(r, &h->src)) {
        return LA_DROP_IP_SOURCE;
    }
    if (ip_routes_local(r, &h->src)) {
        return la_addr_equal(&h->src, &h->dst) ? LA_DROP_LAND : LA_DROP_IP_SOURCE;
    }
    a->out->to_unicast = target == IP_TARGET_OURS && !a->group;
    return LA_NONE;
}

static enum ip_verdict options_bad(struct arrival *a, const struct wire_ipv4 *h)
{
    if (h->options & (WIRE_IPV4_LSRR | WIRE_IPV4_SSRR)) {
        return arrival_done(a, LA_DROP_IP_SOURCE_ROUTE); /* RFC 7126 4.3, 4.4 */
    }
    if (h->frag_offset == 0) { /* RFC 1122 3.2.2.5 */
        struct ip_problem problem = {
            .icmp = wire_icmp_make(false, WIRE_ICMP_PARAMETER_PROBLEM, 0,
                                   wire_icmp_pointer_word(false, h->problem_at)),
            .reason = LA_ICMP_PARAMETER_PROBLEM};
        ip_icmp_error(a->ip, a->out, &problem, a->now_ns);
    }
    return arrival_done(a, LA_DROP_IP_OPTION);
}

/* RFC 1858 3, RFC 3128 2: fragments cut so that the ports or flags of TCP hide from filters. */
static bool tiny(const struct wire_ipv4 *h, uint32_t len)
{
    return h->proto == WIRE_PROTO_TCP && ((h->frag_offset == 0 && len < 20) || h->frag_offset == 8);
}

static enum ip_verdict fragment(struct arrival *a, const struct wire_ipv4 *h)
{
    struct ip_packet *out = a->out;
    if (tiny(h, out->len)) {
        return arrival_done(a, LA_DROP_FRAGMENT);
    }
    struct ip_fragment f = {.src = h->src,
                            .dst = h->dst,
                            .id = h->id,
                            .offset = h->frag_offset,
                            .len = out->len,
                            .buf = out->buf,
                            .header = out->header,
                            .data = out->data,
                            .header_len = h->hdr_len,
                            .next = h->proto,
                            .link = out->link,
                            .more = h->more_fragments,
                            .to_unicast = out->to_unicast};
    return ip_input_fragment(a, &f);
}

enum ip_verdict ip_input_v4(struct arrival *a, uint8_t *p, size_t len)
{
    struct ip_packet *out = a->out;
    struct wire_ipv4 h;
    enum wire_ip_verdict verdict = wire_ipv4_parse(p, len, &h);
    if (verdict != WIRE_IP_OK) {
        return arrival_done(a, verdict_reason(verdict));
    }
    enum la_reason reason = check_addresses(a, &h);
    if (reason != LA_NONE) {
        return arrival_done(a, reason);
    }
    out->src = h.src;
    out->dst = h.dst;
    out->header_len = h.hdr_len;
    out->data = p + h.hdr_len;
    out->len = (uint32_t)h.total_len - h.hdr_len;
    out->proto = h.proto;
    out->tos = h.tos;
    out->ttl = h.ttl;
    /* RFC 9293 MUST-50, RFC 1122 3.2.1.8: what is not understood is ignored. */
    if (h.options & (WIRE_IPV4_LSRR | WIRE_IPV4_SSRR | WIRE_IPV4_MALFORMED)) {
        return options_bad(a, &h);
    }
    if (wire_ipv4_is_fragment(&h)) {
        return fragment(a, &h);
    }
    out->pseudo = ip_sum_pseudo_at(p + 12, 8, h.proto, out->len);
    return ip_deliver(a);
}
