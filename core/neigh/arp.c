/* The ARP front (RFC 826) of the reachability machine.
 *
 * RFC 826's merge rule is kept: a known sender's new hardware address is taken from any packet, an
 * unknown sender is entered only when the packet is for us. A reply that we asked for confirms
 * reachability; anything else counts as an unsolicited advertisement with the override flag, so
 * that a neighbour that moved is found and then verified before it counts as reachable. */
#include "base/mem.h"
#include "neigh/table.h"

static const uint8_t broadcast_mac[WIRE_MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void write_arp(struct neigh_frame *frame, const uint8_t *to, const struct wire_arp *arp,
                      enum la_reason reason)
{
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_ARP};
    mem_copy(eth.dst, to, WIRE_MAC_LEN);
    mem_copy(eth.src, arp->sender_mac, WIRE_MAC_LEN);
    size_t at = wire_eth_emit(frame->bytes, &eth);
    frame->len = (uint16_t)(at + wire_arp_emit(frame->bytes + at, arp));
    frame->reason = (uint16_t)reason;
}

void neigh_arp_solicit(const struct neigh *n, const struct neigh_entry *e,
                       struct neigh_frame *frame)
{
    struct wire_arp arp = {.op = WIRE_ARP_REQUEST, .sender = e->src, .target = e->addr};
    mem_copy(arp.sender_mac, n->links[e->link].mac, WIRE_MAC_LEN);
    /* RFC 1122 2.3.2.1 (2): a known neighbour is asked alone */
    const uint8_t *to = e->state == NEIGH_PROBE ? e->mac : broadcast_mac;
    write_arp(frame, to, &arp, LA_ARP_REQUEST);
}

enum la_reason neigh_arp_input(struct neigh *n, uint8_t link, const struct wire_arp *arp, bool ours,
                               uint64_t now_ns, struct neigh_frame *answer)
{
    const struct neigh_link *l = &n->links[link];
    uint16_t hint = 0;

    answer->len = 0;
    if (!l->up || la_addr_is_multicast(&arp->sender) || la_addr_is_loopback(&arp->sender) ||
        mem_equal(arp->sender_mac, l->mac, WIRE_MAC_LEN)) {
        return LA_DROP_NEIGHBOUR;
    }
    /* RFC 5227 1.1: a probe has no sender address, nothing is to be learned from it */
    if (!la_addr_is_unspecified(&arp->sender)) {
        bool request = arp->op == WIRE_ARP_REQUEST;
        struct neigh_entry *e = neigh_find(n, link, &arp->sender, &hint, now_ns);
        if (!e && ours && request) {
            e = neigh_make(n, link, &arp->sender);
        } else if (!e && !request) {
            return LA_DROP_NEIGHBOUR; /* nobody asked */
        }
        if (e) {
            bool asked = e->state == NEIGH_INCOMPLETE || e->state == NEIGH_PROBE;
            bool to_us = mem_equal(arp->target_mac, l->mac, WIRE_MAC_LEN);
            struct neigh_news news = {.mac = arp->sender_mac,
                                      .solicited = !request && ours && to_us && asked,
                                      .override = true};
            neigh_learn(n, e, &news, now_ns);
        }
    }
    if (!ours || arp->op != WIRE_ARP_REQUEST) {
        return LA_TAKE_NEIGHBOUR;
    }
    struct wire_arp reply = {.op = WIRE_ARP_REPLY, .sender = arp->target, .target = arp->sender};
    mem_copy(reply.sender_mac, l->mac, WIRE_MAC_LEN);
    mem_copy(reply.target_mac, arp->sender_mac, WIRE_MAC_LEN);
    write_arp(answer, arp->sender_mac, &reply, LA_ARP_REPLY);
    return LA_TAKE_NEIGHBOUR;
}
