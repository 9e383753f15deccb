/* The Neighbour Discovery front (RFC 4861 7.2) of the reachability machine.
 *
 * Validity was checked by wire_nd_parse(); here is what a valid solicitation or advertisement does
 * to the table and what is answered. Addresses carry their scope inside; what is written has it
 * taken out. */
#include "base/mem.h"
#include "base/scope.h"
#include "neigh/table.h"
#include "wire/checksum.h"
#include "wire/ip.h"

static void write_nd(struct neigh_frame *frame, const uint8_t *from_mac, const uint8_t *to_mac,
                     struct la_addr src, struct la_addr dst, struct wire_nd *nd,
                     enum la_reason reason)
{
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_IPV6};
    addr_scope_leave(&src);
    addr_scope_leave(&dst);
    addr_scope_leave(&nd->target);
    if (to_mac) {
        mem_copy(eth.dst, to_mac, WIRE_MAC_LEN);
    } else {
        wire_mac_of_group(eth.dst, &dst);
    }
    mem_copy(eth.src, from_mac, WIRE_MAC_LEN);
    nd->has_mac = true;
    mem_copy(nd->mac, from_mac, WIRE_MAC_LEN);

    uint16_t len = (uint16_t)wire_nd_size(nd);
    struct wire_ipv6 ip = {.src = src,
                           .dst = dst,
                           .payload_len = len,
                           .next = WIRE_PROTO_ICMPV6,
                           .hop_limit = WIRE_ND_HOP_LIMIT};
    size_t at = wire_eth_emit(frame->bytes, &eth);
    at += wire_ipv6_emit(frame->bytes + at, &ip);
    uint8_t *message = frame->bytes + at;
    wire_nd_emit(message, nd);
    uint32_t sum = wire_sum_pseudo(&src, &dst, WIRE_PROTO_ICMPV6, len);
    /* the checksum stands behind type and code in every ICMPv6 message */
    wire_checksum_store(message + 2, (uint16_t)~wire_fold(wire_sum(message, len, sum)));
    frame->len = (uint16_t)(at + len);
    frame->reason = (uint16_t)reason;
}

void neigh_nd_solicit(const struct neigh *n, const struct neigh_entry *e, struct neigh_frame *frame)
{
    struct wire_nd nd = {.type = WIRE_ND_NEIGHBOUR_SOLICIT, .target = e->addr};
    bool unicast = e->state == NEIGH_PROBE;
    struct la_addr dst = unicast ? e->addr : wire_nd_solicited_node(&e->addr);
    write_nd(frame, n->links[e->link].mac, unicast ? e->mac : NULL, e->src, dst, &nd,
             LA_ND_SOLICIT);
}

/* RFC 4861 7.2.4: unicast to who asked, to all nodes when it has no address yet. */
static void answer_solicit(const struct neigh *n, const struct neigh_entry *e,
                           const struct wire_ipv6 *ip, const struct wire_nd *nd, uint8_t link,
                           struct neigh_frame *answer)
{
    bool nameless = la_addr_is_unspecified(&ip->src);
    const uint8_t *to_mac = e ? e->mac : NULL;
    if (!nameless && !to_mac) {
        return; /* it did not say where it is, and nobody knows: it will ask by multicast */
    }
    struct wire_nd advert = {.type = WIRE_ND_NEIGHBOUR_ADVERT,
                             .solicited = !nameless,
                             .override = true,
                             .target = nd->target};
    write_nd(answer, n->links[link].mac, nameless ? NULL : to_mac, nd->target,
             nameless ? wire_nd_all_nodes() : ip->src, &advert, LA_ND_ADVERT);
}

static enum la_reason solicit_input(struct neigh *n, uint8_t link, const struct wire_ipv6 *ip,
                                    const struct wire_nd *nd, bool ours, uint64_t now_ns,
                                    struct neigh_frame *answer)
{
    struct neigh_entry *e = NULL;
    uint16_t hint = 0;
    if (!ours) {
        return LA_DROP_NEIGHBOUR; /* RFC 4861 7.2.3 */
    }
    if (!la_addr_is_unspecified(&ip->src)) {
        e = neigh_find(n, link, &ip->src, &hint, now_ns);
        if (!e && nd->has_mac) {
            e = neigh_make(n, link, &ip->src);
        }
        if (e && nd->has_mac) {
            struct neigh_news news = {.mac = nd->mac, .override = true};
            neigh_learn(n, e, &news, now_ns);
        }
        if (e && (e->state == NEIGH_INCOMPLETE || e->state == NEIGH_FAILED)) {
            e = NULL;
        }
    }
    answer_solicit(n, e, ip, nd, link, answer);
    return LA_TAKE_NEIGHBOUR;
}

enum la_reason neigh_nd_input(struct neigh *n, uint8_t link, const struct wire_ipv6 *ip,
                              const struct wire_nd *nd, bool ours, uint64_t now_ns,
                              struct neigh_frame *answer)
{
    uint16_t hint = 0;
    answer->len = 0;
    if (!n->links[link].up) {
        return LA_DROP_NEIGHBOUR;
    }
    if (nd->type == WIRE_ND_NEIGHBOUR_SOLICIT) {
        return solicit_input(n, link, ip, nd, ours, now_ns, answer);
    }
    struct neigh_entry *e = neigh_find(n, link, &nd->target, &hint, now_ns);
    if (!e || ours) { /* RFC 4861 7.2.5: adverts make no entries */
        return LA_DROP_NEIGHBOUR;
    }
    struct neigh_news news = {
        .mac = nd->has_mac ? nd->mac : NULL, .solicited = nd->solicited, .override = nd->override};
    neigh_learn(n, e, &news, now_ns);
    e->router = nd->router;
    return LA_TAKE_NEIGHBOUR;
}
