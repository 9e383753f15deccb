/* Reading and writing ARP messages. */
#include "wire/arp.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "wire/ip.h"

/* Hardware type, protocol type and the lengths of both addresses, as they stand in the message. */
static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, WIRE_MAC_LEN, 4};

bool wire_arp_parse(const uint8_t *p, size_t len, struct wire_arp *h)
{
    if (len < WIRE_ARP_LEN || !mem_equal(p, ethernet_ipv4, sizeof(ethernet_ipv4))) {
        return false;
    }
    h->op = load_be16(p + 6);
    mem_copy(h->sender_mac, p + 8, WIRE_MAC_LEN);
    h->sender = wire_load_v4(p + 14);
    mem_copy(h->target_mac, p + 18, WIRE_MAC_LEN);
    h->target = wire_load_v4(p + 24);
    return (h->op == WIRE_ARP_REQUEST || h->op == WIRE_ARP_REPLY) &&
           !wire_mac_is_group(h->sender_mac) && !wire_mac_is_zero(h->sender_mac);
}

size_t wire_arp_emit(uint8_t *p, const struct wire_arp *h)
{
    mem_copy(p, ethernet_ipv4, sizeof(ethernet_ipv4));
    store_be16(p + 6, h->op);
    mem_copy(p + 8, h->sender_mac, WIRE_MAC_LEN);
    wire_store_v4(p + 14, &h->sender);
    mem_copy(p + 18, h->target_mac, WIRE_MAC_LEN);
    wire_store_v4(p + 24, &h->target);
    return WIRE_ARP_LEN;
}
