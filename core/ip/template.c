/* Header templates, see template.h. The sums follow RFC 1071: in memory order, so that a field is
 * added as it lies in the header. */
#include "ip/template.h"

#include "base/scope.h"
#include "wire/ip.h"

#define TOTAL_AT 2 /* IPv4: total length, identification, flags */
#define ID_AT    4
#define FLAGS_AT 6

#define PAYLOAD_AT 4 /* IPv6: payload length */

static void make_link_header(struct ip_template *t, const struct la_link_info *link,
                             const struct ip_path *path, bool v4)
{
    struct wire_eth eth = {.type = v4 ? WIRE_ETHERTYPE_IPV4 : WIRE_ETHERTYPE_IPV6};
    mem_copy(eth.src, link->mac, WIRE_MAC_LEN);
    if (path->cast == IP_BROADCAST) {
        __builtin_memset(eth.dst, 0xff, WIRE_MAC_LEN);
    } else if (path->cast == IP_MULTICAST) {
        wire_mac_of_group(eth.dst, &path->next_hop);
    }
    t->ip_at = (uint8_t)wire_eth_emit(t->bytes, &eth);
}

static void sum_ipv4(struct ip_template *t)
{
    uint8_t *p = t->bytes + t->ip_at;
    wire_checksum_store(p + WIRE_IPV4_CHECKSUM_OFFSET, 0);
    t->sum = wire_sum(p, WIRE_IPV4_HEADER, 0);
}

void ip_template_make(struct ip_template *t, const struct ip_routes *routes,
                      const struct ip_path *path, const struct la_addr *dst, uint8_t proto,
                      uint8_t tos, uint8_t ttl)
{
    const struct la_link_info *link = &routes->links[path->link];
    struct la_addr from = path->src, to = *dst;
    bool v4 = la_addr_is_v4(&to);

    addr_scope_leave(&from);
    addr_scope_leave(&to);
    mem_zero(t, sizeof(*t));
    if (link->type == LA_LINK_ETHERNET) {
        make_link_header(t, link, path, v4);
    }
    uint8_t *p = t->bytes + t->ip_at;
    if (v4) {
        struct wire_ipv4 h = {
            .src = from, .dst = to, .dont_fragment = true, .tos = tos, .ttl = ttl, .proto = proto};
        t->len = (uint8_t)(t->ip_at + wire_ipv4_emit(p, &h));
        sum_ipv4(t);
    } else {
        struct wire_ipv6 h = {
            .src = from, .dst = to, .tclass = tos, .next = proto, .hop_limit = ttl};
        t->len = (uint8_t)(t->ip_at + wire_ipv6_emit(p, &h));
    }
    t->pseudo = wire_sum_pseudo(&from, &to, proto, 0);
}

void ip_template_set_tos(struct ip_template *t, uint8_t tos)
{
    uint8_t *p = t->bytes + t->ip_at;
    if (ip_template_is_v4(t)) {
        p[1] = tos;
        sum_ipv4(t);
    } else {
        p[0] = (uint8_t)(6 << 4 | tos >> 4);
        p[1] = (uint8_t)((p[1] & 0x0f) | tos << 4);
    }
}

void ip_template_clear_df(struct ip_template *t)
{
    if (ip_template_is_v4(t)) {
        store_be16(t->bytes + t->ip_at + FLAGS_AT, 0);
        sum_ipv4(t);
    }
}

size_t ip_template_write(const struct ip_template *t, uint8_t *p, uint32_t transport_len,
                         uint16_t id)
{
    mem_copy(p, t->bytes, IP_TEMPLATE_MAX); /* of known length: a few wide moves */
    uint8_t *h = p + t->ip_at;
    if (!ip_template_is_v4(t)) {
        store_be16(h + PAYLOAD_AT, (uint16_t)transport_len);
        return t->len;
    }
    uint32_t total = WIRE_IPV4_HEADER + transport_len;
    uint32_t sum = wire_sum_add(t->sum, ip_sum_field(total) + ip_sum_field(id));
    store_be16(h + TOTAL_AT, (uint16_t)total);
    store_be16(h + ID_AT, id);
    wire_checksum_store(h + WIRE_IPV4_CHECKSUM_OFFSET, (uint16_t)~wire_fold(sum));
    return t->len;
}

void ip_template_put_ecn(const struct ip_template *t, uint8_t *p, uint8_t field)
{
    uint8_t *h = p + t->ip_at;
    if (!ip_template_is_v4(t)) {
        h[1] = (uint8_t)((h[1] & ~0x30) | (field & 3) << 4);
        return;
    }
    uint16_t sum;
    uint8_t tos = (uint8_t)((h[1] & ~3) | (field & 3));
    mem_copy(&sum, h + WIRE_IPV4_CHECKSUM_OFFSET, sizeof(sum));
    /* HC' = ~(~HC + ~m + m'); the rest of the 16-bit word stays and adds up to nothing. */
    uint32_t change = (uint16_t)~ip_sum_field(h[1]) + ip_sum_field(tos);
    h[1] = tos;
    wire_checksum_store(h + WIRE_IPV4_CHECKSUM_OFFSET,
                        (uint16_t)~wire_fold(wire_sum_add((uint16_t)~sum, change)));
}
